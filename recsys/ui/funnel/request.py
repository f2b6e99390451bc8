"""One request: the funnel drawn with its own counts and times, who left where and why, and the list that is left."""

from dataclasses import replace

import numpy as np
import streamlit as st

import recsys.ui.shelf as shelf_component
import recsys.ui.stages as stages_component
from recsys.funnel import PLAIN_RANKING, Funnel, Recommendation
from recsys.towers import heard
from recsys.trace import Stage
from recsys.ui import actions, controls, resources, state
from recsys.ui.funnel import asked, keeping, left, names, steer
from recsys.ui.lists import aspect, cards
from recsys.ui.pictures import thumbnails
from recsys.ui.pipeline import PUBLIC_SIZE, SIZED, SWITCHED, TOTAL, Pipeline
from recsys.ui.stages import LAST, Event
from recsys.ui.words import PUBLIC, WORDS, plain

RETRIEVED = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
STOPS = {
    "retrieve": RETRIEVED,
    "filter": (20, 50, 100, 200, 300, 500),
    "rank": (10, 20, 30, 50, 100, 200),
    LAST: (5, 8, 10, 12, 15, 20),
}
"""What the sliders offer: steps that double, as sizes cost by factors."""


def show(funnel: Funnel, answer: Recommendation) -> None:
    """The whole part."""
    _headline(funnel, answer)
    controls.active_conditions(funnel.version)
    stages_component.stages(data_of(funnel, answer, _timed(answer)), key="stages", on_event=handle)
    left.show(funnel, answer)
    _list(funnel, answer)
    with st.sidebar:
        steer.show(funnel, answer)


def handle(event: Event) -> None:
    """Does what somebody did to the drawn funnel."""
    pipeline = state.view().pipeline
    if event.do == "open":
        stage = None if event.value is None else event.stage
        state.look(pipeline=replace(pipeline, stage=stage, reason=event.value or None))
    elif event.do == "budget":
        what = "all together" if event.stage == TOTAL else names.STAGES[event.stage]
        changed = pipeline.with_budget(event.stage, int(event.value))
        state.change(f"The budget of {what} is now {event.value} ms.", pipeline=changed)
    elif event.do == "switch":
        said = "on again" if event.value else "off: everything passes through"
        changed = pipeline.switched(event.stage, bool(event.value))
        state.change(f"{names.STAGES[event.stage]} is {said}.", pipeline=changed)
    elif event.stage == LAST:
        state.change(f"The list now has {event.value} items.", k=min(int(event.value), controls.MAX_K))
    else:
        changed = pipeline.sized(event.stage, int(event.value))
        state.change(f"{names.STAGES[event.stage]} now lets out {event.value:,}.", pipeline=changed)


def data_of(funnel: Funnel, answer: Recommendation, timed: dict[str, dict[str, float]] | None) -> dict:
    """The answer's trace as the data of `recsys.ui.stages.stages`.

    Args:
        funnel: the funnel that answered.
        answer: its answer.
        timed: percentiles of many runs, by stage, where there are some.
    """
    view, version = state.view(), funnel.version
    pipeline, whole = view.pipeline, len(version.item_ids)
    notes = _notes(funnel, answer)

    def clock(name: str, ms: float) -> dict:
        own = None if timed is None else (timed[name]["p50_ms"], timed[name]["p95_ms"])
        return {"ms": ms, "budget": pipeline.budget(name), "timed": own, "runs": asked.RUNS if timed else 0}

    def one(stage: Stage) -> dict:
        key = stage.stage
        reasons = list(stage.dropped.items())
        opened = key == pipeline.stage
        size = None
        if key in STOPS:
            value = view.k if key == LAST else pipeline.sizes[SIZED.index(key)]
            most = min(whole, PUBLIC_SIZE) if resources.SETTINGS.public else whole
            size = {"value": value, "stops": stops_of(key, value, most), "all": whole}
        return {
            "key": key,
            "title": names.STAGES[key],
            "note": notes[key],
            "help": names.HELP[key],
            "in": stage.n_in,
            "out": stage.n_out,
            "flows": notes["flows"] if key == "user" else "",
            **clock(key, stage.ms),
            "on": key not in pipeline.off if key in SWITCHED else None,
            "size": size,
            "dropped": reasons,
            "open": opened,
            "reason": left.reason_of(stage, pipeline.reason) if opened else None,
        }

    return {
        "whole": whole,
        "stages": [one(stage) for stage in answer.trace.stages],
        "total": {**clock(TOTAL, answer.trace.total_ms), "note": "and what lies between"},
    }


def stops_of(stage: str, value: int, whole: int) -> list[int]:
    """What a stage's slider offers: the stops that leave somebody out, for retrieval all, and where it stands."""
    offered = {stop for stop in STOPS[stage] if stop < whole} | {value}
    return sorted(offered | ({whole} if stage == "retrieve" else set()))


def _notes(funnel: Funnel, answer: Recommendation) -> dict[str, str]:
    """What each stage does here, in a few words."""
    view, request = state.view(), answer.request
    spaces = names.space(" + ".join(answer.fused) or answer.space)
    off = view.pipeline.off
    if answer.query is None:
        retrieve = "a starting list"
    elif "retrieve" in off:
        retrieve = "all, one by one"
    else:
        retrieve = f"{names.engine(request.engine)}, nearest first"
        extra = 0 if request.seen else len(heard(funnel.version, request.profile).rated)
        if extra:  # what was rated falls at the next stage, and is not to narrow this one
            retrieve = f"{names.engine(request.engine)}, {extra} more for the rated"
    if request.where and request.filtered != request.filtering and answer.query is not None:
        retrieve = "conditions come after it"
    rules = len(request.where.conditions) + (request.cap is not None) + (not request.seen)
    ranker = "keeps the order"
    if request.ranker != PLAIN_RANKING:
        ranker = names.RANKERS_SHORT[request.ranker] if answer.ranked is not None else "not heard: keeps the order"
    method = names.METHODS[request.diversity]
    return {
        "user": keeping.short(answer),
        "flows": f"{_told(funnel, answer)} → {_point(answer, spaces)}",
        "retrieve": retrieve,
        "filter": "off" if "filter" in off else f"{rules} {'rule' if rules == 1 else 'rules'}, then the best",
        "rank": "off" if "rank" in off else ranker,
        "diversify": "off: by relevance" if "diversify" in off else f"{method}, λ {request.lam:.2f}",
    }


def _told(funnel: Funnel, answer: Recommendation) -> str:
    """Who asks, in a few words."""
    profile = answer.request.profile
    known = heard(funnel.version, profile)
    if profile.person is not None:
        return f"User {profile.person}: {len(known.rated):,} ratings"
    parts = [
        f"{n} {word}{'' if n == 1 else 's'}"
        for n, word in (
            (len(profile.likes), "like"),
            (len(profile.dislikes), "dislike"),
            (1 if profile.wish or profile.picture else 0, "wish"),
        )
        if n
    ]
    return ", ".join(parts) or "Nothing is known"


def _point(answer: Recommendation, spaces: str) -> str:
    if answer.query is None:
        return "no point: everybody's list"
    if answer.fused:
        return f"a point each in {spaces}"
    return f"a point in {spaces}, {len(answer.query.vector):,} dimensions"


def _headline(funnel: Funnel, answer: Recommendation) -> None:
    """How many are left of how many, in which time, and where it goes."""
    pipeline, trace, timed, public = state.view().pipeline, answer.trace, _timed(answer), resources.SETTINGS.public
    whole = f"{len(funnel.version.item_ids):,} {names.items(funnel.version)}"
    with st.container(horizontal=True, vertical_alignment="center", key="headline"):
        with st.container():
            st.markdown(
                f"#### {whole}, {len(answer.picks)} shown, in {_ms(trace.total_ms)} of {pipeline.budget(TOTAL)}",
                help=WORDS["funnel"],
            )
            told = budget_words({s.stage: s.ms for s in trace.stages}, pipeline, trace.total_ms)
            st.caption(plain(told if timed is None else timed_words(timed, pipeline)))
            if public and len(funnel.version.item_ids) > PUBLIC_SIZE:
                st.caption(f"This app is open to the public, so no stage lets more than {PUBLIC_SIZE:,} out.")
        if st.button(
            f"Run it {asked.RUNS} times",
            icon=":material/timer:",
            key="time-stages",
            disabled=public,
            help=PUBLIC
            if public
            else "One run is one throw of the dice. Of many, the bars show the median (dark) and the 95th percentile "
            "(pale).",
        ):
            with st.spinner("Asking again and again ..."):
                found = asked.timed(funnel, answer.request)
            st.session_state.funnel_timed = (answer.request, found)
            st.rerun()


def timed_words(timed: dict[str, dict[str, float]], pipeline: Pipeline) -> str:
    """What many runs took, and whether that is within the budgets: a sentence or two."""
    total = timed[TOTAL]
    over = [name for name, own in timed.items() if own["p99_ms" if name == TOTAL else "p95_ms"] > pipeline.budget(name)]
    verdict = ", ".join(names.said(name) for name in over)
    return (
        f"Half of {asked.RUNS} runs took less than {_ms(total['p50_ms'])}, 95 of 100 less than "
        f"{_ms(total['p95_ms'])}, 99 of 100 less than {_ms(total['p99_ms'])}. "
        + (f"Over budget: {verdict}." if over else "Every stage keeps within its budget.")
    )


def budget_words(ms: dict[str, float], pipeline: Pipeline, total: float) -> str:
    """Which stages exceed their budgets, and which takes most: a sentence or two."""
    over = [name for name, took in ms.items() if took > pipeline.budget(name)]
    most = max(ms, key=ms.get)
    told = f"{names.said(most)} takes most of it, {ms[most] / max(total, 1e-9):.0%}."
    if not over:
        return f"Every stage is within its budget. {told}"
    parts = ", ".join(f"{names.said(name)} by {_ms(ms[name] - pipeline.budget(name))}" for name in over)
    return f"Over budget: {parts}. {told}"


def _ms(ms: float) -> str:
    return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.1f} ms" if ms >= 1 else f"{ms:.2f} ms"


def _timed(answer: Recommendation) -> dict | None:
    """The times of many runs of this very request, where somebody asked for them."""
    found = st.session_state.get("funnel_timed")
    return found[1] if found is not None and found[0] == answer.request else None


def _list(funnel: Funnel, answer: Recommendation) -> None:
    """What is left, as cards; what the last change brought in is marked."""
    version, request = funnel.version, answer.request
    found = cards(funnel, answer, [int(p) for p in answer.picks])
    ids = [str(i) for i in version.item_ids[answer.candidates[answer.picks]]]
    before = state.list_before()
    for item_id, was in zip(ids, _places_before(funnel, answer), strict=True):
        if was is not None:
            found[item_id]["reason"] = f"{_ordinal(was)} by relevance; {found[item_id]['reason']}"
    data = {
        "catalog": version.name,
        "aspect": aspect(version),
        "cards": found,
        "shelves": [
            {
                "key": "shown",
                "title": "Shown",
                "note": _shown_note(answer),
                "list": ids,
                "before": list(before) if before is not None else ids,
                "wanted": request.k,
            }
        ],
        "message": left.message(funnel, answer),
    }
    shelf_component.shelf(
        data, key="funnel-list", pictures=lambda wanted: thumbnails(version, wanted), on_event=actions.handle
    )


def _shown_note(answer: Recommendation) -> str:
    stages = []
    if answer.ranked is not None:
        stages.append(f"ordered by {names.RANKERS[answer.request.ranker]}")
    if answer.request.diversity != "plain" and answer.request.lam < 1:
        stages.append(f"varied by {names.METHODS[answer.request.diversity]}")
    return f"What is left, {' and '.join(stages)}." if stages else "What is left, by relevance alone."


def _places_before(funnel: Funnel, answer: Recommendation) -> list[int | None]:
    """The place, from 1, that each pick had by relevance when it came out of the filters; None where it kept it."""
    dropped = [stage.drops.get("ranked too low") for stage in answer.trace.stages if stage.stage == "rank"]
    rows = np.concatenate([answer.candidates, *(rows for rows in dropped if rows is not None)])
    if answer.query is None or answer.fused:  # no one score to go by
        return [None] * len(answer.picks)
    scores = funnel.candidates.score(answer.space, answer.query.vector, rows)
    place = np.empty(len(rows), dtype=np.int64)
    place[np.lexsort((rows, -scores))] = 1 + np.arange(len(rows))
    found = [int(place[p]) for p in answer.picks]
    return [None if was == now else was for now, was in enumerate(found, 1)]


def _ordinal(n: int) -> str:
    tail = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n:,}{tail}"
