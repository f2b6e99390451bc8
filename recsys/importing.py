"""Importing: what somebody brings is checked, kept and built; a catalog that was imported can be removed again.

What served before goes on serving until the very end, and goes on where an import fails, is cancelled or killed. The
kept files and the built version change hands under one lock, so two imports of one name come one after the other.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from recsys.build import build_alone, disk_errors_explained
from recsys.errors import CatalogError, InvalidInput, TastespaceError, quoted
from recsys.estimates import estimate
from recsys.evaluation.records import folder_of
from recsys.progress import Progress, progress_path
from recsys.settings import ROOT, Settings
from recsys.sources import SOURCES
from recsys.sources.imported.archive import Pictures, open_pictures
from recsys.sources.imported.check import Checked, Offer, check, check_name
from recsys.sources.imported.source import REPORT, keep, source_in, switch
from recsys.sources.imported.tables import Dropped
from recsys.sources.pictures import problem_with
from recsys.version import LOCK, Version, alone, bytes_on_disk, current_path, is_name

SPARE = 1.2
"""Times the estimated bytes that must be free."""
A_DAY = 86_400
REPORT_CSV = "report.csv"
_INCOMING = ".incoming-"


def offered(settings: Settings, offer: Offer, progress: Progress | None = None) -> Checked:
    """Checks an offer and adds to its report what building it will take. Writes nothing.

    Raises:
        InvalidInput: it cannot be imported; says why.
    """
    check_name(offer.name)
    if offer.name in SOURCES:
        raise InvalidInput(
            f"The name {offer.name} belongs to a catalog that comes with the app.", "Choose another one."
        )
    if current_path(settings, offer.name) and not (settings.imports / offer.name).exists():
        raise InvalidInput(
            f"There is a catalog {offer.name} that was not imported.", "Choose another name, or remove it first."
        )
    with disk_errors_explained():
        began = time.perf_counter()
        checked = check(settings, offer, progress)
        checked.report.estimate = estimate(settings, checked, time.perf_counter() - began)
    return checked


def run(settings: Settings, offer: Offer, progress: Progress | None = None) -> dict:
    """Imports: checks, keeps and builds. Importing again under the same name embeds only what changed.

    Args:
        settings: folders and encoders.
        offer: what somebody brings.
        progress: told how far it is; None for the file that `recsys.progress.read_progress` reads, and bars.

    Returns:
        The report, with `built`: version, spaces, seconds, how many vectors had to be computed, pictures not drawn.

    Raises:
        InvalidInput: it cannot be imported, or the app is public.
        CatalogError: the disk is full.
        TastespaceError: as `recsys.build.build`. Whatever is raised, what served before serves on.
    """
    settings.require_private("Imports")
    check_name(offer.name)
    progress = progress or Progress(progress_path(settings, offer.name))
    try:
        with disk_errors_explained(), _home(settings, offer.name):
            document = _run(settings, offer, progress)
    except TastespaceError as error:
        progress.failed(error)
        raise
    except BaseException:  # cancelled: nothing is left to be told
        progress_path(settings, offer.name).unlink(missing_ok=True)
        raise
    progress.finished()
    return document


def _run(settings: Settings, offer: Offer, progress: Progress) -> dict:
    checked = offered(settings, offer, progress)
    need, free = checked.report.estimate["bytes"], shutil.disk_usage(settings.data).free
    if need * SPARE > free:
        raise CatalogError(
            f"The import needs about {need / 1e6:,.0f} MB; the disk has {free / 1e6:,.0f} MB left.",
            "Make room, or set TASTESPACE_DATA to another disk.",
        )
    home = settings.imports / offer.name
    home.mkdir(parents=True, exist_ok=True)
    for stale in home.glob(f"{_INCOMING}*"):
        shutil.rmtree(stale, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=home, prefix=_INCOMING))
    try:
        keep(checked, folder, progress)
        before = current_path(settings, offer.name)
        version = build_alone(
            settings,
            offer.name,
            progress,
            source=source_in(folder, offer.name),
            settle=lambda: switch(settings, offer.name, folder),
        )
    finally:  # where it failed; else it has moved
        shutil.rmtree(folder, ignore_errors=True)
    blank = _not_drawn(version, checked)
    checked.report.dropped += blank
    checked.report.pictures -= sum(len(one.rows) for one in blank)
    built = _built(version, anew=version.path != before)
    built |= {"not_drawn": sorted(row for one in blank for row in one.rows)}
    document = checked.report.document() | {"built": built}
    with suppress(OSError):
        (home / "current" / REPORT).write_text(json.dumps(document, ensure_ascii=False))
        (home / "current" / REPORT_CSV).write_text(checked.report.csv())
    return document


def _not_drawn(version: Version, checked: Checked) -> list[Dropped]:
    """Pictures that passed the check, which looks at the first bytes of many, and that the build could not draw."""
    names = checked.catalog.items["image"]
    blank = [int(i) for i in np.flatnonzero(names.notna().to_numpy()) if version.thumbnail(int(i)) is None]
    reasons: dict[str, list[int]] = {}
    if blank:
        with open_pictures(checked.offer.images) as pictures:
            for i in blank:
                reason = _problem(pictures, names.iat[i]) or "cannot be drawn"
                reasons.setdefault(reason, []).append(int(checked.rows[i]))
    return [Dropped("pictures", reason, rows) for reason, rows in reasons.items()]


def _problem(pictures: Pictures, name: str) -> str:
    try:
        return problem_with(pictures.read(name), thoroughly=True)
    except InvalidInput as error:
        return error.what


def _built(version: Version, anew: bool) -> dict:
    m = version.manifest
    return {
        "version": version.id,
        "anew": anew,
        "seconds": m["seconds"] if anew else 0.0,
        "spaces": m["spaces"],
        "default_space": m["default_space"],
        "encoders": m["encoders"],
        "embedded": {step: told["items"] for step, told in m["rates"].items() if step.startswith("embed")}
        if anew
        else {},
        "learned": {space: told["from"] for space, told in m["learned"].items()},
    }


def report_of(settings: Settings, name: str) -> dict:
    """The report of the import that now serves, as `run` returned it.

    Raises:
        CatalogError: the catalog was not imported, or its report cannot be read.
    """
    return json.loads(_kept(settings, name, REPORT))


def report_csv_of(settings: Settings, name: str) -> str:
    """The same report as CSV: every row that was left out, on a line of its own.

    Raises:
        CatalogError: as `report_of`.
    """
    return _kept(settings, name, REPORT_CSV)


def _kept(settings: Settings, name: str, file: str) -> str:
    try:
        if not is_name(name):
            raise ValueError(name)
        return (settings.imports / name / "current" / file).read_text()
    except (OSError, ValueError) as error:
        raise CatalogError(f"There is no report of importing {quoted(name)}.") from error


# -- Removing, and what is left behind --------------------------------------------------------------------------------


def remove(settings: Settings, name: str) -> dict:
    """Removes an imported catalog: what was brought, what was built, what was learned and measured of it.

    Raises:
        InvalidInput: no such catalog, one that comes with the app, or the app is public.
        CatalogError: the folder cannot be written to.
    """
    settings.require_private("Deletes")
    check_name(name)
    if name in SOURCES:
        raise InvalidInput(f"The catalog {name} comes with the app and cannot be removed.")
    if not (settings.imports / name).exists() and not (settings.catalogs / name).exists():
        raise InvalidInput(f"There is no catalog {quoted(name)} to remove.")
    with disk_errors_explained(), _home(settings, name):
        (settings.catalogs / name / "current").unlink(missing_ok=True)  # first: nobody is sent there any more
        freed = bytes_on_disk(settings.imports / name) + bytes_on_disk(settings.catalogs / name)
        shutil.rmtree(settings.imports / name, ignore_errors=True)
        for folder in (settings.catalogs / name / "versions", *(settings.catalogs / name).glob(".building-*")):
            shutil.rmtree(folder, ignore_errors=True)
        for path in (*(settings.data / "models").glob(f"{name}-*.npz"), *_records(settings, name)):
            path.unlink(missing_ok=True)
        progress_path(settings, name).unlink(missing_ok=True)
    return {"catalog": name, "removed": True, "bytes": freed}


def _records(settings: Settings, name: str) -> Iterator[Path]:
    """Measurements of one catalog: not of another whose name begins alike."""
    for path in folder_of(settings).glob(f"{name}-*.json"):
        with suppress(OSError, ValueError, AttributeError):
            if json.loads(path.read_text()).get("catalog") == name:
                yield path


def sweep(settings: Settings) -> list[str]:
    """Clears away what killed imports left; a folder that somebody works in is left alone.

    Returns:
        Names of the catalogs of which something was cleared away.
    """
    swept = []
    names = {home.name for root in (settings.imports, settings.catalogs) if root.is_dir() for home in root.iterdir()}
    for name in sorted(filter(is_name, names)):
        home, own = settings.catalogs / name, settings.imports / name
        left = [*own.glob(f"{_INCOMING}*"), *home.glob(".building-*")]
        if (left or not current_path(settings, name)) and name not in SOURCES and not _is_taken(home):
            with _home(settings, name):
                left = [*own.glob(f"{_INCOMING}*"), *home.glob(".building-*")]
                for folder in left:
                    shutil.rmtree(folder, ignore_errors=True)
            swept += [name] if left else []
    for told in settings.data.glob("progress-*.json"):  # of imports that failed: whoever asked has read it by now
        with suppress(OSError):
            if told.name[9:-5] not in {*names, *SOURCES} and time.time() - told.stat().st_mtime > A_DAY:
                told.unlink()
    return swept


def _is_taken(home: Path) -> bool:
    try:
        with (home / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def _home(settings: Settings, name: str) -> Iterator[None]:
    """The lock of a catalog; folders that hold nothing afterwards go."""
    with alone(settings, name):
        try:
            yield
        finally:
            home, own = settings.catalogs / name, settings.imports / name
            with suppress(OSError):
                own.rmdir()
            with suppress(OSError):
                if {path.name for path in home.iterdir()} <= {LOCK}:
                    (home / LOCK).unlink()
                    home.rmdir()


# -- Beside a page ----------------------------------------------------------------------------------------------------


def words_of(offer: Offer) -> list[str]:
    """The offer as words of the command line, after `python -m recsys`."""
    words = ["import", "--name", offer.name, "--items", str(offer.items)]
    for flag in ("images", "vectors", "interactions", "users", "text_encoder", "image_encoder", "label", "licence"):
        value = getattr(offer, flag)
        words += [f"--{flag.replace('_', '-')}={value}"] if value else []
    words += [f"--map={role}={column}" for role, column in offer.mapping.items()]
    return words + [f"--facet={column}={kind}" for column, kind in offer.facets.items()]


def begin(offer: Offer) -> subprocess.Popen:
    """Imports in a process of its own, which outlives the page; `read_progress` tells how far it is.

    To cancel it, `terminate()` the process: it clears away what it wrote. Its report is `report_of`, its failure what
    `read_progress` tells.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "recsys", *words_of(offer), "--json"],
        cwd=ROOT,
        env=os.environ.copy(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@contextmanager
def cancellable() -> Iterator[None]:
    """Lets SIGTERM end an import as Ctrl-C does, so that it clears away what it wrote."""

    def stop(*_) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only there signals can be caught
        yield
        return
    before: Callable | int | None = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
