"""What every benchmark's document has: the machine, the versions, and times as percentiles."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recsys.errors import InvalidInput, TastespaceError
from recsys.provenance import provenance

__all__ = ["folder_for_records", "keep", "percentiles", "provenance"]


def percentiles(times_ms: Sequence[float]) -> dict:
    """Times in milliseconds as `p50_ms`, `p95_ms`, `p99_ms`, `max_ms` and `n`, how many there were.

    Raises:
        ValueError: there are none.
    """
    if not len(times_ms):
        raise ValueError("expected at least one time, got none")
    p50, p95, p99 = np.percentile(times_ms, [50, 95, 99])
    figures = {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "max_ms": np.max(times_ms)}
    return {**{name: round(float(value), 3) for name, value in figures.items()}, "n": len(times_ms)}


def folder_for_records(out: Path) -> None:
    """Makes the folder if it is not there.

    Raises:
        InvalidInput: it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"Records cannot be kept in {out.name}: {error.strerror}.", "Name a folder.") from error


def keep(path: Path, record: dict) -> None:
    """Writes a record under another name first: a reader never sees half of one.

    Raises:
        TastespaceError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(json.dumps(record, indent=1))
        os.replace(draft, path)
    except OSError as error:
        raise TastespaceError(f"The record {path.name} cannot be written: {error.strerror}.") from error
