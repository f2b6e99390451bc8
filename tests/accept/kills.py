"""kill -9 at random moments of a build: the old version serves all along, and the next build completes."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.progress import progress_path
from recsys.settings import ROOT
from recsys.sources import SOURCES
from recsys.store import open_store
from recsys.version import built_names, current_path, open_current

from . import Row
from .command import command, environment, run
from .sandbox import cache_path, sandbox

KILLS = 20
COMPLETED_EVERY = 5
"""After so many kills a build is left to complete; the others go on from what the killed one left."""

SEED = 7
COLD_EVERY = 3
"""Every third round much has to be computed again; the others find it in the cache and get to the store sooner."""

AIMED_EVERY = 4
STORE_S = 1.5
"""Storing and publishing take a moment only: every fourth kill waits for it, and strikes within so many seconds."""

FORGOTTEN = 0.05
"""Share of drawn pictures and vectors that the step cache forgets before a cold round. The maps follow by themselves:
vectors from another batch differ in their last bits."""


def checks(settings) -> list[Row]:
    """Kills builds of the catalog with the most steps that is built."""
    names = built_names(settings)
    name = "clipart" if "clipart" in names else names[0]
    with sandbox(settings, [name]) as copy:
        return _kill_builds(copy, name)


def _kill_builds(settings, name: str) -> list[Row]:
    draw = random.Random(SEED)
    # So that the step cache is complete, and what serves is what a build now gives.
    if _wait(_build(settings, name)):
        return [Row(f"{name}: a build completes", "it does NOT, so none was killed", False)]
    asked = ["recommend", "--json", "--catalog", name, *_profile(settings, name)]
    reference = run(settings, *asked).document
    warm_s = _seconds_of_a_build(settings, name)
    _forget(settings, draw)
    cold_s = _seconds_of_a_build(settings, name)

    steps: Counter[str] = Counter()
    wrong: list[str] = []
    left_behind = completed = finished_early = took_over = 0
    for number in range(KILLS):
        before = current_path(settings, name).name
        if before != reference["version"]:  # a completed build, or one that was killed after its last step
            reference = run(settings, *asked).document
        cold = number % COLD_EVERY == 0
        if cold:
            _forget(settings, draw)
        moment_s = draw.uniform(0.02, 0.98) * (cold_s if cold else warm_s)
        process = _build(settings, name)
        if number % AIMED_EVERY == 1:
            moment_s = draw.uniform(0, STORE_S)
            _wait_until_stored(settings, name, process)
        with suppress(subprocess.TimeoutExpired):
            process.wait(moment_s)
        step = _step(settings, name)
        ended = process.poll() is not None
        finished_early += ended
        # Every second time only the build itself: what it started must end with it.
        if number % 2:
            _kill(process.pid)
        else:
            _kill_group(process.pid)
        process.wait()
        left_behind += _survivors(process.pid)
        _kill_group(process.pid)
        step = "end" if ended else step
        steps[step] += 1
        print(f"  kill {number + 1} of {KILLS} at: {step}", file=sys.stderr, flush=True)

        took_over += current_path(settings, name).name != before
        answer = run(settings, *asked)
        if answer.code or not _same(answer.document, reference, settings, name):
            wrong.append(f"kill {number + 1} at {step}: {answer.last_line or 'another list'}")
        if (number + 1) % COMPLETED_EVERY == 0:
            code = _wait(_build(settings, name))
            completed += code == 0 and current_path(settings, name).name != before
    builds = KILLS // COMPLETED_EVERY
    return [
        Row(
            f"{name}: kill -9 at {KILLS} random moments of a build: the old version serves all along",
            f"{KILLS - len(wrong)} of {KILLS} times the same list; builds of {warm_s:.0f} s (from the cache) and "
            f"{cold_s:.0f} s, killed at: {_counted(steps)}; "
            f"{took_over} kills came after the new version took over, {finished_early} after the end"
            + (f"; {wrong[0]}" if wrong else ""),
            not wrong,
        ),
        Row(
            "no process outlives a killed build by more than two seconds",
            f"{left_behind} of {KILLS} times one did",
            not left_behind,
        ),
        Row(f"{name}: the next build completes", f"{completed} of {builds} builds completed", completed == builds),
        *_check_items(settings, name),
        _check_leftovers(settings, name),
    ]


def _same(document: dict, reference: dict, settings, name: str) -> bool:
    """Whether the version of before the kill still gives the same list, to the last digit.

    Where the kill came after the new version had taken over, that one must serve, with a list as long.
    """
    if document["version"] == reference["version"]:
        return document["items"] == reference["items"]
    serving = current_path(settings, name).name == document["version"]
    return serving and len(document["items"]) == len(reference["items"])


def _profile(settings, name: str) -> list[str]:
    ids = open_current(settings, name).item_ids
    return [f"--like={ids[3]}", f"--like={ids[len(ids) // 2]}", f"--dislike={ids[-1]}", "--wish=something to laugh"]


def _build(settings, name: str) -> subprocess.Popen:
    progress_path(settings, name).unlink(missing_ok=True)
    return subprocess.Popen(
        command("build", "--force", "--catalog", name),
        cwd=ROOT,
        env=environment(settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _wait_until_stored(settings, name: str, process: subprocess.Popen) -> None:
    """Returns when the build begins to write the store, or ends."""
    while process.poll() is None and _step(settings, name) not in ("items stored", "indexing"):
        time.sleep(0.01)


def _seconds_of_a_build(settings, name: str) -> float:
    started = time.monotonic()
    _wait(_build(settings, name))
    return time.monotonic() - started


def _wait(process: subprocess.Popen) -> int:
    try:
        return process.wait(900)
    finally:
        _kill_group(process.pid)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _survivors(group: int) -> bool:
    """Whether a process of the group is still there after two seconds."""
    for _ in range(20):
        if not any(_group_of(entry) == group for entry in Path("/proc").iterdir() if entry.name.isdigit()):
            return False
        time.sleep(0.1)
    return True


def _group_of(entry: Path) -> int | None:
    """The process group of a running process; None for one that has ended."""
    try:
        state, _, group = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:3]
    except OSError:
        return None
    return int(group) if state != "Z" else None


def _step(settings, name: str) -> str:
    """The step that a build told last, in a few words; it tells of none before its first."""
    try:
        told = json.loads(progress_path(settings, name).read_text())
    except FileNotFoundError:
        return "start"
    return told["step"].split(",")[0] if "step" in told else "end"


def _counted(steps: Counter[str]) -> str:
    return ", ".join(f"{step} {count}" for step, count in steps.most_common())


def _forget(settings, draw: random.Random) -> None:
    """Takes some of what earlier builds computed out of the step cache."""
    with closing(sqlite3.connect(cache_path(settings), timeout=60)) as cache, cache:
        keys = [row for row in cache.execute("SELECT key FROM steps ORDER BY key") if draw.random() < FORGOTTEN]
        cache.executemany("DELETE FROM steps WHERE key = ?", keys)


def _check_items(settings, name: str) -> list[Row]:
    """Every item of the source is in the export and in the store, once."""
    from recsys.carry import export

    source = list(SOURCES[name].load(settings).items.index)
    version = open_current(settings, name)
    with tempfile.TemporaryDirectory() as folder:
        export(version, Path(folder))
        exported = pd.read_parquet(Path(folder) / "items.parquet")["item_id"].tolist()
        filled = {s: int(np.load(Path(folder) / f"{s}.npy").any(axis=1).sum()) for s in version.spaces}
    store = open_store(replace(settings, qdrant_url=None), version.shard, version.collection)
    found = {}
    for space, vectors in version.spaces.items():
        rows, _ = store.nearest(space, np.ones(vectors.shape[1]), len(source) + 10)
        found[space] = len(rows) if len(set(rows.tolist())) == len(rows) else -1
    count = store.count()
    store.close()
    return [
        Row(
            f"{name}: afterwards every item is there once, none missing, none double",
            f"source {len(source):,}, export {len(exported):,} ({len(set(exported)):,} different), store {count:,}; "
            f"found in each space {_listed(found.values())} of {_listed(filled.values())}",
            sorted(source) == sorted(exported) and count == len(source) and found == filled,
        )
    ]


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(f"{n:,}" for n in numbers)


def _check_leftovers(settings, name: str) -> Row:
    """A build leaves the version that serves, the one before, and nothing else."""
    home = settings.catalogs / name
    versions = sorted(path.name for path in (home / "versions").iterdir())
    hidden = [p.name for p in (*home.iterdir(), *settings.catalogs.iterdir()) if p.name.startswith(".")]
    hidden += [p.name for p in settings.data.iterdir() if p.name.startswith("progress-") and p.suffix != ".json"]
    strange = [n for n in hidden if n != ".lock"]
    return Row(
        f"{name}: nothing is left over but the version that serves and the one before",
        f"{len(versions)} versions, {len(strange)} leftovers" + (f": {', '.join(strange[:3])}" if strange else ""),
        len(versions) <= 2 and not strange,
    )
