"""Facets in words, the same on every screen."""

import pandas as pd

from recsys.catalog import Facet

UNKNOWN = "unknown"


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
