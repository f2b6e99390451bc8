"""Imports that this app started: each in a process of its own, which outlives the page that asked for it."""

import shutil
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from recsys.errors import InvalidInput
from recsys.importing import begin, sweep
from recsys.progress import read_progress
from recsys.settings import Settings
from recsys.sources.imported.check import Offer

MOST = 2
"""Imports at a time: they share the cores with everybody who looks at a page."""
UPLOADS = "uploads"
A_DAY = 86_400


@dataclass(frozen=True)
class Told:
    """What there is to know of an import.

    Attributes:
        name: the catalog.
        label: what a person reads.
        state: `running`, `finished`, `failed` or `cancelled`.
        step, done, total, eta_s: how far it is while it runs; `eta_s` is None while nobody knows.
        seconds: since it began, or that it took.
        problem: why it failed, and the way out.
    """

    name: str
    label: str
    state: str = "running"
    step: str = "start"
    done: int = 0
    total: int = 1
    eta_s: float | None = None
    seconds: float = 0.0
    problem: str = ""


class Imports:
    """The imports of this app, by name of the catalog. Its methods may be called from any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._told: dict[str, Told] = {}
        self._running: dict[str, tuple[subprocess.Popen, float]] = {}
        self._cancelled: set[str] = set()
        self._failed: dict[str, Path] = {}
        forget_uploads(settings)

    def start(self, offer: Offer, folder: Path) -> None:
        """Starts an import.

        Args:
            offer: what to import.
            folder: holds the files that were uploaded for it; it goes when the import has ended, and where it failed
                when that is forgotten.

        Raises:
            InvalidInput: this catalog is being imported already, or too many are.
        """
        forget_uploads(self._settings)
        with self._lock:
            if offer.name in self._running:
                raise InvalidInput(f"{offer.name} is being imported right now.", "Wait for it, or choose another name.")
            if len(self._running) >= MOST:
                raise InvalidInput(f"{MOST} imports run already.", "Wait until one of them is finished.")
            self._cancelled.discard(offer.name)
            self._told[offer.name] = Told(offer.name, offer.label or offer.name)
            self._clear(offer.name, keep=folder)
            process = begin(offer)
            self._running[offer.name] = process, time.monotonic()
        threading.Thread(target=self._wait, args=(offer.name, process, folder), daemon=True).start()

    def cancel(self, name: str) -> None:
        """Ends an import; it clears away what it wrote, and what served before serves on."""
        with self._lock:
            if name in self._running:
                self._cancelled.add(name)
                self._running[name][0].terminate()

    def told(self) -> list[Told]:
        """Those that run and those that ended, the latest last."""
        with self._lock:
            return [self._now(told) for told in self._told.values()]

    def forget(self, name: str, keep: bool = False) -> None:
        """Tells no more of one that ended. The files of one that failed go, unless somebody wants to `keep` them."""
        with self._lock:
            if name not in self._running:
                self._told.pop(name, None)
                self._clear(name, self._failed.get(name) if keep else None)

    def _clear(self, name: str, keep: Path | None) -> None:
        folder = self._failed.pop(name, None)
        if folder is not None and folder != keep:
            shutil.rmtree(folder, ignore_errors=True)

    def _now(self, told: Told) -> Told:
        if told.name not in self._running:
            return told
        now, seconds = read_progress(self._settings, told.name), time.monotonic() - self._running[told.name][1]
        if now["state"] != "running":
            return replace(told, seconds=seconds)
        return replace(told, seconds=seconds, **{key: now[key] for key in ("step", "done", "total", "eta_s")})

    def _wait(self, name: str, process: subprocess.Popen, folder: Path) -> None:
        code = process.wait()
        if code == 0 or name in self._cancelled:
            shutil.rmtree(folder, ignore_errors=True)
        sweep(self._settings)  # what a process that was killed could not clear away itself
        now = read_progress(self._settings, name)
        with self._lock:
            _, began = self._running.pop(name)
            end = {"state": "finished"}
            if name in self._cancelled and code != 0:
                end = {"state": "cancelled"}
            elif code != 0 and now["state"] == "failed":
                end = {"state": "failed", "problem": f"{now['what']} {now['way_out']}".strip()}
            elif code != 0:
                end = {"state": "failed", "problem": "The import was stopped from outside. Start it again."}
            if end["state"] == "failed":
                self._failed[name] = folder
            self._told[name] = replace(self._told[name], seconds=time.monotonic() - began, **end)


def upload_folder(settings: Settings, visitor: str) -> Path:
    """Where a visitor's uploaded files wait for their import."""
    return settings.data / UPLOADS / visitor


def forget_uploads(settings: Settings, older_than_s: float = A_DAY) -> None:
    """Clears away files whose visitor never came back for them."""
    with suppress(OSError):
        for folder in (settings.data / UPLOADS).iterdir():
            if time.time() - folder.stat().st_mtime > older_than_s:
                shutil.rmtree(folder, ignore_errors=True)
