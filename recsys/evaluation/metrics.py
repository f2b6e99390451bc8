"""Metrics of lists, one convention each. Pure functions; libraries differ, so each says what it does.

*Accuracy* (`ndcg`, `precision`, `recall`, `reciprocal_rank`) compares a list with what turned out to be relevant. An
empty list scores 0. Where nothing is relevant no list could score: NaN, so that all four are averaged over the same
users (`np.nanmean`). A list is cut at k; a shorter one counts as if nothing relevant stood in the places left.

*Beyond accuracy* (`ild`, `novelty`, `serendipity`, `calibration`) takes means over what is in the list: NaN where there
is nothing to take a mean of.

*The shop* (`coverage`, `gini`) looks at what all users together were shown.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from itertools import islice

import numpy as np

CALIBRATION_ALPHA = 0.01
RBO_P = 0.9

Relevant = Collection[Hashable] | Mapping[Hashable, float]
"""The relevant items; or a gain above 0 for each, of which all but `ndcg` see only that it is there."""


def ndcg(listed: Sequence[Hashable], relevant: Relevant, k: int) -> float:
    """Normalised discounted cumulative gain at k (Jaervelin & Kekaelaeinen, TOIS 2002).

        DCG = sum over ranks i = 1 ... k of gain_i / log2(i + 1);  nDCG = DCG / DCG of the ideal list

    The ideal list holds the min(k, number of relevant) highest gains. Gains enter as they are; for Burges' 2^g - 1 pass
    that. A collection without gains counts 1 for each.

    Args:
        listed: items, best first, none twice.
        relevant: the relevant items, or their gains above 0.
        k: how many places count, 1 or more.

    Returns:
        In [0, 1]; 0 for an empty list, NaN where nothing is relevant.

    Raises:
        ValueError: k below 1, an item listed twice, or a gain that is not above 0.
    """
    top = _top(listed, k)
    gains = relevant if isinstance(relevant, Mapping) else dict.fromkeys(relevant, 1.0)
    if not all(gain > 0 for gain in gains.values()):
        raise ValueError("expected gains above 0; leave out what is not relevant")
    if not gains:
        return np.nan
    ideal = sorted(gains.values(), reverse=True)[:k]
    return _dcg([gains.get(item, 0.0) for item in top]) / _dcg(ideal)


def precision(listed: Sequence[Hashable], relevant: Relevant, k: int) -> float:
    """Share of the k places that hold a relevant item: hits / k, even where the list is shorter than k.

    Arguments, empty cases and errors as `ndcg`, without gains.
    """
    hits = _hits(listed, relevant, k)
    return sum(hits) / k if len(relevant) else np.nan


def recall(listed: Sequence[Hashable], relevant: Relevant, k: int) -> float:
    """Share of the relevant items that are among the first k: hits / number of relevant, even where that exceeds k.

    Arguments, empty cases and errors as `ndcg`, without gains.
    """
    hits = _hits(listed, relevant, k)
    return sum(hits) / len(relevant) if len(relevant) else np.nan


def reciprocal_rank(listed: Sequence[Hashable], relevant: Relevant, k: int) -> float:
    """1 / rank of the first relevant item, 0 where none is among the first k (Voorhees, TREC-8 1999).

    Arguments, empty cases and errors as `ndcg`, without gains.
    """
    hits = _hits(listed, relevant, k)
    if not len(relevant):
        return np.nan
    return 1 / (hits.index(True) + 1) if any(hits) else 0.0


def mrr(lists: Sequence[Sequence[Hashable]], relevant: Sequence[Relevant], k: int) -> float:
    """Mean reciprocal rank over users: one list and one collection of relevant items each.

    Users to whom nothing is relevant are left out; NaN where no user is left.

    Raises:
        ValueError: as `ndcg`, or not as many lists as collections.
    """
    ranks = [reciprocal_rank(listed, wanted, k) for listed, wanted in zip(lists, relevant, strict=True)]
    ranks = [rank for rank in ranks if not np.isnan(rank)]
    return float(np.mean(ranks)) if ranks else np.nan


def ild(vectors: np.ndarray) -> np.ndarray:
    """Intra-list distance: mean of 1 - cosine over all pairs of a list (Smyth & McClave, ICCBR 2001).

    A zero vector is unlike everything, cosine 0; SciPy has NaN there.

    Args:
        vectors: (..., k, d) float, the vectors of one list or of many of the same length.

    Returns:
        (...) float64 in [0, 2]; 0 = all alike. NaN for lists of fewer than two items.
    """
    vectors = _unit(vectors)
    k = vectors.shape[-2]
    if k < 2:
        return np.full(vectors.shape[:-2], np.nan)[()]
    # The cosines of all ordered pairs, an item with itself too, add up to the squared length of the sum.
    total, own = np.square(vectors.sum(axis=-2)).sum(axis=-1), np.square(vectors).sum(axis=(-2, -1))
    return np.clip(1 - (total - own) / (k * (k - 1)), 0, 2)[()]


def exposures(lists: Sequence[Sequence[int]], n: int) -> np.ndarray:
    """How often each item of the catalog was shown: (n,) int64, from lists of its rows.

    Raises:
        ValueError: a row outside 0 ... n - 1.
    """
    rows = np.array([row for rows in lists for row in rows], dtype=np.int64)
    if ((rows < 0) | (rows >= n)).any():
        raise ValueError(f"expected rows from 0 to {n - 1}, got {rows.min()} to {rows.max()}")
    return np.bincount(rows, minlength=n)


def coverage(shown: np.ndarray) -> float:
    """Share of the catalog that was shown to anybody (aggregate diversity; Adomavicius & Kwon, TKDE 2012).

    Args:
        shown: (n,) int, how often each item of the catalog was shown; see `exposures`.

    Returns:
        In [0, 1]; 0 where nothing was shown, NaN for a catalog without items.
    """
    return float(np.mean(np.asarray(shown) > 0)) if len(shown) else np.nan


def gini(shown: np.ndarray) -> float:
    """Gini index of what the shop shows: 0 = every item equally often, near 1 = always the same few.

        G = sum over i = 1 ... n of (2 i - n - 1) x_i / (n sum x),   x sorted ascending

    Over all items of the catalog, never shown ones too. Its maximum, one item alone, is (n - 1) / n; Shani &
    Gunawardana (Recommender Systems Handbook, 2011) divide by n - 1 instead of n, so that it is 1.

    Args:
        shown: (n,) 0 or more, how often each item of the catalog was shown; see `exposures`.

    Returns:
        In [0, 1); NaN where nothing was shown.

    Raises:
        ValueError: a number below 0.
    """
    shown = np.sort(np.asarray(shown, dtype=np.float64))
    if (shown < 0).any():
        raise ValueError(f"expected counts of 0 or more, got {shown[0]}")
    n, total = len(shown), shown.sum()
    if not total:
        return np.nan
    return max(0.0, float((2 * np.arange(1, n + 1) - n - 1) @ shown / (n * total)))


def novelty(known_by: np.ndarray, users: int) -> float:
    """Mean inverse user frequency of a list: mean of -log2(known_by / users) (Zhou et al., PNAS 2010; the name MIUF:
    Castells, Hurley & Vargas, Recommender Systems Handbook, 2015).

    An item that nobody knows counts as known by one user: the largest finite novelty, log2(users).

    Args:
        known_by: (k,) int, how many users know each listed item.
        users: how many there are.

    Returns:
        In bits, in [0, log2(users)]; NaN for an empty list or without users.

    Raises:
        ValueError: an item known by fewer than 0 or more than all users.
    """
    known_by = np.asarray(known_by, dtype=np.float64)
    if ((known_by < 0) | (known_by > users)).any():
        raise ValueError(f"expected each item known by 0 to {users} users, got {known_by}")
    if not len(known_by) or not users:
        return np.nan
    return float(np.mean(np.log2(users / np.maximum(known_by, 1))))


def serendipity(vectors: np.ndarray, relevant: np.ndarray, history: np.ndarray) -> float:
    """Relevant and unlike the history: mean over the list of relevance times unexpectedness.

        mean over listed i of  relevant(i) * mean over j of the history of (1 - cos(i, j))

    Unexpectedness as in Castells, Hurley & Vargas (Recommender Systems Handbook, 2015), counted for relevant items
    alone, as Ge, Delgado-Battenfeld & Jannach (RecSys 2010) ask: what is merely strange is no lucky find.

    Args:
        vectors: (k, d) float, of the listed items.
        relevant: (k,) in [0, 1]: which of them turned out to be relevant, or how much.
        history: (m, d) float, of the items that the user knows. Zero vectors are unlike everything.

    Returns:
        In [0, 2]; NaN for an empty list or history.

    Raises:
        ValueError: not as many vectors as relevances.
    """
    relevant = np.asarray(relevant, dtype=np.float64)
    if len(vectors) != len(relevant):
        raise ValueError(f"expected a relevance for each of {len(vectors)} items, got {len(relevant)}")
    if not len(vectors) or not len(history):
        return np.nan
    unexpected = np.clip(1 - _unit(vectors) @ _unit(history).mean(axis=0), 0, 2)
    return float(np.mean(relevant * unexpected))


def group_shares(groups: np.ndarray) -> np.ndarray:
    """What part each group has in some items, p(g) of Steck (RecSys 2018).

    Each item gives 1 in all, in equal parts to the groups it is in; items in no group give nothing.

    Args:
        groups: (m, g) bool, the groups each item is in.

    Returns:
        (g,) float64 with sum 1; NaN where no item is in any group.
    """
    groups = np.asarray(groups, dtype=np.float64)
    counts = groups.sum(axis=1, keepdims=True)
    parts = np.divide(groups, counts, out=np.zeros_like(groups), where=counts > 0).sum(axis=0)
    return parts / parts.sum() if parts.any() else np.full(groups.shape[1], np.nan)


def calibration(history: np.ndarray, listed: np.ndarray, alpha: float = CALIBRATION_ALPHA) -> float:
    """How far the groups of a list are from those of the history: KL divergence (Steck, RecSys 2018). 0 = as in it.

        sum over g of p(g) ln(p(g) / q~(g)),   q~ = (1 - alpha) q + alpha p,   0 ln 0 = 0

    with p of the history and q of the list, both from `group_shares`. The little of p in q keeps it finite.

    Args:
        history: (m, g) bool, the groups of the items that the user knows.
        listed: (k, g) bool, those of the listed items.
        alpha: in (0, 1).

    Returns:
        In nats, in [0, ln(1 / alpha)]; NaN where no item of the history, or of the list, is in any group.

    Raises:
        ValueError: alpha outside (0, 1), or different numbers of groups.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"expected alpha in (0, 1), got {alpha}")
    p, q = group_shares(history), group_shares(listed)
    if p.shape != q.shape:
        raise ValueError(f"expected the same groups, got {len(p)} and {len(q)}")
    if np.isnan(p).any() or np.isnan(q).any() or not len(p):
        return np.nan
    held = p > 0
    p, smoothed = p[held], (1 - alpha) * q[held] + alpha * p[held]
    return max(0.0, float(p @ np.log(p / smoothed)))


def rbo(first: Sequence[Hashable], second: Sequence[Hashable], p: float = RBO_P) -> float:
    """Rank-biased overlap of two lists, extrapolated (RBO_EXT of Webber, Moffat & Zobel, TOIS 2010, equation 32).

        RBO_EXT = (1 - p) / p * (  sum over d = 1 ... l of X_d / d p^d
                                 + sum over d = s + 1 ... l of X_s (d - s) / (s d) p^d )
                  + ((X_l - X_s) / l + X_s / s) p^l

    where X_d counts the items that both share in their first d, and s <= l are the lengths. What is not seen is taken
    to agree as what is seen does, so equal lists have 1 at any length.

    Args:
        first: items, best first, none twice.
        second: the same.
        p: in (0, 1): how deep one looks. With 0.9 the first ten places carry 86 % of the weight.

    Returns:
        In [0, 1]; 0 where one list is empty, NaN where both are.

    Raises:
        ValueError: p outside (0, 1), or an item twice in one list.
    """
    if not 0 < p < 1:
        raise ValueError(f"expected p in (0, 1), got {p}")
    short, long = sorted((_once(first), _once(second)), key=len)
    s, l = len(short), len(long)  # noqa: E741 - the paper's letters
    if not s:
        return 0.0 if l else np.nan
    depths = np.arange(1, l + 1)
    overlaps = np.array(_overlaps(short, long), dtype=np.float64)
    at_s, at_l = overlaps[s - 1], overlaps[-1]
    weights = p**depths
    seen = (overlaps / depths) @ weights + (at_s * (depths[s:] - s) / (s * depths[s:])) @ weights[s:]
    return float((1 - p) / p * seen + ((at_l - at_s) / l + at_s / s) * p**l)


def _overlaps(short: Sequence[Hashable], long: Sequence[Hashable]) -> list[int]:
    """X_d for d = 1 ... the longer length: how many items the first d of both share."""
    seen: set[Hashable] = set()
    shared, overlaps = 0, []
    for depth, item in enumerate(long):
        for new in (item, *short[depth : depth + 1]):
            shared += new in seen
            seen.add(new)
        overlaps.append(shared)
    return overlaps


def _top(listed: Sequence[Hashable], k: int) -> list[Hashable]:
    if k < 1:
        raise ValueError(f"expected k of 1 or more, got {k}")
    return list(islice(_once(listed), k))


def _once(listed: Sequence[Hashable]) -> Sequence[Hashable]:
    if len(set(listed)) != len(listed):
        raise ValueError("expected no item twice in a list")
    return listed


def _hits(listed: Sequence[Hashable], relevant: Relevant, k: int) -> list[bool]:
    return [item in relevant for item in _top(listed, k)]


def _dcg(gains: Sequence[float]) -> float:
    return float(np.sum(np.asarray(gains) / np.log2(np.arange(2, len(gains) + 2))))


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors at length 1, in float64; zeros stay zeros."""
    vectors = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
