"""An index of cells, drawn: which are looked into, what is found there, and what more of them would bring."""

import numpy as np
import streamlit as st

from recsys.lessons.retrieval import cells, live
from recsys.lessons.retrieval.cells import Cells, Sweep
from recsys.lessons.retrieval.queries import Asked, Searched
from recsys.ui import state
from recsys.ui.palette import CATEGORICAL
from recsys.ui.retrieval import asked as asking
from recsys.ui.retrieval import drawing
from recsys.ui.retrieval.asked import HUSHED
from recsys.version import Version


def show(version: Version, among: Searched, asked: Asked) -> None:
    """The whole part."""
    divided = _divided(among, among.name)
    most = len(divided.centres)
    true = live.true_nearest(among, asked.vector[None])[0][0]
    swept = cells.sweep(divided, asked.vector, true)
    probes = min(state.view().probes, most)
    if most > 1:
        key = state.shown("probes", probes)
        st.slider(
            "Cells that are looked into",
            1,
            most,
            key=key,
            on_change=state.changed(key, lambda p: state.change(f"Looks into {p} of {most} cells.", probes=p)),
            help="What engines call nprobe: the nearest cells, by their centres.",
        )
    compared, found = int(swept.compared[probes - 1]), int(swept.found[probes - 1])
    st.markdown(
        f"#### {probes} of {most} cells: finds {found} of {len(true)}, comparing {compared / len(among.rows):.0%}"
    )
    st.caption(
        f"k-means has divided the {len(among.rows):,} items into {most} cells beforehand. The query is compared with "
        f"the {most} centres first, then with the {compared:,} items of the nearest cells. What lies in another cell, "
        "however near, is missed."
    )
    left, right = st.columns([3, 2], gap="large")
    with left:
        _map(version, among, asked, divided, swept, probes, true)
    with right:
        _chart(swept, probes, len(among.rows), len(true))


@st.cache_resource(max_entries=8, show_spinner="Dividing the items into cells ...")
def _divided(_among: Searched, name: str) -> Cells:
    return cells.divide(_among.vectors, cells.cells_of(len(_among.rows)))


def _map(
    version: Version, among: Searched, asked: Asked, divided: Cells, swept: Sweep, probes: int, true: np.ndarray
) -> None:
    import plotly.graph_objects as go

    from recsys.ui.figures import ACCENT, PICKED

    st.markdown(
        "**The cells on the map**  \n:gray[A colour is a cell that is looked into, its number says when; grey is never "
        "touched. Rings: found. Crosses: missed.]"
    )
    coords, titles = np.asarray(version.map(among.space))[among.rows], drawing.titles(version, among)
    figure = go.Figure()
    place = np.empty(len(swept.order), dtype=np.int64)
    place[swept.order] = np.arange(len(swept.order))
    looked = place[divided.of] < probes
    rest = drawing.few(np.flatnonzero(~looked), len(coords))
    figure.add_trace(drawing.dots(coords, titles, rest, "not looked at", HUSHED, 4, 0.35))
    for at, cell in enumerate(swept.order[:probes]):
        own = drawing.few(np.flatnonzero(divided.of == cell), len(coords))
        figure.add_trace(
            drawing.dots(coords, titles, own, f"cell {at + 1}", CATEGORICAL[at % len(CATEGORICAL)], 6, 0.85)
        )
    found = true[looked[true]]
    missed = true[~looked[true]]
    drawing.verdict_marks(figure, coords, titles, found, missed, PICKED, ACCENT)
    # A cell's number stands where the middle one of its items does.
    middles = [np.nanmedian(coords[divided.of == cell], axis=0) for cell in swept.order[:probes]]
    figure.add_trace(
        go.Scattergl(
            x=[float(x) for x, _ in middles],
            y=[float(y) for _, y in middles],
            mode="markers+text",
            text=[str(at + 1) for at in range(probes)],
            textfont={"size": 11, "color": "white"},
            marker={"size": 19, "color": "rgba(36,33,28,0.85)", "line": {"width": 1, "color": "white"}},
            hoverinfo="skip",
        )
    )
    drawing.star(figure, go.Scattergl, asking.position(version, among, asked), "you" if asked.item is None else "query")
    drawing.as_map(figure, 520, f"cells-{among.name}")
    st.plotly_chart(figure, key=f"cells-map-{among.name}", config={"displayModeBar": False})


def _chart(swept: Sweep, probes: int, n: int, k: int) -> None:
    """What is found against what it costs, for every number of cells."""
    import plotly.graph_objects as go

    from recsys.ui.charts import draw
    from recsys.ui.figures import ACCENT

    st.markdown(
        "**What more cells bring**  \n:gray[From one cell (left) to all. Most are found early, the last ones cost the "
        "most: that is the bargain.]"
    )
    every = np.arange(1, len(swept.order) + 1)
    shares = 100 * swept.compared / n
    figure = go.Figure()
    figure.add_scatter(
        x=shares,
        y=swept.found,
        customdata=np.column_stack([every, swept.compared]),
        mode="lines+markers",
        line={"color": CATEGORICAL[0], "width": 2, "shape": "hv"},
        marker={"size": 6},
        hovertemplate=f"%{{customdata[0]}} cells: %{{y}} of {k}<br>%{{customdata[1]:,}} items compared<extra></extra>",
    )
    figure.add_scatter(
        x=[shares[probes - 1]],
        y=[swept.found[probes - 1]],
        mode="markers",
        marker={"size": 16, "color": ACCENT, "line": {"width": 2, "color": "white"}},
        hoverinfo="skip",
    )
    figure.update_yaxes(range=[-0.3, k + 0.5], dtick=2)
    figure.update_xaxes(range=[0, 102], ticksuffix=" %")
    figure.update_layout(showlegend=False)
    draw(figure, "cells-found", "items compared (% of all)", f"found of the true {k}", height=330)
