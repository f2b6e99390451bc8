"""Guessing which column is what: by names and values, never by place."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.sources.imported import columns
from recsys.sources.imported.columns import clean_text, isolated, numbers, plan, split_tags, values, years

SHOP = {
    "sku": ["a1", "a2", "a3", "a4"],
    "Product Name": ["Red shoe", "Blue shoe", "Green hat", "Black hat"],
    "details": ["Soft leather and a sole that lasts, made by hand in a small workshop by the sea."] * 2 + ["Wool."] * 2,
    "Department": ["shoes", "shoes", "hats", "hats"],
    "keywords": ["red;foot", "blue;foot", "green;head", "black;head"],
    "Photo": ["a.jpg", "b.jpg", "c.png", ""],
    "price": ["$1,234.50", "$3.00", "", "$5.25"],
    "released": ["2001-02-03", "2003-01-01", "1999-01-01", ""],
    "in stock": ["yes", "no", "yes", "yes"],
    "weight": ["1,5", "2,25", "3,0", "4"],
    "colour": ["red", "blue", "red", "blue"],
    "nothing": ["", "", "", ""],
}
ROLES = {
    "id": "sku",
    "title": "Product Name",
    "description": "details",
    "tags": "keywords",
    "category": "Department",
    "picture": "Photo",
    "price": "price",
    "date": "released",
}


def frame(table: dict[str, list]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in table.items()})


def test_a_shop():
    found = plan(frame(SHOP))
    assert found.roles == ROLES and found.categories == "category" and found.left_out == ("nothing",)
    kinds = {p.facet.name: (p.column, p.kind) for p in found.facets}
    assert kinds == {
        "category": ("Department", "category"),
        "tags": ("keywords", "tags"),
        "price": ("price", "number"),
        "year": ("released", "year"),
        "in_stock": ("in stock", "flag"),
        "weight": ("weight", "number"),
        "colour": ("colour", "category"),
    }
    assert not any(p.facet.simulated for p in found.facets)


@given(st.permutations(list(SHOP)), st.permutations(range(4)))
@settings(max_examples=30, deadline=None)
def test_the_guess_is_one_of_names_and_values(order, rows):
    shuffled = plan(frame({name: [SHOP[name][r] for r in rows] for name in order}))
    assert shuffled.roles == ROLES
    there = {(p.column, p.facet.name, p.kind) for p in shuffled.facets}
    assert there == {(p.column, p.facet.name, p.kind) for p in plan(frame(SHOP)).facets}


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
cells = st.one_of(st.none(), st.text(max_size=30), st.integers(), st.floats(allow_infinity=False), st.booleans())


@given(st.dictionaries(names, st.lists(cells, min_size=5, max_size=5), min_size=1, max_size=6))
@settings(max_examples=80, deadline=None)
def test_any_table_gets_a_plan_that_a_catalog_can_have(table):
    found = plan(frame(table))
    facets = [p.facet for p in found.facets]
    assert len({f.name for f in facets}) == len(facets)
    assert found.categories in {f.name for f in facets if f.kind in ("category", "tags")}
    assert len(set(found.roles.values())) == len(found.roles)
    for planned in found.facets:
        if planned.column:
            assert len(values(frame(table)[planned.column], planned.kind)[0]) == 5


def test_what_is_mapped_is_not_guessed():
    found = plan(frame(SHOP), {"title": "colour", "category": "", "date": ""}, {"weight": "none", "Department": "tags"})
    assert found.roles["title"] == "colour" and not {"category", "date"} & found.roles.keys()
    kinds = {p.column: p.kind for p in found.facets}
    assert "weight" not in kinds and kinds["Department"] == "tags" and kinds["released"] == "year"
    assert found.categories == "tags"


def test_a_category_of_two_words_is_one():
    table = frame({"id": list("abcdef"), "title": list("ABCDEF"), "category": ["group 1", "group 2"] * 3})
    found = plan(table)
    assert found.roles["category"] == "category" and "tags" not in found.roles
    assert split_tags(table["category"]).iloc[0] == ("group 1",)


def test_without_any_category_there_is_one_for_all():
    found = plan(frame({"id": ["1", "2"], "title": ["A", "B"]}))
    (only,) = found.facets
    assert only.column == "" and found.categories == only.facet.name == "category"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1,5", "2,25", "3.000,1"], [1.5, 2.25, 3000.1]),
        (["1,234.50", "$3.00", "€ 7"], [1234.5, 3, 7]),
        (["1,234", "12"], [1234, 12]),
        (["5 €", "10%", "-3"], [5, 10, -3]),
        ([1, 2.5, None, "x", "inf", "nan"], [1, 2.5, np.nan, np.nan, np.nan, np.nan]),
        (["1'000.5", "2 000"], [1000.5, 2000]),
    ],
)
def test_numbers(cells, expected):
    np.testing.assert_array_equal(numbers(pd.Series(cells, dtype=object)), expected)


def test_units_years_flags_and_what_cannot_be_read():
    found, unread, unit = values(pd.Series(["$3", "n/a", "cheap", "$4"], dtype=object), "number")
    assert found.tolist()[0::3] == [3.0, 4.0] and unread == [2] and unit == "$"
    cells = ["2001-02-03", "3.2.1999", "March 5, 2010", "1000000000", "1500000000000", "2001 or 2002", ""]
    np.testing.assert_array_equal(years(pd.Series(cells, dtype=object)), [2001, 1999, 2010, 2001, 2017, np.nan, np.nan])
    flags, unread, _ = values(pd.Series(["Yes", "no", True, "maybe", None], dtype=object), "flag")
    assert flags.tolist()[:3] == [True, False, True] and unread == [3]


def test_tags():
    column = pd.Series(["a| b |a", "c", "", "['x']", ["d, e", "f"]], dtype=object)
    assert split_tags(column).tolist() == [("a", "b"), ("c",), (), ("x",), ("d, e", "f")]
    assert len(split_tags(pd.Series([",".join(map(str, range(999)))], dtype=object))[0]) == columns.MAX_TAGS_EACH


def test_the_rarest_values_give_way(monkeypatch):
    monkeypatch.setattr(columns, "MAX_CATEGORIES", 3)
    monkeypatch.setattr(columns, "MAX_TAGS", 2)
    kinds = pd.Series(["a", "a", "b", "b", "c", "d", None], dtype=object)
    assert columns.rare_left_out(kinds, "category")[0].tolist()[:6] == ["a", "a", "b", "b", "other", "other"]
    assert columns.rare_left_out(kinds, "category")[1] == 2
    tags = pd.Series([("a", "b"), ("a", "c"), ("b",)], dtype=object)
    assert columns.rare_left_out(tags, "tags")[0].tolist() == [("a", "b"), ("a",), ("b",)]
    assert columns.rare_left_out(tags[:1], "tags")[1] == 0


def test_texts_are_clean_and_keep_what_scripts_need():
    assert clean_text("a\x00b\x1b[1m \u202e c\r\n\td", 99) == "a b [1m c d"
    assert clean_text("می\u200cخواهم 👩\u200d🚀", 99) == "می\u200cخواهم 👩\u200d🚀"
    assert clean_text("x" * 50, 10) == "x" * 9 + "…"
    assert isolated("plain") == "plain" and isolated("עברית") == "\u2068עברית\u2069"
