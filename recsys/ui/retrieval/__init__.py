"""The Retrieval page: speed against recall, one engine, growth, conditions, and how an index works inside."""

from recsys.funnel import Funnel
from recsys.ui.link import View, to_command

PARTS = {
    "speed": "Speed and recall",
    "engine": "One engine, live",
    "growth": "Growth",
    "conditions": "Conditions",
    "inside": "Inside an index",
}
HINTS = {
    "speed": "Choose other vectors, or measure here.",
    "engine": "Choose an engine and turn its knobs.",
    "growth": "What costs how much more when there is more.",
    "conditions": "Only some of the items may be shown: what then?",
    "inside": "Look into more cells, or follow a walk.",
}


def command(view: View) -> str:
    """The view's command, which keeps what it measures where this page finds it."""
    from recsys.ui.retrieval.measuring import kept

    return kept(to_command(view, "retrieval"))


def show(part: str, funnel: Funnel) -> None:
    """Shows a part of the page."""
    if part == "engine":
        from recsys.ui.retrieval import engine

        engine.show(funnel)
    elif part == "inside":
        from recsys.ui.retrieval import inside

        inside.show(funnel)
    elif part == "growth":
        from recsys.ui.retrieval import growth

        growth.show()
    elif part == "conditions":
        from recsys.ui.retrieval import conditions

        conditions.show(funnel)
    else:
        from recsys.ui.retrieval import board

        board.show(funnel)
