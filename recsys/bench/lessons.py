"""The lesson pages in a real browser: an answer on Cold start, and the slider that drives several methods at once."""

import json

from recsys.bench.app import VIEWPORT, Visit, drag
from recsys.bench.browser import chromium, order, running_app
from recsys.bench.record import percentiles, provenance
from recsys.errors import TastespaceError
from recsys.funnel import STOPS, Funnel, Request
from recsys.lessons import diversity, story
from recsys.lessons.priors import learn_priors
from recsys.settings import Settings
from recsys.store import Progress, no_progress, open_store
from recsys.version import open_current
from recsys.wishes import Wishes

METHODS = ("mmr", "dpp", "cap")
ANSWERS = 30
"""So many answers, ten in each of three stories."""


def bench_lessons(
    settings: Settings, catalogs: tuple[str, ...] = ("clipart", "movies"), progress: Progress = no_progress
) -> dict:
    """Drives both lesson pages of each catalog as a visitor would; see `recsys.bench.app.bench_app` for how it times.

    Returns:
        For each catalog `answer` (a like on Cold start, to everything repainted) and `drag` (a stop of the slider on
        Diversity with three methods, to all of them repainted), with `p50_ms`, `p95_ms`, `p99_ms`, `max_ms`, `n` and
        `equal`, how many of the lists seen were Python's.

    Raises:
        NotBuilt, MissingExtra, TastespaceError: as `bench_app`.
    """
    figures: dict = {"benchmark": "lessons", **provenance(), "catalogs": {}}
    with chromium() as browser, running_app(settings) as app:
        for number, name in enumerate(catalogs):
            progress(number, len(catalogs), name)
            version = open_current(settings, name)
            funnel = Funnel(version, open_store(settings, version.shard, version.collection), Wishes(version))
            page = browser.new_page(viewport=VIEWPORT)
            visit = Visit(page, app, funnel)
            figures["catalogs"][name] = {"answer": _answers(visit), "drag": _drag(visit)}
            page.close()
    return figures


def _answers(visit: Visit) -> dict:
    """Likes on the list of Cold start, one after the other, from several stories."""
    funnel = visit.funnel
    version = funnel.version
    priors = None if version.catalog.interactions is None else learn_priors(version)
    times, equal = [], 0
    stories = ((), story.READY[version.name], story.READY[version.name][-2:])
    for texts in stories:
        visit.go("cold_start", {"catalog": [version.name], "story": list(texts) or [""]}, shelf="list")
        given = list(texts)
        for number in range(ANSWERS // len(stories)):
            item = order(visit.page, "list")[number % 5]
            button = visit.page.locator(f"[data-shelf=list] [data-id={json.dumps(item)}] button.like")
            button.scroll_into_view_if_needed()
            times.append(visit.timed("click", button.click, shelf="list"))
            given.append(f"like:{item}")
            steps, _ = story.read_steps(given, version, priors)
            equal += order(visit.page, "list") == list(story.tell(funnel, priors, steps).ids)
    return {**percentiles(times), "equal": equal}


def _drag(visit: Visit) -> dict:
    """The slider over all stops on Diversity, with three methods beside the plain list."""
    funnel, page = visit.funnel, visit.page
    profile = diversity.READY[funnel.version.name]
    answer = funnel.recommend(Request(profile, space=funnel.best_space(profile)))
    ids = [str(i) for i in funnel.version.item_ids[answer.candidates]]
    wanted = {m: one.sweep.picks for m, one in diversity.settings(funnel, answer, METHODS).items()}
    query = {"catalog": [funnel.version.name], "method": list(METHODS), **profile.to_query()}
    visit.go("diversity", query)
    page.evaluate("() => performance.clearMeasures('shelf:stop')")
    seen = {}
    for stop in drag(page, ".top input[type=range]", METHODS[0]):
        seen[stop] = all(order(page, m) == [ids[p] for p in wanted[m][stop]] for m in METHODS)
    if len(seen) < len(STOPS):
        raise TastespaceError(f"The slider never stood at {len(STOPS) - len(seen)} of its {len(STOPS)} stops.")
    times = page.evaluate("() => performance.getEntriesByName('shelf:stop').map(m => m.duration)")
    return {**percentiles(times), "stops": len(seen), "equal": sum(seen.values())}
