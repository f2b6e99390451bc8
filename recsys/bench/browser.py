"""Drives the running app: a server of its own, Debian's Chromium, and what a page says of its shelves.

Shared by the app's benchmark, the browser tests, the acceptance and the screenshots.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recsys.errors import MissingExtra, TastespaceError
from recsys.settings import ROOT, Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_S = 60.0
PAINT_MS = 60_000
NEAREST = "nearest"
"""The first shelf of Recommend, Map's and Diversity's; a page may have other shelves too, such as the item panel's."""

# Answers a signal with the names of all modules that are loaded at that moment. Python imports a module of this name
# by itself, so the app is measured as it is.
_TELL_MODULES = """
import os, signal, sys

def tell(*_):
    path = os.environ["TASTESPACE_MODULES"]
    with open(path + ".part", "w") as file:
        file.write("\\n".join(list(sys.modules)))
    os.replace(path + ".part", path)

signal.signal(signal.SIGUSR1, tell)
"""


@dataclass(frozen=True)
class App:
    """A running app.

    Attributes:
        url: its address, without a slash at the end.
        pid: the server's process.
        started: `time.monotonic()` when the process was started.
        log: file with what it printed.
        folder: a folder of its own.
    """

    url: str
    pid: int
    started: float
    log: Path
    folder: Path

    def rss_mb(self) -> float:
        """Resident memory of the server, in MB (10^6 bytes)."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise TastespaceError("The app's server has ended.", f"Its last words are in {self.log}.")

    def modules(self) -> set[str]:
        """Top-level names in the server's `sys.modules` at this moment; the server itself tells."""
        told = self.folder / "modules"
        told.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR1)
        for _ in range(1000):
            if told.exists():
                return {name.split(".")[0] for name in told.read_text().split("\n")}
            time.sleep(0.01)
        raise TastespaceError("The app's server did not tell what it has imported.")


@contextmanager
def running_app(settings: Settings, wait: bool = True, env: Mapping[str, str] | None = None) -> Iterator[App]:
    """Runs the app on a free port of this machine until the block ends.

    Args:
        settings: the data folder that it serves.
        wait: whether to return only when it answers.
        env: more environment variables.

    Raises:
        TastespaceError: it does not start within a minute.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sitecustomize.py").write_text(_TELL_MODULES)
        port = _free_port()
        environment = {
            "HF_HUB_OFFLINE": "1",
            "OPENBLAS_NUM_THREADS": "1",  # as the Makefile serves it
            **os.environ,
            "TASTESPACE_DATA": str(settings.data),
            "TASTESPACE_MODULES": str(folder / "modules"),
            "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]),
            **(env or {}),
        }
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
        command += ["--server.address", "127.0.0.1"]
        log = folder / "server.log"
        with log.open("w") as out:
            started = time.monotonic()
            server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
            app = App(f"http://127.0.0.1:{port}", server.pid, started, log, folder)
            try:
                if wait:
                    wait_until_up(app)
                yield app
            finally:
                _end(server)


def wait_until_up(app: App) -> None:
    """Returns when the server answers.

    Raises:
        TastespaceError: it does not within a minute of its start.
    """
    while time.monotonic() - app.started < START_S:
        try:
            urllib.request.urlopen(f"{app.url}/_stcore/health", timeout=1).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise TastespaceError("The app did not start within a minute.", f"It said: {app.log.read_text()[-500:]}")


@contextmanager
def chromium() -> Iterator["Browser"]:
    """A headless Chromium.

    Raises:
        MissingExtra: Playwright or Chromium is not there.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise MissingExtra("Playwright", "pip install -r requirements-dev.txt") from error
    if not Path(CHROMIUM).exists():
        raise MissingExtra("Chromium", "apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def shelves_of(shelf: str) -> str:
    """Selects the component that holds a shelf."""
    return f".shelves:has([data-shelf={shelf}])"


def wait_until_painted(page: "Page", timeout_ms: float = PAINT_MS, shelf: str = NEAREST) -> int:
    """Returns the number of the shelves' data once they are painted, with their pictures."""
    painted = page.locator(f"{shelves_of(shelf)}[data-painted-seq]")
    return int(painted.get_attribute("data-painted-seq", timeout=timeout_ms))


def settle(page: "Page", shelf: str = NEAREST) -> None:
    """Waits until Streamlit's script has ended and the shelves have drawn and prepared all their cards."""
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=30_000)
    page.locator(f"{shelves_of(shelf)}[data-prepared]").wait_for(timeout=30_000)


def order(page: "Page", shelf: str) -> list[str]:
    """The ids on a shelf, in order."""
    return json.loads(page.locator(f"[data-shelf={shelf}]").get_attribute("data-order"))


def link(app: App, page: str, query: Mapping[str, Sequence[str]]) -> str:
    """The address of a page with a view."""
    from urllib.parse import urlencode

    return f"{app.url}/{page}?{urlencode(query, doseq=True)}"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _end(server: subprocess.Popen) -> None:
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
