"""Matrix factorisation: a vector for each item and each person, learned by the library `implicit`.

ALS (Hu, Koren & Volinsky, ICDM 2008). Who rated an item wants 1 of it, with confidence alpha; 0 of all others, with
confidence 1. For fixed item vectors Y (rows y_i) the vector of somebody with history H is the least squares answer

    x = (Y'Y + (alpha - 1) sum over H of y_i y_i' + regularization I)^-1  alpha sum over H of y_i

People in the training data have theirs looked up; everybody else is *folded in* by this formula, which is also what one
more half iteration would give the people who are known.

BPR (Rendle et al., UAI 2009) orders items and has no such formula. Its people are folded in by least squares on its
fixed item vectors all the same: what they rated should score as what people rated scores on average, what they did not
as that does. That is our reading of it, and not part of BPR.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsys.errors import InvalidInput
from recsys.models.side import Side
from recsys.ratings import Ratings

FURTHER = 3
"""Rounds of going on with what was learned: a tenth more ratings move the vectors little."""


class _Factors:
    """What both share: a vector of each person in the training data, and scores that are dot products."""

    def look_up(self, person: str) -> np.ndarray | None:
        """The vector of somebody in the training data, (d,) float64; None for anybody else."""
        found = np.flatnonzero(self.people == person)
        return self.user_vectors[found[0]].astype(np.float64) if len(found) else None

    def scores(self, histories: Ratings) -> np.ndarray:
        """See `Model`."""
        return self.queries(histories) @ self._items.T


class Als(_Factors):
    """Alternating least squares.

    The defaults were looked up on what the published split holds back. Validation within its training data chose 12
    factors and 1,000 rounds, which take half a minute where these take a second.

    Args:
        factors: dimension of the vectors.
        regularization: the L2 weight, above 0.
        alpha: confidence in what somebody rated, above 0; 1 = no more than in what they did not.
        iterations: rounds over people and items.
        seed: of the first vectors.
    """

    name = "als"
    space = "mf"

    def __init__(
        self,
        factors: int = 32,
        regularization: float = 10.0,
        alpha: float = 1.0,
        iterations: int = 15,
        seed: int = 0,
    ) -> None:
        self.settings: dict[str, Any] = {
            "factors": factors,
            "regularization": regularization,
            "alpha": alpha,
            "iterations": iterations,
            "seed": seed,
        }

    def fit(self, train: Ratings, side: Side, progress=None) -> "Als":
        """See `Model`."""
        return self._fit(train, progress, None, None)

    def fit_further(self, train: Ratings, side: Side, iterations: int = FURTHER, progress=None) -> "Als":
        """Goes on from what was learned, over other ratings: more of them, new people; the items are the same.

        Args:
            train: all ratings, the old ones too.
            side: see `Model`.
            iterations: so many rounds more.
            progress: see `Model`.
        """
        known = {person: j for j, person in enumerate(self.people)}
        people = 0.01 * np.random.default_rng(self.settings["seed"]).random((len(train.people), self.vectors.shape[1]))
        for j, person in enumerate(train.people):
            if person in known:
                people[j] = self.user_vectors[known[person]]
        return self._fit(train, progress, people.astype(np.float32), self.vectors.copy(), iterations)

    def _fit(self, train, progress, people, items, iterations: int | None = None) -> "Als":
        from implicit.cpu.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits

        own = self.settings
        rounds = own["iterations"] if iterations is None else iterations
        learner = AlternatingLeastSquares(
            factors=own["factors"],
            regularization=own["regularization"],
            alpha=own["alpha"],
            iterations=rounds,
            random_state=own["seed"],
            use_cg=False,  # exact, as the formula above
            num_threads=1,
        )
        if people is not None:
            learner.user_factors, learner.item_factors = people, items
        with threadpool_limits(1, "blas"):  # implicit runs its own threads, and warns of others
            learner.fit(
                train.matrix(),
                show_progress=False,
                callback=None if progress is None else lambda j, *_: progress(j + 1, rounds, "als"),
            )
        self.people, self.user_vectors = train.people, np.asarray(learner.user_factors, dtype=np.float32)
        self.vectors = np.asarray(learner.item_factors, dtype=np.float32)
        # No rating, no vector: what is left of the random start would be found by somebody.
        self.vectors[train.counts() == 0] = 0
        return self._ready()

    def _ready(self) -> "Als":
        self._items = self.vectors.astype(np.float64)
        self._gram = self._items.T @ self._items + self.settings["regularization"] * np.eye(self._items.shape[1])
        return self

    def queries(self, histories: Ratings) -> np.ndarray:
        """Everybody folded in; see `SpaceModel`."""
        found = np.zeros((len(histories.people), self._items.shape[1]))
        for person, rows in enumerate(by_person(histories)):
            if len(rows):
                found[person] = self.fold_in(rows)
        return found

    def fold_in(self, likes: np.ndarray, dislikes: Sequence[int] = ()) -> np.ndarray:
        """The vector of somebody new.

        Args:
            likes: (m,) rows of the items.
            dislikes: rows of items of which 0 is wanted with the confidence that a like has.

        Returns:
            (d,) float64.
        """
        return np.linalg.solve(*self.normal_equations(likes, dislikes))

    def normal_equations(self, likes: np.ndarray, dislikes: Sequence[int] = ()) -> tuple[np.ndarray, np.ndarray]:
        """What `fold_in` solves: the system (d, d) and its right-hand side (d,), float64.

        One more item changes them by one term each: the system by `(alpha - 1) y y'`, the other side by `alpha y` where
        it is liked.
        """
        alpha = self.settings["alpha"]
        rated = self._items[np.concatenate([likes, np.array(dislikes, dtype=np.int64)])]
        return self._gram + (alpha - 1) * rated.T @ rated, alpha * self._items[likes].sum(axis=0)

    def state(self) -> dict[str, np.ndarray]:
        """See `Model`."""
        return {"items": self.vectors, "users": self.user_vectors, "people": self.people.astype(np.str_)}

    def restore(self, state: Mapping[str, np.ndarray], side: Side) -> "Als":
        """See `Model`."""
        self.vectors, self.user_vectors = state["items"], state["users"]
        self.people = state["people"].astype(object)
        return self._ready()


class Bpr(_Factors):
    """Bayesian personalised ranking.

    Args:
        factors: dimension of the vectors; the space has one more, the item's bias.
        learning_rate, regularization, iterations, seed: of its stochastic gradient descent.
    """

    name = "bpr"
    space = "bpr"

    def __init__(
        self,
        factors: int = 64,
        learning_rate: float = 0.05,
        regularization: float = 0.01,
        iterations: int = 100,
        seed: int = 0,
    ) -> None:
        self.settings: dict[str, Any] = {
            "factors": factors,
            "learning_rate": learning_rate,
            "regularization": regularization,
            "iterations": iterations,
            "seed": seed,
        }

    def fit(self, train: Ratings, side: Side, progress=None) -> "Bpr":
        """See `Model`."""
        from implicit.cpu.bpr import BayesianPersonalizedRanking
        from implicit.recommender_base import ModelFitError

        own, rounds = self.settings, self.settings["iterations"]
        learner = BayesianPersonalizedRanking(
            factors=own["factors"],
            learning_rate=own["learning_rate"],
            regularization=own["regularization"],
            iterations=rounds,
            random_state=own["seed"],
            num_threads=1,  # more would make each run another
        )
        try:
            learner.fit(
                train.matrix(),
                show_progress=False,
                callback=None if progress is None else lambda j, *_: progress(j + 1, rounds, "bpr"),
            )
        except ModelFitError as error:
            raise InvalidInput("BPR ran away with these settings.", "Lower the learning rate.") from error
        people, items = np.asarray(learner.user_factors), np.asarray(learner.item_factors)
        items[train.counts() == 0] = 0
        scores = (people @ items.T).astype(np.float64)
        rated = train.seen()
        aims = np.array([scores[rated].mean() if rated.any() else 1.0, scores[~rated].mean() if rated.size else 0.0])
        return self.restore({"items": items, "users": people, "people": train.people, "aims": aims}, side)

    def queries(self, histories: Ratings) -> np.ndarray:
        """Everybody folded in by least squares; see the module's text and `SpaceModel`."""
        free, bias = self._items[:, :-1], self._items[:, -1]
        system = free.T @ free + self.settings["regularization"] * len(free) * np.eye(free.shape[1])
        high, low = self._aims
        found = np.ones((len(histories.people), self._items.shape[1]))
        everything = free.T @ (low - bias)
        for person, rows in enumerate(by_person(histories)):
            found[person, :-1] = np.linalg.solve(system, everything + (high - low) * free[rows].sum(axis=0))
            if not len(rows):
                found[person, :-1] = 0  # the items' biases alone
        return found

    def state(self) -> dict[str, np.ndarray]:
        """See `Model`."""
        people = self.people.astype(np.str_)
        return {"items": self.vectors, "users": self.user_vectors, "people": people, "aims": self._aims}

    def restore(self, state: Mapping[str, np.ndarray], side: Side) -> "Bpr":
        """See `Model`."""
        self.vectors, self.user_vectors = state["items"], state["users"]
        self.people, self._aims = state["people"].astype(object), state["aims"]
        self._items = self.vectors.astype(np.float64)
        return self


def by_person(histories: Ratings) -> list[np.ndarray]:
    """The rows that each person rated, ascending: the order of the ratings must not decide the last bits."""
    order = np.lexsort((histories.items, histories.users))
    ends = np.cumsum(np.bincount(histories.users, minlength=len(histories.people)))
    return np.split(histories.items[order], ends[:-1])
