"""Home: what this is, what there is, and where to start."""

import streamlit as st

from recsys.ui import actions, frame, glance, resources, state
from recsys.ui.tour import tour

current = state.view()

st.title("Tastespace")
st.markdown(
    "Every large recommender works the same way: you and the items are points in one space, and your list is what lies "
    "nearest.  \nHere you can **move the point, bend the space and watch the list change**."
)
with st.container(horizontal=True):
    if tour(resources.catalogs()) and st.button("Take the tour, five minutes", type="primary", icon=":material/tour:"):
        actions.goto_tour(1)
    if st.button("Just start", icon=":material/explore:"):
        actions.goto("recommend", current, "")

frame.things_to_try("home")
frame.changes(hint="Or be one of these:" if glance.present() else "")

if glance.present():
    st.markdown("### Be somebody")
    glance.personas()

st.markdown("### The catalogs")
glance.catalogs()
frame.honest(resources.funnel(current.catalog).version)
