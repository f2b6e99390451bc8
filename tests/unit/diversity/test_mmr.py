"""MMR against hand-computed lists and against a reference without NumPy tricks."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.diversity.greedy import Sweep, Task
from recsys.diversity.mmr import TIE, mmr, mmr_sweep
from recsys.diversity.screen import screened

LAMS = (0.0, 0.3, 0.5, 0.7, 1.0)


def by_screen(relevance, vectors, k, lams) -> Sweep:
    """As `mmr_sweep` for one lambda, by the other way."""
    return screened("mmr", Task.checked(relevance, np.asarray(vectors, dtype=np.float32), None, k, lams))


BOTH_WAYS = pytest.mark.parametrize("choose", [mmr_sweep, by_screen])


def reference(relevance, vectors, k, lam) -> list[int]:
    """The definition, read aloud: similarity of every pair, then one pick after the other."""
    relevance = [float(r) for r in relevance]
    gram = np.asarray(vectors, dtype=np.float64) @ np.asarray(vectors, dtype=np.float64).T
    picked: list[int] = []
    while len(picked) < min(k, len(relevance)):
        rest = [i for i in range(len(relevance)) if i not in picked]
        if picked:
            totals = {i: lam * relevance[i] - (1 - lam) * max(gram[i, j] for j in picked) for i in rest}
        else:
            totals = {i: relevance[i] for i in rest}
        best = max(totals.values())
        picked.append(min((i for i in rest if totals[i] >= best - TIE), key=lambda i: (-relevance[i], i)))
    return picked


def candidates(seed: int, n: int, d: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors with duplicates and zero vectors among them, and relevance with ties."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, d)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[rng.random(n) < 0.2] = vectors[:1]
    vectors[rng.random(n) < 0.1] = 0
    return np.round(rng.normal(size=n), rng.integers(1, 7)), vectors


@BOTH_WAYS
def test_by_hand(choose):
    # Similarities: a-b 0.8, a-c 0, a-d -0.6; b-c 0.6, b-d 0; c-d 0.8.
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1], [-0.6, 0.8]])
    relevance = np.array([0.9, 0.85, 0.5, 0.1])
    # lam 0.5, after a: b 0.425 - 0.4 = 0.025; c 0.25 - 0 = 0.25; d 0.05 + 0.3 = 0.35.
    # After a, d: b 0.025; c 0.25 - 0.4 = -0.15.
    sweep = choose(relevance, vectors, 3, [0.5])
    assert sweep.picks.tolist() == [[0, 3, 1]]
    np.testing.assert_allclose(sweep.totals, [[0.45, 0.35, 0.025]], atol=1e-7)
    np.testing.assert_allclose(sweep.penalties, [[0, -0.3, 0.4]], atol=1e-7)
    assert sweep.rivals.tolist() == [[-1, 0, 0]]
    # lam 0.8, after a: b 0.68 - 0.16 = 0.52; c 0.4; d 0.08 + 0.12 = 0.2. After a, b: c 0.4 - 0.12 = 0.28; d 0.08 - 0.
    sweep = choose(relevance, vectors, 3, [0.8])
    assert sweep.picks.tolist() == [[0, 1, 2]]
    np.testing.assert_allclose(sweep.totals, [[0.72, 0.52, 0.28]], atol=1e-7)
    assert sweep.rivals.tolist() == [[-1, 0, 1]]


@BOTH_WAYS
def test_the_first_pick_is_the_most_relevant_even_for_pure_novelty(choose):
    relevance, vectors = np.array([0.1, 0.9, 0.5]), np.eye(3)
    assert choose(relevance, vectors, 3, [0.0]).picks.tolist() == [[1, 2, 0]]  # all equally new: relevance decides


def test_ties_go_to_the_more_relevant_and_then_to_the_first():
    same = np.ones((4, 1))
    assert mmr(np.array([0.5, 0.7, 0.7, 0.5]), same, 4, 1.0).tolist() == [1, 2, 0, 3]
    assert mmr(np.array([0.5, 0.7, 0.7, 0.5]), same, 4, 0.0).tolist() == [1, 2, 0, 3]
    # After the first, candidate 2 is newer by less than TIE, so the more relevant candidate 1 wins; by more, it loses.
    for gap, second in ((0.4e-6, 1), (3e-6, 2)):
        vectors = np.array([[1.0, 0, 0], [0.5, 1, 0], [0.5 - gap, 0, 1]])
        assert mmr(np.array([0.9, 0.3, 0.2]), vectors, 2, 0.0).tolist() == [0, second]


@BOTH_WAYS
@given(st.integers(0, 10_000), st.integers(0, 8), st.integers(0, 10), st.sampled_from(LAMS))
def test_each_pick_is_the_best_that_was_left(choose, seed, n, k, lam):
    relevance, vectors = candidates(seed, n, d=3)
    sweep = choose(relevance, vectors, k, [lam])
    picks = sweep.picks[0].tolist()
    assert len(set(picks)) == len(picks) == min(n, k)
    gram = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    for step, pick in enumerate(picks):
        chosen = picks[:step]

        def penalty(i: int, chosen=chosen) -> float:
            return (1 - lam) * max((gram[i, j] for j in chosen), default=0.0)

        total = lam * relevance[pick] - penalty(pick)
        assert sweep.totals[0, step] == pytest.approx(total)
        assert sweep.penalties[0, step] == pytest.approx(penalty(pick))
        rest = [i for i in range(n) if i not in chosen]
        if chosen:
            assert all(total >= lam * relevance[i] - penalty(i) - 2 * TIE for i in rest)
            rival = sweep.rivals[0, step]
            assert rival in chosen and gram[pick, rival] == pytest.approx(max(gram[pick, j] for j in chosen))
        else:
            assert relevance[pick] == max(relevance)
            assert sweep.rivals[0, step] == -1


@BOTH_WAYS
@pytest.mark.parametrize("seed", range(8))
def test_equals_the_reference_on_300_candidates(choose, seed):
    relevance, vectors = candidates(seed, 300)
    for lam in LAMS:
        assert choose(relevance, vectors, 12, [lam]).picks[0].tolist() == reference(relevance, vectors, 12, lam)


@given(st.integers(0, 10_000), st.integers(1, 40))
def test_lam_1_is_the_plain_order_exactly(seed, n):
    rng = np.random.default_rng(seed)
    relevance = 0.5 + np.round(rng.normal(size=n), 1) * 1e-7  # all within a tie of each other
    assert mmr(relevance, rng.normal(size=(n, 3)), n, 1.0).tolist() == np.argsort(-relevance, kind="stable").tolist()


def test_the_rival_is_the_first_of_equals():
    rng = np.random.default_rng(0)
    same = np.tile(rng.normal(size=(1, 50)), (6, 1)) + rng.normal(size=(6, 50)) * 1e-12
    sweep = mmr_sweep(np.array([5, 9, 8, 7, 6, 1.0]), same / np.linalg.norm(same[0]), 5, [0.5, 1.0])
    assert sweep.picks.tolist() == [[1, 2, 3, 4, 0]] * 2
    assert sweep.rivals.tolist() == [[-1, 1, 1, 1, 1]] * 2


@BOTH_WAYS
def test_lam_0_goes_to_the_least_alike(choose):
    angles = np.radians([0, 10, 170, 90])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)])
    # From 0 degrees: 170 is least alike, then 90 (cos 80 = .17 against cos 10 = .98).
    assert choose(np.array([1, 0.9, 0.1, 0.1]), vectors, 4, [0.0]).picks.tolist() == [[0, 2, 3, 1]]


@pytest.mark.parametrize("seed", range(4))
def test_a_sweep_equals_single_calls(seed):
    relevance, vectors = candidates(seed, 200, d=20)
    lams = np.linspace(0, 1, 101)
    sweep = mmr_sweep(relevance, vectors, 10, lams)
    for i, lam in enumerate(lams):
        single = mmr_sweep(relevance, vectors, 10, [lam])
        assert sweep.picks[i].tolist() == single.picks[0].tolist() == mmr(relevance, vectors, 10, lam).tolist()
        np.testing.assert_allclose(sweep.totals[i], single.totals[0], atol=1e-12)
        np.testing.assert_allclose(sweep.penalties[i], single.penalties[0], atol=1e-12)
        assert sweep.rivals[i].tolist() == single.rivals[0].tolist()


@pytest.mark.parametrize("seed", range(4))
def test_the_width_of_the_input_does_not_decide(seed):
    relevance, vectors = candidates(seed, 100)
    for lam in LAMS:
        assert mmr(relevance, vectors, 10, lam).tolist() == mmr(relevance, vectors.astype(np.float64), 10, lam).tolist()


@BOTH_WAYS
def test_a_longer_list_begins_with_the_shorter_one(choose):
    relevance, vectors = candidates(3, 30)
    lists = [choose(relevance, vectors, k, [0.4]).picks[0].tolist() for k in range(32)]
    assert all(longer[: len(shorter)] == shorter for shorter, longer in pairwise(lists))
    assert [len(found) for found in lists] == [*range(31), 30]


@pytest.mark.parametrize(("n", "k"), [(0, 5), (0, 0), (3, 0)])
def test_nothing_to_pick(n, k):
    sweep = mmr_sweep(np.zeros(n), np.zeros((n, 2)), k, [0.2, 0.8])
    assert sweep.picks.shape == sweep.totals.shape == sweep.penalties.shape == sweep.rivals.shape == (2, 0)


def test_more_asked_for_than_there_is():
    assert sorted(mmr(np.array([1.0, 2.0]), np.eye(2), 10, 0.5)) == [0, 1]


@pytest.mark.parametrize("lam", [-0.01, 1.01, 7, float("nan"), float("inf")])
def test_bad_lam(lam):
    with pytest.raises(ValueError, match="lam"):
        mmr(np.zeros(2), np.eye(2), 1, lam)


def test_bad_arguments():
    with pytest.raises(ValueError, match="k of 0 or more"):
        mmr(np.zeros(2), np.eye(2), -1, 0.5)
    with pytest.raises(ValueError, match="a vector for each of 2"):
        mmr(np.zeros(2), np.eye(3), 1, 0.5)
    for value in (np.nan, -np.inf, np.inf):
        with pytest.raises(ValueError, match="finite"):
            mmr(np.array([1.0, value]), np.eye(2), 1, 0.0)


def test_the_input_is_left_alone():
    relevance, vectors = candidates(1, 20)
    copies = relevance.copy(), vectors.copy()
    relevance.setflags(write=False)
    vectors.setflags(write=False)
    mmr_sweep(relevance, vectors, 5, LAMS)
    assert (relevance == copies[0]).all() and (vectors == copies[1]).all()
