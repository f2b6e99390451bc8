"""The funnel under load: real requests, times of each stage, more and more clients, a large catalog, a long run."""

import gc
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from recsys.bench.record import provenance
from recsys.candidates import STORE
from recsys.evaluation.records import folder_of, write_record
from recsys.funnel import PRODUCTION, Funnel, Request
from recsys.learning import lesson_of
from recsys.lessons.replay import WARM_UP, cached, ranker_of, replay, requests_of
from recsys.profile import Profile
from recsys.ranking.serving import Ranking
from recsys.retrieval.synthetic import grow
from recsys.settings import DEFAULT_K, Settings
from recsys.store import no_progress, open_store
from recsys.store.edge import EdgeStore, write_shard
from recsys.version import MANIFEST, Version, built_names, describe, open_current, write_tables
from recsys.wishes import Wishes

SEED = 0
SETTLING_S = 120.0
"""How long a long run goes on before its memory counts."""
SAMPLED_S = 1.0
TOLD = 10
"""Every so many-th sample of memory stands in the record."""


def bench_funnel(
    settings: Settings,
    catalogs: Sequence[str] = (),
    requests: int = 1000,
    clients: Sequence[int] = (1, 4, 16),
    synthetic: int | None = None,
    minutes: float = 0.0,
    out: Path | None = None,
    cache: bool = False,
    engine: str = STORE,
    progress: Callable[[int, int, str], None] = no_progress,
) -> dict:
    """Replays requests through each catalog's funnel.

    Args:
        settings: where catalogs and records are.
        catalogs: which; none for all that are built.
        requests: how many, the same ones for each number of clients.
        clients: numbers of clients, one after the other.
        synthetic: grow each catalog to so many items first; None for as it is.
        minutes: go on so long with the largest number of clients and watch memory; 0 for not.
        out: folder for the records of what is as it is; None for the data folder's.
        cache: also measure what kept user vectors save.
        engine: what retrieves, of `recsys.candidates.RETRIEVERS`; only the store's record is kept for the page.
        progress: called with (done, total, what).

    Returns:
        See docs/schema.md, `bench funnel`.

    Raises:
        NotBuilt: a catalog is not built.
        InvalidInput: no such engine. One whose library is not installed degrades every answer, which is counted.
    """
    runs = []
    for name in catalogs or built_names(settings):
        version = open_current(settings, name)
        with _grown(version, synthetic) if synthetic else _as_it_is(settings, version) as (funnel, asked):
            asked = [replace(request, engine=engine) for request in asked(requests)]
            _settle(funnel, asked)
            rows = [replay(funnel, asked, n, progress) for n in clients]
            soak = _soak(funnel, asked, max(clients), minutes, progress) if minutes else None
            kept = cached(funnel, asked, progress) if cache else None
            lesson = lesson_of(version)
            run = {
                "catalog": name,
                "protocol": "replay",
                "items": len(funnel.version.item_ids),
                "synthetic": bool(synthetic),
                "data": {"hash": lesson.ratings.fingerprint(), "from": lesson.about, "simulated": lesson.simulated},
                "sizes": [PRODUCTION.retrieve, PRODUCTION.filter, PRODUCTION.rank, DEFAULT_K],
                "engine": engine,
                "ranker": ranker_of(version),
                "diversity": "mmr",
                "seed": SEED,
                "process": _process(),
                "clients": rows,
                "soak": soak,
                "cache": kept,
                "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        if not synthetic and engine == STORE:
            write_record(out or folder_of(settings), run | provenance())
        runs.append(run)
    return {"benchmark": "funnel", "runs": runs, **provenance()}


def _settle(funnel: Funnel, asked: Sequence[Request]) -> None:
    """Has everything read that requests need, and takes it out of the garbage collector's rounds, as the app does."""
    for request in asked[:WARM_UP]:
        funnel.recommend(request if request.space else replace(request, space=funnel.best_space(request.profile)))
    gc.collect()
    gc.freeze()


def _process() -> dict:
    """How this process is set where it changes times."""
    return {
        "warm_up": WARM_UP,
        "gc": "automatic; what was loaded by then is frozen",
        "threads": max((pool["num_threads"] for pool in threadpool_info()), default=1),
        "switch_interval_ms": round(sys.getswitchinterval() * 1000, 3),
    }


@contextmanager
def _as_it_is(settings: Settings, version: Version) -> Iterator[tuple[Funnel, Callable[[int], list[Request]]]]:
    store = open_store(settings, version.shard, version.collection)
    funnel = Funnel(version, store, Wishes(version))
    yield funnel, lambda n: requests_of(version, n, SEED)
    store.close()


@contextmanager
def _grown(version: Version, n: int) -> Iterator[tuple[Funnel, Callable[[int], list[Request]]]]:
    """A funnel over so many items, grown from the catalog's content space; each is a copy of the nearest real one.

    Facets and the rankers' features of an item are those of the item that it copies.
    """
    space = version.default_space
    real = np.asarray(version.spaces[space])
    members = np.flatnonzero(real.any(axis=1))
    vectors = grow(real[members], n, SEED, unit=space != "blend")
    source = members[_nearest(vectors, real[members])]
    items = version.catalog.items.iloc[source].copy()
    items.index = [f"{item_id}-{copy}" for copy, item_id in enumerate(items.index)]
    items.index.name = "item_id"
    catalog = replace(version.catalog, items=items, interactions=None, users=None)
    with tempfile.TemporaryDirectory(prefix="tastespace-grown-") as folder:
        path = Path(folder)
        write_tables(path, catalog)
        np.save(path / f"{space}.npy", vectors)
        manifest = {
            "format": version.manifest["format"],
            "id": "grown",
            **describe(catalog),
            "spaces": {space: {"dim": vectors.shape[1], "items": n}},
            "default_space": space,
            "encoders": version.manifest["encoders"],
        }
        (path / MANIFEST).write_text(json.dumps(manifest))
        write_shard(path / "shard", {space: vectors}, catalog)
        grown, store = Version(path), EdgeStore(path / "shard")
        small = Funnel(version, store, Wishes(version))
        funnel = Funnel(grown, store, Wishes(version))
        funnel.ranking = _OfTheirSource(version, small.ranking, source)
        copies = {row: np.flatnonzero(source == row) for row in np.unique(source)}

        def asked(count: int) -> list[Request]:
            draw, found = np.random.default_rng(SEED), []
            for request in requests_of(version, count, SEED):
                rows = version.history(request.profile.person)[0] if request.profile.person else None
                likes = version.rows(request.profile.likes) if rows is None else rows[-30:]
                here = [copies[row][draw.integers(len(copies[row]))] for row in likes if row in copies]
                profile = Profile(tuple(grown.item_ids[here]), wish=request.profile.wish)
                found.append(replace(request, profile=profile, space=space))
            return found

        yield funnel, asked
        store.close()


class _OfTheirSource:
    """A catalog's rankers for copies of its items."""

    def __init__(self, version: Version, ranking: Ranking, source: np.ndarray) -> None:
        self._ranking, self._source, self.names = ranking, source, list(version.rankers)

    def person(self, profile: Profile, likes: np.ndarray, dislikes: np.ndarray, rated: np.ndarray):
        told = (self._source[rows] for rows in (likes, dislikes, rated))
        return self._ranking.person(Profile(about=profile.about), *told)

    def features(self, person, rows: np.ndarray) -> np.ndarray:
        return self._ranking.features(person, self._source[rows])

    def scores(self, name: str, features: np.ndarray) -> np.ndarray:
        return self._ranking.scores(name, features)


def _nearest(vectors: np.ndarray, real: np.ndarray, block: int = 4096) -> np.ndarray:
    """The nearest real vector of each, by cosine: (n,) int64."""
    unit = real / np.linalg.norm(real, axis=1, keepdims=True)
    parts = (vectors[start : start + block] @ unit.T for start in range(0, len(vectors), block))
    return np.concatenate([part.argmax(axis=1) for part in parts])


def _soak(funnel: Funnel, asked: Sequence[Request], clients: int, minutes: float, progress) -> dict:
    """Goes on for minutes; memory is sampled once a second, and its slope is fitted once it has settled."""
    samples: list[tuple[float, float]] = []
    ended, started = threading.Event(), time.monotonic()

    def watch() -> None:
        while not ended.wait(SAMPLED_S):
            samples.append((time.monotonic() - started, _resident_mb()))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    found = replay(funnel, asked, clients, progress, until=started + 60 * minutes)
    ended.set()
    watcher.join()
    settled = np.array([s for s in samples if s[0] >= min(SETTLING_S, 30 * minutes)]).reshape(-1, 2)
    slope, error = _slope(settled)
    return {
        "minutes": minutes,
        "clients": clients,
        "requests": found["requests"],
        "errors": sum(found["errors"].values()),
        "throughput": found.get("throughput"),
        "p99_ms": found["total"]["p99_ms"] if "total" in found else None,
        "slope_mb_per_min": slope,
        "slope_error": error,
        "memory_mb": [[round(t, 1), round(mb, 1)] for t, mb in samples[::TOLD]],
    }


def _slope(samples: np.ndarray) -> tuple[float | None, float | None]:
    """MB a minute by least squares over (seconds, MB), and its standard error; None of too few."""
    if len(samples) < 3:
        return None, None
    minutes, mb = samples[:, 0] / 60, samples[:, 1]
    centred = minutes - minutes.mean()
    spread = float(centred @ centred)
    slope = float(centred @ mb) / spread
    residual = mb - mb.mean() - slope * centred
    error = float(np.sqrt(residual @ residual / (len(mb) - 2) / spread))
    return round(slope, 3), round(error, 3)


def _resident_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmRSS"))
