"""Qdrant Edge against qdrant-client's local mode, in one run; `store_large` asks the same of more points."""

import sys

from recsys.bench.store import bench_store

from . import Row

SIZE = 4_000
ENOUGH = 0.95
"""Recall@10 from which a search counts as right; below `EXACT_BELOW` items it has to be 1."""


def checks(settings) -> list[Row]:
    """One row."""
    return [compared(SIZE)]


def compared(points: int) -> Row:
    """How much faster, and how right, with so many points."""
    document = bench_store([points], progress=lambda done, total, what: print(f"  {what}", file=sys.stderr))
    (run,) = document["runs"]
    edge, local, ratios = run["edge"], run["local"], run["ratios"]
    recalls = [edge[kind]["recall@10"] for kind in ("plain", "filtered")]
    times = ", ".join(
        f"{kind} {edge[kind]['p50_ms']:.2f} / {local[kind]['p50_ms']:.1f} ms (ratio {ratios[f'{kind}_p50_ms']:.3f})"
        for kind in ("plain", "filtered", "mmr")
    )
    return Row(
        f"{run['points']:,} points: Edge is faster than local mode at every kind of query, and finds what is nearest",
        f"p50 Edge / local: {times}; build ratio {ratios['build_s']:.2f}, reopen ratio {ratios['reopen_s']:.3f}; "
        f"recall@10 {' and '.join(f'{r:.3f}' for r in recalls)}",
        all(ratios[f"{kind}_p50_ms"] < 1 for kind in ("plain", "filtered", "mmr"))
        and min(recalls) >= (1.0 if edge["exact"] else ENOUGH),
    )
