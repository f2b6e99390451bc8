"""Carrying a built catalog: out as tables and arrays, or whole, in one file, to a machine that cannot build it."""

import hashlib
import io
import itertools
import json
import re
import shutil
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path

from recsys.errors import CatalogError, InvalidInput, TastespaceError
from recsys.settings import Settings
from recsys.store import upload_version
from recsys.store.edge import write_shard
from recsys.version import FORMAT, MANIFEST, Version, alone, is_name, publish

SUMS = "SHA256SUMS"
_MEMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")


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
    """Writes a version into one tar file: the manifest, `SHA256SUMS` of all files, then the files.

    The store's shard stays behind: most of it is holes, and `unpack` makes it again in seconds.

    Raises:
        CatalogError: the file cannot be written.
    """
    draft = out.with_name(out.name + ".part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        paths = sorted((p for p in version.path.iterdir() if p.is_file()), key=lambda p: (p.name != MANIFEST, p.name))
        sums = "".join(f"{_sha256(path)}  {path.name}\n" for path in paths).encode()
        with tarfile.open(draft, "w") as tar:
            tar.add(paths[0], arcname=MANIFEST)
            member = tarfile.TarInfo(SUMS)
            member.size = len(sums)
            tar.addfile(member, io.BytesIO(sums))
            for path in paths[1:]:
                tar.add(path, arcname=path.name)
        draft.replace(out)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise CatalogError(
            f"The file {out.name} cannot be written: {error.strerror}.", "Choose another place."
        ) from error
    return {"catalog": version.name, "version": version.id, "out": str(out), "bytes": out.stat().st_size}


def unpack(settings: Settings, file: Path) -> dict:
    """Puts a packed catalog in place and lets it serve. Where it is refused, nothing changes.

    Raises:
        InvalidInput: the file is no packed catalog, or a damaged one; or the app is public.
        CatalogError: it was packed by another release, or there is no room for it.
        StoreUnavailable: there is no room for the store's shard.
    """
    settings.require_private("Imports")
    try:
        settings.catalogs.mkdir(parents=True, exist_ok=True)
        # In the catalogs' own folder, so that putting it in place is a rename.
        with tempfile.TemporaryDirectory(dir=settings.catalogs, prefix=".unpacking-") as work:
            target = Path(work) / "version"
            _extract(file, target)
            version = _checked(file, target)
            write_shard(version.shard, version.spaces, version.catalog)
            upload_version(settings, version)
            with alone(settings, version.name):
                publish(settings, version.name, target, version.id)
    except OSError as error:
        raise CatalogError(
            f"{file.name} cannot be unpacked: {error.strerror or error}.", "Make room and try again."
        ) from error
    return {"catalog": version.name, "version": version.id, "items": len(version.item_ids)}


def _extract(file: Path, target: Path) -> None:
    """Extracts a packed file; what is no packed catalog is refused by its first member, before anything is written."""
    try:
        with tarfile.open(file, "r:") as tar:
            first = tar.next()
            if first is None or first.name != MANIFEST or not first.isfile():
                raise _refused(file)
            # A pack is flat: plain files without folders or links. (`extractall` has no filters on Debian's Python.)
            target.mkdir()
            for member in itertools.chain([first], tar):
                if not member.isfile() or not _MEMBER.fullmatch(member.name):
                    raise _refused(file)
                with (target / member.name).open("wb") as out:
                    shutil.copyfileobj(tar.extractfile(member), out)
    except (tarfile.TarError, EOFError, ValueError, FileNotFoundError, IsADirectoryError) as error:
        raise _refused(file) from error


def _checked(file: Path, folder: Path) -> Version:
    """The extracted version, every file compared with its sum."""
    try:
        lines = (folder / SUMS).read_text().splitlines()
        sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
        (folder / SUMS).unlink()
        there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
        if there != set(sums) or any(_sha256(folder / name) != digest for name, digest in sums.items()):
            raise InvalidInput(f"{file.name} is damaged: a file in it is incomplete or altered.", "Copy it again.")
        manifest = json.loads((folder / MANIFEST).read_text())
        if manifest["format"] == FORMAT and not (is_name(manifest["name"]) and is_name(manifest["id"])):
            raise _refused(file)
        version = Version(folder)
        version.catalog, version.spaces  # noqa: B018  opening them is the check
        return version
    except TastespaceError:
        raise
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refused(file) from error


def _refused(file: Path) -> InvalidInput:
    return InvalidInput(
        f"{file.name} is not a packed catalog.", "Make one with: python -m recsys pack --catalog NAME --out FILE"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
