"""The funnel on the real catalogs: fates of items against a replay, failures, and what it takes of time and memory."""

import random
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from recsys.bench.funnel import bench_funnel
from recsys.evaluation.records import read_records
from recsys.explain import why
from recsys.funnel import PRODUCTION, Funnel, Request, Sizes
from recsys.learning import lesson_of
from recsys.profile import Profile
from recsys.store import open_store
from recsys.version import Version, built_names, open_current
from recsys.where import Where
from recsys.wishes import Wishes

from . import Row
from .oracle import Exported, random_conditions, satisfies

ITEMS = 200
"""Random items of random requests whose fate is decided anew, a catalog."""
SOAK_MINUTES = 5
ONE_CLIENT_MS, LARGE_MS, ALL_MS = 30, 60, 200


def checks(settings) -> list[Row]:
    """A row for what can be decided here; times and memory come from `bench funnel`."""
    rows = []
    for name in built_names(settings):
        version = open_current(settings, name)
        rows += [_fates(settings, version), *_failures(settings, version), *_worth(settings, version)]
        rows += _times(settings, name)
    rows += _large(settings)
    return rows


def _open(settings, version: Version) -> Funnel:
    return Funnel(version, open_store(settings, version.shard, version.collection), Wishes(version))


def _requests(version: Version, exported: Exported, draw: random.Random, rankers: list[str]) -> Request:
    rated = draw.sample(exported.ids, draw.choice((1, 3, 8)))
    cut = draw.randint(1, len(rated))
    where = random_conditions(exported, version.manifest["facets"], draw) if draw.random() < 0.6 else ()
    return Request(
        Profile(tuple(rated[:cut]), tuple(rated[cut:])),
        space=draw.choice(list(version.spaces)),
        where=Where.parse(where, version.catalog),
        filtering=draw.choice(("inside", "before", "after")),
        cap=draw.choice((None, None, 3, 10)),
        ranker=draw.choice(rankers),
        sizes=draw.choice((Sizes(), PRODUCTION, Sizes(100, 50, 20), Sizes(300, 30, 30))),
        diversity=draw.choice(("mmr", "dpp", "plain")),
    )


def _fates(settings, version: Version) -> Row:
    from recsys.carry import export

    funnel, draw = _open(settings, version), random.Random(8)
    with tempfile.TemporaryDirectory() as folder:
        export(version, Path(folder))
        exported = Exported.read(Path(folder), version.manifest["categories"])
    right, wrong, stages = 0, [], dict.fromkeys(("shown", "retrieve", "filter", "rank", "diversify"), 0)
    for _ in range(ITEMS):
        request = _requests(version, exported, draw, ["none", *version.rankers])
        answer = funnel.recommend(request)
        # Half of the items from near the cut, where stages decide; an item drawn from all is nearly always too far.
        pool = np.concatenate([s.drops[r] for s in answer.trace.stages[2:] for r in s.drops] + [answer.candidates])
        near = len(pool) and draw.random() < 0.5
        item_id = str(version.item_ids[draw.choice(pool.tolist())]) if near else draw.choice(exported.ids)
        fate = why(funnel, answer, item_id)
        expected = _replayed(funnel, exported, request, answer.query.vector, item_id)
        stages[fate.stage or "shown"] += 1
        if (fate.stage, fate.reason) == expected and not answer.trace.degraded:
            right += 1
        else:
            wrong.append(f"{item_id}: {fate.stage}, {fate.reason} instead of {expected}")
    met = ", ".join(f"{stage} {count}" for stage, count in stages.items())
    return Row(
        f"{version.name}: “why was it not shown?” is right for {ITEMS} items against a replay by brute force",
        f"{right} right ({met})" + (f"; first: {wrong[0]}" if wrong else ""),
        right == ITEMS,
    )


def _replayed(
    funnel: Funnel, exported: Exported, request: Request, query: np.ndarray, item_id: str
) -> tuple[str | None, str | None]:
    """The stage and the reason, from the built arrays, the exported rows and the rules, an item at a time."""
    vectors = np.asarray(funnel.version.spaces[request.space], dtype=np.float64)
    scores, row = np.round(vectors @ query, 6), exported.ids.index(item_id)
    rated = {*request.profile.likes, *request.profile.dislikes}
    conditions = [str(c) for c in request.where]

    def breaks(n: int) -> list[str]:
        return [f"breaks {c}" for c in conditions if not satisfies(exported.rows[n], c)]

    first = request.filtering != "after"
    may = [n for n in range(len(vectors)) if vectors[n].any() and not (first and breaks(n))]
    may.sort(key=lambda n: (-scores[n], n))
    retrieved = may[: request.sizes.retrieve + len(rated)]
    if row not in retrieved:
        if first and breaks(row):
            return "retrieve", breaks(row)[0]
        return "retrieve", "too far away" if vectors[row].any() else f"has no vector in {request.space}"
    counts: dict[str, int] = {}
    left = []
    for n in retrieved:
        broken, seen = breaks(n), exported.ids[n] in rated
        own = exported.rows[n][exported.categories]
        groups = [own] if isinstance(own, str) else list(own if own is not None else ())
        full = request.cap is not None and any(counts.get(g, 0) >= request.cap for g in groups)
        if broken or seen or full:
            if n == row:
                return "filter", broken[
                    0
                ] if broken else "already rated" if seen else f"over {request.cap} of a category"
            continue
        for g in groups:
            counts[g] = counts.get(g, 0) + 1
        left.append(n)
    if row not in left[: request.sizes.filter]:
        return "filter", "over the size"
    left = left[: request.sizes.filter]
    if request.ranker != "none":
        # One at a time, so that nothing of a batch decides.
        told = {n: funnel.features(request.profile, np.array([n])) for n in left}
        own = {n: funnel.ranking.scores(request.ranker, features)[0] for n, features in told.items()}
        left.sort(key=lambda n: (-own[n], n))
    if row not in left[: request.sizes.rank]:
        return "rank", "ranked too low"
    answer = funnel.recommend(request)
    shown = answer.candidates[answer.picks].tolist()  # that the choice itself is right is the oracle's to check
    return (None, None) if row in shown else ("diversify", "not picked")


def _failures(settings, version: Version) -> list[Row]:
    """Each stage broken for real on a copy: the shard gone while open, a model and a ranker overwritten."""
    rows, where = [], Where.parse(["in_stock=yes"], version.catalog)
    profile = Profile(likes=tuple(str(i) for i in version.item_ids[[3, 40, 200]]))
    allowed = version.facets.mask(where)
    for what, files, request in (
        ("the store is gone", ["shard"], Request(profile, where=where)),
        ("a learned model is damaged", ["model-mf.npz"], Request(profile, where=where, space="mf")),
        ("a ranker is damaged", ["ranker-gbdt.npz"], Request(profile, where=where, ranker="gbdt")),
    ):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "copy"
            shutil.copytree(version.path, copy)
            funnel = _open(replace(settings, qdrant_url=None), Version(copy))
            if "shard" in files:
                funnel.store.close()
            else:
                for name in files:
                    (copy / name).write_bytes(b"not what it was")
            answer = funnel.recommend(request)
            kept = bool(allowed[answer.candidates].all()) and len(answer.picks) == 10
            told = " ".join(answer.trace.degraded)
        rows.append(
            Row(
                f"{version.name}: {what}: a full list, a sentence, no rule broken",
                f"{len(answer.picks)} items, “{told}”",
                kept and len(answer.trace.degraded) == 1,
            )
        )
    return rows


def _worth(settings, version: Version) -> list[Row]:
    """The stored record of the stages, where it is of these data; quality is claimed on real ratings alone."""
    if version.catalog.interactions is None:
        return []
    record = read_records(settings, version.name).get("funnel")
    of_these = record is not None and record["data"]["hash"] == lesson_of(version).ratings.fingerprint()
    rows = []
    for gain in record["gain"] if of_these else ():
        told = f"{gain['mean']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}] nDCG@10"
        rows.append(
            Row(f"{version.name}: {gain['ranker']} lifts what {gain['space']} retrieves", told, gain["low"] > 0)
        )
    return rows or [Row(f"{version.name}: a record of the stages on these data", "none", False)]


def _times(settings, name: str) -> list[Row]:
    record = bench_funnel(settings, [name], requests=1000, clients=(1, 16), minutes=SOAK_MINUTES)
    (run,) = record["runs"]
    one, many = ({c["clients"]: c for c in run["clients"]}[n] for n in (1, 16))
    soak = run["soak"]
    return [
        Row(
            f"{name}: p99 with one client at most {ONE_CLIENT_MS} ms",
            f"{one['total']['p99_ms']:.1f} ms",
            one["total"]["p99_ms"] <= ONE_CLIENT_MS,
        ),
        Row(
            f"{name}: p99 with 16 clients at most {ALL_MS} ms",
            f"{many['total']['p99_ms']:.1f} ms, {many['errors']} errors",
            many["total"]["p99_ms"] <= ALL_MS and not many["errors"],
        ),
        Row(
            f"{name}: 16 clients for {SOAK_MINUTES} minutes: no error, flat memory",
            f"{soak['errors']} errors, {soak['slope_mb_per_min']:+.2f} MB a minute, p99 {soak['p99_ms']:.1f} ms",
            not soak["errors"] and abs(soak["slope_mb_per_min"]) < 1,
        ),
    ]


def _large(settings) -> list[Row]:
    record = bench_funnel(settings, ["movies"], requests=1000, clients=(1,), synthetic=100_000)
    p99 = record["runs"][0]["clients"][0]["total"]["p99_ms"]
    asked = f"100,000 synthetic items: p99 with one client at most {LARGE_MS} ms"
    return [Row(asked, f"{p99:.1f} ms", p99 <= LARGE_MS)]
