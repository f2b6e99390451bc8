"""The map as a Plotly figure: the items of a space, and on them the profile, its likes and its list."""

import base64
import html
import io
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
MOST_DRAWN = 6_000
"""Dots that are drawn. Of larger catalogs an even draw is, over a shade that counts all items: a browser that draws
100,000 dots no longer pans, and sends each of those in a lasso back."""
SHADE_CELLS = 240
SHADE_RGB, SHADE_MOST = (120, 120, 128), 0.6


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
    dots = _dots(version, f"{version.name}@{version.id}", colour)
    if version.catalog.facet(colour).kind == "number":
        _numbers(figure, version, coords, colour, dots)
    else:
        _categories(figure, version, coords, dots)
    _overlay(figure, version, coords, marks, you)
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
    if len(dots.rows) < len(coords):
        _tell_of_the_rest(figure, coords, len(dots.rows))
    return figure


@dataclass(frozen=True)
class _Dots:
    """The dots of a map, whatever their positions.

    Attributes:
        rows: (m,) rows of the items that are drawn, ascending.
        texts: (m,) what a hover tells.
        values: (m,) what colours them: the value of a facet, of a number its rank among all items in [0, 1].
        frequent: the values with a colour of their own, most frequent first.
    """

    rows: np.ndarray
    texts: np.ndarray
    values: np.ndarray
    frequent: list[str]


@st.cache_resource(max_entries=16, show_spinner=False)
def _dots(_version: Version, at: str, colour: str) -> _Dots:
    rows = drawn(len(_version.item_ids))
    texts = _hover_texts(_version, rows)
    if _version.catalog.facet(colour).kind == "number":
        # By rank: most films are of a few years, and a linear scale would paint them all alike.
        ranks = pd.Series(_version.facets.numbers(colour)).rank(pct=True).to_numpy()
        return _Dots(rows, texts, ranks[rows], [])
    values = _values(_version, colour)
    frequent = pd.Series(values).value_counts().index[:MAX_COLOURS].tolist()
    return _Dots(rows, texts, values[rows], frequent)


def drawn(n: int) -> np.ndarray:
    """Which of n items have a dot: all, or an even draw of `MOST_DRAWN`, the same for each map: (m,) int, ascending."""
    if n <= MOST_DRAWN:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, MOST_DRAWN, replace=False))


def _values(version: Version, colour: str) -> np.ndarray:
    """The value of a facet for each item, the first of several: (n,) str, None where there is none."""
    column = version.catalog.items[colour]
    if version.catalog.facet(colour).kind == "tags":
        values = column.map(lambda tags: tags[0] if tags else None)
    else:
        values = column.astype(object).where(column.notna(), None)
    named = {True: "yes", False: "no"}
    return values.map(lambda v: named.get(v, v) if isinstance(v, bool | np.bool_) else v).to_numpy(dtype=object)


def _hover_texts(version: Version, rows: np.ndarray) -> np.ndarray:
    """Title and the first facts of items, for a hover: (m,) str. Plotly reads tags, so they are escaped."""
    items = version.catalog.items.iloc[rows]
    shown = [facet for facet in version.catalog.facets if not facet.simulated][:3]
    texts = items["title"].map(lambda title: f"<b>{html.escape(title)}</b>")
    for facet in shown:
        texts = texts + items[facet.name].map(lambda v, f=facet: _hover_fact(f, v))
    return texts.to_numpy(dtype=object)


def _hover_fact(facet: Facet, value: object) -> str:
    text = fact(facet, value)
    return "" if text == UNKNOWN else f"<br>{html.escape(facet.label)}: {html.escape(text[:60])}"


def _tell_of_the_rest(figure: go.Figure, coords: np.ndarray, dots: int) -> None:
    """Says that not all items have a dot, and in two dimensions shades the map by how many there are."""
    flat = coords.shape[1] == 2
    told = f"{dots:,} of {len(coords):,} items have a dot, drawn evenly"
    figure.add_annotation(
        text=f"{told}; the shade counts all" if flat else told,
        **{"x": 0.01, "y": 0.99, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "top"},
        showarrow=False,
        font={"size": 12},
    )
    if flat:
        picture, (x, y, width, height) = shade(coords)
        figure.add_layout_image(
            source=f"data:image/png;base64,{base64.b64encode(picture).decode()}",
            **{"x": x, "y": y, "sizex": width, "sizey": height, "xref": "x", "yref": "y"},
            sizing="stretch",
            layer="below",
        )


def shade(coords: np.ndarray) -> tuple[bytes, tuple[float, float, float, float]]:
    """All points as one picture: the more lie in a cell, the less it lets through, by the logarithm of their number.

    Args:
        coords: (n, 2) positions; NaN where an item has none.

    Returns:
        A PNG, and where it lies: left, top, width, height.
    """
    from PIL import Image

    at = coords[np.isfinite(coords).all(axis=1)]
    low, high = at.min(axis=0), at.max(axis=0)
    size = np.maximum(high - low, 1e-9)
    cells = np.minimum(((at - low) / size * SHADE_CELLS).astype(np.int64), SHADE_CELLS - 1)
    counts = np.bincount(cells[:, 1] * SHADE_CELLS + cells[:, 0], minlength=SHADE_CELLS**2)
    depth = np.log1p(counts) / np.log1p(counts.max())
    pixels = np.empty((SHADE_CELLS, SHADE_CELLS, 4), dtype=np.uint8)
    pixels[..., :3] = SHADE_RGB
    pixels[..., 3] = np.round(255 * SHADE_MOST * depth.reshape(SHADE_CELLS, SHADE_CELLS)[::-1])  # up is up
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue(), (float(low[0]), float(high[1]), float(size[0]), float(size[1]))


def _points(coords: np.ndarray, rows: np.ndarray, texts: np.ndarray, version: Version, **style):
    at = coords[rows]
    common = {
        "mode": "markers",
        "customdata": np.array(version.item_ids[rows], dtype=object)[:, None],
        "text": texts,
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


def _categories(figure: go.Figure, version: Version, coords: np.ndarray, dots: _Dots) -> None:
    def add(those: np.ndarray, name: str, hue: str) -> None:
        marker = _dot(coords, color=hue)
        figure.add_trace(_points(coords, dots.rows[those], dots.texts[those], version, name=name, marker=marker))

    rest = ~np.isin(dots.values.astype(str), dots.frequent)
    if rest.any():
        add(rest, "other", OTHER)
    for value, hue in zip(dots.frequent, CATEGORICAL, strict=False):
        add(dots.values == value, html.escape(str(value)), hue)


def _numbers(figure: go.Figure, version: Version, coords: np.ndarray, colour: str, dots: _Dots) -> None:
    facet, numbers = version.catalog.facet(colour), version.facets.numbers(colour)
    unknown = np.isnan(dots.values)
    if unknown.any():
        marker = _dot(coords, color=OTHER)
        figure.add_trace(
            _points(coords, dots.rows[unknown], dots.texts[unknown], version, name="unknown", marker=marker)
        )
    ticks = np.linspace(0, 1, 5)
    words = [fact(facet, value) for value in np.nanquantile(numbers, ticks, method="nearest")]
    bar = {"title": {"text": label_of(facet)}, "thickness": 10, "len": 0.5, "tickvals": ticks, "ticktext": words}
    marker = _dot(
        coords, color=dots.values[~unknown], colorscale="Viridis", cmin=0, cmax=1, showscale=True, colorbar=bar
    )
    style = {"name": facet.label, "marker": marker, "showlegend": False}
    figure.add_trace(_points(coords, dots.rows[~unknown], dots.texts[~unknown], version, **style))


def _overlay(figure: go.Figure, version: Version, coords: np.ndarray, marks: Marks, you: str) -> None:
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
            rows, style = np.array(rows), {"marker": marker, "unselected": {"marker": {"opacity": 1}}}
            figure.add_trace(_points(coords, rows, _hover_texts(version, rows), version, name=name, **style))
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
