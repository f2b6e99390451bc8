"""How far a build is, as other processes read it; a killed build is told from one that goes on."""

import json
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from recsys.errors import CatalogError
from recsys.progress import Progress, progress_path, read_progress
from recsys.settings import Settings
from recsys.version import LOCK, alone

HOLD = (
    "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, 2); print('held', flush=True); time.sleep(60)"
)


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data=tmp_path / "data")


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """Stands at 100 s until a test moves it."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr("recsys.progress.time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def progress(settings) -> Progress:
    return Progress(progress_path(settings, "tiny"), console=False)


def told(settings: Settings) -> dict:
    return json.loads(progress_path(settings, "tiny").read_text())


def test_the_file_tells_step_and_estimate(settings, progress, clock):
    progress(0, 100, "embed texts")
    running = {"state": "running", "step": "embed texts", "done": 0, "total": 100, "eta_s": None}
    assert told(settings) == running
    clock.now += 0.4
    progress(5, 100, "embed texts")
    assert told(settings) == {**running, "done": 5}  # too early to tell
    clock.now += 1.6
    progress(20, 100, "embed texts")
    assert told(settings) == {**running, "done": 20, "eta_s": pytest.approx(8)}  # 20 in 2 s, 80 to go
    clock.now += 1
    progress(100, 100, "embed texts")
    assert told(settings) == {**running, "done": 100, "eta_s": 0}


def test_what_was_in_the_cache_does_not_count_in_the_estimate(settings, progress, clock):
    progress(60, 100, "embed texts")
    clock.now += 2
    progress(70, 100, "embed texts")
    assert told(settings)["eta_s"] == pytest.approx(6)  # 10 in 2 s, 30 to go


def test_each_step_has_an_estimate_of_its_own(settings, progress, clock):
    progress(0, 10, "draw pictures")
    clock.now += 50
    progress(10, 10, "draw pictures")
    clock.now += 0.1
    progress(0, 10, "embed texts")
    assert told(settings) == {"state": "running", "step": "embed texts", "done": 0, "total": 10, "eta_s": None}


def test_the_file_is_written_five_times_a_second_at_most(settings, progress, clock):
    progress(0, 100, "embed texts")
    clock.now += 0.1
    progress(1, 100, "embed texts")
    assert told(settings)["done"] == 0
    clock.now += 0.15
    progress(2, 100, "embed texts")
    assert told(settings)["done"] == 2
    progress(100, 100, "embed texts")  # the end is told at once
    assert told(settings)["done"] == 100


def test_nothing_told_yet(settings):
    assert read_progress(settings, "tiny") == {"state": "none"}
    settings.data.mkdir(parents=True)
    progress_path(settings, "tiny").write_text('{"state": "runn')
    assert read_progress(settings, "tiny") == {"state": "none"}


def test_finished_and_failed(settings, progress):
    progress.finished()
    assert read_progress(settings, "tiny") == {"state": "finished"}
    progress.failed(CatalogError("There is no network.", "Plug it in."))
    assert read_progress(settings, "tiny") == {
        "state": "failed",
        "what": "There is no network.",
        "way_out": "Plug it in.",
    }
    assert read_progress(settings, "other") == {"state": "none"}


def test_a_build_is_running_while_it_holds_the_lock(settings, progress):
    with alone(settings, "tiny"):
        progress(1, 4, "embed texts")
        assert read_progress(settings, "tiny") == told(settings)
    assert read_progress(settings, "tiny") == {"state": "killed", "step": "embed texts"}


def test_a_killed_build_is_told(settings, progress):
    progress(1, 4, "embed texts")
    lock = settings.catalogs / "tiny" / LOCK
    lock.parent.mkdir(parents=True)
    builder = subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE, text=True)
    try:
        assert builder.stdout.readline() == "held\n"
        assert read_progress(settings, "tiny")["state"] == "running"
    finally:
        builder.send_signal(signal.SIGKILL)
    while read_progress(settings, "tiny")["state"] == "running" and builder.poll() is None:
        pass
    assert read_progress(settings, "tiny") == {"state": "killed", "step": "embed texts"}  # though nobody buried it yet
    builder.wait()
    builder.stdout.close()


def test_reading_does_not_keep_a_build_from_starting(settings, progress):
    with alone(settings, "tiny"):
        progress(1, 4, "embed texts")
    read_progress(settings, "tiny")
    with alone(settings, "tiny"):  # would wait forever
        assert read_progress(settings, "tiny")["state"] == "running"


def test_a_disk_that_is_full_does_not_end_the_build_here(settings, progress):
    settings.data.write_text("in the way")
    progress(1, 4, "embed texts")
    progress.finished()
    assert read_progress(settings, "tiny") == {"state": "none"}


def test_without_a_file_only_the_terminal_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    progress = Progress()
    progress(0, 4, "embed texts")
    progress(4, 4, "embed texts")
    progress(1, 1, "map of text in 2D")
    progress.finished()
    lines = capsys.readouterr()
    assert lines.out == "" and list(tmp_path.iterdir()) == []
    assert "embed texts: 100%" in lines.err and "4/4" in lines.err and "map of text in 2D: 100%" in lines.err
