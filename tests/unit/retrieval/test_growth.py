"""The exponent of a cost, by hand."""

import numpy as np
import pytest

from recsys.retrieval.growth import fit_exponent


def test_a_law_without_noise():
    exponent, error = fit_exponent([10, 100, 1000, 10_000], [3, 30, 300, 3000])
    assert exponent == pytest.approx(1) and error == pytest.approx(0, abs=1e-12)
    assert fit_exponent([1, 4, 16], [5, 10, 20])[0] == pytest.approx(0.5)


def test_by_hand():
    # log2 n = 0, 1, 2 and log2 cost = 0, 2, 1: the slope is (-1 * -1 + 0 + 1 * 0) / 2 = 1/2; residuals -1/2, 1, -1/2,
    # so the squared error is (3/2) / (3 - 2) / 2 = 3/4.
    assert fit_exponent([1, 2, 4], [1, 4, 2]) == pytest.approx((0.5, np.sqrt(0.75)))


@pytest.mark.parametrize(
    ("n", "cost"), [([1, 2], [1, 2]), ([1, 2, 3], [1, 2]), ([1, 2, 3], [1, 0, 2]), ([5, 5, 5], [1, 2, 3]),
                    ([1, 2, 3], [1, np.nan, 2]), ([1, 2, 0], [1, 1, 2])]
)  # fmt: skip
def test_what_tells_no_exponent(n, cost):
    with pytest.raises(ValueError, match="expected"):
        fit_exponent(n, cost)
