"""The diversity laboratory: lists, costs and the whole shop, against figures computed otherwise."""

from itertools import combinations

import numpy as np
import pytest
from lesson_people import TEXT

from recsys.diversity import METHODS
from recsys.evaluation.metrics import rbo
from recsys.funnel import STOPS, Funnel, Request
from recsys.lessons import diversity
from recsys.models import create, side_of
from recsys.profile import Profile
from recsys.ratings import read_ratings
from recsys.store import memory_store


@pytest.fixture
def funnel(forty):
    return Funnel(forty, memory_store(forty.spaces, forty.catalog), lambda profile: {})


def test_each_setting_is_what_its_list_says(funnel):
    answer = funnel.recommend(Request(Profile(likes=("apple",)), k=3))
    vectors = funnel.version.spaces["text"][answer.candidates].astype(float)
    found = diversity.settings(funnel, answer, tuple(METHODS))
    assert set(found) == set(METHODS)
    for one in found.values():
        assert one.sweep.picks.shape == (len(STOPS), 3)
        for picks, relevance, distance, overlap in zip(
            one.sweep.picks, one.relevance, one.distance, one.overlap, strict=True
        ):
            assert relevance == pytest.approx(answer.relevance[picks].mean())
            assert distance == pytest.approx(
                np.mean([1 - vectors[i] @ vectors[j] for i, j in combinations(picks, 2)]), abs=1e-6
            )
            assert overlap == pytest.approx(rbo(picks.tolist(), [0, 1, 2]))
        assert one.sweep.picks[-1].tolist() == [0, 1, 2] and one.overlap[-1] == pytest.approx(1)


def test_one_item_has_no_distance(funnel):
    answer = funnel.recommend(Request(Profile(likes=("apple",)), k=1))
    assert np.isnan(diversity.settings(funnel, answer, ("mmr",))["mmr"].distance).all()


def test_the_steps_are_those_of_the_list(funnel):
    answer = funnel.recommend(Request(Profile(likes=("apple",)), k=4, lam=0.4))
    for method in METHODS:
        picks = diversity.settings(funnel, answer, (method,))[method].sweep.picks[40]
        assert [step.pick for step in diversity.steps(funnel, answer, method, 0.4)] == picks.tolist()


def test_real_people_keep_half_of_their_likes_to_themselves(forty, monkeypatch):
    monkeypatch.setattr(diversity, "SHOP_LIKES", 3)
    profiles, held = diversity.shoppers(forty, users=5, seed=1)
    likes = forty.catalog.interactions.query("rating >= 4").groupby("user_id")["item_id"].agg(set)
    assert len(profiles) == 5
    for profile, rest in zip(profiles, held, strict=True):
        assert rest and set(profile.likes) | rest in likes.tolist() and not set(profile.likes) & rest


def test_a_shop_without_ratings_gets_simulated_people(nobody):
    told = diversity.shop(
        Funnel(nobody, memory_store(nobody.spaces, nobody.catalog), lambda profile: {}),
        ("plain", "mmr"),
        (1.0, 0.0),
        k=2,
    )
    assert told["simulated"] and set(told["methods"]) == {"plain", "mmr"}
    (first, last) = told["methods"]["mmr"]
    assert (first["lam"], last["lam"]) == (1.0, 0.0) and "ndcg@10" not in first
    assert first == {**told["methods"]["plain"][0]} and last["ild"] >= first["ild"]
    assert 0 < first["coverage"] <= 1 and 0 <= first["gini"] <= 1


def test_the_people_of_a_shop_are_no_visitors(forty):
    store, seen = memory_store(forty.spaces, forty.catalog), []
    funnel = Funnel(forty, store, lambda profile: {}, on_answer=lambda *answer: seen.append(answer))
    diversity.shop(funnel, ("plain",), (1.0,), k=2)
    assert seen == []


def test_the_document_compares_all_methods(funnel):
    told = diversity.compared(funnel, Request(Profile(likes=("apple",)), lam=1.0, k=3), tuple(METHODS))
    lists = [one["items"] for one in told["methods"].values()]
    assert lists == [lists[0]] * len(METHODS) and len(lists[0]) == 3
    assert {one["rbo"] for one in told["methods"].values()} == {1.0}


TWO = ([Profile(likes=("apple",)), Profile(likes=("chair",))], [frozenset({"cat"}), frozenset({"dog"})])
"""Two people, and what they keep to themselves. By text their lists of two are pear, cat and dog, apple."""


def test_what_a_shop_is_worth_by_hand(with_people, monkeypatch):
    version = with_people()
    monkeypatch.setattr(diversity, "shoppers", lambda version: TWO)
    told = diversity.shop(
        Funnel(version, memory_store(version.spaces, version.catalog), lambda p: {}), ("plain",), (1.0,), k=2
    )
    assert (told["space"], told["k"], told["users"]) == ("text", 2, 2)
    (one,) = told["methods"]["plain"]
    by_hand = {
        "lam": 1.0,
        "relevance": 0.353553,  # (0.7071 + 0) / 2 for both
        "ild": 0.646447,  # pear and cat: 1 - 0.7071; dog and apple: 1
        "calibration": 2.644184,  # half is food: ln(1 / 0.505); none is for the home: ln(1 / 0.01)
        "novelty": 1.25,  # of four people none rated pear (2 bits), all cat (0), one dog (2), two apple (1)
        "ndcg": 0.815465,  # cat is the second of two: 1 / log2(3); dog is the first: 1
        "mrr": 0.75,  # 1/2 and 1
        "serendipity": 0.323223,  # cat is unlike apple: 1 / 2; dog is like chair: (1 - 0.7071) / 2
        "coverage": 0.666667,  # 4 of 6
        "gini": 0.333333,  # of 0 0 1 1 1 1
    }
    assert one == pytest.approx(by_hand, abs=2e-6)


def test_a_space_that_was_taught_with_the_hidden_likes_is_not_asked_for_them(forty, make_version, monkeypatch):
    monkeypatch.setattr(diversity, "shoppers", lambda version: TWO)
    models = {"mf": create("als", factors=2).fit(read_ratings(forty.catalog), side_of(forty.catalog, TEXT))}
    version = make_version(forty.catalog, {"text": TEXT}, shard=False, models=models)
    funnel = Funnel(version, memory_store(version.spaces, version.catalog), lambda profile: {})
    by_text, by_factors = (diversity.shop(funnel, ("mmr",), (0.5,), space=s, k=3) for s in (None, "mf"))
    assert (by_text["space"], by_factors["space"]) == ("text", "mf") and not by_factors["simulated"]
    assert "ndcg" in by_text["methods"]["mmr"][0] and "ndcg" not in by_factors["methods"]["mmr"][0]


def test_where_nobody_likes_enough_the_shoppers_are_simulated(with_people):
    version = with_people()  # two likes at most
    profiles, held = diversity.shoppers(version, users=3)
    assert [len(p.likes) > 0 for p in profiles] == [True] * 3 and not any(held)


def test_what_one_list_is_worth_by_hand(with_people):
    version = with_people()
    funnel = Funnel(version, memory_store(version.spaces, version.catalog), lambda profile: {})
    told = diversity.compared(funnel, Request(Profile(likes=("apple",)), lam=1.0, k=2), ("plain",))
    one = told["methods"]["plain"]
    assert one["items"] == ["pear", "cat"] and told["space"] == "text"
    assert (one["novelty"], one["calibration"]) == (1.0, pytest.approx(0.683197, abs=2e-6))


def test_without_people_and_likes_there_is_no_novelty_and_no_calibration(nobody):
    funnel = Funnel(nobody, memory_store(nobody.spaces, nobody.catalog), lambda profile: {})
    one = diversity.compared(funnel, Request(Profile(), k=2), ("plain",))["methods"]["plain"]
    assert len(one["items"]) == 2 and one["novelty"] is None and one["calibration"] is None
