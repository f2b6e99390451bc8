"""Conditions on facets: `year>=1990`, `category=food,animals`, `tags!=flag`, `in_stock=yes`.

A missing value satisfies no condition, not even `!=`. Conditions are ANDed; the values of one are ORed, and a comma
inside a value is written `\\,`.
The same `Where` becomes a Qdrant filter in `recsys.store` and a boolean mask here; both select the same items.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd

from recsys.catalog import Catalog, Facet
from recsys.errors import InvalidInput, quoted

Op = Literal["=", "!=", ">=", "<=", ">", "<"]
Value = str | float | bool

# No control characters: a condition comes from a link and goes into a command that people paste into a terminal.
_FORM = re.compile(r"(?P<facet>\w+)\s*(?P<op>!=|>=|<=|=|>|<)(?P<values>[^\x00-\x1f\x7f-\x9f]*)")
_COMMA = re.compile(r"(?<!\\),")
_FLAGS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_COMPARE = {">=": np.greater_equal, "<=": np.less_equal, ">": np.greater, "<": np.less}
_EXAMPLE = "Write it like year>=1990, category=food,animals, tags!=flag or in_stock=yes."


@dataclass(frozen=True)
class Condition:
    """One condition: a facet, a comparison and the values it accepts (of the facet's own type)."""

    facet: str
    op: Op
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.facet}{self.op}{','.join(_show(v) for v in self.values)}"


@dataclass(frozen=True)
class Where:
    """All conditions of a request. An empty `Where` lets everything through."""

    conditions: tuple[Condition, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.conditions)

    def __iter__(self):
        return iter(self.conditions)

    def texts(self) -> tuple[str, ...]:
        """The conditions as people write them; `parse` reads them back."""
        return tuple(str(c) for c in self.conditions)

    def without(self, facet: str) -> "Where":
        """The same conditions, less those on one facet."""
        return Where(tuple(c for c in self.conditions if c.facet != facet))

    @classmethod
    def parse(cls, texts: Iterable[str], catalog: Catalog) -> "Where":
        """Reads conditions as people write them.

        Raises:
            InvalidInput: a form, facet, comparison or value that cannot be used, naming those that can.
        """
        return cls(tuple(parse_condition(text, catalog) for text in texts))


def parse_condition(text: str, catalog: Catalog) -> Condition:
    """Reads one condition.

    Raises:
        InvalidInput: see `Where.parse`.
    """
    match = _FORM.fullmatch(text.strip())
    if not match or not match["values"].strip():
        raise InvalidInput(f"The condition {quoted(text)} cannot be read.", _EXAMPLE)
    name, op, raw = match["facet"], match["op"], match["values"].strip()
    try:
        facet = catalog.facet(name)
    except KeyError:
        known = ", ".join(f.name for f in catalog.facets)
        raise InvalidInput(
            f"The catalog {catalog.name} has no facet {quoted(name)}.", f"Its facets: {known}."
        ) from None
    if facet.kind == "number":
        return Condition(name, op, (_number(raw, facet, op),))
    if op not in ("=", "!="):
        raise InvalidInput(f"{facet.label} has no order, so {op} cannot be used on it.", f"Use = or !=: {name}=VALUE.")
    parts = (part.strip().replace("\\,", ",") for part in _COMMA.split(raw))
    values = tuple(dict.fromkeys(part for part in parts if part))
    if not values:
        raise InvalidInput(f"The condition {quoted(text)} names no value.", _EXAMPLE)
    if facet.kind == "flag":
        return Condition(name, op, tuple(dict.fromkeys(_flag(v, facet) for v in values)))
    return Condition(name, op, values)


def _number(raw: str, facet: Facet, op: str) -> float:
    try:
        value = float(raw)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise InvalidInput(
            f"{facet.label} is a number, and {quoted(raw)} is none.", f"Write it like {facet.name}{op}1990."
        )
    return value


def _flag(raw: str, facet: Facet) -> bool:
    if raw.lower() not in _FLAGS:
        raise InvalidInput(
            f"{facet.label} is yes or no, not {quoted(raw)}.", f"Write {facet.name}=yes or {facet.name}=no."
        )
    return _FLAGS[raw.lower()]


def _show(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value.replace(",", "\\,")
    return repr(float(value)).removesuffix(".0")


REMEMBERED = 128
"""Conditions whose answer is kept: a request asks for each several times, and so does the next one."""


class FacetTable:
    """A catalog's facets as arrays, so that a condition on n items is one vector operation.

    Args:
        catalog: its items and facets.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._n = len(catalog)
        self._numbers: dict[str, np.ndarray] = {}  # (n,) float64, NaN = unknown
        self._codes: dict[str, tuple[np.ndarray, np.ndarray]] = {}  # rows, codes: one entry a value an item has
        self._labels: dict[str, list[Value]] = {}  # code -> value
        self._known: dict[str, np.ndarray] = {}  # (n,) bool
        self._kept = lru_cache(REMEMBERED)(self._matches)
        for facet in catalog.facets:
            column = catalog.items[facet.name]
            if facet.kind == "number":
                self._numbers[facet.name] = column.to_numpy(dtype=np.float64, na_value=np.nan)
                self._known[facet.name] = ~np.isnan(self._numbers[facet.name])
            else:
                self._add_discrete(facet, column)

    def _add_discrete(self, facet: Facet, column: pd.Series) -> None:
        if facet.kind == "tags":
            per_item = column.map(lambda tags: tuple(dict.fromkeys(tags)))
        else:
            per_item = column.map(lambda v: () if pd.isna(v) else (v,))
        lengths = per_item.map(len).to_numpy(dtype=np.int64)
        rows = np.repeat(np.arange(self._n), lengths)
        flat = [value for values in per_item for value in values]
        flat = [bool(v) for v in flat] if facet.kind == "flag" else [str(v) for v in flat]
        codes, labels = pd.factorize(np.array(flat, dtype=object), sort=True)
        self._codes[facet.name] = (rows, codes)
        self._labels[facet.name] = list(labels)
        self._known[facet.name] = lengths > 0

    def mask(self, where: Where) -> np.ndarray:
        """Which items satisfy every condition: (n,) bool."""
        kept = np.ones(self._n, dtype=bool)
        for condition in where:
            kept &= self._kept(condition)
        return kept

    def _matches(self, condition: Condition) -> np.ndarray:
        name, op = condition.facet, condition.op
        if name in self._numbers:
            numbers, value = self._numbers[name], condition.values[0]
            if op in ("=", "!="):
                return self._known[name] & ((numbers == value) == (op == "="))
            with np.errstate(invalid="ignore"):
                return _COMPARE[op](numbers, value)
        wanted = [code for code, label in enumerate(self._labels[name]) if label in condition.values]
        rows, codes = self._codes[name]
        found = np.zeros(self._n, dtype=bool)
        found[rows[np.isin(codes, wanted)]] = True
        return found if op == "=" else self._known[name] & ~found

    def counts(self, facet: str, within: np.ndarray | None = None) -> dict[Value, int]:
        """How many of the items have each value, most frequent first.

        Args:
            facet: a facet that is no number.
            within: (n,) bool, the items to count; None counts all.
        """
        rows, codes = self._codes[facet]
        if within is not None:
            codes = codes[within[rows]]
        labels = self._labels[facet]
        tally = np.bincount(codes, minlength=len(labels))
        return {labels[i]: int(tally[i]) for i in np.argsort(-tally, kind="stable")}

    def rows_with(self, facet: str, value: Value) -> np.ndarray:
        """The rows of the items that have one value of a discrete facet: (m,) int."""
        rows, codes = self._codes[facet]
        labels = self._labels[facet]
        return rows[codes == labels.index(value)] if value in labels else np.empty(0, dtype=np.int64)

    def members(self, facet: str, rows: np.ndarray) -> np.ndarray:
        """Which of some items have which value of a discrete facet: (len(rows), values) bool."""
        own, codes = self._codes[facet]  # by ascending row
        starts, ends = np.searchsorted(own, rows, "left"), np.searchsorted(own, rows, "right")
        lengths = ends - starts
        table = np.zeros((len(rows), len(self._labels[facet])), dtype=bool)
        # The entries of each row, one after the other: its start, and the next ones.
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        table[np.repeat(np.arange(len(rows)), lengths), codes[np.repeat(starts, lengths) + within]] = True
        return table

    def numbers(self, facet: str) -> np.ndarray:
        """A number facet's column: (n,) float64, NaN where unknown. Read-only by convention."""
        return self._numbers[facet]

    def unknown(self, facet: str) -> int:
        """How many items have no value, and so satisfy no condition on the facet."""
        return int(self._n - self._known[facet].sum())
