"""Keeping a user's vector while likes arrive: what each pattern saves, and how stale its vector gets."""

import streamlit as st

from recsys.errors import TastespaceError
from recsys.funnel import Funnel
from recsys.lessons.user_vectors import REQUESTS, K, Story, Total, person_of, tell
from recsys.ui import resources, state
from recsys.ui.funnel import names
from recsys.ui.palette import CATEGORICAL, OTHER
from recsys.ui.words import PUBLIC_USUAL, plain

SHORT = {"recompute": "anew", "ttl": "kept", "incremental": "moved on", "nightly": "by night"}
HUES = {"recompute": OTHER, "ttl": CATEGORICAL[1], "incremental": CATEGORICAL[0], "nightly": CATEGORICAL[2]}


def show(funnel: Funnel) -> None:
    """The whole of it, told when it is asked for: it takes some seconds the first time."""
    box = st.expander("Keeping the user's vector", icon=":material/history:", key="user-vectors", on_change="rerun")
    if not box.open:
        return
    with box:
        version, view = funnel.version, state.view()
        space, person = state.request(view).space, view.profile.person
        if resources.SETTINGS.public:
            st.caption(PUBLIC_USUAL)
            space, person = version.default_space, None
        try:
            with st.spinner("Telling a story of likes with every pattern, once ..."):
                story = _told(
                    funnel, f"{version.name}@{version.id}", person if person in version.people else None, space
                )
        except TastespaceError as error:
            st.warning(plain(error), icon=":material/error:")
            return
        st.markdown("\n".join(f"- {plain(text)}" for text in sentences(story)))
        st.caption(plain(_about(story)))
        left, right = st.columns(2, gap="large")
        with left:
            _staleness(story)
        with right:
            _same_list(story)
        _table(story)


@st.cache_resource(max_entries=16, show_spinner=False)
def _told(_funnel: Funnel, stamp: str, person: str | None, space: str) -> Story:
    return tell(_funnel.unobserved(), person_of(_funnel.version, person), space)


def sentences(story: Story) -> list[str]:
    """What the story comes to."""
    own = {total.pattern: total for total in story.totals}
    each = own["recompute"].ms / max(own["recompute"].requests, 1)
    return [
        f"The vector itself takes {each:.2f} ms of a request here, so whatever keeps it saves no more than that. What "
        "is kept pays where a tower is a large network, and in what nobody has to wait for.",
        *(_one(own[pattern]) for pattern in ("incremental", "ttl", "nightly") if pattern in own),
    ]


def _one(total: Total) -> str:
    """What one pattern saves, and what it costs in truth."""
    name = names.VECTORS[total.pattern]
    saved = f"{name[:1].upper()}{name[1:]}: {total.saved_percent:.0f}% of the requests' time for it is saved"
    if not total.missing_max:
        return f"{saved}, and the vector is always up to date."
    stale = f"it misses up to {total.missing_max} events"
    if total.cosine_min is not None:
        stale += f" and falls to a cosine of {total.cosine_min:.2f}"
    wrong = K * (1 - total.overlap_mean)
    return f"{saved}, but {stale}: {wrong:.1f} of the {K} shown are the wrong ones on average."


def _about(story: Story) -> str:
    who = "a simulated person" if story.person.simulated else f"user {story.person.name}"
    night = f" A night falls after {story.night_after} of them." if story.night_after else ""
    n = len(story.person.events)
    events = "one like or dislike" if n == 1 else f"{n} likes and dislikes"
    return (
        f"The first {events} of {who}, as a newcomer's, a minute apart, in "
        f"{names.space(story.space)}; {REQUESTS} requests after each.{night} Kept for minutes: for "
        f"{story.ttl_s / 60:g}. Moved on: by {story.how}."
    )


def _heading(title: str, note: str) -> None:
    st.markdown(f"**{title}**  \n:gray[{plain(note)}]")


def _staleness(story: Story) -> None:
    _heading(
        "How true it is", "At 1 the kept vector is the true one. Each step down is a like that it does not know of."
    )
    _lines(story, "cosine", "funnel-vectors-cosine", "cosine to the fresh vector", ".2f")


def _same_list(story: Story) -> None:
    _heading(
        "What becomes of the list", "The share of the true ten that the kept vector finds too: staleness as it is seen."
    )
    _lines(story, "overlap", "funnel-vectors-overlap", "share of the fresh list (0 to 1)", ".0%")


def _lines(story: Story, value: str, key: str, y: str, form: str) -> None:
    import plotly.graph_objects as go

    from recsys.ui.charts import draw

    figure = go.Figure()
    for pattern, words in names.VECTORS.items():
        own = [r for r in story.readings if r.pattern == pattern]
        figure.add_scatter(
            x=[r.number for r in own],
            y=[getattr(r, value) for r in own],
            customdata=[(r.title, r.missing) for r in own],
            name=SHORT[pattern],
            mode="lines",
            line={
                "color": HUES[pattern],
                "width": 2,
                "shape": "hv",
                "dash": "dot" if pattern == "recompute" else "solid",
            },
            hovertemplate=f"{words}, after %{{x}} (%{{customdata[0]}}): %{{y:{form}}}<br>%{{customdata[1]}} events "
            "missing<extra></extra>",
        )
    least = min((getattr(r, value) for r in story.readings if getattr(r, value) is not None), default=0.9)
    figure.update_yaxes(range=[least - 0.1 * (1 - least) - 0.001, 1 + 0.05 * (1 - least) + 0.001])
    if story.night_after:
        figure.add_vline(x=story.night_after + 0.5, line={"color": "#8a857c", "width": 1, "dash": "dot"})
    draw(figure, key, "likes and dislikes so far; dotted: the night", y, 320, form)


def _table(story: Story) -> None:
    user = f" --user {story.person.name}" if story.person.name is not None else ""
    with st.popover("The figures", icon=":material/table:"):
        st.dataframe(
            [
                {
                    "the vector is": names.VECTORS[total.pattern],
                    "ms for all requests": total.ms,
                    "ms besides": total.beside_ms,
                    "saved, %": total.saved_percent,
                    "saved in all, %": total.saved_in_all_percent,
                    "events missing at most": total.missing_max,
                    "least cosine": total.cosine_min,
                    "mean share of the list": total.overlap_mean,
                }
                for total in story.totals
            ],
            hide_index=True,
        )
        st.caption(
            "Besides: what was spent at events and by night, when no visitor waited. The same on the command line: "
            f"`python -m recsys user-vectors --catalog {state.view().catalog} --space {story.space}{user} --json`"
        )
