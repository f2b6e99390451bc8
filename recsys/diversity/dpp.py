"""Greedy MAP of a determinantal point process (Chen, Zhang & Zhou, NeurIPS 2018).

    L = diag(q) S diag(q),   S = vectors @ vectors.T,   q_i = exp(theta r_i / (2 (1 - theta)))

A list Y is as likely as det L_Y, the squared volume that its vectors span, each scaled by its quality q. With this
quality (theirs, section 5),

    (1 - theta) log det L_Y  =  theta * sum over Y of r_i  +  (1 - theta) * log det S_Y

so the pick that raises det L_Y most is

    next = argmax over i not yet chosen of  theta * r_i + (1 - theta) * log d2_i,   d2_i = det S_(Y+i) / det S_Y

Here theta is `lam`. Everything is kept in logarithms, and so nothing overflows as theta nears 1, where q does.
d2_i, the squared distance of item i from the span of what is chosen, comes from their incremental Cholesky factor: a
pick j adds e_i = (S_ji - <c_j, c_i>) / d_j to the row c_i of each item, and takes e_i^2 off its d2_i.

Items with d2 below `FLOOR`, such as duplicates of a pick, zero vectors, or whatever is left once the picks span the
space, are not admitted while theta < 1. At theta = 1 the list is the plain one.
"""

import numpy as np

from recsys.diversity.greedy import Nearest, Task

FLOOR = 1e-10


class Dpp:
    """The rule of the DPP: the penalty is -(1 - theta) * log d2, at least 0 for vectors of unit length."""

    def __init__(self, task: Task) -> None:
        self.scale = task.lams
        self._variety = 1 - task.lams[:, None]
        self._similarities, self._nearest = task.similarities(), Nearest(task.shape)
        vectors = self._similarities.vectors
        self._left = np.tile(np.vecdot(vectors, vectors), (len(task.lams), 1))  # d2, (L, n)
        self._factor = np.empty((len(task.lams), task.size, len(vectors)))  # c, a row each pick
        self._size = 0

    @property
    def penalties(self) -> np.ndarray:
        """See `Rule`."""
        return -self._variety * np.log(np.maximum(self._left, FLOOR))

    @property
    def admitted(self) -> np.ndarray:
        """See `Rule`."""
        return (self._left >= FLOOR) | (self._variety == 0)

    @property
    def rivals(self) -> np.ndarray:
        """See `Rule`."""
        return self._nearest.rivals

    def add(self, picks: np.ndarray) -> None:
        """See `Rule`."""
        similarity, lists = self._similarities.of(picks), np.arange(len(picks))
        self._nearest.add(picks, similarity)
        factor, pivots = self._factor[:, : self._size], self._left[lists, picks]
        explained = (factor[lists, :, picks][:, None] @ factor)[:, 0]
        row = self._factor[:, self._size]
        np.divide(similarity - explained, np.sqrt(np.maximum(pivots, FLOOR))[:, None], out=row)
        # Fillers, and at theta = 1 others too, lie in the span of the earlier picks and add nothing to it. What
        # rounding leaves of them would grow from row to row, beyond all bounds.
        row[pivots < FLOOR] = 0
        self._left = self._left - row * row
        self._size += 1
