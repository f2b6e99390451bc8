"""The step cache: what a build computed, by the hash of what it was computed from.

SQLite keeps every finished batch through a kill at any moment and lets two builds share their work, so a build
that is run again goes on where it stopped and embeds only what changed.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from recsys.errors import CatalogError

Progress = Callable[[int, int, str], None]
"""Called with (done, total, what) as a step goes on."""


def key_of(*parts: object) -> str:
    """A content hash of JSON-able parts and bytes, in order: 32 hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:32]


class StepCache:
    """Values by content key, in one SQLite file.

    Args:
        path: the file; made with its folder where absent.

    Raises:
        CatalogError: the disk is full or the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._run(
            lambda db: db.execute("CREATE TABLE IF NOT EXISTS steps (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID")
        )

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The values there are; keys without one are left out."""
        keys = list(dict.fromkeys(keys))

        def read(db: sqlite3.Connection) -> dict[str, bytes]:
            found: dict[str, bytes] = {}
            for start in range(0, len(keys), 500):
                part = keys[start : start + 500]
                marks = ",".join("?" * len(part))
                found.update(db.execute(f"SELECT key, value FROM steps WHERE key IN ({marks})", part))
            return found

        return self._run(read)

    def put(self, values: Mapping[str, bytes]) -> None:
        """Stores values for good before it returns."""
        self._run(lambda db: db.executemany("INSERT OR REPLACE INTO steps VALUES (?, ?)", values.items()))

    def _run(self, action: Callable[[sqlite3.Connection], object]):
        try:
            # A connection a call: they are cheap, and builds may run in threads.
            with closing(sqlite3.connect(self._path, timeout=60)) as db, db:
                db.execute("PRAGMA journal_mode=WAL")
                return action(db)
        except sqlite3.DatabaseError as error:
            raise CatalogError(
                f"The build's cache cannot be used ({error}).",
                f"Make room on the disk, or delete {self._path.name} in the data folder: it only saves time.",
            ) from error

    def through(
        self,
        keys: Sequence[str],
        compute: Callable[[list[int]], list[bytes]],
        batch: int,
        progress: Progress | None = None,
        what: str = "",
    ) -> list[bytes]:
        """The values of all keys, computing those that are missing, a batch at a time.

        Args:
            keys: (n,) content keys.
            compute: given positions in `keys`, their values; called with at most `batch` at a time.
            batch: how much is lost when the build is killed.
            progress: told how many of the n are there.
            what: the step's name for `progress`.
        """
        values = self.get(keys)
        position: dict[str, int] = {}
        for i, key in enumerate(keys):
            position.setdefault(key, i)
        missing = [key for key in position if key not in values]
        done = len(position) - len(missing)
        for start in range(0, len(missing), batch):
            if progress is not None:
                progress(done + start, len(position), what)
            part = missing[start : start + batch]
            fresh = dict(zip(part, compute([position[key] for key in part]), strict=True))
            self.put(fresh)
            values.update(fresh)
        if progress is not None:
            progress(len(position), len(position), what)
        return [values[key] for key in keys]
