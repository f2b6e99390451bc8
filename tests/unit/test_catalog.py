"""A catalog whose tables do not fit together is refused in a sentence."""

from dataclasses import replace

import pandas as pd
import pytest

from recsys.catalog import Facet
from recsys.errors import CatalogError


def test_a_good_catalog(tiny_catalog):
    assert len(tiny_catalog) == 6
    assert tiny_catalog.facet("in_stock").simulated
    with pytest.raises(KeyError):
        tiny_catalog.facet("colour")


def test_a_cell_is_what_the_table_holds(tiny_catalog):
    items = tiny_catalog.items
    for column in items.columns:
        for row in range(len(items)):
            held, told = items[column].iat[row], tiny_catalog.cell(row, column)
            unknown = not isinstance(held, tuple) and pd.isna(held)
            assert pd.isna(told) if unknown else told == held, (column, row)


def test_refusals(tiny_catalog):
    items = tiny_catalog.items
    bad = {
        "unique index": {"items": pd.concat([items, items])},
        "called item_id": {"items": items.rename_axis("id")},
        "lacks the columns title": {"items": items.drop(columns="title")},
        "lacks the columns colour": {"facets": (*tiny_catalog.facets, Facet("colour", "Colour", "category"))},
        "no facet colour": {"categories": "colour"},
        "rating, timestamp": {"interactions": pd.DataFrame({"user_id": ["u"], "item_id": ["apple"]})},
    }
    for words, change in bad.items():
        with pytest.raises(CatalogError, match=words):
            replace(tiny_catalog, **change)


def test_categories_cannot_be_a_number(tiny_catalog):
    with pytest.raises(CatalogError, match="year"):
        replace(tiny_catalog, categories="year")
