"""How an index of cells works: the vectors are divided beforehand, and a search looks into the nearest cells only.

As FAISS does it for dot products: spherical k-means, where a vector belongs to the cell whose centre, at length 1, it
has the largest dot product with. A query's nearest cells are found in the same way.
"""

from dataclasses import dataclass

import numpy as np

from recsys.retrieval.similarity import unit

CELLS = 24
"""Few enough to be told apart on a map."""
PER_CELL = 4
ROUNDS = 25


@dataclass(frozen=True, eq=False)
class Cells:
    """A division of n vectors.

    Attributes:
        centres: (c, d) float32, unit length.
        of: (n,) int64, the cell of each vector.
    """

    centres: np.ndarray
    of: np.ndarray

    def order(self, query: np.ndarray) -> np.ndarray:
        """The cells, the one nearest to a query first: (c,) int64."""
        return np.argsort(-(self.centres @ query), kind="stable")


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a search costs and finds, by how many cells it looks into: index 0 is one cell.

    Attributes:
        order: (c,) int64, the cells in the order in which they are looked into.
        compared: (c,) int64, vectors in those cells, which the query is compared with.
        found: (c,) int64, how many of the true ones are among them.
    """

    order: np.ndarray
    compared: np.ndarray
    found: np.ndarray


def cells_of(n: int) -> int:
    """How many cells n vectors are divided into here: 1 to `CELLS`."""
    return max(1, min(CELLS, n // PER_CELL))


def divide(vectors: np.ndarray, cells: int, seed: int = 0, rounds: int = ROUNDS) -> Cells:
    """Spherical k-means (Dhillon & Modha 2001); the same arguments give the same cells.

    Args:
        vectors: (n, d) float32, no row of zeros.
        cells: how many, 1 to n.
        seed: of the vectors that the centres start at.
        rounds: at most so many; it ends when no vector changes its cell.

    Raises:
        ValueError: another number of cells.
    """
    if not 1 <= cells <= len(vectors):
        raise ValueError(f"expected 1 to {len(vectors)} cells, got {cells}")
    points = unit(vectors)
    centres = points[np.random.default_rng(seed).choice(len(points), cells, replace=False)]
    own = np.full(len(points), -1)
    for _ in range(rounds):
        near = points @ centres.T
        before, own = own, near.argmax(axis=1)
        if (own == before).all():
            break
        sums = (own == np.arange(cells)[:, None]).astype(np.float32) @ points
        empty = np.flatnonzero(np.bincount(own, minlength=cells) == 0)
        # A centre that nobody is nearest to begins again where somebody is farthest from theirs.
        sums[empty] = points[np.argsort(near.max(axis=1), kind="stable")[: len(empty)]]
        centres = unit(sums)
    return Cells(centres, (points @ centres.T).argmax(axis=1))


def sweep(cells: Cells, query: np.ndarray, true: np.ndarray) -> Sweep:
    """What looking into 1, 2, ... all cells costs and finds.

    Args:
        cells: the division.
        query: (d,) float32.
        true: (k,) int64, rows of the exactly nearest.
    """
    order = cells.order(query)
    sizes, right = (np.bincount(own, minlength=len(order))[order] for own in (cells.of, cells.of[true]))
    return Sweep(order, sizes.cumsum(), right.cumsum())
