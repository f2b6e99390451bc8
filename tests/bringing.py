"""Somebody's own shop, made up, and bringing it through the Catalogs page as a newcomer would."""

import csv
import io
import os
import time
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageDraw

from recsys.bench.browser import NEAREST, shelves_of
from recsys.settings import Settings

SHAPES = ("circle", "square", "triangle", "ring", "cross")
COLOURS = {"red": (200, 40, 40), "blue": (40, 60, 200), "green": (30, 150, 60), "yellow": (230, 200, 40)}


def shop_files(folder: Path, n: int) -> tuple[Path, Path]:
    """A CSV of n things and a ZIP of their pictures, no two alike; PNG and JPEG in turn."""
    draw, rows = np.random.default_rng(0), []
    with zipfile.ZipFile(folder / "shop.zip", "w") as archive:
        for i in range(n):
            shape, colour = SHAPES[i % len(SHAPES)], list(COLOURS)[i // len(SHAPES) % len(COLOURS)]
            name, file = f"thing-{i}.{'jpg' if i % 2 else 'png'}", io.BytesIO()
            _picture(shape, COLOURS[colour], draw).save(file, "JPEG" if i % 2 else "PNG")
            archive.writestr(f"pictures/{name}", file.getvalue())
            price = f"{draw.uniform(2, 90):.2f}"
            rows.append([f"t{i}", f"{colour.capitalize()} {shape} no. {i}", shape, f"{colour}|toy", price, name])
    with (folder / "shop.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "title", "category", "tags", "price", "picture"], *rows])
    return folder / "shop.csv", folder / "shop.zip"


def _picture(shape: str, colour: tuple[int, int, int], draw: np.random.Generator) -> Image.Image:
    image = Image.new("RGB", (320, 320), "white")
    pen, (x, y), r = ImageDraw.Draw(image), map(int, draw.integers(10, 120, 2)), int(draw.integers(80, 180))
    box = (x, y, x + r, y + r)
    if shape == "circle":
        pen.ellipse(box, fill=colour)
    elif shape == "square":
        pen.rectangle(box, fill=colour)
    elif shape == "triangle":
        pen.polygon([(x, y + r), (x + r, y + r), (x + r // 2, y)], fill=colour)
    elif shape == "ring":
        pen.ellipse(box, outline=colour, width=r // 8)
    else:
        pen.line([(x, y), (x + r, y + r)], fill=colour, width=r // 6)
        pen.line([(x, y + r), (x + r, y)], fill=colour, width=r // 6)
    return image


@contextmanager
def own_data(settings: Settings):
    """Settings with a data folder of one's own, in which one of the built catalogs serves."""
    with TemporaryDirectory(prefix="tastespace-own-") as name:
        own = replace(settings, data=Path(name))
        own.catalogs.mkdir(parents=True)
        os.symlink(settings.catalogs / "clipart", own.catalogs / "clipart")
        yield own


def bring(page, app, table: Path, pictures: Path, n: int, patience_s: float) -> dict[str, float]:
    """Uploads, checks, imports and opens the first list, by clicks.

    Returns:
        Seconds since the table was dropped: `preview`, `checked`, `imported`, `list`.
    """
    page.goto(f"{app.url}/catalogs?part=add")
    page.get_by_text("What a table may tell").wait_for(timeout=60_000)
    told, began = {}, time.monotonic()

    def now(what: str) -> None:
        told[what] = round(time.monotonic() - began, 1)

    page.locator("[class*=st-key-upload-items] input[type=file]").set_input_files(table)
    page.get_by_text("So they will look").wait_for(timeout=60_000)
    page.locator("[class*=st-key-upload-images] input[type=file]").set_input_files(pictures)
    page.locator('.preview img[src^="data:image/webp"]').nth(5).wait_for(timeout=60_000)
    now("preview")
    page.get_by_role("button", name="Check everything").click()
    start = page.get_by_role("button", name=f"Import {n:,} items")
    start.wait_for(timeout=120_000)
    now("checked")
    start.click()
    go = page.get_by_role("button", name="Recommend from Shop")
    go.wait_for(timeout=1000 * patience_s)
    now("imported")
    go.click()
    page.locator(shelves_of(NEAREST)).wait_for(timeout=60_000)
    page.locator("[data-shelf=nearest] .card").first.wait_for(timeout=60_000)
    now("list")
    return told
