"""The greedy choice of one list by MMR or DPP: float32 tells who could win a pick, float64 who does.

The list is the one of `recsys.diversity.greedy.sweep`, only sooner. Most of the time goes there into making all vectors
float64 and multiplying them by every pick. Here a pick costs one product in float32. It is off by little and by a
known most, which gives each candidate a bound that its total cannot exceed. Only the few whose bound reaches the best
total are looked at in float64, and all is decided among them, ties included.

Each pick adds a direction w, and a candidate's products with the directions tell what both methods take off:

    MMR    (1 - lam) * max over w of <v, w>                              w: the picks
    DPP   -(1 - lam) * log d2,  d2 = |v|^2 - sum over w of <v, w>^2      w: an orthonormal basis of what they span

d2, the squared distance of v from that span, is the one of `recsys.diversity.dpp`. With w of unit length the rounding
of a product does not grow with the list, as it would in a Cholesky factor made of rounded similarities.

A product of d terms in float32, summed in any order, is off by at most d u / (1 - d u) |v| |w|, with u = 2^-24 (Higham,
Accuracy and Stability of Numerical Algorithms, 2002, section 3.1). `_Screen.slack` is twice that and more, since w and
|v| are rounded as well.
"""

import numpy as np

from recsys.diversity.dpp import FLOOR
from recsys.diversity.greedy import TIE, Nearest, Sweep, Task

WINDOW = 1e-3
"""How far below the highest bound the first look in float64 reaches; any width above TIE gives the same list."""


class _Screen:
    """Products of the candidates with the directions of the picks so far.

    Attributes:
        vectors: (n, d) float32.
        squares: (n,) float64, their squared lengths, as float32 has them.
        slack: (n,) float64, how far the float32 product with a w of unit length may be off.
        directions: (m, d) float64, a w each pick.
        variety: 1 - lam.
    """

    def __init__(self, task: Task) -> None:
        self.vectors, self.variety = np.asarray(task.vectors), 1 - task.lams[0]
        n, d = self.vectors.shape
        self.squares = np.vecdot(self.vectors, self.vectors).astype(np.float64)
        self.precision = (d + 8) * float(np.finfo(np.float32).eps)  # eps = 2 u
        self.slack = self.precision * np.sqrt(self.squares)
        self._room, self._size = np.empty((task.size, d)), 0

    @property
    def directions(self) -> np.ndarray:
        return self._room[: self._size]

    def look(self, direction: np.ndarray) -> np.ndarray:
        """Adds w, (d,) float64: its products with all candidates, (n,) float32."""
        self._room[self._size] = direction
        self._size += 1
        return self.vectors @ direction.astype(np.float32)

    def exactly(self, rows: np.ndarray | int) -> np.ndarray:
        """The vectors of some candidates in float64."""
        return self.vectors[rows].astype(np.float64)


class MmrScreen(_Screen):
    """What MMR takes off; `_nearest` (n,) is at most the similarity to the most similar pick."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._nearest = np.zeros(len(self.vectors))

    def least(self) -> np.ndarray:
        """At least so much is taken off each candidate: (n,) float64."""
        return self.variety * self._nearest

    def penalties(self, rows: np.ndarray) -> np.ndarray:
        """What is taken off some candidates: (r,) int -> (r,) float64, infinity where one is not admitted."""
        if not len(self.directions):
            return np.zeros(len(rows))
        return self.variety * (self.exactly(rows) @ self.directions.T).max(axis=1)

    def add(self, pick: int) -> None:
        """The list grows by one."""
        empty, direction = not len(self.directions), self.exactly(pick)
        similarity = self.look(direction) - self.slack * np.sqrt(direction @ direction)
        self._nearest = similarity if empty else np.maximum(self._nearest, similarity)


class DppScreen(_Screen):
    """What the DPP takes off; `_left` (n,) is at least d2."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._left = self.squares * (1 + self.precision)

    def least(self) -> np.ndarray:
        """See `MmrScreen`."""
        return -self.variety * np.log(np.maximum(self._left, FLOOR))

    def penalties(self, rows: np.ndarray) -> np.ndarray:
        """See `MmrScreen`."""
        vectors = self.exactly(rows)
        within = vectors @ self.directions.T
        left = np.vecdot(vectors, vectors) - np.vecdot(within, within)
        refused = (left < FLOOR) & (self.variety > 0)
        return np.where(refused, np.inf, -self.variety * np.log(np.maximum(left, FLOOR)))

    def add(self, pick: int) -> None:
        """See `MmrScreen`."""
        direction, basis = self.exactly(pick), self.directions
        for _ in range(2):  # Gram-Schmidt; the second time takes off what rounding left of the first
            direction = direction - (basis @ direction) @ basis
        # At theta = 1 a pick may lie in the span; the floor keeps its length off 0.
        direction /= np.sqrt(np.maximum(direction @ direction, FLOOR))
        self._left -= np.maximum(np.abs(self.look(direction)) - self.slack, 0) ** 2


SCREENS = {"mmr": MmrScreen, "dpp": DppScreen}


def can_screen(method: str, task: Task) -> bool:
    """Whether `screened` can serve: it knows the method, one lambda is asked for, and the vectors come as float32."""
    return method in SCREENS and len(task.lams) == 1 and np.asarray(task.vectors).dtype == np.float32


def screened(method: str, task: Task) -> Sweep:
    """The list of the one lambda, as `sweep` gives it."""
    rule, scaled = SCREENS[method](task), task.lams[0] * task.relevance
    left = scaled.copy()  # -inf once picked
    picks, penalties = np.zeros(task.size, dtype=np.int64), np.zeros(task.size)
    fillers = np.zeros(task.size, dtype=bool)
    for place in range(task.size):
        if place:
            rule.add(picks[place - 1])
        tied, off = _tied(left - rule.least(), scaled, rule)
        if not len(tied):
            rest = np.flatnonzero(left > -np.inf)
            by_relevance = rest[np.argsort(-task.relevance[rest], kind="stable")]
            picks[place:], fillers[place:] = by_relevance[: task.size - place], True
            break
        best = np.argmax(task.relevance[tied])  # the first of equals
        picks[place], penalties[place] = tied[best], off[best]
        left[tied[best]] = -np.inf
    return Sweep(
        picks=picks[None],
        penalties=penalties[None],
        rivals=_rivals(picks, rule.exactly(picks))[None],
        totals=(scaled[picks] - penalties)[None],
        fillers=fillers[None],
    )


def _tied(bounds: np.ndarray, scaled: np.ndarray, rule: MmrScreen | DppScreen) -> tuple[np.ndarray, np.ndarray]:
    """Who has the best total, up to `TIE`, and what is taken off them: (t,) int, ascending; none if all are refused.

    Args:
        bounds: (n,) float64, a total that each cannot exceed, -inf where one is out; written to.
        scaled: (n,) float64, lam * relevance.
        rule: tells what is taken off.
    """
    window = WINDOW
    while (top := bounds.max()) > -np.inf:
        rows = np.flatnonzero(bounds >= top - window)
        penalties = rule.penalties(rows)
        totals = scaled[rows] - penalties
        best = totals.max()
        if best - TIE >= top - window:  # and so nobody else can reach it
            tied = totals >= best - TIE
            return rows[tied], penalties[tied]
        bounds[rows], window = totals, 4 * window
    return np.zeros(0, dtype=np.int64), np.zeros(0)


def _rivals(picks: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The earlier pick that each pick is most alike: (k,) int, and their vectors (k, d) float64 -> (k,) int."""
    similarity, nearest, rivals = vectors @ vectors.T, Nearest((1, len(picks))), np.zeros_like(picks)
    for place in range(len(picks)):
        rivals[place] = nearest.rivals[0, place]
        nearest.add(picks[None, place], similarity[None, place])
    return rivals
