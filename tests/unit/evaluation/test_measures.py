"""Lists, areas and rates by hand."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from recsys.evaluation.measures import auc, hit_rates, overlap, top_lists

IDS = np.array(["d", "a", "c", "b"], dtype=object)


def test_ties_go_by_id_whatever_the_row():
    scores = np.array([[1.0, 1.0, 1.0, 2.0]])
    assert top_lists(scores, np.ones((1, 4), dtype=bool), IDS, 4).tolist() == [[3, 1, 2, 0]]


def test_what_may_not_or_cannot_be_listed():
    scores = np.array([[3.0, np.nan, 2.0, 1.0]])
    allowed = np.array([[False, True, True, True]])
    assert top_lists(scores, allowed, IDS, 3).tolist() == [[2, 3, -1]]
    assert top_lists(scores, allowed, IDS, 6).tolist() == [[2, 3, -1, -1, -1, -1]]


def test_auc_by_hand():
    """Two wanted of four: of the 4 pairs 2 won, 1 tied: 2.5 / 4."""
    scores = np.array([[0.9, 0.5, 0.5, 0.1]])
    wanted = np.array([[True, False, True, False]])
    wins = (1 + 1 + 0.5 + 1) / 4
    assert auc(scores, wanted, np.ones(4, dtype=bool)) == pytest.approx([wins])
    assert auc(np.zeros((1, 4)), wanted, np.ones(4, dtype=bool)) == pytest.approx([0.5])
    assert np.isnan(auc(scores, np.zeros((1, 4), dtype=bool), np.ones(4, dtype=bool))).all()


def test_auc_against_an_independent_library():
    rng = np.random.default_rng(0)
    scores, wanted = rng.integers(0, 9, (50, 40)).astype(float), rng.random((50, 40)) < 0.3
    among = rng.random(40) < 0.8
    theirs = [roc_auc_score(w[among], s[among]) for w, s in zip(wanted, scores, strict=True)]
    np.testing.assert_allclose(auc(scores, wanted, among), theirs)


def test_hit_rates_of_a_kind():
    lists = np.array([[0, 1, -1], [2, 3, 0]])
    wanted = np.array([[True, False, True, False], [False, False, True, True]])
    rates = hit_rates(lists, wanted, np.array([True, True, True, False]))
    assert rates.tolist() == [0.5, 1.0]
    assert np.isnan(hit_rates(lists, wanted, np.array([False, True, False, False]))).all()


def test_overlap_by_hand():
    assert overlap(np.array([[0, 1], [2, 3]]), np.array([[1, 0], [2, -1]])) == pytest.approx(3 / 4)
