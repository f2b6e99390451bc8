"""Search under conditions: filter first, inside or after, with ever fewer items left."""

import time
from pathlib import Path

from recsys.bench.record import folder_for_records, keep, provenance
from recsys.bench.retrieval import K, cases
from recsys.cache import Progress
from recsys.retrieval.filtered import compare
from recsys.settings import Settings
from recsys.store import no_progress


def bench_conditions(
    settings: Settings,
    catalog: str | None = None,
    space: str | None = None,
    synthetic: tuple[int, int] | None = None,
    out: Path | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
) -> dict:
    """Measures every way to search under a condition; the arguments are those of `bench_retrieval`.

    Returns:
        See docs/schema.md, `bench conditions`.

    Raises:
        InvalidInput: nothing to measure, or values that do not fit.
        NotBuilt: the catalog is not built.
        MissingExtra: qdrant-edge-py or faiss-cpu is not installed.
        TastespaceError: the records cannot be written.
    """
    measured, runs = cases(settings, catalog, space, synthetic, (), seed), []
    if out is not None:
        folder_for_records(out)
    for number, case in enumerate(measured):
        data = case()
        progress(number, len(measured), f"{data.label}: search under conditions")
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        run = {"data": data.about | {"measured_at": now}, "lines": compare(data.vectors, data.queries, k=K, seed=seed)}
        runs.append(run)
        if out is not None:
            keep(out / f"conditions-{data.label}.json", {"benchmark": "conditions", "k": K, **run, **provenance()})
    progress(len(measured), len(measured), "measured")
    return {"benchmark": "conditions", "k": K, "runs": runs, **provenance()}
