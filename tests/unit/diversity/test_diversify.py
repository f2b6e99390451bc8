"""All methods against brute force: each greedy step for few candidates, whole lists for many."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.diversity import METHODS, cap_size, diversify, watch
from recsys.diversity.dpp import FLOOR
from recsys.diversity.greedy import TIE
from recsys.errors import InvalidInput

LAMS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.95, 0.999, 1.0)
CASES = 200
# One list of float32 vectors by MMR or the DPP is chosen by `recsys.diversity.screen`, all others are not.
WIDTHS = pytest.mark.parametrize("width", [np.float32, np.float64])
WAYS = pytest.mark.parametrize(
    ("method", "width"), [*((method, np.float32) for method in METHODS), ("mmr", np.float64), ("dpp", np.float64)]
)


def candidates(seed: int, n: int, d: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Relevance with ties, unit vectors with duplicates and zero vectors among them, and five groups that overlap."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, d)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[rng.random(n) < 0.2] = vectors[:1]
    vectors[rng.random(n) < 0.1] = 0
    return np.round(rng.normal(size=n), rng.integers(1, 7)), vectors, rng.random((n, 5)) < 0.3


def by_definition(method, relevance, vectors, groups, chosen, k, lam) -> tuple[np.ndarray, np.ndarray]:
    """Totals of all candidates after `chosen`, and which of them are admitted, from the vectors and groups alone."""
    n, vectors = len(relevance), np.asarray(vectors, dtype=np.float64)
    admitted = np.ones(n, dtype=bool)
    if method == "mmr":
        likeness = (vectors @ vectors[chosen].T).max(axis=1) if chosen else np.zeros(n)
        return lam * relevance - (1 - lam) * likeness, admitted
    if method == "dpp":
        # The squared distance to the span of what is chosen, by an orthonormal basis of it and no Cholesky factor.
        basis, singular, _ = np.linalg.svd(vectors[chosen].T, full_matrices=False)
        basis = basis[:, singular > 1e-6]
        distance = ((vectors - vectors @ basis @ basis.T) ** 2).sum(axis=1)
        if lam < 1:
            admitted = distance >= FLOOR
        return lam * relevance + (1 - lam) * np.log(np.maximum(distance, FLOOR)), admitted
    if method == "cap":
        most, used = round(1 + (k - 1) * lam), groups[chosen].sum(axis=0)
        admitted = np.array([all(used[group] < most) for group in groups])
    return relevance.copy(), admitted


def best_of(totals, relevance, rest) -> int:
    """The tie rule, read aloud."""
    best = max(totals[i] for i in rest)
    return min((i for i in rest if totals[i] >= best - TIE), key=lambda i: (-relevance[i], i))


def reference(method, relevance, vectors, groups, k, lam) -> tuple[list[int], list[bool]]:
    """A whole list, and which of its picks are fillers."""
    chosen: list[int] = []
    fillers: list[bool] = []
    while len(chosen) < min(k, len(relevance)):
        rest = [i for i in range(len(relevance)) if i not in chosen]
        totals, admitted = by_definition(method, relevance, vectors, groups, chosen, k, lam)
        allowed = [i for i in rest if admitted[i]]
        fillers.append(not allowed)
        chosen.append(best_of(totals, relevance, allowed) if allowed else best_of(relevance, relevance, rest))
    return chosen, fillers


def plain_order(relevance, k) -> list[int]:
    return np.argsort(-relevance, kind="stable")[:k].tolist()


@pytest.mark.parametrize(("method", "width"), [("mmr", np.float32), ("mmr", np.float64), ("cap", np.float32)])
def test_each_step_is_the_best_of_few(method, width):
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        n, k, lam = rng.integers(1, 9), rng.integers(1, 9), rng.choice([*LAMS, rng.random()])
        relevance, vectors, groups = candidates(seed, n, d=3)
        found = diversify(method, relevance, vectors.astype(width), groups, k, [lam])
        chosen: list[int] = []
        for place, pick in enumerate(found.picks[0].tolist()):
            rest = [i for i in range(n) if i not in chosen]
            totals, admitted = by_definition(method, relevance, vectors, groups, chosen, k, lam)
            allowed = [i for i in rest if admitted[i]] or rest
            assert pick == best_of(totals, relevance, allowed), (seed, place)
            assert found.fillers[0, place] == (not admitted[rest].any())
            assert found.totals[0, place] == pytest.approx(totals[pick])
            chosen.append(pick)


def log_det(vectors: np.ndarray, rows: list[int]) -> float:
    """log det of the similarities of some candidates; -inf where they are not independent."""
    part = vectors[rows].astype(np.float64)
    sign, value = np.linalg.slogdet(part @ part.T)
    return value if sign > 0 and value > np.log(FLOOR) else -np.inf


@WIDTHS
def test_each_step_of_the_dpp_raises_the_determinant_most(width):
    """The whole objective of each possible list, theta * sum r + (1 - theta) * log det S, from the submatrix itself."""
    stopped = 0
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        n, k, theta = rng.integers(1, 9), rng.integers(1, 9), rng.choice([0, 0.1, 0.5, 0.9, 0.999, rng.random()])
        relevance, vectors, groups = candidates(seed, n, d=rng.choice([3, 8]))
        found = diversify("dpp", relevance, vectors.astype(width), groups, k, [theta])
        chosen: list[int] = []
        for place, pick in enumerate(found.picks[0].tolist()):
            rest = [i for i in range(n) if i not in chosen]
            dets = {i: log_det(vectors, [*chosen, i]) for i in rest}
            whole = {i: theta * relevance[[*chosen, i]].sum() + (1 - theta) * dets[i] for i in rest}
            allowed = [i for i in rest if dets[i] > -np.inf]
            assert found.fillers[0, place] == (not allowed)
            if not allowed:
                stopped += 1
                left = sorted(rest, key=lambda i: (-relevance[i], i))
                assert found.picks[0, place:].tolist() == left[: len(found.picks[0]) - place]
                assert found.fillers[0, place:].all() and not found.penalties[0, place:].any()
                break
            assert pick == best_of(whole, relevance, allowed), (seed, place)
            before = theta * relevance[chosen].sum() + (1 - theta) * (log_det(vectors, chosen) if chosen else 0)
            assert found.totals[0, place] == pytest.approx(whole[pick] - before, abs=1e-6)
            chosen.append(pick)
    assert 50 < stopped < CASES


@WIDTHS
def test_the_quality_of_the_paper_gives_the_same_lists(width):
    """L = diag(q) S diag(q) with q = exp(theta r / (2 (1 - theta))), as Chen, Zhang & Zhou write it."""
    for seed in range(50):
        relevance, vectors, groups = candidates(seed, 7, d=8)
        for theta in (0.1, 0.5, 0.8):
            quality = np.exp(theta * relevance / (2 * (1 - theta)))
            kernel = quality[:, None] * (vectors.astype(np.float64) @ vectors.T.astype(np.float64)) * quality
            found = diversify("dpp", relevance, vectors.astype(width), groups, 3, [theta])
            chosen: list[int] = []
            for pick, filler in zip(found.picks[0].tolist(), found.fillers[0], strict=True):
                if filler:
                    break
                dets = {i: np.linalg.det(kernel[np.ix_([*chosen, i], [*chosen, i])]) for i in range(7)}
                assert dets[pick] >= max(dets[i] for i in dets if i not in chosen) * (1 - 1e-5)
                chosen.append(pick)


@WAYS
def test_lists_of_300_equal_the_reference(method, width):
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        lam = float(rng.choice([*LAMS, rng.random()]))
        relevance, vectors, groups = candidates(seed, 300, d=int(rng.choice([6, 20])))
        picks, fillers = reference(method, relevance, vectors, groups, 12, lam)
        found = diversify(method, relevance, vectors.astype(width), groups, 12, [lam])
        assert found.picks[0].tolist() == picks, (seed, lam)
        assert found.fillers[0].tolist() == fillers


def test_by_hand_dpp():
    # a and b at 60 degrees, c orthogonal to both. After a: d2 = 1 - cos^2 60 = 0.75 for b, 1 for c.
    vectors = np.array([[1, 0, 0], [0.5, np.sqrt(0.75), 0], [0, 0, 1]])
    relevance = np.array([0.9, 0.8, 0.7])
    found = diversify("dpp", relevance, vectors, np.zeros((3, 0)), 3, [0.5, 0.9])
    # theta 0.5: b 0.4 + 0.5 ln 0.75 = 0.256 against c 0.35. theta 0.9: b 0.72 + 0.1 ln 0.75 = 0.691 against c 0.63.
    assert found.picks.tolist() == [[0, 2, 1], [0, 1, 2]]
    np.testing.assert_allclose(found.totals[0], [0.45, 0.35, 0.4 + 0.5 * np.log(0.75)])
    np.testing.assert_allclose(found.penalties[1], [0, -0.1 * np.log(0.75), 0], atol=1e-12)
    assert found.rivals.tolist() == [[-1, 0, 0], [-1, 0, 0]]
    assert not found.fillers.any()


def test_a_dpp_that_stops_early_is_filled_by_relevance():
    flag, other = [1.0, 0], [0, 1.0]
    vectors = np.array([flag, flag, other, flag, [0, 0]])
    relevance = np.array([0.9, 0.8, 0.1, 0.7, 0.95])
    found = diversify("dpp", relevance, vectors, np.zeros((5, 1)), 5, [0.0, 0.5, 1.0])
    assert found.picks.tolist() == [[0, 2, 4, 1, 3], [0, 2, 4, 1, 3], [4, 0, 1, 3, 2]]
    assert found.fillers.tolist() == [[False] * 2 + [True] * 3] * 2 + [[False] * 5]
    np.testing.assert_allclose(found.totals[1], [0.45, 0.05, 0.475, 0.4, 0.35])


def test_the_dpp_does_not_overflow_near_1():
    relevance, vectors, groups = candidates(3, 50, d=60)
    with np.errstate(all="raise"):
        found = diversify("dpp", relevance * 1000, vectors, groups, 10, [0.999999, 1 - 1e-12])
    assert np.isfinite(found.totals).all()
    assert found.picks[1, 0] == np.argmax(np.where(vectors.any(axis=1), relevance, -np.inf))


def test_by_hand_cap():
    groups = np.array([[1, 0], [1, 0], [1, 1], [0, 1], [0, 0], [1, 0]], dtype=bool)
    relevance = np.array([6.0, 5, 4, 3, 2, 1])
    # k = 5: lam 0 allows 1 of a group, 0.25 allows 2, 1 allows 5.
    found = diversify("cap", relevance, np.zeros((6, 2)), groups, 5, [0, 0.25, 1])
    # 1: 0, then neither 1 nor 2; 3 and 4; what is left is filled. 2: 0 and 1, then 3 (2 is of the full first group).
    assert found.picks.tolist() == [[0, 3, 4, 1, 2], [0, 1, 3, 4, 2], [0, 1, 2, 3, 4]]
    assert found.fillers.tolist() == [[False] * 3 + [True] * 2, [False] * 4 + [True], [False] * 5]
    assert (found.rivals == -1).all() and not found.penalties.any()


def test_the_size_of_the_cap():
    assert [cap_size(10, lam) for lam in (0, 0.05, 0.06, 0.5, 0.99, 1)] == [1, 1, 2, 6, 10, 10]
    assert cap_size(1, 0.3) == 1


@given(st.integers(0, 10_000), st.integers(0, 40), st.integers(1, 15), st.floats(0, 1))
def test_the_cap_is_never_exceeded_before_the_fillers(seed, n, k, lam):
    relevance, vectors, groups = candidates(seed, n) if n else (np.zeros(0), np.zeros((0, 2)), np.zeros((0, 5)))
    found = diversify("cap", relevance, vectors, groups, k, [lam])
    chosen, fillers = found.picks[0], found.fillers[0]
    assert groups[chosen[~fillers]].sum(axis=0).max(initial=0) <= cap_size(k, lam)
    assert not np.diff(fillers.astype(int)).min(initial=0) < 0  # fillers are the end of the list


@WAYS
@given(seed=st.integers(0, 10_000), n=st.integers(1, 40), near=st.booleans())
def test_lam_1_is_the_plain_list_exactly(method, width, seed, n, near):
    relevance, vectors, groups = candidates(seed, n)
    relevance = 0.5 + relevance * 1e-8 if near else relevance
    found = diversify(method, relevance, vectors.astype(width), groups, n + 3, [1.0])
    assert found.picks[0].tolist() == plain_order(relevance, n)
    assert found.totals[0].tolist() == relevance[found.picks[0]].tolist()
    assert not found.penalties.any() and not found.fillers.any()


@pytest.mark.parametrize("width", [np.float32, np.float64])
def test_a_dpp_may_go_on_within_the_span(width):
    """At theta = 1, 40 picks in 6 dimensions; rounding once grew from row to row until nothing was a number."""
    with np.errstate(over="raise", invalid="raise"):
        for seed in range(90, 110):
            relevance, vectors, groups = candidates(seed, 40)
            found = diversify("dpp", relevance, vectors.astype(width), groups, 40, [1.0])
            assert found.picks[0].tolist() == plain_order(relevance, 40), seed


def test_lambda_is_without_effect_on_the_plain_list():
    relevance, vectors, groups = candidates(0, 50)
    found = diversify("plain", relevance, vectors, groups, 7, LAMS)
    assert found.picks.tolist() == [plain_order(relevance, 7)] * len(LAMS)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(3))
def test_a_sweep_equals_single_calls(method, seed):
    relevance, vectors, groups = candidates(seed, 200, d=20)
    lams = np.linspace(0, 1, 101)
    found = diversify(method, relevance, vectors, groups, 10, lams)
    for row, lam in enumerate(lams):
        single = diversify(method, relevance, vectors, groups, 10, [lam])
        assert found.picks[row].tolist() == single.picks[0].tolist()
        assert found.rivals[row].tolist() == single.rivals[0].tolist()
        assert found.fillers[row].tolist() == single.fillers[0].tolist()
        np.testing.assert_allclose(found.totals[row], single.totals[0], atol=1e-9)
        np.testing.assert_allclose(found.penalties[row], single.penalties[0], atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("lam", [0.0, 0.4, 1.0])
def test_watching_tells_what_was_chosen_from(method, lam):
    relevance, vectors, groups = candidates(5, 40)
    found, seen = (diversify(method, relevance, vectors, groups, 12, [lam]), watch(method, *candidates(5, 40), 12, lam))
    assert [step.pick for step in seen] == found.picks[0].tolist()
    for place, step in enumerate(seen):
        chosen = found.picks[0, :place].tolist()
        totals, admitted = by_definition(method, relevance, vectors, groups, chosen, 12, lam)
        admitted[chosen] = False
        assert step.filler == found.fillers[0, place] == (not admitted.any())
        if step.filler:
            admitted, totals = ~np.isin(np.arange(40), chosen), (lam if method in ("mmr", "dpp") else 1) * relevance
        assert step.open.tolist() == admitted.tolist()
        assert step.relevance.tolist() == relevance.tolist()
        np.testing.assert_allclose(step.totals[step.open], totals[step.open], atol=1e-6)
        assert step.pick == best_of(step.totals, relevance, np.flatnonzero(step.open))
        # The two come by different ways to the same numbers, up to float64's rounding.
        assert step.totals[step.pick] == pytest.approx(found.totals[0, place], rel=1e-9, abs=1e-9)
        assert step.penalties[step.pick] == pytest.approx(found.penalties[0, place], rel=1e-9, abs=1e-9)
        assert step.rivals[step.pick] == found.rivals[0, place]
        assert set(step.rivals) <= ({-1} if not chosen or method in ("plain", "cap") else set(chosen))


@pytest.mark.parametrize("method", METHODS)
def test_few_and_none(method):
    empty = diversify(method, np.zeros(0), np.zeros((0, 3)), np.zeros((0, 2)), 5, [0.2, 0.8])
    assert empty.picks.shape == empty.fillers.shape == empty.rivals.shape == (2, 0)
    assert watch(method, np.zeros(0), np.zeros((0, 3)), np.zeros((0, 2)), 5, 0.2) == []
    assert diversify(method, np.ones(3), np.eye(3), np.ones((3, 2)), 0, [0.5]).picks.shape == (1, 0)
    assert sorted(diversify(method, np.ones(3), np.eye(3), np.ones((3, 2)), 9, [0.5]).picks[0]) == [0, 1, 2]
    assert diversify(method, np.ones(3), np.eye(3), np.ones((3, 2)), 9, []).picks.shape == (0, 3)


def test_an_unknown_method_is_told_with_the_known_ones():
    with pytest.raises(InvalidInput, match="“best”.*plain, mmr, dpp, cap"):
        diversify("best", np.ones(1), np.ones((1, 1)), np.ones((1, 1)), 1, [0.5])
    with pytest.raises(InvalidInput, match="“”"):
        watch("", np.ones(1), np.ones((1, 1)), np.ones((1, 1)), 1, 0.5)


@pytest.mark.parametrize("method", METHODS)
def test_bad_arguments(method):
    good = {"relevance": np.ones(2), "vectors": np.eye(2), "groups": np.ones((2, 1)), "k": 1, "lams": [0.5]}
    for name, value, message in [
        ("relevance", np.array([1, np.nan]), "finite"),
        ("vectors", np.eye(3), "a vector for each of 2"),
        ("groups", np.ones(2), r"groups of shape \(2, g\)"),
        ("groups", np.ones((3, 1)), r"groups of shape \(2, g\)"),
        ("k", -1, "k of 0 or more"),
        ("lams", [0.5, 1.01], "lam"),
        ("lams", [float("nan")], "lam"),
    ]:
        with pytest.raises(ValueError, match=message):
            diversify(method, **(good | {name: value}))


@pytest.mark.parametrize("method", METHODS)
def test_the_input_is_left_alone(method):
    arrays = candidates(1, 20)
    copies = [array.copy() for array in arrays]
    for array in arrays:
        array.setflags(write=False)
    diversify(method, *arrays, 5, LAMS)
    assert all((array == copy).all() for array, copy in zip(arrays, copies, strict=True))
