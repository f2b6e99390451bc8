"""Recommend: be a new user, and watch the list follow."""

import streamlit as st

from recsys.ui import actions, controls, frame, resources, state
from recsys.ui.history import history
from recsys.ui.lists import two_shelves
from recsys.ui.pictures import thumbnails
from recsys.ui.shelf import shelf

view = state.view()
funnel = resources.funnel(view.catalog)
version = funnel.version

# The lists are what people wait for: they are sent first, and find their place below what is sent after them.
above, lists = st.container(), st.container()

answer = funnel.recommend(state.request(view))
data = two_shelves(funnel, answer, funnel.sweep(answer))
with lists:
    shelf(data, key="shelf", pictures=lambda ids: thumbnails(version, ids), on_event=actions.handle)

frame.lists_first()
with above:
    frame.header("recommend", "Recommend", "You are a point. The list is what lies nearest to it.")
    controls.wish(version)
    controls.active_conditions(version)
    frame.changes(f"{state.effect(data['shelves'][0]['list'])} {state.moved(answer)}")
    frame.degraded(answer)

with st.sidebar:
    controls.rated(version)
    controls.categories(version)
    controls.blend(version)
    controls.length()
    controls.somebody(version)
    if version.facts:
        told = st.expander("About you", icon=":material/person:", key="about-you", on_change="rerun")
        if told.open:
            with told:
                controls.about(version)
    filters = st.expander("Conditions", icon=":material/filter_alt:", key="conditions", on_change="rerun")
    if filters.open:
        with filters:
            controls.conditions(version)
    if "image" in version.spaces:
        upload = st.expander("Wish with a picture", icon=":material/image:", key="picture", on_change="rerun")
        if upload.open:
            with upload:
                controls.picture_wish()

history(version, view.profile.person)
frame.trace(answer)
frame.honest(version)
