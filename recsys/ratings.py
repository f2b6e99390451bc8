"""Who rated what, as arrays: the one way in which the lessons read a catalog's interactions."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys.errors import InvalidInput
from recsys.version import Version

LIKE = 4.0
"""A rating of this or more says that somebody likes an item."""
DISLIKE = 2.0
"""A rating of this or less says that somebody dislikes it."""
SHARES = (0.6, 0.2)
"""Shares of the people who train and who validate; the rest tests."""


@dataclass(frozen=True, eq=False)
class Ratings:
    """The ratings of a catalog's people, one a pair of person and item, in the order they are stored.

    Attributes:
        people: (P,) str, the ids of those who rated anything.
        n_items: how many items the catalog has.
        users: (m,) int64, positions in `people`.
        items: (m,) int64, rows of the catalog.
        values: (m,) float64, the ratings.
        times: (m,) int64, Unix seconds, UTC.
    """

    people: np.ndarray
    n_items: int
    users: np.ndarray
    items: np.ndarray
    values: np.ndarray
    times: np.ndarray

    @property
    def liked(self) -> np.ndarray:
        """(m,) bool, which ratings are likes."""
        return self.values >= LIKE

    def counts(self) -> np.ndarray:
        """How many people rated each item: (n_items,) int64."""
        return np.bincount(self.items, minlength=self.n_items)

    def dense(self) -> np.ndarray:
        """The ratings as a table: (P, n_items) float32, NaN = unrated. Fits in memory for a sample of people."""
        table = np.full((len(self.people), self.n_items), np.nan, dtype=np.float32)
        table[self.users, self.items] = self.values
        return table


def read_ratings(version: Version, without: Collection[str] = ()) -> Ratings:
    """Reads a catalog's ratings; of several by one person on one item the last stored one counts.

    Args:
        version: the built catalog.
        without: ids of people who are left out, as if they had never rated anything.

    Raises:
        InvalidInput: the catalog has no interactions.
    """
    table = version.catalog.interactions
    if table is None:
        raise InvalidInput(
            f"The catalog {version.name} has no interactions, so nothing is known about its people.",
            "Take a catalog that has them, such as movies.",
        )
    codes, people = pd.factorize(table["user_id"])
    kept = ~people.isin(list(without))
    items = pd.Index(version.item_ids).get_indexer(table["item_id"])
    keep = kept[codes] & (items >= 0)
    keep &= ~pd.Series(codes.astype(np.int64) * len(version.item_ids) + items).duplicated(keep="last").to_numpy()
    positions = np.cumsum(kept) - 1
    return Ratings(
        people=people[kept].to_numpy(dtype=object),
        n_items=len(version.item_ids),
        users=positions[codes[keep]],
        items=items[keep].astype(np.int64),
        values=table["rating"].to_numpy(dtype=np.float64)[keep],
        times=table["timestamp"].to_numpy(dtype=np.int64)[keep],
    )


def split_people(version: Version, seed: int = 0) -> tuple[list[str], list[str], list[str]]:
    """Ids of the people who train, validate and test: 60, 20 and 20 in 100, by a seeded shuffle.

    Raises:
        InvalidInput: the catalog has no interactions, or fewer than five people.
    """
    people = np.sort(read_ratings(version).people)
    if len(people) < 5:
        raise InvalidInput(f"The catalog {version.name} has {len(people)} people; a comparison needs 5 or more.")
    people = np.random.default_rng(seed).permutation(people)
    first, second = np.round(np.cumsum(SHARES) * len(people)).astype(int)
    return people[:first].tolist(), people[first:second].tolist(), people[second:].tolist()
