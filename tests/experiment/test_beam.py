"""Beams: photons, fluence, spreads."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import constants

from scatterkit.experiment import Beam, energy_to_wavelength, wavelength_to_energy


def test_energy_and_wavelength():
    joules = constants.h * constants.c / 13.5e-9
    assert wavelength_to_energy(13.5) == pytest.approx(joules / constants.e, rel=1e-9)
    assert energy_to_wavelength(wavelength_to_energy(0.37)) == pytest.approx(0.37)
    with pytest.raises(
        ValueError, match="'energy' parameter of energy_to_wavelength must be a positive float"
    ):
        energy_to_wavelength(0)
    with pytest.raises(ValueError, match="'wavelength' parameter of wavelength_to_energy"):
        wavelength_to_energy(-1.0)


def test_photons_carry_the_pulse_energy():
    beam = Beam(wavelength=2.0, pulse_energy=0.3)
    assert beam.photons * beam.photon_energy * constants.e == pytest.approx(0.3e-3)
    assert beam.wavenumber == pytest.approx(np.pi)


@pytest.mark.parametrize("focus", [300.0, (200.0, 700.0)])
def test_fluence_is_the_peak_of_a_gaussian_with_all_photons(focus):
    beam = Beam(focus=focus)
    widths = np.broadcast_to(focus, 2)
    x, y = (np.linspace(-4 * w, 4 * w, 401) for w in widths)
    # half the peak at half the full width, by definition
    profile = beam.fluence * 0.5 ** ((2 * x[:, None] / widths[0]) ** 2 + (2 * y / widths[1]) ** 2)
    total = profile.sum() * (x[1] - x[0]) * (y[1] - y[0])
    assert total == pytest.approx(beam.photons, rel=1e-6)


@pytest.mark.parametrize("n", [2, 5, 15])
def test_wavelengths_have_the_moments_of_the_band(n):
    wavelengths, weights = Beam(wavelength=5.0, bandwidth=0.02).wavelengths(n)
    assert weights.sum() == pytest.approx(1)
    assert weights @ wavelengths == pytest.approx(5.0)
    assert np.sqrt(weights @ (wavelengths - 5.0) ** 2) == pytest.approx(0.1)
    assert (np.diff(wavelengths) > 0).all()


def test_pulse_energies():
    energies = Beam(pulse_energy_spread=0.4).relative_pulse_energies(20_000, np.random.default_rng(0))
    assert energies.min() > 0
    assert energies.mean() == pytest.approx(1, abs=0.015)
    assert energies.std() == pytest.approx(0.4, abs=0.015)
    steady = Beam().relative_pulse_energies(3, np.random.default_rng(0))
    np.testing.assert_array_equal(steady, np.ones(3))


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"wavelength": 0}, "wavelength"),
        ({"pulse_energy": -1.0}, "pulse_energy"),
        ({"focus": (1.0, 0.0)}, "focus"),
        ({"focus": "small"}, "focus"),
        ({"polarization": "left"}, "polarization"),
        ({"bandwidth": 0.5}, "bandwidth"),
        ({"pulse_energy_spread": -0.1}, "pulse_energy_spread"),
    ],
)
def test_bad_parameters_are_named(parameters, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of Beam must be"):
        _ = Beam(**parameters).fluence
    with pytest.raises(ValueError, match=r"'n' parameter of Beam\.wavelengths must be"):
        Beam().wavelengths(0)
