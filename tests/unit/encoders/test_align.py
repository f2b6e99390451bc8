"""The head is learned from what it may see, is the same for the same seed, and its figures are right by hand."""

import numpy as np
import pytest

from recsys.encoders.align import Head, align, caption_groups, hold_out, learn_head, load_head, retrieval
from recsys.encoders.packaged import head_report
from recsys.errors import CatalogError
from recsys.settings import ROOT

DIMS = 24
ANIMALS = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen", "ibis", "jay")


@pytest.fixture(scope="module")
def pairs() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """300 pictures of 150 captions; features are a hidden linear map of the captions' vectors, with noise."""
    rng = np.random.default_rng(0)
    captions = [f"{a}, {b}" for a in ANIMALS for b in "abcdefghijklmno"]
    texts = rng.normal(size=(150, DIMS))
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    rows = np.repeat(np.arange(150), 2)
    features = texts[rows] @ rng.normal(size=(DIMS, 64)) + 0.1 * rng.normal(size=(300, 64)) + 3
    return features.astype(np.float32), texts[rows].astype(np.float32), [captions[i] for i in rows]


@pytest.fixture(scope="module")
def learned(pairs) -> tuple[Head, dict]:
    return learn_head(*pairs, seed=3)


def test_captions_that_share_four_of_five_words_are_one_group():
    captions = ["Red apple 01, food", "apple, red; FOOD 2", "green apple, food", "a b c d e", "a b c d", "a b c", "77"]
    groups = caption_groups(captions)
    # "a b c d" has 4 of 5 words in common with "a b c d e"; "a b c" only 3 of 4 with it.
    assert groups[0] == groups[1] and groups[3] == groups[4]
    assert len(set(groups)) == 5


def test_a_chain_of_like_captions_is_one_group():
    groups = caption_groups(["a b c d", "a b c d e", "a b c d e f", "x"])
    assert groups[0] == groups[1] == groups[2] != groups[3]


@pytest.mark.parametrize("seed", range(5))
def test_a_tenth_is_held_out_in_whole_groups(seed):
    groups = np.repeat(np.arange(400), np.random.default_rng(9).integers(1, 5, size=400))
    held = hold_out(groups, seed)
    assert 0.1 <= held.mean() < 0.11
    assert not set(groups[held]) & set(groups[~held])
    np.testing.assert_array_equal(held, hold_out(groups, seed))
    assert not np.array_equal(held, hold_out(groups, seed + 1))


def test_a_very_large_group_always_trains():
    groups = np.array([0] * 50 + list(range(1, 51)))
    assert not any(hold_out(groups, seed)[:50].any() for seed in range(20))


def test_retrieval_by_hand():
    """Captions along the axes; picture 1 lies on picture 2's axis, and 2 and 3 have nearly the same caption."""
    texts = np.eye(4, dtype=np.float32)
    pictures = np.array([[1, 0, 0, 0], [0, 0.1, 0.9, 0], [0, 0, 0.5, 0], [0, 0, 0, 1]], dtype=np.float32)
    measured = retrieval(pictures, texts, np.array([0, 1, 2, 2]))
    # Own picture first: 0, 1 and 3; 2 finds 1 before itself. Group 2 is found by one of its two captions.
    assert measured["own_recall@1"] == 0.75 and measured["own_recall@5"] == 1.0
    assert measured["recall@1"] == round((1 + 1 + 0.5) / 3, 4) and measured["recall@5"] == 1.0
    assert measured["chance@10"] == 1.0


def test_chance_by_hand():
    identity = np.eye(20, dtype=np.float32)
    assert retrieval(identity, identity, np.arange(20))["chance@10"] == 0.5


def test_what_was_never_seen_is_found(learned):
    head, report = learned
    assert report["recall@10"] > 0.9 and report["chance@10"] < 0.6
    assert report["pictures"] == 300 and report["trained_on"] + report["held_out"] == 300
    assert 30 <= report["held_out"] < 36 and report["seed"] == 3


def test_pairs_without_a_connection_give_chance(pairs):
    features, texts, captions = pairs
    shuffled = np.random.default_rng(1).permutation(len(features))
    _, report = learn_head(features[shuffled], texts, captions, seed=3)
    assert report["recall@10"] < report["chance@10"] + 0.25


def test_scale_and_offset_of_the_features_do_not_matter(pairs, learned):
    features, texts, captions = pairs
    head, _ = learn_head(features * 2 + 5, texts, captions, seed=3)
    cosines = (head(features * 2 + 5) * learned[0](features)).sum(axis=1)
    assert cosines.min() > 0.99  # half precision, and the floor under the spread


def test_held_out_pictures_do_not_change_the_head(pairs, learned):
    features, texts, captions = pairs
    held = hold_out(caption_groups(captions), 3)
    head, _ = learn_head(np.where(held[:, None], 99, features), texts, captions, seed=3)
    for mine, theirs in zip(vars(head).values(), vars(learned[0]).values(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_same_seed_writes_the_same_bytes(pairs, learned, tmp_path):
    report = align(*pairs, seed=3, out=tmp_path / "a.npz")
    align(*pairs, seed=3, out=tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert report == learned[1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_another_seed_gives_another_head(pairs, learned):
    head, _ = learn_head(*pairs, seed=4)
    assert not np.array_equal(head.w1, learned[0].w1)


def test_a_head_is_read_as_it_was_measured(pairs, learned, tmp_path):
    align(*pairs, seed=3, out=tmp_path / "head.npz")
    head, report = load_head(tmp_path / "head.npz")
    np.testing.assert_array_equal(head(pairs[0]), learned[0](pairs[0]))
    assert {key: report[key] for key in learned[1]} == learned[1]


def test_the_readme_tells_what_the_packaged_head_measured():
    report, readme = head_report(), " ".join((ROOT / "README.md").read_text().split())
    found, chance = (f"{report[name]:.3f}".lstrip("0") for name in ("recall@10", "chance@10"))
    assert f"{found} find a picture of theirs among the ten nearest ({chance} by chance)" in readme
    assert report == load_head()[1]


def test_the_head_by_hand():
    head = Head(np.array([[1.0, 0.0], [0.0, 1.0]], "f4"), np.array([0.0, -1.0], "f4"), np.eye(2, dtype="f4"))
    (vector,) = head(np.array([[1.0, 2.0]], dtype=np.float32))  # gelu(1) = 0.841345 in both places
    np.testing.assert_allclose(vector, [0.5**0.5, 0.5**0.5], atol=1e-6)


def test_progress_is_told_to_the_end(pairs):
    told = []
    learn_head(*pairs, progress=lambda *args: told.append(args))
    assert told[0][0] == 0 and told[-1][0] == told[-1][1] and len({what for *_, what in told}) == 1


def test_too_few_pairs_are_a_sentence():
    with pytest.raises(CatalogError, match="too few to learn from"):
        learn_head(np.ones((3, 8)), np.ones((3, 4)), ["same", "same", "same"])


def test_arrays_that_do_not_fit_are_refused(pairs):
    with pytest.raises(ValueError, match="expected as many"):
        learn_head(pairs[0], pairs[1], pairs[2][:-1])


@pytest.mark.parametrize("content", [b"", b"no zip", None])
def test_a_file_that_is_no_head_is_a_sentence(content, tmp_path):
    path = tmp_path / "head.npz"
    if content is None:
        np.savez(path, w1=np.zeros(3))
    else:
        path.write_bytes(content)
    with pytest.raises(CatalogError, match="head.npz is no head of lite0-minilm"):
        load_head(path)
