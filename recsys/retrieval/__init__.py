"""Ways to find the nearest vectors, side by side: one engine a file, all through the libraries that people use."""

import importlib
from typing import Any

from recsys.retrieval.base import FAMILIES, NOTHING, Engine, Knob, missing, version_of

__all__ = ["ENGINES", "FAMILIES", "NOTHING", "Engine", "Knob", "create", "engine_class", "missing", "version_of"]

_WHERE = {
    "exhaustive": ("exhaustive", "Exhaustive"),
    "faiss-flat": ("faiss_flat", "FaissFlat"),
    "precomputed": ("precomputed", "Precomputed"),
    "hnswlib": ("hnsw_lib", "Hnswlib"),
    "faiss-hnsw": ("faiss_hnsw", "FaissHnsw"),
    "faiss-ivf": ("faiss_ivf", "FaissIvf"),
    "faiss-pq": ("faiss_pq", "FaissPq"),
    "faiss-ivfpq": ("faiss_ivfpq", "FaissIvfPq"),
    "scann": ("scann_tree", "Scann"),
    "diskann": ("disk_ann", "DiskAnn"),
    "qdrant-edge": ("qdrant_edge", "QdrantEdge"),
    "qdrant-edge-sq": ("qdrant_edge", "QdrantEdgeScalar"),
    "qdrant-edge-pq": ("qdrant_edge", "QdrantEdgeProduct"),
    "qdrant-edge-bq": ("qdrant_edge", "QdrantEdgeBinary"),
    "milvus": ("milvus", "Milvus"),
    "pinecone": ("pinecone", "Pinecone"),
}
"""Module and class of each; imported when used, for most come with a heavy library."""

ENGINES = tuple(_WHERE)


def engine_class(name: str) -> type[Engine]:
    """The class of an engine; its library is imported no sooner than `build` or `open`.

    Raises:
        ValueError: there is no such engine.
    """
    if name not in _WHERE:
        raise ValueError(f"expected one of {', '.join(ENGINES)}, got {name}")
    module, cls = _WHERE[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), cls)


def create(name: str, **arguments: Any) -> Engine:
    """An engine with these build-time arguments, not ready yet.

    Raises:
        ValueError: there is no such engine.
        TypeError: it does not take these arguments.
    """
    return engine_class(name)(**arguments)
