"""What every test shares: a tiny catalog whose expected results can be computed by hand."""

import os

import numpy as np
import pandas as pd
import pytest

from recsys.catalog import Catalog, Facet

os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture
def tiny_catalog() -> Catalog:
    """Six items, four facets of every kind, one missing value in each."""
    items = pd.DataFrame(
        {
            "title": ["Apple", "Pear", "Cat", "Dog", "Chair", "Riddle"],
            "description": ["", "", "", "", "", ""],
            "tags": [("red", "fruit"), ("green", "fruit"), ("pet",), ("pet", "loud"), ("wood",), ()],
            "image": [None] * 6,
            "category": ["food", "food", "animals", "animals", "home", None],
            "year": [1990.0, 1995.0, 2000.0, 2005.0, 2010.0, np.nan],
            "in_stock": pd.array([True, False, True, True, False, None], dtype="boolean"),
        },
        index=pd.Index(["apple", "pear", "cat", "dog", "chair", "riddle"], name="item_id"),
    )
    facets = (
        Facet("category", "Category", "category"),
        Facet("tags", "Tags", "tags"),
        Facet("year", "Year", "number"),
        Facet("in_stock", "In stock", "flag", simulated=True),
    )
    return Catalog("tiny", "Tiny", "Six things.", items, facets, categories="category", licence="none")
