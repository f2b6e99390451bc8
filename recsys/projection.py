"""Projection: a space as a map in two or three dimensions, and new points placed on a map that stays as it is.

Everything here measures by cosine. Fitting imports umap, when it is called; placing needs NumPy only.
"""

from collections.abc import Callable

import numpy as np

Progress = Callable[[int, int, str], None]

NEIGHBOURS = 15
MAX_FIT = 20_000  # points; more are placed on a map of a sample
MANY = 100_000  # points to be placed; of more, each looks for its neighbours among `ANCHORS` alone
ANCHORS = 4_000  # of the fitted points: a million of 64 dimensions take 1 minute instead of 4 a map
MIN_DIST = 0.3  # UMAP's own 0.1 draws dots over each other
TEMPERATURE = 0.1  # of the weights that neighbours have in placing a point
SETTLED = 40  # rounds of Weiszfeld's iteration

_BLOCK = 1024  # rows whose similarities to all others are held in memory at a time


def fit_map(
    vectors: np.ndarray, dims: int = 2, seed: int = 0, progress: Progress | None = None, max_fit: int = MAX_FIT
) -> np.ndarray:
    """Lays vectors out so that neighbours stay neighbours: UMAP (McInnes, Healy & Melville 2018), by cosine.

    The same vectors and seed give the same map on one machine. Fewer than 16 vectors are laid out by their principal
    components. Of more than `max_fit`, a seeded sample is fitted and the rest placed among it, or, where they are very
    many, among a part of it.

    Args:
        vectors: (n, d) float32; a row of zeros stands for an item that has no vector.
        dims: 2 or 3.
        seed: of the sample and of UMAP.
        progress: called with (done, total, what).
        max_fit: how many points UMAP fits.

    Returns:
        (n, dims) float32 coordinates in [-1, 1], centred, one scale for all axes; NaN for rows of zeros.

    Raises:
        ValueError: `dims` is neither 2 nor 3.
    """
    if dims not in (2, 3):
        raise ValueError(f"expected 2 or 3 dims, got {dims}")
    vectors = np.asarray(vectors, dtype=np.float32)
    coords = np.full((len(vectors), dims), np.nan, dtype=np.float32)
    rows = np.flatnonzero(vectors.any(axis=1))
    if len(rows) == 0:
        return coords
    fitted = rows
    if len(rows) > max_fit:
        fitted = np.sort(np.random.default_rng(seed).choice(rows, max_fit, replace=False))
    units = _unit(vectors[fitted])
    layout = _principal(units, dims) if len(units) <= NEIGHBOURS else _umap(units, dims, seed, progress)
    coords[fitted] = _framed(layout)
    rest = np.setdiff1d(rows, fitted, assume_unique=True)
    if len(rest):
        among = fitted
        if len(rest) > MANY and len(fitted) > ANCHORS:
            among = np.sort(np.random.default_rng(seed).choice(fitted, ANCHORS, replace=False))
        coords[rest] = place(vectors[rest], vectors[among], coords[among], progress)
    return coords


def knn_exact(vectors: np.ndarray, k: int, progress: Progress | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest rows of every row by cosine, itself first, in blocks of NumPy products.

    Args:
        vectors: (n, d) float32, no row of zeros.
        k: at most n, the row itself included.
        progress: called with (done, total, what).

    Returns:
        `idx` (n, k) int64 and `dist` (n, k) float32 = 1 - cosine in [0, 2], ascending. The first column is the row
        itself at distance 0; which of several equally near rows come last is not defined.

    Raises:
        ValueError: `k` is not in 1 ... n.
    """
    n = len(vectors)
    if not 1 <= k <= n:
        raise ValueError(f"expected k in 1 ... {n}, got {k}")
    units = _unit(vectors)
    idx = np.empty((n, k), dtype=np.int64)
    dist = np.empty((n, k), dtype=np.float32)
    for start in range(0, n, _BLOCK):
        if progress is not None:
            progress(start, n, "neighbours")
        block = slice(start, min(start + _BLOCK, n))
        similarity = units[block] @ units.T
        mine = np.arange(block.stop - block.start)
        similarity[mine, np.arange(block.start, block.stop)] = np.inf
        idx[block] = _nearest(similarity, k)
        dist[block] = np.clip(1 - np.take_along_axis(similarity, idx[block], axis=1), 0, 2)
    if progress is not None:
        progress(n, n, "neighbours")
    return idx, dist


def place(
    new_vectors: np.ndarray, vectors: np.ndarray, coords: np.ndarray, progress: Progress | None = None
) -> np.ndarray:
    """Places new points on a fitted map: each at the geometric median of where its 15 nearest items lie.

    Weights are softmax(cosine / 0.1). The median, unlike the mean, does not end in empty space between two groups of
    neighbours, nor follow one neighbour that lies far off.

    Args:
        new_vectors: (m, d) float32.
        vectors: (n, d) float32, the items.
        coords: (n, dims) their places; items without one (NaN) or without a vector (zeros) are passed over.
        progress: called with (done, total, what).

    Returns:
        (m, dims) float32; NaN for a new vector of zeros, or where no item has a place.
    """
    new_vectors = np.asarray(new_vectors, dtype=np.float32)
    coords = np.asarray(coords, dtype=np.float32)
    placed = np.full((len(new_vectors), coords.shape[1]), np.nan, dtype=np.float32)
    items = np.flatnonzero(np.any(vectors, axis=1) & np.isfinite(coords).all(axis=1))
    rows = np.flatnonzero(new_vectors.any(axis=1))
    if len(items) == 0:
        return placed
    units, known = _unit(vectors[items]), coords[items]
    k = min(NEIGHBOURS, len(items))
    for start in range(0, len(rows), _BLOCK):
        if progress is not None:
            progress(start, len(rows), "place points")
        block = rows[start : start + _BLOCK]
        similarity = _unit(new_vectors[block]) @ units.T
        nearest = _nearest(similarity, k)
        cosines = np.take_along_axis(similarity, nearest, axis=1)
        weights = np.exp((cosines - cosines[:, :1]) / TEMPERATURE)
        placed[block] = _geometric_medians(known[nearest], weights)
    return placed


def inside(coords: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Which points lie in a polygon (even-odd rule): (n,) bool; NaN positions never do.

    Args:
        coords: (n, 2) positions.
        polygon: (m, 2) corners in order.
    """
    found = np.zeros(len(coords), dtype=bool)
    if not len(polygon):
        return found
    near = np.flatnonzero(((coords >= polygon.min(axis=0)) & (coords <= polygon.max(axis=0))).all(axis=1))
    x, y = coords[near].T
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y1 == y2:
            continue
        crosses = (y1 > y) != (y2 > y)
        found[near] ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return found


def _geometric_medians(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The point with the least weighted sum of distances to each set of points, by Weiszfeld's iteration.

    Args:
        points: (m, k, dims) float32.
        weights: (m, k) float32, positive.
    """
    centres = (points * weights[..., None]).sum(axis=1) / weights.sum(axis=1, keepdims=True)
    for _ in range(SETTLED):
        distances = np.linalg.norm(points - centres[:, None], axis=2)
        pulls = weights / np.maximum(distances, 1e-6)
        centres = (points * pulls[..., None]).sum(axis=1) / pulls.sum(axis=1, keepdims=True)
    return centres


def _umap(units: np.ndarray, dims: int, seed: int, progress: Progress | None) -> np.ndarray:
    """UMAP's layout of more than 15 unit rows, from exact neighbours: 4 times as fast as when it looks for them."""
    import warnings

    from umap import UMAP

    idx, dist = knn_exact(units, NEIGHBOURS, progress)
    if progress is not None:
        progress(0, 1, f"map in {dims}D")
    # Points that start at one place stay there, so copies of one item start a hair apart.
    jitter = np.random.default_rng(seed).normal(scale=1e-3, size=(len(units), dims))
    start = (10 * _framed(_principal(units, dims)) + jitter).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on one thread for a seed, on graphs in several parts: both are meant
        umap = UMAP(
            n_neighbors=NEIGHBOURS,
            n_components=dims,
            min_dist=MIN_DIST,
            metric="cosine",
            init=start,
            random_state=seed,
            n_jobs=1,
            precomputed_knn=(idx, dist, None),
        )
        layout = umap.fit_transform(units)
    if progress is not None:
        progress(1, 1, f"map in {dims}D")
    return _gathered(layout)


def _gathered(layout: np.ndarray) -> np.ndarray:
    """Pulls in what lies far out, more the further it is: (n, dims).

    How far apart islands lie means nothing in UMAP's layouts, and one that has drifted away leaves no room for the
    rest. Within the inner three quarters of the points nothing moves, and no point overtakes another on its way out.
    """
    centred = layout - np.median(layout, axis=0)
    radius = np.linalg.norm(centred, axis=1, keepdims=True)
    inner = max(float(np.quantile(radius, 0.75)), 1e-9)
    times = np.maximum(radius / inner, 1)
    return centred * (1 + np.log(times)) / times


def _principal(units: np.ndarray, dims: int) -> np.ndarray:
    """The first principal components, each with the sign that makes its largest entry positive: (n, dims)."""
    centred = (units - units.mean(axis=0)).astype(np.float64)
    # The smaller of the two Gram matrices has the same components, and is all that has to be taken apart.
    if len(centred) <= centred.shape[1]:
        values, left = np.linalg.eigh(centred @ centred.T)
        scores = left[:, ::-1] * np.sqrt(np.maximum(values[::-1], 0))
    else:
        scores = centred @ np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
    scores = np.pad(scores[:, :dims], ((0, 0), (0, max(0, dims - scores.shape[1]))))
    largest = np.take_along_axis(scores, np.abs(scores).argmax(axis=0)[None], axis=0)
    return scores * np.where(largest < 0, -1.0, 1.0)


def _framed(layout: np.ndarray) -> np.ndarray:
    """A layout in [-1, 1], centred, with one scale for all axes: (n, dims) float32."""
    low, high = layout.min(axis=0), layout.max(axis=0)
    half = (high - low).max() / 2
    centred = layout - (low + high) / 2
    return np.clip(centred / half if half > 1e-9 else 0 * centred, -1, 1).astype(np.float32)


def _nearest(similarity: np.ndarray, k: int) -> np.ndarray:
    """Columns of the k largest entries of each row, largest first: (n, k) int."""
    nearest = np.sort(np.argpartition(-similarity, k - 1, axis=1)[:, :k], axis=1)
    order = np.argsort(-np.take_along_axis(similarity, nearest, axis=1), axis=1, kind="stable")
    return np.take_along_axis(nearest, order, axis=1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, dtype=np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
