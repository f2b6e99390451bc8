"""Intervals of means and of paired differences."""

import numpy as np
import pytest

from recsys.evaluation.significance import band, interval


def test_interval():
    assert interval(np.full(9, 0.25), 0) == (0.25, 0.25)
    low, high = interval(np.random.default_rng(0).normal(0, 1, 10_000), 0)
    assert -0.04 < low < 0 < high < 0.04 and high - low == pytest.approx(2 * 1.96 / 100, rel=0.1)


def test_the_order_of_people_does_not_matter():
    values = np.random.default_rng(1).random(50)
    assert interval(values) == interval(values[::-1])


def test_nobody():
    assert np.isnan(interval(np.array([]))).all()


def test_band_of_a_few_seeds():
    """Student's t by hand: mean 2, standard deviation 1, n = 3, t(0.975, 2) = 4.302653."""
    low, high = band(np.array([1.0, 2.0, 3.0]))
    assert (low, high) == pytest.approx((2 - 4.302653 / np.sqrt(3), 2 + 4.302653 / np.sqrt(3)), abs=1e-6)
    assert band(np.array([0.4])) == (0.4, 0.4)
