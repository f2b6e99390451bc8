"""Candidates: the first stage that sees items. From a point to the nearest rows, by whichever engine; or a start.

Whoever proposes candidates, their scores are computed again here, in float64 from the built arrays, rounded to six
decimals and sorted by (-score, row). So lists are reproducible, and stores and engines are comparable.
"""

import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from recsys.errors import InvalidInput, StoreUnavailable, quoted
from recsys.retrieval import ENGINES, NOTHING, Engine, create
from recsys.store import Store
from recsys.version import Version
from recsys.where import Where

DECIMALS = 6
MARGIN = 32
SLACK = 1e-5  # several times the rounding of a store's float32 scores, as a share of the largest
REST_S = 30.0
"""A store that failed is not asked again for so long: each visitor would wait for its time-out."""
STORE = "qdrant"
RETRIEVERS = (STORE, *(name for name in ENGINES if name not in ("precomputed", "pinecone")))
"""What can retrieve: the store, and the engines that answer any query on this machine."""
KEPT = 4
"""Indexes of engines that stay in memory, those used last: each holds a copy of its space."""
RRF_OFFSET = 60
LOOKED_AT = 20_000
"""Items among which the most typical ones of all categories are looked for; of more, an even draw of each category."""

Scored = tuple[np.ndarray, np.ndarray]
"""Rows (m,) int64 and their scores (m,) float64, best first; ties by row."""


class Candidates:
    """Where a catalog's candidates come from. Thread-safe.

    Args:
        version: the built catalog.
        store: holds its spaces.
    """

    def __init__(self, version: Version, store: Store) -> None:
        self._version, self._store = version, store
        self._has_vector: dict[str, np.ndarray] = {}
        self._engines: OrderedDict[tuple[str, str], tuple[Engine, np.ndarray]] = OrderedDict()
        self._lock, self._building = threading.Lock(), threading.Lock()
        self._rests_until = 0.0

    def nearest(self, space: str, vector: np.ndarray, n: int, where: Where, matching: int) -> Scored:
        """The n nearest by the store, which filters while it searches; exact at the cut.

        Args:
            space: which space.
            vector: (d,) float64, the query.
            n: how many.
            where: conditions.
            matching: how many items satisfy them.

        Raises:
            StoreUnavailable: the store does not answer, or did not a moment ago.
        """
        if time.monotonic() < self._rests_until:
            raise StoreUnavailable("The store failed a moment ago and is left alone for half a minute.")
        try:
            return self._nearest(space, vector, n, where, matching)
        except Exception:
            self._rests_until = time.monotonic() + REST_S
            raise

    def _nearest(self, space: str, vector: np.ndarray, n: int, where: Where, matching: int) -> Scored:
        asked = n + MARGIN
        while True:
            rows, _ = self._store.nearest(space, vector.astype(np.float32), asked, where)
            rows, scores = self._scored(space, vector, rows)
            # The store orders ties as it likes. The cut at n is ours only where everything that ties with the n-th
            # has arrived, that is, where something clearly worse has too.
            slack = SLACK * max(1.0, float(np.abs(scores[:1]).max(initial=0)))
            if len(rows) < asked or asked >= matching or scores[-1] < scores[n - 1] - slack:
                return rows[:n], scores[:n]
            asked *= 2

    def scan(self, space: str, vector: np.ndarray, n: int, allowed: np.ndarray) -> Scored:
        """The n nearest of the allowed items (N,) bool, compared one by one in NumPy: exact, and never out of order."""
        rows = np.flatnonzero(allowed & self.has_vector(space))
        if len(rows) > 4 * (n + MARGIN):  # a first pass in float32 leaves few to be computed exactly
            rough = self._version.spaces[space] @ vector.astype(np.float32)
            rough = rough[rows]
            slack = SLACK * max(1.0, float(np.abs(rough).max(initial=0)))
            rows = rows[rough >= np.partition(rough, len(rows) - n)[len(rows) - n] - slack]
        rows, scores = self._scored(space, vector, rows)
        return rows[:n], scores[:n]

    def by_engine(self, name: str, space: str, vector: np.ndarray, n: int) -> Scored:
        """The n nearest by an engine of the retrieval laboratory at its defaults; it knows no conditions.

        Raises:
            InvalidInput: no such engine.
            MissingExtra: its library is not installed.
            StoreUnavailable: it has no index yet, and somebody else's is being built.
        """
        engine, members = self.prepared(name, space)
        found = engine.search(vector.astype(np.float32)[None], min(n, len(members)))[0][0]
        return self._scored(space, vector, members[found[found != NOTHING]])

    def prepared(self, name: str, space: str) -> tuple[Engine, np.ndarray]:
        """An engine with its index, and the rows (m,) int64 that it holds.

        The index is built in memory and on a temporary folder when it is first asked for, which may take seconds. One
        is built at a time, and nobody else waits for it. The `KEPT` that were used last are kept.

        Raises:
            InvalidInput: no such engine.
            MissingExtra: its library is not installed.
            StoreUnavailable: it has no index yet, and somebody else's is being built.
        """
        if name not in RETRIEVERS:
            raise InvalidInput(f"There is no engine {quoted(name)}.", f"Known: {', '.join(RETRIEVERS)}.")
        found = self._kept(name, space)
        if found is not None:
            return found
        if not self._building.acquire(blocking=False):
            raise StoreUnavailable(f"{name} has no index yet: one is being built for somebody right now.", "Ask again.")
        try:
            found = self._kept(name, space)  # it may have been the very one
            if found is None:
                members, engine = np.flatnonzero(self.has_vector(space)), create(name)
                folder = tempfile.TemporaryDirectory(prefix="tastespace-engine-")
                engine.build(self._version.spaces[space][members], Path(folder.name))
                engine.folder = folder  # it may go on reading there, and goes with the engine
                found = engine, members
                with self._lock:
                    self._engines[name, space] = found
                    while len(self._engines) > KEPT:  # whoever searches one of them now still holds it
                        self._engines.popitem(last=False)
            return found
        finally:
            self._building.release()

    def _kept(self, name: str, space: str) -> tuple[Engine, np.ndarray] | None:
        """An engine whose index is there: the one that was used last."""
        with self._lock:
            if (name, space) in self._engines:
                self._engines.move_to_end((name, space))
            return self._engines.get((name, space))

    def has_vector(self, space: str) -> np.ndarray:
        """Which items have a vector in a space: (N,) bool."""
        if space not in self._has_vector:
            self._has_vector[space] = self._version.spaces[space].any(axis=1)
        return self._has_vector[space]

    def score(self, space: str, vector: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Dot products of some items with a query: (m,) float64, rounded to `DECIMALS`."""
        return np.round(self._version.spaces[space][rows].astype(np.float64) @ vector, DECIMALS)

    def _scored(self, space: str, vector: np.ndarray, rows: np.ndarray) -> Scored:
        return in_order(rows, self.score(space, vector, rows))

    def medoids(self, space: str, allowed: np.ndarray) -> Scored:
        """The most typical item of each category, largest category first; scored by the category's share.

        Of large categories an even draw is looked at, `LOOKED_AT` items in all.
        """
        version, vectors = self._version, self._version.spaces[space]
        found: dict[int, float] = {}
        counts = version.facets.counts(version.catalog.categories, allowed)
        most = max(LOOKED_AT // max(len(counts), 1), 1)
        for category, count in counts.items():
            members = version.facets.rows_with(version.catalog.categories, category)
            members = members[allowed[members]]
            members = members[self.has_vector(space)[members]]
            members = members[:: max(-(-len(members) // most), 1)]
            if len(members):
                centroid = vectors[members].mean(axis=0, dtype=np.float64)
                near = np.round(vectors[members] @ centroid, DECIMALS)
                found.setdefault(int(members[np.argmax(near)]), round(count / len(allowed), DECIMALS))
        return in_order(np.array(list(found), dtype=np.int64), np.array(list(found.values()), dtype=np.float64))


def in_order(rows: np.ndarray, scores: np.ndarray) -> Scored:
    """Rows and scores, best first, ties by row."""
    order = np.lexsort((rows, -scores))
    return rows[order], scores[order]


def fuse(lists: Mapping[str, np.ndarray]) -> Scored:
    """Reciprocal-rank fusion (Cormack, Clarke & Buettcher, SIGIR 2009).

        score(i) = sum over lists that hold i of  1 / (60 + rank of i in the list, from 1)

    Args:
        lists: rows (m,) int64, best first, by the name of what proposed them.

    Returns:
        All rows of the lists, once each, with their scores, best first; ties by row.
    """
    everyone = np.unique(np.concatenate(list(lists.values())))
    scores = np.zeros(len(everyone))
    for rows in lists.values():
        scores[np.searchsorted(everyone, rows)] += 1 / (RRF_OFFSET + 1 + np.arange(len(rows)))
    return in_order(everyone, scores)


def capped(groups: np.ndarray, most: int) -> np.ndarray:
    """Which of some items stay when each group may have so many: (m,) bool.

    Args:
        groups: (m, g) bool, the groups of each item, best item first. Of none: it always stays.
        most: how many of a group, 0 or more. An item of several counts in each, and needs room in each.
    """
    counts, stays = np.zeros(groups.shape[1], dtype=np.int64), np.ones(len(groups), dtype=bool)
    for place, own in enumerate(groups):
        if (counts[own] >= most).any():
            stays[place] = False
        else:
            counts[own] += 1
    return stays
