"""What a record of `ranking` says, and which records say nothing."""

import copy

import pytest

from recsys.evaluation.story import ranking_story, usable


def gain(mean: float, low: float, high: float) -> dict:
    return {"mean": mean, "low": low, "high": high}


def by(name: str, value: float, own: dict, over: dict | None = None) -> dict:
    row = {"by": name, "ndcg@10": value, "low": value - 0.01, "high": value + 0.01, "gain": own}
    return row if over is None else {**row, "over_ensemble": over}


def record() -> dict:
    none, worse = gain(0.001, -0.002, 0.004), gain(-0.02, -0.03, -0.01)
    ranked = [
        by("gbdt", 0.49, gain(0.02, 0.015, 0.025), none),
        by("dnn", 0.471, none, worse),
        by("ensemble", 0.49, gain(0.02, 0.015, 0.025)),
    ]
    row = {"model": "als", "size": 1000, "ndcg@10": 0.47, "low": 0.46, "high": 0.48, "ranked": ranked}
    return {"protocol": "ranking", "data": {"hash": "x"}, "models": [row]}


def test_who_helps_and_who_does_not():
    assert ranking_story(record()) == [
        "LambdaRank improves the best 1,000 of ALS: nDCG@10 0.490 against 0.470, "
        "+0.020 (95% interval +0.015 to +0.025).",
        "The ranking network does not help the best 1,000 of ALS: nDCG@10 0.471 against 0.470, "
        "+0.001 (95% interval \u22120.002 to +0.004).",
        "LambdaRank cannot be told from the ensemble, whose scores it reads: the rest adds nothing to them.",
        "The ranking network is better than the ensemble, whose scores it reads, on 0 of 1 lists, and worse on 1.",
    ]


def test_a_ranker_that_harms():
    harmed = record()
    harmed["models"][0]["ranked"][0]["gain"] = gain(-0.02, -0.03, -0.01)
    assert ranking_story(harmed)[0].startswith("LambdaRank worsens the best 1,000 of ALS")


def test_a_damaged_record_says_nothing():
    assert usable(record(), "ranking") is not None
    for damage in (
        lambda r: r.update(protocol="ms-75-25"),
        lambda r: r["models"][0].pop("ranked"),
        lambda r: r["models"][0]["ranked"][0].pop("gain"),
        lambda r: r["models"][0]["ranked"][0].update(low=0.9),
        lambda r: r["models"][0]["ranked"][1].update(gain={"mean": None, "low": None, "high": None}),
    ):
        torn = copy.deepcopy(record())
        damage(torn)
        assert usable(torn, "ranking") is None


@pytest.mark.parametrize("unknown", [{"by": "oracle"}])
def test_a_ranker_that_is_not_known_is_passed_over(unknown):
    other = record()
    other["models"][0]["ranked"][0].update(unknown)
    assert len(ranking_story(other)) == 2
