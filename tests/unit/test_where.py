"""Conditions: their forms, their sentences, and the mask against an oracle that looks at one value at a time."""

import math
import operator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.catalog import Catalog, Facet
from recsys.errors import InvalidInput
from recsys.where import Condition, FacetTable, Where, parse_condition

WORDS = ["red", "größe", "a b", "Smith, John", "=", ">5", "it's", '"', "yes", "1990"]
NUMBERS = [-2.5, 0.0, 0.1 + 0.2, 1990.0, 1234567.5, 999999.5, 1e-7, 1e300]
COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


def catalog_of(rows: list[dict]) -> Catalog:
    items = pd.DataFrame(
        {
            "title": "",
            "description": "",
            "image": None,
            "category": pd.Series([row["category"] for row in rows], dtype=object),
            "tags": pd.Series([row["tags"] for row in rows], dtype=object),
            "year": pd.Series([row["year"] for row in rows], dtype=object),
            "flag": pd.Series([row["flag"] for row in rows], dtype=object),
        }
    )
    items.index = pd.Index([f"i{n}" for n in range(len(rows))], name="item_id")
    facets = (
        Facet("category", "Category", "category"),
        Facet("tags", "Tags", "tags"),
        Facet("year", "Year", "number"),
        Facet("flag", "Flag", "flag"),
    )
    return Catalog("c", "C", "", items, facets, categories="category", licence="none")


rows = st.lists(
    st.fixed_dictionaries(
        {
            "category": st.sampled_from([*WORDS, None, float("nan"), pd.NA]),
            "tags": st.lists(st.sampled_from(WORDS), max_size=3).map(tuple),
            "year": st.sampled_from([*NUMBERS, None, float("nan"), pd.NA]),
            "flag": st.sampled_from([True, False, None, pd.NA]),
        }
    ),
    max_size=12,
)
conditions = st.one_of(
    st.builds(
        Condition,
        st.sampled_from(["category", "tags"]),
        st.sampled_from(["=", "!="]),
        st.lists(st.sampled_from([*WORDS, "absent"]), min_size=1, max_size=3, unique=True).map(tuple),
    ),
    st.builds(
        Condition,
        st.just("year"),
        st.sampled_from(["=", "!=", ">=", "<=", ">", "<"]),
        st.one_of(st.sampled_from(NUMBERS), st.floats(allow_nan=False, allow_infinity=False)).map(lambda v: (v,)),
    ),
    st.builds(
        Condition,
        st.just("flag"),
        st.sampled_from(["=", "!="]),
        st.lists(st.booleans(), min_size=1, max_size=2, unique=True).map(tuple),
    ),
)


def satisfies(row: dict, condition: Condition) -> bool:
    """The rule, value by value: unknown satisfies nothing; `=` is any of the values; `!=` is none of them."""
    value = row[condition.facet]
    own = list(value) if isinstance(value, tuple) else [] if pd.isna(value) else [value]
    if not own:
        return False
    if condition.op in COMPARE:
        return COMPARE[condition.op](own[0], condition.values[0])
    found = any(mine == wanted for mine in own for wanted in condition.values)
    return found if condition.op == "=" else not found


@given(rows, st.lists(conditions, max_size=3))
def test_the_mask_selects_what_the_rule_says(rows, conditions):
    mask = FacetTable(catalog_of(rows)).mask(Where(tuple(conditions)))
    assert mask.tolist() == [all(satisfies(row, c) for c in conditions) for row in rows]


@given(st.lists(conditions, max_size=4))
def test_what_texts_writes_parse_reads_back(conditions):
    where = Where(tuple(conditions))
    assert Where.parse(where.texts(), catalog_of([])) == where


@given(rows)
def test_counts_rows_and_unknowns_agree_with_the_rule(rows):
    table = FacetTable(catalog_of(rows))
    even = np.arange(len(rows)) % 2 == 0
    for facet in ("category", "tags", "flag"):
        known = [
            [i for i, row in enumerate(rows) if satisfies(row, Condition(facet, "=", (v,)))] for v in [True, *WORDS]
        ]
        for value, own in zip([True, *WORDS], known, strict=True):
            assert sorted(table.rows_with(facet, value)) == own
            assert table.counts(facet).get(value, 0) == len(own)
            assert table.counts(facet, even).get(value, 0) == sum(i % 2 == 0 for i in own)
        tallies = list(table.counts(facet).values())
        assert tallies == sorted(tallies, reverse=True)
        missing = [row[facet] == () or (not isinstance(row[facet], tuple) and pd.isna(row[facet])) for row in rows]
        assert table.unknown(facet) == sum(missing)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("year>=1990", Condition("year", ">=", (1990.0,))),
        ("  year <= 1e3 ", Condition("year", "<=", (1000.0,))),
        ("year!=-0.5", Condition("year", "!=", (-0.5,))),
        ("category=food, animals,,food", Condition("category", "=", ("food", "animals"))),
        ("category=Smith\\, John,food", Condition("category", "=", ("Smith, John", "food"))),
        ("tags!=flag", Condition("tags", "!=", ("flag",))),
        ("tags==x", Condition("tags", "=", ("=x",))),
        ("in_stock=YES", Condition("in_stock", "=", (True,))),
        ("in_stock!=0", Condition("in_stock", "!=", (False,))),
        ("in_stock=yes,no,true", Condition("in_stock", "=", (True, False))),
    ],
)
def test_forms(tiny_catalog, text, condition):
    assert parse_condition(text, tiny_catalog) == condition


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read"),
        ("year", "cannot be read"),
        ("year>=", "cannot be read"),
        (">=1990", "cannot be read"),
        ("two words=1", "cannot be read"),
        ("category=food\nrm -rf", "cannot be read"),
        ("category=\x1b[201~", "cannot be read"),
        ("category=,,", "names no value"),
        ("colour=red", "Its facets: category, tags, year, in_stock"),
        ("year>=soon", "is a number"),
        ("year>=nan", "is a number"),
        ("year<inf", "is a number"),
        ("year=1990,1995", "is a number"),
        ("category>=food", "has no order"),
        ("in_stock>no", "has no order"),
        ("in_stock=maybe", "is yes or no"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(tiny_catalog, text, words):
    with pytest.raises(InvalidInput) as told:
        Where.parse([text], tiny_catalog)
    assert words in str(told.value)
    assert str(told.value).isprintable()


@pytest.mark.parametrize(
    "text", [f"category={' ' * 100_000}\0", " " * 100_000, "a" * 100_000, f"year>={'9' * 100_000}"], ids=len
)
def test_a_huge_condition_is_told_briefly_and_at_once(tiny_catalog, text):
    with pytest.raises(InvalidInput) as told:
        Where.parse([text], tiny_catalog)
    assert len(str(told.value)) < 300


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1990.0, "year>=1990"),
        (1234567.5, "year>=1234567.5"),
        (999999.5, "year>=999999.5"),
        (1e-7, "year>=1e-07"),
        (1234.5678, "year>=1234.5678"),
        (-0.0, "year>=-0"),
        (1990, "year>=1990"),
    ],
)
def test_numbers_are_written_in_full(tiny_catalog, value, text):
    assert str(Condition("year", ">=", (value,))) == text
    assert parse_condition(text, tiny_catalog).values == (value,)


def test_the_tiny_catalog_by_hand(tiny_catalog):
    def ids(*texts: str) -> list[str]:
        mask = FacetTable(tiny_catalog).mask(Where.parse(texts, tiny_catalog))
        return tiny_catalog.items.index[mask].tolist()

    assert ids() == ["apple", "pear", "cat", "dog", "chair", "riddle"]
    assert ids("category=food,home") == ["apple", "pear", "chair"]
    assert ids("category!=food") == ["cat", "dog", "chair"]
    assert ids("tags=pet,red") == ["apple", "cat", "dog"]
    assert ids("tags!=pet") == ["apple", "pear", "chair"]
    assert ids("year>1990", "year<2005") == ["pear", "cat"]
    assert ids("year!=1990") == ["pear", "cat", "dog", "chair"]
    assert ids("in_stock=yes") == ["apple", "cat", "dog"]
    assert ids("in_stock!=yes") == ["pear", "chair"]
    assert ids("in_stock=yes,no") == ["apple", "pear", "cat", "dog", "chair"]
    assert ids("category=food", "in_stock=no") == ["pear"]


def test_counts_put_the_most_frequent_first(tiny_catalog):
    table = FacetTable(tiny_catalog)
    assert list(table.counts("tags").items())[:2] == [("fruit", 2), ("pet", 2)]
    assert table.counts("in_stock") == {True: 3, False: 2}
    assert table.counts("category", np.array([1, 0, 0, 0, 1, 1], dtype=bool)) == {"food": 1, "home": 1, "animals": 0}
    assert math.isnan(table.numbers("year")[5])


def test_a_tag_that_an_item_has_twice_counts_once():
    table = FacetTable(catalog_of([{"category": "x", "tags": ("red", "red"), "year": 1.0, "flag": None}]))
    assert table.counts("tags") == {"red": 1}
    assert table.rows_with("tags", "red").tolist() == [0]


def test_whole_number_columns_are_numbers_too(tiny_catalog):
    items = tiny_catalog.items.assign(year=pd.array([1, 2, 3, 4, 5, None], dtype="Int64"))
    table = FacetTable(Catalog("t", "T", "", items, tiny_catalog.facets, "category", "none"))
    assert table.mask(Where((Condition("year", ">", (3.0,)),))).tolist() == [False, False, False, True, True, False]


def test_without_takes_away_every_condition_on_a_facet(tiny_catalog):
    where = Where.parse(["year>=1990", "year<2000", "tags=pet"], tiny_catalog)
    assert where.without("year").texts() == ("tags=pet",)
    assert bool(where) and not where.without("year").without("tags")


def test_what_a_caller_does_to_a_mask_changes_no_later_one():
    facets = FacetTable(catalog_of([{"category": c, "tags": (), "year": 1.0, "flag": True} for c in "aab"]))
    where = Where((Condition("category", "=", ("a",)),))
    first = facets.mask(where)
    first[:] = False
    assert facets.mask(where).tolist() == [True, True, False]
