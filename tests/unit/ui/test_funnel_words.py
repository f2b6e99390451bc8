"""The Funnel page's pure parts: stops, sentences on budgets and on what was measured, search, ways into the list."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from recsys.catalog import Catalog, Facet
from recsys.funnel import Funnel, Request, Sizes
from recsys.profile import Profile
from recsys.ui.funnel import told, ways
from recsys.ui.funnel.request import budget_words, stops_of
from recsys.ui.funnel.why import find
from recsys.ui.pipeline import Pipeline
from recsys.where import Condition, Where

N = 60


def record(**parts) -> dict:
    """A record of what stages are worth."""
    return {
        "data": {"simulated": False},
        "retrieve": [
            {"space": "mf", "size": size, "recall": recall, "low": recall, "high": recall}
            for size, recall in ((1000, 0.9), (100, 0.5), (10, 0.1))
        ],
        "rank": [
            {"space": "mf", "ranker": "gbdt", "size": size, "ndcg@10": ndcg, "low": ndcg, "high": ndcg}
            for size, ndcg in ((20, 0.3), (200, 0.4), (500, 0.39))
        ],
        "gain": [{"space": "mf", "ranker": "gbdt", "size": 200, "mean": 0.02, "low": 0.01, "high": 0.03}],
        "diversify": [{"method": "mmr", "lam": 1.0, "ndcg@10": 0.4, "ild": 0.2}],
        **parts,
    }


@pytest.mark.parametrize(
    ("stage", "value", "whole", "stops"),
    [
        ("retrieve", 1000, 1682, [50, 100, 200, 500, 1000, 1682]),
        ("retrieve", 70, 100, [50, 70, 100]),
        ("rank", 20, 1682, [10, 20, 30, 50, 100, 200]),
        ("diversify", 7, 30, [5, 7, 8, 10, 12, 15, 20]),
        ("filter", 200, 60, [20, 50, 200]),
    ],
)
def test_a_slider_offers_what_leaves_somebody_out_and_where_it_stands(stage, value, whole, stops):
    assert stops_of(stage, value, whole) == stops


def test_budgets_in_words():
    ms = {"user": 1.0, "retrieve": 20.0, "filter": 7.5, "rank": 10.0, "diversify": 1.5}
    assert budget_words(ms, Pipeline(), 40.0) == "Over budget: Filter by 2.5 ms. Retrieve takes most of it, 50%."
    within = Pipeline().with_budget("filter", 8)
    assert budget_words(ms, within, 40.0) == "Every stage is within its budget. Retrieve takes most of it, 50%."


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.01, 0.03, "improves"), (-0.03, -0.01, "makes what Factors retrieves worse"), (-0.01, 0.03, "does not help")],
)
def test_whether_a_ranker_helps(low, high, words):
    gain = {"space": "mf", "ranker": "gbdt", "mean": (low + high) / 2, "low": low, "high": high}
    assert words in told.gain_words(gain)
    assert ("the interval holds 0" in told.gain_words(gain)) == (low < 0 < high)


def test_what_the_present_sizes_cost():
    first, second = told.cost(record(), "mf", (100, 20, 10), "gbdt")
    assert first == "Of what people later rated, 50% is among the first 100 of Factors; 1,000 would hold 90%."
    assert second == "With 20 for it to order, LambdaRank reaches nDCG@10 0.300, 0.100 less than with 200."
    assert told.cost(record(), "mf", (1000, 200, 10), "gbdt") == [
        "Of what people later rated, 90% is among the first 1,000 of Factors.",
        "With 200 for it to order, LambdaRank reaches nDCG@10 0.400, as much as with any size.",
    ]
    assert told.cost(record(), "text", (100, 20, 10), "gbdt") == []


@pytest.mark.parametrize(("size", "measured"), [(5, 10), (10, 10), (99, 10), (300, 100), (10**6, 1000)])
def test_a_size_that_was_not_measured_is_told_by_the_one_below(size, measured):
    first, *_ = told.cost(record(), "mf", (size, 20, 10), "gbdt")
    assert f"among the first {measured:,} of" in first


def test_a_ranker_in_the_middle_of_a_sentence_is_small():
    ranks = [{"space": "mf", "ranker": "dnn", "size": 20, "ndcg@10": 0.3, "low": 0.3, "high": 0.3}]
    assert told.cost(record(rank=ranks), "mf", (10, 20, 10), "dnn")[1].startswith("With 20 for it to order, the rank")


VARIED = [
    {"method": "mmr", "ranker": "gbdt", "size": size, "lam": lam, "ndcg@10": 0.5 - cost, "ild": 0.4 + 2 * cost}
    for size in (10, 20)
    for lam, cost in ((1.0, 0.0), (0.8, 0.01), (0.0, size / 100))
]


@pytest.mark.parametrize(
    ("size", "lam", "words"),
    [
        (20, 0.0, "MMR at λ = 0.00 out of 20 costs 0.200 nDCG@10 and brings +0.400 intra-list distance."),
        (15, 0.1, "MMR at λ = 0.00 out of 10 costs 0.100 nDCG@10 and brings +0.200 intra-list distance."),
        (20, 0.85, "MMR at λ = 0.80 out of 20 costs 0.010 nDCG@10 and brings +0.020 intra-list distance."),
        (20, 1.0, "MMR at λ = 1.00 out of 20 costs 0.000 nDCG@10 and brings +0.000 intra-list distance."),
    ],
)
def test_what_variety_costs_and_brings(size, lam, words):
    assert told.variety(record(diversify=VARIED), "mmr", size, lam) == [words]


def test_of_a_method_that_was_not_measured_nothing_is_said():
    assert told.variety(record(diversify=VARIED), "cap", 20, 0.5) == []
    better = [{**VARIED[0]}, {**VARIED[1], "ndcg@10": 0.52}]
    assert "out of 10 adds 0.020 nDCG@10" in told.variety(record(diversify=better), "mmr", 10, 0.8)[0]


@pytest.mark.parametrize(
    "damaged",
    [
        None,
        [],
        {},
        {**record(), "data": None},
        record(retrieve=[]),
        record(retrieve=[{"space": "mf"}]),
        record(rank="all"),
        record(gain=[{"space": "mf", "ranker": "gbdt", "mean": None, "low": 0.0, "high": 0.0}]),
    ],
)
def test_a_damaged_record_is_none(damaged):
    assert told.usable(damaged) is None


def test_a_whole_record_is_used():
    assert told.usable(record()) == record()


TITLES = pd.Series(
    {"1": "star trek: the motion picture", "2": "lone star", "3": "star trek", "4": "dead man (1995)", "star": "x"}
)


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ("star trek", ["3", "1"]),
        ("TREK star", ["3", "1"]),
        ("star", ["star", "3", "1", "2"]),  # the id itself comes first
        ("man (1", ["4"]),  # no regular expression
        (" ", []),
        ("zebra", []),
    ],
)
def test_search_by_words_or_id(words, ids):
    assert find(TITLES, words) == ids
    assert find(TITLES, words, 1) == ids[:1]


@pytest.fixture(scope="module")
def funnel(make_version) -> Funnel:
    """Sixty items on an arc: item j is the j-th nearest to item 0. Odd ones are in stock."""
    angles = np.linspace(0, 1.5, N)
    ids = [f"i{j}" for j in range(N)]
    items = pd.DataFrame(
        {
            "title": ids,
            "description": "",
            "image": None,
            "category": "one",
            "tags": [()] * N,
            "in_stock": pd.array([j % 2 == 1 for j in range(N)], dtype="boolean"),
        },
        index=pd.Index(ids, name="item_id"),
    )
    facets = (Facet("category", "Category", "category"), Facet("in_stock", "In stock", "flag"))
    catalog = Catalog("arc", "Arc", "", items, facets, categories="category", licence="none")
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    return Funnel(make_version(catalog, {"text": vectors}, shard=False), None, lambda profile: {})


ASKED = Request(Profile(likes=("i0",)), "text", lam=1.0, k=5, sizes=Sizes(40, 20, 10), filtering="before")


@pytest.mark.parametrize(
    ("item", "words", "place"),
    [
        ("i7", ["Show 7"], 7),
        ("i15", ["Let the ranker pass 20", "Show 15"], 15),
        ("i30", ["Let filters pass 50", "Let the ranker pass 50", "Show 30"], 30),
        ("i0", ["Show again what was rated"], 1),
    ],
)
def test_the_least_changes_that_bring_an_item_in(funnel, item, words, place):
    found = ways.way(funnel, funnel.recommend(ASKED), item)
    assert ([c.words for c in found.changes], found.place) == (words, place)
    assert found.detail.startswith(f"It is number {place} of the list")


def test_no_setting_brings_in_what_is_too_far(funnel):
    found = ways.way(funnel, funnel.recommend(ASKED), "i55")
    assert found.place is None and [c.what for c in found.changes] == ["retrieve", "filter", "rank"]
    assert found.detail == "It is number 55 of 59 by relevance, and 5 are shown."


def test_a_condition_in_the_way_is_dropped_and_no_other(funnel):
    where = Where((Condition("in_stock", "=", (True,)), Condition("category", "=", ("one",))))
    request = Request(Profile(likes=("i0",)), "text", lam=1.0, k=5, where=where, filtering="before")
    found = ways.way(funnel, funnel.recommend(request), "i4")
    assert [c.words for c in found.changes] == ["Drop the condition in_stock=yes"] and found.place == 4
    assert found.changes[0].apply(request).where.texts() == ("category=one",)


@pytest.mark.parametrize("many", [10**9, 0])
def test_a_rank_at_every_stage_that_it_passed(funnel, monkeypatch, many):
    monkeypatch.setattr(ways, "MANY", many)
    answer = funnel.recommend(ASKED)
    assert ways.places(funnel, answer, "i3") == {"retrieve": 4, "filter": 3, "rank": 3, "diversify": 3}
    assert ways.places(funnel, answer, "i15") == {"retrieve": 16, "filter": 15}
    assert ways.places(funnel, answer, "i59") == {}


@pytest.mark.parametrize(
    ("name", "ranked", "simulated", "degraded", "words"),
    [
        ("none", None, False, [], "The order of retrieval is kept."),
        ("gbdt", [1.0], True, [], "Learned from simulated people"),
        ("gbdt", [1.0], False, [], "does not help what Factors retrieves"),
        ("gbdt", None, False, [], told.UNHEARD),
        ("gbdt", None, False, ["It failed."], "does not help"),  # what failed is told elsewhere
    ],
)
def test_what_is_known_of_a_ranker(monkeypatch, name, ranked, simulated, degraded, words):
    gain = {"space": "mf", "ranker": "gbdt", "mean": 0.0, "low": -0.01, "high": 0.01}
    monkeypatch.setattr(told, "record_of", lambda version: record(gain=[gain]))
    version = SimpleNamespace(rankers={"gbdt": {"simulated": simulated}})
    answer = SimpleNamespace(
        space="mf", ranked=ranked, request=SimpleNamespace(ranker=name), trace=SimpleNamespace(degraded=degraded)
    )
    assert words in told.ranker(version, name, answer)
