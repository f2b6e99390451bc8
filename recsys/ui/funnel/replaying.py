"""A replay that runs beside the app: one at a time, in a thread; here is told how far it is, and it can be stopped."""

import logging
import threading
import time
from dataclasses import dataclass, replace

from recsys.errors import InvalidInput, TastespaceError
from recsys.funnel import Funnel
from recsys.lessons.replay import cached, replay, requests_of

CACHED = 200
"""So many of the requests tell what kept user vectors save, which takes a second or two."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Told:
    """What there is to know of a replay.

    Attributes:
        state: `none`, `running`, `finished`, `failed` or `stopped`.
        catalog: whose requests.
        clients: how many asked at once.
        done, total: requests that were answered, of how many.
        seconds: since it began, or that it took.
        row: what it found, and as `cache` what kept user vectors save; None while it runs, or where nothing was
            answered.
        problem: why it failed, in a sentence.
    """

    state: str = "none"
    catalog: str = ""
    clients: int = 0
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    row: dict | None = None
    problem: str = ""


class Replaying:
    """The one replay of this process. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told, self._began, self._stop = Told(), 0.0, threading.Event()

    def start(self, funnel: Funnel, requests: int, clients: int) -> None:
        """Starts one.

        Args:
            funnel: whose.
            requests: how many.
            clients: how many ask at once.

        Raises:
            InvalidInput: another one is running.
        """
        with self._lock:
            if self._told.state == "running":
                raise InvalidInput("Requests are replayed here right now.", "Wait until that is finished.")
            self._told = Told("running", funnel.version.name, clients, total=requests)
            self._began, self._stop = time.monotonic(), threading.Event()
            arguments = (funnel, requests, clients, self._stop)
            threading.Thread(target=self._run, args=arguments, name="replay", daemon=True).start()

    def told(self) -> Told:
        """How far it is, or how the last one ended."""
        with self._lock:
            if self._told.state == "running":
                self._told = replace(self._told, seconds=time.monotonic() - self._began)
            return self._told

    def stop(self) -> None:
        """Ends it after the requests that are under way; what was answered is told."""
        self._stop.set()

    def _run(self, funnel: Funnel, requests: int, clients: int, stop: threading.Event) -> None:
        def progress(done: int, total: int, what: str) -> None:
            with self._lock:
                self._told = replace(self._told, done=done)

        try:
            quiet, asked = funnel.unobserved(), requests_of(funnel.version, requests)
            row = replay(quiet, asked, clients, progress, stop.is_set)
            if row["requests"] and not stop.is_set():
                row["cache"] = cached(quiet, asked[:CACHED], stop=stop.is_set)
            end = {"state": "stopped" if stop.is_set() else "finished", "row": row if row["requests"] else None}
            if not row["requests"] and not stop.is_set():
                end |= {"state": "failed", "problem": "Not one request was answered."}
        except TastespaceError as error:
            end = {"state": "failed", "problem": str(error)}
        except Exception as error:
            _LOG.exception("a replay failed")
            end = {"state": "failed", "problem": f"The replay failed ({type(error).__name__})."}
        with self._lock:
            self._told = replace(self._told, seconds=time.monotonic() - self._began, **end)
