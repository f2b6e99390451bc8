"""Hits: a ranked list that nobody can change."""

import numpy as np
import pytest

from recsys.hits import Hits


def test_hits_hold_ids_and_scores():
    hits = Hits(["b", "a"], [0.5, 0.25])
    assert len(hits) == 2 and hits.ids.tolist() == ["b", "a"] and hits.scores.dtype == np.float32
    assert len(Hits([], [])) == 0


def test_hits_cannot_be_changed_not_even_through_what_they_were_made_of():
    scores = np.array([1.0, 0.0], dtype=np.float32)
    hits = Hits(np.array(["a", "b"], dtype=object), scores)
    scores[0] = 7
    assert hits.scores.tolist() == [1, 0]
    for array in (hits.ids, hits.scores):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = "x"


@pytest.mark.parametrize(
    ("ids", "scores", "words"),
    [
        (["a"], [1, 2], "as many scores"),
        ([["a"]], [[1]], "as many scores"),
        (["a", "a"], [2, 1], "repetition"),
    ],
)
def test_bad_hits(ids, scores, words):
    with pytest.raises(ValueError, match=words):
        Hits(ids, scores)
