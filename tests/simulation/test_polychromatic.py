"""Patterns of light with a bandwidth."""

from __future__ import annotations

import numpy as np
import pytest
from simulation_bodies import sphere_volume

from scatterkit.experiment import Beam, FlatDetector, QGrid
from scatterkit.simulation import MSFTSimulator, PolychromaticSimulator

BODY = np.zeros((2, 12, 12, 12), dtype=np.float32)
BODY[:, 3:9, 4:9, 3:8] = np.random.default_rng(0).uniform(0.2, 0.8, size=(2, 6, 5, 5))
FLAT = MSFTSimulator(detector=FlatDetector(12, 2.0, 15.0, tilt=(0.1, 0.0)), box=150.0)
GRID = MSFTSimulator(detector=QGrid((9, 12), 0.03), box=150.0)


@pytest.mark.parametrize("simulator", [FLAT, GRID])
@pytest.mark.parametrize("parameters", [{"bandwidth": 0.0}, {"n_wavelengths": 1}])
def test_one_wavelength_is_the_simulator(simulator, parameters):
    found = PolychromaticSimulator(simulator, **parameters).transform(BODY)
    np.testing.assert_allclose(found, simulator.transform(BODY), rtol=1e-5, atol=1e-5 * found.max())


def test_the_defaults_are_the_published_simulator():
    found = PolychromaticSimulator(n_wavelengths=1).transform(BODY)
    np.testing.assert_allclose(found, MSFTSimulator().transform(BODY), rtol=1e-6)


@pytest.mark.parametrize("simulator", [FLAT, GRID])
def test_pixels_stay_in_their_places(simulator):
    k = 2 * np.pi / 13.5
    directions = simulator.detector.directions(k)
    for _, other in PolychromaticSimulator(simulator, bandwidth=0.05, n_wavelengths=3).simulators():
        found = other.detector.directions(2 * np.pi / other.wavelength)
        np.testing.assert_allclose(found, directions, atol=1e-12)


def test_a_born_sphere_is_the_average_over_its_form_factors():
    radius, bandwidth = 60.0, 0.03
    volumes = sphere_volume(48, radius)
    simulator = MSFTSimulator(propagation="born", detector=FlatDetector(21, 1.0, 30.0))
    found = PolychromaticSimulator(simulator, bandwidth, n_wavelengths=9).transform(volumes)[0]
    angle = simulator.detector.scattering_angle(1.0)
    spread = np.random.default_rng(1).normal(size=4000) * bandwidth
    x = 4 * np.pi / (13.5 * (1 + spread)) * np.sin(angle[..., None] / 2) * radius + 1e-6
    form = np.mean((3 * (np.sin(x) - x * np.cos(x)) / x**3) ** 2, axis=-1)
    found /= found.max()
    assert np.abs(found - form)[angle > 0.1].max() < 1e-3
    mono = simulator.transform(volumes)[0] / simulator.transform(volumes).max()
    minimum = np.argmin(mono)
    assert found.flat[minimum] > 3 * mono.flat[minimum]  # the bandwidth fills the minima


def test_gradient_by_finite_differences():
    simulator = PolychromaticSimulator(FLAT, bandwidth=0.03, n_wavelengths=3)
    intensities, pullback = simulator.vjp(BODY)
    np.testing.assert_array_equal(intensities, simulator.transform(BODY))
    generator = np.random.default_rng(2)
    weights = generator.random(intensities.shape) / intensities.max()
    direction = generator.normal(size=BODY.shape) * (BODY > 0)
    ahead, behind = (
        np.sum(weights * simulator.transform(BODY + s * direction).astype(np.float64)) for s in (1e-3, -1e-3)
    )
    assert np.sum(pullback(weights) * direction) == pytest.approx((ahead - behind) / 2e-3, rel=2e-3)
    inside = simulator.vjp(BODY, within_body=True)[1](weights)
    assert not inside[:, :3].any()


def test_dispersion_sets_the_index_of_every_wavelength():
    asked = []

    def dispersion(wavelength):
        asked.append(wavelength)
        return 1 - 0.01 * wavelength / 13.5 + 0.02j

    simulator = MSFTSimulator(absorption="index", refractive_index=0.99 + 0.02j, detector=QGrid(8, 0.05))
    polychromatic = PolychromaticSimulator(simulator, 0.02, n_wavelengths=3, dispersion=dispersion)
    parts = polychromatic.simulators()
    wavelengths, weights = Beam(wavelength=13.5, bandwidth=0.02).wavelengths(3)
    np.testing.assert_allclose(asked, wavelengths)
    np.testing.assert_allclose([weight for weight, _ in parts], weights)
    assert [part.refractive_index for _, part in parts] == [dispersion(w) for w in wavelengths]
    mean = sum(weight * part.differential_cross_section(BODY) for weight, part in parts)
    np.testing.assert_allclose(polychromatic.differential_cross_section(BODY), mean, rtol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"simulator": "msft"}, "simulator"),
        ({"bandwidth": 0.2}, "bandwidth"),
        ({"n_wavelengths": 0}, "n_wavelengths"),
        ({"dispersion": 1.0}, "dispersion"),
        ({"dispersion": lambda wavelength: 1.0 + 0.1j}, "dispersion"),  # without an effect on a plain length
    ],
)
def test_bad_parameters_are_named(parameters, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of PolychromaticSimulator must be"):
        PolychromaticSimulator(**parameters).transform(BODY)
