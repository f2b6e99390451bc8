"""How an item could be brought into the list: the least changes, stage by stage, each tried on the funnel itself.

Pure but for the funnel that is asked: no screen.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from recsys.candidates import SLACK, STORE
from recsys.explain import why
from recsys.funnel import Funnel, Recommendation, Request
from recsys.where import Where

MOST = 8
"""More changes than stages and rules is no way any more."""
LONGEST = 40
MANY = 5000
ROUND = (1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 1_000_000)


@dataclass(frozen=True)
class Change:
    """One change of a request.

    Attributes:
        words: what to do, as a button says it.
        what: `retrieve`, `filter`, `rank` (a size), `k`, `where`, `seen`, `cap`, `engine` or `off` (a stage).
        value: the new size, length or cap; the condition to drop; the stage to switch off.
    """

    words: str
    what: str
    value: object = None

    def apply(self, request: Request) -> Request:
        """The request with this change."""
        if self.what in ("retrieve", "filter", "rank"):
            return replace(request, sizes=replace(request.sizes, **{self.what: self.value}))
        if self.what == "where":
            return replace(request, where=Where(tuple(c for c in request.where if str(c) != self.value)))
        if self.what == "off":
            return request.without(str(self.value))
        return replace(request, **{self.what: self.value})


@dataclass(frozen=True)
class Way:
    """How an item comes into the list.

    Attributes:
        changes: in the order in which they are needed.
        place: its place in the list with all of them; None where no setting of the funnel brings it there.
        detail: what becomes of it with all of them, in a sentence.
    """

    changes: tuple[Change, ...]
    place: int | None
    detail: str


def way(
    funnel: Funnel,
    answer: Recommendation,
    item_id: str,
    ask: Callable[[Request], Recommendation] | None = None,
) -> Way:
    """The changes that bring an item into the list.

    Args:
        funnel: the funnel that answered.
        answer: the answer that does not hold it.
        item_id: the item.
        ask: answers the changed requests; None for the funnel itself, unobserved.

    Raises:
        UnknownItem: no such item.
    """
    ask = ask or funnel.unobserved().recommend
    changes: list[Change] = []
    for _ in range(MOST):
        fate = why(funnel, answer, item_id)
        if fate.place is not None:
            return Way(tuple(changes), fate.place, fate.detail)
        change = next((c for c in _changes(funnel, answer, item_id, fate) if c not in changes), None)
        if change is None:
            break
        # A stage that was widened already and must be widened again: the last one counts.
        changes = [c for c in changes if c.what != change.what or c.what == "where"] + [change]
        answer = ask(change.apply(answer.request))
    return Way(tuple(changes), None, fate.detail)


def places(funnel: Funnel, answer: Recommendation, item_id: str) -> dict[str, int | None]:
    """The place, from 1, that an item had when it came out of each stage that it came out of, by stage.

    None where a stage let it out and has no order to tell a place by.
    """
    (row,) = funnel.version.rows([item_id])
    drops = {stage.stage: stage.drops for stage in answer.trace.stages}
    fallen = answer.trace.fate(row)
    order = [stage.stage for stage in answer.trace.stages if stage.stage != "user"]
    passed = order if fallen is None else order[: order.index(fallen[0])]
    entered = np.concatenate([answer.candidates, *drops["rank"].values()])
    out: dict[str, int | None] = {}
    for stage in passed:
        if stage == "retrieve":
            rows = np.concatenate([entered, *drops["filter"].values()])
        elif stage == "filter":
            rows = entered
        elif stage == "rank":
            out[stage] = 1 + int(np.flatnonzero(answer.candidates == row)[0])
            continue
        else:
            out[stage] = 1 + int(np.flatnonzero(answer.candidates[answer.picks] == row)[0])
            continue
        out[stage] = _place(funnel, answer, row, rows)
    return out


def _place(funnel: Funnel, answer: Recommendation, row: int, rows: np.ndarray) -> int | None:
    """An item's place among some by relevance, itself included; None where there is no one point to go by."""
    if answer.query is None or answer.fused or answer.request.prior is not None:
        return None
    space, vector = answer.space, answer.query.vector
    (own,) = funnel.candidates.score(space, vector, np.array([row]))
    surely = 0
    if len(rows) > MANY:  # a pass in float32 tells apart all but a few, which alone are computed exactly
        rough = (funnel.version.spaces[space] @ vector.astype(np.float32))[rows]
        slack = SLACK * max(1.0, float(np.abs(rough).max()))
        surely, rows = int((rough > own + slack).sum()), rows[np.abs(rough - own) <= slack]
    scores = funnel.candidates.score(space, vector, rows)
    return 1 + surely + int((scores > own).sum() + ((scores == own) & (rows < row)).sum())


def _changes(funnel: Funnel, answer: Recommendation, item_id: str, fate) -> Iterator[Change]:
    """What lets an item past the stage at which it fell, the gentlest first."""
    (row,) = funnel.version.rows([item_id])
    request, reason = answer.request, str(fate.reason)
    if reason.startswith("breaks "):
        condition = reason.removeprefix("breaks ")
        yield Change(f"Drop the condition {condition}", "where", condition)
    elif fate.stage == "retrieve":
        yield from _retrieved(funnel, answer, row, reason)
    elif reason == "already rated":
        yield Change("Show again what was rated", "seen", True)
    elif reason == "over the size" or fate.stage == "rank":
        behind = _behind(answer, fate.stage, row)
        size = _round(behind)
        verb = "filters" if fate.stage == "filter" else "the ranker"
        yield Change(f"Let {verb} pass {size:,}", fate.stage, size)
    elif fate.stage == "filter":
        yield Change("Allow any number of one category", "cap", None)
    elif fate.stage == "diversify":
        place = 1 + int(np.flatnonzero(answer.candidates == row)[0])
        if place <= request.k:
            yield Change("Pick by relevance alone", "off", "diversify")
        elif place <= LONGEST:
            yield Change(f"Show {place}", "k", place)
            yield Change("Pick by relevance alone", "off", "diversify")


def _retrieved(funnel: Funnel, answer: Recommendation, row: int, reason: str) -> Iterator[Change]:
    if reason.startswith("has no vector"):
        return
    whole = len(funnel.version.item_ids)
    allowed = funnel.version.facets.mask(answer.request.where)
    place = _place(funnel, answer, row, np.union1d(np.flatnonzero(allowed), [row]))
    if place is not None and place <= answer.request.sizes.retrieve and answer.request.engine != STORE:
        yield Change("Retrieve with Qdrant", "engine", STORE)
    size = whole if place is None else min(_round(place), whole)
    if size > answer.request.sizes.retrieve:
        yield Change(f"Retrieve {size:,}", "retrieve", size)
    elif whole > answer.request.sizes.retrieve:
        yield Change(f"Retrieve all {whole:,}", "retrieve", whole)


def _behind(answer: Recommendation, name: str, row: int) -> int:
    """The place of an item that a stage cut off, from 1: what is over the size is kept in order."""
    (stage,) = (s for s in answer.trace.stages if s.stage == name)
    rows = stage.drops["over the size" if name == "filter" else "ranked too low"]
    return stage.n_out + 1 + int(np.flatnonzero(rows == row)[0])


def _round(size: int) -> int:
    """The next round number."""
    return next((r for r in ROUND if r >= size), size)
