"""Replay: many requests as real visitors would make them, through the one funnel, with times of each stage.

Clients are threads of one process, as the sessions of the app are: they share the interpreter, so more clients than
cores wait for each other, and the times of one client are the times of one visitor.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from recsys.evaluation.records import read_records
from recsys.funnel import PLAIN_RANKING, PRODUCTION, STAGES, Funnel, Request, Sizes
from recsys.personas import PERSONAS
from recsys.population import simulate
from recsys.profile import Profile
from recsys.ratings import DISLIKE, LIKE
from recsys.settings import Settings
from recsys.user_vectors import PATTERNS, RECOMPUTE, Visitor, create
from recsys.version import Version
from recsys.where import Condition, Where

RANKER = "gbdt"
MOST_LIKES = 30
CONDITIONED = 0.4
"""Share of the requests that come with conditions."""
PERSONA_SHARE = 0.1
SIMULATED_PEOPLE = 300
ROOM = 100_000
"""Answers whose times are kept before more room is made."""
WARM_UP = 20
"""Requests that come before those that count: files are read and libraries imported when they are first needed."""

Progress = Callable[[int, int, str], None]


def stored(settings: Settings, catalog: str) -> dict | None:
    """What `bench funnel` found for a catalog: this machine's record, else the shipped one, else None."""
    return read_records(settings, catalog).get("replay")


def ranker_of(version: Version) -> str:
    """The ranker that requests are replayed with: gradient-boosted trees, or none where the catalog has no ranker."""
    return RANKER if RANKER in version.rankers else PLAIN_RANKING


def requests_of(version: Version, n: int, seed: int = 0) -> list[Request]:
    """Requests of a catalog's visitors, in the production sizes.

    Where there are real people, half of them are known by name and half come as newcomers who like and dislike what
    one of them rated up to some moment. Elsewhere people are simulated, and personas come among them. Two in five
    bring conditions.

    Args:
        version: the built catalog.
        n: how many.
        seed: the same seed gives the same requests.
    """
    draw = np.random.default_rng(seed)
    profiles = _real(version, draw) if version.people else _simulated(version, draw)
    usual = Request(Profile(), sizes=PRODUCTION, ranker=ranker_of(version))
    return [
        replace(usual, profile=profile, where=_conditions(version, draw)) for profile in itertools.islice(profiles, n)
    ]


def _real(version: Version, draw: np.random.Generator) -> Iterator[Profile]:
    people, ids = list(version.people), version.item_ids
    while True:
        person = people[draw.integers(len(people))]
        if draw.random() < 0.5:
            yield Profile().being(person)
            continue
        rows, values = version.history(person)
        until = int(draw.integers(1, len(rows) + 1))
        rows, values = rows[:until][-MOST_LIKES:], values[:until][-MOST_LIKES:]
        likes, dislikes = ids[rows[values >= LIKE]], ids[rows[values <= DISLIKE]]
        yield Profile(tuple(map(str, likes)), tuple(map(str, dislikes)))


def _simulated(version: Version, draw: np.random.Generator) -> Iterator[Profile]:
    ready = [p.profile for p in PERSONAS if p.catalog == version.name]
    most = min(MOST_LIKES, len(version.item_ids))
    likes = simulate(version, SIMULATED_PEOPLE, seed=int(draw.integers(2**31)), likes=most).likes
    while True:
        if ready and draw.random() < PERSONA_SHARE:
            yield ready[draw.integers(len(ready))]
        else:
            own = likes[draw.integers(len(likes))][: draw.integers(1, most + 1)]
            yield Profile(tuple(map(str, version.item_ids[own])))


def _conditions(version: Version, draw: np.random.Generator) -> Where:
    """One or two conditions that a good part of the items satisfies, or none."""
    if draw.random() >= CONDITIONED:
        return Where()
    facets = version.catalog.facets
    chosen = draw.choice(len(facets), size=min(len(facets), int(draw.integers(1, 3))), replace=False)
    return Where(tuple(c for place in chosen if (c := _condition(version, facets[place], draw)) is not None))


def _condition(version: Version, facet, draw: np.random.Generator) -> Condition | None:
    if facet.kind == "number":
        numbers = version.facets.numbers(facet.name)
        known = numbers[np.isfinite(numbers)]
        if not len(known):
            return None
        return Condition(facet.name, ">=", (float(np.quantile(known, draw.uniform(0.1, 0.6))),))
    if facet.kind == "flag":
        return Condition(facet.name, "=", (True,))
    values = list(version.facets.counts(facet.name))[:10]
    return Condition(facet.name, "=", (values[draw.integers(len(values))],)) if values else None


def replay(
    funnel: Funnel,
    requests: Sequence[Request],
    clients: int = 1,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
    until: float | None = None,
) -> dict:
    """Sends requests through the funnel and tells how long they took.

    Args:
        funnel: the catalog's.
        requests: one or more; see `requests_of`. Where one names no space, the best one for its profile is searched.
        clients: how many threads send them, each one after the other.
        progress: called with (done, total, what), from one thread at a time.
        stop: asked before each request; True ends the replay with what there is.
        until: goes on, over and over, until `time.monotonic()` reaches this; None sends each request once.

    Returns:
        `clients`, `requests` (answered), `errors` (by class name), `degraded`, `short` (lists of fewer than k),
        `throughput` (requests a second), `total` and `stages` (by name): `p50_ms`, `p95_ms`, `p99_ms`, `max_ms` each;
        `covered`, the stages' share of the total. Nothing of times where nothing was answered.
    """
    asked = [r if r.space is not None else replace(r, space=funnel.best_space(r.profile)) for r in requests]
    for request in asked[:WARM_UP]:
        funnel.recommend(request)
    queue = iter(asked) if until is None else itertools.cycle(asked)
    lock, times, errors = threading.Lock(), _Times(), {}

    def client() -> None:
        while True:
            with lock:
                request = next(queue, None)
            if request is None or stop is not None and stop() or until is not None and time.monotonic() >= until:
                return
            start = time.perf_counter()
            try:
                answer = funnel.recommend(request)
            except Exception as error:
                with lock:
                    errors[type(error).__name__] = errors.get(type(error).__name__, 0) + 1
                continue
            ms = (time.perf_counter() - start) * 1000
            with lock:
                times.add(ms, answer)
                if progress is not None and times.answered % 20 == 0:
                    progress(times.answered, len(asked), f"{clients} at once")

    threads = [threading.Thread(target=client, name=f"client-{j}", daemon=True) for j in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"clients": clients, "errors": errors, **times.told(time.perf_counter() - started)}


def cached(
    funnel: Funnel,
    requests: Sequence[Request],
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> list[dict]:
    """What kept user vectors save: the stage `user` of the same requests with each pattern of `recsys.user_vectors`.

    Every request is a visitor's who was here before and has said nothing since, so whatever keeps vectors has theirs;
    `nightly` has those of the people whom the catalog knows.

    Args:
        funnel: the catalog's.
        requests: see `replay`.
        progress: called with (done, total, what).
        stop: asked before each request; True ends it with the patterns that are finished.

    Returns:
        A row a pattern: `pattern`, `kept` (share of the vectors that were not computed), `p50_ms`, `p95_ms`, `p99_ms`
        and `max_ms` of the stage with its vector, and `saved`, the share of the time of recomputing.
    """
    asked = [r if r.space is not None else replace(r, space=funnel.best_space(r.profile)) for r in requests]
    visitors = [Visitor(f"visitor-{j}", request.profile) for j, request in enumerate(asked)]
    towers = {(request.space, request.blend): funnel.tower(request) for request in asked}
    # Only the first stage counts, and what comes after it makes no difference to it.
    bare = [replace(request, sizes=Sizes(1, 1, 1), k=1, ranker=PLAIN_RANKING, diversity="plain") for request in asked]
    rows, spent = [], {}
    for name in PATTERNS:
        patterns = {key: create(name, tower) for key, tower in towers.items()}
        at_home = [patterns[request.space, request.blend] for request in asked]
        for key, pattern in patterns.items():
            known = [v for v, r in zip(visitors, asked, strict=True) if r.profile.person and (r.space, r.blend) == key]
            pattern.night(known)
        if name != RECOMPUTE:
            for pattern, visitor in zip(at_home, visitors, strict=True):
                pattern.read(visitor)
        times, computed = [], 0
        for done, (request, visitor, pattern) in enumerate(zip(bare, visitors, at_home, strict=True)):
            if stop is not None and stop():
                return rows
            start = time.perf_counter()
            served = pattern.read(visitor)
            ms = (time.perf_counter() - start) * 1000
            # The rest of the stage is the funnel's: what must not be shown again is always looked up.
            (stage,) = (s for s in funnel.recommend(request, served.query).trace.stages if s.stage == STAGES[0])
            times.append(ms + stage.ms)
            computed += served.computed
            if progress is not None and done % 20 == 0:
                progress(done, len(asked), name)
        spent[name] = sum(times)
        saved = 1 - spent[name] / spent[RECOMPUTE]
        kept = 1 - computed / len(asked)
        rows.append({"pattern": name, "kept": round(kept, 4), **percentiles(times), "saved": round(saved, 4)})
    return rows


class _Times:
    """What is kept of each answer: milliseconds, in room that is there from the start, since memory is watched too."""

    def __init__(self) -> None:
        self.answered = 0
        self._ms = np.full((ROOM, 1 + len(STAGES)), np.nan, dtype=np.float32)
        self._covered, self._degraded, self._short = 0.0, 0, 0

    def add(self, ms: float, answer) -> None:
        if self.answered == len(self._ms):
            self._ms = np.vstack([self._ms, np.full_like(self._ms, np.nan)])
        taken = {stage.stage: stage.ms for stage in answer.trace.stages}
        self._ms[self.answered] = [ms, *(taken.get(stage, np.nan) for stage in STAGES)]
        self.answered += 1
        self._covered += sum(taken.values()) / max(answer.trace.total_ms, 1e-9)
        self._degraded += bool(answer.trace.degraded)
        self._short += len(answer.picks) < answer.request.k

    def told(self, seconds: float) -> dict:
        n = self.answered
        counts = {"requests": n, "degraded": self._degraded, "short": self._short}
        if not n:
            return counts
        total, *stages = (column[np.isfinite(column)] for column in self._ms[:n].T)
        return {
            **counts,
            "throughput": round(n / seconds, 1),
            "covered": round(self._covered / n, 4),
            "total": percentiles(total),
            "stages": {stage: percentiles(ms) for stage, ms in zip(STAGES, stages, strict=True) if len(ms)},
        }


def percentiles(times_ms: Sequence[float]) -> dict[str, float]:
    """Times in milliseconds as `p50_ms`, `p95_ms`, `p99_ms` and `max_ms`."""
    p50, p95, p99 = np.percentile(times_ms, [50, 95, 99])
    told = {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "max_ms": max(times_ms)}
    return {name: round(float(value), 3) for name, value in told.items()}
