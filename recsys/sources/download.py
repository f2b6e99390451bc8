"""Downloads: fetched by pip and apt-get, checked by hash, kept in `Settings.downloads`.

A file gets its final name only once its hash is right, so whatever bears that name is either good or damaged later;
both are found out before each use. A good file is never fetched again, whoever put it there.
"""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from recsys.errors import CatalogError, quoted

Progress = Callable[[int, int, str], None]
"""Called with what is done, the total, and what is going on."""

TIMEOUT = 1800  # seconds; a slow line needs minutes for 50 MB, a dead one must not wait for ever
_SCRATCH = ".fetching-"
_DISK_FULL_WORDS = ("no space left", "enough free space", "disk quota exceeded")


def fetch_wheel(
    requirement: str, filename: str, sha256: str, folder: Path, progress: Progress | None = None, *, size: int = 0
) -> Path:
    """A package's wheel, from the folder or else through pip.

    Args:
        requirement: a pinned requirement, `name==version`.
        filename: the wheel's file name.
        sha256: hash of the wheel, 64 hex digits.
        folder: where it is kept.
        progress: told the bytes that have arrived.
        size: bytes to expect, for the progress only; 0 if unknown.

    Returns:
        The file, its hash checked just now.

    Raises:
        CatalogError: it cannot be fetched, arrives damaged twice, or the disk is full.
    """
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet", "--no-deps"]
    pip += ["--no-cache-dir", "--only-binary=:all:", "--progress-bar=off"]

    def fetch(scratch: Path, tick: Callable[[], None]) -> None:
        _run([*pip, "--dest", str(scratch), requirement], scratch, tick)

    by_hand = f"Check the network and try again, or put {filename} into {folder} by hand."
    return _fetch((filename,), sha256, folder, fetch, by_hand, progress, size)


def fetch_deb(
    package: str, version: str, sha256: str, folder: Path, progress: Progress | None = None, *, size: int = 0
) -> Path:
    """A Debian package that is the same on every architecture, from the folder or else through apt-get. Needs no root.

    The machine's own package lists may be empty (as in a fresh container) or too old to know the version; then lists
    of our own are fetched, and thrown away again.

    Args:
        package: the package's name.
        version: its full version, the epoch included.
        sha256: hash of the `.deb`, 64 hex digits.
        folder: where it is kept.
        progress: told the bytes that have arrived.
        size: bytes to expect, for the progress only; 0 if unknown.

    Returns:
        The file, its hash checked just now.

    Raises:
        CatalogError: there is no apt-get, the version is gone, it arrives damaged twice, or the disk is full.
    """
    wanted = f"{package}={version}"
    # A mirror names the file without the epoch, apt-get with it: somebody may bring either by hand.
    names = tuple(f"{package}_{v}_all.deb" for v in (version.split(":")[-1], version.replace(":", "%3a")))
    by_hand = f"put {names[0]} into {folder} by hand (“apt-get download {wanted}” on any Debian machine fetches it)."

    def fetch(scratch: Path, tick: Callable[[], None]) -> None:
        if shutil.which("apt-get") is None:
            raise CatalogError(f"This machine has no apt-get to fetch {package} with.", f"Then {by_hand}")
        try:
            _run(["apt-get", "--quiet", "download", wanted], scratch, tick)
        except _CommandFailed as failure:
            if failure.disk_full:
                raise
            _run_with_own_lists(wanted, scratch, tick)

    way_out = f"Run “apt-get update” and try again, or {by_hand}"
    return _fetch(names, sha256, folder, fetch, way_out, progress, size)


class _CommandFailed(Exception):
    """A child process failed; the message is the line of its output that says why."""

    @property
    def disk_full(self) -> bool:
        return any(words in str(self).lower() for words in _DISK_FULL_WORDS)


def _run_with_own_lists(wanted: str, scratch: Path, tick: Callable[[], None]) -> None:
    """`apt-get download` after an `apt-get update` that keeps its lists in the scratch folder."""
    with tempfile.TemporaryDirectory(dir=scratch) as state:
        own = ["-o", f"Dir::State::lists={state}/lists", "-o", f"Dir::Cache={state}/cache"]
        own += ["-o", "APT::Sandbox::User=root"]  # root's apt-get would else become a user who cannot write here
        for partial in ("lists/partial", "cache/archives/partial"):
            (Path(state) / partial).mkdir(parents=True)
        _run(["apt-get", "--quiet", *own, "update"], scratch, lambda: None)
        _run(["apt-get", "--quiet", *own, "download", wanted], scratch, tick)


def _run(command: Sequence[str], scratch: Path, tick: Callable[[], None]) -> None:
    """Runs a command in the scratch folder, which also holds its temporary files, and ticks four times a second."""
    environment = {**os.environ, "TMPDIR": str(scratch), "LC_ALL": "C.UTF-8"}
    started = time.monotonic()
    with tempfile.TemporaryFile(dir=scratch) as output:
        process = subprocess.Popen(
            command, cwd=scratch, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            while process.poll() is None:
                if time.monotonic() - started > TIMEOUT:
                    raise _CommandFailed(f"no answer within {TIMEOUT // 60} minutes")
                tick()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.25)
        finally:
            if process.poll() is None:  # we were interrupted, or it hangs
                process.kill()
                process.wait()
        if process.returncode != 0:
            output.seek(0)
            raise _CommandFailed(_reason(output.read().decode(errors="replace")))


def _reason(output: str) -> str:
    """The line of a command's output that says why it failed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    full = [line for line in lines if any(words in line.lower() for words in _DISK_FULL_WORDS)]
    errors = [line for line in lines if line.startswith(("ERROR:", "E:"))]
    return (full or errors[-1:] or lines[-1:] or ["no reason given"])[0]


def _fetch(
    names: Sequence[str],
    sha256: str,
    folder: Path,
    fetch: Callable[[Path, Callable[[], None]], None],
    way_out: str,
    progress: Progress | None,
    size: int,
) -> Path:
    """The file of one of the names if it is there and good, else what `fetch` brings into a scratch folder."""
    total = max(size, 1)

    def report(arrived: int) -> None:
        if progress is not None:
            progress(min(arrived, total), total, f"fetching {names[0]}")

    with explained_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        for name in names:
            if _is_good(folder / name, sha256):
                return folder / name
        final = folder / names[0]
        for _ in range(2):
            with tempfile.TemporaryDirectory(dir=folder, prefix=_SCRATCH) as scratch:
                try:
                    fetch(Path(scratch), lambda: report(_bytes_below(Path(scratch))))
                except _CommandFailed as failure:
                    if failure.disk_full:
                        raise OSError(errno.ENOSPC, str(failure)) from None
                    what = f"{names[0]} could not be fetched: {quoted(str(failure), 200)}."
                    raise CatalogError(what, way_out) from None
                arrived = [path for path in Path(scratch).iterdir() if path.is_file() and path.suffix == final.suffix]
                if len(arrived) == 1 and _is_good(arrived[0], sha256):
                    os.replace(arrived[0], final)
                    report(total)
                    return final
    raise CatalogError(f"{names[0]} arrived damaged twice: its hash is not the expected one.", way_out)


def sha256_of(path: Path) -> str:
    """The hash of a file's bytes, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_good(path: Path, sha256: str) -> bool:
    """Whether the file is there with the right hash; a damaged one is deleted."""
    if not path.is_file():
        return False
    if sha256_of(path) == sha256:
        return True
    path.unlink()
    return False


def _sweep(folder: Path) -> None:
    """Removes what killed processes left behind; a scratch folder younger than a fetch may last is somebody's."""
    for left in folder.glob(f"{_SCRATCH}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > 2 * TIMEOUT:
                shutil.rmtree(left)


@contextmanager
def explained_disk_errors(folder: Path):
    """Turns what a disk or its permissions refuse into a `CatalogError`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            what, way_out = (
                f"The disk that holds {folder} is full.",
                "Make room, or set TASTESPACE_DATA to another disk.",
            )
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            what, way_out = f"{folder} cannot be written to.", "Set TASTESPACE_DATA to a folder of your own."
        else:
            raise
        raise CatalogError(what, way_out) from error


def _bytes_below(folder: Path) -> int:
    arrived = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # a temporary file may go while we look
            arrived += path.stat().st_size if path.is_file() else 0
    return arrived
