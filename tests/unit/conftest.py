"""Built versions of the tiny catalog, with people and without."""

from dataclasses import replace

import pandas as pd
import pytest
from lesson_people import ITEMS, RATINGS, TEXT, USERS, many

from recsys.catalog import Catalog, Facet


@pytest.fixture
def with_people(tiny_catalog, make_version):
    """A built tiny catalog with people: `with_people(interactions, users)`."""

    def make(interactions=RATINGS, users=USERS, spaces=None):
        catalog = replace(tiny_catalog, interactions=interactions, users=users)
        return make_version(catalog, spaces or {"text": TEXT}, shard=False)

    return make


@pytest.fixture
def nobody(tiny_catalog, make_version):
    """The same catalog without people."""
    return make_version(tiny_catalog, {"text": TEXT}, shard=False)


@pytest.fixture(scope="module")
def forty(make_version):
    """Forty random people of a shop of the same six items."""
    columns = {"title": ITEMS, "description": "", "tags": [()] * 6, "image": None, "category": list("aabbcc")}
    items = pd.DataFrame(columns, index=pd.Index(ITEMS, name="item_id"))
    interactions, users = many(40)
    facets = (Facet("category", "Category", "category"),)
    catalog = Catalog("forty", "Forty", "", items, facets, "category", "none", "", interactions, users)
    return make_version(catalog, {"text": TEXT}, shard=False)
