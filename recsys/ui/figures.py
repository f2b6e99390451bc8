"""The map as a Plotly figure: the items of a space, and on them the profile, its likes and its list."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from recsys.catalog import Facet
from recsys.ui.facts import UNKNOWN, fact, label_of
from recsys.ui.palette import CATEGORICAL, OTHER
from recsys.version import Version

MAX_COLOURS = len(CATEGORICAL) - 1
ACCENT = "#d1495b"
PICKED = "#f2a900"


@dataclass(frozen=True)
class Marks:
    """What is drawn over the items.

    Attributes:
        likes: rows of the liked items.
        dislikes: rows of the disliked items.
        picks: rows of the list, best first.
        profile: (dims,) position of the profile, or None.
        focus: row of the item that a panel shows, or None.
        path: (m, dims) where the profile was before, oldest first; NaN where it was nowhere.
    """

    likes: Sequence[int] = ()
    dislikes: Sequence[int] = ()
    picks: Sequence[int] = ()
    profile: np.ndarray | None = None
    focus: int | None = None
    path: np.ndarray | None = None


def colourable(version: Version) -> list[str]:
    """The facets that can colour a map: one value an item, and not too many of them."""
    names = [version.catalog.categories]
    for facet in version.catalog.facets:
        if facet.kind in ("number", "flag") or (
            facet.kind == "category" and len(version.facets.counts(facet.name)) <= 40
        ):
            names.append(facet.name)
    return list(dict.fromkeys(names))


def map_figure(version: Version, coords: np.ndarray, colour: str, marks: Marks, you: str = "you") -> go.Figure:
    """A space's map.

    Args:
        version: the built catalog.
        coords: (n, 2) or (n, 3) positions, NaN where an item has none.
        colour: the facet that colours the dots; one of `colourable`.
        marks: what is drawn over them.
        you: what the star is called.
    """
    figure = go.Figure()
    facet = version.catalog.facet(colour)
    titles = _hover_texts(version, f"{version.name}@{version.id}")
    if facet.kind == "number":
        _numbers(figure, version, coords, colour, titles)
    else:
        _categories(figure, version, coords, colour, titles)
    _overlay(figure, version, coords, marks, titles, you)
    hidden = {"visible": False, "showgrid": False, "zeroline": False}
    shape = (
        {"scene": {"xaxis": hidden, "yaxis": hidden, "zaxis": hidden, "dragmode": "orbit"}}
        if coords.shape[1] == 3
        else {"xaxis": hidden, "yaxis": {**hidden, "scaleanchor": "x"}, "dragmode": "pan"}
    )
    figure.update_layout(
        height=640,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        legend={"itemsizing": "constant", "orientation": "h", "y": -0.02, "font": {"size": 12}},
        # Zoom and legend stay as the visitor left them while the marks change.
        uirevision=f"{version.id}-{coords.shape[1]}-{colour}",
        **shape,
    )
    return figure


@st.cache_data(max_entries=8, show_spinner=False)
def _hover_texts(_version: Version, version_id: str) -> np.ndarray:
    """Title and the first facts of each item, for a hover: (n,) str. Plotly reads tags, so they are escaped."""
    items = _version.catalog.items
    shown = [facet for facet in _version.catalog.facets if not facet.simulated][:3]
    texts = items["title"].map(lambda title: f"<b>{html.escape(title)}</b>")
    for facet in shown:
        texts = texts + items[facet.name].map(lambda v, f=facet: _hover_fact(f, v))
    return texts.to_numpy(dtype=object)


def _hover_fact(facet: Facet, value: object) -> str:
    text = fact(facet, value)
    return "" if text == UNKNOWN else f"<br>{html.escape(facet.label)}: {html.escape(text[:60])}"


def _points(coords: np.ndarray, rows, titles: np.ndarray, version: Version, **style):
    at = coords[rows]
    common = {
        "mode": "markers",
        "customdata": np.array(version.item_ids[rows], dtype=object)[:, None],
        "text": titles[rows],
        "hovertemplate": "%{text}<extra>%{fullData.name}</extra>",
        "hoverlabel": {"align": "left"},
        "unselected": {"marker": {"opacity": 0.4}},
        **style,
    }
    if coords.shape[1] == 3:
        common.pop("unselected")  # nothing is selected in three dimensions
        return go.Scatter3d(x=at[:, 0], y=at[:, 1], z=at[:, 2], **common)
    return go.Scattergl(x=at[:, 0], y=at[:, 1], **common)


def _dot(coords: np.ndarray, **style) -> dict:
    return {"size": 3.5 if coords.shape[1] == 3 else 6, "opacity": 0.75, "line": {"width": 0}, **style}


def _categories(figure: go.Figure, version: Version, coords: np.ndarray, colour: str, titles: np.ndarray) -> None:
    column = version.catalog.items[colour]
    if version.catalog.facet(colour).kind == "tags":
        values = column.map(lambda tags: tags[0] if tags else None)
    else:
        values = column.astype(object).where(column.notna(), None)
    named = {True: "yes", False: "no"}
    values = values.map(lambda v: named.get(v, v) if isinstance(v, bool | np.bool_) else v).to_numpy(dtype=object)
    frequent = pd.Series(values).value_counts().index[:MAX_COLOURS].tolist()
    rest = ~np.isin(values.astype(str), frequent)
    if rest.any():
        rows = np.flatnonzero(rest)
        figure.add_trace(_points(coords, rows, titles, version, name="other", marker=_dot(coords, color=OTHER)))
    for value, hue in zip(frequent, CATEGORICAL, strict=False):
        rows = np.flatnonzero(values == value)
        figure.add_trace(
            _points(coords, rows, titles, version, name=html.escape(str(value)), marker=_dot(coords, color=hue))
        )


def _numbers(figure: go.Figure, version: Version, coords: np.ndarray, colour: str, titles: np.ndarray) -> None:
    facet, numbers = version.catalog.facet(colour), version.facets.numbers(colour)
    unknown = np.flatnonzero(np.isnan(numbers))
    known = np.flatnonzero(~np.isnan(numbers))
    if len(unknown):
        figure.add_trace(_points(coords, unknown, titles, version, name="unknown", marker=_dot(coords, color=OTHER)))
    # By rank: most films are of a few years, and a linear scale would paint them all alike.
    ranks = pd.Series(numbers[known]).rank(pct=True).to_numpy()
    ticks = np.linspace(0, 1, 5)
    words = [fact(facet, value) for value in np.quantile(numbers[known], ticks, method="nearest")]
    bar = {"title": {"text": label_of(facet)}, "thickness": 10, "len": 0.5, "tickvals": ticks, "ticktext": words}
    marker = _dot(coords, color=ranks, colorscale="Viridis", cmin=0, cmax=1, showscale=True, colorbar=bar)
    figure.add_trace(_points(coords, known, titles, version, name=facet.label, marker=marker, showlegend=False))


def _overlay(
    figure: go.Figure, version: Version, coords: np.ndarray, marks: Marks, titles: np.ndarray, you: str
) -> None:
    flat = coords.shape[1] == 2
    way = np.empty((0, coords.shape[1])) if marks.path is None else marks.path[np.isfinite(marks.path).all(axis=1)]
    if len(way) > 1:
        figure.add_trace(
            (go.Scattergl if flat else go.Scatter3d)(
                **dict(zip(("x", "y", "z"), way.T, strict=False)),
                mode="lines+markers",
                name="your way here",
                hovertemplate="you, earlier<extra></extra>",
                line={"color": ACCENT, "width": 2},
                marker={"color": ACCENT, "size": 7 if flat else 4, "line": {"width": 1, "color": "white"}},
            )
        )
    for name, rows, hue, symbol, size in (
        ("your list", marks.picks, PICKED, "circle-open", 15),
        ("liked", marks.likes, ACCENT, "circle", 9),
        ("disliked", marks.dislikes, "#555555", "x", 9),
        ("shown in the panel", [] if marks.focus is None else [marks.focus], ACCENT, "circle-open", 20),
    ):
        if len(rows):
            edge = hue if symbol.endswith("open") else "white"
            marker = {"size": size if flat else size / 2, "color": hue, "symbol": symbol}
            marker["line"] = {"width": 2.5 if symbol.endswith("open") else 1.2, "color": edge}
            unfaded = {"marker": {"opacity": 1}}
            figure.add_trace(
                _points(coords, np.array(rows), titles, version, name=name, marker=marker, unselected=unfaded)
            )
    if marks.profile is not None:
        position = dict(zip(("x", "y", "z"), ([float(p)] for p in marks.profile), strict=False))
        kind = go.Scattergl if flat else go.Scatter3d
        figure.add_trace(
            kind(
                **position,
                mode="markers+text",
                name=you,
                text=[you],
                textposition="top center",
                textfont={"size": 15, "color": ACCENT},
                hovertemplate=f"{you}: the middle of what lies nearest to this point<extra></extra>",
                marker={
                    "size": 18 if flat else 8,
                    "color": ACCENT,
                    "symbol": "star" if flat else "diamond",
                    "line": {"width": 1.5, "color": "white"},
                },
            )
        )


def inside(coords: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Which points lie in a polygon (even-odd rule): (n,) bool; NaN positions never do.

    Args:
        coords: (n, 2) positions.
        polygon: (m, 2) corners in order.
    """
    found = np.zeros(len(coords), dtype=bool)
    x, y = coords[:, 0], coords[:, 1]
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y1 == y2:
            continue
        crosses = (y1 > y) != (y2 > y)
        found ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return found
