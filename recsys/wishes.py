"""Wishes: words or a picture as vectors of the content spaces, from models that load only when first needed."""

from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
from PIL.Image import Image

from recsys.cache import key_of
from recsys.encoders import load_image_encoder, load_query_encoder
from recsys.errors import InvalidInput
from recsys.profile import Profile
from recsys.version import Version

MAX_REMEMBERED = 4096


class Wishes:
    """Turns a profile's wish into vectors, for one built catalog; with the same encoders that built it.

    Thread-safe. Wishes known since the build need no model; others are remembered once encoded.

    Args:
        version: the built catalog.
    """

    def __init__(self, version: Version) -> None:
        self._version = version
        self._names = version.manifest["encoders"]
        self._words: OrderedDict[str, Mapping[str, np.ndarray]] = OrderedDict()
        self._pictures: OrderedDict[str, Mapping[str, np.ndarray]] = OrderedDict()

    def __call__(self, profile: Profile) -> dict[str, np.ndarray]:
        """One vector for each half (`text`, `image`) that the wish says something about: (d,) each.

        Words and picture are averaged.

        Raises:
            InvalidInput: the profile's picture is not known here (any more).
            TastespaceError: an encoder cannot be loaded.
        """
        given = []
        if profile.wish:
            given.append(self._of_words(profile.wish))
        if profile.picture is not None:
            if profile.picture not in self._pictures:
                raise InvalidInput("The picture of this wish is no longer here.", "Upload it again.")
            given.append(self._pictures[profile.picture])
        halves = dict.fromkeys(half for vectors in given for half in vectors)
        return {half: np.mean([v[half] for v in given if half in v], axis=0) for half in halves}

    def add_picture(self, picture: Image) -> str:
        """Encodes a picture and returns the key that a profile carries.

        Raises:
            InvalidInput: the catalog has no space that pictures live in.
        """
        if "image" not in self._version.spaces:
            raise InvalidInput(
                f"{self._version.manifest['label']} has no pictures, so a picture finds nothing there.",
                "Wish for something in words, or choose another catalog.",
            )
        key = key_of(picture.size, picture.tobytes())
        if key not in self._pictures:
            (vector,) = load_image_encoder(self._names["image"]).encode_query_pictures([picture])
            self._remember(
                self._pictures,
                key,
                {"image": vector, "text": vector} if shares_space(self._names) else {"image": vector},
            )
        return key

    def _of_words(self, words: str) -> Mapping[str, np.ndarray]:
        known = self._version.known_wish(words) or self._words.get(words)
        if known is None:
            known = encode_words([words], self._names)[0]
            self._remember(self._words, words, known)
        return known

    def knows(self, picture: str) -> bool:
        """Whether a picture's key still stands for a vector here."""
        return picture in self._pictures

    def warm_up(self) -> None:
        """Loads what the next wish in words needs; nothing where no wish can be understood."""
        if self._names["text"] is not None:
            encode_words(["warm"], self._names)

    def warm_up_pictures(self) -> None:
        """Loads what the next wish with a picture needs."""
        load_image_encoder(self._names["image"])

    @staticmethod
    def _remember(memory: OrderedDict, key: str, value: Mapping[str, np.ndarray]) -> None:
        memory[key] = value
        while len(memory) > MAX_REMEMBERED:
            memory.popitem(last=False)


def encode_words(wishes: list[str], names: Mapping[str, str | None]) -> list[dict[str, np.ndarray]]:
    """Each wish as one vector a half: `text` by the text encoder, `image` by the image encoder's own text tower.

    Args:
        wishes: words.
        names: a manifest's `encoders`. Where both towers are one model, it runs once.

    Raises:
        InvalidInput: the catalog has no encoder at all.
        TastespaceError: an encoder cannot be loaded; says how to get it.
    """
    halves = {}
    if names["text"] is not None:
        halves["text"] = load_query_encoder(names["text"]).encode_queries(wishes)
    if names["image"] is not None:
        halves["image"] = (
            halves["text"] if shares_space(names) else load_image_encoder(names["image"]).encode_queries(wishes)
        )
    if not halves:
        raise InvalidInput(
            "This catalog came with vectors of its own and no model that reads words, so a wish finds nothing in it.",
            "Like items or choose categories; or import it again with --text-encoder.",
        )
    return [{half: vectors[i] for half, vectors in halves.items()} for i in range(len(wishes))]


def shares_space(names: Mapping[str, str | None]) -> bool:
    """Whether the image encoder's own text tower is the text encoder, so that words and pictures share one space."""
    return names["image_text"] == names["text"]
