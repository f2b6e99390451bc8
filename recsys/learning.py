"""Learning: which learned spaces a catalog gets, from whose interactions, and which of them serves whom.

A catalog with interactions learns from its own people. One without learns from a simulated population, and everything
that comes of it says so.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.cache import StepCache, key_of
from recsys.errors import InvalidInput
from recsys.evaluation.measures import K, model_scores, top_lists
from recsys.evaluation.protocols import evaluate
from recsys.evaluation.ranking import FOLD_SEEDS, lists_to_learn_from
from recsys.evaluation.records import best_by_likes, folder_of, read_records, write_record
from recsys.evaluation.splits import Task, by_item
from recsys.models import SPACES, Side, SpaceModel, create, load_model, model_bytes, read_about, side_of
from recsys.population import Parameters, as_ratings, simulate
from recsys.ranking import RANKERS, packed, ranker_bytes
from recsys.ranking import create as create_ranker
from recsys.ranking.features import FEATURES, learned_tables
from recsys.ratings import Ratings, clean, read_ratings
from recsys.settings import Settings
from recsys.version import Version

LEARNED = 2
"""Raise it whenever learning gives something else for the same input."""
RANKED = 1
"""Raise it whenever features or rankers come out otherwise for the same input."""
SIMULATED_PEOPLE = 1000
SIMULATED_LIKES = 40
MIN_PEOPLE = 20
MIN_ITEMS = 50
"""Fewer people or items than this tell nothing of taste: such a catalog gets no learned space."""
MIN_LISTS = 20
"""Fewer lists with something to be found on them teach no ranker."""
RANKING_FILES = ("features", *RANKERS)
"""What ranking needs: the tables that features are looked up in, and the rankers."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What models of a catalog learn from.

    Attributes:
        ratings: who rated what.
        side: content of the items and facts of the people.
        simulated: whether the people are made up.
    """

    ratings: Ratings
    side: Side
    simulated: bool

    @property
    def about(self) -> str:
        """What it is, in words."""
        people, ratings = len(self.ratings.people), len(self.ratings)
        if self.simulated:
            return f"{ratings:,} likes of {people:,} simulated people"
        return f"{ratings:,} ratings of {people:,} people"

    def described(self) -> dict:
        """What a record says of the data it was measured on."""
        return {
            "hash": self.ratings.fingerprint(),
            "from": self.about,
            "simulated": self.simulated,
            "ratings": len(self.ratings),
            "people": len(self.ratings.people),
            "items": len(self.side),
        }

    @property
    def enough(self) -> bool:
        """Whether there are enough people and items to learn a space from."""
        return len(self.ratings.people) >= MIN_PEOPLE and len(self.side) >= MIN_ITEMS

    def key(self, model: str) -> str:
        """A hash of everything that decides what a model of that name learns here."""
        r, side = self.ratings, self.side
        return key_of(
            *(LEARNED, model, create(model).settings),
            *("|".join(map(str, r.people)), "" if side.users is None else side.users.to_csv()),
            *(array.tobytes() for array in (r.users, r.items, r.values, r.times)),
            *(array.tobytes() for array in (side.content, side.categories, side.years)),
            "|".join(" ".join(own) for own in side.links),
        )


def lesson_of(version: Version) -> Lesson:
    """What models of a built catalog learn from: its own people, or a simulated population where there are none."""
    side = side_of(version.catalog, np.asarray(version.spaces[version.default_space]))
    if version.catalog.interactions is not None:
        return Lesson(read_ratings(version.catalog), side, simulated=False)
    n = len(version.item_ids)
    people = simulate(version, SIMULATED_PEOPLE, seed=0, parameters=Parameters(), likes=min(SIMULATED_LIKES, n))
    return Lesson(as_ratings(people, n), side, simulated=True)


def teach(lesson: Lesson, space: str, progress=None) -> bytes:
    """A learned space's model, from zero, as the content of its file."""
    name = SPACES[space]
    started = time.perf_counter()
    model = create(name).fit(lesson.ratings, lesson.side, progress)
    return model_bytes(model, **_told(model, lesson, lesson.key(name), time.perf_counter() - started))


def ranking_keys(lesson: Lesson) -> list[str]:
    """A hash of everything that decides what each of `RANKING_FILES` holds."""
    learned = [lesson.key(name) for name in ("als", "two-tower", "ensemble")]
    settings = [{}, *(create_ranker(name).settings for name in RANKERS)]
    return [
        key_of(name, RANKED, learned, FEATURES, list(FOLD_SEEDS), own)
        for name, own in zip(RANKING_FILES, settings, strict=True)
    ]


def teach_rankers(lesson: Lesson, progress=None) -> list[bytes]:
    """The contents of `RANKING_FILES`, learned from zero; empty ones where there are too few lists to learn from.

    Rankers learn from towers that have not seen their labels; what serves is computed from all ratings.
    """
    started = time.perf_counter()
    lists = lists_to_learn_from(lesson.ratings, lesson.side, tell=progress)
    if len(lists) < MIN_LISTS:
        return [b""] * len(RANKING_FILES)
    prepared = time.perf_counter() - started
    told = {"from": lesson.about, "simulated": lesson.simulated}
    files = [packed({**told, "features": list(FEATURES)}, learned_tables(lesson.ratings, lesson.side))]
    for name in RANKERS:
        started = time.perf_counter()
        ranker = create_ranker(name).fit(lists, progress)
        more = {
            "lists": len(lists),
            "prepared_s": round(prepared, 1),
            "seconds": round(time.perf_counter() - started, 1),
            "importance": {feature: round(share, 6) for feature, share in ranker.importance().items()},
        }
        files.append(ranker_bytes(ranker, **told, **more))
    return files


def _told(model: SpaceModel, lesson: Lesson, key: str, seconds: float) -> dict:
    """What a manifest says of a model, besides its name and settings."""
    told = {"lesson": key, "from": lesson.about, "simulated": lesson.simulated, "seconds": round(seconds, 1)}
    return told | ({"facts": model.facts} if hasattr(model, "facts") else {})


def checkpoint(settings: Settings, catalog: str, space: str) -> Path:
    """Where `train` keeps a catalog's model; the next build serves it."""
    return settings.data / "models" / f"{catalog}-{space}.npz"


def trained(settings: Settings, catalog: str, space: str, lesson: Lesson) -> bytes | None:
    """What `train` left for a space, where it began with what the catalog now has; None otherwise."""
    path = checkpoint(settings, catalog, space)
    if not path.exists():
        return None
    return path.read_bytes() if read_about(path)["lesson"] == lesson.key(SPACES[space]) else None


def train(
    settings: Settings, version: Version, name: str, further: bool = False, table: Path | None = None, progress=None
) -> dict:
    """Teaches the model of a learned space and keeps it for the next build.

    Args:
        settings: where it is kept.
        version: the built catalog.
        name: a model that has a space.
        further: go on from what is kept, or served, instead of beginning anew.
        table: interactions to learn from besides the catalog's own: CSV or Parquet with the columns of
            `Catalog.interactions`. The catalog's own stay what they are.
        progress: called with (done, total, what).

    Returns:
        The document of the command line; see `docs/schema.md`, `train`.

    Raises:
        InvalidInput: no such model, nothing to go on from, or a table of which nothing can be used.
    """
    space = next((space for space, model in SPACES.items() if model == name), None)
    if space is None:
        why = "'s space is not served" if hasattr(create(name), "space") else " learns no space"
        raise InvalidInput(
            f"The model {name}{why}, so nothing is to be kept of it; evaluations teach it anew.",
            f"Kept and served are: {', '.join(SPACES.values())}.",
        )
    lesson, dropped, added = lesson_of(version), {}, 0
    base = lesson.key(name)
    if table is not None:
        if lesson.simulated:
            raise InvalidInput(f"The people of {version.name} are simulated; real interactions do not mix with them.")
        more, dropped = clean(_read_table(table), version.catalog)
        added = len(more)
        joined = pd.concat([version.catalog.interactions, more], ignore_index=True)
        lesson = Lesson(read_ratings(version.catalog, table=joined), lesson.side, simulated=False)
    started = time.perf_counter()
    path = checkpoint(settings, version.name, space)
    if further:
        model = _kept(path, version, space, lesson.side).fit_further(lesson.ratings, lesson.side, progress=progress)
    else:
        model = create(name).fit(lesson.ratings, lesson.side, progress)
    seconds = time.perf_counter() - started
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(model_bytes(model, **_told(model, lesson, base, seconds)))
    draft.replace(path)
    return {
        "catalog": version.name,
        "model": name,
        "space": space,
        "continued": further,
        "from": lesson.about,
        "simulated": lesson.simulated,
        "added": added,
        "dropped": dropped,
        "settings": model.settings,
        "curve": getattr(model, "curve", []),
        "seconds": round(seconds, 2),
        "serve": f"python -m recsys build --catalog {version.name}",
    }


def _kept(path: Path, version: Version, space: str, side: Side) -> SpaceModel:
    if path.exists():
        return load_model(path, side)
    if space in version.learned:
        return load_model(version.model_file(space), side)
    raise InvalidInput(
        "There is nothing to go on from.", f"Train first: python -m recsys train --model {SPACES[space]}"
    )


def _read_table(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype={"user_id": str, "item_id": str})
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise InvalidInput(f"The interactions {path.name} cannot be read.", "Give a CSV or a Parquet file.") from error


def serving_of(settings: Settings, version: Version, lesson: Lesson) -> list[dict]:
    """Which space measured best from how many likes on; empty where nothing was measured on these very people."""
    if lesson.simulated:
        return []
    spaces = {"content": version.default_space, **{model: space for space, model in SPACES.items()}}
    return best_by_likes(read_records(settings, version.name).get("cold-users"), lesson.ratings.fingerprint(), spaces)


def measure(
    settings: Settings,
    version: Version,
    protocol: str,
    models: Sequence[str] = (),
    out: Path | None = None,
    tune: bool = False,
    progress=None,
) -> dict:
    """Measures models on a catalog by a protocol and keeps the record where all models were asked for.

    Args:
        settings: where records are kept.
        version: the built catalog.
        protocol: see `recsys.evaluation.protocols`.
        models: which; none for all.
        out: folder for the record; None for the data folder's.
        tune: search each model's grid first; the record has every score.
        progress: called with (done, total, what).

    Returns:
        The record; see `docs/schema.md`, `evaluate`.

    Raises:
        InvalidInput: no such protocol or model.
    """
    lesson = lesson_of(version)
    record = {
        "catalog": version.name,
        "data": lesson.described(),
        **evaluate(lesson.ratings, lesson.side, protocol, models, progress, tune=tune),
    }
    if not models or out is not None:
        write_record(out or folder_of(settings), record)
    return record


def lists_on_split(settings: Settings, version: Version, name: str, progress=None) -> tuple[Task, np.ndarray]:
    """A model's lists on the published split, for a look at one person: computed once, then remembered on disk.

    Returns:
        The split, and (P, 10) int64 rows for each of `histories.people`, -1 where none is left.

    Raises:
        InvalidInput: no such model.
    """
    lesson = lesson_of(version)
    task = by_item(lesson.ratings)

    def compute(_: list[int]) -> list[bytes]:
        model = create(name).fit(task.train, lesson.side, progress)
        lists = top_lists(model_scores(model, task), task.candidates, lesson.side.item_ids)
        return [lists.astype(np.int64).tobytes()]

    cache = StepCache(settings.data / "steps.sqlite")
    (stored,) = cache.through([key_of("lists", lesson.key(name))], compute, batch=1)
    return task, np.frombuffer(stored, dtype=np.int64).reshape(-1, K)


def has_lists_on_split(settings: Settings, version: Version, name: str) -> bool:
    """Whether `lists_on_split` has only to be read."""
    key = key_of("lists", lesson_of(version).key(name))
    return bool(StepCache(settings.data / "steps.sqlite").get([key]))
