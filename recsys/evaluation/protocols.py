"""Protocols: models are taught, asked, and measured person by person; the outcome is a record.

ms-75-25, chronological   people whom the models know; see `recsys.evaluation.splits`
cold-users                people whom they do not, after m revealed ratings, over several seeds
cold-items                items that nobody has rated, over several seeds
continue                  going on with what was learned as ratings come in, against learning anew
ranking                   what towers retrieve on ms-75-25, as rankers order it; see `recsys.evaluation.ranking`
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from recsys.demographics import AGES, age_band
from recsys.errors import InvalidInput, quoted
from recsys.evaluation.measures import K, Worth, auc, hit_rates, model_scores, overlap, top_lists, worth
from recsys.evaluation.ranking import measure_ranking
from recsys.evaluation.significance import band, interval, paired
from recsys.evaluation.splits import PUBLISHED_SEED, REVEALED, Task, by_item, chronological, cold_items, cold_users
from recsys.evaluation.tuning import tune as search
from recsys.models import MODELS, SPACES, Model, Side, create, load_model, model_bytes
from recsys.provenance import provenance
from recsys.ratings import Ratings

SEEDS = (0, 1, 2, 3, 4)
ORDERS = ("random", "chronological")
REFERENCES = ("popularity", "ease")
TIMED = 50
POPULAR_SHARE = 0.2
Teach = Callable[[str, Ratings, Side], Model]


def evaluate(
    ratings: Ratings,
    side: Side,
    protocol: str,
    names: Sequence[str] = (),
    progress: Callable[[int, int, str], None] | None = None,
    seeds: Sequence[int] = SEEDS,
    tune: bool = False,
) -> dict:
    """Measures models by a protocol.

    Args:
        ratings: all ratings of the catalog.
        side: content of its items and facts of its people.
        protocol: of `PROTOCOLS`.
        names: the models; none for all. Of `ranking` those that retrieve count.
        progress: called with (done, total, what).
        seeds: of the cold protocols.
        tune: search the models' grids first; for protocols whose training data are the same for all seeds.

    Returns:
        The record without catalog and data hash; see `docs/schema.md`, `evaluate`.

    Raises:
        InvalidInput: no such protocol or model.
    """
    names = list(dict.fromkeys(names)) or list(MODELS)
    for name in names:
        create(name)  # says which are known
    if protocol not in PROTOCOLS:
        raise InvalidInput(f"There is no protocol {quoted(protocol)}.", f"Known: {', '.join(PROTOCOLS)}.")
    tell = progress or (lambda done, total, what: None)
    started = time.perf_counter()
    found = PROTOCOLS[protocol](ratings, side, names, tell, tune if protocol in TUNABLE else seeds)
    return {
        "protocol": protocol,
        "seeds": list(SPLIT_SEEDS.get(protocol, seeds)),
        "k": K,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - started, 1),
        **found,
        **provenance(),
    }


def _on_known_people(split: Callable[[Ratings], Task]):
    def run(ratings: Ratings, side: Side, names: list[str], tell, tunes: bool) -> dict:
        task = split(ratings)
        wanted = task.test.seen()
        worths: dict[str, Worth] = {}
        lists: dict[str, np.ndarray] = {}
        rows = []
        for place, name in enumerate(names):
            tell(place, len(names), name)
            searched = search(name, task.train, side, tell) if tunes else None
            model, cost = taught(name, task.train, side, **({} if searched is None else searched["chosen"]))
            scores = model_scores(model, task)
            lists[name] = top_lists(scores, task.candidates, side.item_ids)
            worths[name] = worth(lists[name], wanted)
            rows.append(
                {
                    "model": name,
                    "space": getattr(model, "space", None),
                    "settings": model.settings,
                    **_figures(worths[name]),
                    **cost,
                    "query_ms": _query_ms(model, task),
                    "curve": getattr(model, "curve", []),
                    "segments": _segments(worths[name], lists[name], task, wanted, side),
                    "tuning": searched,
                }
            )
        tell(len(names), len(names), "comparing")
        for row in rows:
            row["against"] = {
                other: paired(worths[row["model"]].ndcg, worths[other].ndcg)
                for other in REFERENCES
                if other in worths and other != row["model"]
            }
        return {
            "people": int(worths[names[0]].counted.sum()),
            "train": len(task.train),
            "test": len(task.test),
            "models": sorted(rows, key=lambda row: -row["ndcg@10"]),
            "overlap": {
                "models": names,
                "matrix": [[round(overlap(lists[a], lists[b]), 4) for b in names] for a in names],
            },
        }

    return run


def taught(name: str, train: Ratings, side: Side, **settings) -> tuple[Model, dict]:
    """A model after learning in a process of its own, and what that took.

    Returns:
        The model, and `train_s`, and `train_mb`, by how much the process grew at its peak, libraries included (None
        where the system does not tell).

    Raises:
        InvalidInput: no such model or setting.
    """
    create(name, **settings)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            cost = pool.submit(_teach, name, settings, train, side, path).result()
        return load_model(path, side), cost


def _teach(name: str, settings: dict, train: Ratings, side: Side, path: Path) -> dict:
    model, before = create(name, **settings), _memory_mb("VmRSS")
    started = time.perf_counter()
    model.fit(train, side)
    seconds, after = time.perf_counter() - started, _memory_mb("VmHWM")
    path.write_bytes(model_bytes(model))
    return {
        "train_s": round(seconds, 2),
        "train_mb": None if before is None or after is None else round(after - before),
    }


def _memory_mb(line: str) -> float | None:
    """What this process uses (`VmRSS`) or used at its peak (`VmHWM`); None where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(float(told.split()[1]) / 1024 for told in lines if told.startswith(line))
    except (OSError, StopIteration):
        return None


def _query_ms(model: Model, task: Task) -> dict:
    """What one person's scores take, history to scores, in milliseconds."""
    times = []
    for person in range(min(TIMED, len(task.histories.people))):
        one = task.histories.of(np.array([person]))
        started = time.perf_counter()
        model.scores(one)
        times.append((time.perf_counter() - started) * 1000)
    p50, p95 = np.percentile(times, [50, 95])
    return {"p50_ms": round(float(p50), 3), "p95_ms": round(float(p95), 3), "n": len(times)}


def _figures(found: Worth) -> dict:
    counted = found.counted
    low, high = interval(found.ndcg[counted])
    means = {"ndcg@10": found.ndcg, "precision@10": found.precision, "recall@10": found.recall}
    rounded = {name: round(float(values[counted].mean()), 6) for name, values in means.items()}
    return {**rounded, "low": round(low, 6), "high": round(high, 6)}


def _segments(found: Worth, lists: np.ndarray, task: Task, wanted: np.ndarray, side: Side) -> list[dict]:
    """The same by kinds of people (nDCG@10) and of items (recall@10)."""
    sizes = np.bincount(task.histories.users, minlength=len(task.histories.people))
    first, second = np.quantile(sizes[found.counted], [1 / 3, 2 / 3])
    kinds = {
        ("history", f"up to {first:.0f} ratings"): sizes <= first,
        ("history", f"{first + 1:.0f} to {second:.0f}"): (sizes > first) & (sizes <= second),
        ("history", f"more than {second:.0f}"): sizes > second,
    }
    if side.users is not None and "age" in side.users.columns:
        bands = side.users["age"].reindex(task.histories.people).map(age_band, na_action="ignore").to_numpy(object)
        kinds |= {("age", name): bands == name for name in AGES}
    rows = []
    for (kind, name), members in kinds.items():
        values = found.ndcg[members & found.counted]
        if len(values):
            low, high = interval(values)
            figures = {"value": values.mean(), "low": low, "high": high}
            rows.append(_segment(kind, name, "ndcg@10", len(values), figures))
    counts = task.train.counts()
    popular = np.zeros(len(counts), dtype=bool)
    popular[np.argsort(-counts, kind="stable")[: round(POPULAR_SHARE * (counts > 0).sum())]] = True
    for name, among in (("the most rated fifth", popular), ("all others", ~popular)):
        rates = hit_rates(lists, wanted, among)
        rates = rates[~np.isnan(rates)]
        low, high = interval(rates)
        rows.append(_segment("items", name, "recall@10", len(rates), {"value": rates.mean(), "low": low, "high": high}))
    return rows


def _segment(kind: str, name: str, measure: str, n: int, figures: dict) -> dict:
    told = {key: round(float(value), 6) for key, value in figures.items()}
    return {"kind": kind, "segment": name, "measure": measure, "n": n, **told}


def _cold_users(ratings: Ratings, side: Side, names: list[str], tell, seeds: Sequence[int]) -> dict:
    means: dict[tuple[str, str, int], list[float]] = {}
    gains: dict[tuple[str, str, int], list[np.ndarray]] = {}
    people = []
    asked = list(dict.fromkeys([*names, "popularity"]))
    for step, seed in enumerate(seeds):
        split = cold_users(ratings, seed)
        wanted = split.test.seen()
        people.append(len(split.test.people))
        models = {}
        for name in asked:
            tell(step * len(asked) + len(models), len(seeds) * len(asked), f"{name}, seed {seed}")
            models[name] = create(name).fit(split.train, side)
        for order in ORDERS:
            for m in REVEALED:
                task = split.revealing(m, order)
                found = {
                    name: worth(top_lists(model_scores(model, task), task.candidates, side.item_ids), wanted).ndcg
                    for name, model in models.items()
                }
                counted = ~np.isnan(found["popularity"])
                for name in asked:
                    means.setdefault((name, order, m), []).append(float(found[name][counted].mean()))
                    gains.setdefault((name, order, m), []).append((found[name] - found["popularity"])[counted])
    rows = []
    for name in asked:
        curve = []
        for order in ORDERS:
            for m in REVEALED:
                low, high = band(np.array(means[name, order, m]))
                over_low, over_high = interval(np.concatenate(gains[name, order, m]))
                point = {
                    "ndcg@10": np.mean(means[name, order, m]),
                    "low": low,
                    "high": high,
                    "gain": np.concatenate(gains[name, order, m]).mean(),
                    "gain_low": over_low,
                    "gain_high": over_high,
                }
                curve.append({"order": order, "m": m, **{key: round(float(v), 6) for key, v in point.items()}})
        rows.append(
            {"model": name, "settings": create(name).settings, "passes_popularity": _passes(curve), "curve": curve}
        )
    return {"people": people, "models": rows}


def _passes(curve: list[dict]) -> dict[str, int | None]:
    """By order of revelation, the least m from which on a line stays above popularity with its interval; or None."""
    found = {}
    for order in ORDERS:
        points = [p for p in curve if p["order"] == order]
        above = [p["gain_low"] > 0 for p in points]
        staying = [j for j in range(len(points)) if all(above[j:])]
        found[order] = points[staying[0]]["m"] if staying else None
    return found


def _cold_items(ratings: Ratings, side: Side, names: list[str], tell, seeds: Sequence[int]) -> dict:
    areas: dict[str, list[np.ndarray]] = {name: [] for name in names}
    worths: dict[str, list[np.ndarray]] = {name: [] for name in names}
    hits: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for step, seed in enumerate(seeds):
        split = cold_items(ratings, side.item_ids, seed)
        wanted = split.task.test.seen()
        for place, name in enumerate(names):
            tell(step * len(names) + place, len(seeds) * len(names), f"{name}, seed {seed}")
            scores = create(name).fit(split.task.train, side).scores(split.task.histories)
            scores = np.where(np.isnan(scores), -np.inf, scores)
            lists = top_lists(scores, split.task.candidates, side.item_ids)
            areas[name].append(auc(scores, wanted, split.new))
            worths[name].append(worth(lists, wanted).ndcg)
            hits[name].append(hit_rates(lists, wanted, split.new))
    rows = []
    for name in names:
        row: dict = {"model": name, "settings": create(name).settings}
        for key, measured in (("auc", areas), ("ndcg@10", worths), ("new_recall@10", hits)):
            row[key] = _over_seeds(measured[name])
        row["auc_against"] = {
            other: paired(np.concatenate(areas[name]), np.concatenate(areas[other]))
            for other in ("als", "content")
            if other in areas and other != name
        }
        rows.append(row)
    return {"models": sorted(rows, key=lambda row: -(row["auc"]["mean"] or 0))}


def _over_seeds(values: list[np.ndarray]) -> dict:
    means = np.array([np.nanmean(own) for own in values if not np.isnan(own).all()])
    if not len(means):
        return dict.fromkeys(("mean", "low", "high"))
    (low, high), mean = band(means), float(means.mean())
    return {"mean": round(mean, 6), "low": round(low, 6), "high": round(high, 6)}


def _going_on(ratings: Ratings, side: Side, names: list[str], tell, seeds: Sequence[int]) -> dict:
    """Models with a space learn 80 in 100 ratings, the first by time; 10 more come in; the last are to be found."""
    order = np.lexsort((ratings.items, ratings.users, ratings.times))
    first, second = round(0.8 * len(order)), round(0.9 * len(order))
    before, after, test = ratings.part(order[:first]), ratings.part(order[:second]), ratings.part(order[second:])
    task = Task(after, after, test, ~after.seen() & (after.counts() > 0), known=False)
    wanted, rows = test.seen(), []
    for name in (name for name in names if name in SPACES.values()):
        tell(len(rows), len(SPACES), name)
        old = create(name).fit(before, side)
        lists = {"before": top_lists(model_scores(old, task), task.candidates, side.item_ids)}
        seconds = {}
        for how in ("continued", "from_zero"):
            started = time.perf_counter()
            model = old.fit_further(after, side) if how == "continued" else create(name).fit(after, side)
            seconds[f"{how}_s"] = round(time.perf_counter() - started, 2)
            lists[how] = top_lists(model_scores(model, task), task.candidates, side.item_ids)
        found = {how: worth(own, wanted).ndcg for how, own in lists.items()}
        means = {how: round(float(np.nanmean(values)), 6) for how, values in found.items()}
        gains = {"gain": paired(found["continued"], found["from_zero"])}
        rows.append({"model": name, "settings": create(name).settings, **means, **seconds, **gains})
    return {"train": first, "added": second - first, "test": len(test), "models": rows}


SPLITS = {"ms-75-25": by_item, "chronological": chronological}
PROTOCOLS = {
    **{name: _on_known_people(split) for name, split in SPLITS.items()},
    "cold-users": _cold_users,
    "cold-items": _cold_items,
    "continue": _going_on,
    "ranking": measure_ranking,
}
SPLIT_SEEDS = {"ms-75-25": (PUBLISHED_SEED,), "ranking": (PUBLISHED_SEED,), "chronological": (), "continue": ()}
"""Of what is split once; what is split by time draws nothing. A model's own seed is among its settings."""
TUNABLE = (*SPLITS, "ranking")
