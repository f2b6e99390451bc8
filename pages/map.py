"""Map: a space flattened to two or three dimensions, with you and your list on it."""

from functools import partial

import streamlit as st

from recsys.projection import place
from recsys.ui import actions, controls, frame, resources, state, telling
from recsys.ui.figures import Marks, colourable, map_figure
from recsys.ui.lists import aspect, plain_card
from recsys.ui.pictures import thumbnails
from recsys.ui.shelf import shelf
from recsys.ui.words import WORDS, alike_in

MAX_CARDS = 60
MAX_READY = 2_000  # items whose CSV is made at once, and kept: 1,682 films take 62 ms

view = state.view()
funnel = resources.funnel(view.catalog)
version = funnel.version
space = controls.space_of(view, version)
dims = view.dims if view.dims in version.manifest["maps"][space] else 2
colours = colourable(version)
colour = view.colour if view.colour in colours else version.catalog.categories

with st.sidebar:
    controls.map_options(version, space, colours, colour, dims)
    controls.rated(version)

frame.header(
    "map",
    "Map",
    f"{len(version.item_ids):,} items, near each other where they are alike in {alike_in(version, space)}.",
)
controls.wish(version)

answer = funnel.recommend(state.request(view))
coords = version.map(space, dims)
query = answer.query
marks = Marks(
    likes=version.rows(view.profile.likes),
    dislikes=version.rows(view.profile.dislikes),
    picks=answer.candidates[answer.picks],
    profile=place(query.vector[None], version.spaces[space], coords)[0] if query is not None else None,
    path=telling.path(funnel, space, coords),
    focus=None if view.item is None else int(version.rows([view.item])[0]),
)
frame.changes()
event = st.plotly_chart(
    map_figure(version, coords, colour, marks),
    key=f"map-{space}-{dims}-{colour}",
    on_select="rerun",
    selection_mode=("points", "lasso", "box"),
    config={"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "autoScale2d", "toImage"]},
)
st.caption(f"{WORDS['umap']} Click a dot to open it. Draw a lasso: its items appear below (they are in no link).")

clicked = controls.clicked_item(event)
if clicked != st.session_state.get("map_clicked"):
    st.session_state.map_clicked = clicked
    if clicked is not None and clicked in version:
        state.open_item(clicked)

chosen = controls.selected_rows(event, version, coords)
if len(chosen) and clicked is None:
    rows = [int(r) for r in chosen[:MAX_CARDS]]
    ids = [str(i) for i in version.item_ids[rows]]
    more = f", the first {MAX_CARDS} shown" if len(chosen) > MAX_CARDS else ""
    st.markdown(f"**{len(chosen):,} selected**{more}")
    if len(chosen) <= MAX_READY:
        csv = controls.selection_csv(version, f"{version.name}@{version.id}", chosen)
    else:
        csv = partial(controls.as_csv, version, chosen)
    st.download_button(
        "Download as CSV",
        # A file that is there keeps its address when the page runs again; one that is made when asked for is lost when
        # the click meets a run, so only those that take long are.
        csv,
        file_name=f"{version.name}-selection.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    cards = {i: plain_card(version, row, view.profile) for i, row in zip(ids, rows, strict=True)}
    data = {
        "catalog": version.name,
        "aspect": aspect(version),
        "layout": "grid",
        "cards": cards,
        "shelves": [{"key": "selected", "title": "", "note": "", "list": ids}],
        "message": None,
    }
    shelf(data, key="selected", pictures=lambda wanted: thumbnails(version, wanted), on_event=actions.handle)
frame.honest(version)
