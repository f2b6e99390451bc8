"""A catalog that somebody brought, alone in an app: every page works on it and has something to try."""

import os

import numpy as np
import pytest

from recsys.ui.own_tries import own_tries
from recsys.ui.tour import tries
from recsys.version import Version

PAGES = ("home", "recommend", "map", "cold_start", "diversity", "models", "retrieval", "funnel", "catalogs")


@pytest.fixture
def version(brought):
    return Version(brought / "catalogs" / "mine" / "current")


@pytest.mark.parametrize("page", PAGES)
def test_each_page_has_things_to_try_and_each_works(app_on, brought, version, page):
    visit = app_on(brought)
    screen = visit().open(page, {"catalog": "mine"})
    assert not screen.at.error and not screen.at.exception and not tries(page, "mine")
    labels = [b.label for b in screen.at.button if (b.key or "").startswith("try-")]
    assert len(labels) == (2 if page == "models" else 3) and len(set(labels)) == len(labels)
    for number, label in enumerate(labels):
        screen = visit().open(page, {"catalog": "mine"}).press(f"try-{number}-{label}")
        assert not screen.at.error and not screen.at.exception, label
        assert screen.view.catalog == "mine" and "Look" in screen.words


def test_a_home_without_the_catalogs_that_come_along(app_on, brought):
    screen = app_on(brought)().open()
    assert not screen.at.error and not screen.at.exception
    labels = [b.label for b in screen.at.button]
    assert "Open Mine" in labels and "Just start" in labels
    assert not [label for label in labels if "tour" in label] and "Be somebody" not in screen.words


def test_home_shows_more_than_two_catalogs(app_on, brought, shops, tmp_path):
    (tmp_path / "catalogs").mkdir()
    for data, name in ((brought, "mine"), (shops, "clipart"), (shops, "movies")):
        os.symlink(data / "catalogs" / name, tmp_path / "catalogs" / name)
    labels = [b.label for b in app_on(tmp_path)().open().at.button]
    assert {"Open Mine", "Open Clip art", "Open Movies", "Take the tour, five minutes"} <= set(labels)


def test_what_is_tried_is_told_of_the_catalogs_own_items(version):
    by_page = {page: own_tries(version, page, [0, 1]) for page in PAGES}
    assert [one.view.profile.likes for one in by_page["recommend"]] == [
        (version.item_ids[0],),
        tuple(version.item_ids[:2]),
        (version.item_ids[0],),
    ]
    assert [str(c) for c in by_page["recommend"][2].view.where] == ["category=rugs"]  # of the second item
    assert by_page["home"] == [by_page["recommend"][0], by_page["recommend"][2], by_page["map"][0]]
    assert by_page["map"][1].view.colour == "year"
    assert [len(one.view.profile.likes) for one in by_page["models"]] == [1, 2]
    assert all(len(one.label) <= 40 for offered in by_page.values() for one in offered)


def test_vectors_alone_understand_no_words(app_on, vectors_alone):
    screen = app_on(vectors_alone)().open("recommend", {"catalog": "mine", "wish": "a lamp"})
    (field,) = [one for one in screen.at.text_input if one.label == "What do you wish for?"]
    assert field.disabled and not screen.view.profile.wish and not screen.at.error
    assert "no model here reads words" in screen.words and len(screen.shelves["shelf"]["shelves"][0]["list"]) == 3


@pytest.mark.parametrize("page", [*PAGES, "catalogs"])
def test_every_page_opens_on_vectors_alone(app_on, vectors_alone, page):
    screen = app_on(vectors_alone)().open(page, {"catalog": "mine"})
    assert not screen.at.error and not screen.at.exception


def test_a_catalog_of_one_item_or_of_none(version):
    assert own_tries(version, "recommend", []) == []
    assert len(own_tries(version, "recommend", np.array([3]))) == 3


def test_a_catalog_that_reads_no_words_says_so_and_the_others_find_the_wish(app_on, with_vectors):
    screen = app_on(with_vectors)().open("cold_start", {"catalog": "mute", "part": "domain"})
    assert not screen.at.error and not screen.at.exception
    (told,) = [one.value for one in screen.at.info if "Mute" in one.value]
    assert "no wish can be understood" in told
    assert {"domain-clipart", "domain-worded"} == set(screen.shelves)
    assert len(screen.shelves["domain-worded"]["shelves"][0]["list"]) == 10


def test_a_new_item_among_vectors_that_came_along(app_on, with_vectors):
    draft = {"part": "item", "draft": ["A lamp", "", ""]}
    mute = app_on(with_vectors)().open("cold_start", {"catalog": "mute", **draft})
    assert not mute.at.error and not mute.at.exception and "vectors of its own" in mute.words
    worded = app_on(with_vectors)().open("cold_start", {"catalog": "worded", **draft})
    assert not worded.at.error and len(worded.shelves["neighbours"]["shelves"][0]["list"]) == 10
    assert "would find it" not in worded.words  # there is nobody to ask
