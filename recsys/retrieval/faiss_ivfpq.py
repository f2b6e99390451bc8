"""FAISS' IndexIVFPQ: cells as in IVF, and in each cell codes of what its centre does not explain."""

from types import ModuleType
from typing import Any

import numpy as np

from recsys.retrieval.base import at_least
from recsys.retrieval.faiss_common import FaissEngine, cells_for, coded, refined, search_refined
from recsys.retrieval.faiss_ivf import CELLS, PROBES
from recsys.retrieval.faiss_pq import CODE_BYTES, RESCORE


class FaissIvfPq(FaissEngine):
    """See `Engine`, and `FaissPq` for few vectors. Cells are of vectors on the sphere, see `similarity`.

    Args:
        cells: as of `FaissIvf`.
        code_bytes: as of `FaissPq`.

    Raises:
        ValueError: no cells, or a code without bytes.
    """

    name, family, exact, spherical = "faiss-ivfpq", "cells + codes", False, True
    knobs, defaults = {"probes": PROBES, "rescore": RESCORE}, {"probes": 32, "rescore": 16}
    builds = {"cells": CELLS, "code_bytes": CODE_BYTES}

    def __init__(self, cells: int | None = None, code_bytes: int | None = None) -> None:
        at_least(1, cells=cells, code_bytes=code_bytes)
        self.arguments = {"cells": cells, "code_bytes": code_bytes}

    def _indexed(self, faiss: ModuleType, vectors: np.ndarray) -> Any:
        vectors, length = coded(vectors, self.arguments["code_bytes"])
        (n, d), cells = vectors.shape, self.arguments["cells"]
        cells = cells_for(n) if cells is None else min(cells, n)
        base = faiss.IndexIVFPQ(faiss.IndexFlatIP(d), d, cells, length, 8, faiss.METRIC_INNER_PRODUCT)
        base.cp.min_points_per_centroid = 1  # fewer than it wishes for are no reason to warn
        return refined(faiss, base, vectors)

    def _nearest(self, faiss: ModuleType, queries: np.ndarray, k: int, chosen: dict) -> tuple[np.ndarray, np.ndarray]:
        params = faiss.SearchParametersIVF(nprobe=max(1, chosen["probes"]))
        return search_refined(faiss, self._index, queries, k, chosen["rescore"], params)
