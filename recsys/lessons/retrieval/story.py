"""What the records of engines say, in sentences and rows. Pure functions; every figure is computed from the records.

Sentences are plain text. "Finds nearly all" means a mean recall of `GOOD` or more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from recsys.lessons.retrieval.records import FLOAT32, RECALL, REFERENCE, Conditions, Point, Record
from recsys.retrieval import growth
from recsys.retrieval.faiss_common import DIMS_PER_BYTE

GOOD = 0.99
QUICK_MS = 1.0
"""A search that nobody would want to be faster."""
ALIKE = 0.1
"""Exponents that differ by less are told as one."""
MB = 1e6
COSTS = {
    "p50_ms": "Time of a query",
    "serving_mb": "Memory to serve",
    "peak_mb": "Memory to build",
    "index_bytes": "Size of the index",
    "build_s": "Time to build",
}


@dataclass(frozen=True)
class Growth:
    """How a cost of an engine grows: `cost = c n^exponent`.

    Attributes:
        engine, cost: whose; a key of `COSTS`.
        exponent, error: the exponent and its standard error.
        records: one for each number of vectors that counts, the fewest first.
        points: what was fitted, one for each record: a number of vectors and a cost. For memory both are counted from
            the fewest vectors on; see `recsys.retrieval.growth.above_fewest`.
    """

    engine: str
    cost: str
    exponent: float
    error: float
    records: tuple[Record, ...]
    points: tuple[tuple[float, float], ...]


def sentences(records: Sequence[Record]) -> list[str]:
    """What exhaustive search costs, who is faster without losing much, and what codes save and lose.

    Args:
        records: of one set of vectors and one place; none, or none of the reference, say nothing.
    """
    reference = _named(records, REFERENCE)
    if reference is None:
        return []
    return [
        text
        for text in (_exhaustive(reference), _fastest(records, reference), *_codes(records), _foreseen(records))
        if text
    ]


def fastest(records: Iterable[Record], least: float = GOOD) -> tuple[Record, Point] | None:
    """The engine and the setting that answer soonest of those with at least this recall; None where there is none.

    Neither the reference counts nor what only knows queries that were foreseen.
    """
    found = [(r, p) for r in records if _searches(r) for p in r.points if p.recall >= least]
    return min(found, key=lambda one: one[1].p50_ms, default=None)


def choosing(records: Sequence[Record]) -> list[str]:
    """When to choose what, from records of several numbers of vectors in one place."""
    sizes = {n: list(group) for n, group in groupby(sorted(records, key=lambda r: r.n), key=lambda r: r.n)}
    sizes = {n: own for n, own in sizes.items() if _named(own, REFERENCE) is not None}
    if not sizes:
        return []
    found, takes = [], {n: _named(own, REFERENCE).row["p50_ms"] for n, own in sizes.items()}
    quick = max((n for n, ms in takes.items() if ms < QUICK_MS), default=0)
    if quick:
        found.append(
            f"Up to {quick:,} vectors: compare with all of them. It takes {milliseconds(takes[quick])}, misses "
            "nothing, and there is nothing to build or to keep up to date."
        )
    indexes = {n: [r for r in own if r.row["family"] != "flat"] for n, own in sizes.items()}
    factors = {n: takes[n] / best[1].p50_ms for n, own in indexes.items() if (best := fastest(own))}
    if len(factors) > 1:
        each = ", ".join(f"{times(factor)} at {n:,}" for n, factor in factors.items())
        found.append(f"The more there are, the more an index gains. The fastest that finds 99 of 100: {each}.")
    most = max(sizes)
    if most > quick and factors.get(most, 0) > 1:
        best = fastest(indexes[most])
        found.append(_at_most(best, takes[most]))
        found += [text for text in (_to_build(indexes[most], best, takes[most]), _to_keep(indexes[most], best)) if text]
    return found


def growths(records: Sequence[Record]) -> list[Growth]:
    """How the costs grow, for each engine that was measured on three numbers of vectors or more."""
    found = []
    for engine in dict.fromkeys(r.engine for r in records):
        own = sorted((r for r in records if r.engine == engine), key=lambda r: r.n)
        for cost in COSTS:
            every = growth.points(cost, [r.n for r in own], [r.row.get(cost) for r in own])
            some = [(r, point) for r, point in zip(own, every, strict=True) if point[1] > 0]
            if len({r.n for r, _ in some}) >= 3:
                rows, told = zip(*some, strict=True)
                found.append(Growth(engine, cost, *growth.fit_exponent(*zip(*told, strict=True)), rows, told))
    return found


def growing(found: Sequence[Growth], cost: str) -> str:
    """What grows how, in a sentence or two; empty where nothing was fitted. Lists made beforehand do not count."""
    own = sorted(
        (g for g in found if g.cost == cost and not g.records[0].row.get("known_queries")), key=lambda g: g.exponent
    )
    if not own:
        return ""
    slow, fast = own[0], own[-1]
    hundredfold = f"a hundred times the vectors {'fill' if cost == 'index_bytes' else 'take'}"
    each = f" {_each_adds(own)}" if cost in growth.MEMORY else ""
    if len(own) == 1 or fast.exponent - slow.exponent < ALIKE:
        which = f"{fast.engine} grows" if len(own) == 1 else "All grow"
        return f"{which} as N^{_power(fast)}: {hundredfold} {_hundredfold(fast)}.{each}"
    return (
        f"{fast.engine} grows fastest, as N^{_power(fast)}: {hundredfold} {_hundredfold(fast)}. "
        f"{slow.engine} grows slowest, as N^{_power(slow)}: {_hundredfold(slow)}.{each}"
    )


def under_conditions(found: Conditions) -> list[str]:
    """Who wins where: for each kind of condition a sentence, and one on what filtering after loses.

    Before them, where it is known, of how many vectors that holds and how few of them are left.
    """
    kinds = list(dict.fromkeys(line["mask"] for line in found.lines))
    return [*_left(found), *(_winners(found.lines, kind) for kind in kinds), *_lost(found.lines)]


def code_bytes(record: Record) -> float | None:
    """Bytes of a vector's code; None for an engine that has none, or whose code cannot be told from its arguments."""
    dims, arguments = record.data["dims"], record.row.get("arguments") or {}
    if record.engine in ("faiss-pq", "faiss-ivfpq"):
        return min(arguments.get("code_bytes") or max(1, dims // DIMS_PER_BYTE), dims)
    if record.engine == "scann" and arguments.get("dims_per_block"):
        return -(-dims // arguments["dims_per_block"]) / 2
    shares = {"qdrant-edge-sq": 1, "qdrant-edge-pq": 1 / 4, "qdrant-edge-bq": 1 / 8}
    return dims * shares[record.engine] if record.engine in shares else None


def by_codes_alone(record: Record) -> tuple[Point, Point] | None:
    """An engine's defaults, and the same without comparing again in full precision; None where there is no such pair.

    Returns:
        the setting without, and the one with.
    """
    usual = next(p for p in record.points if p.default)
    if not usual.knobs.get("rescore"):
        return None
    alone = next((p for p in record.points if p.knobs == usual.knobs | {"rescore": 0}), None)
    return None if alone is None else (alone, usual)


def setting(knobs: dict[str, int]) -> str:
    """Query-time arguments in words: "ef = 40, rescore = 4"; empty where there are none."""
    return ", ".join(f"{name} = {value:,}" for name, value in knobs.items())


def milliseconds(value: float) -> str:
    """A time in words: "0.014 ms", "0.21 ms", "12 ms", "1.5 s"."""
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.2g} ms"


def seconds(value: float) -> str:
    """A time in words: "0.04 s", "12 s", "3 min"."""
    if value >= 120:
        return f"{value / 60:.0f} min"
    return f"{value:.0f} s" if value >= 10 else f"{value:.2g} s"


def size(value: float) -> str:
    """Bytes in words: "96 bytes", "5.8 MB", "1.5 GB" (10^6, 10^9)."""
    if value >= 1e9:
        return f"{value / 1e9:.1f} GB"
    if value >= 1e5:
        return f"{value / MB:,.0f} MB" if value >= 1e7 else f"{value / MB:.1f} MB"
    return f"{value:,.0f} bytes"


def times(factor: float) -> str:
    """A factor in words: "0.4 times", "12 times"."""
    return f"{factor:,.0f} times" if factor >= 10 else f"{factor:.1f} times" if factor >= 0.1 else f"{factor:.1g} times"


def percent(share: float) -> str:
    """A share in words: "50%", "0.1%"."""
    return f"{100 * share:.3g}%"


def of_a_hundred(recall: float) -> str:
    """A recall in words: "99.6 of 100"; what is not all is never rounded up to it."""
    share = min(100 * recall, 99.9) if recall < 1 else 100
    return f"{f'{share:.1f}'.removesuffix('.0')} of 100"


def _named(records: Iterable[Record], engine: str) -> Record | None:
    return next((r for r in records if r.engine == engine), None)


def _searches(record: Record) -> bool:
    return record.engine != REFERENCE and not record.row.get("known_queries")


def _exhaustive(reference: Record) -> str:
    ms = reference.row["p50_ms"]
    text = (
        f"Comparing with all {reference.n:,} vectors takes {milliseconds(ms)} a query and misses nothing (exhaustive)."
    )
    return f"At this size you need no index. {text}" if ms < QUICK_MS else text


def _fastest(records: Sequence[Record], reference: Record) -> str:
    best = fastest(records)
    if best is None:
        return f"No other engine finds {of_a_hundred(GOOD)} or more here."
    record, point = best
    factor = reference.row["p50_ms"] / point.p50_ms
    if record.row["family"] == "flat":
        return (
            f"The fastest that finds {of_a_hundred(GOOD)} or more also compares with all: {record.engine}, "
            f"{milliseconds(point.p50_ms)}."
        )
    if factor <= 1:
        return (
            f"Nothing that finds {of_a_hundred(GOOD)} or more is faster: {_said(record, point)} comes nearest, with "
            f"{milliseconds(point.p50_ms)}."
        )
    return (
        f"The fastest that finds {of_a_hundred(GOOD)} or more is {_said(record, point)}: {milliseconds(point.p50_ms)}, "
        f"{times(factor)} as fast. Its index takes {size(record.row['index_bytes'])}, where the vectors alone are "
        f"{size(record.vector_bytes)}, and {seconds(record.row['build_s'])} to build."
    )


def _codes(records: Sequence[Record]) -> list[str]:
    """One sentence for the longest and one for the shortest code that was measured with and without rescoring."""
    pairs = [(code_bytes(r), r, pair) for r in records if (pair := by_codes_alone(r)) and code_bytes(r) is not None]
    # Of engines with codes of one length, the one that has nothing but codes tells most about them.
    ordered = sorted(pairs, key=lambda one: (-one[0], one[1].row["family"] != "codes", one[1].engine))
    longest, shortest = ordered[:1], [one for one in ordered if one[0] == ordered[-1][0]][:1]
    return [_code(*one) for one in (longest if longest == shortest else longest + shortest)]


def _code(length: float, record: Record, pair: tuple[Point, Point]) -> str:
    alone, usual = pair
    return (
        f"Codes of {record.engine} keep a vector in {length:,.0f} bytes instead of {record.data['dims'] * FLOAT32:,}. "
        f"By codes alone it finds {of_a_hundred(alone.recall)}, in {milliseconds(alone.p50_ms)}; with "
        f"{usual.knobs['rescore']} times the list's length compared again in full, {of_a_hundred(usual.recall)}, in "
        f"{milliseconds(usual.p50_ms)}."
    )


def _foreseen(records: Sequence[Record]) -> str:
    made = next((r for r in records if r.row.get("known_queries")), None)
    if made is None:
        return ""
    return (
        f"Lists that were made beforehand are looked up in {milliseconds(made.row['p50_ms'])}: but only for queries "
        "that were foreseen, and a taste that moves was not."
    )


def _at_most(best: tuple[Record, Point], reference_ms: float) -> str:
    record, point = best
    return (
        f"At {record.n:,} vectors, comparing with all takes {milliseconds(reference_ms)}. {_said(record, point)} takes "
        f"{milliseconds(point.p50_ms)} and still finds {of_a_hundred(point.recall)}: choose it where answers must come "
        "fast."
    )


def _to_build(records: Sequence[Record], best: tuple[Record, Point], reference_ms: float) -> str:
    """Who is built soonest, of those that find nearly all and are faster than comparing with all."""
    good = [r for r in records if _searches(r) and (own := fastest([r])) and own[1].p50_ms < reference_ms]
    soonest = min(good, key=lambda r: r.row["build_s"], default=None)
    if soonest is None or soonest.row["build_s"] > best[0].row["build_s"] / 2:
        return ""
    point = fastest([soonest])[1]
    return (
        f"If items change often, {soonest.engine} is built in {seconds(soonest.row['build_s'])} where "
        f"{best[0].engine} takes {seconds(best[0].row['build_s'])}, and answers in {milliseconds(point.p50_ms)}."
    )


def _to_keep(records: Sequence[Record], best: tuple[Record, Point]) -> str:
    """Who needs the least memory while it serves, of those that find nearly all."""
    good = [
        (r, p) for r in records if _searches(r) and r.row.get("serving_mb") for p in [fastest([r])] if p is not None
    ]
    if not good:
        return ""
    least, (_, point) = min(good, key=lambda one: one[0].row["serving_mb"])
    mine = best[0].row.get("serving_mb")
    if least is best[0] or not mine or least.row["serving_mb"] > mine * 0.8:
        return ""
    return (
        f"If memory is short, {least.engine} serves with {size(least.row['serving_mb'] * MB)} where {best[0].engine} "
        f"needs {size(mine * MB)}, and answers in {milliseconds(point.p50_ms)}."
    )


def _said(record: Record, point: Point) -> str:
    return f"{record.engine} ({setting(point.knobs)})" if point.knobs else record.engine


def _power(grown: Growth) -> str:
    return f"{grown.exponent:.2f} ± {grown.error:.2f}"


def _hundredfold(grown: Growth) -> str:
    factor = float(f"{100**grown.exponent:.2g}")
    what = "space" if grown.cost == "index_bytes" else "memory" if grown.cost in growth.MEMORY else "time"
    return f"{factor:,.10g} times the {what}"


def _each_adds(own: Sequence[Growth]) -> str:
    """What a further vector takes in memory, with the most vectors that were measured."""
    adds = {g.engine: g.points[-1][1] * MB / g.points[-1][0] for g in own}
    least, most = min(adds, key=adds.get), max(adds, key=adds.get)
    span = f"{adds[least]:,.0f} bytes ({least})" + (f" to {adds[most]:,.0f} ({most})" if most != least else "")
    return f"A further vector adds {span}; by itself it has {own[0].records[0].data['dims'] * FLOAT32:,}."


def _left(found: Conditions) -> list[str]:
    left = [line["allowed"] for line in found.lines if line.get("allowed")]
    if not found.n or not left:
        return []
    return [
        f"Of {found.n:,} vectors the conditions leave {max(left):,} down to {min(left):,}; what follows holds for that "
        "many, for comparing with all that are left takes longer the more there are."
    ]


def _winners(lines: Sequence[dict], kind: str) -> str:
    """For each share who is fastest of those that find nearly all, shares with one winner told together."""
    shares = sorted({line["share"] for line in lines if line["mask"] == kind}, reverse=True)
    parts = []
    for way, group in groupby(((_winner(lines, kind, share), share) for share in shares), key=lambda one: one[0]):
        kept = [share for _, share in group]
        who = f"“{way}”" if way else "none"
        at = f"{percent(kept[0])} of the items" if len(kept) == 1 else f"{percent(kept[0])} to {percent(kept[-1])}"
        parts.append(f"{who}, {f'when {at} are kept' if len(kept) < len(shares) else 'whatever share is kept'}")
    named = "a condition has nothing to do with the space" if kind == "random" else "it holds for items close together"
    return f"Where {named}, the fastest that finds {of_a_hundred(GOOD)} or more is {'; '.join(parts)}."


def _winner(lines: Sequence[dict], kind: str, share: float) -> str | None:
    good = [line for line in lines if line["mask"] == kind and line["share"] == share and line[RECALL] >= GOOD]
    return min(good, key=lambda line: line["p50_ms"])["way"] if good else None


def _lost(lines: Sequence[dict]) -> list[str]:
    after = [line for line in lines if line["way"].startswith("filter after")]
    if not after:
        return []
    share = min(line["share"] for line in after)
    one = max((line for line in after if line["share"] == share), key=lambda line: line[RECALL])
    if one[RECALL] >= GOOD:
        return []
    return [
        f"Filtering after is what fails: with {percent(share)} of the items kept, even “{one['way']}” finds only "
        f"{of_a_hundred(one[RECALL])}, and its lists have {one['found']:.1f} items."
    ]
