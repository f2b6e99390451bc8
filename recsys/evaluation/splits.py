"""Splits: what models may learn from, what is known of the people they are asked about, and what is to be found.

    ms-75-25        the published one of Microsoft Recommenders' benchmark: of each item 75 in 100 ratings train
    chronological   of each person the first 80 in 100 ratings by time train
    cold-users      20 in 100 people are set aside; m of their ratings are revealed, a fixed part of them is to be found
    cold-items      20 in 100 items are set aside with all their ratings

Every rating counts as a sign that somebody wants an item, whatever its value.
"""

from dataclasses import dataclass, replace

import numpy as np

from recsys.ratings import Ratings

TRAIN_SHARE = 0.75
PUBLISHED_SEED = 42
LAST_SHARE = 0.2
COLD_SHARE = 0.2
QUERY_SHARE = 1 / 3
MIN_QUERY = 5
REVEALED = (0, 1, 2, 3, 5, 10, 20)
"""The m of cold-users: how many ratings of somebody new are revealed."""


@dataclass(frozen=True, eq=False)
class Task:
    """One question put to models.

    Attributes:
        train: what they learn from.
        histories: who is asked about, and what is known of each.
        test: what is to be found, of the same people in the same order.
        candidates: (P, n) bool, what a list may hold.
        known: whether the histories are what the people have in `train`, so that a vector learned there is theirs.
    """

    train: Ratings
    histories: Ratings
    test: Ratings
    candidates: np.ndarray
    known: bool = True


def by_item(ratings: Ratings, seed: int = PUBLISHED_SEED) -> Task:
    """The item-wise split: one random number a rating in stored order, sorted by (item, number), cut at 75 in 100.

    Of an item with c ratings the first round(0.75 c) train, halves rounded to even. With seed 42 over MovieLens 100K in
    file order it is the split of the published benchmark. Items without training data are no candidates, nor is what
    somebody has in the training data.
    """
    place = _ranks(ratings.items, np.random.RandomState(seed).rand(len(ratings)))
    return _known(ratings, place < np.round(TRAIN_SHARE * ratings.counts())[ratings.items])


def chronological(ratings: Ratings, share: float = LAST_SHARE) -> Task:
    """Of each person's c ratings the last floor(share * c) by time test; of equal times, the higher row is later."""
    counts = np.bincount(ratings.users, minlength=len(ratings.people))
    place = _ranks(ratings.users, ratings.times, ratings.items)
    return _known(ratings, place < (counts - np.floor(share * counts))[ratings.users])


def _known(ratings: Ratings, trains: np.ndarray) -> Task:
    train = ratings.part(trains)
    return Task(train, train, ratings.part(~trains), ~train.seen() & (train.counts() > 0))


@dataclass(frozen=True, eq=False)
class ColdUsers:
    """People whom no model has seen, and what is revealed of them step by step.

    Attributes:
        train: the ratings of everybody else.
        others: the ratings of the people set aside that may be revealed.
        test: the ratings of theirs that are to be found: a third, at least five.
        candidates: (P, n) bool: all items but `others`, the same however much is revealed.
        by_time, at_random: (m,) int, the place of each of `others` in its person's order of revelation, from 0.
    """

    train: Ratings
    others: Ratings
    test: Ratings
    candidates: np.ndarray
    by_time: np.ndarray
    at_random: np.ndarray

    def revealing(self, m: int, order: str = "random") -> Task:
        """The task when m ratings of each are revealed, `random` or `chronological`; who has fewer shows them all."""
        place = {"random": self.at_random, "chronological": self.by_time}[order]
        return Task(self.train, self.others.part(place < m), self.test, self.candidates, known=False)


def cold_users(ratings: Ratings, seed: int) -> ColdUsers:
    """Sets aside a fifth of the people and, of each, a third of the ratings to be found."""
    draw = np.random.default_rng(seed)
    # By id and not by position, so that the order of the table does not choose.
    people = np.argsort(ratings.people.astype(str), kind="stable")
    cold = np.sort(draw.permutation(people)[: round(COLD_SHARE * len(people))])
    warm = np.setdiff1d(people, cold)
    own = ratings.of(cold)
    rank = _ranks(own.users, draw.random(len(own)))
    counts = np.bincount(own.users, minlength=len(cold))
    queried = rank < np.minimum(np.maximum(np.round(QUERY_SHARE * counts), MIN_QUERY), counts)[own.users]
    train, others, test = ratings.of(warm), own.part(~queried), own.part(queried)
    return ColdUsers(
        train,
        others,
        test,
        ~others.seen() & (train.counts() > 0),
        by_time=_ranks(others.users, others.times, others.items),
        at_random=_ranks(others.users, draw.random(len(others))),
    )


def _ranks(groups: np.ndarray, *keys: np.ndarray) -> np.ndarray:
    """The place of each entry within its group when that is sorted by the keys, the first one first: (m,) int64."""
    order = np.lexsort((*keys[::-1], groups))
    counts = np.bincount(groups, minlength=groups.max(initial=-1) + 1)
    place = np.empty(len(groups), dtype=np.int64)
    place[order] = np.arange(len(groups)) - np.repeat(np.cumsum(counts) - counts, counts)
    return place


@dataclass(frozen=True, eq=False)
class ColdItems:
    """Items that no model has seen a rating of.

    Attributes:
        task: learns from three quarters of the ratings of old items; to be found are the others and all ratings of new
            items, where new and old ones compete.
        new: (n,) bool, the items set aside.
    """

    task: Task
    new: np.ndarray


def cold_items(ratings: Ratings, item_ids: np.ndarray, seed: int) -> ColdItems:
    """Sets aside a fifth of the rated items."""
    draw = np.random.default_rng(seed)
    rated = np.flatnonzero(ratings.counts())
    rated = rated[np.argsort(item_ids[rated].astype(str), kind="stable")]
    new = np.zeros(ratings.n_items, dtype=bool)
    new[draw.permutation(rated)[: round(COLD_SHARE * len(rated))]] = True
    rank = _ranks(ratings.users, draw.random(len(ratings)))
    counts = np.bincount(ratings.users, minlength=len(ratings.people))
    trains = ~new[ratings.items] & (rank < np.round(TRAIN_SHARE * counts)[ratings.users])
    task = _known(ratings, trains)
    candidates = ~task.train.seen() & ((task.train.counts() > 0) | new)
    return ColdItems(replace(task, candidates=candidates), new)
