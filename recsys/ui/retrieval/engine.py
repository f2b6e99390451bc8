"""One engine, live: what it finds beside what is truly nearest, what it misses, and how often."""

import html

import numpy as np
import streamlit as st

import recsys.ui.shelf as shelf_component
from recsys.errors import TastespaceError
from recsys.funnel import Funnel
from recsys.lessons.retrieval import live
from recsys.lessons.retrieval.live import Answer, Pool, Verdict
from recsys.lessons.retrieval.queries import Asked, K, Searched
from recsys.lessons.retrieval.story import milliseconds, seconds, setting
from recsys.retrieval import ENGINES, FAMILIES, Engine, engine_class
from recsys.retrieval.worker import WorkerLost
from recsys.ui import actions, resources, state
from recsys.ui.apology import explained
from recsys.ui.pictures import thumbnails
from recsys.ui.retrieval import asked as asking
from recsys.ui.retrieval import measures
from recsys.ui.words import PUBLIC, plain
from recsys.version import Version

DEFAULT = "faiss-ivf"
REFERENCE = "exhaustive"
PATIENCE_S = 2.0
"""How long a page waits for an index before it is drawn without it."""


def show(funnel: Funnel) -> None:
    """The whole part."""
    with explained("engine"):
        if resources.SETTINGS.public:
            st.info(PUBLIC, icon=":material/lock:")
        else:
            _one(funnel)
    with explained("measures"):
        measures.show(funnel)


@st.cache_resource(show_spinner=False)
def pool() -> Pool:
    """The processes that all visitors share."""
    return Pool()


def _one(funnel: Funnel) -> None:
    version = funnel.version
    left, right = st.columns(2)
    with left:
        engine = _choose()
    with right:
        among = asking.searched(version, asking.choose_space(version))
    indexed = asking.foreseen(funnel, among) if engine.family == "precomputed" else among
    asked = asking.who(funnel, among)
    first = st.container()
    build = _build(engine)
    with first:
        knobs = _knobs(engine, len(among.rows), build)
    truth = live.true_nearest(among, asked.vector[None])
    answer = _answer(engine.name, indexed, asked, knobs, build)
    if answer is None:
        lists = [_exact_list(among, truth[0][0], np.empty(0, dtype=np.int64))]
        _shelves(version, asking.shelves(version, lists))
        return
    verdict = live.verdict(answer.rows[0], among, asked.vector, truth)
    _headline(engine, among, asked, answer, verdict, build)
    missed = dict.fromkeys((int(row) for row in among.rows[verdict.missed]), "✕ ")
    own = {
        "key": "engine",
        "title": engine.name,
        "note": _note(engine, indexed, verdict),
        "list": among.rows[verdict.rows],
        "before": among.rows[verdict.exact],
        "wanted": K,
    }
    lists = [_exact_list(among, verdict.exact, verdict.missed), own]
    _shelves(version, asking.shelves(version, lists, missed))
    left, right = st.columns([3, 2], gap="large")
    with left:
        _map(version, among, asked, verdict, engine.name)
    with right:
        _misses(funnel, indexed, engine.name, knobs, build)


def _choose() -> type[Engine]:
    """Which engine is looked at."""
    name = state.view().engine or DEFAULT
    key = state.shown("engine", name)
    st.selectbox(
        "Engine",
        ENGINES,
        key=key,
        format_func=lambda one: f"{one}: {FAMILIES[engine_class(one).family]}",
        on_change=state.changed(key, lambda one: state.change(f"{one}, live.", engine=one, knobs=(), build=())),
        help="Each runs in a process of its own. Its index is built when it is first asked.",
    )
    return engine_class(name)


def _build(engine: type[Engine]) -> dict[str, int]:
    """Choices for the engine's build-time arguments; those that are not as it comes. Another one is another index."""
    view, usual = state.view(), engine().arguments
    if not engine.builds or resources.SETTINGS.public:  # each choice is a build, and a build keeps the cores busy
        return {}
    chosen = {}
    if view.engine == engine.name:
        chosen = {name: int(value) for name, _, value in (text.partition("=") for text in view.build)}
    with st.expander("How its index is built", icon=":material/construction:"):
        for column, (name, knob) in zip(
            st.columns(len(engine.builds), gap="large"), engine.builds.items(), strict=True
        ):
            with column:
                key = state.shown(f"build-{engine.name}-{name}", chosen.get(name, usual[name]))

                def apply(value: int | None, name: str = name) -> None:
                    made = {**chosen, name: value}
                    texts = tuple(
                        f"{one}={made[one]}" for one in engine.builds if made.get(one, usual[one]) != usual[one]
                    )
                    words = "as it comes" if value is None else f"{value:,}"
                    state.change(f"{engine.name} is built with {name} = {words}.", engine=engine.name, build=texts)

                st.select_slider(
                    f"{name}: {knob.says[0].lower()}{knob.says[1:]}",
                    (*([None] if usual[name] is None else []), *knob.values),
                    key=key,
                    format_func=lambda value: "as it comes" if value is None else f"{value:,}",
                    on_change=state.changed(key, apply),
                )
        st.caption(
            "Each choice is an index of its own, built in a process of its own; stored records have it as it comes."
        )
    return chosen


def _knobs(engine: type[Engine], n: int, build: dict[str, int]) -> dict[str, int]:
    """Sliders for the engine's query-time arguments; what they stand at."""
    offered, view = live.stops(engine.name, n, build=build), state.view()
    chosen = dict(engine.defaults)
    if view.engine == engine.name:
        chosen |= {name: int(value) for name, _, value in (text.partition("=") for text in view.knobs)}
    # What lies beyond the last stop finds the same as the last stop does.
    chosen = {name: min(value, offered[name][-1]) for name, value in chosen.items()}
    for column, (name, values) in zip(st.columns(max(1, len(offered)), gap="large"), offered.items(), strict=False):
        with column:
            key = state.shown(f"knob-{engine.name}-{name}", chosen[name])

            def apply(value: int, name: str = name) -> None:
                moved = chosen | {name: value}
                texts = tuple(f"{one}={at}" for one, at in moved.items() if at != engine.defaults[one])
                state.change(f"{engine.name}: {name} = {value:,}.", engine=engine.name, knobs=texts)

            st.select_slider(
                f"{name}: {engine.knobs[name].says[0].lower()}{engine.knobs[name].says[1:]}",
                values,
                key=key,
                on_change=state.changed(key, apply),
            )
    return chosen


def _answer(name: str, among: Searched, asked: Asked, knobs: dict[str, int], build: dict[str, int]) -> Answer | None:
    """What the engine finds; None, and why in words, where it cannot be asked yet or not at all."""
    try:
        failed = st.session_state.pop("engine_failed", None)
        if failed is not None and failed[0] == (name, among.name, build):
            raise failed[1]
        with st.spinner(f"{name} builds its index, once ..."):
            building = pool().prepare(name, among, PATIENCE_S, build)
        if building is None:
            return pool().ask(name, among, asked.vector[None], knobs, build=build)
        st.fragment(_waiting, run_every=1.0)(name, among, build)
    except WorkerLost as error:
        _cannot(f"{error.what} Try again, and a new process starts.")
    except TastespaceError as error:
        _cannot(str(error))
    return None


def _cannot(sentence: str) -> None:
    st.warning(plain(sentence), icon=":material/error:")
    st.button("Try again", icon=":material/refresh:", key="engine-retry")


def _waiting(name: str, among: Searched, build: dict[str, int]) -> None:
    """How long an index has been building; draws the page anew once it is there, or has failed."""
    try:
        building = pool().prepare(name, among, 0.0, build)
    except TastespaceError as error:
        # The page says so, and not this fragment: it would come round again and start another build.
        st.session_state.engine_failed = ((name, among.name, build), error)
        building = None
    if building is None:
        st.rerun()
    st.info(
        f"{name} builds its index, once: {seconds(max(building, 0.1))} so far. What is truly nearest is shown "
        "meanwhile.",
        icon=":material/hourglass_top:",
    )


def _headline(
    engine: type[Engine], among: Searched, asked: Asked, answer: Answer, verdict: Verdict, build: dict[str, int]
) -> None:
    st.markdown(
        f"#### {plain(engine.name)} finds {verdict.found} of {len(verdict.exact)} in {milliseconds(answer.ms)}",
        help=f"The median of {live.REPEATED} times, in its own process on one thread, after some that are not timed.",
    )
    made = f" with {setting(build)}" if build else ""
    words = [f"Its index of {len(among.rows):,} vectors was built{made} in {seconds(answer.build_s)}."]
    if engine.name != REFERENCE:
        try:
            exact = milliseconds(pool().ask(REFERENCE, among, asked.vector[None]).ms)
            words.insert(0, f"In a process of its own, as all are; comparing with every vector takes {exact}.")
        except TastespaceError as error:
            words.insert(0, f"The exact search was not timed: {error}")
    st.caption(plain(" ".join(words)))


def _note(engine: type[Engine], among: Searched, verdict: Verdict) -> str:
    if engine.family == "precomputed":
        people = 0 if among.foreseen is None else len(among.foreseen) - len(among.vectors)
        whose = f"{len(among.vectors):,} items" + (f" and {people:,} people" if people else "")
        if not len(verdict.rows):
            return f"It has the lists of {whose}, made beforehand, and none for your point: nobody foresaw it."
        return f"Looked up, from the lists of {whose} that were made beforehand."
    if not len(verdict.missed):
        return "Nothing is missed."
    what = {
        "graph": "No link that it followed led there.",
        "cells": "They lie in cells that it did not look into.",
        "codes": "Their codes look farther away than they are.",
        "cells + codes": "They lie in other cells, or their codes look farther away than they are.",
    }.get(engine.family, "")
    instead = "“New” stands in for them." if len(verdict.rows) == len(verdict.exact) else ""
    return " ".join(text for text in (f"{len(verdict.missed)} missed.", what, instead) if text)


def _exact_list(among: Searched, exact: np.ndarray, missed: np.ndarray) -> dict:
    note = "Compared with every vector."
    return {
        "key": "exact",
        "title": "Truly nearest",
        "note": f"{note} ✕: missed by the engine below." if len(missed) else note,
        "list": among.rows[exact],
    }


def _shelves(version: Version, data: dict) -> None:
    shelf_component.shelf(
        data, key="engine-lists", pictures=lambda ids: thumbnails(version, ids), on_event=actions.handle
    )


def _map(version: Version, among: Searched, asked: Asked, verdict: Verdict, name: str) -> None:
    import plotly.graph_objects as go

    from recsys.ui.figures import ACCENT, Marks, map_figure

    rings = f"Rings: what {name} found. " if len(verdict.rows) else ""
    crosses = "Crosses: what it missed. " if len(verdict.missed) else ""
    st.markdown(
        f"**On the map**  \n:gray[{plain(rings + crosses)}The star is the query. A flat map keeps not all that is near "
        "together. Double-click to see all of it.]"
    )
    coords = np.asarray(version.map(among.space))
    marks = Marks(picks=among.rows[verdict.rows], profile=asking.position(version, among, asked))
    you = "query" if asked.item is not None else "you"
    figure = map_figure(version, coords, version.catalog.categories, marks, you)
    if len(verdict.missed):
        rows = among.rows[verdict.missed]
        titles = version.catalog.items["title"].to_numpy()[rows]
        figure.add_trace(
            go.Scattergl(
                x=coords[rows, 0],
                y=coords[rows, 1],
                mode="markers",
                name="missed",
                text=[html.escape(str(title)) for title in titles],
                hovertemplate="%{text}<extra>missed</extra>",
                marker={"size": 13, "symbol": "x", "color": ACCENT, "line": {"width": 1.5, "color": "white"}},
            )
        )
    figure.update_layout(height=420, showlegend=False, uirevision=f"{among.name}-{hash(asked.vector.tobytes())}")
    marked = np.concatenate([among.rows[verdict.rows], among.rows[verdict.exact]])
    asking.around(figure, np.vstack([coords[marked], marks.profile]))
    st.plotly_chart(figure, key=f"engine-map-{among.name}", config={"displayModeBar": False})


def _misses(funnel: Funnel, among: Searched, name: str, knobs: dict[str, int], build: dict[str, int]) -> None:
    """How many of the true ten it finds, over many people."""
    simulated = "" if funnel.version.ratings is not None else "simulated "
    st.markdown(
        f"**How often it misses**  \n:gray[Asked for {asking.MANY} {simulated}people with one to five likes each: for "
        "how many it finds all ten, for how many fewer.]"
    )
    try:
        found = _found_each(funnel, among, among.name, name, tuple(knobs.items()), tuple(build.items()))
    except TastespaceError as error:
        st.warning(plain(error), icon=":material/error:")
        return
    rows = [(count, int((found == count).sum())) for count in range(K, -1, -1)]
    shown = rows[: 1 + max(place for place, (_, people) in enumerate(rows) if people)]
    st.dataframe(
        [{"found of ten": count, "people": people} for count, people in shown],
        hide_index=True,
        height=35 * (len(shown) + 1) + 3,
        column_config={
            "found of ten": st.column_config.NumberColumn(width="small"),
            "people": st.column_config.ProgressColumn(format="%d", min_value=0, max_value=len(found)),
        },
    )
    st.caption(
        f"Recall@10 is {found.mean() / K:.3f} on average and {found.min() / K:.1f} for the unluckiest; "
        f"{(found < 0.9 * K).sum():,} of {len(found):,} find fewer than nine."
    )


@st.cache_data(max_entries=256, show_spinner=False)
def _found_each(
    _funnel: Funnel,
    _among: Searched,
    among_name: str,
    name: str,
    knobs: tuple[tuple[str, int], ...],
    build: tuple[tuple[str, int], ...],
) -> np.ndarray:
    points, truth = asking.many(_funnel, _among)
    answer = pool().ask(name, _among, points, dict(knobs), together=True, build=dict(build))
    return live.found_each(answer.rows, _among, points, truth)
