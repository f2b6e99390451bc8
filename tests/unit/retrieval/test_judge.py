"""The judge: by hand, against an oracle of its own, and against answers that are wrong in each way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.retrieval.judge import TIE, WrongAnswer, exact, judged

VECTORS = np.array([[1, 0], [0, 1], [0.6, 0.8], [-1, 0], [0.8, 0.6]], dtype=np.float32)
QUERIES = np.array([[1, 0], [0, 2]], dtype=np.float32)


def brute_force(vectors, queries, k):
    """Every dot product in exact order, one at a time, in Python's own arithmetic of long doubles."""
    answers = []
    for query in queries.astype(np.longdouble):
        scores = [float(np.sum(v * query)) for v in vectors.astype(np.longdouble)]
        answers.append(sorted(range(len(scores)), key=lambda row: (-scores[row], row))[:k])
    return np.array(answers)


def test_exact_by_hand():
    rows, scores = exact(VECTORS, QUERIES, 3)
    assert rows.tolist() == [[0, 4, 2], [1, 2, 4]] and rows.dtype == np.int64
    np.testing.assert_allclose(scores, [[1, 0.8, 0.6], [2, 1.6, 1.2]], rtol=1e-7)
    assert scores.dtype == np.float64


def test_exact_of_fewer_than_k():
    rows, scores = exact(VECTORS, QUERIES, 9)
    assert rows.shape == scores.shape == (2, 5) and rows[0].tolist() == [0, 4, 2, 1, 3]


@pytest.mark.parametrize("block", [1, 7, 64, 2**22])
@pytest.mark.parametrize("scale", [1, 1e-3, 300])
def test_exact_against_brute_force(block, scale):
    rng = np.random.default_rng(3)
    vectors = (rng.standard_normal((150, 24)) * scale * rng.uniform(0.1, 3, (150, 1))).astype(np.float32)
    queries = rng.standard_normal((12, 24)).astype(np.float32)
    assert (exact(vectors, queries, 10, block)[0] == brute_force(vectors, queries, 10)).all()


def test_what_float32_cannot_tell_apart_is_told_apart():
    # Scores near 1000 that differ by less than float32's step there (6e-5): its order is chance, the true one is not.
    rng = np.random.default_rng(0)
    base = rng.standard_normal(64).astype(np.float32) * 4
    vectors = np.repeat(base[None], 400, axis=0)
    vectors[:, 0] += (rng.permutation(400) * 2e-6).astype(np.float32)
    queries = base[None]
    rows, _ = exact(vectors, queries, 10, block=64)
    assert (rows == brute_force(vectors, queries, 10)).all()
    naive = np.argsort(-(queries @ vectors.T)[0], kind="stable")[:10]
    assert set(naive) != set(rows[0])  # or this would be no test


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 6), st.integers(1, 12), st.integers(1, 40), st.integers(0, 2**31))
def test_exact_with_ties(n, d, k, block, seed):
    # Small whole numbers: products are exact, ties are many, and the lower row wins them.
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-2, 3, (n, d)).astype(np.float32)
    queries = rng.integers(-2, 3, (3, d)).astype(np.float32)
    rows, scores = exact(vectors, queries, k, block)
    assert (rows == brute_force(vectors, queries, k)).all()
    assert (np.take_along_axis(queries @ vectors.T, rows, axis=1) == scores).all()


def test_judged_by_hand():
    truth = exact(VECTORS, QUERIES, 2)  # rows 0 4 and 1 2
    worth = judged(np.array([[4, 0], [2, 3]]), VECTORS, QUERIES, truth)
    assert worth == {"recall@2": 0.75, "recall@2_min": 0.5, "below_0.9": 0.5, "score_error": None}


def test_ties_at_the_cut_count_and_nothing_else():
    vectors = np.array([[1, 0], [1, 1], [1, 2], [1 - TIE / 4, 0], [1 - 4 * TIE, 0]], dtype=np.float32)
    query = np.array([[1, 0]], dtype=np.float32)
    truth = exact(vectors, query, 2)
    assert truth[0].tolist() == [[0, 1]]
    assert judged(np.array([[2, 1]]), vectors, query, truth)["recall@2"] == 1  # an exact tie with the second
    assert judged(np.array([[2, 3]]), vectors, query, truth)["recall@2"] == 1  # within the tolerance
    assert judged(np.array([[2, 4]]), vectors, query, truth)["recall@2"] == 0.5


def test_fewer_vectors_than_k():
    truth = exact(VECTORS, QUERIES, 7)
    rows = np.full((2, 7), -1)
    rows[:, :5] = truth[0]
    assert judged(rows, VECTORS, QUERIES, truth)["recall@7_min"] == 1
    rows[1, 4] = -1
    assert judged(rows, VECTORS, QUERIES, truth)["recall@7"] == 0.9


def test_claimed_scores_are_compared_with_the_true_ones():
    truth = exact(VECTORS, QUERIES, 2)
    claimed = truth[1].astype(np.float32)
    assert judged(truth[0], VECTORS, QUERIES, truth, claimed)["score_error"] < 1e-6
    claimed[1, 1] += 0.25
    assert judged(truth[0], VECTORS, QUERIES, truth, claimed)["score_error"] == pytest.approx(0.25, rel=1e-2)
    rows, claimed = np.array([[0, -1], [1, 2]]), np.where([[True, False], [True, True]], truth[1], -np.inf)
    assert judged(rows, VECTORS, QUERIES, truth, claimed)["score_error"] < 1e-6  # an empty place claims nothing


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([[0, 5], [1, 2]], "names row 5; there are rows 0 to 4"),
        ([[0, -2], [1, 2]], "names row -2"),
        ([[0, 4], [2, 2]], "names row 2 twice"),
        ([[-1, 0], [1, 2]], "empty place before a filled one"),
        ([[0, 4]], "no table of rows for 2 queries"),
        ([[0.0, 4.0], [1.0, 2.0]], "no table of rows"),
        ([0, 4], "no table of rows"),
    ],
)
def test_answers_that_no_engine_may_give(rows, sentence):
    with pytest.raises(WrongAnswer, match=sentence):
        judged(np.array(rows), VECTORS, QUERIES, exact(VECTORS, QUERIES, 2))


@pytest.mark.parametrize("claimed", [[[1, np.nan], [2, 1.6]], [[1, -np.inf], [2, 1.6]], [[1], [2]]])
def test_claims_that_are_no_scores(claimed):
    with pytest.raises(WrongAnswer, match="score that is no number"):
        judged(np.array([[0, 4], [1, 2]]), VECTORS, QUERIES, exact(VECTORS, QUERIES, 2), np.array(claimed))
