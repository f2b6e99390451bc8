"""The plain list: by relevance, ties to the lower row. Lambda is without effect.

next = argmax over i not yet chosen of  relevance(i)
"""

import numpy as np

from recsys.diversity.greedy import Task


class Plain:
    """The rule that takes nothing off and refuses nothing."""

    def __init__(self, task: Task) -> None:
        self.scale = np.ones(len(task.lams))
        self.penalties = np.zeros(task.shape)
        self.rivals = np.full(task.shape, -1)
        self.admitted = np.ones(task.shape, dtype=bool)

    def add(self, picks: np.ndarray) -> None:
        """See `Rule`; earlier picks change nothing."""
