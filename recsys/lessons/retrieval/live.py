"""Engines that answer while somebody watches: a few processes, each with one engine on one set of vectors.

An index is built once, into a temporary folder; after that, a question with other knobs takes milliseconds. Beyond
`MOST` processes, the one that was asked longest ago makes room.
"""

import atexit
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from recsys.errors import TastespaceError
from recsys.lessons.retrieval.queries import K, Searched
from recsys.retrieval import engine_class
from recsys.retrieval.faiss_common import cells_for
from recsys.retrieval.judge import exact, judged
from recsys.retrieval.worker import Worker

MOST = 5
BUILD_S, SEARCH_S = 180.0, 60.0
PATIENCE_S = 240.0
"""How long a question waits for its turn: longer than any build."""
REPEATED = 5
"""How often a single query is asked; its time is the median."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What an engine found, not yet judged.

    Attributes:
        rows: (q, k) int64, of the vectors; -1 where a place stayed empty.
        ms: median milliseconds of a call, in the engine's own process.
        build_s: seconds that its index took to build.
    """

    rows: np.ndarray
    ms: float
    build_s: float


@dataclass(frozen=True, eq=False)
class Verdict:
    """One answer held against the truth. All rows are the vectors'.

    Attributes:
        exact: (k,) int64, the true ones, best first.
        rows: (<=k,) int64, the engine's, best first.
        missed: (m,) int64, the true ones that it did not find; equally near ones count as found.
        found: how many of the true ones it found.
    """

    exact: np.ndarray
    rows: np.ndarray
    missed: np.ndarray
    found: int


class Busy(TastespaceError):
    """Every process answers somebody else, for longer than anybody waits."""


class Pool:
    """The processes. Its methods may be called from any thread; whoever asks a busy one waits for their turn.

    Args:
        most: how many processes there are at a time, 1 or more.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most, self._changed = most, threading.Condition()
        self._live: OrderedDict[tuple[str, str], _Live] = OrderedDict()
        self._builds: dict[tuple[str, str], tuple[float, Future]] = {}
        atexit.register(self.close)

    def ask(
        self,
        engine: str,
        among: Searched,
        queries: np.ndarray,
        knobs: Mapping[str, int] | None = None,
        k: int = K,
        together: bool = False,
        build: Mapping[str, int] | None = None,
    ) -> Answer:
        """Asks an engine; the first question builds its index.

        Args:
            engine: its name.
            among: what is searched.
            queries: (q, d) float32.
            knobs: query-time arguments.
            k: how many are asked for.
            together: all in one call; otherwise there is one query, asked several times so that its time can be told.
            build: build-time arguments; each choice of them is an index of its own.

        Raises:
            TastespaceError: the engine's library is missing, its process ended, the disk is full, or none is free.
                The next question starts anew.
            ValueError: a knob that it does not have.
        """
        with self._at_work(_key(engine, among, build)) as live:
            live.build_once(among, build)
            return live.answer(queries, knobs or {}, k, together)

    def prepare(
        self, engine: str, among: Searched, patience_s: float, build: Mapping[str, int] | None = None
    ) -> float | None:
        """Sees to it that an engine's index is built, in the background where that takes long.

        Args:
            engine: its name.
            among: what is searched.
            patience_s: how long to wait for it here.
            build: as of `ask`.

        Returns:
            None where the engine answers at once; otherwise for how many seconds it has been building.

        Raises:
            TastespaceError: it could not be built; see `ask`. The next call starts anew.
        """
        key = _key(engine, among, build)
        with self._changed:
            live = self._live.get(key)
            if live is not None and live.build_s is not None:
                return None
            if key not in self._builds:
                self._builds[key] = (time.monotonic(), Future())
                threading.Thread(target=self._build, args=(key, among, build), daemon=True).start()
            began, future = self._builds[key]
        if not wait([future], patience_s).done:
            return time.monotonic() - began
        with self._changed:  # whoever hears of its end clears it away, so that a failure is heard of
            if self._builds.get(key) == (began, future):
                del self._builds[key]
        future.result()
        return None

    def _build(self, key: tuple[str, str], among: Searched, build: Mapping[str, int] | None) -> None:
        _, future = self._builds[key]
        try:
            with self._at_work(key) as live:
                live.build_once(among, build)
            future.set_result(None)
        except Exception as error:
            future.set_exception(error)

    def close(self) -> None:
        """Ends all processes; whoever waits for one is told that it was stopped."""
        with self._changed:
            every, self._live = list(self._live.values()), OrderedDict()
        for live in every:
            live.cancel()

    @contextmanager
    def _at_work(self, key: tuple[str, str]) -> Iterator["_Live"]:
        """A process for oneself alone; one in which anything went wrong is not used again."""
        live = self._taken(key)
        usable = False
        try:
            yield live
            usable = True
        except OSError as error:
            what = f"{key[0]} could not be handed its vectors: {error.strerror or type(error).__name__}."
            raise TastespaceError(what, "Make room on the disk and try again.") from error
        finally:
            self._given_back(key, live, usable)

    def _taken(self, key: tuple[str, str]) -> "_Live":
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_free(key), PATIENCE_S):
                raise Busy("All engines are busy with others' questions.", "Try again in a moment.")
            gone = None
            live = self._live.pop(key, None)
            if live is None:
                live = _Live(key[0])
                if len(self._live) >= self._most:
                    gone = self._live.pop(next(k for k, other in self._live.items() if not other.busy))
            live.busy = True
            self._live[key] = live  # the newest stands last
        if gone is not None:
            gone.close()
        return live

    def _is_free(self, key: tuple[str, str]) -> bool:
        if key in self._live:
            return not self._live[key].busy
        return len(self._live) < self._most or not all(live.busy for live in self._live.values())

    def _given_back(self, key: tuple[str, str], live: "_Live", usable: bool) -> None:
        with self._changed:
            live.busy = False
            kept = usable and self._live.get(key) is live
            if not kept and self._live.get(key) is live:
                del self._live[key]
            self._changed.notify_all()
        if not kept:
            live.close()


@dataclass(eq=False)
class _Live:
    """One engine on one set of vectors. Whoever has taken it from the pool is alone with it."""

    engine: str
    busy: bool = False
    build_s: float | None = None
    _worker: Worker | None = field(default=None, repr=False)
    _home: tempfile.TemporaryDirectory | None = field(default=None, repr=False)

    def build_once(self, among: Searched, build: Mapping[str, int] | None) -> None:
        if self.build_s is not None:
            return
        self._home = tempfile.TemporaryDirectory(prefix="tastespace-live-", ignore_cleanup_errors=True)
        # The index lies in the worker's scratch folder, which goes with it even where this process is killed.
        self._worker = Worker(self.engine, build, Path(self._home.name))
        index = Path(self._home.name) / "index"
        self.build_s = self._worker.build(among.vectors, index, BUILD_S, among.foreseen)["build_s"]

    def answer(self, queries: np.ndarray, knobs: Mapping[str, int], k: int, together: bool) -> Answer:
        asked = queries if together else np.repeat(queries, REPEATED, axis=0)
        rows, _, ms = self._worker.search(asked, k, knobs, SEARCH_S, together=together)
        return Answer(rows if together else rows[:1], float(np.median(ms)), self.build_s)

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()
        if self._home is not None:
            self._home.cleanup()

    def cancel(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
        self.close()


def _key(engine: str, among: Searched, build: Mapping[str, int] | None) -> tuple[str, str]:
    """What has a process of its own: an engine, and the vectors with how their index is built."""
    return engine, " ".join([among.name, *(f"{name}={value}" for name, value in sorted((build or {}).items()))])


def verdict(rows: np.ndarray, among: Searched, query: np.ndarray, truth: tuple[np.ndarray, np.ndarray]) -> Verdict:
    """Holds an answer to one query against the truth.

    Args:
        rows: (k,) int64, what the engine found.
        among: what was searched.
        query: (d,) float32.
        truth: what `recsys.retrieval.judge.exact` gives for this one query.

    Raises:
        WrongAnswer: an answer that no engine may give.
    """
    true = truth[0][0]
    (found,) = found_each(rows[None], among, query[None], truth)
    # Best first, so that what is left out for being found all the same is the one at the cut, tied with another.
    missed = true[~np.isin(true, rows)][: len(true) - found]
    return Verdict(true, rows[rows >= 0], missed, int(found))


def found_each(
    rows: np.ndarray, among: Searched, queries: np.ndarray, truth: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """How many of the true ones each answer holds: (q,) int64. See `recsys.retrieval.judge.judged`."""
    recalls = [
        judged(rows[j : j + 1], among.vectors, queries[j : j + 1], (truth[0][j : j + 1], truth[1][j : j + 1]))
        for j in range(len(rows))
    ]
    return np.array([round(one[f"recall@{rows.shape[1]}"] * truth[0].shape[1]) for one in recalls], dtype=np.int64)


def true_nearest(among: Searched, queries: np.ndarray, k: int = K) -> tuple[np.ndarray, np.ndarray]:
    """The truth, for `verdict` and `found_each`."""
    return exact(among.vectors, queries, k)


def stops(engine: str, n: int, k: int = K, build: Mapping[str, int] | None = None) -> dict[str, tuple[int, ...]]:
    """The values that are worth offering for each knob: of those that already look at everything, the first alone.

    Args:
        engine: its name.
        n: how many vectors there are.
        k: how many are asked for.
        build: build-time arguments, where they are not the engine's own.
    """
    build = build or {}
    cells, leaves = build.get("cells", cells_for(n)), build.get("leaves", int(n**0.5))
    everything = {"probes": cells, "leaves": leaves, "rescore": -(-n // k)}
    found = {}
    for name, knob in engine_class(engine).knobs.items():
        most = everything.get(name, n)
        enough = [value for value in knob.values if value >= most][:1]
        found[name] = (*(value for value in knob.values if value < most), *enough)
    return found
