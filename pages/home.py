"""Home: what this is, what there is, and where to start."""

import streamlit as st

from recsys.ui import actions, frame, glance, resources, state

current = state.view()

st.title("Tastespace")
st.markdown(
    "Every large recommender works the same way: you and the items are points in one space, and your list is what lies "
    "nearest.  \nHere you can **move the point, bend the space and watch the list change**."
)
with st.container(horizontal=True):
    if st.button("Take the tour, five minutes", type="primary", icon=":material/tour:"):
        actions.goto_tour(1)
    if st.button("Just start", icon=":material/explore:"):
        actions.goto("recommend", current, "")

frame.things_to_try("home")
frame.changes(hint="Or be one of these:")

st.markdown("### Be somebody")
glance.personas()

st.markdown("### The catalogs")
for column, name in zip(st.columns(2), resources.catalogs(), strict=False):
    with column:
        glance.catalog(name)
frame.honest(resources.funnel(current.catalog).version)
