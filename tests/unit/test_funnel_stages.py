"""The funnel's stages: their invariants over random requests, and the fate of every item against a replay by hand."""

from dataclasses import replace
from threading import Event, Thread
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_funnel import CATEGORIES, CONDITIONS, N, NumpyStore, make_catalog, make_spaces, passes, requests, wish_of

import recsys.candidates as candidates_module
from recsys.candidates import RRF_OFFSET, capped, fuse
from recsys.diversity import diversify
from recsys.errors import CatalogError, InvalidInput
from recsys.explain import as_document, explain, why, why_document
from recsys.funnel import ALL, PRODUCTION, Funnel, Request, Sizes
from recsys.profile import Profile
from recsys.trace import Trace
from recsys.where import Where

IDS = [f"i{n:03d}" for n in range(N)]


@pytest.fixture(scope="module")
def version(make_version):
    return make_version(make_catalog(), make_spaces(), default_space="blend", shard=False)


@pytest.fixture(scope="module")
def funnel(version):
    return Funnel(version, NumpyStore(version), lambda profile: wish_of(profile.wish))


@st.composite
def staged(draw) -> Request:
    """Requests that use every part of the funnel."""
    return replace(
        draw(requests()),
        also=draw(st.lists(st.sampled_from(["text", "image"]), unique=True, max_size=2).map(tuple)),
        engine=draw(st.sampled_from(["qdrant", "exhaustive"])),
        filtering=draw(st.sampled_from(["inside", "before", "after"])),
        seen=draw(st.booleans()),
        cap=draw(st.sampled_from([None, 1, 2, 5])),
        diversity=draw(st.sampled_from(["mmr", "dpp", "plain", "cap"])),
        sizes=draw(st.sampled_from([Sizes(), PRODUCTION, Sizes(40, 20, 12), Sizes(7, 5, 5), Sizes(ALL, ALL, ALL)])),
    )


def inputs(answer, n: int = N) -> list[set[int]]:
    """What went into each stage that sees items, and last what was shown, by undoing the drops from the end."""
    flow = [set(answer.candidates[answer.picks].tolist())]
    for stage in answer.trace.stages[:0:-1]:
        gone = [row for rows in stage.drops.values() for row in rows.tolist()]
        assert len(gone) == len(set(gone)), f"{stage.stage} gives an item two reasons"
        assert not flow[0] & set(gone), f"{stage.stage} drops what it lets out"
        flow.insert(0, flow[0] | set(gone))
    return flow


@settings(max_examples=150, deadline=None)
@given(request=staged())
def test_every_item_has_one_fate_and_no_rule_is_broken(funnel, version, request):
    answer = funnel.recommend(request)
    items, shown = version.catalog.items, answer.candidates[answer.picks]
    assert not answer.trace.degraded
    assert len(set(shown.tolist())) == len(shown) <= request.k

    flow = inputs(answer)
    assert flow[0] == set(range(N))
    for stage, went_in, came_out in zip(answer.trace.stages[1:], flow, flow[1:], strict=False):
        assert (stage.n_in, stage.n_out) == (len(went_in), len(came_out))
        assert came_out <= went_in
        assert stage.dropped == {reason: len(rows) for reason, rows in stage.drops.items()}

    for row in flow[2]:  # whatever went on from the filters
        assert all(passes(items.iloc[row], c) for c in request.where)
        assert request.seen or IDS[row] not in request.profile.rated
    if request.cap is not None:
        counts = items.iloc[sorted(flow[2])]["category"].value_counts()
        assert counts.max() <= request.cap if len(counts) else True
    assert len(flow[2]) <= request.sizes.filter and len(flow[3]) <= request.sizes.rank


@settings(max_examples=60, deadline=None)
@given(request=staged(), data=st.data())
def test_why_agrees_with_a_replay_by_hand(funnel, version, request, data):
    """The stage and the reason of any item, decided anew from the rules, the scores and the sizes."""
    request = replace(request, also=(), prior=None)
    answer = funnel.recommend(request)
    item_id = data.draw(st.sampled_from(IDS))
    row, fate = IDS.index(item_id), why(funnel, answer, item_id)
    shown = answer.hits(version).ids.tolist()
    if item_id in shown:
        assert (fate.place, fate.stage, fate.reason) == (shown.index(item_id) + 1, None, None)
        return
    assert fate.place is None and fate.detail.endswith(".")
    broken = [f"breaks {c}" for c in request.where if not passes(version.catalog.items.loc[item_id], c)]
    if answer.query is None:
        return
    vectors = version.spaces[answer.space].astype(np.float64)
    scores = np.round(vectors @ answer.query.vector, 6)
    first = request.filtering == "before" or request.filtering == "inside" and request.engine == "qdrant"
    may = [n for n in range(N) if vectors[n].any() and (not first or _allowed(version, n, request))]
    nearest = sorted(may, key=lambda n: (-scores[n], n))
    n = request.sizes.retrieve + (0 if request.seen else len(request.profile.rated))
    retrieved, beyond = nearest[:n], nearest[n:]
    if row not in retrieved:
        assert fate.stage == "retrieve"
        if first and broken:
            assert fate.reason == broken[0]
        else:
            assert fate.reason == ("too far away" if row in beyond else f"has no vector in {answer.space}")
        return
    left, over, counts = [], [], dict.fromkeys([*CATEGORIES, None], 0)
    for other in retrieved:
        seen = IDS[other] in request.profile.rated and not request.seen
        if seen or not _allowed(version, other, request):
            continue
        category = version.catalog.items["category"].iloc[other]
        category = category if isinstance(category, str) else None
        if request.cap is not None and category and counts[category] >= request.cap:
            over.append(other)
            continue
        counts[category] += 1
        left.append(other)
    if row not in left[: request.sizes.filter]:
        if broken:
            expected = broken[0]
        elif item_id in request.profile.rated and not request.seen:
            expected = "already rated"
        else:
            expected = f"over {request.cap} of a category" if row in over else "over the size"
        assert (fate.stage, fate.reason) == ("filter", expected)
    elif row not in left[: min(request.sizes.filter, request.sizes.rank)]:
        assert (fate.stage, fate.reason) == ("rank", "ranked too low")
    else:
        assert (fate.stage, fate.reason) == ("diversify", "not picked")


def _allowed(version, row: int, request: Request) -> bool:
    return all(passes(version.catalog.items.iloc[row], c) for c in request.where)


@settings(max_examples=60, deadline=None)
@given(request=staged(), stage=st.sampled_from(["retrieve", "filter", "rank", "diversify"]))
def test_a_stage_that_is_off_passes_everything_through(funnel, version, request, stage):
    off = funnel.recommend(request.without(stage))
    told = {s.stage: s for s in off.trace.stages}[stage]
    if stage == "retrieve":
        kept = {reason for reason in told.drops if not reason.startswith(("breaks", "has no vector", "not on the"))}
        assert not kept
    elif stage == "diversify":
        assert off.picks.tolist() == list(range(len(off.picks)))
    else:
        assert told.n_in == told.n_out and not told.drops
    before = funnel.recommend(request)
    names = [s.stage for s in before.trace.stages]
    for name in names[: names.index(stage)]:  # what comes earlier does not notice, but for the rules it applies itself
        if stage != "filter":
            was, now = ({s.stage: s for s in a.trace.stages}[name] for a in (before, off))
            assert (was.n_in, was.n_out, was.dropped) == (now.n_in, now.n_out, now.dropped)


def test_a_stage_that_cannot_be_switched_off():
    with pytest.raises(ValueError, match="switched off"):
        Request(Profile()).without("user")


def test_filtering_before_inside_and_after_agree_where_retrieval_is_wide(funnel, version):
    request = Request(Profile(likes=("i000", "i060")), where=Where((CONDITIONS[0], CONDITIONS[3])), space="text")
    lists = {f: funnel.recommend(replace(request, filtering=f)) for f in ("inside", "before", "after")}
    assert len({tuple(answer.hits(version).ids) for answer in lists.values()}) == 1
    narrow = replace(request, sizes=Sizes(10, 10, 10))
    found = {f: len(funnel.recommend(replace(narrow, filtering=f)).candidates) for f in ("inside", "before", "after")}
    assert found["inside"] == found["before"] == 10 > found["after"]  # what was retrieved in vain is not replaced


def test_reciprocal_ranks_by_hand():
    rows, scores = fuse({"a": np.array([3, 1, 2]), "b": np.array([1, 5])})
    assert rows.tolist() == [1, 3, 5, 2]
    expected = [1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 63]
    np.testing.assert_allclose(scores, expected, rtol=1e-12)
    assert fuse({"a": np.array([4]), "b": np.array([2])})[0].tolist() == [2, 4]  # equal: by row


def test_fused_lists_say_what_each_space_gave(funnel, version):
    request = Request(Profile(likes=("i000", "i061")), space="text", also=("image",), lam=1.0)
    answer = funnel.recommend(request)
    for space, ranks in answer.fused.items():
        vectors = version.spaces[space].astype(np.float64)
        query = funnel.tower(replace(request, space=space)).query(request.profile)
        scores = np.round(vectors @ query.vector, 6)
        order = sorted((n for n in range(N) if vectors[n].any()), key=lambda n: (-scores[n], n))
        assert ranks.tolist() == [order.index(row) + 1 if row in order else 0 for row in answer.candidates]
    total = sum(np.where(r > 0, 1 / (RRF_OFFSET + np.maximum(r, 1)), 0) for r in answer.fused.values())
    np.testing.assert_allclose(total, answer.relevance, rtol=1e-12)
    assert (np.diff(answer.relevance) <= 0).all()
    reasons = explain(funnel, answer, answer.picks)
    for own, position in zip(reasons, answer.picks, strict=True):
        assert {r.signal for r in own} <= {"text", "image"}
        assert sum(r.value for r in own) == pytest.approx(answer.relevance[position])
    assert as_document(funnel, answer)["items"][0]["reasons"][0]["signal"] in ("text", "image")
    silent = funnel.recommend(replace(request, profile=Profile(likes=("i000",)), space="image", also=("text",)))
    assert silent.space == "text" and not silent.fused  # i000 has no picture: one space alone is asked


def test_a_cap_by_hand():
    groups = np.array([[1, 0], [1, 0], [0, 0], [1, 1], [0, 1], [0, 1]], dtype=bool)
    assert capped(groups, 1).tolist() == [True, False, True, False, True, False]
    assert capped(groups, 2).tolist() == [True, True, True, False, True, True]


def test_what_an_approximate_engine_missed_is_said(funnel, version, monkeypatch):
    request = Request(Profile(likes=("i000",)), space="text", engine="exhaustive", lam=1.0, sizes=Sizes(20, 20, 20))
    best = funnel.recommend(request).candidates[0]
    real = funnel.candidates.by_engine

    def misses_the_best(*args):
        rows, scores = real(*args)
        kept = rows != best
        return rows[kept], scores[kept]

    monkeypatch.setattr(funnel.candidates, "by_engine", misses_the_best)
    fate = why(funnel, funnel.recommend(request), IDS[best])
    assert (fate.stage, fate.reason) == ("retrieve", "too far away")
    assert "It is near enough" in fate.detail and "exhaustive missed it" in fate.detail


def test_an_engine_is_built_before_the_clock_runs(funnel, monkeypatch):
    real, order = funnel.candidates.prepared, []
    timed = Trace.timed

    def prepared(*args):
        order.append("prepared")
        return real(*args)

    def clock(trace):
        order.append("clock")
        return timed(trace)

    monkeypatch.setattr(funnel.candidates, "prepared", prepared)
    monkeypatch.setattr(Trace, "timed", clock)
    request = Request(Profile(likes=("i000",)), space="text", engine="exhaustive")
    funnel.recommend(request)
    assert order[:2] == ["prepared", "clock"]
    order.clear()
    funnel.recommend(replace(request, filtering="before"))
    assert order == ["clock"]  # what satisfies conditions beforehand is compared one by one


@pytest.fixture
def built(monkeypatch):
    """Which indexes were built, by engine; `hold` has the next one wait until it is set."""
    built, real = SimpleNamespace(names=[], begun=Event(), hold=None), candidates_module.create

    def create(name):
        engine = real("exhaustive")
        build = engine.build

        def counted(*arguments):
            built.names.append(name)
            built.begun.set()
            if built.hold is not None:
                assert built.hold.wait(10)
            return build(*arguments)

        engine.build = counted
        return engine

    monkeypatch.setattr(candidates_module, "create", create)
    return built


def test_nobody_waits_for_somebody_elses_index(version, built):
    funnel = Funnel(version, NumpyStore(version), lambda profile: {})
    asked = Request(Profile(likes=("i000",)), space="text", engine="hnswlib")
    built.hold = Event()
    one = Thread(target=funnel.recommend, args=(asked,))
    one.start()
    assert built.begun.wait(10)
    for engine in ("hnswlib", "faiss-flat"):
        other = funnel.recommend(replace(asked, engine=engine))
        (said,) = other.trace.degraded
        assert f"{engine} has no index yet" in said and "every item was compared in NumPy instead" in said
        assert (
            other.hits(version).ids.tolist()
            == funnel.recommend(replace(asked, engine="qdrant")).hits(version).ids.tolist()
        )
    built.hold.set()
    one.join()
    assert funnel.recommend(asked).trace.degraded == [] and built.names == ["hnswlib"]


def test_only_the_indexes_that_were_used_last_are_kept(version, built, monkeypatch):
    monkeypatch.setattr(candidates_module, "KEPT", 2)
    funnel = Funnel(version, NumpyStore(version), lambda profile: {})
    for engine in ("hnswlib", "faiss-flat", "hnswlib", "faiss-pq", "hnswlib", "faiss-flat"):
        funnel.recommend(Request(Profile(likes=("i000",)), space="text", engine=engine))
    assert built.names == ["hnswlib", "faiss-flat", "faiss-pq", "faiss-flat"]


def test_an_index_that_cannot_be_built_leaves_the_way_free(version, built, monkeypatch):
    funnel = Funnel(version, NumpyStore(version), lambda profile: {})
    asked = Request(Profile(likes=("i000",)), space="text", engine="hnswlib")
    with monkeypatch.context() as patch:
        patch.setattr(candidates_module, "create", lambda name: 1 / 0)
        assert "So every item was compared" in funnel.recommend(asked).trace.degraded[0]
    assert funnel.recommend(asked).trace.degraded == []


@pytest.mark.parametrize(
    ("engine", "filtering", "truly"),
    [("qdrant", "inside", "inside"), ("exhaustive", "inside", "after"), ("exhaustive", "before", "before")],
)
def test_with_an_engine_inside_means_after(funnel, engine, filtering, truly):
    asked = Request(Profile(likes=("i000",)), "text", where=Where((CONDITIONS[0],)), engine=engine, filtering=filtering)
    assert asked.filtered == truly
    drops = {stage.stage: stage.dropped for stage in funnel.recommend(asked).trace.stages}
    assert (f"breaks {CONDITIONS[0]}" in drops["filter"]) == (truly == "after")


def test_sentences_of_the_fates(funnel, version):
    request = Request(Profile(likes=("i000",)), space="text", lam=1.0, k=3, sizes=Sizes(40, 20, 10))
    answer = funnel.recommend(request)
    flow = {s.stage: s for s in answer.trace.stages}
    over = IDS[flow["filter"].drops["over the size"][0]]
    assert why(funnel, answer, over).detail == "20 go on, and it is number 21 of those that no rule keeps out."
    low = IDS[flow["rank"].drops["ranked too low"][3]]
    assert why(funnel, answer, low).detail == "10 go on, and it is number 14 by relevance."
    last = IDS[answer.candidates[-1]]
    assert why(funnel, answer, last).detail == "It is number 10 of 10 by relevance, and 3 are shown."
    assert "rated already" in why(funnel, answer, "i000").detail
    far = IDS[flow["retrieve"].drops["too far away"][0]]
    assert f"the last of the 41 that were retrieved has {flow['retrieve'].last:.3f}" in why(funnel, answer, far).detail
    year = funnel.recommend(replace(request, where=Where((CONDITIONS[3],))))
    known = next(i for i in IDS if version.catalog.items.loc[i, "year"] < 1992)
    unknown = next(i for i in IDS if np.isnan(version.catalog.items.loc[i, "year"]))
    value = f"{version.catalog.items.loc[known, 'year']:g}"
    assert why(funnel, year, known).detail == f"The rule “year>=1992” keeps it out: its year is {value}."
    assert why(funnel, year, unknown).detail == "The rule “year>=1992” keeps it out: its year is not known."
    document = why_document(funnel, year, known)
    assert (document["stage"], document["reason"], document["place"]) == ("retrieve", "breaks year>=1992", None)
    assert "number 1 of the list" in why(funnel, answer, answer.hits(version).ids[0]).detail


@pytest.mark.parametrize(
    "change, words",
    [
        ({"sizes": Sizes(0, 5, 5)}, "at least 1 item"),
        ({"cap": 0}, "cap of 0"),
        ({"engine": "magic"}, "no engine “magic”"),
        ({"filtering": "maybe"}, "applied “maybe”"),
        ({"also": ("mind",)}, "no space “mind”"),
        ({"diversity": "chance"}, "chance"),
    ],
)
def test_bad_stages(funnel, change, words):
    with pytest.raises(InvalidInput, match=words):
        funnel.recommend(replace(Request(Profile(likes=("i000",))), **change))


def test_failures_degrade_and_keep_the_rules(version, monkeypatch):
    funnel = Funnel(version, NumpyStore(version), lambda profile: {})
    request = Request(Profile(likes=("i000",)), where=Where((CONDITIONS[0],)), engine="exhaustive", k=5)
    good = funnel.recommend(replace(request, diversity="plain"))

    def broken(*args, **kwargs):
        raise RuntimeError("boom")

    monkeypatch.setattr(funnel.candidates, "by_engine", broken)
    monkeypatch.setattr(
        "recsys.funnel.diversify", lambda method, *a: broken() if method == "mmr" else diversify(method, *a)
    )
    answer = funnel.recommend(request)
    assert [sentence.split(".")[0] for sentence in answer.trace.degraded] == [
        "The stage retrieve failed (RuntimeError)",
        "The stage diversify failed (RuntimeError)",
    ]
    assert answer.hits(version).ids.tolist() == good.hits(version).ids.tolist()
    assert "boom" not in " ".join(answer.trace.degraded)


def test_a_store_that_breaks_the_rules_is_overruled(version):
    class Careless(NumpyStore):
        def nearest(self, space, query, n, where=Where()):
            return super().nearest(space, query, n)

    funnel = Funnel(version, Careless(version), lambda profile: {})
    answer = funnel.recommend(Request(Profile(likes=("i000",)), where=Where((CONDITIONS[0],)), k=15))
    assert len(answer.picks) == 15
    assert all(passes(version.catalog.items.iloc[row], CONDITIONS[0]) for row in answer.candidates)


class LikesEvenRows:
    """A ranker that puts even rows first, by row; `broken` fails as one whose file is damaged."""

    names = ("gbdt", "broken")

    def person(self, profile, likes, dislikes, rated):
        return likes

    def features(self, person, rows):
        return np.column_stack([rows % 2, np.full(len(rows), len(person))])

    def scores(self, name, features):
        if name == "broken":
            raise CatalogError("The ranker cannot be read.", "Build again.")
        if name not in self.names:
            raise InvalidInput(f"No ranker {name}.")
        return -1.0 * features[:, 0] * features[:, 1]


@pytest.fixture
def ranked(version, monkeypatch):
    funnel = Funnel(version, NumpyStore(version), lambda profile: {})
    monkeypatch.setattr(funnel, "ranking", LikesEvenRows())
    return funnel


def test_a_ranker_decides_who_goes_on_and_what_variety_goes_by(ranked):
    request = Request(Profile(likes=("i000", "i060")), space="text", ranker="gbdt", sizes=Sizes(60, 40, 15), lam=1.0)
    answer, plain = (
        ranked.recommend(request),
        ranked.recommend(replace(request, ranker="none", sizes=Sizes(60, 40, 40))),
    )
    filtered = sorted(plain.candidates.tolist(), key=lambda row: (row % 2, row))
    assert answer.candidates.tolist() == filtered[:15]
    assert answer.ranked.tolist() == [-2.0 * (row % 2) for row in filtered[:15]]
    low = {s.stage: s for s in answer.trace.stages}["rank"].drops["ranked too low"]
    assert low.tolist() == filtered[15:]  # in the ranker's order, so that a place can be told
    assert why(ranked, answer, IDS[low[4]]).detail == "15 go on, and it is number 20 by LambdaRank."
    relevance = dict(zip(plain.candidates.tolist(), plain.relevance, strict=True))
    assert answer.relevance.tolist() == [relevance[row] for row in answer.candidates]  # still what retrieval scored
    assert set(answer.merit) <= {0.0, 1.0}
    assert as_document(ranked, answer)["items"][0]["ranked"] == 0.0


def test_a_damaged_ranker_leaves_the_order_of_retrieval(ranked, version):
    request = Request(Profile(likes=("i000",)), ranker="broken", where=Where((CONDITIONS[0],)))
    answer, plain = ranked.recommend(request), ranked.recommend(replace(request, ranker="none"))
    assert answer.hits(version).ids.tolist() == plain.hits(version).ids.tolist() and answer.ranked is None
    assert answer.trace.degraded == ["The ranker cannot be read. So the order of retrieval was kept."]
    with pytest.raises(InvalidInput, match="No ranker magic"):
        ranked.recommend(replace(request, ranker="magic"))


def test_rankers_hear_no_wish_so_it_decides_alone(version, monkeypatch):
    funnel = Funnel(version, NumpyStore(version), lambda profile: wish_of(profile.wish))
    monkeypatch.setattr(funnel, "ranking", LikesEvenRows())
    for profile in (Profile(likes=("i000",), wish="tea"), Profile(categories=("food",)), Profile()):
        answer = funnel.recommend(Request(profile, ranker="gbdt"))
        plain = funnel.recommend(Request(profile))
        assert answer.ranked is None and answer.candidates.tolist() == plain.candidates.tolist()


def test_a_learned_space_whose_model_is_damaged_gives_way_to_content(version, monkeypatch):
    funnel = Funnel(version, NumpyStore(version), lambda profile: {})
    usual = funnel.tower

    def tower(request):
        if request.space == "image":
            raise CatalogError("The model cannot be read.")
        return usual(request)

    monkeypatch.setattr(funnel, "tower", tower)
    answer = funnel.recommend(Request(Profile(likes=("i001",)), space="image"))
    assert answer.space == version.default_space and len(answer.picks) == 10
    assert answer.trace.degraded == ["The model cannot be read. So the content space was searched instead."]
