"""The content tower: a profile's point, by hand in two dimensions and on a small built catalog."""

import numpy as np
import pandas as pd
import pytest

from recsys.catalog import Catalog, Facet
from recsys.errors import UnknownItem
from recsys.profile import Profile
from recsys.towers.content import ContentTower, content_query, unit

NONE = np.empty((0, 2))
EAST, NORTH = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])


def test_unit():
    np.testing.assert_allclose(unit(np.array([3.0, 4.0])), [0.6, 0.8])
    assert unit(np.zeros(2)).tolist() == [0, 0]


def test_one_term_is_its_own_direction():
    assert content_query(EAST, NONE, None, NONE).vector.tolist() == [1, 0]
    np.testing.assert_allclose(content_query(NONE, NONE, np.array([3.0, 4.0]), NONE).vector, [0.6, 0.8])
    np.testing.assert_allclose(
        content_query(NONE, NONE, None, np.array([[1, 0], [0, 3.0]])).vector, [0.1**0.5, 0.9**0.5]
    )
    assert content_query(NONE, EAST, None, NONE).vector.tolist() == [-1, 0]


def test_all_terms_by_hand():
    # likes: mean of (1, 0) and (0, 1) at length 1 = (a, a), a = sqrt(1/2); wish (0, 1); categories (1, 0);
    # dislikes -0.5 (0, 1). Sum = (a + 1, a + 0.5), which is 2.0902... long.
    query = content_query(np.vstack([EAST, NORTH]), NORTH * 7, np.array([0.0, 2.0]), EAST * 3)
    a = 0.5**0.5
    total = np.array([a + 1, a + 0.5])
    np.testing.assert_allclose(query.vector, total / np.hypot(*total))
    np.testing.assert_allclose(query.parts["dislikes"], np.array([0, -0.5]) / np.hypot(*total))
    np.testing.assert_allclose(query.parts["likes"], np.array([a, a]) / np.hypot(*total))
    np.testing.assert_allclose(sum(query.parts.values()), query.vector)
    assert np.linalg.norm(query.vector) == pytest.approx(1)


def test_the_mean_is_taken_before_the_length():
    # (3, 0) and (0, 1): the mean (1.5, 0.5), not the mean of directions.
    np.testing.assert_allclose(
        content_query(np.array([[3.0, 0], [0, 1]]), NONE, None, NONE).vector, unit(np.array([3.0, 1]))
    )


@pytest.mark.parametrize(
    "terms",
    [
        (NONE, NONE, None, NONE),
        (NONE, NONE, np.zeros(2), NONE),
        (np.vstack([EAST, -EAST]), NONE, None, NONE),
        (EAST, NONE, np.array([-2.0, 0.0]), NONE),
    ],
)
def test_nothing_left_is_no_query(terms):
    assert content_query(*terms) is None


def test_a_term_that_cancels_by_itself_is_left_out():
    query = content_query(np.vstack([EAST, -EAST]), NONE, NORTH[0], NONE)
    assert list(query.parts) == ["wish"] and query.vector.tolist() == [0, 1]


def test_the_query_is_computed_in_double_precision():
    rng = np.random.default_rng(0)
    likes, dislikes, wish = (rng.normal(size=s).astype(np.float32) for s in ((50, 384), (3, 384), 384))
    narrow = content_query(likes, dislikes, wish, np.empty((0, 384)))
    wide = content_query(*(a.astype(np.float64) for a in (likes, dislikes, wish)), np.empty((0, 384)))
    np.testing.assert_allclose(narrow.vector, wide.vector, atol=1e-14)


IDS = ("apple", "pear", "cat", "dog", "ghost", "riddle")


@pytest.fixture(scope="module")
def version(make_version):
    """Six items; the ghost has no picture, so its text stands in the blend's second half; the riddle no category."""
    items = pd.DataFrame(
        {
            "title": list(IDS),
            "description": "",
            "tags": [()] * 6,
            "image": None,
            "category": ["food", "food", "animals", "animals", "spooky", None],
        },
        index=pd.Index(IDS, name="item_id"),
    )
    facets = (Facet("category", "Category", "category"),)
    catalog = Catalog("six", "Six", "", items, facets, categories="category", licence="none")
    rng = np.random.default_rng(0)
    text, image = (rng.normal(size=(6, 4)).astype(np.float32) for _ in range(2))
    text /= np.linalg.norm(text, axis=1, keepdims=True)
    image /= np.linalg.norm(image, axis=1, keepdims=True)
    image[4] = 0
    blend = np.hstack([text, np.where(image.any(axis=1, keepdims=True), image, text)])
    return make_version(catalog, {"text": text, "image": image, "blend": blend}, default_space="blend", shard=False)


WISH = {"text": np.array([1, 0, 0, 0], dtype=np.float32), "image": np.array([0, 1, 0, 0], dtype=np.float32)}
PROFILE = Profile(likes=("apple", "cat"), dislikes=("dog",), wish="a wish", categories=("food",))


def tower(version, space: str, blend: float = 0.5, wish=WISH) -> ContentTower:
    return ContentTower(version, space, blend, lambda profile: wish)


@pytest.mark.parametrize("space", ["text", "image"])
def test_one_space(version, space):
    vectors = version.spaces[space].astype(np.float64)
    terms = [
        unit(vectors[[0, 2]].mean(axis=0)),
        WISH[space].astype(np.float64),
        unit(vectors[[0, 1]].mean(axis=0)),
        -0.5 * vectors[3] / np.linalg.norm(vectors[3]),
    ]
    query = tower(version, space).query(PROFILE)
    np.testing.assert_allclose(query.vector, unit(sum(terms)), atol=1e-12)
    assert list(query.parts) == ["likes", "wish", "categories", "dislikes"]


@pytest.mark.parametrize("blend", [0.0, 0.25, 0.5, 1.0])
def test_the_blend_is_a_weighted_sum_of_its_halves(version, blend):
    words, pictures = tower(version, "text").query(PROFILE), tower(version, "image").query(PROFILE)
    query = tower(version, "blend", blend).query(PROFILE)
    np.testing.assert_allclose(query.vector, np.concatenate([blend * words.vector, (1 - blend) * pictures.vector]))
    np.testing.assert_allclose(sum(query.parts.values()), query.vector)


def test_at_its_ends_the_blend_is_the_text_and_the_image_space(version):
    scores = {
        (space, w): version.spaces[space] @ tower(version, space, w).query(PROFILE).vector
        for space, w in (("blend", 1.0), ("blend", 0.0), ("text", 0.5), ("image", 0.5))
    }
    np.testing.assert_allclose(scores["blend", 1.0], scores["text", 0.5])
    pictured = version.spaces["image"].any(axis=1)
    np.testing.assert_allclose(scores["blend", 0.0][pictured], scores["image", 0.5][pictured])
    assert scores["image", 0.5][4] == 0 != scores["blend", 0.0][4]


def test_an_item_without_a_picture_takes_part_with_its_words(version):
    ghost = version.spaces["text"][4].astype(np.float64)
    assert tower(version, "image").query(Profile(likes=("ghost",))) is None
    query = tower(version, "blend", 0.25).query(Profile(likes=("ghost",)))
    np.testing.assert_allclose(query.vector, np.concatenate([0.25 * unit(ghost), 0.75 * unit(ghost)]))
    assert tower(version, "image").query(Profile(categories=("spooky",))) is None
    both, cat = Profile(likes=("ghost", "cat")), Profile(likes=("cat",))
    np.testing.assert_allclose(tower(version, "image").query(both).vector, tower(version, "image").query(cat).vector)


@pytest.mark.parametrize(("half", "blend"), [("image", 1.0), ("text", 0.0)])
def test_a_wish_that_only_the_switched_off_half_understands_says_nothing(version, half, blend):
    wishing = Profile(wish="x")
    assert tower(version, "blend", blend, {half: WISH[half]}).query(wishing) is None
    query = tower(version, "blend", 0.5, {half: WISH[half]}).query(wishing)
    assert np.linalg.norm(query.vector) == pytest.approx(0.5)


def test_the_encoder_is_asked_only_where_there_is_a_wish(version):
    def encode(profile):
        raise AssertionError("asked without a wish")

    assert ContentTower(version, "text", 0.5, encode).query(Profile(likes=("apple",))) is not None
    assert ContentTower(version, "text", 0.5, encode).query(Profile()) is None
    with pytest.raises(AssertionError):
        ContentTower(version, "text", 0.5, encode).query(Profile(picture="key"))


@pytest.mark.parametrize("blend", [0.0, 0.3, 0.5, 1.0])
def test_the_similarity_is_weighted_as_the_query_is(version, blend):
    rows = np.array([4, 0, 3])
    vectors = tower(version, "blend", blend).similarity_vectors(rows)
    stored = version.spaces["blend"][rows].astype(np.float64)
    text, image = stored[:, :4], stored[:, 4:]
    np.testing.assert_allclose(vectors @ vectors.T, blend * text @ text.T + (1 - blend) * image @ image.T, atol=1e-12)
    plain = tower(version, "text", blend).similarity_vectors(rows)
    assert (plain == version.spaces["text"][rows]).all()


def test_bad_arguments(version):
    for blend in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="blend"):
            tower(version, "blend", blend)
    for field in ("likes", "dislikes"):
        with pytest.raises(UnknownItem):
            tower(version, "text").query(Profile(**{field: ("nobody",)}))
