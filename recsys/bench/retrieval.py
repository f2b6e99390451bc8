"""The engines of retrieval side by side: each in a process of its own, its answers judged here and not by itself.

An engine is built and its index written in one process; another one opens the index and is asked. So the memory of
serving is told apart from that of building, and what is on disk is what answers.
"""

import hashlib
import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsys.bench.record import folder_for_records, keep, percentiles, provenance
from recsys.cache import Progress, key_of
from recsys.errors import InvalidInput, TastespaceError, quoted
from recsys.funnel import Funnel
from recsys.lessons.retrieval.queries import K, profile_queries, searched
from recsys.retrieval import ENGINES, version_of
from recsys.retrieval.growth import COSTS, fit_exponent, points
from recsys.retrieval.judge import exact, judged
from recsys.retrieval.similarity import UNIT
from recsys.retrieval.synthetic import bandwidth, grow, reduced, spread, synthetic_queries
from recsys.retrieval.worker import Worker, WorkerLost, duration, find_engine, takes_queries
from recsys.settings import Settings
from recsys.store import no_progress
from recsys.version import Version, bytes_on_disk, open_current

MEASURED = 3
"""Raise it whenever a record of an earlier run must not stand beside new ones."""
QUERIES = 200
REFERENCE = "exhaustive"
"""Measured in every run, for the others' times are told as a share of its own."""
GROWN_FROM = "clipart", "text"
LIMIT_S = 1200.0
ASKING_S = 60.0
"""How long single queries are asked at the defaults; a slow engine is asked fewer."""
TOGETHER_S = 0.5
POINT_S, POINT_TOGETHER_S, SWEEP_S = 2.0, 0.1, 300.0
"""The same for each setting of the knobs, and for all of them."""
COPIES = 3
"""Vectors are in memory here, in the engine's process, and in its index."""


@dataclass(frozen=True, eq=False)
class Data:
    """What engines are measured on.

    Attributes:
        label: a name for files and for progress.
        vectors: (n, d) float32.
        queries: (q, d) float32.
        about: what the record says of it; see docs/schema.md, `bench retrieval`.
    """

    label: str
    vectors: np.ndarray
    queries: np.ndarray
    about: dict


def bench_retrieval(
    settings: Settings,
    catalog: str | None = None,
    space: str | None = None,
    synthetic: tuple[int, int] | None = None,
    sizes: Sequence[int] = (),
    engines: Sequence[str] = ENGINES,
    out: Path | None = None,
    seed: int = 0,
    limit_s: float = LIMIT_S,
    progress: Progress = no_progress,
    build: Mapping[str, int] | None = None,
    anew: bool = False,
) -> dict:
    """Measures engines on a catalog's spaces, or on vectors grown from one of them.

    What cannot be measured is a row with its reason in `error`, and the rest goes on.

    Args:
        settings: where the catalogs are.
        catalog: the catalog; with `synthetic`, the one whose vectors are grown.
        space: one of its spaces; None for all of them in turn, or, with `synthetic`, for the words.
        synthetic: number of vectors and dimensions; None measures the catalog's own.
        sizes: several numbers of vectors instead of the one in `synthetic`.
        engines: names, as `find_engine` takes them.
        out: a folder for records: an engine's is written when it is finished, and not measured again while data,
            arguments and versions stay the same. None keeps nothing.
        seed: everything is drawn from it.
        limit_s: seconds an engine may take on one set of data.
        progress: told what is being measured.
        build: build-time arguments that all of `engines` take, instead of their own; such rows are not kept in `out`.
        anew: measure again what `out` holds already; its records are replaced one by one.

    Returns:
        See docs/schema.md, `bench retrieval`.

    Raises:
        InvalidInput: nothing to measure, or values that do not fit.
        NotBuilt: the catalog is not built.
        TastespaceError: the records or the vectors cannot be written.
    """
    wanted = cases(settings, catalog, space, synthetic, sizes, seed)
    names = list(dict.fromkeys([REFERENCE, *engines]))
    for name in engines if build else ():
        _takes(name, build)
    if build and out is not None:
        raise InvalidInput("Records are of engines as they come.", "Leave out --out, or --build.")
    if out is not None:
        folder_for_records(out)
    runs = []
    for number, case in enumerate(wanted):
        data = case()

        def tell(engine: int, name: str, number: int = number, data: Data = data) -> None:
            progress(number * len(names) + engine, len(wanted) * len(names), f"{data.label}: {name}")

        runs.append({"data": data.about, "engines": _run(data, names, out, limit_s, tell, build, anew)})
    progress(len(wanted) * len(names), len(wanted) * len(names), "measured")
    return {
        "benchmark": "retrieval",
        "k": K,
        "threads": {"single": 1, "all": cores()},
        "limit_s": limit_s,
        "runs": runs,
        "growth": growth(runs) if sizes else [],
        **provenance(),
    }


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def catalog_data(version: Version, space: str, seed: int) -> Data:
    """A space of a built catalog, without the items that have no vector in it.

    Raises:
        InvalidInput: as `profile_queries`.
    """
    queries = profile_queries(Funnel(version, store=None, encode_wish=dict), space, QUERIES, seed)
    vectors = searched(version, space).vectors
    about = {"catalog": version.name, "space": space, "version": version.id, "synthetic": False}
    left_out = len(version.item_ids) - len(vectors)
    return _data(f"{version.name}-{space}", vectors, queries, seed, about, left_out, None)


def synthetic_data(version: Version, space: str, n: int, dims: int, seed: int) -> Data:
    """Vectors grown from a space; see `recsys.retrieval.synthetic`.

    Raises:
        InvalidInput: more dimensions than the space has, or more vectors than memory holds.
    """
    every = np.asarray(version.spaces[space])
    if not 1 <= dims <= every.shape[1]:
        raise InvalidInput(f"The space {space} of {version.name} has {every.shape[1]} dimensions, not {dims}.")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if not 1 <= n <= memory // (4 * dims * COPIES):
        most = memory // (4 * dims * COPIES)
        raise InvalidInput(f"{n:,} vectors of {dims} dimensions cannot be held.", f"Ask for 1 to {most:,} here.")
    real = every[every.any(axis=1)]
    unit = _are_unit(real)
    real = reduced(real, dims, unit)
    try:
        h = bandwidth(real, unit)
    except ValueError as error:
        raise InvalidInput(f"The space {space} of {version.name} is too small to grow vectors from.") from error
    vectors, queries = grow(real, n, seed, unit, h), synthetic_queries(real, QUERIES, seed, unit, h)
    about = {"catalog": version.name, "space": space, "version": version.id, "synthetic": True}
    grown = {"from": len(real), "h": round(h, 4), "spread": spread(real)}
    return _data(f"{version.name}-{space}-{n}x{dims}", vectors, queries, seed, about, len(every) - len(real), grown)


def cases(
    settings: Settings,
    catalog: str | None,
    space: str | None,
    synthetic: tuple[int, int] | None,
    sizes: Sequence[int],
    seed: int,
) -> list[Callable[[], Data]]:
    """What to measure on, one after the other: functions, since all of it at once may not fit in memory.

    Raises:
        InvalidInput, NotBuilt: see `bench_retrieval`.
    """
    if sizes and synthetic is None:
        raise InvalidInput("--sizes asks for several numbers of synthetic vectors.", "Add --synthetic N,D.")
    if catalog is None and synthetic is None:
        raise InvalidInput("There is nothing to measure on.", "Give --catalog C or --synthetic N,D.")
    version = open_current(settings, catalog or GROWN_FROM[0])
    if space is not None:
        version.has_space(space)
    if synthetic is None:
        return [lambda s=s: catalog_data(version, s, seed) for s in ([space] if space else version.spaces)]
    grown = space or (GROWN_FROM[1] if GROWN_FROM[1] in version.spaces else version.default_space)
    return [lambda n=n: synthetic_data(version, grown, n, synthetic[1], seed) for n in (sizes or synthetic[:1])]


def measure(
    name: str, data: Data, truth: tuple, home: Path, limit_s: float, build: Mapping[str, int] | None = None
) -> dict:
    """One engine on one set of data: its row of the record, `error` None or a sentence.

    Args:
        name: the engine's.
        data: what it is measured on.
        truth: what `exact` gives for it.
        home: a folder with `vectors.npy` and `queries.npy`; the index is made there and removed.
        limit_s: seconds that all of it may take.
        build: build-time arguments.
    """
    deadline = time.monotonic() + limit_s
    row: dict = {"engine": name, "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    try:
        row |= _described(name)
        with tempfile.TemporaryDirectory(prefix="index-", dir=home, ignore_cleanup_errors=True) as index:
            _build(row, name, home, Path(index), deadline, build)
            _ask(row, name, data, truth, home, Path(index), deadline, build)
    except Exception as error:  # whatever it is, the other engines shall be measured
        if isinstance(error, WorkerLost) and time.monotonic() >= deadline:
            return row | {"error": f"{name} took longer than {duration(limit_s)} and was stopped."}
        known = isinstance(error, (TastespaceError, ValueError))
        return row | {"error": " ".join(f"{'' if known else f'{type(error).__name__}: '}{error}".split())}
    return row | {"error": None}


def growth(runs: Sequence[dict]) -> list[dict]:
    """How the costs of each engine grow with the number of vectors: `cost = c n^exponent`, where three or more tell."""
    found = []
    for engine, cost in itertools.product(dict.fromkeys(e["engine"] for run in runs for e in run["engines"]), COSTS):
        rows = [(run["data"]["n"], e) for run in runs for e in run["engines"] if e["engine"] == engine]
        sizes, values = [n for n, _ in rows], [None if row["error"] else row.get(cost) for _, row in rows]
        told = [pair for pair in points(cost, sizes, values) if pair[1] > 0]
        if len({n for n, _ in told}) >= 3:
            exponent, error = fit_exponent(*zip(*told, strict=True))
            figures = {"exponent": round(exponent, 3), "standard_error": round(error, 3), "sizes": len(told)}
            found.append({"engine": engine, "cost": cost, **figures})
    return found


def _data(label: str, vectors: np.ndarray, queries: np.ndarray, seed: int, about: dict, left_out: int, grown) -> Data:
    digest = hashlib.sha256(str((vectors.shape, queries.shape)).encode())
    for array in (vectors, queries):
        digest.update(np.ascontiguousarray(array))
    return Data(
        label,
        vectors,
        queries,
        {
            **about,
            "n": len(vectors),
            "dims": vectors.shape[1],
            "unit": _are_unit(vectors),
            "hash": digest.hexdigest()[:16],
            "seed": seed,
            "queries": len(queries),
            "left_out": left_out,
            "spread": spread(vectors) if len(vectors) > 1 else None,
            "grown": grown,
        },
    )


def _are_unit(vectors: np.ndarray) -> bool:
    return bool((np.abs(np.linalg.norm(vectors, axis=1) - 1) < UNIT).all())


def _takes(name: str, build: Mapping[str, int]) -> None:
    """Refuses build-time arguments that an engine does not have, or that are too small for it."""
    known = find_engine(name).builds
    if unknown := [argument for argument in build if argument not in known]:
        has = ", ".join(known) or "nothing that is a number"
        raise InvalidInput(f"{name} is not built with {quoted(unknown[0])}: it takes {has}.")
    try:
        find_engine(name)(**build)
    except ValueError as error:
        raise InvalidInput(f"{name} cannot be built so: {error}.") from error


def _run(
    data: Data,
    names: Sequence[str],
    out: Path | None,
    limit_s: float,
    tell,
    build: Mapping[str, int] | None,
    anew: bool,
) -> list[dict]:
    """All engines on one set of data."""
    with tempfile.TemporaryDirectory(prefix="tastespace-retrieval-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        try:
            np.save(home / "vectors.npy", data.vectors)
            np.save(home / "queries.npy", data.queries)
        except OSError as error:
            why = error.strerror or "the disk is full"  # NumPy does not say
            raise TastespaceError(f"The vectors cannot be written: {why}.", "Make room.") from error
        truth, rows = None, []
        for number, name in enumerate(names):
            tell(number, name)
            row = None if anew else _kept(data, name, out)
            if row is None:
                truth = exact(data.vectors, data.queries, K) if truth is None else truth
                row = measure(name, data, truth, home, limit_s, None if name == REFERENCE else build)
                _keep(data, name, out, row)
            rows.append(row)
    reference = next(row for row in rows if row["engine"] == REFERENCE).get("p50_ms")
    for row in rows:
        if "p50_ms" in row:
            row["ratio"] = round(row["p50_ms"] / reference, 4) if reference else None
    return rows


def _described(name: str) -> dict:
    """What can be said of an engine before it is built."""
    cls = find_engine(name)
    return {
        "family": cls.family,
        "library": cls.library,
        "library_version": version_of(cls.library),
        "exact": cls.exact,
        "arguments": cls().arguments,
        "defaults": cls.defaults,
        "known_queries": takes_queries(cls),
    }


def _build(row: dict, name: str, home: Path, index: Path, deadline: float, build: Mapping[str, int] | None) -> None:
    with Worker(name, build, home) as worker:
        known = home / "queries.npy" if row["known_queries"] else None
        built = worker.build(home / "vectors.npy", index, _left(deadline), known)
        memory = worker.stats()
    row |= {
        "arguments": built["arguments"],
        "build_s": round(built["build_s"], 4),
        "index_bytes": bytes_on_disk(index),
        "before_mb": built["before_mb"],
        "peak_mb": memory["peak_mb"],
    }


def _ask(
    row: dict,
    name: str,
    data: Data,
    truth: tuple,
    home: Path,
    index: Path,
    deadline: float,
    build: Mapping[str, int] | None,
) -> None:
    with Worker(name, build, home) as worker:
        opened = worker.open(index, _left(deadline))
        usual = _point(worker, data, truth, row["defaults"], deadline, ASKING_S, TOGETHER_S)
        asked = usual["queries"]
        rows, _, ms = worker.search(
            data.queries[:asked], K, None, _left(deadline), cores(), together=True, least_s=TOGETHER_S
        )
        judged(rows, data.vectors, data.queries[:asked], (truth[0][:asked], truth[1][:asked]))
        row |= {"open_s": round(opened["open_s"], 4), "serving_mb": worker.stats()["resident_mb"]}
        row |= {name: value for name, value in usual.items() if name not in ("knobs", "queries")}
        row |= {"qps_all": _per_second(asked, ms)}
        _sweep(row, worker, data, truth, usual, deadline)


def _sweep(row: dict, worker: Worker, data: Data, truth: tuple, usual: dict, deadline: float) -> None:
    """Every setting of the knobs, until the time is up; `left_out` counts the rest."""
    knobs = find_engine(row["engine"]).knobs
    settings = [dict(zip(knobs, s, strict=True)) for s in itertools.product(*(knob.values for knob in knobs.values()))]
    settings = [s for s in settings if s and s != usual["knobs"]]
    points, until = [usual], min(deadline, time.monotonic() + SWEEP_S)
    try:
        for setting in itertools.takewhile(lambda _: time.monotonic() < until, settings):
            points.append(_point(worker, data, truth, setting, deadline, POINT_S, POINT_TOGETHER_S))
    except WorkerLost:
        if time.monotonic() < deadline:  # it was not the clock that stopped it
            raise
    told = ("knobs", f"recall@{K}", "p50_ms", "qps", "queries")
    row["frontier"] = [{key: p[key] for key in told} | {"dominated": _dominated(p, points)} for p in points]
    row["settings_left_out"] = len(settings) + 1 - len(points)


def _point(
    worker: Worker, data: Data, truth: tuple, knobs: dict, deadline: float, most_s: float, together_s: float
) -> dict:
    """One setting: single queries, judged and timed, and the same ones together, on one thread."""
    rows, scores, ms = worker.search(data.queries, K, knobs, _left(deadline), most_s=most_s)
    asked = len(rows)
    queries, known = data.queries[:asked], (truth[0][:asked], truth[1][:asked])
    worth = judged(rows, data.vectors, queries, known, scores)
    again, _, batches = worker.search(queries, K, knobs, _left(deadline), together=True, least_s=together_s)
    judged(again, data.vectors, queries, known)
    figures = {**percentiles(ms), **worth, "qps": _per_second(asked, batches)}
    return {"knobs": dict(knobs), "queries": asked, **figures}


def _dominated(point: dict, points: Sequence[dict]) -> bool:
    """Whether another setting finds as much in less time, or more in no more time."""
    recall, p50 = point[f"recall@{K}"], point["p50_ms"]
    others = [(other[f"recall@{K}"], other["p50_ms"]) for other in points]
    return any(r >= recall and t <= p50 and (r, t) != (recall, p50) for r, t in others)


def _per_second(queries: int, batches_ms: np.ndarray) -> float:
    return round(queries / float(np.median(batches_ms)) * 1000, 1)


def _left(deadline: float) -> float:
    """Seconds that are left, a little in any case: a worker that is asked too late says so itself."""
    return max(deadline - time.monotonic(), 0.01)


def _record(data: Data, name: str, out: Path) -> tuple[Path, str] | None:
    """Where an engine's record lies, and the key that it must have to count; None for what cannot be described."""
    try:
        about = _described(name)
        knobs = {knob: list(k.values) for knob, k in find_engine(name).knobs.items()}
    except Exception:  # it cannot be measured either, and its row says why
        return None
    versions = provenance()["versions"]
    key = key_of(MEASURED, data.about["hash"], name, about, knobs, K, cores(), versions["python"], versions["numpy"])
    return out / f"{data.label}-{name.replace(':', '-')}.json", key


def _kept(data: Data, name: str, out: Path | None) -> dict | None:
    """An engine's row from an earlier run, where it was measured on the same, with the same."""
    record = None if out is None else _record(data, name, out)
    try:
        kept = {} if record is None else json.loads(record[0].read_text())
        return kept["engine"] if kept["key"] == record[1] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(data: Data, name: str, out: Path | None, row: dict) -> None:
    """Writes an engine's record; what went wrong is tried again the next time."""
    record = None if out is None or row["error"] else _record(data, name, out)
    if record is None:
        return
    path, key = record
    keep(path, {"key": key, "data": data.about, "engine": row, **provenance()})
