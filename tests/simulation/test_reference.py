"""The plain formula against direct sums and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from simulation_bodies import BOX, random_fields, random_volumes, sphere_volume

from scatterkit.experiment import FlatDetector, QGrid
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.kernels import reference

TREATMENTS = ("exact", "half", "full", "none")
VOXEL = (BOX / 64) ** 3


def plan_of(shape, **parameters):
    return MSFTSimulator(**parameters).plan(shape)


def q_of(plan):
    return np.broadcast_arrays(plan.q_z, plan.q_y, plan.q_x)


def direct_sum(rho, plan, absorption_length):
    """E at every pixel, term by term, absorption in the middle of every voxel."""
    dz, dy, dx = plan.voxel
    result = np.zeros(plan.detector_shape, dtype=complex)
    _, q_y, q_x = q_of(plan)
    k = 2 * np.pi / 13.5
    for i, j in np.ndindex(result.shape):
        if np.hypot(q_y[i, j], q_x[i, j]) >= k:
            continue
        q = np.array([k - np.sqrt(k**2 - q_y[i, j] ** 2 - q_x[i, j] ** 2), -q_y[i, j], -q_x[i, j]])
        for z, y, x in np.ndindex(rho.shape):
            depth = dz * (rho[:z, y, x].sum() + rho[z, y, x] / 2)
            r = np.array([plan.z[z], plan.y[y], plan.x[x]])
            result[i, j] += rho[z, y, x] * np.exp(-depth / absorption_length + 1j * (q @ r))
    return result * dx * dy * dz / VOXEL


@pytest.mark.parametrize("detector", [QGrid((5, 4), 0.17), FlatDetector((4, 5), 1.0, 1.5)])
def test_matches_a_direct_sum(detector):
    volumes = random_volumes((4, 5, 3), n=1)
    plan = plan_of(
        (4, 5, 3),
        box=40.0,
        absorption_length=9.0,
        detector=detector,
        self_absorption="half",
        voxel_response="point",
    )
    expected = direct_sum(volumes[0].astype(float), plan, 9.0)
    np.testing.assert_allclose(reference.field(volumes, plan)[0], expected, atol=1e-12 * abs(expected).max())


def boxed(plan, bounds, absorption_length):
    """Field of a homogeneous absorbing box in closed form."""
    (z0, z1), (y0, y1), (x0, x1) = bounds
    q_z, q_y, q_x = q_of(plan)

    def lateral(q, low, high):
        return (high - low) * np.sinc(q * (high - low) / (2 * np.pi)) * np.exp(-0.5j * q * (low + high))

    rate = 1j * q_z - 1 / absorption_length
    with np.errstate(divide="ignore", invalid="ignore"):
        along = np.where(rate == 0, z1 - z0, np.expm1(rate * (z1 - z0)) / rate)
    seen = q_y**2 + q_x**2 < (2 * np.pi / 13.5) ** 2
    return seen * np.exp(1j * q_z * z0) * along * lateral(q_y, y0, y1) * lateral(q_x, x0, x1) / VOXEL


@pytest.mark.parametrize("absorption_length", [np.inf, 30.0, 4.0])
@pytest.mark.parametrize("detector", [QGrid(24, 0.035), FlatDetector(20, 1.0, 10.0)])
def test_box_is_exact_where_voxels_are_boxes(absorption_length, detector):
    volume = np.zeros((1, 12, 10, 8))
    volume[0, 3:11, 2:9, 4:7] = 1
    plan = plan_of(
        volume.shape[1:],
        box=120.0,
        absorption_length=absorption_length,
        detector=detector,
        voxel_response="box",
    )
    bounds = ((-30.0, 50.0), (-36.0, 48.0), (0.0, 45.0))
    expected = boxed(plan, bounds, absorption_length)
    np.testing.assert_allclose(reference.field(volume, plan)[0], expected, atol=1e-10 * abs(expected).max())


def test_slab_attenuates_forward_field_as_exponential_integral():
    volume = np.ones((1, 16, 4, 4))
    for length in (3.0, 12.5, 1e6):
        forward = reference.field(volume, plan_of((16, 4, 4), absorption_length=length))[0, 64, 64]
        expected = BOX**2 * length * -np.expm1(-BOX / length) / VOXEL
        np.testing.assert_allclose(forward, expected, rtol=1e-9)


def test_own_absorption_treatments_converge_to_each_other():
    def forward(n, treatment):
        plan = plan_of((n, 2, 2), self_absorption=treatment, absorption_length=40.0)
        return reference.field(np.ones((1, n, 2, 2)), plan)[0, 64, 64].real

    exact = forward(8, "exact")
    for treatment in TREATMENTS:
        coarse, fine = (abs(forward(n, treatment) / exact - 1) for n in (64, 256))
        assert fine < 0.04
        assert treatment == "exact" or fine < coarse / 3.5


def sphere_field(plan, radius):
    q_z, q_y, q_x = q_of(plan)
    u = radius * np.sqrt(q_z**2 + q_y**2 + q_x**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        shape = np.where(u < 1e-6, 1, 3 * (np.sin(u) - u * np.cos(u)) / u**3)
    seen = q_y**2 + q_x**2 < (2 * np.pi / 13.5) ** 2
    return seen * shape * 4 / 3 * np.pi * radius**3 / VOXEL


@pytest.mark.parametrize("response", ["average", "box", "point"])
def test_sphere_without_absorption_approaches_its_form_factor(response):
    errors = []
    for n, sub in ((24, 8), (48, 4), (96, 2)):
        simulator = MSFTSimulator(absorption_length=np.inf, voxel_response=response)
        plan = simulator.plan((n, n, n))
        expected = sphere_field(plan, 60.0)
        found = simulator.field(sphere_volume(n, 60.0, sub))[0]
        errors.append(np.linalg.norm(found - expected) / np.linalg.norm(expected))
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.02


def test_average_response_is_the_closest_for_averaged_volumes():
    expected = sphere_field(plan_of((48, 48, 48)), 60.0)
    volume = sphere_volume(48, 60.0)
    error = {
        response: np.linalg.norm(
            MSFTSimulator(absorption_length=np.inf, voxel_response=response).field(volume)[0] - expected
        )
        for response in ("average", "point", "box")
    }
    assert error["average"] < error["point"] < error["box"]


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("detector", [QGrid((9, 12), 0.07), FlatDetector(8, 1.0, 3.0)])
class TestAdjoint:
    shape = (6, 5, 7)

    def case(self, treatment, detector):
        plan = plan_of(
            self.shape, box=50.0, absorption_length=11.0, self_absorption=treatment, detector=detector
        )
        volumes = 0.1 + 0.8 * random_volumes(self.shape, n=2).astype(float)
        gradient = random_fields((2, *detector.shape))
        return plan, volumes, gradient

    def test_is_the_transpose_of_the_linearised_field(self, treatment, detector):
        plan, volumes, gradient = self.case(treatment, detector)
        change = np.random.default_rng(3).normal(size=volumes.shape)
        step = 1e-5
        difference = reference.field(volumes + step * change, plan) - reference.field(
            volumes - step * change, plan
        )
        by_field = np.sum((gradient.conj() * difference).real) / (2 * step)
        by_volume = np.sum(change * reference.adjoint(volumes, plan, gradient))
        np.testing.assert_allclose(by_volume, by_field, rtol=1e-7)

    def test_matches_finite_differences_of_a_loss(self, treatment, detector):
        plan, volumes, _ = self.case(treatment, detector)

        def loss(v):
            return np.sum(np.log(np.abs(reference.field(v, plan)) ** 2 + 0.1))

        E = reference.field(volumes, plan)
        gradient = reference.adjoint(volumes, plan, 2 * E / (np.abs(E) ** 2 + 0.1))
        for index in ((0, 0, 0, 0), (0, 3, 2, 4), (1, 5, 4, 6)):
            change = np.zeros_like(volumes)
            change[index] = 1e-5
            numeric = (loss(volumes + change) - loss(volumes - change)) / 2e-5
            np.testing.assert_allclose(gradient[index], numeric, rtol=1e-5)
