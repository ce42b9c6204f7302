"""Soft occupancy of half-spaces and its adjoint."""

import numpy as np
import pytest

from scatterkit.fitting._plane_kernels import soft_occupancy, soft_occupancy_adjoint
from scatterkit.fitting._planes import box_planes, spread_directions, with_box

BOX = 100.0


def formula(normals, offsets, n, width):
    """The definition, voxel by voxel: clip(1/2 + depth inside the nearest plane / width)."""
    centres = (np.arange(n) + 0.5) * BOX / n - BOX / 2
    z, y, x = np.meshgrid(centres, centres, centres, indexing="ij")
    inside = offsets - np.stack([x, y, z], axis=-1) @ normals.T
    return np.clip(0.5 + inside.min(axis=-1) / width, 0, 1)


@pytest.mark.parametrize("width", [1.0, 4.0, 15.0])
def test_agrees_with_the_definition(width):
    rng = np.random.default_rng(1)
    normals = spread_directions(20)
    offsets = rng.uniform(15, 45, 20)
    volume = soft_occupancy(normals, offsets, 24, BOX, width)
    np.testing.assert_allclose(volume, formula(normals, offsets, 24, width), atol=1e-5)


def test_planes_along_the_axes_give_the_exact_volume():
    normals, _ = box_planes(1.0)
    offsets = np.array([21.3, 33.3, 12.7, 20.1, 31.9, 17.7])
    # a ramp one voxel wide is the exact coverage of a face along the axes; edges differ by a few voxels
    volume = soft_occupancy(normals, offsets, 100, BOX, 1.0).sum()
    assert volume == pytest.approx((21.3 + 20.1) * (33.3 + 31.9) * (12.7 + 17.7), rel=2e-3)


def test_a_body_outside_the_grid_is_empty():
    normals, offsets = box_planes(5.0)
    shifted = offsets + normals @ np.array([500.0, 0.0, 0.0])
    assert not soft_occupancy(normals, shifted, 16, BOX, 5.0).any()


def test_adjoint_is_the_derivative():
    rng = np.random.default_rng(2)
    normals, offsets = with_box(spread_directions(14), rng.uniform(20, 40, 14), 45.0)
    by_volume = rng.normal(size=(20, 20, 20)).astype(np.float32)
    by_normals, by_offsets = soft_occupancy_adjoint(normals, offsets, BOX, 12.0, by_volume)

    def loss(n, d):
        return float(np.vdot(formula(n, d, 20, 12.0), by_volume))

    step = 1e-5
    d_normals, d_offsets = rng.normal(size=normals.shape), rng.normal(size=offsets.shape)
    change = loss(normals + step * d_normals, offsets + step * d_offsets)
    change -= loss(normals - step * d_normals, offsets - step * d_offsets)
    expected = np.vdot(by_normals, d_normals) + np.vdot(by_offsets, d_offsets)
    assert change / (2 * step) == pytest.approx(expected, rel=2e-3)


def test_spread_directions_are_even():
    directions = spread_directions(48)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    nearest = np.sort(directions @ directions.T, axis=1)[:, -2]
    assert np.degrees(np.arccos(nearest)).min() > 15
