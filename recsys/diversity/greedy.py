"""The greedy choice that all methods of diversity share; a method is a `Rule` that says what likeness costs.

    next = argmax over i open and admitted of  scale * relevance(i) - penalty(i | what is chosen)

Totals that differ by at most `TIE` are equal: the more relevant item wins, then the one that comes first. Where a rule
admits nothing that is left, relevance fills the list.

All lambdas grow their lists side by side. Similarities are taken a row at a time, only for what was picked, and once
for all lambdas: the whole n x n matrix would cost several times the rest. They are taken in float64, since the rounding
of float32 is not far from `TIE` and would decide some picks. One list alone is had sooner by `recsys.diversity.screen`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

TIE = 1e-6


@dataclass(frozen=True, eq=False)
class Sweep:
    """A method's lists for several lambdas over the same candidates.

    Attributes:
        picks: (L, k) int, indices of the candidates in the order they were picked.
        penalties: (L, k) float64, what the earlier picks took off; for MMR (1 - lam) * max sim. 0 for fillers.
        rivals: (L, k) int, the earlier pick that each is most alike, the first of equals; -1 for the first, and
            throughout for methods that look at no likeness.
        totals: (L, k) float64, the objective each pick won with: scale * relevance - penalty.
        fillers: (L, k) bool, picks that relevance alone put there since the method admitted nothing that was left;
            always the end of a list.
    """

    picks: np.ndarray
    penalties: np.ndarray
    rivals: np.ndarray
    totals: np.ndarray
    fillers: np.ndarray


@dataclass(frozen=True, eq=False)
class Step:
    """One pick and what it was chosen from, as everything stood before it.

    Attributes:
        pick: index of the candidate that won.
        filler: whether relevance alone decided, since the method admitted nothing that was left.
        relevance: (n,) float64, of all candidates.
        penalties: (n,) float64, what the earlier picks take off each candidate.
        totals: (n,) float64, the objective; it counts where `open`.
        open: (n,) bool, the candidates that could win: not yet picked, and admitted by the method.
        rivals: (n,) int, the earlier pick that each is most alike, or -1; see `Sweep`.
    """

    pick: int
    filler: bool
    relevance: np.ndarray
    penalties: np.ndarray
    totals: np.ndarray
    open: np.ndarray
    rivals: np.ndarray


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be chosen from; see `diversify`. Made with `Task.checked`."""

    relevance: np.ndarray
    vectors: np.ndarray
    groups: np.ndarray
    k: int
    lams: np.ndarray

    @classmethod
    def checked(
        cls, relevance: np.ndarray, vectors: np.ndarray, groups: np.ndarray | None, k: int, lams: Sequence[float]
    ) -> "Task":
        """A task of arguments that fit together; `groups` None stands for no group at all.

        Raises:
            ValueError: see `diversify`.
        """
        relevance, lams = np.asarray(relevance, dtype=np.float64), np.asarray(lams, dtype=np.float64)
        n = len(relevance)
        groups = np.zeros((n, 0), dtype=bool) if groups is None else np.asarray(groups, dtype=bool)
        if len(vectors) != n:
            raise ValueError(f"expected a vector for each of {n} candidates, got {len(vectors)}")
        if groups.ndim != 2 or len(groups) != n:
            raise ValueError(f"expected groups of shape ({n}, g), got {groups.shape}")
        if not np.isfinite(relevance).all():
            raise ValueError("expected finite relevance, got NaN or infinity")
        if not ((lams >= 0) & (lams <= 1)).all():
            raise ValueError(f"expected lam in [0, 1], got {lams}")
        if k < 0:
            raise ValueError(f"expected k of 0 or more, got {k}")
        return cls(relevance, vectors, groups, k, lams)

    @property
    def shape(self) -> tuple[int, int]:
        """(L, n): how many lists, how many candidates."""
        return len(self.lams), len(self.relevance)

    @property
    def size(self) -> int:
        """How long the lists become: k, or n where there are fewer candidates."""
        return min(self.k, len(self.relevance))

    def similarities(self) -> "Similarities":
        """The candidates' similarities, with room for every pick of every list."""
        return Similarities(self.vectors, len(self.lams) * self.size)


class Rule(Protocol):
    """What a method admits and what it takes off, for L lists at once, while they grow.

    What it has once refused it never admits again. Its arrays are not written to after they were read.

    Attributes:
        scale: (L,) float64, the weight of relevance.
        penalties: (L, n) float64, what the picks so far take off.
        admitted: (L, n) bool, which candidates the picks so far still allow.
        rivals: (L, n) int, the earlier pick that each candidate is most alike, or -1.
    """

    scale: np.ndarray

    @property
    def penalties(self) -> np.ndarray: ...

    @property
    def admitted(self) -> np.ndarray: ...

    @property
    def rivals(self) -> np.ndarray: ...

    def add(self, picks: np.ndarray) -> None:
        """Each list grows by one: `picks` (L,) int."""
        ...


@dataclass(frozen=True, eq=False)
class Round:
    """One pick of each of L lists, and what stood before it; the arrays as in `Step`, with a first axis of L."""

    picks: np.ndarray
    fillers: np.ndarray
    penalties: np.ndarray
    totals: np.ndarray
    open: np.ndarray
    rivals: np.ndarray


def rounds(rule: Rule, task: Task) -> Iterator[Round]:
    """The choice itself, one round a pick."""
    lists, left = np.arange(len(task.lams)), np.ones(task.shape, dtype=bool)
    scaled = rule.scale[:, None] * task.relevance
    picks = None
    for _ in range(task.size):
        if picks is not None:
            rule.add(picks)
        open_, penalties = left & rule.admitted, rule.penalties
        fillers = ~open_.any(axis=1)
        if fillers.any():
            open_ = np.where(fillers[:, None], left, open_)
            penalties = np.where(fillers[:, None], 0.0, penalties)
        totals = scaled - penalties
        merit = np.where(open_, totals, -np.inf)
        tied = merit >= merit.max(axis=1, keepdims=True) - TIE
        # argmax takes the first of equals. Where all are equal, as before MMR's first pick with lam = 0, the most
        # relevant wins.
        picks = np.argmax(np.where(tied, task.relevance, -np.inf), axis=1)
        yield Round(picks, fillers, penalties, totals, open_, rule.rivals)
        left[lists, picks] = False


def sweep(rule: Rule, task: Task) -> Sweep:
    """The lists of all lambdas."""
    shape, lists = (len(task.lams), task.size), np.arange(len(task.lams))
    found = Sweep(
        picks=np.zeros(shape, dtype=np.int64),
        penalties=np.zeros(shape),
        rivals=np.zeros(shape, dtype=np.int64),
        totals=np.zeros(shape),
        fillers=np.zeros(shape, dtype=bool),
    )
    for place, now in enumerate(rounds(rule, task)):
        found.picks[:, place], found.fillers[:, place] = now.picks, now.fillers
        found.penalties[:, place] = now.penalties[lists, now.picks]
        found.totals[:, place] = now.totals[lists, now.picks]
        found.rivals[:, place] = now.rivals[lists, now.picks]
    return found


def steps(rule: Rule, task: Task) -> list[Step]:
    """The first lambda's list, with everything that each pick was chosen from."""
    return [
        Step(
            pick=int(now.picks[0]),
            filler=bool(now.fillers[0]),
            relevance=task.relevance,
            penalties=now.penalties[0],
            totals=now.totals[0],
            open=now.open[0],
            rivals=now.rivals[0],
        )
        for now in rounds(rule, task)
    ]


class Similarities:
    """Rows of the candidates' similarities (dot products), computed when they are first asked for.

    Args:
        vectors: (n, d) float.
        most: how many different rows may be asked for; room for all n would cost more to come by than they do.
    """

    def __init__(self, vectors: np.ndarray, most: int) -> None:
        self.vectors = np.asarray(vectors, dtype=np.float64)
        n = len(self.vectors)
        self._rows, self._known = np.empty((min(most, n), n)), 0
        self._place = np.full(n, -1)  # of a candidate's row among those that are known

    def of(self, picks: np.ndarray) -> np.ndarray:
        """Similarity of each pick to all candidates: (L,) int -> (L, n) float64."""
        fresh = picks[self._place[picks] < 0]
        if len(fresh):
            fresh = np.unique(fresh) if len(fresh) > 1 else fresh
            places = slice(self._known, self._known + len(fresh))
            self._rows[places] = (self.vectors @ self.vectors[fresh].T).T
            self._place[fresh] = np.arange(places.start, places.stop)
            self._known = places.stop
        return self._rows[self._place[picks]]


class Nearest:
    """The earlier pick that each candidate is most alike, in each of L lists.

    Attributes:
        similarity: (L, n) float64, to that pick; 0 before the first.
        rivals: (L, n) int, that pick, the first of those within `TIE`; -1 before the first.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.similarity, self.rivals = np.zeros(shape), np.full(shape, -1)
        self._empty = True

    def add(self, picks: np.ndarray, similarity: np.ndarray) -> None:
        """Each list grows by one: `picks` (L,) int, and their similarity (L, n) to the candidates."""
        if self._empty:
            self.similarity, self.rivals = similarity, np.broadcast_to(picks[:, None], similarity.shape)
            self._empty = False
            return
        self.rivals = np.where(similarity > self.similarity + TIE, picks[:, None], self.rivals)
        self.similarity = np.maximum(self.similarity, similarity)
