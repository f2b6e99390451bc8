"""The rates of a build: what the encoders, the drawing and the projection do a second, without any cache."""

import time
from collections.abc import Callable

import numpy as np

from recsys.bench.record import provenance
from recsys.build import PICTURE, THUMBNAIL
from recsys.encoders import load_image_encoder, load_text_encoder
from recsys.projection import fit_map
from recsys.settings import Settings
from recsys.sources import SOURCES
from recsys.sources.pictures import picture_and_thumbnail, render_svg

TEXTS = 2048
PICTURES = 512
DRAWINGS = 128
REPEATS = 3


def bench_build(settings: Settings) -> dict:
    """Measures the steps of a build on the clip art, each `REPEATS` times after a warm-up; the median counts.

    Args:
        settings: where the downloads are, and which encoders.

    Returns:
        `texts`, `pictures` (in the encoder, resizing included), `drawing` (SVG to picture and thumbnail, one process)
        and `projection`: `items`, `seconds` (the median), `per_second`, `runs` (each run's seconds).

    Raises:
        TastespaceError: the data cannot be fetched or an encoder cannot be loaded.
    """
    source = SOURCES["clipart"]
    catalog = source.load(settings)
    texts = catalog.items["text"].tolist()[:TEXTS]
    read = source.picture_reader(settings)
    drawings = [read(path) for path in catalog.items["image"].iloc[:: max(1, len(catalog) // DRAWINGS)][:DRAWINGS]]
    pictures = [picture for picture in (render_svg(svg, PICTURE) for svg in drawings) if picture is not None]
    pictures = (pictures * (PICTURES // len(pictures) + 1))[:PICTURES]
    words, viewer = load_text_encoder(settings.text_encoder), load_image_encoder(settings.image_encoder)
    words.encode_items(texts[:64])
    viewer.encode_items(pictures[:64])
    vectors = words.encode_items(texts)
    fit_map(vectors[:200])  # numba compiles
    return {
        "benchmark": "build",
        "texts": _rate(len(texts), lambda: words.encode_items(texts)),
        "pictures": _rate(len(pictures), lambda: viewer.encode_items(pictures)),
        "drawing": _rate(len(drawings), lambda: [picture_and_thumbnail(svg, PICTURE, THUMBNAIL) for svg in drawings]),
        "projection": _rate(len(vectors), lambda: fit_map(vectors)),
        "encoders": {"text": words.name, "image": viewer.name},
        **provenance(),
    }


def _rate(items: int, work: Callable[[], object]) -> dict:
    runs = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        runs.append(time.perf_counter() - start)
    seconds = float(np.median(runs))
    return {
        "items": items,
        "seconds": round(seconds, 2),
        "per_second": round(items / seconds, 1),
        "runs": [round(run, 2) for run in runs],
    }
