"""How an index works, on the catalog's own map: cells of which few are looked into, or a graph that is walked."""

import streamlit as st

from recsys.funnel import Funnel
from recsys.ui import state
from recsys.ui.apology import explained
from recsys.ui.link import INSIDES
from recsys.ui.retrieval import asked as asking
from recsys.ui.retrieval import cells, walk

KINDS = {"cells": "Cells", "graph": "Graph"}


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
        among = asking.searched(version, space)
        asked = asking.who(funnel, among)
        (walk if kind == "graph" else cells).show(version, among, asked)
