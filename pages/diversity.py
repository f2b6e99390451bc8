"""Diversity: the same candidates, chosen from by several methods, and what variety costs."""

import streamlit as st

from recsys.lessons import diversity
from recsys.ui import actions, controls, frame, lessons, resources, state
from recsys.ui.lists import method_shelves
from recsys.ui.pictures import thumbnails
from recsys.ui.shelf import shelf
from recsys.ui.words import WORDS

lessons.start_with_example()
view = state.view()
funnel = resources.funnel(view.catalog)
version = funnel.version

above, lists = st.container(), st.container()
answer = funnel.recommend(state.request(view))
found = diversity.settings(funnel, answer, view.methods)
data = method_shelves(funnel, answer, found)
with lists:
    shelf(data, key="methods", pictures=lambda ids: thumbnails(version, ids), on_event=actions.handle)

frame.lists_first()
with above:
    frame.header("diversity", "Diversity", "Ten relevant items can be ten times the same. What does variety cost?")
    controls.active_conditions(version)
    frame.changes(state.effect(data["shelves"][0]["list"]), page="diversity")

with st.sidebar:
    controls.rated(version)
    controls.methods()
    controls.categories(version)
    controls.blend(version)
    controls.length()

st.caption(WORDS["measures"])
left, right = st.columns(2, gap="large")
with left:
    lessons.trade_off(found, view.lam, lessons.relevance_words(funnel, answer))
with right:
    lessons.watch(funnel, answer)
lessons.whole_shop(funnel)
frame.trace(answer)
frame.honest(version)
