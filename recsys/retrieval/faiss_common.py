"""What the engines of FAISS share: an index is built, written, read and searched in the same way, whatever its type."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from recsys.retrieval.base import checked_knobs, checked_queries, checked_vectors, imported, no_index, padded
from recsys.retrieval.similarity import on_sphere, onto_sphere
from recsys.retrieval.sphere import Sphere

FILE = "index.faiss"
LEAST_PER_CELL = 39
"""Vectors a cell from which FAISS takes its training for sound."""
MOST_CELLS = 4
"""Cells a square root of n; FAISS advises 4 to 16, and the fewer are trained the faster."""
CODEBOOK = 256
"""Entries of a codebook: one byte picks one."""
DIMS_PER_BYTE = 4
"""Dimensions that one byte of a code stands for where nothing is said: a sixteenth of float32."""
PER_ENTRY = 64
"""Vectors that each entry of a codebook is trained on at most; with four times as many, recall was no better."""
ROUNDS = 10
"""Of k-means for a codebook; after 25, recall was no better."""


class FaissEngine:
    """See `Engine`. An index type gives `_indexed` and `_nearest`, and what describes it.

    Builds use one thread, whatever searches use, so that the same vectors give the same index.

    Attributes:
        spherical: whether the index is of vectors on the sphere, see `similarity`: graphs and cells tell near from far
            by angles, and where lengths differ they find more there.
    """

    library, spherical = "faiss-cpu", False
    arguments: dict[str, Any]

    def build(self, vectors: np.ndarray, folder: Path) -> None:
        """See `Engine`."""
        vectors = checked_vectors(vectors)
        faiss = load_faiss()
        faiss.omp_set_num_threads(1)
        self._sphere = Sphere.around(vectors)
        self._index = self._indexed(faiss, on_sphere(vectors) if self.spherical else vectors)
        self._sphere.write(folder)
        faiss.write_index(self._index, str(folder / FILE))

    def open(self, folder: Path) -> None:
        """See `Engine`."""
        faiss = load_faiss()
        faiss.omp_set_num_threads(1)
        try:
            self._sphere, self._index = Sphere.read(folder), faiss.read_index(str(folder / FILE))
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise no_index(self, folder) from error

    def search(self, queries: np.ndarray, k: int, **knobs: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Engine`."""
        chosen = checked_knobs(self, knobs)
        queries = checked_queries(queries, self._sphere.dims, k)
        at_most, dims = min(k, self._index.ntotal), self._index.d
        if self.spherical:
            cosines, rows = self._nearest(load_faiss(), onto_sphere(queries, dims), at_most, chosen)
            return padded(rows, self._sphere.dot(cosines, queries), k)
        scores, rows = self._nearest(load_faiss(), wider(queries, dims), at_most, chosen)
        return padded(rows, scores, k)

    def use_threads(self, n: int) -> None:
        """See `Engine`. The number is one for all indexes of the process."""
        load_faiss().omp_set_num_threads(n)

    def close(self) -> None:
        """See `Engine`."""
        del self._index

    def _indexed(self, faiss: ModuleType, vectors: np.ndarray) -> Any:
        """An index over the vectors (n, d) float32; it may have more dimensions than they, with zeros."""
        raise NotImplementedError

    def _nearest(self, faiss: ModuleType, queries: np.ndarray, k: int, chosen: dict) -> tuple[np.ndarray, np.ndarray]:
        """Dot products and rows of queries as wide as the index, with these knobs; k is n at most."""
        raise NotImplementedError


def load_faiss() -> ModuleType:
    """The library.

    Raises:
        MissingExtra: it is not installed.
    """
    return imported("faiss", "faiss-cpu")


def cells_for(n: int) -> int:
    """How many cells n vectors are divided into where nothing is said: 1 or more, with enough vectors in each."""
    return max(1, min(int(MOST_CELLS * n**0.5), n // LEAST_PER_CELL))


def wider(vectors: np.ndarray, dims: int) -> np.ndarray:
    """The vectors with zeros behind them: (n, d) -> (n, dims). No product changes."""
    return np.pad(vectors, ((0, 0), (0, dims - vectors.shape[1])))


def coded(vectors: np.ndarray, code_bytes: int | None) -> tuple[np.ndarray, int]:
    """The vectors, wide enough for every byte of a code to stand for as many dimensions, and how many bytes that is."""
    d = vectors.shape[1]
    length = max(1, d // DIMS_PER_BYTE) if code_bytes is None else min(code_bytes, d)
    return wider(vectors, d + -d % length), length


def refined(faiss: ModuleType, base: Any, vectors: np.ndarray) -> Any:
    """An index of codes, trained and filled, that keeps the vectors too, to compare candidates with them.

    Where there are fewer vectors than entries of a codebook, they are repeated for the training.
    """
    training = base.pq.cp
    training.niter, training.max_points_per_centroid = ROUNDS, PER_ENTRY
    training.min_points_per_centroid = 1  # fewer than it wishes for are no reason to warn
    index = faiss.IndexRefineFlat(base)
    index.train(vectors if len(vectors) >= CODEBOOK else np.resize(vectors, (CODEBOOK, vectors.shape[1])))
    index.add(vectors)
    return index


def search_refined(
    faiss: ModuleType, index: Any, queries: np.ndarray, k: int, rescore: int, params: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Searches an index of `refined`: by its codes alone, or with `rescore` times k candidates compared again."""
    if not rescore:
        return index.base_index.search(queries, k, params=params)
    again = faiss.IndexRefineSearchParameters(k_factor=rescore, base_index_params=params)
    return index.search(queries, k, params=again)
