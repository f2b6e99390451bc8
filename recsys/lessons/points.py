"""Many people as points of a space, by the content tower of the one pipeline."""

from collections.abc import Sequence

import numpy as np

from recsys.profile import Profile
from recsys.settings import DEFAULT_BLEND
from recsys.towers.content import ContentTower
from recsys.version import Version

DECIMALS = 6  # as in the funnel, so that ties are the same


def content_points(
    version: Version, space: str, likes: Sequence[np.ndarray], dislikes: Sequence[np.ndarray] | None = None
) -> np.ndarray:
    """Each person's content query.

    Args:
        version: the built catalog.
        space: the space to look at; the blend is weighted by the default.
        likes: rows of the liked items, a person each.
        dislikes: rows of the disliked items, a person each; None for none.

    Returns:
        (people, d) float32, a zero row where the answers say nothing; relevance is the dot product with the vectors.
    """
    tower = ContentTower(version, space, DEFAULT_BLEND, lambda profile: {})
    points = np.zeros((len(likes), version.spaces[space].shape[1]), dtype=np.float32)
    for person, liked in enumerate(likes):
        disliked = dislikes[person] if dislikes is not None else ()
        query = tower.query(Profile(tuple(version.item_ids[liked]), tuple(version.item_ids[list(disliked)])))
        if query is not None:
            points[person] = query.vector
    return points


def best_lists(scores: np.ndarray, allowed: np.ndarray, k: int) -> np.ndarray:
    """The k best items for each person: (people, k) int64, of equals the lower row first, -1 where none is left.

    Args:
        scores: (people, n) float.
        allowed: (people, n) bool, what the list may hold.
        k: length of the lists.
    """
    merit = np.where(allowed, np.round(scores, DECIMALS), -np.inf)
    # Whatever ties with the k-th must be sorted too, so the cut is by value and not by argpartition's order.
    k_th = -np.partition(-merit, min(k, merit.shape[1]) - 1, axis=1)[:, min(k, merit.shape[1]) - 1]
    lists = np.full((len(merit), k), -1, dtype=np.int64)
    for person, (row, cut) in enumerate(zip(merit, k_th, strict=True)):
        rows = np.flatnonzero((row >= cut) & np.isfinite(row))
        rows = rows[np.argsort(-row[rows], kind="stable")][:k]
        lists[person, : len(rows)] = rows
    return lists
