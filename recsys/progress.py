"""How far a build is: bars with an estimate on the terminal, and a small file that the app reads."""

import json
import os
import sys
import time
from pathlib import Path

from recsys.errors import TastespaceError
from recsys.settings import Settings
from recsys.version import is_being_written


class Progress:
    """Called with (done, total, step); shows a bar a step and keeps the file up to date.

    Args:
        path: the file that tells other processes; None for none.
        console: show bars on stderr.
    """

    def __init__(self, path: Path | None = None, console: bool = True) -> None:
        self._path = path
        self._console = console
        self._bar = None
        self._step = ""
        self._began = (0.0, 0)
        self._written = 0.0

    def __call__(self, done: int, total: int, step: str) -> None:
        """Tells that `done` of `total` units of a step are there."""
        now = time.monotonic()
        if step != self._step:
            self._close_bar()
            self._step, self._began, self._written = step, (now, done), 0.0
        if self._console:
            self._show(done, total)
        if now - self._written > 0.2 or done == total:
            self._written = now
            seconds, count = now - self._began[0], done - self._began[1]
            eta = seconds / count * (total - done) if count and seconds > 0.5 else None
            self._write({"state": "running", "step": step, "done": done, "total": total, "eta_s": eta})

    def _show(self, done: int, total: int) -> None:
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(total=total, desc=self._step, initial=done, file=sys.stderr, mininterval=0.5, ncols=90)
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def finished(self) -> None:
        """Tells that the build is complete."""
        self._close_bar()
        self._write({"state": "finished"})

    def failed(self, error: TastespaceError) -> None:
        """Tells why the build ended early, and the way out."""
        self._close_bar()
        self._write({"state": "failed", "what": error.what, "way_out": error.way_out})

    def _write(self, told: dict) -> None:
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
            draft.write_text(json.dumps(told))
            os.replace(draft, self._path)
        except OSError:
            pass  # a full disk must fail the build with its own sentence, not here


def progress_path(settings: Settings, name: str) -> Path:
    """The file in which a build of the catalog tells how far it is."""
    return settings.data / f"progress-{name}.json"


def read_progress(settings: Settings, name: str) -> dict:
    """What a catalog's build told last.

    Returns:
        `state`: `none`, `running`, `finished`, `failed` or `killed`; with `running`, `step`, `done`, `total` and
        `eta_s` (None while unknown); with `failed`, `what` and `way_out`.
    """
    told = _told(settings, name)
    # A process id may be a zombie's or somebody else's by now; the lock goes with the process that held it.
    if told["state"] == "running" and not is_being_written(settings, name):
        told = _told(settings, name)  # it may have finished between the two looks
        if told["state"] == "running":
            return {"state": "killed", "step": told["step"]}
    return told


def _told(settings: Settings, name: str) -> dict:
    try:
        return json.loads(progress_path(settings, name).read_text())
    except (OSError, ValueError):
        return {"state": "none"}
