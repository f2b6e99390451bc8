"""The map of a catalog in a real browser: how smoothly it pans, and how long a lasso takes."""

from typing import TYPE_CHECKING

import numpy as np

from recsys.bench.browser import chromium, link, running_app
from recsys.bench.record import percentiles, provenance
from recsys.errors import TastespaceError
from recsys.projection import inside
from recsys.settings import Settings
from recsys.store import Progress, no_progress
from recsys.version import open_current

if TYPE_CHECKING:
    from playwright.sync_api import Page

VIEWPORT = {"width": 1400, "height": 1600}
"""High enough for the cards below the map: what is out of sight is drawn when somebody scrolls there."""
PLOT = ".js-plotly-plot"
PANS, STEPS = 4, 60
LASSOS = 12
REACH = (0.1, 0.2, 0.35)
"""Half sides of the lassos, as shares of the plot's height: some hold a few items, others nearly all."""


def bench_map(settings: Settings, catalog: str, progress: Progress = no_progress) -> dict:
    """Opens the map as a visitor would, pans it with the mouse, and draws lassos.

    Returns:
        See docs/schema.md, `bench map`.

    Raises:
        NotBuilt: the catalog is not built.
        MissingExtra: Playwright or Chromium is not there.
        TastespaceError: the app did not start, or showed something else than expected.
    """
    version = open_current(settings, catalog)
    coords = np.asarray(version.map(version.default_space))
    with chromium() as browser, running_app(settings) as app:
        page = browser.new_page(viewport=VIEWPORT)
        query = {"catalog": [catalog], "space": [version.default_space]}
        progress(0, 4, "the map, opened")
        first = _open(page, link(app, "map", query))
        again = _open(page, link(app, "map", query))
        progress(1, 4, "the map, panned")
        frames = _pan(page)
        progress(2, 4, "lassos")
        lassos = _lassos(page, coords)
        dots = page.locator(PLOT).evaluate(
            "(plot) => plot._fullData.filter((t) => t.customdata).reduce((n, t) => n + t.x.length, 0)"
        )
        progress(4, 4, "done")
    return {
        "benchmark": "map",
        "catalog": catalog,
        "version": version.id,
        "items": len(coords),
        "dots": dots,
        "opened_ms": {"first": first, "again": again},
        "frames": frames,
        "lasso": lassos,
        **provenance(),
    }


def _open(page: "Page", address: str) -> float:
    """Milliseconds from asking for the page until the plot has drawn its dots."""
    page.goto(address, wait_until="commit")
    page.wait_for_function(f"() => document.querySelector('{PLOT} canvas')", timeout=120_000, polling="raf")
    drawn = page.evaluate("() => performance.now()")
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=60_000)
    page.wait_for_timeout(2000)
    return round(drawn, 1)


def _pan(page: "Page") -> dict:
    """Drags the map to and fro; the times between the frames that the browser painted meanwhile."""
    box = page.locator(f"{PLOT} .nsewdrag").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.evaluate(_COUNT_FRAMES)
    for _ in range(PANS):
        page.mouse.move(x, y)
        page.mouse.down()
        for step in [*range(STEPS), *range(STEPS, -1, -1)]:
            page.mouse.move(x + 4 * step, y + 2 * step)
        page.mouse.up()
    times = page.evaluate("() => { window.benchFrames.stop = true; return window.benchFrames.times; }")
    figures = percentiles(times)
    return {**figures, "per_second": round(1000 * len(times) / float(np.sum(times)), 1)}


_COUNT_FRAMES = """() => {
  const frames = (window.benchFrames = { times: [], stop: false });
  let last = performance.now();
  const next = (now) => {
    frames.times.push(now - last);
    last = now;
    if (!frames.stop) requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}"""


def _lassos(page: "Page", coords: np.ndarray) -> dict:
    """Draws lassos of several sizes: from the button let go until the number and the cards of its items are painted."""
    page.locator('.modebar-btn[data-title="Lasso Select"]').click()
    box = page.locator(f"{PLOT} .nsewdrag").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    draw, times, selected, equal = np.random.default_rng(0), [], [], 0
    for number in range(LASSOS):
        reach = REACH[number % len(REACH)] * box["height"]
        at = draw.uniform(-0.1, 0.1, 2) * box["height"]
        corners = reach * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) + at + (x, y)
        page.mouse.move(*corners[0])
        page.mouse.down()
        for corner in corners[1:]:
            page.mouse.move(*corner, steps=6)
        page.evaluate(_WATCH)
        page.mouse.up()
        page.wait_for_function("() => window.benchLasso.took !== undefined", timeout=60_000, polling="raf")
        took, told = page.evaluate("() => [window.benchLasso.took, window.benchLasso.told]")
        path = page.locator(PLOT).evaluate("(plot) => plot._fullLayout.selections[0].path")
        polygon = np.array([pair.split(",") for pair in path.strip("MZ").split("L")], dtype=float)
        times.append(took)
        selected.append(told)
        equal += int(inside(coords, polygon).sum()) == told
        page.mouse.dblclick(box["x"] + 40, box["y"] + 40)  # lets the selection go; else the next lasso would move it
        page.locator("[data-shelf=selected]").wait_for(state="detached", timeout=30_000)
        page.wait_for_timeout(500)
    if not max(selected):
        raise TastespaceError("No lasso held an item.")
    return {**percentiles(times), "most": max(selected), "least": min(selected), "equal": equal}


# The page has answered when another number of items is told and their cards are painted after the button was let go.
_WATCH = """() => {
  const state = () => {
    const told = [...document.querySelectorAll('[data-testid="stMarkdown"] strong')]
      .map((e) => /^([\\d,]+) selected$/.exec(e.textContent)).find(Boolean);
    const shelf = [...document.querySelectorAll('*')].map((e) => e.shadowRoot?.querySelector('[data-shelf=selected]'))
      .find(Boolean)?.closest('.shelves');
    return { told: told && Number(told[1].replaceAll(',', '')), painted: shelf && shelf.dataset.paintedSeq };
  };
  const before = state();
  const watch = (window.benchLasso = {});
  document.addEventListener('mouseup', () => {
    const started = performance.now();
    const look = () => {
      const now = state();
      if (now.told !== undefined && now.told !== before.told && now.painted && now.painted !== before.painted) {
        watch.took = performance.now() - started;
        watch.told = now.told;
      } else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, { capture: true, once: true });
}"""
