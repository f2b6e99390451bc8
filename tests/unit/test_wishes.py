"""Wishes as vectors: known ones need no model, others load it once, and words and a picture are averaged."""

import numpy as np
import pytest
from PIL import Image

from recsys import wishes as module
from recsys.errors import InvalidInput
from recsys.profile import Profile
from recsys.wishes import Wishes, encode_words, shares_space

TEXT = np.eye(6, 3, dtype=np.float32)
IMAGE = np.eye(6, 2, dtype=np.float32)
TEA = {"text": np.array([0, 1, 0], dtype=np.float32), "image": np.array([0, 1], dtype=np.float32)}
SHARED = {"text": "words@1", "image": "eyes@1", "image_text": "words@1"}
APART = {"text": "words@1", "image": "eyes@1", "image_text": "other@1"}
WORDS_ONLY = {"text": "words@1", "image": None, "image_text": None}


class Model:
    """Answers every wish with one vector and every picture with another, and keeps what it was asked."""

    def __init__(self, words: list[float], picture: list[float] | None = None) -> None:
        self.words, self.picture = np.array(words, dtype=np.float32), np.array(picture, dtype=np.float32)
        self.asked: list = []

    def encode_queries(self, texts) -> np.ndarray:
        self.asked += texts
        return np.stack([self.words] * len(texts))

    def encode_query_pictures(self, pictures) -> np.ndarray:
        self.asked += [picture.size for picture in pictures]
        return np.stack([self.picture] * len(pictures))


@pytest.fixture(autouse=True)
def models(monkeypatch) -> dict[str, Model]:
    """The models by name; any other cannot be loaded."""
    models = {"words@1": Model([1, 0, 0]), "eyes@1": Model([1, 0], [0, 0, 1])}
    monkeypatch.setattr(module, "load_query_encoder", models.__getitem__)
    monkeypatch.setattr(module, "load_image_encoder", models.__getitem__)
    return models


@pytest.fixture
def wishes_of(tiny_catalog, make_version):
    """`wishes_of(encoders)`: those of the tiny catalog, which knows "tea"; with pictures where there is an encoder."""

    def make(encoders: dict) -> Wishes:
        pictured = encoders["image"] is not None
        spaces = {"text": TEXT, **({"image": IMAGE} if pictured else {})}
        known = {"tea": TEA if pictured else {"text": TEA["text"]}}
        return Wishes(make_version(tiny_catalog, spaces, encoders=encoders, wishes=known, shard=False))

    return make


def as_lists(vectors: dict[str, np.ndarray]) -> dict[str, list[float]]:
    return {half: vector.tolist() for half, vector in vectors.items()}


def picture(colour: str = "red") -> Image.Image:
    return Image.new("RGB", (4, 3), colour)


def test_a_profile_without_a_wish(wishes_of):
    assert wishes_of(SHARED)(Profile(likes=("apple",))) == {}


def test_a_wish_known_since_the_build_needs_no_model(wishes_of, models):
    wishes = wishes_of(APART)
    models.clear()
    assert as_lists(wishes(Profile(wish="tea"))) == {"text": [0, 1, 0], "image": [0, 1]}


def test_another_wish_is_encoded_once(wishes_of, models):
    wishes = wishes_of(WORDS_ONLY)
    for _ in range(2):
        assert as_lists(wishes(Profile(wish="coffee"))) == {"text": [1, 0, 0]}
    assert models["words@1"].asked == ["coffee"] and models["eyes@1"].asked == []


def test_where_words_and_pictures_share_a_space_one_model_reads_the_wish(wishes_of, models):
    assert as_lists(wishes_of(SHARED)(Profile(wish="coffee"))) == {"text": [1, 0, 0], "image": [1, 0, 0]}
    assert models["eyes@1"].asked == []


def test_where_they_do_not_each_half_has_its_own_model(wishes_of, models):
    assert as_lists(wishes_of(APART)(Profile(wish="coffee"))) == {"text": [1, 0, 0], "image": [1, 0]}
    assert models["words@1"].asked == models["eyes@1"].asked == ["coffee"]


def test_a_picture_of_a_shared_space_says_something_about_both_halves(wishes_of, models):
    wishes = wishes_of(SHARED)
    key = wishes.add_picture(picture())
    assert as_lists(wishes(Profile(picture=key))) == {"image": [0, 0, 1], "text": [0, 0, 1]}
    assert models["words@1"].asked == []


def test_a_picture_of_another_space_says_nothing_about_the_text(wishes_of, models):
    wishes = wishes_of(APART)
    models["eyes@1"].picture = np.array([0, 1], dtype=np.float32)
    assert as_lists(wishes(Profile(picture=wishes.add_picture(picture())))) == {"image": [0, 1]}


def test_words_and_a_picture_are_averaged(wishes_of, models):
    wishes = wishes_of(SHARED)
    both = Profile(wish="coffee", picture=wishes.add_picture(picture()))
    assert as_lists(wishes(both)) == {"text": [0.5, 0, 0.5], "image": [0.5, 0, 0.5]}
    wishes = wishes_of(APART)
    models["eyes@1"].picture = np.array([0, 1], dtype=np.float32)
    both = Profile(wish="coffee", picture=wishes.add_picture(picture()))
    assert as_lists(wishes(both)) == {"text": [1, 0, 0], "image": [0.5, 0.5]}  # only the image half has two


def test_a_picture_is_known_by_its_pixels(wishes_of, models):
    wishes = wishes_of(SHARED)
    keys = [wishes.add_picture(picture(colour)) for colour in ("red", "blue", "red")]
    assert keys[0] == keys[2] != keys[1]
    assert wishes.add_picture(picture().rotate(90, expand=True)) not in keys
    assert models["eyes@1"].asked == [(4, 3), (4, 3), (3, 4)]


def test_a_picture_that_is_not_known_here(wishes_of):
    with pytest.raises(InvalidInput, match="The picture of this wish is no longer here. Upload it again."):
        wishes_of(SHARED)(Profile(wish="tea", picture="0" * 32))


def test_a_picture_for_a_catalog_without_pictures(wishes_of, models):
    with pytest.raises(InvalidInput, match="Tiny has no pictures, so a picture finds nothing there. Wish"):
        wishes_of(WORDS_ONLY).add_picture(picture())
    assert models["eyes@1"].asked == []


def test_only_so_many_wishes_are_remembered(wishes_of, models, monkeypatch):
    monkeypatch.setattr(module, "MAX_REMEMBERED", 2)
    wishes = wishes_of(WORDS_ONLY)
    for words in ("a", "b", "c", "c", "b", "a"):
        wishes(Profile(wish=words))
    assert models["words@1"].asked == ["a", "b", "c", "a"]


def test_warming_up_loads_what_words_need(wishes_of, models):
    wishes_of(WORDS_ONLY).warm_up()
    assert len(models["words@1"].asked) == 1 and models["eyes@1"].asked == []


def test_many_words_at_once(models):
    assert [as_lists(v) for v in encode_words(["a", "b"], APART)] == [{"text": [1, 0, 0], "image": [1, 0]}] * 2
    assert models["words@1"].asked == models["eyes@1"].asked == ["a", "b"]


def test_shared_or_not():
    assert shares_space(SHARED) and not shares_space(APART) and not shares_space(WORDS_ONLY)
