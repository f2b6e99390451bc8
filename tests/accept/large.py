"""A table of 100,000 items that somebody brings: imported, imported again, and steered in a browser afterwards."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from recsys.bench.app import bench_app
from recsys.bench.importing import NAME, bench_import
from recsys.bench.map import bench_map
from recsys.settings import Settings

from . import Row

ITEMS = 100_000
MOST_S, MOST_MB = 600, 3000
RERUN_MS, LASSO_MS = 400, 1500


def checks(settings: Settings) -> list[Row]:
    """Quiet machine: what is timed shares its cores with whatever else runs."""
    with TemporaryDirectory(prefix="tastespace-large-") as name:
        own = replace(settings, data=Path(name))
        told = bench_import(own, ITEMS, keep=own.data)
        new, same, changed = told["imports"]
        app, on_the_map = bench_app(own, NAME), bench_map(own, NAME)
    return [
        Row(
            f"{ITEMS:,} items imported within {MOST_S} s and {MOST_MB:,} MB",
            f"{new['seconds']} s, {new['peak_mb']:,.0f} MB",
            new["seconds"] <= MOST_S and new["peak_mb"] <= MOST_MB,
        ),
        Row("the same bytes embed nothing", f"{same['embedded']}", not same["embedded"] and not same["anew"]),
        Row(
            "1% changed rows embed 1%",
            f"{changed['embedded']}, {changed['seconds']} s",
            changed["embedded"] == {"embed texts": ITEMS // 100},
        ),
        *(
            Row(
                f"{what}: p95 of a rerun at most {RERUN_MS} ms, lists equal",
                f"{app[what]['p95_ms']:.0f} ms, {app[what]['equal']} of {app[what]['n']}",
                app[what]["p95_ms"] <= RERUN_MS and app[what]["equal"] == app[what]["n"],
            )
            for what in ("like", "filter", "search")
        ),
        Row(
            f"a lasso selects from all within {LASSO_MS} ms",
            f"p95 {on_the_map['lasso']['p95_ms']:.0f} ms, up to {on_the_map['lasso']['most']:,} items; "
            f"{on_the_map['lasso']['equal']} of {on_the_map['lasso']['n']} equal",
            on_the_map["lasso"]["p95_ms"] <= LASSO_MS and on_the_map["lasso"]["equal"] == on_the_map["lasso"]["n"],
        ),
        Row(
            "the map pans smoothly: frame times reported",
            "p50 {p50_ms} ms, p95 {p95_ms} ms, {per_second} a second".format(**on_the_map["frames"]),
            True,
        ),
    ]
