"""The Funnel page: one request through every stage, why an item is not shown, what stages are worth, and load."""

from recsys.funnel import Funnel, Recommendation
from recsys.ui import state

PARTS = {
    "request": "One request",
    "why": "Why was it not shown?",
    "worth": "What each stage is worth",
    "load": "Under load",
}
HINTS = {
    "request": "Drag a size, switch a stage off, or click one to see who left there.",
    "why": "Search any item, and see at which stage it fell.",
    "worth": "What a smaller stage costs, on ratings that were held back.",
    "load": "A thousand requests, and what they cost.",
}


def answer(part: str, funnel: Funnel) -> Recommendation | None:
    """The present request's answer; None for a part that asks nothing."""
    from recsys.ui.funnel import asked

    asked.begin(funnel)
    return asked.answered(funnel) if part in ("request", "why") else None


def effect(funnel: Funnel, found: Recommendation | None) -> str:
    """What the last change did to the list, in words."""
    return "" if found is None else state.effect(list(found.hits(funnel.version).ids), "shown")


def show(part: str, funnel: Funnel, found: Recommendation | None) -> None:
    """Shows a part of the page.

    Args:
        part: of `PARTS`.
        funnel: the catalog's.
        found: what `answer` gave.
    """
    if part == "worth":
        from recsys.ui.funnel import worth

        worth.show(funnel)
    elif part == "load":
        from recsys.ui.funnel import load

        load.show(funnel)
    elif part == "why":
        from recsys.ui.funnel import why

        why.show(funnel, found)
    else:
        from recsys.ui.funnel import request

        request.show(funnel, found)
