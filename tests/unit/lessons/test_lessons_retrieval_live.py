"""Live engines: they answer as they should, share few processes, and whatever happens to one is a sentence."""

import os
import signal
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from recsys.errors import MissingExtra, TastespaceError
from recsys.lessons.retrieval import live
from recsys.lessons.retrieval.live import Busy, Pool, found_each, stops, true_nearest, verdict
from recsys.lessons.retrieval.queries import Searched
from recsys.retrieval import ENGINES, engine_class
from recsys.retrieval.worker import WorkerLost

RNG = np.random.default_rng(0)
VECTORS = RNG.standard_normal((200, 8)).astype(np.float32)
QUERIES = RNG.standard_normal((6, 8)).astype(np.float32)
AMONG = Searched("some", "text", np.arange(200), VECTORS)
OTHER = Searched("others", "text", np.arange(100), VECTORS[:100])


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    """Workers find engines that misbehave, and everything temporary lies where it can be counted."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "retrieval"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    yield
    assert until(lambda: not list((tmp_path / "temporary").iterdir()))


@pytest.fixture
def pool():
    pools = []

    def make(most: int = 3) -> Pool:
        pools.append(Pool(most))
        return pools[-1]

    yield make
    for one in pools:
        one.close()


def until(true, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


def pids(pool: Pool) -> dict[tuple[str, str], int]:
    return {key: one._worker.pid for key, one in pool._live.items()}


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_one_process_answers_again_and_again(pool):
    one, truth = pool(), true_nearest(AMONG, QUERIES)
    single = one.ask("exhaustive", AMONG, QUERIES[:1])
    assert single.rows.shape == (1, 10) and single.ms > 0 and single.build_s > 0
    assert (single.rows[0] == truth[0][0]).all()
    (pid,) = pids(one).values()
    together = one.ask("exhaustive", AMONG, QUERIES, k=3, together=True)
    assert (together.rows == truth[0][:, :3]).all()
    assert list(pids(one).values()) == [pid]


def test_knobs_reach_the_engine(pool):
    half, truth = "retrieval_fakes:Noisy", true_nearest(AMONG, QUERIES)
    one = pool()
    assert (one.ask(half, AMONG, QUERIES, together=True).rows == truth[0]).all()
    with pytest.raises(ValueError, match="probes"):
        one.ask(half, AMONG, QUERIES, {"probes": 3})
    assert not one._live  # what went wrong once is not asked again
    assert (one.ask(half, AMONG, QUERIES, together=True).rows == truth[0]).all()


def test_the_one_asked_longest_ago_makes_room(pool):
    one = pool(2)
    one.ask("exhaustive", AMONG, QUERIES[:1])
    first = pids(one)["exhaustive", "some"]
    one.ask("precomputed", AMONG, QUERIES[:1])
    one.ask("exhaustive", AMONG, QUERIES[:1])
    one.ask("exhaustive", OTHER, QUERIES[:1])
    assert list(pids(one)) == [("exhaustive", "some"), ("exhaustive", "others")]
    assert pids(one)["exhaustive", "some"] == first and not is_gone(first)
    assert one.ask("exhaustive", OTHER, QUERIES[:1]).rows.max() < 100


def test_who_is_at_work_makes_no_room(pool, monkeypatch):
    monkeypatch.setattr(live, "PATIENCE_S", 0.3)
    one = pool(1)
    assert one.prepare("retrieval_fakes:Slow", AMONG, 0.5) >= 0.5
    with pytest.raises(Busy, match="busy"):
        one.ask("exhaustive", AMONG, QUERIES[:1])
    (pid,) = pids(one).values()
    one.close()
    assert is_gone(pid)
    with pytest.raises(WorkerLost, match="stopped"):
        one.prepare("retrieval_fakes:Slow", AMONG, 10)


def test_a_long_build_is_waited_for_in_the_background(pool):
    one = pool()
    assert one.prepare("exhaustive", AMONG, 30) is None
    assert one.prepare("exhaustive", AMONG, 0) is None
    first, second = (one.prepare("retrieval_fakes:Slow", AMONG, 0.2) for _ in range(2))
    assert 0.2 <= first < second
    assert one.ask("exhaustive", AMONG, QUERIES[:1]).rows.shape == (1, 10)  # the others answer meanwhile


def test_a_failed_build_is_told_once_and_then_tried_again(pool):
    one = pool()
    for _ in range(2):
        with pytest.raises(MissingExtra, match="nolib"):
            one.prepare("retrieval_fakes:Missing", AMONG, 30)
    assert not one._live


@pytest.mark.parametrize(
    ("engine", "says"),
    [("Missing", "not installed"), ("Full", "disk is full"), ("Crashing", "crashed"), ("Killed", "killed")],
)
def test_what_goes_wrong_is_a_sentence_and_leaves_nothing(pool, engine, says):
    one = pool()
    with pytest.raises(TastespaceError, match=says):
        one.ask(f"retrieval_fakes:{engine}", AMONG, QUERIES[:1])
    assert not one._live and one.ask("exhaustive", AMONG, QUERIES[:1]).rows.shape == (1, 10)


def test_after_a_kill_the_next_question_starts_anew(pool):
    one = pool()
    one.ask("exhaustive", AMONG, QUERIES[:1])
    (pid,) = pids(one).values()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(WorkerLost):
        one.ask("exhaustive", AMONG, QUERIES[:1])
    one.ask("exhaustive", AMONG, QUERIES[:1])
    assert list(pids(one).values()) != [pid]


def test_nowhere_to_write_is_a_sentence(pool, monkeypatch, tmp_path):
    one = pool()
    with monkeypatch.context() as nowhere:
        nowhere.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
        with pytest.raises(TastespaceError, match="handed its vectors"):
            one.ask("exhaustive", AMONG, QUERIES[:1])
    assert one.ask("exhaustive", AMONG, QUERIES[:1]).rows.shape == (1, 10)


def test_many_ask_at_once(pool):
    one, wrong = pool(2), []
    truth = {among.name: true_nearest(among, QUERIES)[0] for among in (AMONG, OTHER)}

    def ask(number: int) -> None:
        for turn in range(4):
            among = (AMONG, OTHER)[(number + turn) % 2]
            found = one.ask("exhaustive", among, QUERIES, together=True).rows
            if not (found == truth[among.name]).all():
                wrong.append((number, turn))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong and len(pids(one)) == 2


def test_a_verdict_names_what_is_missed():
    vectors = np.array([[1.0], [0.9], [0.8], [0.7], [0.8]], dtype=np.float32)
    among, query = Searched("five", "text", np.arange(5), vectors), np.ones(1, dtype=np.float32)
    truth = true_nearest(among, query[None], 3)
    assert truth[0].tolist() == [[0, 1, 2]]
    told = verdict(np.array([0, 3, -1]), among, query, truth)
    assert (told.found, told.rows.tolist(), told.missed.tolist()) == (1, [0, 3], [1, 2])
    tied = verdict(np.array([0, 1, 4]), among, query, truth)  # as near as the one that is left out
    assert (tied.found, tied.missed.tolist()) == (3, [])
    queries = np.repeat(query[None], 2, axis=0)
    answers = np.array([[0, 1, 2], [3, -1, -1]])
    assert found_each(answers, among, queries, true_nearest(among, queries, 3)).tolist() == [3, 0]


def test_stops_beyond_everything_are_not_offered():
    assert stops("faiss-ivf", 3224) == {"probes": (1, 2, 4, 8, 16, 32, 64, 128)}  # of 82 cells
    assert stops("faiss-pq", 100) == {"rescore": (0, 1, 2, 4, 8, 16)}
    assert stops("faiss-ivf", 30) == {"probes": (1,)}
    assert stops("exhaustive", 30) == {}
    assert stops("faiss-ivf", 3224, build={"cells": 8}) == {"probes": (1, 2, 4, 8)}


def test_each_way_to_build_has_an_index_of_its_own(pool):
    pytest.importorskip("faiss")
    one = pool()
    assert one.prepare("faiss-ivf", AMONG, 30, {"cells": 2}) is None
    half = one.ask("faiss-ivf", AMONG, QUERIES, {"probes": 1}, together=True, build={"cells": 200})
    whole = one.ask("faiss-ivf", AMONG, QUERIES, {"probes": 2}, together=True, build={"cells": 2})
    assert list(pids(one)) == [("faiss-ivf", "some cells=200"), ("faiss-ivf", "some cells=2")]
    assert (whole.rows == true_nearest(AMONG, QUERIES)[0]).all() and (half.rows[:, 1:] == -1).all()


@pytest.mark.parametrize("engine", [name for name in ENGINES if engine_class(name).knobs])
def test_each_engine_has_its_stops_and_the_default_is_one(engine):
    knobs, defaults = engine_class(engine).knobs, engine_class(engine).defaults
    for n in (1, 50, 3224, 10**6):
        for name, values in stops(engine, n).items():
            assert values and values == knobs[name].values[: len(values)]
            assert defaults[name] in values or defaults[name] > values[-1]
