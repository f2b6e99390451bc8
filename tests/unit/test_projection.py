"""The map keeps neighbours, is the same for the same seed, and new points land among their neighbours."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys import projection
from recsys.projection import fit_map, inside, knn_exact, place


def clusters(per_cluster: int = 20, count: int = 6, dims: int = 16, spread: float = 0.25, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(count, dims))
    noise = spread * rng.normal(size=(count * per_cluster, dims))
    return (np.repeat(centres, per_cluster, axis=0) + noise).astype(np.float32)


@pytest.fixture(scope="module")
def fitted() -> tuple[np.ndarray, np.ndarray]:
    vectors = clusters()
    return vectors, fit_map(vectors, dims=2, seed=0)


def nearest_on_map(coords: np.ndarray, k: int) -> np.ndarray:
    """By sorting all distances: an oracle that shares no code with the module."""
    distances = ((coords[:, None] - coords[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    return distances.argsort(axis=1)[:, :k]


def test_neighbours_of_four_directions_by_hand():
    vectors = np.array([[1, 0], [3, 0], [1, 1], [-1, 5]], dtype=np.float32)
    idx, dist = knn_exact(vectors, 3)
    assert idx[:, 0].tolist() == [0, 1, 2, 3] and idx[:2, 1].tolist() == [1, 0] and idx[3, 1] == 2
    slant, far = 1 - 1 / 2**0.5, 1 - 4 / 52**0.5
    np.testing.assert_allclose(
        dist,
        [[0, 0, slant], [0, 0, slant], [0, slant, slant], [0, far, 1 + 1 / 26**0.5]],
        atol=1e-6,
    )


def test_neighbours_agree_with_sorting_everything():
    vectors = clusters(400, 6)  # more rows than one block
    idx, dist = knn_exact(vectors, 15)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for row in (0, 7, 1023, 1024, len(vectors) - 1):
        cosines = units @ units[row]
        assert idx[row, 0] == row and dist[row, 0] == 0
        np.testing.assert_allclose(dist[row], np.sort(np.r_[0, 1 - np.delete(cosines, row)])[:15], atol=1e-5)
        np.testing.assert_allclose(1 - cosines[idx[row]], dist[row], atol=1e-5)


@pytest.mark.parametrize("k", [0, 5])
def test_more_neighbours_than_rows_are_refused(k):
    with pytest.raises(ValueError, match="expected k in 1 ... 4"):
        knn_exact(np.eye(4), k)


def test_the_same_seed_gives_the_same_map(fitted):
    vectors, coords = fitted
    np.testing.assert_array_equal(fit_map(vectors, dims=2, seed=0), coords)


def test_the_map_keeps_neighbours_and_its_frame(fitted):
    vectors, coords = fitted
    assert coords.dtype == np.float32 and coords.shape == (120, 2)
    extent = coords.max(axis=0) - coords.min(axis=0)
    np.testing.assert_allclose(extent.max(), 2, atol=1e-4)
    np.testing.assert_allclose(coords.max(axis=0), -coords.min(axis=0), atol=1e-4)
    true = knn_exact(vectors, 16)[0][:, 1:]
    shown = nearest_on_map(coords, 15)
    kept = np.mean([len(set(a) & set(b)) / 15 for a, b in zip(true, shown, strict=True)])
    assert kept > 0.6  # chance is 15 / 119 = 0.13


def test_three_dimensions():
    coords = fit_map(clusters(8, 3), dims=3)
    assert coords.shape == (24, 3) and np.isfinite(coords).all() and np.ptp(coords, axis=0).min() > 0


@pytest.mark.parametrize("dims", [1, 4])
def test_other_dimensions_are_refused(dims):
    with pytest.raises(ValueError, match="expected 2 or 3"):
        fit_map(np.eye(4), dims=dims)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 14, 15, 16])
def test_small_catalogs_have_a_map(n, dims):
    coords = fit_map(np.random.default_rng(1).normal(size=(n, 8)), dims=dims)
    assert coords.shape == (n, dims) and np.isfinite(coords).all() and (np.abs(coords) <= 1).all()
    if n == 1:
        assert coords.tolist() == [[0.0] * dims]
    if n == 2:
        np.testing.assert_allclose(np.abs(coords[:, 0]), [1, 1])
        np.testing.assert_allclose(coords[:, 1:], 0, atol=1e-6)
    if n > 2:
        assert len(np.unique(coords, axis=0)) == n


def test_three_points_at_equal_angles_form_an_equilateral_triangle():
    coords = fit_map(np.eye(3))
    sides = [np.linalg.norm(coords[a] - coords[b]) for a, b in ((0, 1), (1, 2), (2, 0))]
    np.testing.assert_allclose(sides, sides[0], rtol=1e-4)


@pytest.mark.parametrize("n", [5, 40])
def test_duplicates_have_a_map(n):
    coords = fit_map(np.ones((n, 4)))
    assert coords.shape == (n, 2) and np.isfinite(coords).all()


def test_groups_without_any_connection_have_a_map():
    vectors = np.repeat(np.eye(3), 20, axis=0) + 0.01 * np.random.default_rng(0).normal(size=(60, 3))
    coords = fit_map(vectors)
    assert np.isfinite(coords).all()
    shown = nearest_on_map(coords, 5) // 20
    assert (shown == (np.arange(60) // 20)[:, None]).mean() > 0.95


def test_items_without_a_vector_have_no_place_and_disturb_nobody(fitted):
    vectors, coords = fitted
    holed = np.insert(vectors, [0, 50, 120], 0, axis=0)
    again = fit_map(holed)
    absent = ~holed.any(axis=1)
    assert absent.sum() == 3 and np.isnan(again[absent]).all()
    np.testing.assert_array_equal(again[~absent], coords)


def test_more_points_than_umap_fits_are_placed():
    vectors = clusters(40, 5)
    coords = fit_map(vectors, max_fit=80)
    assert np.isfinite(coords).all()
    np.testing.assert_array_equal(coords, fit_map(vectors, max_fit=80))
    assert (nearest_on_map(coords, 5) // 40 == (np.arange(200) // 40)[:, None]).mean() > 0.9


def test_a_duplicate_lands_next_to_its_item(fitted):
    vectors, coords = fitted
    placed = place(3 * vectors, vectors, coords)  # length does not matter
    distances = np.linalg.norm(placed - coords, axis=1)
    assert np.median(distances) < 0.03 and distances.max() < 0.1  # the map is 2 wide


def test_the_median_of_a_known_set_of_points():
    vectors = np.tile([1.0, 0.0], (5, 1))  # all equally near, so all weigh the same
    coords = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]])
    np.testing.assert_allclose(place([[2.0, 0.0]], vectors, coords), [[0.5, 0.5]], atol=1e-3)


def test_one_neighbour_that_lies_far_off_does_not_pull_the_point_away():
    vectors = np.tile([1.0, 0.0], (9, 1))
    coords = np.zeros((9, 2))
    coords[:, 0] = np.linspace(-0.04, 0.04, 9)
    straight = place([[1.0, 0.0]], vectors, coords)
    coords[8] = [1000.0, 1000.0]
    moved = place([[1.0, 0.0]], vectors, coords)
    assert np.linalg.norm(moved - straight) < 0.02  # the mean would move by 157


def test_nearer_neighbours_weigh_more():
    vectors, coords = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[-1.0, 0.0], [1.0, 0.0]])
    placed = place([[1.0, 0.1], [0.1, 1.0]], vectors, coords)
    np.testing.assert_allclose(placed, coords, atol=1e-3)


def test_what_cannot_be_placed_is_nan():
    vectors = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    coords = np.array([[0.2, 0.3], [np.nan, np.nan], [np.nan, np.nan]])
    placed = place([[0.0, 0.0], [0.0, 1.0]], vectors, coords)
    assert np.isnan(placed[0]).all()
    np.testing.assert_allclose(placed[1], [0.2, 0.3], atol=1e-6)
    assert np.isnan(place([[1.0, 0.0]], np.zeros((2, 2)), np.zeros((2, 2)))).all()
    assert place(np.empty((0, 2)), vectors, coords).shape == (0, 2)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_a_point_is_placed_within_the_box_of_the_items(n, m, seed):
    rng = np.random.default_rng(seed)
    vectors, coords = rng.normal(size=(n, 4)), rng.uniform(-1, 1, size=(n, 3)).astype(np.float32)
    placed = place(rng.normal(size=(m, 4)), vectors, coords)
    assert (placed >= coords.min(axis=0) - 1e-4).all() and (placed <= coords.max(axis=0) + 1e-4).all()


def test_placing_does_not_import_umap():
    code = (
        "import sys, numpy as np; from recsys.projection import place; place(np.eye(3), np.eye(3), np.eye(3)[:, :2]);"
        "print(sorted({'umap', 'numba', 'sklearn', 'torch'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_far_islands_are_pulled_in_and_keep_their_order():
    from recsys.projection import _gathered

    radii = np.array([0.0, 1, 1, 1, 1, 1, 1, 1, 5, 50])
    layout = np.stack([radii, np.zeros_like(radii)], axis=1)
    out = np.linalg.norm(_gathered(layout + 7.0), axis=1)
    inner = np.linalg.norm(layout - np.median(layout, axis=0), axis=1)
    near = inner <= np.quantile(inner, 0.75)
    np.testing.assert_allclose(out[near], inner[near])
    assert (np.diff(out[np.argsort(inner, kind="stable")]) >= -1e-12).all()
    assert out.max() < 10 < inner.max()


def test_very_many_points_are_placed_among_a_part_of_the_fitted_ones(monkeypatch):
    """Three tight groups: wherever the fitted points of a group lie, all of its others come to lie there too."""
    monkeypatch.setattr(projection, "MANY", 100)
    monkeypatch.setattr(projection, "ANCHORS", 60)
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(3), 200)
    vectors = (np.eye(3, 8)[groups] + 0.02 * rng.normal(size=(600, 8))).astype(np.float32)
    told: list[int] = []
    coords = fit_map(vectors, 2, max_fit=90, progress=lambda done, total, what: told.append(total))
    centres = np.array([np.median(coords[groups == g], axis=0) for g in range(3)])
    nearest = np.linalg.norm(coords[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == groups).all() and np.isfinite(coords).all() and 510 in told


def test_inside_a_polygon_with_a_notch():
    #  The notch is a triangle from the top edge down to the middle.
    polygon = np.array([[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]], dtype=float)
    points = np.array([[2, 0.5], [2, 3], [0.5, 3], [3.5, 3], [5, 1], [-1, 1], [2, 5], [np.nan, 1]])
    assert inside(points, polygon).tolist() == [True, False, True, True, False, False, False, False]
    assert not inside(points, np.empty((0, 2))).any()


def test_inside_agrees_with_half_planes_on_random_triangles():
    draw = np.random.default_rng(3)
    points = draw.normal(size=(500, 2))
    for _ in range(50):
        corners = draw.normal(size=(3, 2))
        edges = np.roll(corners, -1, axis=0) - corners
        away = points[:, None] - corners[None]
        sides = edges[:, 0] * away[..., 1] - edges[:, 1] * away[..., 0]
        assert np.array_equal(inside(points, corners), (sides > 0).all(axis=1) | (sides < 0).all(axis=1))
