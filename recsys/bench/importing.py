"""Importing large tables: how long it takes, how much memory, what a second import does, how fast lists are then."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.bench.record import provenance
from recsys.errors import TastespaceError
from recsys.funnel import Funnel, Request
from recsys.profile import Profile
from recsys.settings import ROOT, Settings
from recsys.store import open_store
from recsys.version import Version, bytes_on_disk, open_current
from recsys.where import Where
from recsys.wishes import Wishes

NAME = "bench"
KINDS = ("lamp", "chair", "mug", "rug", "jacket", "boots", "tent", "kettle", "notebook", "guitar")
LOOKS = ("red", "blue", "green", "black", "white", "striped", "plain", "vintage", "modern", "rustic")
STUFF = ("oak", "steel", "wool", "linen", "leather", "ceramic", "paper", "glass", "cotton", "bamboo")
USES = ("kitchen", "garden", "travel", "office", "winter", "summer", "kids", "camping", "party", "gift")
CHANGED = 0.01
SEARCHES = 200
CONDITIONS = ((), ("category=lamp",), ("price>=95",), ("category=lamp,chair", "price<=20"))
"""They keep all, 10, 5 and 4% of the items."""


def bench_import(settings: Settings, items: int, dims: int | None = None, keep: Path | None = None) -> dict:
    """Imports a table that is made up, three times: from nothing, the same bytes, and with 1% of the rows changed.

    Args:
        settings: the encoders; the data go to a folder of their own.
        items: rows of the table.
        dims: bring vectors of so many dimensions and embed nothing; None has the texts embedded.
        keep: a data folder to leave the catalog in; None for one that goes.

    Returns:
        `items`, `characters` (mean, of what an encoder reads), `imports` (a row each: `what`, `seconds`, `peak_mb`,
        `embedded`, `anew`), `steps` (of the first: seconds by step), `bytes` on disk, and `searches`: for each set of
        conditions `kept`, `p50_ms`, `p95_ms`, `p99_ms` of whole requests, one client.

    Raises:
        TastespaceError: an import failed.
    """
    with tempfile.TemporaryDirectory(prefix="tastespace-import-") as name:
        folder = Path(name)
        own = replace(settings, data=keep or folder / "data", log=None)
        table = _table(items)
        vectors = None if dims is None else _vectors(folder / "vectors.npy", items, dims)
        imports = []
        for what in ("new", "the same", "1% changed"):
            if what == "1% changed":
                table = _changed(table)
            table.to_parquet(folder / "items.parquet", index=False)
            imports.append({"what": what, **_import(own, folder / "items.parquet", vectors)})
        version = open_current(own, NAME)
        return {
            "benchmark": "import",
            "items": items,
            "dims": dims,
            "characters": round(float(version.catalog.items["text"].str.len().mean()), 1),
            "imports": imports,
            "bytes": bytes_on_disk(version.path),
            "searches": _searches(own, version),
            **provenance(),
        }


def _table(n: int) -> pd.DataFrame:
    """Things of a shop; the titles differ by their words and, where these are used up, by a number."""
    draw = np.random.default_rng(0)
    kind, look, stuff, use = (draw.choice(words, n) for words in (KINDS, LOOKS, STUFF, USES))
    number = np.arange(n).astype(str)
    title = pd.Series(look) + " " + pd.Series(stuff) + " " + pd.Series(kind) + " " + number
    return pd.DataFrame(
        {
            "id": "i" + pd.Series(number),
            "title": title,
            "category": kind,
            "tags": pd.Series(use) + "," + pd.Series(stuff),
            "price": np.round(draw.uniform(1, 100, n), 2),
            "released": draw.integers(1990, 2025, n),
        }
    )


def _changed(table: pd.DataFrame) -> pd.DataFrame:
    rows = np.arange(0, len(table), round(1 / CHANGED))
    return table.assign(title=table["title"].where(~table.index.isin(rows), table["title"] + " new"))


def _vectors(path: Path, n: int, dims: int) -> Path:
    """Vectors around a hundred centres."""
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(100, dims)).astype(np.float32)
    vectors = centres[draw.integers(100, size=n)] + 0.5 * draw.normal(size=(n, dims)).astype(np.float32)
    np.save(path, vectors)
    return path


def _import(settings: Settings, items: Path, vectors: Path | None) -> dict:
    words = ["import", "--name", NAME, "--items", str(items), "--json"]
    words += [] if vectors is None else ["--vectors", str(vectors)]
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "recsys", *words],
        cwd=ROOT,
        env={**os.environ, "TASTESPACE_DATA": str(settings.data)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    told = process.stdout.read()
    code, usage = _ended(process)
    if code:
        raise TastespaceError(f"The import failed: {told[:500]}", "Run it by itself to see why.")
    built = json.loads(told)["built"]
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "peak_mb": round(usage.ru_maxrss * 1024 / 1e6, 1),
        "embedded": built["embedded"],
        "anew": built["anew"],
        "built_s": built["seconds"],
    }


def _ended(process: subprocess.Popen) -> tuple[int, resource.struct_rusage]:
    """The exit code of a process and what it used; its own, not that of all children before it."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage


def _searches(settings: Settings, version: Version) -> list[dict]:
    funnel = Funnel(version, open_store(settings, version.shard, version.collection), Wishes(version))
    draw, rows = np.random.default_rng(0), []
    for texts in CONDITIONS:
        where = Where.parse(texts, version.catalog)
        times = []
        for turn in range(SEARCHES + 20):
            likes = tuple(map(str, draw.choice(version.item_ids, 3, replace=False)))
            started = time.perf_counter()
            funnel.recommend(Request(Profile(likes), where=where))
            if turn >= 20:
                times.append((time.perf_counter() - started) * 1000)
        p50, p95, p99 = (round(float(p), 2) for p in np.percentile(times, [50, 95, 99]))
        kept = round(float(version.facets.mask(where).mean()), 4)
        rows.append({"where": list(texts), "kept": kept, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99})
    return rows
