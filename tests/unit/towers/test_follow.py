"""Points that are kept up to date item by item: after anything that is said they are what the tower itself makes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_shop import HALF, IDS, N, shop_of

from recsys.errors import UnknownItem
from recsys.models import create
from recsys.profile import Profile
from recsys.towers.content import ContentTower, Sum
from recsys.towers.learned import FactorTower, TwoTowerTower

BASES = (
    Profile(),
    Profile(likes=("i01", "i07"), dislikes=("i04",)),
    Profile(person="p3"),
    Profile(likes=("i02",), person="p5", wish="words", categories=("a",), about=(("age", "25-34"),)),
)


@pytest.fixture(scope="module")
def version(make_version):
    return shop_of(make_version)


def towers(version) -> dict:
    def wish(profile):
        return {"text": np.eye(HALF)[0], "image": np.eye(HALF)[1]}

    return {
        "text": ContentTower(version, "text", 0.5, wish),
        "image": ContentTower(version, "image", 0.5, wish),
        "blend": ContentTower(version, "blend", 0.3, wish),
        "words only": ContentTower(version, "blend", 1.0, wish),
        "mf": FactorTower(version, "mf", version.models["mf"]),
        "mf, alpha 1": FactorTower(version, "mf", lightly(version.models["mf"])),
        "two_tower": TwoTowerTower(version, "two_tower", version.models["two_tower"]),
    }


def lightly(model):
    """The same vectors as if all that is rated had been wanted no more surely than what is not."""
    other = create("als", **{**model.settings, "alpha": 1.0})
    return other.restore(model.state(), None)


def say(profile: Profile, kind: str, item_id: str) -> Profile:
    return {"like": profile.liking, "dislike": profile.disliking, "undo": profile.without}[kind](item_id)


said = st.lists(st.tuples(st.sampled_from(["like", "dislike", "undo"]), st.sampled_from(IDS)), max_size=25)


@pytest.mark.parametrize("name", ["text", "image", "blend", "words only", "mf", "mf, alpha 1", "two_tower"])
@given(base=st.sampled_from(BASES), events=said)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_what_the_tower_makes(version, name, base, events):
    tower = towers(version)[name]
    running, profile = tower.follow(base), base
    for kind, item_id in events:
        profile = say(profile, kind, item_id)
        running = running.hearing(profile, item_id)
    assert running.profile == profile
    fresh, kept = tower.query(profile), running.query()
    if fresh is None or kept is None:
        assert fresh is kept is None
        return
    np.testing.assert_allclose(kept.vector, fresh.vector, atol=1e-9)
    assert list(kept.parts) == list(fresh.parts)
    for part in fresh.parts:
        np.testing.assert_allclose(kept.parts[part], fresh.parts[part], atol=1e-9)


@pytest.mark.parametrize("name", ["text", "mf", "two_tower"])
def test_what_is_heard_leaves_the_old_one_as_it_was(version, name):
    """Two tabs may go on from one point: neither sees what the other one said."""
    running = towers(version)[name].follow(BASES[1])
    before = running.query().vector.copy()
    one = running.hearing(BASES[1].liking("i20"), "i20").query().vector
    other = running.hearing(BASES[1].liking("i21"), "i21").query().vector
    np.testing.assert_array_equal(running.query().vector, before)
    assert not np.allclose(one, other) and not np.allclose(one, before)


def test_sums_by_hand():
    total = Sum.of(np.array([[1, 2], [3, 4]], dtype=np.float32))
    assert (total.total.tolist(), total.count, total.mean.tolist()) == ([4, 6], 2, [2, 3])
    assert total.plus(np.array([2, 0], dtype=np.float32), 1).mean.tolist() == [2, 2]
    assert total.plus(np.array([3, 4]), -1).mean.tolist() == [1, 2]
    assert total.plus(np.array([9, 9]), 0) is total
    assert total.total.dtype == np.float64 and Sum.of(np.empty((0, 2))).mean is None


def test_rounding_that_is_left_of_nothing_is_no_taste(version):
    """0.1 + 0.2 - 0.1 - 0.2 is not 0 in a computer; somebody who took everything back has no point."""
    for name, tower in towers(version).items():
        running, profile = tower.follow(Profile()), Profile()
        for item_id in IDS[:8]:
            profile = profile.liking(item_id)
            running = running.hearing(profile, item_id)
        for item_id in IDS[:8]:
            profile = profile.without(item_id)
            running = running.hearing(profile, item_id)
        assert running.query() is None, name


def test_a_long_way_is_as_exact(version):
    """Two thousand changes of mind: rounding does not grow to what could change a list."""
    draw = np.random.default_rng(0)
    for name, tower in towers(version).items():
        running, profile = tower.follow(BASES[1]), BASES[1]
        for _ in range(2000):
            kind, item_id = ("like", "dislike", "undo")[draw.integers(3)], IDS[draw.integers(N)]
            profile = say(profile, kind, item_id)
            running = running.hearing(profile, item_id)
        fresh = tower.query(profile)
        np.testing.assert_allclose(running.query().vector, fresh.vector, atol=1e-9, err_msg=name)


def test_an_item_that_is_not_there(version):
    for tower in towers(version).values():
        with pytest.raises(UnknownItem):
            tower.follow(Profile()).hearing(replace(Profile(), likes=("nothing",)), "nothing")
        assert tower.follow(Profile()).how
