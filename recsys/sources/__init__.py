"""Sources: where the catalogs come from. Each is a module's functions under one roof."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from recsys.catalog import Catalog
from recsys.settings import Settings
from recsys.sources import clipart, movies


@dataclass(frozen=True)
class Source:
    """Where one catalog comes from.

    Attributes:
        name: the catalog's name.
        label: what a person reads.
        about: one sentence or two on what it is and what the data cannot tell.
        load: `load(settings, progress=None) -> Catalog` fetches what is missing and reads it.
        pinned: hashes and format version of what is read.
        picture_reader: `picture_reader(settings)` gives a function from an item's `image` to its SVG; None where the
            items have no pictures.
    """

    name: str
    label: str
    about: str
    load: Callable[..., Catalog]
    pinned: tuple[str | int, ...]
    picture_reader: Callable[[Settings], Callable[[str], bytes]] | None = None

    @property
    def has_pictures(self) -> bool:
        """Whether the items have pictures to draw."""
        return self.picture_reader is not None

    def fingerprint(self) -> str:
        """Changes when `load` would give something else. Reads no file: 16 hex digits."""
        return hashlib.sha256(json.dumps([self.name, *self.pinned]).encode()).hexdigest()[:16]


SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            clipart.NAME,
            clipart.LABEL,
            clipart.ABOUT,
            clipart.load,
            (clipart.DEB["sha256"], clipart.FORMAT),
            clipart.picture_reader,
        ),
        Source(
            movies.NAME,
            movies.LABEL,
            movies.ABOUT,
            movies.load,
            (movies.RATINGS_WHEEL["sha256"], movies.FILMS_WHEEL["sha256"], movies.FORMAT),
        ),
    )
}
