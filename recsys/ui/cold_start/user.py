"""A new user: their first steps, answer by answer."""

from collections.abc import Mapping

import streamlit as st

from recsys.demographics import CONTEXT
from recsys.errors import TastespaceError
from recsys.funnel import Funnel
from recsys.lessons import onboarding, story
from recsys.lessons.onboarding import DEFAULT_STRATEGY
from recsys.lessons.priors import ESTIMATED, NO_DATA, Priors
from recsys.lessons.story import Frame, Step
from recsys.ui import actions, frame, state, telling
from recsys.ui.history import history
from recsys.ui.lists import aspect, cards, plain_card
from recsys.ui.palette import CATEGORICAL
from recsys.ui.pictures import thumbnails
from recsys.ui.shelf import shelf
from recsys.ui.words import SIGNALS, plain
from recsys.version import Version

ASKED = 12
_SIGNAL = {
    "like": "Likes",
    "dislike": "Dislikes",
    "wish": "Wish",
    **SIGNALS,
    "people": "What everybody likes",
}
_SAID = {
    "popular": "what most people know",
    "cover": "a greedy cover: together they stand for as much of the shop as can be",
    "medoids": "the middle of each of twelve clusters",
    "entropy": "well known and disputed",
    "random": "drawn at random",
}


def new_user(funnel: Funnel) -> None:
    """A newcomer's first steps: answer by answer, what the list knows and shows."""
    view, version = state.view(), funnel.version
    priors, now = telling.priors_of(version), telling.story_of(view, version)
    for problem in now.problems:
        st.warning(plain(problem), icon=":material/link_off:")
    request = telling.request_of(view, version)
    told = story.tell(funnel, priors, now.told, view.off, **request)
    state.asks(told.answer.request, story=True)
    above, lists = st.container(), st.container()
    with lists:
        data = _story_shelves(funnel, told, now.later)
        shelf(data, key="story", pictures=lambda ids: thumbnails(version, ids), on_event=telling.handle)
    frame.lists_first()
    with above:
        _replay(version, now.steps, now.at)
        _what_is_known(version, priors, told, now)
    with st.sidebar:
        _about_you(version, priors, now.steps, now.at)
        _strategy(version)
    history(version, view.user)
    left, right = st.columns(2, gap="large")
    with left:
        _effects(funnel, priors, now.told, told, request)
    with right:
        _strategies_compared(version)


@st.cache_data(max_entries=64, show_spinner=False)
def _grid(_version: Version, version_id: str, strategy: str) -> list[int]:
    return [int(r) for r in onboarding.choose(strategy, _version, _version.default_space, ASKED)]


def _chosen_strategy(version: Version) -> str:
    wanted = state.view().strategy
    return wanted if wanted in onboarding.strategies(version) else DEFAULT_STRATEGY


def _story_shelves(funnel: Funnel, told: Frame, later: frozenset[str]) -> dict:
    """The list of this frame, marked against the one before, and the items that a newcomer is asked about."""
    version, answer = funnel.version, told.answer
    shown = cards(funnel, answer, [int(p) for p in answer.picks])
    for item in later & set(shown):
        shown[item]["reason"] = "✓ they liked it later"
    grid = [str(i) for i in version.item_ids[_grid(version, f"{version.name}@{version.id}", _chosen_strategy(version))]]
    rows = version.rows(grid)
    for item, row in zip(grid, rows, strict=True):
        asked = plain_card(version, int(row), answer.request.profile)
        shown.setdefault(item, asked)
    return {
        "catalog": version.name,
        "aspect": aspect(version),
        "cards": shown,
        "shelves": [
            {
                "key": "list",
                "title": "The list",
                "note": _note(told),
                "list": list(told.ids),
                "before": list(told.before),
                "wanted": answer.request.k,
            },
            {
                "key": "ask",
                "title": "Do you know these?",
                "note": f"The onboarding grid: {_SAID[_chosen_strategy(version)]}. Like or dislike what you know.",
                "list": grid,
                "before": grid,
            },
        ],
        "message": None,
    }


def _note(told: Frame) -> str:
    if told.answer.starting == "prior":
        known = told.belief is not None and told.belief.counts
        return f"No item has been liked yet: this is what {'people like you' if known else 'most people'} liked."
    if told.answer.starting == "popular":
        return "A starting list: nothing is known about you, so these are the most rated items, for everybody the same."
    if told.answer.starting == "medoids":
        return "A starting list: nothing is known about you, so this is one typical item of each category."
    said = (
        f"{len(told.entered)} of {len(told.ids)} came with the last answer."
        if told.entered
        else "The last answer changed nothing in it."
    )
    if told.belief is not None and told.answer.request.profile.wish:
        said += f" Beside a wish, what people like counts for {story.WISH_FADES:.0%}."
    return said


def _replay(version: Version, steps: tuple[Step, ...], at: int) -> None:
    """The slider that replays the story, and what each answer was."""
    titles = version.catalog.items["title"]
    with st.container(horizontal=True, vertical_alignment="bottom", key="replay"):
        if steps:
            key = state.shown("frame", at)
            st.slider(
                "Replay the story: how many answers have been given",
                0,
                len(steps),
                key=key,
                on_change=state.changed(key, lambda j: state.change(f"After {j} answers.", frame=j)),
            )
        if st.button("See the path on the map", icon=":material/scatter_plot:"):
            actions.goto("map", telling.on_the_map(state.view(), version), "Your point, answer by answer.")
        st.button(
            "Start as nobody",
            icon=":material/person_off:",
            on_click=lambda: state.change("Nobody yet.", story=(), frame=None, user=None, off=()),
            help="Forget every answer: what does the list show to somebody it knows nothing about?",
        )
    words = [
        f"{'**' if j == at else ''}{_in_words(step, titles)}{'**' if j == at else ''}"
        for j, step in enumerate(steps, 1)
    ]
    start = "**nothing known**" if at == 0 else "nothing known"
    st.markdown(f":gray[{' → '.join([start, *words])}]")


def _in_words(step: Step, titles) -> str:
    if step.kind in story.ABOUT_ITEMS:
        sign = {"like": "♥", "dislike": "✕", "skip": "?"}[step.kind]
        return f"{sign} {plain(titles[step.value])}"
    return f"“{plain(step.value)}”" if step.kind == "wish" else f"{_SIGNAL[step.kind].lower()} {plain(step.value)}"


def _what_is_known(version: Version, priors: Priors | None, told: Frame, now: telling.Story) -> None:
    """What the list knows, in one sentence."""
    profile = told.answer.request.profile
    facts = [
        f"{len(profile.likes)} liked" if profile.likes else "",
        f"{len(profile.dislikes)} disliked" if profile.dislikes else "",
    ]
    facts += ["a wish" if profile.wish else ""]
    facts += [
        f"{_SIGNAL[s].lower()} {plain(g)} ({told.belief.counts[s]:,} {_unit(s)})"
        for s, g in story.known_of([s for s in now.told if s.kind not in now.off]).items()
        if told.belief is not None and s in told.belief.counts
    ]
    known = ", ".join(f for f in facts if f)
    text = f"The list knows **{known}**." if known else f"The list knows **nothing about you**: {_basis(told, priors)}."
    if told.left:
        titles = version.catalog.items["title"]
        text += (
            f" :gray[Left: {', '.join(plain(titles[i]) for i in told.left[:4])}{' ...' if len(told.left) > 4 else '.'}]"
        )
    if now.later:
        hits = sum(i in now.later for i in told.ids)
        text += (
            f" **{hits} of {len(told.ids)}** are among the {len(now.later)} items that user "
            f"{plain(state.view().user)} liked after this story."
        )
    st.markdown(text)


def _basis(told: Frame, priors: Priors | None) -> str:
    """What a list goes by that knows nothing about its visitor."""
    if told.answer.starting == "prior":
        return f"it goes by what {priors.people:,} people liked"
    if told.answer.starting == "popular":
        return "it goes by how many people rated each item"
    return "it goes by nothing but the catalog"


def _about_you(version: Version, priors: Priors | None, steps: tuple[Step, ...], at: int) -> None:
    """Who somebody is: each signal with the number of people behind it."""
    if priors is None:
        st.caption("Nobody rated these items, so age, place and time tell nothing here.")
    else:
        known = story.known_of(steps[:at])  # in a replay, what was known then
        for signal, groups in priors.groups().items():
            _signal(signal, groups, known.get(signal), steps)
        told = [ESTIMATED] if set(CONTEXT) & set(priors.tables) else []
        told += [NO_DATA] if version.name == "movies" else []
        if told:
            st.caption(" ".join(told))
        key = state.shown("user", state.view().user or "")
        st.text_input(
            f"Be one of {len(version.people):,} real people",
            key=key,
            placeholder=f"such as {next(iter(version.people), '')}",
            on_change=state.changed(
                key,
                lambda u: state.change(
                    f"You are user {u}." if u else "Yourself again.", user=u.strip() or None, frame=None
                ),
            ),
            help="Their first ratings become the story; the slider forgets them again.",
        )
    kinds = [
        *dict.fromkeys(step.kind for step in steps if step.kind != "skip"),
        *(["people"] if priors is not None else []),
    ]
    if not kinds:
        return
    off = state.view().off
    key = state.shown("signals", [k for k in kinds if k not in off])
    st.pills(
        "Signals that count",
        kinds,
        selection_mode="multi",
        key=key,
        format_func=_SIGNAL.get,
        on_change=state.changed(
            key, lambda on: state.change("Other signals count.", off=tuple(k for k in kinds if k not in on))
        ),
        help="Switch one off to see the list without it.",
    )


def _unit(signal: str) -> str:
    """What a signal's counts are counts of."""
    return "likes" if signal in CONTEXT else "people"


def _signal(signal: str, groups: dict[str, int], chosen: str | None, steps: tuple[Step, ...]) -> None:
    unit = _unit(signal)
    key = state.shown(f"signal-{signal}", chosen)

    def apply(group: str | None) -> None:
        rest = [s for s in steps if s.kind != signal]
        if group is None:
            telling.answer(rest, f"{_SIGNAL[signal]} is unknown again.")
        else:
            telling.answer([*rest, Step(signal, group)], f"{_SIGNAL[signal]}: {group}, as {groups[group]:,} {unit}.")

    st.selectbox(
        _SIGNAL[signal],
        list(groups),
        index=None,
        key=key,
        placeholder="unknown",
        format_func=lambda g: f"{g} · {groups[g]:,} {unit}",
        on_change=state.changed(key, apply),
    )


def _strategy(version: Version) -> None:
    offered = list(onboarding.strategies(version))
    key = state.shown("strategy", _chosen_strategy(version))
    st.selectbox(
        "What is asked first",
        offered,
        key=key,
        format_func=lambda s: f"{s}: {_SAID[s]}",
        on_change=state.changed(key, lambda s: state.change(f"Asked first: {_SAID[s]}.", strategy=s)),
    )


def _effects(funnel: Funnel, priors: Priors | None, steps: tuple[Step, ...], told: Frame, request: Mapping) -> None:
    """What each signal brings to this list: the items that would not be there without it."""
    st.markdown("**What each signal brought**  \n:gray[Items that would not be on this list without it.]")
    titles, off = funnel.version.catalog.items["title"], state.view().off
    rows = []
    for kind in dict.fromkeys(s.kind for s in steps if s.kind not in ("skip", *off)):
        without = story.tell(funnel.unobserved(), priors, steps, (*off, kind), **request)
        own = [i for i in told.ids if i not in without.ids]
        rows.append({"signal": _SIGNAL[kind], "brought": len(own), "such as": ", ".join(titles[i] for i in own[:3])})
    if rows:
        st.dataframe(rows, hide_index=True)
    else:
        st.caption("No signal yet. Like something, and this says what it changed.")


@st.cache_data(max_entries=4, show_spinner="Asking people who were held out ...")
def _compared(_version: Version, version_id: str) -> dict:
    return onboarding.compare(_version)


def _strategies_compared(version: Version) -> None:
    """What asking first by each strategy was worth to held-out people."""
    st.markdown("**What should one ask first?**")
    if version.catalog.interactions is None:
        st.caption("To compare ways of asking one needs people who rated, and nobody rated these items.")
        return
    try:
        told = _compared(version, f"{version.name}@{version.id}")
    except TastespaceError as error:  # too few people to hold any out
        st.caption(plain(error))
        return
    rows = [row for row in told["test"] if row["strategy"] != "none"]
    _strategies_chart(rows)
    (nothing,) = (row["ndcg"] for row in told["test"] if row["strategy"] == "none")
    longest = [row for row in rows if row["n"] == max(row["n"] for row in rows)]
    asked, best = (max(longest, key=lambda row: row[measure]) for measure in ("answered", "ndcg"))
    st.caption(
        f"{told['people']['test']} people who were held out answer from their real ratings; nDCG@10 on what else they "
        f"liked, with 95% intervals (without asking: {nothing:.3f}). Of {asked['n']} items, they know most by "
        f"{asked['strategy']} ({asked['answered']:.0%}); the best lists come by {best['strategy']}. What is answered "
        "leaves the list, the easiest likes too. "
        f"The figures: `python -m recsys cold-start onboarding --catalog {version.name}`"
    )


def _strategies_chart(rows: list[dict]) -> None:
    import plotly.graph_objects as go  # the lists above do not wait for it

    from recsys.ui.charts import draw

    figure = go.Figure()
    for name, hue in zip(dict.fromkeys(row["strategy"] for row in rows), CATEGORICAL, strict=False):
        own = [row for row in rows if row["strategy"] == name]
        figure.add_scatter(
            x=[row["n"] for row in own],
            y=[row["ndcg"] for row in own],
            customdata=[(row["answered"], row["likes"], row["gain"]) for row in own],
            name=name,
            mode="lines+markers",
            line={"color": hue},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [row["high"] - row["ndcg"] for row in own],
                "arrayminus": [row["ndcg"] - row["low"] for row in own],
                "thickness": 1,
            },
            hovertemplate="%{x} shown, %{customdata[0]:.0%} known, %{customdata[1]:.1f} likes<br>nDCG@10 %{y:.3f}, "
            "of which the answers brought %{customdata[2]:+.3f}",
        )
    draw(figure, "strategies", "items shown to the newcomer", "nDCG@10")
