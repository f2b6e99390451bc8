"""Who rated what, and who trains, validates and tests."""

import numpy as np
import pandas as pd
import pytest
from lesson_people import many, ratings

from recsys.errors import InvalidInput
from recsys.ratings import clean, one_person, read_ratings, split_people


def test_the_table(with_people):
    read = read_ratings(with_people().catalog)
    assert read.people.tolist() == ["ann", "bob", "cy", "dan"] and read.n_items == 6
    nan = np.nan
    np.testing.assert_array_equal(
        read.dense(),
        [
            [5, nan, 2, nan, nan, nan],
            [4, nan, 4, nan, nan, nan],
            [nan, nan, 5, 3, nan, nan],
            [nan, nan, 1, nan, nan, nan],
        ],
    )
    assert read.counts().tolist() == [2, 0, 4, 1, 0, 0]
    assert read.liked.sum() == 4


def test_without(with_people):
    read = read_ratings(with_people().catalog, without=["bob", "nobody"])
    assert read.people.tolist() == ["ann", "cy", "dan"] and read.users.tolist() == [0, 0, 1, 1, 2]


def test_the_last_word_counts_and_unknown_items_do_not(with_people):
    read = read_ratings(
        with_people(ratings(("u", "cat", 5), ("u", "unicorn", 5), ("v", "cat", 1), ("u", "cat", 1)), None).catalog
    )
    assert read.values.tolist() == [1, 1] and read.people[read.users].tolist() == ["v", "u"]


def test_the_split(with_people, nobody):
    version = with_people(*many(40))
    parts = split_people(version.catalog, 3)
    assert [len(part) for part in parts] == [24, 8, 8] and len(set().union(*parts)) == 40
    assert parts == split_people(version.catalog, 3) != split_people(version.catalog, 4)
    with pytest.raises(InvalidInput, match="5 or more"):
        split_people(with_people().catalog)
    with pytest.raises(InvalidInput, match="no interactions"):
        split_people(nobody.catalog)


def test_clean_says_what_was_dropped_and_why(tiny_catalog):
    table = pd.DataFrame(
        [
            ("u", "apple", 5, 1000),
            (None, "apple", 5, 1000),
            ("u", "unicorn", 5, 1000),
            ("u", "pear", None, 1000),
            ("u", "pear", "many", 1000),
            ("u", "pear", -1, 1000),
            ("u", "pear", 3, None),
            ("u", "pear", 3, 10**12),
            ("v", "cat", 1, 3000),
            ("v", "cat", 4, 2000),
            (7.0, "dog", 4, 2000),
        ],
        columns=["user_id", "item_id", "rating", "timestamp"],
    )
    kept, dropped = clean(table, tiny_catalog, now=10**9)
    assert kept.to_dict("records") == [
        {"user_id": "u", "item_id": "apple", "rating": 5.0, "timestamp": 1000},
        {"user_id": "v", "item_id": "cat", "rating": 1.0, "timestamp": 3000},
        {"user_id": "7", "item_id": "dog", "rating": 4.0, "timestamp": 2000},
    ]
    assert dropped == {
        "no user": 1,
        "unknown item": 1,
        "no rating": 2,
        "negative rating": 1,
        "no time": 1,
        "time in the future": 1,
        "rated again later": 1,
    }


def test_a_table_of_which_nothing_is_left_says_why(tiny_catalog):
    table = pd.DataFrame([("u", "unicorn", 5, 1)], columns=["user_id", "item_id", "rating", "timestamp"])
    with pytest.raises(InvalidInput, match="1 unknown item"):
        clean(table, tiny_catalog)
    with pytest.raises(InvalidInput, match="lack the columns rating, timestamp"):
        clean(table[["user_id", "item_id"]], tiny_catalog)


def test_people_and_parts(with_people):
    read = read_ratings(with_people().catalog)
    two = read.of(np.array([2, 0]))
    assert two.people.tolist() == ["cy", "ann"]
    assert two.people[two.users].tolist() == ["ann", "ann", "cy", "cy"]
    assert read.fingerprint() == read.part(np.random.default_rng(0).permutation(len(read))).fingerprint()
    assert read.fingerprint() != two.fingerprint()
    assert one_person([3, 1], 6).matrix().toarray().tolist() == [[0, 1, 0, 1, 0, 0]]
