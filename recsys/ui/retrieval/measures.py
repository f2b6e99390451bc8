"""Three measures of nearness: dot product, cosine and Euclid's distance make three lists of one learned space."""

import html

import numpy as np
import streamlit as st

import recsys.ui.shelf as shelf_component
from recsys.funnel import Funnel
from recsys.lessons.retrieval import similarity
from recsys.lessons.retrieval.queries import Searched
from recsys.lessons.retrieval.similarity import Comparison, Lengths
from recsys.ui import actions, resources, state
from recsys.ui.controls import SPACES
from recsys.ui.palette import CATEGORICAL
from recsys.ui.pictures import thumbnails
from recsys.ui.retrieval import asked as asking
from recsys.ui.words import plain
from recsys.version import Version

NAMES = {"dot": "Dot product", "cosine": "Cosine", "euclidean": "Euclid"}
_SAID = {
    "dot": "Direction and length: long vectors win.",
    "cosine": "Direction alone.",
    "euclidean": "Direction, and a length like the query's.",
}


def show(funnel: Funnel) -> None:
    """The whole part."""
    version = funnel.version
    if not version.learned:
        return
    st.markdown("#### Three measures of nearness")
    space = asking.learned_space(version)
    among = asking.searched(version, space)
    asked = asking.query(funnel, among)
    found, long = similarity.compare(among, asked.vector[None]), _lengths(version, among, among.name)
    st.markdown(plain(_said(asked.vector, found, long)))
    st.caption(f"By {SPACES.get(space, space).lower()}. {asking.told(version, asked)}")
    lists = [
        {
            "key": measure,
            "title": NAMES[measure],
            "note": f"{_SAID[measure]} {_typical(rows[0], long)}",
            "list": among.rows[rows[0]],
        }
        for measure, rows in found.rows.items()
    ]
    shelf_component.shelf(
        asking.shelves(version, lists),
        key="measures",
        pictures=lambda ids: thumbnails(version, ids),
        on_event=actions.handle,
    )
    left, right = st.columns([3, 2], gap="large")
    with left:
        _chart(version, among, asked.vector, found, long)
    with right:
        _overlap(funnel, among)


def _said(query: np.ndarray, found: Comparison, long: Lengths) -> str:
    k = len(found.rows["dot"][0])
    same = len(np.intersect1d(found.rows["dot"][0], found.rows["cosine"][0]))
    shortest, longest = long.lengths.min(), long.lengths.max()
    text = (
        f"Vectors of this space are {shortest:.2f} to {longest:.2f} long. The dot product counts that, the cosine does "
        f"not: their lists agree on {same} of {k}."
    )
    if long.people is not None:
        text += (
            f" What many rated has a longer vector (rank correlation {long.correlation:.2f}), so the dot product "
            "brings what many know, and the cosine what fits in kind, known or not."
        )
    middle, own = np.median(long.lengths), np.linalg.norm(query)
    if own < middle / 2:
        text += f" The query is {own:.2f} long and the middle item {middle:.2f}, so Euclid prefers short vectors."
    elif own > 2 * middle:
        text += f" The query is {own:.2f} long and the middle item {middle:.2f}, so Euclid prefers long vectors."
    return text


def _typical(rows: np.ndarray, long: Lengths) -> str:
    text = f"Median length {np.median(long.lengths[rows]):.2f}"
    return text + ("." if long.people is None else f", rated by {np.median(long.people[rows]):,.0f} people.")


def _chart(version: Version, among: Searched, query: np.ndarray, found: Comparison, long: Lengths) -> None:
    """How long each item's vector is against how many rated it, the three lists marked."""
    import plotly.graph_objects as go

    from recsys.ui.charts import draw

    if long.people is None:
        made_up = "of simulated people" if any(t.get("simulated") for t in version.learned.values()) else ""
        st.caption(
            f"This space was learned from ratings {made_up}, so whether the popular have longer vectors tells nothing "
            "here. The movies have real ratings."
        )
        if "movies" in resources.catalogs():
            st.button(
                "Go to the movies",
                key="measures-movies",
                on_click=state.switch_catalog,
                args=("movies",),
                icon=":material/movie:",
            )
        return
    st.markdown(
        "**The more people, the longer the vector**  \n:gray[Each dot is an item; the marked ones are on the lists. "
        "Dotted: how long the query is.]"
    )
    titles = version.catalog.items["title"].to_numpy()[among.rows]
    texts = np.array([html.escape(str(title)) for title in titles], dtype=object)
    figure = go.Figure()
    hover = "%{text}<br>rated by %{x:,} people, %{y:.2f} long<extra>%{fullData.name}</extra>"
    figure.add_trace(
        go.Scattergl(
            x=long.people,
            y=long.lengths,
            text=texts,
            mode="markers",
            name="all items",
            marker={"size": 4, "color": asking.HUSHED, "opacity": 0.45},
            hovertemplate=hover,
        )
    )
    for (measure, rows), hue, symbol in zip(
        found.rows.items(), CATEGORICAL, ("circle", "diamond", "square"), strict=False
    ):
        own = rows[0]
        figure.add_scatter(
            x=long.people[own],
            y=long.lengths[own],
            text=texts[own],
            mode="markers",
            name=NAMES[measure],
            marker={"size": 10, "color": hue, "symbol": symbol, "line": {"width": 1, "color": "white"}},
            hovertemplate=hover,
        )
    figure.add_hline(y=float(np.linalg.norm(query)), line={"dash": "dot", "color": asking.HUSHED, "width": 1.5})
    figure.update_xaxes(type="log", tickvals=[1, 3, 10, 30, 100, 300, 1000, 3000, 10000])
    draw(figure, f"lengths-{among.name}", "people who rated the item (logarithmic)", "length of its vector", height=360)


def _overlap(funnel: Funnel, among: Searched) -> None:
    """What the lists of many people have in common."""
    simulated = "" if funnel.version.ratings is not None else "simulated "
    st.markdown(
        f"**What the lists share**  \n:gray[Items in common, of ten: the mean over {asking.MANY} {simulated}people.]"
    )
    shared = _shared(funnel, among, among.name)
    st.dataframe(
        [{"lists": f"{NAMES[one]} and {NAMES[other]}", "in common": count} for (one, other), count in shared.items()],
        hide_index=True,
        column_config={"in common": st.column_config.ProgressColumn(format="%.1f", min_value=0, max_value=10)},
    )
    st.caption(
        "Where all vectors have one length, as those of encoders do, the three make the same list. Scores of a learned "
        "space are dot products as it was trained, so its lists here are made by them."
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def _lengths(_version: Version, _among: Searched, name: str) -> Lengths:
    return similarity.lengths(_version, _among)


@st.cache_data(max_entries=8, show_spinner=False)
def _shared(_funnel: Funnel, _among: Searched, name: str) -> dict[tuple[str, str], float]:
    return similarity.compare(_among, asking.many(_funnel, _among)[0]).shared
