"""Facets in words, the same on every screen."""

import pandas as pd

from recsys.catalog import Facet
from recsys.where import Condition

UNKNOWN = "unknown"
_SIGNS = {">=": "≥", "<=": "≤", "!=": "≠"}


def label_of(facet: Facet) -> str:
    """A facet's name as a person reads it, with its unit, and said to be simulated where it is."""
    notes = ", ".join(note for note in (facet.unit, "simulated" if facet.simulated else "") if note)
    return f"{facet.label} ({notes})" if notes else facet.label


def fact(facet: Facet, value: object) -> str:
    """A facet's value as a person reads it; `UNKNOWN` where it is missing."""
    if facet.kind == "tags":
        return ", ".join(value) or UNKNOWN
    if pd.isna(value):
        return UNKNOWN
    if facet.kind == "flag":
        return "yes" if value else "no"
    if facet.unit == "$":
        return f"${value:,.2f}"
    if facet.kind == "number":
        number = f"{value:.0f}" if facet.name == "year" else f"{value:,.10g}"
        return f"{number} {facet.unit}".strip()
    return str(value)


def condition_words(facet: Facet, condition: Condition) -> str:
    """A condition as a person reads it: "Year ≥ 1990", "Category: food or animals", "In stock: yes"."""
    if facet.kind == "number":
        return f"{facet.label} {_SIGNS.get(condition.op, condition.op)} {fact(facet, condition.values[0])}"
    values = " or ".join(("yes" if v else "no") if facet.kind == "flag" else str(v) for v in condition.values)
    return f"{facet.label}: {'not ' if condition.op == '!=' else ''}{values}"
