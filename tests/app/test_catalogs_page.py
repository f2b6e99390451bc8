"""The Catalogs page: what is here, what a newcomer is told, and an app that is open to the public."""

import shutil
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from recsys.progress import Progress, progress_path
from recsys.ui import building, glance, resources
from recsys.ui.catalogs import add, following, running
from recsys.version import bytes_on_disk


def test_what_is_here_with_what_can_be_done(app, monkeypatch):
    started = []
    monkeypatch.setattr(building, "start", lambda *names, force: started.append((names, force)))
    screen = app().open("catalogs", {"catalog": "movies"})
    assert not screen.at.exception and not screen.at.error
    for words in ("Clip art", "Movies", "40 items", "16 ratings", "research only", "python -m recsys catalogs"):
        assert words in screen.words
    assert "Delete" not in screen.words  # they come with the app
    screen.press("rebuild-movies")
    assert started == [(("movies",), True)]
    screen.click("Open Clip art")
    assert screen.view.catalog == "clipart"


BUILD = """
import sys, time
from pathlib import Path
from recsys.errors import CatalogError
from recsys.progress import Progress, progress_path
from recsys.settings import Settings
from recsys.version import alone
settings, flags = Settings(data=Path(sys.argv[1])), Path(sys.argv[2])
(flags / f"started-{time.time_ns()}").touch()
def wait(flag):
    while not (flags / flag).exists():
        time.sleep(0.01)
wait("begin")
progress = Progress(progress_path(settings, "movies"), console=False)
with alone(settings, "movies"):
    progress(3, 40, "embed texts")
    (flags / "begun").touch()
    wait("end")
    progress.failed(CatalogError("The disk is full.", "Make room."))
"""


@pytest.fixture
def slow_build(monkeypatch, tmp_path):
    """A build in a process of its own, which goes on when it is told to and fails in the end; and what tells it."""
    own, flags = building.Builds(), tmp_path / "flags"
    flags.mkdir()
    program = [sys.executable, "-c", BUILD, str(resources.SETTINGS.data), str(flags)]
    monkeypatch.setattr(building, "builds", lambda: own)
    monkeypatch.setattr(building, "command", lambda names, force: program)
    yield flags
    for flag in ("begin", "end"):
        (flags / flag).touch()
    for process, _ in own._started.values():
        process.wait(20)
    progress_path(resources.SETTINGS, "movies").unlink(missing_ok=True)


def bars(screen) -> list[str]:
    return [bar.proto.text for bar in screen.at.get("progress")]


def until(there, seconds: float = 20.0) -> None:
    for _ in range(int(seconds / 0.02)):
        if there():
            return
        time.sleep(0.02)
    raise AssertionError("it never came")


def test_a_rebuild_tells_how_far_it_is_runs_once_and_says_why_it_failed(app, slow_build):
    Progress(progress_path(resources.SETTINGS, "movies"), console=False).finished()  # as the build before left it
    screen = app().open("catalogs", {"catalog": "movies"})
    screen.press("rebuild-movies")
    buttons = {button.key for button in screen.at.button}
    assert (
        "rebuild-movies" not in buttons
        and "rebuild-clipart" in buttons
        and bars(screen) == ["Being built: start, 0 of 1"]
    )
    assert not building.start("movies", force=True)  # one at a time
    (slow_build / "begin").touch()
    until((slow_build / "begun").exists)
    assert building.told("movies")["step"] == "embed texts" and not building.start("movies", force=True)
    screen.at.run()
    assert bars(screen) == ["Being built: embed texts, 3 of 40"]
    (slow_build / "end").touch()
    until(lambda: building.told("movies")["state"] != "running")
    screen.at.run()
    assert "The last build failed" in screen.words and "The disk is full. Make room." in screen.words
    assert len(list(slow_build.glob("started-*"))) == 1
    assert "rebuild-movies" in {button.key for button in screen.at.button}


def test_a_build_that_dies_before_it_says_anything_was_stopped(app, slow_build):
    assert building.start("movies", force=True)
    building.builds()._started["movies"][0].kill()
    until(lambda: building.told("movies")["state"] != "running")
    assert "The last build was stopped" in app().open("catalogs", {"catalog": "movies"}).words


def test_what_is_missing_or_damaged_stands_on_the_page_with_the_way_to_get_it(app_on, brought, tmp_path, monkeypatch):
    shutil.copytree(brought / "catalogs" / "mine", tmp_path / "catalogs" / "mine", symlinks=True)
    damaged = tmp_path / "catalogs" / "movies" / "versions" / "one"
    damaged.mkdir(parents=True)
    (damaged / "manifest.json").write_text("{")
    (tmp_path / "catalogs" / "movies" / "current").symlink_to("versions/one")
    started: list[str] = []
    monkeypatch.setattr(building, "start", started.append)
    screen = app_on(tmp_path)().open("catalogs", {"catalog": "mine"})
    assert not screen.at.exception and "Not here yet" in screen.words
    assert "Clip art is not built." in screen.words and "Movies cannot be opened." in screen.words
    assert "python -m recsys build --catalog movies" in screen.words
    screen.press("build-movies-page")
    assert started == ["movies"]
    monkeypatch.setattr(resources, "SETTINGS", replace(resources.SETTINGS, public=True))
    screen.at.run()
    assert "Not here yet" in screen.words and not [b for b in screen.at.button if b.label.startswith("Build")]


def test_the_size_of_a_catalog_is_what_deleting_it_frees(app_on, brought, tmp_path):
    shutil.copytree(brought / "catalogs" / "mine", tmp_path / "catalogs" / "mine", symlinks=True)
    kept = tmp_path / "imports" / "mine" / "one"
    kept.mkdir(parents=True)
    (kept / "pictures.zip").write_bytes(b"x" * 7_000_000)
    built = bytes_on_disk(tmp_path / "catalogs" / "mine")
    glance._bytes.clear()
    screen = app_on(tmp_path)().open("catalogs", {"catalog": "mine"})
    assert f"{(built + bytes_on_disk(kept)) / 1e6:,.0f} MB on disk" in screen.words
    assert sum("My shop" in caption.value for caption in screen.at.caption) == 2  # on the card, and as the honest line
    glance._bytes.clear()


def test_a_newcomer_is_told_what_a_table_may_tell(app):
    screen = app().open("catalogs", {"part": "add"})
    assert not screen.at.exception and not screen.at.error
    assert all(f"**{role}**: {meaning}" in screen.words for role, meaning in add.MEANS.items())
    assert screen.view.part == "add"


@pytest.fixture
def uploads():
    following.imports.clear()
    yield resources.SETTINGS.data / "uploads"
    following.imports.clear()


def test_a_table_waits_while_somebody_looks_at_another_page(app, uploads):
    screen = app().open("catalogs", {"part": "add"})
    screen.press("example")
    assert not screen.at.exception and "12 rows, 6 columns" in screen.words
    name = next(one for one in screen.at.text_input if one.label == "Name")
    name.set_value("my-own").run()
    screen.at.switch_page("pages/home.py").run()
    screen.at.switch_page("pages/catalogs.py").run()
    assert "12 rows, 6 columns" in screen.words and "example.csv" in screen.words
    screen.press("drop-items")
    assert "What a table may tell" in screen.words and not list(uploads.glob("*/items"))


def test_columns_of_interactions_are_shown_and_can_be_mapped(app, uploads):
    screen = app().open("catalogs", {"part": "add"})
    screen.press("example")
    path = uploads / "visitor" / "interactions" / "stamp" / "i.csv"
    path.parent.mkdir(parents=True)
    path.write_text("a,b,c\nu,mug-1,x\nv,pan-1,y\nv,lamp-1,z\n")
    screen.at.session_state["uploads_kept"]["interactions"] = path
    screen.at.run()
    boxes = {box.label: box for box in screen.at.selectbox if "interactions" in (box.key or "")}
    shown = {label: box.value for label, box in boxes.items()}
    assert shown == {"User": "", "Item": "b", "Rating": "", "Timestamp": ""}  # items are known by their ids
    screen.click("Check everything")
    assert "The interactions have no column user" in screen.at.error[0].value
    next(box for box in screen.at.selectbox if box.label == "User").select("a").run()
    screen.click("Check everything")
    assert not screen.at.error and not screen.at.exception
    assert "--map=interactions.user_id=a" in screen.words and "Fewer than 20 people" in screen.words
    assert "384 dimensions, by all-MiniLM-L6-v2" in screen.words


def test_an_error_loses_nothing_and_a_failed_import_gives_the_form_back(app, uploads, monkeypatch):
    monkeypatch.setattr(running, "begin", lambda offer: subprocess.Popen([sys.executable, "-c", "raise SystemExit(2)"]))
    screen = app().open("catalogs", {"part": "add"})
    screen.press("example")
    next(one for one in screen.at.text_input if one.label == "Name").set_value("../x").run()
    screen.click("Check everything")
    assert screen.at.error and "12 rows, 6 columns" in screen.words
    next(one for one in screen.at.text_input if one.label == "Name").set_value("mine").run()
    screen.click("Check everything")
    screen.press("import")
    for _ in range(200):
        if following.imports().told()[0].state == "failed":
            break
        time.sleep(0.02)
    screen.at.run()
    assert "was not imported" in screen.words and "12 rows" not in screen.words
    screen.click("Back to the form")
    assert "12 rows, 6 columns" in screen.words and "was not imported" not in screen.words
    assert next(one for one in screen.at.text_input if one.label == "Name").value == "mine"


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
