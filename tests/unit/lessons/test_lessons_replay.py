"""Replay: requests that visitors could have made, and figures that count what happened."""

import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import recsys.lessons.replay as replay_module
from recsys.bench.funnel import _slope
from recsys.catalog import Catalog, Facet
from recsys.errors import StoreUnavailable
from recsys.evaluation.records import folder_of, write_record
from recsys.funnel import PRODUCTION, Request, Sizes
from recsys.lessons.replay import WARM_UP, cached, percentiles, replay, requests_of, stored
from recsys.profile import Profile
from recsys.settings import Settings
from recsys.towers import Query
from recsys.trace import Stage, Trace

N = 30


def shop(make_version, interactions: pd.DataFrame | None = None):
    ids = [f"i{j:02}" for j in range(N)]
    items = pd.DataFrame(
        {
            **{"title": ids, "description": "", "tags": [()] * N, "image": None, "year": 1990.0 + np.arange(N)},
            "category": list("abc") * (N // 3),
            "in_stock": pd.array([j % 5 > 0 for j in range(N)], dtype="boolean"),
        },
        index=pd.Index(ids, name="item_id"),
    )
    facets = (
        Facet("category", "Category", "category"),
        Facet("year", "Year", "number"),
        Facet("in_stock", "In stock", "flag"),
    )
    catalog = Catalog("shop", "Shop", "", items, facets, "category", "none", "", interactions)
    vectors = np.random.default_rng(1).normal(size=(N, 5)).astype(np.float32)
    return make_version(catalog, {"text": vectors}, shard=False)


@pytest.fixture(scope="module")
def rated(make_version):
    rows = [("ann", f"i{j:02}", 1.0 + j % 5, 100 + j) for j in range(20)] + [("bob", "i03", 5.0, 7)]
    return shop(make_version, pd.DataFrame(rows, columns=["user_id", "item_id", "rating", "timestamp"]))


def test_requests_of_real_people_repeat_and_are_theirs(rated):
    requests = requests_of(rated, 200, seed=4)
    assert requests == requests_of(rated, 200, seed=4) != requests_of(rated, 200, seed=5)
    assert {r.profile.person for r in requests} == {None, "ann", "bob"}
    assert all(r.sizes == PRODUCTION and r.ranker == "none" for r in requests)  # this catalog has no ranker
    for request in requests:
        if request.profile.person is None:
            likes, dislikes = request.profile.likes, request.profile.dislikes
            assert all(int(i[1:]) % 5 >= 3 for i in likes if i != "i03") and all(int(i[1:]) % 5 <= 1 for i in dislikes)
    conditioned = [r.where for r in requests if r.where]
    assert 50 < len(conditioned) < 110 and {len(w.conditions) for w in conditioned} == {1, 2}
    for where in conditioned:
        assert rated.facets.mask(where).any() or len(where.conditions) == 2


def test_requests_where_nobody_is_real(make_version):
    version = shop(make_version)
    requests = requests_of(version, 50)
    assert all(r.profile.likes and r.profile.person is None for r in requests)
    assert len({r.profile.likes for r in requests}) > 20


class FakeFunnel:
    """Answers in 1 ms a stage, as its trace says; every tenth request fails, every fifth degrades."""

    def __init__(self, fails: bool = True) -> None:
        self.asked, self.spaces, self.together, self._now, self._lock = 0, set(), 0, 0, threading.Lock()
        self._fails = fails

    def best_space(self, profile):
        return "best"

    def recommend(self, request):
        with self._lock:
            self.asked += 1
            number, self._now = self.asked, self._now + 1
            self.together = max(self.together, self._now)
            self.spaces.add(request.space)
        time.sleep(0.002)
        with self._lock:
            self._now -= 1
        if self._fails and number > WARM_UP and number % 10 == 0:
            raise StoreUnavailable("gone")
        trace = Trace([Stage(name, 1, 1, ms=ms) for name, ms in (("user", 1.0), ("retrieve", 3.0))], [], 4.0)
        trace.degraded = ["slow"] if number % 5 == 0 else []
        return SimpleNamespace(trace=trace, picks=[0] * 10, request=request)


def some(n: int) -> list[Request]:
    return [Request(Profile(likes=(f"i{j:02}",)), space=None if j % 2 else "text") for j in range(n)]


def test_what_happened_is_counted():
    funnel, told = FakeFunnel(), []
    found = replay(funnel, some(100), progress=lambda *p: told.append(p))
    assert funnel.asked == WARM_UP + 100 and funnel.spaces == {"best", "text"} and funnel.together == 1
    assert found["errors"] == {"StoreUnavailable": 10} and found["requests"] == 90
    assert found["degraded"] == 10  # every fifth, but every tenth failed
    assert found["stages"]["user"]["p50_ms"] == 1 and found["stages"]["retrieve"]["p99_ms"] == 3
    assert set(found["stages"]) == {"user", "retrieve"} and found["covered"] == 1
    assert found["total"]["p50_ms"] >= 2 and 0 < found["throughput"] < 500
    assert told[0] == (20, 100, "1 at once")


def test_clients_ask_at_once_and_each_request_comes_once():
    funnel = FakeFunnel(fails=False)
    found = replay(funnel, some(60), clients=4)
    assert funnel.asked == WARM_UP + 60 and 2 <= funnel.together <= 4
    assert found["requests"] == 60 and found["clients"] == 4 and not found["errors"]


def test_it_can_be_stopped_and_can_go_on():
    funnel = FakeFunnel(fails=False)
    found = replay(funnel, some(60), stop=lambda: funnel.asked >= WARM_UP + 5)
    assert found["requests"] == 5
    assert replay(funnel, some(3), stop=lambda: True) == {
        **{"clients": 1, "errors": {}, "requests": 0, "degraded": 0, "short": 0}
    }
    found = replay(funnel, some(3), until=time.monotonic() + 0.1)
    assert found["requests"] > 3


class SlowTower:
    """A vector takes 2 ms of a clock that nothing else moves."""

    space, cosine = "text", True

    def __init__(self) -> None:
        self.now = 0.0

    def query(self, profile: Profile) -> Query:
        self.now += 0.002
        return Query(np.array([1.0, 0.0]), {})

    def follow(self, profile: Profile):
        query = self.query(profile)
        return SimpleNamespace(profile=profile, query=lambda: query)


def test_what_kept_vectors_save(monkeypatch):
    """Three of ten visitors are known; whoever said nothing new is not computed again, and that is what is timed."""
    tower, asked = SlowTower(), []
    monkeypatch.setattr(replay_module, "time", SimpleNamespace(perf_counter=lambda: tower.now))

    class Kept(FakeFunnel):
        def tower(self, request):
            return tower

        def recommend(self, request, query=None):
            assert query is not None
            asked.append(request)
            return SimpleNamespace(trace=Trace([Stage("user", 1, 1, ms=0.5), Stage("retrieve", 1, 1, ms=9)], [], 9.5))

    requests = [Request(Profile(likes=(f"i{j:02}",), person="ann" if j < 3 else None), "text") for j in range(10)]
    rows = {row["pattern"]: row for row in cached(Kept(), requests)}
    bare = [replace(r, sizes=Sizes(1, 1, 1), k=1, diversity="plain") for r in requests]  # only the first stage counts
    assert asked == bare * 4
    told = {name: (row["kept"], row["p50_ms"], row["saved"]) for name, row in rows.items()}
    # Milliseconds in all: ten times 2.5; ten times 0.5; seven times 2.5 and three times 0.5.
    assert told == {
        "recompute": (0, 2.5, 0),
        "ttl": (1, 0.5, 0.8),
        "incremental": (1, 0.5, 0.8),
        "nightly": (0.3, 2.5, 0.24),
    }


def test_percentiles_by_hand():
    assert percentiles([float(v) for v in range(1, 102)]) == {"p50_ms": 51, "p95_ms": 96, "p99_ms": 100, "max_ms": 101}


def test_the_slope_of_memory_by_hand():
    seconds = np.arange(0, 300, 1.0)
    slope, error = _slope(np.column_stack([seconds, 100 + 2.5 * seconds / 60]))
    assert slope == pytest.approx(2.5) and error == pytest.approx(0, abs=1e-6)
    wobble = np.where(np.arange(300) % 2, 1.0, -1.0)
    slope, error = _slope(np.column_stack([seconds, 100 + wobble]))
    assert abs(slope) < 2 * error and 0.01 < error < 0.1
    assert _slope(np.zeros((2, 2))) == (None, None)


def test_stored_records(tmp_path):
    settings = Settings(data=tmp_path)
    assert stored(settings, "shop") is None
    record = {"catalog": "shop", "protocol": "replay", "data": {}, "clients": []}
    write_record(folder_of(settings), record)
    assert stored(settings, "shop") == record
