"""Why was it not shown? Any item, found by title or id: its way through the stages, where it fell, and the way in."""

import html
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from recsys.explain import Fate
from recsys.explain import why as fate_of
from recsys.funnel import STAGES, Funnel, Recommendation
from recsys.ui import state
from recsys.ui.funnel import asked as asking
from recsys.ui.funnel import left, names, steer, ways
from recsys.ui.funnel.ways import Change, Way
from recsys.ui.lists import subtitle
from recsys.ui.pictures import thumbnails
from recsys.ui.words import plain
from recsys.version import Version
from recsys.where import Where

FOUND = 8
EXAMPLES = 3
MAX_WORDS = 80
_PASSED, _FELL, _NEVER = "passed", "fell", "never"
_CSS = """
.way { display: flex; margin: 0.4rem 0 0.2rem; padding: 0; font-variant-numeric: tabular-nums; }
.way .step { flex: 1 1 0; position: relative; margin: 0; padding: 2.6rem 0.6rem 0 0; min-width: 0; }
.way .step::before { content: ""; position: absolute; left: 0; right: 0; top: 0.95rem; height: 4px;
  background: #108d7a; }
.way .fell::before { right: calc(100% - 1rem); background: #c4573a; }
.way .never::before { background: color-mix(in srgb, currentColor 14%, transparent); }
.way .dot { position: absolute; left: 0; top: 0; width: 2.1rem; height: 2.1rem; border-radius: 50%; display: grid;
  place-items: center; background: #108d7a; color: #fff; font-weight: 700; }
.way .step:last-child:not(.fell)::before { display: none; }
.way .fell .dot { background: #c4573a; }
.way .never .dot { background: #b9b4aa; }
.way b { display: block; font-family: "Source Serif", serif; }
.way .said { font-size: 0.875rem; opacity: 0.75; overflow-wrap: anywhere; }
.way .never b { opacity: 0.5; }
.in-question { display: flex; gap: 1rem; align-items: center; }
.in-question img { width: 76px; max-height: 114px; object-fit: contain; border-radius: 6px; background: #fff; }
.in-question h4 { margin: 0; padding: 0; }
.in-question p { margin: 0; opacity: 0.7; }
@media (max-width: 640px) {
  .way { flex-direction: column; }
  .way .step { padding: 0.2rem 0 1rem 3rem; min-height: 3.4rem; }
  .way .step::before, .way .step.fell::before { left: 0.92rem; right: auto; top: 0; bottom: 0; width: 4px;
    height: auto; }
  .way .step.fell::before { bottom: calc(100% - 1rem); }
}
"""


def show(funnel: Funnel, answer: Recommendation) -> None:
    """The whole part."""
    version = funnel.version
    _search(version)
    _examples(funnel, answer)
    item = state.view().pipeline.asked
    if item is None:
        with st.sidebar:
            steer.show(funnel, answer)
        st.markdown(
            f"Of {len(version.item_ids):,} {names.items(version)}, {len(answer.picks)} are shown. Every other one left "
            "at a stage, for a reason: search one above, or take an example."
        )
        return
    fate = fate_of(funnel, answer, item)
    st.html(f"<style>{_CSS}</style>{_head(version, item)}")
    _verdict(fate)
    st.html(_path(funnel, answer, item, fate))
    if fate.place is None:
        _way_in(funnel, answer, item)
    with st.sidebar:
        steer.show(funnel, answer)


def find(titles: pd.Series, words: str, n: int = FOUND) -> list[str]:
    """The ids of the items whose title holds all the words, or whose id is what was typed.

    Titles that begin with the words come first, then the shorter ones.

    Args:
        titles: lower-case titles by id.
        words: what somebody typed.
        n: how many at most.
    """
    asked = words.strip().lower()
    if not asked:
        return []
    keep = np.ones(len(titles), dtype=bool)
    for word in asked.split():
        keep &= titles.str.contains(word, regex=False).to_numpy()
    found = titles[keep]
    order = np.lexsort((found.str.len(), ~found.str.startswith(asked).to_numpy()))
    ids = [str(i) for i in found.index[order[:n]]]
    exact = words.strip()
    return ([exact] if exact in titles.index else []) + [i for i in ids if i != exact][: n - (exact in titles.index)]


@st.cache_resource(max_entries=4, show_spinner=False)
def _lower(_version: Version, stamp: str) -> pd.Series:
    return _version.catalog.items["title"].str.lower()


def _search(version: Version) -> None:
    st.text_input(
        "Which one?",
        key="why-words",
        max_chars=MAX_WORDS,
        placeholder="Search by title or id, then Enter",
        icon=":material/search:",
        label_visibility="collapsed",
    )
    words = st.session_state.get("why-words") or ""
    if not words.strip():
        return
    ids = find(_lower(version, f"{version.name}@{version.id}"), words)
    if not ids:
        st.caption(f"No title holds “{plain(words)}”.")
        return
    _offer(version, ids, "why-found", "Found")


def _offer(version: Version, ids: list[str], key: str, label: str) -> None:
    """Items to choose from, as pills."""
    asked = state.view().pipeline.asked
    shown = state.shown(key, asked if asked in ids else None)

    def apply(item: str | None) -> None:
        state.look(pipeline=replace(state.view().pipeline, asked=item))

    st.pills(
        label,
        ids,
        key=shown,
        format_func=lambda i: plain(_named(version, i)),
        on_change=state.changed(shown, apply),
    )


def _named(version: Version, item: str) -> str:
    (row,) = version.rows([item])
    said = subtitle(version, int(row)).split(" · ")[0]
    return f"{version.catalog.cell(row, 'title')}{f' ({said})' if said else ''}"


def _examples(funnel: Funnel, answer: Recommendation) -> None:
    ids = examples(funnel, answer)
    if ids:
        _offer(funnel.version, ids, "why-examples", "Examples: not shown, each for a reason of its own")


def examples(funnel: Funnel, answer: Recommendation) -> list[str]:
    """Items that came close and are not shown, each for another reason, the later stages first."""
    found = []
    for stage in reversed(answer.trace.stages):
        for reason in stage.drops:
            if len(found) < EXAMPLES:
                rows = left.first_of(funnel, answer, stage, reason, 1)
                found += [str(i) for i in funnel.version.item_ids[rows]]
    return found


def _head(version: Version, item: str) -> str:
    (row,) = version.rows([item])
    title = html.escape(str(version.catalog.cell(row, "title")))
    return (
        f'<div class="in-question"><img src="{thumbnails(version, [item])[item]}" alt=""><div><h4>{title}</h4>'
        f"<p>{html.escape(subtitle(version, int(row)))} · id {html.escape(item)}</p></div></div>"
    )


def _verdict(fate: Fate) -> None:
    if fate.place is not None:
        st.markdown(f"#### It is shown\n{plain(fate.detail)}")
    else:
        st.markdown(f"#### {names.STAGES[fate.stage]} stopped it: {plain(fate.reason)}\n{plain(fate.detail)}")


def _path(funnel: Funnel, answer: Recommendation, item: str, fate: Fate) -> str:
    """The item's way through the stages, as HTML."""
    places, sizes = ways.places(funnel, answer, item), {s.stage: s.n_out for s in answer.trace.stages}
    steps = []
    for stage in STAGES[1:]:
        if stage == fate.stage:
            kind, sign, said = _FELL, "✕", html.escape(str(fate.reason))
        elif stage in places:
            place = places[stage]
            said = f"passed, number {place:,} of {sizes[stage]:,}" if place else f"passed, one of {sizes[stage]:,}"
            kind, sign = _PASSED, "✓"
        else:
            kind, sign, said = _NEVER, "–", "never got here"
        told = f'<b>{names.STAGES[stage]}</b><span class="said">{said}</span>'
        steps.append(f'<div class="step {kind}" role="listitem"><span class="dot">{sign}</span>{told}</div>')
    return f'<div class="way" role="list" aria-label="Its way through the stages">{"".join(steps)}</div>'


def _way_in(funnel: Funnel, answer: Recommendation, item: str) -> None:
    """What would bring it into the list, each step tried on the funnel."""
    found = ways.way(funnel, answer, item, lambda changed: asking.quietly(funnel, changed))
    if not found.changes:
        st.caption("No size, switch or rule of this funnel brings it in: it is too far from this point.")
        return
    st.markdown(f"**What would bring it in**  \n:gray[{plain(_in_words(found))}]")
    with st.container(horizontal=True, key="ways"):
        first = found.changes[0]
        st.button(
            first.words,
            key="way-first",
            icon=":material/tune:",
            on_click=_apply,
            args=((first,),),
            help="Only this: see how much further it comes.",
        )
        if len(found.changes) > 1 and found.place is not None:
            st.button(
                f"All {len(found.changes)} changes",
                key="way-all",
                icon=":material/done_all:",
                type="primary",
                on_click=_apply,
                args=(found.changes,),
            )


def _in_words(found: Way) -> str:
    steps = ", then ".join(c.words[:1].lower() + c.words[1:] for c in found.changes)
    if found.place is None:
        return f"This brings it further, but into no list of up to {ways.LONGEST}: {steps}. {found.detail}"
    return f"{steps[:1].upper()}{steps[1:]}: it is then number {found.place} of the list."


def _apply(changes: tuple[Change, ...]) -> None:
    """Takes changes of a request into the view."""
    view = state.view()
    pipeline, fields = view.pipeline, {}
    for change in changes:
        if change.what in ("retrieve", "filter", "rank"):
            pipeline = pipeline.sized(change.what, int(change.value))
        elif change.what == "where":
            where = fields.get("where", view.where)
            fields["where"] = Where(tuple(c for c in where if str(c) != change.value))
        elif change.what == "off":
            pipeline = pipeline.switched(str(change.value), False)
        elif change.what == "k":
            fields["k"] = int(change.value)
        elif change.what == "engine":
            pipeline = replace(pipeline, retriever=str(change.value))
        else:
            pipeline = replace(pipeline, **{change.what: change.value})
    state.change(f"{'; '.join(change.words for change in changes)}.", pipeline=pipeline, **fields)
