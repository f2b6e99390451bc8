"""What each stage of the funnel is worth on held-out ratings: recall of retrieval, nDCG of ranking, ILD of variety.

There is no second pipeline for this. A version of the catalog is written whose spaces, models and rankers learned from
the training part of the published split alone, and the funnel answers for everybody on it, as it would serve.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.cache import StepCache, key_of
from recsys.evaluation.measures import K
from recsys.evaluation.metrics import ild, ndcg, recall
from recsys.evaluation.records import folder_of, write_record
from recsys.evaluation.significance import interval, paired
from recsys.evaluation.splits import PUBLISHED_SEED, Task, by_item
from recsys.funnel import PLAIN_RANKING, STOPS, Funnel, Recommendation, Request, Sizes
from recsys.learning import (
    RANKING_FILES,
    Lesson,
    lesson_of,
    ranking_keys,
    teach,
    teach_rankers,
)
from recsys.models import SPACES, load_model, read_about
from recsys.profile import Profile
from recsys.provenance import provenance
from recsys.ranking import RANKERS
from recsys.ranking import read_about as about_ranker
from recsys.settings import Settings
from recsys.version import MANIFEST, Version, describe, write_tables

RETRIEVED = (10, 20, 50, 100, 200, 500, 1000)
FILTERED = (20, 50, 100, 200, 500)
RANKED = (10, 20, 50, 200)
METHODS = ("mmr", "dpp")
LAMS = (0, 10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 95, 100)
"""Stops of the slider that are kept, in hundredths."""
LEAD = "two_tower"
"""The space of the later stages' figures."""

Progress = Callable[[int, int, str], None]


def worth_of_stages(
    settings: Settings, version: Version, out: Path | None = None, progress: Progress | None = None
) -> dict:
    """Measures every stage on the published split of a catalog's ratings, and keeps the record.

    Args:
        settings: where steps are remembered, and records are kept.
        version: the built catalog; of one without interactions the simulated people are split.
        out: folder for the record; None for the data folder's.
        progress: called with (done, total, what).

    Returns:
        The record; see `docs/schema.md`, `evaluate --protocol funnel`.
    """
    tell = progress or (lambda done, total, what: None)
    started, lesson = time.perf_counter(), lesson_of(version)
    task = by_item(lesson.ratings)
    with held_out(settings, version, lesson, task, tell) as past:
        found = _measure(past, task, tell)
    record = {
        "catalog": version.name,
        "protocol": "funnel",
        "seeds": [PUBLISHED_SEED],
        "k": K,
        "data": lesson.described(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - started, 1),
        **found,
        **provenance(),
    }
    write_record(out or folder_of(settings), record)
    return record


@contextmanager
def held_out(settings: Settings, version: Version, lesson: Lesson, task: Task, tell: Progress) -> Iterator[Version]:
    """A version of the catalog as it would be if only the training part of a split had ever been rated.

    It has no shard: what retrieves on it is `filtering="before"`, exact.
    """
    train = task.train
    interactions = pd.DataFrame(
        {
            "user_id": train.people[train.users],
            "item_id": version.item_ids[train.items],
            "rating": train.values,
            "timestamp": train.times,
        }
    )
    past = Lesson(train, lesson.side, lesson.simulated)
    steps = StepCache(settings.data / "steps.sqlite")
    with tempfile.TemporaryDirectory(prefix="tastespace-past-") as folder:
        path = Path(folder)
        catalog = replace(version.catalog, interactions=interactions)
        write_tables(path, catalog)
        spaces = {space: np.asarray(version.spaces[space]) for space in version.content_spaces}
        learned, at = {}, path / "model-{}.npz"
        for space, name in SPACES.items():
            tell(0, 1, f"learning {space} from the training part")
            (kept,) = steps.through([key_of(past.key(name))], lambda _, s=space: [teach(past, s)], batch=1)
            file = Path(str(at).format(space))
            file.write_bytes(kept)
            spaces[space] = np.array(load_model(file, past.side).vectors, dtype=np.float32)
            learned[space] = read_about(file)
        for space, vectors in spaces.items():
            np.save(path / f"{space}.npy", vectors)
        manifest = {
            "format": version.manifest["format"],
            "id": "past",
            **describe(catalog),
            "spaces": {space: {"dim": v.shape[1]} for space, v in spaces.items()},
            "default_space": version.default_space,
            "encoders": version.manifest["encoders"],
            "learned": learned,
        }
        (path / MANIFEST).write_text(json.dumps(manifest))
        past_version = Version(path)
        tell(0, 1, "learning to rank from the training part")
        files = steps.through(
            ranking_keys(past), lambda at: [teach_rankers(past)[j] for j in at], batch=len(RANKING_FILES)
        )
        if all(files):
            paths = [past_version.features_file, *map(past_version.ranker_file, RANKERS)]
            for file, content in zip(paths, files, strict=True):
                file.write_bytes(content)
            manifest["rankers"] = {name: about_ranker(past_version.ranker_file(name)) for name in RANKERS}
            (path / MANIFEST).write_text(json.dumps(manifest))
        yield Version(path)


def _measure(version: Version, task: Task, tell: Progress) -> dict:
    funnel = Funnel(version, None, lambda profile: {})  # no store: filters first, so nothing is asked of one
    wanted = [set(np.flatnonzero(row).tolist()) for row in task.test.seen()]
    asked = [place for place, relevant in enumerate(wanted) if relevant]
    relevant = [wanted[place] for place in asked]
    rankers = [PLAIN_RANKING, *version.rankers]
    content = version.spaces[version.default_space]

    def answers(what: str, **request) -> Iterator[Recommendation]:
        for done, place in enumerate(asked):
            if done % 50 == 0:
                tell(done, len(asked), what)
            profile = Profile().being(str(task.train.people[place]))
            yield funnel.recommend(Request(profile, filtering="before", k=K, **request))

    found: dict[str, list[dict]] = {"retrieve": [], "rank": [], "gain": [], "diversify": []}
    fused = tuple(s for s in version.learned if s != LEAD)
    for space, also in ((version.default_space, ()), *((s, ()) for s in version.learned), (LEAD, fused)):
        label = " + ".join((space, *also))
        lists = [
            a.candidates.tolist() for a in answers(f"retrieval by {label}", **_wide(1000, 1000), space=space, also=also)
        ]
        for size in RETRIEVED:
            rates = [recall(rows, own, size) for rows, own in zip(lists, relevant, strict=True)]
            found["retrieve"].append({"space": label, "size": size, **_mean("recall", rates)})
    for space in version.learned:
        values: dict[tuple[str, int], np.ndarray] = {}
        for ranker in rankers:
            for size in FILTERED:
                what = f"{space}, {size} candidates ranked by {ranker}"
                lists = [
                    a.candidates.tolist()
                    for a in answers(what, **_wide(size, size), space=space, ranker=ranker, diversity="plain")
                ]
                values[ranker, size] = np.array([ndcg(r, own, K) for r, own in zip(lists, relevant, strict=True)])
                row = {"space": space, "ranker": ranker, "size": size, **_mean("ndcg@10", values[ranker, size])}
                found["rank"].append(row)
        for ranker in version.rankers:
            gain = paired(values[ranker, 200], values[PLAIN_RANKING, 200])
            found["gain"].append({"space": space, "ranker": ranker, "size": 200, **gain})
    ranker = max(version.rankers, key=lambda name: _at(found["rank"], name), default=PLAIN_RANKING)
    for method in METHODS:
        for size in RANKED:
            what = f"{method} over {size}"
            table: dict[int, list[tuple[float, float]]] = {lam: [] for lam in LAMS}
            everyone = answers(what, **_wide(200, size), space=LEAD, ranker=ranker, diversity=method)
            for answer, own in zip(everyone, relevant, strict=True):
                picks = funnel.sweep(answer).picks
                for lam in LAMS:
                    rows = answer.candidates[picks[lam]]
                    table[lam].append((ndcg(rows.tolist(), own, K), float(ild(content[rows]).mean())))
            for lam, pairs in table.items():
                quality, distance = np.array(pairs).mean(axis=0)
                found["diversify"].append(
                    {
                        "method": method,
                        "ranker": ranker,
                        "size": size,
                        "lam": float(STOPS[lam]),
                        "ndcg@10": round(float(quality), 6),
                        "ild": round(float(distance), 6),
                    }
                )
    return {"people": len(asked), "train": len(task.train), "test": len(task.test), "lead": LEAD, **found}


def _wide(filter_: int, rank: int) -> dict:
    return {"sizes": Sizes(1000, filter_, rank)}


def _mean(name: str, values: Sequence[float]) -> dict[str, float]:
    low, high = interval(np.asarray(values))
    return {name: round(float(np.mean(values)), 6), "low": round(low, 6), "high": round(high, 6)}


def _at(rows: list[dict], ranker: str) -> float:
    (value,) = (r["ndcg@10"] for r in rows if (r["space"], r["ranker"], r["size"]) == (LEAD, ranker, 200))
    return value
