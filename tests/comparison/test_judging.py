"""The judge beside closed forms: cubes whose overlaps are known."""

from __future__ import annotations

import numpy as np
import pytest
from comparison_tools import CUBES, SIMULATOR, cube, patterns

from scatterkit.comparison._judging import Judge, regridded
from scatterkit.metrics import pattern_residual, scatter_loss
from scatterkit.simulation import PolyhedronSimulator
from scatterkit.solids import Rasterizer, Solid

JUDGE = Judge(SIMULATOR, grid=64, max_shift=1.0, eps=1e2)
MASK = np.ones((32, 32), bool)


def test_the_true_body_is_right_in_all_respects() -> None:
    verdict = JUDGE.judge(CUBES[0], patterns()[0], MASK, JUDGE.truth(CUBES[0]))
    assert verdict.figures["residual"] < 1e-7
    assert verdict.figures["scatter_loss"] == 0
    assert [verdict.figures[f"{name}_iou"] for name in ("front", "volume", "footprint")] == [1, 1, 1]
    assert verdict.predicted is not None
    np.testing.assert_allclose(verdict.predicted, patterns()[0], atol=1e-3)


def test_overlaps_of_cubes_one_in_the_other() -> None:
    voxel = SIMULATOR.box / 64
    small, large = (Solid.from_catalogue("cube", circumradius=n * voxel * 3**0.5 / 2) for n in (14, 18))
    verdict = JUDGE.judge(small, patterns([small])[0], MASK, JUDGE.truth(large))
    assert verdict.figures["volume_iou"] == pytest.approx((14 / 18) ** 3, rel=1e-4)
    assert verdict.figures["footprint_iou"] == pytest.approx((14 / 18) ** 2, rel=1e-4)
    front = 3 * SIMULATOR.absorption_length / voxel  # as deep as is seen, in voxels
    assert verdict.figures["front_iou"] == pytest.approx((14 / 18) ** 2, rel=1e-4)
    assert front < 14


def test_figures_are_those_of_the_metrics() -> None:
    pattern, mask = patterns()[0], MASK.copy()
    mask[10:20, 12:15] = False
    intensities = PolyhedronSimulator(detector=SIMULATOR.detector).transform([CUBES[0], CUBES[2]])
    verdict = JUDGE.judge(CUBES[2], pattern, mask, JUDGE.truth(CUBES[0]))
    expected = pattern_residual(pattern, intensities[1], mask)
    assert verdict.figures["residual"] == pytest.approx(expected, rel=0.05)
    assert verdict.figures["scatter_loss"] == pytest.approx(
        scatter_loss(intensities[1], intensities[0]), rel=1e-3
    )


def test_beside_a_true_volume_all_bodies_are_voxels_of_its_size() -> None:
    volume = Rasterizer(grid=32).transform([cube(50.0)])[0]
    truth = JUDGE.truth(volume)
    for body in (cube(50.0), volume):
        verdict = JUDGE.judge(body, patterns([cube(50.0)])[0], MASK, truth)
        assert verdict.figures["scatter_loss"] < 1e-9
        assert verdict.figures["volume_iou"] == pytest.approx(1, abs=1e-6)


def test_beside_a_true_volume_finer_bodies_are_made_as_coarse() -> None:
    volume = Rasterizer(grid=32).transform([cube(50.0)])[0]
    fine = regridded(volume, 64)
    verdict = JUDGE.judge(fine, patterns([cube(50.0)])[0], MASK, JUDGE.truth(volume))
    assert verdict.figures["scatter_loss"] < 1e-9
    assert scatter_loss(JUDGE.intensity(fine), JUDGE.intensity(volume)) > 1e-6  # as it is, it is another one


def test_bodies_may_lie_anywhere() -> None:
    moved = CUBES[0].shift([400.0, -300.0, 500.0])
    here, there = (
        JUDGE.judge(body, patterns()[0], MASK, JUDGE.truth(CUBES[0])) for body in (CUBES[0], moved)
    )
    assert there.figures["front_iou"] == pytest.approx(1, abs=0.02)
    assert there.figures["residual"] == pytest.approx(here.figures["residual"], abs=1e-6)


def test_without_a_true_body_there_is_the_residual_alone() -> None:
    assert set(JUDGE.judge(CUBES[0], patterns()[0], MASK, None).figures) == {"residual"}


@pytest.mark.parametrize(("n", "grid"), [(4, 8), (12, 4), (6, 9), (8, 8)])
def test_another_grid_keeps_the_material(n: int, grid: int) -> None:
    volume = np.random.default_rng(0).uniform(size=(n, n, n)).astype(np.float32)
    found = regridded(volume, grid)
    assert found.mean() == pytest.approx(volume.mean(), abs=1e-6)
    if grid % n == 0:
        np.testing.assert_allclose(found, np.kron(volume, np.ones((grid // n,) * 3)), atol=1e-6)
    if n % grid == 0:
        part = n // grid
        blocks = volume.reshape(grid, part, grid, part, grid, part).mean(axis=(1, 3, 5))
        np.testing.assert_allclose(found, blocks, atol=1e-6)
