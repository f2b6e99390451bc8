"""Whether ranking helps, on fifty small people: what a record holds, and what rankers never see."""

from dataclasses import replace

import numpy as np
import pytest
from test_splits import IDS, table

from recsys.evaluation import ranking as protocol
from recsys.evaluation.protocols import evaluate
from recsys.evaluation.ranking import lists_to_learn_from, retrieve, search
from recsys.evaluation.splits import by_item
from recsys.models import Side
from recsys.models import create as create_model
from recsys.ranking import create
from recsys.ranking.features import FEATURES, learn_store

SMALL = {"gbdt": {"trees": 5, "min_rows": 5}, "dnn": {"epochs": 1, "members": 1, "hidden": 4}}


def side() -> Side:
    kinds = np.arange(30) % 3 == np.arange(3)[:, None]
    links = np.empty(30, dtype=object)
    links[:] = [()] * 30
    return Side(IDS, kinds.T.astype(np.float32), kinds.T, np.full(30, np.nan), links)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Towers and rankers that learn little, and one split instead of several."""
    little = {"two-tower": {"steps": 5, "dim": 8, "hidden": 8}, "als": {"factors": 4, "iterations": 2}}
    monkeypatch.setattr("recsys.ranking.features.create", lambda name: create_model(name, **little.get(name, {})))
    monkeypatch.setattr(protocol, "create", lambda name, **own: create(name, **(SMALL[name] | own)))
    monkeypatch.setattr(protocol, "FOLD_SEEDS", (11,))


def test_a_record():
    record = evaluate(table(), side(), "ranking", ["als", "content", "popularity"])
    assert [(row["model"], row["size"]) for row in record["models"]] == [
        (model, size) for model in ("als", "content") for size in protocol.SIZES
    ]
    assert list(record["features"]) == list(FEATURES)
    for row in record["models"]:
        assert 0 <= row["reached"] <= 1 and row["low"] <= row["ndcg@10"] <= row["high"]
        assert [own["by"] for own in row["ranked"]] == ["gbdt", "dnn", "ensemble"]
        for own in row["ranked"]:
            assert own["gain"]["mean"] == pytest.approx(own["ndcg@10"] - row["ndcg@10"], abs=2e-6)
            assert own["gain"]["low"] <= own["gain"]["mean"] <= own["gain"]["high"]
        assert "over_ensemble" in row["ranked"][0] and "over_ensemble" not in row["ranked"][2]
    for row in record["rankers"]:
        assert sum(row["importance"].values()) == pytest.approx(1, abs=1e-4) and row["tuning"] is None
        assert 0 < row["ms"]["p50_ms"] <= row["ms"]["p99_ms"]
    assert record["train"] + record["test"] == len(table())


def test_lists_keep_the_order_of_the_tower_and_take_that_of_a_ranker():
    """A stub that likes high rows: the tower's first five, the highest row first."""
    task = by_item(table())
    asked = retrieve(learn_store(task.train, side()), task, side(), 8)

    class Popular:
        def scores(self, features):
            return -features[:, list(FEATURES).index("popularity")]

    raw, ranked = asked.lists("als", 5), asked.lists("als", 5, Popular())
    counts = task.train.counts()
    for person, rows in enumerate(asked.rows["als"]):
        np.testing.assert_array_equal(raw[person, :5], rows[:5])
        assert (raw[person, 5:] == -1).all() and set(ranked[person, :5]) == set(rows[:5])
        assert (np.diff(counts[ranked[person, :5]]) >= 0).all()


def test_no_test_rating_enters():
    """The test ratings get other values and moments: rankers and tables stay the same to the last bit."""
    ratings = table()
    task = by_item(ratings)
    held = ~np.isin(ratings.users * 30 + ratings.items, task.train.users * 30 + task.train.items)
    poisoned = replace(
        ratings, values=np.where(held, 1.0, ratings.values), times=np.where(held, 999_999_999, ratings.times)
    )
    states = []
    for told in (ratings, poisoned):
        train = by_item(told).train
        lists = lists_to_learn_from(train, side(), (11,))
        states.append({name: create(name, **SMALL[name]).fit(lists).state() for name in SMALL})
        states[-1]["tables"] = learn_store(train, side()).state
    for name, state in states[0].items():
        for key, array in state.items():
            np.testing.assert_array_equal(array, states[1][name][key])


def test_searching_sees_the_training_part_alone_and_takes_the_best(monkeypatch):
    monkeypatch.setattr(protocol, "STEPWISE", {"gbdt": {"leaves": (2, 4, 8)}})
    seen = []
    real = protocol.learn_store
    monkeypatch.setattr(protocol, "learn_store", lambda train, side: seen.append(train) or real(train, side))
    task = by_item(table())
    found = search(task.train, side(), lambda *_: None)["gbdt"]
    allowed = set(zip(task.train.users, task.train.items, strict=True))
    assert len(seen) == 2 and all(set(zip(t.users, t.items, strict=True)) < allowed for t in seen)
    values = [one["ndcg@10"] for one in found["validation"]]
    assert len(values) == 3
    assert found["chosen"]["leaves"] == (2, 4, 8)[int(np.argmax(values))] and found["chosen"]["trees"] == 5
