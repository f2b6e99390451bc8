"""The movies: cleaning by literal expectations, and the whole on two made-up wheels."""

import lzma
import math
import os
import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest

from recsys.errors import CatalogError
from recsys.sources import movies

ITEMS = """item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq
1\tToy Story\t1995\tAnimation Children's Comedy
12\tUsual Suspects, The\t1995\tCrime Thriller
267\tunkonwn\tunkonwn\tunknown
14\tHate (Haine, La)\t1995\tDrama
9\tLand Before Time III (1995)\tV\tAnimation
"""
USERS = """user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token
1\t24\tM\ttechnician\t85711
2\t53\tF\tother\tT8H1N
3\t23\tM\tnone\t00000
"""
RATINGS = """user_id:token\titem_id:token\trating:float\ttimestamp:float
3\t12\t3\t881250949
1\t1\t5\t881250000
2\t12\t4\t881250949
1\t14\t1\t881250001
"""

LINK = "item_id:token\tentity_id:token\n1\tm.toy\n12\tm.usual\n9\tm.land\n"
GRAPH = """head_id:token\trelation_id:token\ttail_id:token
m.toy\tfilm.film.directed_by\tm.lasseter
m.toy\tfilm.film.actor\tm.hanks
m.toy\tfilm.film.award_won\tm.oscar
m.usual\tfilm.film.actor\tm.spacey
m.usual\tfilm.film.actor\tm.spacey
m.other\tfilm.film.actor\tm.hanks
"""


def films(*rows: tuple) -> pd.DataFrame:
    columns = pd.Index(["title", "year", "length", "rating", "votes", "mpaa", "Short"], dtype=object)
    return pd.DataFrame([(*row, 0)[:7] for row in rows], columns=columns).astype({"title": object, "mpaa": object})


FILMS = films(
    ("Usual Suspects, The", 1995, 106, 8.7, 90_000, "R"),
    ("Usual Suspects, The", 1994, 50, 3.0, 99_999, "PG"),
    ("Toy Story", 1995, 81, 7.9, 46_019, np.nan),
    ("Haine, La", 1996, 96, 8.0, 5_714, ""),
)


@pytest.fixture
def wheels(tmp_path):
    """A ratings wheel and a film facts wheel."""
    ratings, facts = tmp_path / "ratings.whl", tmp_path / "films.whl"
    with zipfile.ZipFile(ratings, "w") as archive:
        for kind, text in (("item", ITEMS), ("user", USERS), ("inter", RATINGS), ("link", LINK), ("kg", GRAPH)):
            archive.writestr(f"{movies.RATINGS_PREFIX}.{kind}", text)
    with zipfile.ZipFile(facts, "w") as archive:
        archive.writestr(movies.FILMS_MEMBER, lzma.compress(pickle.dumps(FILMS)))
    return ratings, facts


def test_the_catalog_of_two_wheels(wheels):
    catalog = movies.read(*wheels)
    items = catalog.items
    assert items.index.tolist() == ["1", "12", "267", "14", "9"]
    assert items["title"].tolist() == [
        "Toy Story",
        "The Usual Suspects",
        "Unknown film",
        "Hate (La Haine)",
        "Land Before Time III",
    ]
    assert items["genres"].tolist()[:3] == [("Animation", "Children's", "Comedy"), ("Crime", "Thriller"), ()]
    assert items["tags"].tolist() == items["genres"].tolist()
    np.testing.assert_array_equal(items["year"], [1995, 1995, np.nan, 1995, 1995])
    np.testing.assert_array_equal(items["runtime"], [81, 106, np.nan, 96, np.nan])
    np.testing.assert_array_equal(items["imdb_rating"], [7.9, 8.7, np.nan, 8.0, np.nan])
    np.testing.assert_array_equal(items["imdb_votes"], [46_019, 90_000, np.nan, 5_714, np.nan])
    assert items["age_class"].tolist() == [None, "R", None, None, None]
    assert items["ratings"].tolist() == [1, 2, 0, 1, 0]
    assert set(items["description"]) == {""} and set(items["image"]) == {None}
    assert items["text"].tolist()[1:3] == ["The Usual Suspects (1995). Crime, Thriller", "Unknown film"]
    assert catalog.categories == "genres"
    assert {f.name for f in catalog.facets if f.simulated} == {"in_stock", "price", "sold_in"}


def test_the_film_graph_knows_who_made_a_film_and_nothing_that_comes_later(wheels):
    links = movies.read(*wheels).items["links"]
    assert links.to_dict() == {
        "1": ("actor:m.hanks", "director:m.lasseter"),
        "12": ("actor:m.spacey",),
        "267": (),
        "14": (),
        "9": (),
    }


def test_interactions_keep_the_order_of_the_file(wheels):
    interactions = movies.read(*wheels).interactions
    assert interactions["user_id"].tolist() == ["3", "1", "2", "1"]
    assert interactions["item_id"].tolist() == ["12", "1", "12", "14"]
    assert interactions["rating"].tolist() == [3.0, 5.0, 4.0, 1.0]
    assert interactions["timestamp"].tolist() == [881250949, 881250000, 881250949, 881250001]


def test_users_have_a_region_but_no_zip_code(wheels):
    users = movies.read(*wheels).users
    assert users.index.tolist() == ["1", "2", "3"]
    assert users.loc["1"].tolist() == [24.0, "M", "technician", "Mountain"]
    assert users["region"].tolist() == ["Mountain", "Canada", None]


@pytest.mark.parametrize(
    ("raw", "readable"),
    [
        ("Matrix, The (1999)", "The Matrix"),
        ("Good, The Bad and The Ugly, The", "The Good, The Bad and The Ugly"),
        ("Horseman on the Roof, The (Hussard sur le toit, Le)", "The Horseman on the Roof (Le Hussard sur le toit)"),
        ("Enfer, L'", "L'Enfer"),
        ("Fish Called Wanda, A", "A Fish Called Wanda"),
        ("Seven (Se7en)", "Seven (Se7en)"),
        ("I, Worst of All (Yo, la peor de todas)", "I, Worst of All (Yo, la peor de todas)"),
        ("Paris, Texas", "Paris, Texas"),
        ("To Wong Foo, Thanks for Everything! Julie Newmar", "To Wong Foo, Thanks for Everything! Julie Newmar"),
        ("Á köldum klaka (Cold Fever)", "Á köldum klaka (Cold Fever)"),
        ("unkonwn", "Unknown film"),
    ],
)
def test_titles_read_as_one_says_them(raw, readable):
    assert movies.readable_title(raw) == readable


@pytest.mark.parametrize(
    ("year", "title", "expected"),
    [
        ("1995", "Toy Story", 1995),
        ("V", "Sequel (1996)", 1996),
        ("unkonwn", "unkonwn", math.nan),
        ("", "1941", math.nan),
    ],
)
def test_years(year, title, expected):
    np.testing.assert_equal(movies.year_of(year, title), expected)


@pytest.mark.parametrize(
    ("code", "region"),
    [
        ("02139", "New England"),
        ("10011", "Mid-Atlantic"),
        ("94043", "Pacific"),
        ("T8H1N", "Canada"),
        ("00000", None),
        ("99999", None),
        ("", None),
        ("9404", None),
        ("E1 6AN", None),
    ],
)
def test_regions(code, region):
    assert movies.region_of(code) == region


def test_matching_takes_the_nearest_year_then_the_most_votes():
    facts = films(
        ("Twin, The", 1990, 90, 5.0, 10, ""),
        ("Twin, The", 1991, 91, 5.0, 999, ""),
        ("Twin, The", 1990, 92, 5.0, 20, ""),
        ("Far", 1993, 93, 5.0, 10, ""),
        ("Brief", 1990, 9, 5.0, 10, "", 1),
        ("Amelie & Co", 2001, 94, 5.0, 10, "G"),
    )
    titles = ["Twin, The", "Far", "Brief", "Amélie and Co!", "Twin, The"]
    joined = movies.match_films(titles, [1990, 1991, 1990, 2001, math.nan], facts)
    np.testing.assert_array_equal(joined["runtime"], [92, np.nan, np.nan, 94, np.nan])
    assert joined["age_class"].isna().all()


class Evil:
    def __reduce__(self):
        return os.system, ("exit 1",)


@pytest.mark.parametrize("what", [Evil(), {"df": Evil()}, pd.Timestamp("2020-01-01")])
def test_the_pickle_may_ask_for_tables_only(what):
    with pytest.raises(CatalogError, match="does not need"):
        movies.read_films(lzma.compress(pickle.dumps(what)))


@pytest.mark.parametrize("content", [b"", b"no xz", lzma.compress(b"no pickle"), lzma.compress(pickle.dumps([1]))[:-8]])
def test_damaged_film_facts_are_an_error(content):
    with pytest.raises(CatalogError, match="cannot be read"):
        movies.read_films(content)


def test_film_facts_that_are_no_table_are_an_error():
    with pytest.raises(CatalogError, match="no table of films"):
        movies.read_films(lzma.compress(pickle.dumps([1])))
    with pytest.raises(CatalogError, match="no table of films"):
        movies.read_films(lzma.compress(pickle.dumps(FILMS.drop(columns="votes"))))


def test_a_wheel_without_the_file_is_an_error(wheels, tmp_path):
    with pytest.raises(CatalogError, match="has no readable"):
        movies.read(wheels[1], wheels[1])
    (tmp_path / "torn.whl").write_bytes(b"PK")
    with pytest.raises(CatalogError, match="has no readable"):
        movies.read(wheels[0], tmp_path / "torn.whl")
