"""What the lesson pages show beside their lists: charts, steps and measured tables."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from recsys.diversity import cap_size
from recsys.funnel import STOPS, Funnel, Recommendation, Request
from recsys.lessons import diversity
from recsys.lessons.diversity import NAMES, Setting
from recsys.settings import DEFAULT_BLEND, DEFAULT_K
from recsys.ui import resources, state
from recsys.ui.controls import SPACES
from recsys.ui.link import METHODS, View, to_command
from recsys.ui.palette import CATEGORICAL
from recsys.ui.words import PUBLIC_USUAL, WORDS, plain
from recsys.version import Version

HUES = {"plain": "#9b968c", **dict(zip(("mmr", "dpp", "cap"), CATEGORICAL, strict=False))}
LEADING = 8


def start_with_example() -> None:
    """Gives a visitor who has said nothing yet the catalog's ready example, so that no first screen is empty."""
    view = state.view()
    profile, space = diversity.ready(resources.funnel(view.catalog).version, view.profile, view.space)
    if profile != view.profile:
        st.session_state.view = replace(view, profile=profile, space=space)
        st.session_state.note = "A ready example: like or take back anything, and it is yours."


def relevance_words(funnel: Funnel, answer: Recommendation) -> str:
    """What relevance is in a list's own scale: a cosine in content spaces alone."""
    if answer.query is None:
        return "popularity, 1: most rated" if answer.starting == "popular" else "share of its category"
    return "cosine" if funnel.tower(answer.request).cosine else "dot product, no fixed scale"


def trade_off(found: Mapping[str, Setting], lam: float, relevance: str) -> None:
    """Mean relevance against intra-list distance over all stops, a line a method; a click on a line sets the slider."""
    import plotly.graph_objects as go  # the lists above do not wait for it

    from recsys.ui.charts import draw

    st.markdown("**What variety costs**  \n:gray[Each line runs from λ = 1 (left) to 0. Click one to go there.]")
    figure, at = go.Figure(), round(lam * (len(STOPS) - 1))
    for method, one in found.items():
        line = {
            "x": one.distance,
            "y": one.relevance,
            "customdata": STOPS,
            "mode": "lines+markers",
            "name": NAMES[method],
            "line": {"color": HUES[method], "width": 2},
            "marker": {"size": 5, "color": HUES[method]},
            "hovertemplate": "λ %{customdata:.2f}<br>distance %{x:.2f}<br>relevance %{y:.2f}",
        }
        figure.add_scatter(**line)
        _mark(figure, method, one.distance[at : at + 1], one.relevance[at : at + 1])
    x, y = "intra-list distance (mean 1 − cosine)", f"mean relevance ({relevance})"
    event = draw(figure, "trade-off", x, y, height=330, on_select="rerun", selection_mode="points")
    points = event.selection.get("points", []) if event else []
    chosen = next((p["customdata"] for p in points if p.get("customdata") is not None), None)
    chosen = chosen[0] if isinstance(chosen, list) else chosen
    if chosen != st.session_state.get("trade_off_clicked"):
        st.session_state.trade_off_clicked = chosen
        if chosen is not None and round(float(chosen), 2) != state.view().lam:
            state.change(f"λ is now {float(chosen):.2f}.", lam=round(float(chosen), 2))
            st.rerun()


def watch(funnel: Funnel, answer: Recommendation) -> None:
    """The greedy choice, pick by pick: who was ahead, what was taken off, and why this one won."""
    view = state.view()
    method = view.watched if view.watched in view.methods else view.methods[0]
    st.markdown(f"**Watch {NAMES[method]} choose**  \n:gray[Every pick changes what the next one costs.]")
    if len(view.methods) > 1:
        key = state.shown("watched", method)
        st.segmented_control(
            "The method",
            view.methods,
            key=key,
            required=True,
            format_func=NAMES.get,
            label_visibility="collapsed",
            on_change=state.changed(key, lambda m: state.change(f"You watch {NAMES[m]}.", watched=m)),
        )
    told = diversity.steps(funnel, answer, method, view.lam)
    if not told:
        st.caption("There is nothing to choose from.")
        return
    step = min(max(view.step, 1), len(told))
    if len(told) > 1:
        key = state.shown("step", step)
        st.slider(
            "Pick", 1, len(told), key=key, on_change=state.changed(key, lambda j: state.change(f"Pick {j}.", step=j))
        )
    one = told[step - 1]
    titles = funnel.version.catalog.items["title"].to_numpy()[answer.candidates]
    leading = np.flatnonzero(one.open)
    leading = leading[np.lexsort((leading, -one.totals[leading]))][:LEADING]
    rows = [
        {
            "": "▶" if place == one.pick else "",
            "item": titles[place],
            "total": float(one.totals[place]),
            "relevance": float(one.relevance[place]),
            "taken off": float(one.penalties[place]),
            "because of": titles[one.rivals[place]] if one.rivals[place] >= 0 and one.penalties[place] > 0 else "",
        }
        for place in ([*leading] if one.pick in leading else [*leading, one.pick])
    ]
    number = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(
        rows, hide_index=True, height=320, column_config=dict.fromkeys(("relevance", "taken off", "total"), number)
    )
    unscaled = np.array_equal(answer.merit, answer.relevance)
    scaled = "" if unscaled else " Relevance is scaled here: 1 is the best candidate, 0 the last."
    st.caption(_why_it_won(method, titles, one, step, answer.request) + scaled)
    box = st.expander("The picks on the map", icon=":material/scatter_plot:", key="picks-map", on_change="rerun")
    if box.open:
        with box:
            _picks_map(funnel, answer, [one.pick for one in told[:step]])


def _picks_map(funnel: Funnel, answer: Recommendation, picks: list[int]) -> None:
    """The picks so far, on the map of the space: they spread as the list grows."""
    from recsys.ui.figures import Marks, map_figure  # nobody waits for Plotly who does not look at the map

    version = funnel.version
    coords = version.map(answer.space)
    marks = Marks(likes=version.rows(answer.request.profile.likes), picks=answer.candidates[picks])
    figure = map_figure(version, coords, version.catalog.categories, marks)
    figure.update_layout(height=420, showlegend=False)
    st.plotly_chart(figure, key="picks-figure", config={"displayModeBar": False})
    st.caption(
        f"The {len(picks)} picks so far are ringed, what you like is red. Move the slider: they come one by one."
    )


def _why_it_won(method: str, titles: np.ndarray, one: diversity.Step, step: int, request: Request) -> str:
    title, lam = plain(titles[one.pick]), request.lam
    if step == 1:
        return f"**{title}** comes first: nothing is chosen yet, so relevance alone decides."
    if one.filler:
        return f"**{title}** fills the list by relevance: the method lets in nothing that is left."
    if method == "cap":
        most = cap_size(request.k, lam)
        return (
            f"**{title}** is the most relevant of what may come: at λ = {lam:.2f} at most {most} of one category may."
        )
    ahead = int((one.open & (one.relevance > one.relevance[one.pick])).sum())
    if not ahead:
        return f"**{title}** is the most relevant of what is left, and no other makes up for it by being different."
    return (
        f"**{title}** wins although {ahead} of the rest are more relevant: at λ = {lam:.2f} they lose more by their "
        f"likeness to the {step - 1} already chosen."
    )


def whole_shop(funnel: Funnel) -> None:
    """Coverage, Gini and what is found, over many people: another thing than one list's variety."""
    box = st.expander("And the whole shop?", icon=":material/storefront:", key="shop", on_change="rerun")
    if not box.open:
        return
    with box:
        view = state.view()
        if resources.SETTINGS.public:
            st.caption(PUBLIC_USUAL)
            near = min(diversity.SHOP_LAMS, key=lambda lam: abs(lam - view.lam))
            view = replace(view, methods=METHODS, space=None, blend=DEFAULT_BLEND, k=DEFAULT_K, lam=near)
        figures = _shop_at(funnel, view)
        found = f"nDCG@{figures['k']}"
        st.caption(_of_whom(figures, funnel.version))
        measures = {"coverage": ("coverage", ".0%"), "gini": ("Gini", ".2f"), "ndcg": (found, ".3f")}
        shown = {name: told for name, told in measures.items() if name in next(iter(figures["methods"].values()))[0]}
        st.markdown(
            f"**At λ = {view.lam:.2f}**, the large dots below: "
            + "; ".join(
                f"{NAMES[method]}: " + ", ".join(f"{label} {one[name]:{form}}" for name, (label, form) in shown.items())
                for method, settings in figures["methods"].items()
                for one in settings
                if one["lam"] == view.lam
            )
        )
        for column, (name, (label, form)) in zip(st.columns(len(shown), gap="medium"), shown.items(), strict=True):
            with column:
                _shop_chart(figures, name, label, form, view.lam)
        number = st.column_config.NumberColumn
        with st.popover("The figures", icon=":material/table:"):
            st.dataframe(
                [
                    {"method": NAMES[method], **one}
                    for method, settings in figures["methods"].items()
                    for one in settings
                ],
                hide_index=True,
                column_config={
                    **{"lam": "λ", "ild": "distance", "gini": "Gini", "ndcg": found, "mrr": f"MRR@{figures['k']}"},
                    **{name: number(help=WORDS[name]) for name in ("novelty", "calibration", "serendipity")},
                },
            )
            st.caption("The same on the command line:")
            st.code(to_command(view, "shop"), language="bash", wrap_lines=True)


def _of_whom(figures: dict, version: Version) -> str:
    """Whose lists they are, by what, and what the figures say."""
    people = f"{figures['users']} {'simulated' if figures['simulated'] else 'real'} people"
    text = (
        f"The lists of {people} by {_words_of(figures['space'])}, each method at each setting. Coverage: the share of "
        "the catalog that is on anybody's list. Gini: 0 where all items are shown equally often, near 1 where always "
        "the same few. A list can be varied and the shop still show everybody the same."
    )
    if figures["simulated"]:
        return text
    if figures["space"] in version.learned:
        return (
            f"{text} How many of people's further likes are found is not measured here: this space was taught with "
            f"them. Compare by {_words_of(version.default_space)} to see it."
        )
    return (
        f"{text} nDCG@{figures['k']}: how far up the likes stand that were held back (1: all on top). The lists are "
        "made by content alone; what most people like would find more of them."
    )


def _words_of(space: str) -> str:
    return plain(SPACES.get(space, space).lower())


def _shop_at(funnel: Funnel, view: View) -> dict:
    """The shop at all its settings and at the view's own."""
    version = f"{view.catalog}@{funnel.version.id}"
    asked = (view.methods, view.space, view.blend, view.k)
    figures = _shop(funnel, version, diversity.SHOP_LAMS, *asked)
    if view.lam in diversity.SHOP_LAMS:
        return figures
    here = _shop(funnel, version, (view.lam,), *asked)  # alone: the others need not be made again
    both = {
        method: sorted([*settings, *here["methods"][method]], key=lambda one: -one["lam"])
        for method, settings in figures["methods"].items()
    }
    return {**figures, "methods": both}


@st.cache_data(max_entries=64, show_spinner="Making the lists of many people ...")
def _shop(_funnel: Funnel, version: str, lams: tuple[float, ...], methods, space, blend: float, k: int) -> dict:
    return diversity.shop(_funnel, methods, lams, space=space, blend=blend, k=k)


def _shop_chart(figures: dict, measure: str, label: str, form: str, lam: float) -> None:
    """One measure of the whole shop against one list's distance, a line a method; large dots: the slider's place."""
    import plotly.graph_objects as go

    from recsys.ui.charts import draw

    figure = go.Figure()
    for method, settings in figures["methods"].items():
        figure.add_scatter(
            x=[one["ild"] for one in settings],
            y=[one[measure] for one in settings],
            customdata=[one["lam"] for one in settings],
            mode="lines+markers",
            name=NAMES[method],
            line={"color": HUES[method], "width": 2},
            hovertemplate=f"λ %{{customdata:.2f}}<br>distance %{{x:.2f}}<br>{label} %{{y:{form}}}",
        )
        here = [one for one in settings if one["lam"] == lam]
        _mark(figure, method, [one["ild"] for one in here], [one[measure] for one in here])
    draw(figure, f"shop-{measure}", "one list: intra-list distance", f"the shop: {label}", y_format=form)


def _mark(figure, method: str, x: Sequence[float], y: Sequence[float]) -> None:
    """Where the slider stands, on a method's line."""
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"size": 15, "color": HUES[method], "line": {"width": 2, "color": "white"}},
        showlegend=False,
        hoverinfo="skip",
    )
