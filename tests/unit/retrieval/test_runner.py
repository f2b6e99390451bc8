"""The runner: what it measures is judged, and what cannot be measured is a row with its reason."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from schema import documented_bench, told

from recsys.__main__ import main
from recsys.bench import retrieval as bench
from recsys.bench.retrieval import bench_retrieval, catalog_data, growth, synthetic_data
from recsys.catalog import Catalog, Facet
from recsys.errors import InvalidInput, NotBuilt
from recsys.funnel import Funnel
from recsys.lessons.retrieval.queries import profile_queries
from recsys.settings import Settings
from recsys.version import open_current, publish

N = 60
RNG = np.random.default_rng(0)
TEXT = RNG.standard_normal((N, 12))
TEXT = (TEXT / np.linalg.norm(TEXT, axis=1, keepdims=True)).astype(np.float32)
IMAGE = TEXT[:, :8].copy()
IMAGE[::10] = 0


@pytest.fixture(scope="module")
def settings(tmp_path_factory, write_version) -> Settings:
    """Two catalogs: `clipart` of 60 items without people, and `rated` of the same items with three people."""
    ids = [f"item-{row}" for row in range(N)]
    columns = {"title": ids, "description": "", "tags": [()] * N, "image": None, "category": list("abcdef") * 10}
    items = pd.DataFrame(columns, index=pd.Index(ids, name="item_id"))
    facets = (Facet("category", "Category", "category"),)
    nobody = Catalog("clipart", "Sixty", "", items, facets, categories="category", licence="none")
    table = [("ann", 1, 5.0), ("ann", 2, 4.0), ("ann", 3, 3.0), ("bob", 0, 5.0), ("cas", 7, 1.0)]
    interactions = pd.DataFrame(
        [(who, ids[row], rating, 0) for who, row, rating in table],
        columns=["user_id", "item_id", "rating", "timestamp"],
    )
    settings = Settings(data=tmp_path_factory.mktemp("data"))
    for catalog in (nobody, replace(nobody, name="rated", interactions=interactions)):
        draft = settings.catalogs / catalog.name / ".building"
        spaces = {"text": TEXT, "image": IMAGE}
        publish(settings, catalog.name, write_version(draft, catalog, spaces, shard=False), "one")
    return settings


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(bench, "QUERIES", 25)
    monkeypatch.setattr(bench, "TOGETHER_S", 0.01)
    monkeypatch.setattr(bench, "POINT_TOGETHER_S", 0.01)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def rows(document: dict, run: int = 0) -> dict[str, dict]:
    return {row["engine"]: row for row in document["runs"][run]["engines"]}


def test_the_document(settings):
    document = bench_retrieval(settings, "clipart", engines=["retrieval_fakes:Half"])
    grown = bench_retrieval(settings, synthetic=(9, 5), sizes=(50, 100, 200), engines=["exhaustive"])
    both = json.loads(json.dumps([document, grown], allow_nan=False))
    assert told(both[0]) | told(both[1]) == documented_bench("bench retrieval")
    assert [run["data"]["space"] for run in document["runs"]] == ["text", "image"]
    data = document["runs"][1]["data"]
    assert (data["n"], data["dims"], data["left_out"], data["unit"], data["queries"]) == (54, 8, 6, False, 25)
    assert document["runs"][0]["data"]["unit"] and document["growth"] == []

    exhaustive, half = rows(document).values()
    assert exhaustive["recall@10_min"] == 1 and exhaustive["ratio"] == 1 and exhaustive["error"] is None
    assert exhaustive["score_error"] < 1e-6 and exhaustive["n"] == 25
    assert 0.2 < half["recall@10"] < 0.8 and half["below_0.9"] > 0.9 and not half["exact"] and half["known_queries"]
    assert [(p["knobs"]["percent"], p["queries"]) for p in half["frontier"]] == [(50, 25), (25, 25), (100, 25)]
    recall = {p["knobs"]["percent"]: p["recall@10"] for p in half["frontier"]}
    assert recall[25] < recall[50] < recall[100] == 1 and recall[50] == half["recall@10"]
    assert half["settings_left_out"] == 0 and half["ratio"] == pytest.approx(half["p50_ms"] / exhaustive["p50_ms"], 0.1)
    assert 0 < half["build_s"] < 5 and half["index_bytes"] >= 60 * 12 * 4 and half["peak_mb"] >= half["before_mb"] > 5

    sizes = [run["data"]["n"] for run in grown["runs"]]
    assert sizes == [50, 100, 200] and grown["runs"][0]["data"]["dims"] == 5
    assert grown["runs"][0]["data"]["grown"]["from"] == 60 and grown["runs"][0]["data"]["unit"]
    assert [(g["engine"], g["cost"], g["sizes"]) for g in grown["growth"]] == [
        ("exhaustive", cost, 3) for cost in ("p50_ms", "index_bytes", "build_s")
    ]


def test_recall_is_not_the_engine_s_own(settings):
    wrong = rows(bench_retrieval(settings, "clipart", "text", engines=["retrieval_fakes:Wrong"]))
    assert wrong["retrieval_fakes:Wrong"]["recall@10"] < 0.2


def test_what_goes_wrong_is_a_row_and_the_rest_goes_on(settings, tmp_path):
    sentences = {
        "Twice": "twice for one query",
        "Outside": "names row 1000000; there are rows 0 to 59",
        "Missing": "nolib is not installed",
        "Full": "The disk is full",
        "Killed": "was killed, perhaps for want of memory",
        "Crashing": "crashed",
        "Broken": "assertion failed",
        "Unreadable": "The index cannot be read. Build it again.",
    }
    names = [f"retrieval_fakes:{name}" for name in sentences]
    engines = [*names, "no_such_module:Engine", "retrieval_fakes:Absent", "retrieval_fakes:Noisy"]
    document = bench_retrieval(settings, "clipart", "text", engines=engines, out=tmp_path / "out")
    found = rows(document)
    assert list(found) == ["exhaustive", *engines]
    for name, sentence in zip(names, sentences.values(), strict=True):
        assert sentence in found[name]["error"] and "ratio" not in found[name], name
    assert found["no_such_module:Engine"]["error"] and "Absent" in found["retrieval_fakes:Absent"]["error"]
    assert found["retrieval_fakes:Noisy"]["error"] is None and found["retrieval_fakes:Noisy"]["recall@10"] == 1
    assert found["retrieval_fakes:Unreadable"]["build_s"] > 0  # what was measured before it failed
    kept = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert kept == ["clipart-text-exhaustive.json", "clipart-text-retrieval_fakes-Noisy.json"]
    json.dumps(document, allow_nan=False)


def test_a_limit_of_time(settings, tmp_path):
    bench_retrieval(settings, "clipart", "text", engines=["exhaustive"], out=tmp_path)
    slow = bench_retrieval(settings, "clipart", "text", engines=["retrieval_fakes:Slow"], out=tmp_path, limit_s=1.5)
    assert rows(slow)["retrieval_fakes:Slow"]["error"] == (
        "retrieval_fakes:Slow took longer than 1.5 seconds and was stopped."
    )
    assert rows(slow)["exhaustive"]["error"] is None


def test_records_are_kept_and_taken_up(settings, tmp_path, monkeypatch):
    measured = []
    measure = bench.measure
    monkeypatch.setattr(bench, "measure", lambda name, *more: measured.append(name) or measure(name, *more))

    def run(**more):
        measured.clear()
        one = {"catalog": "clipart", "space": "text", "engines": ["retrieval_fakes:Half"], "out": tmp_path}
        return bench_retrieval(settings, **(one | more)), list(measured)

    both = ["exhaustive", "retrieval_fakes:Half"]
    first, asked = run()
    assert asked == both
    again, asked = run()
    assert asked == [] and again["runs"] == first["runs"]
    record = json.loads((tmp_path / "clipart-text-exhaustive.json").read_text())
    assert (
        set(record) == {"key", "data", "engine", "machine", "versions"} and record["data"] == first["runs"][0]["data"]
    )
    assert "ratio" not in record["engine"]  # that is the run's

    assert run(seed=1)[1] == both  # other queries
    assert run(seed=1)[1] == []
    assert run(seed=1, anew=True)[1] == both and run(seed=1)[1] == []
    monkeypatch.setattr(bench, "MEASURED", bench.MEASURED + 1)
    assert run(seed=1)[1] == both
    (tmp_path / "clipart-text-exhaustive.json").write_text('{"key": ')
    assert run(seed=1)[1] == ["exhaustive"]
    monkeypatch.setattr(bench, "version_of", lambda library: "another")
    assert run(seed=1)[1] == both
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_record_that_cannot_be_kept(settings, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="Records cannot be kept in out: Not a directory"):
        bench_retrieval(settings, "clipart", "text", engines=["exhaustive"], out=tmp_path / "file" / "out")


def funnel(settings, name):
    return Funnel(open_current(settings, name), None, dict)


def test_queries_are_profiles_through_the_tower(settings):
    queries = profile_queries(funnel(settings, "rated"), "text", 40, 0)
    assert queries.shape == (40, 12) and queries.dtype == np.float32
    # Ann likes 1 and 2, Bob likes 0; nobody else likes anything: four profiles, of which each is a unit mean.
    both = TEXT[1].astype(np.float64) + TEXT[2]
    possible = np.stack([TEXT[0], TEXT[1], TEXT[2], both / np.linalg.norm(both)])
    near = np.abs(queries[:, None] - possible).max(axis=2) < 1e-6
    assert near.any(axis=1).all() and near.any(axis=0).all()
    # In the image space Bob's only like has no vector, so that he says nothing there.
    shown = profile_queries(funnel(settings, "rated"), "image", 40, 0)
    assert shown.shape == (40, 8) and shown.any(axis=1).all()
    simulated = profile_queries(funnel(settings, "clipart"), "text", 40, 3)
    assert (simulated == profile_queries(funnel(settings, "clipart"), "text", 40, 3)).all()
    assert (simulated != profile_queries(funnel(settings, "clipart"), "text", 40, 4)).any()


def test_items_without_a_vector_are_left_out(settings):
    data = catalog_data(open_current(settings, "clipart"), "image", 0)
    assert (data.vectors == IMAGE[IMAGE.any(axis=1)]).all() and data.about["left_out"] == 6


def test_synthetic_data(settings):
    version = open_current(settings, "clipart")
    data = synthetic_data(version, "text", 500, 6, 0)
    assert data.vectors.shape == (500, 6) and data.queries.shape == (25, 6) and data.about["synthetic"]
    assert data.about["hash"] == synthetic_data(version, "text", 500, 6, 0).about["hash"]
    assert data.about["hash"] != synthetic_data(version, "text", 500, 6, 1).about["hash"]
    np.testing.assert_allclose(np.linalg.norm(data.vectors, axis=1), 1, atol=1e-6)


def test_growth_needs_three_sizes_and_no_error():
    def run(n, **rows):
        return {"data": {"n": n}, "engines": [{"engine": name, **row} for name, row in rows.items()]}

    def row(cost, error=None):
        return {"p50_ms": cost, "build_s": 1.0, "index_bytes": 0, "serving_mb": 30.0, "peak_mb": None, "error": error}

    failed = {"error": "no"}
    runs = [run(10, a=row(1), b=row(1)), run(100, a=row(10), b=failed), run(1000, a=row(100), b=row(3))]
    assert growth(runs) == [
        {"engine": "a", "cost": "p50_ms", "exponent": 1.0, "standard_error": 0.0, "sizes": 3},
        {"engine": "a", "cost": "build_s", "exponent": 0.0, "standard_error": 0.0, "sizes": 3},
    ]


def test_a_setting_is_dominated_by_one_that_is_better_and_not_by_its_equal():
    def points(*pairs):
        return [{"recall@10": recall, "p50_ms": ms} for recall, ms in pairs]

    these = points((0.9, 1), (0.9, 2), (1, 2), (1, 2), (0.8, 0.5))
    assert [bench._dominated(p, these) for p in these] == [False, True, False, False, False]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "There is nothing to measure on"),
        ({"catalog": "clipart", "space": "sound"}, "no space “sound”. It has: text, image."),
        ({"catalog": "clipart", "sizes": (5, 6)}, "Add --synthetic N,D"),
        ({"synthetic": (100, 13)}, "has 12 dimensions, not 13"),
        ({"synthetic": (10**12, 12)}, "cannot be held. Ask for 1 to"),
        ({"catalog": "rated", "space": "text", "synthetic": (0, 5)}, "cannot be held"),
    ],
)
def test_what_cannot_be_measured(settings, arguments, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        bench_retrieval(settings, engines=["exhaustive"], **arguments)
    with pytest.raises(NotBuilt):
        bench_retrieval(settings, "nowhere", engines=["exhaustive"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "nothing to measure on"),
        (["--catalog", "clipart", "--engine", "magic"], "There is no engine “magic”. There are: exhaustive"),
        (["--synthetic", "1000"], "--synthetic cannot be “1000”"),
        (["--synthetic", "1000,-5"], "--synthetic cannot be"),
        (["--synthetic", "5,5", "--sizes", "10,x"], "--sizes cannot be “10,x”"),
        (["--catalog", "clipart", "--minutes", "nan"], "cannot be given nan minutes"),
        (["--catalog", "clipart", "--seed", "-1"], "A seed is 0 or more"),
        (["--catalog", "clipart", "--build", "M=16"], "Add --engine E"),
        (["--catalog", "clipart", "--engine", "hnswlib", "--build", "M"], "--build cannot be “M”"),
        (
            ["--catalog", "clipart", "--engine", "hnswlib", "--build", "cells=9"],
            "is not built with “cells”: it takes M, ef",
        ),
        (["--catalog", "clipart", "--engine", "hnswlib", "--build", "M=1"], "hnswlib cannot be built so"),
        (["--catalog", "clipart", "--engine", "exhaustive", "--build", "M=9"], "it takes nothing that is a number"),
        (["--catalog", "clipart", "--engine", "hnswlib", "--build", "M=9", "--out", "x"], "engines as they come"),
        (["--catalog", "clipart", "--seed", "x"], "invalid int value"),
    ],
)
def test_the_command_says_what_is_wrong(settings, words, sentence, monkeypatch, capsys):
    monkeypatch.setenv("TASTESPACE_DATA", str(settings.data))
    try:
        code = main(["bench", "retrieval", *words, "--json"])
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    assert (code, out) == (2, "") and sentence in err and "Traceback" not in err


def test_the_command(settings, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("TASTESPACE_DATA", str(settings.data))
    words = ["--synthetic", "80,4", "--engine", "exhaustive", "--out", str(tmp_path), "--seed", "3", "--json"]
    assert main(["bench", "retrieval", *words]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["benchmark"] == "retrieval" and document["runs"][0]["data"]["n"] == 80
    assert document["runs"][0]["data"]["seed"] == 3 and (tmp_path / "clipart-text-80x4-exhaustive.json").exists()


def test_build_time_arguments_are_set_and_told(settings, tmp_path):
    pytest.importorskip("faiss")
    document = bench_retrieval(settings, synthetic=(80, 4), engines=["faiss-ivf"], build={"cells": 2})
    exhaustive, cells = rows(document).values()
    assert cells["arguments"] == {"cells": 2} and exhaustive["arguments"] == {} and cells["error"] is None
