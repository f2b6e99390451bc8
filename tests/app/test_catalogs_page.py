"""The Catalogs page: what is here, what a newcomer is told, and an app that is open to the public."""

from dataclasses import replace

from recsys.ui import building, resources
from recsys.ui.catalogs import add


def test_what_is_here_with_what_can_be_done(app, monkeypatch):
    started = []
    monkeypatch.setattr(building, "start", lambda *names, force: started.append((names, force)))
    screen = app().open("catalogs", {"catalog": "movies"})
    assert not screen.at.exception and not screen.at.error
    for words in ("Clip art", "Movies", "40 items", "12 ratings", "research only", "python -m recsys catalogs"):
        assert words in screen.words
    assert "Delete" not in screen.words  # they come with the app
    screen.press("rebuild-movies")
    assert started == [(("movies",), True)]
    screen.click("Open Clip art")
    assert screen.view.catalog == "clipart"


def test_a_newcomer_is_told_what_a_table_may_tell(app):
    screen = app().open("catalogs", {"part": "add"})
    assert not screen.at.exception and not screen.at.error
    assert all(f"**{role}**: {meaning}" in screen.words for role, meaning in add.MEANS.items())
    assert screen.view.part == "add"


def test_the_public_can_change_nothing(app, monkeypatch):
    monkeypatch.setattr(resources, "SETTINGS", replace(resources.SETTINGS, public=True))
    screen = app().open("catalogs")
    assert "Clip art" in screen.words and not [b for b in screen.at.button if b.label == "Rebuild"]
    screen = app().open("catalogs", {"part": "add"})
    assert "open to the public" in screen.words and "What a table may tell" not in screen.words


def test_the_public_starts_nothing_long(app, monkeypatch):
    monkeypatch.setattr(resources, "SETTINGS", replace(resources.SETTINGS, public=True))
    screen = app().open("funnel", {"catalog": "movies", "part": "load"})
    assert "open to the public" in screen.words and not [b for b in screen.at.button if b.label == "Replay now"]
