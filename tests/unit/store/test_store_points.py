"""A catalog as points, against what was written down by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

from recsys.errors import CatalogError
from recsys.store.points import batches, checked_spaces, index_kinds


def test_payload_leaves_out_what_is_unknown(tiny_catalog):
    spaces = {"text": np.ones((6, 2), dtype=np.float32)}
    payloads = [payload for batch in batches(spaces, tiny_catalog, 4) for payload in batch.payloads]
    assert payloads == [
        {"category": "food", "tags": ["red", "fruit"], "year": 1990.0, "in_stock": 1},
        {"category": "food", "tags": ["green", "fruit"], "year": 1995.0, "in_stock": 0},
        {"category": "animals", "tags": ["pet"], "year": 2000.0, "in_stock": 1},
        {"category": "animals", "tags": ["pet", "loud"], "year": 2005.0, "in_stock": 1},
        {"category": "home", "tags": ["wood"], "year": 2010.0, "in_stock": 0},
        {},
    ]
    # Not True and False: they would be equal to 1 and 0 above.
    assert json.dumps(payloads[0]["in_stock"]) == "1"


def test_vectors_leave_out_rows_of_zeros(tiny_catalog):
    image = np.zeros((6, 2), dtype=np.float32)
    image[4] = [0, 0.5]
    text = np.arange(12, dtype=np.float32).reshape(6, 2)
    found = list(batches({"text": text, "image": image}, tiny_catalog, 4))
    assert [batch.rows for batch in found] == [range(4), range(4, 6)]
    assert found[0].vectors == [{"text": [0, 1]}, {"text": [2, 3]}, {"text": [4, 5]}, {"text": [6, 7]}]
    assert found[1].vectors == [{"text": [8, 9], "image": [0, 0.5]}, {"text": [10, 11]}]


def test_flags_get_an_integer_index(tiny_catalog):
    assert index_kinds(tiny_catalog) == {
        "category": "keyword",
        "tags": "keyword",
        "year": "float",
        "in_stock": "integer",
    }


def test_an_infinite_number_is_refused(tiny_catalog):
    items = tiny_catalog.items.assign(year=[np.inf, 1, 2, 3, 4, 5])
    with pytest.raises(CatalogError, match="Year has an infinite value"):
        next(batches({}, replace(tiny_catalog, items=items), 4))


@pytest.mark.parametrize(
    ("spaces", "message"),
    [
        ({}, "at least one space"),
        ({"text": np.ones((5, 2))}, r"shape \(6, d\) in the space text, got \(5, 2\)"),
        ({"text": np.ones(6)}, r"got \(6,\)"),
        ({"text": np.ones((6, 0))}, r"got \(6, 0\)"),
        ({"text": np.full((6, 2), np.nan)}, "finite vectors in the space text"),
    ],
)
def test_spaces_must_fit(spaces, message):
    with pytest.raises(ValueError, match=f"expected .*{message}"):
        checked_spaces(spaces, 6)


def test_dimensions():
    assert checked_spaces({"text": np.ones((6, 2)), "image": np.ones((6, 3))}, 6) == {"text": 2, "image": 3}
