"""The running app in Chromium: how long people wait, what the first page loads, and whether the lists are Python's."""

from recsys.bench.app import HEAVY, bench_app
from recsys.settings import Settings
from recsys.version import built_names

from . import Row

STOP_MS, CHANGE_MS, FIRST_S, RSS_MB, WISH_S = 50, 350, 5, 600, 1


def checks(settings: Settings) -> list[Row]:
    """Point 4 of what must hold, on `clipart` where it is built."""
    built = built_names(settings)
    catalog = "clipart" if "clipart" in built else built[0]
    figures = bench_app(settings, catalog)
    first, memory, wish = figures["first_list"], figures["memory"], figures["wish"]
    load = figures["machine"]["load_1min"]
    return [
        Row(
            f"{catalog}: server start to first list painted, at most {FIRST_S} s",
            f"{first['painted_s']:.1f} s (the server answers after {first['server_s']:.1f} s; load {load:.1f})",
            first["painted_s"] <= FIRST_S,
        ),
        Row(
            f"resident memory at first paint, at most {RSS_MB} MB",
            f"{memory['rss_mb']:.0f} MB",
            memory["rss_mb"] <= RSS_MB,
        ),
        Row(
            f"{', '.join(HEAVY)} are not imported before the first paint",
            f"imported: {', '.join(memory['imported']) or 'none'}",
            not memory["imported"],
        ),
        Row(
            f"a wish typed 10 s after start is answered within {WISH_S} s",
            f"{wish['painted_s']:.2f} s for “{wish['words']}”, typed {wish['typed_s']:.1f} s after start",
            wish["painted_s"] <= WISH_S and wish["equal"],
        ),
        _timed("lambda dragged to the shelf repainted", figures["drag"], STOP_MS, 101),
        _timed("lambda by keys to the shelf repainted", figures["keys"], STOP_MS, 101),
        _timed("a like to both shelves painted", figures["like"], CHANGE_MS, figures["like"]["n"]),
        _timed("a filter change to both shelves painted", figures["filter"], CHANGE_MS, figures["filter"]["n"]),
    ]


def _timed(what: str, figures: dict, limit_ms: float, lists: int) -> Row:
    p50, p95, p99 = (figures[f"p{p}_ms"] for p in (50, 95, 99))
    return Row(
        f"{what}, p95 at most {limit_ms} ms, every list Python's",
        f"p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f} ms of {figures['n']}; {figures['equal']} of {lists} lists equal",
        p95 <= limit_ms and figures["equal"] == lists,
    )
