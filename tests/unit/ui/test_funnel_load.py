"""What a replay tells: sentences whose figures can be read off, damaged records, and a replay beside the app."""

import threading
import time
from types import SimpleNamespace

import pytest

from recsys.errors import InvalidInput, StoreUnavailable
from recsys.ui.funnel import loaded, replaying
from recsys.ui.funnel.replaying import Replaying
from recsys.ui.pipeline import Pipeline


def times(p50: float, p95: float, p99: float) -> dict:
    return {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "max_ms": p99}


def row(clients: int = 1, p99: float = 150.0, throughput: float = 25.0, **more) -> dict:
    return {
        "clients": clients,
        "requests": 1000,
        "errors": {},
        "degraded": 0,
        "throughput": throughput,
        "total": times(30, 80, p99),
        "stages": {"user": times(1, 2, 3), "retrieve": times(10, 20, 45), "rank": times(15, 40, 90)},
        **more,
    }


@pytest.mark.parametrize(("p99", "verdict"), [(150.0, "150 ms or less: within the budget of 200"), (200.4, "over")])
def test_the_headline_holds_the_99th_percentile_against_the_budget(p99, verdict):
    assert verdict in loaded.headline(row(p99=p99), Pipeline())


def test_the_budget_is_the_visitors_own():
    mine = Pipeline().with_budget("total", 100).with_budget("retrieve", 50)
    assert "over the budget of 100 ms" in loaded.headline(row(), mine)
    assert "Retrieve (45 ms of 30)" in loaded.stages(row(), Pipeline())
    assert loaded.stages(row(), mine) == (
        "Rank takes most of the time, 15 ms in the median. Every stage is within its budget even at the 99th "
        "percentile."
    )


def test_more_clients_are_told_with_what_they_cost():
    told = loaded.clients([row(), row(16, 480.0, 61.0)])
    assert "One client gets 25 answers a second, 16 get 61 together" in told and "from 150 ms to 480 ms" in told
    assert loaded.clients([row()]) == ""


def test_what_failed_is_counted():
    assert loaded.troubles([row(), row(4)]) == "None of 2,000 requests failed, and no stage had to be passed over."
    bad = row(requests=990, errors={"StoreUnavailable": 7, "ValueError": 3}, degraded=20)
    assert loaded.troubles([bad]) == "Of 1,000 requests 10 failed, and in 20 a stage had to be passed over."


def test_a_busy_machine_is_said():
    assert "15 processes wanted its 2 cores" in loaded.busy({"machine": {"cores": 2, "load_1min": 15.4}})
    some = [{"machine": {"cores": 2, "load_1min": load}} for load in (1.2, 9.1, 3.0)]
    assert "1 to 9 processes wanted its 2 cores" in loaded.busy(*some, {})
    assert loaded.busy({"machine": {"cores": 2, "load_1min": 1.1}}) == loaded.busy({}) == ""


@pytest.mark.parametrize(
    ("slope", "error", "said"),
    [(0.05, 0.06, "does not grow: +0.05"), (3.0, 0.5, "grows: +3.00"), (-1, 0.1, "not grow")],
)
def test_memory_grows_where_its_slope_is_surely_above_0(slope, error, said):
    told = {"minutes": 5, "clients": 16, "slope_mb_per_min": slope, "slope_error": error}
    assert said in loaded.soak({"soak": told})
    assert (
        loaded.soak({"soak": None}) == loaded.soak({}) == loaded.soak({"soak": told | {"slope_mb_per_min": None}}) == ""
    )


def test_a_record_comes_by_rising_clients_without_what_cannot_be_told():
    record = {"clients": [row(16), row(4) | {"total": {"p50_ms": 1}}, row(1)]}
    assert [one["clients"] for one in loaded.usable(record)["clients"]] == [1, 16]


@pytest.mark.parametrize(
    "broken",
    [
        {"stages": {"magic": times(1, 2, 3)}},
        {"stages": None},
        {"throughput": 0},
        {"throughput": None},
        {"clients": "many"},
        {"total": times(float("nan"), 2, 3)},
        {"total": times("1", 2, 3)},
    ],
)
def test_a_damaged_record_is_none(broken):
    assert loaded.usable({"clients": [row(**broken)]}) is None


@pytest.mark.parametrize("record", [None, [], "x", {}, {"clients": None}, {"clients": []}, {"clients": [None, 3]}])
def test_what_is_no_record_is_none(record):
    assert loaded.usable(record) is None


@pytest.mark.parametrize(("ms", "words"), [(123.4, "123 ms"), (9.96, "10.0 ms"), (0.164, "0.16 ms")])
def test_times_have_the_digits_that_mean_something(ms, words):
    assert loaded.ms(ms) == words


QUIET = SimpleNamespace(version=SimpleNamespace(name="shop"))
FUNNEL = SimpleNamespace(version=QUIET.version, unobserved=lambda: QUIET)


def ended(one: Replaying):
    """What is told once it no longer runs."""
    for _ in range(500):
        if one.told().state != "running":
            return one.told()
        time.sleep(0.01)
    raise AssertionError("it should have ended")


@pytest.fixture
def replays(monkeypatch):
    """Replaces what a replay does."""

    def does(function):
        monkeypatch.setattr(replaying, "requests_of", lambda version, n: list(range(n)))
        monkeypatch.setattr(replaying, "replay", function)
        monkeypatch.setattr(replaying, "cached", lambda funnel, requests, stop: [])
        return Replaying()

    return does


def test_a_replay_tells_how_far_it_is_and_what_it_found(replays):
    go_on, half = threading.Event(), threading.Event()

    def replay(funnel, requests, clients, progress, stop):
        assert funnel is QUIET  # nobody visited: these are no requests of the log
        progress(50, len(requests), "")
        half.set()
        assert go_on.wait(5)
        return row(clients)

    one = replays(replay)
    assert one.told().state == "none"
    one.start(FUNNEL, 100, 4)
    assert half.wait(5)
    told = one.told()
    assert (told.state, told.catalog, told.clients, told.done, told.total) == ("running", "shop", 4, 50, 100)
    with pytest.raises(InvalidInput, match="right now"):
        one.start(FUNNEL, 100, 1)
    go_on.set()
    told = ended(one)
    assert told.state == "finished" and told.row == row(4) | {"cache": []} and told.seconds > 0


def test_a_replay_tells_what_a_cache_saves_from_some_of_its_requests(replays, monkeypatch):
    kept = [{"pattern": "ttl", "kept": 1.0, "p50_ms": 0.1, "saved": 0.9}]

    def cached(funnel, requests, stop):
        assert funnel is QUIET and len(requests) == replaying.CACHED and not stop()
        return kept

    one = replays(lambda funnel, requests, clients, progress, stop: row(clients))
    monkeypatch.setattr(replaying, "cached", cached)
    one.start(FUNNEL, 1000, 1)
    assert ended(one).row["cache"] == kept


def test_what_a_cache_saves_is_held_against_a_whole_request():
    rows = [{"pattern": p, "kept": k, "p50_ms": ms, "saved": s} for p, k, ms, s in (("recompute", 0, 1.5, 0.0),)]
    told = loaded.cache(rows, row())
    assert "takes 1.5 ms of 30 ms in the median, so keeping points saves about 5.0% of a request at most" in told
    assert "with one client" in loaded.cache(rows, row(4)) and "with one client" in loaded.cache([], row())
    assert loaded.cached({"cache": [*rows, {"pattern": "ttl"}, {"pattern": "<b>"}, 3]}) == rows
    assert loaded.cached({"cache": None}) == loaded.cached({}) == loaded.cached(None) == []


def test_a_replay_can_be_stopped_and_keeps_what_was_answered(replays):
    def replay(funnel, requests, clients, progress, stop):
        while not stop():
            time.sleep(0.01)
        return row(requests=40)

    one = replays(replay)
    one.start(FUNNEL, 100, 1)
    one.stop()
    told = ended(one)
    assert told.state == "stopped" and told.row["requests"] == 40
    one.start(FUNNEL, 100, 4)  # the way is free again
    one.stop()
    assert ended(one).clients == 4


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StoreUnavailable("The store is gone.", "Start it."), "The store is gone. Start it."),
        (KeyError("x"), "KeyError"),
    ],
)
def test_a_replay_that_fails_says_why(replays, error, words):
    def replay(*arguments):
        raise error

    one = replays(replay)
    one.start(FUNNEL, 100, 1)
    told = ended(one)
    assert told.state == "failed" and words in told.problem and told.row is None


def test_a_replay_of_which_nothing_was_answered_has_failed(replays):
    one = replays(lambda *arguments: {"requests": 0, "errors": {"StoreUnavailable": 9}})
    one.start(FUNNEL, 9, 1)
    told = ended(one)
    assert told.state == "failed" and told.row is None and "Not one request" in told.problem
