"""Data folders of their own, so that a check can build, break and fill what nobody else reads."""

import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from recsys.settings import Settings


@contextmanager
def sandbox(settings: Settings, catalogs: Sequence[str], within: Path | None = None) -> Iterator[Settings]:
    """A copy of the downloads, of some built catalogs and of what builds have computed, until the block ends.

    Args:
        settings: whose data folder is copied.
        catalogs: the built catalogs to copy.
        within: the folder to make it in; None takes the system's for temporary files.
    """
    with tempfile.TemporaryDirectory(prefix="tastespace-", dir=within) as folder:
        copy = replace(settings, data=Path(folder) / "data", qdrant_url=None)
        copy.catalogs.mkdir(parents=True)
        sources = [settings.downloads, *(settings.catalogs / name for name in catalogs)]
        for source, target in zip(sources, [copy.data, *[copy.catalogs] * len(catalogs)], strict=True):
            # cp, since a shard's files are mostly holes and Python's own copying would fill them.
            subprocess.run(["cp", "-a", "--sparse=auto", str(source), str(target)], check=True)
        copy_cache(settings, copy)
        yield copy


def copy_cache(settings: Settings, copy: Settings) -> None:
    """Copies the step cache as one consistent whole, even while a build writes to it."""
    source, target = cache_path(settings), cache_path(copy)
    if source.exists():
        with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(target)) as duplicate:
            original.backup(duplicate)


def cache_path(settings: Settings) -> Path:
    """The step cache's file."""
    return settings.data / "steps.sqlite"
