"""The benchmark of diversity measures every method in every shape, and tells plain numbers."""

import json

from schema import documented_bench
from schema import told as keys_of

from recsys.bench import diversity as bench
from recsys.diversity import METHODS


def test_every_method_in_every_shape(monkeypatch):
    monkeypatch.setattr(bench, "TIMES", 3)
    monkeypatch.setattr(bench, "SHAPES", ((30, 4, 1), (20, 3, 5)))
    told = json.loads(json.dumps(bench.bench_diversity()))
    assert told["benchmark"] == "diversity" and keys_of(told) == documented_bench("bench diversity")
    assert [(run["candidates"], run["dims"], run["lambdas"]) for run in told["runs"]] == [(30, 4, 1), (20, 3, 5)]
    for run in told["runs"]:
        assert set(run["methods"]) == set(METHODS)
        assert all(0 < m["p50_ms"] <= m["p95_ms"] and m["n"] == 3 for m in run["methods"].values())
