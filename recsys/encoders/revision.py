"""Revisions: which weights an encoder has, so that vectors of different ones are never mixed."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from recsys.errors import NotBuilt

_REVISED = re.compile(r"(?P<setting>.+)@(?P<revision>[0-9a-f]{12})")


def content_revision(paths: Iterable[Path], *also: str) -> str:
    """Hash of files' contents, and of whatever else decides on the vectors: 12 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    for text in also:
        digest.update(text.encode())
    return digest.hexdigest()[:12]


def folder_revision(folder: Path) -> str:
    """Hash of a model folder's weights and configuration, wherever the folder lies."""
    parts = sorted(p for p in folder.rglob("*") if p.suffix in {".safetensors", ".bin", ".pt", ".pth", ".json", ".txt"})
    return content_revision(parts, *(p.relative_to(folder).as_posix() for p in parts))


def hub_revision(repository: str, files: Iterable[str]) -> str | None:
    """The commit of a hub model in the local cache: 12 hexadecimal digits, or None where it is not there."""
    from huggingface_hub import try_to_load_from_cache

    for file in files:
        path = try_to_load_from_cache(repository, file)
        if isinstance(path, str):
            return Path(path).relative_to(Path(path).parents[len(Path(file).parts)]).parts[0][:12]
    return None


def split_revision(name: str) -> tuple[str, str | None]:
    """A name as the setting that loads it and the revision, None where it asks for none."""
    match = _REVISED.fullmatch(name)
    return (match["setting"], match["revision"]) if match else (name, None)


def check_revision(encoder, revision: str | None):
    """The encoder itself.

    Raises:
        NotBuilt: another revision was asked for.
    """
    setting, here = split_revision(encoder.name)
    if revision is not None and revision != here:
        raise NotBuilt(
            f"This was built with other weights of {setting} ({revision}) than are installed here ({here}).",
            "Build it again: python -m recsys build --force",
        )
    return encoder
