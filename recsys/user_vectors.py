"""User vectors over time: each like moves a visitor's point. When is it computed anew, and how stale is it until then?

Four patterns answer that, behind one protocol:

    recompute      for each request, from everything the visitor has said
    ttl            kept for so many seconds, whatever is said meanwhile
    incremental    moved on by each event, by what that one item adds or takes away
    nightly        made at night for everybody who is known then; who comes later is computed for each request

Events are written down first: a log of likes, dislikes and undos that only grows, one a visitor, whichever tab they
come from. A vector knows up to which event it was made, so a stale one can say how stale it is, and nothing is lost by
it: the next one that is made is made from the log. The log lives in memory, so all tabs are to be served by one
process; several would need one that they share.

That somebody has no point yet is never kept: it costs nothing to find out, and a first like should count at once.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from threading import Lock
from typing import Protocol
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np

from recsys.errors import UnknownItem
from recsys.profile import Profile
from recsys.towers import Query, Running, Tower

RECOMPUTE = "recompute"
PATTERNS = (RECOMPUTE, "ttl", "incremental", "nightly")
TTL_S = 300.0
"""How long a vector is kept where nobody says otherwise."""
LIKED, DISLIKED, UNDONE = "like", "dislike", "undo"
KINDS = (LIKED, DISLIKED, UNDONE)
_NOTHING_SAID = Profile()

Clock = Callable[[], float]
"""Seconds since some moment; never going back."""


@dataclass(frozen=True)
class Event:
    """Something a visitor said of an item.

    Attributes:
        number: its place in the visitor's log, from 1.
        kind: `like`, `dislike`, or `undo`: neither any longer. It names the item, so an undo in one tab takes back
            nothing that another tab said of another item.
        item: the item's id.
    """

    number: int
    kind: str
    item: str


class EventLog:
    """What one visitor said, in the order it arrived. It only grows. Thread-safe."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._lock = Lock()

    def append(self, kind: str, item: str) -> int:
        """Writes an event down; returns its number.

        Raises:
            ValueError: no such kind.
        """
        if kind not in KINDS:
            raise ValueError(f"expected one of {', '.join(KINDS)}, got {kind!r}")
        with self._lock:  # the number and the place must be one
            event = Event(len(self._events) + 1, kind, item)
            self._events.append(event)
        return event.number

    def since(self, number: int) -> tuple[Event, ...]:
        """The events after one of that number, oldest first; all of them after 0."""
        with self._lock:
            return tuple(self._events[number:])

    def __len__(self) -> int:
        return len(self._events)


class Visitor:
    """Somebody who visits, in however many tabs. Thread-safe.

    Args:
        id: theirs.
        said: what they have said already, and what no event tells: a wish, categories, the known person they are.

    Attributes:
        log: what they say of items from here on.
    """

    def __init__(self, id: str = "you", said: Profile = _NOTHING_SAID) -> None:
        self.id, self.log = id, EventLog()
        self._said, self._lock = said, Lock()
        self._read: tuple[int, Profile] = 0, said

    @property
    def said(self) -> Profile:
        """What no event tells."""
        return self._said

    def say(self, said: Profile) -> None:
        """Another wish, other categories: another question, so no vector that was kept for the last one answers it."""
        with self._lock:
            self._said, self._read = said, (0, said)

    def like(self, item: str) -> int:
        """Writes a like down; returns the event's number."""
        return self.log.append(LIKED, item)

    def dislike(self, item: str) -> int:
        """Writes a dislike down; returns the event's number."""
        return self.log.append(DISLIKED, item)

    def undo(self, item: str) -> int:
        """Writes down that an item is neither liked nor disliked any longer; returns the event's number."""
        return self.log.append(UNDONE, item)

    def snapshot(self) -> tuple[int, Profile]:
        """The profile now, and the number of the last event that is in it."""
        with self._lock:
            number, profile = self._read
            events = self.log.since(number)
            for event in events:
                profile = after(profile, event)
            self._read = number + len(events), profile
            return self._read

    @property
    def profile(self) -> Profile:
        """The profile now."""
        return self.snapshot()[1]


class Visitors:
    """Everybody who visits, by id: two tabs of one visitor get one log. It lasts as long as some tab holds it."""

    def __init__(self) -> None:
        self._visitors: WeakValueDictionary[str, Visitor] = WeakValueDictionary()
        self._lock = Lock()

    def of(self, id: str) -> Visitor:
        """The visitor of that id, a new one if need be."""
        with self._lock:
            visitor = self._visitors.get(id)
            if visitor is None:
                visitor = self._visitors[id] = Visitor(id)
            return visitor

    def everybody(self) -> list[Visitor]:
        """All of them, for the night."""
        with self._lock:
            return list(self._visitors.values())


class Tab:
    """One of a visitor's tabs. What changes in it is written down as events, so nothing of another tab is taken back.

    Thread-safe.

    Args:
        visitor: whose.
    """

    def __init__(self, visitor: Visitor) -> None:
        self.visitor, self._profile, self._lock = visitor, _NOTHING_SAID, Lock()

    def says(self, profile: Profile) -> Visitor:
        """Writes down what is new since this tab last said something; returns the visitor.

        Args:
            profile: all that is said in this tab by now.
        """
        with self._lock:
            before, self._profile = self._profile, profile
            rest = replace(profile, likes=(), dislikes=())
            if rest != self.visitor.said:
                self.visitor.say(rest)
            for kind, item in _events(before, profile):
                self.visitor.log.append(kind, item)
        return self.visitor


def _events(before: Profile, now: Profile) -> list[tuple[str, str]]:
    """What was said of items from one profile to the next: (kind, item id)."""
    return [
        *((UNDONE, item) for item in before.rated if item not in now.rated),
        *((LIKED, item) for item in now.likes if item not in before.likes),
        *((DISLIKED, item) for item in now.dislikes if item not in before.dislikes),
    ]


def after(profile: Profile, event: Event) -> Profile:
    """The profile after an event."""
    change = {LIKED: profile.liking, DISLIKED: profile.disliking, UNDONE: profile.without}[event.kind]
    return change(event.item)


@dataclass(frozen=True, eq=False)
class Served:
    """A visitor's vector as a pattern gives it.

    Attributes:
        query: the point with its parts, for `Funnel.recommend(request, query)`; None where the visitor has none.
        number: the last event that it knows of.
        latest: the last event there was when it was read.
        age_s: seconds since it was made or last moved. Age alone is no fault where no event is missing.
        computed: whether it was computed for this very read.
    """

    query: Query | None
    number: int
    latest: int
    age_s: float
    computed: bool

    @property
    def missing(self) -> int:
        """How many events it does not know of."""
        return self.latest - self.number


def cosine(one: Query | None, other: Query | None) -> float | None:
    """How alike two points are: 1 = the same direction, so the same list. None where one of them is nowhere."""
    if one is None or other is None:
        return None
    lengths = np.linalg.norm(one.vector) * np.linalg.norm(other.vector)
    return float(np.clip(one.vector @ other.vector / lengths, -1, 1)) if lengths else None


class Pattern(Protocol):
    """When a visitor's vector is computed. Thread-safe; one serves all visitors of one tower.

    Attributes:
        name: one of `PATTERNS`.
    """

    name: str

    def read(self, visitor: Visitor) -> Served:
        """The vector for a request, and how stale it is.

        Raises:
            TastespaceError: as the tower.
        """
        ...

    def event(self, visitor: Visitor) -> None:
        """To be told after an event was written down. Who forgets to loses nothing: the log has it."""
        ...

    def night(self, visitors: Iterable[Visitor]) -> None:
        """The nightly job, over everybody who is known."""
        ...


@dataclass(frozen=True, eq=False)
class _Made:
    """A vector that was made: from what was said, up to which event, and when."""

    query: Query | None
    said: Profile
    number: int
    at: float


class Recompute:
    """Computes the vector for each request. Never stale; the others are measured against it.

    Args:
        tower: turns a profile into the vector.
        clock: for ages.
    """

    name = RECOMPUTE

    def __init__(self, tower: Tower, clock: Clock = time.monotonic) -> None:
        self._tower, self._clock = tower, clock

    def read(self, visitor: Visitor) -> Served:
        """See `Pattern`."""
        return self._served(visitor, self._make(visitor), computed=True)

    def event(self, visitor: Visitor) -> None:
        """See `Pattern`: nothing to do."""

    def night(self, visitors: Iterable[Visitor]) -> None:
        """See `Pattern`: nothing to do."""

    def _make(self, visitor: Visitor) -> _Made:
        said, (number, profile) = visitor.said, visitor.snapshot()
        return _Made(self._tower.query(profile), said, number, self._clock())

    def _served(self, visitor: Visitor, made: _Made, computed: bool) -> Served:
        return Served(made.query, made.number, len(visitor.log), self._clock() - made.at, computed)


class TimeToLive(Recompute):
    """Keeps a vector for some seconds, and serves it whatever is said meanwhile.

    Args:
        tower: turns a profile into the vector.
        ttl_s: for how many seconds.
        clock: for ages.

    Raises:
        ValueError: a negative time.
    """

    name = "ttl"

    def __init__(self, tower: Tower, ttl_s: float = TTL_S, clock: Clock = time.monotonic) -> None:
        super().__init__(tower, clock)
        if not ttl_s >= 0:
            raise ValueError(f"expected a time to live of 0 seconds or more, got {ttl_s}")
        self._ttl_s = ttl_s
        self._kept: WeakKeyDictionary[Visitor, _Made] = WeakKeyDictionary()
        self._lock = Lock()

    def read(self, visitor: Visitor) -> Served:
        """See `Pattern`."""
        with self._lock:
            kept = self._kept.get(visitor)
        if kept is not None and kept.said == visitor.said and self._clock() - kept.at < self._ttl_s:
            return self._served(visitor, kept, computed=False)
        made = self._make(visitor)  # without the lock: nobody waits for somebody else's vector
        if made.query is not None:
            with self._lock:
                other = self._kept.get(visitor)
                # Of two tabs that both found it expired, the one that read the log first may be done last.
                if other is None or other.said != made.said or other.number <= made.number:
                    self._kept[visitor] = made
        return self._served(visitor, made, computed=True)


class Nightly(Recompute):
    """Makes the vectors of everybody who is known at night; who is not in there is computed for each request.

    Args:
        tower: turns a profile into the vector.
        clock: for ages.
    """

    name = "nightly"

    def __init__(self, tower: Tower, clock: Clock = time.monotonic) -> None:
        super().__init__(tower, clock)
        self._kept: WeakKeyDictionary[Visitor, _Made] = WeakKeyDictionary()
        self._lock = Lock()

    def read(self, visitor: Visitor) -> Served:
        """See `Pattern`."""
        with self._lock:
            kept = self._kept.get(visitor)
        if kept is not None and kept.said == visitor.said:
            return self._served(visitor, kept, computed=False)
        return super().read(visitor)

    def night(self, visitors: Iterable[Visitor]) -> None:
        """See `Pattern`. Last night's vectors serve until all are made; who is not named any more is forgotten."""
        made: WeakKeyDictionary[Visitor, _Made] = WeakKeyDictionary()
        for visitor in visitors:
            own = self._make(visitor)
            if own.query is not None:
                made[visitor] = own
        with self._lock:
            self._kept = made


class Incremental:
    """Moves the vector on with each event, by what that one item adds or takes away; see `recsys.towers.Running`.

    A read catches up with what nobody told of, so it never serves a stale vector either.

    Args:
        tower: turns a profile into the vector.
        clock: for ages.
    """

    name = "incremental"

    def __init__(self, tower: Tower, clock: Clock = time.monotonic) -> None:
        self._tower, self._clock = tower, clock
        self._kept: WeakKeyDictionary[Visitor, _State] = WeakKeyDictionary()
        self._lock = Lock()

    def read(self, visitor: Visitor) -> Served:
        """See `Pattern`."""
        with self._lock:
            state = self._kept.setdefault(visitor, _State())
        with state.lock:  # of two tabs one applies the other's events too
            computed = self._catch_up(state, visitor)
            return Served(state.query, state.number, len(visitor.log), self._clock() - state.at, computed)

    def event(self, visitor: Visitor) -> None:
        """See `Pattern`."""
        self.read(visitor)

    def night(self, visitors: Iterable[Visitor]) -> None:
        """See `Pattern`: nothing to do."""

    def _catch_up(self, state: "_State", visitor: Visitor) -> bool:
        """Takes up what is new; whether everything had to be added up from the start."""
        said, running, number = visitor.said, state.running, state.number
        anew = running is None or state.said != said
        if not anew:
            try:
                for event in visitor.log.since(number):
                    now, number = after(running.profile, event), event.number
                    if now != running.profile:
                        running = running.hearing(now, event.item)
            except UnknownItem:  # it may have been taken back since: the whole profile decides
                anew = True
        if anew:
            number, profile = visitor.snapshot()
            running = self._tower.follow(profile)
        if anew or number != state.number:  # all or nothing: whatever fails above leaves the state as it was
            state.query, state.at = running.query(), self._clock()
            state.said, state.running, state.number = said, running, number
        return anew


class _State:
    """How far the incremental pattern is with one visitor; to be touched under its lock alone."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.running: Running | None = None
        self.said: Profile | None = None
        self.query: Query | None = None
        self.number, self.at = 0, 0.0


def create(name: str, tower: Tower, ttl_s: float = TTL_S, clock: Clock = time.monotonic) -> Pattern:
    """A pattern that has computed nothing yet.

    Args:
        name: one of `PATTERNS`.
        tower: turns a profile into the vector; see `Funnel.tower`.
        ttl_s: for `ttl`, how many seconds a vector is kept.
        clock: seconds; another one in tests and stories.

    Raises:
        ValueError: no such pattern, or a negative time.
    """
    if name == "ttl":
        return TimeToLive(tower, ttl_s, clock)
    kinds = {kind.name: kind for kind in (Recompute, Incremental, Nightly)}
    if name not in kinds:
        raise ValueError(f"expected one of {', '.join(PATTERNS)}, got {name!r}")
    return kinds[name](tower, clock)
