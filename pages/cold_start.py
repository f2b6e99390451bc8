"""Cold start: what a recommender can do for somebody, or something, that it has never seen."""

from recsys.ui import cold_start, frame, resources, state
from recsys.ui.link import part_of

LEAD = "Somebody or something is new. What can be shown all the same, and how soon does it get better?"

view = state.view()
funnel = resources.funnel(view.catalog)
part = part_of(view, "cold_start")

frame.header("cold_start", "Cold start", LEAD)
frame.part_switch(cold_start.PARTS, part)
frame.changes(hint=cold_start.HINTS[part], page="cold_start")
cold_start.show(part, funnel)
frame.honest(funnel.version)
