"""Priors: by hand on four people, bounded on any, and deaf to whoever is left out."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lesson_people import FRIDAY, RATINGS, USERS, many, ratings

from recsys.demographics import SIGNALS, age_band
from recsys.errors import InvalidInput
from recsys.lessons.priors import NO_DATA, context_of, learn_priors, signals_of, strengths

APPLE, PEAR, CAT, DOG = range(4)


def test_the_global_prior_is_the_share_of_people(with_people):
    priors = learn_priors(with_people())
    # Of four people two like the apple (a 5, a 4) and two the cat (a 4, a 5; a 2 and a 1 are no likes).
    assert priors.people == 4
    assert priors.base.tolist() == [0.5, 0, 0.5, 0, 0, 0]
    assert priors.prior().scores.tolist() == [1, 0, 1, 0, 0, 0]
    assert priors.prior().lifts == {} and priors.prior().counts == {}


def test_the_values_and_their_counts(with_people):
    groups = learn_priors(with_people()).groups()
    assert tuple(groups) == SIGNALS
    assert groups["age"]["18-24"] == 1 and groups["age"]["25-34"] == 2 and sum(groups["age"].values()) == 3
    assert groups["gender"] == {"F": 1, "M": 3}
    assert groups["occupation"] == {"artist": 1, "doctor": 2}
    assert groups["region"] == {"Canada": 1, "New England": 1, "Pacific": 1}
    # ann at 8 on Friday (Pacific); bob at 11 on Saturday and on Monday (New England). Nobody knows cy's and dan's hour.
    assert groups["time"] == {"night": 0, "morning": 3, "afternoon": 0, "evening": 0}
    assert groups["weekend"] == {"no": 2, "yes": 1}


def test_shrinking_by_hand(with_people):
    priors = learn_priors(with_people(), pseudo_users=2, pseudo_likes=3)
    one = priors.prior({"gender": "F"})  # ann alone: apple (1 + 2 / 2) / (1 + 2), cat (0 + 2 / 2) / (1 + 2)
    np.testing.assert_allclose(one.lifts["gender"][[APPLE, CAT]], np.log2([(2 / 3) / 0.5, (1 / 3) / 0.5]))
    assert one.counts == {"gender": 1}
    np.testing.assert_allclose(one.scores, [1, 0, 0.5, 0, 0, 0])
    many_ = priors.prior({"gender": "M"})  # three: apple (1 + 1) / (3 + 2), cat (2 + 1) / (3 + 2)
    np.testing.assert_allclose(many_.scores, [2 / 3, 0, 1, 0, 0, 0])
    both = priors.prior({"gender": "F", "occupation": "doctor"})  # doctors: apple (1 + 1) / 4, cat (2 + 1) / 4
    np.testing.assert_allclose(both.scores[CAT] / both.scores[APPLE], (0.5 * 2 / 3 * 1.5) / (0.5 * 4 / 3 * 1))
    # Of three likes of known hour two go to the apple; at the weekend there is one, of the cat.
    weekend = priors.prior({"weekend": "yes"})
    np.testing.assert_allclose(weekend.lifts["weekend"][[APPLE, CAT]], np.log2([(2 / 4) / (2 / 3), (2 / 4) / (1 / 3)]))


def test_nobody_says_what_everybody_says(with_people):
    priors = learn_priors(with_people())
    for nobody in ({"age": "under 18"}, {"time": "night"}):
        prior = priors.prior(nobody)
        assert list(prior.counts.values()) == [0]
        assert not next(iter(prior.lifts.values())).any()
        np.testing.assert_array_equal(prior.scores, priors.prior().scores)


def test_what_nobody_likes_stays_at_nothing(with_people):
    prior = learn_priors(with_people()).prior({"gender": "F", "weekend": "no"})
    assert prior.scores[[PEAR, DOG]].tolist() == [0, 0]
    assert all(lift[PEAR] == 0 for lift in prior.lifts.values())


def test_many_people_outweigh_the_prior(with_people):
    rows = [(f"f{i}", "apple", 5) for i in range(1000)] + [(f"m{i}", "cat", 5) for i in range(1000)]
    ids = [row[0] for row in rows]
    users = pd.DataFrame({"gender": [i[0].upper() for i in ids]}, index=pd.Index(ids, name="user_id"))
    version = with_people(ratings(*rows), users)
    near = learn_priors(version, pseudo_users=1).prior({"gender": "F"})
    np.testing.assert_allclose(near.lifts["gender"][APPLE], 1, atol=0.01)  # twice as likely as for anybody
    assert near.scores[CAT] < 0.001
    assert learn_priors(version).groups() == {"gender": {"F": 1000, "M": 1000}}


def test_no_rating_of_those_left_out_enters(with_people):
    interactions, users = many(60)
    held = [f"u{u:03}" for u in range(0, 60, 3)]
    theirs = interactions["user_id"].isin(held)
    poisoned = interactions.copy()
    poisoned.loc[theirs, "rating"] = 5.0
    poisoned.loc[theirs, "item_id"] = "riddle"
    poisoned.loc[theirs, "timestamp"] += 12_345_678
    clean, poison, gone = (with_people(table, users) for table in (interactions, poisoned, interactions[~theirs]))
    asked = {
        "age": "25-34",
        "gender": "F",
        "occupation": "artist",
        "region": "Pacific",
        "time": "night",
        "weekend": "no",
    }
    expected = learn_priors(clean, held).prior(asked)
    for version in (poison, gone):
        priors = learn_priors(version, held)
        assert priors.people == 40 and priors.groups() == learn_priors(clean, held).groups()
        np.testing.assert_array_equal(priors.prior(asked).scores, expected.scores)
        assert priors.prior(asked).counts == expected.counts
    # The poison is strong enough to be seen where it is let in.
    assert np.abs(learn_priors(poison).prior(asked).scores - learn_priors(clean).prior(asked).scores).max() > 0.1


@given(seed=st.integers(0, 1000), pseudo=st.floats(0.01, 1e6), data=st.data())
@settings(max_examples=30, deadline=None)
def test_bounds(forty, seed, pseudo, data):
    priors = learn_priors(forty, [f"u{(seed + i) % 40:03}" for i in range(seed % 30)], pseudo, pseudo)
    asked = {
        signal: data.draw(st.sampled_from(list(values)))
        for signal, values in priors.groups().items()
        if data.draw(st.booleans())
    }
    prior = priors.prior(asked)
    assert prior.scores.min() >= 0 and prior.scores.max() == pytest.approx(1)
    total = np.log2(priors.base, where=priors.base > 0, out=np.full(6, -np.inf)) + sum(prior.lifts.values())
    order = np.argsort(-total, kind="stable")
    assert (np.diff(prior.scores[order]) <= 1e-12).all()  # monotone in s
    assert all(np.isfinite(lift).all() for lift in prior.lifts.values())


def test_what_is_not_known_is_a_sentence(with_people, nobody):
    priors = learn_priors(with_people())
    with pytest.raises(InvalidInput, match="gender is “X”. It can be: F, M"):
        priors.prior({"gender": "X"})
    with pytest.raises(InvalidInput, match="no signal “device”.*There is: age, gender"):
        priors.prior({"device": "phone"})
    with pytest.raises(InvalidInput, match="no interactions"):
        learn_priors(nobody)
    assert "Device and country" in NO_DATA


def test_people_of_whom_nothing_is_known(with_people):
    priors = learn_priors(with_people(users=None))
    assert priors.groups() == {} and priors.base[APPLE] == 0.5
    with pytest.raises(InvalidInput):
        priors.prior({"gender": "F"})


def test_an_empty_shop_of_people(with_people):
    everybody = USERS.index.tolist()
    priors = learn_priors(with_people(), everybody)
    assert priors.people == 0 and not priors.prior({"gender": "M"}).scores.any()
    assert priors.prior({"gender": "M"}).counts == {"gender": 0}


def test_ages_and_hours():
    assert [age_band(a) for a in (17.9, 18, 24, 25, 55, 99)] == [
        *("under 18", "18-24", "18-24", "25-34", "55 and over", "55 and over")
    ]
    assert age_band(float("nan")) is None
    assert context_of(FRIDAY, "Pacific") == {"time": "morning", "weekend": "no"}
    assert context_of(FRIDAY + 86_400, "New England") == {"time": "morning", "weekend": "yes"}
    # Saturday, 03:00 UTC is still Friday evening in the west.
    assert context_of(FRIDAY + 11 * 3600, "Pacific") == {"time": "evening", "weekend": "no"}
    assert context_of(FRIDAY, "Canada") == context_of(FRIDAY, None) == {}


def test_signals_of_a_known_user(with_people):
    version = with_people()
    assert signals_of(version, "ann") == {"age": "18-24", "gender": "F", "occupation": "artist", "region": "Pacific"}
    assert signals_of(version, "dan") == {"gender": "M", "region": "Canada"}
    with pytest.raises(InvalidInput, match="nobody called “eve”"):
        signals_of(version, "eve")


def test_strengths(with_people):
    document = strengths(with_people(*many(40)), users=(1, 1e9), likes=(1e9,))
    without, weak, strong = (row["bits"] for row in document["pseudo_users"])
    assert strong == pytest.approx(without, abs=1e-3) and weak != without  # an endless prior is no signal at all
    first, last = document["pseudo_likes"]
    assert first["pseudo"] is None and last["bits"] == pytest.approx(first["bits"], abs=0.05)
    assert 1 < without < np.log2(6) + 1


def test_the_ratings_are_left_as_they_were(with_people):
    version = with_people()
    learn_priors(version, ["ann"])
    pd.testing.assert_frame_equal(version.catalog.interactions, RATINGS, check_dtype=False)
