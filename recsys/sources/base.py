"""What every source is."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from recsys.catalog import Catalog
from recsys.settings import Settings


@dataclass(frozen=True)
class Source:
    """Where one catalog comes from.

    Attributes:
        name: the catalog's name.
        label: what a person reads.
        about: one sentence or two on what it is and what the data cannot tell.
        load: `load(settings, progress=None) -> Catalog` fetches what is missing and reads it.
        pinned: hashes and format version of what is read.
        picture_reader: `picture_reader(settings)` gives a function from an item's `image` to its file, SVG or pixels;
            None where the items have no pictures.
        vectors: `vectors(settings)` gives (n, d) float32 that came with the items, at unit length, zeros for none; None
            where nobody brought any.
        reads_text: whether the items' texts are embedded.
        reads_pictures: whether their pictures are, beside being shown.
        text_encoder: what reads the texts; None for what the settings say.
        image_encoder: what looks at the pictures; the same.
    """

    name: str
    label: str
    about: str
    load: Callable[..., Catalog]
    pinned: tuple[str | int, ...]
    picture_reader: Callable[[Settings], Callable[[str], bytes]] | None = None
    vectors: Callable[[Settings], np.ndarray] | None = None
    reads_text: bool = True
    reads_pictures: bool = True
    text_encoder: str | None = None
    image_encoder: str | None = None

    @property
    def has_pictures(self) -> bool:
        """Whether the items have pictures to draw."""
        return self.picture_reader is not None

    def settled(self, settings: Settings) -> Settings:
        """The settings with the encoders that this catalog was imported with."""
        return replace(
            settings,
            text_encoder=settings.text_encoder if self.text_encoder is None else self.text_encoder,
            image_encoder=settings.image_encoder if self.image_encoder is None else self.image_encoder,
        )

    def fingerprint(self) -> str:
        """Changes when `load` would give something else. Reads no file: 16 hex digits."""
        return hashlib.sha256(json.dumps([self.name, *self.pinned]).encode()).hexdigest()[:16]
