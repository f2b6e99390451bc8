"""Qdrant Edge against qdrant-client's local mode, both behind `Store`, in one run on the same synthetic catalog."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from qdrant_client import QdrantClient

from recsys.bench.record import percentiles, provenance
from recsys.catalog import Catalog, Facet
from recsys.store import Progress, Store, no_progress
from recsys.store.client import ClientStore, Connection, write_collection
from recsys.store.edge import EdgeStore, write_shard
from recsys.where import FacetTable, Where

K = 10
CANDIDATES = 100
LAM = 0.7
SPACE = "text"
CONDITIONS = ("category=c1,c2,c3", "price>=50")
CLUSTERS = 200
QUERIES = 200
MIN_QUERIES = 5
BUDGET_S = 20.0
"""A kind of query is asked `QUERIES` times, or fewer once this has passed; `MIN_QUERIES` times in any case."""


def bench_store(
    sizes: Sequence[int] = (4_000, 100_000), dims: int = 384, seed: int = 0, progress: Progress = no_progress
) -> dict:
    """Measures both; each answer is checked against NumPy, not against what the store says.

    The vectors are unit length and lie in clusters, as real embeddings do: `CLUSTERS` random centres plus noise of
    the same length. A query is an item with half as much noise again. Local mode is qdrant-client on a folder.

    Args:
        sizes: numbers of items.
        dims: dimension of the one space.
        seed: of vectors, facets and queries.
        progress: told what is being measured.

    Returns:
        `dims`, `k`, `candidates`, `lam`, `where`, and `runs`: one a size with `points`, `edge`, `local` and
        `ratios` (edge / local). A store's figures: `build_s`, `reopen_s`, `exact`, and for each of `plain`,
        `filtered` and `mmr`: `p50_ms`, `p95_ms`, `p99_ms`, `max_ms`, `queries` (how many were timed; few in local mode,
        so its p99 is its maximum) and, but for `mmr`, `recall@10`.
    """
    runs = [_run(n, dims, seed, progress) for n in sizes]
    return {
        "benchmark": "store",
        "dims": dims,
        "seed": seed,
        "k": K,
        "candidates": CANDIDATES,
        "lam": LAM,
        "where": list(CONDITIONS),
        "runs": runs,
        **provenance(),
    }


def _run(n: int, dims: int, seed: int, progress: Progress) -> dict:
    rng = np.random.default_rng(seed)
    catalog, vectors = _catalog(rng, n), _vectors(rng, n, dims)
    queries = _unit(vectors[rng.integers(n, size=QUERIES)] + 0.5 * _unit(rng.normal(size=(QUERIES, dims))))
    where = Where.parse(CONDITIONS, catalog)
    allowed = FacetTable(catalog).mask(where)
    figures: dict = {"points": n, "matching": int(allowed.sum())}
    with tempfile.TemporaryDirectory() as folder:
        for name, write, reopen in (
            ("edge", _write_edge, lambda path: EdgeStore(path / "shard")),
            ("local", _write_local, _open_local),
        ):
            progress(0, 1, f"{name}, {n:,} items: building")
            build_s = _seconds(lambda write=write: write(Path(folder), catalog, vectors))
            started = time.perf_counter()
            store = reopen(Path(folder))
            reopen_s = time.perf_counter() - started
            progress(0, 1, f"{name}, {n:,} items: asking")
            figures[name] = {
                "build_s": round(build_s, 3),
                "reopen_s": round(reopen_s, 4),
                "exact": store.exact,
                **_ask(store, vectors, queries, where, allowed),
            }
            store.close()
            progress(1, 1, f"{name}, {n:,} items: done")
    figures["ratios"] = _ratios(figures["edge"], figures["local"])
    return figures


def _catalog(rng: np.random.Generator, n: int) -> Catalog:
    """Ten categories of equal size and a price from 0 to 100, so that the two conditions let 15 % through."""
    items = pd.DataFrame(
        {
            "title": "title",
            "description": "",
            "tags": [()] * n,
            "image": None,
            "category": [f"c{c}" for c in rng.integers(10, size=n)],
            "price": rng.uniform(0, 100, size=n),
        },
        index=pd.Index([f"item-{row}" for row in range(n)], name="item_id"),
    )
    facets = (Facet("category", "Category", "category"), Facet("price", "Price", "number"))
    return Catalog("bench", "Benchmark", "", items, facets, categories="category", licence="none")


def _vectors(rng: np.random.Generator, n: int, dims: int) -> np.ndarray:
    """(n, dims) float32, unit length, in clusters."""
    centres = _unit(rng.normal(size=(CLUSTERS, dims)))
    noise = _unit(rng.standard_normal(size=(n, dims), dtype=np.float32))
    return _unit(centres[rng.integers(CLUSTERS, size=n)] + noise)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _write_edge(folder: Path, catalog: Catalog, vectors: np.ndarray) -> None:
    write_shard(folder / "shard", {SPACE: vectors}, catalog)


def _write_local(folder: Path, catalog: Catalog, vectors: np.ndarray) -> None:
    connection = _connect_local(folder)
    write_collection(connection, catalog.name, {SPACE: vectors}, catalog)
    connection.client.close()


def _open_local(folder: Path) -> Store:
    return ClientStore(_connect_local(folder), "bench")


def _connect_local(folder: Path) -> Connection:
    return Connection(QdrantClient(path=str(folder / "local")), "memory", "local mode")


def _ask(store: Store, vectors: np.ndarray, queries: np.ndarray, where: Where, allowed: np.ndarray) -> dict:
    """Times the three kinds of query, and counts how many of the true nearest were found."""
    everything = np.ones(len(vectors), dtype=bool)
    return {
        "plain": _measure(lambda q: store.nearest(SPACE, q, K)[0], queries, vectors, everything),
        "filtered": _measure(lambda q: store.nearest(SPACE, q, K, where)[0], queries, vectors, allowed),
        "mmr": _measure(lambda q: store.nearest_diverse(SPACE, q, K, LAM, CANDIDATES), queries),
    }


def _measure(
    ask: Callable[[np.ndarray], np.ndarray],
    queries: np.ndarray,
    vectors: np.ndarray | None = None,
    allowed: np.ndarray | None = None,
) -> dict:
    ask(queries[0])  # warms up what is lazily mapped
    times_ms, answers = [], []
    for query in queries:
        if len(times_ms) >= MIN_QUERIES and sum(times_ms) > BUDGET_S * 1000:
            break
        started = time.perf_counter()
        answers.append(ask(query))
        times_ms.append((time.perf_counter() - started) * 1000)
    figures = percentiles(times_ms)
    figures["queries"] = figures.pop("n")
    if vectors is not None:
        figures["recall@10"] = round(recall(answers, queries, vectors, allowed), 4)
    return figures


def recall(answers: Sequence[np.ndarray], queries: np.ndarray, vectors: np.ndarray, allowed: np.ndarray) -> float:
    """Mean share of the `K` allowed items with the highest dot products that were found.

    Args:
        answers: rows found, one array a query.
        queries: (m, d) float, m of at least the number of answers.
        vectors: (n, d) float.
        allowed: (n,) bool, at least one True.
    """
    rows = np.flatnonzero(allowed)
    shares = []
    for answer, query in zip(answers, queries, strict=False):
        scores = vectors[rows] @ query
        best = rows[np.argsort(-scores, kind="stable")[:K]]
        shares.append(len(np.intersect1d(best, answer)) / len(best))
    return float(np.mean(shares))


def _ratios(edge: dict, local: dict) -> dict:
    """Edge's times as a share of local mode's; below 1, Edge is faster."""
    ratios = {name: edge[name] / local[name] for name in ("build_s", "reopen_s")}
    ratios |= {f"{kind}_p50_ms": edge[kind]["p50_ms"] / local[kind]["p50_ms"] for kind in ("plain", "filtered", "mmr")}
    return {name: round(ratio, 5) for name, ratio in ratios.items()}


def _seconds(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
