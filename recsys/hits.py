"""Hits: ids and scores, best first."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Hits:
    """A ranked list. Position is rank; the arrays are read-only.

    Attributes:
        ids: (k,) str, item ids without repetition.
        scores: (k,) float32, higher is better. A diversified list is not sorted by score.
    """

    ids: np.ndarray
    scores: np.ndarray

    def __post_init__(self) -> None:
        ids = np.array(self.ids, dtype=object)
        scores = np.array(self.scores, dtype=np.float32)
        if ids.ndim != 1 or scores.shape != ids.shape:
            raise ValueError(f"expected as many scores as ids, got {scores.shape} and {ids.shape}")
        if len(set(ids)) != len(ids):
            raise ValueError("expected ids without repetition")
        ids.setflags(write=False)
        scores.setflags(write=False)
        object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "scores", scores)

    def __len__(self) -> int:
        return len(self.ids)
