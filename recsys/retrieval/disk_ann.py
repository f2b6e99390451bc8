"""DiskANN: a flat graph on disk, walked by short codes in memory (Subramanya et al. 2019), in Microsoft's Rust."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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

INDEX = "ann_disk.index"
BUILD_GB = 16.0
"""Memory that a build may take before it works in parts."""
DIMS_PER_BYTE = 4
BEAM = 4
"""Places on disk that are read at once."""


class DiskAnn:
    """See `Engine`. The graph is of vectors on the sphere, see `similarity`, and grows as `far_first` says.

    Graph and vectors stay on disk, only codes of a byte for 4 dimensions are in memory. The build uses one thread, and
    yet two builds differ a little.

    Args:
        graph_degree: links of a vector, 2 or more.
        complexity: candidates that are kept while a vector's links are sought.

    Raises:
        ValueError: an argument that is too small.
    """

    name, family, library, exact = "diskann", "graph", "diskannpy-rust", False
    knobs = {"complexity": Knob((10, 25, 50, 100, 200, 400), "Keeps more candidates while it walks.")}
    defaults = {"complexity": 200}
    builds = {"graph_degree": LINKS, "complexity": EFFORT}

    def __init__(self, graph_degree: int = 64, complexity: int = 100) -> None:
        at_least(2, graph_degree=graph_degree)
        at_least(1, complexity=complexity)
        self.arguments = {"graph_degree": graph_degree, "complexity": complexity}
        self._threads = 1

    def build(self, vectors: np.ndarray, folder: Path) -> None:
        """See `Engine`."""
        vectors = checked_vectors(vectors)
        diskannpy = _load()
        items = on_sphere(vectors)
        order = far_first(items)
        items = items[order]
        with _no_output():
            diskannpy.build_disk_index(
                data=items,
                distance_metric="l2",
                index_directory=str(folder),
                build_memory_maximum=BUILD_GB,
                num_threads=1,
                num_of_pq_chunks=max(1, items.shape[1] // DIMS_PER_BYTE),
                **self.arguments,
            )
        # The library's copy of what it was given, which it does not read again.
        (folder / "ann_vectors.bin").unlink(missing_ok=True)
        Sphere.around(vectors).write(folder)
        size = (folder / INDEX).stat().st_size
        np.savez(folder / "rows.npz", order=order, dims=items.shape[1], size=size)
        self.open(folder)

    def open(self, folder: Path) -> None:
        """See `Engine`."""
        diskannpy = _load()
        try:
            self._sphere = Sphere.read(folder)
            with np.load(folder / "rows.npz") as rows:
                self._order, self._dims, size = rows["order"], int(rows["dims"]), int(rows["size"])
            if (folder / INDEX).stat().st_size != size:  # half an index would be opened, and give wrong answers
                raise EOFError(INDEX)
            with _no_output():
                self._index = diskannpy.StaticDiskIndex(str(folder), num_threads=0, beam_width=BEAM)
        except Exception as error:  # the library raises bare ones
            raise no_index(self, folder) from error

    def search(self, queries: np.ndarray, k: int, **knobs: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Engine`."""
        chosen = checked_knobs(self, knobs)
        queries = checked_queries(queries, self._sphere.dims, k)
        at_most = min(k, len(self._order))
        if not len(queries):  # the library refuses an empty batch
            return padded(np.empty((0, at_most)), np.empty((0, at_most)), k)
        places, distances = self._index.batch_search(
            onto_sphere(queries, self._dims),
            k_neighbors=at_most,
            complexity=max(chosen["complexity"], at_most),
            num_threads=self._threads,
        )[:2]
        found = ~_filling(places, distances)
        rows = np.where(found, self._order[np.where(found, places, 0)], NOTHING)
        # Half the squared distance of two unit vectors is what their cosine lacks to 1.
        return padded(rows, self._sphere.dot(1 - distances / 2, queries), k)

    def use_threads(self, n: int) -> None:
        """See `Engine`."""
        self._threads = n

    def close(self) -> None:
        """See `Engine`."""
        del self._index


def _filling(places: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Where the library found nothing, (q, k) bool: there it says place 0 at distance 0, after all it found."""
    nearer_than_before = distances < np.maximum.accumulate(distances, axis=1)
    again = np.cumsum(places == 0, axis=1) > 1
    return (places == 0) & (nearer_than_before | again)


@contextmanager
def _no_output() -> Iterator[None]:
    """What native code prints meanwhile goes where errors go: standard output belongs to the program."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _load() -> ModuleType:
    # Read once, when the library first logs; without it, every search prints lines.
    os.environ.setdefault("RUST_LOG", "error")
    return imported("diskannpy", "diskannpy-rust")
