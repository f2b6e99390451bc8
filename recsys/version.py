"""A version: one built catalog on disk, closed and read-only.

    catalogs/NAME/current -> versions/ID        the pointer that readers follow
    catalogs/NAME/versions/ID/                  manifest, tables, vectors, maps, pictures, the store's shard

A build writes a new version beside the old one and moves the pointer with `os.replace`, so a reader sees the old one
or the new one and never half of either.
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from recsys.catalog import Catalog, Facet
from recsys.errors import CatalogError, InvalidInput, NotBuilt, UnknownItem, quoted
from recsys.ratings import Ratings, read_ratings
from recsys.settings import Settings
from recsys.where import FacetTable

FORMAT = 1
MANIFEST = "manifest.json"
LOCK = ".lock"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")


class Version:
    """A built catalog, opened for reading. Arrays are memory-mapped and shared by all readers.

    Args:
        path: a version's folder.

    Attributes:
        manifest: what was built, from what and how; see `docs/schema.md`.

    Raises:
        CatalogError: the folder is no version, or one of another format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        try:
            # Held open and locked for as long as this object lives, so that no build removes what we read.
            self._open = (self.path / MANIFEST).open()
            fcntl.flock(self._open, fcntl.LOCK_SH)
            self.manifest: dict = json.load(self._open)
        except (OSError, ValueError) as error:
            raise CatalogError(
                f"The built catalog in {self.path.name} cannot be read.", "Build it again: python -m recsys build"
            ) from error
        if not isinstance(self.manifest, dict) or self.manifest.get("format") != FORMAT:
            raise CatalogError(
                f"The built catalog in {self.path.name} was made by another release.",
                "Build it again: python -m recsys build",
            )

    @property
    def name(self) -> str:
        """The catalog's name."""
        return self.manifest["name"]

    @property
    def id(self) -> str:
        """The version's id; two versions of one id hold the same."""
        return self.manifest["id"]

    @property
    def shard(self) -> Path:
        """Folder of the embedded store's shard."""
        return self.path / "shard"

    @property
    def collection(self) -> str:
        """The collection's name on a Qdrant server."""
        return f"tastespace_{self.name}_{self.id}"

    @property
    def default_space(self) -> str:
        """The space that a newcomer starts in."""
        return self.manifest["default_space"]

    @property
    def wish_space(self) -> str:
        """The space that somebody with a wish starts in: the default, unless nobody knows what words mean there."""
        worded = (space for space in ("blend", "text", "image") if space in self.manifest["spaces"])
        return next(worded, self.default_space) if self.default_space == "given" else self.default_space

    @property
    def reads_words(self) -> bool:
        """Whether a wish finds anything here: vectors that were brought along come without a model that reads words."""
        return self.wish_space != "given"

    @property
    def has_lists(self) -> bool:
        """Whether the build made lists of related items; a large catalog is compared when it is asked."""
        return self.manifest.get("lists", True)

    @cached_property
    def catalog(self) -> Catalog:
        """The items, facets, interactions and users."""
        m = self.manifest
        return Catalog(
            name=m["name"],
            label=m["label"],
            about=m["about"],
            items=_read_items(self.path / "items.parquet", "item_id"),
            facets=tuple(Facet(**facet) for facet in m["facets"]),
            categories=m["categories"],
            licence=m["licence"],
            citation=m["citation"],
            interactions=_read_optional(self.path / "interactions.parquet"),
            users=_read_optional(self.path / "users.parquet"),
        )

    @cached_property
    def facets(self) -> FacetTable:
        """The facets as arrays."""
        return FacetTable(self.catalog)

    @cached_property
    def spaces(self) -> Mapping[str, np.ndarray]:
        """Each space's vectors: (n, d) float32 in the items' order, a zero row where an item has none."""
        mapped = {space: np.load(self.path / f"{space}.npy", mmap_mode="r") for space in self.manifest["spaces"]}
        # Plain arrays over the maps: NumPy's own kind of map is slower to take rows from.
        return {space: vectors.view(np.ndarray) for space, vectors in mapped.items()}

    def has_space(self, space: str) -> str:
        """The name of a space that the catalog has.

        Raises:
            InvalidInput: it has no such space.
        """
        if space not in self.spaces:
            has = f"It has: {', '.join(self.spaces)}."
            raise InvalidInput(f"The catalog {self.name} has no space {quoted(space)}.", has)
        return space

    @cached_property
    def item_ids(self) -> np.ndarray:
        """(n,) str, the ids in the items' order."""
        return self.catalog.items.index.to_numpy(dtype=object)

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {item_id: row for row, item_id in enumerate(self.item_ids)}

    def rows(self, ids: Iterable[str]) -> np.ndarray:
        """The rows of items: (len(ids),) int64.

        Raises:
            UnknownItem: an id that the catalog does not have.
        """
        try:
            return np.array([self._row_of[i] for i in ids], dtype=np.int64)
        except KeyError as error:
            raise UnknownItem(
                f"The catalog {self.name} has no item {quoted(error.args[0])}.",
                f"Find ids with: python -m recsys search --catalog {self.name} WORDS",
            ) from None

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._row_of

    def map(self, space: str, dims: int = 2) -> np.ndarray:
        """A space's projection: (n, dims) float32, NaN where an item has no vector.

        Raises:
            KeyError: the space has no map of that many dimensions.
        """
        if dims not in self.manifest["maps"].get(space, ()):
            raise KeyError(f"{space} in {dims}D")
        return np.load(self.path / f"map-{space}-{dims}d.npy", mmap_mode="r")

    @property
    def learned(self) -> Mapping[str, dict]:
        """The spaces that were learned from interactions: by name, which model made them, from what and how well."""
        return self.manifest.get("learned", {})

    @property
    def content_spaces(self) -> list[str]:
        """The spaces that encoders made."""
        return [space for space in self.spaces if space not in self.learned]

    @cached_property
    def facts(self) -> dict[str, list[str]]:
        """What a visitor may tell of themselves: the groups of each signal that a learned space understands."""
        known: dict[str, list[str]] = {}
        for told in self.learned.values():
            for signal, groups in told.get("facts", {}).items():
                known[signal] = list(dict.fromkeys([*known.get(signal, []), *groups]))
        return known

    @property
    def serving(self) -> list[dict]:
        """Which space measured best from how many likes on: `{likes, space, ...}`, by rising likes; see `build`."""
        return self.manifest.get("serving", [])

    def model_file(self, space: str) -> Path:
        """The model that made a learned space."""
        return self.path / f"model-{space}.npz"

    @property
    def rankers(self) -> Mapping[str, dict]:
        """The rankers that the catalog has: by name, from what they learned, and how much each feature decides."""
        return self.manifest.get("rankers", {})

    def ranker_file(self, name: str) -> Path:
        """A ranker."""
        return self.path / f"ranker-{name}.npz"

    @property
    def features_file(self) -> Path:
        """The tables that rankers' features are looked up in."""
        return self.path / "features.npz"

    @cached_property
    def ratings(self) -> Ratings | None:
        """Who rated what, or None where nobody's interactions are known."""
        return None if self.catalog.interactions is None else read_ratings(self.catalog)

    @cached_property
    def _person(self) -> dict[str, int]:
        return {} if self.ratings is None else {str(p): j for j, p in enumerate(self.ratings.people)}

    @property
    def people(self) -> Collection[str]:
        """Ids of the people who rated anything."""
        return self._person.keys()

    def history(self, person: str) -> tuple[np.ndarray, np.ndarray]:
        """What a known person rated, oldest first: rows (m,) int64 and ratings (m,) float64.

        Raises:
            InvalidInput: nobody of that id.
        """
        if self.ratings is None or person not in self._person:
            known = sorted(self.people, key=lambda p: (len(p), p))
            way_out = f"They go from {known[0]} to {known[-1]}." if known else f"{self.name} has no real users."
            raise InvalidInput(f"There is no user {quoted(person, 20)}.", way_out)
        own = self._own(person)
        return self.ratings.items[own], self.ratings.values[own]

    def moments(self, person: str) -> np.ndarray:
        """When a known person rated, ascending: (m,) int64, Unix seconds.

        Raises:
            InvalidInput: nobody of that id.
        """
        self.history(person)
        return self.ratings.times[self._own(person)]

    def _own(self, person: str) -> np.ndarray:
        order, ends = self._by_person
        place = self._person[person]
        return order[ends[place] : ends[place + 1]]

    @cached_property
    def _by_person(self) -> tuple[np.ndarray, np.ndarray]:
        """The ratings by person, then oldest first; and where each person's begin: each request asks for one's."""
        ratings = self.ratings
        order = np.lexsort((ratings.items, ratings.times, ratings.users))
        return order, np.searchsorted(ratings.users[order], np.arange(len(ratings.people) + 1))

    @cached_property
    def popularity(self) -> np.ndarray | None:
        """How many people interacted with each item: (n,) int64, or None where nobody's interactions are known."""
        if self.catalog.interactions is None:
            return None
        counts = self.catalog.interactions.groupby("item_id")["user_id"].nunique()
        return counts.reindex(self.item_ids, fill_value=0).to_numpy(dtype=np.int64)

    @cached_property
    def _wishes(self) -> dict[str, dict[str, np.ndarray]]:
        with np.load(self.path / "wishes.npz") as stored:
            words = [str(w) for w in stored["words"]]
            return {w: {s: stored[s][i] for s in stored.files if s != "words"} for i, w in enumerate(words)}

    def known_wish(self, words: str) -> dict[str, np.ndarray] | None:
        """The vectors, by space, of a wish that was encoded at build time; None for any other."""
        return self._wishes.get(words)

    def thumbnail(self, row: int) -> bytes | None:
        """The item's small picture (WebP), or None where it has none."""
        return self._thumbnails[row] if self._thumbnails is not None else None

    def picture(self, row: int) -> bytes | None:
        """The item's large picture (WebP), or None where it has none."""
        return self._pictures[row] if self._pictures is not None else None

    @cached_property
    def _thumbnails(self) -> "BlobFile | None":
        return BlobFile.open(self.path / "thumbnails.bin")

    @cached_property
    def _pictures(self) -> "BlobFile | None":
        return BlobFile.open(self.path / "pictures.bin")


class BlobFile:
    """Many small byte strings in one memory-mapped file, with their ends beside it.

    Args:
        path: the file; `path + ".ends.npy"` is the (n,) int64 array of ends.
    """

    def __init__(self, path: Path) -> None:
        self._ends = np.load(_ends_of(path))
        self._bytes = np.memmap(path, dtype=np.uint8, mode="r") if len(self._ends) and self._ends[-1] else None

    def __getitem__(self, row: int) -> bytes | None:
        start, end = (self._ends[row - 1] if row else 0), self._ends[row]
        return self._bytes[start:end].tobytes() if end > start else None

    @classmethod
    def open(cls, path: Path) -> "BlobFile | None":
        """The file, or None where there is none: a catalog without pictures has no file of them."""
        return cls(path) if path.exists() else None

    @staticmethod
    def write(path: Path, blobs: Iterable[bytes | None]) -> None:
        """Writes the strings. None and the empty string are both read back as None."""
        ends, end = [], 0
        with path.open("wb") as file:
            for blob in blobs:
                end += file.write(blob or b"")
                ends.append(end)
        np.save(_ends_of(path), np.array(ends, dtype=np.int64))


def _ends_of(path: Path) -> Path:
    return path.with_name(path.name + ".ends.npy")


def _read_items(path: Path, index: str) -> pd.DataFrame:
    items = pd.read_parquet(path).set_index(index)
    for column in items.columns:
        # Parquet gives lists back as arrays, never a missing one; the rest of the code knows tuples.
        if len(items) and isinstance(items[column].iat[0], np.ndarray):
            items[column] = items[column].map(tuple)
    return items


def _read_optional(path: Path) -> pd.DataFrame | None:
    if not path.exists():
        return None
    frame = pd.read_parquet(path)
    return frame.set_index("user_id") if path.stem == "users" else frame


def read_tables(path: Path) -> tuple[pd.DataFrame, pd.DataFrame | None, pd.DataFrame | None]:
    """Items, interactions and users that `write_tables` wrote; None for what there was none of.

    Raises:
        OSError: there are no items.
        ValueError: a table cannot be read.
    """
    optional = (_read_optional(path / name) for name in ("interactions.parquet", "users.parquet"))
    return _read_items(path / "items.parquet", "item_id"), *optional


def write_tables(path: Path, catalog: Catalog) -> None:
    """Writes a catalog's tables into a version's folder."""
    catalog.items.reset_index().to_parquet(path / "items.parquet", index=False)
    if catalog.interactions is not None:
        catalog.interactions.to_parquet(path / "interactions.parquet", index=False)
    if catalog.users is not None:
        catalog.users.reset_index().to_parquet(path / "users.parquet", index=False)


def describe(catalog: Catalog) -> dict:
    """The part of a manifest that says what a catalog is."""
    return {
        "name": catalog.name,
        "label": catalog.label,
        "about": catalog.about,
        "facets": [asdict(facet) for facet in catalog.facets],
        "categories": catalog.categories,
        "licence": catalog.licence,
        "citation": catalog.citation,
        "items": len(catalog),
        "interactions": 0 if catalog.interactions is None else len(catalog.interactions),
        "users": 0 if catalog.users is None else len(catalog.users),
    }


def bytes_on_disk(folder: Path) -> int:
    """What a folder takes: holes in files are not counted, nor is what links lead to."""
    return sum(f.lstat().st_blocks * 512 for f in folder.rglob("*") if not f.is_symlink() and f.is_file())


def is_name(text: object) -> bool:
    """Whether a text can name a catalog or a version: names come from links and files, and become paths."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def current_path(settings: Settings, name: str) -> Path | None:
    """The folder of the version that now serves, or None where the catalog is not built."""
    if not is_name(name):
        return None
    pointer = settings.catalogs / name / "current"
    return pointer.resolve() if (pointer / MANIFEST).exists() else None


def built_names(settings: Settings) -> list[str]:
    """The catalogs that are built, in alphabetical order."""
    if not settings.catalogs.is_dir():
        return []
    return sorted(folder.name for folder in settings.catalogs.iterdir() if current_path(settings, folder.name))


def open_current(settings: Settings, name: str) -> Version:
    """The version of a catalog that now serves.

    Raises:
        NotBuilt: the catalog is not built.
    """
    path = current_path(settings, name)
    if path is None:
        known = built_names(settings)
        has = f"There is {', '.join(known)}. " if known else ""
        command = f"python -m recsys build{f' --catalog {name}' if is_name(name) else ''}"
        raise NotBuilt(f"The catalog {quoted(name)} is not built.", f"{has}Build it: {command}")
    return Version(path)


@contextmanager
def alone(settings: Settings, name: str) -> Iterator[None]:
    """Lets one process, and one thread of it, at a time write a catalog; another one waits.

    The lock is a file of the catalog's folder. Whoever waited while the folder was removed takes the new one's.
    """
    with _locked(settings.catalogs / name):
        yield


def _locked(home: Path) -> TextIO:
    """The lock of a catalog's folder, once it is ours; it goes when it is closed."""
    while True:
        with suppress(FileNotFoundError), ExitStack() as unless_ours:  # the folder may be removed between these lines
            home.mkdir(parents=True, exist_ok=True)
            lock = unless_ours.enter_context((home / LOCK).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(lock.fileno()), (home / LOCK).stat()):
                unless_ours.pop_all()
                return lock


def is_being_written(settings: Settings, name: str) -> bool:
    """Whether some process builds the catalog now; a killed one no longer does."""
    try:
        with (settings.catalogs / name / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def publish(settings: Settings, name: str, finished: Path, version_id: str) -> Path:
    """Puts a finished version in place and moves the pointer to it, atomically. Call it under `alone`.

    The version that served before stays on disk, since a reader may be about to open it; older ones go once nobody
    reads them.

    Args:
        settings: where catalogs live.
        name: the catalog.
        finished: the folder that was written, on the same file system; it is moved.
        version_id: its id.
    """
    home = settings.catalogs / name
    target = home / "versions" / version_id
    before = current_path(settings, name)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(finished, target)
    pointer = home / f".current-{os.getpid()}"
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(Path("versions") / version_id)
    os.replace(pointer, home / "current")
    for folder in target.parent.iterdir():
        if folder not in (target, before):
            _remove_unless_open(folder)
    return target


def _remove_unless_open(folder: Path) -> None:
    try:
        with (folder / MANIFEST).open() as manifest:
            fcntl.flock(manifest, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except FileNotFoundError:  # a version without a manifest never served
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return  # some process still reads it, or it cannot be told; a later build removes it
