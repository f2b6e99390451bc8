"""Cold start: what a recommender can do for somebody, or something, that it has never seen."""

from recsys.ui import cold_start, frame, resources, state

view = state.view()
funnel = resources.funnel(view.catalog)

parts = {
    "user": cold_start.new_user,
    "item": cold_start.new_item,
    "domain": cold_start.new_domain,
    "population": cold_start.population,
}
part = view.part or "user"

frame.header(
    "cold_start", "Cold start", "Nothing is known yet. What can be shown all the same, and how fast does it get better?"
)
cold_start.part_switch(part)
frame.changes(hint=cold_start.HINTS[part], page="cold_start")
parts[part](funnel)
frame.honest(funnel.version)
