"""The real downloads: fetched into the project's own cache where they are not there yet, and counted."""

import numpy as np
import pytest

from recsys.catalog import Catalog
from recsys.errors import CatalogError
from recsys.settings import Settings
from recsys.sources import SOURCES
from recsys.sources.pictures import render_svg, thumbnail
from recsys.where import FacetTable


def loaded(name: str) -> Catalog:
    try:
        return SOURCES[name].load(Settings.from_env())
    except CatalogError as error:
        pytest.skip(f"the data cannot be had here: {error}")


@pytest.fixture(scope="module")
def movies() -> Catalog:
    return loaded("movies")


@pytest.fixture(scope="module")
def clipart() -> Catalog:
    return loaded("clipart")


def test_movies_have_the_published_counts(movies):
    assert (len(movies), len(movies.users), len(movies.interactions)) == (1682, 943, 100_000)
    assert movies.interactions.iloc[0].tolist() == ["196", "242", 3.0, 881250949]
    assert movies.interactions["rating"].mean() == pytest.approx(3.52986)
    assert movies.items["ratings"].sum() == 100_000 and movies.items.loc["50", "ratings"] == 583
    assert movies.items.loc["50", ["title", "year"]].tolist() == ["Star Wars", 1977.0]
    assert set(movies.interactions["item_id"]) == set(movies.items.index)
    assert set(movies.interactions["user_id"]) == set(movies.users.index)
    assert movies.items["genres"].explode().nunique() == 18


def test_movies_find_their_facts(movies):
    assert movies.items["runtime"].notna().sum() == 1505
    assert movies.items["age_class"].value_counts().sum() == 725
    known = movies.items.loc["64"]  # The Shawshank Redemption
    assert (known["title"], known["runtime"], known["age_class"]) == ("The Shawshank Redemption", 142.0, "R")
    assert movies.items["imdb_rating"].dropna().between(1, 10).all()
    # What people rated and what IMDb's users rated agree, which a wrong join would not.
    means = movies.interactions.groupby("item_id")["rating"].mean().reindex(movies.items.index)
    often = (movies.items["ratings"] >= 50) & movies.items["imdb_rating"].notna()
    assert np.corrcoef(means[often], movies.items.loc[often, "imdb_rating"])[0, 1] > 0.85


def test_clip_art_is_each_picture_once(clipart):
    assert len(clipart) == 3224
    assert clipart.items["image"].is_unique
    assert clipart.items.index.str.fullmatch("[a-z0-9-]+").all()
    assert (clipart.items["title"].str.len().between(1, 80)).all()
    assert clipart.items["category"].nunique() == 19
    assert not clipart.items["title"].str.contains("Clipart by|HASH|_", regex=True).any()
    assert not clipart.items["tags"].explode().isin(["hash", "unsorted", "clip art"]).any()


@pytest.mark.parametrize("name", SOURCES)
def test_facet_values_keep_to_what_conditions_can_say(name, request):
    catalog = request.getfixturevalue(name)
    table = FacetTable(catalog)
    for facet in catalog.facets:
        column = catalog.items[facet.name]
        if facet.kind == "number":
            assert column.dtype == np.float64 and np.isfinite(column.dropna()).all()
        elif facet.kind == "flag":
            assert column.dtype == "boolean"
            assert 0 < table.unknown(facet.name) < 0.06 * len(catalog)
        else:
            values = column.explode() if facet.kind == "tags" else column
            values = values[values.map(lambda v: isinstance(v, str))]
            assert len(values) and not values.str.contains(",").any() and (values == values.str.strip()).all()
    assert (catalog.items["text"].str.len() > 0).all()


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_tells_what_it_is_without_reading_anything(name, monkeypatch, tmp_path):
    source = SOURCES[name]
    assert source.name == name and source.label and source.about
    assert source.fingerprint() == source.fingerprint() and len(source.fingerprint()) == 16
    assert source.has_pictures == (name == "clipart")


def test_real_drawings_can_be_drawn(clipart):
    read = SOURCES["clipart"].picture_reader(Settings.from_env())
    drawn = [render_svg(read(path), 112) for path in clipart.items["image"][::100]]
    assert all(image is not None and image.size == (112, 112) for image in drawn)
    assert np.mean([len(thumbnail(image, 112)) for image in drawn]) < 2500
