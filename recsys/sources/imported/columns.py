"""Which column is what: guessed from names and values, corrected by whoever brings the table.

The guess depends on nothing but the columns' names and values: not on their order, nor on anything random.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd

from recsys.catalog import Facet
from recsys.errors import InvalidInput, quoted

ROLES = ("id", "title", "description", "tags", "category", "picture", "price", "date")
"""What a column can be for the catalog; every other one can be a facet."""
KINDS = ("category", "tags", "number", "flag", "year", "none")
"""What a facet can be; `year` takes the year out of a date, `none` leaves the column out."""
MAX_FACETS = 24
MAX_CATEGORIES = 500
"""Values of a category; the rarest of more become `OTHER`. A list to choose from is of no use beyond."""
MAX_TAGS = 20_000
"""Different tags of a catalog; the rarest of more are left out of the facet."""
MAX_TAGS_EACH = 50
MAX_VALUE = 80
"""Characters of a tag's or category's value."""
OTHER = "other"

_SAMPLE = 5000  # cells a column that a guess looks at
_MOSTLY = 0.95
_NAMES: dict[str, str] = {
    "id": "id itemid item_id productid product_id sku asin isbn uuid key code articleid article_id movieid movie_id "
    "identifier handle itemnumber artikelnummer",
    "title": "title name titel nom nombre titolo product_name productname product_title producttitle item_name "
    "itemname headline label heading bezeichnung",
    "description": "description desc beschreibung text body summary abstract overview plot details content "
    "long_description about synopsis descripcion inhalt",
    "tags": "tags tag keywords genres labels topics subjects stichworte schlagworte etiquetas genre",
    "category": "category categories kategorie product_category product_type department type kind class section "
    "categoria catégorie group genre maincategory main_category masterCategory articletype brand",
    "picture": "image picture photo img image_path image_file imagefile image_name filename file thumbnail poster "
    "cover bild foto images pictures imageurl image_url",
    "price": "price preis prix precio cost amount list_price unit_price price_usd price_eur",
    "date": "date year released release_date published publication_date created created_at datum jahr release_year "
    "publication_year pubdate",
}
_FLAGS = {
    **dict.fromkeys(("yes", "true", "y", "t", "ja", "oui", "si", "1", "1.0"), True),
    **dict.fromkeys(("no", "false", "n", "f", "nein", "non", "0", "0.0"), False),
}
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "nil", "-", "--", "?", "unknown"})
_PICTURE = re.compile(r"\.(jpe?g|png|webp|gif|bmp|tiff?|avif|svg)$", re.IGNORECASE)
_MONEY = re.compile(
    r"([-+]?)\s*([€$£¥₹]|USD|EUR|GBP|CHF)?\s*([-+]?[\d.,'\u00a0\u202f ]*\d)\s*([€$£¥₹%]|USD|EUR|GBP|CHF)?"
)
_YEAR = re.compile(r"(?<!\d)(1\d{3}|20\d{2})(?!\d)")
_DATE = re.compile(
    r"\d{4}([-/.]\d{1,2}([-/.]\d{1,2}([T ].*)?)?)?"  # 2001, 2001-02, 2001-02-03, with a time
    r"|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}( .*)?"  # 3.2.2001, 2/3/2001
    r"|(\d{1,2}\.? )?\w+\.? (\d{1,2}, )?\d{4}"  # 3 February 2001, Feb 3, 2001
)
_KEPT_INVISIBLE = "\u200c\u200d"  # joiners: Persian words and emoji are made with them
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
_RESERVED = frozenset({"item_id", "title", "description", "image", "text", "links", "tags"})


@dataclass(frozen=True)
class Planned:
    """One facet to be.

    Attributes:
        column: of the table; empty for the one category that is made up where there is none.
        facet: what it becomes.
        kind: of `KINDS`; `year` becomes a number.
    """

    column: str
    facet: Facet
    kind: str


@dataclass(frozen=True)
class Plan:
    """What becomes of a table's columns.

    Attributes:
        roles: the column of each role that one was found, or named, for.
        facets: what people will filter by.
        categories: name of the facet that a profile chooses from.
        left_out: columns that become nothing.
    """

    roles: Mapping[str, str]
    facets: tuple[Planned, ...]
    categories: str
    left_out: tuple[str, ...]


def plan(frame: pd.DataFrame, mapping: Mapping[str, str] | None = None, kinds: Mapping[str, str] | None = None) -> Plan:
    """Decides what becomes of each column.

    Args:
        frame: the table, one row an item.
        mapping: role to column, as somebody wants it; an empty column for none. The others are guessed.
        kinds: column to kind of facet, as somebody wants it. The others are inferred.

    Raises:
        InvalidInput: an unknown role, kind or column, or one column for two roles.
    """
    mapping, kinds = dict(mapping or {}), dict(kinds or {})
    _check(frame, mapping, kinds)
    traits = {name: _traits(frame[name]) for name in frame.columns}
    roles = _roles(traits, mapping)
    facets, used = _facets(traits, roles, kinds)
    categories = _categories(facets, traits, roles)
    if categories is None:
        categories = _facet_name("category", {p.facet.name for p in facets})
        note = "One value for all items: no column tells them apart."
        facets.append(Planned("", Facet(categories, "Category", "category", note=note), "category"))
    left = tuple(name for name in frame.columns if name not in used and name not in roles.values())
    return Plan(roles, tuple(facets), categories, left)


def _check(frame: pd.DataFrame, mapping: Mapping[str, str], kinds: Mapping[str, str]) -> None:
    taken: dict[str, str] = {}
    for role, column in mapping.items():
        if role not in ROLES:
            raise InvalidInput(
                f"There is nothing called {quoted(role)} to map a column to.", f"Known: {', '.join(ROLES)}."
            )
        if column:
            _check_column(frame, column)
            if column in taken:
                raise InvalidInput(
                    f"The column {quoted(column)} is mapped to both {taken[column]} and {role}.",
                    "Choose one of the two.",
                )
            taken[column] = role
    for column, kind in kinds.items():
        _check_column(frame, column)
        if kind not in KINDS:
            raise InvalidInput(f"A facet cannot be {quoted(kind)}.", f"Known: {', '.join(KINDS)}.")


def _check_column(frame: pd.DataFrame, column: str) -> None:
    if column not in frame.columns:
        near = get_close_matches(column, frame.columns, 1)
        has = ", ".join(map(str, frame.columns[:20])) + (" ..." if len(frame.columns) > 20 else "")
        meant = f" Did you mean {quoted(near[0])}?" if near else ""
        raise InvalidInput(f"The table has no column {quoted(column)}.{meant}", f"It has: {has}.")


# -- What a column looks like -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Traits:
    """Shares are in [0, 1], of the cells that are not empty."""

    filled: float
    values: int  # different ones
    distinct: float  # values a cell
    numeric: float
    flags: bool
    dated: float
    pictured: float
    listed: bool
    length: float  # characters, median


def _traits(column: pd.Series) -> _Traits:
    cells = [cell for cell in column if not is_missing(cell)]
    filled = len(cells) / max(len(column), 1)
    if not cells:
        return _Traits(0.0, 0, 0.0, 0.0, False, 0.0, 0.0, False, 0.0)
    sample = [cells[i] for i in np.linspace(0, len(cells) - 1, min(len(cells), _SAMPLE)).astype(int)]
    texts = [joined(cell).strip() for cell in sample]
    values = len({joined(cell) for cell in cells})
    share = np.mean
    return _Traits(
        filled=filled,
        values=values,
        distinct=values / len(cells),
        numeric=float(share(~np.isnan(numbers(pd.Series(sample, dtype=object))))),
        flags=values <= 2 + (values == 3) and {text.lower() for text in texts} <= _FLAGS.keys() and values >= 2,
        dated=float(share([_DATE.fullmatch(text) is not None and _YEAR.search(text) is not None for text in texts])),
        pictured=float(share([_PICTURE.search(text) is not None for text in texts])),
        listed=_looks_listed(sample),
        length=float(np.median([len(text) for text in texts])),
    )


def is_missing(cell: object) -> bool:
    """Whether a cell says nothing: empty, or one of the words that programs write for it."""
    if isinstance(cell, str):
        return cell.strip().lower() in _MISSING
    return cell is None or (isinstance(cell, list) and not cell) or (isinstance(cell, float) and np.isnan(cell))


def joined(cell: object) -> str:
    """A cell as text: several values with commas between, nothing for None."""
    return "" if cell is None else ", ".join(cell) if isinstance(cell, list) else str(cell)


def _looks_listed(sample: list) -> bool:
    """Whether cells hold several short values each, which come again in other cells."""
    pieces = [piece for own in split_tags(pd.Series(sample, dtype=object)) for piece in own]
    several = len(pieces) >= 1.3 * len(sample)
    short = several and np.mean([len(piece) for piece in pieces]) <= 25 and max(map(len, pieces)) <= MAX_VALUE
    return bool(short and len(set(pieces)) < 0.6 * len(pieces))


# -- Roles ------------------------------------------------------------------------------------------------------------


def _roles(traits: Mapping[str, _Traits], mapping: Mapping[str, str]) -> dict[str, str]:
    roles = {role: column for role, column in mapping.items() if column}
    # Those whose names and values say most come first, so that what is left for the others is less ambiguous.
    for role in ("id", "picture", "title", "description", "price", "date", "category", "tags"):
        if role in mapping:
            continue
        free = {name: t for name, t in traits.items() if name not in roles.values() and t.values}
        scores = {name: _fitness(role, name, t) for name, t in free.items()}
        best = max(scores, key=lambda name: (scores[name], name), default=None)
        if best is not None and scores[best] > 0:
            roles[role] = best
    return {role: roles[role] for role in ROLES if role in roles}


def _fitness(role: str, name: str, t: _Traits) -> float:
    """How well a column suits a role: 0 = not at all; a name that is known counts most, then what the values say."""
    plain = re.sub(r"[^\w]+", "_", name.strip().lower()).strip("_")
    known = [re.sub(r"\W", "", n.lower()) for n in _NAMES[role].split()]
    named = 2 - known.index(plain) / 100 if plain in known else 0.0
    if not named and role in ("title", "description", "picture", "price", "date", "category"):
        named = 0.6 if set(plain.split("_")) & set(known[:4]) else 0.0
    text = t.numeric < 0.5 and t.dated < _MOSTLY and t.pictured < 0.5
    match role:
        case "id":
            return named if t.length <= 80 and t.distinct > 0.5 else 0.0
        case "picture":
            return named + t.pictured if t.pictured >= 0.5 else 0.0
        case "title":
            return named + (0.5 * t.distinct if text and 2 <= t.length <= 150 and t.distinct >= 0.5 else 0.0)
        case "description":
            return named * text + (0.5 if text and t.length >= 60 and not t.listed else 0.0)
        case "price":
            return named if t.numeric >= _MOSTLY else 0.0
        case "date":
            return named if t.dated >= _MOSTLY or (named >= 1 and t.numeric >= _MOSTLY and t.length >= 9) else 0.0
        case "category":
            usable = text and t.length <= MAX_VALUE and t.distinct <= 0.5 and t.values > 1 and not t.listed
            return named if usable else 0.0
        case "tags":
            return named + 0.5 * t.listed if text and (t.listed or named >= 1) and t.length <= 2000 else 0.0
    return 0.0


# -- Facets -----------------------------------------------------------------------------------------------------------


def _facets(
    traits: Mapping[str, _Traits], roles: Mapping[str, str], kinds: Mapping[str, str]
) -> tuple[list[Planned], set[str]]:
    """The facets to be, those of roles first, and the columns they use."""
    by_role = {column: role for role, column in roles.items()}
    usual = {"tags": "tags", "category": "category", "price": "number", "date": "year"}
    chosen: dict[str, str] = {}
    for column, t in traits.items():
        role = by_role.get(column)
        kind = kinds.get(column) or usual.get(role or "", "none" if role else _kind(t))
        if kind != "none":
            chosen[column] = kind
    order = sorted(chosen, key=lambda c: (c not in by_role, c not in kinds, -traits[c].filled))[:MAX_FACETS]
    facets, names = [], set(_RESERVED)
    for column in sorted(order, key=lambda c: (_rank(by_role.get(c)), list(traits).index(c))):
        role, kind = by_role.get(column), chosen[column]
        wished = {"tags": "tags", "category": "category", "price": "price", "date": "year"}.get(role or "")
        name = "tags" if wished == "tags" and kind == "tags" else _facet_name(wished or column, names)
        names.add(name)
        label = column[:1].upper() + column[1:].replace("_", " ")
        facet_kind = "number" if kind == "year" else kind
        note = "The year of the date." if kind == "year" else ""
        facets.append(Planned(column, Facet(name, label[:60], facet_kind, note=note), kind))
    return facets, set(order)


def _rank(role: str | None) -> int:
    return ("category", "tags", "price", "date").index(role) if role in ("category", "tags", "price", "date") else 9


def _kind(t: _Traits) -> str:
    """What a column without a role can be filtered by."""
    if t.filled < 0.05 or t.values < 2 or t.pictured >= 0.5:
        return "none"
    if t.flags:
        return "flag"
    if t.dated >= _MOSTLY:
        return "year"
    if t.numeric >= _MOSTLY:
        return "number"
    if t.listed:
        return "tags"
    if t.numeric < 0.5 and t.length <= 40 and t.values <= MAX_CATEGORIES and t.distinct <= 0.5:
        return "category"
    return "none"


def _facet_name(wished: str, taken: set[str]) -> str:
    """A name that conditions can be written with (letters, digits, underscores), not taken yet."""
    base = re.sub(r"\W+", "_", wished.lower()).strip("_")[:40] or "column"
    return next(n for i in range(1, 1000) if (n := base if i == 1 else f"{base}_{i}") not in taken)


def _categories(facets: list[Planned], traits: Mapping[str, _Traits], roles: Mapping[str, str]) -> str | None:
    """The facet that a profile chooses from: the category, the tags, or the category with the fewest values."""
    by_column = {p.column: p for p in facets if p.kind in ("category", "tags")}
    for role in ("category", "tags"):
        if roles.get(role) in by_column:
            return by_column[roles[role]].facet.name
    free = [p for p in by_column.values() if p.kind == "category"] or list(by_column.values())
    return min(free, key=lambda p: (traits[p.column].values, p.column)).facet.name if free else None


# -- Values -----------------------------------------------------------------------------------------------------------


def values(column: pd.Series, kind: str) -> tuple[pd.Series, list[int], str]:
    """A facet's values.

    Args:
        column: cells of the table.
        kind: of `KINDS`, not `none`.

    Returns:
        The values as `Catalog` wants them; the index labels of cells that say something which could not be used; and
        the unit, where numbers bear one.
    """
    told, unit = ~column.map(is_missing), ""
    if kind == "tags":
        found = split_tags(column)
        known = found.map(bool)
    elif kind == "flag":
        found = column.map(lambda cell: _FLAGS.get(str(cell).strip().lower())).astype("boolean")
        known = found.notna()
    elif kind == "category":
        found = column.map(_category).where(told, None).astype(object)
        known = found.notna()
    else:
        found = pd.Series(years(column) if kind == "year" else numbers(column), index=column.index)
        known = found.notna()
        unit = _unit(column) if kind == "number" else ""
    return found, column.index[told & ~known].tolist(), unit


def _category(cell: object) -> str | None:
    text = clean_text(joined(cell), MAX_VALUE)
    return text or None


def numbers(column: pd.Series) -> np.ndarray:
    """Cells as numbers, money and percentages too: (n,) float64, NaN for what is none.

    A comma is read as a decimal mark where the column has cells that end in a comma and one or two digits, and none
    that ends so in a full stop.
    """
    found = pd.to_numeric(column.map(lambda c: None if isinstance(c, list) else c), errors="coerce")
    found = found.to_numpy(dtype=np.float64, na_value=np.nan).copy()
    texts = [(i, c) for i, c in enumerate(column) if isinstance(c, str) and len(c) <= MAX_VALUE and np.isnan(found[i])]
    read = [(i, m) for i, cell in texts if (m := _MONEY.fullmatch(cell.strip())) is not None]
    bare = [re.sub(r"['\u00a0\u202f ]", "", m[3]) for _, m in read]
    comma = any(re.search(r"\d,\d{1,2}$", b) for b in bare) and not any(re.search(r"\.\d{1,2}$", b) for b in bare)
    for (i, m), text in zip(read, bare, strict=True):
        text = text.replace(".", "").replace(",", ".") if comma else text.replace(",", "")
        try:
            found[i] = float(text) * (-1 if m[1] == "-" else 1)
        except ValueError:
            continue
    found[~np.isfinite(found)] = np.nan
    return found


def _unit(column: pd.Series) -> str:
    """The one currency or percent sign that a column's numbers bear; empty for none or several."""
    texts = (cell for cell in column.iloc[:_SAMPLE] if isinstance(cell, str))
    signs = Counter(m[2] or m[4] or "" for cell in texts if (m := _MONEY.fullmatch(cell.strip())) is not None)
    return next(iter(signs)) if len(signs) == 1 else ""


def years(column: pd.Series) -> np.ndarray:
    """The years in cells that hold dates: (n,) float64, NaN for what is none. Large numbers are Unix time."""

    def year(cell: object) -> float:
        text = str(cell).strip()
        if re.fullmatch(r"\d{9,13}(\.\d+)?", text):
            seconds = float(text) / (1000 if float(text) > 1e11 else 1)
            return float(pd.Timestamp(seconds, unit="s").year)
        found = set(_YEAR.findall(text))
        return float(found.pop()) if len(found) == 1 else np.nan

    return np.array([year(cell) for cell in column], dtype=np.float64)


def split_tags(column: pd.Series) -> pd.Series:
    """Cells as tuples of tags: lists as they are, texts split at `|`, `;` or `,`, whichever most cells have."""
    texts = [cell for cell in column if isinstance(cell, str)]
    counts = {mark: sum(mark in text for text in texts) for mark in "|;,"}
    mark = max(counts, key=lambda m: (counts[m], m)) if any(counts.values()) else None

    def split(cell: object) -> tuple[str, ...]:
        if is_missing(cell):
            return ()
        text = "" if isinstance(cell, list) else str(cell).strip().strip("[]")
        pieces = cell if isinstance(cell, list) else text.split(mark) if mark else [text]
        cleaned = (clean_text(str(piece).strip().strip("'\""), MAX_VALUE) for piece in pieces)
        return tuple(dict.fromkeys(piece for piece in cleaned if piece))[:MAX_TAGS_EACH]

    return pd.Series([split(cell) for cell in column], index=column.index, dtype=object)


def rare_left_out(column: pd.Series, kind: str) -> tuple[pd.Series, int]:
    """A facet's values within its bound, and how many different ones gave way."""
    most = MAX_CATEGORIES if kind == "category" else MAX_TAGS
    flat = column.dropna() if kind == "category" else column.explode().dropna()
    counts = flat.value_counts()
    if len(counts) <= most:
        return column, 0
    order = sorted(counts.index, key=lambda value: (-counts[value], value))
    kept = set(order[: most - (kind == "category")])
    if kind == "category":
        return column.map(lambda v: v if v is None or pd.isna(v) or v in kept else OTHER).astype(object), len(
            counts
        ) - len(kept)
    return column.map(lambda own: tuple(tag for tag in own if tag in kept)), len(counts) - len(kept)


def clean_text(text: str, limit: int) -> str:
    """A text on one line without control characters and marks that turn the direction of what follows."""
    if not text.isprintable():
        text = "".join(
            c if c.isprintable() or c in _KEPT_INVISIBLE else " " if c.isspace() or c < " " else "" for c in text
        )
    text = " ".join(text[: 4 * limit].split())
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def isolated(text: str) -> str:
    """A text that may stand within others: one that runs from right to left does not turn what is around it."""
    return f"\u2068{text}\u2069" if _RIGHT_TO_LEFT.search(text) else text
