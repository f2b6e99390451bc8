"""Qdrant's own MMR, in Edge and in qdrant-client, gives the lists of ours: same candidates, same lambda."""

import numpy as np
import pandas as pd
import pytest

from recsys.catalog import Catalog, Facet
from recsys.diversity.mmr import mmr
from recsys.settings import Settings
from recsys.store import memory_store, open_store
from recsys.store.edge import write_shard

N, D = 240, 16
CASES = 150
ROUNDING = 2e-6  # of a store's float32 similarities, and our ties


def made_up() -> tuple[Catalog, dict[str, np.ndarray]]:
    """Unit vectors; in `twins` each item has five exact copies."""
    names = [f"item-{row}" for row in range(N)]
    columns = {"title": "title", "description": "", "tags": [()] * N, "image": None, "category": "one"}
    items, facets = pd.DataFrame(columns, index=pd.Index(names, name="item_id")), (Facet("category", "C", "category"),)
    catalog = Catalog("made-up", "Made up", "", items, facets, categories="category", licence="none")
    vectors = np.random.default_rng(4).normal(size=(N, D)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return catalog, {"text": vectors, "twins": np.tile(vectors[: N // 6], (6, 1))}


@pytest.fixture(scope="module")
def shop():
    return made_up()


@pytest.fixture(scope="module", params=["edge", "memory"])
def store(request, shop, tmp_path_factory):
    catalog, spaces = shop
    if request.param == "edge":
        path = tmp_path_factory.mktemp("mmr") / "shard"
        write_shard(path, spaces, catalog)
        opened = open_store(Settings(), path, "unused")
    else:
        opened = memory_store(spaces, catalog)
    yield opened
    opened.close()


def ours(vectors: np.ndarray, query: np.ndarray, k: int, lam: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The n nearest by their exact scores, and our list of k of them: rows both."""
    relevance = vectors.astype(np.float64) @ query
    rows = np.lexsort((np.arange(len(vectors)), -relevance))[:n]
    return rows, rows[mmr(relevance[rows], vectors[rows], k, lam)]


def shortfall(vectors: np.ndarray, query: np.ndarray, picks: np.ndarray, lam: float, rows: np.ndarray) -> float:
    """How far the worst pick's total lies below the best that was left; infinite if it was not among the candidates."""
    vectors = vectors.astype(np.float64)
    relevance, left, worst = vectors @ query, set(rows.tolist()), 0.0
    for place, pick in enumerate(picks.tolist()):
        if pick not in left:
            return np.inf
        chosen = picks[:place]
        totals = relevance if not place else lam * relevance - (1 - lam) * (vectors @ vectors[chosen].T).max(axis=1)
        worst = max(worst, max(totals[i] for i in left) - totals[pick])
        left.remove(pick)
    return worst


def draw(seed: int) -> tuple[np.ndarray, int, float, int]:
    """A query of unit length, a length, a lambda and a number of candidates."""
    rng = np.random.default_rng(seed)
    query = rng.normal(size=D)
    k, lam = int(rng.integers(1, 16)), float(rng.choice([0, 1, rng.random(), rng.random()]))
    return (query / np.linalg.norm(query)).astype(np.float32), k, lam, int(rng.integers(k, 100))


def test_the_same_lists(store, shop):
    vectors, same = shop[1]["text"], 0
    for seed in range(CASES):
        query, k, lam, n = draw(seed)
        rows, picks = ours(vectors, query, k, lam, n)
        theirs = store.nearest_diverse("text", query, k, lam, n)
        assert len(theirs) == len(picks) == k
        same += theirs.tolist() == picks.tolist()
        assert shortfall(vectors, query, theirs, lam, rows) <= ROUNDING, (seed, theirs, picks)
        if n > k > 3 and lam < 0.3:  # the comparison tells lambda from 1 - lambda
            assert shortfall(vectors, query, theirs, 1 - lam, rows) > ROUNDING
    assert same >= CASES - 1  # without copies there are hardly any ties


def test_with_copies_each_pick_is_as_good_as_ours(store, shop):
    """Which copy is taken is nobody's business; how relevant and how alike the picks are is."""
    vectors = shop[1]["twins"]
    for seed in range(CASES):
        query, k, lam, _ = draw(seed)
        rows, picks = ours(vectors, query, k, lam, N)
        theirs = store.nearest_diverse("twins", query, k, lam, N)
        assert len(set(theirs.tolist())) == k
        assert shortfall(vectors, query, theirs, lam, rows) <= ROUNDING
        assert shortfall(vectors, query, picks, lam, rows) <= ROUNDING
