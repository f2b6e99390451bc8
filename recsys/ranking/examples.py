"""Examples: lists as a tower retrieves them, with what each person was found to rate later on.

The ratings that make the labels are in nothing that the features come from: neither in a history nor in a model, a
table or a count. Who splits them off is `recsys.evaluation.ranking`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recsys.ranking.features import FEATURES, FeatureStore, Person
from recsys.ratings import DISLIKE, Ratings

FEW = (1, 2, 3, 5, 10, 20)
"""How many ratings a visitor has given."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Lists to learn from, one after the other.

    Attributes:
        features: (r, f) float64, see `recsys.ranking.features`.
        labels: (r,) bool, whether the person rated the item.
        sizes: (g,) int64, rows of each list; each has a row that was rated and one that was not.
    """

    features: np.ndarray
    labels: np.ndarray
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.sizes)

    def plus(self, other: "Examples") -> "Examples":
        """These lists and then the others."""
        return Examples(
            np.concatenate([self.features, other.features]),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.sizes, other.sizes]),
        )


def retrieved(store: FeatureStore, tower: str, person: Person, allowed: np.ndarray, n: int) -> np.ndarray:
    """The rows that a tower retrieves, best first, at most n; none where it knows nothing of the person.

    Args:
        store: holds the towers.
        tower: `als`, `two_tower` or `content`.
        person: who.
        allowed: (n_items,) bool, what may be retrieved.
        n: how many.
    """
    query = store.query(tower, person)
    if query is None:
        return np.empty(0, dtype=np.int64)
    scores = np.where(allowed, store.vectors(tower) @ query, -np.inf)
    best = np.argsort(-scores, kind="stable")[:n]
    return best[np.isfinite(scores[best])]


def examples(
    store: FeatureStore,
    train: Ratings,
    held: Ratings,
    towers: tuple[str, ...] = ("als", "two_tower"),
    candidates: int = 200,
    visitors: float = 0.5,
    seed: int = 0,
) -> Examples:
    """Lists for everybody of whom ratings were held back.

    Args:
        store: made from `train` alone.
        train: what the towers learned from.
        held: ratings of the same people, in the same order, that nothing learned from: the labels.
        towers: whose lists; an item on several stands once.
        candidates: how many items each retrieves.
        visitors: share of the people who come a second time, as visitors do: with a few ratings, without moments and,
            every other time, without facts. What else they have in `train` is on no list: the models know of it.
        seed: who that is, and what they tell.
    """
    draw = np.random.default_rng(seed)
    rated, wanted, known = train.seen(), held.seen(), train.counts() > 0
    tables, labels, sizes = [], [], []
    for place in range(len(train.people)):
        own = train.of(np.array([place]))
        again, nameless = draw.random() < visitors, draw.random() < 0.5
        few, order = draw.choice(FEW), draw.permutation(len(own))
        if not wanted[place].any():
            continue
        allowed = known & ~rated[place]
        people = [store.known(own)]
        if again and len(own) > few:
            people.append(_visitor(own.part(order[:few]), {} if nameless else store.facts(own.people[0], 0)))
        for person in people:
            lists = [retrieved(store, tower, person, allowed, candidates) for tower in towers]
            rows = np.unique(np.concatenate(lists))
            label = wanted[place, rows]
            if label.any() and not label.all():
                tables.append(store.features(person, rows))
                labels.append(label)
                sizes.append(len(rows))
    none = np.empty((0, len(FEATURES)))
    return Examples(
        np.concatenate([none, *tables]),
        np.concatenate([np.empty(0, dtype=bool), *labels]),
        np.array(sizes, dtype=np.int64),
    )


def _visitor(told: Ratings, facts: Mapping[str, str]) -> Person:
    """Somebody who likes some items here and dislikes others; nobody says of an item that it was neither."""
    disliked = told.values <= DISLIKE
    return Person(told.items[~disliked], told.items[~disliked], told.items[disliked], facts=facts)
