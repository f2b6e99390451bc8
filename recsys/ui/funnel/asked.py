"""What the page asks of the funnel, its answer, and how long many answers take."""

import time
from dataclasses import replace

import streamlit as st

from recsys.candidates import STORE
from recsys.funnel import PLAIN_RANKING, Funnel, Recommendation, Request
from recsys.lessons.replay import percentiles, ranker_of
from recsys.personas import PERSONAS
from recsys.profile import Profile
from recsys.ui import resources, state
from recsys.ui.funnel import keeping
from recsys.ui.pipeline import TOTAL, for_public

READY = {
    "movies": (Profile().being("196"), *(p.profile for p in PERSONAS if p.name == "The Trekkie")),
    # Without the baker's wish, which no ranker would hear.
    "clipart": tuple(p.profile.wishing("") for p in PERSONAS if p.name == "The Sunday baker"),
}
"""Whom the page begins with: the first whom the catalog knows."""
RUNS = 50


def begin(funnel: Funnel) -> None:
    """Puts what this catalog comes with in the place of what the view leaves open: somebody, a ranker, a tower."""
    view, version = state.view(), funnel.version
    if not view.profile:
        for profile in READY.get(version.name, ()):
            if profile.person is None or profile.person in version.people:
                st.session_state.note = st.session_state.note or _greeting(profile)
                view = replace(view, profile=profile)
                break
    pipeline = view.pipeline
    if pipeline.ranker is None:
        pipeline = replace(pipeline, ranker=ranker_of(version))
    if pipeline.also and view.space is None:
        view = replace(view, space=funnel.best_space(view.profile))
    if view.space in pipeline.also:
        pipeline = replace(pipeline, also=tuple(space for space in pipeline.also if space != view.space))
    if resources.SETTINGS.public:
        pipeline = pipeline.in_public()
    st.session_state.view = replace(view, pipeline=pipeline)
    state.through_pipeline()


def _greeting(profile: Profile) -> str:
    if profile.person is not None:
        return f"A ready example: user {profile.person}, a real person of the data."
    return "A ready example: like or take back anything, and it is yours."


def answered(funnel: Funnel) -> Recommendation:
    """The answer to what the view asks. What is only needed once is done before anything is timed."""
    asked = _allowed(state.requested())
    with st.spinner(_once(asked)):
        stamp, spaces = f"{funnel.version.name}@{funnel.version.id}", (asked.space, *asked.also)
        # An engine's index is built by the request itself, before its clock runs.
        _warmed(funnel.unobserved(), stamp, spaces, asked.ranker, replace(asked, engine=STORE))
        return ask(funnel, asked)


def ask(funnel: Funnel, asked: Request) -> Recommendation:
    """The answer for who visits here: their point is kept as the page is set to."""
    asked = _allowed(asked)
    return funnel.recommend(asked, visitor=keeping.visitor(funnel, asked))


def _allowed(asked: Request) -> Request:
    """A request of this page as it is answered here: a stage that is off, or a way in, may ask for all items."""
    return for_public(asked) if resources.SETTINGS.public else asked


def quietly(funnel: Funnel, asked: Request) -> Recommendation:
    """As `ask`, of what no visitor asked: it is in no log and no metric."""
    return ask(funnel.unobserved(), asked)


def _once(asked: Request) -> str:
    if asked.engine != STORE:
        return f"{asked.engine} builds its index, once ..."
    return "The ranker is read, once ..." if asked.ranker != PLAIN_RANKING else "The stages are read, once ..."


@st.cache_resource(max_entries=256, show_spinner=False)
def _warmed(_funnel: Funnel, stamp: str, spaces: tuple[str, ...], ranker: str, _asked: Request) -> bool:
    _funnel.recommend(_asked)
    return True


def timed(funnel: Funnel, asked: Request, runs: int = RUNS) -> dict[str, dict[str, float]]:
    """The same request many times: percentiles of each stage's time, and of all together, by name."""
    times: dict[str, list[float]] = {TOTAL: []}
    for _ in range(runs):
        trace = quietly(funnel, asked).trace
        times[TOTAL].append(trace.total_ms)
        for stage in trace.stages:
            times.setdefault(stage.stage, []).append(stage.ms)
        time.sleep(0)  # others are served meanwhile
    return {name: percentiles(own) for name, own in times.items()}
