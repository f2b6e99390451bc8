"""An index of links, drawn: its layers above each other, and a walk through them, step by step."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

import recsys.ui.shelf as shelf_component
from recsys.lessons.retrieval import graph, live
from recsys.lessons.retrieval.graph import Graph, Step
from recsys.lessons.retrieval.queries import Asked, K, Searched
from recsys.retrieval.similarity import onto_sphere
from recsys.ui import actions
from recsys.ui.palette import CATEGORICAL
from recsys.ui.pictures import thumbnails
from recsys.ui.retrieval import asked as asking
from recsys.ui.retrieval import drawing
from recsys.ui.retrieval.asked import HUSHED
from recsys.version import Version

MOST_DOTS = 4000
HIGHER, BOTTOM, SLANT, LIFT = 0.8, 0.62, 0.36, 0.2
"""Of the layers as they are drawn: how far apart they lie, how deep the bottom is and the others as a share of that
distance, and how much farther from the bottom they are."""
EFS = (10, 20, 40, 80)
"""How many a walk keeps, from the one that is drawn on."""
_THIN = "rgba(16,141,122,0.55)"
"""The first of the palette's colours, seen through."""


def show(version: Version, among: Searched, asked: Asked) -> None:
    """The whole part."""
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
    titles = drawing.titles(version, among)
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
    drawing.star(figure, go.Scatter, star[0], "you" if asked.item is None else "query")
    figure.frames = [
        go.Frame(name=str(at), data=traces, traces=list(range(still, still + len(traces))))
        for at, traces in enumerate(moving)
    ]
    drawing.as_map(figure, 680, f"walk-{among.name}")
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
    coords, titles = np.asarray(version.map(among.space))[among.rows], drawing.titles(version, among)
    came = graph.came_from(steps)
    compared = np.array([node for node, (_, layer) in came.items() if layer == 0], dtype=np.int64)
    found = np.isin(true, steps[-1].beam[:K])
    rest = np.setdiff1d(np.arange(len(coords)), np.concatenate([compared, true]))
    ends = coords[[(came[node][0], node) for node in compared]] if len(compared) else np.empty((0, 2, 2))
    lines = np.concatenate([ends, np.full((len(ends), 1, 2), np.nan)], axis=1).reshape(-1, 2)
    figure = go.Figure()
    figure.add_trace(drawing.dots(coords, titles, drawing.few(rest, len(coords)), "not compared", HUSHED, 4, 0.4))
    figure.add_trace(
        go.Scattergl(x=lines[:, 0], y=lines[:, 1], mode="lines", line={"color": _THIN, "width": 1}, hoverinfo="skip")
    )
    figure.add_trace(drawing.dots(coords, titles, compared, "compared", CATEGORICAL[0], 6, 0.9))
    drawing.verdict_marks(figure, coords, titles, true[found], true[~found], PICKED, ACCENT)
    star = asking.position(version, among, asked)
    drawing.star(figure, go.Scattergl, star, "you" if asked.item is None else "query")
    drawing.as_map(figure, 440, f"close-{among.name}-{hash(asked.vector.tobytes())}")
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
