"""Towers of learned spaces: a profile's point from who rated what.

They understand items, and the two-tower network facts of the person too; neither understands a wish.
"""

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
    """

    cosine = False

    def __init__(self, version: Version, space: str, model: SpaceModel) -> None:
        self.space = space
        self._version, self._model = version, model

    def similarity_vectors(self, rows: np.ndarray) -> np.ndarray:
        """See `Tower`."""
        return units(self._version.spaces[self.space][rows])

    def _history(self, profile: Profile) -> np.ndarray:
        """What counts as rated, as the model was taught: all ratings of a known person, but no item disliked here."""
        said = heard(self._version, profile)
        if profile.person is None:
            return said.likes
        return np.setdiff1d(said.rated, self._version.rows(profile.dislikes))


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
            vector = self._model.look_up(profile.person)
            if vector is not None:
                return Query(vector, {"likes": vector})
        wanted = self._history(profile)
        if not len(wanted):
            return None
        vector = self._model.fold_in(wanted, self._version.rows(profile.dislikes))
        return Query(vector, {"likes": vector}) if vector.any() else None


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
        wanted = self._history(profile)
        moment = 0.0 if profile.person is None else middle(self._version.moments(profile.person))
        facts = {**self._model.facts_of(profile.person, moment), **dict(profile.about)}
        if not len(wanted) and not facts:
            return None
        nothing = np.empty(0, dtype=np.int64)
        everybody = self._model.point(nothing, {})
        known = self._model.point(nothing, facts, moment) if facts or moment else everybody
        vector = self._model.point(wanted, facts, moment) if len(wanted) else known
        parts = {"everybody": everybody}
        if facts or moment:
            parts["about"] = known - everybody
        if len(wanted):
            parts["likes"] = vector - known
        return Query(vector, parts)


def units(vectors: np.ndarray) -> np.ndarray:
    """Vectors at unit length, zeros where there is none: their dot product is the cosine."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
