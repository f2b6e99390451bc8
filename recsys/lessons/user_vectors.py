"""The lesson of user vectors: likes arrive one by one; what does each caching pattern save, and how stale does it get?

A story is one person's likes and dislikes in the order they were given: a real person's where the catalog has people, a
simulated one's elsewhere. They are a newcomer to the models here, whatever else is known of them. After each event the
page asks several times, as it does when somebody moves a slider; every pattern serves its vector, and the list of the
last one is held against the list of a vector made at that very moment. Likes come a minute apart on a clock of the
story's own, and a night falls half way through.

Times are of the vector alone, each the least of several runs of the story. What else the stage `user` does (it looks
up what must not be shown again) is the same for all, needs the profile and not the vector, and is always up to date.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np

from recsys.errors import InvalidInput
from recsys.funnel import Funnel, Request
from recsys.population import simulate
from recsys.profile import Profile
from recsys.ratings import DISLIKE, LIKE
from recsys.settings import DEFAULT_BLEND
from recsys.towers import Query, Tower
from recsys.user_vectors import DISLIKED, LIKED, PATTERNS, TTL_S, Served, Visitor, cosine, create
from recsys.version import Version

READY = {"movies": "196"}
"""Whose likes are told where nobody is named."""
MOST = 20
"""So many events are told at most."""
REQUESTS = 3
"""How often the page asks after each event."""
PACE_S = 60.0
"""Seconds of the story's clock from one event to the next."""
NIGHT_S = 8 * 3600.0
K = 10
ROUNDS = 7
"""How often the story runs for its times."""


@dataclass(frozen=True)
class Person:
    """Whose story it is.

    Attributes:
        name: of a real person, their id; None of a simulated one.
        events: (`like` or `dislike`, item id), oldest first.
    """

    name: str | None
    events: tuple[tuple[str, str], ...]

    @property
    def simulated(self) -> bool:
        """Whether the person is made up."""
        return self.name is None


@dataclass(frozen=True)
class Reading:
    """What one pattern served after one event.

    Attributes:
        number: of the event, from 1.
        event: as `like:ID` or `dislike:ID`.
        title: the item's.
        pattern: the pattern.
        ms: milliseconds that the requests after this event spent on the vector, all together.
        computed: how many of these requests computed it.
        missing: how many events the vector of the last of them does not know of.
        age_s: how many seconds of the story's clock it is old.
        cosine: to the fresh vector; None where there is none.
        overlap: share of the fresh list that the served one holds too.
    """

    number: int
    event: str
    title: str
    pattern: str
    ms: float
    computed: int
    missing: int
    age_s: float
    cosine: float | None
    overlap: float


@dataclass(frozen=True)
class Total:
    """What a whole story comes to with one pattern.

    Attributes:
        pattern: the pattern.
        requests: how many there were.
        computed: how many of them computed the vector.
        ms: milliseconds that they spent on it.
        beside_ms: milliseconds spent on it when no visitor waited: at events, and by night.
        saved_percent: time of requests saved against recomputing.
        saved_in_all_percent: the same with `beside_ms` counted in.
        missing_max: the most events that a served vector did not know of.
        cosine_mean, cosine_min: to the fresh vector, over the events; None where there never was one.
        overlap_mean, overlap_min: shares of the fresh list.
    """

    pattern: str
    requests: int
    computed: int
    ms: float
    beside_ms: float
    saved_percent: float
    saved_in_all_percent: float
    missing_max: int
    cosine_mean: float | None
    cosine_min: float | None
    overlap_mean: float
    overlap_min: float


@dataclass(frozen=True)
class Story:
    """A whole story.

    Attributes:
        person: whose.
        space: in which space.
        ttl_s: how long `ttl` keeps a vector, seconds.
        night_after: after how many events the night falls; 0 for a story too short for one.
        how: how the incremental pattern takes an event up in this space, in a few words.
        readings: by event, then by pattern.
        totals: by pattern.
    """

    person: Person
    space: str
    ttl_s: float
    night_after: int
    how: str
    readings: tuple[Reading, ...]
    totals: tuple[Total, ...]


def person_of(version: Version, name: str | None = None, most: int = MOST) -> Person:
    """Whose likes are told.

    Ratings of 4 and 5 are likes, 1 and 2 dislikes; a 3 tells neither and is passed over.

    Args:
        version: the built catalog.
        name: a person of its; None for a ready one, or for a simulated one where it has no people.
        most: so many events are told.

    Raises:
        InvalidInput: nobody of that name, or nothing that they like or dislike.
    """
    if name is None and not version.people:
        likes = simulate(version, users=1, likes=most).likes[0]
        return Person(None, tuple((LIKED, str(item)) for item in version.item_ids[likes]))
    if name is None:
        ready = READY.get(version.name)
        busiest = np.bincount(version.ratings.users, minlength=len(version.people)).argmax()
        name = ready if ready in version.people else str(version.ratings.people[busiest])
    rows, values = version.history(name)
    told = [
        (LIKED if value >= LIKE else DISLIKED, str(version.item_ids[row]))
        for row, value in zip(rows, values, strict=True)
        if value >= LIKE or value <= DISLIKE
    ]
    if not told:
        raise InvalidInput(f"The user {name} neither likes nor dislikes anything.", "Take another one.")
    return Person(name, tuple(told[:most]))


def tell(
    funnel: Funnel,
    person: Person,
    space: str | None = None,
    ttl_s: float = TTL_S,
    blend: float = DEFAULT_BLEND,
    rounds: int = ROUNDS,
) -> Story:
    """Tells a story with every pattern.

    Args:
        funnel: of the catalog.
        person: whose story.
        space: the space to search; None for the catalog's default.
        ttl_s: how long `ttl` keeps a vector, seconds.
        blend: weight of the words in the blend.
        rounds: how often the story runs for its times.

    Raises:
        InvalidInput: no such space, or a time to live that is none.
    """
    if not 0 <= ttl_s < float("inf"):
        raise InvalidInput(f"A vector cannot be kept for {ttl_s:g} seconds.", "Give 0 or more, such as 300.")
    tower = funnel.tower(Request(Profile(), space=space, blend=blend))
    titles = funnel.version.catalog.items["title"]

    def listed(profile: Profile, query: Query | None) -> list[int]:
        answer = funnel.recommend(Request(profile, space=tower.space, blend=blend, k=K), query)
        return answer.candidates[answer.picks].tolist()

    fresh: dict[int, tuple[Query | None, list[int]]] = {}
    readings: dict[tuple[int, str], Reading] = {}
    request_ms, beside_ms = _least_ms(tower, ttl_s, person, rounds)
    for name in PATTERNS:
        for day in _days(name, tower, ttl_s, person):
            n, profile, served = day.number, day.profile, day.served
            if n not in fresh:
                query = tower.query(profile)
                fresh[n] = query, listed(profile, query)
            query, best = fresh[n]
            kind, item = person.events[n - 1]
            alike = cosine(served.query, query)
            readings[n, name] = Reading(
                number=n,
                event=f"{kind}:{item}",
                title=str(titles[item]),
                pattern=name,
                ms=round(float(request_ms[name][n - 1]), 6),
                computed=day.computed,
                missing=served.missing,
                age_s=served.age_s,
                cosine=None if alike is None else round(alike, 6),
                overlap=len(set(listed(profile, served.query)) & set(best)) / max(len(best), 1),
            )
    ordered = tuple(readings[n, name] for n in range(1, len(person.events) + 1) for name in PATTERNS)
    return Story(
        person=person,
        space=tower.space,
        ttl_s=ttl_s,
        night_after=_night_after(person),
        how=tower.follow(Profile()).how,
        readings=ordered,
        totals=_totals(ordered, {name: float(ms.sum()) for name, ms in beside_ms.items()}),
    )


def as_document(version: Version, story: Story) -> dict:
    """A story, ready for JSON: see `docs/schema.md`, `user-vectors`."""
    return {
        "catalog": version.name,
        "version": version.id,
        "space": story.space,
        "person": story.person.name,
        "simulated": story.person.simulated,
        "k": K,
        "requests": REQUESTS,
        "pace_s": PACE_S,
        "ttl_s": story.ttl_s,
        "night_after": story.night_after,
        "incremental": story.how,
        "events": [asdict(reading) for reading in story.readings],
        "totals": [asdict(total) for total in story.totals],
    }


class _Clock:
    """The story's own clock."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, eq=False)
class _Day:
    """What happened after one event."""

    number: int
    profile: Profile
    served: Served
    computed: int
    ms: float
    beside_ms: float


def _night_after(person: Person) -> int:
    return len(person.events) // 2


def _days(name: str, tower: Tower, ttl_s: float, person: Person) -> Iterator[_Day]:
    """One run of the story with one pattern."""
    clock, visitor = _Clock(), Visitor()
    pattern = create(name, tower, ttl_s, clock)
    for n, (kind, item) in enumerate(person.events):
        beside_ms, ms, computed = 0.0, 0.0, 0
        if n:
            clock.now += PACE_S
        if n and n == _night_after(person):
            _, beside_ms = _timed(lambda: pattern.night([visitor]))
            clock.now += NIGHT_S
        visitor.log.append(kind, item)
        profile = visitor.profile  # the request needs it whatever the pattern; so no pattern pays for it
        beside_ms += _timed(lambda: pattern.event(visitor))[1]
        for _ in range(REQUESTS):
            served, took = _timed(lambda: pattern.read(visitor))
            ms, computed = ms + took, computed + served.computed
        yield _Day(n + 1, profile, served, computed, ms, beside_ms)


def _least_ms(
    tower: Tower, ttl_s: float, person: Person, rounds: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Milliseconds within and beside requests, by pattern: (events,) float64 each.

    The least of several runs counts, the patterns taking turns: what else the machine was doing is no pattern's cost.
    """
    runs = [{name: list(_days(name, tower, ttl_s, person)) for name in PATTERNS} for _ in range(rounds)]

    def least(of: Callable[[_Day], float]) -> dict[str, np.ndarray]:
        return {name: np.array([[of(day) for day in run[name]] for run in runs]).min(axis=0) for name in PATTERNS}

    return least(lambda day: day.ms), least(lambda day: day.beside_ms)


def _timed(call: Callable):
    """What a call gives, and the milliseconds it took."""
    start = time.perf_counter()
    found = call()
    return found, (time.perf_counter() - start) * 1000


def _totals(readings: tuple[Reading, ...], beside: dict[str, float]) -> tuple[Total, ...]:
    own = {name: [r for r in readings if r.pattern == name] for name in PATTERNS}
    full = sum(r.ms for r in own["recompute"])
    totals = []
    for name, mine in own.items():
        ms = sum(r.ms for r in mine)
        cosines = [r.cosine for r in mine if r.cosine is not None]
        overlaps = [r.overlap for r in mine]
        totals.append(
            Total(
                pattern=name,
                requests=REQUESTS * len(mine),
                computed=sum(r.computed for r in mine),
                ms=round(ms, 6),
                beside_ms=round(beside[name], 6),
                saved_percent=_saved(ms, full),
                saved_in_all_percent=_saved(ms + beside[name], full + beside["recompute"]),
                missing_max=max(r.missing for r in mine),
                cosine_mean=round(float(np.mean(cosines)), 6) if cosines else None,
                cosine_min=min(cosines, default=None),
                overlap_mean=round(float(np.mean(overlaps)), 6),
                overlap_min=min(overlaps),
            )
        )
    return tuple(totals)


def _saved(ms: float, full: float) -> float:
    return round(100 * (1 - ms / full), 1) if full else 0.0
