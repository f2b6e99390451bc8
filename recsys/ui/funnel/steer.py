"""What the sidebar sets, stage by stage: who asks, what retrieves, the rules, the ranker, the way to pick."""

from dataclasses import replace

import streamlit as st

from recsys.candidates import RETRIEVERS, STORE
from recsys.funnel import FILTERING, PLAIN_RANKING, Funnel, Recommendation
from recsys.retrieval import FAMILIES, engine_class
from recsys.ui import controls, resources, state
from recsys.ui.funnel import keeping, names, told
from recsys.ui.words import PUBLIC_ENGINE, WORDS, plain
from recsys.user_vectors import PATTERNS

CAPS = (None, 1, 2, 3, 5, 10)
METHODS = ("mmr", "dpp", "cap")
_WHEN = {"inside": "while it searches", "before": "before retrieval", "after": "after retrieval"}


def show(funnel: Funnel, answer: Recommendation) -> None:
    """All of it, in the order of the stages."""
    version = funnel.version
    _section("user")
    controls.somebody(version)
    controls.wish(version)
    controls.rated(version)
    _towers(funnel, answer)
    _vectors(funnel, answer)
    _section("retrieve")
    _retriever()
    _section("filter")
    _rules(funnel, answer)
    _section("rank")
    _ranker(funnel, answer)
    _section("diversify")
    _variety()


def _section(stage: str) -> None:
    st.markdown(f"**{names.STAGES[stage]}**", help=names.HELP[stage])


def _change(note: str, **fields) -> None:
    state.change(note, pipeline=replace(state.view().pipeline, **fields))


def _towers(funnel: Funnel, answer: Recommendation) -> None:
    """Which towers: several are fused; none chosen means the one that measured best."""
    version, view = funnel.version, state.view()
    if len(version.spaces) < 2:
        return
    chosen = [answer.request.space, *answer.request.also]
    key = state.shown("towers", chosen)

    def apply(spaces: list[str]) -> None:
        pipeline = view.pipeline
        if not spaces:
            state.change("The tower that measured best.", space=None, pipeline=replace(pipeline, also=()))
            return
        first, *also = spaces
        said = f"Towers: {' + '.join(names.space(s) for s in spaces)}{', fused' if also else ''}."
        state.change(said, space=first, pipeline=replace(pipeline, also=tuple(also)))

    st.pills(
        "Towers",
        list(version.spaces),
        selection_mode="multi",
        key=key,
        format_func=names.space,
        on_change=state.changed(key, apply),
        help=f"{WORDS['space']} Several: their lists are fused, each item by the sum of 1 / (60 + its rank in each). "
        "None: the one that measured best for so many likes.",
    )
    st.caption(plain(controls.why_space(version, answer.space, view)) if not answer.fused else "Fused by their ranks.")


def _vectors(funnel: Funnel, answer: Recommendation) -> None:
    """How the visitor's point is kept, and what that came to in this request."""
    pipeline = state.view().pipeline
    key = state.shown("vectors", pipeline.vectors)
    st.selectbox(
        "Your point is",
        PATTERNS,
        key=key,
        format_func=keeping.label,
        on_change=state.changed(key, lambda one: _change(f"Your point is {names.VECTORS[one]}.", vectors=one)),
        help="Every like moves your point. Kept for minutes, or made by night, it may miss some; what you rated is not "
        "shown again all the same. Choose one, then like something.",
    )
    st.caption(plain(keeping.words(answer, keeping.stale(funnel, answer))))
    if pipeline.vectors == "nightly":
        st.button(
            "Let the night fall",
            icon=":material/bedtime:",
            key="night",
            on_click=keeping.night,
            args=(funnel, answer.request),
            help="Makes the points of everybody who visits now, from all that they said.",
        )


def _retriever() -> None:
    pipeline, public = state.view().pipeline, resources.SETTINGS.public
    key = state.shown("retriever", pipeline.retriever)
    st.selectbox(
        "Engine",
        RETRIEVERS,
        key=key,
        format_func=lambda one: "Qdrant" if one == STORE else f"{one}: {FAMILIES[engine_class(one).family]}",
        on_change=state.changed(key, lambda one: _change(f"{names.engine(one)} retrieves.", retriever=one)),
        disabled=public,
        help="Qdrant filters while it searches and is exact at the cut. The others know no conditions; each builds its "
        "index when it is first asked.",
    )
    if public:
        st.caption(PUBLIC_ENGINE)


def _rules(funnel: Funnel, answer: Recommendation) -> None:
    pipeline, version = state.view().pipeline, funnel.version
    if "filter" in pipeline.off:
        st.caption("Off: no rule holds, and what was rated may be shown again.")
    key = state.shown("cap", pipeline.cap)
    st.select_slider(
        "Most of one category",
        sorted({cap for cap in (*CAPS, pipeline.cap) if cap is not None}) + [None],
        key=key,
        format_func=lambda cap: "any number" if cap is None else str(cap),
        on_change=state.changed(
            key, lambda cap: _change(f"At most {cap} of a category." if cap else "No cap any more.", cap=cap)
        ),
        help=f"By {version.catalog.facet(version.catalog.categories).label.lower()}. An item of several counts in "
        "each, and needs room in each. The best come first.",
    )
    key = state.shown("seen", pipeline.seen)
    st.toggle(
        "Show again what was rated",
        key=key,
        on_change=state.changed(
            key, lambda on: _change("What was rated may come again." if on else "Nothing comes twice.", seen=on)
        ),
    )
    filters = st.expander("Conditions", icon=":material/filter_alt:", key="funnel-conditions", on_change="rerun")
    if filters.open:
        with filters:
            controls.conditions(version)
    if state.view().where:
        key = state.shown("filtering", pipeline.filtering)
        st.segmented_control(
            "Conditions hold",
            FILTERING,
            key=key,
            required=True,
            on_change=state.changed(key, lambda how: _change(f"Conditions hold {_WHEN[how]}.", filtering=how)),
            help="Inside: Qdrant skips what breaks them while it searches. Before: what is left is compared one by "
            "one. After: they hold for what was retrieved, so fewer are left.",
        )
        if answer.request.filtered != pipeline.filtering and "retrieve" not in pipeline.off:
            engine = plain(names.engine(pipeline.retriever))
            st.caption(f"**After**, here: {engine} knows no conditions, so what breaks them falls at the filter.")


def _ranker(funnel: Funnel, answer: Recommendation) -> None:
    version, pipeline = funnel.version, state.view().pipeline
    if not version.rankers:
        st.caption("This catalog has no ranker: nobody's interactions came with it, or too few people's to learn from.")
        return
    key = state.shown("ranker", pipeline.ranker)
    st.pills(
        "Ranker",
        (PLAIN_RANKING, *version.rankers),
        key=key,
        required=True,
        format_func=lambda name: names.RANKERS_SHORT.get(name, name),
        on_change=state.changed(
            key, lambda name: _change(f"Ranked by: {names.RANKERS_SHORT.get(name, name)}.", ranker=name)
        ),
        help="LambdaRank: gradient-boosted trees (LightGBM). Network: a small one, trained by PyTorch. None keeps the "
        "order of retrieval.",
    )
    st.caption(plain(told.ranker(version, pipeline.ranker, answer)))


def _variety() -> None:
    view = state.view()
    pipeline = view.pipeline
    key = state.shown("diversity", pipeline.diversity)
    st.segmented_control(
        "Method",
        tuple(dict.fromkeys((*METHODS, pipeline.diversity))),
        key=key,
        required=True,
        format_func=names.METHODS.get,
        on_change=state.changed(key, lambda one: _change(f"Picked by {names.METHODS[one]}.", diversity=one)),
        label_visibility="collapsed",
    )
    key = state.shown("funnel-lam", view.lam)
    st.slider(
        "More varied … more alike (λ)",
        0.0,
        1.0,
        step=0.05,
        key=key,
        on_change=state.changed(key, lambda lam: state.change(f"λ is now {lam:.2f}.", lam=round(lam, 2))),
        help=WORDS["lam"],
    )
