"""Funnel: the production system in one page, every stage visible, switchable and timed."""

import streamlit as st

from recsys.ui import frame, funnel, resources, state
from recsys.ui.link import part_of

LEAD = "Many in, few out: every stage of a request, what it costs, and who leaves where."

view = state.view()
pipeline = resources.funnel(view.catalog)
part = part_of(view, "funnel")

frame.header("funnel", "Funnel", LEAD)
frame.part_switch(funnel.PARTS, part)
changes = st.container()
answer = funnel.answer(part, pipeline)
with changes:
    frame.changes(funnel.effect(pipeline, answer), funnel.HINTS[part], "funnel")
if answer is not None:
    frame.degraded(answer)
funnel.show(part, pipeline, answer)
frame.honest(pipeline.version)
