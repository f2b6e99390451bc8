"""A cap as a business rule: by relevance, and at most c items of any one group.

    next = argmax over i not yet chosen, of no group that has c items in the list, of  relevance(i)
    c = round(1 + (k - 1) * lam)

It knows nothing of vectors, but is what shops do first ("at most two of a brand"), and so what the others are compared
with. Once no admitted item is left, relevance fills the list.
"""

import numpy as np

from recsys.diversity.greedy import Task


def cap_size(k: int, lam: float) -> int:
    """At most so many items of a group: 1 at lam = 0, k at lam = 1, halves rounded to even."""
    return int(_sizes(k, np.array(lam)))


def _sizes(k: int, lams: np.ndarray) -> np.ndarray:
    return np.rint(1 + (k - 1) * lams)


class Cap:
    """The rule of the cap; items of several groups count in each of them, items of none are never refused."""

    def __init__(self, task: Task) -> None:
        self.scale = np.ones(len(task.lams))
        self.penalties = np.zeros(task.shape)
        self.rivals = np.full(task.shape, -1)
        self.admitted = np.ones(task.shape, dtype=bool)
        self._groups = task.groups.astype(np.float32)  # a product of booleans would go around BLAS
        self._counts = np.zeros((len(task.lams), task.groups.shape[1]), dtype=np.float32)
        self._caps = _sizes(task.k, task.lams)[:, None]

    def add(self, picks: np.ndarray) -> None:
        """See `Rule`."""
        self._counts += self._groups[picks]
        full = (self._counts >= self._caps).astype(np.float32)
        self.admitted = full @ self._groups.T == 0
