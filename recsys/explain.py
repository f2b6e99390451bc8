"""Why an item is in the list, or why not: its signals and the liked item it is nearest to, or the stage it fell at."""

from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd

from recsys.candidates import RRF_OFFSET, STORE
from recsys.funnel import Funnel, Recommendation
from recsys.ranking import LABELS
from recsys.towers import heard
from recsys.where import Where


@dataclass(frozen=True)
class Reason:
    """One signal's share of an item's relevance.

    Attributes:
        signal: `likes`, `wish`, `categories`, `dislikes` or `prior`; in the two-tower space `everybody` and `about`;
            `popular` or `typical` on a starting list. Where several spaces were fused, each of them by its name.
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
    if answer.fused:
        ranks = {space: own[positions] for space, own in answer.fused.items()}
        return [
            sorted(
                (Reason(space, 1 / (RRF_OFFSET + int(own[i]))) for space, own in ranks.items() if own[i]),
                key=lambda r: -r.value,
            )
            for i in range(len(positions))
        ]
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


@dataclass(frozen=True)
class Fate:
    """What became of one item.

    Attributes:
        place: its place in the list, from 1; None where it is not in it.
        stage: the stage that dropped it; None where it is in the list.
        reason: why, as the trace counts it; None where it is in the list.
        detail: the same in a sentence, with the figures.
    """

    place: int | None
    stage: str | None
    reason: str | None
    detail: str


def why(funnel: Funnel, answer: Recommendation, item_id: str) -> Fate:
    """Why an item is in a list or is not.

    Raises:
        UnknownItem: no such item.
    """
    (row,) = funnel.version.rows([item_id])
    shown = np.flatnonzero(answer.candidates[answer.picks] == row)
    if len(shown):
        place = int(shown[0]) + 1
        took = float(answer.penalties[shown[0]])
        likeness = f", although likeness to others took off {took:.3f}" if took > 0.0005 else ""
        return Fate(place, None, None, f"It is number {place} of the list{likeness}.")
    stage, reason = answer.trace.fate(row)
    return Fate(None, stage, reason, _DETAILS[stage](funnel, answer, row, reason))


def _not_retrieved(funnel: Funnel, answer: Recommendation, row: int, reason: str) -> str:
    request = answer.request
    (stage,) = (s for s in answer.trace.stages if s.stage == "retrieve")
    if reason.startswith("breaks"):
        return _breaks(funnel, answer, row, reason)
    if reason.startswith("has no vector"):
        return f"It {reason}, so nothing can be near to it."
    if answer.query is None:
        return f"The starting list holds {stage.n_out:,} items, and this is none of them."
    if answer.fused:
        return f"It is not among the first {stage.n_out:,} when the lists of {' and '.join(answer.fused)} are fused."
    score = float(funnel.candidates.score(answer.space, answer.query.vector, np.array([row]))[0])
    if request.prior is not None:
        score += float(request.prior.weight * request.prior.scores[row])
    if request.engine != STORE and score > stage.last:
        return f"It is near enough: {score:.3f}, and the last one has {stage.last:.3f}. {request.engine} missed it."
    return f"Its relevance is {score:.3f}; the last of the {stage.n_out:,} that were retrieved has {stage.last:.3f}."


def _breaks(funnel: Funnel, answer: Recommendation, row: int, reason: str) -> str:
    (condition,) = {c for c in answer.request.where if reason == f"breaks {c}"}
    facet = funnel.version.catalog.facet(condition.facet)
    value = funnel.version.catalog.items[facet.name].iat[row]
    if facet.kind == "tags":
        value = ", ".join(value)
    elif pd.isna(value):
        value = ""
    elif facet.kind == "flag":
        value = "yes" if value else "no"
    elif facet.kind == "number":
        value = f"{value:g}"
    own = f"its {facet.label.lower()} is {value}" if value else f"its {facet.label.lower()} is not known"
    return f"The rule “{condition}” keeps it out: {own}."


def _filtered(funnel: Funnel, answer: Recommendation, row: int, reason: str) -> str:
    if reason.startswith("breaks"):
        return _breaks(funnel, answer, row, reason)
    if reason == "already rated":
        return "It was rated already, and what somebody knows is not shown again."
    if reason == "over the size":
        return f"{_place_behind(answer, 'filter', row, reason)} of those that no rule keeps out."
    return f"Better ones fill its categories: {answer.request.cap} of each may go on."


def _ranked_low(funnel: Funnel, answer: Recommendation, row: int, reason: str) -> str:
    return f"{_place_behind(answer, 'rank', row, reason)} by {_ordered_by(answer)}."


def _ordered_by(answer: Recommendation) -> str:
    if answer.ranked is None:
        return "relevance"
    return LABELS.get(answer.request.ranker, answer.request.ranker).replace("The ", "the ")


def _place_behind(answer: Recommendation, name: str, row: int, reason: str) -> str:
    """How far behind the cut of a stage an item is: what is over the size is kept in order."""
    (stage,) = (s for s in answer.trace.stages if s.stage == name)
    behind = int(np.flatnonzero(stage.drops[reason] == row)[0])
    return f"{stage.n_out:,} go on, and it is number {stage.n_out + behind + 1:,}"


def _not_picked(funnel: Funnel, answer: Recommendation, row: int, reason: str) -> str:
    position = int(np.flatnonzero(answer.candidates == row)[0])
    told = f"It is number {position + 1:,} of {len(answer.candidates):,} by {_ordered_by(answer)}"
    if answer.request.diversity == "plain" or position >= len(answer.picks):
        return f"{told}, and {len(answer.picks)} are shown."
    nearest = _most_alike(funnel, answer, np.array([row]), answer.candidates[answer.picks])
    item_id, similarity = nearest[0]
    title = funnel.version.catalog.items["title"].at[item_id]
    return f"{told}, but variety preferred others: it is {similarity:.2f} alike to “{title}”, which is shown."


_DETAILS = {"retrieve": _not_retrieved, "filter": _filtered, "rank": _ranked_low, "diversify": _not_picked}


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
                **({} if answer.ranked is None else {"ranked": _rounded(answer.ranked[position])}),
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
        "degraded": answer.trace.degraded,
        "vector": vector_document(answer),
        "items": listed,
        "trace": trace_document(answer),
        "total_ms": round(answer.trace.total_ms, 3),
    }


def why_document(funnel: Funnel, answer: Recommendation, item_id: str) -> dict:
    """`why` as the JSON document of the command line; see `docs/schema.md`, `explain`."""
    fate = why(funnel, answer, item_id)
    return {
        "catalog": funnel.version.name,
        "version": funnel.version.id,
        "space": answer.space,
        "item_id": item_id,
        "title": funnel.version.catalog.items["title"].at[item_id],
        "place": fate.place,
        "stage": fate.stage,
        "reason": fate.reason,
        "detail": fate.detail,
        "degraded": answer.trace.degraded,
        "trace": trace_document(answer),
        "total_ms": round(answer.trace.total_ms, 3),
    }


def vector_document(answer: Recommendation) -> dict | None:
    """How the user's point came about, as it stands in documents; None where nothing of anybody is kept."""
    served = answer.served
    if served is None:
        return None
    return {
        "pattern": answer.request.vectors,
        "computed": served.computed,
        "missing": served.missing,
        "age_s": round(served.age_s, 3),
    }


def trace_document(answer: Recommendation) -> list[dict]:
    """The trace of a recommendation as it stands in documents: counts, times and reasons of each stage."""
    return [
        {"stage": s.stage, "in": s.n_in, "out": s.n_out, "ms": round(s.ms, 3), "dropped": s.dropped}
        for s in answer.trace.stages
    ]


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
