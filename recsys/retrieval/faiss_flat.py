"""FAISS' IndexFlatIP: compares with every vector, in compiled code."""

from types import ModuleType
from typing import Any

import numpy as np

from recsys.retrieval.faiss_common import FaissEngine


class FaissFlat(FaissEngine):
    """See `Engine`. Ties stand in no promised order."""

    name, family, exact = "faiss-flat", "flat", True
    knobs, defaults, builds = {}, {}, {}

    def __init__(self) -> None:
        self.arguments = {}

    def _indexed(self, faiss: ModuleType, vectors: np.ndarray) -> Any:
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return index

    def _nearest(self, faiss: ModuleType, queries: np.ndarray, k: int, chosen: dict) -> tuple[np.ndarray, np.ndarray]:
        return self._index.search(queries, k)
