"""How a cost grows with the number of vectors: cost = c n^a. With an exponent of 1, twice the vectors cost twice."""

from collections.abc import Sequence

import numpy as np


def fit_exponent(n: Sequence[float], cost: Sequence[float]) -> tuple[float, float]:
    """The exponent a, by least squares of log cost on log n.

    Args:
        n: numbers of vectors, three or more, not all the same.
        cost: what each of them costs, above 0.

    Returns:
        a and its standard error, sqrt(sum of squared residuals / (m - 2) / sum of squared deviations of log n).

    Raises:
        ValueError: fewer than three, values of 0 or less or not finite, or numbers that are all the same.
    """
    n, cost = np.asarray(n, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    if n.shape != cost.shape or n.ndim != 1 or len(n) < 3:
        raise ValueError(f"expected three numbers or more with a cost each, got {n.shape} and {cost.shape}")
    if not all(np.isfinite(v).all() and (v > 0).all() for v in (n, cost)) or np.ptp(n) == 0:
        raise ValueError("expected finite values above 0, of more than one number of vectors")
    x, y = np.log(n) - np.log(n).mean(), np.log(cost) - np.log(cost).mean()
    exponent = x @ y / (x @ x)
    residuals = y - exponent * x
    return float(exponent), float(np.sqrt(residuals @ residuals / (len(n) - 2) / (x @ x)))
