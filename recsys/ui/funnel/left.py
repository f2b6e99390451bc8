"""Who left at a stage and why: the reasons with their counts, and the first ones of the reason that is looked at."""

from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

import recsys.ui.shelf as shelf_component
from recsys.explain import shortfall
from recsys.funnel import Funnel, Recommendation
from recsys.trace import Stage
from recsys.ui import actions, state
from recsys.ui.funnel import names
from recsys.ui.lists import aspect, plain_card, subtitle
from recsys.ui.pictures import thumbnails
from recsys.ui.words import plain

CARDS, LINES = 12, 200
ORDERED = ("over the size", "ranked too low", "not picked")
"""Reasons whose items are kept in the order in which they came in, best first."""


def reason_of(stage: Stage, asked: str | None) -> str | None:
    """The reason that is looked at: the one asked for, or the stage's first; None where nobody left."""
    return asked if asked in stage.drops else next(iter(stage.drops), None)


def message(funnel: Funnel, answer: Recommendation) -> dict | None:
    """Why the list is short, and what to relax, as a shelf's message."""
    text = shortfall(funnel, answer)
    relax = [{"label": str(c), "value": str(c)} for c in answer.request.where]
    return None if text is None else {"text": text, "relax": relax}


def show(funnel: Funnel, answer: Recommendation) -> None:
    """The stage that is looked into; nothing where none is."""
    pipeline = state.view().pipeline
    stage = next((s for s in answer.trace.stages if s.stage == pipeline.stage and s.stage != "user"), None)
    if stage is None:
        return
    title = names.STAGES[stage.stage]
    with st.container(border=True, key="left"):
        reason = reason_of(stage, pipeline.reason)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**Who left at {title}, and why**", width="stretch")
            st.button("Close", icon=":material/close:", type="tertiary", key="left-close", on_click=_close)
        if reason is None:
            st.caption(f"Nobody left here: all {stage.n_in:,} that came in went out again.")
            return
        if len(stage.drops) > 1:
            _reasons(stage, reason)
        rows = first_of(funnel, answer, stage, reason, LINES)
        _cards(funnel, answer, stage, reason, rows[:CARDS])
        _table(funnel, answer, rows)


def _close() -> None:
    state.look(pipeline=replace(state.view().pipeline, stage=None, reason=None))


def _reasons(stage: Stage, reason: str) -> None:
    key = state.shown(f"reason-{stage.stage}", reason)
    counts = stage.dropped

    def apply(chosen: str) -> None:
        state.look(pipeline=replace(state.view().pipeline, reason=chosen))

    st.pills(
        "Reason",
        list(counts),
        key=key,
        required=True,
        format_func=lambda one: plain(f"{one} ({counts[one]:,})"),
        on_change=state.changed(key, apply),
        label_visibility="collapsed",
    )


def first_of(funnel: Funnel, answer: Recommendation, stage: Stage, reason: str, n: int) -> np.ndarray:
    """The rows of those who left for a reason, the ones that came closest first: (<=n,) int64."""
    rows = stage.drops[reason]
    if reason in ORDERED or answer.query is None:
        return rows[:n]
    among = np.zeros(len(funnel.version.item_ids), dtype=bool)
    among[rows] = True
    return funnel.candidates.scan(answer.space, answer.query.vector, n, among)[0]


def scores_of(funnel: Funnel, answer: Recommendation, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of some items by what they are called: relevance and the ranker's, where there are any."""
    found = {}
    if answer.query is not None:
        found["relevance"] = funnel.candidates.score(answer.space, answer.query.vector, rows)
    if answer.ranked is not None and len(rows):
        features = funnel.features(answer.request.profile, rows)
        found[names.RANKERS_SHORT[answer.request.ranker]] = funnel.ranking.scores(answer.request.ranker, features)
    return found


def _cards(funnel: Funnel, answer: Recommendation, stage: Stage, reason: str, rows: np.ndarray) -> None:
    version = funnel.version
    shown = {n: s for n, s in scores_of(funnel, answer, rows).items() if n == "relevance" or stage.stage == "rank"}
    found = {}
    for place, row in enumerate(rows):
        told = " · ".join(f"{name} {own[place]:.3f}" for name, own in shown.items())
        found[str(version.item_ids[row])] = plain_card(version, int(row), state.profile()) | {"reason": told}
    total = len(stage.drops[reason])
    first = f"The {len(rows)} that came closest of {total:,}." if total > len(rows) else ""
    data = {
        "catalog": version.name,
        "aspect": aspect(version),
        "cards": found,
        "shelves": [{"key": "left", "title": reason[:1].upper() + reason[1:], "note": first, "list": list(found)}],
        "message": None,
    }
    shelf_component.shelf(
        data, key="funnel-left", pictures=lambda wanted: thumbnails(version, wanted), on_event=actions.handle
    )


def _table(funnel: Funnel, answer: Recommendation, rows: np.ndarray) -> None:
    box = st.popover(
        f"The first {len(rows):,} as a table", icon=":material/table:", key="left-table", on_change="rerun"
    )
    if not box.open:
        return
    version = funnel.version
    table = pd.DataFrame(
        {
            "id": version.item_ids[rows],
            "title": version.catalog.items["title"].to_numpy()[rows],
            "what": [subtitle(version, int(row)) for row in rows],
            **scores_of(funnel, answer, rows),
        }
    )
    with box:
        st.dataframe(table, hide_index=True, height=380)
