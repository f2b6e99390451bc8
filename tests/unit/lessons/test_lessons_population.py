"""The simulated population: what is drawn, and what a list is worth, by hand and at the edges."""

import json

import numpy as np
import pandas as pd
import pytest
from lesson_people import TEXT

from recsys.catalog import Catalog, Facet
from recsys.errors import InvalidInput
from recsys.funnel import Funnel, Request
from recsys.lessons.points import best_lists, content_points
from recsys.lessons.population import REVEALED, population, regret, share_of_best, starting_list
from recsys.population import Parameters, Population, simulate
from recsys.profile import Profile
from recsys.store import memory_store

PURE = Parameters(directions=1, categories=0, popularity=0, noise=0, temperature=1e-3)
EVERYTHING = np.ones((1, 4), dtype=bool)


@pytest.fixture(scope="module")
def shop(make_version):
    """Three hundred items in six categories, each around an axis of its own."""
    rng = np.random.default_rng(0)
    kinds = np.arange(300) % 6
    vectors = rng.normal(0, 0.35, (300, 12)) + 2 * np.eye(12)[kinds]
    ids = [f"i{i:03}" for i in range(300)]
    columns = {"title": ids, "description": "", "tags": [()] * 300, "image": None}
    items = pd.DataFrame({**columns, "category": [f"c{k}" for k in kinds]}, index=pd.Index(ids, name="item_id"))
    catalog = Catalog("shop", "Shop", "", items, (Facet("category", "C", "category"),), "category", "none")
    return make_version(catalog, {"text": vectors / np.linalg.norm(vectors, axis=1, keepdims=True)}, shard=False)


@pytest.mark.parametrize(
    ("rows", "share"),
    [([0, 1], 1), ([1, 0], 1), ([2, 3], -1), ([0, 3], 0), ([0, 2], 0.5), ([0, -1], 1.5), ([-1, -1], 0)],
)
def test_a_share_by_hand(rows, share):
    # Utilities 3, 2, 1, 0: random is worth 1.5 and the best two 2.5.
    assert share_of_best(np.array([[3.0, 2, 1, 0]]), EVERYTHING, np.array([rows])) == pytest.approx(share)


def test_what_was_revealed_is_in_neither_list():
    allowed = np.array([[False, True, True, True]])  # left: 2, 1, 0; random 1, best two 1.5
    assert share_of_best(np.array([[3.0, 2, 1, 0]]), allowed, np.array([[1, 3]])) == pytest.approx(0)
    assert share_of_best(np.array([[3.0, 2, 1, 0]]), allowed, np.array([[1, 2]])) == pytest.approx(1)


def test_where_everything_is_as_good_every_list_is_the_best():
    assert share_of_best(np.full((1, 4), 7.0), EVERYTHING, np.array([[2, 3]])) == 1


def test_one_list_for_everybody():
    utilities = np.array([[3.0, 2, 1, 0], [0, 1, 2, 3]])
    assert share_of_best(utilities, np.ones((2, 4), dtype=bool), np.array([[0, 1]])).tolist() == [1, -1]


def test_best_lists():
    scores = np.array([[1, 3, 3, 2.0000001, 2], [0, 0, 0, 0, 0]])
    allowed = np.array([[True] * 5, [False, True, False, False, True]])
    assert best_lists(scores, allowed, 4).tolist() == [[1, 2, 3, 4], [1, 4, -1, -1]]
    assert best_lists(scores[:, ::-1], allowed, 9)[0].tolist() == [2, 3, 0, 1, 4, -1, -1, -1, -1]


def test_points_are_the_towers(nobody):
    points = content_points(nobody, "text", [np.array([0, 2]), np.array([], dtype=int)], [np.array([5]), np.array([])])
    expected = TEXT[[0, 2]].mean(axis=0) / np.linalg.norm(TEXT[[0, 2]].mean(axis=0)) - 0.5 * TEXT[5]
    np.testing.assert_allclose(points, [expected / np.linalg.norm(expected), [0, 0, 0]], rtol=1e-6)


def test_lists_are_the_funnels(make_version, shop):
    rng = np.random.default_rng(1)
    text = np.array(shop.spaces["text"])
    image = text[rng.permutation(300)]
    for vectors in (text, image):
        vectors[50:100] = vectors[50]  # ties
    version = make_version(shop.catalog, {"blend": np.hstack([text, image]), "text": text, "image": image}, shard=False)
    funnel = Funnel(version, memory_store(version.spaces, version.catalog), lambda profile: {})
    likes = [rng.permutation(300)[: 1 + person] for person in range(6)]
    allowed = np.ones((6, 300), dtype=bool)
    for person, liked in enumerate(likes):
        allowed[person, liked] = False
    lists = best_lists(content_points(version, "blend", likes) @ version.spaces["blend"].T, allowed, 10)
    for liked, rows in zip(likes, lists, strict=True):
        answer = funnel.recommend(Request(Profile(tuple(version.item_ids[liked])), lam=1.0, k=10))
        assert answer.candidates[answer.picks].tolist() == rows.tolist()


def test_one_seed_one_population(shop):
    first, second, other = (simulate(shop, 20, seed) for seed in (3, 3, 4))
    assert first.simulated is True and first.directions == second.directions != other.directions
    for name in ("tastes", "utilities", "likes"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert (first.likes != other.likes).any()


def test_what_is_drawn(shop):
    people = simulate(shop, 60, 1)
    assert people.likes.shape == (60, 20) and all(len(set(row)) == 20 for row in people.likes)
    np.testing.assert_allclose(np.linalg.norm(people.tastes, axis=1), 1, rtol=1e-5)
    sizes = [len(mix) for mix in people.directions]
    assert set(sizes) == {1, 2, 3}
    for mix in people.directions:
        weights = [weight for _, weight in mix]
        assert sum(weights) == pytest.approx(1) and weights == sorted(weights, reverse=True)
    names = {name for mix in people.directions for name, _ in mix}
    assert any(name.startswith("c") for name in names) and any(name.startswith("i") for name in names)


def test_a_pure_taste_is_its_direction(shop):
    people = simulate(shop, 30, 2, PURE)
    rows = shop.rows([mix[0][0] for mix in people.directions])
    np.testing.assert_allclose(people.tastes, shop.spaces["text"][rows], atol=1e-6)
    np.testing.assert_allclose(people.utilities, people.tastes @ shop.spaces["text"].T, atol=1e-6)
    # Next to no temperature: what they like first is what they are.
    assert (people.likes[:, 0] == rows).all()


def test_popularity_follows_its_law(shop):
    plain, pulled = (simulate(shop, 5, 2, Parameters(popularity=b, zipf=1.0)) for b in (0.0, 1.0))
    added = pulled.utilities - plain.utilities
    np.testing.assert_allclose(added, np.broadcast_to(added[0], added.shape), atol=1e-4)
    np.testing.assert_allclose(np.sort(added[0])[::-1], -np.log(np.arange(300) + 1), atol=1e-4)


def test_likes_are_drawn_by_softmax(make_version):
    # Two items at right angles; who is the first has utilities 1 and 0, so likes it first with 1 / (1 + e^-1).
    columns = {"title": ["a", "b"], "description": "", "tags": [()] * 2, "image": None, "category": "c"}
    items = pd.DataFrame(columns, index=pd.Index(["a", "b"], name="item_id"))
    catalog = Catalog("two", "Two", "", items, (Facet("category", "C", "category"),), "category", "none")
    version = make_version(catalog, {"text": np.eye(2)}, shard=False)
    people = simulate(version, 2000, 0, Parameters(directions=1, categories=0, popularity=0, noise=0, temperature=1))
    own = np.array([mix[0][0] == "b" for mix in people.directions]).astype(int)
    assert people.likes.shape == (2000, 2)  # all that there is
    assert (people.likes[:, 0] == own).mean() == pytest.approx(1 / (1 + np.exp(-1)), abs=0.03)


def test_regret_goes_as_likes_come(shop):
    curve = {row["m"]: row for row in regret(shop, simulate(shop, 60, 0, PURE))}
    assert tuple(curve) == REVEALED
    assert curve[20]["content"] > 0.9 and curve[1]["content"] > curve[0]["content"] + 0.3
    assert all(row["low"] <= row["content"] <= row["high"] <= 1 + 1e-6 for row in curve.values())


def test_with_no_likes_it_is_the_starting_list(shop):
    people = simulate(shop, 40, 0)
    start = starting_list(shop, "text")
    assert (start >= 0).sum() == 6 and (start[6:] == -1).all()  # a medoid a category
    start = start[:6]
    best = np.sort(people.utilities.astype(float), axis=1)[:, ::-1]
    random = people.utilities.mean(axis=1, dtype=float)
    shares = (people.utilities[:, start].mean(axis=1) - random) / (best[:, :10].mean(axis=1) - random)
    assert regret(shop, people)[0]["content"] == pytest.approx(shares.mean(), abs=1e-3)


def test_revealed_likes_are_in_no_list(shop):
    people, vectors = simulate(shop, 8, 0, PURE), shop.spaces["text"].astype(float)
    shares = []
    for user in range(8):
        liked = people.likes[user, :3]
        others = np.setdiff1d(np.arange(300), liked)
        listed = others[np.argsort(-vectors[others] @ vectors[liked].mean(axis=0))[:10]]
        utilities = people.utilities[user].astype(float)
        random, best = utilities[others].mean(), np.sort(utilities[others])[-10:].mean()
        shares.append((utilities[listed].mean() - random) / (best - random))
    curve = {row["m"]: row for row in regret(shop, people)}
    assert curve[3]["content"] == pytest.approx(np.mean(shares), abs=1e-4)


def test_the_popular_list_is_what_the_others_like(nobody):
    utilities = np.array([[0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1]], dtype=np.float32)
    likes = np.array([[5], [5], [0]])
    people = Population("text", Parameters(), 0, (), np.zeros((3, 3)), utilities, likes)
    curve = regret(nobody, people)
    # The six items all fit into a list of ten: the popular list holds them all and is the best there is.
    assert [row["m"] for row in curve] == [0, 1] and curve[0]["popular"] == 1


def test_the_popular_list_leaves_out_oneself(shop):
    people = simulate(shop, 2, 0, PURE)
    likes = np.array([np.arange(20), np.arange(100, 120)])
    people = Population("text", PURE, 0, people.directions, people.tastes, people.utilities, likes)
    theirs = np.array([np.arange(100, 110), np.arange(10)])  # what the other one likes, in the order of rows
    expected = share_of_best(people.utilities, np.ones((2, 300), dtype=bool), theirs).mean()
    assert regret(shop, people)[0]["popular"] == pytest.approx(expected, abs=1e-4)


def test_the_document(shop):
    document = json.loads(json.dumps(population(shop, 12, 5)))
    assert document["simulated"] is True and document["users"] == 12 and document["seed"] == 5
    assert document == json.loads(json.dumps(population(shop, 12, 5)))
    assert [row["m"] for row in document["curve"]] == list(REVEALED)
    assert len(document["examples"]) == 3 and len(document["examples"][0]["likes"]) == 5
    assert document["parameters"]["directions"] == 3


def test_a_catalog_with_people_has_a_popular_starting_list(with_people):
    version = with_people()
    assert starting_list(version, "text")[:2].tolist() == [2, 0]
    assert len(population(version, 3)["curve"]) == 5  # six items: no more than five can be revealed with one left


@pytest.mark.parametrize(
    ("users", "parameters", "words"),
    [
        (0, Parameters(), "1 to 2,000"),
        (3000, Parameters(), "1 to 2,000"),
        (5, Parameters(directions=0), "directions of 1 or more"),
        (5, Parameters(categories=1.5), "categories in"),
        (5, Parameters(temperature=0), "temperature above 0"),
        (5, Parameters(noise=float("nan")), "noise of 0 or more"),
        (5, Parameters(zipf=-1), "zipf of 0 or more"),
    ],
)
def test_what_cannot_be_simulated_is_a_sentence(shop, users, parameters, words):
    with pytest.raises(InvalidInput, match=words):
        simulate(shop, users, 0, parameters)
