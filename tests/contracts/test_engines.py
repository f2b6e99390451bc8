"""One suite for every engine of `recsys.retrieval`: what it must find, and what it must never answer."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from recsys.errors import MissingExtra, NotBuilt
from recsys.retrieval import ENGINES, FAMILIES, NOTHING, create, engine_class

N, D, K = 600, 32, 10
LEAST = {"graph": 0.99, "cells": 0.95}
"""Recall at the stated defaults, by family."""
COMPRESSED = 0.95
"""The same where vectors are compressed and candidates compared again."""
DIFFER = ("diskann",)
"""Engines of which two builds from the same vectors are not the same."""
IMPORTS = {
    "hnswlib": "hnswlib",
    "scann": "scann",
    "diskann": "diskannpy",
    **dict.fromkeys([name for name in ENGINES if name.startswith("faiss")], "faiss"),
    **dict.fromkeys([name for name in ENGINES if name.startswith("qdrant")], "qdrant_edge"),
    "milvus": "pymilvus",
}


def clustered(varying: bool) -> tuple[np.ndarray, np.ndarray]:
    """Vectors in 20 clusters, of length 1 or of any; unit queries, half near items, half in random directions."""
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(20, D))[rng.integers(20, size=N)] + 0.5 * rng.normal(size=(N, D))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    if varying:
        vectors *= rng.lognormal(0, 0.5, size=(N, 1))
    near = vectors[rng.integers(N, size=30)] + 0.02 * rng.normal(size=(30, D))
    queries = np.vstack([near, rng.normal(size=(30, D))])
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return vectors.astype(np.float32), queries.astype(np.float32)


DATA = {"unit": clustered(varying=False), "varying": clustered(varying=True)}


def dot(rows: np.ndarray, vectors: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """The true dot products of an answer, float64; -inf at empty places."""
    products = queries.astype(np.float64) @ vectors.astype(np.float64).T
    return np.where(rows >= 0, np.take_along_axis(products, np.maximum(rows, 0), axis=1), -np.inf)


def recall(rows: np.ndarray, vectors: np.ndarray, queries: np.ndarray, k: int = K) -> float:
    """The share of places with an item that is as near as the k-th nearest, ties included."""
    least = np.sort(queries.astype(np.float64) @ vectors.astype(np.float64).T, axis=1)[:, -k, None]
    return float((dot(rows, vectors, queries) >= least - 1e-6).mean())


def least_of(engine) -> float:
    """The recall that is asked of an engine at its defaults."""
    return 1.0 if engine.exact else COMPRESSED if "rescore" in engine.knobs else LEAST[engine.family]


def build(name: str, vectors: np.ndarray, queries: np.ndarray, folder: Path):
    """An engine that was built, or the reason why this one cannot be."""
    if name == "pinecone":
        pytest.skip("needs an account")
    # What is looked up has to be known beforehand.
    known = {"known": queries} if name == "precomputed" else {}
    try:
        engine = create(name)
        engine.build(vectors, folder, **known)
    except (MissingExtra, ModuleNotFoundError) as reason:
        pytest.skip(str(reason))
    engine.use_threads(1)
    return engine


def check(rows: np.ndarray, scores: np.ndarray, queries: int, k: int, n: int) -> None:
    """What holds of every answer: its shape, rows that exist, none twice, empty places at the end, -inf there."""
    assert rows.shape == scores.shape == (queries, k)
    assert rows.dtype == np.int64 and scores.dtype == np.float32
    assert ((rows == NOTHING) | ((rows >= 0) & (rows < n))).all()
    empty = rows == NOTHING
    assert (empty[:, 1:] >= empty[:, :-1]).all()
    assert np.isneginf(scores[empty]).all() and np.isfinite(scores[~empty]).all()
    for row in rows:
        assert len(set(row[row >= 0])) == (row >= 0).sum()


@pytest.fixture(scope="module", params=ENGINES)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module", params=DATA)
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def built(name, kind, tmp_path_factory):
    """An engine over the clustered vectors, the vectors and the queries. Tests only search it."""
    vectors, queries = DATA[kind]
    engine = build(name, vectors, queries, tmp_path_factory.mktemp(name))
    yield engine, vectors, queries
    engine.close()


@pytest.fixture
def make(name, tmp_path):
    """Builds the engine over other vectors, with the queries it will be asked; all are closed in the end."""
    engines = []

    def made(vectors, queries):
        folder = tmp_path / str(len(engines))
        folder.mkdir()
        engines.append(build(name, np.asarray(vectors), np.asarray(queries), folder))
        return engines[-1]

    yield made
    for engine in engines:
        engine.close()


def test_says_what_it_is(name):
    cls = engine_class(name)
    assert cls.name == name and cls.family in FAMILIES
    assert cls.defaults.keys() == cls.knobs.keys()
    for argument, knob in cls.builds.items():
        usual = cls().arguments[argument]
        assert list(knob.values) == sorted(knob.values) and (usual is None or usual in knob.values)
    for knob in cls.knobs.values():
        assert list(knob.values) == sorted(set(knob.values))
    with pytest.raises(TypeError):
        create(name, no_such_argument=1)


def test_finds_the_nearest_at_its_defaults(built):
    engine, vectors, queries = built
    rows, scores = engine.search(queries, K)
    check(rows, scores, len(queries), K, N)
    assert recall(rows, vectors, queries) >= least_of(engine)


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_the_length_of_a_query_does_not_matter(built, factor):
    engine, vectors, queries = built
    if engine.name == "precomputed":
        pytest.skip("knows no other queries")
    rows, scores = engine.search(factor * queries, K)
    assert recall(rows, vectors, queries) >= least_of(engine)
    np.testing.assert_allclose(scores, factor * dot(rows, vectors, queries), rtol=0.02, atol=factor * 1e-4)


def test_scores_are_dot_products_best_first(built):
    engine, vectors, queries = built
    rows, scores = engine.search(queries, K)
    np.testing.assert_allclose(scores, dot(rows, vectors, queries), rtol=0.02, atol=1e-4)
    assert (scores[:, 1:] <= scores[:, :-1] + 1e-6).all()


def test_a_batch_finds_what_single_queries_find(built):
    engine, _, queries = built
    rows, scores = engine.search(queries, K)
    for query, row, score in zip(queries[::4], rows[::4], scores[::4], strict=True):
        single = engine.search(query[None], K)
        assert list(single[0][0]) == list(row)
        np.testing.assert_allclose(single[1][0], score, rtol=1e-4, atol=1e-5)


def test_two_threads_find_the_same(built):
    engine, _, queries = built
    rows, _ = engine.search(queries, K)
    engine.use_threads(2)
    try:
        np.testing.assert_array_equal(engine.search(queries, K)[0], rows)
    finally:
        engine.use_threads(1)


def test_no_query_gives_an_empty_answer_and_float64_is_taken(built):
    engine, _, queries = built
    check(*engine.search(queries[:0], K), 0, K, N)
    np.testing.assert_array_equal(engine.search(queries.astype(np.float64), K)[0], engine.search(queries, K)[0])


def test_more_of_a_knob_finds_no_less(built):
    engine, vectors, queries = built
    for knob, offered in engine.knobs.items():
        least, most = (
            recall(engine.search(queries, K, **{knob: offered.values[i]})[0], vectors, queries) for i in (0, -1)
        )
        assert most >= least, knob
        check(*engine.search(queries, K, **{knob: 0}), len(queries), K, N)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"k": 0}, "expected k of 1 or more, got 0"),
        ({"queries": np.zeros((2, D + 1))}, "expected queries of shape"),
        ({"queries": np.zeros(D)}, "expected queries of shape"),
        ({"queries": np.full((1, D), np.nan)}, "expected finite queries"),
        ({"queries": np.full((1, D), np.inf)}, "expected finite queries"),
        ({"no_such_knob": 1}, "got no_such_knob"),
    ],
)
def test_refuses_what_it_cannot_answer(built, change, words):
    engine, _, queries = built
    with pytest.raises(ValueError, match=words):
        engine.search(**{"queries": queries, "k": K} | change)


def test_refuses_a_negative_knob(built):
    engine, _, queries = built
    for knob in engine.knobs:
        with pytest.raises(ValueError, match=f"expected {knob} of 0 or more, got -1"):
            engine.search(queries, K, **{knob: -1})


@pytest.mark.parametrize("vectors", [np.full((3, 4), np.nan), np.zeros((0, 4)), np.zeros(4)], ids=["nan", "none", "1d"])
def test_refuses_vectors_that_it_cannot_index(make, vectors):
    with pytest.raises(ValueError, match="expected (finite )?vectors"):
        make(vectors, np.zeros((1, 4), dtype=np.float32))


def test_opens_what_it_built_even_elsewhere(name, tmp_path):
    vectors, queries = DATA["varying"]
    folder = tmp_path / "before"
    folder.mkdir()
    engine = build(name, vectors, queries, folder)
    rows, scores = engine.search(queries, K)
    engine.close()
    folder = folder.rename(tmp_path / "after")
    again = create(name)
    again.open(folder)
    again.use_threads(1)
    found = again.search(queries, K)
    again.close()
    np.testing.assert_array_equal(found[0], rows)
    np.testing.assert_allclose(found[1], scores, rtol=1e-5)


def test_two_builds_are_the_same(name, make):
    if name in DIFFER:
        pytest.skip("its library promises no such thing")
    vectors, queries = DATA["unit"]
    rows, _ = make(vectors, queries).search(queries, K)
    np.testing.assert_array_equal(make(vectors, queries).search(queries, K)[0], rows)


def test_an_empty_folder_is_no_index(name, tmp_path):
    if name == "pinecone":
        pytest.skip("needs an account")
    with pytest.raises(NotBuilt) as told:
        create(name).open(tmp_path)
    assert name in told.value.what and told.value.way_out


@pytest.mark.parametrize("engine", ["exhaustive", *(e for e in IMPORTS if not e.startswith(("qdrant", "milvus")))])
def test_half_an_index_is_none(engine, tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    build(engine, *DATA["varying"], whole).close()
    for file in whole.iterdir():
        broken = shutil.copytree(whole, tmp_path / f"without-{file.name}")
        content = file.read_bytes()
        for left in (content[: len(content) // 2], b""):
            (broken / file.name).write_bytes(left)
            with pytest.raises(NotBuilt):
                create(engine).open(broken)


def test_places_beyond_n_stay_empty(make):
    vectors, queries = DATA["varying"][0][:20], DATA["varying"][1][:7]
    rows, scores = make(vectors, queries).search(queries, 30)
    check(rows, scores, 7, 30, 20)
    assert (np.sort(rows[:, :20], axis=1) == np.arange(20)).all()


@pytest.mark.parametrize("length", [1.0, 0.3, 0.0])
def test_one_vector(make, length):
    vectors = (length * DATA["unit"][0][:1]).astype(np.float32)
    queries = DATA["unit"][1][:2]
    rows, scores = make(vectors, queries).search(queries, 3)
    check(rows, scores, 2, 3, 1)
    assert rows.tolist() == [[0, NOTHING, NOTHING]] * 2
    np.testing.assert_allclose(scores[:, 0], queries @ vectors[0], rtol=0.02, atol=1e-4)


def test_zero_vectors_and_a_zero_query(make):
    vectors, queries = DATA["varying"][0].copy(), DATA["varying"][1].copy()
    vectors[::7] = 0
    queries[0] = 0
    engine = make(vectors, queries)
    rows, scores = engine.search(queries, K)
    check(rows, scores, len(queries), K, N)
    assert (rows[0] >= 0).all() and np.abs(scores[0]).max() <= 1e-6  # every answer is right
    assert recall(rows[1:], vectors, queries[1:]) >= COMPRESSED


def test_many_copies_of_one_vector(make):
    vectors = np.repeat(DATA["unit"][0][:3], 100, axis=0)
    queries = vectors[::100]
    rows, scores = make(vectors, queries).search(queries, K)
    check(rows, scores, 3, K, 300)
    assert (rows >= 0).all() and (rows // 100 == np.arange(3)[:, None]).all()


@pytest.mark.parametrize("d", [1, 3, 33])
def test_any_number_of_dimensions(make, d):
    rng = np.random.default_rng(d)
    vectors, queries = rng.normal(size=(300, d)).astype(np.float32), rng.normal(size=(20, d)).astype(np.float32)
    rows, scores = make(vectors, queries).search(queries, K)
    check(rows, scores, 20, K, 300)
    assert recall(rows, vectors, queries) >= 0.9


def test_standard_output_belongs_to_the_program(make, capfd):
    vectors, queries = DATA["unit"]
    make(vectors, queries).search(queries, K)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("engine", IMPORTS)
def test_a_library_that_is_not_installed(engine, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, IMPORTS[engine], None)
    for attempt in (lambda: create(engine).build(DATA["unit"][0], tmp_path), lambda: create(engine).open(tmp_path)):
        with pytest.raises(MissingExtra) as told:
            attempt()
        assert "not installed" in told.value.what and "pip install" in told.value.way_out


@pytest.mark.parametrize(
    ("engine", "arguments"),
    [
        ("hnswlib", {"M": 1}),
        ("faiss-hnsw", {"ef_construction": 0}),
        ("faiss-ivf", {"cells": 0}),
        ("faiss-pq", {"code_bytes": 0}),
        ("faiss-ivfpq", {"cells": -1}),
        ("scann", {"leaves": 0}),
        ("diskann", {"graph_degree": 0}),
    ],
)
def test_build_arguments_that_are_too_small(engine, arguments):
    with pytest.raises(ValueError, match=rf"expected {next(iter(arguments))} of \d or more"):
        create(engine, **arguments)


@pytest.mark.parametrize(
    ("engine", "arguments"),
    [
        ("hnswlib", {"M": 8, "ef_construction": 50}),
        ("faiss-hnsw", {"M": 8, "ef_construction": 50}),
        ("faiss-ivf", {"cells": 10**6}),
        ("faiss-pq", {"code_bytes": 7}),
        ("faiss-pq", {"code_bytes": 1000}),
        ("faiss-ivfpq", {"cells": 3, "code_bytes": 5}),
        ("scann", {"leaves": 10**6, "dims_per_block": 100}),
        ("diskann", {"graph_degree": 16, "complexity": 20}),
    ],
)
def test_other_build_arguments(engine, arguments, tmp_path):
    vectors, queries = DATA["varying"]
    try:
        made = create(engine, **arguments)
        made.build(vectors, tmp_path)
    except MissingExtra as reason:
        pytest.skip(str(reason))
    check(*made.search(queries, K), len(queries), K, N)
    assert made.arguments.items() >= arguments.items()
    made.close()
