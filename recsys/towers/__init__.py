"""Towers turn a profile into a query vector of one space."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from recsys.profile import Profile


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
    """Turns a profile into a query vector of the space it serves."""

    space: str

    def query(self, profile: Profile) -> Query | None:
        """The profile's point, or None where the profile says nothing that this space understands."""
        ...
