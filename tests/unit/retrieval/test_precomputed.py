"""Lists made beforehand: by hand, and against the definition read aloud."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import NotBuilt
from recsys.retrieval import NOTHING, precomputed
from recsys.retrieval.precomputed import LENGTH, Precomputed, RelatedLists, related_lists

CROSS = np.array([[1, 0], [0, 1], [2, 0], [1, 1]], dtype=np.float32)


def built(vectors, folder, known=None) -> Precomputed:
    engine = Precomputed()
    engine.build(vectors, folder, known)
    return engine


def aloud(vectors, length) -> list[list[tuple[int, float]]]:
    """The definition of related items, one pair after the other."""
    lists = []
    for i, own in enumerate(vectors.tolist()):
        others = [(j, other) for j, other in enumerate(vectors.tolist()) if j != i and any(other) and any(own)]
        scored = [(j, round(sum(a * b for a, b in zip(own, other, strict=True)), 6)) for j, other in others]
        lists.append(sorted(scored, key=lambda pair: (-pair[1], pair[0]))[:length])
    return lists


def filled(rows, scores) -> list[list[tuple[int, float]]]:
    return [
        [(int(r), s) for r, s in zip(row, values, strict=True) if r != NOTHING]
        for row, values in zip(rows, scores.tolist(), strict=True)
    ]


def test_items_are_known_by_themselves(tmp_path):
    rows, scores = built(CROSS, tmp_path).search(CROSS, 3)
    assert rows.tolist() == [[2, 0, 3], [1, 3, 0], [2, 0, 3], [2, 3, 0]]
    assert scores.tolist() == [[2, 1, 1], [1, 1, 0], [4, 2, 2], [2, 2, 1]]
    assert (rows.dtype, scores.dtype) == (np.int64, np.float32)


def test_only_what_was_foreseen_is_found(tmp_path):
    person, stranger = [[0.5, -0.25]], [[0.5, np.nextafter(np.float32(-0.25), np.float32(0))]]
    engine = built(CROSS, tmp_path, known=np.array(person))
    rows, scores = engine.search(np.vstack([stranger, person, CROSS[:1]]), 2)
    assert rows.tolist() == [[NOTHING] * 2, [2, 0], [NOTHING] * 2]
    assert scores.tolist() == [[-np.inf] * 2, [1, 0.5], [-np.inf] * 2]


def test_both_zeros_are_one(tmp_path):
    engine = built(CROSS, tmp_path, known=np.array([[0.0, 1.0]]))
    assert engine.search(np.array([[-0.0, 1.0]]), 1)[0].tolist() == [[1]]


def test_no_list_is_longer_than_it_was_made(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(LENGTH + 20, 3)).astype(np.float32)
    rows, scores = built(vectors, tmp_path).search(vectors[:2], LENGTH + 5)
    assert (rows[:, :LENGTH] >= 0).all() and (rows[:, LENGTH:] == NOTHING).all()
    assert np.isneginf(scores[:, LENGTH:]).all()
    assert built(CROSS, tmp_path).search(CROSS[:1], 6)[0].tolist() == [[2, 0, 3, 1, NOTHING, NOTHING]]


def test_opened_it_answers_the_same_in_blocks_and_whole(tmp_path, monkeypatch):
    vectors = np.random.default_rng(1).normal(size=(40, 5)).astype(np.float32)
    whole = built(vectors, tmp_path).search(vectors, 10)[0]
    monkeypatch.setattr(precomputed, "BLOCK", 100)
    engine = built(vectors, tmp_path)
    engine.close()
    opened = Precomputed()
    opened.open(tmp_path)
    assert (opened.search(vectors, 10)[0] == whole).all()
    truth = np.argsort(-vectors.astype(np.float64) @ vectors.T.astype(np.float64), axis=1)[:, :10]
    assert (whole == truth).all()


@pytest.mark.parametrize("known", [np.ones((2, 3)), np.full((1, 2), np.nan), np.ones(2)])
def test_known_queries_that_are_none(tmp_path, known):
    with pytest.raises(ValueError, match="expected"):
        built(CROSS, tmp_path, known)


def test_what_is_not_there_is_not_opened(tmp_path):
    with pytest.raises(NotBuilt):
        Precomputed().open(tmp_path)
    with pytest.raises(NotBuilt):
        RelatedLists.open(tmp_path, "text")


def test_related_items_by_hand():
    # Of 0: 2 (product 2), then 3 (1), then 1 (0); the last is a row without a vector.
    rows, scores = related_lists(np.vstack([CROSS, np.zeros((1, 2))]), 4)
    assert rows.tolist() == [[2, 3, 1, -1], [3, 0, 2, -1], [0, 3, 1, -1], [2, 0, 1, -1], [-1] * 4]
    assert scores[0].tolist() == [2, 1, 0, -np.inf] and np.isneginf(scores[4]).all()
    assert (rows.dtype, scores.dtype) == (np.int32, np.float64)


def test_scores_equal_to_six_decimals_go_by_row():
    vectors = np.array([[1, 0], [0.5, 0], [0.5 + 4e-7, 0], [0.5 + 2e-6, 0]], dtype=np.float32)
    rows, scores = related_lists(vectors, 3)
    assert rows[0].tolist() == [3, 1, 2]
    assert scores[0].tolist() == [0.500002, 0.5, 0.5]


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 14))
def test_related_items_as_defined(seed, n, length):
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-2, 3, size=(n, 3)) / rng.integers(1, 4)
    vectors[rng.random(n) < 0.2] = 0
    vectors = vectors.astype(np.float32)
    rows, scores = related_lists(vectors, length)
    assert rows.shape == scores.shape == (n, length)
    assert filled(rows, scores) == aloud(vectors, length)


def test_related_items_in_blocks(monkeypatch):
    vectors = np.random.default_rng(2).normal(size=(50, 4)).astype(np.float32)
    whole = related_lists(vectors, 7)
    monkeypatch.setattr(precomputed, "BLOCK", 150)
    parts = related_lists(vectors, 7)
    assert (whole[0] == parts[0]).all() and (whole[1] == parts[1]).all()


def test_related_items_that_cannot_be():
    for vectors, length in ((CROSS, 0), (CROSS * np.nan, 3), (CROSS[0], 3), (CROSS[:0], 3)):
        with pytest.raises(ValueError, match="expected"):
            related_lists(vectors, length)


def test_related_lists_are_read_back_and_fast(tmp_path):
    vectors = np.random.default_rng(3).normal(size=(500, 8)).astype(np.float32)
    vectors[4] = 0
    rows, scores = related_lists(vectors)
    RelatedLists(rows, scores).write(tmp_path, "text")
    lists = RelatedLists.open(tmp_path, "text")
    assert not lists._rows.flags.writeable
    for row in (0, 3, 499):
        found, values = lists.of(row, 10)
        assert found.tolist() == rows[row, :10].tolist() and values.tolist() == scores[row, :10].tolist()
    assert len(lists.of(0, 1000)[0]) == LENGTH
    assert [len(part) for part in lists.of(4, 5)] == [0, 0]
    remembered = RelatedLists.from_bytes(lists.to_bytes(), 500)
    assert remembered.to_bytes() == lists.to_bytes()
    assert remembered.of(3, 10)[0].tolist() == lists.of(3, 10)[0].tolist()
    start = time.perf_counter()
    for row in range(500):
        lists.of(row, 20)
    assert (time.perf_counter() - start) / 500 < 1e-4  # a tenth of a millisecond


@pytest.mark.parametrize(("row", "n", "kind"), [(-1, 5, IndexError), (4, 5, IndexError), (0, 0, ValueError)])
def test_related_lists_that_are_not_there(row, n, kind):
    with pytest.raises(kind, match="expected"):
        RelatedLists(*related_lists(CROSS, 2)).of(row, n)
