"""Measurements that take too long for a page: made once for a built catalog, kept beside it, shown from there."""

import json
import os
from pathlib import Path

from recsys.settings import Settings
from recsys.version import Version


def read(settings: Settings, version: Version, kind: str) -> dict | None:
    """A record of this very version; None where there is none, or none that can be read."""
    try:
        return json.loads(_path(settings, version, kind).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write(settings: Settings, version: Version, kind: str, document: dict) -> dict:
    """Keeps a record, whole or not at all; returns it."""
    path = _path(settings, version, kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(document), encoding="utf-8")
    os.replace(part, path)
    return document


def _path(settings: Settings, version: Version, kind: str) -> Path:
    return settings.data / "records" / f"{version.name}-{version.id}-{kind}.json"
