"""The build's step that teaches rankers: what it writes, what it remembers, and who gets none."""

import numpy as np
import pandas as pd
import pytest

from recsys import build as building
from recsys import learning
from recsys.catalog import Catalog, Facet
from recsys.learning import RANKING_FILES, lesson_of, ranking_keys, teach_rankers
from recsys.models import create as create_model
from recsys.models import load_model
from recsys.profile import Profile
from recsys.progress import Progress
from recsys.ranking import RANKERS, create
from recsys.ranking.serving import Ranking
from recsys.settings import Settings
from recsys.towers import heard
from recsys.version import Version

N, PEOPLE = 60, 50
SMALL = {"gbdt": {"trees": 5, "min_rows": 5}, "dnn": {"epochs": 1, "members": 1, "hidden": 4}}
TOWER = {"steps": 5, "dim": 8, "hidden": 8, "rows": 16, "targets": 4}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Towers and rankers that learn little."""
    little = {"two-tower": TOWER, "als": {"factors": 4, "iterations": 2}}
    monkeypatch.setattr("recsys.ranking.features.create", lambda name: create_model(name, **little.get(name, {})))
    monkeypatch.setattr(learning, "create_ranker", lambda name: create(name, **SMALL[name]))


@pytest.fixture
def shop(make_version) -> Version:
    """Sixty items, fifty people, learned spaces and no rankers yet."""
    rng = np.random.default_rng(0)
    ids = [f"i{j:02}" for j in range(N)]
    columns = {"title": ids, "description": "", "tags": [()] * N, "image": None, "category": list("abc") * (N // 3)}
    rows = [
        (f"p{person}", ids[item], float(rng.integers(1, 6)), 880_000_000 + int(rng.integers(10**7)))
        for person in range(PEOPLE)
        for item in rng.permutation(N)[:20]
    ]
    interactions = pd.DataFrame(rows, columns=["user_id", "item_id", "rating", "timestamp"])
    items = pd.DataFrame(columns, index=pd.Index(ids, name="item_id"))
    facets = (Facet("category", "Category", "category"),)
    catalog = Catalog("shop", "Shop", "", items, facets, "category", "none", "", interactions, None)
    content = rng.normal(size=(N, 6)).astype(np.float32)
    lesson = lesson_of(make_version(catalog, {"text": content}, shard=False))
    models = {
        "mf": create_model("als", factors=4).fit(lesson.ratings, lesson.side),
        "two_tower": create_model("two-tower", **TOWER).fit(lesson.ratings, lesson.side),
    }
    return make_version(catalog, {"text": content}, models=models, shard=False)


@pytest.fixture
def steps(tmp_path) -> building._Steps:
    return building._Steps(Settings(data=tmp_path), Progress())


def test_rankers_of_a_build_serve(shop, steps):
    lesson = lesson_of(shop)
    told = building._rank(steps, shop, lesson)
    assert list(told) == list(RANKERS)
    for name, about in told.items():
        assert about["ranker"] == name and about["from"] == lesson.about and about["simulated"] is False
        assert about["lists"] >= learning.MIN_LISTS and sum(about["importance"].values()) == pytest.approx(1, abs=1e-4)
    shop.manifest["rankers"] = told
    ranking = Ranking(shop, lambda space: load_model(shop.model_file(space), lesson.side))
    profile = Profile(likes=("i03",))
    said = heard(shop, profile)
    features = ranking.features(ranking.person(profile, said.likes, said.dislikes, said.rated), np.arange(N))
    assert all(np.ptp(ranking.scores(name, features)) > 0 for name in ranking.names)


def test_what_was_learned_is_remembered(shop, steps, monkeypatch):
    lesson = lesson_of(shop)
    told = building._rank(steps, shop, lesson)
    monkeypatch.setattr(building, "teach_rankers", lambda *_: pytest.fail("they were taught again"))
    assert building._rank(steps, shop, lesson) == told


def test_other_settings_teach_that_ranker_alone_anew(shop, monkeypatch):
    before = ranking_keys(lesson_of(shop))
    monkeypatch.setattr(learning, "create_ranker", lambda name: create(name, **SMALL[name] | {"seed": 1}))
    after = ranking_keys(lesson_of(shop))
    assert before[0] == after[0] and len(set(before + after)) == 2 * len(RANKING_FILES) - 1


def test_too_few_people_get_no_rankers(forty, shop, steps, monkeypatch):
    assert building._rank(steps, forty, lesson_of(forty)) == {}  # six items
    monkeypatch.setattr(learning, "MIN_LISTS", 1000)
    assert teach_rankers(lesson_of(shop)) == [b""] * len(RANKING_FILES)
    assert building._rank(steps, shop, lesson_of(shop)) == {} and not shop.features_file.exists()


def test_simulated_people_are_called_so(nobody, monkeypatch):
    monkeypatch.setattr(learning, "MIN_LISTS", 1)
    lesson = lesson_of(nobody)
    assert lesson.simulated
    from recsys.ranking import unpacked

    files = teach_rankers(lesson)
    if any(files):
        nobody.features_file.write_bytes(files[0])
        about, _ = unpacked(nobody.features_file)
        assert about["simulated"] is True and "simulated" in about["from"]
