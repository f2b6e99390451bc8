"""Why an item is in the list: what each signal adds to its relevance, and the liked item it is nearest to."""

from dataclasses import dataclass

import numpy as np

from recsys.funnel import Funnel, Recommendation

SIGNALS = ("likes", "wish", "categories", "dislikes")


@dataclass(frozen=True)
class Reason:
    """One signal's share of an item's relevance.

    Attributes:
        signal: `likes`, `wish`, `categories` or `dislikes`; `popular` or `typical` on a starting list.
        value: what it adds; the values of one item's signals sum up to its relevance.
        item_id: for `likes` and `dislikes`, the liked or disliked item most alike; else None.
        similarity: how alike, in [-1, 1]; None without an item.
    """

    signal: str
    value: float
    item_id: str | None = None
    similarity: float | None = None


def explain(funnel: Funnel, answer: Recommendation, positions: np.ndarray) -> list[list[Reason]]:
    """The reasons of some of a recommendation's candidates, strongest first.

    Args:
        funnel: the funnel that answered.
        answer: its answer.
        positions: (u,) indices into `answer.candidates`.

    Returns:
        One list of reasons for each position.
    """
    if answer.query is None:
        signal = "popular" if answer.starting == "popular" else "typical"
        return [[Reason(signal, float(answer.relevance[p]))] for p in positions]
    version, profile = funnel.version, answer.request.profile
    rows = answer.candidates[positions]
    vectors = version.spaces[answer.space][rows].astype(np.float64)
    shares = {name: vectors @ part for name, part in answer.query.parts.items()}
    nearest = {
        "likes": _most_alike(funnel, answer, rows, profile.likes),
        "dislikes": _most_alike(funnel, answer, rows, profile.dislikes),
    }
    reasons = []
    for i in range(len(rows)):
        own = [Reason(name, float(share[i]), *nearest.get(name, {}).get(i, (None, None))) for name, share in shares.items()]
        reasons.append(sorted(own, key=lambda r: -r.value))
    return reasons


def _most_alike(
    funnel: Funnel, answer: Recommendation, rows: np.ndarray, ids: tuple[str, ...]
) -> dict[int, tuple[str, float]]:
    """For each of the rows, by position, the one of `ids` that is most alike and its similarity."""
    if not ids or not len(rows):
        return {}
    tower = funnel.tower(answer.request)
    similarity = tower.similarity_vectors(rows) @ tower.similarity_vectors(funnel.version.rows(ids)).T
    best = similarity.argmax(axis=1)
    return {i: (ids[j], float(similarity[i, j])) for i, j in enumerate(best)}
