"""What the conditions' component is told, and what it may ask for, on a table of six items."""

import numpy as np
import pandas as pd
import pytest

from recsys.catalog import Catalog, Facet
from recsys.ui.facets import blocks, read_change
from recsys.where import Condition, Where


@pytest.fixture(scope="module")
def shop(make_version):
    """Six items: food, food, toys, toys, toys and one of no category; two without a year."""
    items = pd.DataFrame(
        {
            "title": list("abcdef"),
            "description": "",
            "tags": [("red",), ("red", "blue"), (), ("blue",), ("red",), ()],
            "image": None,
            "category": ["food", "food", "toys", "toys", "toys", None],
            "year": [1990.0, 1992.0, 1991.0, np.nan, 1994.0, np.nan],
            "price": [1.0, 2.5, 2.5, 2.5, 9.0, 9.0],
            "weight": 1.0,
            "in_stock": pd.array([True, False, True, True, None, True], dtype="boolean"),
        },
        index=pd.Index(list("abcdef"), name="item_id"),
    )
    facets = (
        Facet("in_stock", "In stock", "flag", simulated=True),
        Facet("category", "Category", "category", note="Its shelf."),
        Facet("tags", "Colours", "tags"),
        Facet("year", "Year", "number"),
        Facet("price", "Price", "number", unit="$"),
        Facet("weight", "Weight", "number"),
    )
    catalog = Catalog("shop", "Shop", "Six items.", items, facets, categories="category", licence="none")
    return make_version(catalog, {"text": np.eye(6, dtype=np.float32)}, default_space="text")


def block(shop, name, *where):
    return next(b for b in blocks(shop, Where.parse(where, shop.catalog)) if b["name"] == name)


def test_blocks_come_in_order_simulated_last_and_without_what_leaves_no_choice(shop):
    assert [(b["name"], b["simulated"]) for b in blocks(shop, Where())] == [
        ("category", False), ("tags", False), ("year", False), ("price", False), ("in_stock", True),
    ]  # fmt: skip


def test_counts_are_those_given_the_other_conditions(shop):
    assert block(shop, "category")["values"] == [["toys", "toys", 3], ["food", "food", 2]]
    assert block(shop, "category")["unknown"] == 1
    assert block(shop, "category", "tags=red")["values"] == [["food", "food", 2], ["toys", "toys", 1]]
    own = block(shop, "category", "category=toys")
    assert own["values"] == [["toys", "toys", 3], ["food", "food", 2]] and own["chosen"] == ["toys"]
    assert block(shop, "in_stock", "category=food")["values"] == [["yes", "Yes", 1], ["no", "No", 1]]
    assert block(shop, "in_stock", "in_stock=no")["chosen"] == ["no"]


def test_a_range_tells_its_scale_its_spread_and_what_is_left(shop):
    year = block(shop, "year", "year>=1991")
    assert (year["low"], year["high"], year["step"], year["from"], year["to"]) == (1990, 1994, 1, 1991, 1994)
    assert year["left"] == 3 and year["bins"] == [
        1,
        1,
        1,
        0,
        1,
    ]  # the bins are of all years: the own condition is not in
    assert block(shop, "year", "category=food")["bins"] == [1, 0, 1, 0, 0]
    assert block(shop, "price")["step"] == 0.1


@pytest.mark.parametrize(
    ("where", "entry", "after"),
    [
        ([], {"facet": "category", "values": ["food"]}, ["category=food"]),
        ([], {"facet": "category", "values": ["food", "toys", "food"]}, ["category=food,toys"]),
        (["category=food", "tags=red"], {"facet": "category", "values": []}, ["tags=red"]),
        (["tags!=red", "tags=blue"], {"facet": "tags", "values": ["red"]}, ["tags!=red", "tags=red"]),
        ([], {"facet": "category", "values": ["no such thing"]}, []),
        ([], {"facet": "in_stock", "values": ["no"]}, ["in_stock=no"]),
        (["year>1989"], {"facet": "year", "low": 1991, "high": 1994}, ["year>1989", "year>=1991"]),
        (["year>=1991"], {"facet": "year", "low": 1990.0, "high": 1992}, ["year<=1992"]),
        (["year>=1991", "year<=1992"], {"facet": "year", "low": 1990, "high": 1994}, []),
    ],
)  # fmt: skip
def test_a_change_replaces_what_its_block_shows_and_nothing_else(shop, where, entry, after):
    _, changed = read_change(entry, shop, Where.parse(where, shop.catalog))
    assert changed == Where.parse(after, shop.catalog)


def test_a_change_is_told_in_words(shop):
    assert (
        read_change({"facet": "year", "low": 1991, "high": 1992}, shop, Where())[0]
        == "Only Year ≥ 1991 and Year ≤ 1992."
    )
    assert (
        read_change({"facet": "category", "values": ["food", "toys"]}, shop, Where())[0]
        == "Only Category: food or toys."
    )
    old = Where((Condition("in_stock", "=", (True,)),))
    assert read_change({"facet": "in_stock", "values": []}, shop, old)[0] == "No condition on in stock any more."


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"facet": "nothing", "values": []},
        {"facet": ["category"], "values": []},
        {"facet": "category", "values": "food"},
        {"facet": "category", "values": [1]},
        {"facet": "year", "values": ["1990"]},
        {"facet": "year", "low": "1990", "high": 1994},
        {"facet": "year", "low": float("nan"), "high": 1994},
        {"facet": "year", "low": True, "high": 1994},
        {"facet": "weight", "low": 1, "high": 2},
    ],
)
def test_what_is_no_change_is_left_out(shop, entry):
    assert read_change(entry, shop, Where()) is None
