"""Pinecone, a managed service, through its own client. It needs an account, and was never run here for want of one."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from recsys.errors import MissingExtra, NotBuilt, StoreUnavailable
from recsys.retrieval.base import NOTHING, checked_knobs, checked_queries, checked_vectors, no_index, padded

ABOUT = "pinecone.json"
NAMESPACE = "items"
FIELD = "vector"
MOST = 10_000
"""The longest list that the service gives."""
BATCH = 200
REQUEST_S = 10.0
READY_S = 180
KEY = "PINECONE_API_KEY"
_WAY_OUT = f"Install it (pip install 'pinecone>=10,<11') and put a key of your account into {KEY}."


class Pinecone:
    """See `Engine`. A serverless index, dot product.

    Never run against the service here: it is written for client 10.2, and what it takes for granted of the service is
    what the client's documentation says. The service has no query-time arguments, and how it searches is its affair; it
    is counted among the cells, for its makers write of those. The time of a search is mostly the way there.

    The index stays in the account, and may cost money, until somebody deletes it; the same vectors fill the same one.

    Args:
        cloud: whose machines.
        region: where.
    """

    name, family, library, exact = "pinecone", "cells", "pinecone", False
    knobs, defaults, builds = {}, {}, {}

    def __init__(self, cloud: str = "aws", region: str = "us-east-1") -> None:
        self.arguments: dict[str, Any] = {"cloud": cloud, "region": region}
        self._threads = 1

    def build(self, vectors: np.ndarray, folder: Path) -> None:
        """See `Engine`.

        Raises:
            MissingExtra: the package or the key is missing.
            StoreUnavailable: the service does not answer, refuses us, or takes too long.
        """
        vectors, pinecone = checked_vectors(vectors), _library()
        self._n, self._dims = vectors.shape
        self._index_name = f"tastespace-{hashlib.sha256(vectors.tobytes()).hexdigest()[:16]}"
        # The service refuses vectors of zeros; with a dimension more there are none, and no product changes.
        items = np.hstack([vectors, np.ones((self._n, 1), dtype=np.float32)])
        with _told(pinecone):
            self._client = pinecone.Pinecone(api_key=os.environ[KEY], timeout=REQUEST_S)
            if not self._client.indexes.exists(self._index_name):
                field = {"type": "dense_vector", "dimension": self._dims + 1, "metric": "dotproduct"}
                self._client.indexes.create(
                    name=self._index_name,
                    schema={"fields": {FIELD: field}},
                    deployment={"deployment_type": "managed", **self.arguments},
                    timeout=READY_S,
                )
            self._index = self._client.index(self._index_name)
            self._fill(items)
        about = {"index": self._index_name, "n": self._n, "dims": self._dims}
        (folder / ABOUT).write_text(json.dumps(about))

    def open(self, folder: Path) -> None:
        """See `Engine`.

        Raises:
            StoreUnavailable: the service does not answer, or refuses us.
        """
        pinecone = _library()
        try:
            about = json.loads((folder / ABOUT).read_text())
            self._index_name, self._n, self._dims = about["index"], about["n"], about["dims"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise no_index(self, folder) from error
        with _told(pinecone):
            self._client = pinecone.Pinecone(api_key=os.environ[KEY], timeout=REQUEST_S)
            if not self._client.indexes.exists(self._index_name):
                raise NotBuilt("Pinecone does not have this index any more.", "Build it again.")
            self._index = self._client.index(self._index_name)

    def search(self, queries: np.ndarray, k: int, **knobs: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Engine`. The service gives 10,000 at most; places beyond stay empty.

        Raises:
            StoreUnavailable: the service does not answer any more.
        """
        checked_knobs(self, knobs)
        queries = checked_queries(queries, self._dims, k)
        limit = min(k, self._n, MOST)
        zero = ~queries.any(axis=1, keepdims=True)
        asked = np.hstack([queries, zero.astype(np.float32)])

        def one(query: np.ndarray) -> list:
            by = {"type": "dense_vector", "field": FIELD, "values": query.tolist()}
            search = self._index.documents.search
            return search(namespace=NAMESPACE, score_by=[by], top_k=limit, timeout=REQUEST_S).matches

        with _told(_library()), ThreadPoolExecutor(self._threads) as pool:
            found = list(pool.map(one, asked))
        rows = np.full((len(queries), limit), NOTHING)
        scores = np.full((len(queries), limit), -np.inf, dtype=np.float32)
        for i, matches in enumerate(found):
            rows[i, : len(matches)] = [int(match.id) for match in matches]
            scores[i, : len(matches)] = [match.score for match in matches]
        return padded(rows, scores - zero, k)

    def use_threads(self, n: int) -> None:
        """See `Engine`. So many requests are under way at once."""
        self._threads = n

    def close(self) -> None:
        """See `Engine`. The index stays."""
        self._index.close()
        self._client.close()

    def _fill(self, items: np.ndarray) -> None:
        documents = [{"_id": str(row), FIELD: item} for row, item in enumerate(items.tolist())]
        upsert = self._index.documents.batch_upsert
        sent = upsert(namespace=NAMESPACE, documents=documents, batch_size=BATCH, show_progress=False)
        if sent.failed_item_count:
            raise StoreUnavailable(f"Pinecone did not take {sent.failed_item_count:,} of the vectors.", "Try again.")
        # What was taken is not to be found at once.
        until = time.monotonic() + READY_S
        while self._index.describe_index_stats().total_vector_count < len(items):
            if time.monotonic() > until:
                raise StoreUnavailable("Pinecone took too long to make the vectors findable.", "Try again later.")
            time.sleep(1)


def _library() -> ModuleType:
    """The client's package.

    Raises:
        MissingExtra: the package or the key is missing.
    """
    try:
        import pinecone
    except ImportError as error:
        raise MissingExtra(
            "Pinecone needs the package pinecone and a key; the package is missing.", _WAY_OUT
        ) from error
    if not os.environ.get(KEY):
        raise MissingExtra("Pinecone needs the package pinecone and a key; the key is missing.", _WAY_OUT)
    return pinecone


@contextmanager
def _told(pinecone: ModuleType) -> Iterator[None]:
    """Turns the client's failures into a sentence that does not repeat the key."""
    try:
        yield
    except pinecone.PineconeError:
        raise StoreUnavailable(
            "Pinecone does not answer, or refuses us.", f"Check the connection, and the key in {KEY}."
        ) from None
