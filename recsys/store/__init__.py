"""Qdrant in three deployments behind one `Store`: inside this process (Edge), a server, or in memory.

A store knows row numbers, vectors and facets; one facade above it owns the mapping to item ids.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from recsys.catalog import Catalog
from recsys.settings import Settings
from recsys.store.base import EXACT_BELOW, Deployment, Progress, Store, no_progress
from recsys.version import Version

__all__ = [
    "EXACT_BELOW",
    "Deployment",
    "Progress",
    "Store",
    "memory_store",
    "open_store",
    "upload",
    "upload_version",
]

# Both packages are imported where they are used: qdrant-client alone takes a second.


def open_store(settings: Settings, shard_path: Path, collection: str) -> Store:
    """The store of a built catalog: Edge, or the server where the settings name one.

    Args:
        settings: `qdrant_url` decides.
        shard_path: Edge's folder.
        collection: name on a server.

    Raises:
        NotBuilt: no such folder or collection.
        StoreUnavailable: the server does not answer, or refuses us.
    """
    if settings.qdrant_url is None:
        from recsys.store.edge import EdgeStore

        return EdgeStore(shard_path)
    from recsys.store.client import ClientStore, Connection

    return ClientStore(Connection.server(settings), collection)


def upload(
    settings: Settings,
    collection: str,
    spaces: Mapping[str, np.ndarray],
    catalog: Catalog,
    progress: Progress = no_progress,
) -> None:
    """Writes a collection to the server of the settings; one that is complete already is left alone.

    Args:
        settings: `qdrant_url` names the server.
        collection: its name. Put the version of the build in it: the same name means the same content.
        spaces: (n, d) float32 by name, rows as in the catalog; a row of zeros means no vector.
        catalog: the items and their facets.
        progress: told how many items are stored.

    Raises:
        ValueError: spaces that do not fit the catalog.
        CatalogError: a facet's value that cannot be stored.
        StoreUnavailable: the server does not answer, or refuses us.
    """
    from recsys.store.client import WRITE_TIMEOUT_S, Connection, write_collection

    connection = Connection.server(settings, WRITE_TIMEOUT_S)
    try:
        write_collection(connection, collection, spaces, catalog, progress)
    finally:
        connection.client.close()


def upload_version(settings: Settings, version: Version, progress: Progress = no_progress) -> None:
    """Puts a built version on the server of the settings; without a server, or where it is there already, does nothing.

    Raises:
        StoreUnavailable: the server does not answer, or refuses us.
    """
    if settings.qdrant_url is not None:
        upload(settings, version.collection, version.spaces, version.catalog, progress)


def memory_store(spaces: Mapping[str, np.ndarray], catalog: Catalog) -> Store:
    """A store in qdrant-client's re-implementation: exact, slow, gone with the process. For tests and reference.

    Args:
        spaces: (n, d) float32 by name, rows as in the catalog; a row of zeros means no vector.
        catalog: the items and their facets.

    Raises:
        ValueError: spaces that do not fit the catalog.
    """
    from recsys.store.client import ClientStore, Connection, write_collection

    connection = Connection.memory()
    write_collection(connection, catalog.name, spaces, catalog)
    return ClientStore(connection, catalog.name)
