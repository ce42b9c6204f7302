"""Light inside a body: adjoints by finite differences, limits, and invariances."""

from __future__ import annotations

import numpy as np
import pytest
from simulation_bodies import random_fields, random_volumes

from scatterkit.experiment import QGrid
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.kernels import waves

MODES = ("msft", "pmsft", "wide", "hare")
DIFFRACTING = ("pmsft", "wide", "hare")
INDEX = 0.85 + 0.06j


def plan_of(shape, propagation, index=INDEX, box=60.0, **parameters):
    simulator = MSFTSimulator(
        box=box, absorption="index", refractive_index=index, propagation=propagation, **parameters
    )
    return simulator.plan(shape)


@pytest.mark.parametrize("treatment", ["exact", "half", "full", "none"])
@pytest.mark.parametrize("propagation", [*MODES, "born"])
def test_adjoint_matches_finite_differences(propagation, treatment):
    assert_adjoint(plan_of((6, 7, 5), propagation, self_absorption=treatment))


@pytest.mark.parametrize("index", [INDEX, 1 + 0.06j, 0.85])
def test_adjoint_of_shares_matches_finite_differences(index):
    assert_adjoint(plan_of((6, 7, 5), "msft", index=index, self_absorption="shares"))


def assert_adjoint(plan):
    rho = 0.1 + 0.8 * random_volumes((6, 7, 5), n=1)[0].astype(float)
    change = np.random.default_rng(1).normal(size=rho.shape)
    gradient = random_fields(rho.shape)
    step = 1e-5
    difference = waves.weights(rho + step * change, plan) - waves.weights(rho - step * change, plan)
    by_weight = np.sum((gradient.conj() * difference).real) / (2 * step)
    by_volume = np.sum(change * waves.weights_adjoint(rho, plan, gradient))
    np.testing.assert_allclose(by_volume, by_weight, rtol=1e-7)


@pytest.mark.parametrize("index", [INDEX, 1 + 0.06j])
def test_gradient_in_empty_and_full_voxels_is_that_of_the_way_they_can_change(index):
    rho = (random_volumes((6, 5, 4), n=1)[0] > 0.5).astype(float)
    assert 20 < rho.sum() < 100
    plan = plan_of(rho.shape, "msft", index=index, self_absorption="shares")
    gradient = random_fields(rho.shape)
    found = waves.weights_adjoint(rho, plan, gradient)
    here, step = waves.weights(rho, plan), 1e-6
    for i in np.ndindex(rho.shape):
        changed = rho.copy()
        changed[i] += step * (1 - 2 * rho[i])
        difference = np.sum((gradient.conj() * (waves.weights(changed, plan) - here)).real)
        assert found[i] == pytest.approx(difference / (changed - rho)[i], abs=1e-5)


def test_material_of_one_share_throughout_is_a_narrow_full_column():
    rho, full = np.full((6, 1, 1), 0.3), np.ones((6, 1, 1))
    plan = plan_of(rho.shape, "msft", self_absorption="shares")
    np.testing.assert_allclose(waves.weights(rho, plan), 0.3 * waves.weights(full, plan), rtol=1e-12)
    exact = plan_of(rho.shape, "msft", self_absorption="exact")
    np.testing.assert_allclose(waves.weights(full, plan), waves.weights(full, exact), rtol=1e-12)


def test_light_beside_material_is_not_darkened_and_mixes_where_it_ends():
    step = plan_of((3, 1, 1), "msft", self_absorption="shares").complex_step
    rho = np.array([0.4, 0.0, 1.0]).reshape(3, 1, 1)
    plan = plan_of(rho.shape, "msft", self_absorption="shares")
    own = (1 - np.exp(-step)) / step
    expected = own * np.array([0.4, 0.0, 0.6 + 0.4 * np.exp(-step)])
    np.testing.assert_allclose(waves.weights(rho, plan).ravel(), expected, rtol=1e-12)


@pytest.mark.parametrize("propagation", DIFFRACTING)
def test_padded_grid_is_wide_enough_and_fast(propagation):
    for n in (8, 50, 64, 100):
        plan = plan_of((4, n, n + 3), propagation, box=5.0 * n)
        for length, size, voxel in zip(waves.padded_shape(plan), (n, n + 3), plan.voxel[1:], strict=True):
            assert (length - size) * voxel >= 10 * 13.5
            assert length % 8 == 0
            assert (
                max(factor for factor in range(1, length + 1) if length % factor == 0 and prime(factor)) <= 5
            )


def prime(number):
    return number > 1 and all(number % d for d in range(2, int(number**0.5) + 1))


def test_propagating_waves_keep_their_power_and_evanescent_ones_decay():
    plan = plan_of((4, 40, 40), "pmsft", box=80.0)
    size = np.abs(waves.propagator(plan))
    q = [2 * np.pi * np.fft.fftfreq(n, 2.0) for n in waves.padded_shape(plan)]
    travels = np.hypot(q[0][:, None], q[1]) < plan.wavenumber
    np.testing.assert_allclose(size[travels], 1, atol=1e-12)
    assert size[~travels].max() < 1
    assert np.any(~travels)


def test_absorber_leaves_the_box_alone():
    plan = plan_of((4, 24, 20), "pmsft")
    kept = waves.absorber(plan)
    assert np.all(kept[:24, :20] == 1)
    assert kept[24:].max() < 1
    np.testing.assert_allclose(kept[24:], kept[:23:-1])  # the margin is the same seen from either side
    assert kept.min() < 0.1


@pytest.mark.parametrize("propagation", ["pmsft", "wide"])
def test_pattern_does_not_change_when_a_body_moves_in_the_box(propagation):
    """It would if waves that leave the grid on one side came in on the other."""
    detector = QGrid(48, 2 * np.pi / 13.5 / 25)
    body = np.zeros((1, 32, 32, 32), dtype=np.float32)
    body[0, 8:24, 12:20, 12:20] = 1
    moved = np.roll(body, (12, 12), axis=(2, 3))
    simulator = MSFTSimulator(
        box=160.0,
        absorption="index",
        refractive_index=0.9 + 0.02j,
        propagation=propagation,
        detector=detector,
    )
    here, there = (np.sqrt(simulator.transform(volume)[0]) for volume in (body, moved))
    q_y, q_x = detector.wavevectors(0.0)
    seen = np.hypot(q_y, q_x) < 2 * np.pi / 13.5 * np.sin(np.radians(70))
    assert np.linalg.norm((here - there)[seen]) < 0.01 * np.linalg.norm(here[seen])


@pytest.mark.parametrize("propagation", DIFFRACTING)
def test_short_waves_go_straight(propagation):
    rho = random_volumes((6, 8, 8), n=1)[0].astype(float)
    parameters = {"wavelength": 0.005, "index": 1 - 2e-5 + 1e-5j, "box": 40.0, "self_absorption": "exact"}
    straight, diffracted = (
        waves.weights(rho, plan_of(rho.shape, p, **parameters)) for p in ("msft", propagation)
    )
    assert np.abs(straight - rho).max() > 0.1  # the body is not transparent
    np.testing.assert_allclose(diffracted, straight, atol=3e-3)


def test_oblique_waves_refract_by_their_own_angle():
    plan = plan_of((4, 40, 40), "wide", box=160.0, index=1 - 1e-6)
    gain = waves.oblique(plan)
    assert gain[0, 0] == pytest.approx(1, abs=1e-9)
    q = 2 * np.pi * np.fft.fftfreq(waves.padded_shape(plan)[1], 4.0)
    oblique = np.abs(q) < 0.9 * plan.wavenumber
    expected = plan.wavenumber / np.sqrt(plan.wavenumber**2 - q[oblique] ** 2)  # the path through a layer
    np.testing.assert_allclose(gain[0, oblique], expected, rtol=1e-4)
    for propagation in ("pmsft", "hare"):
        assert waves.oblique(plan_of((4, 8, 8), propagation)) is None


@pytest.mark.parametrize("index", [0.8, 0.95, 1.02])
def test_evanescent_waves_decay_in_transparent_material(index):
    gain = waves.oblique(plan_of((4, 40, 40), "wide", box=80.0, index=index))
    k_z = (index + 1) / gain[0] / 1  # (k_n + k_z) / k
    assert k_z.imag.min() > -1e-9
