"""The maps of a catalog's spaces beside each other: what is chosen on one is lit on all."""

import html

import numpy as np
import streamlit as st

from recsys.ui import state
from recsys.ui.apology import explained
from recsys.ui.controls import SPACES, selected_rows
from recsys.ui.words import WORDS, plain
from recsys.version import Version

HEIGHT = 360
_RATED = ("liked", "disliked")
NAMED = 12
_SAID = {
    "text": "alike in words",
    "image": "alike in looks",
    "blend": "alike in words and looks",
    "mf": "wanted by the same people",
    "two_tower": "wanted by the same, and alike",
}


def maps(version: Version) -> None:
    """The flat maps of all spaces, coloured by category; a lasso on one lights its items on the others."""
    spaces = [space for space, dims in version.manifest["maps"].items() if 2 in dims]
    if not spaces:
        return
    st.fragment(_maps)(version, spaces)


def _maps(version: Version, spaces: list[str]) -> None:
    with explained("maps"):
        _drawn(version, spaces)


def _drawn(version: Version, spaces: list[str]) -> None:
    several = len(spaces) > 1
    st.markdown(
        f"**{'The spaces side by side' if several else 'The space'}**  \n:gray[Each dot is an item, near those that it "
        "is like; what you liked is red. Draw a lasso around some"
        + (": they light up on every map. Do they stay together?" if several else " to see what they are.")
        + " What a lasso holds is in no link.]"
    )
    turn = st.session_state.get("models_lasso", {}).get("turn", 0)
    keys = {space: f"models-map-{version.name}-{version.id}-{space}-{turn}" for space in spaces}
    rows = chosen_rows(version, keys)
    figures = {space: _figure(version, space, rows) for space in spaces}
    st.html(_legend(next(iter(figures.values()))))
    for start in range(0, len(spaces), 3):
        for column, space in zip(st.columns(min(len(spaces), 3)), spaces[start : start + 3], strict=False):
            with column:
                made_up = version.learned.get(space, {}).get("simulated")
                note = "of simulated people" if made_up else _SAID.get(space, "alike")
                st.markdown(f"**{plain(SPACES.get(space, space))}** :gray[· {plain(note)}]")
                st.plotly_chart(
                    figures[space],
                    key=keys[space],
                    on_select="rerun",
                    selection_mode=("lasso", "box"),
                    config={"displaylogo": False, "modeBarButtonsToRemove": ["autoScale2d", "toImage"]},
                )
    _told(version, rows)


def chosen_rows(version: Version, keys: dict[str, str]) -> np.ndarray:
    """The rows that the newest lasso or box holds, on whichever map it was drawn: (m,) int64.

    Each map keeps its own outline in the browser; the one that changed last counts, and an outline that was taken
    away takes its choice along.
    """
    memory = st.session_state.setdefault("models_lasso", {})
    seen = memory.setdefault("seen", {})
    if memory.get("version") != version.id:
        memory.update(version=version.id, rows=np.empty(0, dtype=np.int64))
        seen.clear()
    for space, key in keys.items():
        event = st.session_state.get(key)
        drawn = outline(event)
        if drawn != seen.get(key, ()):
            seen[key] = drawn
            coords = np.asarray(version.map(space))
            memory["rows"] = selected_rows(event, version, coords) if drawn else np.empty(0, dtype=np.int64)
    return memory["rows"]


def outline(event) -> tuple:
    """The corners of what was drawn, so that a new outline can be told from the one before; empty for none."""
    selection = event.selection if event else None
    if not selection:
        return ()
    areas = [*selection.get("lasso", []), *selection.get("box", [])]
    return tuple((*map(float, area["x"]), *map(float, area["y"])) for area in areas)


def _figure(version: Version, space: str, rows: np.ndarray):
    """One small map; what is chosen lies over the others, which fade."""
    import plotly.graph_objects as go

    from recsys.ui.figures import PICKED, Marks, map_figure

    coords = np.asarray(version.map(space))
    profile = state.profile()
    marks = Marks(likes=version.rows(profile.likes), dislikes=version.rows(profile.dislikes))
    figure = map_figure(version, coords, version.catalog.categories, marks)
    # What is chosen is drawn by us on all maps alike, so Plotly must not fade or light anything by itself.
    opacity = {"opacity": 0.25 if len(rows) else 0.75}
    for trace in figure.data:
        rated = trace.name in _RATED
        look = {"opacity": 1} if rated else opacity
        trace.update(marker=look if rated else {"size": 4, **opacity}, selected_marker=look, unselected_marker=look)
    if len(rows):
        at = coords[rows]
        titles = version.catalog.items["title"].to_numpy()[rows]
        figure.add_trace(
            go.Scattergl(
                x=at[:, 0],
                y=at[:, 1],
                mode="markers",
                name="chosen",
                text=[html.escape(str(title)) for title in titles],
                hovertemplate="%{text}<extra></extra>",
                marker={"size": 7, "color": PICKED, "line": {"width": 1, "color": "#5b3d00"}},
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 1}},
            )
        )
    figure.update_layout(height=HEIGHT, showlegend=False, dragmode="lasso")
    return figure


def _legend(figure) -> str:
    """The categories' colours, once for all maps."""
    dots = "".join(
        f'<span style="white-space:nowrap"><span style="color:{trace.marker.color}">●</span> {trace.name}</span>'
        for trace in figure.data
        if trace.name not in ("chosen", *_RATED)
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:0.1rem 0.9rem;font-size:0.85rem">{dots}</div>'


def _told(version: Version, rows: np.ndarray) -> None:
    """How many items are chosen, and the first few by name."""
    if not len(rows):
        st.caption(f"Nothing chosen yet. {WORDS['umap']} The axes have no unit.")
        return
    known = version.popularity
    order = rows if known is None else rows[np.argsort(-known[rows], kind="stable")]
    titles = version.catalog.items["title"].to_numpy()[order[:NAMED]]
    more = " ..." if len(rows) > NAMED else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(rows):,} chosen**: {', '.join(plain(title) for title in titles)}{more}", width="stretch")
        st.button("Let go", key="models-let-go", icon=":material/deselect:", on_click=_let_go)


def _let_go() -> None:
    """Forgets what is chosen; new charts, since the browser keeps the outlines of the old ones."""
    memory = st.session_state.setdefault("models_lasso", {})
    memory.update(rows=np.empty(0, dtype=np.int64), seen={}, turn=memory.get("turn", 0) + 1)
