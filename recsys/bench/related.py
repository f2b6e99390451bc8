"""Related items: how long a look-up takes, and whether the lists made beforehand are the exact ones."""

import time

import numpy as np

from recsys.bench.record import percentiles, provenance
from recsys.funnel import Funnel
from recsys.retrieval.precomputed import LENGTH
from recsys.settings import Settings
from recsys.store import Store
from recsys.version import Version, built_names, open_current

N = 10
LOOKUPS = 20_000
SEED = 0
SLACK = 2e-6
"""Scores are rounded to six decimals, once here and once when the lists were made."""


def bench_related(settings: Settings) -> dict:
    """Looks up related items in every space of every built catalog.

    Returns:
        See docs/schema.md, `bench related`.
    """
    catalogs = {}
    for name in built_names(settings):
        version = open_current(settings, name)
        funnel = Funnel(version, _no_store(), dict)
        catalogs[name] = {space: _measured(funnel, version, space) for space in version.spaces}
    return {"benchmark": "related", "n": N, "length": LENGTH, "seed": SEED, "catalogs": catalogs, **provenance()}


def _no_store() -> Store:
    return None  # type: ignore[return-value]  a look-up asks no store


def _measured(funnel: Funnel, version: Version, space: str) -> dict:
    ids, times_ms = version.item_ids, []
    funnel.related(str(ids[0]), space, N)
    for row in np.random.default_rng(SEED).integers(len(ids), size=LOOKUPS):
        item_id = str(ids[row])
        start = time.perf_counter()
        funnel.related(item_id, space, N)
        times_ms.append((time.perf_counter() - start) * 1000)
    equal = exact_lists(funnel, version, space)
    return {"dims": version.spaces[space].shape[1], "items": len(ids), "equal": equal, **_micro(times_ms)}


def exact_lists(funnel: Funnel, version: Version, space: str) -> int:
    """How many items have the list that comparing with all others gives, by scores: ties may stand in any order."""
    vectors = np.asarray(version.spaces[space], dtype=np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    there, equal = lengths[:, 0] > 0, 0
    for row, item_id in enumerate(version.item_ids):
        cosines = vectors @ vectors[row]
        cosines[~there], cosines[row] = -np.inf, -np.inf
        wanted = np.sort(cosines)[::-1][: min(LENGTH, int(there.sum()) - 1)] if there[row] else np.zeros(0)
        rows, scores = funnel.related(str(item_id), space, LENGTH)
        same = len(rows) == len(wanted) == len(set(rows.tolist()))
        equal += bool(
            same
            and np.allclose(scores, wanted, rtol=0, atol=SLACK)
            and np.allclose(cosines[rows], scores, rtol=0, atol=SLACK)
        )
    return equal


def _micro(times_ms: list[float]) -> dict:
    """Percentiles with more decimals than other benchmarks need: a look-up takes microseconds."""
    p50, p95, p99 = np.percentile(times_ms, [50, 95, 99])
    return percentiles(times_ms) | {"p50_ms": round(p50, 5), "p95_ms": round(p95, 5), "p99_ms": round(p99, 5)}
