"""What is true: the nearest vectors by arithmetic alone, and what an engine's answer is worth against them.

Nothing here is shared with the engines, nor believed of what they say. Scores are dot products in float64.
"""

import numpy as np

from recsys.retrieval.base import NOTHING

TIE = 1e-6
"""An item whose score comes this close to the k-th true one counts as found: ties at the cut are no mistakes."""
BLOCK = 2**22
"""Scores of one block of vectors that are held at once: 16 MB of float32."""
GOOD = 0.9
_HALF_ULP = 2.0**-24


class WrongAnswer(ValueError):
    """An answer that no engine may give, however approximate: the sentence says what is wrong with it."""


def exact(vectors: np.ndarray, queries: np.ndarray, k: int, block: int = BLOCK) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest of each query, by exhaustive search, (-score, row) ascending.

    float32 products pick candidates, and float64 decides. No true answer can be lost: in whatever order d products are
    added, a float32 dot product errs by at most g |q| |v|, g = d u / (1 - d u), u = 2^-24 (Higham 2002, section 3.1).
    So whatever float32 puts more than twice that below its k-th best lies below k others for certain.

    Args:
        vectors: (n, d) float32.
        queries: (q, d) float32.
        k: 1 or more.
        block: scores held at once.

    Returns:
        rows (q, min(k, n)) int64 and scores (q, min(k, n)) float64.
    """
    vectors, queries = np.asarray(vectors, dtype=np.float32), np.asarray(queries, dtype=np.float32)
    n, k, step = len(vectors), min(k, len(vectors)), max(1, block // max(len(queries), 1))
    slack = 2 * _float32_error(vectors, queries)
    best = np.full((len(queries), k), -np.inf)
    found: list[list[np.ndarray]] = [[] for _ in queries]
    for start in range(0, n, step):
        scores = (queries @ vectors[start : start + step].T).astype(np.float64)
        best = np.partition(np.hstack([best, scores]), -k, axis=1)[:, -k:]
        for query, (row, least) in enumerate(zip(scores, best.min(axis=1) - slack, strict=True)):
            found[query].append(start + np.flatnonzero(row >= least))
    answers = [_best(vectors, query, np.concatenate(rows), k) for query, rows in zip(queries, found, strict=True)]
    rows, scores = (np.array(part).reshape(len(queries), k) for part in zip(*answers, strict=True))
    return rows, scores


def judged(
    rows: np.ndarray,
    vectors: np.ndarray,
    queries: np.ndarray,
    truth: tuple[np.ndarray, np.ndarray],
    claimed: np.ndarray | None = None,
) -> dict:
    """What an answer is worth. Its scores are computed anew.

    An item counts as found where its score is at least the k-th true one less `TIE`; of the k true ones, or of all n
    where there are fewer.

    Args:
        rows: (q, k) int, what the engine found, `NOTHING` at the end where it found less.
        vectors: (n, d) float32.
        queries: (q, d) float32.
        truth: what `exact` gives for these queries and this k.
        claimed: (q, k) float, the scores that the engine gave; None where they are not looked at.

    Returns:
        `recall@k` (with the number for k), the mean over queries, `recall@k_min`, the worst query's, `below_0.9`, the
        share of queries with less than that, and `score_error`, the largest difference between a claimed score and the
        true one; None where nothing was claimed. In engines that compare compressed vectors it is large by design.

    Raises:
        WrongAnswer: rows of another shape or kind, rows that do not exist, one row twice, an empty place before a
            filled one, or a claimed score that is no number.
    """
    rows = np.asarray(rows)
    _check(rows, len(vectors), len(queries))
    filled, k = rows >= 0, rows.shape[1]
    scores = np.full(rows.shape, -np.inf)
    for query, (row, there) in enumerate(zip(rows, filled, strict=True)):
        scores[query, there] = _scores(vectors, queries[query], row[there])
    asked = truth[1].shape[1]
    recall = (scores >= truth[1][:, -1:] - TIE).sum(axis=1) / asked
    return {
        f"recall@{k}": round(float(recall.mean()), 4),
        f"recall@{k}_min": round(float(recall.min()), 4),
        f"below_{GOOD}": round(float((recall < GOOD).mean()), 4),
        "score_error": None if claimed is None else _score_error(np.asarray(claimed), scores, filled),
    }


def _check(rows: np.ndarray, n: int, queries: int) -> None:
    if rows.ndim != 2 or len(rows) != queries or not np.issubdtype(rows.dtype, np.integer):
        raise WrongAnswer(f"The answer is no table of rows for {queries} queries: {rows.dtype} of shape {rows.shape}.")
    outside = rows[(rows >= n) | ((rows < 0) & (rows != NOTHING))]
    if len(outside):
        raise WrongAnswer(f"The answer names row {outside[0]}; there are rows 0 to {n - 1:,}.")
    if ((rows[:, 1:] >= 0) & (rows[:, :-1] < 0)).any():
        raise WrongAnswer("The answer has an empty place before a filled one.")
    ordered = np.sort(rows, axis=1)
    twice = ordered[:, 1:][(ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)]
    if len(twice):
        raise WrongAnswer(f"The answer names row {twice[0]} twice for one query.")


def _score_error(claimed: np.ndarray, scores: np.ndarray, filled: np.ndarray) -> float:
    if claimed.shape != scores.shape or not np.isfinite(claimed[filled]).all():
        raise WrongAnswer("The answer has a score that is no number, or none, for an item that it names.")
    return float(f"{np.abs(claimed[filled] - scores[filled]).max(initial=0):.3g}")


def _float32_error(vectors: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """The most that a float32 dot product of each query with any of the vectors can be off: (q,) float64."""
    u = vectors.shape[1] * _HALF_ULP
    longest = np.sqrt(max((float(np.vecdot(v, v, dtype=np.float64).max()) for v in _parts(vectors)), default=0.0))
    return u / (1 - u) * np.linalg.norm(queries.astype(np.float64), axis=1) * longest


def _parts(vectors: np.ndarray) -> list[np.ndarray]:
    return np.array_split(vectors, -(-vectors.size // BLOCK)) if vectors.size else []


def _best(vectors: np.ndarray, query: np.ndarray, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    scores = _scores(vectors, query, rows)
    order = np.lexsort((rows, -scores))[:k]
    return rows[order], scores[order]


def _scores(vectors: np.ndarray, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Dot products in float64, each alone, so that equal vectors have equal scores: (len(rows),)."""
    wide = query.astype(np.float64)
    parts = [rows[i : i + 2**14] for i in range(0, len(rows), 2**14)]
    return np.concatenate([np.vecdot(vectors[part].astype(np.float64), wide) for part in parts] or [np.empty(0)])
