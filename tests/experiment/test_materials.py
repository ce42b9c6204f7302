"""Refractive indices from tables."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scatterkit.experiment import absorption_length, energy_to_wavelength, refractive_index

ELECTRON_RADIUS = 2.8179403e-6  # nm
AVOGADRO = 6.02214076e23


def test_silver_is_near_what_is_quoted_at_13_5_nm():
    # n = 0.89 + 0.0859i; the tables absorb 8 % less
    n = refractive_index("Ag", wavelength=13.5)
    assert n.real == pytest.approx(0.89, abs=2e-3)
    assert n.imag == pytest.approx(0.0859, rel=0.1)


def test_names_symbols_energies_and_wavelengths():
    n = refractive_index("Si", energy=100.0)
    assert n == refractive_index(" silicon ", energy=100.0)
    assert n == pytest.approx(refractive_index("Si", wavelength=energy_to_wavelength(100.0)))
    assert refractive_index("water", energy=500.0) == refractive_index("H2O", energy=500.0, density=0.998)


@pytest.mark.parametrize(
    ("symbol", "z", "density", "mass"), [("Si", 14, 2.33, 28.085), ("Al", 13, 2.6989, 26.98)]
)
def test_far_above_all_edges_every_electron_is_free(symbol, z, density, mass):
    wavelength = energy_to_wavelength(29_000.0)
    electrons = z * density / mass * AVOGADRO / 1e21
    delta = ELECTRON_RADIUS * wavelength**2 * electrons / (2 * math.pi)
    assert 1 - refractive_index(symbol, wavelength=wavelength).real == pytest.approx(delta, rel=0.01)


def test_index_grows_with_density_and_elements_add_up():
    thin, dense = (refractive_index("SiO2", energy=700.0, density=d) - 1 for d in (1.1, 2.2))
    assert dense == pytest.approx(2 * thin)
    silicon = refractive_index("Si", energy=700.0, density=2.2 * 28.0855 / 60.0843) - 1
    oxygen = refractive_index("O", energy=700.0, density=2.2 * 31.9988 / 60.0843) - 1
    assert dense == pytest.approx(silicon + oxygen, rel=1e-4)


def test_absorption_lengths():
    n, wavelength = 0.89 + 0.0859j, 13.5
    k = 2 * np.pi / wavelength
    field, intensity = (absorption_length(n, wavelength=wavelength, of=of) for of in ("field", "intensity"))
    assert np.abs(np.exp(1j * k * n * field)) == pytest.approx(np.exp(-1))
    assert np.abs(np.exp(1j * k * n * intensity)) ** 2 == pytest.approx(np.exp(-1))
    assert intensity == pytest.approx(12.5, abs=0.01)
    assert absorption_length(0.99, wavelength=1.0) == np.inf


@pytest.mark.parametrize(
    ("material", "arguments", "message"),
    [
        ("slver", {"energy": 100.0}, "'material' parameter .* Got 'slver' \\(similar: silver\\) instead"),
        ("watre", {"energy": 100.0}, "similar: water"),
        (47, {"energy": 100.0}, "'material' parameter"),
        ("", {"energy": 100.0}, "'material' parameter"),
        ("Pu", {"energy": 100.0}, "made of elements from hydrogen to uranium"),
        ("SiO2", {"energy": 100.0}, "'density' parameter .* for 'SiO2'. Got None"),
        ("Ag", {"energy": 100.0, "density": 0.0}, "'density' parameter"),
        (
            "Ag",
            {"energy": 10.0},
            r"'energy' parameter .* in \[.*, 30000\] eV, which the tables cover. Got 10",
        ),
        ("Ag", {"wavelength": 100.0}, r"'wavelength' parameter .* nm, which the tables cover. Got 100 "),
        ("Ag", {}, "Got neither instead"),
        ("Ag", {"energy": 100.0, "wavelength": 10.0}, "Got both instead"),
        ("Ag", {"energy": "100"}, "'energy' parameter"),
    ],
)
def test_what_the_tables_do_not_have(material, arguments, message):
    with pytest.raises(ValueError, match=message):
        refractive_index(material, **arguments)


@pytest.mark.parametrize("n", [0.9 - 0.1j, complex(1, math.nan), None, "1j"])
def test_what_is_no_index_or_has_gain_has_no_absorption_length(n):
    with pytest.raises(ValueError, match="'n' parameter of absorption_length"):
        absorption_length(n, wavelength=1.0)
