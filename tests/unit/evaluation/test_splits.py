"""Splits: the published one by its own recipe, the others by what they promise."""

import numpy as np
import pytest

from recsys.evaluation.splits import by_item, chronological, cold_items, cold_users
from recsys.ratings import Ratings


def table(people: int = 40, items: int = 30, each: int = 24, seed: int = 0) -> Ratings:
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.permutation(items)[:each] for _ in range(people)])
    users = np.repeat(np.arange(people), each)
    order = rng.permutation(len(rows))
    return Ratings(
        np.array([f"p{j:02}" for j in range(people)], dtype=object),
        items,
        users[order],
        rows[order],
        rng.integers(1, 6, len(rows)).astype(float),
        rng.integers(1, 10**6, len(rows)),
    )


def pairs(ratings: Ratings) -> set[tuple[str, int]]:
    return set(zip(ratings.people[ratings.users], ratings.items.tolist(), strict=True))


def test_by_item_is_the_published_recipe():
    """np.random.seed(42), a number a rating in file order, sorted by (item, number), np.round(0.75 * count) train."""
    ratings = table()
    np.random.seed(42)
    numbers = np.random.rand(len(ratings))
    train = set()
    for item in range(ratings.n_items):
        own = np.flatnonzero(ratings.items == item)
        own = own[np.argsort(numbers[own])]
        train |= {(ratings.people[ratings.users[r]], item) for r in own[: int(np.round(0.75 * len(own)))]}
    task = by_item(ratings)
    assert pairs(task.train) == train
    assert pairs(task.train) | pairs(task.test) == pairs(ratings) and not pairs(task.train) & pairs(task.test)


def test_seen_items_and_items_without_training_data_are_no_candidates():
    ratings = table()
    task = by_item(ratings)
    assert not (task.candidates & task.train.seen()).any()
    alone = ratings.part(ratings.items != 0)
    assert not by_item(alone).candidates[:, 0].any()


def test_chronological_tests_on_what_came_last():
    ratings = table()
    task = chronological(ratings)
    for person in range(len(ratings.people)):
        before, after = (part.times[part.users == person] for part in (task.train, task.test))
        assert len(after) == 4 and before.max() <= after.min()  # a fifth of 24, rounded down


def test_cold_users_are_strangers_and_what_is_revealed_is_nested():
    ratings = table()
    split = cold_users(ratings, seed=3)
    assert len(split.test.people) == 8 and not set(split.test.people) & set(split.train.people)
    assert not pairs(split.others) & pairs(split.test)
    assert (np.bincount(split.test.users) == 8).all()  # a third of 24
    for order in ("random", "chronological"):
        shown = [pairs(split.revealing(m, order).histories) for m in (0, 1, 5, 20)]
        assert [len(s) for s in shown] == [0, 8, 40, 8 * 16]
        assert all(few <= many for few, many in zip(shown, shown[1:], strict=False))
    first = split.revealing(1, "chronological").histories
    for person in range(8):
        own = split.others.times[split.others.users == person]
        assert first.times[first.users == person] == own.min()
    assert not (split.candidates & split.others.seen()).any()


def test_cold_items_are_unheard_of():
    ratings = table()
    split = cold_items(ratings, np.array([f"i{j}" for j in range(30)], dtype=object), seed=1)
    assert split.new.sum() == 6
    assert not split.new[split.task.train.items].any()
    test = split.task.test
    assert split.new[test.items].sum() == split.new[ratings.items].sum()
    assert split.task.candidates[:, split.new].all()


@pytest.mark.parametrize("split", [lambda r: cold_users(r, 0).test, lambda r: cold_items(r, IDS, 0).task.test])
def test_the_order_of_the_table_chooses_nobody(split):
    """Which people and items are set aside depends on ids and seed alone."""
    ratings = table()
    reordered = ratings.part(np.random.default_rng(9).permutation(len(ratings)))
    assert set(split(ratings).people) == set(split(reordered).people)


IDS = np.array([f"i{j}" for j in range(30)], dtype=object)
