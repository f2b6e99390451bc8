"""Where and with what something was measured."""

import os
import platform
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "streamlit",
    "numpy",
    "pandas",
    "qdrant-edge-py",
    "qdrant-client",
    "torch",
    "sentence-transformers",
    "implicit",
    "lightgbm",
)


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
