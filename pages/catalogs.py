"""Catalogs: what is here, and how to bring one's own."""

from recsys.ui import catalogs, frame, resources, state
from recsys.ui.link import part_of

view = state.view()
part = part_of(view, "catalogs")

frame.header("catalogs", "Catalogs", "Every catalog that is built here, and a place for yours.")
frame.part_switch(catalogs.PARTS, part)
frame.changes("", catalogs.HINTS[part], "catalogs")
catalogs.show(part)
frame.honest(resources.funnel(view.catalog).version)
