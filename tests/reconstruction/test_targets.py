"""What losses compare bodies with, made of half-spaces and of volumes: the same bodies in the same pose."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from scatterkit.reconstruction import (
    canonical_pose,
    canonical_shift,
    canonical_shift_of_planes,
    front_surface,
)
from scatterkit.reconstruction.training._targets import targets_for
from scatterkit.reconstruction.views import View
from scatterkit.solids import HalfSpaceSampler, Rasterizer, Solid

BOX, GRID, VOXEL = 320.0, 64, 5.0
LIMIT = 0.475 * BOX
ALL = [View(*(bool(i & bit) for bit in (1, 2, 4))) for i in range(8)]


def cuboid(half=(40.0, 20.0, 30.0), middle=(10.0, -15.0, 25.0)):
    """Half-spaces of a cuboid along the axes, and two that it does not need."""
    middle, half = np.array(middle), np.array(half)
    normals = np.vstack([np.eye(3), -np.eye(3), [[0, 0, 1]] * 2])
    offsets = np.concatenate([half + middle, half - middle, [1e4, 1e4]])
    return normals[None].astype(np.float32), offsets[None].astype(np.float32)


def halfspaces(solids):
    """Half-spaces of bodies, as many for each."""
    most = max(len(solid.offsets) for solid in solids)
    normals = np.zeros((len(solids), most, 3), np.float32) + np.array([0, 0, 1], np.float32)
    offsets = np.full((len(solids), most), 1e4, np.float32)
    for solid, n, d in zip(solids, normals, offsets, strict=True):
        n[: len(solid.offsets)], d[: len(solid.offsets)] = solid.normals, solid.offsets
    return normals, offsets


def made(wanted, given, posed=True, grid=GRID):
    targets = targets_for(wanted, given, grid=grid, box=BOX, posed=posed)
    return {name: np.asarray(value) for name, value in targets.items()}


def bodies(n=12, seed=0):
    return HalfSpaceSampler(random_state=seed, size=(40, 110)).sample(n)


def test_a_cuboid_is_posed_exactly():
    normals, offsets = cuboid()
    assert np.allclose(canonical_shift_of_planes(normals, offsets, BOX), [[-10, 15, 5 - LIMIT]], atol=1e-3)


def test_an_apex_between_columns_is_found():
    """The lowest corner of turned cubes, which vertices tell exactly; columns alone miss it by up to 3 nm."""
    turns = Rotation.random(20, rng=np.random.default_rng(0)).as_matrix()
    solids = [Solid.from_catalogue("cube", circumradius=80).shift([1.3, -2.1, 7.0]) for _ in turns]
    normals, offsets = halfspaces(solids)
    normals = np.einsum("nij,nkj->nki", turns, normals).astype(np.float32)
    apex = [(solid.vertices @ turn.T)[:, 2].min() for solid, turn in zip(solids, turns, strict=True)]
    shift = canonical_shift_of_planes(normals, offsets, BOX)
    assert abs(-LIMIT - shift[:, 2] - apex).max() < 0.8


def test_half_spaces_and_volumes_have_the_same_pose():
    solids = bodies()
    shift = canonical_shift_of_planes(*halfspaces(solids), BOX)
    by_volume = canonical_shift(Rasterizer(GRID, box=BOX).transform(solids), BOX)
    assert abs(shift - by_volume)[:, :2].max() < 0.2 * VOXEL
    assert abs(shift - by_volume)[:, 2].max() < 0.8 * VOXEL  # volumes see no tip that is thinner than a voxel


def test_bodies_that_no_column_meets_stay():
    normals, offsets = cuboid(middle=(500.0, 0.0, 0.0))
    assert np.array_equal(canonical_shift_of_planes(normals, offsets, BOX), [[0, 0, 0]])


def test_surfaces_of_a_cuboid():
    normals, offsets = cuboid()
    given = {"normals": normals, "offsets": offsets}
    entrance, leaving = made(["surface"], given, posed=False)["surface"][0]
    centres = (np.arange(GRID) + 0.5) * VOXEL - BOX / 2
    inside = (abs(centres + 15) < 20)[:, None] & (abs(centres - 10) < 40)
    assert np.array_equal(leaving > entrance, inside)
    assert np.allclose(entrance[inside], -5, atol=1e-3)
    assert np.allclose(leaving[inside], 55, atol=1e-3)
    entrance, leaving = made(["surface"], given)["surface"][0]
    assert np.allclose(entrance[leaving > entrance], -LIMIT, atol=1e-3)
    assert np.allclose((leaving - entrance)[leaving > entrance], 60, atol=1e-3)
    assert (leaving > entrance).sum() == 16 * 8
    assert np.isfinite(leaving - entrance).all()
    assert abs(entrance).max() <= BOX / 2 + 1e-3


@pytest.mark.parametrize("posed", [False, True])
def test_surfaces_by_both_ways_agree(posed):
    solids = bodies()
    if posed:  # by half a voxel at most volumes stay behind: here none is left over
        shifts = np.round(canonical_shift(Rasterizer(GRID, box=BOX).transform(solids), BOX) / VOXEL) * VOXEL
        solids = [solid.shift(shift) for solid, shift in zip(solids, shifts, strict=True)]
    volumes = Rasterizer(GRID, box=BOX).transform(solids)
    normals, offsets = halfspaces(solids)
    by_planes = made(["surface"], {"normals": normals, "offsets": offsets}, posed=False)["surface"]
    by_volumes = made(["surface"], {"volume": volumes}, posed=posed)["surface"]
    thick = (by_planes[:, 1] - by_planes[:, 0] > 4 * VOXEL) & (by_volumes[:, 1] > by_volumes[:, 0])
    assert thick.mean() > 0.05
    assert np.median(abs(by_planes - by_volumes).max(axis=1)[thick]) < 0.2 * VOXEL
    empty = ~(volumes >= 0.5).any(axis=1)
    assert np.allclose((by_volumes[:, 1] - by_volumes[:, 0])[empty], -BOX)
    assert (by_planes[:, 1] <= by_planes[:, 0] + VOXEL)[empty].mean() > 0.99


@pytest.mark.parametrize("grid", [16, 64])
def test_volumes_of_half_spaces_are_those_of_the_rasterizer(grid):
    solids = bodies(6)
    normals, offsets = halfspaces(solids)
    volumes = made(["volume"], {"normals": normals, "offsets": offsets}, posed=False, grid=grid)["volume"]
    exact = Rasterizer(grid, box=BOX).transform(solids)
    assert volumes.shape == exact.shape
    assert abs(volumes.sum() / exact.sum() - 1) < 0.04
    assert np.sqrt(((volumes - exact) ** 2).mean()) < 0.03 * np.sqrt(GRID / grid)
    posed = made(["volume"], {"normals": normals, "offsets": offsets}, grid=grid)["volume"]
    assert abs(canonical_shift(posed, BOX)).max() < 0.8 * BOX / grid


def test_volumes_are_posed_as_before_and_nothing_else_is_made():
    volumes = Rasterizer(GRID, box=BOX).transform(bodies(3))
    given = {"volume": volumes, "pattern": np.ones((3, 4, 4)), "mask": np.zeros((3, 4, 4))}
    targets = made(["volume", "pattern"], given)
    assert sorted(targets) == ["mask", "pattern", "volume"]
    assert np.array_equal(targets["volume"], canonical_pose(volumes, BOX))
    assert sorted(made(["pattern"], given)) == ["mask", "pattern"]
    both = made(["volume", "surface"], given)
    assert np.allclose(both["surface"][:, 0], front_surface(both["volume"], BOX)[0])


@pytest.mark.parametrize("view", ALL, ids=str)
def test_views_turn_normals_and_volumes_alike(view):
    solids = bodies(3, seed=4)
    volumes = Rasterizer(32, box=BOX).transform(solids)
    turned = []
    for solid in solids:
        normals = view.of_normals(np.asarray(solid.normals))
        turned.append(Solid.from_halfspaces(normals, solid.offsets))
        assert np.allclose(view.undone(normals), solid.normals)
    seen = view.of_volume(volumes)
    assert abs(Rasterizer(32, box=BOX).transform(turned) - seen).max() < 1e-4
    assert all(np.array_equal(view.undone_volume(s), v) for s, v in zip(seen, volumes, strict=True))
