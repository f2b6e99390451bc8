"""More vectors than a catalog has, and much like its own: a smoothed bootstrap (Silverman & Young 1987).

    x = mean + (v - mean + h e) / sqrt(1 + h^2)        v one of the real vectors, e ~ Normal(0, covariance of them)

Dividing by sqrt(1 + h^2) keeps the covariance. h decides how far two children of one vector lie apart; `bandwidth`
takes the h at which the nearest neighbours of as many vectors as there are real ones lie as far away as theirs.

What it cannot do: the noise spreads along all directions of the whole catalog, not along those of a neighbourhood, so
grown vectors have a higher intrinsic dimension than real ones and are harder to search; `spread` tells by how much.
"""

import numpy as np

BLOCK = 2**14
"""Vectors that are made or compared at once."""
SAMPLE = 400
"""Vectors whose neighbours are looked at where all would take too long."""
NEIGHBOURS = 20
"""Neighbours from which the intrinsic dimension is read."""
DIRECTIONS = 10
COPY = 1e-3
"""A neighbour nearer than this share of the farthest one is a copy and tells nothing of the dimension."""
WIDTHS = 1e-3, 10.0
"""Least and largest h that are considered."""
HALVINGS = 14


def grow(vectors: np.ndarray, n: int, seed: int, unit: bool, h: float | None = None) -> np.ndarray:
    """As many vectors as are wanted, distributed like the real ones: (n0, d) -> (n, d) float32.

    Args:
        vectors: (n0, d) float, the real ones, two or more that differ.
        n: how many, 1 or more.
        seed: the same arguments give the same vectors.
        unit: whether they shall have length 1, as the real ones then have.
        h: how much noise, above 0; None takes `bandwidth`.

    Raises:
        ValueError: vectors that all are equal, or n or h out of range.
    """
    return _drawn(_Kernel(vectors), n, [seed, 0], unit, bandwidth(vectors, unit) if h is None else h)


def synthetic_queries(vectors: np.ndarray, n: int, seed: int, unit: bool, h: float | None = None) -> np.ndarray:
    """Queries drawn as `grow` draws items, from numbers of their own, so that none equals an item: (n, d) float32.

    Args and errors as of `grow`.
    """
    return _drawn(_Kernel(vectors), n, [seed, 1], unit, bandwidth(vectors, unit) if h is None else h)


def bandwidth(vectors: np.ndarray, unit: bool) -> float:
    """The h at which n0 grown vectors have the median distance to the nearest neighbour that the real ones have.

    Found by halving: at h = 0 children are copies, and their distance grows with h.

    Raises:
        ValueError: vectors that all are equal.
    """
    wanted, kernel = np.median(_neighbours(vectors, 1)[0]), _Kernel(vectors)
    low, high = np.log(WIDTHS)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        grown = _drawn(kernel, len(vectors), [0, 0], unit, float(np.exp(middle)))
        if np.median(_neighbours(grown, 1)[0]) < wanted:
            low = middle
        else:
            high = middle
    return float(np.exp((low + high) / 2))


def reduced(vectors: np.ndarray, dims: int, unit: bool) -> np.ndarray:
    """The vectors in fewer dimensions: (n, d) -> (n, dims) float32.

    Principal directions around zero, not around the mean: these keep the dot products as well as any can.

    Raises:
        ValueError: dims below 1 or above d.
    """
    if not 1 <= dims <= vectors.shape[1]:
        raise ValueError(f"expected dims from 1 to {vectors.shape[1]}, got {dims}")
    wide = np.asarray(vectors, dtype=np.float64)
    if dims < vectors.shape[1]:
        wide = wide @ np.linalg.eigh(wide.T @ wide)[1][:, ::-1][:, :dims]
    return _unit(wide.astype(np.float32)) if unit else wide.astype(np.float32)


def spread(vectors: np.ndarray) -> dict:
    """How vectors lie in their space, read off a sample of `SAMPLE` where there are more.

    The intrinsic dimension is the maximum likelihood estimate of Levina & Bickel (2004) from the `NEIGHBOURS` nearest,
    averaged over points by its inverse (MacKay & Ghahramani 2005).

    Returns:
        `neighbour`: median cosine with the nearest other vector; `explained`: share of the variance along the first
        10 principal directions, 0 to 1; `dimension`: the intrinsic dimension, None where it cannot be told.
    """
    distances, cosines = _neighbours(vectors, NEIGHBOURS)
    farthest = distances[:, -1:]
    kept = distances > COPY * farthest
    logs = -np.log(np.divide(distances, farthest, out=np.ones_like(distances), where=kept)).sum(axis=1)
    freedom = kept.sum(axis=1) - 1  # the farthest one itself tells nothing
    inverse = logs[freedom > 0] / freedom[freedom > 0]
    variances = np.linalg.eigvalsh(_covariance(vectors)[1])[::-1]
    return {
        "neighbour": round(float(np.median(cosines[:, 0])), 4),
        "explained": round(float(variances[:DIRECTIONS].sum() / max(variances.sum(), 1e-30)), 4),
        "dimension": round(float(1 / inverse.mean()), 1) if len(inverse) and inverse.mean() > 0 else None,
    }


class _Kernel:
    """What grown vectors are drawn from: the real ones around their mean, and a factor F, F' F their covariance."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.mean, covariance = _covariance(vectors)
        variances, directions = np.linalg.eigh(covariance)
        if variances[-1] <= 0:
            raise ValueError("expected vectors that differ, got equal ones")
        some = variances > variances[-1] * 1e-9
        self.factor = (np.sqrt(variances[some])[:, None] * directions[:, some].T).astype(np.float32)
        self.centred = (vectors - self.mean).astype(np.float32)


def _drawn(kernel: _Kernel, n: int, seed: list[int], unit: bool, h: float) -> np.ndarray:
    if n < 1 or not 0 < h < np.inf:
        raise ValueError(f"expected n of 1 or more and h above 0, got {n} and {h}")
    rng, factor, centred = np.random.default_rng(seed), kernel.factor * np.float32(h), kernel.centred
    drawn = np.empty((n, centred.shape[1]), dtype=np.float32)
    for start in range(0, n, BLOCK):
        block = drawn[start : start + BLOCK]
        np.matmul(rng.standard_normal((len(block), len(factor)), dtype=np.float32), factor, out=block)
        block += centred[rng.integers(len(centred), size=len(block))]
        block /= np.float32(np.sqrt(1 + h * h))
        block += kernel.mean.astype(np.float32)
        if unit:
            block[:] = _unit(block)
    return drawn


def _covariance(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and covariance (d, d), float64, in blocks."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    total = np.zeros((vectors.shape[1],) * 2)
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK] - mean
        total += block.T @ block
    return mean, total / max(len(vectors) - 1, 1)


def _neighbours(vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances and cosines of a sample to their min(k, n - 1) nearest others: (s, k) float64, nearest first."""
    n = len(vectors)
    if n < 2:
        raise ValueError(f"expected two vectors or more, got {n}")
    rows = np.sort(np.random.default_rng(0).permutation(n)[:SAMPLE])
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)  # short vectors leave float32 more digits
    asked, k = vectors[rows] - mean, min(k, n - 1)
    near, closest = np.empty((len(rows), 0), dtype=np.int64), np.empty((len(rows), 0), dtype=np.float32)
    for start in range(0, n, BLOCK):
        block = vectors[start : start + BLOCK] - mean
        closeness = asked @ block.T - np.vecdot(block, block) / 2
        fresh = np.broadcast_to(np.arange(start, start + len(block)), closeness.shape)
        closeness[fresh == rows[:, None]] = -np.inf
        near, closest = np.hstack([near, fresh]), np.hstack([closest, closeness])
        best = np.argpartition(-closest, min(k, closest.shape[1] - 1), axis=1)[:, :k]
        near, closest = (np.take_along_axis(part, best, axis=1) for part in (near, closest))
    # float32 picked them; what is told of them is float64.
    asked, found = vectors[rows][:, None].astype(np.float64), vectors[near].astype(np.float64)
    distances = np.linalg.norm(found - asked, axis=2)
    order = np.argsort(distances, axis=1)
    lengths = np.linalg.norm(found, axis=2) * np.linalg.norm(asked, axis=2)
    cosines = np.vecdot(found, asked) / np.where(lengths > 0, lengths, 1)
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(cosines, order, axis=1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)
