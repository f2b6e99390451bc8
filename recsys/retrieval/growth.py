"""How a cost grows with the number of vectors: cost = c n^a. With an exponent of 1, twice the vectors cost twice."""

from collections.abc import Sequence

import numpy as np

COSTS = ("p50_ms", "serving_mb", "peak_mb", "index_bytes", "build_s")
"""What grows, by its name in a record."""
MEMORY = ("serving_mb", "peak_mb")
"""These are of a whole process, most of which is Python and the library; see `above_fewest`."""
NOISE_MB = 1.0
"""Two processes that do the same differ by less."""


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


def points(cost: str, n: Sequence[int], values: Sequence[float | None]) -> list[tuple[float, float]]:
    """What an exponent is fitted to: a number of vectors and a cost for each measurement, 0 where there is none to fit.

    Args:
        cost: one of `COSTS`.
        n: numbers of vectors.
        values: what was measured at each; None where nothing was.
    """
    known = [value or 0.0 for value in values]
    return above_fewest(n, known) if cost in MEMORY else list(zip(n, known, strict=True))


def above_fewest(n: Sequence[int], resident_mb: Sequence[float]) -> list[tuple[float, float]]:
    """What the vectors add to the memory of a process, without the process' own.

    With some vectors a process takes b + c n, and b is most of it for small n: a power of n would not fit. What it
    takes beyond that for the fewest vectors is c (n - fewest), so both are counted from there.

    Args:
        n: numbers of vectors.
        resident_mb: memory of the process with each of them, in 10^6 bytes; 0 where it was not measured.

    Returns:
        for each, how many vectors there are beyond the fewest, and 10^6 bytes beyond theirs; 0 where that is less than
        `NOISE_MB`.
    """
    measured = [pair for pair in zip(n, resident_mb, strict=True) if pair[1] > 0]
    if not measured:
        return [(0, 0.0)] * len(n)
    fewest, base = min(measured)
    beyond = [(m - fewest, mb - base) for m, mb in zip(n, resident_mb, strict=True)]
    return [(more, mb if mb >= NOISE_MB else 0.0) for more, mb in beyond]
