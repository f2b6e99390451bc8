"""Links and commands: the view goes out and comes back, and nothing in a link can break anything."""

import shlex
from dataclasses import replace
from urllib.parse import parse_qs, urlencode

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.candidates import RETRIEVERS
from recsys.catalog import Catalog, Facet
from recsys.diversity import METHODS as DIVERSITIES
from recsys.funnel import FILTERING, STAGES, Request, Sizes
from recsys.profile import Profile, clean_wish
from recsys.ui.link import (
    INSIDES,
    MAX_CONDITIONS,
    MAX_K,
    MAX_PROBES,
    PARTS,
    View,
    from_query,
    part_of,
    to_command,
    to_query,
)
from recsys.ui.pipeline import BUDGETS, MAX_BUDGET, MAX_CAP, MAX_SIZE, SWITCHED, Pipeline
from recsys.user_vectors import PATTERNS
from recsys.where import Condition, Where

IDS = ["apple", "a/b c", "-5", "it's; rm -rf $HOME", "<script>", "größe&x=1"]
KNOBS = {
    "exhaustive": [()],
    "faiss-hnsw": [(), ("ef_search=50",)],
    "faiss-ivfpq": [(), ("probes=4",), ("probes=4", "rescore=0")],
}
BUILDS = {"faiss-hnsw": [(), ("M=16",), ("M=8", "ef_construction=50")], "faiss-ivfpq": [("code_bytes=8",)]}
CATEGORIES = ["food", "Smith, John", "-x", "R&B"]


@pytest.fixture(scope="module")
def version(make_version):
    items = pd.DataFrame(
        {
            "title": IDS,
            "description": "",
            "image": None,
            "category": [*CATEGORIES, None, "food"],
            "tags": [("red",), (), ("red", "a,b"), ("x",), (), ()],
            "year": [1.0, 2.0, 3.0, np.nan, 5.0, 6.0],
            "flag": pd.array([True, False, None, True, True, False], dtype="boolean"),
        },
        index=pd.Index(IDS, name="item_id"),
    )
    kinds = {"category": "category", "tags": "tags", "year": "number", "flag": "flag"}
    facets = tuple(Facet(name, name.title(), kind) for name, kind in kinds.items())
    catalog = Catalog("tiny", "Tiny", "", items, facets, categories="category", licence="none")
    vectors = np.eye(6, 4, dtype=np.float32)
    return make_version(catalog, {"text": vectors, "image": vectors, "blend": np.hstack([vectors] * 2)}, shard=False)


def maybe(values):
    return st.one_of(st.none(), st.sampled_from(values))


def some(values):
    return st.lists(st.sampled_from(values), unique=True, min_size=1).map(tuple)


equal = st.sampled_from(["=", "!="])
conditions = st.one_of(
    st.builds(Condition, st.just("category"), equal, some(CATEGORIES)),
    st.builds(Condition, st.just("tags"), equal, some(["red", "a,b", "absent"])),
    st.builds(Condition, st.just("flag"), equal, some([True, False])),
    st.builds(
        Condition,
        st.just("year"),
        st.sampled_from(["=", "!=", ">=", "<=", ">", "<"]),
        st.tuples(st.floats(allow_nan=False, allow_infinity=False)),
    ),
)


sizes = st.integers(1, MAX_SIZE)


@st.composite
def pipelines(draw) -> Pipeline:
    found = Pipeline(
        sizes=draw(st.tuples(sizes, sizes, sizes)),
        also=draw(st.lists(st.sampled_from(["text", "image", "blend"]), unique=True).map(tuple)),
        retriever=draw(st.sampled_from(RETRIEVERS)),
        filtering=draw(st.sampled_from(FILTERING)),
        seen=draw(st.booleans()),
        cap=draw(st.one_of(st.none(), st.integers(1, MAX_CAP))),
        ranker=draw(maybe(["none"])),
        diversity=draw(st.sampled_from(list(DIVERSITIES))),
        stage=draw(maybe(STAGES)),
        reason=draw(maybe(["too far away", "breaks year>=1990", "<b>"])),
        asked=draw(maybe(IDS)),
        vectors=draw(st.sampled_from(PATTERNS)),
    )
    for stage in draw(st.lists(st.sampled_from(SWITCHED))):
        found = found.switched(stage, False)
    for name in draw(st.lists(st.sampled_from(list(BUDGETS)))):
        found = found.with_budget(name, draw(st.integers(1, MAX_BUDGET)))
    return found


@st.composite
def views(draw) -> View:
    rated = draw(st.lists(st.sampled_from(IDS), unique=True).map(tuple))
    cut = draw(st.integers(0, len(rated)))
    engine = draw(maybe(list(KNOBS)))
    return View(
        catalog="tiny",
        profile=Profile(
            likes=rated[:cut],
            dislikes=rated[cut:],
            wish=clean_wish(draw(st.text(max_size=50))),
            categories=draw(st.lists(st.sampled_from(CATEGORIES), unique=True).map(tuple)),
        ),
        space=draw(maybe(["text", "image", "blend"])),
        blend=draw(st.integers(0, 100)) / 100,
        lam=draw(st.integers(0, 100)) / 100,
        where=Where(tuple(draw(st.lists(conditions, unique=True, max_size=4)))),
        k=draw(st.integers(1, MAX_K)),
        item=draw(maybe(IDS)),
        colour=draw(maybe(["category", "tags", "year", "flag"])),
        dims=draw(st.sampled_from([2, 3])),
        tour=draw(maybe([1, 7, 12])),
        part=draw(maybe([part for parts in PARTS.values() for part in parts])),
        data=draw(maybe(["tiny-text", "tiny-two_tower", "tiny-text-1000x384"])),
        engine=engine,
        knobs=draw(st.sampled_from(KNOBS[engine])) if engine else (),
        build=draw(st.sampled_from(BUILDS.get(engine, [()]))),
        inside=draw(maybe(INSIDES)),
        probes=draw(st.integers(1, MAX_PROBES)),
        pipeline=draw(pipelines()),
    )


@given(views())
def test_a_link_gives_the_view_back(version, view):
    query = parse_qs(urlencode(to_query(view), doseq=True), keep_blank_values=True)
    assert from_query(query, version) == (view, [])


@given(views())
def test_a_command_is_one_line_that_a_shell_reads_back(view):
    command = to_command(view)
    assert command.isprintable()
    words = shlex.split(command)
    assert words[:4] == ["python", "-m", "recsys", "recommend"]
    given_, rest = [], words[4:]
    while rest:
        word = rest.pop(0)
        assert word.startswith("--")
        name, sign, value = word.removeprefix("--").partition("=")
        given_.append((name, value if sign else rest.pop(0)))
        assert sign or not given_[-1][1].startswith("-")  # else it would be taken for an option
    values = {name: [v for n, v in given_ if n == name] for name, _ in given_}
    assert values.get("like", []) == list(view.profile.likes)
    assert values.get("dislike", []) == list(view.profile.dislikes)
    assert values.get("category", []) == list(view.profile.categories)
    assert values.get("wish", [""]) == [view.profile.wish]
    assert values.get("where", []) == list(view.where.texts())
    assert values.get("space", [None]) == [view.space]
    assert float(values.get("blend", ["0.5"])[0]) == view.blend
    assert (float(values["lam"][0]), int(values["k"][0])) == (view.lam, view.k)


def test_by_hand():
    profile = Profile(likes=("apple",), wish="tea")
    view = View("tiny", profile, lam=0.3, where=Where((Condition("year", ">=", (1990.0,)),)), k=5, tour=2)
    assert to_query(view) == {
        "catalog": ["tiny"],
        "like": ["apple"],
        "wish": ["tea"],
        "where": ["year>=1990"],
        "lam": ["0.3"],
        "k": ["5"],
        "tour": ["2"],
    }
    assert to_query(View("tiny")) == {"catalog": ["tiny"]}
    assert to_command(view) == (
        "python -m recsys recommend --catalog tiny --like apple --wish tea --lam 0.3 --where 'year>=1990' --k 5"
    )


FIELDS = [
    "like",
    "dislike",
    "wish",
    "category",
    "where",
    "space",
    "blend",
    "lam",
    "k",
    "item",
    "colour",
    "dims",
    "tour",
    "part",
    "data",
    "engine",
    "knob",
    "build",
    "inside",
    "probes",
    "sizes",
    "also",
    "retriever",
    "filtering",
    "seen",
    "cap",
    "ranker",
    "diversity",
    "without",
    "budget",
    "stage",
    "reason",
    "asked",
]
GOOD = {"like": ["apple"], "wish": ["tea"], "lam": ["0.3"], "k": ["5"], "where": ["year>=2"], "space": ["image"]}
KEPT = View(
    "tiny", Profile(("apple",), wish="tea"), "image", lam=0.3, k=5, where=Where((Condition("year", ">=", (2.0,)),))
)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"dislike": ["nobody"]}, "“nobody”"),
        ({"dislike": ["apple"]}, "both likes and dislikes"),
        ({"category": ["<script>alert(1)</script>"]}, "<script>"),
        ({"blend": ["2"]}, "a blend of “2”; it lies between 0 and 1, so 0.5 is used"),
        ({"blend": ["nan"]}, "a blend of “nan”"),
        ({"blend": [""]}, "a blend of"),
        ({"item": ["nobody\x00\x1b" + "x" * 10_000]}, "opens an item"),
        ({"colour": ["sparkle"]}, "category, tags, year, flag"),
        ({"dims": ["7"]}, "“7”"),
        ({"tour": ["0"]}, "“0”"),
        ({"tour": ["²"]}, "“²”"),
        ({"where": ["year>=2", "price<3"]}, "no facet “price”"),
        ({"where": ["year>=2", "year>=soon"]}, "is a number"),
        ({"where": ["year>=2", "\u202e"]}, "cannot be read"),
        ({"part": ["everything"]}, "“everything”"),
        ({"data": ["../../etc"]}, "“../../etc”"),
        ({"data": [""]}, "vectors that there are not"),
        ({"engine": ["magic"]}, "an engine that there is not: “magic”. Known: exhaustive, "),
        ({"knob": ["ef_search=50"]}, "that it does not name"),
        ({"inside": ["the box"]}, "cells, graph"),
        ({"probes": ["0"]}, "a number of cells of “0”; it lies between 1 and 64, so 3 is used"),
        ({"sizes": ["0,200,20"]}, "sizes “0,200,20” cannot be used, so they are 1000,200,20: whole numbers of 1 or"),
        ({"sizes": ["1000,200"]}, "sizes “1000,200”"),
        ({"sizes": ["-1,200,20"]}, "sizes “-1,200,20”"),
        ({"sizes": ["1000,200,2e1"]}, "sizes “1000,200,2e1”"),
        ({"sizes": ["9999999,200,20"]}, "sizes “9999999,200,20”"),
        ({"also": ["mind"]}, "a second space “mind”; there are text, image, blend"),
        ({"retriever": ["magic"]}, "the retriever “magic”; there are qdrant, exhaustive, "),
        ({"retriever": ["pinecone"]}, "the retriever “pinecone”"),
        ({"filtering": ["never"]}, "filtering “never”; there are inside, before, after"),
        ({"seen": ["maybe"]}, "seen items: “maybe”"),
        ({"cap": ["0"]}, "a cap of “0”; it lies between 1 and 20"),
        ({"cap": ["²"]}, "a cap of “²”"),
        ({"ranker": ["gbdt"]}, "the ranker “gbdt”; there are none."),
        ({"diversity": ["zebra"]}, "the diversity “zebra”; there are plain, mmr, dpp, cap"),
        ({"without": ["user"]}, "a funnel without “user”; there are retrieve, filter, rank, diversify"),
        ({"budget": ["rank:soon"]}, "a budget “rank:soon”, which cannot be read: write a stage and milliseconds"),
        ({"budget": ["rank:0"]}, "a budget “rank:0”"),
        ({"budget": ["lunch:30"]}, "a budget “lunch:30”"),
        ({"vectors": ["always"]}, "user vectors by “always”; there are recompute, ttl, incremental, nightly"),
        ({"stage": ["<b>"]}, "the stage “<b>”"),
        ({"asked": ["nobody"]}, "asks about an item that Tiny does not have: “nobody”"),
    ],
)
def test_each_bad_value_is_one_sentence_and_loses_nothing_else(version, bad, words):
    view, problems = from_query({**GOOD, **bad}, version)
    assert view == KEPT
    assert len(problems) == 1 and words in problems[0]
    assert problems[0].isprintable() and len(problems[0]) < 300


@pytest.mark.parametrize(
    ("bad", "field", "words"),
    [
        ({"lam": ["7"]}, "lam", "a lambda of “7”; it lies between 0 and 1, so 0.85 is used"),
        ({"lam": ["0,5"]}, "lam", "a lambda of"),
        ({"k": ["0"]}, "k", "a list length of “0”; it lies between 1 and 40, so 10 is used"),
        ({"k": ["1e9"]}, "k", "a list length of"),
        ({"k": ["-inf"]}, "k", "a list length of"),
        ({"space": ["mind"]}, "space", "text, image, blend"),
    ],
)
def test_a_bad_value_falls_back_to_the_default(version, bad, field, words):
    view, problems = from_query({**GOOD, **bad}, version)
    assert view == replace(KEPT, **{field: getattr(View("tiny"), field)})
    assert len(problems) == 1 and words in problems[0]


@pytest.mark.parametrize(
    "knob", ["ef_search=41", "probes=4", "ef_search", "ef_search=²", "ef_search=4e1", "=", "", "x" * 999]
)
def test_an_argument_that_the_engine_does_not_take(version, knob):
    view, problems = from_query({"engine": ["faiss-hnsw"], "knob": ["ef_search=50", knob]}, version)
    assert (view.engine, view.knobs) == ("faiss-hnsw", ("ef_search=50",))
    assert len(problems) == 1 and "asks faiss-hnsw for " in problems[0] and "ef_search=10|25|50" in problems[0]
    assert len(problems[0]) < 300


def test_build_time_arguments_are_told_apart_from_the_others(version):
    view, problems = from_query({"engine": ["hnswlib"], "build": ["M=16", "M=17", "ef_search=50"]}, version)
    assert (view.build, view.knobs) == (("M=16",), ()) and "it takes M=8|16|32|64" in problems[0]
    command = "python -m recsys bench retrieval --catalog tiny --engine hnswlib --build M=16"
    assert to_command(view, "retrieval") == command


def test_an_argument_counts_once_and_in_the_engines_order(version):
    query = {"engine": ["faiss-ivfpq"], "knob": ["rescore=0", "probes=4", "probes=8"]}
    assert from_query(query, version)[0].knobs == ("probes=8", "rescore=0")


def test_the_command_of_growth():
    command = "python -m recsys bench retrieval --synthetic 1000,128 --sizes 1000,4000,16000,64000,100000"
    assert to_command(View("tiny", part="growth", data="tiny-text"), "retrieval") == command


def test_a_part_of_another_page_is_the_first_one_here(version):
    view = View("tiny", part="growth")
    assert (part_of(view, "retrieval"), part_of(view, "cold_start")) == ("growth", "user")
    assert to_command(view, "cold_start").startswith("python -m recsys cold-start story ")


@pytest.mark.parametrize(
    ("data", "engine", "options"),
    [
        (None, None, "--catalog tiny"),
        (None, "hnswlib", "--catalog tiny --engine hnswlib"),
        ("tiny-text", None, "--catalog tiny --space text"),
        ("my-own-shop-two_tower", None, "--catalog my-own-shop --space two_tower"),
        ("clipart-text-100000x384", "scann", "--catalog clipart --space text --synthetic 100000,384 --engine scann"),
        ("nothing", None, "--catalog tiny --space nothing"),
    ],
)
def test_the_command_of_retrieval(data, engine, options):
    assert (
        to_command(View("tiny", data=data, engine=engine), "retrieval") == f"python -m recsys bench retrieval {options}"
    )


APPLE = View("tiny", Profile(("apple",)), lam=0.5)
OFF = Pipeline((100, 50, 20), cap=2, ranker="gbdt")


@pytest.mark.parametrize(
    ("view", "command"),
    [
        (APPLE, "recommend --catalog tiny --like apple --lam 0.5 --sizes 1000,200,20,10"),
        (
            replace(APPLE, space="text", pipeline=Pipeline(also=("image",), retriever="hnswlib", vectors="ttl")),
            "recommend --catalog tiny --like apple --lam 0.5 --tower text --tower image --sizes 1000,200,20,10 "
            "--engine hnswlib --vectors ttl",
        ),
        (
            replace(APPLE, where=Where((Condition("year", ">=", (2.0,)),)), pipeline=replace(OFF, filtering="after")),
            "recommend --catalog tiny --like apple --lam 0.5 --where 'year>=2' --sizes 100,50,20,10 --filtering after "
            "--cap 2 --ranker gbdt",
        ),
        (
            replace(APPLE, where=Where((Condition("year", ">=", (2.0,)),)), pipeline=replace(OFF, off=SWITCHED)),
            "recommend --catalog tiny --like apple --lam 0.5 --sizes 2147483647,2147483647,2147483647,10 "
            "--filtering before --seen --diversity plain",
        ),
        (
            replace(APPLE, part="why", pipeline=Pipeline(asked="-5")),
            "explain --catalog tiny --item=-5 --like apple --lam 0.5 --sizes 1000,200,20,10",
        ),
        (replace(APPLE, part="worth"), "evaluate --catalog tiny --protocol funnel"),
        (replace(APPLE, part="load"), "bench funnel --catalog tiny --cache"),
    ],
)
def test_the_command_of_the_funnel(view, command):
    assert to_command(view, "funnel") == f"python -m recsys {command}"


def test_a_switched_off_stage_asks_for_what_its_command_does():
    base = Request(Profile(("apple",)), "text", where=Where((Condition("year", ">=", (2.0,)),)))
    asked = replace(OFF, off=("filter", "rank")).request(base)
    assert (asked.where, asked.seen, asked.cap) == (Where(), True, None)
    assert (asked.sizes.retrieve, asked.ranker) == (100, "none")
    assert min(asked.sizes.filter, asked.sizes.rank) > 10**9
    assert OFF.request(base).sizes == Sizes(100, 50, 20)
    assert OFF.switched("rank", False).switched("rank", True) == OFF


def test_a_budget_that_is_put_back_is_none():
    assert Pipeline().with_budget("rank", 40).budgets == (("rank", 40),)
    assert Pipeline().with_budget("rank", 40).with_budget("rank", 100) == Pipeline()


@pytest.mark.parametrize("query", [{}, {"unknown": ["x"]}, {"like": [], "lam": [], "where": []}])
def test_nothing_asked_is_the_default(version, query):
    assert from_query(query, version) == (View("tiny"), [])


def test_the_last_of_several_values_counts(version):
    assert from_query({"lam": ["7", "0.25"]}, version) == (View("tiny", lam=0.25), [])


def test_too_many_conditions_are_told(version):
    view, problems = from_query({"where": [f"year>={n}" for n in range(MAX_CONDITIONS + 5)]}, version)
    assert len(view.where.conditions) == MAX_CONDITIONS
    assert len(problems) == 1 and str(MAX_CONDITIONS) in problems[0]


@given(
    st.dictionaries(
        st.sampled_from(FIELDS),
        st.lists(
            st.one_of(
                st.text(),
                st.sampled_from(
                    ["apple", "food", "year>=", "year>=1", "0.5", "3", "faiss-hnsw", "ef_search=10", "growth", "x-y"]
                ),
            ),
            max_size=3,
        ),
    )
)
def test_no_link_breaks_anything(version, query):
    view, problems = from_query(query, version)
    assert all(problem.isprintable() for problem in problems)
    assert from_query(to_query(view), version) == (view, [])
    assert all(to_command(view, page).isprintable() for page in ("recommend", "retrieval", "funnel"))


def test_a_link_cut_in_half(version):
    link = urlencode(to_query(replace(KEPT, item="größe&x=1", colour="year", dims=3)), doseq=True)
    for end in range(len(link)):
        view, _ = from_query(parse_qs(link[:end], keep_blank_values=True), version)
        assert view.catalog == "tiny"
