"""How an index works, on the catalog's own map: cells of which few are looked into, or a graph that is walked."""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

import recsys.ui.shelf as shelf_component
from recsys.funnel import Funnel
from recsys.lessons.retrieval import cells, graph, live
from recsys.lessons.retrieval.cells import Cells, Sweep
from recsys.lessons.retrieval.graph import Graph, Step
from recsys.lessons.retrieval.queries import Asked, K, Searched
from recsys.retrieval.similarity import onto_sphere
from recsys.ui import actions, state
from recsys.ui.apology import explained
from recsys.ui.link import INSIDES
from recsys.ui.palette import CATEGORICAL
from recsys.ui.pictures import thumbnails
from recsys.ui.retrieval import asked as asking
from recsys.ui.retrieval.asked import HUSHED
from recsys.version import Version

KINDS = {"cells": "Cells", "graph": "Graph"}
MOST_DOTS = 4000
HIGHER, BOTTOM, SLANT, LIFT = 0.8, 0.62, 0.36, 0.2
"""Of the layers as they are drawn: how far apart they lie, how deep the bottom is and the others as a share of that
distance, and how much farther from the bottom they are."""
EFS = (10, 20, 40, 80)
"""How many a walk keeps, from the one that is drawn on."""

_THIN = "rgba(16,141,122,0.55)"
"""The first of the palette's colours, seen through."""


def show(funnel: Funnel) -> None:
    """The whole part."""
    version, kind = funnel.version, state.view().inside or INSIDES[0]
    left, right = st.columns([1, 2])
    with left:
        key = state.shown("inside", kind)
        st.segmented_control(
            "Kind of index",
            INSIDES,
            key=key,
            required=True,
            format_func=KINDS.get,
            on_change=state.changed(key, lambda one: state.change(f"Inside: {KINDS[one].lower()}.", inside=one)),
        )
    with right:
        space = asking.choose_space(version)
    with explained("inside"):
        among = asking.among(version, space)
        asked = asking.who(funnel, among)
        (_graph if kind == "graph" else _cells)(version, among, asked)


# Cells.


def _cells(version: Version, among: Searched, asked: Asked) -> None:
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
        _cells_map(version, among, asked, divided, swept, probes, true)
    with right:
        _cells_chart(swept, probes, len(among.rows), len(true))


@st.cache_resource(max_entries=8, show_spinner="Dividing the items into cells ...")
def _divided(_among: Searched, name: str) -> Cells:
    return cells.divide(_among.vectors, cells.cells_of(len(_among.rows)))


def _cells_map(
    version: Version, among: Searched, asked: Asked, divided: Cells, swept: Sweep, probes: int, true: np.ndarray
) -> None:
    import plotly.graph_objects as go

    from recsys.ui.figures import ACCENT, PICKED

    st.markdown(
        "**The cells on the map**  \n:gray[A colour is a cell that is looked into, its number says when; grey is never "
        "touched. Rings: found. Crosses: missed.]"
    )
    coords, titles = np.asarray(version.map(among.space))[among.rows], _titles(version, among)
    figure = go.Figure()
    place = np.empty(len(swept.order), dtype=np.int64)
    place[swept.order] = np.arange(len(swept.order))
    looked = place[divided.of] < probes
    figure.add_trace(_dots(coords, titles, np.flatnonzero(~looked), "not looked at", HUSHED, 4, 0.35))
    for at, cell in enumerate(swept.order[:probes]):
        own = np.flatnonzero(divided.of == cell)
        figure.add_trace(_dots(coords, titles, own, f"cell {at + 1}", CATEGORICAL[at % len(CATEGORICAL)], 6, 0.85))
    found = true[looked[true]]
    missed = true[~looked[true]]
    _verdict_marks(figure, coords, titles, found, missed, PICKED, ACCENT)
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
    _star(figure, go.Scattergl, asking.position(version, among, asked), "you" if asked.item is None else "query")
    _as_map(figure, 520, f"cells-{among.name}")
    st.plotly_chart(figure, key=f"cells-map-{among.name}", config={"displayModeBar": False})


def _cells_chart(swept: Sweep, probes: int, n: int, k: int) -> None:
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


# The graph.


def _graph(version: Version, among: Searched, asked: Asked) -> None:
    built = _built(among, among.name)
    true = live.true_nearest(among, asked.vector[None])[0][0]
    walks = {ef: _walk(built, asked, ef) for ef in EFS}
    steps = walks[EFS[0]]
    found, total = _found(steps[-1], true), steps[-1].total
    n, layers = len(among.rows), int(built.levels.max()) + 1
    st.markdown(f"#### The walk finds {found} of {len(true)}, comparing {total:,} of {n:,} items ({total / n:.1%})")
    st.caption(
        f"Each item has links to some that are near it: {graph.LINKS} a layer, {2 * graph.LINKS} at the bottom. "
        f"Few items are on the {layers - 1} upper layers, so links there leap far. The walk enters at the top, goes on "
        f"while a link leads nearer, and one layer down where none does; at the bottom it keeps the {EFS[0]} best and "
        "follows their links until none is better."
    )
    left, right = st.columns([3, 2], gap="large")
    with left:
        _walk_figure(version, among, asked, built, steps, true)
    with right:
        _close_up(version, among, asked, steps, true)
    _route(version, among, steps)
    _keeping_more(walks, true, n)


@st.cache_resource(max_entries=8, show_spinner="Building the graph, once ...")
def _built(_among: Searched, name: str) -> Graph:
    return graph.build_graph(_among.vectors)


def _walk(built: Graph, asked: Asked, ef: int) -> list[Step]:
    query = onto_sphere(asked.vector[None], built.vectors.shape[1])[0]
    return graph.walk(built.levels, built.neighbours, built.vectors, query, ef, built.entry)


def _found(step: Step, true: np.ndarray) -> int:
    return len(set(step.beam[:K]) & set(true.tolist()))


def _walk_figure(
    version: Version, among: Searched, asked: Asked, built: Graph, steps: list[Step], true: np.ndarray
) -> None:
    """The layers above each other, and on them the walk; its slider runs in the browser."""
    import plotly.graph_objects as go

    st.markdown(
        "**The walk, step by step**  \n:gray[Every layer is the same map, with fewer items the higher it lies. Thin: "
        "links that were followed. Red: the way to where the walk is. Rings: the best so far. Drag, or play.]"
    )
    drawn = _Stack(np.asarray(version.map(among.space))[among.rows], int(built.levels.max()) + 1)
    titles = _titles(version, among)
    figure = go.Figure()
    for layer in range(drawn.layers):
        _layer(figure, drawn, built, layer, titles)
    star = drawn.at(np.tile(asking.position(version, among, asked), (drawn.layers, 1)), np.arange(drawn.layers))
    figure.add_scatter(
        x=star[:, 0], y=star[:, 1], mode="lines", line={"color": HUSHED, "width": 1, "dash": "dot"}, hoverinfo="skip"
    )
    enters = drawn.rows([steps[0].node], steps[0].layer)[0]
    figure.add_annotation(
        x=enters[0],
        y=enters[1],
        text="enters here",
        font={"size": 12, "color": HUSHED},
        arrowcolor=HUSHED,
        arrowwidth=1,
        ax=-46,
        ay=-16,
    )
    still, came = len(figure.data), graph.came_from(steps)
    moving = [_moving(drawn, steps, at, came, titles) for at in range(len(steps))]
    figure.add_traces(moving[-1])
    _star(figure, go.Scatter, star[0], "you" if asked.item is None else "query")
    figure.frames = [
        go.Frame(name=str(at), data=traces, traces=list(range(still, still + len(traces))))
        for at, traces in enumerate(moving)
    ]
    _as_map(figure, 680, f"walk-{among.name}")
    figure.update_xaxes(range=[-1.33, 1.33])
    figure.update_yaxes(range=[drawn.bottom, drawn.top], scaleanchor=None)
    _player(figure, steps, true, len(among.rows))
    st.plotly_chart(figure, key=f"walk-{among.name}-{hash(asked.vector.tobytes())}", config={"displayModeBar": False})


class _Stack:
    """Places layers above each other, as seen from a little above: each is the map, drawn slanted and flat.

    What lies straight above something else is the same item. The bottom, where most happens, is seen from higher up.

    Args:
        coords: (n, 2) the map.
        layers: how many.
    """

    def __init__(self, coords: np.ndarray, layers: int) -> None:
        self._low, high = np.nanmin(coords, axis=0), np.nanmax(coords, axis=0)
        self._spread = np.maximum(high - self._low, 1e-9)
        self.layers, self._coords = layers, coords
        self.bottom, self.top = -BOTTOM - 0.15, LIFT + HIGHER * (layers - 1 + SLANT) + 0.1

    def at(self, coords: np.ndarray, layer: Any) -> np.ndarray:
        """Places of positions (m, 2) of the map on a layer, or on one each: (m, 2)."""
        return self.plane((coords - self._low) / self._spread * 2 - 1, layer)

    def plane(self, corners: np.ndarray, layer: Any) -> np.ndarray:
        """Places of positions (m, 2) on a layer whose corners are at 1 and -1: (m, 2)."""
        x, y = corners[:, 0], corners[:, 1]
        layer = np.broadcast_to(layer, len(corners))
        flat = np.where(layer == 0, BOTTOM * y, LIFT + HIGHER * (layer + SLANT * y))
        return np.column_stack([x + 0.25 * y, flat])

    def rows(self, rows: Sequence[int], layer: Any) -> np.ndarray:
        """Places of items on a layer."""
        return self.at(self._coords[list(rows)], layer)


def _layer(figure: Any, drawn: _Stack, built: Graph, layer: int, titles: np.ndarray) -> None:
    """A layer's plane, items and, above the bottom, links."""
    import plotly.graph_objects as go

    edge = drawn.plane(np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * 1.05, layer)
    figure.add_scatter(
        x=edge[:, 0],
        y=edge[:, 1],
        mode="lines",
        fill="toself",
        fillcolor="rgba(138,133,124,0.07)",
        line={"color": "rgba(138,133,124,0.45)", "width": 1},
        hoverinfo="skip",
    )
    rows = np.flatnonzero(built.levels >= layer)
    if layer:
        links = [(row, int(other)) for row in rows for other in built.neighbours[layer][row] if other >= 0]
        lines = _lines(drawn, links, layer)
        figure.add_trace(
            go.Scatter(
                x=lines[:, 0],
                y=lines[:, 1],
                mode="lines",
                line={"color": f"rgba(138,133,124,{0.5 if len(rows) < 100 else 0.1})", "width": 1},
                hoverinfo="skip",
            )
        )
    place, shown = drawn.rows(rows, layer), _thinned(len(rows))
    figure.add_trace(
        go.Scatter(
            x=place[shown, 0],
            y=place[shown, 1],
            mode="markers",
            text=titles[rows][shown],
            hovertemplate=f"%{{text}}<extra>layer {layer}</extra>",
            marker={"size": 3 if not layer else 5, "color": HUSHED, "opacity": 0.45 if not layer else 0.8},
        )
    )
    figure.add_annotation(
        x=edge[0, 0],
        y=edge[0, 1],
        text=f"layer {layer}: {len(rows):,} items",
        showarrow=False,
        xanchor="left",
        yanchor="top",
        font={"size": 12, "color": HUSHED},
    )


def _thinned(n: int) -> np.ndarray:
    """Which of n items are drawn as dots: all, or a seeded sample of many, which a browser would be slow to draw."""
    return np.sort(np.random.default_rng(0).choice(n, min(n, MOST_DOTS), replace=False))


def _lines(drawn: _Stack, pairs: Sequence[tuple[int, int]], layer: Any) -> np.ndarray:
    """Links as one line with gaps: (3 m, 2)."""
    if not len(pairs):
        return np.empty((0, 2))
    ends = np.array(pairs)
    layers = np.broadcast_to(layer, len(ends))
    points = [drawn.rows(ends[:, 0], layers), drawn.rows(ends[:, 1], layers), np.full((len(ends), 2), np.nan)]
    return np.stack(points, axis=1).reshape(-1, 2)


def _moving(drawn: _Stack, steps: list[Step], at: int, came: dict[int, tuple[int, int]], titles: np.ndarray) -> list:
    """What changes from step to step: the links that were followed, the way, the best so far, and where the walk is."""
    import plotly.graph_objects as go

    from recsys.ui.figures import ACCENT, PICKED

    now, seen = steps[at], [node for step in steps[: at + 1] for node in step.compared]
    followed = [node for node in seen if node in came]
    heights = np.array([came[node][1] for node in followed], dtype=np.int64)
    links = _lines(drawn, [(came[node][0], node) for node in followed], heights)
    dots = drawn.rows(followed, heights)
    way = graph.way(came, now.node, now.layer, steps[0].layer)
    path = drawn.rows([node for node, _ in way], [layer for _, layer in way])
    beam = drawn.rows(now.beam[:K], now.layer)
    here = drawn.rows([now.node], now.layer)
    return [
        go.Scatter(x=links[:, 0], y=links[:, 1], mode="lines", line={"color": _THIN, "width": 1}, hoverinfo="skip"),
        go.Scatter(
            x=dots[:, 0],
            y=dots[:, 1],
            mode="markers",
            text=titles[followed],
            hovertemplate="%{text}<extra>compared</extra>",
            marker={"size": 5, "color": CATEGORICAL[0]},
        ),
        go.Scatter(x=path[:, 0], y=path[:, 1], mode="lines", line={"color": ACCENT, "width": 3}, hoverinfo="skip"),
        go.Scatter(
            x=beam[:, 0],
            y=beam[:, 1],
            mode="markers",
            text=titles[list(now.beam[:K])],
            hovertemplate="%{text}<extra>among the best</extra>",
            marker={"size": 12, "symbol": "circle-open", "color": PICKED, "line": {"width": 2.5, "color": PICKED}},
        ),
        go.Scatter(
            x=here[:, 0],
            y=here[:, 1],
            mode="markers",
            text=titles[[now.node]],
            hovertemplate="%{text}<extra>here</extra>",
            marker={"size": 10, "color": ACCENT, "line": {"width": 1.5, "color": "white"}},
        ),
    ]


def _player(figure: Any, steps: list[Step], true: np.ndarray, n: int) -> None:
    """The slider over the steps and the button that plays them; both run in the browser."""
    from recsys.ui.figures import ACCENT

    at_once = {"mode": "immediate", "frame": {"duration": 0, "redraw": False}, "transition": {"duration": 0}}
    playing = {"fromcurrent": True, "frame": {"duration": 450, "redraw": False}, "transition": {"duration": 0}}
    slider = {
        "active": len(steps) - 1,
        "x": 0,
        "len": 1,
        "y": 0,
        "pad": {"t": 36, "b": 0},
        "currentvalue": {"xanchor": "left", "font": {"size": 14, "color": HUSHED}},
        # Each step's label is the sentence above the slider; below it they would stand on each other.
        "font": {"color": "rgba(0,0,0,0)", "size": 1},
        "bgcolor": "rgba(138,133,124,0.25)",
        "bordercolor": "rgba(138,133,124,0.6)",
        "activebgcolor": ACCENT,
        "ticklen": 0,
        "minorticklen": 0,
        "steps": [
            {"label": _sentence(steps, at, true, n), "method": "animate", "args": [[str(at)], at_once]}
            for at in range(len(steps))
        ],
    }
    buttons = [
        {"label": "▶ Play", "method": "animate", "args": [[str(at) for at in range(len(steps))], playing]},
        {"label": "Pause", "method": "animate", "args": [[None], at_once]},
    ]
    look = {"type": "buttons", "direction": "left", "showactive": False, "x": 0, "y": 1, "yanchor": "bottom"}
    look |= {"xanchor": "left", "bgcolor": "rgba(0,0,0,0)", "bordercolor": "rgba(138,133,124,0.6)"}
    figure.update_layout(
        sliders=[slider],
        updatemenus=[{**look, "buttons": buttons, "font": {"color": HUSHED}}],
        margin={"l": 0, "r": 0, "t": 40, "b": 90},
    )


def _sentence(steps: list[Step], at: int, true: np.ndarray, n: int) -> str:
    step = steps[at]
    where = "enters" if not at else f"layer {step.layer}"
    return f"{at + 1} of {len(steps)}: {where}, {step.total:,} of {n:,} compared, {_found(step, true)} of {K} found"


def _close_up(version: Version, among: Searched, asked: Asked, steps: list[Step], true: np.ndarray) -> None:
    """Where the walk ends, on the flat map: what was compared there, what was found and what was missed."""
    import plotly.graph_objects as go

    from recsys.ui.figures import ACCENT, PICKED

    st.markdown(
        "**Where it ends, close up**  \n:gray[The bottom layer around the query. Green: compared. Rings: found. "
        "Crosses: missed, for no followed link leads there.]"
    )
    coords, titles = np.asarray(version.map(among.space))[among.rows], _titles(version, among)
    came = graph.came_from(steps)
    compared = np.array([node for node, (_, layer) in came.items() if layer == 0], dtype=np.int64)
    found = np.isin(true, steps[-1].beam[:K])
    rest = np.setdiff1d(np.arange(len(coords)), np.concatenate([compared, true]))
    ends = coords[[(came[node][0], node) for node in compared]] if len(compared) else np.empty((0, 2, 2))
    lines = np.concatenate([ends, np.full((len(ends), 1, 2), np.nan)], axis=1).reshape(-1, 2)
    figure = go.Figure()
    figure.add_trace(_dots(coords, titles, rest, "not compared", HUSHED, 4, 0.4))
    figure.add_trace(
        go.Scattergl(x=lines[:, 0], y=lines[:, 1], mode="lines", line={"color": _THIN, "width": 1}, hoverinfo="skip")
    )
    figure.add_trace(_dots(coords, titles, compared, "compared", CATEGORICAL[0], 6, 0.9))
    _verdict_marks(figure, coords, titles, true[found], true[~found], PICKED, ACCENT)
    star = asking.position(version, among, asked)
    _star(figure, go.Scattergl, star, "you" if asked.item is None else "query")
    _as_map(figure, 440, f"close-{among.name}-{hash(asked.vector.tobytes())}")
    asking.around(figure, np.vstack([coords[true], coords[list(steps[-1].beam[:K])], star]))
    st.plotly_chart(figure, key=f"close-up-{among.name}", config={"displayModeBar": False})


def _route(version: Version, among: Searched, steps: list[Step]) -> None:
    """The way to the nearest that the walk found, as pictures."""
    way = graph.way(graph.came_from(steps), steps[-1].beam[0], 0, steps[0].layer)
    layers: dict[int, int] = {}
    for node, layer in way:
        layers.setdefault(node, layer)
    rows = [int(among.rows[node]) for node in layers]
    marks = {row: f"{layer} · " for row, layer in zip(rows, layers.values(), strict=True)}
    data = asking.shelves(
        version,
        [
            {
                "key": "route",
                "title": "The way there",
                "note": "From where the walk enters, link by link, to the nearest that it found; first the layer.",
                "list": rows,
            }
        ],
        marks,
    )
    shelf_component.shelf(data, key="route", pictures=lambda ids: thumbnails(version, ids), on_event=actions.handle)


def _keeping_more(walks: dict[int, list[Step]], true: np.ndarray, n: int) -> None:
    st.markdown(
        "**Keeping more**  \n:gray[What engines call ef: the more the walk keeps at the bottom, the less it misses and "
        "the more it compares. The walk above keeps the fewest.]"
    )
    st.dataframe(
        [
            {
                "kept": ef,
                f"found of {len(true)}": _found(steps[-1], true),
                "items compared": steps[-1].total,
                "of all, %": round(100 * steps[-1].total / n, 1),
                "steps": len(steps),
            }
            for ef, steps in walks.items()
        ],
        hide_index=True,
    )


# Both.


def _titles(version: Version, among: Searched) -> np.ndarray:
    """What a hover says of each vector's item: (m,) str. Plotly reads tags, so they are escaped."""
    titles = version.catalog.items["title"].to_numpy()[among.rows]
    return np.array([html.escape(str(title)) for title in titles], dtype=object)


def _dots(
    coords: np.ndarray, titles: np.ndarray, rows: np.ndarray, name: str, hue: str, size: float, opacity: float
) -> Any:
    import plotly.graph_objects as go

    return go.Scattergl(
        x=coords[rows, 0],
        y=coords[rows, 1],
        mode="markers",
        name=name,
        text=titles[rows],
        hovertemplate="%{text}<extra>%{fullData.name}</extra>",
        marker={"size": size, "color": hue, "opacity": opacity},
    )


def _verdict_marks(
    figure: Any, coords: np.ndarray, titles: np.ndarray, found: np.ndarray, missed: np.ndarray, ring: str, cross: str
) -> None:
    """Rings around the true ones that are found, crosses on those that are missed."""
    for rows, name, hue, symbol, size, width in (
        (found, "found", ring, "circle-open", 12, 2.5),
        (missed, "missed", cross, "x", 11, 1.2),
    ):
        trace = _dots(coords, titles, rows, name, hue, size, 1)
        trace.marker.update(symbol=symbol, line={"width": width, "color": hue})
        figure.add_trace(trace)


def _star(figure: Any, kind: Any, position: np.ndarray, name: str) -> None:
    """Marks the query; `kind` is that of the other traces, for WebGL is always drawn over the rest."""
    from recsys.ui.figures import ACCENT

    figure.add_trace(
        kind(
            x=[float(position[0])],
            y=[float(position[1])],
            mode="markers+text",
            name=name,
            text=[name],
            textposition="top center",
            textfont={"size": 15, "color": ACCENT},
            hovertemplate=f"{name}<extra></extra>",
            marker={"size": 18, "color": ACCENT, "symbol": "star", "line": {"width": 1.5, "color": "white"}},
        )
    )


def _as_map(figure: Any, height: int, key: str) -> None:
    hidden = {"visible": False, "showgrid": False, "zeroline": False}
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        showlegend=False,
        xaxis=hidden,
        yaxis={**hidden, "scaleanchor": "x"},
        dragmode="pan",
        uirevision=key,
    )
