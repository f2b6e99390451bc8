"""Vectors around their own middle: no order changes there, and graphs and short codes lose fewer of the nearest.

q . (v - c) = q . v - q . c, and q . c is the same for all items
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

FILE = "centre.npy"


@dataclass(frozen=True)
class Centre:
    """The middle of the vectors that an index was built of.

    Attributes:
        middle: (d,) float64, their mean.
    """

    middle: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray) -> "Centre":
        """The middle of vectors (n, d)."""
        return cls(vectors.mean(axis=0, dtype=np.float64))

    @property
    def dims(self) -> int:
        """How many dimensions the vectors have, and queries must have."""
        return len(self.middle)

    def moved(self, vectors: np.ndarray) -> np.ndarray:
        """The vectors as the index takes them: (n, d) float32."""
        return (vectors - self.middle).astype(np.float32)

    def dot(self, scores: np.ndarray, queries: np.ndarray) -> np.ndarray:
        """Dot products with the vectors as they were given.

        Args:
            scores: (q, k), dot products of the queries with what `moved` gave.
            queries: (q, d) as they were asked.

        Returns:
            (q, k) float32.
        """
        return (scores + (queries @ self.middle)[:, None]).astype(np.float32)

    def write(self, folder: Path) -> None:
        """Writes it beside the index."""
        np.save(folder / FILE, self.middle)

    @classmethod
    def read(cls, folder: Path) -> "Centre":
        """What `write` wrote.

        Raises:
            OSError, ValueError: there is none, or it cannot be read.
        """
        return cls(np.load(folder / FILE))
