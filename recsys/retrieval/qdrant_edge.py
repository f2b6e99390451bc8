"""Qdrant Edge: Qdrant's own engine inside this process. Its HNSW graph, of full vectors and of three kinds of codes."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from recsys.retrieval.base import (
    EFFORT,
    LINKS,
    NOTHING,
    Knob,
    at_least,
    checked_knobs,
    checked_queries,
    checked_vectors,
    imported,
    no_index,
    padded,
)
from recsys.retrieval.centre import Centre

SHARD = "shard"
LENGTH = "length.npy"
THREADS = 2
"""That a graph is built by."""
BATCH = 1000
EF = Knob((16, 32, 64, 128, 256, 512), "Keeps more candidates while it walks.")
RESCORE = Knob((0, 1, 2, 4, 8, 16, 32, 64, 128), "Compares more of them again with their full vectors.")


class QdrantEdge:
    """See `Engine`. The graph is of the centred vectors, see `Centre`.

    Raw vectors and vectors on the sphere were measured too: at the same settings they lost more of the nearest, on the
    learned spaces and on those of the encoders. Whoever asks for all items gets them compared with each one.

    Args:
        m: links of a vector, twice as many at the bottom; 2 or more.
        ef_construct: candidates that are kept while a vector's links are sought.

    Raises:
        ValueError: an argument that is too small.
    """

    name, family, library, exact = "qdrant-edge", "graph", "qdrant-edge-py", False
    knobs: dict[str, Knob] = {"ef": EF}
    defaults: dict[str, int] = {"ef": 256}
    builds: dict[str, Knob] = {"m": LINKS, "ef_construct": EFFORT}
    arguments: dict[str, Any]

    def __init__(self, m: int = 32, ef_construct: int = 200) -> None:
        at_least(2, m=m)
        at_least(1, ef_construct=ef_construct)
        self.arguments = {"m": m, "ef_construct": ef_construct}
        self._threads = 1

    def build(self, vectors: np.ndarray, folder: Path) -> None:
        """See `Engine`."""
        vectors = checked_vectors(vectors)
        codes = self._codes(load_edge())
        centre = Centre.of(vectors)
        moved = centre.moved(vectors)
        write_shard(folder / SHARD, moved, **self.arguments, codes=codes)
        centre.write(folder)
        np.save(folder / LENGTH, np.linalg.norm(moved, axis=1).mean())
        self.open(folder)

    def open(self, folder: Path) -> None:
        """See `Engine`."""
        edge = load_edge()
        try:
            self._centre, self._length = Centre.read(folder), float(np.load(folder / LENGTH)) or 1.0
        except (OSError, ValueError) as error:
            raise no_index(self, folder) from error
        with _told(lambda _: no_index(self, folder)):
            self._shard = edge.EdgeShard.load(str(folder / SHARD))
            self._n = self._shard.count(edge.CountRequest())

    def search(self, queries: np.ndarray, k: int, **knobs: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Engine`."""
        chosen = checked_knobs(self, knobs)
        queries = checked_queries(queries, self._centre.dims, k)
        edge, limit = load_edge(), min(k, self._n)
        everything = edge.SearchParams(exact=True)
        params = self._params(edge, chosen) if limit < self._n else everything
        # Edge compresses a query as it did the items: one of another length would lose its digits.
        lengths = np.linalg.norm(queries, axis=1, keepdims=True)
        scale = np.where(lengths > 0, self._length / np.where(lengths > 0, lengths, 1), 1).astype(np.float32)
        rows, scores = ask(edge, self._shard, queries * scale, limit, params, self._threads)
        return padded(rows, self._centre.dot(scores / scale, queries), k)

    def use_threads(self, n: int) -> None:
        """See `Engine`."""
        self._threads = n

    def close(self) -> None:
        """See `Engine`."""
        self._shard.close()

    def _codes(self, edge: ModuleType) -> Any:
        """How vectors are compressed, or None."""
        return None

    def _params(self, edge: ModuleType, chosen: dict[str, int]) -> Any:
        """What a search is asked for with these knobs."""
        return edge.SearchParams(hnsw_ef=max(chosen["ef"], 1))


class _Compressed(QdrantEdge):
    """The graph is walked by compressed vectors; candidates are compared again with the full ones, which stay too."""

    family = "codes"
    knobs = {"ef": EF, "rescore": RESCORE}

    def _params(self, edge: ModuleType, chosen: dict[str, int]) -> Any:
        often = chosen["rescore"]
        # Left to itself, Edge decides whether to compare again; a factor below 1 is none.
        again = edge.QuantizationSearchParams(rescore=bool(often), oversampling=float(often) if often else None)
        return edge.SearchParams(hnsw_ef=max(chosen["ef"], 1), quantization=again)


class QdrantEdgeScalar(_Compressed):
    """See `Engine` and `QdrantEdge`. One byte a dimension: a quarter of the vectors' size."""

    name = "qdrant-edge-sq"
    defaults = {"ef": 256, "rescore": 4}

    def _codes(self, edge: ModuleType) -> Any:
        return edge.ScalarQuantizationConfig(edge.ScalarType.Int8, memory=edge.Memory.Pinned)


class QdrantEdgeProduct(_Compressed):
    """See `Engine` and `QdrantEdge`. One byte for four dimensions, from a codebook: a sixteenth. Slow to build."""

    name = "qdrant-edge-pq"
    defaults = {"ef": 256, "rescore": 8}

    def _codes(self, edge: ModuleType) -> Any:
        return edge.ProductQuantizationConfig(edge.CompressionRatio.X16, memory=edge.Memory.Pinned)


class QdrantEdgeBinary(_Compressed):
    """See `Engine` and `QdrantEdge`. One bit a dimension, its sign: a thirty-second. Queries keep 8 bits a dimension.

    Codes need many dimensions to tell items apart: of 32, as matrix factorisation has here, so little is left that only
    a great many comparisons make good for it. Two bits a dimension were measured too: more by themselves, but where
    the graph is built from them a tenth of the pictures could not be reached any more.
    """

    name = "qdrant-edge-bq"
    defaults = {"ef": 256, "rescore": 128}

    def _codes(self, edge: ModuleType) -> Any:
        eight_bits = edge.BinaryQuantizationQueryEncoding.Scalar8Bits
        return edge.BinaryQuantizationConfig(query_encoding=eight_bits, memory=edge.Memory.Pinned)


def load_edge() -> ModuleType:
    """The library.

    Raises:
        MissingExtra: it is not installed.
    """
    return imported("qdrant_edge", "qdrant-edge-py")


def write_shard(
    folder: Path,
    vectors: np.ndarray,
    m: int,
    ef_construct: int,
    codes: Any = None,
    conditions: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Writes a closed shard with one graph over all vectors.

    Args:
        folder: the shard's, to be made.
        vectors: (n, d) float32; their rows are the ids.
        m, ef_construct: as `QdrantEdge` takes them.
        codes: how vectors are compressed, as Edge has it.
        conditions: (n,) bool by name: integer fields with an index, 1 where the condition holds. Edge links items that
            share a value.

    Raises:
        OSError: the folder cannot be written.
    """
    edge, conditions = load_edge(), conditions or {}
    config = edge.EdgeConfig(
        vectors=edge.EdgeVectorParams(vectors.shape[1], edge.Distance.Dot),
        # Small data would be scanned instead of walked. Levels are drawn at random, so that no two graphs are the same;
        # of those that one thread built, 4 of 205 left islands behind under a condition, of two threads' 0 of 240.
        hnsw_config=edge.HnswIndexConfig(m, ef_construct, full_scan_threshold=1, max_indexing_threads=THREADS),
        quantization_config=codes,
        # The log would lock the folder for one process. The threshold (in kB) has a graph made of the smallest data.
        wal_enabled=False,
        optimizers=edge.EdgeOptimizersConfig(indexing_threshold=1, default_segment_number=1),
    )
    with _told(OSError):
        shard = edge.EdgeShard.create(str(folder), config)
        try:
            for name in conditions:
                shard.update(edge.UpdateOperation.create_field_index(name, edge.PayloadSchemaType.Integer))
            for start in range(0, len(vectors), BATCH):
                points = [
                    edge.Point(row, vector, {name: int(holds[row]) for name, holds in conditions.items()})
                    for row, vector in enumerate(vectors[start : start + BATCH].tolist(), start)
                ]
                shard.update(edge.UpdateOperation.upsert_points(points))
            shard.optimize()
            shard.flush()
        finally:
            shard.close()


def ask(
    edge: ModuleType,
    shard: Any,
    queries: np.ndarray,
    limit: int,
    params: Any,
    threads: int = 1,
    only: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest of each query.

    Args:
        edge: the library.
        shard: an open one.
        queries: (q, d) float32.
        limit: how many of each.
        params: Edge's search parameters.
        threads: how many queries at once.
        only: Edge's filter, or None.

    Returns:
        rows (q, limit) int64, `NOTHING` where too few were found, and scores (q, limit) float32.
    """

    def one(query: list[float]) -> list:
        nearest = edge.Query.Nearest(query)
        return shard.query(edge.QueryRequest(limit=limit, query=nearest, filter=only, params=params))

    if threads > 1 and len(queries) > 1:
        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(one, queries.tolist()))
    else:
        found = [one(query) for query in queries.tolist()]
    rows = np.full((len(queries), limit), NOTHING)
    scores = np.full((len(queries), limit), -np.inf, dtype=np.float32)
    for i, points in enumerate(found):
        rows[i, : len(points)] = [point.id for point in points]
        scores[i, : len(points)] = [point.score for point in points]
    return rows, scores


@contextmanager
def _told(kind: Callable[[str], Exception]) -> Iterator[None]:
    """Turns Edge's failures into an error of a kind. It raises plain `Exception`, or panics past `except Exception`."""
    try:
        yield
    except BaseException as error:
        if type(error) is Exception or type(error).__name__ == "PanicException":
            raise kind(str(error)) from error
        raise
