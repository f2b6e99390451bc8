"""The references: what anybody knows (popularity), what the items say (content), and both together."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recsys.models.side import Side
from recsys.ratings import Ratings


class Popularity:
    """Everybody gets what most people rated: the count, divided by the largest."""

    name = "popularity"

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}

    def fit(self, train: Ratings, side: Side, progress=None) -> "Popularity":
        """See `Model`."""
        return self.restore({"shares": popularity(train)}, side)

    def scores(self, histories: Ratings) -> np.ndarray:
        """See `Model`."""
        return np.tile(self.shares, (len(histories.people), 1))

    def state(self) -> dict[str, np.ndarray]:
        """See `Model`."""
        return {"shares": self.shares}

    def restore(self, state: Mapping[str, np.ndarray], side: Side) -> "Popularity":
        """See `Model`."""
        self.shares = state["shares"]
        return self


class Content:
    """cos(mean of the history's content vectors, item) + weight * popularity; popularity alone without a history.

    What the content tower does with likes and nothing else. It learns nothing but the popularity it may lean on.

    Args:
        weight: how much the most popular item gains; 0 is content alone.
    """

    name = "content"

    def __init__(self, weight: float = 0.0) -> None:
        self.settings: dict[str, Any] = {"weight": weight}
        self._weight = weight

    def fit(self, train: Ratings, side: Side, progress=None) -> "Content":
        """See `Model`."""
        return self.restore({"shares": popularity(train)}, side)

    def scores(self, histories: Ratings) -> np.ndarray:
        """See `Model`."""
        sums = np.asarray(histories.matrix() @ self._content, dtype=np.float64)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        points = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 1e-9)
        near = points @ self._content.T.astype(np.float64)
        return np.where(lengths > 1e-9, near + self._weight * self.shares, self.shares)

    def state(self) -> dict[str, np.ndarray]:
        """See `Model`."""
        return {"shares": self.shares}

    def restore(self, state: Mapping[str, np.ndarray], side: Side) -> "Content":
        """See `Model`."""
        self.shares, self._content = state["shares"], side.content
        return self


class ContentPopularity(Content):
    """Content plus popularity, with the weight that validation chose on the published split."""

    name = "content-popularity"

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__(weight)


def popularity(train: Ratings) -> np.ndarray:
    """How many people rated each item, as a share of the largest count: (n,) float64."""
    counts = train.counts().astype(np.float64)
    return counts / max(counts.max(initial=0.0), 1.0)
