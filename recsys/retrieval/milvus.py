"""Milvus through its own client: a server where `MILVUS_URI` names one, else Milvus Lite in a file."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from recsys.errors import NotBuilt, StoreUnavailable
from recsys.retrieval.base import (
    EFFORT,
    LINKS,
    NOTHING,
    Knob,
    at_least,
    checked_knobs,
    checked_queries,
    checked_vectors,
    missing,
    no_index,
    padded,
)
from recsys.retrieval.similarity import on_sphere, onto_sphere
from recsys.retrieval.sphere import Sphere, far_first

FILE = "milvus.db"
ABOUT = "collection.json"
BATCH = 1000
CONNECT_S = 3.0
WORK_S = 30.0
"""How long one request may take; a server that hangs is given up then."""
_FILES_IN_USE: Counter[str] = Counter()
"""Milvus Lite is one server a file in this process, whoever opens it."""


class Milvus:
    """See `Engine`. A HNSW graph over `on_sphere`, the outlying items first; see `far_first`.

    Milvus Lite 3.2 does use the index: it is FAISS' HNSW, one graph a segment, and recall moves with `ef` as a graph's
    does (.72 at 16, 1.0 at 512 on 3,224 texts). But each request goes over gRPC, and before it is answered Python walks
    over all the ids. That takes most of the time and grows with the number of vectors, so that the index hardly shows.
    `arguments` tell, once it is built or opened, what answers and which index covers how many vectors.

    The server's way was never run here. There the collection stays until somebody drops it.

    Args:
        M: links of a vector; 2 or more.
        efConstruction: candidates that are kept while a vector's links are sought.

    Raises:
        ValueError: an argument that is too small.
    """

    name, family, library, exact = "milvus", "graph", "pymilvus", False
    knobs = {"ef": Knob((16, 32, 64, 128, 256, 512), "Keeps more candidates while it walks.")}
    defaults = {"ef": 512}
    builds = {"M": LINKS, "efConstruction": EFFORT}

    def __init__(self, M: int = 32, efConstruction: int = 200) -> None:
        at_least(2, M=M)
        at_least(1, efConstruction=efConstruction)
        self.arguments: dict[str, Any] = {"M": M, "efConstruction": efConstruction}

    def build(self, vectors: np.ndarray, folder: Path) -> None:
        """See `Engine`.

        Raises:
            StoreUnavailable: the server does not answer, or refuses us.
        """
        vectors = checked_vectors(vectors)
        self._sphere, items, self._n = Sphere.around(vectors), on_sphere(vectors), len(vectors)
        self._dims = items.shape[1]
        self._collection = f"tastespace_{hashlib.sha256(vectors.tobytes()).hexdigest()[:16]}"
        self._connect(folder)
        with _told():
            self._fill(items)
            self._tell()
        self._sphere.write(folder)
        about = {"collection": self._collection, "n": self._n, "dims": self._dims}
        (folder / ABOUT).write_text(json.dumps(about))

    def open(self, folder: Path) -> None:
        """See `Engine`.

        Raises:
            StoreUnavailable: the server does not answer, or refuses us.
        """
        load_milvus()
        try:
            about = json.loads((folder / ABOUT).read_text())
            self._collection, self._n, self._dims = about["collection"], about["n"], about["dims"]
            self._sphere = Sphere.read(folder)
            if not _server() and not (folder / FILE).exists():
                raise FileNotFoundError(FILE)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise no_index(self, folder) from error
        self._connect(folder)
        with _told():
            if not self._client.has_collection(self._collection, timeout=CONNECT_S):
                self.close()
                raise NotBuilt("The Milvus server does not have the vectors of this index.", "Build it again.")
            self._client.load_collection(self._collection, timeout=WORK_S)
            self._tell()

    def search(self, queries: np.ndarray, k: int, **knobs: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Engine`.

        Raises:
            StoreUnavailable: the server does not answer any more.
        """
        chosen = checked_knobs(self, knobs)
        queries = checked_queries(queries, self._sphere.dims, k)
        limit, asked = min(k, self._n), onto_sphere(queries, self._dims)
        rows = np.full((len(queries), limit), NOTHING)
        scores = np.full((len(queries), limit), -np.inf, dtype=np.float32)
        for start in range(0, len(queries), BATCH):
            with _told():
                found = self._client.search(
                    self._collection,
                    data=list(asked[start : start + BATCH]),
                    anns_field="vector",
                    limit=limit,
                    search_params={"metric_type": "IP", "params": {"ef": max(chosen["ef"], limit)}},
                    output_fields=["row"],  # by itself Lite would send the vectors too
                    timeout=WORK_S,
                )
            for i, hits in enumerate(found, start):
                rows[i, : len(hits)] = [hit["row"] for hit in hits]
                scores[i, : len(hits)] = [hit["distance"] for hit in hits]
        return padded(rows, self._sphere.dot(scores, queries), k)

    def use_threads(self, n: int) -> None:
        """See `Engine`. Milvus decides for itself: Lite takes one thread for a query."""

    def close(self) -> None:
        """See `Engine`."""
        self._client.close()
        if self._file is not None:
            _FILES_IN_USE[self._file] -= 1
            if not _FILES_IN_USE[self._file]:
                from milvus_lite.server_manager import server_manager_instance

                server_manager_instance.release_server(self._file)

    def _connect(self, folder: Path) -> None:
        pymilvus, uri = load_milvus(), _server()
        if uri:
            self._file = None
            with _told():
                token = os.environ.get("MILVUS_TOKEN", "")
                self._client = pymilvus.MilvusClient(uri=uri, token=token, timeout=CONNECT_S)
            return
        self._file = str((folder / FILE).resolve())
        try:
            self._client = pymilvus.MilvusClient(uri=self._file, timeout=CONNECT_S)
        except pymilvus.MilvusException as error:
            raise NotBuilt(
                f"The index of {self.name} in {folder.name} cannot be opened.",
                "Close it where it is open, or build it again.",
            ) from error
        _FILES_IN_USE[self._file] += 1

    def _fill(self, vectors: np.ndarray) -> None:
        pymilvus, client, collection = load_milvus(), self._client, self._collection
        if client.has_collection(collection, timeout=CONNECT_S):
            client.drop_collection(collection, timeout=WORK_S)
        schema = client.create_schema(auto_id=False)
        schema.add_field("row", pymilvus.DataType.INT64, is_primary=True)
        schema.add_field("vector", pymilvus.DataType.FLOAT_VECTOR, dim=vectors.shape[1])
        index = client.prepare_index_params()
        params = {name: self.arguments[name] for name in ("M", "efConstruction")}
        index.add_index("vector", index_type="HNSW", metric_type="IP", params=params)
        client.create_collection(collection, schema=schema, consistency_level="Strong", timeout=WORK_S)
        order = far_first(vectors)
        for start in range(0, len(vectors), BATCH):
            points = [{"row": int(row), "vector": vectors[row]} for row in order[start : start + BATCH]]
            client.insert(collection, points, timeout=WORK_S)
        client.flush(collection)
        client.create_index(collection, index)  # waits until it is made
        client.load_collection(collection)

    def _tell(self) -> None:
        """Notes what answers, and by which index."""
        index = self._client.describe_index(self._collection, "vector", timeout=CONNECT_S)
        indexed = int(index.get("indexed_rows", 0))
        self.arguments |= {
            "server": self._client.get_server_version(timeout=CONNECT_S),
            "index": index["index_type"] if indexed else "none",
            "indexed": indexed,
        }


def load_milvus() -> ModuleType:
    """The client.

    Raises:
        MissingExtra: it is not installed, or there is no server and no Milvus Lite.
    """
    try:
        import pymilvus

        if not _server():
            import milvus_lite  # noqa: F401
    except ImportError as error:
        raise missing(error.name.replace("_", "-") if error.name else "pymilvus") from error
    return pymilvus


def _server() -> str:
    return os.environ.get("MILVUS_URI", "")


@contextmanager
def _told() -> Iterator[None]:
    """Turns the client's failures into a sentence, without what the address may hold besides the host."""
    import grpc

    try:
        yield
    except (load_milvus().MilvusException, grpc.RpcError) as error:
        if not _server():
            raise StoreUnavailable(f"Milvus Lite failed: {' '.join(str(error).split())[:200]}.") from error
        place = urlsplit(_server()).hostname or "that address"
        raise StoreUnavailable(
            f"The Milvus server at {place} does not answer, or refuses us.",
            "Start it, correct MILVUS_URI or MILVUS_TOKEN, or unset MILVUS_URI to use Milvus Lite.",
        ) from None
