"""An engine in a process of its own: its memory can be told, its crash survived and its work cancelled.

The two sides speak JSON lines, one request at a time. Arrays are handed over as .npy files in a scratch folder.

    {"do": "build", "engine", "arguments", "vectors", "folder"}    also "known", for engines whose build takes queries
    {"do": "open", "engine", "arguments", "folder"}
    {"do": "search", "queries", "k", "knobs", "threads", "together", "least_s", "most_s"}
    {"do": "stats"}      {"do": "stop"}

A reply is {"told", "arrays"} or {"error"}; lines of {"progress"} may come before it.
"""

import errno
import importlib
import inspect
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from recsys import errors
from recsys.errors import TastespaceError
from recsys.retrieval import engine_class
from recsys.settings import ROOT

NICENESS = 10
WARM_UP = 5
"""Queries that are asked before any is timed."""
FEWEST = 20
"""Queries that are timed whatever they take."""
GOODBYE_S = 10.0
"""How long a process has to let go of its files before it is killed."""
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Told = Callable[[str], None]
"""Called with what a worker does now."""


ROOM = 2**20
"""Bytes that a disk has at least, else it counts as full."""


class WorkerLost(TastespaceError):
    """The process ended before it answered: it crashed, was killed, stopped, or took too long."""


class EngineFailed(TastespaceError):
    """The engine's library could not do what it was asked for."""


def find_engine(name: str) -> type:
    """The class of an engine by its name, or one of somebody else's by `module:Class`.

    Raises:
        ValueError: there is no such engine.
        ImportError: there is no such module.
    """
    module, _, cls = name.partition(":")
    return getattr(importlib.import_module(module), cls) if cls else engine_class(name)


def takes_queries(engine: type) -> bool:
    """Whether the engine's build wants the queries that it will be asked."""
    return "known" in inspect.signature(engine.build).parameters


class Worker:
    """The client: starts the process, asks it, and ends it. Use it as a context manager.

    Args:
        engine: its name, as `find_engine` takes it; nothing is imported here.
        arguments: build-time arguments.
        scratch: the folder for arrays; the caller removes it, and so does a worker whose caller was killed. None makes
            one that goes with the worker.
        told: called with what the worker does now.
    """

    def __init__(
        self,
        engine: str,
        arguments: Mapping[str, Any] | None = None,
        scratch: Path | None = None,
        told: Told = lambda what: None,
    ) -> None:
        self._engine, self._arguments, self._told = engine, dict(arguments or {}), told
        self._own = None
        if scratch is None:
            self._own = tempfile.TemporaryDirectory(prefix="tastespace-worker-", ignore_cleanup_errors=True)
        self._scratch = Path(self._own.name) if scratch is None else scratch
        self._unread, self._why, self._handed_over, self._busy = b"", "", [], False
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        # Whoever measures says how many threads; a limit that this process was started with would hide the others.
        environment = {k: v for k, v in os.environ.items() if k not in THREAD_LIMITS} | {"PYTHONPATH": path}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "recsys.retrieval.worker", str(self._scratch)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,  # so that its own children end with it, and an interrupt is ours to handle
            )
        except BaseException:
            self._clear()
            raise

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process' id."""
        return self._process.pid

    def build(
        self, vectors: np.ndarray | Path, folder: Path, timeout: float, known: np.ndarray | Path | None = None
    ) -> dict:
        """Builds an index; see `Engine.build`. Vectors and known queries may be paths of .npy files.

        Returns:
            `build_s`, `before_mb` (resident memory, in 10^6 bytes, with the vectors and without the library), and the
            engine's `arguments` in use.
        """
        with self._room_in(folder):
            return self.request("build", timeout, vectors=vectors, folder=folder, known=known)

    def open(self, folder: Path, timeout: float) -> dict:
        """Opens an index; see `Engine.open`. Returns `open_s` and `before_mb`."""
        with self._room_in(folder):
            return self.request("open", timeout, folder=folder)

    def search(
        self,
        queries: np.ndarray | Path,
        k: int,
        knobs: Mapping[str, int] | None = None,
        timeout: float = 60.0,
        threads: int = 1,
        together: bool = False,
        least_s: float = 0.0,
        most_s: float = np.inf,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Asks all queries, and tells how long each call took; see `Engine.search`.

        Args:
            queries: (q, d) float32, or the path of a .npy file.
            k: length of the lists.
            knobs: query-time arguments.
            timeout: seconds until the worker is given up.
            threads: how many the engine may use.
            together: all queries in one call, again and again for `least_s`; otherwise one query a call, for `most_s`
                but no fewer than `FEWEST`. Some calls that are not timed come first.
            least_s, most_s: seconds, see there.

        Returns:
            rows and scores of the queries that were asked, (<=q, k), and milliseconds of each call.
        """
        asked = {"queries": queries, "k": k, "knobs": dict(knobs or {}), "threads": threads, "together": together}
        reply = self.request("search", timeout, **asked, least_s=least_s, most_s=min(most_s, timeout))
        return reply["rows"], reply["scores"], reply["ms"]

    def stats(self, timeout: float = 10.0) -> dict:
        """`resident_mb` now and `peak_mb` since the build or opening began, in 10^6 bytes."""
        return self.request("stats", timeout)

    @contextmanager
    def _room_in(self, folder: Path) -> Iterator[None]:
        """Says so where something failed since a disk is full.

        Not every library does: some crash where a file cannot grow, some write half of one without a word.
        """
        try:
            yield
        except TastespaceError as error:
            if self._why or not _is_full(folder):
                raise
            raise _full(self._engine) from error

    def request(self, do: str, timeout: float, **fields: Any) -> dict:
        """Asks for one thing and waits for the answer; see the module's text.

        Raises:
            WorkerLost: no answer came; the process is gone.
            TastespaceError, ValueError: what the engine raised, with the same sentence.
        """
        named = {"engine": self._engine, "arguments": self._arguments} if do in ("build", "open") else {}
        try:
            line = json.dumps({"do": do, **named, **{name: self._handed(value) for name, value in fields.items()}})
            reply = self._ask(line.encode() + b"\n", timeout)
        finally:
            while self._handed_over:
                self._handed_over.pop().unlink(missing_ok=True)
        if "error" in reply:
            raise _as_error(**reply["error"])
        arrays = {name: np.load(path) for name, path in reply["arrays"].items()}
        for path in reply["arrays"].values():
            os.unlink(path)
        return reply["told"] | arrays

    def cancel(self) -> None:
        """Ends the process at once, from any thread; whoever waits for it gets a `WorkerLost`."""
        self._kill("was stopped")

    def close(self) -> None:
        """Ends the process and removes what was handed over. May be called again."""
        try:
            # One that works on something nobody waits for any more would not hear a goodbye for long.
            if self._process.poll() is None and not self._busy:
                with suppress(TastespaceError, ValueError, OSError, subprocess.TimeoutExpired):
                    self.request("stop", GOODBYE_S)
                    self._process.wait(GOODBYE_S)
        finally:
            self._kill("was stopped")
            for pipe in (self._process.stdin, self._process.stdout):
                with suppress(OSError):  # what could not be written is not wanted any more
                    pipe.close()
            self._clear()

    def _ask(self, line: bytes, timeout: float) -> dict:
        deadline, self._busy = time.monotonic() + timeout, True
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except (OSError, ValueError):  # it is closed, at this end or at the other
            raise self._lost() from None
        while "progress" in (reply := self._reply(deadline, timeout)):
            self._told(reply["progress"])
        self._busy = False
        return reply

    def _reply(self, deadline: float, timeout: float) -> dict:
        while b"\n" not in self._unread:
            try:
                out = self._process.stdout.fileno()
                ready, _, _ = select.select([out], [], [], max(0.0, deadline - time.monotonic()))
                part = os.read(out, 2**16) if ready else b""
            except (OSError, ValueError):  # another thread has closed it meanwhile
                raise self._lost() from None
            if not ready:
                self._kill(f"took longer than {duration(timeout)} and was stopped")
                raise self._lost()
            if not part:
                raise self._lost()
            self._unread += part
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)

    def _kill(self, why: str) -> None:
        if self._process.poll() is None:
            self._why = self._why or why
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # its session: what it started itself ends too
        self._process.wait()

    def _lost(self) -> WorkerLost:
        try:
            code = self._process.wait(GOODBYE_S)
        except subprocess.TimeoutExpired:
            self._kill("stopped answering")
            code = -signal.SIGKILL
        if self._why:
            return WorkerLost(f"{self._engine} {self._why}.")
        if code == -signal.SIGKILL:
            return WorkerLost(f"{self._engine} was killed, perhaps for want of memory.", "Try fewer vectors.")
        how = f"crashed ({signal.Signals(-code).name})" if code < 0 else f"ended with code {code}"
        return WorkerLost(f"The process of {self._engine} {how}.")

    def _handed(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            path = self._scratch / f"to-{self._process.pid}-{len(self._handed_over)}.npy"
            self._handed_over.append(path)
            np.save(path, value)
            return str(path)
        return str(value) if isinstance(value, Path) else value

    def _clear(self) -> None:
        if self._own is not None:
            self._own.cleanup()


def duration(seconds: float) -> str:
    """A time for a sentence, such as `20 minutes`."""
    return f"{seconds:.3g} seconds" if seconds < 120 else f"{seconds / 60:.3g} minutes"


def _as_error(kind: str, what: str, way_out: str) -> Exception:
    if kind == "ValueError":
        return ValueError(what)
    known = getattr(errors, kind, EngineFailed)
    return known(what, way_out)


# From here on: the process itself.


class _Served:
    """The engine, and what can be asked of it.

    Args:
        scratch: where results are written.
        tell: called with what is going on.
    """

    def __init__(self, scratch: Path, tell: Told) -> None:
        self.engine = None
        self._scratch, self._tell = scratch, tell

    def build(self, engine: str, arguments: dict, vectors: str, folder: str, known: str | None) -> dict:
        cls = find_engine(engine)
        self._tell("reading the vectors")
        array = np.load(vectors)
        more = {"known": np.load(known)} if known is not None and takes_queries(cls) else {}
        made, before = cls(**arguments), _measured_anew()
        Path(folder).mkdir(parents=True, exist_ok=True)
        self._tell("building")
        start = time.perf_counter()
        made.build(array, Path(folder), **more)
        seconds = time.perf_counter() - start
        self.engine = made
        return {"build_s": seconds, "before_mb": before, "arguments": made.arguments}

    def open(self, engine: str, arguments: dict, folder: str) -> dict:
        made, before = find_engine(engine)(**arguments), _measured_anew()
        self._tell("opening")
        start = time.perf_counter()
        made.open(Path(folder))
        seconds = time.perf_counter() - start
        self.engine = made
        return {"open_s": seconds, "before_mb": before}

    def search(self, queries: str, k: int, knobs: dict, threads: int, together: bool, least_s: float, most_s: float):
        if self.engine is None:
            raise ValueError("expected a search after build or open")
        asked = np.load(queries)
        self.engine.use_threads(threads)
        self._tell("searching")

        def timed(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            start = time.perf_counter()
            answer = self.engine.search(part, k, **knobs)
            times.append((time.perf_counter() - start) * 1000)
            return answer

        times: list[float] = []
        if together:
            rows, scores = timed(asked)
            # The first call warms up; where it took all the time there is, it has to do.
            began, least = time.perf_counter(), times[0] / 1000 < least_s
            while least and time.perf_counter() - began < least_s:
                timed(asked)
            times = times[1:] or times
        else:
            for part in asked[:WARM_UP]:
                timed(part[None])
            times.clear()
            began, answers = time.perf_counter(), []
            for part in asked:
                if len(answers) >= FEWEST and time.perf_counter() - began > most_s:
                    break
                answers.append(timed(part[None]))
            rows, scores = (np.concatenate(found) for found in zip(*answers, strict=True))
        return {"rows": rows, "scores": scores, "ms": np.array(times)}

    def stats(self) -> dict:
        return {"resident_mb": _memory("VmRSS"), "peak_mb": _memory("VmHWM")}

    def stop(self) -> dict:
        if self.engine is not None:
            self.engine.close()
        return {}

    def reply(self, request: dict) -> dict:
        """Does what is asked; arrays go to files."""
        do = request.pop("do")
        try:
            told = getattr(self, do)(**request)
            arrays = {name: self._written(name, v) for name, v in told.items() if isinstance(v, np.ndarray)}
            return {"told": {name: v for name, v in told.items() if name not in arrays}, "arrays": arrays}
        except Exception as error:
            return {"error": _told_of(error, getattr(self.engine, "name", request.get("engine", do)))}

    def _written(self, name: str, array: np.ndarray) -> str:
        path = self._scratch / f"from-{os.getpid()}-{name}.npy"
        np.save(path, array)
        return str(path)


def _told_of(error: Exception, engine: str) -> dict:
    """An error as it travels: its kind, what is wrong and the way out."""
    if isinstance(error, TastespaceError):
        return {"kind": type(error).__name__, "what": error.what, "way_out": error.way_out}
    text = " ".join(str(error).split())
    no_room = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in text
    if no_room or isinstance(error, OSError) and "requested and" in text:  # how NumPy tells of it
        return _told_of(_full(engine), engine)
    if isinstance(error, MemoryError):
        return {"kind": "EngineFailed", "what": f"{engine} ran out of memory.", "way_out": "Try fewer vectors."}
    if isinstance(error, ValueError):
        return {"kind": "ValueError", "what": text, "way_out": ""}
    return {"kind": "EngineFailed", "what": f"{engine} failed: {type(error).__name__}: {text[:300]}.", "way_out": ""}


def _full(engine: str) -> TastespaceError:
    return TastespaceError(f"The disk is full: {engine} could not write its index.", "Make room and try again.")


def _is_full(folder: Path) -> bool:
    """Whether the disk of a folder has no room left for anything."""
    there = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    return shutil.disk_usage(there).free < ROOM


def _measured_anew() -> float:
    """Resident memory in 10^6 bytes; the peak counts from here on, where the system lets us say so."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(field: str) -> float | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    kilobytes = next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), None)
    return None if kilobytes is None else round(kilobytes * 1024 / 1e6, 1)


def _end_with_parent(scratch: Path) -> threading.Thread:
    """Ends this process, and removes what it was handed, as soon as nobody can ask it any more; the one who watches."""

    def watch() -> None:
        hang_up = select.poll()
        hang_up.register(0, 0)
        hang_up.poll()
        shutil.rmtree(scratch, ignore_errors=True)
        with suppress(ProcessLookupError):  # it leads no session where somebody started it by hand
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(1)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    return watcher


def main(scratch: Path) -> None:
    """Serves requests until it is told to stop or nobody is there."""
    # Native libraries print to file descriptor 1 as they like: what they write goes where stderr goes.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.nice(NICENESS)
    watcher = _end_with_parent(scratch)

    def say(line: dict) -> None:
        out.write(json.dumps(line, default=lambda value: value.item()) + "\n")  # NumPy's numbers are no JSON
        out.flush()

    served = _Served(scratch, lambda what: say({"progress": what}))
    with suppress(BrokenPipeError):
        for line in sys.stdin:
            request = json.loads(line)
            last = request["do"] == "stop"
            say(served.reply(request))
            if last:
                # Not by the interpreter's long way out: some libraries crash there, with nothing left to lose.
                os._exit(0)
    watcher.join()  # nobody is there: it clears up and ends this process


if __name__ == "__main__":
    main(Path(sys.argv[1]))
