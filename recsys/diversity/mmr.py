"""Maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998).

    next = argmax over i not yet chosen of  lam * relevance(i) - (1 - lam) * max over chosen j of sim(i, j)

The first pick is the most relevant item. Totals that differ by at most `TIE` are equal: the more relevant item
wins, then the one that comes first. Similarities are taken a row at a time, only for what was picked, and once for all
lambdas: the whole n x n matrix would cost ten times the rest. They are taken in float64, since the rounding of float32
is not far from `TIE` and would decide some picks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TIE = 1e-6


@dataclass(frozen=True, eq=False)
class Sweep:
    """MMR's lists for several lambdas over the same candidates.

    Attributes:
        picks: (L, k) int, indices of the candidates in the order they were picked.
        penalties: (L, k) float64, what similarity to earlier picks took off: (1 - lam) * max sim; 0 for the first.
        rivals: (L, k) int, the earlier pick that each is most alike, the first of equals; -1 for the first.
        totals: (L, k) float64, the objective each pick won with.
    """

    picks: np.ndarray
    penalties: np.ndarray
    rivals: np.ndarray
    totals: np.ndarray


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
    relevance, lams = np.asarray(relevance, dtype=np.float64), np.asarray(lams, dtype=np.float64)
    vectors = np.asarray(vectors, dtype=np.float64)
    n, rows = len(relevance), np.arange(len(lams))
    if len(vectors) != n:
        raise ValueError(f"expected a vector for each of {n} candidates, got {len(vectors)}")
    if not np.isfinite(relevance).all():
        raise ValueError("expected finite relevance, got NaN or infinity")
    if not ((lams >= 0) & (lams <= 1)).all():
        raise ValueError(f"expected lam in [0, 1], got {lams}")
    if k < 0:
        raise ValueError(f"expected k of 0 or more, got {k}")
    k = min(k, n)
    picks = np.zeros((len(lams), k), dtype=np.int64)
    penalties, totals = np.zeros((len(lams), k)), np.zeros((len(lams), k))
    rivals = np.full((len(lams), k), -1)
    open_ = np.ones((len(lams), n), dtype=bool)
    max_sim, nearest = np.zeros((len(lams), n)), np.full((len(lams), n), -1)
    similarities, taken = np.empty((n, n)), np.zeros(n, dtype=bool)  # rows are filled in when they are needed
    for step in range(k):
        penalty = (1 - lams)[:, None] * max_sim
        total = lams[:, None] * relevance - penalty
        # Before anything is chosen all penalties are 0 and the most relevant wins: for lam = 0 as the tie of all.
        merit = np.where(open_, total, -np.inf)
        tied = merit >= merit.max(axis=1, keepdims=True) - TIE
        best = np.argmax(np.where(tied, relevance, -np.inf), axis=1)  # argmax takes the first of equals
        picks[:, step] = best
        penalties[:, step], totals[:, step] = penalty[rows, best], total[rows, best]
        rivals[:, step] = nearest[rows, best]
        open_[rows, best] = False
        fresh = np.unique(best[~taken[best]])
        similarities[fresh], taken[fresh] = vectors[fresh] @ vectors.T, True
        similarity = similarities[best]
        nearest = np.where((similarity > max_sim + TIE) | (nearest < 0), best[:, None], nearest)
        max_sim = np.maximum(max_sim, similarity) if step else similarity
    return Sweep(picks, penalties, rivals, totals)
