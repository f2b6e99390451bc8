"""Qdrant Edge: Qdrant's own engine inside this process, on a folder that is written once and then only read."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import qdrant_edge as edge

from recsys.catalog import Catalog
from recsys.errors import NotBuilt, StoreUnavailable, TastespaceError, quoted
from recsys.store.base import (
    EVERYTHING,
    EXACT_BELOW,
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

FILTER_TYPES = FilterTypes(edge.Filter, edge.FieldCondition, edge.MatchAny, edge.RangeFloat)
HNSW = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000}
BATCH = 1000
ROOM_TO_OPEN = 2**20

_INDEX_TYPES = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "float": edge.PayloadSchemaType.Float,
    "integer": edge.PayloadSchemaType.Integer,
}
_CONFIG = "edge_config.json"  # Edge's own record of what the shard holds; the API does not tell
_REBUILD = "Build it again: python -m recsys build --force"


class EdgeStore:
    """A `Store` on a folder of `write_shard`. Several processes may open the same folder.

    It goes on answering when the folder is renamed or removed, until it is closed.

    Args:
        path: the folder.

    Raises:
        NotBuilt: no folder there, or none that can be read.
        StoreUnavailable: the disk is full.
    """

    deployment = "edge"

    def __init__(self, path: Path) -> None:
        self.spaces = _read_spaces(path)
        _require_room(path, ROOM_TO_OPEN, "to be opened")
        with _told(NotBuilt, f"The index in {path} cannot be read", _REBUILD):
            self._shard = edge.EdgeShard.load(str(path))
            self._points = self._shard.count(edge.CountRequest())
        self.exact = self._points < EXACT_BELOW

    def nearest(
        self, space: str, query: np.ndarray, n: int, where: Where = EVERYTHING
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `Store.nearest`."""
        vector = checked_query(self.spaces, space, query)
        check_size("n", n)
        points = self._query(edge.Query.Nearest(vector, using=space), n, n, where)
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
        mmr = edge.Mmr(vector, lambda_=float(lam), candidates_limit=candidates, using=space)
        return rows_of(self._query(mmr, k, candidates, where))

    def count(self, where: Where = EVERYTHING) -> int:
        """See `Store.count`."""
        request = edge.CountRequest(filter=compile_where(where, FILTER_TYPES))
        with _told(StoreUnavailable, "The index cannot be searched", _REBUILD):
            return self._shard.count(request)

    def close(self) -> None:
        """See `Store.close`."""
        self._shard.close()

    def _query(self, query, limit: int, asked: int, where: Where) -> list:
        request = edge.QueryRequest(
            limit=min(limit, max(self._points, 1)),
            query=query,
            filter=compile_where(where, FILTER_TYPES),
            params=edge.SearchParams(exact=scans(self._points, asked)),
        )
        with _told(StoreUnavailable, "The index cannot be searched", _REBUILD):
            return self._shard.query(request)


def write_shard(
    path: Path, spaces: Mapping[str, np.ndarray], catalog: Catalog, progress: Progress = no_progress
) -> None:
    """Writes a closed, read-only shard for `EdgeStore`. The folder appears when it is complete, not before.

    Catalogs of `EXACT_BELOW` items and more get an HNSW graph; smaller ones need none.

    Args:
        path: folder to create; what an interrupted run left beside it is cleared away.
        spaces: (n, d) float32 by name, rows as in the catalog; a row of zeros means no vector.
        catalog: the items and their facets.
        progress: told about points written and about indexing.

    Raises:
        ValueError: spaces that do not fit the catalog, or a folder that exists.
        CatalogError: a facet's value that cannot be stored.
        StoreUnavailable: too little room on the disk, or the shard cannot be written.
    """
    dims = checked_spaces(spaces, len(catalog))
    if path.exists():
        raise ValueError(f"expected a folder that does not exist yet, got {path}")
    part = path.with_name(f"{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        stored = sum(vectors.size * 4 for vectors in spaces.values())
        # The vectors as written, again as optimised, graph and payload.
        _require_room(part, 3 * stored + 64 * 2**20, "while it is written")
        with _told(StoreUnavailable, "The index cannot be written", "Is the disk full?"):
            shard = edge.EdgeShard.create(str(part), _config(dims, len(catalog)))
            try:
                _fill(shard, spaces, catalog, progress)
            finally:
                shard.close()
            # The first opening tidies up what writing left; from the second on no byte changes, so that
            # several processes can open the folder at the same moment.
            edge.EdgeShard.load(str(part)).close()
        os.replace(part, path)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _read_spaces(path: Path) -> dict[str, int]:
    try:
        vectors = json.loads((path / _CONFIG).read_text())["vectors"]
        return {name: params["size"] for name, params in vectors.items()}
    except FileNotFoundError:
        raise NotBuilt(f"There is no index in {path}.", "Build it: python -m recsys build") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotBuilt(f"The index in {path} cannot be read ({error}).", _REBUILD) from error


@contextmanager
def _told(kind: type[TastespaceError], what: str, way_out: str) -> Iterator[None]:
    """Turns Edge's failures into a sentence. It raises plain `Exception`, or panics past `except Exception`."""
    try:
        yield
    except BaseException as error:
        if type(error) is Exception or type(error).__name__ == "PanicException":
            raise kind(f"{what} ({quoted(str(error), 200)}).", way_out) from error
        raise


def _config(dims: Mapping[str, int], n: int) -> edge.EdgeConfig:
    hnsw = HNSW if n >= EXACT_BELOW else HNSW | {"m": 0}
    return edge.EdgeConfig(
        vectors={name: edge.EdgeVectorParams(size, edge.Distance.Dot) for name, size in dims.items()},
        hnsw_config=edge.HnswIndexConfig(**hnsw),
        # The log would lock the folder for one process. The threshold (in kB) makes `optimize` turn what
        # was written into one immutable, memory-mapped segment even where the catalog is tiny.
        wal_enabled=False,
        optimizers=edge.EdgeOptimizersConfig(indexing_threshold=1, default_segment_number=1),
    )


def _fill(shard: edge.EdgeShard, spaces: Mapping[str, np.ndarray], catalog: Catalog, progress: Progress) -> None:
    for name, kind in index_kinds(catalog).items():
        shard.update(edge.UpdateOperation.create_field_index(name, _INDEX_TYPES[kind]))
    for batch in batches(spaces, catalog, BATCH):
        points = [edge.Point(*point) for point in zip(*batch, strict=True)]
        shard.update(edge.UpdateOperation.upsert_points(points))
        progress(batch.rows.stop, len(catalog), "items stored")
    progress(0, 1, "indexing")
    shard.optimize()
    shard.flush()
    progress(1, 1, "indexing")


def _require_room(folder: Path, needed: int, when: str) -> None:
    """Edge writes through memory maps, a little even when it opens: on a full disk the process would be killed."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StoreUnavailable(
            f"The index needs {needed / 2**20:.0f} MB {when}; the disk has {free / 2**20:.0f} MB left.",
            "Free some room, or move the data: TASTESPACE_DATA=FOLDER.",
        )
