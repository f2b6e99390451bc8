"""How an engine looks in every chart of the page: its family's colour, and a symbol of its own within it."""

from collections.abc import Sequence
from math import ceil, floor, log10

from recsys.retrieval import ENGINES, FAMILIES
from recsys.ui.palette import CATEGORICAL, OTHER

FAMILY_HUES = {
    "flat": OTHER,
    "precomputed": CATEGORICAL[3],
    "graph": CATEGORICAL[0],
    "cells": CATEGORICAL[1],
    "codes": CATEGORICAL[2],
    "cells + codes": CATEGORICAL[4],
}
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "solid")


def log_axis(values: Sequence[float]) -> dict:
    """A logarithmic axis for values above 0: ticks at powers of ten, and at 2 and 5 times them where few are in sight.

    Plotly would write 2 and 5 without saying of what.
    """
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    steps = (1, 2, 5) if high - low <= 2 else (1,)
    ticks = [step * 10.0**power for power in range(low, high + 1) for step in steps]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:,.10g}" for tick in ticks]}


def hue(family: str) -> str:
    """The colour of a family."""
    return FAMILY_HUES.get(family, OTHER)


def order(families: dict[str, str]) -> list[str]:
    """Engines in the order in which legends and tables name them: family by family.

    Args:
        families: the family of each engine by name.
    """
    kinds = list(FAMILIES)

    def place(name: str) -> tuple:
        kind, known = families[name], name in ENGINES
        return kinds.index(kind) if kind in kinds else len(kinds), ENGINES.index(name) if known else len(ENGINES), name

    return sorted(families, key=place)


def places(families: dict[str, str]) -> dict[str, int]:
    """The place of each engine within its family, by name.

    Args:
        families: the family of each engine by name.
    """
    found: dict[str, int] = {}
    for name in order(families):
        found[name] = sum(families[other] == families[name] for other in found)
    return found


def symbol(place: int, here: bool = False) -> str:
    """The marker of an engine at that place; hollow for what this machine measured."""
    return _SYMBOLS[place % len(_SYMBOLS)] + ("-open" if here else "")


def dash(place: int) -> str:
    """The line of an engine at that place."""
    return _DASHES[place % len(_DASHES)]
