"""What is asked, and the three measures of nearness: lists and lengths that are counted by hand."""

import numpy as np
import pytest
from lesson_people import ITEMS, TEXT

from recsys.errors import InvalidInput
from recsys.funnel import Funnel, Request
from recsys.lessons.retrieval import queries, similarity
from recsys.lessons.retrieval.queries import Searched
from recsys.profile import Profile

THREE = Searched("three", "mf", np.arange(3), np.array([[3, 0], [0.6, 0.6], [0.5, 0.1]], dtype=np.float32))


def test_each_measure_has_its_own_nearest():
    found = similarity.compare(THREE, np.array([[0.5, 0.5]], dtype=np.float32), k=1)
    assert {measure: rows.tolist() for measure, rows in found.rows.items()} == {
        "dot": [[0]],
        "cosine": [[1]],
        "euclidean": [[1]],
    }
    assert found.shared == {("dot", "cosine"): 0.0, ("dot", "euclidean"): 0.0, ("cosine", "euclidean"): 1.0}


def test_where_all_are_equally_long_the_three_agree():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((50, 4))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    found = similarity.compare(Searched("unit", "text", np.arange(50), vectors), vectors[:7] + 0.1)
    assert set(found.shared.values()) == {10.0}


def test_lengths_and_popularity(with_people, nobody):
    vectors = np.diag([3.0, 2, 4, 1, 1, 1]).astype(np.float32)  # two rated the apple, four the cat, one the dog
    version = with_people(spaces={"mf": vectors})
    among = queries.searched(version, "mf")
    found = similarity.lengths(version, among)
    assert found.lengths.tolist() == [3, 2, 4, 1, 1, 1] and found.people.tolist() == [2, 0, 4, 1, 0, 0]
    assert 0.5 < found.correlation < 0.8
    alone = similarity.lengths(nobody, queries.searched(nobody, "text"))
    assert alone.people is None and np.isnan(alone.correlation)


def test_items_without_a_vector_are_not_searched(with_people):
    gone = TEXT.copy()
    gone[[1, 4]] = 0
    version = with_people(spaces={"text": TEXT, "image": gone, "none": np.zeros((6, 3), dtype=np.float32)})
    among = queries.searched(version, "image")
    assert among.rows.tolist() == [0, 2, 3, 5] and (among.vectors == gone[[0, 2, 3, 5]]).all()
    assert among.name != queries.searched(version, "text").name
    with pytest.raises(InvalidInput, match="No item"):
        queries.searched(version, "none")


def test_a_profile_is_asked_for_or_else_an_item(with_people):
    version = with_people()
    funnel, among = Funnel(version, None, lambda profile: {}), queries.searched(version, "text")
    asked = queries.asked(funnel, Request(Profile(likes=("cat",))), among)
    assert asked.item is None and asked.vector.dtype == np.float32
    np.testing.assert_allclose(asked.vector, TEXT[ITEMS.index("cat")])
    nothing = queries.asked(funnel, Request(Profile()), among)
    assert nothing.item == 0 and (nothing.vector == TEXT[0]).all()  # to the bit: lists made beforehand know it


def test_many_people_are_asked_for(with_people, nobody):
    funnel = Funnel(with_people(), None, lambda profile: {})
    found = queries.profile_queries(funnel, "text", 20)
    assert found.shape == (20, 3) and (found == queries.profile_queries(funnel, "text", 20)).all()
    # Ann likes the apple, Bob apple and cat, Cy the cat: there are no other points than these.
    points = np.array([[1, 0, 0], [0, 1, 0], [np.sqrt(0.5), np.sqrt(0.5), 0]])
    assert (np.abs(found[:, None] - points).max(axis=2).min(axis=1) < 1e-6).all()
    assert len(queries.profile_queries(Funnel(nobody, None, lambda profile: {}), "text", 5)) == 5
