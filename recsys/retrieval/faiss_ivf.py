"""FAISS' IndexIVFFlat: k-means puts the vectors into cells, and a search looks into the nearest of them."""

from types import ModuleType
from typing import Any

import numpy as np

from recsys.retrieval.base import Knob, at_least
from recsys.retrieval.faiss_common import FaissEngine, cells_for

CELLS = Knob((8, 16, 32, 64, 128, 256, 512), "Divides the vectors into more cells.")
PROBES = Knob((1, 2, 4, 8, 16, 32, 64, 128, 256), "Looks into more cells.")


class FaissIvf(FaissEngine):
    """See `Engine`. Cells are of vectors on the sphere, see `similarity`.

    Args:
        cells: how many, no more than there are vectors; None takes 4 sqrt(n), and fewer where a cell would have less
            than 39 vectors to be trained on, down to a single one.

    Raises:
        ValueError: no cells.
    """

    name, family, exact, spherical = "faiss-ivf", "cells", False, True
    knobs, defaults, builds = {"probes": PROBES}, {"probes": 32}, {"cells": CELLS}

    def __init__(self, cells: int | None = None) -> None:
        at_least(1, cells=cells)
        self.arguments = {"cells": cells}

    def _indexed(self, faiss: ModuleType, vectors: np.ndarray) -> Any:
        (n, d), cells = vectors.shape, self.arguments["cells"]
        cells = cells_for(n) if cells is None else min(cells, n)
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(d), d, cells, faiss.METRIC_INNER_PRODUCT)
        index.cp.min_points_per_centroid = 1  # fewer than it wishes for are no reason to warn
        index.train(vectors)
        index.add(vectors)
        return index

    def _nearest(self, faiss: ModuleType, queries: np.ndarray, k: int, chosen: dict) -> tuple[np.ndarray, np.ndarray]:
        return self._index.search(queries, k, params=faiss.SearchParametersIVF(nprobe=max(1, chosen["probes"])))
