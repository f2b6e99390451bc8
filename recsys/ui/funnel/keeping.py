"""Whose point it is and how it is kept: this page's own requests go through one of the patterns of user vectors.

Each tab of the app is a visitor of its own, since its link holds all that was said in it. What changes there is written
down as events in the visitor's log, and the pattern reads from that.
"""

from dataclasses import dataclass, replace
from uuid import uuid4

import numpy as np
import streamlit as st

from recsys.funnel import Funnel, Recommendation, Request
from recsys.ui.funnel import names
from recsys.user_vectors import RECOMPUTE, Tab, Visitor, Visitors, cosine


@st.cache_resource(max_entries=16, show_spinner=False)
def _visitors(stamp: str) -> Visitors:
    """Everybody who visits a catalog's version."""
    return Visitors()


def _of(funnel: Funnel) -> tuple[str, Visitors]:
    stamp = f"{funnel.version.name}@{funnel.version.id}"
    return stamp, _visitors(stamp)


def visitor(funnel: Funnel, asked: Request) -> Visitor | None:
    """Who asks, with all that was said in this tab by now; None where nothing is kept of anybody."""
    if asked.vectors == RECOMPUTE:
        return None
    stamp, visitors = _of(funnel)
    tabs = st.session_state.setdefault("visitor_tabs", {})
    if stamp not in tabs:
        tabs[stamp] = Tab(visitors.of(uuid4().hex))
    return tabs[stamp].says(asked.profile)


def night(funnel: Funnel, asked: Request) -> None:
    """The nightly job, here and now, over everybody who visits."""
    visitor(funnel, asked)
    _, visitors = _of(funnel)
    for space in (asked.space, *asked.also):
        funnel.pattern(replace(asked, space=space)).night(visitors.everybody())


@dataclass(frozen=True)
class Stale:
    """What a kept point that misses something comes to.

    Attributes:
        cosine: to the point as it should be; None where one of them is nowhere.
        wrong: how many of those who are shown would not be.
    """

    cosine: float | None
    wrong: int


def stale(funnel: Funnel, answer: Recommendation) -> Stale | None:
    """Holds a stale point against a fresh one, and its list against that one's; None where nothing is missing."""
    if answer.served is None or not answer.served.missing:
        return None
    fresh = funnel.unobserved().recommend(answer.request)
    wrong = np.setdiff1d(answer.candidates[answer.picks], fresh.candidates[fresh.picks])
    same = answer.space == fresh.space
    return Stale(cosine(answer.query, fresh.query) if same else None, len(wrong))


def short(answer: Recommendation) -> str:
    """How the point came about, in a few words."""
    served = answer.served
    if served is None or served.computed or answer.query is None:
        return "who asks, as a point"
    missing = served.missing
    return f"a kept point, {f'{missing:,} behind' if missing else 'up to date'}"


def words(answer: Recommendation, told: Stale | None) -> str:
    """How the point came about, and how stale it is: a sentence or two."""
    served, pattern = answer.served, answer.request.vectors
    if served is None:
        return "Made for this request."
    if answer.query is None:
        return "You have no point yet, so there is nothing to keep."
    if served.computed:
        return _COMPUTED[pattern]
    reused = f"{_REUSED[pattern]} ({_age(served.age_s)} old)."
    if told is None:
        return f"{reused} It knows all that you said, so the list is the fresh one."
    missed = "thing" if served.missing == 1 else f"{served.missing} things"
    near = "" if told.cosine is None else f" Its cosine to the fresh one is {told.cosine:.3f}:"
    wrong = f"{told.wrong} of the {len(answer.picks)} shown would be others."
    return f"{reused} It misses the last {missed} that you said.{near} {wrong}"


_COMPUTED = {
    "ttl": "Made for this request, for nothing was kept, or for too long. It is kept now.",
    "incremental": "Added up from the start, for nothing was kept. Likes only move it from here on.",
    "nightly": "Made for this request: by night you were not known yet.",
}
_REUSED = {
    "ttl": "Reused as it was kept",
    "incremental": "Reused, moved on by what you said since",
    "nightly": "Reused as it was made by night",
}


def _age(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def label(pattern: str) -> str:
    """A pattern as a choice."""
    told = names.VECTORS[pattern]
    return told[:1].upper() + told[1:]
