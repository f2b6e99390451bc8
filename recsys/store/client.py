"""Qdrant through `qdrant-client`: a server or cluster over HTTP, or its in-process re-implementation `:memory:`."""

import time
import warnings
from collections.abc import Callable, Mapping
from json import JSONDecodeError
from typing import TypeVar

import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from recsys.catalog import Catalog
from recsys.errors import NotBuilt, StoreUnavailable, TastespaceError
from recsys.settings import Settings
from recsys.store.base import (
    EVERYTHING,
    EXACT_BELOW,
    Deployment,
    Progress,
    check_lam,
    check_size,
    checked_query,
    no_progress,
    rows_of,
    scans,
    scores_of,
)
from recsys.store.filters import FilterTypes, compile_where
from recsys.store.points import batches, checked_spaces, index_kinds
from recsys.where import Where

FILTER_TYPES = FilterTypes(models.Filter, models.FieldCondition, models.MatchAny, models.Range)
TRIES = 3
PAUSES_S = (0.2, 0.6)
"""Before the second and the third try."""
READ_TIMEOUT_S = 2
"""With three tries and the pauses, a server that hangs costs a visitor 6.8 s at most."""
WRITE_TIMEOUT_S = 20
BATCH = 100

Answer = TypeVar("Answer")


class Connection:
    """A client, and how its failures are retried and told. Never repeats the key.

    Args:
        client: qdrant-client's.
        deployment: "server" or "memory".
        address: what a visitor may read of where it is.
    """

    def __init__(self, client: QdrantClient, deployment: Deployment, address: str) -> None:
        self.client = client
        self.deployment = deployment
        self.address = address

    @classmethod
    def memory(cls) -> "Connection":
        """qdrant-client's in-process re-implementation, empty."""
        return cls(QdrantClient(":memory:"), "memory", "in memory")

    @classmethod
    def server(cls, settings: Settings, timeout_s: int = READ_TIMEOUT_S) -> "Connection":
        """The server of the settings. Does not reach out to it yet.

        Raises:
            StoreUnavailable: an address or a key that cannot be one.
        """
        key = settings.qdrant_api_key
        if key is not None and not (key.isascii() and key.isprintable()):
            raise StoreUnavailable("QDRANT_API_KEY has characters that no key has.", "Copy the key again.")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a key over plain http: right for a server on one's own network
                client = QdrantClient(
                    url=settings.qdrant_url, api_key=key, timeout=timeout_s, check_compatibility=False
                )
            remote = client._client  # the only place where the parsed address can be read
            address = f"{remote._scheme}://{remote._host}:{remote._port}"  # without a user or password in it
        except ValueError:
            raise StoreUnavailable("QDRANT_URL is not an address.", "Write it like http://localhost:6333.") from None
        return cls(client, "server", address)

    def ask(self, request: Callable[[], Answer], collection: str, tries: int = TRIES) -> Answer:
        """One request, tried again where that can help.

        Args:
            request: asks the client; must be safe to repeat unless `tries` is 1.
            collection: what it is about.
            tries: how often at most. A refusal is never tried again.

        Raises:
            NotBuilt: the server does not have the collection.
            StoreUnavailable: it refuses us, or does not answer.
        """
        for attempt in range(tries):
            if attempt > 0:
                time.sleep(PAUSES_S[attempt - 1])
            try:
                return request()
            except (ApiException, QdrantException, JSONDecodeError) as error:
                refusal = self._refusal(error, collection)
                if refusal is not None:
                    # From None: what the HTTP library says may hold the key.
                    raise refusal from None
        raise StoreUnavailable(
            f"The Qdrant server at {self.address} does not answer.",
            "Start it, correct QDRANT_URL, or unset QDRANT_URL to search inside this process.",
        )

    def _refusal(self, error: Exception, collection: str) -> TastespaceError | None:
        """What a person should read where trying again cannot help, or None where it can."""
        status = error.status_code if isinstance(error, UnexpectedResponse) else None
        if status in (401, 403):
            return StoreUnavailable(
                f"The Qdrant server at {self.address} refuses the key.", "Set QDRANT_API_KEY to one that it accepts."
            )
        if status == 404:
            return NotBuilt(
                f"The Qdrant server at {self.address} has no collection {collection}.",
                "Build it: python -m recsys build",
            )
        if status is None or status == 429 or status >= 500:
            return None
        return StoreUnavailable(
            f"The Qdrant server at {self.address} refuses the request (status {status}).",
            "Is it Qdrant 1.15 or newer, and QDRANT_URL its address?",
        )


class ClientStore:
    """A `Store` on a collection of `upload`.

    Args:
        connection: where.
        collection: its name, best with the version of the build in it: a collection in use is never written to.

    Raises:
        NotBuilt: no such collection.
        StoreUnavailable: the server does not answer, or refuses us.
    """

    def __init__(self, connection: Connection, collection: str) -> None:
        self.deployment = connection.deployment
        self._connection = connection
        self._client = connection.client
        self._collection = collection
        info = connection.ask(lambda: self._client.get_collection(collection), collection)
        self.spaces = {name: params.size for name, params in info.config.params.vectors.items()}
        self._points = self.count()
        self.exact = self._points < EXACT_BELOW

    def nearest(
        self, space: str, query: np.ndarray, n: int, where: Where = EVERYTHING
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `Store.nearest`."""
        vector = checked_query(self.spaces, space, query)
        check_size("n", n)
        points = self._query(vector, space, n, n, where)
        return rows_of(points), scores_of(points)

    def nearest_diverse(
        self, space: str, query: np.ndarray, k: int, lam: float, candidates: int, where: Where = EVERYTHING
    ) -> np.ndarray:
        """See `Store.nearest_diverse`."""
        vector = checked_query(self.spaces, space, query)
        check_size("k", k)
        check_size("candidates", candidates, at_least=k)
        check_lam(lam)
        candidates = min(candidates, max(self._points, 1))
        # The client's diversity is 1 - lambda.
        mmr = models.Mmr(diversity=1 - float(lam), candidates_limit=candidates)
        return rows_of(self._query(models.NearestQuery(nearest=vector, mmr=mmr), space, k, candidates, where))

    def count(self, where: Where = EVERYTHING) -> int:
        """See `Store.count`."""
        count_filter = compile_where(where, FILTER_TYPES)
        return self._ask(lambda: self._client.count(self._collection, count_filter=count_filter, exact=True)).count

    def close(self) -> None:
        """See `Store.close`."""
        self._client.close()

    def _query(self, query, space: str, limit: int, asked: int, where: Where) -> list[models.ScoredPoint]:
        query_filter = compile_where(where, FILTER_TYPES)
        # The re-implementation always scans everything, and warns when it is told how to search.
        params = models.SearchParams(exact=scans(self._points, asked)) if self.deployment == "server" else None
        answer = self._ask(
            lambda: self._client.query_points(
                self._collection,
                query=query,
                using=space,
                query_filter=query_filter,
                search_params=params,
                limit=min(limit, max(self._points, 1)),
                with_payload=False,
            )
        )
        return answer.points

    def _ask(self, request: Callable[[], Answer]) -> Answer:
        return self._connection.ask(request, self._collection)


def write_collection(
    connection: Connection,
    collection: str,
    spaces: Mapping[str, np.ndarray],
    catalog: Catalog,
    progress: Progress = no_progress,
) -> None:
    """Writes a collection; one that is complete already is left alone, one that is not is started afresh.

    Args:
        connection: where; for a server one with `WRITE_TIMEOUT_S`.
        collection: its name. Put the version of the build in it: the same name means the same content.
        spaces: (n, d) float32 by name, rows as in the catalog; a row of zeros means no vector.
        catalog: the items and their facets.
        progress: told how many items are stored.

    Raises:
        ValueError: spaces that do not fit the catalog.
        CatalogError: a facet's value that cannot be stored.
        StoreUnavailable: the server does not answer, or refuses us.
    """
    dims = checked_spaces(spaces, len(catalog))
    if _is_complete(connection, collection, dims, len(catalog)):
        return
    client = connection.client
    vectors = {name: models.VectorParams(size=size, distance=models.Distance.DOT) for name, size in dims.items()}
    connection.ask(lambda: client.delete_collection(collection), collection)
    connection.ask(lambda: client.create_collection(collection, vectors_config=vectors), collection, tries=1)
    if connection.deployment == "server":  # the re-implementation has no indexes
        for name, kind in index_kinds(catalog).items():
            _index(connection, collection, name, kind)
    for batch in batches(spaces, catalog, BATCH):
        points = [
            models.PointStruct(id=row, vector=vector, payload=payload)
            for row, vector, payload in zip(*batch, strict=True)
        ]
        _upsert(connection, collection, points)
        progress(batch.rows.stop, len(catalog), "items stored")


def _is_complete(connection: Connection, collection: str, dims: Mapping[str, int], n: int) -> bool:
    exists = connection.ask(lambda: connection.client.collection_exists(collection), collection)
    if not exists:
        return False
    store = ClientStore(connection, collection)
    return store.spaces == dims and store.count() == n


def _index(connection: Connection, collection: str, facet: str, kind: str) -> None:
    schema = models.PayloadSchemaType(kind)
    connection.ask(lambda: connection.client.create_payload_index(collection, facet, schema), collection)


def _upsert(connection: Connection, collection: str, points: list[models.PointStruct]) -> None:
    connection.ask(lambda: connection.client.upsert(collection, points, wait=True), collection)
