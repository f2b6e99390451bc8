"""Search under conditions: every way against the definition, and what each is known to lose."""

import numpy as np
import pytest

from recsys.retrieval import filtered
from recsys.retrieval.filtered import After, FaissGraph, First, InsideFaiss, clustered_mask, compare, random_mask, ways

LINE = np.array([[1, 0], [2, 0], [3, 0], [4, 0], [5, 0]], dtype=np.float32)
ALONG = np.array([1, 0], dtype=np.float32)
CONDITIONS = {
    "odd": np.array([True, False, True, False, True]),
    "least": np.array([True, False, False, False, False]),
    "none": np.zeros(5, dtype=bool),
    "all": np.ones(5, dtype=bool),
}


@pytest.fixture(scope="module")
def cloud():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(600, 16)).astype(np.float32)
    conditions = {f"{kind}_{share}": mask for share in (2, 20) for kind, mask in masks(vectors, share / 100, rng)}
    return vectors, conditions, rng.normal(size=(20, 16)).astype(np.float32)


def masks(vectors, share, rng):
    return ("random", random_mask(len(vectors), share, rng)), ("clustered", clustered_mask(vectors, share, rng))


def aloud(vectors, holds, query, k) -> list[int]:
    """The definition: of all rows for which it holds, the k with the largest products."""
    products = {
        row: sum(a * b for a, b in zip(query.tolist(), vectors[row].tolist(), strict=True))
        for row in range(len(vectors))
    }
    return sorted((row for row in products if holds[row]), key=lambda row: -products[row])[:k]


def test_first_by_hand():
    way = First(LINE, CONDITIONS)
    assert way.find(ALONG, "odd", 2).tolist() == [4, 2]
    assert way.find(-ALONG, "odd", 9).tolist() == [0, 2, 4]
    assert way.find(ALONG, "none", 3).tolist() == []


def test_after_finds_too_few_where_few_are_allowed():
    graph = FaissGraph(LINE)
    # The nearest two are 4 and 3, of which one is odd; nearest four are 4, 3, 2, 1.
    assert After(graph, CONDITIONS, 1).find(ALONG, "odd", 2).tolist() == [4]
    assert After(graph, CONDITIONS, 2).find(ALONG, "odd", 2).tolist() == [4, 2]
    assert After(graph, CONDITIONS, 2).find(ALONG, "least", 2).tolist() == []
    assert After(graph, CONDITIONS, 100).find(ALONG, "least", 2).tolist() == [0]
    with pytest.raises(ValueError, match="expected factor of 1"):
        After(graph, CONDITIONS, 0)


def test_inside_faiss_by_hand():
    way = InsideFaiss(FaissGraph(LINE), CONDITIONS)
    assert way.find(ALONG, "odd", 2).tolist() == [4, 2]
    assert way.find(ALONG, "none", 2).tolist() == []


def test_every_way_gives_only_what_is_allowed(tmp_path, cloud):
    vectors, conditions, queries = cloud
    with ways(vectors, conditions, tmp_path) as every:
        assert len({way.name for way in every}) == len(every) == 7
        for name, holds in conditions.items():
            for query in queries:
                best = aloud(vectors, holds, query, 10)
                for way in every:
                    rows = way.find(query, name, 10).tolist()
                    assert len(rows) == len(set(rows)) <= 10 and holds[rows].all()
                    products = vectors[rows] @ query
                    assert (np.diff(products) <= 1e-5).all(), way.name
                    if way.name == "filter first":
                        assert rows == best


def test_one_item_and_a_condition_that_holds_for_none(tmp_path):
    with ways(LINE, CONDITIONS, tmp_path) as every:
        for way in every:
            assert way.find(ALONG, "none", 3).tolist() == []
            assert way.find(ALONG, "all", 2).tolist() == [4, 3]
            assert way.find(np.zeros(2, dtype=np.float32), "all", 2).shape == (2,)


def test_masks_hold_for_the_share_and_for_one_at_least():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 4)).astype(np.float32)
    for share, count in ((0.5, 100), (0.01, 2), (0.0001, 1), (1.0, 200)):
        assert random_mask(200, share, rng).sum() == clustered_mask(vectors, share, rng).sum() == count


def test_a_clustered_mask_is_a_ball():
    vectors = np.random.default_rng(1).normal(size=(100, 3)).astype(np.float32)
    holds = clustered_mask(vectors, 0.2, np.random.default_rng(5))
    middle = np.random.default_rng(5).integers(100)
    distances = np.linalg.norm(vectors - vectors[middle], axis=1)
    assert holds[middle] and distances[holds].max() < distances[~holds].min()


def test_compare_tells_what_each_way_loses(cloud):
    vectors, _, queries = cloud
    lines = compare(vectors, queries, shares=(0.5, 0.01), k=10, seed=3)
    assert len(lines) == 2 * 2 * 7
    assert [line["allowed"] for line in lines] == [300] * 14 + [6] * 14
    told = {(line["share"], line["mask"], line["way"]): line for line in lines}
    for (share, mask, way), line in told.items():
        assert set(line) == {
            "share",
            "mask",
            "allowed",
            "way",
            "recall@10",
            "recall@10_min",
            "found",
            "p50_ms",
            "p95_ms",
        }
        assert 0 <= line["recall@10_min"] <= line["recall@10"] <= 1 and 0 <= line["p50_ms"] <= line["p95_ms"]
        if way in ("filter first", "filter inside, Qdrant Edge"):
            assert line["recall@10"] > 0.95, (share, mask, way)
    first, once = told[0.01, "random", "filter first"], told[0.01, "random", "filter after, of 1 times as many"]
    assert (first["recall@10"], first["recall@10_min"], first["found"]) == (1, 1, 6)
    assert once["found"] < 1 and once["recall@10"] < 0.2
    # Half of all are allowed, so that about half of ten are left.
    assert 3.5 < told[0.5, "random", "filter after, of 1 times as many"]["found"] < 6.5
    assert told[0.5, "random", "filter after, of 10 times as many"]["recall@10"] > 0.99


def test_recall_is_counted_of_those_that_are_allowed(monkeypatch):
    # A way that always finds row 2 alone: of 4 and 2, which are the nearest two odd rows, it is one.
    class Stubborn:
        name = "stubborn"

        def find(self, query, condition, k):
            return np.array([2])

    least = np.array([3.0])
    told = filtered._measured(Stubborn(), LINE, ALONG[None], "odd", 2, least, 2)
    assert (told["recall@2"], told["found"]) == (0.5, 1)


@pytest.mark.parametrize("shares", [(0,), (1.5,), (-0.1,)])
def test_shares_that_are_none(shares):
    with pytest.raises(ValueError, match="expected shares"):
        compare(LINE, ALONG[None], shares)


def test_queries_that_are_none():
    with pytest.raises(ValueError, match="expected queries"):
        compare(LINE, np.ones((1, 3)))
