"""Carrying a built catalog: out as tables and arrays, or whole, in one file, to a machine that cannot build it."""

import json
import shutil
import tarfile
import tempfile
from pathlib import Path

import numpy as np

from recsys.errors import CatalogError, InvalidInput
from recsys.settings import Settings
from recsys.version import MANIFEST, Version, is_name, publish


def export(version: Version, out: Path) -> dict:
    """Writes `items.parquet` and one `SPACE.npy` a space, rows aligned; a zero row where an item has no vector.

    Raises:
        CatalogError: the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(version.path / "items.parquet", out / "items.parquet")
        for space in version.spaces:
            shutil.copyfile(version.path / f"{space}.npy", out / f"{space}.npy")
    except OSError as error:
        raise CatalogError(f"The export cannot be written: {error.strerror}.", "Choose another folder.") from error
    return {
        "catalog": version.name,
        "version": version.id,
        "out": str(out),
        "items": len(version.item_ids),
        "spaces": {space: list(vectors.shape) for space, vectors in version.spaces.items()},
    }


def pack(version: Version, out: Path) -> dict:
    """Writes a version into one tar file.

    Raises:
        CatalogError: the file cannot be written.
    """
    draft = out.with_name(out.name + ".part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(draft, "w") as tar:
            # The manifest comes first, so that `unpack` can refuse a file before it has written anything.
            for path in sorted(version.path.rglob("*"), key=lambda p: (p.name != MANIFEST, p)):
                if path.is_file():
                    tar.add(path, arcname=path.relative_to(version.path).as_posix(), recursive=False)
        draft.replace(out)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise CatalogError(
            f"The file {out.name} cannot be written: {error.strerror}.", "Choose another place."
        ) from error
    return {"catalog": version.name, "version": version.id, "out": str(out), "bytes": out.stat().st_size}


def unpack(settings: Settings, file: Path) -> dict:
    """Puts a packed catalog in place and lets it serve.

    Raises:
        InvalidInput: the file is no packed catalog.
        CatalogError: there is no room for it.
    """
    refused = InvalidInput(
        f"{file.name} is not a packed catalog.", "Make one with: python -m recsys pack --catalog NAME --out FILE"
    )
    settings.catalogs.mkdir(parents=True, exist_ok=True)
    # In the catalogs' own folder, so that putting it in place is a rename.
    with tempfile.TemporaryDirectory(dir=settings.catalogs, prefix=".unpacking-") as work:
        target = Path(work) / "version"
        try:
            with tarfile.open(file, "r:*") as tar:
                tar.extractall(target, filter="data")
        except (tarfile.TarError, EOFError, FileNotFoundError, IsADirectoryError) as error:
            raise refused from error
        except OSError as error:
            raise CatalogError(
                f"{file.name} cannot be unpacked: {error.strerror}.", "Make room and try again."
            ) from error
        try:
            manifest = json.loads((target / MANIFEST).read_text())
            name, version_id = manifest["name"], manifest["id"]
            if not (is_name(name) and is_name(version_id)):
                raise refused
            Version(target).catalog  # noqa: B018  opening it is the check
            for space in manifest["spaces"]:
                np.load(target / f"{space}.npy", mmap_mode="r")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise refused from error
        publish(settings, name, target, version_id)
    return {"catalog": name, "version": version_id, "items": manifest["items"]}
