"""What every benchmark's document has: the machine, the versions, and times as percentiles."""

from collections.abc import Sequence

import numpy as np

from recsys.provenance import provenance

__all__ = ["percentiles", "provenance"]


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
