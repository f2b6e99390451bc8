"""Neighbourhood models: an item is as good as it goes together with what somebody rated."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recsys.models.side import Side
from recsys.ratings import Ratings

DAY_S = 86_400


class ItemKnn:
    """Item-based collaborative filtering (Sarwar et al., WWW 2001; Deshpande & Karypis, TOIS 2004).

        sim(i, j) = |people of both| / (sqrt(|people of i| |people of j|) + shrinkage)

    The score of j is the sum of sim(i, j) over the history, each j keeping its `neighbours` most similar items alone.

    Args:
        neighbours: how many items each keeps, 1 or more.
        shrinkage: 0 or more; pulls down what rests on few people.
    """

    name = "item-knn"

    def __init__(self, neighbours: int = 100, shrinkage: float = 10.0) -> None:
        self.settings: dict[str, Any] = {"neighbours": neighbours, "shrinkage": shrinkage}

    def fit(self, train: Ratings, side: Side, progress=None) -> "ItemKnn":
        """See `Model`."""
        together = cooccurrence(train)
        counts = together.diagonal().copy()
        similarity = together / np.maximum(np.sqrt(np.outer(counts, counts)) + self.settings["shrinkage"], 1e-12)
        np.fill_diagonal(similarity, 0)
        kept = min(self.settings["neighbours"], len(similarity))
        # Of each column the largest; whatever ties with the last of them stays too, so that no order of rows counts.
        cut = -np.partition(-similarity, kept - 1, axis=0)[kept - 1]
        return self.restore({"similarity": np.where(similarity >= cut, similarity, 0.0)}, side)

    def scores(self, histories: Ratings) -> np.ndarray:
        """See `Model`."""
        return np.asarray(histories.matrix().astype(np.float64) @ self._similarity)

    def state(self) -> dict[str, np.ndarray]:
        """See `Model`."""
        return {"similarity": self._similarity}

    def restore(self, state: Mapping[str, np.ndarray], side: Side) -> "ItemKnn":
        """See `Model`."""
        self._similarity = state["similarity"]
        return self


class Sar:
    """Smart adaptive recommendations, as in Microsoft Recommenders.

        affinity(u, i) = rating * 2 ** (-(age of the rating) / half-life),  age from the newest training rating
        score(u, j)    = sum over i of affinity(u, i) * jaccard(i, j)

    jaccard(i, j) = people of both / people of either; of an item with itself it is 1.

    Args:
        half_life_days: above 0.
    """

    name = "sar"

    def __init__(self, half_life_days: float = 30.0) -> None:
        self.settings: dict[str, Any] = {"half_life_days": half_life_days}

    def fit(self, train: Ratings, side: Side, progress=None) -> "Sar":
        """See `Model`."""
        together = cooccurrence(train)
        counts = together.diagonal()
        either = counts[:, None] + counts[None, :] - together
        similarity = np.divide(together, either, out=np.zeros_like(together), where=either > 0)
        newest = np.array(train.times.max(initial=0))
        return self.restore({"similarity": similarity, "newest": newest}, side)

    def scores(self, histories: Ratings) -> np.ndarray:
        """See `Model`. A rating that is newer than the newest one learned from counts as of that moment."""
        days = np.maximum(int(self._newest) - histories.times, 0) / DAY_S
        affinity = histories.matrix().astype(np.float64)
        affinity[histories.users, histories.items] = histories.values * 0.5 ** (days / self.settings["half_life_days"])
        return np.asarray(affinity @ self._similarity)

    def state(self) -> dict[str, np.ndarray]:
        """See `Model`."""
        return {"similarity": self._similarity, "newest": self._newest}

    def restore(self, state: Mapping[str, np.ndarray], side: Side) -> "Sar":
        """See `Model`."""
        self._similarity, self._newest = state["similarity"], state["newest"]
        return self


def cooccurrence(train: Ratings) -> np.ndarray:
    """How many people rated both of two items; on the diagonal, each: (n, n) float64."""
    matrix = train.matrix()
    return np.asarray((matrix.T @ matrix).todense(), dtype=np.float64)
