import numpy as np
import pandas as pd

from recsys.catalog import Catalog, Facet
from recsys.ui.controls import as_csv


def test_cells_hold_whole_years_joined_tags_and_no_formulas(make_version):
    items = pd.DataFrame(
        {
            "title": ["=1+1", "Plain"],
            "description": ["-x", ""],
            "tags": [("a", "b"), ()],
            "image": None,
            "text": "never shown",
            "year": [2005.0, np.nan],
            "price": [1.5, 2.0],
        },
        index=pd.Index(["one", "two"], name="item_id"),
    )
    facets = (
        Facet("tags", "Tags", "tags"),
        Facet("year", "Year", "number"),
        Facet("price", "Price", "number", simulated=True),
    )
    catalog = Catalog("shop", "Shop", "Two items.", items, facets, categories="tags", licence="none")
    version = make_version(catalog, {"text": np.eye(2, dtype=np.float32)}, default_space="text")
    assert as_csv(version, np.array([0, 1])).splitlines() == [
        "item_id,title,description,tags,year,price (simulated)",
        "one,'=1+1,'-x,\"a, b\",2005,1.5",
        "two,Plain,,,,2.0",
    ]
