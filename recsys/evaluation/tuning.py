"""Tuning: hyper-parameters from grids, chosen on a validation part of the training data and nothing else."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from recsys.errors import InvalidInput
from recsys.evaluation.measures import model_scores, top_lists, worth
from recsys.evaluation.splits import Task, by_item
from recsys.models import Side, create
from recsys.ratings import Ratings

VALIDATION_SEED = 7

GRIDS: dict[str, dict[str, tuple]] = {
    "content-popularity": {"weight": (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)},
    "item-knn": {"neighbours": (1, 3, 10, 30, 100, 300, 1000), "shrinkage": (1.0, 10.0, 100.0, 1000.0)},
    "ease": {"lam": (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 450.0, 1000.0, 3000.0, 10_000.0)},
    "edlae": {"lam": (1.0, 10.0, 100.0, 300.0, 1000.0), "dropout": (0.0008, 0.008, 0.1, 0.3, 0.5, 0.6, 0.7, 0.8)},
    "als": {
        "factors": (8, 16, 32, 128),
        "regularization": (0.01, 0.1, 1.0, 10.0, 100.0),
        "alpha": (0.1, 1.0, 10.0, 100.0),
    },
    "bpr": {
        "learning_rate": (0.001, 0.01, 0.1, 1.0),
        "regularization": (0.0001, 0.001, 0.01, 0.1),
    },
}
"""Whole grids, of what depends on each other; over three decades or more. SAR stays as published."""

STEPWISE: dict[str, dict[str, tuple]] = {
    "als": {
        "factors": (1, 4, 12, 24, 64, 300, 1000),
        "iterations": (1, 5, 15, 30, 100, 1000),
    },
    "bpr": {
        "factors": (1, 10, 32, 64, 1000),
        "iterations": (1, 10, 100, 1000),
    },
    "two-tower": {
        "weight_decay": (0.01, 0.1, 1.0, 10.0),
        "lr": (0.0003, 0.003, 0.03, 0.3),
        "keep": (0.0008, 0.5, 0.8, 0.9),
        "drop_id": (0.0, 0.0003, 0.1, 0.3),
        "dim": (2, 64, 128, 2000),
        "hidden": (2, 64, 2000),
        "steps": (1, 200, 400, 1000),
        "rows": (1, 32, 128, 1000),
        "targets": (1, 16, 1000),
    },
    "ensemble": {
        "lam": (1.0, 10.0, 100.0, 300.0, 500.0, 1000.0, 3000.0),
        "dropout": (0.0008, 0.008, 0.08, 0.25, 0.5, 0.65, 0.75, 0.85),
        "sitting": (0.0, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0),
        "stretch": (0.0, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0),
        "likes": (0.0, 0.01, 0.1, 0.3, 0.6, 1.0, 10.0),
        "others": (0.0, 0.01, 0.1, 0.3, 1.0, 10.0),
        "categories": (0.0, 0.03, 0.3, 3.0, 8.0, 30.0),
        "years": (0.0, 0.03, 0.3, 1.0, 4.0, 10.0, 30.0),
        "first": (0.0, 0.03, 0.3, 1.0, 4.0, 10.0, 30.0),
        "by_categories": (0.0, 0.003, 0.03, 0.1, 0.3, 1.0, 3.0),
        "by_facts": (0.0, 0.003, 0.03, 0.1, 0.3, 1.0, 3.0),
    },
}
"""One hyper-parameter after the other, from the best of the whole grid (or the defaults) on, each keeping its best:
what takes long, and what a whole grid would multiply. Over three decades too; shares end below 1."""


def tune(name: str, train: Ratings, side: Side, progress: Callable[[int, int, str], None] | None = None) -> dict:
    """Searches a model's grid by nDCG@10 on a validation part: the item-wise split once more within the training data.

    Returns:
        `grid` and `stepwise`, `validation` (`{settings, ndcg@10}` of everything tried, in order), `chosen`; of equals
        the first.
    """
    task = by_item(train, VALIDATION_SEED)
    grid, stepwise = GRIDS.get(name, {}), STEPWISE.get(name, {})
    tried: list[dict] = []

    def score(settings: dict[str, Any]) -> float:
        known = next((one["ndcg@10"] for one in tried if one["settings"] == settings), None)
        if known is not None:
            return known
        if progress is not None:
            progress(len(tried), max(len(tried) + 1, _size(name)), f"tuning {name}")
        try:
            value = round(_value(name, settings, task, side), 6)
        except InvalidInput:  # it ran away with these settings: as bad as can be, and in the record
            value = 0.0
        tried.append({"settings": settings, "ndcg@10": value})
        return value

    usual = {key: create(name).settings[key] for key in grid | stepwise}
    combinations = [usual | dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    chosen = max(combinations, key=score) if grid or not stepwise else usual
    for key, values in stepwise.items():
        chosen = max((chosen | {key: value} for value in values), key=score)
    return {
        "seed": VALIDATION_SEED,
        "grid": {key: list(values) for key, values in grid.items()},
        "stepwise": {key: list(values) for key, values in stepwise.items()},
        "validation": tried,
        "chosen": chosen,
    }


def _value(name: str, settings: dict[str, Any], task: Task, side: Side) -> float:
    model = create(name, **settings).fit(task.train, side)
    lists = top_lists(model_scores(model, task), task.candidates, side.item_ids)
    return float(np.nanmean(worth(lists, task.test.seen()).ndcg))


def _size(name: str) -> int:
    whole = [len(values) for values in GRIDS.get(name, {}).values()]
    return int(np.prod(whole)) + sum(len(values) for values in STEPWISE.get(name, {}).values())
