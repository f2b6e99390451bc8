"""How long the methods of diversity take, similarities included."""

import time

import numpy as np

from recsys.bench.record import percentiles, provenance
from recsys.diversity import METHODS, diversify

K = 10
GROUPS = 20
SEED = 0
TIMES = 200
SHAPES = ((1000, 384, 1), (1000, 768, 1), (200, 384, 101))
"""Candidates, dimensions, lambdas. 768 is a blend; 101 lambdas are the stops of the slider."""


def bench_diversity() -> dict:
    """Measures each method on made-up unit vectors (float32) with random relevance and groups.

    Returns:
        `k`, `seed`, `groups` and `runs`: one a shape with `candidates`, `dims`, `lambdas` and `methods`, of which each
        has `p50_ms`, `p95_ms`, `p99_ms`, `max_ms` and `n`, the times of one call.
    """
    return {
        "benchmark": "diversity",
        "k": K,
        "seed": SEED,
        "groups": GROUPS,
        "runs": [_run(*shape) for shape in SHAPES],
        **provenance(),
    }


def _run(n: int, dims: int, lambdas: int) -> dict:
    rng = np.random.default_rng(SEED)
    vectors = rng.standard_normal(size=(n, dims), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    relevance, groups = np.sort(rng.random(n))[::-1], rng.random((n, GROUPS)) < 2 / GROUPS
    lams = np.linspace(0, 1, lambdas) if lambdas > 1 else [0.5]

    def measure(method: str) -> dict:
        times_ms = []
        for _ in range(TIMES + 1):
            start = time.perf_counter()
            diversify(method, relevance, vectors, groups, K, lams)
            times_ms.append((time.perf_counter() - start) * 1000)
        return percentiles(times_ms[1:])  # the first one warms up

    return {
        "candidates": n,
        "dims": dims,
        "lambdas": lambdas,
        "methods": {method: measure(method) for method in METHODS},
    }
