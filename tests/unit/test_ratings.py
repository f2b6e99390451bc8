"""Who rated what, and who trains, validates and tests."""

import numpy as np
import pytest
from lesson_people import many, ratings

from recsys.errors import InvalidInput
from recsys.ratings import read_ratings, split_people


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
