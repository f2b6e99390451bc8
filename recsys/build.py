"""Building: fetch -> draw -> embed -> align -> project -> store, into a new version that then takes over.

Every step is cached by the content it was computed from, so a build can be killed anywhere and goes on when it is run
again, and a build of unchanged inputs does nothing.
"""

import errno
import fcntl
import io
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from recsys.cache import Progress, StepCache, key_of
from recsys.catalog import Catalog
from recsys.errors import CatalogError, InvalidInput, TastespaceError
from recsys.personas import wishes_of
from recsys.settings import Settings
from recsys.sources import SOURCES
from recsys.version import FORMAT, MANIFEST, BlobFile, Version, current_path, describe, open_current, publish, write_tables

TEXT_BATCH = 256
PICTURE_BATCH = 64
DRAW_BATCH = 32
THUMBNAIL = 112
PICTURE = 448
MAP_SEED = 0


def fingerprint(settings: Settings, name: str) -> str:
    """What a catalog's build depends on, as a hash; needs no data and no model, so it is instant."""
    source = SOURCES[name]
    return key_of(
        FORMAT,
        source.fingerprint(),
        settings.text_encoder,
        settings.image_encoder if source.pictures else None,
        wishes_of(name),
        [THUMBNAIL, PICTURE, MAP_SEED],
    )


def is_current(settings: Settings, name: str) -> bool:
    """Whether a build of the catalog would do nothing."""
    path = current_path(settings, name)
    if path is None:
        return False
    try:
        return Version(path).manifest["fingerprint"] == fingerprint(settings, name)
    except CatalogError:
        return False


def build(settings: Settings, name: str, progress: Progress | None = None, force: bool = False) -> Version:
    """Builds one catalog, or opens it where it is built already.

    Args:
        settings: folders and encoders.
        name: `movies` or `clipart`.
        progress: called with (done, total, step).
        force: build a new version even though nothing changed; cached steps are still used.

    Raises:
        CatalogError: the data cannot be fetched or the disk is full; what served before goes on serving.
        InvalidInput: no such catalog.
    """
    if name not in SOURCES:
        raise InvalidInput(f"There is no catalog called {name} to build.", f"Known: {', '.join(SOURCES)}.")
    home = settings.catalogs / name
    with _explained_disk_errors(), _alone(home):
        if force or not is_current(settings, name):
            for stale in home.glob(".building-*"):
                shutil.rmtree(stale, ignore_errors=True)
            started = time.perf_counter()
            source = SOURCES[name]
            catalog = source.load(settings, progress=progress)
            work = home / f".building-{os.getpid()}"
            work.mkdir(parents=True)
            version_id = f"{datetime.now(UTC):%Y%m%d%H%M%S}-{fingerprint(settings, name)[:6]}"
            manifest = _write(work, settings, catalog, source, progress)
            manifest |= {
                "format": FORMAT,
                "id": version_id,
                "fingerprint": fingerprint(settings, name),
                "built_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "seconds": round(time.perf_counter() - started, 1),
            }
            (work / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False))
            publish(settings, name, work, version_id)
        version = open_current(settings, name)
        if settings.qdrant_url is not None:
            _upload(settings, version, progress)
    return version


def _write(work: Path, settings: Settings, catalog: Catalog, source, progress: Progress | None) -> dict:
    from recsys.store.edge import write_shard

    cache = StepCache(settings.data / "steps.sqlite")
    rates: dict[str, dict] = {}
    spaces, encoders, pictures = _embed(cache, settings, catalog, source, progress, rates)
    maps: dict[str, list[int]] = {}
    default = "blend" if "blend" in spaces else "text"
    for space, vectors in spaces.items():
        np.save(work / f"{space}.npy", vectors)
        for dims in (2, 3) if space == default else (2,):
            coords = _project(cache, vectors, dims, progress, f"map of {space} in {dims}D")
            np.save(work / f"map-{space}-{dims}d.npy", coords)
            maps.setdefault(space, []).append(dims)
    BlobFile.write(work / "pictures.bin", (large for large, _ in pictures))
    BlobFile.write(work / "thumbnails.bin", (small for _, small in pictures))
    write_tables(work, catalog)
    _tell(progress, 0, 1, "store")
    write_shard(work / "shard", spaces, catalog)
    _tell(progress, 1, 1, "store")
    return {}
