"""Serving gives rankers what training gave them, to the last bit, by both real code paths."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recsys.catalog import Catalog, Facet
from recsys.errors import CatalogError, InvalidInput
from recsys.models import create as create_model
from recsys.models import load_model, side_of
from recsys.profile import Profile
from recsys.ranking import RANKERS, create, packed, ranker_bytes
from recsys.ranking.examples import examples
from recsys.ranking.features import FEATURES, FeatureStore, learn_store, learned_tables
from recsys.ranking.serving import Ranking
from recsys.ratings import read_ratings
from recsys.towers import heard
from recsys.version import MANIFEST, Version

N, PEOPLE = 40, 30
SMALL = {"gbdt": {"trees": 10, "min_rows": 5}, "dnn": {"epochs": 1, "members": 1, "hidden": 4}}


@pytest.fixture(scope="module")
def shop(make_version):
    """Forty items, thirty people, both learned spaces and both rankers, as a build leaves them."""
    rng = np.random.default_rng(0)
    ids = [f"i{j:02}" for j in range(N)]
    columns = {"title": ids, "description": "", "tags": [()] * N, "image": None, "year": 1950.0 + np.arange(N)}
    items = pd.DataFrame(
        {**columns, "category": np.array(["a", "b", "c"], dtype=object)[np.arange(N) % 3]},
        index=pd.Index(ids, name="item_id"),
    )
    rows = [
        (f"p{person}", ids[item], float(rng.integers(1, 6)), 880_000_000 + int(rng.integers(10**7)))
        for person in range(PEOPLE)
        for item in rng.permutation(N)[: rng.integers(3, 20)]
    ]
    interactions = pd.DataFrame(rows, columns=["user_id", "item_id", "rating", "timestamp"])
    users = pd.DataFrame(
        {
            "age": rng.integers(15, 70, PEOPLE).astype(float),
            "gender": rng.choice(["F", "M"], PEOPLE).astype(object),
            "region": rng.choice(["Pacific", "Canada"], PEOPLE).astype(object),
        },
        index=pd.Index([f"p{j}" for j in range(PEOPLE)], name="user_id"),
    )
    facets = (Facet("category", "Category", "category"), Facet("year", "Year", "number"))
    catalog = Catalog("shop", "Shop", "", items, facets, "category", "none", "", interactions, users)
    content = rng.normal(size=(N, 6)).astype(np.float32)
    ratings, side = read_ratings(catalog), side_of(catalog, content)
    tower = {"dim": 8, "hidden": 8, "steps": 20, "rows": 16, "targets": 4}
    models = {
        "mf": create_model("als", factors=6).fit(ratings, side),
        "two_tower": create_model("two-tower", **tower).fit(ratings, side),
    }
    version = make_version(catalog, {"text": content}, models=models, shard=False)
    held = ratings.part(np.arange(len(ratings)) % 5 == 0)
    held = replace(held, items=(held.items + 1) % N)  # whatever: labels for the shape of it
    lists = examples(learn_store(ratings, side, *models.values()), ratings, held, candidates=15)
    version.features_file.write_bytes(packed({}, learned_tables(ratings, side)))
    manifest = json.loads((version.path / MANIFEST).read_text())
    for name in RANKERS:
        version.ranker_file(name).write_bytes(ranker_bytes(create(name, **SMALL[name]).fit(lists)))
    (version.path / MANIFEST).write_text(json.dumps(manifest | {"rankers": {name: {} for name in RANKERS}}))
    return Version(version.path)


@pytest.fixture
def ranking(shop):
    content = np.asarray(shop.spaces["text"])
    return Ranking(shop, lambda space: load_model(shop.model_file(space), side_of(shop.catalog, content)))


def served(ranking: Ranking, shop: Version, profile: Profile, rows) -> np.ndarray:
    """As the funnel asks."""
    told = heard(shop, profile)
    return ranking.features(ranking.person(profile, told.likes, told.dislikes, told.rated), rows)


def test_serving_equals_training_for_everybody(shop, ranking):
    """Training: a store of models that were just taught. Serving: files, a profile, and the candidates one by one."""
    ratings, side = read_ratings(shop.catalog), side_of(shop.catalog, np.asarray(shop.spaces["text"]))
    models = [load_model(shop.model_file(space), side) for space in ("mf", "two_tower")]
    store = FeatureStore(side, *models, learned_tables(ratings, side))
    # Labels so that everybody has a list: one item that is not theirs.
    unseen = (~ratings.seen()).argmax(axis=1)
    held = replace(ratings.part(np.arange(PEOPLE)), users=np.arange(PEOPLE), items=unseen)
    taught = examples(store, ratings, held, candidates=N, visitors=0.0)
    assert len(taught) == PEOPLE
    known, ends = ratings.counts() > 0, np.cumsum(taught.sizes)
    for place, person in enumerate(ratings.people):
        rows = np.flatnonzero(known & ~ratings.seen()[place])
        trained = taught.features[ends[place] - taught.sizes[place] : ends[place]]
        np.testing.assert_array_equal(served(ranking, shop, Profile(person=person), rows), trained)
        for row, expected in zip(rows[:3], trained, strict=False):
            np.testing.assert_array_equal(served(ranking, shop, Profile(person=person), [row])[0], expected)


def test_a_visitor_who_says_the_same_is_told_the_same_but_for_time(shop, ranking):
    """The likes of somebody known, without their name: what depends on likes alone stays, moments are unknown."""
    told = heard(shop, Profile(person="p3"))
    ids = [str(shop.item_ids[row]) for row in told.likes]
    visitor = served(ranking, shop, Profile(likes=tuple(ids)), np.arange(N))
    person = served(ranking, shop, Profile(person="p3"), np.arange(N))
    same = list(FEATURES).index("nearest_like")
    np.testing.assert_array_equal(visitor[:, same], person[:, same])
    assert np.isnan(visitor[:, list(FEATURES).index("known_days")]).all()


def test_facts_that_a_visitor_tells(shop, ranking):
    one, other = (
        served(ranking, shop, Profile(likes=("i01",)).knowing("gender", gender), np.arange(N)) for gender in "FM"
    )
    changed = [name for name, a, b in zip(FEATURES, one.T, other.T, strict=True) if not np.array_equal(a, b, True)]
    assert changed == ["two_tower", "by_gender"]


def test_what_a_known_person_says_here_counts(shop, ranking):
    """A dislike of something they rated takes it from the history and puts it among the dislikes."""
    rated = heard(shop, Profile(person="p3")).rated
    item = str(shop.item_ids[rated[0]])
    profile = Profile(person="p3").disliking(item)
    told = heard(shop, profile)
    person = ranking.person(profile, told.likes, told.dislikes, told.rated)
    assert rated[0] not in person.history and rated[0] in person.dislikes and len(person.history) == len(rated) - 1


@pytest.mark.parametrize("profile", [Profile(), Profile(dislikes=("i03",)), Profile(wish="tea"), Profile(person="p0")])
@pytest.mark.parametrize("name", RANKERS)
def test_everybody_gets_scores(shop, ranking, name, profile):
    features = served(ranking, shop, profile, np.arange(N))
    scores = ranking.scores(name, features)
    assert scores.shape == (N,) and np.isfinite(scores).all()
    np.testing.assert_allclose(ranking.contributions(name, features).sum(axis=1), scores, atol=1e-9)


def test_a_ranker_that_there_is_not(shop, ranking):
    with pytest.raises(InvalidInput, match="no ranker"):
        ranking.scores("oracle", np.zeros((1, len(FEATURES))))
    assert ranking.names == list(RANKERS)


def test_a_catalog_without_rankers(nobody):
    ranking = Ranking(nobody, None)
    assert ranking.names == []
    ranking.warm()
    with pytest.raises(InvalidInput, match="no rankers"):
        ranking.features(None, np.zeros(1))


def test_damaged_tables_are_a_sentence(shop, ranking, monkeypatch, tmp_path):
    torn = tmp_path / "features.npz"
    torn.write_bytes(shop.features_file.read_bytes()[:-1])
    monkeypatch.setattr(Version, "features_file", torn)
    with pytest.raises(CatalogError, match="features.npz cannot be read"):
        served(ranking, shop, Profile(), np.arange(3))


def test_warming_reads_everything(ranking, shop, monkeypatch):
    ranking.warm()
    monkeypatch.setattr("recsys.ranking.serving.load_ranker", None)
    monkeypatch.setattr("recsys.ranking.serving.unpacked", None)
    features = served(ranking, shop, Profile(likes=("i01",)), np.arange(N))
    assert all(np.isfinite(ranking.scores(name, features)).all() for name in RANKERS)
