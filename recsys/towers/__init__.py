"""Towers turn a profile into a query vector of one space."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from recsys.profile import Profile
from recsys.ratings import DISLIKE, LIKE
from recsys.version import Version


@dataclass(frozen=True, eq=False)
class Query:
    """A profile as a point of a space.

    Attributes:
        vector: (d,) float64.
        parts: what each signal adds, by name (`likes`, `wish`, `categories`, `dislikes`): (d,) each, summing up
            to `vector`. So an item's relevance is the sum of its dot products with the parts.
    """

    vector: np.ndarray
    parts: dict[str, np.ndarray]


class Tower(Protocol):
    """Turns a profile into a query vector of the space it serves.

    Attributes:
        space: the space.
        cosine: whether relevance is a cosine. A learned space's scores have a scale of their own, so that diversity
            has to bring them to one first.
    """

    space: str
    cosine: bool

    def query(self, profile: Profile) -> Query | None:
        """The profile's point, or None where the profile says nothing that this space understands."""
        ...

    def similarity_vectors(self, rows: np.ndarray) -> np.ndarray:
        """Vectors whose dot product is the similarity of two items as this tower sees them: (len(rows), d)."""
        ...

    def follow(self, profile: Profile) -> "Running":
        """The profile's point in a form that takes one more like or dislike without starting anew."""
        ...


class Running(Protocol):
    """A profile's point, kept up to date item by item. Immutable: whatever is heard gives another one.

    Attributes:
        profile: whose point it is.
        how: how one more item is taken in, in a few words.
    """

    profile: Profile
    how: str

    def hearing(self, now: Profile, item_id: str) -> "Running":
        """The point after one item was liked, disliked or taken back.

        Args:
            now: the profile since; it differs from `profile` in nothing but this item.
            item_id: the item.

        Raises:
            UnknownItem: the catalog does not have it.
        """
        ...

    def query(self) -> Query | None:
        """What `Tower.query` gives for `profile`, up to the rounding of sums."""
        ...


@dataclass(frozen=True, eq=False)
class Heard:
    """What a profile says about items, the ratings of the known person it may be included.

    Attributes:
        likes: (m,) int64, rows of the liked items, oldest first.
        dislikes: (m',) int64, rows of the disliked items.
        rated: (r,) int64, all of these and what the person rated between: no list shows them again.
    """

    likes: np.ndarray
    dislikes: np.ndarray
    rated: np.ndarray


def heard(version: Version, profile: Profile) -> Heard:
    """What a profile says about items; where it contradicts the known person's ratings, the profile counts.

    Raises:
        UnknownItem: an item that the catalog does not have.
        InvalidInput: a person whom it does not have.
    """
    likes, dislikes = version.rows(profile.likes), version.rows(profile.dislikes)
    if profile.person is None:
        return Heard(likes, dislikes, np.concatenate([likes, dislikes]))
    rows, values = version.history(profile.person)
    said = np.concatenate([likes, dislikes])
    before = ~np.isin(rows, said)
    return Heard(
        np.concatenate([rows[before & (values >= LIKE)], likes]),
        np.concatenate([rows[before & (values <= DISLIKE)], dislikes]),
        np.concatenate([rows[before], said]),
    )
