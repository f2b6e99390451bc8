"""What every benchmark's document has: the machine, the versions, and times as percentiles."""

import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np

PACKAGES = ("streamlit", "numpy", "pandas", "qdrant-edge-py", "qdrant-client", "torch", "sentence-transformers")


def provenance() -> dict:
    """Where and with what something was measured: `machine` (cpu, cores, memory, load when asked) and `versions`."""
    return {
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
            "load_1min": round(os.getloadavg()[0], 2),
        },
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
    }


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


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
