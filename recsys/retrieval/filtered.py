"""The nearest under a condition: filter first and compare, filter while walking a graph, or walk and filter after."""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from recsys.retrieval.base import at_least, checked_queries, checked_vectors
from recsys.retrieval.centre import Centre
from recsys.retrieval.exhaustive import nearest
from recsys.retrieval.faiss_common import load_faiss
from recsys.retrieval.judge import TIE, exact
from recsys.retrieval.qdrant_edge import ask, load_edge, write_shard

SHARES = (0.5, 0.1, 0.01, 0.001)
FACTORS = (1, 10, 100)
LINKS, EF_CONSTRUCTION, EF = 32, 200, 256
"""Both graphs have the same settings, those of the engines."""
WARM_UP = 5


class Way(Protocol):
    """One way to search under conditions that are known by name.

    Attributes:
        name: as the page calls it.
    """

    name: str

    def find(self, query: np.ndarray, condition: str, k: int) -> np.ndarray:
        """The k nearest where the condition holds, best first: rows (<=k,) int64, fewer where too few were found."""
        ...


class First:
    """Filter first: compares with every vector for which the condition holds, and is never wrong.

    Args:
        vectors: (n, d) float32.
        conditions: (n,) bool by name.
    """

    name = "filter first"

    def __init__(self, vectors: np.ndarray, conditions: Mapping[str, np.ndarray]) -> None:
        self._vectors, self._rows = vectors, {name: np.flatnonzero(holds) for name, holds in conditions.items()}

    def find(self, query: np.ndarray, condition: str, k: int) -> np.ndarray:
        """See `Way`."""
        rows = self._rows[condition]
        return rows[nearest((self._vectors[rows] @ query)[None], k)[0][0]] if len(rows) else rows


class InsideEdge:
    """Filter inside: Qdrant Edge walks its graph, but only over items for which the condition holds.

    Items that share a value of an indexed field have links of their own, so that few are cut off.

    Args:
        shard: an open one of `write_shard`, with the conditions as fields.
        acorn: also looks at the neighbours of neighbours for which the condition does not hold (Patel et al. 2024).
            It is slower and finds more. Edge does so for less than 0.4 of the items unless told otherwise; here always.
    """

    def __init__(self, shard: Any, acorn: bool = False) -> None:
        edge = load_edge()
        self.name = f"filter inside, Qdrant Edge{' with ACORN' if acorn else ''}"
        self._shard = shard
        around = edge.AcornSearchParams(enable=True, max_selectivity=1.0) if acorn else None
        self._params = edge.SearchParams(hnsw_ef=EF, acorn=around)

    def find(self, query: np.ndarray, condition: str, k: int) -> np.ndarray:
        """See `Way`."""
        edge = load_edge()
        holds = edge.Filter(must=[edge.FieldCondition(key=condition, match=edge.MatchValue(1))])
        rows = ask(edge, self._shard, query[None], k, self._params, only=holds)[0][0]
        return rows[rows >= 0]


class FaissGraph:
    """FAISS' HNSW over the centred vectors, for `InsideFaiss` and `After`. Neighbours are the same for all conditions.

    Args:
        vectors: (n, d) float32.
    """

    def __init__(self, vectors: np.ndarray) -> None:
        faiss = load_faiss()
        faiss.omp_set_num_threads(1)
        self._index = faiss.IndexHNSWFlat(vectors.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
        self._index.hnsw.efConstruction = EF_CONSTRUCTION
        self._index.add(Centre.of(vectors).moved(vectors))

    def nearest(self, query: np.ndarray, k: int, selector: Any = None) -> np.ndarray:
        """The k nearest among those that a selector of FAISS lets through: rows (<=k,) int64."""
        k = min(k, self._index.ntotal)
        params = load_faiss().SearchParametersHNSW(sel=selector, efSearch=max(EF, k))
        rows = self._index.search(query[None], k, params=params)[1][0]
        return rows[rows >= 0]


class InsideFaiss:
    """Filter inside: FAISS walks over all items, and keeps those for which the condition holds.

    Args:
        graph: of the vectors.
        conditions: (n,) bool by name.
    """

    name = "filter inside, FAISS"

    def __init__(self, graph: FaissGraph, conditions: Mapping[str, np.ndarray]) -> None:
        bits = {name: np.packbits(holds, bitorder="little") for name, holds in conditions.items()}
        self._graph = graph
        self._selectors = {name: load_faiss().IDSelectorBitmap(packed) for name, packed in bits.items()}

    def find(self, query: np.ndarray, condition: str, k: int) -> np.ndarray:
        """See `Way`."""
        return self._graph.nearest(query, k, self._selectors[condition])


class After:
    """Filter after: asks for more than k, whatever the condition, and drops those for which it does not hold.

    Args:
        graph: of the vectors.
        conditions: (n,) bool by name.
        factor: how many times k are asked for.
    """

    def __init__(self, graph: FaissGraph, conditions: Mapping[str, np.ndarray], factor: int) -> None:
        at_least(1, factor=factor)
        self.name = f"filter after, of {factor} times as many"
        self._graph, self._conditions, self._factor = graph, conditions, factor

    def find(self, query: np.ndarray, condition: str, k: int) -> np.ndarray:
        """See `Way`."""
        rows = self._graph.nearest(query, k * self._factor)
        return rows[self._conditions[condition][rows]][:k]


def random_mask(n: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """A condition that has nothing to do with the space: (n,) bool, true for that share, one item at least."""
    return _mask(rng.permutation(n), share)


def clustered_mask(vectors: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """A condition that holds for the items nearest to one of them, by Euclid: (n,) bool, as `random_mask`.

    Categories and languages are like that. It is hard on graphs where the query lies elsewhere.
    """
    wide = vectors.astype(np.float64)
    distances = np.vecdot(wide, wide) - 2 * wide @ wide[rng.integers(len(wide))]
    return _mask(np.argsort(distances, kind="stable"), share)


@contextmanager
def ways(vectors: np.ndarray, conditions: Mapping[str, np.ndarray], folder: Path) -> Iterator[list[Way]]:
    """Every way, ready.

    Args:
        vectors: (n, d) float32.
        conditions: (n,) bool by name; names as Qdrant takes fields: letters, digits and `_`.
        folder: an empty one.

    Raises:
        MissingExtra: qdrant-edge-py or faiss-cpu is not installed.
    """
    graph = FaissGraph(vectors)
    write_shard(folder / "shard", Centre.of(vectors).moved(vectors), LINKS, EF_CONSTRUCTION, conditions=conditions)
    with ExitStack() as last:
        shard = load_edge().EdgeShard.load(str(folder / "shard"))
        last.callback(shard.close)
        yield [
            First(vectors, conditions),
            InsideEdge(shard),
            InsideEdge(shard, acorn=True),
            InsideFaiss(graph, conditions),
            *(After(graph, conditions, factor) for factor in FACTORS),
        ]


def compare(
    vectors: np.ndarray,
    queries: np.ndarray,
    shares: Sequence[float] = SHARES,
    k: int = 10,
    seed: int = 0,
) -> list[dict]:
    """All ways, under conditions that hold for ever fewer items.

    Args:
        vectors: (n, d) float.
        queries: (q, d) float; each is timed alone, on one thread.
        shares: of the items, for which a condition holds; above 0, 1 at most.
        k: length of the lists.
        seed: of the conditions.

    Returns:
        A line for each share, `mask` and way: `share`, `mask` ("random", or "clustered": `clustered_mask`), `allowed`
        (for how many items it holds), `way`, `recall@k` and `recall@k_min` (with the number for k, among the k nearest
        for which it holds, or all where there are fewer; ties within 1e-6 count), `found` (the mean length of the
        lists), `p50_ms` and `p95_ms`.

    Raises:
        ValueError: vectors or queries of another shape or not finite, or another share.
        MissingExtra: qdrant-edge-py or faiss-cpu is not installed.
    """
    vectors = checked_vectors(vectors)
    queries = checked_queries(queries, vectors.shape[1], k)
    if not all(0 < share <= 1 for share in shares):
        raise ValueError(f"expected shares above 0 and 1 at most, got {list(shares)}")
    rng = np.random.default_rng(seed)
    plan, conditions = [], {}
    for share in shares:
        for kind in ("random", "clustered"):
            clustered = kind == "clustered"
            name = f"{kind}_{len(plan)}"
            conditions[name] = (
                clustered_mask(vectors, share, rng) if clustered else random_mask(len(vectors), share, rng)
            )
            plan.append((share, kind, name))
    lines = []
    with (
        tempfile.TemporaryDirectory(prefix="tastespace-filtered-") as folder,
        ways(vectors, conditions, Path(folder)) as every,
    ):
        for share, kind, name in plan:
            allowed = np.flatnonzero(conditions[name])
            least = exact(vectors[allowed], queries, k)[1][:, -1]
            for way in every:
                told = _measured(way, vectors, queries, name, k, least, min(k, len(allowed)))
                lines.append({"share": share, "mask": kind, "allowed": len(allowed), "way": way.name, **told})
    return lines


def _measured(
    way: Way, vectors: np.ndarray, queries: np.ndarray, condition: str, k: int, least: np.ndarray, most: int
) -> dict:
    for query in queries[:WARM_UP]:
        way.find(query, condition, k)
    times, recalls, found = [], [], []
    for query, cut in zip(queries, least, strict=True):
        start = time.perf_counter()
        rows = way.find(query, condition, k)
        times.append((time.perf_counter() - start) * 1000)
        scores = np.vecdot(vectors[rows].astype(np.float64), query.astype(np.float64))
        recalls.append(int((scores >= cut - TIE).sum()) / most)
        found.append(len(rows))
    return {
        f"recall@{k}": round(float(np.mean(recalls)), 4),
        f"recall@{k}_min": round(float(np.min(recalls)), 4),
        "found": round(float(np.mean(found)), 2),
        "p50_ms": round(float(np.percentile(times, 50)), 3),
        "p95_ms": round(float(np.percentile(times, 95)), 3),
    }


def _mask(order: np.ndarray, share: float) -> np.ndarray:
    holds = np.zeros(len(order), dtype=bool)
    holds[order[: max(1, round(share * len(order)))]] = True
    return holds
