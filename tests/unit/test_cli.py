"""The command line: each command's JSON against docs/schema.md, exit codes, and a sentence for what cannot be done."""

import json

import numpy as np
import pytest

from recsys.__main__ import main
from recsys.settings import Settings
from recsys.version import publish

RELEVANT = {"item_id", "title", "score", "relevance", "reasons"}
LISTED = {
    *("catalog", "version", "store", "space", "starting", "matching", "note", "degraded", "vector"),
    *("items", "trace", "total_ms"),
}
STAGES = ["user", "retrieve", "filter", "rank", "diversify"]
BUILT = {
    *("catalog", "built", "version", "items", "interactions", "users", "spaces", "default_space", "encoders"),
    *("built_at", "seconds", "bytes", "licence", "citation"),
}
S = np.sqrt(0.5)
TEXT = np.array([[1, 0, 0], [S, S, 0], [0, 1, 0], [0, S, S], [0, 0, 1], [-1, 0, 0]], dtype=np.float32)
IMAGE = np.array([[1, 0], [0, 1], [0, 1], [S, S], [0, 0], [0, 0]], dtype=np.float32)
BLEND = np.hstack([TEXT, np.vstack([IMAGE[:4], [[0, 1], [1, 0]]]).astype(np.float32)])
TEA = {"text": np.array([0, 1, 0], dtype=np.float32), "image": np.array([0, 1], dtype=np.float32)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(autouse=True)
def data(tiny_catalog, write_version, folder, monkeypatch) -> None:
    """The tiny catalog as the only built one; built once for all tests here, which only read it."""
    monkeypatch.setenv("TASTESPACE_DATA", str(folder))
    monkeypatch.delenv("QDRANT_URL", raising=False)
    settings = Settings.from_env()
    if not settings.catalogs.exists():
        spaces = {"text": TEXT, "image": IMAGE, "blend": BLEND}
        draft = settings.catalogs / "tiny" / ".building"
        publish(
            settings,
            "tiny",
            write_version(draft, tiny_catalog, spaces, default_space="blend", wishes={"tea": TEA}),
            "one",
        )


@pytest.fixture
def run(capfd):
    """`run(words) -> (exit code, stdout, stderr)`."""

    def call(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        try:
            code = main(words)
        except SystemExit as stop:
            code = stop.code
        told = capfd.readouterr()
        return code, told.out, told.err

    return call


@pytest.fixture
def document(run):
    """`document(words) -> dict`, the JSON on stdout of a command that succeeds."""

    def call(*words: str) -> dict:
        code, out, err = run(*words, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return call


def ids(document: dict) -> list[str]:
    return [item["item_id"] for item in document["items"]]


def test_recommend(document):
    told = document("recommend", "--catalog", "tiny", "--like", "apple", "--space", "text", "--lam", "0.5", "--k", "3")
    assert set(told) == LISTED
    assert {key: told[key] for key in ("catalog", "version", "store", "space", "starting", "matching", "note")} == {
        "catalog": "tiny",
        "version": "one",
        "store": "edge",
        "space": "text",
        "starting": None,
        "matching": 6,
        "note": None,
    }
    # q = apple: pear .707; cat, dog and chair 0; riddle -1. Of the zeros chair alone is unlike pear; then cat and dog
    # are equal (.5 * .707 off for pear, for chair), and cat comes first.
    assert ids(told) == ["pear", "chair", "cat"]
    assert all(set(item) == RELEVANT for item in told["items"])
    first = told["items"][0]
    assert (first["score"], first["relevance"]) == (pytest.approx(0.353553, abs=1e-6), 0.707107)
    assert first["reasons"] == [
        {"signal": "likes", "value": 0.707107, "item_id": "apple", "similarity": 0.707107},
        {"signal": "variety", "value": 0.0},
    ]
    assert [stage["stage"] for stage in told["trace"]] == STAGES
    for stage in told["trace"]:
        assert set(stage) == {"stage", "in", "out", "ms", "dropped"}
        assert stage["in"] - stage["out"] == sum(stage["dropped"].values())


def test_recommend_with_everything(document):
    words = ["--like=cat", "--dislike=riddle", "--wish=tea", "--category=food", "--blend=0.25", "--where=year>=1990"]
    told = document("recommend", "--catalog=tiny", *words, "--where", "tags!=loud")
    assert told["space"] == "blend" and told["matching"] == 4
    assert sorted(ids(told)) == ["apple", "chair", "pear"]
    signals = {reason["signal"] for item in told["items"] for reason in item["reasons"]}
    assert signals == {"likes", "dislikes", "wish", "categories", "variety"}
    for item in told["items"]:
        values = {reason["signal"]: reason["value"] for reason in item["reasons"]}
        assert sum(values.values()) - values["variety"] == pytest.approx(item["relevance"], abs=4e-6)
    assert told["note"].startswith("The conditions leave only 3.")


def test_a_starting_list(document):
    told = document("recommend", "--catalog", "tiny")
    assert told["starting"] == "medoids"
    assert {r["signal"] for item in told["items"] for r in item["reasons"]} == {"typical", "variety"}


def test_nothing_left_names_the_condition(document):
    told = document(
        "recommend", "--catalog", "tiny", "--like", "cat", "--where", "year>2020", "--where", "in_stock=yes"
    )
    assert told["items"] == [] and told["matching"] == 0
    assert "Relax “year>2020”" in told["note"]


def test_the_stages_are_sized_fused_and_capped(document):
    asked = ["recommend", "--catalog", "tiny", "--like", "apple", "--space", "text", "--lam", "1"]
    told = document(*asked, "--sizes", "4,3,2,1")
    assert [(s["in"], s["out"]) for s in told["trace"][1:]] == [(6, 5), (5, 3), (3, 2), (2, 1)]
    assert [len(document(*asked, "--sizes", "4,3,2", "--k", k)["items"]) for k in ("1", "2")] == [1, 2]
    fused = document(*asked[:-2], "--tower", "text", "--tower", "image", "--lam", "1")
    assert {r["signal"] for item in fused["items"] for r in item["reasons"]} == {"text", "image", "variety"}
    capped = document(*asked, "--cap", "1")
    assert "over 1 of a category" in capped["trace"][2]["dropped"]
    exact = document(*asked, "--engine", "exhaustive", "--filtering", "after", "--where", "year>=1990")
    assert "breaks year>=1990" in exact["trace"][2]["dropped"] and not exact["degraded"]


def test_explain(document):
    asked = ["explain", "--catalog", "tiny", "--like", "apple", "--space", "text", "--lam", "1", "--sizes", "4,3,2,1"]
    told = document(*asked, "--item", "pear")
    assert set(told) == {
        *("catalog", "version", "space", "item_id", "title", "place", "stage", "reason", "detail"),
        *("trace", "total_ms", "degraded"),
    }
    assert (told["place"], told["stage"], told["title"]) == (1, None, "Pear")
    told = document(*asked, "--item", "apple")
    assert (told["place"], told["stage"], told["reason"]) == (None, "filter", "already rated")
    told = document(*asked, "--item", "riddle")
    assert (told["stage"], told["reason"]) == ("retrieve", "too far away")
    assert told["detail"] == "Its relevance is -1.000; the last of the 5 that were retrieved has 0.000."


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["--sizes", "many"], "The sizes “many” cannot be read"),
        (["--sizes", "0,1,1"], "lets at least 1 item out"),
        (["--engine", "magic"], "no engine “magic”"),
        (["--ranker", "gbdt"], "no ranker"),
        (["--tower", "text", "--tower", "mind"], "no space “mind”"),
    ],
)
def test_stages_that_cannot_be_asked_for(folder, monkeypatch, capsys, words, sentence):
    monkeypatch.setenv("TASTESPACE_DATA", str(folder))
    assert main(["recommend", "--catalog", "tiny", "--like", "apple", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_search_and_similar(document):
    told = document("search", "--catalog", "tiny", "tea", "--space", "text", "--k", "2")
    assert set(told) == LISTED and ids(told) == ["cat", "pear"]
    told = document("similar", "--catalog", "tiny", "chair", "--space", "text", "--k", "2")
    assert ids(told) == ["dog", "apple"]


def test_a_kept_point_gives_the_same_list_and_says_how_it_came_about(document):
    asked = ("--catalog", "tiny", "--like", "apple", "--space", "text")
    told = document("recommend", *asked, "--vectors", "ttl")
    assert told["vector"] == {"pattern": "ttl", "computed": True, "missing": 0, "age_s": told["vector"]["age_s"]}
    plain = document("recommend", *asked)
    assert plain["vector"] is None and ids(told) == ids(plain)


def test_catalogs(document):
    rows = {row["catalog"]: row for row in document("catalogs")["catalogs"]}
    assert set(rows["tiny"]) == BUILT
    assert rows["tiny"]["items"] == 6 and rows["tiny"]["bytes"] > 0
    assert rows["tiny"]["spaces"]["image"] == {"dim": 2, "items": 4}
    assert rows["movies"] == {"catalog": "movies", "built": False, "build": "python -m recsys build --catalog movies"}


def test_export_pack_unpack(document, tmp_path, monkeypatch):
    told = document("export", "--catalog", "tiny", "--out", str(tmp_path / "out"))
    assert set(told) == {"catalog", "version", "out", "items", "spaces"}
    assert told["spaces"] == {"text": [6, 3], "image": [6, 2], "blend": [6, 5]}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("items.parquet", "text.npy", "image.npy", "blend.npy")
    }
    packed = tmp_path / "tiny.tar"
    assert document("pack", "--catalog", "tiny", "--out", str(packed)) == {
        "catalog": "tiny",
        "version": "one",
        "out": str(packed),
        "bytes": packed.stat().st_size,
    }
    asked = ["recommend", "--catalog", "tiny", "--like", "cat", "--wish", "tea"]
    here = document(*asked)
    monkeypatch.setenv("TASTESPACE_DATA", str(tmp_path / "elsewhere"))
    assert document("unpack", str(packed)) == {"catalog": "tiny", "version": "one", "items": 6}
    assert document(*asked)["items"] == here["items"]


def test_without_json_people_can_read_it(run):
    code, out, _ = run("recommend", "--catalog", "tiny", "--like", "apple")
    assert code == 0 and "Pear" in out and not out.startswith("{")


LIKING = ("recommend", "--catalog", "tiny", "--like", "cat")


@pytest.mark.parametrize(
    "words, told",
    [
        ((), "COMMAND"),
        (("frobnicate",), "frobnicate"),
        (("recommend",), "--catalog"),
        (("recommend", "--catalog", "nothing"), "“nothing” is not built"),
        (("recommend", "--catalog", "../tiny"), "not built"),
        (("recommend", "--catalog", "tiny", "--like", "unicorn"), "no item “unicorn”"),
        (("recommend", "--catalog", "tiny", "--category", "cars"), "no category 'cars'"),
        ((*LIKING, "--dislike", "cat"), "both liked and disliked"),
        ((*LIKING, "--space", "sound"), "no space “sound”"),
        ((*LIKING, "--lam", "7"), "between 0 and 1"),
        ((*LIKING, "--lam", "-1"), "between 0 and 1"),
        ((*LIKING, "--lam", "nan"), "between 0 and 1"),
        ((*LIKING, "--lam", "much"), "invalid float"),
        ((*LIKING, "--blend", "2"), "between 0 and 1"),
        ((*LIKING, "--k", "0"), "list of 0 items"),
        ((*LIKING, "--where", "colour=red"), "no facet “colour”"),
        ((*LIKING, "--where", "year>=soon"), "“soon” is none"),
        ((*LIKING, "--where", "in_stock=perhaps"), "yes or no"),
        ((*LIKING, "--where", "category>food"), "no order"),
        ((*LIKING, "--where", "year"), "cannot be read"),
        (("similar", "--catalog", "tiny", "unicorn"), "no item “unicorn”"),
        (("search", "--catalog", "tiny", " "), "nothing to search for"),
        (("search", "--catalog", "tiny", "tea", "--image", "absent.png"), "absent.png cannot be read"),
        (("export", "--catalog", "nothing", "--out", "out"), "not built"),
        (("pack", "--catalog", "tiny", "--out", "/proc/nowhere/tiny.tar"), "cannot be written"),
        (("unpack", "absent.tar"), "not a packed catalog"),
        (("build", "--catalog", "nothing"), "no catalog nothing"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(run, words, told):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert told in err and len(err.splitlines()) == 1


def test_a_build_that_fails_says_so_once(run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("where the data folder should be")
    monkeypatch.setenv("TASTESPACE_DATA", str(tmp_path / "file"))
    code, out, err = run("build", "--catalog", "movies")
    assert (code, out) == (2, "")
    assert err.startswith("The build cannot write to the data folder") and len(err.splitlines()) == 1
