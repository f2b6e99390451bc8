"""Who rated what, as arrays: the one way in which models, lessons and evaluations read interactions."""

import hashlib
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from recsys.catalog import INTERACTION_COLUMNS, Catalog
from recsys.errors import InvalidInput

LIKE = 4.0
"""A rating of this or more says that somebody likes an item."""
DISLIKE = 2.0
"""A rating of this or less says that somebody dislikes it."""
SHARES = (0.6, 0.2)
"""Shares of the people who train and who validate; the rest tests."""
CLOCK_SLACK_S = 86_400
"""A time stamp may lie so far in the future: clocks differ, and so do time zones."""

REASONS = (
    *("no user", "unknown item", "no rating", "negative rating", "no time", "time in the future"),
    "rated again later",
)
"""Why a row of an interactions table is dropped, in the order in which they are looked for."""


@dataclass(frozen=True, eq=False)
class Ratings:
    """The ratings of some people, at most one a pair of person and item, in the order they are stored.

    Attributes:
        people: (P,) str, ids; somebody may be without any rating.
        n_items: how many items the catalog has.
        users: (m,) int64, positions in `people`.
        items: (m,) int64, rows of the catalog.
        values: (m,) float64, the ratings.
        times: (m,) int64, Unix seconds, UTC.
    """

    people: np.ndarray
    n_items: int
    users: np.ndarray
    items: np.ndarray
    values: np.ndarray
    times: np.ndarray

    def __len__(self) -> int:
        return len(self.users)

    @property
    def liked(self) -> np.ndarray:
        """(m,) bool, which ratings are likes."""
        return self.values >= LIKE

    def counts(self) -> np.ndarray:
        """How many people rated each item: (n_items,) int64."""
        return np.bincount(self.items, minlength=self.n_items)

    def dense(self) -> np.ndarray:
        """The ratings as a table: (P, n_items) float32, NaN = unrated. Fits in memory for a sample of people."""
        table = np.full((len(self.people), self.n_items), np.nan, dtype=np.float32)
        table[self.users, self.items] = self.values
        return table

    def seen(self) -> np.ndarray:
        """Who rated what: (P, n_items) bool."""
        table = np.zeros((len(self.people), self.n_items), dtype=bool)
        table[self.users, self.items] = True
        return table

    def matrix(self):
        """Who rated what as a sparse matrix of ones: (P, n_items), `scipy.sparse.csr_matrix` of float32."""
        from scipy.sparse import csr_matrix  # only what learns needs it

        ones = np.ones(len(self), dtype=np.float32)
        return csr_matrix((ones, (self.users, self.items)), shape=(len(self.people), self.n_items))

    def part(self, chosen: np.ndarray) -> "Ratings":
        """Some of the ratings, of the same people: by (m,) bool or by positions."""
        kept = {name: getattr(self, name)[chosen] for name in ("users", "items", "values", "times")}
        return replace(self, **kept)

    def fingerprint(self) -> str:
        """Which ratings these are, in whatever order: 16 hex digits, for records of what was measured on them."""
        people = self.people[self.users].astype(str)
        order = np.lexsort((self.items, people))
        columns = (people[order], self.items[order], self.values[order], self.times[order])
        lines = "\n".join(f"{p} {i} {v:g} {t}" for p, i, v, t in zip(*columns, strict=True))
        return hashlib.sha256(lines.encode()).hexdigest()[:16]

    def of(self, people: np.ndarray) -> "Ratings":
        """The ratings of some people alone, by their positions: who had position `people[j]` has position j."""
        place = np.full(len(self.people), -1)
        place[people] = np.arange(len(people))
        kept = self.part(place[self.users] >= 0)
        return replace(kept, people=self.people[people], users=place[kept.users])


def one_person(
    items: Sequence[int], n_items: int, values: Sequence[float] | None = None, moment: int = 0, name: str = "you"
) -> Ratings:
    """The history of one person whom the catalog does not know.

    Args:
        items: rows of the items.
        n_items: how many items the catalog has.
        values: a rating each; None for likes throughout.
        moment: when they were given, Unix seconds.
        name: the person's id.
    """
    rows = np.array(items, dtype=np.int64)
    given = np.full(len(rows), 5.0) if values is None else np.array(values, dtype=np.float64)
    moments = np.full(len(rows), moment, dtype=np.int64)
    return Ratings(np.array([name], dtype=object), n_items, np.zeros(len(rows), dtype=np.int64), rows, given, moments)


def read_ratings(catalog: Catalog, without: Collection[str] = (), table: pd.DataFrame | None = None) -> Ratings:
    """Reads a catalog's ratings; of several by one person on one item the last stored one counts.

    Args:
        catalog: whose ratings.
        without: ids of people who are left out, as if they had never rated anything.
        table: interactions to read instead of the catalog's own.

    Raises:
        InvalidInput: the catalog has no interactions.
    """
    table, item_ids = catalog.interactions if table is None else table, catalog.items.index
    if table is None:
        raise InvalidInput(
            f"The catalog {catalog.name} has no interactions, so nothing is known about its people.",
            "Take a catalog that has them, such as movies.",
        )
    codes, people = pd.factorize(table["user_id"])
    kept = ~people.isin(list(without))
    items = item_ids.get_indexer(table["item_id"])
    keep = kept[codes] & (items >= 0)
    keep &= ~pd.Series(codes.astype(np.int64) * len(item_ids) + items).duplicated(keep="last").to_numpy()
    positions = np.cumsum(kept) - 1
    return Ratings(
        people=people[kept].to_numpy(dtype=object),
        n_items=len(item_ids),
        users=positions[codes[keep]],
        items=items[keep].astype(np.int64),
        values=table["rating"].to_numpy(dtype=np.float64)[keep],
        times=table["timestamp"].to_numpy(dtype=np.int64)[keep],
    )


def clean(table: pd.DataFrame, catalog: Catalog, now: float | None = None) -> tuple[pd.DataFrame, dict[str, int]]:
    """The rows of an interactions table that can be learned from, and why the others were dropped.

    A row is dropped for the first of these reasons that holds: no user, an item that the catalog does not have, a
    rating that is missing, no number or negative, a time stamp that is missing or in the future, and last a later row
    of the same person about the same item (by time; of equal times by place in the table).

    Args:
        table: columns `user_id`, `item_id`, `rating`, `timestamp` (Unix seconds), of any type; ids are read as text.
        catalog: whose items count.
        now: Unix seconds; None for the present moment.

    Returns:
        The rows that are kept, in their order, with the types of `Catalog.interactions`; and how many were dropped by
        reason, reasons that hit nothing left out.

    Raises:
        InvalidInput: columns are missing, or no row can be used; the sentence says why.
    """
    read, reasons = judged(table, catalog.items.index, now)
    counts = reasons.value_counts()
    dropped = {reason: int(counts[reason]) for reason in REASONS if counts.get(reason)}
    good = read[(reasons == "").to_numpy()]
    if good.empty:
        told = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items()) or "the table is empty"
        raise InvalidInput(f"None of the {len(table):,} interactions can be learned from: {told}.")
    return good.reset_index(drop=True).astype({"rating": np.float64, "timestamp": np.int64}), dropped


def judged(table: pd.DataFrame, known: pd.Index, now: float | None = None) -> tuple[pd.DataFrame, pd.Series]:
    """An interactions table as it is read, and why each row cannot be learned from; see `clean`.

    Args:
        table: as for `clean`.
        known: ids of the items that count.
        now: Unix seconds; None for the present moment.

    Returns:
        The columns of interactions, ids as text, the others as numbers; and a reason a row, of `REASONS`, empty where
        it is kept. Both with the table's index.

    Raises:
        InvalidInput: columns are missing.
    """
    absent = [c for c in INTERACTION_COLUMNS if c not in table.columns]
    if absent:
        raise InvalidInput(
            f"The interactions lack the columns {', '.join(absent)}.", f"They need {', '.join(INTERACTION_COLUMNS)}."
        )
    now = time.time() if now is None else now
    users, items = (_ids(table[name]) for name in ("user_id", "item_id"))
    ratings, times = (pd.to_numeric(table[name], errors="coerce") for name in ("rating", "timestamp"))
    broken = (users.isna(), ~items.isin(known), ~np.isfinite(ratings), ratings < 0)
    broken += (~np.isfinite(times), times > now + CLOCK_SLACK_S)
    reasons = pd.Series(np.select([b.to_numpy(dtype=bool) for b in broken], REASONS[:-1], ""), index=table.index)
    read = pd.DataFrame({"user_id": users, "item_id": items, "rating": ratings, "timestamp": times})
    good = read[(reasons == "").to_numpy()].reset_index()
    latest = good.sort_values("timestamp", kind="stable").duplicated(["user_id", "item_id"], keep="last").sort_index()
    again = np.flatnonzero(reasons == "")[latest.to_numpy(dtype=bool)]
    reasons.iloc[again] = REASONS[-1]
    return read, reasons


def _ids(column: pd.Series) -> pd.Series:
    """Ids as text; 7.0, which is how a column with gaps is read, is 7."""
    text = column.map(lambda v: str(int(v)) if isinstance(v, float) and v.is_integer() else v)
    return text.where(column.notna()).map(str, na_action="ignore").astype(object)


def split_people(catalog: Catalog, seed: int = 0) -> tuple[list[str], list[str], list[str]]:
    """Ids of the people who train, validate and test: 60, 20 and 20 in 100, by a seeded shuffle.

    Raises:
        InvalidInput: the catalog has no interactions, or fewer than five people.
    """
    people = np.sort(read_ratings(catalog).people)
    if len(people) < 5:
        raise InvalidInput(f"The catalog {catalog.name} has {len(people)} people; a comparison needs 5 or more.")
    people = np.random.default_rng(seed).permutation(people)
    first, second = np.round(np.cumsum(SHARES) * len(people)).astype(int)
    return people[:first].tolist(), people[first:second].tolist(), people[second:].tolist()
