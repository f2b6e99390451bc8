"""Does ranking help? What towers retrieve on the published split, as it comes and as rankers order it.

Rankers learn from the training part alone. It is split again by the same rule: the towers and all that features come
from learn from the larger part, and what is left makes the labels. In the test the same features come from the whole
training part. Hyper-parameters are chosen one level further down: rankers that learned in this way from a part of the
training part, judged by the rest of it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys.evaluation.measures import Worth, top_lists, worth
from recsys.evaluation.significance import interval, paired
from recsys.evaluation.splits import Task, by_item
from recsys.evaluation.tuning import VALIDATION_SEED
from recsys.models import Side
from recsys.models import create as create_model
from recsys.ranking import RANKERS, Ranker, create
from recsys.ranking.examples import Examples, examples, retrieved
from recsys.ranking.features import FEATURES, FeatureStore, Person, learn_store
from recsys.ratings import Ratings

TOWERS = {"als": "als", "two-tower": "two_tower", "content": "content"}
"""The models whose lists are ranked, and the names of their towers."""
SIZES = (200, 1000)
FOLD_SEEDS = (11,)
"""Seeds of the splits within the training part. On validation four measured no better than two, and each adds half a
minute to a build: one keeps it short."""
TIMED = 300
REFERENCE = "ensemble"
"""The model that scores best alone: whether a ranker adds something to what it reads."""

Tell = Callable[[int, int, str], None]

STEPWISE: dict[str, dict[str, tuple]] = {
    "gbdt": {
        "leaves": (4, 7, 15),
        "min_rows": (20, 500, 5000),
        "trees": (50, 100, 200),
        "top": (10, 30, 100),
        "l2": (1.0, 50.0, 1000.0),
    },
    "dnn": {
        "hidden": (4, 16, 64),
        "epochs": (2, 3, 6),
        "lr": (0.001, 0.01, 0.03),
        "weight_decay": (0.01, 1.0, 10.0),
        "dropout": (0.0, 0.2, 0.5),
    },
}
"""One hyper-parameter after the other, from the defaults on, each keeping its best."""


@dataclass(frozen=True, eq=False)
class Retrieved:
    """What towers retrieved for the people of a task, with features.

    Attributes:
        task: the question.
        rows: by tower, for each person the rows, best first.
        people: each person as rankers see them.
        store: where features come from.
        item_ids: (n,) str.
        table: for each person the features of all that any tower retrieved, and where each item's row is.
    """

    task: Task
    rows: Mapping[str, list[np.ndarray]]
    people: list[Person]
    store: FeatureStore
    item_ids: np.ndarray
    table: list[tuple[np.ndarray, np.ndarray]]

    def lists(self, tower: str, size: int, ranker: Ranker | None = None) -> np.ndarray:
        """Lists of ten of a tower's first `size` candidates, as the ranker orders them, or as they come: (P, 10)."""
        scores = np.full(self.task.candidates.shape, np.nan)
        for person, rows in enumerate(self.rows[tower]):
            rows = rows[:size]
            if ranker is None:
                scores[person, rows] = -np.arange(len(rows))
            elif len(rows):
                held, features = self.table[person]
                scores[person, rows] = ranker.scores(features[np.searchsorted(held, rows)])
        return top_lists(scores, self.task.candidates, self.item_ids)


def lists_to_learn_from(
    train: Ratings, side: Side, folds: Sequence[int] | None = None, tell: Tell | None = None, **how
) -> Examples:
    """Examples for rankers out of a training part.

    Args:
        train: all that may be learned from.
        side: content of the items and facts of the people.
        folds: seeds of the splits; None for `FOLD_SEEDS`.
        tell: called with (done, total, what).
        **how: see `recsys.ranking.examples.examples`.
    """
    found: Examples | None = None
    folds = FOLD_SEEDS if folds is None else folds
    for number, seed in enumerate(folds):
        if tell is not None:
            tell(number, len(folds), "towers without the labels")
        inner = by_item(train, seed)
        more = examples(learn_store(inner.train, side), inner.train, inner.test, seed=seed, **how)
        found = more if found is None else found.plus(more)
    return found


def retrieve(store: FeatureStore, task: Task, side: Side, size: int) -> Retrieved:
    """What the towers give the people of a task."""
    people = [store.known(task.histories.of(np.array([place]))) for place in range(len(task.histories.people))]
    rows = {
        tower: [
            retrieved(store, tower, person, allowed, size)
            for person, allowed in zip(people, task.candidates, strict=True)
        ]
        for tower in TOWERS.values()
    }
    table = []
    for place, person in enumerate(people):
        held = np.unique(np.concatenate([rows[tower][place] for tower in rows]))
        table.append((held, store.features(person, held)))
    return Retrieved(task, rows, people, store, side.item_ids, table)


def search(train: Ratings, side: Side, tell: Tell) -> dict[str, dict]:
    """Searches each ranker's hyper-parameters on a validation part of the training data.

    Returns:
        By ranker `seed`, `stepwise`, `validation` (`{settings, ndcg@10}` of everything tried) and `chosen`: what is
        best on the mean over the two learned towers' lists, of equals the first.
    """
    task = by_item(train, VALIDATION_SEED)
    lessons = lists_to_learn_from(task.train, side, tell=tell)
    asked = retrieve(learn_store(task.train, side), task, side, SIZES[0])
    wanted, found = task.test.seen(), {}
    for name, grid in STEPWISE.items():
        tried: list[dict] = []

        def score(settings: dict[str, Any], name=name, grid=grid, tried=tried) -> float:
            known = next((one["ndcg@10"] for one in tried if one["settings"] == settings), None)
            if known is not None:
                return known
            tell(len(tried), sum(map(len, grid.values())), f"tuning {name}")
            ranker = create(name, **settings).fit(lessons)
            lists = [asked.lists(tower, SIZES[0], ranker) for tower in ("als", "two_tower")]
            value = round(float(np.mean([np.nanmean(worth(own, wanted).ndcg) for own in lists])), 6)
            tried.append({"settings": settings, "ndcg@10": value})
            return value

        chosen = create(name).settings
        for key, values in grid.items():
            chosen = max((chosen | {key: value} for value in values), key=score)
        found[name] = {
            "seed": VALIDATION_SEED,
            "stepwise": {key: list(values) for key, values in grid.items()},
            "validation": tried,
            "chosen": chosen,
        }
    return found


def measure_ranking(ratings: Ratings, side: Side, names: Sequence[str], tell: Tell, tunes: bool) -> dict:
    """The protocol `ranking`; see the module's text and `docs/schema.md`.

    Args:
        ratings: all ratings of the catalog.
        side: content of its items and facts of its people.
        names: models; those of `TOWERS` count.
        tell: called with (done, total, what).
        tunes: search the rankers' hyper-parameters first.
    """
    task = by_item(ratings)
    towers = {model: tower for model, tower in TOWERS.items() if model in names} or TOWERS
    searched = search(task.train, side, tell) if tunes else {}
    started = time.perf_counter()
    lessons = lists_to_learn_from(task.train, side, tell=tell)
    prepared_s = time.perf_counter() - started
    rankers, rows = {}, []
    for name in RANKERS:
        tell(len(rankers), len(RANKERS), name)
        started = time.perf_counter()
        rankers[name] = create(name, **searched.get(name, {}).get("chosen", {})).fit(lessons)
        rows.append({"ranker": name, "settings": rankers[name].settings, "train_s": _seconds(started)})
    tell(0, 1, "what the towers retrieve")
    asked = retrieve(learn_store(task.train, side), task, side, max(SIZES))
    best = create_model(REFERENCE).fit(task.train, side).scores(task.histories)
    for row in rows:
        row["ms"] = _milliseconds(asked, rankers[row["ranker"]])
        row["importance"] = {name: round(share, 6) for name, share in rankers[row["ranker"]].importance().items()}
        row["tuning"] = searched.get(row["ranker"])
    return {
        "people": int(worth(asked.lists("als", SIZES[0]), task.test.seen()).counted.sum()),
        "train": len(task.train),
        "test": len(task.test),
        "features": dict(FEATURES),
        "lists": len(lessons),
        "examples": len(lessons.labels),
        "prepared_s": round(prepared_s, 1),
        "rankers": rows,
        "models": [
            _compared(asked, model, tower, size, rankers, best) for model, tower in towers.items() for size in SIZES
        ],
    }


def _compared(
    asked: Retrieved, model: str, tower: str, size: int, rankers: Mapping[str, Ranker], best: np.ndarray
) -> dict:
    """One tower's first `size`: as they come, as each ranker orders them, and as the reference does."""
    wanted = asked.task.test.seen()
    raw = worth(asked.lists(tower, size), wanted)
    only = np.full(best.shape, np.nan)
    for person, rows in enumerate(asked.rows[tower]):
        only[person, rows[:size]] = best[person, rows[:size]]
    worths = {name: worth(asked.lists(tower, size, ranker), wanted) for name, ranker in rankers.items()}
    worths[REFERENCE] = worth(top_lists(only, asked.task.candidates, asked.item_ids), wanted)
    reached = [
        np.isin(np.flatnonzero(row), rows[:size]).mean()
        for row, rows in zip(wanted, asked.rows[tower], strict=True)
        if row.any()
    ]
    return {
        "model": model,
        "size": size,
        "reached": round(float(np.mean(reached)), 6),
        **_figures(raw),
        "ranked": [
            {
                "by": name,
                **_figures(own),
                "gain": paired(own.ndcg, raw.ndcg),
                **({} if name == REFERENCE else {"over_ensemble": paired(own.ndcg, worths[REFERENCE].ndcg)}),
            }
            for name, own in worths.items()
        ],
    }


def _figures(found: Worth) -> dict:
    values = found.ndcg[found.counted]
    low, high = interval(values)
    return {"ndcg@10": round(float(values.mean()), 6), "low": round(low, 6), "high": round(high, 6)}


def _milliseconds(asked: Retrieved, ranker: Ranker) -> dict:
    """What features and scores of 200 candidates take for one person, in milliseconds."""
    times = []
    for person, rows in list(zip(asked.people, asked.rows["als"], strict=True))[:TIMED]:
        started = time.perf_counter()
        ranker.scores(asked.store.features(person, rows[: SIZES[0]]))
        times.append((time.perf_counter() - started) * 1000)
    p50, p99 = np.percentile(times[1:] or times, [50, 99])  # the first imports the library
    return {"p50_ms": round(float(p50), 3), "p99_ms": round(float(p99), 3), "n": len(times)}


def _seconds(started: float) -> float:
    return round(time.perf_counter() - started, 1)
