"""What the lesson pages show beside their lists: charts, steps and measured tables."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import streamlit as st

from recsys.funnel import STOPS, Funnel, Recommendation
from recsys.lessons import diversity
from recsys.lessons.diversity import NAMES, Setting
from recsys.profile import Profile
from recsys.ui import resources, state
from recsys.ui.palette import CATEGORICAL
from recsys.ui.words import plain

HUES = {"plain": "#9b968c", **dict(zip(("mmr", "dpp", "cap"), CATEGORICAL, strict=False))}
LEADING = 8


def start_with(ready: Mapping[str, Profile]) -> None:
    """Gives a visitor who has said nothing yet the catalog's ready example, so that no first screen is empty."""
    view = state.view()
    if not view.profile and view.catalog in ready:
        # In the space of content: a series of near-copies is what variety has to be tried on.
        space = view.space or resources.funnel(view.catalog).version.default_space
        st.session_state.view = replace(view, profile=ready[view.catalog], space=space)
        st.session_state.note = "A ready example: like or take back anything, and it is yours."


def trade_off(found: Mapping[str, Setting], lam: float) -> None:
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
        figure.add_scatter(
            x=one.distance[at : at + 1],
            y=one.relevance[at : at + 1],
            mode="markers",
            marker={"size": 15, "color": HUES[method], "line": {"width": 2, "color": "white"}},
            showlegend=False,
            hoverinfo="skip",
        )
    x, y = "intra-list distance (mean 1 − cosine)", "mean relevance (cosine)"
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
    method = view.methods[0]
    st.markdown(f"**Watch {NAMES[method]} choose**  \n:gray[Every pick changes what the next one costs.]")
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
    st.caption(_why_it_won(titles, one, step, view.lam))
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


def _why_it_won(titles: np.ndarray, one: diversity.Step, step: int, lam: float) -> str:
    title = plain(titles[one.pick])
    if step == 1:
        return f"**{title}** comes first: nothing is chosen yet, so relevance alone decides."
    ahead = int((one.open & (one.relevance > one.relevance[one.pick])).sum())
    if not ahead:
        return f"**{title}** is the most relevant of what is left, and no other makes up for it by being different."
    return (
        f"**{title}** wins although {ahead} of the rest are more relevant: at λ = {lam:.2f} they lose more by their "
        f"likeness to the {step - 1} already chosen."
    )


def whole_shop(funnel: Funnel) -> None:
    """Coverage and Gini over many people: another thing than one list's variety."""
    box = st.expander("And the whole shop?", icon=":material/storefront:", key="shop", on_change="rerun")
    if not box.open:
        return
    with box:
        view = state.view()
        figures = _shop(funnel, funnel.version.id, view.methods, view.space, view.blend, view.k)
        people = f"{figures['users']} {'simulated' if figures['simulated'] else 'real'} people"
        st.caption(
            f"The lists of {people}, each method at each setting. Coverage: the share of the catalog that is on "
            "anybody's list. A list can be varied and the shop still show everybody the same. The lists are made by "
            "content alone; nDCG@10 says how far up the likes stand that were held back (1: all on top), and what most "
            "people like would find more of them."
        )
        charts = [("coverage", "the shop: coverage", ".0%")]
        if not figures["simulated"]:
            charts.append(("ndcg@10", "held-out likes found: nDCG@10", ".3f"))
        for column, chart in zip(st.columns(len(charts), gap="large"), charts, strict=True):
            with column:
                _shop_chart(figures, *chart)
        rows = [
            {"method": NAMES[m], **{_HEADS.get(k, k): v for k, v in one.items()}}
            for m, settings in figures["methods"].items()
            for one in settings
        ]
        with st.popover("The figures", icon=":material/table:"):
            st.dataframe(rows, hide_index=True)
            st.caption(
                f"The same on the command line: `python -m recsys diversity shop --catalog {view.catalog} --json`"
            )


_HEADS = {"lam": "λ", "ild": "distance", "gini": "Gini", "ndcg@10": "nDCG@10"}


@st.cache_data(max_entries=16, show_spinner="Making the lists of 200 people ...")
def _shop(_funnel: Funnel, version_id: str, methods: tuple[str, ...], space: str | None, blend: float, k: int) -> dict:
    return diversity.shop(_funnel, methods, space=space, blend=blend, k=k)


def _shop_chart(figures: dict, measure: str, title: str, form: str) -> None:
    """One measure of the whole shop against one list's distance, a line a method."""
    import plotly.graph_objects as go

    from recsys.ui.charts import draw

    figure = go.Figure()
    for method, settings in figures["methods"].items():
        figure.add_scatter(
            x=[one["ild"] for one in settings],
            y=[one[measure] for one in settings],
            customdata=[(one["lam"], one["gini"]) for one in settings],
            mode="lines+markers",
            name=NAMES[method],
            line={"color": HUES[method], "width": 2},
            hovertemplate=f"λ %{{customdata[0]:.2f}}<br>distance %{{x:.2f}}<br>{title} %{{y:{form}}}"
            "<br>Gini %{customdata[1]:.2f}",
        )
    draw(figure, f"shop-{measure}", "one list: intra-list distance", title, y_format=form)
