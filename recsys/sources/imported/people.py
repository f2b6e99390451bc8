"""Interactions, users and vectors that somebody brings, read so that they fit the items that were taken."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.demographics import DEMOGRAPHICS
from recsys.errors import InvalidInput, quoted
from recsys.ratings import REASONS, judged
from recsys.sources.imported.columns import clean_text, is_missing, numbers
from recsys.sources.imported.tables import Dropped, Table

MAX_ID = 200
"""Characters of an id: it has to fit into a link."""
MIN_DIMS, MAX_DIMS = 2, 4096
IMPLICIT = 5.0
"""The rating of an interaction that bears none: whoever buys or reads a thing likes it, for all we know."""

ROLES = {
    "interactions": ("user_id", "item_id", "rating", "timestamp"),
    "users": ("user_id", *DEMOGRAPHICS),
}
"""What columns of either table can be; `--map interactions.item_id=COLUMN` says which one is."""

_BLOCK = 65_536  # rows of vectors read at a time
_LOOKED_AT = 5_000  # interactions by which the column of items is known
_NAMES = {
    "user_id": "userid user uid customerid customer memberid visitorid sessionid reviewerid person personid accountid",
    "item_id": "itemid item productid product sku asin movieid articleid iid isbn",
    "rating": "rating score stars value overall reviewoverall grade bewertung",
    "timestamp": "timestamp time date datetime ts unixreviewtime reviewtime createdat when moment unixtime",
    "age": "age alter agegroup",
    "gender": "gender sex geschlecht",
    "occupation": "occupation job profession beruf",
    "region": "region country state land location",
}
_PARTS = {
    "user_id": "user customer client member visitor reviewer person people buyer account kunde nutzer",
    "item_id": "item product article movie thing artikel produkt",
    "rating": "rating score stars grade points bewertung",
    "timestamp": "time date",
}
"""Words that give a column away within a longer name, where no whole name does."""


def as_id(cell: object) -> str:
    """A cell as an id: trimmed; a whole number that was read as a float is that number; empty for none."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None or isinstance(cell, (list, bool)) else str(cell).strip()


def why_no_id(item_id: str) -> str:
    """Why a text cannot be an id; empty where it can."""
    if not item_id:
        return "no id"
    if len(item_id) > MAX_ID:
        return f"an id of more than {MAX_ID} characters"
    return "" if item_id.isprintable() else "an id with control characters"


def read_interactions(
    table: Table, ids: pd.Index, mapping: Mapping[str, str] | None = None
) -> tuple[pd.DataFrame, list[Dropped], list[str]]:
    """Who rated what, of the items that were taken.

    Without ratings each interaction is a like; ratings on another scale than 1 to 5 are stretched to it; without times
    the rows are taken to be in order.

    Args:
        table: as it was read.
        ids: of the items.
        mapping: as for `people_roles`.

    Returns:
        Interactions as `Catalog` wants them; what was dropped; sentences on how the table was understood.

    Raises:
        InvalidInput: no column of users or items, or nothing that can be learned from.
    """
    frame, notes = table.frame, []
    found = people_roles("interactions", frame, mapping, ids)
    for need in ("user_id", "item_id"):
        _need(frame, found, "interactions", need)
    users, items = (frame[found[name]].map(_known_id).astype(object) for name in ("user_id", "item_id"))
    read = pd.DataFrame({"user_id": users, "item_id": items})
    if "rating" in found:
        ratings = pd.Series(numbers(frame[found["rating"]]), index=frame.index)
        read["rating"], note = _stretched(ratings)
        notes += [note] if note else []
    else:
        read["rating"] = IMPLICIT
        notes.append("The interactions have no ratings: each counts as a like.")
    if "timestamp" in found:
        read["timestamp"] = _unix(frame[found["timestamp"]])
    else:
        read["timestamp"] = np.arange(len(frame))
        notes.append("The interactions have no times: they are taken to stand in order, a second apart.")
    read, reasons = judged(read, ids)
    dropped = [
        Dropped("interactions", r, reasons.index[reasons == r].tolist()) for r in REASONS if (reasons == r).any()
    ]
    good = read[(reasons == "").to_numpy()]
    if good.empty:
        told = ", ".join(f"{len(d.rows):,} {d.reason}" for d in dropped)
        raise InvalidInput(f"None of the {len(frame):,} interactions can be learned from: {told}.")
    return good.reset_index(drop=True).astype({"rating": np.float64, "timestamp": np.int64}), dropped, notes


def _known_id(cell: object) -> str | None:
    text = as_id(cell)
    return None if why_no_id(text) else text


def read_users(table: Table, mapping: Mapping[str, str] | None = None) -> tuple[pd.DataFrame, list[Dropped], list[str]]:
    """What is known of the people: age, gender, occupation and region, which is what models here understand.

    Args:
        table: as it was read.
        mapping: as for `people_roles`.

    Raises:
        InvalidInput: no column of ids.
    """
    frame = table.frame
    found = people_roles("users", frame, mapping)
    _need(frame, found, "users", "user_id")
    ids = frame[found["user_id"]].map(as_id)
    reasons = ids.map(why_no_id)
    reasons = reasons.mask((reasons == "") & ids.duplicated(), "the same id as an earlier row")
    known = {
        name: pd.Series(numbers(frame[found[name]]), index=frame.index)
        if name == "age"
        else frame[found[name]].map(lambda c: None if is_missing(c) else clean_text(str(c), 60) or None).astype(object)
        for name in DEMOGRAPHICS
        if name in found
    }
    kept = (reasons == "").to_numpy()
    users = pd.DataFrame(known, index=frame.index)[kept].set_axis(pd.Index(ids[kept], name="user_id", dtype=object))
    unused = [str(name) for name in frame.columns if name not in found.values()]
    notes = [f"Of the users, {', '.join(unused[:10])} are not used: no model here knows them."] if unused else []
    dropped = [Dropped("users", r, reasons.index[reasons == r].tolist()) for r in sorted(set(reasons) - {""})]
    return users, dropped, notes


def read_vectors(path: Path, numbers_of_rows: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, list[Dropped]]:
    """Vectors brought along, one a row of the items' table, at unit length.

    Args:
        path: a `.npy` of (rows, d), any kind of number.
        numbers_of_rows: (rows,) the row numbers of the table, dropped ones too.
        kept: (n,) the row numbers of the items that were taken.

    Returns:
        (n, d) float32 at unit length, zeros where a vector has a NaN or is zero; and the rows of those.

    Raises:
        InvalidInput: no such file, no matrix of numbers, or another number of rows.
    """
    try:
        given = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InvalidInput(
            f"The vectors {path.name} cannot be read.", "Save them with numpy.save: one matrix of numbers."
        ) from error
    if not isinstance(given, np.ndarray) or given.ndim != 2 or given.dtype.kind not in "fiu":
        raise InvalidInput(f"The vectors {path.name} are no matrix of numbers.", "One row an item, such as (n, 384).")
    if len(given) != len(numbers_of_rows):
        raise InvalidInput(
            f"There are {len(given):,} vectors and {len(numbers_of_rows):,} rows of items.",
            "They must be as many, in the same order.",
        )
    if not MIN_DIMS <= given.shape[1] <= MAX_DIMS:
        raise InvalidInput(
            f"The vectors have {given.shape[1]:,} dimensions.", f"From {MIN_DIMS} to {MAX_DIMS:,} can be searched."
        )
    places = np.searchsorted(numbers_of_rows, kept)
    vectors = np.empty((len(kept), given.shape[1]), dtype=np.float32)
    odd = np.zeros(len(kept), dtype=bool)
    for start in range(0, len(kept), _BLOCK):
        block = slice(start, start + _BLOCK)
        wide = np.asarray(given[places[block]], dtype=np.float64)
        lengths = np.linalg.norm(wide, axis=1, keepdims=True)
        bad = ~(np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0))
        with np.errstate(invalid="ignore", divide="ignore"):
            wide /= lengths
        wide[bad] = 0
        vectors[block], odd[block] = wide, bad
    return vectors, [Dropped("vectors", "zero or not finite", kept[odd].tolist())] if odd.any() else []


def people_roles(
    what: str, frame: pd.DataFrame, mapping: Mapping[str, str] | None = None, ids: pd.Index | None = None
) -> dict[str, str]:
    """Which column is what, in a table of interactions or of users.

    Columns are known by their names, then by words in them; items also by their ids, and users by being what is left.

    Args:
        what: `interactions` or `users`.
        frame: the table.
        mapping: role (see `ROLES`) to column, as somebody wants it; an empty column for none. The others are guessed.
        ids: of the items, where they are known.

    Raises:
        InvalidInput: no such role or column, or one column for two roles.
    """
    mapping = dict(mapping or {})
    _check_mapping(what, frame, mapping)
    found = {role: column for role, column in mapping.items() if column}
    names = {str(name): re.sub(r"[\W_]", "", str(name).lower()) for name in frame.columns}
    wanted = [role for role in ROLES[what] if role not in mapping]
    if what == "users" and "user_id" in wanted:
        names = {name: "userid" if plain == "id" else plain for name, plain in names.items()}

    def take(role: str, fits: Callable[[str], bool]) -> None:
        hit = next((name for name in names if role not in found and name not in found.values() and fits(name)), None)
        if hit is not None:
            found[role] = hit

    for role in wanted:
        for known in (role.replace("_", ""), *_NAMES[role].split()):  # the best known name first
            take(role, lambda name, known=known: names[name] == known)
    if what == "interactions":
        if "item_id" in wanted and ids is not None:
            take("item_id", lambda name: name == _of_items(frame, ids, [n for n in names if n not in found.values()]))
        for role in reversed(wanted):  # `rating_date` is a time, `user_rating` a rating
            take(role, lambda name, role=role: any(part in names[name] for part in _PARTS[role].split()))
    left = [name for name in names if name not in found.values()]
    if "user_id" in wanted and len(left) == 1:
        take("user_id", lambda name: True)
    return found


def _of_items(frame: pd.DataFrame, ids: pd.Index, names: list[str]) -> str | None:
    """The column most of whose cells are ids of items, and of the most items."""
    known, best, most = set(ids), None, 0
    for name in names:
        cells = frame[name].head(_LOOKED_AT).map(as_id)
        hits = cells[cells.isin(known)]
        if 2 * len(hits) > len(cells) and hits.nunique() > most:
            best, most = name, hits.nunique()
    return best


def _check_mapping(what: str, frame: pd.DataFrame, mapping: Mapping[str, str]) -> None:
    taken: dict[str, str] = {}
    for role, column in mapping.items():
        if role not in ROLES[what]:
            known = ", ".join(f"{what}.{one}" for one in ROLES[what])
            raise InvalidInput(f"There is nothing called {quoted(f'{what}.{role}')} to map.", f"Known: {known}.")
        if column and column not in frame.columns:
            has = ", ".join(map(str, frame.columns))
            raise InvalidInput(f"The {what} have no column {quoted(column)}.", f"They have: {has}.")
        if column and column in taken:
            raise InvalidInput(
                f"The column {quoted(column)} of the {what} is mapped to both {taken[column]} and {role}.",
                "Choose one of the two.",
            )
        taken[column] = role


def _need(frame: pd.DataFrame, found: Mapping[str, str], what: str, role: str) -> None:
    if role not in found:
        has = ", ".join(map(str, frame.columns))
        raise InvalidInput(
            f"The {what} have no column {role}.", f"They have: {has}. Say which one it is: --map {what}.{role}=COLUMN."
        )


def _stretched(ratings: pd.Series) -> tuple[pd.Series, str]:
    """Ratings on a scale up to 5, where 4 is a like, and a sentence where they were not."""
    good = ratings[ratings >= 0]
    if good.empty:
        return ratings, ""
    highest = float(good.max())
    if highest > 5:
        top = next((scale for scale in (10.0, 20.0, 100.0) if highest <= scale), highest)
        stretch: Callable = lambda r: r * 5 / top  # noqa: E731
        return stretch(ratings), f"The ratings go up to {highest:g}: they were scaled from 0 to {top:g} to 0 to 5."
    if highest <= 1:
        return ratings.where(ratings < 0, 1 + 4 * ratings), "The ratings go up to 1: 0 was read as 1 star, 1 as 5."
    return ratings, ""


def _unix(column: pd.Series) -> pd.Series:
    """Moments as Unix seconds, NaN for what is none. Numbers above 10^11 are milliseconds."""
    found = pd.to_numeric(column.map(lambda c: None if isinstance(c, (list, bool)) else c), errors="coerce")
    found = found.astype("float64")
    texts = column[found.isna() & column.map(lambda c: isinstance(c, str) and bool(c.strip()))]
    if len(texts):
        moments = pd.to_datetime(texts.map(str.strip), errors="coerce", utc=True, format="mixed")
        seconds = (moments - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(1, "s")
        found = found.copy()
        found[seconds.index] = seconds
    return found.where(found <= 1e11, found / 1000)
