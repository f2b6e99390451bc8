"""A new item lands where its vector says, reaches whom it should, and leaves the catalog alone."""

import numpy as np
import pytest

from recsys.errors import InvalidInput
from recsys.funnel import Funnel
from recsys.lessons import new_item
from recsys.lessons.new_item import Draft, as_document, compose
from recsys.store import memory_store

CAT = np.array([0.0, 2.0, 0.0])  # not of unit length on purpose


def words(profile):
    return {"text": CAT}


def test_its_words_are_read_as_those_of_the_other_items():
    assert Draft(" A hat ", "To wear.", "red, warm").text == "A hat. red, warm. To wear."
    assert Draft("", " ", "").text == ""


def test_an_empty_draft_says_what_it_needs(nobody):
    with pytest.raises(InvalidInput, match="Give it a title"):
        compose(Funnel(nobody, memory_store(nobody.spaces, nobody.catalog), words), Draft("  "))


def test_it_lies_beside_what_it_resembles(with_people):
    version = with_people()
    before = {p.name: p.stat().st_mtime_ns for p in version.path.iterdir()}
    found = compose(Funnel(version, memory_store(version.spaces, version.catalog), words), Draft("a cat"), m=3)
    assert [version.item_ids[r] for r in found.rows] == ["cat", "pear", "dog"]  # pear and dog tie: the lower row first
    assert found.scores == pytest.approx([1, np.sqrt(0.5), np.sqrt(0.5)], abs=1e-6)
    assert found.by_picture is None and found.by_text == pytest.approx(found.scores, abs=1e-6)
    assert {p.name: p.stat().st_mtime_ns for p in version.path.iterdir()} == before


def test_whom_it_reaches(with_people, monkeypatch):
    monkeypatch.setattr(new_item, "MIN_LIKES", 1)
    version = with_people()
    found = compose(Funnel(version, memory_store(version.spaces, version.catalog), words), Draft("a cat"))
    # ann likes apple and has rated cat: of what is left pear alone is nearer to apple than the new cat is.
    # bob likes apple and cat: only pear, in the middle, is nearer. cy likes cat: nothing is nearer. dan likes nothing.
    assert dict(found.audience) == {"cy": 1, "ann": 2, "bob": 2}
    assert (found.reached, found.asked, found.real) == (3, 3, True)
    document = as_document(version, found)
    assert document["nearest_people"][0] == {"who": "cy", "place": 1} and document["real_users"]


def test_words_and_picture_add_up(tiny_catalog, make_version):
    text = np.eye(6, 3, dtype=np.float32) + np.array([0, 0, 1], dtype=np.float32) * (np.arange(6)[:, None] > 2)
    text /= np.linalg.norm(text, axis=1, keepdims=True)
    image = np.roll(text, 1, axis=0)
    blend = np.hstack([text, image])
    version = make_version(tiny_catalog, {"text": text, "image": image, "blend": blend}, default_space="blend")

    def encode(profile):
        return {"text": np.array([1.0, 0, 0])} if profile.wish else {"image": np.array([0, 1.0, 0])}

    funnel = Funnel(version, memory_store(version.spaces, version.catalog), encode)
    found = compose(funnel, Draft("x", picture="key"), m=6)
    expected = 0.5 * text @ [1, 0, 0] + 0.5 * image @ [0, 1, 0]
    assert found.scores == pytest.approx(expected[found.rows], abs=1e-6)
    assert found.by_text + found.by_picture == pytest.approx(found.scores, abs=1e-6)
    alone = compose(funnel, Draft("x"), m=6)  # without a picture its words stand in both halves
    assert alone.scores == pytest.approx((0.5 * text @ [1, 0, 0] + 0.5 * image @ [1, 0, 0])[alone.rows], abs=1e-6)
    assert alone.by_picture is None and alone.by_text == pytest.approx(alone.scores)
