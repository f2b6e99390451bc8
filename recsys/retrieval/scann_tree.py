"""ScaNN: a tree of cells, codes trained for products (Guo et al. 2020), and a second look in full precision."""

from pathlib import Path
from types import ModuleType

import numpy as np

from recsys.retrieval.base import (
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
from recsys.retrieval.faiss_pq import RESCORE

CODED_FROM = 256
"""With fewer vectors, all are compared: there is too little to train codes on."""
LEAST_PER_LEAF = 50
THRESHOLD = 0.2
"""From which cosine on errors along a vector weigh more than across it, as the library's examples have it."""


class Scann:
    """See `Engine`. Built with one thread.

    The library's authors advise to compare everything up to 20,000 vectors, and to do without a tree up to 100,000. So
    that its parts can be seen at work, a tree is used here from 256 vectors on; below that, everything is compared,
    and the knobs do nothing.

    Args:
        leaves: cells of the tree; None takes sqrt(n), and fewer where a leaf would hold less than 50 vectors.
        dims_per_block: dimensions that half a byte of a code stands for.

    Raises:
        ValueError: an argument that is too small.
    """

    name, family, library, exact = "scann", "cells + codes", "scann", False
    knobs = {"leaves": Knob((1, 2, 4, 8, 16, 32, 64, 128, 256), "Looks into more leaves."), "rescore": RESCORE}
    defaults = {"leaves": 64, "rescore": 16}
    builds = {
        "leaves": Knob((8, 16, 32, 64, 128, 256), "Divides the vectors into more leaves."),
        "dims_per_block": Knob((1, 2, 4, 8), "Describes each vector more coarsely."),
    }

    def __init__(self, leaves: int | None = None, dims_per_block: int = 2) -> None:
        at_least(1, leaves=leaves, dims_per_block=dims_per_block)
        self.arguments = {"leaves": leaves, "dims_per_block": dims_per_block}
        self._threads = 1

    def build(self, vectors: np.ndarray, folder: Path) -> None:
        """See `Engine`."""
        vectors = checked_vectors(vectors)
        scann, n = _load(), len(vectors)
        builder = scann.builder(vectors, 10, "dot_product").set_n_training_threads(1)
        if n < CODED_FROM:
            builder = builder.score_brute_force()
        else:
            leaves = self.arguments["leaves"]
            leaves = max(1, min(int(n**0.5), n // LEAST_PER_LEAF)) if leaves is None else min(leaves, n)
            builder = builder.tree(leaves, leaves, training_sample_size=n, min_partition_size=1)
            block = min(self.arguments["dims_per_block"], vectors.shape[1])
            builder = builder.score_ah(block, anisotropic_quantization_threshold=THRESHOLD).reorder(100)
        self._index, self._shape = builder.build(), vectors.shape
        np.save(folder / "shape.npy", vectors.shape)
        self._index.serialize(str(folder), relative_path=True)

    def open(self, folder: Path) -> None:
        """See `Engine`."""
        scann = _load()
        try:
            self._shape = tuple(np.load(folder / "shape.npy").tolist())
            self._index = scann.load_searcher(str(folder), assets_backcompat_shim=False)
        except (OSError, EOFError, ValueError, IndexError, RuntimeError) as error:
            raise no_index(self, folder) from error

    def search(self, queries: np.ndarray, k: int, **knobs: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Engine`. Even with `rescore` 0 the scores are true ones, of the k that the codes found."""
        chosen, (n, d) = checked_knobs(self, knobs), self._shape
        queries = checked_queries(queries, d, k)
        at_most = min(k, n)
        if not len(queries):  # the library refuses an empty batch
            return padded(np.empty((0, at_most)), np.empty((0, at_most)), k)
        self._index.set_num_threads(self._threads)
        search = self._index.search_batched_parallel if self._threads > 1 else self._index.search_batched
        rows, scores = search(queries, at_most, min(n, at_most * max(1, chosen["rescore"])), max(1, chosen["leaves"]))
        # Where it found fewer, it says row 0 with a score that is no number.
        return padded(np.where(np.isnan(scores), NOTHING, rows.astype(np.int64)), scores, k)

    def use_threads(self, n: int) -> None:
        """See `Engine`."""
        self._threads = n

    def close(self) -> None:
        """See `Engine`."""
        del self._index


def _load() -> ModuleType:
    return imported("scann", "scann", "on Linux only").scann_ops_pybind
