"""An engine in a process of its own: it answers as here, and whatever happens to it there is a sentence here."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from recsys.errors import MissingExtra, NotBuilt, TastespaceError
from recsys.retrieval.exhaustive import Exhaustive
from recsys.retrieval.worker import EngineFailed, Worker, WorkerLost, find_engine, takes_queries
from recsys.settings import ROOT

RNG = np.random.default_rng(0)
VECTORS = RNG.standard_normal((500, 8)).astype(np.float32)
QUERIES = RNG.standard_normal((30, 8)).astype(np.float32)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    """Workers find the fakes, and everything temporary lies where it can be counted."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    yield
    assert list((tmp_path / "temporary").iterdir()) == []


def is_gone(pid: int) -> bool:
    """Whether there is no such process, a zombie counted as one."""
    return not Path(f"/proc/{pid}").exists()


def wait_until(true, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


def fake(name: str, **more) -> Worker:
    return Worker(f"retrieval_fakes:{name}", **more)


def test_it_answers_as_the_engine_does(tmp_path):
    (tmp_path / "here").mkdir()
    engine, said = Exhaustive(), []
    engine.build(VECTORS, tmp_path / "here")
    with Worker("exhaustive", told=said.append) as worker:
        built = worker.build(VECTORS, tmp_path / "there", 30)
        assert built["build_s"] > 0 and built["arguments"] == {} and said == ["reading the vectors", "building"]
        for together in (False, True):
            rows, scores, ms = worker.search(QUERIES, 7, together=together)
            assert (rows == engine.search(QUERIES, 7)[0]).all() and rows.dtype == np.int64
            np.testing.assert_allclose(scores, engine.search(QUERIES, 7)[1], rtol=1e-5)
            assert len(ms) == (1 if together else 30) and (ms > 0).all()
        assert len(worker.search(QUERIES, 7, together=True, least_s=0.05)[2]) > 3
        assert worker.search(QUERIES, 600)[0][0, 500:].tolist() == [-1] * 100
        assert 5 < worker.stats()["resident_mb"] <= worker.stats()["peak_mb"]
    assert worker._process.returncode == 0 and is_gone(worker.pid)
    assert sorted(path.name for path in tmp_path.glob("*/*")) == ["vectors.npy"] * 2  # nothing else was left
    with Worker("exhaustive") as worker:
        assert worker.open(tmp_path / "there", 30)["open_s"] > 0
        assert (worker.search(QUERIES, 7)[0] == engine.search(QUERIES, 7)[0]).all()


def test_a_slow_search_is_asked_less(tmp_path):
    with Worker("exhaustive") as worker:
        worker.build(VECTORS, tmp_path, 30)
        rows, scores, ms = worker.search(QUERIES, 3, most_s=0)
    assert rows.shape == scores.shape == (20, 3) and len(ms) == 20


def test_native_noise_is_no_answer(tmp_path, capfd):
    with fake("Noisy") as worker:
        assert worker.build(VECTORS, tmp_path, 30)["build_s"] >= 0
        assert worker.search(VECTORS[:5], 1)[0].ravel().tolist() != []
        assert worker.search(QUERIES, 1, together=True)[0].shape == (30, 1)
    assert capfd.readouterr() == ("", "")


def test_errors_come_back_with_their_sentence(tmp_path):
    with fake("Missing") as worker, pytest.raises(MissingExtra) as raised:
        worker.build(VECTORS, tmp_path, 30)
    assert str(raised.value) == "nolib is not installed. Install it: pip install -r requirements-engines.txt"
    for name in ("Full", "NativelyFull"):
        with fake(name) as worker, pytest.raises(TastespaceError, match="The disk is full: .*Make room"):
            worker.build(VECTORS, tmp_path, 30)
    with fake("Broken") as worker, pytest.raises(EngineFailed, match="failed: RuntimeError: assertion failed"):
        worker.build(VECTORS, tmp_path, 30)
    with pytest.MonkeyPatch.context() as full:  # what a library made of it does not matter then
        full.setattr("recsys.retrieval.worker.ROOM", 2**62)
        with fake("Broken") as worker, pytest.raises(TastespaceError, match="The disk is full: .*Make room"):
            worker.build(VECTORS, tmp_path / "not" / "there", 30)
        with Worker("exhaustive") as worker, pytest.raises(TastespaceError, match="The disk is full"):
            worker.open(tmp_path, 30)
    with Worker("exhaustive") as worker:
        with pytest.raises(NotBuilt, match="There is no index of exhaustive"):
            worker.open(tmp_path / "nowhere", 30)
        with pytest.raises(ValueError, match="a search after build or open"):
            worker.search(QUERIES, 1)
        with pytest.raises(ValueError, match="expected finite vectors, got NaN or infinity"):
            worker.build(VECTORS * np.nan, tmp_path, 30)
        worker.build(VECTORS, tmp_path, 30)  # it goes on after all that
        with pytest.raises(ValueError, match="expected finite queries"):
            worker.search(QUERIES * np.inf, 1)
        with pytest.raises(ValueError, match="got depth"):
            worker.search(QUERIES, 1, {"depth": 3})
        with pytest.raises(ValueError, match="k of 1 or more"):
            worker.search(QUERIES, 0)
        assert worker.search(QUERIES, 1)[0].shape == (30, 1)
    with Worker("exhaustive", {"depth": 1}) as worker, pytest.raises(EngineFailed, match="TypeError"):
        worker.build(VECTORS, tmp_path, 30)
    with Worker("nothing") as worker, pytest.raises(ValueError, match="expected one of exhaustive.*got nothing"):
        worker.build(VECTORS, tmp_path, 30)


@pytest.mark.parametrize(
    ("name", "sentence"), [("Killed", "was killed, perhaps for want of memory"), ("Crashing", r"crashed \(SIGSEGV\)")]
)
def test_a_process_that_dies_at_work(tmp_path, name, sentence):
    with fake(name) as worker:
        with pytest.raises(WorkerLost, match=sentence):
            worker.build(VECTORS, tmp_path, 30)
        with pytest.raises(WorkerLost, match=sentence):  # and so whenever it is asked again
            worker.stats()
    assert is_gone(worker.pid)


def test_a_process_that_is_killed_between_requests(tmp_path):
    with Worker("exhaustive") as worker:
        worker.build(VECTORS, tmp_path, 30)
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(WorkerLost):
            worker.search(QUERIES, 1)
    assert is_gone(worker.pid)
    worker.close()  # as often as one likes


def test_a_limit_of_time_ends_it_and_what_it_started(tmp_path):
    with fake("Slow") as worker:
        with pytest.raises(WorkerLost, match="took longer than 4 seconds and was stopped"):
            worker.build(VECTORS, tmp_path, 4)
        child = int((tmp_path / "child").read_text())
        assert is_gone(worker.pid) and wait_until(lambda: is_gone(child) or "(sleep) Z" in stat(child))


def stat(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""


def test_it_can_be_cancelled_from_another_thread(tmp_path):
    started = threading.Event()
    with fake("Slow", told=lambda what: what == "building" and started.set()) as worker:
        threading.Thread(target=lambda: started.wait(20) and worker.cancel()).start()
        with pytest.raises(WorkerLost, match="was stopped"):
            worker.build(VECTORS, tmp_path, 30)
    assert is_gone(worker.pid)


def test_an_interrupt_does_not_wait_for_the_work(tmp_path):
    def interrupt(what):
        if what == "building":
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), fake("Slow", told=interrupt) as worker:
        worker.build(VECTORS, tmp_path, 30)
    assert is_gone(worker.pid) and time.monotonic() - began < 9


def test_the_peak_is_the_build_s_own(tmp_path):
    with fake("Hungry") as worker:
        built = worker.build(VECTORS, tmp_path, 30)
        stats = worker.stats()
        assert 190 < stats["peak_mb"] - built["before_mb"] < 260 and stats["resident_mb"] < built["before_mb"] + 50
        worker.open(tmp_path, 30)
        assert worker.stats()["peak_mb"] < built["before_mb"] + 100  # counted anew


def test_a_worker_without_its_caller_ends_and_clears_up(tmp_path):
    code = f"""
import os, tempfile
import numpy as np
from pathlib import Path
from recsys.retrieval.worker import Worker
home = Path({str(tmp_path / "home")!r})
home.mkdir()
def told(what):
    if what == "building":
        print(worker.pid, flush=True)
worker = Worker("retrieval_fakes:Slow", scratch=home, told=told)
worker.build(np.ones((3, 2), dtype=np.float32), home / "index", 60)
"""
    search = os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]])
    environment = os.environ | {"PYTHONPATH": search}
    caller = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    pid = int(caller.stdout.readline())
    assert (tmp_path / "home").exists() and not is_gone(pid)
    caller.kill()
    caller.communicate()
    assert wait_until(lambda: not (tmp_path / "home").exists() and (is_gone(pid) or ") Z" in stat(pid)))


def test_it_has_low_priority_and_its_threads_to_itself(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    with Worker("exhaustive") as worker:
        worker.stats()
        assert os.getpriority(os.PRIO_PROCESS, worker.pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)
        assert b"OPENBLAS_NUM_THREADS" not in Path(f"/proc/{worker.pid}/environ").read_bytes()


def test_engines_by_name():
    assert find_engine("exhaustive") is find_engine("recsys.retrieval.exhaustive:Exhaustive") is Exhaustive
    assert not takes_queries(Exhaustive) and takes_queries(find_engine("retrieval_fakes:Half"))
