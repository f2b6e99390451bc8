"""Diversity: pure functions that pick a varied list from relevance and vectors.

Each method is a rule for the same greedy choice (`recsys.diversity.greedy`), to which MMR and DPP have a shorter way
where one list is asked for (`recsys.diversity.screen`). One slider, `lam`, drives them all: at 1 each gives the plain
list.
"""

from collections.abc import Callable, Sequence

import numpy as np

from recsys.diversity.cap import Cap, cap_size
from recsys.diversity.dpp import Dpp
from recsys.diversity.greedy import Rule, Step, Sweep, Task, steps, sweep
from recsys.diversity.mmr import Mmr
from recsys.diversity.plain import Plain
from recsys.diversity.screen import can_screen, screened
from recsys.errors import InvalidInput, quoted

__all__ = ["METHODS", "Step", "Sweep", "cap_size", "diversify", "watch"]

METHODS: dict[str, Callable[[Task], Rule]] = {"plain": Plain, "mmr": Mmr, "dpp": Dpp, "cap": Cap}


def diversify(
    method: str, relevance: np.ndarray, vectors: np.ndarray, groups: np.ndarray, k: int, lams: Sequence[float]
) -> Sweep:
    """Picks k candidates by one of the methods, for several lambdas at once.

    Args:
        method: `plain` (relevance alone), `mmr`, `dpp` or `cap`; see their modules.
        relevance: (n,) float, higher is better.
        vectors: (n, d) float; the similarity of two candidates is their dot product.
        groups: (n, g) bool, the groups each candidate is in, for `cap`; several or none are fine.
        k: length of the list; fewer candidates give a shorter one.
        lams: (L,) float in [0, 1]: 1 = pure relevance, 0 = as varied as the method can.

    Returns:
        One list a lambda.

    Raises:
        InvalidInput: an unknown method.
        ValueError: lam outside [0, 1], k below 0, relevance that is not finite, or arrays of different lengths.
    """
    task = Task.checked(relevance, vectors, groups, k, lams)
    return screened(method, task) if can_screen(method, task) else sweep(_method(method)(task), task)


def watch(
    method: str, relevance: np.ndarray, vectors: np.ndarray, groups: np.ndarray, k: int, lam: float
) -> list[Step]:
    """`diversify` for one lambda, step by step: what each pick was chosen from.

    Raises:
        InvalidInput, ValueError: see `diversify`.
    """
    task = Task.checked(relevance, vectors, groups, k, [lam])
    return steps(_method(method)(task), task)


def _method(name: str) -> Callable[[Task], Rule]:
    if name not in METHODS:
        raise InvalidInput(f"There is no method of diversity called {quoted(name)}.", f"Known: {', '.join(METHODS)}.")
    return METHODS[name]
