"""The Retrieval page in a real browser: engines in their own processes, beside the app."""

import re

import pytest
from conftest import visitors

playwright = pytest.importorskip("playwright.sync_api")

from recsys.bench.browser import order, running_app, settle, wait_until_painted  # noqa: E402
from recsys.settings import Settings  # noqa: E402

expect = playwright.expect


def test_one_engine_answers_beside_the_exact_list(visitor, movies):
    pytest.importorskip("faiss")
    one = visitor().open(
        "retrieval", {"catalog": ["movies"], "part": ["engine"], "engine": ["faiss-ivf"], "like": ["222"]}
    )
    one.reads(re.compile(r"of 10 in|of ten in|finds"), timeout=60_000)
    wait_until_painted(one.page, shelf="engine")
    settle(one.page, "engine")
    found, exact = order(one.page, "engine"), order(one.page, "exact")
    assert len(exact) == 10 and len(set(found) & set(exact)) >= 5


@pytest.fixture
def laboratory(chrome, common, settings, movies, tmp_path):
    """Lets visitors into an app that keeps what is measured for itself."""
    (tmp_path / "catalogs").symlink_to(settings.data / "catalogs")
    with running_app(Settings(data=tmp_path)) as app:
        yield from visitors(chrome, common, app)


MANY = ("qdrant-edge", "qdrant-edge-sq", "qdrant-edge-pq", "qdrant-edge-bq")
"""Their measurement goes on until it is stopped, however long the browsers take."""


def test_a_measurement_is_told_to_others_and_can_be_stopped(laboratory):
    one = laboratory().open("retrieval", {"catalog": ["movies"]})
    for name in MANY:
        one.button(name).click()
    start = one.button("Measure here now")
    expect(start).to_be_enabled(timeout=15_000)
    start.click()
    expect(one.button("Stop")).to_be_visible(timeout=30_000)
    two = laboratory(apart=True).open("retrieval", {"catalog": ["movies"]})
    two.reads(re.compile("Started in another window"))
    expect(two.button("Stop")).to_be_visible()  # whoever waits may end it
    one.button("Stop").click()
    one.reads("Stopped. What was finished is kept.")
    expect(one.button("Measure here now")).to_be_visible()
