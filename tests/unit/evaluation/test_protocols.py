"""Protocols on forty small people: what a record holds, and that tuning sees training data alone."""

import numpy as np
import pytest
from test_splits import IDS, table

from recsys.errors import InvalidInput
from recsys.evaluation import tuning
from recsys.evaluation.protocols import PROTOCOLS, _passes, evaluate
from recsys.evaluation.records import PROTOCOLS as NAMES
from recsys.evaluation.splits import by_item
from recsys.learning import lesson_of
from recsys.models import Side


def test_the_names_agree():
    assert (*PROTOCOLS, "funnel", "replay") == NAMES  # these two go through the funnel, which stands above


def test_known_people(forty):
    lesson = lesson_of(forty)
    record = evaluate(lesson.ratings, lesson.side, "ms-75-25", ["popularity", "ease"])
    assert [m["ndcg@10"] for m in record["models"]] == sorted((m["ndcg@10"] for m in record["models"]), reverse=True)
    for model in record["models"]:
        assert model["low"] <= model["ndcg@10"] <= model["high"]
        assert model["train_s"] >= 0 and model["query_ms"]["p50_ms"] >= 0
        assert {s["kind"] for s in model["segments"]} == {"history", "age", "items"}
    (ease,) = (m for m in record["models"] if m["model"] == "ease")
    (popular,) = (m for m in record["models"] if m["model"] == "popularity")
    assert ease["against"]["popularity"]["mean"] == pytest.approx(ease["ndcg@10"] - popular["ndcg@10"], abs=2e-6)
    assert np.diag(record["overlap"]["matrix"]).tolist() == [1, 1]
    assert record["train"] + record["test"] == len(lesson.ratings)
    assert record["seeds"] == [42]
    assert evaluate(lesson.ratings, lesson.side, "chronological", ["popularity"])["seeds"] == []


def test_newcomers(forty):
    lesson = lesson_of(forty)
    record = evaluate(lesson.ratings, lesson.side, "cold-users", ["content"], seeds=(0, 1))
    assert {m["model"] for m in record["models"]} == {"content", "popularity"} and record["seeds"] == [0, 1]
    for model in record["models"]:
        assert {(p["order"], p["m"]) for p in model["curve"]} >= {("random", 0), ("chronological", 20)}
    content = next(m for m in record["models"] if m["model"] == "content")
    start = next(p for p in content["curve"] if p["m"] == 0 and p["order"] == "random")
    assert start["gain"] == 0  # of whom nothing is known, content gives the popular list


def test_new_items():
    kinds = np.arange(30) % 3 == np.arange(3)[:, None]
    links = np.empty(30, dtype=object)
    links[:] = [()] * 30
    side = Side(IDS, kinds.T.astype(np.float32), kinds.T, np.full(30, np.nan), links)
    record = evaluate(table(), side, "cold-items", ["content", "ease"], seeds=(0, 1, 2))
    ease = next(m for m in record["models"] if m["model"] == "ease")
    assert ease["auc"]["mean"] == 0.5  # it has heard of none of them: all tie
    assert "content" in ease["auc_against"]


def test_what_there_is_not():
    with pytest.raises(InvalidInput, match="no protocol"):
        evaluate(None, None, "dice")
    with pytest.raises(InvalidInput, match="no model"):
        evaluate(None, None, "ms-75-25", ["dice"])


def test_passing_for_good():
    """Above at 1, not at 2, above from 5 on: 5 counts."""
    points = [(0, -1), (1, 0.1), (2, -0.1), (5, 0.2), (10, 0.3)]
    curve = [{"order": "random", "m": m, "gain_low": low} for m, low in points]
    curve += [{"order": "chronological", "m": m, "gain_low": -1} for m, _ in points]
    assert _passes(curve) == {"random": 5, "chronological": None}


def test_tuning_takes_the_best_on_validation_and_never_sees_a_test_rating(forty, monkeypatch):
    lesson = lesson_of(forty)
    task = by_item(lesson.ratings)
    seen = []
    monkeypatch.setitem(tuning.GRIDS, "ease", {"lam": (1.0, 10.0, 1000.0)})

    def value(name, settings, split, side):
        pairs = set(zip(split.train.users, split.train.items, strict=True))
        pairs |= set(zip(split.test.users, split.test.items, strict=True))
        seen.append(pairs)
        return {1.0: 0.2, 10.0: 0.3, 1000.0: 0.3}[settings["lam"]]

    monkeypatch.setattr(tuning, "_value", value)
    found = tuning.tune("ease", task.train, lesson.side)
    assert found["chosen"] == {"lam": 10.0}
    assert [one["ndcg@10"] for one in found["validation"]] == [0.2, 0.3, 0.3]
    held = set(zip(task.test.users, task.test.items, strict=True))
    assert all(not pairs & held for pairs in seen)


def test_one_hyper_parameter_after_the_other(forty, monkeypatch):
    lesson = lesson_of(forty)
    monkeypatch.setitem(tuning.STEPWISE, "ensemble", {"lam": (1.0, 100.0), "dropout": (0.1, 0.9)})
    monkeypatch.setattr(tuning, "_value", lambda name, s, split, side: s["lam"] / 1000 + s["dropout"])
    found = tuning.tune("ensemble", lesson.ratings, lesson.side)
    assert found["chosen"] == {"lam": 100.0, "dropout": 0.9} and len(found["validation"]) == 4
