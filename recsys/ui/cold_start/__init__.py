"""The Cold start page: a new user, a new item, a new domain, a simulated population, and what was measured."""

from recsys.funnel import Funnel
from recsys.ui.cold_start.domain import new_domain
from recsys.ui.cold_start.item import new_item
from recsys.ui.cold_start.measured import measured
from recsys.ui.cold_start.population import population
from recsys.ui.cold_start.user import new_user

PARTS = {
    "user": "A new user",
    "item": "A new item",
    "domain": "A new domain",
    "population": "A simulated population",
    "measured": "Measured",
}
HINTS = {
    "user": "Answer anything below, or say in the sidebar who you are.",
    "item": "Change its words and watch where it lands.",
    "domain": "Wish for something else.",
    "population": "Nobody here is real, and that is the point.",
    "measured": "Real people, set aside before anything was learned.",
}
_SHOWN = {"user": new_user, "item": new_item, "domain": new_domain, "population": population, "measured": measured}


def show(part: str, funnel: Funnel) -> None:
    """Shows a part of the lesson."""
    _SHOWN[part](funnel)
