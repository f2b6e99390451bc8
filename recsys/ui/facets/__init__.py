"""The conditions: one block a facet, with live counts, drawn by one component in the browser.

A count says how many items a value would leave, given the conditions on all other facets. A click is shown at once and
confirmed by Python's next data.

What the data hold (every text is plain text; the browser never reads it as HTML):

    facets     [Block], in the catalog's order, the simulated ones last

    Block      name, label, note  str; the note may be empty
               simulated          bool
               unknown            int, items without a value, which satisfy no condition
    a choice   values             [[value, words, count]], most frequent first; chosen ones are always among them
               chosen             [value]
               more               int, how many values are not offered
               single             bool, whether choosing one drops the other
    a range    unit               str, may be empty
               low, high, step    float, the ends of the scale
               from, to           float, what is chosen; at the scale's ends there is no condition
               left               int, how many items the chosen range leaves
               bins               [int], how the items spread over the scale
"""

import math
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from recsys.catalog import Facet
from recsys.ui.events import Inbox
from recsys.ui.facts import condition_words
from recsys.version import Version
from recsys.where import Condition, FacetTable, Where

MAX_CHOICES = 200
BINS = 30
_FLAGS = {"yes": True, "no": False}
_HERE = Path(__file__).parent


def facets(version: Version, where: Where, *, key: str, on_change: Callable[[dict], None]) -> None:
    """Draws a block for each of a catalog's facets.

    Args:
        version: the catalog.
        where: the conditions in force.
        key: the component's name on this page.
        on_change: called for each change before the script runs again; `read_change` says what it asks for.
    """
    inbox = Inbox(key)

    def handle(entries: list[dict]) -> None:
        for entry in entries:
            on_change(entry)

    data = {"facets": blocks(version, where), **inbox.stamp()}
    _component()(key=key, data=data, on_events_change=inbox.receiver(handle))


def blocks(version: Version, where: Where) -> list[dict]:
    """The blocks of all facets that one can choose by; see the module's docstring."""
    found = []
    for facet in sorted(version.catalog.facets, key=lambda facet: facet.simulated):
        within = version.facets.mask(where.without(facet.name))
        one = (_range if facet.kind == "number" else _choice)(version.facets, facet, within, where)
        if one is not None:
            found.append(
                {
                    "name": facet.name,
                    "label": facet.label,
                    "note": facet.note,
                    "simulated": facet.simulated,
                    "unknown": version.facets.unknown(facet.name),
                    **one,
                }
            )
    return found


def read_change(entry: Mapping[str, Any], version: Version, where: Where) -> tuple[str, Where] | None:
    """Reads what a browser asks for, which is untrusted.

    A block replaces the conditions that it shows; others on its facet (a link may have them) stay.

    Args:
        entry: `facet`, and `values` for a choice, or `low` and `high` for a range.
        version: the catalog.
        where: the conditions before.

    Returns:
        What was done, in words, and the conditions after it; None where the entry cannot be used.
    """
    facet = next((f for f in version.catalog.facets if f.name == entry.get("facet")), None)
    if facet is None:
        return None
    if facet.kind == "number":
        ends = _scale(version.facets, facet)
        low, high = (entry.get(end) for end in ("low", "high"))
        if ends is None or not (_is_number(low) and _is_number(high)):
            return None
        new = [Condition(facet.name, ">=", (float(low),))] if low > ends[0] else []
        new += [Condition(facet.name, "<=", (float(high),))] if high < ends[1] else []
        replaced = _range_conditions(facet, where)
    else:
        asked = entry.get("values")
        if not isinstance(asked, list) or not all(isinstance(v, str) for v in asked):
            return None
        known = version.facets.counts(facet.name)
        values = [_FLAGS.get(v) if facet.kind == "flag" else v for v in asked]
        values = tuple(dict.fromkeys(v for v in values if v in known))
        new = [Condition(facet.name, "=", values)] if values else []
        replaced = _choice_conditions(facet, where)
    words = " and ".join(condition_words(facet, c) for c in new)
    note = f"Only {words}." if new else f"No condition on {facet.label.lower()} any more."
    return note, Where((*(c for c in where if c not in replaced), *new))


def _range_conditions(facet: Facet, where: Where) -> list[Condition]:
    return [c for c in where if c.facet == facet.name and c.op in (">=", "<=")]


def _choice_conditions(facet: Facet, where: Where) -> list[Condition]:
    return [c for c in where if c.facet == facet.name and c.op == "="][:1]


def _scale(table: FacetTable, facet: Facet) -> tuple[float, float, float] | None:
    """Both ends of a number's scale and its step; None where there is nothing to choose."""
    numbers = table.numbers(facet.name)
    known = numbers[~np.isnan(numbers)]
    if not len(known) or known.min() == known.max():
        return None
    step = 1.0 if (known == np.round(known)).all() else 0.1
    return float(np.floor(known.min() / step) * step), float(np.ceil(known.max() / step) * step), step


def _range(table: FacetTable, facet: Facet, within: np.ndarray, where: Where) -> dict | None:
    ends = _scale(table, facet)
    if ends is None:
        return None
    low, high, step = ends
    chosen = [low, high]
    for condition in _range_conditions(facet, where):
        chosen[condition.op == "<="] = min(max(float(condition.values[0]), low), high)
    numbers = table.numbers(facet.name)
    inside = within & (numbers >= min(chosen)) & (numbers <= max(chosen))
    n_bins = min(BINS, round((high - low) / step) + 1)  # whole numbers get no bins that must stay empty
    bins, _ = np.histogram(numbers[within & ~np.isnan(numbers)], bins=n_bins, range=(low, high))
    return {
        "unit": facet.unit,
        "low": low,
        "high": high,
        "step": step,
        "from": min(chosen),
        "to": max(chosen),
        "left": int(inside.sum()),
        "bins": bins.tolist(),
    }


def _choice(table: FacetTable, facet: Facet, within: np.ndarray, where: Where) -> dict:
    counts = table.counts(facet.name, within)
    chosen = [v for c in _choice_conditions(facet, where) for v in c.values if v in counts]
    offered = dict.fromkeys([*list(counts)[:MAX_CHOICES], *chosen])
    if facet.kind == "flag":
        offered = dict.fromkeys(v for v in (True, False) if v in counts)  # a flag's words do not change places
    return {
        "values": [[_as_text(v), _words(v), counts[v]] for v in offered],
        "chosen": [_as_text(v) for v in chosen],
        "more": len(counts) - len(offered),
        "single": facet.kind == "flag",
    }


def _as_text(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _words(value: object) -> str:
    return ("Yes" if value else "No") if isinstance(value, bool) else str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@cache
def _component():
    """The component, registered once a process."""
    return st.components.v2.component(
        "tastespace.facets",
        css=(_HERE / "facets.css").read_text(encoding="utf-8"),
        js=(_HERE / "facets.js").read_text(encoding="utf-8"),
    )
