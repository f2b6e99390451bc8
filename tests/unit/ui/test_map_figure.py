"""The map: every item's dot, or a fair part of them over a shade that counts all."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from recsys.catalog import Catalog, Facet
from recsys.ui import figures
from recsys.ui.figures import Marks, drawn, map_figure, shade

N = 400


@pytest.fixture
def version(make_version):
    draw = np.random.default_rng(1)
    items = pd.DataFrame(
        {
            "title": [f"Thing <{i}>" for i in range(N)],
            "description": "",
            "tags": [()] * N,
            "image": None,
            "category": np.where(np.arange(N) % 4 == 0, "rare", "usual"),
            "year": np.arange(N, dtype=float),
        },
        index=pd.Index([f"t{i}" for i in range(N)], name="item_id"),
    )
    facets = (Facet("category", "Category", "category"), Facet("year", "Year", "number"))
    catalog = Catalog("many", "Many", "", items, facets, categories="category", licence="none")
    return make_version(catalog, {"text": draw.normal(size=(N, 8)).astype(np.float32)})


@pytest.fixture
def few_dots(monkeypatch):
    figures._dots.clear()
    monkeypatch.setattr(figures, "MOST_DRAWN", 100)
    yield
    figures._dots.clear()


def ids(figure) -> dict[str, list[str]]:
    return {trace.name: [c[0] for c in trace.customdata] for trace in figure.data if trace.customdata is not None}


def test_all_items_of_a_small_catalog_have_a_dot(version):
    figure = map_figure(version, version.map("text"), "category", Marks())
    assert {name: len(those) for name, those in ids(figure).items()} == {"usual": 300, "rare": 100}
    assert not figure.layout.images and not figure.layout.annotations
    assert figure.data[0].text[0].startswith("<b>Thing &lt;1&gt;</b>")


def test_of_many_items_an_even_part_has_a_dot_and_the_shade_counts_all(version, few_dots):
    coords = version.map("text")
    figure = map_figure(version, coords, "category", Marks())
    dots = ids(figure)
    assert sum(map(len, dots.values())) == 100 and 15 <= len(dots["rare"]) <= 35  # a quarter of all is rare
    assert figure.layout.annotations[0].text == "100 of 400 items have a dot, drawn evenly; the shade counts all"
    picture = figure.layout.images[0]
    assert (picture.x, picture.y) == pytest.approx((coords[:, 0].min(), coords[:, 1].max()))
    assert (picture.sizex, picture.sizey) == pytest.approx(tuple(np.ptp(coords, axis=0)))
    assert picture.layer == "below" and picture.sizing == "stretch"


def test_what_is_marked_is_drawn_whether_or_not_it_has_a_dot(version, few_dots):
    without = int(np.setdiff1d(np.arange(N), drawn(N))[0])
    figure = map_figure(version, version.map("text"), "category", Marks(picks=[without]))
    assert ids(figure)["your list"] == [f"t{without}"]


def test_the_colour_of_a_number_is_its_rank_among_all_items(version, few_dots):
    figure = map_figure(version, version.map("text"), "year", Marks())
    (trace,) = figure.data
    assert np.allclose(trace.marker.color, (drawn(N) + 1) / N)
    assert list(trace.marker.colorbar.ticktext)[::4] == ["0", "399"]


def test_every_map_of_a_catalog_has_the_same_dots():
    assert np.array_equal(drawn(50_000), drawn(50_000)) and len(drawn(50_000)) == figures.MOST_DRAWN
    assert np.array_equal(drawn(7), np.arange(7))
    assert abs(drawn(50_000).mean() - 25_000) < 1_000


def test_the_shade_is_the_deeper_the_more_items_lie_there():
    corner, other = np.tile([[-1.0, 2.0]], (7, 1)), np.array([[3.0, -2.0], [np.nan, np.nan]])
    picture, place = shade(np.vstack([corner, other]))
    assert place == (-1.0, 2.0, 4.0, 4.0)
    alpha = np.array(Image.open(io.BytesIO(picture)))[..., 3]
    deepest = round(255 * figures.SHADE_MOST)
    # One of eight cells' logarithms: log 2 / log 8 = 1/3.
    assert alpha[0, 0] == deepest and alpha[-1, -1] == round(255 * figures.SHADE_MOST / 3)
    assert np.count_nonzero(alpha) == 2
