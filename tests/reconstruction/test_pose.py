"""The canonical pose: equal for shifted bodies, and without a trace in the pattern."""

from __future__ import annotations

import numpy as np
import pytest
from network_tools import array, tensor

from scatterkit.fitting._plane_kernels import soft_occupancy
from scatterkit.fitting._planes import box_limit, spread_directions, with_box
from scatterkit.metrics import scatter_loss
from scatterkit.reconstruction import canonical_pose, canonical_shift, front_surface
from scatterkit.simulation import MSFTSimulator

BOX, GRID = 318.75, 32
VOXEL = BOX / GRID
NORMALS = spread_directions(16)
OFFSETS = np.random.default_rng(5).uniform(40, 70, 16)


def volume(shift=(0.0, 0.0, 0.0), grid=GRID):
    planes = with_box(NORMALS, OFFSETS + NORMALS @ np.array(shift), box_limit(BOX))
    return soft_occupancy(*planes, grid, BOX, BOX / grid)[None]


def test_apex_and_centroid_are_where_they_belong():
    posed = canonical_pose(volume((35.0, -20.0, 12.0)), BOX, whole_voxels=False)
    entrance, silhouette = front_surface(posed, BOX)
    assert entrance.min() == pytest.approx(-box_limit(BOX), abs=0.3 * VOXEL)
    np.testing.assert_allclose(canonical_shift(posed, BOX)[0, :2], 0, atol=0.02 * VOXEL)
    assert posed.sum() == pytest.approx(volume().sum(), rel=1e-3)
    assert silhouette.shape == (1, GRID, GRID)


def test_shift_of_planes_is_the_shift_of_the_volume():
    here, there = np.zeros(3), np.array([35.0, -20.0, 12.0])
    shifts = [canonical_shift(volume(tuple(where)), BOX)[0] for where in (here, there)]
    np.testing.assert_allclose(shifts[0] - shifts[1], there - here, atol=0.1 * VOXEL)


def test_bodies_whole_voxels_apart_become_equal():
    one = volume()
    other = np.roll(one, (3, -2, 1), axis=(1, 2, 3))
    poses = [canonical_pose(v, BOX) for v in (one, other)]
    np.testing.assert_allclose(poses[0], poses[1], atol=1e-6)
    assert set(np.unique(np.round(poses[0], 5))) == set(np.unique(np.round(one, 5)))


def test_the_pattern_stays():
    simulator = MSFTSimulator()
    before, after = (simulator.transform(v) for v in (volume(), canonical_pose(volume(), BOX)))
    assert scatter_loss(before, after)[0] < 1e-6


def test_tensors_give_what_arrays_give():
    given = np.concatenate(
        [volume(), volume((20.0, 5.0, -30.0)), np.zeros((1, GRID, GRID, GRID), np.float32)]
    )
    for whole in (True, False):
        expected = canonical_pose(given, BOX, whole_voxels=whole)
        found = canonical_pose(tensor(given), BOX, whole_voxels=whole)
        assert expected.dtype == np.float32
        np.testing.assert_allclose(array(found), expected, atol=1e-5)
    np.testing.assert_array_equal(canonical_shift(given, BOX)[2], 0)
    assert not canonical_pose(given, BOX)[2].any()


def test_refusals():
    with pytest.raises(ValueError, match="'box' parameter of canonical_shift must be"):
        canonical_shift(volume(), -1)
    with pytest.raises(ValueError, match="'whole_voxels' parameter of canonical_pose must be"):
        canonical_pose(volume(), BOX, whole_voxels="yes")
