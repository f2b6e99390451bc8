"""Why an item is in the list: what each signal adds to its relevance, and the liked item it is nearest to."""

from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from recsys.funnel import Funnel, Recommendation
from recsys.towers import heard
from recsys.where import Where


@dataclass(frozen=True)
class Reason:
    """One signal's share of an item's relevance.

    Attributes:
        signal: `likes`, `wish`, `categories`, `dislikes` or `prior`; in the two-tower space `everybody` and `about`;
            `popular` or `typical` on a starting list.
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
        signal = {"popular": "popular", "prior": "prior"}.get(answer.starting, "typical")
        return [[Reason(signal, float(answer.relevance[p]))] for p in positions]
    version, said = funnel.version, heard(funnel.version, answer.request.profile)
    rows = answer.candidates[positions]
    vectors = version.spaces[answer.space][rows].astype(np.float64)
    shares = {name: vectors @ part for name, part in answer.query.parts.items()}
    nearest = {
        "likes": _most_alike(funnel, answer, rows, said.likes),
        "dislikes": _most_alike(funnel, answer, rows, said.dislikes),
    }
    reasons = []
    for i in range(len(rows)):
        own = []
        for name, share in shares.items():
            item_id, similarity = nearest.get(name, {}).get(i, (None, None))
            own.append(Reason(name, float(share[i]), item_id, similarity))
        if answer.request.prior is not None:
            own.append(Reason("prior", float(answer.believed[positions[i]])))
        reasons.append(sorted(own, key=lambda r: -r.value))
    return reasons


def _most_alike(
    funnel: Funnel, answer: Recommendation, rows: np.ndarray, others: np.ndarray
) -> dict[int, tuple[str, float]]:
    """For each of the rows, by position, the id of the one of `others` that is most alike and its similarity."""
    if not len(others) or not len(rows):
        return {}
    tower, ids = funnel.tower(answer.request), funnel.version.item_ids
    similarity = tower.similarity_vectors(rows) @ tower.similarity_vectors(others).T
    best = similarity.argmax(axis=1)
    return {i: (str(ids[others[j]]), float(similarity[i, j])) for i, j in enumerate(best)}


def as_document(funnel: Funnel, answer: Recommendation) -> dict:
    """A recommendation as the JSON document of the command line; see `docs/schema.md`."""
    version = funnel.version
    items = version.catalog.items
    reasons = explain(funnel, answer, answer.picks)
    listed = []
    for rank, position in enumerate(answer.picks):
        row = answer.candidates[position]
        listed.append(
            {
                "item_id": version.item_ids[row],
                "title": items["title"].iat[row],
                "score": _rounded(answer.scores[rank]),
                "relevance": _rounded(answer.relevance[position]),
                "reasons": [
                    {
                        "signal": r.signal,
                        "value": _rounded(r.value),
                        **(
                            {"item_id": r.item_id, "similarity": _rounded(r.similarity)}
                            if r.item_id is not None
                            else {}
                        ),
                    }
                    for r in reasons[rank]
                ]
                + [{"signal": "variety", "value": _rounded(-answer.penalties[rank])}],
            }
        )
    return {
        "catalog": version.name,
        "version": version.id,
        "store": funnel.store.deployment,
        "space": answer.space,
        "starting": answer.starting or None,
        "matching": answer.matching,
        "note": shortfall(funnel, answer),
        "items": listed,
        "trace": [
            {"stage": s.stage, "in": s.n_in, "out": s.n_out, "ms": round(s.ms, 3), "dropped": s.dropped}
            for s in answer.trace.stages
        ],
    }


def _rounded(value: float) -> float:
    return round(float(value), 6) + 0.0  # -0.0 becomes 0.0


def shortfall(funnel: Funnel, answer: Recommendation) -> str | None:
    """Why the list is shorter than asked for, and which condition to relax; None where it is not."""
    found, asked, where = len(answer.picks), answer.request.k, answer.request.where
    if found >= asked:
        return None
    rated = heard(funnel.version, answer.request.profile).rated

    def left(conditions: Where) -> int:
        mask = funnel.version.facets.mask(conditions)
        mask[rated] = False
        return int(mask.sum())

    if found and answer.starting == "medoids":
        return f"A starting list has one item a category, and so {found}."
    if found and found == answer.request.sizes.rank:
        return f"The funnel lets {found} candidates through, so the list ends there."
    if not where or found and left(where) > found:
        return f"The list ends after {found}: nothing else is left to show."
    freed = {str(c): left(Where(tuple(other for other in where if other != c))) for c in where}
    relaxed, count = max(freed.items(), key=lambda item: item[1])
    hint = _near_miss(funnel, where)
    if found:
        return f"The conditions leave only {found}. Without “{relaxed}” there would be {count:,}."
    if count:
        return f"No item satisfies the conditions. Relax “{relaxed}”: without it there would be {count:,}.{hint}"
    return f"No item satisfies the conditions, nor any of them less one. Remove several.{hint}"


def _near_miss(funnel: Funnel, where: Where) -> str:
    """A value that no item has and that looks like one that some have; empty without one."""
    for condition in where:
        facet = funnel.version.catalog.facet(condition.facet)
        if condition.op != "=" or facet.kind not in ("category", "tags"):
            continue
        known = funnel.version.facets.counts(facet.name)
        if any(value in known for value in condition.values):
            continue
        lower = {str(v).lower(): str(v) for v in known}
        near = get_close_matches(str(condition.values[0]).lower(), lower, n=1)
        if near:
            return f" Nothing has “{condition}”; did you mean {facet.name}={lower[near[0]]}?"
    return ""
