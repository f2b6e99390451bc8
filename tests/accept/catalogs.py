"""Bringing a catalog of one's own: a thousand pictures in a browser, and a table that is brought again."""

from pathlib import Path
from tempfile import TemporaryDirectory

from recsys.bench.browser import chromium, running_app
from recsys.settings import Settings
from tests.bringing import bring, own_data, shop_files

from . import Row

PICTURES, MOST_S = 1000, 120


def checks(settings: Settings) -> list[Row]:
    """From the upload to the first list, as a newcomer would; nothing is in any cache."""
    with own_data(settings) as own, TemporaryDirectory() as folder, running_app(own) as app, chromium() as browser:
        files = shop_files(Path(folder), PICTURES)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        told = bring(page, app, *files, PICTURES, 900)
        uploads = list((own.data / "uploads").rglob("*"))
    return [
        Row(
            f"{PICTURES:,} pictures with a CSV: upload to the first list within {MOST_S} s",
            ", ".join(f"{what} {seconds:.0f} s" for what, seconds in told.items()),
            told["list"] <= MOST_S,
        ),
        Row("no uploaded file is left", f"{len(uploads)} files", not uploads),
    ]
