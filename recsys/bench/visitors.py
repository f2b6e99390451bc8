"""Two browsers: one steers its list while the other has engines measured. Does the first one notice?"""

from recsys.bench.app import Visit, likes
from recsys.bench.browser import chromium, link, running_app
from recsys.bench.record import provenance
from recsys.cache import Progress
from recsys.errors import TastespaceError
from recsys.funnel import Funnel
from recsys.settings import Settings
from recsys.store import no_progress, open_store
from recsys.version import open_current
from recsys.wishes import Wishes

ENGINES = ("milvus", "qdrant-edge-bq", "diskann", "faiss-ivfpq", "qdrant-edge-pq", "qdrant-edge-sq", "faiss-pq")
"""Slow ones and many, so that the measurement outlasts what is timed beside it; it is stopped then."""
VIEWPORT = {"width": 1400, "height": 1000}


def bench_visitors(
    settings: Settings, catalog: str = "clipart", engines: tuple[str, ...] = ENGINES, progress: Progress = no_progress
) -> dict:
    """Likes, from the click to both shelves painted, without and with a live measurement started in another browser.

    Returns:
        See docs/schema.md, `bench visitors`.

    Raises:
        NotBuilt: the catalog is not built.
        MissingExtra: Playwright or Chromium is not there.
        TastespaceError: the measurement did not start, or was over before the likes were.
    """
    version = open_current(settings, catalog)
    funnel = Funnel(version, open_store(settings, version.shard, version.collection), Wishes(version))
    with chromium() as browser, running_app(settings) as app:
        visit = Visit(browser.new_context(viewport=VIEWPORT).new_page(), app, funnel)
        progress(0, 3, "likes, to warm up")
        likes(visit)
        progress(1, 3, "likes, with nothing beside them")
        alone = likes(visit)
        progress(2, 3, "likes, while engines are measured")
        other = browser.new_context(viewport=VIEWPORT).new_page()
        other.goto(link(app, "retrieval", {"catalog": [catalog]}))
        for name in engines:
            other.get_by_role("button", name=name, exact=True).click()
        other.get_by_role("button", name="Measure here now").click()
        stop = other.get_by_role("button", name="Stop")
        try:
            stop.wait_for(timeout=30_000)
        except Exception as error:
            raise TastespaceError("The live measurement did not start.") from error
        beside = likes(visit)
        if not stop.is_visible():
            raise TastespaceError("The live measurement was over before the likes were.", "Name slower engines.")
        stop.click()
        progress(3, 3, "done")
    ratio = round(beside["p95_ms"] / alone["p95_ms"], 3)
    return {
        "benchmark": "visitors",
        "catalog": catalog,
        "engines": list(engines),
        "alone": alone,
        "beside": beside,
        "ratio": ratio,
        **provenance(),
    }
