"""`python -m tests.shots DIR`: screenshots of every page of the running app, into DIR/screenshots."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from recsys.bench.browser import chromium, link, running_app, settle, wait_until_painted
from recsys.errors import TastespaceError
from recsys.settings import Settings
from recsys.version import built_names

DESKTOP, PHONE = {"width": 1400, "height": 1000}, {"width": 390, "height": 844}

# What each page shows, by catalog; the first that is built is taken.
VIEWS = {
    "clipart": {"like": ["loaf-of-bread", "pumpkin-pie"], "wish": ["something warm from the oven"]},
    "movies": {"like": ["222", "183"], "wish": ["space battles and robots"]},
}
SHELVES = {"recommend": "nearest", "cold_start": "list", "diversity": "nearest", "funnel": "shown"}
"""A shelf of each page that has some."""
LESSONS = {
    "cold_start": {"catalog": ["movies"]},
    "diversity": {"catalog": ["movies"], "lam": ["0.6"]},
    "models": {"catalog": ["movies"]},
    "retrieval": {"catalog": ["clipart"]},
    "funnel": {"catalog": ["movies"]},
    "catalogs": {"part": ["add"]},
}
"""The lessons are about people who rated, and about films of one series."""
SHOTS = (
    ("home", "", DESKTOP, "light"),
    ("recommend", "recommend", DESKTOP, "light"),
    ("map", "map", DESKTOP, "light"),
    ("cold-start", "cold_start", DESKTOP, "light"),
    ("diversity", "diversity", DESKTOP, "light"),
    ("models", "models", DESKTOP, "light"),
    ("retrieval", "retrieval", DESKTOP, "light"),
    ("funnel", "funnel", DESKTOP, "light"),
    ("catalogs", "catalogs", DESKTOP, "light"),
    ("recommend-dark", "recommend", DESKTOP, "dark"),
    ("recommend-phone", "recommend", PHONE, "light"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Takes the pictures; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.shots", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    try:
        take(Settings.from_env(), parser.parse_args(argv).folder / "screenshots")
    except TastespaceError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def take(settings: Settings, folder: Path) -> None:
    """Saves one PNG a page, and of Recommend one in the dark and one on a phone."""
    catalog = next((name for name in VIEWS if name in built_names(settings)), None)
    if catalog is None:
        raise TastespaceError("No catalog is built.", "Build them first: python -m recsys build")
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, running_app(settings) as app:
        for name, path, viewport, scheme in SHOTS:
            page = browser.new_context(viewport=viewport, color_scheme=scheme).new_page()
            view = {"catalog": [catalog], **VIEWS[catalog]} if path else {}
            page.goto(link(app, path, LESSONS.get(path, view)))
            if path in SHELVES:
                wait_until_painted(page, shelf=SHELVES[path])
                settle(page, SHELVES[path])
            elif path in ("map", "models", "retrieval"):
                page.locator(".js-plotly-plot .main-svg").first.wait_for(state="attached", timeout=60_000)
                page.wait_for_timeout(2000)  # WebGL draws after the plot says that it is there
            elif path == "catalogs":
                page.get_by_role("button", name="Try it with an example").click()
                page.get_by_role("button", name="Check everything").click()
                page.get_by_role("button", name="Import 12 items").wait_for(timeout=60_000)
            else:
                page.get_by_role("heading", name="Tastespace").wait_for(timeout=60_000)
                page.locator("img").last.wait_for()
            page.wait_for_timeout(1000)  # cards fade in
            page.screenshot(path=folder / f"{name}.png")
            print(folder / f"{name}.png", file=sys.stderr)
            page.context.close()


if __name__ == "__main__":
    sys.exit(main())
