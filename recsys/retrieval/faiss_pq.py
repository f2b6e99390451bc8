"""FAISS' IndexPQ: product quantisation (Jegou et al. 2011). A byte picks one of 256 stand-ins for some dimensions."""

from types import ModuleType
from typing import Any

import numpy as np

from recsys.retrieval.base import Knob, at_least
from recsys.retrieval.faiss_common import FaissEngine, coded, refined, search_refined

CODE_BYTES = Knob((4, 8, 16, 32, 64, 96), "Describes each vector more finely.")
RESCORE = Knob((0, 1, 2, 4, 8, 16, 32, 64), "Compares this many times the list's length again in full precision.")


class FaissPq(FaissEngine):
    """See `Engine`. Fewer than 256 vectors are repeated to train the codes, and the codes then stand for them closely.

    Args:
        code_bytes: length of a vector's code, the number of dimensions at most; None takes one byte for 4 dimensions.

    Raises:
        ValueError: a code without bytes.
    """

    name, family, exact = "faiss-pq", "codes", False
    knobs, defaults, builds = {"rescore": RESCORE}, {"rescore": 16}, {"code_bytes": CODE_BYTES}

    def __init__(self, code_bytes: int | None = None) -> None:
        at_least(1, code_bytes=code_bytes)
        self.arguments = {"code_bytes": code_bytes}

    def _indexed(self, faiss: ModuleType, vectors: np.ndarray) -> Any:
        vectors, length = coded(vectors, self.arguments["code_bytes"])
        base = faiss.IndexPQ(vectors.shape[1], length, 8, faiss.METRIC_INNER_PRODUCT)
        return refined(faiss, base, vectors)

    def _nearest(self, faiss: ModuleType, queries: np.ndarray, k: int, chosen: dict) -> tuple[np.ndarray, np.ndarray]:
        return search_refined(faiss, self._index, queries, k, chosen["rescore"])
