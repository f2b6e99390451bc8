"""The funnel against a brute-force computation of the formulas, in plain loops, from the arrays of a small catalog."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys import candidates
from recsys.catalog import Catalog, Facet
from recsys.errors import UnknownItem
from recsys.explain import as_document, explain, shortfall
from recsys.funnel import STOPS, Funnel, Request, Sizes
from recsys.profile import Profile
from recsys.store import memory_store
from recsys.store.edge import EdgeStore
from recsys.where import Condition, Where

N, D = 150, 6
CATEGORIES = ["food", "animals", "home", "sky"]
LAMS = (0.0, 0.3, 0.7, 1.0)


def make_catalog(interactions: pd.DataFrame | None = None) -> Catalog:
    rng = np.random.default_rng(5)
    ids = [f"i{n:03d}" for n in range(N)]
    items = pd.DataFrame(
        {
            "title": ids,
            "description": "",
            "tags": [tuple(t for t in ("red", "green", "blue") if rng.random() < 0.4) for _ in ids],
            "image": None,
            "category": [None if rng.random() < 0.1 else CATEGORIES[int(4 * rng.random() ** 2)] for _ in ids],
            "year": np.where(rng.random(N) < 0.1, np.nan, rng.integers(1980, 2000, N)),
            "in_stock": pd.array([None if (u := rng.random()) < 0.1 else u < 0.8 for _ in ids], dtype="boolean"),
        },
        index=pd.Index(ids, name="item_id"),
    )
    facets = (
        Facet("category", "Category", "category"),
        Facet("tags", "Tags", "tags"),
        Facet("year", "Year", "number"),
        Facet("in_stock", "In stock", "flag"),
    )
    return Catalog("small", "Small", "", items, facets, "category", "none", interactions=interactions)


def make_spaces() -> dict[str, np.ndarray]:
    """Text and pictures around four themes; many duplicates, and every tenth item without a picture."""
    rng = np.random.default_rng(6)
    themes = rng.normal(size=(4, D))
    text, image = (themes[rng.integers(4, size=N)] + rng.normal(size=(N, D)) for _ in range(2))
    text[60:110] = text[60]
    image[80:130] = image[80]
    text, image = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (text, image))
    second = image.copy()
    second[::10] = text[::10]
    image[::10] = 0
    arrays = {"text": text, "image": image, "blend": np.hstack([text, second])}
    return {space: vectors.astype(np.float32) for space, vectors in arrays.items()}


def wish_of(words: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(len(words))
    return {half: rng.normal(size=D).astype(np.float32) for half in ("text", "image")}


class NumpyStore:
    """Exact search without Qdrant; ties come last row first, the opposite of what the funnel must answer."""

    deployment = "memory"

    def __init__(self, version) -> None:
        self._version = version

    def nearest(self, space, query, n, where=Where()):
        assert query.dtype == np.float32 and n >= 1
        vectors = self._version.spaces[space]
        rows = np.flatnonzero(self._version.facets.mask(where) & vectors.any(axis=1))[::-1]
        scores = vectors[rows] @ query
        order = np.argsort(-scores, kind="stable")[:n]
        return rows[order], scores[order]


@pytest.fixture(scope="module")
def version(make_version):
    return make_version(make_catalog(), make_spaces(), default_space="blend")


@pytest.fixture(scope="module", params=["numpy", "edge", "memory"])
def funnel(request, version):
    stores = {
        "numpy": lambda: NumpyStore(version),
        "edge": lambda: EdgeStore(version.shard),
        "memory": lambda: memory_store(version.spaces, version.catalog),
    }
    return Funnel(version, stores[request.param](), lambda profile: wish_of(profile.wish))


@pytest.fixture(scope="module")
def popular(make_version):
    """The funnel of a catalog with interactions: item n has as many people as n has ones in its decimal digits."""
    pairs = [(f"u{u}", f"i{n:03d}") for n in range(N) for u in range(str(n).count("1"))]
    users, items = zip(*pairs, strict=True)
    interactions = pd.DataFrame({"user_id": users, "item_id": items, "rating": 1.0, "timestamp": 0})
    version = make_version(make_catalog(interactions), {"text": make_spaces()["text"]}, shard=False)
    return Funnel(version, NumpyStore(version), lambda profile: wish_of(profile.wish))


# The formulas once more, an item at a time.


def norm(v: list[float]) -> list[float]:
    length = sum(x * x for x in v) ** 0.5
    return [x / length for x in v] if length > 1e-9 else [0.0] * len(v)


def mean(vectors: list[list[float]]) -> list[float]:
    return [sum(column) / len(vectors) for column in zip(*vectors, strict=True)]


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def point(vectors: list[list[float]], items: pd.DataFrame, profile: Profile, wish: np.ndarray) -> list[float]:
    """q = unit( unit(mean likes) + unit(wish) + unit(mean of centroids) - 0.5 unit(mean dislikes) ) of one half."""
    row = {item: n for n, item in enumerate(items.index)}
    terms = []
    for weight, ids in ((1.0, profile.likes), (-0.5, profile.dislikes)):
        own = [vectors[row[i]] for i in ids if any(vectors[row[i]])]
        if own:
            terms.append([weight * x for x in norm(mean(own))])
    if profile.wish:
        terms.append(norm([float(x) for x in wish]))
    centroids = []
    for category in profile.categories:
        members = [vectors[n] for n, own in enumerate(items["category"]) if own == category and any(vectors[n])]
        centroids += [mean(members)] if members else []
    if centroids:
        terms.append(norm(mean(centroids)))
    return norm([sum(column) for column in zip(*terms, strict=True)]) if terms else [0.0] * len(vectors[0])


def passes(item: pd.Series, condition: Condition) -> bool:
    value = item[condition.facet]
    own = list(value) if isinstance(value, tuple) else [] if pd.isna(value) else [value]
    if condition.op == ">=":
        return any(v >= condition.values[0] for v in own)
    found = any(v in condition.values for v in own)
    return bool(own) and (found if condition.op == "=" else not found)


def brute_force(version, request: Request) -> tuple[list[str], list[float]]:
    """The list and its relevance, or empty where the profile says nothing."""
    items, profile, w = version.catalog.items, request.profile, request.blend
    stored = {space: vectors.astype(np.float64).tolist() for space, vectors in version.spaces.items()}
    space = request.space or "blend"
    if space == "blend":
        halves = [(w, [v[:D] for v in stored["blend"]], "text"), (1 - w, [v[D:] for v in stored["blend"]], "image")]
    else:
        halves = [(1.0, stored[space], space)]
    wish = wish_of(profile.wish)
    points = [(weight, vectors, point(vectors, items, profile, wish[half])) for weight, vectors, half in halves]
    if not any(weight and any(q) for weight, _, q in points):
        return [], []
    relevance = {}
    for n, (item_id, item) in enumerate(items.iterrows()):
        if item_id in profile.rated or not any(stored[space][n]) or not all(passes(item, c) for c in request.where):
            continue
        relevance[n] = round(sum(weight * dot(q, vectors[n]) for weight, vectors, q in points), 6)
    size = min(request.sizes.retrieve, request.sizes.filter, request.sizes.rank)
    left = sorted(relevance, key=lambda n: (-relevance[n], n))[:size]
    picked: list[int] = []
    while left and len(picked) < request.k:
        total = {}
        for n in left:
            alike = [sum(weight * dot(v[n], v[j]) for weight, v, _ in halves) for j in picked]
            total[n] = request.lam * relevance[n] - (1 - request.lam) * max(alike) if picked else relevance[n]
        best = max(total.values())
        pick = min((n for n in left if total[n] >= best - 1e-6), key=lambda n: (-relevance[n], n))
        picked.append(pick)
        left.remove(pick)
    return [items.index[n] for n in picked], [relevance[n] for n in picked]


ids = st.sampled_from([f"i{n:03d}" for n in range(N)])
CONDITIONS = [
    Condition("category", "=", ("food", "sky")),
    Condition("category", "!=", ("food",)),
    Condition("tags", "!=", ("red", "blue")),
    Condition("year", ">=", (1992.0,)),
    Condition("in_stock", "=", (False,)),
    Condition("in_stock", "!=", (False,)),
]


@st.composite
def requests(draw) -> Request:
    rated = draw(st.lists(ids, unique=True, max_size=8).map(tuple))
    cut = draw(st.integers(0, len(rated)))
    return Request(
        Profile(
            likes=rated[:cut],
            dislikes=rated[cut:],
            wish=draw(st.sampled_from(["", "tea", "a cat"])),
            categories=draw(st.lists(st.sampled_from(CATEGORIES), unique=True, max_size=2).map(tuple)),
        ),
        space=draw(st.sampled_from([None, "text", "image", "blend"])),
        blend=draw(st.sampled_from([0.0, 0.3, 0.5, 1.0])),
        lam=draw(st.sampled_from(LAMS)),
        where=Where(tuple(draw(st.lists(st.sampled_from(CONDITIONS), unique=True, max_size=3)))),
        k=draw(st.integers(1, 15)),
        sizes=draw(st.sampled_from([Sizes(), Sizes(40, 20, 12)])),
    )


def check_trace(answer) -> None:
    stages = answer.trace.stages
    assert [s.stage for s in stages] == ["user", "retrieve", "filter", "rank", "diversify"]
    assert stages[1].n_in == N and stages[-1].n_out == len(answer.picks)
    for before, after in zip(stages[1:], stages[2:], strict=False):
        assert before.n_out == after.n_in
    for stage in stages:
        assert stage.n_in - stage.n_out == sum(stage.dropped.values())
        assert stage.ms >= 0 and all(count > 0 for count in stage.dropped.values())


@settings(max_examples=60, deadline=None)
@given(request=requests())
def test_equals_brute_force(funnel, version, request):
    answer = funnel.recommend(request)
    listed, relevance = brute_force(version, request)
    check_trace(answer)
    hits = answer.hits(version)
    assert not set(hits.ids) & set(request.profile.rated)
    assert all(passes(version.catalog.items.loc[i], c) for i in hits.ids for c in request.where)
    if answer.query is None:
        assert listed == [] and answer.starting == "medoids"
        return
    assert answer.starting == ""
    assert hits.ids.tolist() == listed
    np.testing.assert_allclose(answer.relevance[answer.picks], relevance, atol=1e-9)
    assert answer.matching == sum(all(passes(x, c) for c in request.where) for _, x in version.catalog.items.iterrows())

    reasons = explain(funnel, answer, answer.picks)
    for own, position in zip(reasons, answer.picks, strict=True):
        assert sum(r.value for r in own) == pytest.approx(answer.relevance[position], abs=1e-6)
    document = json.loads(json.dumps(as_document(funnel, answer), allow_nan=False))
    assert [item["item_id"] for item in document["items"]] == listed
    assert (document["note"] is None) == (len(listed) == request.k)


@settings(max_examples=15, deadline=None)
@given(request=requests())
def test_the_sweep_holds_the_list_of_every_stop(funnel, request):
    answer = funnel.recommend(request)
    sweep = funnel.sweep(answer)
    assert len(STOPS) == len(sweep.picks) == 101
    stop = int(np.argmin(abs(STOPS - request.lam)))
    assert sweep.picks[stop].tolist() == answer.picks.tolist()
    np.testing.assert_allclose(sweep.totals[stop], answer.scores, atol=1e-9)
    np.testing.assert_allclose(sweep.penalties[stop], answer.penalties, atol=1e-9)


def test_ties_at_the_cut_go_to_the_lower_rows(funnel, version):
    """Rows 60 to 109 share one text; a cut in their midst keeps the first of them, in every store."""
    liked = Request(Profile(likes=("i109",)), space="text", lam=1.0, k=8, sizes=Sizes(8, 8, 8))
    assert funnel.recommend(liked).hits(version).ids.tolist() == [f"i{n:03d}" for n in range(60, 68)]
    rows, scores = funnel.nearest_rows("text", version.spaces["text"][60].astype(np.float64), 3)
    assert rows.tolist() == [60, 61, 62] and scores.tolist() == pytest.approx([1, 1, 1])


def test_rated_items_make_room_for_others(funnel, version):
    profile = Profile(likes=tuple(f"i{n:03d}" for n in range(60, 70)))
    answer = funnel.recommend(Request(profile, space="text", lam=1.0, k=5, sizes=Sizes(5, 5, 5)))
    assert answer.hits(version).ids.tolist() == [f"i{n:03d}" for n in range(70, 75)]
    assert answer.trace.stages[2].dropped == {"already rated": 10}


def test_conditions_on_nearest_rows(funnel, version):
    where = Where((CONDITIONS[0],))
    rows, scores = funnel.nearest_rows("text", np.ones(D), N, where)
    assert set(rows) == set(np.flatnonzero(version.facets.mask(where)))
    assert (np.diff(scores) <= 0).all()
    assert len(funnel.nearest_rows("image", np.ones(D), N)[0]) == N - 15  # every tenth has no picture


def test_a_short_list_says_which_condition_to_relax(funnel):
    few = Where.parse(["category=sky", "in_stock=no", "year>=1985"], funnel.version.catalog)
    answer = funnel.recommend(Request(Profile(wish="tea"), space="text", where=few, k=40))
    mask = funnel.version.facets.mask
    assert len(answer.picks) == mask(few).sum() < 40
    freed = {str(c): int(mask(Where(tuple(o for o in few if o != c))).sum()) for c in few}
    relaxed = max(freed, key=freed.__getitem__)
    assert f"“{relaxed}”" in shortfall(funnel, answer) and str(freed[relaxed]) in shortfall(funnel, answer)

    none = Where.parse(["year>=2500", "category=sky"], funnel.version.catalog)
    answer = funnel.recommend(Request(Profile(wish="tea"), where=none))
    assert len(answer.picks) == 0 and "Relax “year>=2500”" in shortfall(funnel, answer)
    check_trace(answer)


def test_a_list_cut_by_the_sizes_does_not_blame_the_conditions(funnel):
    where = Where((CONDITIONS[3],))
    answer = funnel.recommend(Request(Profile(wish="tea"), where=where, k=10, sizes=Sizes(40, 20, 4)))
    assert len(answer.picks) == 4 < answer.matching
    assert shortfall(funnel, answer) == "The funnel lets 4 candidates through, so the list ends there."


def test_the_starting_list_without_interactions_is_a_medoid_a_category(funnel, version):
    answer = funnel.recommend(Request(Profile(), space="text", lam=1.0))
    category = version.catalog.items["category"]
    expected = []
    for name, count in category.value_counts().items():
        members = np.flatnonzero(category == name)
        vectors = version.spaces["text"][members].astype(np.float64)
        expected.append((round(count / N, 6), int(members[np.argmax(np.round(vectors @ vectors.mean(axis=0), 6))])))
    expected.sort(key=lambda found: (-found[0], found[1]))
    assert (answer.starting, answer.query) == ("medoids", None)
    assert answer.candidates[answer.picks].tolist() == [row for _, row in expected]
    assert answer.relevance.tolist() == [share for share, _ in expected]
    assert [r[0].signal for r in explain(funnel, answer, answer.picks)] == ["typical"] * 4
    check_trace(answer)
    only = funnel.recommend(Request(Profile(), where=Where((CONDITIONS[0],)), space="image"))
    assert {category.iloc[row] for row in only.candidates} == {"food", "sky"}
    assert version.spaces["image"][only.candidates].any(axis=1).all()


def test_of_large_categories_the_typical_item_is_looked_for_in_an_even_draw(funnel, version, monkeypatch):
    category, most = version.catalog.items["category"], 5
    monkeypatch.setattr(candidates, "LOOKED_AT", most * category.nunique())
    rows, scores = funnel.candidates.medoids("text", np.ones(N, dtype=bool))
    assert scores.sum() == pytest.approx(category.notna().mean(), abs=1e-5)  # shares are of all items nonetheless
    for row in rows:
        members = np.flatnonzero(category == category.iloc[row])
        drawn = members[:: -(-len(members) // most)]
        assert len(drawn) <= most < len(members) and row in drawn
        vectors = version.spaces["text"][drawn].astype(np.float64)
        assert row == drawn[np.argmax(np.round(vectors @ vectors.mean(axis=0), 6))]


def test_the_starting_list_with_interactions_is_the_most_popular(popular):
    answer = popular.recommend(Request(Profile(), lam=1.0, k=5))
    assert answer.hits(popular.version).ids.tolist() == ["i111", "i011", "i101", "i110", "i112"]
    assert answer.relevance[answer.picks].tolist() == [1, 0.666667, 0.666667, 0.666667, 0.666667]
    assert answer.starting == "popular"
    assert explain(popular, answer, [0])[0][0].signal == "popular"
    check_trace(answer)


def test_likes_that_cancel_out_leave_the_starting_list_without_them(popular):
    """Likes and a dislike of one direction never cancel exactly; a wish against a like does."""
    against = {"text": -popular.version.spaces["text"][111]}
    funnel = Funnel(popular.version, NumpyStore(popular.version), lambda profile: against)
    answer = funnel.recommend(Request(Profile(likes=("i111",), wish="the opposite"), lam=1.0, k=2))
    assert answer.starting == "popular"
    assert answer.hits(popular.version).ids.tolist() == ["i011", "i101"]


@pytest.mark.parametrize("lam", [7, -0.1, float("nan")])
def test_bad_lam(funnel, lam):
    with pytest.raises(ValueError, match="Lambda"):
        funnel.recommend(Request(Profile(), lam=lam))


def test_bad_requests(funnel):
    for request, words in (
        (Request(Profile(), k=0), "A list of 0 items"),
        (Request(Profile(), blend=1.5), "blend"),
        (Request(Profile(), space="mind"), "text, image, blend"),
    ):
        with pytest.raises(ValueError, match=words):
            funnel.recommend(request)
    for profile in (Profile(likes=("nobody",)), Profile(dislikes=("nobody",))):
        with pytest.raises(UnknownItem, match="nobody"):
            funnel.recommend(Request(profile))


def test_a_store_that_fails_is_replaced_by_numpy_and_left_alone_for_a_while(version, funnel):
    class Broken(NumpyStore):
        asked = 0

        def nearest(self, *args):
            Broken.asked += 1
            raise ConnectionError

    request = Request(Profile(likes=("i000",)), where=Where((CONDITIONS[0],)))
    broken = Funnel(version, Broken(version), lambda profile: {})
    for words in ("The stage retrieve failed (ConnectionError)", "left alone for half a minute"):
        answer = broken.recommend(request)
        assert len(answer.trace.degraded) == 1 and words in answer.trace.degraded[0]
        assert answer.hits(version).ids.tolist() == funnel.recommend(request).hits(version).ids.tolist()
    assert Broken.asked == 1
    assert funnel.recommend(request).trace.degraded == []


def test_a_wide_tie_is_asked_for_again_until_it_is_whole(version):
    class Counting(NumpyStore):
        asked: list[int] = []

        def nearest(self, space, query, n, where=Where()):
            self.asked.append(n)
            return super().nearest(space, query, n, where)

    store = Counting(version)
    rows, _ = Funnel(version, store, lambda profile: {}).nearest_rows("text", version.spaces["text"][60] + 0.0, 2)
    assert rows.tolist() == [60, 61]
    assert store.asked == [34, 68]  # 50 tie: 34 do not hold them all, 68 do
