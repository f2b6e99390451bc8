"""Five items and three people: every feature can be computed by hand."""

import numpy as np
import pandas as pd

from recsys.models import Side
from recsys.ranking.features import DAY_S, FeatureStore, learned_tables
from recsys.ratings import Ratings

START = 880_000_000
"""Thursday, 20 November 1997, 04:26 UTC."""
IDS = np.array(["a", "b", "c", "d", "e"], dtype=object)


def side() -> Side:
    """Contents along two axes; categories x, y; a year each, but for the last."""
    content = np.array([[1, 0], [1, 0], [0, 1], [0.6, 0.8], [0, 0]], dtype=np.float32)
    categories = np.array([[1, 0], [1, 0], [0, 1], [1, 1], [0, 0]], dtype=bool)
    years = np.array([1990.0, 1990.0, 1994.0, 1998.0, np.nan])
    links = np.empty(5, dtype=object)
    links[:] = [()] * 5
    users = pd.DataFrame(
        {"gender": ["F", "M", "M"], "region": ["Pacific", "Pacific", None]},
        index=pd.Index(["ann", "bob", "cy"], name="user_id"),
    )
    return Side(IDS, content, categories, years, links, users)


def train() -> Ratings:
    """ann: a 5, c 2. bob: a 4, b 4 (ten days later), c 3. cy: c 5 (forty days later). Nobody knows d and e."""
    rows = [(0, 0, 5, 0), (0, 2, 2, 1), (1, 0, 4, 0), (1, 1, 4, 10), (1, 2, 3, 10), (2, 2, 5, 40)]
    users, items, values, days = (np.array(column) for column in zip(*rows, strict=True))
    people = np.array(["ann", "bob", "cy"], dtype=object)
    return Ratings(people, 5, users, items, values.astype(float), START + days * DAY_S)


class Space:
    """Stands for a model with a space: vectors that are given, and the sum of the history's as the point."""

    def __init__(self, vectors) -> None:
        self.vectors = np.array(vectors, dtype=np.float32)
        self.asked: list[tuple] = []

    def fold_in(self, likes: np.ndarray) -> np.ndarray:
        return self.vectors[likes].astype(np.float64).sum(axis=0)

    def point(self, history: np.ndarray, facts, moment: float) -> np.ndarray:
        self.asked.append((history.tolist(), dict(facts), moment))
        return self.fold_in(history) + 1


def store() -> FeatureStore:
    """The feature store of these people."""
    vectors = [[1, 0], [2, 0], [0, 1], [1, 1], [0, 0]]
    return FeatureStore(side(), Space(vectors), Space(vectors), learned_tables(train(), side()))
