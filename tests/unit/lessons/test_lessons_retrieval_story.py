"""What records of engines say: every sentence against figures made up by hand."""

import pytest
from engine_records import line, record

from recsys.lessons.retrieval import story
from recsys.lessons.retrieval.records import Conditions, Record


def read(*args, **more) -> Record:
    one = record(*args, **more)
    return Record(one["data"], one["engine"], one["machine"], here=False)


def exhaustive(ms, **more):
    return read("exhaustive", [({}, 1.0, ms)], **more)


GRAPH = [({"ef_search": 40}, 0.99, 0.5), ({"ef_search": 10}, 0.8, 0.1)]
CODES = [({"rescore": 16}, 1.0, 0.9), ({"rescore": 0}, 0.7164, 0.6)]


def test_a_small_set_needs_no_index():
    first, second = story.sentences([exhaustive(0.21), read("hnswlib", GRAPH, index_bytes=2e6)])
    assert first == (
        "At this size you need no index. Comparing with all 40 vectors takes 0.21 ms a query and misses nothing "
        "(exhaustive)."
    )
    assert second == (
        "Nothing that finds 99 of 100 or more is faster: hnswlib (ef_search = 40) comes nearest, with 0.5 ms."
    )


def test_a_big_set_is_worth_one():
    graph = read("hnswlib", GRAPH, n=100_000, dims=100, index_bytes=60e6, build_s=12.3)
    first, second = story.sentences([exhaustive(20.0, n=100_000, dims=100), graph])
    assert first == "Comparing with all 100,000 vectors takes 20 ms a query and misses nothing (exhaustive)."
    assert second == (
        "The fastest that finds 99 of 100 or more is hnswlib (ef_search = 40): 0.5 ms, 40 times as fast. Its index "
        "takes 60 MB, where the vectors alone are 40 MB, and 12 s to build."
    )


def test_what_only_knows_its_queries_is_never_the_fastest():
    sentences = story.sentences([exhaustive(2.0), read("precomputed", [({}, 1.0, 0.001)]), read("hnswlib", GRAPH)])
    assert "hnswlib (ef_search = 40)" in sentences[1]
    assert sentences[2].startswith("Lists that were made beforehand are looked up in 0.001 ms: but only for queries")


def test_the_fastest_may_compare_with_all_too():
    assert story.sentences([exhaustive(2.0), read("faiss-flat", [({}, 1.0, 0.5)])])[1] == (
        "The fastest that finds 99 of 100 or more also compares with all: faiss-flat, 0.5 ms."
    )


def test_where_nobody_finds_enough():
    assert story.sentences([exhaustive(2.0), read("hnswlib", [({}, 0.98, 0.1)])])[1] == (
        "No other engine finds 99 of 100 or more here."
    )


def test_what_codes_save_and_lose():
    codes = read("faiss-pq", CODES, dims=384, arguments={"code_bytes": None})
    assert story.sentences([exhaustive(2.0, dims=384), codes])[-1] == (
        "Codes of faiss-pq keep a vector in 96 bytes instead of 1,536. By codes alone it finds 71.6 of 100, in 0.6 ms; "
        "with 16 times the list's length compared again in full, 100 of 100, in 0.9 ms."
    )


def test_the_longest_and_the_shortest_code_are_told():
    engines = ("qdrant-edge-sq", "qdrant-edge-pq", "qdrant-edge-bq")
    found = story.sentences([exhaustive(2.0), *(read(name, CODES) for name in engines)])
    assert [text.split()[2] for text in found if text.startswith("Codes")] == ["qdrant-edge-sq", "qdrant-edge-bq"]


@pytest.mark.parametrize(
    ("engine", "arguments", "length"),
    [
        ("faiss-pq", {"code_bytes": None}, 24),
        ("faiss-pq", {"code_bytes": 5}, 5),
        ("faiss-ivfpq", {"code_bytes": 500}, 98),
        ("scann", {"dims_per_block": 4}, 12.5),
        ("qdrant-edge-sq", {}, 98),
        ("qdrant-edge-pq", {}, 24.5),
        ("qdrant-edge-bq", {}, 12.25),
        ("hnswlib", {}, None),
        ("scann", {}, None),
    ],
)
def test_bytes_of_a_code(engine, arguments, length):
    assert story.code_bytes(read(engine, CODES, dims=98, arguments=arguments)) == length


def test_codes_alone_are_told_only_where_they_were_measured():
    assert story.by_codes_alone(read("hnswlib", GRAPH)) is None
    assert story.by_codes_alone(read("faiss-pq", CODES[:1])) is None
    assert story.by_codes_alone(read("faiss-pq", CODES[1:])) is None
    other = [({"probes": 4, "rescore": 16}, 1.0, 0.9), ({"probes": 1, "rescore": 0}, 0.2, 0.1)]
    assert story.by_codes_alone(read("faiss-ivfpq", other)) is None


def test_nothing_is_said_without_the_reference():
    assert story.sentences([read("hnswlib", GRAPH)]) == story.sentences([]) == []
    assert story.choosing([read("hnswlib", GRAPH)]) == story.choosing([]) == []


def test_when_to_choose_what():
    found = [
        exhaustive(0.1, n=1000),
        exhaustive(8.0, n=100_000),
        read("faiss-flat", [({}, 1.0, 0.01)], n=100_000),  # no index, and so not what is advised
        read("hnswlib", [({"ef": 4}, 0.995, 0.2)], n=1000),
        read("hnswlib", [({"ef": 4}, 0.995, 0.2)], n=100_000, build_s=100.0, serving_mb=500.0),
        read("faiss-ivf", [({}, 0.99, 0.8)], n=100_000, build_s=4.0, serving_mb=450.0),
        read("faiss-pq", [({}, 0.99, 2.0)], n=100_000, build_s=60.0, serving_mb=100.0),
    ]
    assert story.choosing(found) == [
        "Up to 1,000 vectors: compare with all of them. It takes 0.1 ms, misses nothing, and there is nothing to build "
        "or to keep up to date.",
        "The more there are, the more an index gains. The fastest that finds 99 of 100: 0.5 times at 1,000, 40 times "
        "at 100,000.",
        "At 100,000 vectors, comparing with all takes 8 ms. hnswlib (ef = 4) takes 0.2 ms and still finds 99.5 of 100: "
        "choose it where answers must come fast.",
        "If items change often, faiss-ivf is built in 4 s where hnswlib takes 100 s, and answers in 0.8 ms.",
        "If memory is short, faiss-pq serves with 100 MB where hnswlib needs 500 MB, and answers in 2 ms.",
    ]


def test_small_sets_alone_are_advised_no_index():
    assert len(story.choosing([exhaustive(0.1), read("hnswlib", GRAPH)])) == 1


def test_growth_is_fitted_from_three_numbers_of_vectors_on():
    def costs(n):
        return {"n": n, "index_bytes": 7 * n, "build_s": n**1.5}

    found = [read("exhaustive", [({}, 1.0, n / 100)], **costs(n)) for n in (1000, 100, 10)]
    found += [read("hnswlib", [({}, 1.0, n**0.25)], **costs(n)) for n in (10, 100, 1000)]
    found += [read("faiss-ivf", [({}, 1.0, 1.0)], **costs(n)) for n in (10, 100)]
    fitted = {(g.engine, g.cost): g for g in story.growths(found)}
    assert {engine for engine, _ in fitted} == {"exhaustive", "hnswlib"}
    assert fitted["hnswlib", "p50_ms"].exponent == pytest.approx(0.25)
    assert fitted["exhaustive", "build_s"].error == pytest.approx(0, abs=1e-9)
    assert [r.n for r in fitted["exhaustive", "p50_ms"].records] == [10, 100, 1000]
    all_of_it = list(fitted.values())
    assert story.growing(all_of_it, "p50_ms") == (
        "exhaustive grows fastest, as N^1.00 ± 0.00: a hundred times the vectors take 100 times the time. hnswlib "
        "grows slowest, as N^0.25 ± 0.00: 3.2 times the time."
    )
    assert story.growing(all_of_it, "index_bytes") == (
        "All grow as N^1.00 ± 0.00: a hundred times the vectors fill 100 times the space."
    )
    assert story.growing(all_of_it[:3], "build_s").startswith("exhaustive grows as N^1.50")
    assert "take 1,000 times the time" in story.growing(all_of_it, "build_s")
    assert story.growing([], "p50_ms") == ""
    assert not any(cost == "serving_mb" for _, cost in fitted)  # 40 MB, however many there are


def test_memory_is_told_without_what_the_process_takes_by_itself():
    sizes = (1000, 4000, 16_000, 64_000)
    found = [read("exhaustive", n=n, dims=128, serving_mb=30 + 512e-6 * n) for n in sizes]
    found += [read("hnswlib", GRAPH, n=n, dims=128, serving_mb=35 + 900e-6 * n) for n in sizes]
    found += [read("precomputed", n=n, dims=128, serving_mb=36.4) for n in sizes]
    fitted = story.growths(found)
    memory = [g for g in fitted if g.cost == "serving_mb"]
    assert [(g.engine, len(g.records), g.points[0][0]) for g in memory] == [
        ("exhaustive", 3, 3000),
        ("hnswlib", 3, 3000),
    ]
    assert story.growing(fitted, "serving_mb") == (
        "All grow as N^1.00 ± 0.00: a hundred times the vectors take 100 times the memory. A further vector adds 512 "
        "bytes (exhaustive) to 900 (hnswlib); by itself it has 512."
    )
    assert "precomputed" not in story.growing(fitted, "p50_ms")  # it only looks up


def test_who_wins_under_conditions():
    lines = [
        line(0.5, "filter first", 1.0, 2.0),
        line(0.5, "filter inside", 0.995, 0.5),
        line(0.1, "filter first", 1.0, 1.0),
        line(0.1, "filter inside", 0.995, 0.6),
        line(0.001, "filter first", 1.0, 0.1),
        line(0.001, "filter inside", 0.5, 0.05),
        line(0.001, "filter after, of 10 times as many", 0.02, 0.2),
        line(0.1, "filter inside", 0.3, 0.1, "clustered"),
    ]
    assert story.under_conditions(Conditions("x", lines, {}, False)) == [
        "Where a condition has nothing to do with the space, the fastest that finds 99 of 100 or more is “filter "
        "inside”, when 50% to 10% are kept; “filter first”, when 0.1% of the items are kept.",
        "Where it holds for items close together, the fastest that finds 99 of 100 or more is none, whatever share is "
        "kept.",
        "Filtering after is what fails: with 0.1% of the items kept, even “filter after, of 10 times as many” finds "
        "only 2 of 100, and its lists have 0.2 items.",
    ]


@pytest.mark.parametrize(
    ("say", "value", "words"),
    [
        (story.milliseconds, 0.01432, "0.014 ms"),
        (story.milliseconds, 0.5, "0.5 ms"),
        (story.milliseconds, 12.34, "12 ms"),
        (story.milliseconds, 1234.0, "1.2 s"),
        (story.seconds, 0.0421, "0.042 s"),
        (story.seconds, 59.9, "60 s"),
        (story.seconds, 600, "10 min"),
        (story.size, 96, "96 bytes"),
        (story.size, 5_849_088, "5.8 MB"),
        (story.size, 512e6, "512 MB"),
        (story.size, 1.54e9, "1.5 GB"),
        (story.of_a_hundred, 1.0, "100 of 100"),
        (story.of_a_hundred, 0.9999, "99.9 of 100"),
        (story.of_a_hundred, 0.99, "99 of 100"),
        (story.of_a_hundred, 0.0, "0 of 100"),
        (story.times, 0.04, "0.04 times"),
        (story.times, 0.42, "0.4 times"),
        (story.times, 112.4, "112 times"),
        (story.percent, 0.003, "0.3%"),
        (story.percent, 0.5, "50%"),
        (story.setting, {"ef": 1000, "rescore": 4}, "ef = 1,000, rescore = 4"),
        (story.setting, {}, ""),
    ],
)
def test_figures_in_words(say, value, words):
    assert say(value) == words
