"""Maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998).

    next = argmax over i not yet chosen of  lam * relevance(i) - (1 - lam) * max over chosen j of sim(i, j)

The first pick is the most relevant item. Ties: see `recsys.diversity.greedy`.
"""

from collections.abc import Sequence

import numpy as np

from recsys.diversity.greedy import TIE, Nearest, Sweep, Task, sweep

__all__ = ["TIE", "Mmr", "Sweep", "mmr", "mmr_sweep"]


class Mmr:
    """The rule of MMR: the penalty is (1 - lam) * similarity to the most similar pick so far."""

    def __init__(self, task: Task) -> None:
        self.scale = task.lams
        self.admitted = np.ones(task.shape, dtype=bool)
        self._novelty = 1 - task.lams[:, None]
        self._similarities, self._nearest = task.similarities(), Nearest(task.shape)

    @property
    def penalties(self) -> np.ndarray:
        """See `Rule`."""
        return self._novelty * self._nearest.similarity

    @property
    def rivals(self) -> np.ndarray:
        """See `Rule`."""
        return self._nearest.rivals

    def add(self, picks: np.ndarray) -> None:
        """See `Rule`."""
        self._nearest.add(picks, self._similarities.of(picks))


def mmr(relevance: np.ndarray, vectors: np.ndarray, k: int, lam: float) -> np.ndarray:
    """Picks k candidates that are relevant and unlike each other.

    Args:
        relevance: (n,) float, higher is better.
        vectors: (n, d) float; the similarity of two candidates is their dot product.
        k: length of the list; fewer candidates give a shorter one.
        lam: 1 = pure relevance, 0 = pure novelty.

    Returns:
        (min(k, n),) int, indices of the candidates in the order they were picked.

    Raises:
        ValueError: lam outside [0, 1], k below 0, relevance that is not finite, or vectors of another length.
    """
    return mmr_sweep(relevance, vectors, k, [lam]).picks[0]


def mmr_sweep(relevance: np.ndarray, vectors: np.ndarray, k: int, lams: Sequence[float]) -> Sweep:
    """`mmr` for several lambdas at once; each row of the result is the list of one lambda.

    Raises:
        ValueError: as `mmr`.
    """
    task = Task.checked(relevance, vectors, None, k, lams)
    return sweep(Mmr(task), task)
