"""A small shop with people, every kind of space, and items without a picture: a catalog for what follows profiles."""

import numpy as np
import pandas as pd

from recsys.catalog import Catalog, Facet
from recsys.models import create, side_of
from recsys.ratings import read_ratings
from recsys.version import Version

N, PEOPLE, HALF = 60, 30, 6
"""Items, people, and dimensions of the text and of the picture space; the last four items have no picture."""
IDS = [f"i{j:02}" for j in range(N)]


def shop_of(make_version) -> Version:
    """Sixty items, the last ones without a picture; thirty people of fifteen ratings each; every kind of space."""
    rng = np.random.default_rng(4)
    columns = {"title": IDS, "description": "", "tags": [()] * N, "image": None, "category": list("abc") * (N // 3)}
    items = pd.DataFrame(columns, index=pd.Index(IDS, name="item_id"))
    rows = [
        (f"p{person}", IDS[item], float(rng.integers(1, 6)), 880_000_000 + int(rng.integers(10**7)))
        for person in range(PEOPLE)
        for item in rng.choice(N, 15, replace=False)
    ]
    interactions = pd.DataFrame(rows, columns=["user_id", "item_id", "rating", "timestamp"])
    users = pd.DataFrame(
        {"age": rng.integers(15, 70, PEOPLE).astype(float), "gender": "F", "occupation": "artist", "region": "Pacific"},
        index=pd.Index([f"p{j}" for j in range(PEOPLE)], name="user_id"),
    )
    facets = (Facet("category", "Category", "category"),)
    catalog = Catalog("shop", "Shop", "", items, facets, "category", "none", "", interactions, users)
    text, image = (rng.normal(size=(N, HALF)).astype(np.float32) for _ in range(2))
    text, image = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (text, image))
    blend = np.hstack([text, image])
    blend[-4:, HALF:] = text[-4:]
    image[-4:] = 0
    ratings, side = read_ratings(catalog), side_of(catalog, text)
    models = {
        "mf": create("als", factors=6, regularization=1.0, alpha=5.0, iterations=4).fit(ratings, side),
        "two_tower": create("two-tower", dim=8, hidden=8, steps=20, rows=16, targets=3).fit(ratings, side),
    }
    made = make_version(catalog, {"text": text, "image": image, "blend": blend}, models=models, shard=False)
    made.models = models
    return made
