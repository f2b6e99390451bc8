"""The benchmarks' documents have exactly the keys that docs/schema.md tells."""

import json
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest
from schema import documented_bench as documented
from schema import keys, told

from recsys.bench import app as bench_app_module
from recsys.bench import build as bench_build_module
from recsys.bench import conditions as bench_conditions_module
from recsys.bench import funnel as bench_funnel_module
from recsys.bench import importing as bench_import_module
from recsys.bench import related as bench_related_module
from recsys.bench import store as bench_store_module
from recsys.bench.app import WISH, bench_app
from recsys.bench.build import bench_build
from recsys.bench.store import bench_store
from recsys.evaluation.records import read_records
from recsys.funnel import STAGES, STOPS
from recsys.retrieval.precomputed import RelatedLists
from recsys.settings import Settings
from recsys.version import publish

TEXT = np.eye(6, 3, dtype=np.float32) + 0.1


def test_the_notation_is_read():
    block = (
        f"a, b      two\n{' ' * 26}of them\nc: {{ d, e }}   more\n"
        "f: [{     many\n  g, h: {\n    i@10    x\n  }\n  j\n}]\nk    l, m\n"
    )
    assert keys(block) == {*"abcfk", "c.d", "c.e", "f.g", "f.h", "f.g.i@10", "f.h.i@10", "f.j"}
    assert told({"a": 1, "f": [{"g": {"i": 1}}, {"j": 2}], "versions": {"python": "3"}}) == {
        *("a", "f", "f.g", "f.g.i", "f.j", "versions")
    }


def test_bench_store(monkeypatch):
    monkeypatch.setattr(bench_store_module, "QUERIES", 6)
    document = json.loads(json.dumps(bench_store(sizes=(200,), dims=8)))
    assert told(document) == documented("bench store") - {"runs.edge.mmr.recall@10", "runs.local.mmr.recall@10"}


def test_bench_import(monkeypatch, make_version, tiny_catalog, tmp_path):
    catalog = replace(tiny_catalog, items=tiny_catalog.items.assign(text="text"))
    version, titles = make_version(catalog, {"text": TEXT}), []

    def imported(settings, items, vectors):
        assert vectors is None
        titles.append(bench_import_module.pd.read_parquet(items)["title"])
        return {"seconds": 1.0, "built_s": 1.0, "peak_mb": 1.0, "embedded": {}, "anew": True}

    monkeypatch.setattr(bench_import_module, "_import", imported)
    monkeypatch.setattr(bench_import_module, "open_current", lambda settings, name: version)
    monkeypatch.setattr(bench_import_module, "CONDITIONS", ((), ("category=food",)))
    monkeypatch.setattr(bench_import_module, "SEARCHES", 3)
    document = json.loads(json.dumps(bench_import_module.bench_import(Settings(data=tmp_path), 300)))
    assert told(document) == documented("bench import")
    new, same, changed = titles
    assert new.equals(same) and new.is_unique and (new != changed).sum() == 3


def test_bench_build(monkeypatch, tiny_catalog, tmp_path):
    items = tiny_catalog.items.assign(text="text", image="picture.svg")
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><circle cx="4" cy="4" r="3"/></svg>'
    catalog = replace(tiny_catalog, items=items)
    source = SimpleNamespace(load=lambda settings: catalog, picture_reader=lambda settings: lambda path: svg)
    encoder = SimpleNamespace(name="fake@1", encode_items=lambda items: np.ones((len(items), 3), dtype=np.float32))
    monkeypatch.setattr(bench_build_module, "SOURCES", {"clipart": source})
    monkeypatch.setattr(bench_build_module, "load_text_encoder", lambda name: encoder)
    monkeypatch.setattr(bench_build_module, "load_image_encoder", lambda name: encoder)
    monkeypatch.setattr(bench_build_module, "PICTURES", 8)
    document = json.loads(json.dumps(bench_build(Settings(data=tmp_path))))
    assert told(document) == documented("bench build")
    assert document["texts"]["items"] == 6 and document["pictures"]["items"] == 8
    assert document["encoders"] == {"text": "fake@1", "image": "fake@1"} and len(document["texts"]["runs"]) == 3


@pytest.fixture
def pretended(monkeypatch):
    """No server and no browser: a page that repaints at once, takes 12 ms for everything and shows nothing of use."""
    page, lists = MagicMock(), count()
    page.evaluate.return_value = [12.0, 12.0]
    page.locator.return_value.evaluate.return_value = None
    browser = MagicMock()
    browser.new_page.return_value = page
    app = SimpleNamespace(url="", started=0.0, modules=lambda: {"numba", "json"}, rss_mb=lambda: 142.04)

    @contextmanager
    def running_app(settings, wait):
        yield app

    monkeypatch.setattr(bench_app_module, "chromium", lambda: nullcontext(browser))
    monkeypatch.setattr(bench_app_module, "running_app", running_app)
    for wait in ("wait_until_up", "wait_until_painted", "settle"):
        monkeypatch.setattr(bench_app_module, wait, lambda *arguments, **more: None)
    monkeypatch.setattr(
        bench_app_module, "order", lambda page, shelf: ["apple", "pear", "cat", "dog", str(next(lists))]
    )
    for move in ("drag", "_press"):
        monkeypatch.setattr(bench_app_module, move, lambda page: iter(range(len(STOPS))))
    monkeypatch.setattr(bench_app_module, "LIKES_A_ROUND", 2)


def test_bench_app(pretended, tiny_catalog, write_version, tmp_path):
    settings = Settings(data=tmp_path)
    draft = settings.catalogs / "tiny" / "draft"
    wishes = {words: {"text": TEXT[0]} for words in (WISH, *bench_app_module.SEARCHES)}
    write_version(draft, tiny_catalog, {"text": TEXT}, wishes=wishes)
    publish(settings, "tiny", draft, "one")
    document = json.loads(json.dumps(bench_app(settings, "tiny")))
    assert told(document) == documented("bench app")
    assert document["memory"] == {"rss_mb": 142.0, "imported": ["numba"]}
    assert document["wish"]["equal"] is False and document["drag"]["equal"] == 0 and document["drag"]["stops"] == 101
    assert document["like"]["n"] == 12 and document["filter"]["equal"] == 0
    assert document["search"]["n"] == len(bench_app_module.SEARCHES) and document["search"]["equal"] == 0


def test_bench_related(monkeypatch, tmp_path):
    rows = np.array([[1, 2], [0, 2], [0, 1]], dtype=np.int32)
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]], dtype=np.float32)
    scores = np.array([[0.8, 0], [0.8, 0.6], [0.6, 0]])  # rows of the last one stand in the wrong order
    RelatedLists(rows, scores).write(tmp_path, "text")
    version = SimpleNamespace(
        path=tmp_path,
        has_lists=True,
        spaces={"text": vectors},
        item_ids=np.array(["a", "b", "c"], dtype=object),
        rows=lambda ids: np.array(["abc".index(i) for i in ids]),
    )
    monkeypatch.setattr(bench_related_module, "built_names", lambda settings: ["tiny"])
    monkeypatch.setattr(bench_related_module, "open_current", lambda settings, name: version)
    monkeypatch.setattr(bench_related_module, "LOOKUPS", 50)
    document = json.loads(json.dumps(bench_related_module.bench_related(Settings(data=tmp_path))))
    assert document["catalogs"]["tiny"]["text"]["equal"] == 2
    assert told(document["catalogs"]["tiny"]["text"]) == {
        "dims",
        "items",
        "equal",
        "p50_ms",
        "p95_ms",
        "p99_ms",
        "max_ms",
        "n",
    }


def test_bench_funnel(monkeypatch, write_version, tiny_catalog, tmp_path):
    settings = Settings(data=tmp_path)
    finished = write_version(tmp_path / "finished", tiny_catalog, {"text": TEXT})
    publish(settings, "tiny", finished, "one")
    monkeypatch.setattr(bench_funnel_module, "SETTLING_S", 0.0)
    monkeypatch.setattr(bench_funnel_module, "SAMPLED_S", 0.02)
    document = json.loads(
        json.dumps(bench_funnel_module.bench_funnel(settings, requests=30, clients=(1, 3), minutes=0.01, cache=True))
    )
    stages = {f"runs.clients.stages.{s}{p}" for s in STAGES for p in ("", ".p50_ms", ".p95_ms", ".p99_ms", ".max_ms")}
    assert told(document) - stages == documented("bench funnel")
    (run,) = document["runs"]
    assert [row["requests"] for row in run["clients"]] == [30, 30] and run["soak"]["requests"] > 0
    assert [row["pattern"] for row in run["cache"]] == ["recompute", "ttl", "incremental", "nightly"]
    assert run["process"]["warm_up"] > 0 and run["process"]["threads"] >= 1
    assert not run["synthetic"] and run["data"]["simulated"] and run["items"] == 6
    kept = read_records(settings, "tiny")["replay"]
    assert kept.items() >= run.items() and kept["machine"]["cores"] > 0
    grown = bench_funnel_module.bench_funnel(settings, requests=10, clients=(1,), synthetic=500)["runs"][0]
    assert grown["items"] == 500 and grown["synthetic"] and grown["clients"][0]["requests"] == 10
    assert not grown["clients"][0]["errors"] and not grown["clients"][0]["degraded"]
    flat = bench_funnel_module.bench_funnel(settings, requests=10, clients=(1,), engine="exhaustive")["runs"][0]
    assert (run["engine"], flat["engine"]) == ("qdrant", "exhaustive") and not flat["clients"][0]["degraded"]
    # What is grown, and what another engine retrieved, is not what the page shows.
    assert read_records(settings, "tiny")["replay"] == kept


def test_bench_conditions(monkeypatch, tmp_path):
    vectors = np.random.default_rng(0).standard_normal((300, 8), dtype=np.float32)
    data = SimpleNamespace(label="tiny-text", vectors=vectors, queries=vectors[:4], about={"n": 300})
    monkeypatch.setattr(bench_conditions_module, "cases", lambda *_: [lambda: data])
    document = bench_conditions_module.bench_conditions(Settings(data=tmp_path), "tiny", out=tmp_path / "records")
    ways = {key for key in told(document) if key.startswith("runs.lines.")}
    assert ways == {key for key in documented("bench conditions") if key.startswith("runs.lines.")}
    first = [way for way in document["runs"][0]["lines"] if way["way"] == "filter first"]
    assert {way["recall@10"] for way in first} == {1.0} and {way["share"] for way in first} == {0.5, 0.1, 0.01, 0.001}
    kept = json.loads((tmp_path / "records" / "conditions-tiny-text.json").read_text())
    assert kept["lines"] == document["runs"][0]["lines"] and kept["benchmark"] == "conditions"
