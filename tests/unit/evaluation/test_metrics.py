"""Metrics against values computed by hand, and against independent libraries where one computes the same."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.stats import entropy
from sklearn.metrics import ndcg_score

from recsys.evaluation.metrics import (
    calibration,
    coverage,
    exposures,
    gini,
    group_shares,
    ild,
    mrr,
    ndcg,
    novelty,
    precision,
    rbo,
    recall,
    reciprocal_rank,
    serendipity,
)

ACCURACY = (ndcg, precision, recall, reciprocal_rank)

lists = st.lists(st.integers(0, 15), max_size=12, unique=True)
vectors_of = st.integers(0, 10_000).map(lambda seed: np.random.default_rng(seed).normal(size=(seed % 7 + 2, 3)))


# Accuracy


def test_binary_ndcg_by_hand():
    # Hits at ranks 1 and 3 of three places, three relevant: (1 + 1/2) / (1 + 1/log2(3) + 1/2).
    assert ndcg(["a", "x", "b"], {"a", "b", "c"}, 3) == pytest.approx(1.5 / (1.5 + 1 / math.log2(3)))
    # One relevant: the ideal list has one place, whatever k is.
    assert ndcg(["x", "a"], {"a"}, 10) == pytest.approx(1 / math.log2(3))
    assert ndcg(["a"], ["a"], 10) == 1


def test_graded_ndcg_by_hand():
    # Gains 1, 0, 3 at ranks 1, 2, 3; ideal 3, 2, 1.
    gains = {"a": 3, "b": 2, "c": 1}
    wanted = (1 + 3 / 2) / (3 + 2 / math.log2(3) + 1 / 2)
    assert ndcg(["c", "x", "a"], gains, 3) == pytest.approx(wanted)
    assert ndcg(["a", "b", "c"], gains, 2) == 1


@pytest.mark.parametrize("seed", range(30))
def test_ndcg_is_sklearns_on_a_ranking_of_everything(seed):
    """scikit-learn ranks all items by a score; its gains are linear too. Without a gain it says 0, where we say NaN."""
    rng = np.random.default_rng(seed)
    gains, scores, k = rng.integers(0, 4, 12), rng.permutation(12), int(rng.integers(1, 15))
    gains[0] = 1
    listed = np.argsort(-scores).tolist()
    ours = ndcg(listed, {i: float(g) for i, g in enumerate(gains) if g}, k)
    assert ours == pytest.approx(ndcg_score([gains], [scores], k=k))
    binary = ndcg(listed, np.flatnonzero(gains), k)
    assert binary == pytest.approx(ndcg_score([gains > 0], [scores], k=k))


def test_precision_and_recall_by_hand():
    listed, relevant = ["a", "x", "b", "c"], {"a", "b", "c", "d", "e"}
    assert precision(listed, relevant, 2) == 1 / 2 and recall(listed, relevant, 2) == 1 / 5
    assert precision(listed, relevant, 4) == 3 / 4 and recall(listed, relevant, 4) == 3 / 5
    assert precision(listed, relevant, 10) == 3 / 10  # six places left empty
    assert recall(["a", "b"], relevant, 2) == 2 / 5  # not 2 / min(k, 5)
    assert recall(listed, {"a": 2.5, "z": 1.0}, 4) == 1 / 2


def test_reciprocal_rank_by_hand():
    assert reciprocal_rank(["x", "y", "a", "b"], {"a", "b"}, 4) == 1 / 3
    assert reciprocal_rank(["x", "y", "a"], {"a"}, 2) == 0
    # Of three users, nothing is relevant to the last: the mean of 1 and 1/2.
    assert mrr([["a"], ["x", "a"], ["a"]], [{"a"}, {"a"}, set()], 5) == 3 / 4
    assert math.isnan(mrr([["a"]], [set()], 5)) and math.isnan(mrr([], [], 5))


@pytest.mark.parametrize("metric", ACCURACY)
def test_empty_lists_and_nothing_relevant(metric):
    assert metric([], {"a"}, 3) == 0
    assert math.isnan(metric(["a"], set(), 3)) and math.isnan(metric([], {}, 3))
    with pytest.raises(ValueError, match="k of 1 or more"):
        metric(["a"], {"a"}, 0)
    with pytest.raises(ValueError, match="no item twice"):
        metric(["a", "a"], {"a"}, 1)


def test_gains_are_above_0():
    with pytest.raises(ValueError, match="gains above 0"):
        ndcg(["a"], {"a": 1, "b": 0}, 1)


@given(lists, st.sets(st.integers(0, 15), min_size=1), st.integers(1, 15))
def test_accuracy_lies_within_0_and_1(listed, relevant, k):
    found = [metric(listed, relevant, k) for metric in ACCURACY]
    assert all(0 <= value <= 1 + 1e-12 for value in found)
    assert len({value > 0 for value in found}) == 1  # a hit counts in all of them
    best = sorted(relevant) + [item for item in range(16) if item not in relevant]
    assert ndcg(best, relevant, k) == pytest.approx(1)
    assert recall(best, relevant, k) == min(k, len(relevant)) / len(relevant)


# Beyond accuracy


def test_ild_by_hand():
    # Pairs: a-b orthogonal 1, a-c opposite 2, b-c orthogonal 1. Lengths do not count.
    assert ild(np.array([[1, 0], [0, 5], [-2, 0]])) == pytest.approx(4 / 3)
    assert ild(np.array([[1.0, 1], [3, 3]])) == pytest.approx(0)
    assert ild(np.array([[1.0, 0], [0, 0]])) == 1  # a zero vector is unlike everything
    assert math.isnan(ild(np.ones((1, 3)))) and math.isnan(ild(np.ones((0, 3))))


@given(vectors_of)
def test_ild_is_scipys_mean_cosine_distance(vectors):
    """But for zero vectors, where SciPy has NaN."""
    assert ild(vectors) == pytest.approx(pdist(vectors, "cosine").mean(), abs=1e-9)
    assert 0 <= ild(vectors) <= 2


def test_ild_of_many_lists_at_once():
    many = np.random.default_rng(0).normal(size=(3, 4, 5, 6)).astype(np.float32)
    assert ild(many).shape == (3, 4)
    np.testing.assert_allclose(ild(many), [[ild(many[i, j]) for j in range(4)] for i in range(3)])
    assert np.isnan(ild(many[:, :, :1])).all() and ild(many[:, :, :1]).shape == (3, 4)


def test_novelty_by_hand():
    # Known by all, half, an eighth of 8 users: 0, 1 and 3 bits.
    assert novelty(np.array([8, 4, 1]), 8) == pytest.approx(4 / 3)
    assert novelty([0], 8) == novelty([1], 8) == 3  # nobody: as if one did
    assert math.isnan(novelty([], 8)) and math.isnan(novelty([0], 0))
    for bad in ([9], [-1]):
        with pytest.raises(ValueError, match="0 to 8 users"):
            novelty(bad, 8)


@given(st.lists(st.integers(0, 50), min_size=1), st.integers(50, 100))
def test_novelty_lies_between_0_and_that_of_one_user(known_by, users):
    assert 0 <= novelty(known_by, users) <= math.log2(users) + 1e-12


def test_serendipity_by_hand():
    history = np.array([[1.0, 0], [0, 2]])
    listed = np.array([[3.0, 0], [-1, 0], [1, 1]])
    # Mean distance from the history: (0 + 1) / 2, (2 + 1) / 2, 1 - 1 / sqrt(2).
    assert serendipity(listed, [1, 1, 0], history) == pytest.approx((0.5 + 1.5) / 3)
    assert serendipity(listed, [0, 0, 1], history) == pytest.approx((1 - math.sqrt(0.5)) / 3)
    assert serendipity(listed, [0, 0, 0], history) == 0  # strange, and no use
    assert serendipity(history[:1], [1], history[:1]) == 0  # relevant, and known
    assert math.isnan(serendipity(listed[:0], [], history)) and math.isnan(serendipity(listed, [1, 1, 1], history[:0]))
    with pytest.raises(ValueError, match="a relevance for each of 3"):
        serendipity(listed, [1, 1], history)


@given(vectors_of, vectors_of)
def test_serendipity_lies_within_0_and_2(vectors, history):
    relevant = np.arange(len(vectors)) % 2
    assert 0 <= serendipity(vectors, relevant, history) <= serendipity(vectors, np.ones(len(vectors)), history) <= 2


def test_shares_of_groups_by_hand():
    groups = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]], dtype=bool)
    # The first gives a half to each, the second all to one, the third nothing.
    assert group_shares(groups).tolist() == [0.25, 0.75, 0]
    assert np.isnan(group_shares(groups[2:])).all() and np.isnan(group_shares(groups[:0])).all()


def test_calibration_by_hand():
    history = np.array([[1, 0]] * 7 + [[0, 1]] * 3)  # Steck's example: 70 romance, 30 action
    assert calibration(history, history[[0, 1, 7, 2, 3, 4, 8, 5, 6, 9]]) == 0
    only = calibration(history, history[:7])
    assert only == pytest.approx(0.7 * math.log(0.7 / (0.99 + 0.007)) + 0.3 * math.log(0.3 / 0.003))
    # A list of other groups alone: q~ = alpha p, the largest there is.
    assert calibration(np.array([[1, 0]]), np.array([[0, 1]])) == pytest.approx(math.log(100))


def test_calibration_of_empty_and_bad_input():
    history, nowhere = np.array([[1, 0], [0, 1]]), np.zeros((3, 2))
    for first, second in [(history, nowhere), (nowhere, history), (history[:0], history), (history, history[:0])]:
        assert math.isnan(calibration(first, second))
    assert math.isnan(calibration(np.zeros((2, 0)), np.zeros((2, 0))))
    for alpha in (0, 1, -1, float("nan")):
        with pytest.raises(ValueError, match="alpha"):
            calibration(history, history, alpha)
    with pytest.raises(ValueError, match="same groups"):
        calibration(history, np.ones((2, 3)))


@given(st.integers(0, 10_000), st.floats(0.001, 0.999))
def test_calibration_is_scipys_entropy(seed, alpha):
    rng = np.random.default_rng(seed)
    history, listed = rng.random((9, 4)) < 0.4, rng.random((5, 4)) < 0.4
    history[0, 0] = listed[0, 3] = True
    p, q = group_shares(history), group_shares(listed)
    assert p.sum() == pytest.approx(1) and q.sum() == pytest.approx(1)
    found = calibration(history, listed, alpha)
    assert found == pytest.approx(entropy(p, (1 - alpha) * q + alpha * p), abs=1e-12)
    assert 0 <= found <= math.log(1 / alpha) + 1e-12


# The shop


def test_exposures_coverage_and_gini_by_hand():
    shown = exposures([[0, 1], [0, 2], [0], []], 5)
    assert shown.tolist() == [3, 1, 1, 0, 0]
    assert coverage(shown) == 3 / 5
    # Sorted 0 0 1 1 3: (-4 * 0 - 2 * 0 + 0 * 1 + 2 * 1 + 4 * 3) / (5 * 5).
    assert gini(shown) == pytest.approx(14 / 25)
    assert gini(np.full(7, 3)) == 0
    assert gini(np.array([0, 0, 0, 9])) == pytest.approx(3 / 4)  # one item alone: (n - 1) / n
    assert exposures([], 3).tolist() == [0, 0, 0]
    assert coverage(np.zeros(3)) == 0 and math.isnan(coverage(np.zeros(0)))
    assert math.isnan(gini(np.zeros(3))) and math.isnan(gini(np.zeros(0)))


def test_bad_exposures():
    for rows in ([5], [-1]):
        with pytest.raises(ValueError, match="rows from 0 to 4"):
            exposures([rows], 5)
    with pytest.raises(ValueError, match="0 or more"):
        gini(np.array([1, -1]))


@given(st.lists(st.integers(0, 100), min_size=1).filter(any))
def test_gini_is_half_the_relative_mean_difference(shown):
    """Its other definition: the mean difference of two items drawn, as a share of twice the mean."""
    x = np.array(shown, dtype=float)
    assert gini(x) == pytest.approx(np.abs(x[:, None] - x).mean() / (2 * x.mean()), abs=1e-12)
    assert 0 <= gini(x) <= (len(x) - 1) / len(x) + 1e-12
    assert gini(np.roll(x, 1)) == pytest.approx(gini(x), abs=1e-12)


# Rank-biased overlap


def rbo_by_summing(first, second, p) -> float:
    """The infinite sum itself, (1 - p) sum of p^(d - 1) A_d, the agreement beyond what is seen extrapolated.

    Beyond the shorter list's end it is taken to go on sharing at its last rate; beyond both ends agreement stays.
    """
    short, long = sorted((list(first), list(second)), key=len)
    s, l = len(short), len(long)  # noqa: E741

    def agreement(d: int) -> float:
        d = min(d, l)
        unseen = max(d - s, 0) * len(set(short) & set(long[:s])) / s
        return (len(set(short[:d]) & set(long[:d])) + unseen) / d

    return sum((1 - p) * p ** (d - 1) * agreement(d) for d in range(1, 3000))


def test_rbo_by_hand():
    # Depth 1: 0 of 1, depth 2: 2 of 2. (1 - p) / p * p^2 * 1 + p^2 = p (1 - p) + p^2 = p.
    assert rbo("ab", "ba", p=0.9) == pytest.approx(0.9)
    # X = 1, 1, 2. (1 - p) / p (p + p^2 / 2 + 2/3 p^3) + 2/3 p^3 with p = 1/2: 0.5 + 0.125 + 1/12 + 1/12.
    assert rbo("abc", "acd", p=0.5) == pytest.approx(0.5 + 0.125 + 1 / 12 + 1 / 12)
    # s = 1, l = 2, X = 1, 1. (1 - p) / p (p + p^2 / 2 + p^2 / 2) + p^2 = 1: the short list agreed as far as it goes.
    assert rbo("a", "ab", p=0.7) == pytest.approx(1)
    # s = 1, l = 2, X = 0, 1. (1 - p) / p * p^2 / 2 + p^2 / 2 = p / 2.
    assert rbo("b", "ab", p=0.8) == pytest.approx(0.4)


def test_rbo_of_equal_disjoint_and_empty_lists():
    assert rbo(range(10), range(10)) == pytest.approx(1)
    assert rbo("abc", "xyz") == 0
    assert rbo([], "abc") == rbo("abc", []) == 0 and math.isnan(rbo([], []))
    for p in (0, 1, float("nan")):
        with pytest.raises(ValueError, match="p in"):
            rbo("a", "a", p)
    with pytest.raises(ValueError, match="no item twice"):
        rbo("aa", "ab")


@given(lists.filter(bool), lists.filter(bool), st.sampled_from([0.5, 0.9, 0.98]))
def test_rbo_is_the_infinite_sum(first, second, p):
    found = rbo(first, second, p)
    assert found == pytest.approx(rbo_by_summing(first, second, p), abs=1e-9)
    assert found == pytest.approx(rbo(second, first, p)) and -1e-12 <= found <= 1 + 1e-12


def test_rbo_looks_at_the_top_first():
    plain = list(range(10))
    top, bottom = [1, 0, *plain[2:]], [*plain[:8], 9, 8]
    assert rbo(plain, top) < rbo(plain, bottom) < 1
