"""ExactPhysicsLoss against the polyhedron simulator and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from scatterkit.experiment import QGrid
from scatterkit.reconstruction import ExactPhysicsLoss, PlaneDecoder, VoxelDecoder
from scatterkit.reconstruction.losses.exact import _Patches
from scatterkit.simulation import LogScaler, MSFTSimulator, PolyhedronSimulator
from scatterkit.simulation.kernels.tensor_training import with_gradient
from scatterkit.solids import HalfSpaceSampler, Solid

DETECTOR = QGrid(24, dq=0.02)
SIMULATOR = MSFTSimulator(detector=DETECTOR)
DECODER = PlaneDecoder(n_faces=12)
NUMBERS = np.random.default_rng(3).normal(scale=0.3, size=(2, 51)).astype(np.float32)


def intensities(bodies: list[Solid]) -> np.ndarray:
    return np.asarray(PolyhedronSimulator(detector=DETECTOR).transform(bodies))


@pytest.fixture(scope="module")
def patterns() -> np.ndarray:
    """Patterns of other bodies than those of the numbers."""
    return np.asarray(LogScaler().transform(intensities(HalfSpaceSampler(random_state=5).sample(2))))


def test_all_pixels_give_the_scatter_loss(patterns: np.ndarray) -> None:
    loss = ExactPhysicsLoss(n_pixels=24 * 24).build(SIMULATOR)
    found = np.asarray(ops.convert_to_numpy(loss({"pattern": patterns}, DECODER.body(NUMBERS), 0)))
    bodies = [Solid.from_halfspaces(*planes) for planes in DECODER.planes(NUMBERS)]
    wanted = [
        np.mean((LogScaler().transform(i[None])[0] - p) ** 2)
        for i, p in zip(intensities(bodies), patterns, strict=True)
    ]
    np.testing.assert_allclose(found, wanted, rtol=0.02)  # depths beyond five decay lengths are left out


def test_some_pixels_give_about_the_same(patterns: np.ndarray) -> None:
    body = DECODER.body(NUMBERS)
    whole = np.asarray(
        ops.convert_to_numpy(
            ExactPhysicsLoss(n_pixels=24 * 24).build(SIMULATOR)({"pattern": patterns}, body, 0)
        )
    )
    few = ExactPhysicsLoss(n_pixels=60).build(SIMULATOR)
    drawn = np.array(
        [np.asarray(ops.convert_to_numpy(few({"pattern": patterns}, body, step))) for step in range(40)]
    )
    assert len(np.unique(drawn[:, 0])) == 40  # other pixels in each step
    np.testing.assert_allclose(drawn.mean(axis=0), whole, rtol=0.1)


def test_gradients_against_finite_differences(patterns: np.ndarray) -> None:
    loss = ExactPhysicsLoss(n_pixels=200).build(SIMULATOR)

    def value(parts: list[object]) -> tuple[object, object]:
        found = ops.sum(loss({"pattern": patterns}, DECODER.body(parts[0]), 7))
        return found, found

    start = ops.convert_to_tensor(NUMBERS)
    _, (gradient,) = with_gradient(value)([start])
    gradient = np.asarray(ops.convert_to_numpy(gradient))
    length, h = float(np.linalg.norm(gradient)), 2e-3
    rng = np.random.default_rng(1)
    directions = [
        gradient,
        *rng.normal(size=(6, *gradient.shape)),
    ]  # a wrong component is seen across, not along
    for direction in (d / np.linalg.norm(d) for d in directions):
        ends = [
            float(
                ops.convert_to_numpy(
                    value([ops.convert_to_tensor(NUMBERS + sign * h * direction, "float32")])[0]
                )
            )
            for sign in (-1, 1)
        ]
        assert (ends[1] - ends[0]) / (2 * h) == pytest.approx(
            float(np.sum(gradient * direction)), abs=0.02 * length
        )


def test_masked_pixels_do_not_count(patterns: np.ndarray) -> None:
    loss = ExactPhysicsLoss(n_pixels=24 * 24).build(SIMULATOR)
    mask = np.ones_like(patterns)
    mask[:, :9] = 0
    spoilt = np.where(mask > 0, patterns, 0.77).astype(np.float32)
    body = DECODER.body(NUMBERS)
    clean, other = (
        np.asarray(ops.convert_to_numpy(loss({"pattern": p, "mask": mask}, body, 0)))
        for p in (patterns, spoilt)
    )
    np.testing.assert_array_equal(clean, other)


def test_threads_change_nothing(patterns: np.ndarray) -> None:
    body = DECODER.body(NUMBERS)
    one, two = (
        np.asarray(
            ops.convert_to_numpy(
                ExactPhysicsLoss(n_pixels=100, n_jobs=n).build(SIMULATOR)({"pattern": patterns}, body, 1)
            )
        )
        for n in (1, 2)
    )
    np.testing.assert_array_equal(one, two)


def test_what_is_not_finite_is_seen(patterns: np.ndarray) -> None:
    patches = _Patches(SIMULATOR, LogScaler(), 50, 1)
    normals, offsets = (np.asarray(ops.convert_to_numpy(t)) for t in DECODER.halfspaces(NUMBERS))
    offsets = offsets.copy()
    offsets[1, 0] = np.nan
    losses, by_normals, _ = patches.losses(normals, offsets, patterns, np.ones_like(patterns), 0)
    np.testing.assert_array_equal(np.isfinite(losses), [True, False])
    assert not by_normals[1].any()


def test_nothing_in_the_light_is_no_good_body(patterns: np.ndarray) -> None:
    patches = _Patches(SIMULATOR, LogScaler(), 24 * 24, 1)
    normals = np.repeat(np.vstack([np.eye(3), -np.eye(3)])[None], 2, axis=0).astype(np.float32)
    nothing = np.full((2, 6), -10, np.float32)  # half-spaces that share no point
    losses, *slopes = patches.losses(normals, nothing, patterns, np.ones_like(patterns), 0)
    lit = patterns.reshape(2, -1)[:, patches._pixels]
    scaled = (lit - lit.min(axis=1, keepdims=True)) / np.ptp(lit, axis=1, keepdims=True)
    np.testing.assert_allclose(losses, np.mean(scaled**2, axis=1), rtol=1e-5)
    assert not any(part.any() for part in slopes)


def test_other_bodies_and_light_are_refused(patterns: np.ndarray) -> None:
    loss = ExactPhysicsLoss().build(SIMULATOR, grid=8)
    voxels = VoxelDecoder().body(np.zeros((2, 8, 8, 8), dtype=np.float32), grid=8)
    with pytest.raises(ValueError, match=r"'body' parameter.*PlaneDecoder"):
        loss({"pattern": patterns}, voxels, 0)
    with pytest.raises(ValueError, match=r"'simulator' parameter.*msft"):
        ExactPhysicsLoss().build(MSFTSimulator(detector=DETECTOR, propagation="pmsft"))
