"""What stages are worth: on a version that never saw what is to be found, with figures that can be counted by hand."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest

from recsys.catalog import Catalog, Facet
from recsys.evaluation.records import read_records
from recsys.evaluation.splits import by_item
from recsys.funnel import Funnel, Request, Sizes
from recsys.learning import lesson_of
from recsys.lessons import stages
from recsys.lessons.stages import METHODS, RETRIEVED, held_out, worth_of_stages
from recsys.models.two_tower import TwoTower
from recsys.profile import Profile
from recsys.ranking.gbdt import Gbdt
from recsys.ranking.network import Network
from recsys.settings import Settings

N, PEOPLE = 60, 40
FILTERED, RANKED, LAMS = (20, 200), (10, 50), (0, 100)
"""Fewer than are measured for the record: the shape is the same."""


@pytest.fixture(scope="module")
def version(make_version):
    rng = np.random.default_rng(3)
    ids = [f"i{j:02}" for j in range(N)]
    items = pd.DataFrame(
        {"title": ids, "description": "", "tags": [()] * N, "image": None, "category": list("abc") * (N // 3)},
        index=pd.Index(ids, name="item_id"),
    )
    rows = [
        (f"p{person}", ids[item], float(rng.integers(1, 6)), 880_000_000 + int(rng.integers(10**7)))
        for person in range(PEOPLE)
        for item in rng.permutation(N)[: rng.integers(8, 25)]
    ]
    interactions = pd.DataFrame(rows, columns=["user_id", "item_id", "rating", "timestamp"])
    catalog = Catalog("shop", "Shop", "", items, (Facet("category", "C", "category"),), "category", "none")
    catalog = Catalog(**{**catalog.__dict__, "interactions": interactions})
    return make_version(catalog, {"text": rng.normal(size=(N, 8)).astype(np.float32)}, shard=False)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return Settings(data=tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module", autouse=True)
def little_learning():
    """What is learned need not be good here."""
    with pytest.MonkeyPatch.context() as less:
        for kind, few in ((TwoTower, {"steps": 20}), (Gbdt, {"trees": 10, "bags": 1}), (Network, {"epochs": 1})):
            usual = signature(kind.__init__).parameters.values()
            values = tuple(few.get(p.name, p.default) for p in usual if p.default is not p.empty)
            less.setattr(kind.__init__, "__defaults__", values)
        yield


@pytest.fixture(scope="module")
def record(version, settings):
    with pytest.MonkeyPatch.context() as fewer:
        for name, values in (("FILTERED", FILTERED), ("RANKED", RANKED), ("LAMS", LAMS)):
            fewer.setattr(stages, name, values)
        return worth_of_stages(settings, version)


def quiet(done: int, total: int, what: str) -> None:
    pass


def test_the_version_of_the_past_knows_the_training_part_alone(version, settings, record):
    lesson = lesson_of(version)
    task = by_item(lesson.ratings)
    with held_out(settings, version, lesson, task, quiet) as past:
        assert past.ratings.fingerprint() == task.train.fingerprint() != lesson.ratings.fingerprint()
        assert set(past.learned) == {"mf", "two_tower"} and set(past.rankers) == {"gbdt", "dnn"}
        assert not past.shard.exists()
        folder = past.path
    assert not folder.exists()


def test_every_figure_is_there(record, settings):
    assert record["protocol"] == "funnel" and record["data"]["simulated"] is False
    spaces = {"text", "mf", "two_tower", "two_tower + mf"}
    assert {(r["space"], r["size"]) for r in record["retrieve"]} == {(s, n) for s in spaces for n in RETRIEVED}
    assert {(r["space"], r["ranker"], r["size"]) for r in record["rank"]} == {
        (s, r, n) for s in ("mf", "two_tower") for r in ("none", "gbdt", "dnn") for n in FILTERED
    }
    assert len(record["gain"]) == 4 and len(record["diversify"]) == len(METHODS) * len(RANKED) * len(LAMS)
    assert read_records(settings, "shop")["funnel"] == record


def test_recall_grows_to_all_that_there_is(record):
    for space in {r["space"] for r in record["retrieve"]}:
        curve = [r["recall"] for r in record["retrieve"] if r["space"] == space]
        assert curve == sorted(curve) and curve[-1] == pytest.approx(1)  # 1,000 of 60 items are all


def test_figures_by_hand(version, settings, record):
    lesson = lesson_of(version)
    task = by_item(lesson.ratings)
    wanted = task.test.seen()
    with held_out(settings, version, lesson, task, quiet) as past:
        funnel, recalls, gains = Funnel(past, None, lambda profile: {}), [], []
        model = funnel.model("mf")
        for place, person in enumerate(task.train.people):
            if not wanted[place].any():
                continue
            scores = np.round(model.vectors.astype(np.float64) @ model.look_up(person), 6)
            scores[task.train.items[task.train.users == place]] = -np.inf
            best = np.lexsort((np.arange(N), -scores))
            recalls.append(wanted[place, best[:20]].sum() / wanted[place].sum())
            profile = Profile().being(person)
            request = Request(profile, "mf", sizes=Sizes(1000, 20, 20), ranker="gbdt", filtering="before", lam=1.0)
            shown = [wanted[place, row] for row in funnel.recommend(request).candidates[:10]]
            ideal = sum(1 / np.log2(2 + i) for i in range(min(10, wanted[place].sum())))
            gains.append(sum(hit / np.log2(2 + i) for i, hit in enumerate(shown)) / ideal)
    (told,) = (r["recall"] for r in record["retrieve"] if (r["space"], r["size"]) == ("mf", 20))
    assert told == pytest.approx(np.mean(recalls), abs=1e-6)
    (told,) = (r["ndcg@10"] for r in record["rank"] if (r["space"], r["ranker"], r["size"]) == ("mf", "gbdt", 20))
    assert told == pytest.approx(np.mean(gains), abs=1e-6)


def test_variety_costs_and_brings_something(record):
    rows = {(r["method"], r["size"], r["lam"]): r for r in record["diversify"]}
    for method in METHODS:
        varied, plain = rows[method, 50, 0.0], rows[method, 50, 1.0]
        assert varied["ild"] > plain["ild"]
        assert rows[method, 10, 0.0]["ild"] == pytest.approx(rows[method, 10, 1.0]["ild"])  # ten of ten are all
