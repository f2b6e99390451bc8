"""Encoders: text or pictures to unit vectors. Importing this is light; the models load when they are asked for.

Two encoders can be compared where the image encoder's `text_name` is the text encoder's `name`: then words and pictures
lie in one space. The packaged pair does, and so does any open_clip model with its own text tower, which is
`load_text_encoder("clip:" + its name)`.
"""

import threading
from collections.abc import Sequence
from contextlib import contextmanager
from functools import cache
from typing import Protocol, runtime_checkable

import numpy as np
from PIL.Image import Image

from recsys.encoders.revision import check_revision, split_revision
from recsys.errors import MissingExtra
from recsys.settings import DEFAULT_IMAGE_ENCODER, DEFAULT_TEXT_ENCODER

CLIP_TEXT = "clip:"

_loading = threading.RLock()
_loading_quick = threading.Lock()  # apart: a wish in words must not wait for a picture's model


class QueryEncoder(Protocol):
    """What a wish in words needs of an encoder."""

    name: str
    dim: int

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """What somebody asks for: (n, dim) float32 unit rows."""
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """Turns words into vectors. Safe to share between threads.

    Attributes:
        name: the setting that loads it and the revision of its weights, as in `all-MiniLM-L6-v2@53aa51172d14`. It
            identifies what the vectors mean, so it belongs in cache keys; `load_text_encoder` reads it back.
        dim: length of a vector.
    """

    name: str
    dim: int

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """What somebody asks for: (n, dim) float32 unit rows."""
        ...

    def encode_items(self, texts: Sequence[str]) -> np.ndarray:
        """What describes an item: (n, dim) float32 unit rows."""
        ...


@runtime_checkable
class ImageEncoder(Protocol):
    """Turns pictures, and words about them, into vectors of one space. Safe to share between threads.

    Attributes:
        name: as a text encoder's; `load_image_encoder` reads it back.
        text_name: name of the text encoder that shares the space.
        dim: length of a vector.
    """

    name: str
    text_name: str
    dim: int

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Words that pictures are looked for with: (n, dim) float32 unit rows."""
        ...

    def encode_query_pictures(self, pictures: Sequence[Image]) -> np.ndarray:
        """Pictures that others are looked for with: (n, dim) float32 unit rows."""
        ...

    def encode_items(self, pictures: Sequence[Image]) -> np.ndarray:
        """The items' pictures: (n, dim) float32 unit rows."""
        ...


def load_text_encoder(name: str) -> TextEncoder:
    """Loads a text encoder, once a process.

    Args:
        name: `all-MiniLM-L6-v2` (packaged), a sentence-transformers model by hub name or folder, `clip:NAME` for the
            text tower of an open_clip model, or any encoder's `name`.

    Raises:
        InvalidInput: there is no such model here, and the hub does not give it.
        MissingExtra: a package is not installed.
        NotBuilt: `name` asks for other weights than those that are here.
    """
    setting, revision = split_revision(name)
    with _loading:
        encoder = _text_encoder(setting)
    return check_revision(encoder, revision)


def load_query_encoder(name: str) -> QueryEncoder:
    """Loads what turns wishes into vectors of a text encoder's space, once a process.

    For the packaged model that is a light implementation that needs neither torch nor seconds; for any other the text
    encoder itself.

    Raises:
        As `load_text_encoder`.
    """
    setting, revision = split_revision(name)
    if setting != DEFAULT_TEXT_ENCODER:
        return load_text_encoder(name)
    with _loading_quick:
        return check_revision(_quick_minilm(), revision)


def load_image_encoder(name: str) -> ImageEncoder:
    """Loads an image encoder, once a process.

    Args:
        name: `lite0-minilm` (packaged), an open_clip model as `ARCHITECTURE/PRETRAINED` (a tag or a checkpoint file) or
            `hf-hub:OWNER/REPOSITORY`, a folder with an `open_clip_config.json`, or any encoder's `name`.

    Raises:
        InvalidInput: there is no such model here, and the hub does not give it.
        MissingExtra: a package is not installed.
        NotBuilt: `name` asks for other weights than those that are here.
    """
    setting, revision = split_revision(name)
    with _loading:
        encoder = _image_encoder(setting)
    return check_revision(encoder, revision)


# Loading takes seconds and hundreds of megabytes, and `lite0-minilm` shares its text tower with the text encoder.
@cache
def _text_encoder(setting: str) -> TextEncoder:
    if setting.startswith(CLIP_TEXT):
        return _image_encoder(setting.removeprefix(CLIP_TEXT)).text
    with _explained_imports():
        from recsys.encoders.text import load_sentence_encoder

        return load_sentence_encoder(setting)


@cache
def _quick_minilm() -> QueryEncoder:
    from recsys.encoders.packaged import packaged_minilm
    from recsys.encoders.quick import QuickMiniLM
    from recsys.encoders.revision import folder_revision

    folder = packaged_minilm()
    return QuickMiniLM(folder, f"{DEFAULT_TEXT_ENCODER}@{folder_revision(folder)}")


@cache
def _image_encoder(setting: str) -> ImageEncoder:
    with _explained_imports():
        if setting == DEFAULT_IMAGE_ENCODER:
            from recsys.encoders.lite0_minilm import load_lite0_minilm

            return load_lite0_minilm()
        from recsys.encoders.image import load_clip

        return load_clip(setting)


@contextmanager
def _explained_imports():
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"This encoder needs the Python package {error.name}, which is not installed.",
            "Install what is needed: pip install -r requirements.txt",
        ) from error
