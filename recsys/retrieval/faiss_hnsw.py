"""FAISS' IndexHNSWFlat: a layered graph of near neighbours (Malkov & Yashunin 2018), walked from the top down."""

from types import ModuleType
from typing import Any

import numpy as np

from recsys.retrieval.base import EFFORT, LINKS, Knob, at_least
from recsys.retrieval.faiss_common import FaissEngine
from recsys.retrieval.sphere import far_first

PARTS = 64
"""The library shuffles what is added at once; in so many parts, the order that the graph grows in is kept well enough.
"""


class FaissHnsw(FaissEngine):
    """See `Engine`. The graph is of vectors on the sphere, see `similarity`, and grows as `far_first` says.

    Args:
        M: links of a vector, twice as many at the bottom; 2 or more.
        ef_construction: candidates that are kept while a vector's links are sought.

    Raises:
        ValueError: an argument that is too small.
    """

    name, family, exact, spherical = "faiss-hnsw", "graph", False, True
    knobs = {"ef_search": Knob((10, 25, 50, 100, 200, 400, 800), "Keeps more candidates while it walks.")}
    defaults = {"ef_search": 200}
    builds = {"M": LINKS, "ef_construction": EFFORT}

    def __init__(self, M: int = 32, ef_construction: int = 200) -> None:
        at_least(2, M=M)
        at_least(1, ef_construction=ef_construction)
        self.arguments = {"M": M, "ef_construction": ef_construction}

    def _indexed(self, faiss: ModuleType, vectors: np.ndarray) -> Any:
        graph = faiss.IndexHNSWFlat(vectors.shape[1], self.arguments["M"], faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = self.arguments["ef_construction"]
        index = faiss.IndexIDMap(graph)
        for rows in np.array_split(far_first(vectors), min(PARTS, len(vectors))):
            index.add_with_ids(vectors[rows], rows)
        return index

    def _nearest(self, faiss: ModuleType, queries: np.ndarray, k: int, chosen: dict) -> tuple[np.ndarray, np.ndarray]:
        params = faiss.SearchParametersHNSW(efSearch=max(chosen["ef_search"], k))
        return self._index.search(queries, k, params=params)
