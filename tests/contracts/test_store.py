"""One suite for every deployment of the store. The server is a stand-in behind real HTTP: see `standin.py`."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standin import serving

from recsys.catalog import Catalog, Facet
from recsys.settings import Settings
from recsys.store import EXACT_BELOW, memory_store, open_store, upload
from recsys.store.edge import write_shard
from recsys.where import Condition, FacetTable, Where

N = 300
DIMS = {"text": 12, "image": 8, "learned": 5}
CATEGORIES = ["food", "animals", "", "größe, naïve"]
TAGS = ["red", "green", "blue", "loud"]
NUMBERS = [-2.5, 0.0, 0.1 + 0.2, 1990.0, 1e12]


def random_catalog() -> Catalog:
    """Items with every kind of facet, about a fifth of the values missing."""
    rng = np.random.default_rng(7)

    def some(values):
        return [None if rng.random() < 0.2 else values[rng.integers(len(values))] for _ in range(N)]

    items = pd.DataFrame(
        {
            "title": "title",
            "description": "",
            "image": None,
            "category": some(CATEGORIES),
            "tags": [tuple(tag for tag in TAGS if rng.random() < 0.3) for _ in range(N)],
            "year": pd.array([np.nan if value is None else value for value in some(NUMBERS)], dtype="float64"),
            "in_stock": pd.array(some([True, False]), dtype="boolean"),
        },
        index=pd.Index([f"item-{row}" for row in range(N)], name="item_id"),
    )
    facets = (
        Facet("category", "Category", "category"),
        Facet("tags", "Tags", "tags"),
        Facet("year", "Year", "number"),
        Facet("in_stock", "In stock", "flag"),
    )
    return Catalog("random", "Random", "", items, facets, categories="category", licence="none")


def random_spaces() -> dict[str, np.ndarray]:
    """Unit vectors in two spaces, vectors of any length in the third; every third item has no image."""
    rng = np.random.default_rng(8)
    spaces = {name: rng.normal(size=(N, d)).astype(np.float32) for name, d in DIMS.items()}
    for name in ("text", "image"):
        spaces[name] /= np.linalg.norm(spaces[name], axis=1, keepdims=True)
    spaces["image"][::3] = 0
    return spaces


CATALOG, SPACES = random_catalog(), random_spaces()
TABLE = FacetTable(CATALOG)
EVERYTHING = np.ones(N, dtype=bool)


@pytest.fixture(scope="module")
def shard(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("edge") / "shard"
    write_shard(path, SPACES, CATALOG)
    return path


@pytest.fixture(scope="module", params=["edge", "memory", "server"])
def store(request, shard):
    if request.param == "edge":
        opened = open_store(Settings(), shard, "unused")
        yield opened
    elif request.param == "memory":
        opened = memory_store(SPACES, CATALOG)
        yield opened
    else:
        with serving() as stand_in:
            stand_in.key = "right"
            configuration = Settings(qdrant_url=stand_in.url, qdrant_api_key="right")
            upload(configuration, "random-1", SPACES, CATALOG)
            opened = open_store(configuration, shard, "random-1")
            yield opened
            opened.close()
            return
    opened.close()


def query_for(space: str, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=DIMS[space]).astype(np.float32)


def findable(space: str, mask: np.ndarray) -> np.ndarray:
    """Rows that have a vector in the space and pass the mask."""
    return np.flatnonzero(mask & SPACES[space].any(axis=1))


def test_says_what_it_is(store, request):
    assert store.deployment == request.node.callspec.params["store"]
    assert store.spaces == DIMS
    assert store.exact is (N < EXACT_BELOW)
    assert store.count() == N


@pytest.mark.parametrize("space", DIMS)
@pytest.mark.parametrize("n", [1, 7, N + 50])
def test_nearest_is_brute_force(store, space, n):
    for seed in range(5):
        query = query_for(space, seed)
        rows, scores = store.nearest(space, query, n)
        wanted = findable(space, EVERYTHING)
        truth = SPACES[space] @ query
        best = np.sort(truth[wanted])[::-1][:n]
        assert rows.dtype == np.int64 and scores.dtype == np.float32
        assert len(set(rows)) == len(rows) == min(n, len(wanted))
        np.testing.assert_allclose(scores, best, atol=1e-5)
        np.testing.assert_allclose(scores, truth[rows], atol=1e-5)


def test_an_item_without_a_vector_is_never_found(store):
    rows, _ = store.nearest("image", np.zeros(DIMS["image"], dtype=np.float32), N)
    assert sorted(rows) == [row for row in range(N) if row % 3]
    picks = store.nearest_diverse("image", query_for("image", 1), 50, 0.2, N)
    assert len(picks) == 50 and all(row % 3 for row in picks)


HAND_WRITTEN = [
    "category=food",
    "category!=food",
    "category=food,animals",
    "category!=food,animals",
    "category=nowhere",
    "category!=nowhere",
    "tags=red",
    "tags!=red",
    "tags=red,loud",
    "tags!=red,loud",
    "year=0.30000000000000004",
    "year=0.3",
    "year!=0.3",
    "year!=1990",
    "year>=1990",
    "year>1990",
    "year<0",
    "year<=0",
    "in_stock=yes",
    "in_stock=no",
    "in_stock!=yes",
    "in_stock!=no",
    "in_stock=yes,no",
    "in_stock!=yes,no",
]


@pytest.mark.parametrize("text", HAND_WRITTEN)
def test_each_kind_of_condition(store, text):
    where = Where.parse([text], CATALOG)
    mask = TABLE.mask(where)
    assert store.count(where) == mask.sum()
    rows, _ = store.nearest("text", query_for("text", 3), N, where)
    assert set(rows) == set(findable("text", mask))


def some_of(values):
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True).map(tuple)


conditions = st.one_of(
    st.builds(Condition, st.just("category"), st.sampled_from(["=", "!="]), some_of([*CATEGORIES, "nowhere"])),
    st.builds(Condition, st.just("tags"), st.sampled_from(["=", "!="]), some_of([*TAGS, "nothing"])),
    st.builds(Condition, st.just("in_stock"), st.sampled_from(["=", "!="]), some_of([True, False])),
    st.builds(
        Condition,
        st.just("year"),
        st.sampled_from(["=", "!=", ">=", "<=", ">", "<"]),
        st.tuples(st.sampled_from(NUMBERS) | st.floats(allow_nan=False, allow_infinity=False)),
    ),
)
wheres = st.lists(conditions, max_size=4).map(lambda found: Where(tuple(found)))


@settings(max_examples=60, deadline=None)
@given(where=wheres, space=st.sampled_from(sorted(DIMS)), n=st.integers(1, 20), seed=st.integers(0, 1000))
def test_conditions_equal_the_mask(store, where, space, n, seed):
    query, mask = query_for(space, seed), TABLE.mask(where)
    wanted, truth = findable(space, mask), SPACES[space] @ query
    assert store.count(where) == mask.sum()
    rows, scores = store.nearest(space, query, n, where)
    assert mask[rows].all()
    np.testing.assert_allclose(scores, np.sort(truth[wanted])[::-1][:n], atol=1e-5)
    picks = store.nearest_diverse(space, query, n, 0.5, n + 5, where)
    assert mask[picks].all() and len(picks) == min(n, len(wanted))


def test_no_item_left(store):
    where = Where.parse(["category=nowhere"], CATALOG)
    rows, scores = store.nearest("text", query_for("text", 0), 5, where)
    assert rows.shape == scores.shape == (0,)
    assert (rows.dtype, scores.dtype) == (np.int64, np.float32)
    assert store.nearest_diverse("text", query_for("text", 0), 5, 0.5, 20, where).shape == (0,)


def mmr_by_hand(space: str, query: np.ndarray, rows: np.ndarray, k: int, lam: float) -> list[int]:
    """Carbonell & Goldstein's formula, as slowly as it is written. `rows` are the candidates, best first."""
    vectors = SPACES[space].astype(np.float64)
    chosen, left = [int(rows[0])], [int(row) for row in rows[1:]]
    while left and len(chosen) < k:
        best = max(
            left,
            key=lambda i: lam * (vectors[i] @ query) - (1 - lam) * max(vectors[i] @ vectors[j] for j in chosen),
        )
        chosen.append(best)
        left.remove(best)
    return chosen


@pytest.mark.parametrize("lam", [0, 0.25, 0.7, 1])
@pytest.mark.parametrize("space", DIMS)
def test_nearest_diverse_is_mmr(store, space, lam):
    where = Where.parse(["in_stock=yes"], CATALOG)
    for seed in range(4):
        query = query_for(space, seed)
        rows = findable(space, TABLE.mask(where))
        candidates = rows[np.argsort(-(SPACES[space][rows] @ query))][:40]
        picks = store.nearest_diverse(space, query, 10, lam, 40, where)
        assert picks.tolist() == mmr_by_hand(space, query, candidates, 10, lam)


def test_lambda_has_two_different_ends(store):
    query = query_for("text", 5)
    plain, _ = store.nearest("text", query, 10)
    assert store.nearest_diverse("text", query, 10, 1, 60).tolist() == plain.tolist()
    assert store.nearest_diverse("text", query, 10, 0, 60).tolist() != plain.tolist()


BAD_QUERIES = {
    "finite": np.array([np.nan] + [0.0] * 11),
    "infinity": np.array([np.inf] + [0.0] * 11),
    r"shape \(12,\)": np.zeros(11),
    "shape": np.zeros((1, 12)),
}


@pytest.mark.parametrize("message", BAD_QUERIES)
def test_refuses_a_bad_query(store, message):
    with pytest.raises(ValueError, match=f"expected .*{message}"):
        store.nearest("text", BAD_QUERIES[message], 5)
    with pytest.raises(ValueError, match=f"expected .*{message}"):
        store.nearest_diverse("text", BAD_QUERIES[message], 5, 0.5, 10)


def test_refuses_bad_arguments(store):
    query = query_for("text", 0)
    with pytest.raises(ValueError, match="expected a space among .*text.*, got 'taste'"):
        store.nearest("taste", query, 5)
    with pytest.raises(ValueError, match="expected n of 1 or more, got 0"):
        store.nearest("text", query, 0)
    with pytest.raises(ValueError, match="expected k of 1 or more, got -1"):
        store.nearest_diverse("text", query, -1, 0.5, 10)
    with pytest.raises(ValueError, match="expected candidates of 5 or more, got 4"):
        store.nearest_diverse("text", query, 5, 0.5, 4)
    for lam in (-0.01, 1.01, float("nan")):
        with pytest.raises(ValueError, match=r"expected lam within \[0, 1\]"):
            store.nearest_diverse("text", query, 5, lam, 10)


def test_many_threads_ask_at_once(store):
    where = Where.parse(["in_stock!=no"], CATALOG)
    mask = TABLE.mask(where)

    def ask(seed: int) -> bool:
        space = sorted(DIMS)[seed % len(DIMS)]
        query = query_for(space, seed)
        rows, _ = store.nearest(space, query, 5, where)
        wanted = findable(space, mask)
        return rows.tolist() == wanted[np.argsort(-(SPACES[space][wanted] @ query))][:5].tolist()

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(120)))


READER = """
import sys
import numpy as np
from pathlib import Path
from recsys.store.edge import EdgeStore
store = EdgeStore(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.readline()
print(store.nearest("text", np.ones(12), 3)[0].tolist(), flush=True)
"""


def test_several_processes_open_one_edge_shard(shard):
    """All of them hold it open before the first one asks."""
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(shard)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    here = open_store(Settings(), shard, "unused")
    try:
        assert [reader.stdout.readline() for reader in readers] == ["open\n"] * 2
        answers = {reader.communicate("go\n", timeout=30)[0] for reader in readers}
        assert answers == {f"{here.nearest('text', np.ones(12), 3)[0].tolist()}\n"}
    finally:
        here.close()
        for reader in readers:
            reader.kill()
            reader.wait()
