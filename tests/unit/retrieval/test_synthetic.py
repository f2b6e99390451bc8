"""Grown vectors are like the real ones as far as is said, the same for one seed, and none is a query."""

import numpy as np
import pytest

from recsys.retrieval.synthetic import BLOCK, bandwidth, grow, reduced, spread, synthetic_queries


@pytest.fixture(scope="module")
def real():
    """300 vectors in 12 clusters that vary along 6 of 16 directions, at unit length."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((12, 6))[rng.integers(12, size=300)] + 0.3 * rng.standard_normal((300, 6))
    vectors = (vectors + 1) @ rng.standard_normal((6, 16)) + 0.05 * rng.standard_normal((300, 16))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def nearest_distances(vectors):
    """To the nearest other one, of each: (n,)."""
    distances = np.linalg.norm(vectors[:, None].astype(np.float64) - vectors[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return distances.min(axis=1)


def test_covariance_and_mean_stay(real):
    grown = grow(real * 3, 40_000, seed=1, unit=False, h=0.7)
    np.testing.assert_allclose(grown.mean(axis=0), 3 * real.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(np.cov(grown.T), np.cov(3 * real.T), atol=0.03)


def test_neighbours_are_as_near_as_the_real_ones(real):
    h = bandwidth(real, unit=True)
    grown = grow(real, len(real), seed=5, unit=True, h=h)
    assert np.median(nearest_distances(grown)) == pytest.approx(np.median(nearest_distances(real)), rel=0.15)
    assert np.median(nearest_distances(grow(real, 300, 5, True, h / 3))) < np.median(nearest_distances(real)) / 1.5


def test_shape_length_and_seed(real):
    one, same, other = (grow(real, BLOCK + 5, seed, unit=True, h=0.4) for seed in (1, 1, 2))
    assert one.shape == (BLOCK + 5, 16) and one.dtype == np.float32
    assert (one == same).all() and (one != other).any(axis=1).all()
    np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, atol=1e-6)
    assert np.ptp(np.linalg.norm(grow(real, 50, 1, unit=False, h=0.4), axis=1)) > 0.1


def test_no_query_is_an_item(real):
    items, queries = grow(real, 3000, 7, True, 0.4), synthetic_queries(real, 200, 7, True, 0.4)
    assert queries.shape == (200, 16)
    assert not {row.tobytes() for row in items} & {row.tobytes() for row in queries}
    assert not {row.tobytes() for row in real} & {row.tobytes() for row in items}
    assert (synthetic_queries(real, 200, 7, True, 0.4) == queries).all()


@pytest.mark.parametrize(("n", "h"), [(0, 0.5), (5, 0.0), (5, np.inf)])
def test_arguments_out_of_range(real, n, h):
    with pytest.raises(ValueError, match="expected n of 1 or more and h above 0"):
        grow(real, n, 0, True, h)


def test_vectors_without_any_spread():
    with pytest.raises(ValueError, match="expected vectors that differ"):
        grow(np.ones((5, 3), dtype=np.float32), 10, 0, unit=False)
    with pytest.raises(ValueError, match="expected vectors that differ"):
        grow(np.ones((1, 3), dtype=np.float32), 10, 0, unit=False)
    with pytest.raises(ValueError, match="two vectors or more"):
        spread(np.ones((1, 3), dtype=np.float32))


def test_fewer_dimensions_keep_dot_products_where_they_can(real):
    np.testing.assert_allclose(reduced(real, 16, True), real, atol=1e-6)
    flat = np.zeros((40, 9), dtype=np.float32)
    flat[:, 2:5] = np.random.default_rng(0).standard_normal((40, 3))
    np.testing.assert_allclose(reduced(flat, 3, False) @ reduced(flat, 3, False).T, flat @ flat.T, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(reduced(real, 4, True), axis=1), 1, atol=1e-6)
    for dims in (0, 17):
        with pytest.raises(ValueError, match="expected dims from 1 to 16"):
            reduced(real, dims, True)


@pytest.mark.parametrize("dims", [1, 2, 5])
def test_the_intrinsic_dimension_of_a_cube(dims):
    rng = np.random.default_rng(1)
    vectors = rng.random((1500, dims)) @ np.linalg.qr(rng.standard_normal((20, 20)))[0][:dims] + 3
    told = spread(vectors.astype(np.float32))
    assert told["dimension"] == pytest.approx(dims, rel=0.15) and told["explained"] == pytest.approx(1, abs=1e-3)


def test_spread_by_hand():
    # Nearest by distance: 0 and 1 each other (cosine 1/sqrt 2), 2 is nearer to 1 (cosine 0) than to 0.
    vectors = np.array([[1, 0], [1, 1], [-1, 1]], dtype=np.float32)
    assert spread(vectors)["neighbour"] == pytest.approx(np.sqrt(0.5), abs=1e-4)
    assert spread(np.ones((30, 3), dtype=np.float32)) == {"neighbour": 1.0, "explained": 0.0, "dimension": None}


def test_copies_do_not_count_as_a_dimension():
    rng = np.random.default_rng(1)
    cube = rng.random((1500, 3))
    told = spread(np.vstack([cube, cube[:700]]).astype(np.float32))
    assert told["dimension"] == pytest.approx(3, rel=0.2)
