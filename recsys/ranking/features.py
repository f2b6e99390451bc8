"""Features: what a ranker is told of a person and an item. One code path for training and for serving.

`FeatureStore.features(person, rows)` is all there is. A row of it depends on the person and the item alone, never on
which other items are asked about, so a feature is the same number in training and in serving, to the last bit:

- a model's score is told in standard deviations from its mean over all rated items. For a dot product both are known
  in closed form, (q . mean) and (q' Cov q), without scoring anything else;
- products of a row are summed within the row; and vectors whose nearest neighbours are asked for lie on a grid
  (multiples of 1/2048), where sums of float32 products are exact in whatever order a library adds them up.

What is not known is NaN: of somebody without a history their affinities, of a visitor the days on which they rated.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recsys.demographics import SIGNALS, contexts, demographics, utc_offsets
from recsys.models import Side, create
from recsys.models.two_tower import middle
from recsys.ratings import DISLIKE, LIKE, Ratings

FEATURES: dict[str, str] = {
    "content": "Cosine of the item's content with the mean of what the person rated.",
    "als": "Score of matrix factorisation, in standard deviations over all items.",
    "two_tower": "Score of the two-tower network, in standard deviations over all items.",
    "together": "Score of the ensemble's autoencoder (what is rated together), in standard deviations over all items.",
    "strongest": "The largest weight with which a single rated item speaks for this one in the autoencoder.",
    "nearest_rated": "Cosine with the nearest rated item in the space of matrix factorisation.",
    "nearest_like": "Cosine of the item's content with that of the nearest liked item.",
    "mean_like": "Mean cosine of the item's content with that of the liked items.",
    "nearest_dislike": "Cosine of the item's content with that of the nearest disliked item.",
    "categories": "Affinity to the item's categories: the share of the history in them, less everybody's share.",
    "categories_liked": "The share of the likes in the item's categories, less the share of the history.",
    "year_match": "How many rated items are of about the item's year, against everybody's.",
    "age": "Years from the item's year to when the person rates.",
    "popularity": "How many people rated the item: logarithm, against the mean item.",
    "popularity_gap": "Popularity against the mean popularity of what the person rated.",
    "esteem": "Mean rating of the item, less the mean of all, shrunk.",
    "in_period": "How much more than usual the item was rated in the weeks when the person was active.",
    "known_days": "Days from the first rating of the item to the person's last one; below 0: it came later.",
    "gone_days": "Days from the person's first rating to the item's last one.",
    "by_age": "How much likelier people of the age rate the item (logarithm).",
    "by_gender": "How much likelier people of the gender rate the item.",
    "by_occupation": "How much likelier people of the occupation rate the item.",
    "by_region": "How much likelier people of the region rate the item.",
    "by_time": "How much likelier the item is rated at the time of day.",
    "by_weekend": "How much likelier the item is rated at weekends, or on weekdays.",
    "history": "How many items the person rated (logarithm).",
    "active_days": "Days from the person's first rating to the last.",
}
"""The features in order, with what each says."""

DAY_S = 86_400
YEAR_S = 365.2425 * DAY_S
GRID = 2048
"""Unit vectors times this are rounded to whole numbers: their products, at most GRID ** 2 < 2 ** 24, are exact."""
PERIOD_S = 14 * DAY_S
PERIODS = 60
MIN_SPAN_S = 7 * DAY_S
"""Ratings within so short a time (simulated ones fall within a minute) tell nothing by their moment."""
YEARS_NEAR = 4.0
PERIOD_PRIOR = 20.0
ESTEEM_PRIOR = 10.0
LIFT_PRIOR = 5000.0
"""So many ratings as everybody's are added to each group's, as in the ensemble."""
LARGEST = 5000
"""The autoencoder holds a weight for each pair of items: catalogs with more items do without."""


@dataclass(frozen=True, eq=False)
class Person:
    """Whom candidates are ranked for. The order in which items are told changes nothing.

    Attributes:
        history: (m,) int64, rows of what counts as rated, ascending.
        likes, dislikes: (l,), (d,) int64, rows, ascending.
        moments: (t,) int64, Unix seconds at which they rated, ascending; empty for unknown.
        facts: group by signal of `recsys.demographics.SIGNALS`; what is unknown is absent.
    """

    history: np.ndarray
    likes: np.ndarray
    dislikes: np.ndarray
    moments: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("history", "likes", "dislikes"):
            object.__setattr__(self, name, np.unique(np.asarray(getattr(self, name), dtype=np.int64)))
        object.__setattr__(self, "moments", np.sort(np.asarray(self.moments, dtype=np.int64)))

    @property
    def moment(self) -> float:
        """The moment that stands for all: the median; 0 for unknown."""
        return middle(self.moments)


class FeatureStore:
    """What features are computed from: two models with a space, content, and tables of items. Read-only, thread-safe.

    Args:
        side: content of the items and facts of the people.
        als: matrix factorisation that learned from the ratings that `state` comes from.
        two_tower: the network that did.
        state: what `learned_tables` gave.
    """

    def __init__(self, side: Side, als, two_tower, state: Mapping[str, np.ndarray]) -> None:
        self.state = dict(state)
        self._als, self._two_tower = als, two_tower
        rated = self.state["counts"] > 0
        self._spaces = {
            "als": _Standard(als.vectors, rated),
            "two_tower": _Standard(two_tower.vectors, rated),
        }
        self._rated = rated
        self._content, self._content_grid, self._als_grid = side.content, _grid(side.content), _grid(als.vectors)
        self._categories = side.categories.astype(np.float64)
        self._years = side.years
        self._year_values, self._year_of, self._year_near = _year_tables(side.years)
        counts = self.state["counts"] + 0.5
        self._popularity = np.log(counts / counts.mean())
        self._weights = self.state.get("weights")
        self._lifts = {name: self.state[f"lift.{name}"] for name in SIGNALS if f"lift.{name}" in self.state}
        self._groups = {name: [str(g) for g in self.state[f"groups.{name}"]] for name in self._lifts}
        self._facts, self._offsets = _told(side)

    def facts(self, person: str | None, moment: float) -> dict[str, str]:
        """What is known of one of the catalog's people at some moment, group by signal; nothing of anybody else."""
        found = dict(self._facts.get(person, {}))
        offset = self._offsets.get(person, np.nan)
        if moment > 0 and np.isfinite(offset):
            for name, (code, groups) in contexts(np.array([moment], dtype=np.int64), np.array([offset])).items():
                found[name] = groups[code[0]]
        return found

    def known(self, ratings: Ratings) -> Person:
        """One of the catalog's people.

        Args:
            ratings: theirs alone: `people` holds one id.
        """
        return Person(
            history=ratings.items,
            likes=ratings.items[ratings.values >= LIKE],
            dislikes=ratings.items[ratings.values <= DISLIKE],
            moments=ratings.times,
            facts=self.facts(ratings.people[0], middle(ratings.times)),
        )

    def query(self, name: str, person: Person) -> np.ndarray | None:
        """A person's point in the space of a tower, (d,) float64; None where nothing is known of them there.

        Args:
            name: `als`, `two_tower` or `content`.
            person: who.
        """
        if name == "two_tower":
            known = len(person.history) or person.facts or person.moment
            return self._two_tower.point(person.history, person.facts, person.moment) if known else None
        if not len(person.history):
            return None
        if name == "als":
            return self._als.fold_in(person.history)
        total = self._content[person.history].sum(axis=0, dtype=np.float64)
        length = np.linalg.norm(total)
        return total / length if length > 1e-9 else None

    def vectors(self, name: str) -> np.ndarray:
        """The items in that space: (n, d) float32."""
        return self._content if name == "content" else self._spaces[name].vectors

    def features(self, person: Person, rows: np.ndarray) -> np.ndarray:
        """What rankers are told of a person and of items.

        Args:
            person: who.
            rows: (n,) int64, the items.

        Returns:
            (n, len(FEATURES)) float64, NaN where something is not known.
        """
        rows = np.asarray(rows, dtype=np.int64)
        told: dict[str, Any] = {
            **self._scores(person, rows),
            **self._likeness(person, rows),
            **self._habits(person, rows),
            **self._times(person, rows),
            **self._lifted(person, rows),
        }
        table = np.full((len(rows), len(FEATURES)), np.nan)
        for place, name in enumerate(FEATURES):
            if name in told:
                table[:, place] = told[name]
        return table

    def _scores(self, person: Person, rows: np.ndarray) -> dict[str, np.ndarray]:
        found = {}
        for name, space in self._spaces.items():
            query = self.query(name, person)
            if query is not None:
                found[name] = space.scores(query, rows)
        if self._weights is not None and len(person.history):
            spoken = self._weights[person.history]
            total = spoken.sum(axis=0)
            among = total[self._rated].astype(np.float64)
            deviation = among.std()
            if deviation > 0:
                found["together"] = (total[rows] - among.mean()) / deviation
            found["strongest"] = spoken[:, rows].max(axis=0)
        return found

    def _likeness(self, person: Person, rows: np.ndarray) -> dict[str, np.ndarray]:
        found, content = {}, self._content_grid[rows]
        query = self.query("content", person)
        if query is not None:
            found["content"] = content @ _grid(query) / GRID**2
        if len(person.history):
            found["nearest_rated"] = (self._als_grid[rows] @ self._als_grid[person.history].T).max(axis=1) / GRID**2
        if len(person.likes):
            cosines = content @ self._content_grid[person.likes].T
            found["nearest_like"] = cosines.max(axis=1) / GRID**2
            found["mean_like"] = cosines.sum(axis=1, dtype=np.float64) / (GRID**2 * len(person.likes))
        if len(person.dislikes):
            cosines = content @ self._content_grid[person.dislikes].T
            found["nearest_dislike"] = cosines.max(axis=1) / GRID**2
        return found

    def _habits(self, person: Person, rows: np.ndarray) -> dict[str, Any]:
        """What somebody usually rates, and what others do with the item."""
        popularity, categories = self._popularity[rows], self._categories[rows]
        now = 1970 + (person.moment or float(self.state["newest"])) / YEAR_S
        found: dict[str, Any] = {
            "age": now - self._years[rows],
            "popularity": popularity,
            "esteem": self.state["esteem"][rows],
            "history": np.log1p(len(person.history)),
        }
        if not len(person.history):
            return found
        share = self._categories[person.history].mean(axis=0)
        found["categories"] = _dots(categories, share - self.state["categories"])
        if len(person.likes):
            found["categories_liked"] = _dots(categories, self._categories[person.likes].mean(axis=0) - share)
        found["popularity_gap"] = popularity - self._popularity[person.history].mean()
        years = self._year_of[person.history]
        years = years[years >= 0]
        if len(years):
            shares = np.bincount(years, minlength=len(self._year_values)) / len(years)
            near = _dots(self._year_near[self._year_of[rows]], shares - self.state["years"])
            found["year_match"] = np.where(self._year_of[rows] >= 0, near, np.nan)
        return found

    def _times(self, person: Person, rows: np.ndarray) -> dict[str, Any]:
        if not len(person.moments) or not len(self.state["edges"]):
            return {}
        first, last = float(person.moments[0]), float(person.moments[-1])
        period = np.searchsorted(self.state["edges"], person.moments, side="right")
        shares = np.bincount(period, minlength=len(self.state["edges"]) + 1) / len(person.moments)
        return {
            "in_period": _dots(self.state["periods"][rows], shares),
            "known_days": (last - self.state["first"][rows]) / DAY_S,
            "gone_days": (self.state["last"][rows] - first) / DAY_S,
            "active_days": (last - first) / DAY_S,
        }

    def _lifted(self, person: Person, rows: np.ndarray) -> dict[str, np.ndarray]:
        found = {}
        for name, lifts in self._lifts.items():
            if person.facts.get(name) in self._groups[name]:
                found[f"by_{name}"] = lifts[self._groups[name].index(person.facts[name]), rows]
        return found


def learn_store(train: Ratings, side: Side, als=None, two_tower=None, progress=None) -> FeatureStore:
    """A feature store of some ratings, and of nothing else.

    Args:
        train: who rated what.
        side: content of the items and facts of the people.
        als, two_tower: the models, where they have learned these ratings already; None to teach them now.
        progress: called with (done, total, what).
    """
    als = als or create("als").fit(train, side, progress)
    two_tower = two_tower or create("two-tower").fit(train, side, progress)
    return FeatureStore(side, als, two_tower, learned_tables(train, side))


def learned_tables(train: Ratings, side: Side) -> dict[str, np.ndarray]:
    """The tables that a `FeatureStore` looks up, by name; `weights` (n, n) is the ensemble's autoencoder.

    Args:
        train: who rated what.
        side: content of the items and facts of the people.
    """
    counts = train.counts()
    state: dict[str, np.ndarray] = {"counts": counts, "newest": np.array(train.times.max(initial=0))}
    if train.n_items <= LARGEST:
        state["weights"] = create("ensemble").fit(train, side).state()["weights"].astype(np.float32)
    mean = train.values.mean() if len(train) else 0.0
    sums = np.bincount(train.items, train.values - mean, minlength=train.n_items)
    state["esteem"] = sums / (counts + ESTEEM_PRIOR)
    state["categories"] = counts @ side.categories / max(len(train), 1)
    values, year_of, _ = _year_tables(side.years)
    rated_years = year_of[train.items]
    dated = np.bincount(rated_years[rated_years >= 0], minlength=len(values))
    state["years"] = dated / max(dated.sum(), 1)
    return state | _moments(train) | _lifts(train, side)


def _moments(train: Ratings) -> dict[str, np.ndarray]:
    """When items were rated: `edges` of the periods, `periods` (n, b), `first` and `last` (n,), NaN for never."""
    n, empty = train.n_items, np.empty(0)
    if not len(train) or np.ptp(train.times) < MIN_SPAN_S:
        return {"edges": empty, "periods": np.zeros((n, 1)), "first": np.full(n, np.nan), "last": np.full(n, np.nan)}
    begin, end = int(train.times.min()), int(train.times.max())
    bands = int(np.clip(np.ceil((end - begin) / PERIOD_S), 2, PERIODS))
    edges = np.linspace(begin, end, bands + 1)[1:-1]
    table = np.zeros((n, bands))
    np.add.at(table, (train.items, np.searchsorted(edges, train.times, side="right")), 1)
    share = np.maximum(table.sum(axis=0), 0.5) / table.sum()  # nobody rated anything there: no item has its season
    usual = table.sum(axis=1, keepdims=True) * share
    first, last = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(first, train.items, train.times)
    np.maximum.at(last, train.items, train.times)
    return {
        "edges": edges,
        # Prior ratings spread as all are; an item that is seldom rated has no seasons.
        "periods": np.log((table + PERIOD_PRIOR * share) / (usual + PERIOD_PRIOR * share)),
        "first": np.where(np.isfinite(first), first, np.nan),
        "last": np.where(np.isfinite(last), last, np.nan),
    }


def _lifts(train: Ratings, side: Side) -> dict[str, np.ndarray]:
    """By signal `lift.NAME` (groups, n), log of how much likelier a group rates an item, and `groups.NAME`."""
    share = (train.counts() + 0.5) / (train.counts() + 0.5).sum()
    coded = {
        name: (codes.reindex(train.people, fill_value=-1).to_numpy()[train.users], groups)
        for name, (codes, groups) in demographics(side.users).items()
    }
    offsets = utc_offsets(side.users, train.people)[train.users]
    timed = ~np.isnan(offsets)
    if timed.any() and np.ptp(train.times) >= MIN_SPAN_S:
        for name, (codes, groups) in contexts(train.times, np.where(timed, offsets, 0)).items():
            coded[name] = np.where(timed, codes, -1), groups
    found = {}
    for name, (codes, groups) in coded.items():
        table = np.zeros((len(groups), train.n_items))
        np.add.at(table, (codes[codes >= 0], train.items[codes >= 0]), 1)
        shrunk = (table + LIFT_PRIOR * share) / (table.sum(axis=1, keepdims=True) + LIFT_PRIOR)
        found |= {f"lift.{name}": np.log(shrunk / share), f"groups.{name}": np.array(groups, dtype=np.str_)}
    return found


class _Standard:
    """Dot products in standard deviations from their mean over the rated items, known from the vectors' moments."""

    def __init__(self, vectors: np.ndarray, rated: np.ndarray) -> None:
        self.vectors, self._vectors = vectors, vectors.astype(np.float64)
        among = self._vectors[rated] if rated.any() else np.zeros((1, vectors.shape[1]))
        self._mean, self._covariance = among.mean(axis=0), np.cov(among, rowvar=False, bias=True)

    def scores(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        deviation = np.sqrt(max(float(query @ np.atleast_2d(self._covariance) @ query), 0.0))
        if deviation < 1e-9:
            return np.full(len(rows), np.nan)
        return (_dots(self._vectors[rows], query) - float(self._mean @ query)) / deviation


def _dots(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Dot products that depend on their own row alone, which a matrix product's last bits do not: (n,) float64."""
    return (vectors * query).sum(axis=1)


def _grid(vectors: np.ndarray) -> np.ndarray:
    """Vectors at unit length in whole numbers of 1/GRID: (..., d) float32, zeros where there is none."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros(vectors.shape), where=lengths > 0)
    return np.trunc(unit * GRID).astype(np.float32)  # towards 0, so that no length exceeds GRID


def _year_tables(years: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct years (y,), each item's place among them (n,), -1 for unknown, and how near two years are (y, y)."""
    known = np.isfinite(years)
    values = np.unique(years[known]) if known.any() else np.zeros(1)
    place = np.where(known, np.searchsorted(values, np.where(known, years, values[0])), -1)
    return values, place, np.exp(-np.abs(values[:, None] - values) / YEARS_NEAR)


def _told(side: Side) -> tuple[dict[str, dict[str, str]], dict[str, float]]:
    """Facts by person, group by signal; and each one's hours from UTC."""
    if side.users is None:
        return {}, {}
    facts: dict[str, dict[str, str]] = {person: {} for person in side.users.index}
    for name, (codes, groups) in demographics(side.users).items():
        for person, code in codes.items():
            if code >= 0:
                facts[person][name] = groups[code]
    people = side.users.index.to_numpy()
    return facts, dict(zip(people, utc_offsets(side.users, people), strict=True))
