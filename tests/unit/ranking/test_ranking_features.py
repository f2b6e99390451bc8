"""Features by hand, and that a row is the same whoever stands beside it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from ranking_people import START, side, store, train

from recsys.ranking.features import FEATURES, GRID, LIFT_PRIOR, PERIOD_PRIOR, Person, _grid, learned_tables
from recsys.ratings import one_person

A, B, C, D, E = range(5)
ALL = np.arange(5)
ANN = np.array([0])
NOTHING = np.empty(0, dtype=np.int64)


def told(person: Person, own=None) -> dict[str, np.ndarray]:
    return dict(zip(FEATURES, (own or store()).features(person, ALL).T, strict=True))


def ann() -> Person:
    return store().known(train().of(ANN))


def test_what_is_known_of_ann():
    person = ann()
    assert person.history.tolist() == [A, C] and person.likes.tolist() == [A] and person.dislikes.tolist() == [C]
    assert person.moment == START  # of two the earlier
    assert person.facts == {"gender": "F", "region": "Pacific", "time": "evening", "weekend": "no"}


def test_scores_of_models():
    found, own = told(ann()), store()
    # Vectors of a to e are (1,0), (2,0), (0,1), (1,1), 0; a, b, c are rated. Her point by `als` is (1, 1).
    dots = np.array([1, 2, 1, 2, 0])
    rated = dots[:3]
    np.testing.assert_allclose(found["als"], (dots - rated.mean()) / rated.std(), rtol=1e-12)
    dots = np.array([2, 4, 2, 4, 0])  # by the network (2, 2)
    np.testing.assert_allclose(found["two_tower"], (dots - dots[:3].mean()) / dots[:3].std(), rtol=1e-12)
    weights = own.state["weights"]
    total = weights[A] + weights[C]
    np.testing.assert_allclose(found["together"], (total - total[:3].mean()) / total[:3].std(), rtol=1e-5)
    np.testing.assert_array_equal(found["strongest"], np.maximum(weights[A], weights[C]))


def test_the_network_is_told_who_she_is():
    own = store()
    told(ann(), own)
    (asked,) = own._two_tower.asked
    assert asked == ([A, C], dict(ann().facts), float(START))


def test_likeness():
    found, s = told(ann()), np.sqrt(0.5)
    step = 1.5 / GRID  # vectors lie on the grid to within one step
    np.testing.assert_allclose(found["content"], [s, s, s, 1.4 * s, 0], atol=step)
    np.testing.assert_allclose(found["nearest_like"], [1, 1, 0, 0.6, 0], atol=step)
    np.testing.assert_array_equal(found["mean_like"], found["nearest_like"])
    np.testing.assert_allclose(found["nearest_dislike"], [0, 0, 1, 0.8, 0], atol=step)
    np.testing.assert_allclose(found["nearest_rated"], [1, 1, 1, s, 0], atol=step)


def test_habits():
    found = told(ann())
    # Half her history is in x, half in y; of all six ratings three are (a, a, b) in x, and three (c) in y.
    np.testing.assert_allclose(found["categories"], 0)
    np.testing.assert_allclose(found["categories_liked"], [0.5, 0.5, -0.5, 0, 0])
    counts = np.array([2, 1, 3, 0, 0]) + 0.5
    popularity = np.log(counts / counts.mean())
    np.testing.assert_allclose(found["popularity"], popularity)
    np.testing.assert_allclose(found["popularity_gap"], popularity - popularity[[A, C]].mean())
    mean = 23 / 6
    np.testing.assert_allclose(found["esteem"], [(9 - 2 * mean) / 12, (4 - mean) / 11, (10 - 3 * mean) / 13, 0, 0])
    np.testing.assert_allclose(found["history"], np.log(3))
    np.testing.assert_allclose(found["age"][:4], 1997.886 - np.array([1990, 1990, 1994, 1998]), atol=2e-3)
    assert np.isnan(found["age"][E])


def test_years():
    """She rated 1990 and 1994, half each; all did, half each: no item's year suits her more than anybody."""
    np.testing.assert_allclose(told(ann())["year_match"][:4], 0, atol=1e-15)
    bob = told(store().known(train().of(np.array([1]))))["year_match"]  # two of 1990, one of 1994
    near = np.exp(-1.0)  # four years apart
    np.testing.assert_allclose(bob[[A, C]], [(1 - near) / 6, (near - 1) / 6])
    assert np.isnan(bob[E])


def test_times():
    """Forty days in three periods: days 0 and 10 are in the first, day 40 in the last."""
    found = told(ann())
    np.testing.assert_allclose(found["known_days"][:3], [1, -9, 0])
    np.testing.assert_allclose(found["gone_days"][:3], [0, 10, 40])
    assert np.isnan(found["known_days"][D]) and (found["active_days"] == 1).all()
    share = 5 / 6  # of all ratings in the first period, where all of hers are
    lift = [np.log((n + PERIOD_PRIOR * share) / ((total + PERIOD_PRIOR) * share)) for n, total in ((2, 2), (2, 3))]
    np.testing.assert_allclose(found["in_period"][[A, C]], lift)


def test_facts():
    """Two of a's ratings: one by a woman, who gave two of six."""
    found = told(ann())
    q = 2.5 / 8.5
    np.testing.assert_allclose(found["by_gender"][A], np.log((1 + LIFT_PRIOR * q) / (2 + LIFT_PRIOR) / q))
    assert np.isnan(found["by_age"]).all()  # no such column


def test_nobody_has_no_features_but_the_items():
    found = told(Person(NOTHING, NOTHING, NOTHING))
    known = {name for name, values in found.items() if np.isfinite(values).any()}
    assert known == {"age", "popularity", "esteem", "history"}


def test_a_newcomer_with_likes_and_facts():
    found = told(Person([A], [A], [C], facts={"gender": "F", "region": "Atlantis"}))
    assert np.isfinite(found["als"]).all() and np.isfinite(found["by_gender"]).all()
    for unknown in ("in_period", "known_days", "active_days", "by_region", "by_time"):
        assert np.isnan(found[unknown]).all()
    np.testing.assert_array_equal(found["nearest_dislike"], told(ann())["nearest_dislike"])


def test_facts_of_the_store():
    own = store()
    assert own.facts("cy", START) == {"gender": "M"}  # no region, so no hour
    assert own.facts("bob", 0) == {"gender": "M", "region": "Pacific"}
    assert own.facts(None, START) == own.facts("zoe", START) == {}


def test_the_order_of_a_history_changes_nothing():
    one = told(Person([A, C, B], [B, A], [C], [5, 3]))
    other = told(Person([B, A, C], [A, B], [C], [3, 5]))
    for name in FEATURES:
        np.testing.assert_array_equal(one[name], other[name])


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=9))
def test_a_row_is_the_same_in_any_company(rows):
    own, person = store(), ann()
    table = own.features(person, ALL)
    np.testing.assert_array_equal(own.features(person, np.array(rows)), table[rows])


def test_sums_on_the_grid_are_exact():
    """Products of vectors on the grid in float32 and in whole numbers: the same, in whatever order they are summed."""
    rng = np.random.default_rng(0)
    grid = _grid(rng.normal(size=(300, 384)))
    exact = grid.astype(np.int64) @ grid.astype(np.int64).T
    np.testing.assert_array_equal(grid @ grid.T, exact)
    assert exact.max() <= GRID**2 <= 2**24


def test_no_row_at_all():
    assert store().features(ann(), NOTHING).shape == (0, len(FEATURES))


def test_ratings_within_a_minute_tell_nothing_by_their_moment():
    tables = learned_tables(one_person([0, 1], 5, moment=START), side())
    assert len(tables["edges"]) == 0 and np.isnan(tables["first"]).all()
