"""A measurement that runs beside the app: one at a time, in a process of its own, of low priority.

What it finds goes into the folder of records; here is told how far it is, and it can be stopped.
"""

import atexit
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from recsys.errors import InvalidInput
from recsys.settings import ROOT

NICENESS = 15
COMMAND = (sys.executable, "-m", "recsys", "bench", "retrieval")
_BAR = re.compile(r"([^\r\n]+?):\s+\d+%[^\r\n]*?(\d+)/(\d+)")


@dataclass(frozen=True)
class Told:
    """What there is to know of a measurement.

    Attributes:
        state: `none`, `running`, `finished`, `failed` or `stopped`.
        label: on which vectors.
        engines: which engines were asked for.
        owner: who started it.
        step: what it does now.
        done, total: how many engines are finished, of how many; 0 of 0 while it starts.
        seconds: since it began, or that it took.
        problems: a sentence for each thing that went wrong, by engine; an empty name for all of it.
    """

    state: str = "none"
    label: str = ""
    engines: tuple[str, ...] = ()
    owner: str = ""
    step: str = ""
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    problems: Mapping[str, str] | None = None


class Measuring:
    """The one measurement of this process. Its methods may be called from any thread.

    Args:
        command: what is run, with the options behind it.
    """

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = list(command)
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._told, self._began = Told(), 0.0
        atexit.register(self.stop)

    def start(self, options: Sequence[str], label: str, engines: Sequence[str], owner: str) -> None:
        """Starts the command with these options, and `--json`.

        Args:
            options: words of the command line.
            label: on which vectors; for `told`.
            engines: which engines; for `told`.
            owner: who starts it; for `told`.

        Raises:
            InvalidInput: another one is running.
        """
        with self._lock:
            if self._look().state == "running":
                raise InvalidInput("Somebody else is measuring here right now.", "Wait until that is finished.")
            self._home = tempfile.TemporaryDirectory(prefix="tastespace-measuring-", ignore_cleanup_errors=True)
            home = Path(self._home.name)
            with (home / "out").open("wb") as out, (home / "err").open("wb") as err:
                self._process = subprocess.Popen(
                    [*self._command, *options, "--json"],
                    cwd=ROOT,
                    # Vectors and indexes are written below this folder, and go with it however the process ends.
                    env={**os.environ, "TMPDIR": str(home)},
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self._process.pid, NICENESS)
            self._began = time.monotonic()
            self._told = Told("running", label, tuple(engines), owner, "starting")

    def told(self) -> Told:
        """How far it is, or how the last one ended."""
        with self._lock:
            return self._look()

    def stop(self) -> None:
        """Ends it at once; what was finished stays measured."""
        with self._lock:
            if self._look().state == "running":
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
                self._end("stopped", {})

    def _look(self) -> Told:
        if self._told.state != "running":
            return self._told
        code = self._process.poll()
        text = (Path(self._home.name) / "err").read_text(errors="replace")
        bars = _BAR.findall(text)
        if bars:
            step, done, total = bars[-1]
            self._told = replace(self._told, step=step, done=int(done), total=int(total))
        self._told = replace(self._told, seconds=time.monotonic() - self._began)
        if code == 0:
            self._end("finished", _problems(Path(self._home.name) / "out"))
        elif code is not None:
            self._end("failed", {"": _last_words(text)})
        return self._told

    def _end(self, state: str, problems: dict[str, str]) -> None:
        self._told = replace(self._told, state=state, problems=problems)
        self._process = None
        self._home.cleanup()


def _problems(out: Path) -> dict[str, str]:
    """Which engines could not be measured, and why, by a finished measurement's own document."""
    try:
        rows = [row for run in json.loads(out.read_text())["runs"] for row in run["engines"]]
        return {row["engine"]: row["error"] for row in rows if row["error"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {"": "What was measured cannot be read."}


def _last_words(text: str) -> str:
    lines = [line.strip() for line in re.split(r"[\r\n]", text) if line.strip() and not _BAR.match(line.strip())]
    return lines[-1] if lines else "It ended early and did not say why."
