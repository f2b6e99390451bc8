"""The ensemble: a linear autoencoder that sees more evidence than ratings, and two plain affinities beside it.

    score = z(autoencoder) + a z(categories) + b z(facts)        z: mean 0, deviation 1 over a person's candidates

*Autoencoder.* EDLAE (`recsys.models.linear`) learns from X'X, how often two items were rated by one person. Rows of any
kind can be added to X before that: each row is a set of items that belong together, with a weight,

    M = X'X + sum over kinds of weight * R'R
    P = (M + lam I + dropout / (1 - dropout) diag M)^-1;   W_ij = -P_ij / P_jj

and here are those that helped on validation: items that one person rated within seconds of each other (`sitting`) and
within ten ratings (`stretch`); what one person liked (`likes`) and what not (`others`); items of one category
(`categories`), of one time (`years`), and first rated in the same weeks (`first`).

*Categories.* Sum over an item's categories of (share of the history in it - its share of all ratings).

*Facts.* Sum over somebody's age band, gender, occupation and region of how much likelier its people rate the item,
log((N_gi + K q_i) / (N_g + K)) - log q_i, q_i being the item's share of all ratings.

Somebody without a history gets popularity and facts.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from recsys.demographics import demographics
from recsys.models.neighbours import DAY_S, cooccurrence
from recsys.models.references import popularity
from recsys.models.side import Side
from recsys.ratings import Ratings

PAUSE_S = 5
"""A sitting ends where somebody rates nothing for so many seconds."""
STRETCH = 10
YEAR_BANDS = 15
WEEKS = 3
"""Items first rated within so many weeks belong together."""
PSEUDO_RATINGS = 5000.0


class Ensemble:
    """See the module's text.

    Args:
        lam, dropout: of EDLAE.
        sitting, stretch, likes, others, categories, years, first: weights of the kinds of rows; 0 leaves one out.
        by_categories, by_facts: weights of the affinities, a and b.
    """

    name = "ensemble"

    def __init__(
        self,
        lam: float = 500.0,
        dropout: float = 0.75,
        sitting: float = 1.0,
        stretch: float = 1.0,
        likes: float = 0.6,
        others: float = 0.3,
        categories: float = 8.0,
        years: float = 4.0,
        first: float = 4.0,
        by_categories: float = 0.3,
        by_facts: float = 0.3,
    ) -> None:
        self.settings: dict[str, Any] = {
            "lam": lam,
            "dropout": dropout,
            "sitting": sitting,
            "stretch": stretch,
            "likes": likes,
            "others": others,
            "categories": categories,
            "years": years,
            "first": first,
            "by_categories": by_categories,
            "by_facts": by_facts,
        }

    def fit(self, train: Ratings, side: Side, progress=None) -> "Ensemble":
        """See `Model`."""
        own = self.settings
        matrix = cooccurrence(train)
        rated = train.counts() > 0
        for kind, rows in (
            ("sitting", lambda: [_sets(_sittings(train), train)]),
            ("stretch", lambda: [_sets(_stretches(train, offset), train) / np.sqrt(2) for offset in (0, STRETCH // 2)]),
            ("likes", lambda: [_sets(train.users, train.part(train.liked), train.liked)]),
            ("others", lambda: [_sets(train.users, train.part(~train.liked), ~train.liked)]),
            ("categories", lambda: [side.categories.T * rated]),
            ("years", lambda: [_year_rows(side.years) * rated]),
            ("first", lambda: [_first_rows(train) * rated]),
        ):
            for table in rows() if own[kind] else ():
                gram = table.T.astype(np.float64) @ table.astype(np.float64)
                matrix += own[kind] * np.asarray(gram.todense() if hasattr(gram, "todense") else gram)
        diagonal = np.arange(len(matrix))
        matrix[diagonal, diagonal] *= 1 + own["dropout"] / (1 - own["dropout"])
        matrix[diagonal, diagonal] += own["lam"]
        inverse = np.linalg.inv(matrix)
        weights = -inverse / np.diag(inverse)
        weights[diagonal, diagonal] = 0
        counts = train.counts() + 0.5
        state = {"weights": weights, "share": counts / counts.sum(), "popular": popularity(train), "rated": rated}
        state["overall"] = train.counts() @ side.categories / max(len(train), 1)
        for name, (codes, values) in demographics(side.users).items():
            code = codes.reindex(train.people, fill_value=-1).to_numpy()[train.users]
            table = np.zeros((len(values), train.n_items))
            np.add.at(table, (code[code >= 0], train.items[code >= 0]), 1)
            q = state["share"]
            shrunk = (table + PSEUDO_RATINGS * q) / (table.sum(axis=1, keepdims=True) + PSEUDO_RATINGS)
            state[f"lift.{name}"] = np.log(shrunk) - np.log(q)
        return self.restore(state, side)

    def scores(self, histories: Ratings) -> np.ndarray:
        """See `Model`."""
        seen = histories.matrix().astype(np.float64)
        sizes = np.asarray(seen.sum(axis=1))
        candidates = ~histories.seen() & self._state["rated"]
        popular = np.log(self._state["popular"] + 1e-3)
        main = np.where(sizes > 0, np.asarray(seen @ self._state["weights"]), popular)
        shares = np.asarray(seen @ self._categories) / np.maximum(sizes, 1)
        taste = np.where(sizes > 0, (shares - self._state["overall"]) @ self._categories.T, 0.0)
        facts = np.zeros(main.shape)
        known = demographics(self._users)
        for name in (name for name in known if f"lift.{name}" in self._state):
            codes = known[name][0].reindex(histories.people, fill_value=-1).to_numpy()
            facts += np.where((codes >= 0)[:, None], self._state[f"lift.{name}"][np.maximum(codes, 0)], 0.0)
        own = self.settings
        return (
            _standardised(main, candidates)
            + own["by_categories"] * _standardised(taste, candidates)
            + own["by_facts"] * _standardised(facts, candidates)
        )

    def state(self) -> dict[str, np.ndarray]:
        """See `Model`."""
        return self._state

    def restore(self, state: Mapping[str, np.ndarray], side: Side) -> "Ensemble":
        """See `Model`."""
        self._state, self._users = dict(state), side.users
        self._categories = side.categories.astype(np.float64)
        return self


def _sets(labels: np.ndarray, ratings: Ratings, chosen: np.ndarray | None = None) -> csr_matrix:
    """A row for each label, with a 1 for each item under it."""
    labels = labels if chosen is None else labels[chosen]
    _, rows = np.unique(labels, return_inverse=True)
    ones = np.ones(len(ratings))
    return csr_matrix((ones, (rows, ratings.items)), shape=(rows.max(initial=-1) + 1, ratings.n_items))


def _in_order(train: Ratings) -> np.ndarray:
    return np.lexsort((train.items, train.times, train.users))


def _sittings(train: Ratings) -> np.ndarray:
    """In which sitting each rating was given: (m,) int64."""
    order = _in_order(train)
    users, times = train.users[order], train.times[order]
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = (users[1:] != users[:-1]) | (np.diff(times) > PAUSE_S)
    label = np.empty(len(order), dtype=np.int64)
    label[order] = np.cumsum(begins)
    return label


def _stretches(train: Ratings, offset: int) -> np.ndarray:
    """In which stretch of ten of one person's ratings each was given: (m,) int64."""
    order = _in_order(train)
    counts = np.bincount(train.users, minlength=len(train.people))
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    label = np.empty(len(order), dtype=np.int64)
    label[order] = train.users[order] * (len(train) // STRETCH + 2) + (place + offset) // STRETCH
    return label


def _year_rows(years: np.ndarray) -> np.ndarray:
    """Items of one time, as many in each band: (bands, n) bool; an unknown year is in none."""
    known = years[np.isfinite(years)]
    if not len(known):
        return np.zeros((1, len(years)), dtype=bool)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, YEAR_BANDS + 1)[1:-1]))
    band = np.where(np.isfinite(years), np.searchsorted(edges, years, side="right"), -1)
    return band == np.arange(len(edges) + 1)[:, None]


def _first_rows(train: Ratings) -> np.ndarray:
    """Items first rated within the same weeks: (bands, n) bool."""
    first = np.full(train.n_items, np.iinfo(np.int64).max)
    np.minimum.at(first, train.items, train.times)
    band = (first - train.times.min(initial=np.iinfo(np.int64).max)) // (WEEKS * 7 * DAY_S)
    bands = np.unique(band[train.counts() > 0])
    return band == bands[:, None]


def _standardised(scores: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Mean 0 and deviation 1 over each person's candidates; zeros where they are all alike: (P, n)."""
    n = np.maximum(candidates.sum(axis=1, keepdims=True), 1)
    centred = scores - np.where(candidates, scores, 0).sum(axis=1, keepdims=True) / n
    deviation = np.sqrt((np.where(candidates, centred, 0) ** 2).sum(axis=1, keepdims=True) / n)
    return np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-9)
