"""Examples: no label is in what its features come from, and lists are what towers retrieve."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from ranking_people import Space

from recsys.models import Side
from recsys.ranking.examples import examples, retrieved
from recsys.ranking.features import FEATURES, FeatureStore, Person, learned_tables
from recsys.ratings import Ratings

N, PEOPLE = 40, 30
START = 880_000_000


@pytest.fixture(scope="module")
def crowd():
    """Thirty people with twelve ratings each of forty items: what may be learned from, and four each held back."""
    rng = np.random.default_rng(0)
    items = np.concatenate([rng.permutation(N)[:16] for _ in range(PEOPLE)])
    users = np.repeat(np.arange(PEOPLE), 16)
    people = np.array([f"p{j}" for j in range(PEOPLE)], dtype=object)
    values, times = rng.integers(1, 6, len(items)).astype(float), START + rng.integers(10**7, size=len(items))
    everything = Ratings(people, N, users, items, values, times)
    held = np.tile(np.arange(16) >= 12, PEOPLE)
    return everything.part(~held), everything.part(held)


@pytest.fixture(scope="module")
def side():
    rng = np.random.default_rng(1)
    content = rng.normal(size=(N, 6)).astype(np.float32)
    content /= np.linalg.norm(content, axis=1, keepdims=True)
    links = np.empty(N, dtype=object)
    links[:] = [()] * N
    users = pd.DataFrame({"gender": "F"}, index=pd.Index([f"p{j}" for j in range(PEOPLE)], name="user_id"))
    ids = np.array([f"i{j}" for j in range(N)], dtype=object)
    return Side(ids, content, content[:, :2] > 0, 1950.0 + np.arange(N), links, users)


def store(train, side) -> FeatureStore:
    rng = np.random.default_rng(2)
    return FeatureStore(
        side, Space(rng.normal(size=(N, 4))), Space(rng.normal(size=(N, 4))), learned_tables(train, side)
    )


def test_lists_are_what_the_towers_retrieve(crowd, side):
    train, held = crowd
    own = store(train, side)
    found = examples(own, train, held, candidates=10, visitors=0.0)
    rated, wanted = train.seen(), held.seen()
    known = train.counts() > 0
    at = 0
    for place in range(PEOPLE):
        person = own.known(train.of(np.array([place])))
        allowed = known & ~rated[place]
        lists = [retrieved(own, tower, person, allowed, 10) for tower in ("als", "two_tower")]
        rows = np.unique(np.concatenate(lists))
        assert len(lists[0]) == 10 and not rated[place, rows].any()
        label = wanted[place, rows]
        if label.any():
            np.testing.assert_array_equal(found.features[at : at + len(rows)], own.features(person, rows))
            np.testing.assert_array_equal(found.labels[at : at + len(rows)], label)
            at += len(rows)
    assert at == len(found.labels) == found.sizes.sum() and len(found) > 20


def test_nothing_that_was_held_back_enters(crowd, side):
    """Other values and moments, and half as many labels: not a bit of a feature changes, only labels do."""
    train, held = crowd
    poisoned = replace(held, values=np.full(len(held), 1.0), times=np.full(len(held), 999_999_999))
    one, other = (
        examples(store(train, side), train, told, candidates=N, visitors=0.5, seed=3) for told in (held, poisoned)
    )
    np.testing.assert_array_equal(one.features, other.features)
    np.testing.assert_array_equal(one.labels, other.labels)
    fewer = examples(store(train, side), train, held.part(np.arange(len(held)) % 4 == 0), candidates=N, seed=3)
    whole = examples(store(train, side), train, held, candidates=N, seed=3)
    np.testing.assert_array_equal(fewer.features, whole.features)
    assert 0 < fewer.labels.sum() < whole.labels.sum()


def test_visitors_come_a_second_time_and_are_strangers(crowd, side):
    """Everybody comes twice; a visitor has few ratings, no moments, and no list shows what else they rated."""
    train, held = crowd
    own = store(train, side)
    once, twice = (examples(own, train, held, candidates=N, visitors=share, seed=1) for share in (0.0, 1.0))
    assert len(once) < len(twice) <= 2 * len(once)
    # All 40 items are known, 12 of them the person's own: 28 are left, however short the history.
    assert set(twice.sizes) == {N - 12}
    first = dict(zip(FEATURES, twice.features[np.cumsum(twice.sizes) - 1].T, strict=True))
    stranger = np.isnan(first["active_days"])
    assert stranger.sum() == len(twice) - len(once)
    assert np.expm1(first["history"][stranger]).max() < 10.5 and (np.expm1(first["history"][~stranger]) > 11).all()
    assert 0 < np.isnan(first["by_gender"][stranger]).sum() < stranger.sum()  # of some the facts are known
    assert np.isfinite(first["by_gender"][~stranger]).all()


def test_the_same_seed_draws_the_same_visitors(crowd, side):
    train, held = crowd
    one, again, other = (examples(store(train, side), train, held, visitors=0.5, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.features, again.features)
    assert one.features.shape != other.features.shape or (one.labels != other.labels).any()


def test_a_tower_that_knows_nothing_retrieves_nothing(crowd, side):
    own, nobody = store(crowd[0], side), Person([], [], [])
    for tower in ("als", "two_tower", "content"):
        assert len(retrieved(own, tower, nobody, np.ones(N, dtype=bool), 5)) == 0


def test_nobody_to_learn_from(crowd, side):
    train, held = crowd
    none = examples(store(train, side), train, held.part(np.zeros(len(held), dtype=bool)))
    assert len(none) == 0 and none.features.shape == (0, len(FEATURES)) and none.plus(none).labels.shape == (0,)
