"""The profile: every change gives a new one, and a link gives it back."""

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.profile import MAX_SIGNALS, MAX_WISH, Profile, clean_wish

ITEMS = [f"item/{n}" for n in range(6)] + ["<script>", "שלום", "a b&c=d"]
CATEGORIES = ["food", "größe, naïve", "R&B"]


def unique(values, size=None):
    return st.lists(st.sampled_from(values), unique=True, max_size=size or len(values)).map(tuple)


@st.composite
def profiles(draw) -> Profile:
    rated = draw(unique(ITEMS))
    cut = draw(st.integers(0, len(rated)))
    return Profile(rated[:cut], rated[cut:], clean_wish(draw(st.text(max_size=600))), None, draw(unique(CATEGORIES)))


@given(profiles())
def test_a_link_gives_the_profile_back(profile):
    assert Profile.from_query(profile.to_query(), ITEMS, CATEGORIES) == (profile, [])


@given(st.lists(st.tuples(st.sampled_from(["liking", "disliking", "without"]), st.sampled_from(ITEMS))))
def test_the_last_word_on_an_item_counts(changes):
    profile, last = Profile(), {}
    for change, item in changes:
        before = (profile.likes, profile.dislikes)
        changed = getattr(profile, change)(item)
        assert (profile.likes, profile.dislikes) == before
        profile = changed
        last.pop(item, None)
        last[item] = change
    assert profile.likes == tuple(i for i, change in last.items() if change == "liking")
    assert profile.dislikes == tuple(i for i, change in last.items() if change == "disliking")
    assert profile.rated == profile.likes + profile.dislikes


def test_a_profile_cannot_be_changed_in_place():
    with pytest.raises(FrozenInstanceError):
        Profile().likes = ("a",)


def test_changes_keep_everything_else():
    profile = Profile(("a",), ("b",), "tea", "upload", ("food",))
    assert profile.liking("b") == Profile(("a", "b"), (), "tea", "upload", ("food",))
    assert profile.disliking("a") == Profile((), ("b", "a"), "tea", "upload", ("food",))
    assert profile.without("a") == Profile((), ("b",), "tea", "upload", ("food",))
    assert profile.without("c") == profile
    assert profile.wishing(" a\n\tb ") == Profile(("a",), ("b",), "a b", "upload", ("food",))
    assert profile.choosing(["x", "y", "x"]).categories == ("x", "y")


@pytest.mark.parametrize("field", ["likes", "dislikes", "categories"])
def test_any_signal_makes_a_profile_true(field):
    assert not Profile()
    assert Profile(**{field: ("x",)})
    assert Profile(wish="x") and Profile(picture="x")


def test_an_upload_never_travels():
    assert Profile(picture="secret").to_query() == {}
    assert Profile.from_query({"picture": ["secret"]}, ITEMS, CATEGORIES) == (Profile(), [])


def test_unknown_values_are_told_and_the_rest_is_kept():
    query = {"like": ["item/1", "nothing\x00", "item/1"], "dislike": ["item/2"], "category": ["food", "<b>"]}
    profile, problems = Profile.from_query(query, ITEMS, CATEGORIES)
    assert profile == Profile(("item/1",), ("item/2",), categories=("food",))
    assert len(problems) == 2
    assert "“nothing”" in problems[0] and "“<b>”" in problems[1]
    assert all(p.isprintable() for p in problems)


def test_what_is_liked_and_disliked_stays_liked():
    profile, problems = Profile.from_query({"like": ["item/1"], "dislike": ["item/1", "item/2"]}, ITEMS, CATEGORIES)
    assert profile == Profile(("item/1",), ("item/2",))
    assert len(problems) == 1 and "“item/1”" in problems[0]


@pytest.mark.parametrize(
    ("wish", "kept"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("שלום עולם", "שלום עולם"),
        ("evil\u202egnp.exe", "evil gnp.exe"),
        ("a\x00b\x1b[31mc\r\nd", "a b [31mc d"),
        ("\ud800", ""),
        ("   ", ""),
    ],
)
def test_hostile_wishes(wish, kept):
    profile, problems = Profile.from_query({"wish": [wish]}, ITEMS, CATEGORIES)
    assert profile.wish == kept and problems == []


def test_a_wish_of_ten_thousand_characters_is_cut_and_told():
    profile, problems = Profile.from_query({"wish": ["x" * 10_000]}, ITEMS, CATEGORIES)
    assert profile.wish == "x" * MAX_WISH
    assert len(problems) == 1 and str(MAX_WISH) in problems[0]
    assert Profile.from_query({"wish": ["x" * MAX_WISH + "  "]}, ITEMS, CATEGORIES)[1] == []


@given(st.text(max_size=MAX_WISH * 2))
def test_a_clean_wish_stays_as_it_is(wish):
    clean = clean_wish(wish)
    assert clean_wish(clean) == clean and clean.isprintable() and len(clean) <= MAX_WISH


def test_a_thousand_likes_are_cut_and_told():
    ids = [f"i{n}" for n in range(1000)]
    profile, problems = Profile.from_query({"like": ids}, set(ids), CATEGORIES)
    assert profile.likes == tuple(ids[:MAX_SIGNALS])
    assert len(problems) == 1 and str(MAX_SIGNALS) in problems[0]


def test_a_thousand_unknown_likes_are_told_in_a_few_sentences():
    profile, problems = Profile.from_query({"like": [f"x{n}" for n in range(1000)]}, ITEMS, CATEGORIES)
    assert profile == Profile()
    assert len(problems) < 10 and "997" in problems[-1]
