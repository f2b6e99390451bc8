"""Priors: what the real users tell about a newcomer before they have liked anything.

The global prior of an item is the share of people who like it (a rating of 4 or more): p(i) = likes of i / people.
A group of people pulls it its own way, and less so the fewer they are:

    p_g(i) = (likes of i in g + K p(i)) / (people in g + K)

which is the mean of a Beta posterior whose prior is worth K people (Gelman et al., Bayesian Data Analysis, 3rd ed.,
2.1 and 2.4). A group of nobody says p(i), exactly. The time of day and the weekend do the same over likes instead of
people: p(i) is then the item's share of all likes whose local time can be estimated, and K counts likes.
Signals are combined as if they were independent given the item (naive Bayes):

    log s(i) = log p(i) + sum over the given signals of log(p_g(i) / p(i))

K was chosen on validation users (`strengths`, seed 0: 566 people train, 189 validate) by the cross-entropy of their
likes under s, in bits a like, lower is better:

    age, gender, occupation and region together: without 9.184; with K = 30 9.311, 100 9.171, 300 9.146, 1000 9.162
    time and weekend together: without 9.3035; with K = 3000 9.364, 10,000 9.323, 30,000 9.307, 100,000 9.3034

So demographics help a little. The context helps by nothing that could be measured: likes come in sittings of one
person each, and what looks like the taste of an hour is the taste of whoever sat there. Its K says so, and its lifts
are small.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from recsys.demographics import (
    UTC_OFFSETS,
    contexts,
    demographics,
    utc_offsets,
)
from recsys.errors import InvalidInput, quoted
from recsys.ratings import read_ratings, split_people
from recsys.version import Version

PSEUDO_USERS = 300.0
"""K of age, gender, occupation and region: how many people the global prior is worth."""
PSEUDO_LIKES = 100_000.0
"""K of time and weekend: how many likes the global prior is worth."""

ESTIMATED = (
    "Local time is estimated from each person's region, in standard time, and it is the time of rating, "
    "not of watching. People without a region, or in Canada, are left out."
)
NO_DATA = "Device and country have no data behind them: MovieLens recorded neither, so they compute nothing here."


@dataclass(frozen=True, eq=False)
class Prior:
    """What the given signals say about each item.

    Attributes:
        scores: (n,) float64 in [0, 1], s divided by its maximum; 0 where nobody likes the item.
        lifts: by signal, (n,) float64: log2(p_g / p), in bits; 1 = twice as likely as for anybody, 0 = no effect.
        counts: by signal, how many people (or, for time and weekend, likes) it was learned from.
    """

    scores: np.ndarray
    lifts: dict[str, np.ndarray]
    counts: dict[str, int]


@dataclass(frozen=True, eq=False)
class Group:
    """One value of a signal: what it was learned from and what it does.

    Attributes:
        count: how many people or likes have the value.
        lift: (n,) float64, log2(p_g / p).
    """

    count: int
    lift: np.ndarray


@dataclass(frozen=True, eq=False)
class Priors:
    """The priors of a catalog's people; see the module's text for the formulas.

    Attributes:
        people: how many people they were learned from.
        base: (n,) float64 in [0, 1], the global prior: the share of people who like each item.
        tables: by signal and value, what that group does. Signals without any data are absent.
    """

    people: int
    base: np.ndarray
    tables: dict[str, dict[str, Group]]

    def groups(self) -> dict[str, dict[str, int]]:
        """The values of each signal, with how many people (or likes) have them; values in their natural order."""
        return {signal: {value: group.count for value, group in table.items()} for signal, table in self.tables.items()}

    def prior(self, given: Mapping[str, str] | None = None) -> Prior:
        """What the given signals say; none of them leaves the global prior.

        Args:
            given: a value by signal, such as `{"age": "25-34", "weekend": "yes"}`.

        Raises:
            InvalidInput: a signal or value that is not known, naming those that are.
        """
        chosen = {signal: self._group(signal, value) for signal, value in (given or {}).items()}
        # Lifts are bounded by the logarithm of (people + K) / K, so that nothing overflows here.
        weights = self.base * np.exp2(sum((group.lift for group in chosen.values()), np.zeros(len(self.base))))
        return Prior(
            scores=weights / max(weights.max(initial=0.0), np.finfo(float).tiny),
            lifts={signal: group.lift for signal, group in chosen.items()},
            counts={signal: group.count for signal, group in chosen.items()},
        )

    def _group(self, signal: str, value: str) -> Group:
        if signal not in self.tables:
            raise InvalidInput(
                f"There is no signal {quoted(signal)} to learn from.",
                f"There is: {', '.join(self.tables)}." if self.tables else NO_DATA,
            )
        table = self.tables[signal]
        if value not in table:
            raise InvalidInput(f"Nobody's {signal} is {quoted(value)}.", f"It can be: {', '.join(table)}.")
        return table[value]


def learn_priors(
    version: Version,
    without: Collection[str] = (),
    pseudo_users: float = PSEUDO_USERS,
    pseudo_likes: float = PSEUDO_LIKES,
) -> Priors:
    """Learns the priors from a catalog's people.

    Args:
        version: the built catalog.
        without: ids of people whose ratings must not enter; the others are all that is counted.
        pseudo_users: K of the demographics, above 0.
        pseudo_likes: K of the context, above 0.

    Raises:
        InvalidInput: the catalog has no interactions.
    """
    ratings = read_ratings(version.catalog, without)
    known = demographics(version.catalog.users)
    n_people, liked = len(ratings.people), ratings.liked
    users, items = ratings.users[liked], ratings.items[liked]
    base = np.bincount(items, minlength=ratings.n_items) / max(n_people, 1)
    tables = {}
    for signal, (codes, values) in known.items():
        theirs = codes.reindex(ratings.people, fill_value=-1).to_numpy()
        counts = np.bincount(theirs[theirs >= 0], minlength=len(values))
        likes = _tally(theirs[users], items, len(values), ratings.n_items)
        tables[signal] = _groups(values, counts, likes, base, pseudo_users)
    offsets = utc_offsets(version.catalog.users, ratings.people)[ratings.users[liked]]
    timed = ~np.isnan(offsets)
    if timed.any():
        share = np.bincount(items[timed], minlength=ratings.n_items) / timed.sum()
        for signal, (codes, values) in contexts(ratings.times[liked][timed], offsets[timed]).items():
            likes = _tally(codes, items[timed], len(values), ratings.n_items)
            tables[signal] = _groups(values, likes.sum(axis=1), likes, share, pseudo_likes)
    return Priors(n_people, base, tables)


def context_of(time: int, region: str | None) -> dict[str, str]:
    """Time of day and weekend, estimated, of a moment in Unix seconds; empty where the region's hour is unknown."""
    if region not in UTC_OFFSETS:
        return {}
    found = contexts(np.array([time]), np.array([float(UTC_OFFSETS[region])]))
    return {signal: values[codes[0]] for signal, (codes, values) in found.items()}


def signals_of(version: Version, user_id: str) -> dict[str, str]:
    """What is known about one of the catalog's people, as `Priors.prior` takes it: age, gender, occupation, region.

    Raises:
        InvalidInput: nobody has that id.
    """
    users = version.catalog.users
    if users is None or user_id not in users.index:
        raise InvalidInput(f"The catalog {version.name} knows nobody called {quoted(user_id)}.")
    known = demographics(users.loc[[user_id]])
    return {signal: values[codes.iloc[0]] for signal, (codes, values) in known.items() if codes.iloc[0] >= 0}


def _tally(codes: np.ndarray, items: np.ndarray, n_values: int, n_items: int) -> np.ndarray:
    """How many likes each value gives each item: (n_values, n_items) int64; code -1 counts nowhere."""
    kept = codes >= 0
    return np.bincount(codes[kept] * n_items + items[kept], minlength=n_values * n_items).reshape(n_values, n_items)


def _groups(
    values: Iterable[str], counts: np.ndarray, likes: np.ndarray, base: np.ndarray, pseudo: float
) -> dict[str, Group]:
    """The groups of one signal.

    Args:
        values: the signal's V values.
        counts: (V,) int, people or likes of each.
        likes: (V, n) int, likes of each item among them.
        base: (n,) float64, the prior to shrink to.
        pseudo: K.
    """
    # The formula written as a step away from the prior, so that a group of nobody takes none, to the last bit.
    shrunk = base + (likes - counts[:, None] * base) / (counts[:, None] + pseudo)
    # Where nobody at all likes an item, no group does: no effect.
    lifts = np.log2(np.divide(shrunk, base, out=np.ones_like(shrunk), where=base > 0))
    return {value: Group(int(count), lift) for value, count, lift in zip(values, counts, lifts, strict=True)}


def strengths(
    version: Version,
    seed: int = 0,
    users: Iterable[float] = (1, 3, 10, 30, 100, 300, 1000, 3000),
    likes: Iterable[float] = (100, 300, 1000, 3000, 10_000, 30_000, 100_000),
) -> dict:
    """How well each K foretells the likes of validation users, by priors learned from training users alone.

    The measure is cross-entropy: the mean of -log2 s(i) over a user's likes, s scaled to sum up to 1 over the items,
    and then the mean over users; for the context, the mean over the likes of known local time. Items that no training
    user likes are left out.

    Returns:
        `pseudo_users` and `pseudo_likes`: lists of `{pseudo, bits}`; the first has `pseudo` None, no signal at all.

    Raises:
        InvalidInput: the catalog has no interactions or fewer than five people.
    """
    train, validation, test = split_people(version.catalog, seed)
    held = read_ratings(version.catalog, without=[*train, *test])
    liked = held.liked
    by_user = [
        (signals_of(version, person), held.items[liked & (held.users == user)])
        for user, person in enumerate(held.people)
    ]
    offsets = utc_offsets(version.catalog.users, held.people)[held.users[liked]]
    timed = ~np.isnan(offsets)
    moments = contexts(held.times[liked][timed], offsets[timed])
    at = [tuple(codes[i] for codes, _ in moments.values()) for i in range(timed.sum())]
    by_context = [
        (
            {signal: values[code] for (signal, (_, values)), code in zip(moments.items(), codes, strict=True)},
            held.items[liked][timed][[here == codes for here in at]],
        )
        for codes in sorted(set(at))
    ]

    def bits(cases: list[tuple[dict, np.ndarray]], a_like: bool, pseudo: float | None) -> float:
        """The measure; without a K no signal is given."""
        priors = learn_priors(version, [*validation, *test], pseudo or PSEUDO_USERS, pseudo or PSEUDO_LIKES)
        means, sizes = [], []
        for given, items in cases:
            scores = priors.prior(given if pseudo is not None else None).scores
            known = items[scores[items] > 0]
            if len(known):
                means.append(-np.log2(scores[known] / scores.sum()).mean())
                sizes.append(len(known))
        return round(float(np.average(means, weights=sizes if a_like else None)), 4)

    return {
        "pseudo_users": [{"pseudo": k, "bits": bits(by_user, False, k)} for k in (None, *users)],
        "pseudo_likes": [{"pseudo": k, "bits": bits(by_context, True, k)} for k in (None, *likes)],
    }
