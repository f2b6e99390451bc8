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
    assert len(labels) == (1 if page == "models" else 3) and len(set(labels)) == len(labels)
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
    assert all(len(one.label) <= 40 for offered in by_page.values() for one in offered)


def test_a_catalog_of_one_item_or_of_none(version):
    assert own_tries(version, "recommend", []) == []
    assert len(own_tries(version, "recommend", np.array([3]))) == 3
