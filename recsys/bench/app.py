"""The running app in a real browser: how long people wait, and whether they see the lists that Python computes."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from recsys.bench.browser import (
    NEAREST,
    App,
    chromium,
    link,
    order,
    running_app,
    settle,
    shelves_of,
    wait_until_painted,
    wait_until_up,
)
from recsys.bench.record import percentiles, provenance
from recsys.errors import TastespaceError
from recsys.funnel import STOPS, Funnel, Request
from recsys.personas import wishes_of
from recsys.profile import Profile
from recsys.settings import Settings
from recsys.store import Progress, no_progress, open_store
from recsys.version import open_current
from recsys.where import Condition, Where
from recsys.wishes import Wishes

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

HEAVY = ("torch", "transformers", "umap", "numba")
WISH = "a red bicycle leaning against a wall in the rain"
WISH_AFTER_S = 10.0
SEARCHES = (
    "a warm coat for the winter", "something to drink from", "music", "a blue boat", "far away in space", "a cat",
    "cooking with friends", "an old house", "made of wood", "flowers", "a love story", "tools for the garden",
    "small and green", "a fast car", "for children", "rain", "a long journey", "light in the dark", "sports", "war",
)  # fmt: skip
ROUNDS, LIKES_A_ROUND = 6, 6
FILTERS = 36
FEW = 5
"""So many values of a facet are shown before somebody asks for more."""
VIEWPORT = {"width": 1400, "height": 1000}
SLIDER = "[data-shelf=varied] input[type=range]"


def bench_app(settings: Settings, catalog: str, progress: Progress = no_progress) -> dict:
    """Starts the app and drives it as a visitor would, with real pointer and key events.

    Times are taken in the browser: from the event's own time stamp to the moment when `data-painted-seq` changes, which
    the shelf does two frames after all pictures of both lists are decoded; for a stop of the slider to the second
    frame after it. Every list seen is compared with the list that Python computes for the same request.

    Args:
        settings: where the built catalog lies.
        catalog: its name.
        progress: told what is being measured.

    Returns:
        `first_list` (`server_s`: until the server answers, `painted_s`: until the first list is painted, both since
        the process was started, the browser already running), `memory` (`rss_mb` of the server and `imported`, which of
        `HEAVY` its `sys.modules` held, both when the first list was painted), `wish` (`words`, `typed_s` after start,
        `painted_s`), `drag`, `keys` (each of the 101 stops), `like`, `filter` and `search`. The last five have
        `p50_ms`, `p95_ms`, `p99_ms`, `max_ms`, `n` and `equal`, how many of the lists seen were Python's.

    Raises:
        NotBuilt: the catalog is not built.
        MissingExtra: Playwright or Chromium is not there.
        TastespaceError: the app did not start, or showed something else than expected.
    """
    version = open_current(settings, catalog)
    funnel = Funnel(version, open_store(settings, version.shard, version.collection), Wishes(version))
    figures: dict = {"benchmark": "app", "catalog": catalog, "version": version.id, **provenance()}
    with chromium() as browser, running_app(settings, wait=False) as app:
        progress(0, 7, "the first list")
        page = _open_first(browser, app, catalog, figures)
        progress(1, 7, "a wish in words")
        seen = _type_wish(page, app, figures)
        progress(2, 7, "the slider, dragged")
        profile = _taste(funnel, 0)
        visit = Visit(page, app, funnel)
        visit.open(profile)
        figures["drag"] = _stops(visit, profile, drag)
        progress(3, 7, "the slider, by keys")
        visit.open(profile)
        figures["keys"] = _stops(visit, profile, _press)
        progress(4, 7, "likes")
        figures["like"] = likes(visit)
        progress(5, 7, "conditions")
        figures["filter"] = _filters(visit)
        progress(6, 7, "words searched for")
        figures["search"], found = _searches(visit)
        progress(7, 7, "done")
    # Last, since it loads the encoders into this process, which shares the machine with the app.
    figures["wish"]["equal"] = expected(funnel, Request(Profile(wish=WISH))) == seen
    wanted = [expected(funnel, Request(Profile(wish=words))) for words in SEARCHES]
    figures["search"]["equal"] = sum(one == other for one, other in zip(found, wanted, strict=True))
    return figures


class Visit:
    """A browser page on the app, and the funnel that says what it must show."""

    def __init__(self, page: "Page", app: App, funnel: Funnel) -> None:
        self.page, self.app, self.funnel = page, app, funnel

    def open(self, profile: Profile) -> None:
        """Opens Recommend with a profile in a new session."""
        query = {"catalog": [self.funnel.version.name], **profile.to_query()}
        self.go("recommend", query)

    def go(self, name: str, query: Mapping[str, Sequence[str]], shelf: str = NEAREST) -> None:
        """Opens a page in a new session, and waits until its shelves are painted and all their cards ready."""
        self.page.goto(link(self.app, name, query))
        wait_until_painted(self.page, shelf=shelf)
        settle(self.page, shelf)

    def timed(self, event: str, act: Callable[[], None], shelf: str = NEAREST) -> float:
        """Milliseconds from the next event of that kind to the shelves beside that one painted."""
        self.page.locator(shelves_of(shelf)).evaluate(_WATCH, event)
        act()
        self.page.wait_for_function("() => window.benchWatch.painted !== undefined", timeout=20_000)
        started, painted = self.page.evaluate("() => [window.benchWatch.started, window.benchWatch.painted]")
        if started is None:
            raise TastespaceError(f"The page repainted without a {event}.")
        settle(self.page, shelf)
        return painted - started

    def shows(self, request: Request) -> bool:
        """Whether both shelves show Python's lists."""
        return shown(self.page) == expected(self.funnel, request)


_WATCH = """(shelves, kind) => {
  const watch = (window.benchWatch = {});
  document.addEventListener(kind, (event) => (watch.started = event.timeStamp), { capture: true, once: true });
  new MutationObserver((_, observer) => {
    watch.painted = performance.now();
    observer.disconnect();
  }).observe(shelves, { attributes: true, attributeFilter: ["data-painted-seq"] });
}"""


def shown(page: "Page") -> tuple[list[str], list[str]]:
    """The ids on the nearest and on the varied shelf."""
    return order(page, "nearest"), order(page, "varied")


def expected(funnel: Funnel, request: Request) -> tuple[list[str], list[str]]:
    """Python's nearest and varied list; without a space, in the one that the pages take for such a profile."""
    request = replace(request, space=request.space or funnel.best_space(request.profile))
    ids = funnel.version.item_ids
    answers = [funnel.recommend(replace(request, lam=lam)) for lam in (1.0, request.lam)]
    return tuple([str(i) for i in ids[a.candidates[a.picks]]] for a in answers)


def _taste(funnel: Funnel, seed: int) -> Profile:
    """One liked item, drawn at random; every other one also wishes."""
    ids = funnel.version.item_ids
    wishes = wishes_of(funnel.version.name)
    wish = wishes[seed % len(wishes)] if seed % 2 and wishes else ""
    return Profile(likes=(str(ids[np.random.default_rng(seed).integers(len(ids))]),), wish=wish)


def _open_first(browser: "Browser", app: App, catalog: str, figures: dict) -> "Page":
    page = browser.new_page(viewport=VIEWPORT)
    wait_until_up(app)
    server_s = time.monotonic() - app.started
    page.goto(f"{app.url}/recommend?catalog={catalog}", wait_until="commit")
    wait_until_painted(page)
    figures["first_list"] = {
        "server_s": round(server_s, 3),
        "painted_s": round(time.monotonic() - app.started, 3),
    }
    modules = app.modules()
    figures["memory"] = {"rss_mb": round(app.rss_mb(), 1), "imported": [name for name in HEAVY if name in modules]}
    return page


def _type_wish(page: "Page", app: App, figures: dict) -> tuple[list[str], list[str]]:
    """Types a wish that no build knows; returns what was shown."""
    field = page.get_by_role("textbox", name="What do you wish for?")
    time.sleep(max(0.0, WISH_AFTER_S - (time.monotonic() - app.started)))
    field.fill(WISH)
    before = shown(page)
    started = time.monotonic()
    field.press("Enter")
    while shown(page) == before and time.monotonic() - started < 60:
        time.sleep(0.005)
    wait_until_painted(page)
    figures["wish"] = {
        "words": WISH,
        "typed_s": round(started - app.started, 2),
        "painted_s": round(time.monotonic() - started, 3),
    }
    settle(page)
    return shown(page)


def _searches(visit: Visit) -> tuple[dict, list[tuple[list[str], list[str]]]]:
    """Types words one after the other, the encoder loaded already; also returns what was shown."""
    visit.go("recommend", {"catalog": [visit.funnel.version.name]})
    field = visit.page.get_by_role("textbox", name="What do you wish for?")
    times, found = [], []
    for words in SEARCHES:
        field.fill(words)
        times.append(visit.timed("keydown", lambda: field.press("Enter")))
        found.append(shown(visit.page))
    return percentiles(times), found


def _stops(visit: Visit, profile: Profile, move: Callable[["Page"], Iterator[int]]) -> dict:
    """Moves the slider over all stops, and compares what is shown at each with Python's list."""
    answer = visit.funnel.recommend(Request(profile, space=visit.funnel.best_space(profile)))
    ids = visit.funnel.version.item_ids[answer.candidates]
    wanted = [[str(i) for i in ids[picks]] for picks in visit.funnel.sweep(answer).picks]
    visit.page.evaluate("() => performance.clearMeasures('shelf:stop')")
    seen: dict[int, bool] = {}
    for stop in move(visit.page):
        seen[stop] = order(visit.page, "varied") == wanted[stop]
    missing = sorted(set(range(len(STOPS))) - set(seen))
    if missing:
        raise TastespaceError(f"The slider never stood at {len(missing)} of its {len(STOPS)} stops.")
    times = visit.page.evaluate("() => performance.getEntriesByName('shelf:stop').map(m => m.duration)")
    return {**percentiles(times), "stops": len(seen), "equal": sum(seen.values())}


def drag(page: "Page", slider: str = SLIDER, shelf: str = "varied") -> Iterator[int]:
    """Drags a slider from end to end in small steps and back, and tells each stop once that shelf is painted."""
    slider = page.locator(slider)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    y = box["y"] + box["height"] / 2
    value = int(slider.input_value())
    page.mouse.move(box["x"] + box["width"] * (0.03 + 0.94 * value / 100), y)
    page.mouse.down()
    steps = int(box["width"] * 2)
    for step in [*range(steps + 1), *range(steps, -1, -1)]:
        page.mouse.move(box["x"] + box["width"] * step / steps, y)
        now = int(slider.input_value())
        if now != value:
            value = now
            yield _painted_stop(page, value, shelf)
    page.mouse.up()


def _press(page: "Page") -> Iterator[int]:
    """Walks the slider from end to end with the arrow keys."""
    slider = page.locator(SLIDER)
    slider.focus()
    page.keyboard.press("Home")
    yield _painted_stop(page, 0)
    for value in range(1, len(STOPS)):
        page.keyboard.press("ArrowRight")
        yield _painted_stop(page, value)


def _painted_stop(page: "Page", value: int, shelf: str = "varied") -> int:
    """Waits until the shelf has painted the slider's value; returns the stop, which counts from the other end."""
    stop = len(STOPS) - 1 - value
    painted = f'[data-shelf={shelf}][data-painted-lam="{stop / (len(STOPS) - 1):.2f}"]'
    page.locator(painted).wait_for(timeout=10_000)
    return stop


def likes(visit: Visit) -> dict:
    """Likes cards of both shelves, one after the other, from several starting points."""
    times, equal = [], 0
    for seed in range(ROUNDS):
        profile = _taste(visit.funnel, seed)
        visit.open(profile)
        for number in range(LIKES_A_ROUND):
            shelf = ("nearest", "varied")[number % 2]
            item = order(visit.page, shelf)[number % 5]
            button = visit.page.locator(f"[data-shelf={shelf}] [data-id={json.dumps(item)}] button.like")
            button.scroll_into_view_if_needed()
            times.append(visit.timed("click", button.click))
            profile = profile.liking(item)
            equal += visit.shows(Request(profile))
    return {**percentiles(times), "equal": equal}


def _filters(visit: Visit) -> dict:
    """Sets and drops conditions, on flags by a click and on the categories by the keyboard."""
    version = visit.funnel.version
    profile = _taste(visit.funnel, 0)
    visit.open(profile)
    visit.timed("click", visit.page.get_by_text("Conditions", exact=True).first.click)  # opening it repaints too
    changes = _changes(visit)
    times, equal = [], 0
    for _ in range(FILTERS):
        event, act, where = next(changes)
        times.append(visit.timed(event, act))
        equal += visit.shows(Request(profile, where=where))
    if not times:
        raise TastespaceError(f"The catalog {version.name} has no facet that the benchmark can filter by.")
    return {**percentiles(times), "equal": equal}


def _changes(visit: Visit) -> Iterator[tuple[str, Callable[[], None], Where]]:
    """Endless changes of conditions: the event that makes each, how to make it, and the conditions after it."""
    page, catalog = visit.page, visit.funnel.version.catalog
    flags = [facet.name for facet in catalog.facets if facet.kind == "flag"]
    counts = visit.funnel.version.facets.counts(catalog.categories)
    values = [str(v) for v in list(counts)[:FEW]]

    def box(facet: str, value: str) -> "Locator":
        return page.locator(f"[data-facet={facet}] [data-value={json.dumps(value)}] input")

    number = 0
    while True:
        for name in flags:
            yes, no = box(name, "yes"), box(name, "no")
            yield "click", yes.click, Where((Condition(name, "=", (True,)),))
            yield "click", no.click, Where((Condition(name, "=", (False,)),))
            yield "click", no.click, Where()
        value = values[number % len(values)]
        number += 1
        category = box(catalog.categories, value)
        category.focus()
        chosen = Where((Condition(catalog.categories, "=", (value,)),))
        yield "keydown", lambda: page.keyboard.press("Space"), chosen
        yield "keydown", lambda: page.keyboard.press("Space"), Where()
