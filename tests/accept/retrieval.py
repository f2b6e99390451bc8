"""The engines on every space of the real catalogs, related items, and two visitors. Takes about half an hour."""

import sys

from recsys.bench.related import bench_related
from recsys.bench.retrieval import bench_retrieval
from recsys.bench.visitors import bench_visitors
from recsys.lessons.retrieval.records import folder_of
from recsys.version import built_names

from . import Row

LEAST = {"flat": 0.99, "graph": 0.99, "precomputed": 0.99, "codes": 0.95, "cells + codes": 0.95}
"""Recall@10 at the defaults, where something is asked: codes are asked with rescoring, which is their default."""
LOOKUP_MS = 0.1


def checks(settings) -> list[Row]:
    """A row a space, one for related items, one for two visitors."""
    rows = []
    for name in built_names(settings):
        document = bench_retrieval(settings, name, out=folder_of(settings), progress=_tell)  # goes on where it was
        rows += [_row(run) for run in document["runs"]]
    return [*rows, _related(settings), _visitors(settings)]


def _tell(done: int, total: int, what: str) -> None:
    print(f"  {what}", file=sys.stderr)


def _row(run: dict) -> Row:
    measured = [engine for engine in run["engines"] if engine["error"] is None]
    told = [f"{e['engine']} {e['recall@10']:.4f}" for e in measured]
    absent = [f"{e['engine']}: {e['error']}" for e in run["engines"] if e["error"] is not None]
    low = [e["engine"] for e in measured if e["recall@10"] < LEAST.get(e["family"], 0)]
    return Row(
        f"{run['data']['catalog']}, {run['data']['space']}: recall@10 at the defaults, graph and flat at least .99, "
        "codes with rescoring at least .95",
        f"{', '.join(told)}" + (f"; too low: {', '.join(low)}" if low else "") + "".join(f"; {why}" for why in absent),
        not low and all(e["engine"] == "pinecone" for e in run["engines"] if e["error"] is not None),
    )


def _related(settings) -> Row:
    spaces = [(f"{c} {s}", one) for c, of in bench_related(settings)["catalogs"].items() for s, one in of.items()]
    equal = sum(one["equal"] for _, one in spaces)
    items = sum(one["items"] for _, one in spaces)
    slowest = max(one["p99_ms"] for _, one in spaces)
    return Row(
        f"related items are looked up in at most {LOOKUP_MS} ms and equal the exact ones",
        f"{equal:,} of {items:,} lists equal in {len(spaces)} spaces; p99 of a look-up at most {slowest:.4f} ms",
        equal == items and slowest <= LOOKUP_MS,
    )


def _visitors(settings) -> Row:
    name = built_names(settings)[0]
    found = bench_visitors(settings, name, progress=_tell)
    alone, beside = found["alone"], found["beside"]
    return Row(
        f"{name}: a live run blocks nobody: a like in another browser, p95 without and with it",
        f"{alone['p95_ms']:.0f} and {beside['p95_ms']:.0f} ms of {beside['n']}; "
        f"{beside['equal']} of {beside['n']} lists equal while it ran",
        beside["equal"] == beside["n"],
    )
