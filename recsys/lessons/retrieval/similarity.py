"""Three measures of nearness on one learned space: which lists they make, and why these differ.

The dot product grows with an item's length, the cosine leaves it out, and Euclid's distance wants it like the query's.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from recsys.lessons.retrieval.queries import K, Searched
from recsys.retrieval.exhaustive import nearest
from recsys.retrieval.similarity import SIMILARITIES, as_dot, query_as_dot
from recsys.version import Version


@dataclass(frozen=True, eq=False)
class Comparison:
    """The lists of the three measures.

    Attributes:
        rows: by measure, (q, k) int64, rows of the vectors, best first.
        shared: by pair of measures, how many of k their lists have in common, the mean over the queries.
    """

    rows: dict[str, np.ndarray]
    shared: dict[tuple[str, str], float]


@dataclass(frozen=True, eq=False)
class Lengths:
    """How long the items' vectors are, and how well known the items.

    Attributes:
        lengths: (m,) float64, of the vectors.
        people: (m,) int64, how many people rated each item; None where nobody's ratings are known.
        correlation: Spearman's rank correlation of the two, -1 to 1; NaN where it cannot be told.
    """

    lengths: np.ndarray
    people: np.ndarray | None
    correlation: float


def compare(among: Searched, queries: np.ndarray, k: int = K) -> Comparison:
    """The k nearest of each query by each measure.

    Args:
        among: what is searched.
        queries: (q, d) float32.
        k: length of the lists.
    """
    rows = {}
    for measure in SIMILARITIES:
        scores = query_as_dot(queries, measure) @ as_dot(among.vectors, measure).T
        rows[measure] = nearest(scores, k)[0]
    shared = {
        (one, other): float(np.mean([len(np.intersect1d(*both)) for both in zip(rows[one], rows[other], strict=True)]))
        for one, other in combinations(SIMILARITIES, 2)
    }
    return Comparison(rows, shared)


def lengths(version: Version, among: Searched) -> Lengths:
    """How long the vectors are, and whether the well-known items have the longer ones."""
    long = np.linalg.norm(among.vectors.astype(np.float64), axis=1)
    if version.popularity is None:
        return Lengths(long, None, float("nan"))
    people = version.popularity[among.rows]
    ranks = [pd.Series(values).rank() for values in (long, people)]
    return Lengths(long, people, float(ranks[0].corr(ranks[1])))
