"""The screened choice against the plain greedy one, which looks at everybody in float64."""

import numpy as np
import pytest

from recsys.diversity import METHODS, diversify, screen, watch
from recsys.diversity.greedy import TIE, Sweep, Task, sweep
from recsys.diversity.screen import SCREENS, can_screen, screened

LAMS = (0.0, 0.1, 0.5, 0.9, 0.999, 1.0)
CASES = 300
WINDOWS = {"narrow": 2 * TIE, "usual": screen.WINDOW, "everybody": 1e9}


def vectors_of(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Unit vectors, some of other lengths, or in clusters, with duplicates and zero vectors among them: float32."""
    vectors = rng.normal(size=(n, d))
    kind = rng.integers(4)
    if kind == 1:
        vectors = rng.normal(size=(5, d))[rng.integers(5, size=n)] + rng.choice([0.5, 0.1, 0.03]) * vectors
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    if kind == 2:
        vectors *= np.exp(rng.normal(size=(n, 1)))
    if kind == 3:
        vectors += 2 * vectors[:1]  # all much alike, and longer than 1
    vectors[rng.random(n) < rng.choice([0, 0.2])] = vectors[0]
    vectors[rng.random(n) < rng.choice([0, 0.1])] = 0
    return vectors.astype(np.float32)


def relevance_of(rng: np.random.Generator, n: int) -> np.ndarray:
    """Spread out, in exact ties, in near ones (some 1e-6 apart), or a ranker's, large and negative."""
    relevance = rng.normal(size=n)
    match rng.integers(4):
        case 0:
            return relevance
        case 1:
            return np.round(relevance, rng.integers(0, 3))
        case 2:
            return 0.5 + np.round(relevance, 1) + 1.5 * TIE * rng.normal(size=n)
    return 30 * relevance - 100


def any_task(seed: int) -> Task:
    rng = np.random.default_rng(seed)
    n, d = int(rng.choice([1, 2, 7, 40, 150, 400])), int(rng.choice([1, 3, 20, 70]))
    k = int(rng.choice([1, 5, 12, n] if n < 100 else [1, 5, 12, 30]))
    lam = float(rng.choice([*LAMS, rng.random()]))
    return Task.checked(relevance_of(rng, n), vectors_of(rng, n, d), None, k, [lam])


def like_the_bench(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Relevance and unit vectors."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((n, d), dtype=np.float32)
    return np.sort(rng.random(n))[::-1], vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def assert_same(method: str, task: Task, hint: object = "") -> Sweep:
    """That both ways give one list; returns it."""
    found, expected = screened(method, task), sweep(METHODS[method](task), task)
    for name in ("picks", "fillers", "rivals"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist(), (hint, name)
    for name in ("penalties", "totals"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=1e-12, atol=1e-12 if method == "mmr" else 1e-9
        )
    return found


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("method", SCREENS)
def test_it_gives_what_the_plain_choice_gives(method, window, monkeypatch):
    monkeypatch.setattr(screen, "WINDOW", WINDOWS[window])
    filled = sum(assert_same(method, any_task(seed), seed).fillers.any() for seed in range(CASES))
    assert (filled > 20) == (method == "dpp")


@pytest.mark.parametrize("method", SCREENS)
def test_nobody_exceeds_the_bound(method):
    """`least` against the penalties themselves, with no allowance, for everybody and at every length of the list."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n, d = 60, int(rng.choice([1, 3, 20, 768]))
        vectors = vectors_of(rng, n, d) * np.float32(rng.choice([1e-3, 1, 1e3]))
        rule = SCREENS[method](Task.checked(np.zeros(n), vectors, None, 12, [rng.choice([0, 0.5, 0.99])]))
        for place in range(12):
            penalties = rule.penalties(np.arange(n))
            assert (rule.least() <= penalties).all(), (seed, place)
            if np.isinf(penalties).all():
                break
            rule.add(rng.choice(np.flatnonzero(penalties < np.inf)))


@pytest.mark.parametrize("method", SCREENS)
@pytest.mark.parametrize("d", [384, 768])
def test_few_are_looked_at_in_float64(method, d, monkeypatch):
    looks: list[int] = []

    class Counted(SCREENS[method]):
        def penalties(self, rows):
            looks.append(len(rows))
            return super().penalties(rows)

    monkeypatch.setitem(SCREENS, method, Counted)
    relevance, vectors = like_the_bench(1000, d)
    assert_same(method, Task.checked(relevance, vectors, None, 10, [0.5]))
    assert sum(looks) < 100 and len(looks) < 20


def test_float64_decides_what_float32_cannot_tell():
    """1 is more relevant, but 2 newer, and ahead by so little; up to TIE, 1 wins."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        a, b, c = np.linalg.qr(rng.normal(size=(768, 3)))[0].T
        vectors = np.array([a, 0.9 * a + np.sqrt(0.19) * b, 0.89 * a + 0.46 * c]).astype(np.float32)
        _, alike_1, alike_2 = vectors.astype(np.float64) @ vectors[0].astype(np.float64)
        for gap, second in ((0.9 * TIE, 1), (1.1 * TIE, 2)):
            relevance = np.array([2, 1, 1 + alike_2 - alike_1 + 2 * gap])
            assert relevance[2] < relevance[1]
            found = assert_same("mmr", Task.checked(relevance, vectors, None, 2, [0.5]))
            assert found.picks.tolist() == [[0, second]]


def test_a_tie_may_lie_below_the_window(monkeypatch):
    """1 is best; 2 is more relevant and ties with it, but lies just below what the first look in float64 reaches."""
    vectors = np.array([[1, 0], [-0.01, 100], [0, 0]], dtype=np.float32)  # 1 is long, so its bound is loose; 2's is not
    relevance = np.array([2, 1, 1.01 - 1.5 * TIE])
    best = 0.5 * 1 - 0.5 * float(vectors[1, 0])
    task = Task.checked(relevance, vectors, None, 2, [0.5])
    rule = SCREENS["mmr"](task)
    rule.add(0)
    loose = 0.5 * 1 - rule.least()[1] - best
    assert loose > 10 * TIE
    monkeypatch.setattr(screen, "WINDOW", loose + 0.5 * TIE)
    assert assert_same("mmr", task).picks.tolist() == [[0, 2]]


def test_directions_stay_orthonormal():
    """Vectors that are nearly the same, where Gram-Schmidt loses its way unless done twice."""
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=50) + 1e-4 * rng.normal(size=(30, 50))).astype(np.float32)
    rule = SCREENS["dpp"](Task.checked(np.zeros(30), vectors, None, 30, [0.5]))
    for pick in range(30):
        rule.add(pick)
    np.testing.assert_allclose(rule.directions @ rule.directions.T, np.eye(30), atol=1e-13)


def test_many_who_are_refused_stand_first():
    """Duplicates of the first pick lead by relevance at theta near 1, and float32 cannot see that they are refused."""
    relevance, vectors = like_the_bench(500, 50)
    vectors[:300] = vectors[0]
    found = assert_same("dpp", Task.checked(relevance, vectors, None, 60, [0.999]))
    assert found.picks[0, :2].tolist() == [0, 300]
    assert found.fillers.tolist() == [[False] * 50 + [True] * 10]  # 50 dimensions, and then no more


@pytest.mark.parametrize("method", SCREENS)
def test_all_alike(method):
    """Nobody stands out in float32 or float64: ties are told among everybody."""
    for vectors in (np.zeros((50, 4)), np.ones((50, 4))):
        for lam in LAMS:
            task = Task.checked(np.arange(50) // 2, vectors.astype(np.float32), None, 50, [lam])
            found = assert_same(method, task, lam)
            assert found.picks[0].tolist() == [row for pair in range(48, -1, -2) for row in (pair, pair + 1)]


def test_what_it_serves():
    relevance, vectors = like_the_bench(20, 6)

    def served(method: str, vectors=vectors, lams=(0.5,)) -> bool:
        return can_screen(method, Task.checked(relevance, vectors, None, 5, lams))

    assert [method for method in METHODS if served(method)] == ["mmr", "dpp"]
    assert not served("mmr", lams=[0.5, 0.6]) and not served("mmr", lams=[])
    assert not served("dpp", vectors.astype(np.float64)) and not served("dpp", vectors.tolist())


@pytest.mark.parametrize("method", METHODS)
def test_the_same_whatever_the_vectors_come_as(method):
    relevance, vectors = like_the_bench(20, 6)
    groups = np.arange(20)[:, None] % 3 == 0
    seen = [step.pick for step in watch(method, relevance, vectors, groups, 5, 0.5)]
    for given in (vectors, vectors.astype(np.float64), list(vectors), vectors.tolist(), np.asfortranarray(vectors)):
        assert diversify(method, relevance, given, groups, 5, [0.5]).picks.tolist() == [seen]
