"""An imported catalog as a `Source`: what was brought, checked and kept, so that it can be built again at any time.

    imports/NAME/current -> ID      the pointer that builds follow
    imports/NAME/ID/                about.json, report.json, items.parquet, and where they were brought pictures.zip,
                                    interactions.parquet, users.parquet, vectors.npy

A folder is complete before the pointer moves to it, so a build sees the old files or the new ones.
"""

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.catalog import Catalog, Facet
from recsys.errors import CatalogError
from recsys.settings import Settings
from recsys.sources.base import Source
from recsys.sources.download import Progress
from recsys.sources.imported.archive import open_pictures
from recsys.sources.imported.check import Checked
from recsys.version import describe, is_name, read_tables, write_tables

FORMAT = 1
"""Raise it whenever a build of the same files must come out otherwise."""
ABOUT = "about.json"
REPORT = "report.json"
_TABLES = ("items.parquet", "interactions.parquet", "users.parquet", "vectors.npy")
_SOME_DAY = (2000, 1, 1, 0, 0, 0)  # so that the same pictures are the same bytes


def keep(checked: Checked, folder: Path, progress: Progress | None = None) -> None:
    """Writes an offer into a folder that is there, as builds read it. Nothing else is touched.

    Raises:
        OSError: the disk is full.
    """
    catalog, offer = checked.catalog, checked.offer
    if offer.images is not None:
        names = _keep_pictures(checked, folder, progress)
        catalog = replace(catalog, items=catalog.items.assign(image=pd.Series(names, catalog.items.index, object)))
    write_tables(folder, catalog)
    if checked.vectors is not None:
        np.save(folder / "vectors.npy", checked.vectors)
    about = {
        "format": FORMAT,
        **{key: value for key, value in describe(catalog).items() if key not in ("items", "interactions", "users")},
        "reads": asdict(checked.reads),
        "vectors": checked.vectors is not None,
        "pictures": bool(catalog.items["image"].notna().any()),
        "text_encoder": offer.text_encoder,
        "image_encoder": offer.image_encoder,
        "roles": dict(checked.report.roles),
    }
    about["digest"] = _digest(folder, about)
    (folder / ABOUT).write_text(json.dumps(about, ensure_ascii=False, indent=1))
    (folder / REPORT).write_text(json.dumps(checked.report.document(), ensure_ascii=False))


def _keep_pictures(checked: Checked, folder: Path, progress: Progress | None) -> list[str | None]:
    """Copies the pictures into one archive, each once, called by its content; returns these names."""
    names: dict[str, str] = {}
    kept: set[str] = set()
    asked = checked.catalog.items["image"].tolist()
    with (
        open_pictures(checked.offer.images) as pictures,
        zipfile.ZipFile(folder / "pictures.zip", "w", zipfile.ZIP_STORED) as archive,
    ):
        for done, picture in enumerate(asked):
            if progress is not None and done % 50 == 0:
                progress(done, len(asked), "keep pictures")
            if picture is None or picture in names:
                continue
            data = pictures.read(picture)
            digest = hashlib.sha256(data).hexdigest()[:32]
            if digest not in kept:
                kept.add(digest)
                archive.writestr(zipfile.ZipInfo(digest, _SOME_DAY), data)
            names[picture] = digest
    return [None if picture is None else names[picture] for picture in asked]


def _digest(folder: Path, about: dict) -> str:
    """A hash of what was kept. Pictures count by their names, which are hashes themselves."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in _TABLES:
        if (folder / name).exists():
            with (folder / name).open("rb") as file:
                digest.update(name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def switch(settings: Settings, name: str, folder: Path) -> None:
    """Makes a kept folder the one that builds read; older ones go. Call it under `recsys.version.alone`.

    Args:
        settings: where imports live.
        name: the catalog.
        folder: what `keep` wrote, within `imports/NAME`; it is moved.
    """
    home = settings.imports / name
    target = home / json.loads((folder / ABOUT).read_text())["digest"]
    if target.exists():
        shutil.rmtree(folder)
    else:
        os.rename(folder, target)
    pointer = home / f".current-{os.getpid()}"
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(target.name)
    os.replace(pointer, home / "current")
    for other in home.iterdir():
        if other.is_dir() and not other.is_symlink() and other != target:
            shutil.rmtree(other, ignore_errors=True)


def imported_sources(settings: Settings) -> dict[str, Source]:
    """The catalogs that were imported here, by name. One whose files are damaged is left out."""
    found: dict[str, Source] = {}
    with suppress(OSError):
        for home in sorted(settings.imports.iterdir()):
            if is_name(home.name):
                with suppress(CatalogError):
                    found[home.name] = source_in(home / "current", home.name)
    return found


def source_in(folder: Path, name: str) -> Source:
    """The source that a kept folder is.

    Raises:
        CatalogError: there is none, or it cannot be read.
    """
    try:
        about = json.loads((folder / ABOUT).read_text())
        return Source(
            name=name,
            label=about["label"],
            about=about["about"],
            load=partial(_load, folder, name),
            pinned=(about["digest"], about["format"]),
            picture_reader=partial(_picture_reader, folder) if about["pictures"] else None,
            vectors=partial(_vectors, folder) if about["vectors"] else None,
            reads_text=about["reads"]["text"],
            reads_pictures=about["reads"]["image"],
            text_encoder=about["text_encoder"],
            image_encoder=about["image_encoder"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CatalogError(
            f"The imported files of {name} cannot be read.", "Import the catalog again: python -m recsys import"
        ) from error


def _load(folder: Path, name: str, settings: Settings, progress: Progress | None = None) -> Catalog:
    try:
        about = json.loads((folder / ABOUT).read_text())
        items, interactions, users = read_tables(folder)
    except (OSError, ValueError) as error:
        raise CatalogError(
            f"The imported files of {name} cannot be read.", "Import the catalog again: python -m recsys import"
        ) from error
    # Parquet gives a missing text back as NaN.
    items["image"] = items["image"].astype(object).where(items["image"].notna(), None)
    return Catalog(
        name=name,
        label=about["label"],
        about=about["about"],
        items=items,
        facets=tuple(Facet(**facet) for facet in about["facets"]),
        categories=about["categories"],
        licence=about["licence"],
        interactions=interactions,
        users=users,
    )


def _picture_reader(folder: Path, settings: Settings) -> Callable[[str], bytes]:
    return zipfile.ZipFile(folder / "pictures.zip").read


def _vectors(folder: Path, settings: Settings) -> np.ndarray:
    return np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
