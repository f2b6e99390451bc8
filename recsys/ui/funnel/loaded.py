"""What a replay tells, in sentences. Pure functions; every figure is the record's own."""

from collections.abc import Mapping, Sequence

from recsys.funnel import STAGES
from recsys.ui.funnel import names
from recsys.ui.pipeline import TOTAL, Pipeline
from recsys.user_vectors import PATTERNS, RECOMPUTE

PERCENTILES = ("p50_ms", "p95_ms", "p99_ms")


def usable(record: object) -> dict | None:
    """A record of a replay, or None where it is none, is damaged or answered nothing."""
    if not isinstance(record, dict) or not isinstance(record.get("clients"), list):
        return None
    rows = [row for row in record["clients"] if whole(row)]
    return record | {"clients": sorted(rows, key=lambda row: row["clients"])} if rows else None


def whole(row: object) -> bool:
    """Whether one number of clients was answered, and all that the page shows can be told of it."""
    if not isinstance(row, dict) or not isinstance(row.get("stages"), dict):
        return False
    times = [row.get(TOTAL), *row["stages"].values()]
    known = all(isinstance(one, dict) and all(_is_time(one.get(p)) for p in PERCENTILES) for one in times)
    counts = (row.get("clients"), row.get("requests"), row.get("throughput"))
    return known and set(row["stages"]) <= set(STAGES) and all(_is_time(count) and count > 0 for count in counts)


def _is_time(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < float("inf")


def headline(row: Mapping, pipeline: Pipeline) -> str:
    """How long nearly everybody waits, against the budget of all stages together."""
    p99, budget = row[TOTAL]["p99_ms"], pipeline.budget(TOTAL)
    verdict = "within" if p99 <= budget else "over"
    return f"99 of 100 requests are answered in {ms(p99)} or less: {verdict} the budget of {budget} ms"


def stages(row: Mapping, pipeline: Pipeline) -> str:
    """Which stage takes most, and which exceed their budgets at the 99th percentile: a sentence or two."""
    most = max(row["stages"], key=lambda stage: row["stages"][stage]["p50_ms"])
    said = f"{names.STAGES[most]} takes most of the time, {ms(row['stages'][most]['p50_ms'])} in the median"
    over = [stage for stage, one in row["stages"].items() if one["p99_ms"] > pipeline.budget(stage)]
    if not over:
        return f"{said}. Every stage is within its budget even at the 99th percentile."
    parts = ", ".join(
        f"{names.STAGES[stage]} ({ms(row['stages'][stage]['p99_ms'])} of {pipeline.budget(stage)})" for stage in over
    )
    return f"{said}. At the 99th percentile over budget: {parts}."


def clients(rows: Sequence[Mapping]) -> str:
    """What more clients do to throughput and waiting; empty where one number of them was measured."""
    if len(rows) < 2:
        return ""
    first, last = rows[0], rows[-1]
    return (
        f"{_clients(first)} {'gets' if first['clients'] == 1 else 'get'} {first['throughput']:,.0f} answers a second, "
        f"{last['clients']} get {last['throughput']:,.0f} together, and the 99th percentile goes from "
        f"{ms(first[TOTAL]['p99_ms'])} to {ms(last[TOTAL]['p99_ms'])}: they are threads of one process and share its "
        "cores."
    )


def _clients(row: Mapping) -> str:
    return "One client" if row["clients"] == 1 else f"{row['clients']} clients"


def troubles(rows: Sequence[Mapping]) -> str:
    """What went wrong: requests that were not answered, and answers of which a stage had failed."""
    asked = sum(row["requests"] + errors(row) for row in rows)
    failed, degraded = sum(map(errors, rows)), sum(row.get("degraded", 0) for row in rows)
    if not failed and not degraded:
        return f"None of {asked:,} requests failed, and no stage had to be passed over."
    return f"Of {asked:,} requests {failed:,} failed, and in {degraded:,} a stage had to be passed over."


def errors(row: Mapping) -> int:
    """How many requests were not answered."""
    told = row.get("errors", 0)
    return sum(told.values()) if isinstance(told, dict) else int(told)


def busy(*records: Mapping) -> str:
    """Says so where the machine had other work while these were measured; empty where it had none, or nobody knows."""
    machines = [record.get("machine") or {} for record in records]
    told = [(m.get("load_1min"), m.get("cores")) for m in machines]
    told = [(load, cores) for load, cores in told if isinstance(load, int | float) and isinstance(cores, int)]
    if not any(round(load) > cores for load, cores in told):  # the measuring itself is some of it
        return ""
    least, (most, cores) = f"{min(told)[0]:.0f}", max(told)
    span = f"{most:.0f}" if least == f"{most:.0f}" else f"{least} to {most:.0f}"
    return f"The machine had other work ({span} processes wanted its {cores} cores), so an idle one is faster."


def cache(rows: Sequence[Mapping], row: Mapping) -> str:
    """What whatever keeps vectors can save at most: the stage that makes the point, against a whole request."""
    full = next((one for one in rows if one["pattern"] == RECOMPUTE), None)
    if full is None or row["clients"] != 1:  # the stage was timed with one client
        return "Of the stage that makes the point, with one client."
    share = full["p50_ms"] / row[TOTAL]["p50_ms"]
    return (
        f"The stage that makes the point takes {ms(full['p50_ms'])} of {ms(row[TOTAL]['p50_ms'])} in the median, so "
        f"keeping points saves about {share:.1%} of a request at most."
    )


def cached(record: Mapping | None) -> list[dict]:
    """What each pattern that keeps vectors saves, where that was measured and can be told."""
    rows = record.get("cache") if record is not None else None
    keys = ("kept", "p50_ms", "saved")
    found = [row for row in rows if isinstance(row, dict) and row.get("pattern") in PATTERNS] if rows else []
    return [row for row in found if all(type(row.get(key)) in (int, float) for key in keys)]


def soak(record: Mapping) -> str:
    """What memory did in a long run; empty without one."""
    told = record.get("soak")
    if not isinstance(told, dict) or told.get("slope_mb_per_min") is None:
        return ""
    slope, error = told["slope_mb_per_min"], told.get("slope_error") or 0.0
    grows = "grows" if slope - 2 * error > 0 else "does not grow"
    return (
        f"Over {told['minutes']:g} minutes with {told['clients']} clients memory {grows}: {slope:+.2f} ± {error:.2f} "
        "MB a minute, once it had settled."
    )


def ms(value: float) -> str:
    """Milliseconds with as many digits as mean something."""
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms" if value >= 1 else f"{value:.2f} ms"
