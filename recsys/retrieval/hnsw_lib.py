"""hnswlib: the HNSW graph by its authors (Malkov & Yashunin 2018), which many stores contain."""

from pathlib import Path
from types import ModuleType

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
from recsys.retrieval.similarity import on_sphere, onto_sphere
from recsys.retrieval.sphere import Sphere, far_first

FILE = "index.hnsw"
SEED = 1
PARTS = 64
"""In which the vectors are handed over, so that no second copy of all is made."""


class Hnswlib:
    """See `Engine`. The graph is of vectors on the sphere, see `similarity`, and grows as `far_first` says.

    The library gives no list at all where its walk ends before k were found, as it may among very many copies of one
    vector with k near n. Such a query is asked again for fewer, and the other places stay empty.

    Args:
        M: links of a vector, twice as many at the bottom; 2 or more.
        ef_construction: candidates that are kept while a vector's links are sought.

    Raises:
        ValueError: an argument that is too small.
    """

    name, family, library, exact = "hnswlib", "graph", "hnswlib", False
    knobs = {"ef_search": Knob((10, 25, 50, 100, 200, 400, 800), "Keeps more candidates while it walks.")}
    defaults = {"ef_search": 200}
    builds = {"M": LINKS, "ef_construction": EFFORT}

    def __init__(self, M: int = 32, ef_construction: int = 200) -> None:
        at_least(2, M=M)
        at_least(1, ef_construction=ef_construction)
        self.arguments = {"M": M, "ef_construction": ef_construction}
        self._threads = 1

    def build(self, vectors: np.ndarray, folder: Path) -> None:
        """See `Engine`."""
        vectors = checked_vectors(vectors)
        hnswlib = _load()
        self._sphere, items = Sphere.around(vectors), on_sphere(vectors)
        self._index = hnswlib.Index("ip", items.shape[1])
        self._index.init_index(len(items), random_seed=SEED, **self.arguments)
        for rows in np.array_split(far_first(items), min(PARTS, len(items))):
            self._index.add_items(items[rows], rows, num_threads=1)
        self._sphere.write(folder)
        np.save(folder / "dims.npy", items.shape[1])
        self._index.save_index(str(folder / FILE))

    def open(self, folder: Path) -> None:
        """See `Engine`."""
        hnswlib = _load()
        try:
            self._sphere = Sphere.read(folder)
            self._index = hnswlib.Index("ip", int(np.load(folder / "dims.npy")))
            self._index.load_index(str(folder / FILE))
        except (OSError, EOFError, ValueError, TypeError, RuntimeError) as error:
            raise no_index(self, folder) from error

    def search(self, queries: np.ndarray, k: int, **knobs: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Engine`."""
        chosen = checked_knobs(self, knobs)
        queries = checked_queries(queries, self._sphere.dims, k)
        at_most = min(k, self._index.element_count)
        self._index.set_ef(max(chosen["ef_search"], at_most))
        rows, distances = self._found(onto_sphere(queries, self._index.dim), at_most)
        return padded(rows, self._sphere.dot(1 - distances, queries), k)

    def use_threads(self, n: int) -> None:
        """See `Engine`."""
        self._threads = n

    def close(self) -> None:
        """See `Engine`."""
        del self._index

    def _found(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        try:
            rows, distances = self._index.knn_query(queries, k, num_threads=self._threads)
            return rows.astype(np.int64), distances
        except RuntimeError:
            if k == 1:
                raise
        if len(queries) > 1:
            answers = [self._found(query[None], k) for query in queries]
            return np.concatenate([rows for rows, _ in answers]), np.concatenate([far for _, far in answers])
        rows, distances = self._found(queries, k // 2)
        return tuple(np.pad(part, ((0, 0), (0, k - k // 2)), constant_values=NOTHING) for part in (rows, distances))


def _load() -> ModuleType:
    return imported("hnswlib", "hnswlib", "it needs a C++ compiler")
