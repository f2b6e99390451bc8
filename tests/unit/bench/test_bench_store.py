"""The store's benchmark: its own recall by hand, and the keys that scripts rely on."""

import json

import numpy as np

from recsys.bench import store as bench
from recsys.bench.store import bench_store, recall


def test_recall_by_hand(monkeypatch):
    monkeypatch.setattr(bench, "K", 2)
    vectors = np.array([[4.0], [3.0], [2.0], [1.0]])
    queries = np.ones((2, 1))
    allowed = np.array([True, False, True, True])  # the truth is rows 0 and 2
    assert recall([np.array([0, 2])], queries, vectors, allowed) == 1
    assert recall([np.array([2, 0]), np.array([0, 1])], queries, vectors, allowed) == 0.75
    assert recall([np.array([0])], queries, vectors, allowed) == 0.5


def test_figures_of_a_small_run(monkeypatch):
    monkeypatch.setattr(bench, "QUERIES", 6)
    result = json.loads(json.dumps(bench_store(sizes=(80,), dims=8)))
    (run,) = result["runs"]
    assert result["dims"] == 8 and run["points"] == 80 and 0 < run["matching"] < 40
    for name in ("edge", "local"):
        assert run[name]["exact"] is True
        for kind in ("plain", "filtered", "mmr"):
            figures = run[name][kind]
            assert figures["queries"] == 6
            assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"]
        assert run[name]["plain"]["recall@10"] == run[name]["filtered"]["recall@10"] == 1
    assert set(run["ratios"]) == {"build_s", "reopen_s", "plain_p50_ms", "filtered_p50_ms", "mmr_p50_ms"}
