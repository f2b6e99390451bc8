"""Records: written, read back, and what they say of whom to serve by what."""

import json

import pytest

from recsys.evaluation.records import SHIPPED, best_by_likes, read_records, write_record
from recsys.settings import Settings


def record(catalog="movies", protocol="cold-users", **models) -> dict:
    return {
        "catalog": catalog,
        "protocol": protocol,
        "data": {"hash": "abc"},
        "models": [
            {"model": name, "curve": [{"order": "random", "m": m, "ndcg@10": value} for m, value in curve.items()]}
            for name, curve in models.items()
        ],
    }


SPACES = {"content": "text", "als": "mf", "two-tower": "two_tower"}


def test_the_best_space_by_likes():
    told = record(
        content={0: 0.9, 1: 0.30, 5: 0.3},
        als={0: 0.0, 1: 0.20, 5: 0.4},
        ease={0: 0.0, 1: 0.99, 5: 0.99},
        **{"two-tower": {0: 0.0, 1: 0.29, 5: 0.39}},
    )
    rules = best_by_likes(told, "abc", SPACES)
    assert [(r["likes"], r["space"], r["over"]) for r in rules] == [(1, "text", "two-tower"), (5, "mf", "two-tower")]
    assert rules[1]["ndcg@10"] == 0.4 and rules[1]["over_ndcg@10"] == 0.39


def test_a_record_of_other_data_tells_nothing():
    assert best_by_likes(record(als={1: 0.5}), "another", SPACES) == []
    assert best_by_likes(None, "abc", SPACES) == []


def test_this_machine_comes_before_the_shipped_records(tmp_path):
    settings = Settings(data=tmp_path)
    shipped = read_records(settings, "movies")
    write_record(tmp_path / "measured", record())
    mine = read_records(settings, "movies")
    assert mine["cold-users"]["data"]["hash"] == "abc"
    assert {k: v for k, v in mine.items() if k != "cold-users"} == {
        k: v for k, v in shipped.items() if k != "cold-users"
    }


@pytest.mark.parametrize("text", ["", "{", "[]", '{"models": []}'])
def test_a_damaged_record_is_passed_over(tmp_path, text):
    (tmp_path / "measured").mkdir()
    (tmp_path / "measured" / "shop-ms-75-25.json").write_text(text)
    assert read_records(Settings(data=tmp_path), "shop") == {}


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.json")), ids=lambda p: p.stem)
def test_shipped_records_say_where_they_are_from(path):
    told = json.loads(path.read_text())
    assert told["data"]["hash"] and told["machine"] and told["versions"] and told["measured_at"]
    if told["protocol"] == "replay":  # of any catalog: what it learned from may have been made up, and then says so
        assert told["data"]["simulated"] == ("simulated" in told["data"]["from"]) == (told["catalog"] == "clipart")
    else:
        assert told["data"]["ratings"] == 100_000
    assert path.stem == f"{told['catalog']}-{told['protocol']}"
