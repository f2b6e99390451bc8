"""One suite for every ranker: what it must learn, and what must not change anything."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from recsys.errors import CatalogError, InvalidInput
from recsys.ranking import RANKERS, create, load_ranker, packed, ranker_bytes, read_about
from recsys.ranking.examples import Examples
from recsys.ranking.features import FEATURES

SMALL = {
    "gbdt": {"trees": 40, "min_rows": 20, "l2": 1.0},
    "dnn": {"epochs": 15, "lists": 4, "lr": 0.01, "members": 2, "hidden": 8},
}
"""Settings for a few dozen lists; the defaults are for a thousand."""
PLANTED = list(FEATURES).index("age")
LISTS, ROWS = 60, 30


def planted(seed: int = 0, holes: float = 0.1) -> Examples:
    """Lists of noise in which the five rows with the lowest `age` are what was rated; a tenth is unknown."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(LISTS, ROWS, len(FEATURES)))
    labels = np.argsort(np.argsort(table[:, :, PLANTED], axis=1), axis=1) < 5
    gaps = rng.random(table.shape) < holes
    gaps[:, :, PLANTED] = False
    table[gaps] = np.nan
    return Examples(table.reshape(-1, len(FEATURES)), labels.ravel(), np.full(LISTS, ROWS))


@pytest.fixture(scope="module", params=RANKERS)
def ranker(request):
    return create(request.param, **SMALL[request.param]).fit(planted())


def test_the_planted_rule(ranker):
    """On lists that it has not seen, four of the five best are of those that were planted."""
    fresh = planted(seed=1)
    scores = ranker.scores(fresh.features).reshape(LISTS, ROWS)
    best = np.argsort(-scores, axis=1)[:, :5]
    assert np.take_along_axis(fresh.labels.reshape(LISTS, ROWS), best, axis=1).mean() > 0.8
    shares = ranker.importance()
    assert next(iter(shares)) == "age" and shares["age"] > 0.4


def test_importance_is_shares_of_all_features(ranker):
    shares = ranker.importance()
    assert set(shares) == set(FEATURES) and sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True) and min(shares.values()) >= 0


def test_a_batch_gives_what_its_members_give(ranker):
    rows = planted(seed=2).features[:20]
    alone = np.concatenate([ranker.scores(row[None]) for row in rows])
    np.testing.assert_allclose(ranker.scores(rows), alone, rtol=1e-9, atol=1e-12)
    assert ranker.scores(rows).dtype == np.float64 and ranker.scores(rows[:0]).shape == (0,)


def test_contributions_sum_to_the_score(ranker):
    rows = planted(seed=3).features[:50]
    parts = ranker.contributions(rows)
    assert parts.shape == (50, len(FEATURES) + 1)
    np.testing.assert_allclose(parts.sum(axis=1), ranker.scores(rows), rtol=1e-9, atol=1e-9)
    assert ranker.contributions(rows[:0]).shape == (0, len(FEATURES) + 1)


def test_contributions_name_the_planted_rule(ranker):
    """A row that is young in everything else average: `age` adds the most, and more than it adds to an old one."""
    rows = np.zeros((2, len(FEATURES)))
    rows[:, PLANTED] = -2, 2
    young, old = ranker.contributions(rows)
    assert np.argmax(young[:-1]) == PLANTED and young[PLANTED] > 0 > old[PLANTED]


def test_many_threads_at_once(ranker):
    """As visitors come: a ranker that nobody has asked yet, read and asked by eight at the same time."""
    rows = planted(seed=5).features[:200]
    fresh = create(ranker.name).restore(ranker.state())
    with ThreadPoolExecutor(8) as pool:
        for scores in pool.map(lambda _: fresh.scores(rows), range(40)):
            np.testing.assert_array_equal(scores, ranker.scores(rows))


def test_nothing_known_at_all(ranker):
    assert np.isfinite(ranker.scores(np.full((3, len(FEATURES)), np.nan))).all()


def test_saved_loaded_and_asked_again(ranker, tmp_path):
    file, rows = tmp_path / "ranker.npz", planted(seed=4).features
    file.write_bytes(ranker_bytes(ranker, note="here"))
    again = load_ranker(file)
    assert again.name == ranker.name and again.settings == ranker.settings and read_about(file)["note"] == "here"
    np.testing.assert_array_equal(again.scores(rows), ranker.scores(rows))
    np.testing.assert_array_equal(again.contributions(rows[:9]), ranker.contributions(rows[:9]))
    assert again.importance() == ranker.importance()


def test_the_same_seed_learns_the_same(ranker):
    again = create(ranker.name, **SMALL[ranker.name]).fit(planted())
    for key, array in ranker.state().items():
        np.testing.assert_array_equal(again.state()[key], array)
    other = create(ranker.name, **SMALL[ranker.name], seed=5).fit(planted())
    assert (other.scores(planted().features) != ranker.scores(planted().features)).any()


def test_a_damaged_file_is_a_sentence(ranker, tmp_path):
    """One bit in the middle, where no format would notice it; then a torn file, an empty one and none."""
    file = tmp_path / "ranker.npz"
    whole = ranker_bytes(ranker)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for content in (bytes(flipped), whole[:-100], b"", b"no"):
        file.write_bytes(content)
        with pytest.raises(CatalogError, match="cannot be read"):
            load_ranker(file)
    file.unlink()
    with pytest.raises(CatalogError, match="cannot be read"):
        load_ranker(file)


def test_a_file_of_other_features_is_refused(ranker, tmp_path):
    file = tmp_path / "ranker.npz"
    file.write_bytes(packed({"ranker": ranker.name, "settings": ranker.settings, "features": ["x"]}, ranker.state()))
    with pytest.raises(CatalogError, match="another release"):
        load_ranker(file)
    file.write_bytes(packed({"features": list(FEATURES)}, {}))
    with pytest.raises(CatalogError, match="no ranker"):
        load_ranker(file)


def test_an_unknown_ranker_and_an_unknown_setting():
    with pytest.raises(InvalidInput, match="no ranker"):
        create("crystal-ball")
    with pytest.raises(InvalidInput, match="does not take"):
        create("gbdt", wisdom=3)
