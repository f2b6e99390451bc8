"""Diversity: what it shows is what its commands print; its method to watch; the whole shop."""

import json
import shlex

import pytest

from recsys.__main__ import main
from recsys.lessons.diversity import NAMES
from recsys.models import MODELS
from recsys.ui.link import to_command
from recsys.ui.words import MODELS as SAID_OF_MODELS
from recsys.ui.words import WORDS
from recsys.version import Version


@pytest.mark.parametrize(
    "query",
    [
        {"catalog": "movies"},
        {"catalog": "movies", "person": ["196"], "k": "5"},
        {"catalog": "clipart", "like": ["saxophone", "pumpkin"], "lam": "0.4", "method": ["dpp", "cap"]},
        {"catalog": "clipart", "like": ["saxophone"], "space": "blend", "blend": "0.2", "where": ["year>=1940"]},
        {"catalog": "clipart", "dislike": ["saxophone"], "category": ["food"], "wish": "a cup"},
    ],
)
def test_the_command_of_diversity_prints_the_lists_of_the_page(app, shops, monkeypatch, capfd, query):
    monkeypatch.setattr(Version, "serving", [{"likes": 1, "space": "text"}])  # clip art starts with the blend
    monkeypatch.setenv("TASTESPACE_DATA", str(shops))
    monkeypatch.delenv("QDRANT_URL", raising=False)
    screen = app().open("diversity", query)
    plain, *methods = screen.shelves["methods"]["shelves"]
    on_page = {"plain": plain["list"]}
    for one in methods:
        on_page[one["key"]] = [one["pool"][row] for row in one["stops"][round(screen.view.lam * 100)]]
    capfd.readouterr()
    assert main([*shlex.split(to_command(screen.view, "diversity"))[3:], "--json"]) == 0
    printed = json.loads(capfd.readouterr().out)["methods"]
    assert {method: one["items"] for method, one in printed.items()} == on_page


@pytest.mark.parametrize("lam", ["0.5", "0.72"])
def test_the_command_of_the_whole_shop_prints_its_figures(app, shops, monkeypatch, capfd, lam):
    monkeypatch.setenv("TASTESPACE_DATA", str(shops))
    monkeypatch.delenv("QDRANT_URL", raising=False)
    screen = app()
    screen.at.session_state["shop"] = True
    screen.open("diversity", {"catalog": "clipart", "like": ["saxophone"], "lam": lam, "k": "4", "blend": "0.3"})
    assert not screen.at.exception and f"At λ = {float(lam):.2f}" in screen.words and "simulated people" in screen.words
    on_page = screen.at.dataframe[-1].value
    (command,) = [one.value for one in screen.at.code if "diversity shop" in one.value]
    capfd.readouterr()
    assert main([*shlex.split(command)[3:], "--json"]) == 0
    printed = json.loads(capfd.readouterr().out)["methods"]
    rows = [{"method": NAMES[method], **one} for method, settings in printed.items() for one in settings]
    assert on_page.to_dict("records") == rows


def test_one_chooses_which_method_to_watch(app):
    screen = app().open("diversity", {"catalog": "movies", "method": ["mmr", "dpp", "cap"]})
    assert "Watch MMR choose" in screen.words
    next(one for one in screen.at.segmented_control if one.label == "The method").set_value("cap").run()
    assert "Watch Category cap choose" in screen.words and screen.view.watched == "cap"
    screen.at.slider(key="step-0").set_value(2).run()
    assert "of one category may" in screen.words and not screen.at.exception


def test_the_words_of_the_slider_and_of_what_is_simulated_are_explained(app):
    screen = app().open("diversity", {"catalog": "movies"})
    assert screen.shelves["methods"]["help"] == WORDS["lam_of_all"]
    assert WORDS["simulated"] in [one.help for one in screen.at.caption]
    screen = app().open("recommend", {"catalog": "movies"})
    assert screen.shelves["shelf"]["help"] == WORDS["lam"]
    assert WORDS["wish"] in [one.help for one in screen.at.markdown]


def test_each_model_has_its_sentence():
    assert set(SAID_OF_MODELS) == set(MODELS)
