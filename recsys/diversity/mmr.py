"""Maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998).

    next = argmax over i not yet chosen of  lam * relevance(i) - (1 - lam) * max over chosen j of sim(i, j)

The first pick is the most relevant item. Totals that differ by at most `TIE` are equal: the more relevant item
wins, then the one that comes first. Similarities are taken a row at a time, only for what was picked: the n x n matrix
would cost ten times the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TIE = 1e-6


@dataclass(frozen=True)
class Sweep:
    """MMR's lists for several lambdas over the same candidates.

    Attributes:
        picks: (L, k) int, indices of the candidates in the order they were picked.
        penalties: (L, k) float64, what similarity to earlier picks took off: (1 - lam) * max sim; 0 for the first.
        totals: (L, k) float64, the objective each pick won with.
    """

    picks: np.ndarray
    penalties: np.ndarray
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
        ValueError: lam outside [0, 1], k below 0, or relevance and vectors of different lengths.
    """
    return mmr_sweep(relevance, vectors, k, [lam]).picks[0]


def mmr_sweep(relevance: np.ndarray, vectors: np.ndarray, k: int, lams: Sequence[float]) -> Sweep:
    """`mmr` for several lambdas at once; each row of the result is the list of one lambda.

    Raises:
        ValueError: as `mmr`.
    """
    relevance, lams = np.asarray(relevance, dtype=np.float64), np.asarray(lams, dtype=np.float64)
    n, rows = len(relevance), np.arange(len(lams))
    if len(vectors) != n:
        raise ValueError(f"expected a vector for each of {n} candidates, got {len(vectors)}")
    if not ((lams >= 0) & (lams <= 1)).all():
        raise ValueError(f"expected lam in [0, 1], got {lams}")
    if k < 0:
        raise ValueError(f"expected k of 0 or more, got {k}")
    k = min(k, n)
    picks = np.zeros((len(lams), k), dtype=np.int64)
    penalties, totals = np.zeros((len(lams), k)), np.zeros((len(lams), k))
    open_ = np.ones((len(lams), n), dtype=bool)
    max_sim = np.zeros((len(lams), n))
    for step in range(k):
        penalty = (1 - lams)[:, None] * max_sim
        total = lams[:, None] * relevance - penalty
        # Before anything is chosen there is nothing to be unlike: relevance alone decides, for lam = 0 too.
        merit = np.where(open_, total if step else relevance, -np.inf)
        tied = merit >= merit.max(axis=1, keepdims=True) - TIE
        # argmax takes the first of equals, and a -inf relevance must still beat a candidate that is not tied.
        best = np.argmax(np.where(tied & open_, np.maximum(relevance, np.finfo(float).min), -np.inf), axis=1)
        picks[:, step] = best
        penalties[:, step], totals[:, step] = penalty[rows, best], total[rows, best]
        open_[rows, best] = False
        distinct, where = np.unique(best, return_inverse=True)
        similarity = (vectors[distinct] @ vectors.T)[where]
        max_sim = similarity.astype(np.float64) if step == 0 else np.maximum(max_sim, similarity)
    return Sweep(picks, penalties, totals)
