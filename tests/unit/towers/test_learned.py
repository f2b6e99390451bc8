"""Towers of learned spaces: known people, newcomers, and what Qdrant finds against the model's own scores."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recsys.catalog import Catalog, Facet
from recsys.errors import InvalidInput
from recsys.explain import as_document, explain
from recsys.funnel import Funnel, Request
from recsys.models import create, side_of
from recsys.profile import Profile
from recsys.ratings import one_person, read_ratings
from recsys.settings import Settings
from recsys.store import open_store
from recsys.where import Where

N, PEOPLE = 60, 50
SERVING = [
    {"likes": 1, "space": "two_tower", "model": "two-tower", "ndcg@10": 0.3},
    {"likes": 5, "space": "mf", "model": "als", "ndcg@10": 0.4},
]


@pytest.fixture(scope="module")
def shop(make_version):
    """Sixty items in three kinds, fifty people who mostly keep to one of them."""
    rng = np.random.default_rng(0)
    ids = [f"i{j:02}" for j in range(N)]
    kinds = np.array(["a", "b", "c"], dtype=object)[np.arange(N) % 3]
    items = pd.DataFrame(
        {
            "title": ids,
            "description": "",
            "tags": [()] * N,
            "image": None,
            "category": kinds,
            "year": 1950.0 + np.arange(N),
        },
        index=pd.Index(ids, name="item_id"),
    )
    rows = []
    for person in range(PEOPLE):
        chance = np.where(np.arange(N) % 3 == person % 3, 6.0, 1.0)
        for item in rng.choice(N, 15, replace=False, p=chance / chance.sum()):
            rows.append((f"p{person}", ids[item], int(rng.integers(1, 6)), 880_000_000 + int(rng.integers(10**7))))
    interactions = pd.DataFrame(rows, columns=["user_id", "item_id", "rating", "timestamp"]).astype({"rating": float})
    users = pd.DataFrame(
        {
            "age": rng.integers(15, 70, PEOPLE).astype(float),
            "gender": rng.choice(["F", "M"], PEOPLE).astype(object),
            "occupation": rng.choice(["artist", "doctor"], PEOPLE).astype(object),
            "region": rng.choice(["Pacific", "Mountain"], PEOPLE).astype(object),
        },
        index=pd.Index([f"p{j}" for j in range(PEOPLE)], name="user_id"),
    )
    facets = (Facet("category", "Category", "category"), Facet("year", "Year", "number"))
    catalog = Catalog("shop", "Shop", "", items, facets, "category", "none", "", interactions, users)
    text = rng.normal(size=(N, 8)).astype(np.float32)
    text[np.arange(N), np.arange(N) % 3] += 2
    text /= np.linalg.norm(text, axis=1, keepdims=True)
    ratings, side = read_ratings(catalog), side_of(catalog, text)
    models = {
        "mf": create("als", factors=8, regularization=1.0, alpha=5.0).fit(ratings, side),
        "two_tower": create("two-tower", dim=16, hidden=16, steps=60, rows=32, targets=4).fit(ratings, side),
    }
    version = make_version(catalog, {"text": text}, models=models, serving=SERVING)
    return Funnel(version, open_store(Settings(), version.shard, version.collection), lambda profile: {})


def listed(funnel: Funnel, profile: Profile, space: str, k: int = 10) -> list[str]:
    answer = funnel.recommend(Request(profile, space=space, lam=1.0, k=k))
    return [str(i) for i in funnel.version.item_ids[answer.candidates[answer.picks]]]


def brute_force(funnel: Funnel, space: str, person: str, k: int = 10) -> list[str]:
    """The model's own scores of everything the person has not rated, best first; ties by row."""
    version = funnel.version
    own = version.ratings.of(np.array([list(version.people).index(person)]))
    model = funnel.model(space)
    looked_up = model.look_up(person) if hasattr(model, "look_up") else None
    scores = model.scores(own)[0] if looked_up is None else model.vectors.astype(np.float64) @ looked_up
    scores = np.round(scores, 6)
    scores[own.items] = -np.inf
    return [str(i) for i in version.item_ids[np.lexsort((np.arange(len(scores)), -scores))[:k]]]


@pytest.mark.parametrize("space", ["mf", "two_tower"])
@pytest.mark.parametrize("person", ["p0", "p7", "p31"])
def test_what_qdrant_finds_is_the_models_own_list(shop, space, person):
    assert listed(shop, Profile(person=person), space) == brute_force(shop, space, person)


@pytest.mark.parametrize("space", ["mf", "two_tower"])
def test_a_newcomer_is_folded_in(shop, space):
    """Likes of nobody the shop knows: the same list as from the model's scores of such a history."""
    likes = [0, 3, 6]
    profile = Profile(likes=tuple(shop.version.item_ids[likes]))
    scores = np.round(shop.model(space).scores(one_person(likes, N))[0], 6)
    scores[likes] = -np.inf
    expected = shop.version.item_ids[np.lexsort((np.arange(N), -scores))[:10]].tolist()
    assert listed(shop, profile, space) == expected
    kinds = shop.version.catalog.items["category"]
    assert kinds[expected[:5]].tolist().count("a") >= 4


def test_each_like_moves_the_point_at_once(shop):
    before = shop.recommend(Request(Profile(likes=("i00",)), space="mf")).query.vector
    after = shop.recommend(Request(Profile(likes=("i00", "i01")), space="mf")).query.vector
    assert not np.allclose(before, after)


def test_a_dislike_pushes_away_where_the_space_can(shop):
    liked = shop.recommend(Request(Profile(likes=("i00", "i03")), space="mf", lam=1.0))
    disliked = shop.recommend(Request(Profile(likes=("i00", "i03"), dislikes=("i06",)), space="mf", lam=1.0))
    row = shop.version.rows(["i06"])  # as the likes foretell it, and then as it is told
    item = shop.version.spaces["mf"][row][0].astype(np.float64)
    score = [float(item @ answer.query.vector) for answer in (liked, disliked)]
    assert score[1] < score[0]
    assert "i01" not in listed(shop, Profile(likes=("i00",), dislikes=("i01",)), "two_tower", k=40)


@pytest.mark.parametrize("space", ["mf", "two_tower"])
def test_reasons_add_up(shop, space):
    answer = shop.recommend(Request(Profile(likes=("i00", "i03"), about=(("age", "25-34"),)), space=space))
    for place, reasons in enumerate(explain(shop, answer, answer.picks)):
        assert sum(r.value for r in reasons) == pytest.approx(answer.relevance[answer.picks[place]], abs=1e-5)
    assert as_document(shop, answer)["space"] == space


def test_facts_alone_are_a_point_for_the_network_and_none_for_factors(shop):
    told = Profile(about=(("age", "25-34"), ("gender", "F")))
    assert shop.recommend(Request(told, space="two_tower")).query is not None
    assert shop.recommend(Request(told, space="mf")).starting == "popular"


def test_words_are_not_understood(shop):
    answer = shop.recommend(Request(Profile(wish="something"), space="mf"))
    assert answer.query is None and answer.starting == "popular"


def test_scores_without_a_scale_are_scaled_before_diversity(shop):
    answer = shop.recommend(Request(Profile(likes=("i00",)), space="two_tower", lam=0.5))
    assert answer.merit.min() == 0 and answer.merit.max() == 1
    content = shop.recommend(Request(Profile(likes=("i00",)), space="text", lam=0.5))
    np.testing.assert_array_equal(content.merit, content.relevance)


def test_the_best_measured_space_serves(shop):
    likes = tuple(f"i{j:02}" for j in range(5))
    assert shop.best_space(Profile()) == "text"
    assert shop.best_space(Profile(likes=likes[:1])) == "two_tower"
    assert shop.best_space(Profile(likes=likes)) == "mf"
    assert shop.best_space(Profile(likes=likes, wish="words")) == "text"
    assert shop.best_space(Profile(person="p0")) == "mf"


def test_somebody_the_shop_does_not_know(shop):
    with pytest.raises(InvalidInput, match="no user"):
        shop.recommend(Request(Profile(person="nobody"), space="mf"))


def test_conditions_narrow_a_learned_space_too(shop):
    """Conditions narrow the list of a learned space as they do any other."""
    where = Where.parse(["category=b"], shop.version.catalog)
    answer = shop.recommend(replace(Request(Profile(person="p0"), space="mf", lam=1.0), where=where))
    kinds = shop.version.catalog.items["category"].to_numpy()[answer.candidates[answer.picks]]
    assert set(kinds) == {"b"}
