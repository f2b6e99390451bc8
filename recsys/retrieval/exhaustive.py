"""Compares with every vector, in NumPy: the slowest on many vectors, never wrong, and what all others are held to."""

from pathlib import Path

import numpy as np

from recsys.retrieval.base import checked_knobs, checked_queries, checked_vectors, no_index, padded

BLOCK = 2**24
"""Scores held at once: 64 MB of float32."""


class Exhaustive:
    """See `Engine`. The index is the vectors."""

    name, family, library, exact = "exhaustive", "flat", "numpy", True
    knobs, defaults, builds = {}, {}, {}

    def __init__(self) -> None:
        self.arguments = {}

    def build(self, vectors: np.ndarray, folder: Path) -> None:
        """See `Engine`."""
        np.save(folder / "vectors.npy", checked_vectors(vectors))
        self.open(folder)

    def open(self, folder: Path) -> None:
        """See `Engine`."""
        try:
            self._vectors = np.load(folder / "vectors.npy")
        except (OSError, EOFError, ValueError) as error:
            raise no_index(self, folder) from error

    def search(self, queries: np.ndarray, k: int, **knobs: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Engine`."""
        checked_knobs(self, knobs)
        queries = checked_queries(queries, self._vectors.shape[1], k)
        step = max(1, BLOCK // len(self._vectors))
        parts = [nearest(queries[i : i + step] @ self._vectors.T, k) for i in range(0, max(1, len(queries)), step)]
        rows, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
        return padded(rows, scores, k)

    def use_threads(self, n: int) -> None:
        """See `Engine`."""
        from threadpoolctl import threadpool_limits

        threadpool_limits(n, "blas")

    def close(self) -> None:
        """See `Engine`."""
        del self._vectors


def nearest(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k largest of each row, (-score, row) ascending: rows and scores, both (q, min(k, n))."""
    n = scores.shape[1]
    if k < n:
        # All that reach the k-th score, ties at the cut included, so that the lower row can win among them.
        cut = np.partition(scores, n - k, axis=1)[:, n - k]
        lists = [np.flatnonzero(row >= least) for row, least in zip(scores, cut, strict=True)]
    else:
        lists = [np.arange(n)] * len(scores)
    ordered = [rows[np.lexsort((rows, -row[rows]))][:k] for rows, row in zip(lists, scores, strict=True)]
    rows = np.array(ordered, dtype=np.int64).reshape(len(scores), min(k, n))
    return rows, np.take_along_axis(scores, rows, axis=1)
