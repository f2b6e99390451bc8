"""The exponent of a cost, by hand."""

import numpy as np
import pytest

from recsys.retrieval.growth import fit_exponent, points


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


def test_memory_counts_from_the_fewest_vectors_on():
    # A process of 30 MB, and 512 bytes a vector: 30.5, 32, 40 and 81 MB.
    n, mb = [16_000, 1_000, 4_000, 100_000], [38.192, 30.512, 32.048, 81.2]
    told = points("serving_mb", n, mb)
    assert [more for more, _ in told] == [15_000, 0, 3_000, 99_000]
    assert [value for _, value in told] == pytest.approx([7.68, 0, 1.536, 50.688])
    exponent, error = fit_exponent(*zip(*(pair for pair in told if pair[1] > 0), strict=True))
    assert exponent == pytest.approx(1) and error == pytest.approx(0, abs=1e-6)
    assert points("index_bytes", [1, 2], [5, None]) == [(1, 5), (2, 0)]


def test_memory_that_hardly_grows_is_not_fitted():
    assert points("serving_mb", [10, 20, 30], [36.3, 36.4, 37.2]) == [(0, 0), (10, 0), (20, 0)]
    assert points("peak_mb", [10, 20], [None, None]) == [(0, 0), (0, 0)]
    assert points("peak_mb", [10, 20, 30], [None, 5.0, 9.0]) == [(-10, 0), (0, 0), (10, 4)]
