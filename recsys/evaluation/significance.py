"""Significance: how far a mean over people can be trusted, and a difference between two models."""

import numpy as np

RESAMPLES = 2000


def interval(values: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """The 95% bootstrap interval of the mean, by percentiles of 2,000 seeded resamples (Efron 1979).

    For a paired comparison pass the differences, person by person: who is easy for one model is easy for the other, and
    what they share cancels out.

    Args:
        values: (P,) float, one a person, finite. Their order does not matter.
        seed: of the resamples.

    Returns:
        The lower and the upper bound; NaN both where there is nobody.
    """
    values = np.sort(np.asarray(values, dtype=np.float64))
    if not len(values):
        return float("nan"), float("nan")
    picks = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[picks].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def paired(one: np.ndarray, other: np.ndarray) -> dict[str, float | None]:
    """The mean difference of two models over the same people, with its 95% interval.

    Args:
        one, other: (P,) float, a figure each; NaN for who does not count, in both alike.

    Returns:
        `mean`, `low`, `high`; None each where nobody counts.
    """
    differences = (one - other)[~np.isnan(one)]
    if not len(differences):
        return dict.fromkeys(("mean", "low", "high"))
    low, high = interval(differences)
    return {"mean": round(float(differences.mean()), 6), "low": round(low, 6), "high": round(high, 6)}


def band(means: np.ndarray) -> tuple[float, float]:
    """The 95% interval of a mean over a few seeds by Student's t: (low, high); both the mean itself of one seed.

    Args:
        means: (seeds,) float, one figure a seed.
    """
    from scipy.stats import t

    means = np.asarray(means, dtype=np.float64)
    centre, n = float(means.mean()), len(means)
    if n < 2:
        return centre, centre
    half = float(t.ppf(0.975, n - 1) * means.std(ddof=1) / np.sqrt(n))
    return centre - half, centre + half
