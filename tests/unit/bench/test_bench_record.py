"""What every benchmark's document has, by hand."""

import json

import pytest

from recsys import provenance as record
from recsys.bench.record import percentiles
from recsys.provenance import PACKAGES, provenance


def test_percentiles_by_hand():
    # Between neighbours NumPy goes in a straight line: of 0 ... 100 the q-th percentile is q.
    assert percentiles(list(range(100, -1, -1))) == {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99, "max_ms": 100, "n": 101}
    assert percentiles([10, 20]) == {"p50_ms": 15, "p95_ms": 19.5, "p99_ms": 19.9, "max_ms": 20, "n": 2}


def test_one_time_is_all_of_its_percentiles():
    assert percentiles([1.23456]) == {"p50_ms": 1.235, "p95_ms": 1.235, "p99_ms": 1.235, "max_ms": 1.235, "n": 1}


def test_figures_are_plain_numbers():
    import numpy as np

    json.dumps(percentiles(np.array([1, 2, 3], dtype=np.float32)))


def test_no_time_is_told():
    with pytest.raises(ValueError, match="at least one time, got none"):
        percentiles([])


def test_where_and_with_what():
    told = json.loads(json.dumps(provenance()))
    assert set(told) == {"machine", "versions"}
    assert set(told["machine"]) == {"system", "cpu", "cores", "memory_gb", "load_1min"}
    assert told["machine"]["cores"] >= 1 and told["machine"]["memory_gb"] > 0
    assert set(told["versions"]) == {"python", *PACKAGES}
    assert told["versions"]["python"].startswith("3.") and told["versions"]["numpy"]


def test_a_package_that_is_not_installed_has_no_version(monkeypatch):
    monkeypatch.setattr(record, "PACKAGES", ("numpy", "no-such-package"))
    assert provenance()["versions"]["no-such-package"] is None
