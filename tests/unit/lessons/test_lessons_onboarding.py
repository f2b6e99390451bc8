"""Onboarding: each strategy by hand or against a brute force, and the comparison on people who were held out."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lesson_people import ITEMS, TEXT, many, ratings

from recsys.errors import InvalidInput
from recsys.lessons import onboarding
from recsys.lessons.onboarding import (
    DEFAULT_STRATEGY,
    STRATEGIES,
    ask,
    choose,
    compare,
    cover,
    log_pop_entropy,
    medoids,
    strategies,
)
from recsys.ratings import read_ratings, split_people

RAISED = ratings(
    *((f"u{i}", "cat", r) for i, r in enumerate([5, 5, 5, 5])),
    *((f"u{i}", "dog", r) for i, r in enumerate([1, 5, 1, 5])),
    *((f"u{i}", "chair", r) for i, r in enumerate([1, 2])),
)


def ids(rows: np.ndarray) -> list[str]:
    return [ITEMS[row] for row in rows]


def test_popular(with_people):
    version = with_people(RAISED, None)
    assert ids(choose("popular", version, "text", 4)) == ["cat", "dog", "chair", "apple"]
    # Without the first two people nobody has rated a chair.
    assert ids(choose("popular", version, "text", 3, without=["u0", "u1"])) == ["cat", "dog", "apple"]


def test_entropy_by_hand(with_people):
    version = with_people(RAISED, None)
    worth = log_pop_entropy(read_ratings(version.catalog))
    # Everybody agrees on the cat; halves and halves are 1 bit.
    np.testing.assert_allclose(worth, [0, 0, 0, np.log(4), np.log(2), 0])
    assert ids(choose("entropy", version, "text", 2)) == ["dog", "chair"]


def test_random(nobody):
    seen = {tuple(choose("random", nobody, "text", 6, seed=seed)) for seed in range(5)}
    assert len(seen) == 5 and all(sorted(rows) == list(range(6)) for rows in seen)
    assert (choose("random", nobody, "text", 3, seed=2) == choose("random", nobody, "text", 6, seed=2)[:3]).all()


@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 20), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_cover_is_the_plain_greedy(seed, n_candidates, n_demand, n):
    rng = np.random.default_rng(seed)
    candidates, demand = rng.integers(-2, 3, (n_candidates, 3)) * 1.0, rng.integers(-2, 3, (n_demand, 3)) * 1.0
    picks: list[int] = []
    for _ in range(min(n, n_candidates)):
        worth = [
            np.maximum(candidates[[*picks, c]] @ demand.T, 0).max(axis=0).sum() if c not in picks else -1
            for c in range(n_candidates)
        ]
        picks.append(int(np.argmax(worth)))
    assert cover(candidates, demand, n).tolist() == picks


def test_cover_takes_one_of_each_corner():
    corners = np.repeat(np.eye(3), [5, 3, 2], axis=0)
    assert cover(corners, corners, 3).tolist() == [0, 5, 8]


@pytest.mark.parametrize("strategy", ["cover", "medoids"])
def test_only_what_people_could_know(with_people, strategy):
    rows = [(f"u{i}", item, 4) for i in range(20) for item in ("apple", "cat")] + [("u0", "chair", 5)]
    version = with_people(ratings(*rows), None)
    # One of 20 rated the chair: less than KNOWN. Three are asked for, so the most rated fill up.
    assert set(ids(choose(strategy, version, "text", 2))) == {"apple", "cat"}
    assert set(ids(choose(strategy, version, "text", 3))) == {"apple", "cat", "chair"}


def test_a_large_catalog_is_sampled(nobody, monkeypatch):
    monkeypatch.setattr(onboarding, "LARGEST", 3)
    assert len(set(choose("cover", nobody, "text", 3, seed=1))) == 3


def test_medoids_of_three_heaps():
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [10, 0], [0, 10]])
    heaps = np.repeat(centres, [30, 20, 10], axis=0) + rng.normal(0, 0.1, (60, 2))
    for seed in range(5):
        picks = medoids(heaps, 3, np.random.default_rng(seed))
        for pick, rows in zip(picks, (range(30), range(30, 50), range(50, 60)), strict=True):  # the largest first
            heap = heaps[rows]
            assert pick == rows[int(np.argmin(((heap - heap.mean(axis=0)) ** 2).sum(axis=1)))]


def test_medoids_of_duplicates():
    twins = np.repeat(np.eye(2), 4, axis=0)
    assert sorted(medoids(twins, 5, np.random.default_rng(0))) == [0, 4]
    assert len(medoids(twins[:1], 5, np.random.default_rng(0))) == 1


def test_medoids_of_a_shop_of_duplicates_are_filled_up(tiny_catalog, make_version):
    version = make_version(tiny_catalog, {"text": np.repeat(np.eye(2), 3, axis=0)}, shard=False)
    assert sorted(choose("medoids", version, "text", 6)) == list(range(6))


def test_items_without_a_vector_are_not_shown(tiny_catalog, make_version):
    vectors = TEXT.copy()
    vectors[[1, 4]] = 0
    version = make_version(tiny_catalog, {"text": vectors}, shard=False)
    for strategy in strategies(version):
        assert sorted(choose(strategy, version, "text", 6)) == [0, 2, 3, 5]


def test_without_ratings_nothing_is_popular(nobody, with_people):
    assert strategies(nobody) == ("cover", "medoids", "random") and strategies(with_people()) == STRATEGIES
    assert DEFAULT_STRATEGY in strategies(nobody)
    for strategy in ("popular", "entropy"):
        with pytest.raises(InvalidInput, match="Use one of: cover, medoids, random"):
            choose(strategy, nobody, "text", 3)


def test_what_cannot_be_shown_is_a_sentence(nobody):
    with pytest.raises(InvalidInput, match="no strategy “best”. There is: cover"):
        choose("best", nobody, "text", 3)
    with pytest.raises(InvalidInput, match="no space “image”"):
        choose("cover", nobody, "image", 3)
    with pytest.raises(InvalidInput, match="0 items"):
        choose("cover", nobody, "text", 0)


def test_asking_by_hand(with_people):
    rows = [("ann", "apple", 5), ("ann", "cat", 1), ("ann", "pear", 4), ("ann", "chair", 4), ("bob", "cat", 3)]
    version = with_people(ratings(*rows), None)
    trial = ask(version, "text", read_ratings(version.catalog), np.array([0, 2, 3]))
    assert trial.answered.tolist() == [2 / 3, 1 / 3]  # a 3 is an answer that says nothing
    assert trial.likes.tolist() == [1, 0]
    assert trial.open.tolist() == [[False, True, False, True, True, True], [True, True, False, True, True, True]]
    assert np.argwhere(trial.targets).tolist() == [[0, 1], [0, 4]]
    # ann's point: unit(apple - 0.5 cat) = unit(1, -0.5, 0); bob has none.
    np.testing.assert_allclose(trial.relevance[0], TEXT @ [1, -0.5, 0] / np.hypot(1, 0.5), rtol=1e-6)
    assert not trial.relevance[1].any()
    # By relevance alone ann's list is pear, chair, dog, riddle: both targets in front. bob has nothing to find.
    nothing = np.zeros(6)
    np.testing.assert_array_equal(trial.ndcg(nothing, 1.0), [1, np.nan])
    # By the prior alone (dog, riddle, chair, pear): places 3 and 4 of two.
    prior = np.array([0, 0.1, 0, 0.4, 0.2, 0.3])
    ideal = 1 + 1 / np.log2(3)
    expected = (1 / np.log2(4) + 1 / np.log2(5)) / ideal
    np.testing.assert_allclose(trial.alone(prior), [expected, np.nan])
    np.testing.assert_allclose(trial.ndcg(prior, 1000.0), [expected, np.nan])


def test_the_comparison(forty):
    document = json.loads(json.dumps(compare(forty, ns=(1, 3), seed=1)))
    assert document["people"] == {"train": 24, "validation": 8, "test": 8}
    assert document == json.loads(json.dumps(compare(forty, ns=(1, 3), seed=1)))
    cells = [(row["strategy"], row["n"]) for row in document["validation"]]
    assert cells == [("none", 0), *((s, n) for s in STRATEGIES for n in (1, 3))]
    assert [(row["strategy"], row["n"]) for row in document["test"]] == cells
    means = {s: np.mean([row["ndcg"] for row in document["validation"] if row["strategy"] == s]) for s in STRATEGIES}
    assert means[document["default"]] == pytest.approx(max(means.values()), abs=1e-3)
    weights = {row["weight"]: row["ndcg"] for row in document["weights"]}
    assert weights[document["weight"]] == max(weights.values())
    for row in document["validation"] + document["test"]:
        assert 0 <= row["low"] <= row["ndcg"] <= row["high"] <= 1 and row["gain_low"] <= row["gain"] <= row["gain_high"]
    nothing = document["test"][0]
    assert nothing["answered"] == nothing["likes"] == nothing["gain"] == 0


def test_held_out_people_do_not_choose_what_is_shown(forty, monkeypatch):
    left_out = []
    monkeypatch.setattr(onboarding, "choose", lambda *args: left_out.append(set(args[5])) or choose(*args))
    compare(forty, ns=(3,))
    _, validation, test = split_people(forty.catalog, 0)
    assert left_out == [{*validation, *test}] * len(STRATEGIES)


def test_test_people_choose_nothing(with_people):
    interactions, users = many(40)
    clean = with_people(interactions, users)
    _, _, test = split_people(clean.catalog, 0)
    theirs = interactions["user_id"].isin(test)
    poisoned = interactions.copy()
    poisoned.loc[theirs, "rating"] = 6.0 - poisoned.loc[theirs, "rating"]
    before, after = compare(clean, ns=(3,)), compare(with_people(poisoned, users), ns=(3,))
    for key in ("weights", "weight", "default", "validation"):
        assert before[key] == after[key]
    assert before["test"] != after["test"]


def test_a_comparison_that_leaves_nothing_to_find_is_a_sentence(forty, nobody):
    with pytest.raises(InvalidInput, match="After 6 items of popular, nobody likes any that is left"):
        compare(forty, ns=(6,))
    with pytest.raises(InvalidInput, match="no interactions"):
        compare(nobody)
