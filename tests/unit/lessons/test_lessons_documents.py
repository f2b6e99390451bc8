"""The lessons on the command line: the keys that docs/schema.md tells, and a sentence for what cannot be done."""

import json
import shlex

import numpy as np
import pytest
from lesson_people import TEXT, many
from schema import documented, told

from recsys.__main__ import main
from recsys.catalog import Catalog
from recsys.lessons import diversity
from recsys.profile import Profile
from recsys.settings import Settings
from recsys.ui.link import View, to_command
from recsys.version import publish

RECOMMENDED = {"items." + key for key in ("item_id", "title", "score", "relevance", "reasons")}


@pytest.fixture
def command(forty, write_version, tmp_path, monkeypatch, capfd):
    """`command(words) -> (exit code, document or None, stderr)` on forty people's shop."""
    monkeypatch.setenv("TASTESPACE_DATA", str(tmp_path))
    monkeypatch.delenv("QDRANT_URL", raising=False)
    monkeypatch.setattr("recsys.wishes.encode_words", lambda words, names: [{"text": TEXT[2]} for _ in words])
    settings = Settings.from_env()
    catalog: Catalog = forty.catalog
    publish(settings, "forty", write_version(settings.catalogs / "forty" / "draft", catalog, {"text": TEXT}), "one")

    def call(*words: str):
        capfd.readouterr()
        code = main([*words, "--catalog", "forty", "--json"])
        out, err = capfd.readouterr()
        return code, json.loads(out) if out else None, err

    return call


def test_story(command):
    code, document, _ = command("cold-start", "story", "--answer", "gender:F", "--answer", "like:cat", "--k", "3")
    items = {path for path in told(document) if path.startswith("frames.items.")}
    assert code == 0 and told(document) - items == documented("cold-start story")
    assert {f"frames.{key}" for key in RECOMMENDED} <= items
    assert [len(frame["items"]) for frame in document["frames"]] == [3, 3, 3]


def test_a_real_users_story(command):
    code, document, _ = command("cold-start", "story", "--user", "u003")
    assert code == 0 and document["frames"][1]["answer"].startswith("age:")


def test_item(command):
    code, document, _ = command("cold-start", "item", "--title", "A cat")
    assert code == 0 and told(document) == documented("cold-start item")
    assert document["items"][0]["item_id"] == "cat"


def test_onboarding(command):
    # Six items are too few to show twenty of: the sentence says so.
    code, document, err = command("cold-start", "onboarding")
    assert (code, document) == (2, None) and err.count("\n") == 1


def test_population(command):
    code, document, _ = command("cold-start", "population")
    assert code == 0 and told(document) == documented("cold-start population") and document["simulated"] is True


def test_compare_and_shop(command, monkeypatch):
    monkeypatch.setattr(diversity, "SHOP_LIKES", 3)
    code, document, _ = command("diversity", "compare", "--like", "apple", "--lam", "0.3", "--k", "3")
    assert code == 0 and told(document) == documented("diversity compare")
    assert list(document["methods"]) == ["plain", "mmr", "dpp", "cap"]
    code, document, _ = command("diversity", "shop", "--method", "mmr", "--k", "3")
    assert code == 0 and set(document["methods"]) == {"mmr"} and document["simulated"] is False
    assert told(document) == documented("diversity shop")
    assert len(document["methods"]["mmr"]) == len(diversity.SHOP_LAMS)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("cold-start", "story", "--answer", "like:ghost"), "ghost"),
        (("cold-start", "story", "--answer", "shoe:41"), "shoe:41"),
        (("cold-start", "story", "--user", "nobody"), "no user"),
        (("cold-start", "item"), "Give it a title"),
        (("diversity", "compare", "--method", "magic"), "magic"),
        (("diversity", "compare", "--lam", "7"), "Lambda lies between 0 and 1"),
        (("diversity", "compare", "--like", "ghost"), "ghost"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(command, words, sentence):
    code, document, err = command(*words)
    assert (code, document) == (2, None) and sentence in err and "Traceback" not in err


def test_bench_lessons_has_the_documented_keys():
    times = dict.fromkeys(("p50_ms", "p95_ms", "p99_ms", "max_ms", "n", "equal"), 1)
    document = {"catalogs": {"a": {"answer": times, "drag": times | {"stops": 101}}}}
    assert told(document) == documented("bench lessons")
    assert np.isfinite(many(3)[0]["rating"]).all()


@pytest.mark.parametrize(
    ("page", "view"),
    [
        ("diversity", View("forty", Profile(likes=("cat",), dislikes=("-x",)), lam=0.4, methods=("cap",), k=4)),
        (
            "diversity",
            View("forty", Profile(likes=("cat",), categories=("b",)), space="text"),
        ),
        ("cold_start", View("forty", story=("gender:F", "like:cat", "wish:a cup of tea"), off=("people",), k=3)),
        ("cold_start", View("forty", story=())),
        ("cold_start", View("forty", user="u003", lam=0.2)),
        ("cold_start", View("forty", part="item", draft=("A cat", "", "-soft"))),
        ("cold_start", View("forty", part="domain", profile=Profile(wish="--tea"))),
        ("cold_start", View("forty", part="population")),
    ],
)
def test_the_command_of_a_page_can_be_run(command, page, view):
    words = shlex.split(to_command(view, page))
    assert words[:3] == ["python", "-m", "recsys"]
    code, document, err = command(*words[3:])
    if "-x" in view.profile.dislikes:  # no such item: the sentence, and not a wrong option, says so
        assert code == 2 and "no item “-x”" in err
        return
    assert code == 0, err
    if "frames" in document:
        answers = [frame["answer"] for frame in document["frames"][1:]]
        assert view.story is None or answers == list(view.story)
    if page == "diversity":
        assert list(document["methods"]) == ["plain", *view.methods]
