"""Records of engines: what is read, what is passed over, and of which place a story is told."""

import json
import os

import pytest
from engine_records import line, record, write

from recsys.lessons.retrieval import records
from recsys.lessons.retrieval.records import (
    SHIPPED,
    folder_of,
    label_of,
    on,
    read_conditions,
    read_records,
    signature,
    synthetic,
    told,
)
from recsys.settings import Settings

GRAPH = [({"ef_search": 40}, 0.99, 0.2), ({"ef_search": 10}, 0.8, 0.1)]


def test_what_was_written_is_read(tmp_path):
    shipped = write(tmp_path / "shipped", record(), record("hnswlib", GRAPH))
    own = write(tmp_path / "own", record("hnswlib", GRAPH, n=5))
    found = read_records(own, shipped)
    assert [(r.engine, r.label, r.n, r.here) for r in found] == [
        ("exhaustive", "clipart-text", 40, False),
        ("hnswlib", "clipart-text", 40, False),
        ("hnswlib", "clipart-text", 5, True),
    ]
    graph = found[1]
    assert graph.vector_bytes == 40 * 8 * 4
    assert [(p.knobs, p.recall, p.default) for p in graph.points] == [
        ({"ef_search": 40}, 0.99, True),
        ({"ef_search": 10}, 0.8, False),
    ]
    assert [p.recall for p in graph.frontier] == [0.8, 0.99]


def test_what_is_outdone_is_no_frontier(tmp_path):
    one = record("hnswlib", GRAPH)
    one["engine"]["frontier"][0]["dominated"] = True
    (found,) = read_records(write(tmp_path, one), tmp_path / "none")
    assert [p.knobs for p in found.frontier] == [{"ef_search": 10}] and found.points[0].default


def test_labels():
    assert label_of(record()["data"]) == "clipart-text"
    assert label_of(record(synthetic=True, n=1000, dims=128)["data"]) == "clipart-text-1000x128"


@pytest.mark.parametrize(
    "damage",
    [
        lambda one: one.pop("data"),
        lambda one: one.pop("engine"),
        lambda one: one["engine"].pop("frontier"),
        lambda one: one["engine"].update(frontier=[]),
        lambda one: one["engine"].update(frontier=[3]),
        lambda one: one["engine"]["frontier"][0].update(knobs=7),
        lambda one: one["engine"]["frontier"][0].update(knobs={"ef": "7"}),
        lambda one: one["engine"].update(p50_ms="fast"),
        lambda one: one["engine"].update(p50_ms=None),
        lambda one: one["engine"].update(p50_ms=-1),
        lambda one: one["engine"].update(build_s=float("nan")),
        lambda one: one["engine"].update(family=None),
        lambda one: one["engine"].update(error="It crashed."),
        lambda one: one["data"].update(catalog=3),
        lambda one: one["data"].update(n=True),
    ],
)
def test_a_damaged_record_is_passed_over(tmp_path, damage):
    one = record("hnswlib", GRAPH)
    damage(one)
    (tmp_path / "clipart-text-hnswlib.json").write_text(json.dumps(one))
    write(tmp_path, record())
    assert [r.engine for r in read_records(tmp_path, tmp_path / "none")] == ["exhaustive"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '{"data": {}, "engine": {}}', "\x00"])
def test_a_damaged_file_is_passed_over(tmp_path, text):
    (tmp_path / "clipart-text-hnswlib.json").write_text(text)
    (tmp_path / "conditions-clipart-text.json").write_text(text)
    assert read_records(tmp_path, tmp_path) == [] and read_conditions(tmp_path, tmp_path) == {}


def test_no_folder_is_no_records(tmp_path):
    assert read_records(tmp_path / "none", tmp_path / "nor this") == []
    assert read_conditions(tmp_path / "none", tmp_path / "nor this") == {}
    assert signature(tmp_path / "none") == ()


def test_what_the_project_ships_can_be_read():
    if SHIPPED.is_dir():
        files = [path for path in SHIPPED.glob("*.json") if not path.name.startswith("conditions-")]
        found = read_records(SHIPPED / "none")
        assert len(found) == len(files)
        assert {f"{r.label}-{r.engine}.json" for r in found} == {path.name for path in files}


def test_a_story_is_told_of_one_place(tmp_path):
    shipped = write(tmp_path / "shipped", record(), record("hnswlib", GRAPH), record("faiss-ivf"))
    own = write(tmp_path / "own", record(), record("hnswlib", GRAPH))
    assert {r.here for r in told(read_records(own, shipped))} == {False}
    write(own, record("faiss-ivf"))
    assert {r.here for r in told(read_records(own, shipped))} == {True}
    (own / "clipart-text-exhaustive.json").unlink()
    write(own, record("faiss-pq"), record("faiss-flat"))
    assert {r.here for r in told(read_records(own, shipped))} == {False}  # without the reference nothing is compared
    assert told([]) == []


def test_synthetic_vectors_that_differ_in_number_only(tmp_path):
    sizes = [record(synthetic=True, n=n) for n in (10, 100)]
    other = [record(synthetic=True, n=n, dims=16) for n in (10, 100, 1000)]
    found = read_records(write(tmp_path, record(), *sizes, *other), tmp_path / "none")
    assert [(r.n, r.data["dims"]) for r in synthetic(found)] == [(10, 16), (100, 16), (1000, 16)]
    assert synthetic(on(found, "clipart-text")) == []


def test_conditions_with_and_without_provenance(tmp_path):
    lines = [line(0.5, "filter first", 1.0, 0.1)]
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    shipped.mkdir(), own.mkdir()
    (shipped / "conditions-clipart-text.json").write_text(json.dumps(lines))
    (shipped / "conditions-movies-mf.json").write_text(json.dumps({"lines": lines, "data": {"n": 7}}))
    (own / "conditions-clipart-text.json").write_text(json.dumps(lines * 2))
    found = read_conditions(own, shipped)
    assert {name: (len(one.lines), one.here) for name, one in found.items()} == {
        "clipart-text": (2, True),
        "movies-mf": (1, False),
    }
    assert found["movies-mf"].about["data"] == {"n": 7} and found["clipart-text"].about == {}
    (own / "conditions-clipart-text.json").write_text(json.dumps([{**lines[0], "p50_ms": None}]))
    assert not read_conditions(own, shipped)["clipart-text"].here


def test_a_change_of_a_file_changes_the_signature(tmp_path):
    path = write(tmp_path, record()) / "clipart-text-exhaustive.json"
    before = signature(tmp_path)
    assert signature(tmp_path) == before
    os.utime(path, ns=(1, 1))
    assert signature(tmp_path) != before


def test_where_this_machine_keeps_them(tmp_path):
    assert folder_of(Settings(data=tmp_path)) == tmp_path / "measured" / "retrieval"
    assert records.SHIPPED.name == "measured"
