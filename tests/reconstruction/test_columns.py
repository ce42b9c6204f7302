"""Half-spaces by columns against the fits' kernel and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from network_tools import array, compiled, gradient, tensor

from scatterkit.fitting._plane_kernels import soft_occupancy, soft_occupancy_adjoint
from scatterkit.fitting._planes import box_planes, spread_directions, with_box
from scatterkit.metrics.volumes import entry_depth
from scatterkit.reconstruction._columns import depth_inside, entrance_and_exit, ops

BOX, GRID = 318.75, 24
VOXEL = BOX / GRID


def bodies(k=20, n=2):
    rng = np.random.default_rng(3)
    planes = [with_box(spread_directions(k), rng.uniform(60, 110, k), 0.475 * BOX) for _ in range(n)]
    return tuple(np.stack(part).astype(np.float32) for part in zip(*planes, strict=True))


def occupancy(normals, offsets, candidates=None, width=VOXEL, grid=GRID):
    inside = depth_inside(normals, offsets, grid, BOX, 0.5 * width, candidates)
    return ops.clip(0.5 + inside / width, 0.0, 1.0)


@pytest.mark.parametrize("candidates", [None, 8])
@pytest.mark.parametrize("width", [0.6 * VOXEL, 2 * VOXEL])
def test_occupancy_is_that_of_the_fits(candidates, width):
    normals, offsets = bodies()
    found = array(occupancy(tensor(normals), tensor(offsets), candidates, width))
    for volume, *planes in zip(found, normals, offsets, strict=True):
        expected = soft_occupancy(*(p.astype(np.float64) for p in planes), GRID, BOX, width)
        np.testing.assert_allclose(volume, expected, atol=1e-5)


@pytest.mark.parametrize("candidates", [None, 8])
def test_gradients_are_those_of_the_fits(candidates):
    normals, offsets = bodies(n=1)
    by_volume = np.random.default_rng(0).normal(size=(1, GRID, GRID, GRID)).astype(np.float32)
    found = (
        gradient(lambda n: occupancy(n, tensor(offsets), candidates), normals, by_volume)[0],
        gradient(lambda d: occupancy(tensor(normals), d, candidates), offsets, by_volume)[0],
    )
    planes = (p[0].astype(np.float64) for p in (normals, offsets))
    expected = soft_occupancy_adjoint(*planes, BOX, VOXEL, by_volume[0])
    for own, fits in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, fits, atol=1e-5 * np.abs(fits).max())


def test_compiled_equals_eager():
    normals, offsets = bodies(n=1)

    def of_offsets(d):
        return occupancy(tensor(normals), d, 6)

    np.testing.assert_allclose(compiled(of_offsets, offsets), array(of_offsets(tensor(offsets))), atol=1e-5)


def test_few_candidates_keep_the_sign():
    normals, offsets = (tensor(part) for part in bodies(60, 1))
    every, few = (array(depth_inside(normals, offsets, GRID, BOX, 0.5 * VOXEL, c)) for c in (None, 1))
    assert (few >= every - 1e-3).all()
    clear = np.abs(every) > VOXEL
    assert ((few > 0) == (every > 0))[clear].mean() > 0.99
    assert array(depth_inside(normals, offsets, GRID, BOX, 0.5 * VOXEL, 99)).tolist() == every.tolist()


def test_a_cube_along_the_axes():
    normals, offsets = (part[None].astype(np.float32) for part in box_planes(75.0))
    offsets = offsets + normals @ np.array([10.0, -20.0, 30.0], dtype=np.float32)
    volume = array(occupancy(tensor(normals), tensor(offsets)))[0]
    # a ramp one voxel wide is the exact coverage of a face along the axes; edges differ by less than a voxel each
    assert volume.sum() * VOXEL**3 == pytest.approx(150.0**3, rel=0.01)
    first, last = (array(part)[0] for part in entrance_and_exit(tensor(normals), tensor(offsets), GRID, BOX))
    middle = GRID // 2
    assert first[middle, middle] == pytest.approx(30 - 75, abs=1e-3)
    assert last[middle, middle] == pytest.approx(30 + 75, abs=1e-3)
    assert ((first < last) == (volume.max(axis=0) > 0.5)).all()


def test_entrance_of_a_ball_of_many_planes():
    normals = spread_directions(2000)[None].astype(np.float32)
    first, last = entrance_and_exit(tensor(normals), tensor(np.full((1, 2000), 80.0)), GRID, BOX)
    across = (np.arange(GRID) + 0.5) * VOXEL - BOX / 2
    height = np.sqrt(np.maximum(80.0**2 - across**2 - across[:, None] ** 2, 0))
    inside = height > 20
    np.testing.assert_allclose(array(first)[0][inside], -height[inside], atol=0.6)
    np.testing.assert_allclose(array(last)[0][inside], height[inside], atol=0.6)


def test_entrance_is_where_the_volume_begins():
    normals, offsets = bodies(n=1)
    volume = array(occupancy(tensor(normals), tensor(offsets), width=0.2 * VOXEL, grid=64))[0]
    first, last = (array(part)[0] for part in entrance_and_exit(tensor(normals), tensor(offsets), 64, BOX))
    inside = last - first > 30
    assert inside.sum() > 100
    found = entry_depth(volume)[inside] * BOX / 64 - BOX / 2
    np.testing.assert_allclose(found, first[inside], atol=0.55 * BOX / 64)


def test_gradients_stay_finite_beside_upright_planes():
    sides, offsets = (part.astype(np.float32) for part in box_planes(80.0))
    sides[0] = (1, 0, 1e-12)

    def depths(d):
        first, last = entrance_and_exit(tensor(sides[None]), d, 8, BOX)
        return ops.clip(first, -150.0, 150.0) + ops.clip(last, -150.0, 150.0)

    assert np.isfinite(gradient(depths, offsets[None])).all()
