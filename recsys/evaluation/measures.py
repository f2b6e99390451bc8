"""What a model's lists are worth to many people at once.

A list holds an item's row once, best score first. Equal scores go by item id, in the order of text: ids stay what they
are when a table is sorted, rows do not. An item without a score (NaN) is never listed.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from recsys.evaluation.metrics import ndcg, precision, recall
from recsys.evaluation.splits import Task
from recsys.models import Model

K = 10


def top_lists(scores: np.ndarray, candidates: np.ndarray, item_ids: np.ndarray, k: int = K) -> np.ndarray:
    """The k best candidates of each person: (P, k) int64 rows, -1 where none is left.

    Args:
        scores: (P, n) float, NaN = cannot be scored.
        candidates: (P, n) bool, or (n,) for everybody.
        item_ids: (n,) str; they break ties.
        k: length of the lists.
    """
    by_id = np.argsort(item_ids.astype(str), kind="stable")
    merit = np.where(candidates & ~np.isnan(scores), scores, -np.inf)[:, by_id]
    best = np.argsort(-merit, axis=1, kind="stable")[:, :k]
    lists = np.where(np.isfinite(np.take_along_axis(merit, best, axis=1)), by_id[best], -1)
    return np.pad(lists, ((0, 0), (0, k - lists.shape[1])), constant_values=-1)


def model_scores(model: Model, task: Task) -> np.ndarray:
    """A model's scores for everybody of a task: (P, n) float64.

    Where the histories are what the model learned from and it keeps a vector of each person, that is looked up;
    elsewhere the histories are folded in. Of whom a model knows nothing, so that all items score alike, it serves the
    popular list, as the app does.
    """
    if task.known and hasattr(model, "look_up") and np.array_equal(model.people, task.histories.people):
        scores = model.user_vectors.astype(np.float64) @ model.vectors.astype(np.float64).T
    else:
        scores = model.scores(task.histories)
    return np.where(np.ptp(scores, axis=1, keepdims=True) == 0, task.train.counts().astype(np.float64), scores)


@dataclass(frozen=True, eq=False)
class Worth:
    """What lists were worth, person by person; NaN for who has nothing to be found.

    Attributes:
        ndcg, precision, recall: (P,) float64, at 10, by `recsys.evaluation.metrics`.
    """

    ndcg: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    @property
    def counted(self) -> np.ndarray:
        """(P,) bool, who counts."""
        return ~np.isnan(self.ndcg)


def worth(lists: np.ndarray, wanted: np.ndarray, k: int = K) -> Worth:
    """What lists are worth.

    Args:
        lists: (P, k) rows, -1 for an empty place.
        wanted: (P, n) bool, what is to be found.
        k: how many places count.
    """
    found: dict[str, list[float]] = {"ndcg": [], "precision": [], "recall": []}
    for rows, row in zip(lists, wanted, strict=True):
        listed, relevant = rows[rows >= 0].tolist(), set(np.flatnonzero(row).tolist())
        for name, metric in (("ndcg", ndcg), ("precision", precision), ("recall", recall)):
            found[name].append(metric(listed, relevant, k))
    return Worth(**{name: np.array(values) for name, values in found.items()})


def hit_rates(lists: np.ndarray, wanted: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Of the wanted items of one kind, the share that is on the list: (P,) float64, NaN where none is wanted.

    Args:
        lists: (P, k) rows, -1 for an empty place.
        wanted: (P, n) bool.
        among: (n,) bool, the kind.
    """
    listed = np.zeros(wanted.shape, dtype=bool)
    people = np.repeat(np.arange(len(lists)), lists.shape[1])[lists.ravel() >= 0]
    listed[people, lists[lists >= 0]] = True
    asked = wanted & among
    counts = asked.sum(axis=1)
    return np.divide((listed & asked).sum(axis=1), counts, out=np.full(len(lists), np.nan), where=counts > 0)


def auc(scores: np.ndarray, positive: np.ndarray, among: np.ndarray) -> np.ndarray:
    """The chance that somebody's wanted item scores above another one: (P,) float64; ties count half.

    The area under the ROC curve by the rank sum of Mann and Whitney (1947); NaN where one of the two kinds is missing.

    Args:
        scores: (P, n) float, finite among `among`.
        positive: (P, n) bool, what is wanted.
        among: (n,) bool, the items that are compared.
    """
    ranks = rankdata(scores[:, among], axis=1)
    hits = positive[:, among]
    high = hits.sum(axis=1).astype(np.float64)
    low = hits.shape[1] - high
    wins = (ranks * hits).sum(axis=1) - high * (high + 1) / 2
    return np.divide(wins, high * low, out=np.full(len(scores), np.nan), where=(high > 0) & (low > 0))


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """The mean share of one's list that is also on the other's, of lists (P, k) of the same people."""
    shared = (one[:, :, None] == other[:, None, :]) & (one >= 0)[:, :, None]
    return float(shared.any(axis=2).sum() / max((one >= 0).sum(), 1))
