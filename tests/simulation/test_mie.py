"""The modes of propagation against Mie's exact solution and other closed forms for spheres."""

from __future__ import annotations

import numpy as np
import pytest
from mie_spheres import (
    BOX,
    SILVER,
    WAVELENGTH,
    WAVENUMBER,
    agreement,
    angles_of,
    mie_amplitudes,
    mie_cross_section,
    mie_efficiencies,
    simulated_cross_section,
    sphere,
    unpolarised,
)

from scatterkit.experiment import QGrid
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.kernels import waves

VOXEL = (BOX / 64) ** 3
WIDE = QGrid(64, WAVENUMBER / 32)
"""A detector that sees all forward angles."""

# S1 and S2 at 0, 10, 30, 60 and 90 degrees for n = 0.89 + 0.0859i and radius 100 nm, by scattnlay 2.4.
SCATTNLAY = (
    (1086.00195 + 120.231254j, 1086.00195 + 120.231254j),
    (69.356793 + 21.764029j, 70.8827939 + 19.0847549j),
    (-15.6330481 - 14.5377671j, -16.4062294 - 10.8530351j),
    (4.12289327 + 6.6059438j, 3.70362681 + 3.05822609j),
    (2.41998171 + 2.8584512j, 0.578067201 - 0.0498999766j),
)


def test_two_mie_codes_agree():
    s1, s2 = mie_amplitudes(SILVER, 100.0, np.radians([0.0, 10.0, 30.0, 60.0, 90.0]))
    np.testing.assert_allclose(s1, [pair[0] for pair in SCATTNLAY], rtol=1e-7)
    np.testing.assert_allclose(s2, [pair[1] for pair in SCATTNLAY], rtol=1e-6)


def test_mie_fulfils_the_optical_theorem():
    extinction, _ = mie_efficiencies(SILVER, 100.0)
    forward = mie_amplitudes(SILVER, 100.0, np.zeros(1))[0][0]
    expected = 4 / (WAVENUMBER * 100.0) ** 2 * forward.real
    assert extinction == pytest.approx(expected, rel=1e-9)


def closeness(index, radius, grid, degrees, **parameters):
    detector = QGrid()
    angles = angles_of(detector)
    found = simulated_cross_section(index, sphere(radius, grid), detector, **parameters)
    return agreement(found, mie_cross_section(index, radius, angles), angles, degrees)


@pytest.mark.parametrize("radius", [60.0, 100.0, 150.0])
def test_propagating_slices_are_close_to_mie_for_silver(radius):
    found = closeness(SILVER, radius, 128, (0, 70), propagation="pmsft")
    assert found.rms < 0.012
    assert abs(found.ratio - 1) < 0.01
    assert found.correlation > 0.9998


def closeness_across(index, radius, grid, degrees, **parameters):
    """As closeness, to light polarised perpendicular to the scattering plane, which is most like a scalar wave."""
    detector = QGrid()
    angles = angles_of(detector)
    found = simulated_cross_section(index, sphere(radius, grid), detector, **parameters)
    s1, _ = mie_amplitudes(index, radius, angles)
    return agreement(found / unpolarised(angles), np.abs(s1) ** 2 / WAVENUMBER**2, angles, degrees)


@pytest.mark.parametrize("index", [SILVER, 0.8 + 0.05j, 0.9 + 0.01j, 0.95 + 0.01j, 0.99 + 0.001j])
def test_oblique_waves_are_close_to_mie_for_any_index(index):
    wide, plain = (closeness_across(index, 60.0, 128, (0, 70), propagation=p) for p in ("wide", "pmsft"))
    assert wide.rms < 0.035
    assert wide.correlation > 0.999
    assert wide.rms < plain.rms / 2


@pytest.mark.parametrize("index", [SILVER, 0.8 + 0.05j, 0.95 + 0.01j, 1.02 + 0.03j])
def test_modes_rank_by_what_they_neglect(index):
    modes = ("wide", "pmsft", "msft", "born")
    rms = [closeness_across(index, 80.0, 96, (0, 70), propagation=mode).rms for mode in modes]
    assert rms == sorted(rms)
    assert rms[1] < 0.11


def test_paraxial_slices_hold_at_small_angles_only():
    near, far = (closeness(SILVER, 100.0, 96, band, propagation="hare").rms for band in ((0, 15), (40, 70)))
    assert near < 0.02
    assert 0.04 < far < 0.1


@pytest.mark.parametrize("propagation", ["born", "msft", "pmsft", "wide", "hare"])
def test_weak_scattering_is_rayleigh_gans(propagation):
    """All modes give the Born amplitude of a sphere; Mie gives it times the polarisation factor."""
    index, radius, detector = 1 - 1e-5 + 2e-6j, 60.0, WIDE
    angles = angles_of(detector)
    found = simulated_cross_section(index, sphere(radius, 96), detector, propagation=propagation)
    u = 2 * WAVENUMBER * radius * np.sin(np.maximum(angles, 1e-3) / 2)
    volume = 4 * np.pi * radius**3 * (np.sin(u) - u * np.cos(u)) / u**3
    born = np.abs(WAVENUMBER**2 * (index - 1) / (2 * np.pi) * volume) ** 2 * unpolarised(angles)
    low = angles < np.radians(15 if propagation == "hare" else 70)
    for expected in (born, mie_cross_section(index, radius, angles)):
        error = np.linalg.norm((found - expected)[low]) / np.linalg.norm(expected[low])
        assert error < (0.01 if propagation == "hare" else 2e-3)


def straight_rays(gamma, radius):
    """Integral of 1 - exp(-gamma chord) over a sphere's shadow, in closed form."""
    full = 2 * gamma * radius
    return np.pi * radius**2 * (1 - 2 / full**2 * (1 - (1 + full) * np.exp(-full)))


@pytest.mark.parametrize("index", [SILVER, 0.8 + 0.05j])
def test_forward_amplitude_of_straight_rays(index):
    simulator = MSFTSimulator(absorption="index", refractive_index=index)
    gamma = -1j * WAVENUMBER * (index - 1)
    expected = straight_rays(gamma, 80.0)
    coarse, fine = (
        abs(simulator.field(sphere(80.0, n))[0, 64, 64] * gamma * VOXEL / expected - 1) for n in (48, 96)
    )
    assert fine < 0.02
    assert fine < coarse / 2


def cross_sections(index, radius, grid, propagation):
    """Extinction from the forward amplitude, power that leaves forward by angle, and power absorbed."""
    simulator = MSFTSimulator(
        absorption="index", refractive_index=index, propagation=propagation, detector=WIDE
    )
    volume = sphere(radius, grid)
    gamma = -1j * WAVENUMBER * (complex(index) - 1)
    E = simulator.field(volume)[0]
    extinction = float(2 * (gamma * VOXEL * E[32, 32]).real)
    angles = angles_of(WIDE)
    solid_angle = WIDE.dq**2 / (WAVENUMBER**2 * np.maximum(np.cos(angles), 1e-9))
    scattering = simulator.differential_cross_section(volume)[0] * solid_angle
    plan = simulator.plan(volume.shape[1:])
    rho = volume[0].astype(float)
    own, _ = waves.own_material(rho, plan.complex_step, "exact")
    brightness = np.divide(
        np.abs(waves.weights(rho, plan)), np.abs(own), out=np.zeros_like(rho), where=rho > 0
    )
    lost = -np.expm1(-2 * plan.optical_step * rho)
    absorption = np.sum(lost * brightness**2) * plan.voxel[1] * plan.voxel[2]
    return extinction, scattering, angles, float(absorption)


@pytest.mark.parametrize("index", [0.9, 0.95, SILVER])
def test_propagation_conserves_power(index):
    """What the forward amplitude says is lost from the beam leaves at an angle or is absorbed."""
    extinction, scattering, angles, absorption = cross_sections(index, 80.0, 96, "pmsft")
    power = np.sum(scattering * np.cos(angles))  # one-way waves conserve the integral over q of |field|^2
    assert power + absorption == pytest.approx(extinction, rel=0.015)
    assert (absorption > 0.1 * extinction) if complex(index).imag else (absorption < 1e-9 * extinction)


@pytest.mark.parametrize(
    ("propagation", "tolerance"), [("pmsft", 0.01), ("wide", 0.01), ("hare", 0.01), ("msft", 0.03)]
)
def test_extinction_of_silver_is_mies(propagation, tolerance):
    extinction = cross_sections(SILVER, 100.0, 96, propagation)[0]
    expected = mie_efficiencies(SILVER, 100.0)[0] * np.pi * 100.0**2
    assert extinction == pytest.approx(expected, rel=tolerance)


def test_straight_rays_scatter_more_than_they_take_from_the_beam():
    extinction, scattering, _, absorption = cross_sections(0.9, 80.0, 96, "msft")
    assert absorption < 1e-9 * extinction
    assert np.sum(scattering) > 1.4 * extinction


def test_optical_theorem_fails_for_born():
    extinction, scattering, _, _ = cross_sections(SILVER, 80.0, 64, "born")
    assert np.sum(scattering) > 3 * extinction


@pytest.mark.slow
def test_converges_with_the_grid_to_second_order():
    detector = QGrid()
    angles = angles_of(detector)
    finest = simulated_cross_section(SILVER, sphere(80.0, 256), detector, propagation="pmsft")
    rms = [
        agreement(
            simulated_cross_section(SILVER, sphere(80.0, n), detector, propagation="pmsft"),
            finest,
            angles,
            (0, 70),
        ).rms
        for n in (48, 64, 96, 128)
    ]
    assert rms[1] < rms[0] / 1.5
    assert rms[2] < rms[1] / 2
    assert rms[3] < rms[2] / 1.6
    assert rms[3] < 0.011


def test_single_precision_is_enough():
    detector = QGrid(32, 0.025)
    volume = sphere(80.0, 48)
    E, exact = (
        MSFTSimulator(
            wavelength=WAVELENGTH,
            absorption="index",
            refractive_index=SILVER,
            propagation="pmsft",
            detector=detector,
            backend=backend,
        ).field(volume)
        for backend in ("auto", "reference")
    )
    assert np.linalg.norm(E - exact) < 2e-6 * np.linalg.norm(exact)
