"""Records of engines as `python -m recsys bench retrieval --out` writes them, with figures made up by hand."""

import json
from pathlib import Path

FAMILIES = {
    "exhaustive": "flat",
    "faiss-flat": "flat",
    "precomputed": "precomputed",
    "hnswlib": "graph",
    "faiss-ivf": "cells",
    "faiss-pq": "codes",
    "qdrant-edge-bq": "codes",
}
MACHINE = {"cores": 2, "cpu": "a processor", "memory_gb": 8.0}


def record(
    engine: str = "exhaustive",
    points: list[tuple] = (({}, 1.0, 2.0),),
    n: int = 40,
    dims: int = 8,
    catalog: str = "clipart",
    space: str = "text",
    synthetic: bool = False,
    load: float | None = None,
    **row,
) -> dict:
    """One engine's record; `points` are (knobs, recall, p50_ms), the defaults first."""
    knobs, recall, p50 = points[0]
    return {
        "key": f"{engine}-{n}",
        "data": {
            "catalog": catalog,
            "space": space,
            "version": "one",
            "synthetic": synthetic,
            "n": n,
            "dims": dims,
            "hash": "0" * 16,
            "queries": 20,
            "left_out": 0,
        },
        "engine": {
            "engine": engine,
            "family": FAMILIES.get(engine, "graph"),
            "library": "numpy" if engine in ("exhaustive", "precomputed") else engine.partition("-")[0],
            "library_version": "1.2.3",
            "exact": engine in ("exhaustive", "faiss-flat", "precomputed"),
            "arguments": {},
            "defaults": knobs,
            "known_queries": engine == "precomputed",
            "measured_at": "2026-11-25T10:00:00Z",
            "build_s": 0.5,
            "index_bytes": n * dims * 4,
            "peak_mb": 50.0,
            "serving_mb": 40.0,
            "p50_ms": p50,
            "p95_ms": 2 * p50,
            "p99_ms": 3 * p50,
            "max_ms": 4 * p50,
            "n": 20,
            "recall@10": recall,
            "recall@10_min": round(recall - 0.1, 3) if recall < 1 else 1.0,
            "below_0.9": 0.0,
            "qps": 1000 / p50,
            "qps_all": 2000 / p50,
            "frontier": [
                {"knobs": k, "recall@10": r, "p50_ms": ms, "qps": 1000 / ms, "queries": 20, "dominated": False}
                for k, r, ms in points
            ],
            "settings_left_out": 0,
            "error": None,
            **row,
        },
        "machine": MACHINE | ({} if load is None else {"load_1min": load}),
        "versions": {"python": "3.11"},
    }


def line(share: float, way: str, recall: float, p50: float, mask: str = "random") -> dict:
    """One line of search under conditions."""
    return {
        "share": share,
        "mask": mask,
        "allowed": 10,
        "way": way,
        "recall@10": recall,
        "recall@10_min": recall,
        "found": 10 * recall,
        "p50_ms": p50,
        "p95_ms": 2 * p50,
    }


def write(folder: Path, *records: dict) -> Path:
    """Writes records into a folder, as the bench names them."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in records:
        about = one["data"]
        size = f"-{about['n']}x{about['dims']}" if about["synthetic"] else ""
        name = f"{about['catalog']}-{about['space']}{size}-{one['engine']['engine']}.json"
        (folder / name).write_text(json.dumps(one))
    return folder
