"""Made-up facets: the same on every machine, and in the shares that their description states."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from recsys.sources import simulated

IDS = [str(i) for i in range(5000)]


def test_a_draw_is_the_hash_of_what_it_belongs_to():
    # sha256("movies/1/price") begins with 01c2f7b16d7db4fe (sha256sum): 0x01c2f7b16d7db4fe / 2**64
    assert simulated.draw("movies", "1", "price") == int("01c2f7b16d7db4fe", 16) // 2**11 / 2**53


def test_values_are_pinned():
    assert [simulated.in_stock("clipart", i) for i in ("tux", "apple", "bear")] == [True, True, True]
    assert simulated.price("clipart", "tux", 0.5, 9.95) == 6.15
    assert simulated.sold_in("clipart", "tux") == ("Africa", "Europe", "North America", "South America")


def test_the_shares_are_those_described():
    columns = simulated.columns("movies", IDS, 5, 20)
    stock = columns["in_stock"]
    assert stock.dtype == "boolean" and stock.index.tolist() == IDS
    assert abs(stock.isna().mean() - 0.03) < 0.01
    assert abs(stock.dropna().astype(float).mean() - 0.85) < 0.02
    assert columns["price"].dtype == np.float64 and not columns["price"].isna().any()
    assert abs(np.log(columns["price"]).mean() - np.log(10)) < 0.02  # log-uniform: its middle is sqrt(5 * 20)
    for region in simulated.REGIONS:
        assert abs(columns["sold_in"].map(lambda sold, r=region: r in sold).mean() - 0.6) < 0.03


def test_facets_of_an_item_are_independent():
    columns = simulated.columns("movies", IDS, 5, 20)
    table = pd.DataFrame(
        {
            "stock": columns["in_stock"].astype("Float64"),
            "price": columns["price"],
            "asia": columns["sold_in"].map(lambda sold: "Asia" in sold).astype(float),
            "other": simulated.columns("clipart", IDS, 5, 20)["price"],
        }
    ).dropna()
    correlations = table.astype(float).corr().to_numpy() - np.eye(4)
    assert np.abs(correlations).max() < 0.06


@given(st.text(max_size=40), st.floats(0.05, 100), st.floats(1, 50))
def test_bounds_hold_for_any_item(item, low, factor):
    high = low * factor
    assert 0 <= simulated.draw("c", item, "f") < 1
    assert low - 0.0251 <= simulated.price("c", item, low, high) <= high + 0.0251
    sold = simulated.sold_in("c", item)
    assert sold and len(set(sold)) == len(sold) and set(sold) <= set(simulated.REGIONS)
    assert simulated.in_stock("c", item) in (True, False, None)


def test_every_facet_says_that_it_is_made_up():
    assert all(facet.simulated for facet in simulated.FACETS)
    assert [f.name for f in simulated.FACETS] == list(simulated.columns("c", ["a"], 1, 2))
