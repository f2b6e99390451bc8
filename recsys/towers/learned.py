"""Towers of learned spaces: a profile's point from who rated what.

They understand items, and the two-tower network facts of the person too; neither understands a wish.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from recsys.models import SpaceModel
from recsys.models.two_tower import middle
from recsys.profile import Profile
from recsys.towers import Query, heard
from recsys.version import Version


class _Learned:
    """What both towers share.

    Args:
        version: the built catalog.
        space: the space.
        model: what made it.

    Attributes:
        space, cosine: see `Tower`.
        model: what made the space.
    """

    cosine = False

    def __init__(self, version: Version, space: str, model: SpaceModel) -> None:
        self.space, self.model = space, model
        self._version = version

    def similarity_vectors(self, rows: np.ndarray) -> np.ndarray:
        """See `Tower`."""
        return units(self._version.spaces[self.space][rows])

    def history(self, profile: Profile) -> np.ndarray:
        """What counts as rated, as the model was taught: all ratings of a known person, but no item disliked here."""
        said = heard(self._version, profile)
        if profile.person is None:
            return said.likes
        return np.setdiff1d(said.rated, self._version.rows(profile.dislikes))

    def row(self, item_id: str) -> int:
        """An item's row.

        Raises:
            UnknownItem: the catalog does not have it.
        """
        return int(self._version.rows([item_id])[0])

    def _rated(self, person: str | None) -> frozenset[int]:
        """The rows that a known person rated."""
        return frozenset() if person is None else frozenset(self._version.history(person)[0].tolist())


def _in_history(profile: Profile, item_id: str, row: int, rated: frozenset[int]) -> bool:
    """Whether an item is in `_Learned.history`."""
    return item_id in profile.likes or row in rated and item_id not in profile.dislikes


class FactorTower(_Learned):
    """Matrix factorisation: a known person is looked up in the user matrix, everybody else folded in.

    Its model is `recsys.models.factors.Als`.
    """

    def query(self, profile: Profile) -> Query | None:
        """The point; None without any like. A dislike counts as wanting 0 of an item, with a like's confidence.

        Raises:
            UnknownItem, InvalidInput: an item or a person that the catalog does not have.
        """
        if profile.person is not None and not profile.rated:
            vector = self.model.look_up(profile.person)
            if vector is not None:
                return Query(vector, {"likes": vector})
        wanted = self.history(profile)
        if not len(wanted):
            return None
        return _alone(self.model.fold_in(wanted, self._version.rows(profile.dislikes)))

    def follow(self, profile: Profile) -> "RunningFactors":
        """See `Tower`: the inverse of the normal equations."""
        wanted = self.history(profile)
        system, right = self.model.normal_equations(wanted, self._version.rows(profile.dislikes))
        trained = None if profile.person is None else self.model.look_up(profile.person)
        return RunningFactors(
            profile, self, np.linalg.inv(system), right, len(wanted), trained, self._rated(profile.person)
        )


def _alone(vector: np.ndarray) -> Query | None:
    """A query whose one part is the likes; None where nothing is left of it."""
    return Query(vector, {"likes": vector}) if vector.any() else None


@dataclass(frozen=True, eq=False)
class RunningFactors:
    """See `Running`: the folded-in vector, the inverse of its system kept up to date.

    One more item y adds c y y' to the system, c = alpha - 1, and the inverse P follows by Sherman and Morrison (1950):

        (A + c y y')^-1 = P - c (P y)(P y)' / (1 + c y' P y)

    At alpha = 1 the system is everybody's and stays as it is.

    Attributes:
        profile: whose point it is.
        tower: its tower.
        inverse: (d, d) float64.
        right: (d,) float64, the other side of the equations.
        wanted: how many items are wanted.
        trained: (d,) the vector of a known person as the model learned it, which counts until the profile says more.
        rated: rows that this person rated.
    """

    profile: Profile
    tower: FactorTower
    inverse: np.ndarray
    right: np.ndarray
    wanted: int
    trained: np.ndarray | None
    rated: frozenset[int]
    how: str = "rank-one updates of the inverted normal equations"

    def hearing(self, now: Profile, item_id: str) -> "RunningFactors":
        """See `Running`."""
        row, model = self.tower.row(item_id), self.tower.model
        was, is_now = (_in_history(profile, item_id, row, self.rated) for profile in (self.profile, now))
        known = was or item_id in self.profile.dislikes
        knows = is_now or item_id in now.dislikes
        vector, alpha = model.vectors[row].astype(np.float64), model.settings["alpha"]
        inverse, change = self.inverse, (alpha - 1) * (knows - known)
        if change:
            moved = inverse @ vector
            inverse = inverse - np.outer(moved, moved) * (change / (1 + change * (vector @ moved)))
        right = self.right + alpha * (is_now - was) * vector
        return replace(self, profile=now, inverse=inverse, right=right, wanted=self.wanted + is_now - was)

    def query(self) -> Query | None:
        """See `Running`."""
        if self.trained is not None and not self.profile.rated:
            return Query(self.trained, {"likes": self.trained})
        return _alone(self.inverse @ self.right) if self.wanted else None


class TwoTowerTower(_Learned):
    """The two-tower network: the user tower runs on what the profile says.

    Its model is `recsys.models.two_tower.TwoTower`.
    """

    def query(self, profile: Profile) -> Query | None:
        """The point; None where the profile says nothing of items or facts. A disliked item only leaves the list.

        Its parts: where somebody stands of whom nothing is known (`everybody`), what the facts add (`about`), and what
        the history adds to both (`likes`).

        Raises:
            UnknownItem, InvalidInput: an item or a person that the catalog does not have.
        """
        return self.follow(profile).query()

    def follow(self, profile: Profile) -> "RunningHistory":
        """See `Tower`: the sum that the history goes into the network as, and where the facts alone lead."""
        model, wanted = self.model, self.history(profile)
        moment = 0.0 if profile.person is None else middle(self._version.moments(profile.person))
        facts = {**model.facts_of(profile.person, moment), **dict(profile.about)}
        everybody = model.everybody
        known = model.point(np.empty(0, dtype=np.int64), facts, moment) if facts or moment else everybody
        return RunningHistory(
            profile,
            self,
            facts,
            moment,
            everybody,
            known,
            model.bag_sum(wanted),
            len(wanted),
            self._rated(profile.person),
        )


@dataclass(frozen=True, eq=False)
class RunningHistory:
    """See `Running`: the two-tower query from a running sum of the history; the network runs once an event.

    Attributes:
        profile: whose point it is.
        tower: its tower.
        facts: what is known of them.
        moment: when they rate, Unix seconds; 0 for unknown.
        everybody: (dim,) where somebody stands of whom nothing is known.
        known: (dim,) where the facts alone lead.
        bag: the history's sum; see `TwoTower.bag_sum`.
        count: how many items it is of.
        rated: rows that a known person rated.
    """

    profile: Profile
    tower: TwoTowerTower
    facts: Mapping[str, str]
    moment: float
    everybody: np.ndarray
    known: np.ndarray
    bag: np.ndarray
    count: int
    rated: frozenset[int]
    how: str = "a running sum of the history, and the network once"

    def hearing(self, now: Profile, item_id: str) -> "RunningHistory":
        """See `Running`."""
        row = self.tower.row(item_id)
        was, is_now = (_in_history(profile, item_id, row, self.rated) for profile in (self.profile, now))
        if was == is_now:
            return replace(self, profile=now)
        bag = self.bag + (is_now - was) * self.tower.model.bag_sum(np.array([row]))
        return replace(self, profile=now, bag=bag, count=self.count + is_now - was)

    def query(self) -> Query | None:
        """See `Running`."""
        if not self.count and not self.facts:
            return None
        vector = (
            self.tower.model.point_of_sum(self.bag, self.count, self.facts, self.moment) if self.count else self.known
        )
        parts = {"everybody": self.everybody}
        if self.facts or self.moment:
            parts["about"] = self.known - self.everybody
        if self.count:
            parts["likes"] = vector - self.known
        return Query(vector, parts)


def units(vectors: np.ndarray) -> np.ndarray:
    """Vectors at unit length, zeros where there is none: their dot product is the cosine."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
