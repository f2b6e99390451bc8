"""The live parts of the Retrieval page: one engine beside the truth, three measures of nearness, cells and graphs."""

import os
import signal
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recsys.catalog import Catalog
from recsys.errors import TastespaceError
from recsys.lessons.retrieval import graph
from recsys.lessons.retrieval.live import Pool
from recsys.models import create, side_of
from recsys.ratings import read_ratings
from recsys.ui import resources
from recsys.ui.retrieval import engine, walk
from recsys.version import Version

FLAGS = "flag-of-brazil"


@pytest.fixture(autouse=True)
def pool(monkeypatch):
    """Processes that end with the test."""
    one = Pool()
    monkeypatch.setattr(engine, "pool", lambda: one)
    engine._found_each.clear()
    yield one
    one.close()


@pytest.fixture(scope="module")
def learned(shops, tmp_path_factory, write_version):
    """A data folder with films that have a space learned from who rated what."""
    data = tmp_path_factory.mktemp("learned")
    films = Version(shops / "catalogs" / "movies" / "current").catalog
    rng = np.random.default_rng(0)
    rows = [
        (f"user-{u}", item, 4.0, 0) for u in range(40) for item in films.items.index[rng.permutation(30)[: 3 + u % 9]]
    ]
    table = pd.DataFrame(rows, columns=["user_id", "item_id", "rating", "timestamp"])
    catalog = Catalog(**{**vars(films), "interactions": table})
    text = Version(shops / "catalogs" / "movies" / "current").spaces["text"]
    model = create("als", factors=4)
    model.fit(read_ratings(catalog), side_of(catalog, np.asarray(text)))
    home = data / "catalogs" / "movies"
    write_version(home / "versions" / "two", catalog, {"text": text}, version_id="two", models={"mf": model})
    (home / "current").symlink_to("versions/two")
    return data


def _open(visit, **query):
    return visit().open("retrieval", {"catalog": "clipart", "part": "engine", **query})


def _said(screen) -> str:
    assert not screen.at.exception and not screen.at.error, screen.words
    return screen.words.replace("\\", "")


def _lists(screen, key="engine-lists") -> dict[str, list[str]]:
    return {one["key"]: one["list"] for one in screen.shelves[key]["shelves"]}


def test_for_the_public_no_index_is_built(app, monkeypatch):
    monkeypatch.setattr(resources, "SETTINGS", replace(resources.SETTINGS, public=True))
    monkeypatch.setattr(Pool, "prepare", lambda *_: pytest.fail("an index was built"))
    assert "open to the public" in _said(_open(app, engine="exhaustive", data="clipart-text"))


def test_an_exact_engine_finds_what_is_truly_nearest(app):
    screen = _open(app, engine="exhaustive", data="clipart-text")
    words = _said(screen)
    assert "exhaustive finds 10 of 10 in " in words and "Its index of 40 vectors was built in" in words
    assert "more like **Title of flag-of-brazil**" in words
    lists = _lists(screen)
    assert lists["exact"] == lists["engine"] and lists["exact"][0] == FLAGS
    (table,) = screen.at.dataframe
    assert table.value.to_dict("records") == [{"found of ten": 10, "people": 200}]
    assert "Recall@10 is 1.000 on average and 1.0 for the unluckiest; 0 of 200 find fewer than nine." in words
    assert "200 simulated people" in words


def test_a_profile_is_asked_for_and_its_likes_stand_in_the_sidebar(app):
    screen = _open(app, engine="precomputed", data="clipart-text", like=[FLAGS, "pumpkin"])
    words = _said(screen)
    assert "precomputed finds 0 of 10" in words and "nearest to your point" in words
    assert "comparing with every vector takes" in words
    assert _lists(screen)["engine"] == []
    note = screen.shelves["engine-lists"]["shelves"][1]["note"]
    assert "nobody foresaw it" in note
    cards = screen.shelves["engine-lists"]["cards"]
    assert all(cards[item]["title"].startswith("✕ ") for item in _lists(screen)["exact"])
    assert screen.at.sidebar.pills[0].label == "Liked (2)"


def test_an_engine_and_a_space_are_chosen_and_go_into_the_link(app):
    screen = _open(app, engine="exhaustive")
    next(one for one in screen.at.selectbox if one.label == "Engine").set_value("precomputed").run()
    assert screen.view.engine == "precomputed" and "precomputed finds 10 of 10" in _said(screen)  # it knows the items
    next(one for one in screen.at.pills if one.label == "Space").set_value("image").run()
    assert screen.view.data == "clipart-image" and "precomputed finds" in _said(screen)
    screen.click("Undo").click("Undo")
    assert (screen.view.engine, screen.view.data) == ("exhaustive", None)


def test_a_knob_is_turned(app, monkeypatch):
    pytest.importorskip("faiss")
    screen = _open(app, engine="faiss-pq", knob=["rescore=0"], data="clipart-text")
    assert "faiss-pq finds" in _said(screen)
    slider = screen.at.select_slider[0]
    assert slider.label.startswith("rescore: compares") and slider.value == 0
    assert list(slider.options) == ["0", "1", "2", "4"]  # four times ten is all there is
    slider.set_value(2).run()
    assert screen.view.knobs == ("rescore=2",)
    slider = screen.at.select_slider[0].set_value(4)
    slider.run()
    assert screen.view.knobs == ("rescore=4",) and "faiss-pq finds 10 of 10" in _said(screen)
    far = _open(app, engine="faiss-pq", knob=["rescore=64"], data="clipart-text")
    assert far.at.select_slider[0].value == 4 and not far.at.warning


def test_an_index_is_built_otherwise(app, pool):
    pytest.importorskip("faiss")
    screen = _open(app, engine="faiss-ivf", data="clipart-text", build=["cells=8"])
    assert "Its index of 40 vectors was built with cells = 8 in" in _said(screen)
    assert any(name == "faiss-ivf" and among.endswith(" cells=8") for name, among in pool._live)
    cells = next(one for one in screen.at.select_slider if one.label.startswith("cells: divides"))
    assert cells.value == 8 and cells.options[0] == "as it comes"
    cells.set_value(16).run()
    assert screen.view.build == ("cells=16",) and "faiss-ivf finds" in _said(screen)
    screen.click("Undo")
    assert screen.view.build == ("cells=8",)
    next(one for one in screen.at.selectbox if one.label == "Engine").set_value("precomputed").run()
    assert screen.view.build == () and "precomputed finds" in _said(screen)


def test_a_killed_process_is_a_sentence_and_the_next_click_starts_another(app, pool):
    screen = _open(app, engine="precomputed")
    os.kill(next(one for key, one in pool._live.items() if key[0] == "precomputed")._worker.pid, signal.SIGKILL)
    screen.run()
    assert "precomputed was killed" in screen.at.warning[0].value and "new process starts" in screen.at.warning[0].value
    assert list(_lists(screen)) == ["exact"] and not screen.at.error  # the rest stands
    screen.press("engine-retry")
    assert "precomputed finds 10 of 10" in _said(screen) and not screen.at.warning


def test_what_cannot_run_is_a_sentence(app, pool, monkeypatch):
    monkeypatch.delenv("PINECONE_API_KEY", raising=False)
    screen = _open(app, engine="pinecone")
    assert "Pinecone needs the package pinecone and a key" in screen.at.warning[0].value
    assert list(_lists(screen)) == ["exact"]

    def full(*arguments, **more):
        raise TastespaceError("The disk is full.", "Make room and try again.")

    monkeypatch.setattr(pool, "prepare", full)
    screen = _open(app, engine="exhaustive")
    assert "The disk is full. Make room" in screen.at.warning[0].value.replace("\\", "")
    assert list(_lists(screen)) == ["exact"]


def test_a_long_build_is_told_and_the_exact_list_is_shown_meanwhile(app, pool, monkeypatch):
    usual, building = pool.prepare, [7.0, 8.0]
    monkeypatch.setattr(pool, "prepare", lambda *asked: building.pop(0) if building else usual(*asked))
    screen = _open(app, engine="precomputed")
    assert "precomputed builds its index, once: 8 s so far." in screen.at.info[0].value
    assert list(_lists(screen)) == ["exact"]
    screen.run()
    assert "precomputed finds 10 of 10" in _said(screen)


def test_a_build_that_fails_later_is_told(app, pool, monkeypatch):
    told = [7.0, TastespaceError("It crashed.", "Try another.")]

    def prepare(*asked):
        one = told.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    monkeypatch.setattr(pool, "prepare", prepare)
    screen = _open(app, engine="precomputed")
    assert "It crashed. Try another." in screen.at.warning[0].value.replace("\\", "") and not told


def test_three_measures_of_a_learned_space(app_on, learned):
    screen = _open(app_on(learned), catalog="movies", engine="exhaustive")
    words = _said(screen)
    assert "Three measures of nearness" in words and "rank correlation" in words
    lists = _lists(screen, "measures")
    assert list(lists) == ["dot", "cosine", "euclidean"] and all(len(set(own)) == 10 for own in lists.values())
    assert "rated by" in screen.shelves["measures"]["shelves"][0]["note"]
    shared = screen.at.dataframe[1].value
    assert list(shared["lists"]) == ["Dot product and Cosine", "Dot product and Euclid", "Cosine and Euclid"]
    assert shared["in common"].between(0, 10).all()
    assert "Three measures" not in _said(_open(app_on(learned), catalog="movies", part="growth"))


def test_a_known_person_has_a_list_made_beforehand(app_on, learned):
    for space in ("text", "mf"):
        one = {"catalog": "movies", "engine": "precomputed", "data": f"movies-{space}", "person": "user-8"}
        screen = _open(app_on(learned), **one)
        assert "precomputed finds 10 of 10" in _said(screen) and screen.view.profile.person == "user-8"
        note = screen.shelves["engine-lists"]["shelves"][1]["note"]
        assert "items and 40 people that were made beforehand" in note
    moved = _open(app_on(learned), **one, like=[_lists(screen)["exact"][-1]])
    assert "precomputed finds 0 of 10" in _said(moved)
    assert "nobody foresaw it" in moved.shelves["engine-lists"]["shelves"][1]["note"]


def test_no_learned_space_has_nothing_to_compare(app):
    assert "Three measures" not in _said(_open(app, engine="exhaustive"))


def test_more_cells_find_more(app):
    screen = _open(app, part="inside", data="clipart-text", probes="2")
    assert "2 of 10 cells: finds" in _said(screen) and "40 items into 10 cells" in _said(screen)
    slider = next(one for one in screen.at.slider if one.label == "Cells that are looked into")
    slider.set_value(10).run()
    assert screen.view.probes == 10 and "10 of 10 cells: finds 10 of 10, comparing 100%" in _said(screen)
    far = _open(app, part="inside", data="clipart-text", probes="64")
    assert "10 of 10 cells: finds 10 of 10" in _said(far)


def test_a_walk_is_shown_step_by_step(app, monkeypatch):
    pytest.importorskip("faiss")
    screen = _open(app, part="inside", inside="graph", data="clipart-text")
    words = _said(screen)
    assert "The walk finds" in words and "of 40 items" in words
    route = _lists(screen, "route")["route"]
    assert route[-1] == FLAGS  # what is nearest to an item is itself
    table = screen.at.dataframe[0].value
    assert list(table["kept"]) == list(walk.EFS) and table["found of 10"].iloc[-1] == 10
    assert (np.diff(table["items compared"]) >= 0).all()
    next(one for one in screen.at.segmented_control if one.label == "Kind of index").set_value("cells").run()
    assert screen.view.inside == "cells" and "cells: finds" in _said(screen)


def test_a_graph_that_cannot_be_built_is_a_sentence(app, monkeypatch):
    def broken(vectors):
        raise TastespaceError("The graph could not be built.", "Try again.")

    monkeypatch.setattr(graph, "build_graph", broken)
    walk._built.clear()
    screen = _open(app, part="inside", inside="graph", data="clipart-image")
    assert "The graph could not be built." in screen.at.error[0].value and not screen.at.exception
    walk._built.clear()
