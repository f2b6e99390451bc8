"""Linear autoencoders: every item is predicted from all others, in closed form.

    minimise |X - X B|^2 + regularisation, diag(B) = 0;   P = (X'X + Lambda)^-1;   B_ij = -P_ij / P_jj for i != j

EASE (Steck, WWW 2019): Lambda = lam I. EDLAE (Steck, NeurIPS 2020) is what drop-out of the input with probability p
amounts to on average: Lambda = lam I + p / (1 - p) diag(X'X), so that popular items are held back more.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recsys.models.neighbours import cooccurrence
from recsys.models.side import Side
from recsys.ratings import Ratings


class Ease:
    """EASE.

    Args:
        lam: the L2 weight, above 0.
    """

    name = "ease"

    def __init__(self, lam: float = 450.0) -> None:
        self.settings: dict[str, Any] = {"lam": lam}
        self._lam, self._dropout = lam, 0.0

    def fit(self, train: Ratings, side: Side, progress=None) -> "Ease":
        """See `Model`."""
        gram = cooccurrence(train)
        own = np.arange(len(gram))
        gram[own, own] += self._lam + self._dropout / (1 - self._dropout) * gram[own, own]
        inverse = np.linalg.inv(gram)
        weights = -inverse / np.diag(inverse)
        weights[own, own] = 0
        return self.restore({"weights": weights}, side)

    def scores(self, histories: Ratings) -> np.ndarray:
        """See `Model`. Who has no history gets zeros: nothing predicts anything."""
        return np.asarray(histories.matrix().astype(np.float64) @ self._weights)

    def state(self) -> dict[str, np.ndarray]:
        """See `Model`."""
        return {"weights": self._weights}

    def restore(self, state: Mapping[str, np.ndarray], side: Side) -> "Ease":
        """See `Model`."""
        self._weights = state["weights"]
        return self


class Edlae(Ease):
    """EDLAE.

    Args:
        lam: the L2 weight, above 0.
        dropout: the share of the input that is left out, in [0, 1).
    """

    name = "edlae"

    def __init__(self, lam: float = 100.0, dropout: float = 0.7) -> None:
        super().__init__(lam)
        self.settings = {"lam": lam, "dropout": dropout}
        self._dropout = dropout
