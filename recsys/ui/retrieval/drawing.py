"""What the drawings of an index share: dots with titles, what was found and missed, the query, and a map's frame."""

import html
from typing import Any

import numpy as np
import streamlit as st

from recsys.lessons.retrieval.queries import Searched
from recsys.version import Version


def titles(version: Version, among: Searched) -> np.ndarray:
    """What a hover says of each vector's item: (m,) str. Plotly reads tags, so they are escaped."""
    return _titles(version, among, among.name)


@st.cache_resource(max_entries=8, show_spinner=False)
def _titles(_version: Version, _among: Searched, name: str) -> np.ndarray:
    titles = _version.catalog.items["title"].to_numpy()[_among.rows]
    return np.array([html.escape(str(title)) for title in titles], dtype=object)


def few(rows: np.ndarray, n: int) -> np.ndarray:
    """Those of some items that are drawn: all, or where they are too many for a browser the even draw of the maps."""
    from recsys.ui.figures import MOST_DRAWN, drawn

    return rows if len(rows) <= MOST_DRAWN else np.intersect1d(rows, drawn(n))


def dots(
    coords: np.ndarray, titles: np.ndarray, rows: np.ndarray, name: str, hue: str, size: float, opacity: float
) -> Any:
    """A trace of items; `rows` are those of `coords` and `titles`."""
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


def verdict_marks(
    figure: Any, coords: np.ndarray, titles: np.ndarray, found: np.ndarray, missed: np.ndarray, ring: str, cross: str
) -> None:
    """Rings around the true ones that are found, crosses on those that are missed."""
    for rows, name, hue, symbol, size, width in (
        (found, "found", ring, "circle-open", 12, 2.5),
        (missed, "missed", cross, "x", 11, 1.2),
    ):
        trace = dots(coords, titles, rows, name, hue, size, 1)
        trace.marker.update(symbol=symbol, line={"width": width, "color": hue})
        figure.add_trace(trace)


def star(figure: Any, kind: Any, position: np.ndarray, name: str) -> None:
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


def as_map(figure: Any, height: int, key: str) -> None:
    """Makes a figure a map: no axes, one scale for both, `height` pixels; zoom is kept for as long as `key` stays."""
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
