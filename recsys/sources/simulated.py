"""Facets that the data do not have, so that business rules have something to filter by: made up, but always the same.

A value depends on nothing but the catalog's name, the item's id and the facet's name: the first 64 bits of
sha256("catalog/item_id/facet") divided by 2**64 are the item's number u in [0, 1), and each facet is a function of u.
"""

import hashlib
from collections.abc import Sequence

import pandas as pd

from recsys.catalog import Facet

REGIONS = ("Africa", "Asia", "Europe", "North America", "Oceania", "South America")

SHARE_UNKNOWN = 0.03
SHARE_IN_STOCK = 0.85  # of the known
SHARE_SOLD = 0.6  # of the items, a region
PRICE_STEP = 0.05


def draw(catalog: str, item_id: str, facet: str) -> float:
    """An item's number for a facet: uniform on [0, 1), the same on every machine."""
    digest = hashlib.sha256(f"{catalog}/{item_id}/{facet}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53  # 53 bits: what a float holds without rounding up to 1


def in_stock(catalog: str, item_id: str) -> bool | None:
    """Unknown for 3% of the items, else in stock for 85% of them."""
    u = draw(catalog, item_id, "in_stock")
    if u < SHARE_UNKNOWN:
        return None
    return (u - SHARE_UNKNOWN) / (1 - SHARE_UNKNOWN) < SHARE_IN_STOCK


def price(catalog: str, item_id: str, low: float, high: float) -> float:
    """Log-uniform between two prices, in steps of 5 cents: low * (high / low) ** u."""
    raw = low * (high / low) ** draw(catalog, item_id, "price")
    return round(round(raw / PRICE_STEP) * PRICE_STEP, 2)


def sold_in(catalog: str, item_id: str) -> tuple[str, ...]:
    """Each region with a chance of 60%, independently; where all six say no, the one that came closest."""
    draws = {region: draw(catalog, item_id, f"sold_in/{region}") for region in REGIONS}
    sold = tuple(region for region, u in draws.items() if u < SHARE_SOLD)
    return sold or (min(draws, key=draws.__getitem__),)


def columns(catalog: str, item_ids: Sequence[str], low: float, high: float) -> dict[str, pd.Series]:
    """The simulated columns of a catalog's items, in their order.

    Args:
        catalog: the catalog's name.
        item_ids: its items.
        low: lowest price, dollars.
        high: highest price, dollars.

    Returns:
        `in_stock` (nullable boolean), `price` (float64) and `sold_in` (tuples of str) by name, indexed by item.
    """
    values = {
        "in_stock": pd.array([in_stock(catalog, i) for i in item_ids], dtype="boolean"),
        "price": pd.array([price(catalog, i, low, high) for i in item_ids], dtype="float64").to_numpy(),
        "sold_in": pd.array([sold_in(catalog, i) for i in item_ids], dtype=object),
    }
    return {name: pd.Series(column, index=list(item_ids)) for name, column in values.items()}


FACETS = (
    Facet("in_stock", "In stock", "flag", simulated=True, note="Made up by us; unknown for about 3% of the items."),
    Facet("price", "Price", "number", simulated=True, unit="$", note="Made up by us."),
    Facet("sold_in", "Sold in", "tags", simulated=True, note="Made up by us: each region with a chance of 60%."),
)
