"""Map: what it says of each space, whoever made its vectors."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.catalog import Catalog, Facet
from recsys.models import create, side_of
from recsys.ratings import read_ratings

N = 24


@pytest.fixture
def shop(tmp_path, write_version) -> Path:
    """A data folder with two catalogs: one came with vectors, one learned a space from people who are made up."""
    draw = np.random.default_rng(0)
    items = pd.DataFrame(
        {
            "title": [f"Thing {i}" for i in range(N)],
            "description": "",
            "tags": [()] * N,
            "image": None,
            "category": ["lamps", "rugs"] * (N // 2),
        },
        index=pd.Index([f"t{i}" for i in range(N)], name="item_id"),
    )
    facets = (Facet("category", "Category", "category"),)
    vectors = draw.normal(size=(N, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [(f"p{i % 9}", f"t{i % N}", 5.0, 0) for i in range(60)]
    people = pd.DataFrame(rows, columns=["user_id", "item_id", "rating", "timestamp"])

    def catalog(name: str, interactions=None) -> Catalog:
        return Catalog(name, name, "", items, facets, "category", "mine", interactions=interactions)

    model = create("als", factors=3).fit(
        read_ratings(catalog("taught", people)), side_of(catalog("taught", people), vectors)
    )
    for one, spaces, models in (
        (catalog("given"), {"given": vectors}, {}),
        (catalog("taught"), {"text": vectors}, {"mf": model}),
    ):
        home = tmp_path / "catalogs" / one.name
        write_version(home / "versions" / "one", one, spaces, models=models, simulated=True)
        (home / "current").symlink_to("versions/one")
    return tmp_path


def told(screen) -> str:
    """The page's sentence about its space."""
    return next(one.proto.body for one in screen.at.get("html") if "near each other" in one.proto.body)


def test_a_catalog_that_came_with_vectors_has_a_map(app_on, shop):
    screen = app_on(shop)().open("map", {"catalog": "given", "like": ["t0"]})
    assert not screen.at.error and not screen.at.exception
    assert "alike in the vectors that came with them" in told(screen) and len(screen.at.get("plotly_chart")) == 1


def test_a_space_of_simulated_people_says_so(app_on, shop):
    screen = app_on(shop)().open("map", {"catalog": "taught", "like": ["t0"], "space": "mf"})
    assert not screen.at.error and not screen.at.exception
    assert "alike in which simulated people like them" in told(screen)
    (button,) = [b for b in screen.at.button if b.label == "Another space"]
    assert "which simulated people like them" in button.help
    assert "alike in words" in told(app_on(shop)().open("map", {"catalog": "taught"}))
