"""Retrieval: every way to find the nearest, measured side by side, and looked into."""

from recsys.ui import frame, resources, retrieval, state
from recsys.ui.link import part_of

LEAD = "Every way to find the nearest, measured side by side: how fast, how often right, at what price."

view = state.view()
funnel = resources.funnel(view.catalog)
part = part_of(view, "retrieval")

frame.header("retrieval", "Retrieval", LEAD)
frame.part_switch(retrieval.PARTS, part)
frame.changes(hint=retrieval.HINTS[part], page="retrieval", command=retrieval.command(view))
retrieval.show(part, funnel)
frame.honest(funnel.version)
