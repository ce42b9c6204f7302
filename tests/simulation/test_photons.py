"""Photon counts, relative and absolute."""

from __future__ import annotations

import numpy as np
import pytest

from scatterkit.experiment import Beam, FlatDetector, Panel, PanelDetector, QGrid, refractive_index
from scatterkit.simulation import DetectorCounts, MSFTSimulator, PhotonCounts

PATTERNS = np.random.default_rng(0).random((3, 64, 64)) * np.array([1.0, 1e3, 1e-6])[:, None, None]


def test_counts_are_whole_and_sum_to_the_expected_number():
    counts = PhotonCounts(photons=2e5, random_state=1).transform(PATTERNS)
    assert counts.dtype == np.float32
    np.testing.assert_array_equal(counts, np.round(counts))
    np.testing.assert_allclose(counts.sum(axis=(1, 2)), 2e5, atol=5 * np.sqrt(2e5))


def test_noise_is_of_poisson():
    expected = 40.0
    counts = PhotonCounts(photons=expected * 256**2, random_state=2).transform(np.ones((1, 256, 256)))
    assert abs(counts.mean() - expected) < 5 * np.sqrt(expected) / 256
    assert abs(counts.var() / expected - 1) < 5 * np.sqrt(2) / 256


def test_dark_pixels_and_patterns_stay_dark():
    patterns = PATTERNS.copy()
    patterns[0] = 0
    patterns[1, :32] = 0
    counts = PhotonCounts(random_state=0).transform(patterns)
    assert not counts[0].any()
    assert not counts[1, :32].any()
    assert abs(counts[1].sum() - 1e6) < 5e3


def test_random_state():
    def draw(state):
        return PhotonCounts(photons=1e4, random_state=state).transform(PATTERNS)

    np.testing.assert_array_equal(draw(7), draw(7))
    assert (draw(7) != draw(8)).any()
    generator = np.random.default_rng(7)
    first, second = draw(generator), draw(generator)
    np.testing.assert_array_equal(first, draw(7))
    assert (first != second).any()


@pytest.mark.parametrize(
    ("parameters", "patterns", "name"),
    [
        ({"photons": 0}, PATTERNS, "photons"),
        ({"photons": np.inf}, PATTERNS, "photons"),
        ({"random_state": "seed"}, PATTERNS, "random_state"),
        ({}, -PATTERNS, "X"),
        ({}, PATTERNS * np.nan, "X"),
    ],
)
def test_bad_input_is_named(parameters, patterns, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of PhotonCounts"):
        PhotonCounts(**parameters).transform(patterns)


def closed_box(n):
    """Panels all around the sample."""
    axes = np.eye(3)
    corners = [(i, sign * axes[i] - axes[i - 1] - axes[i - 2]) for i in range(3) for sign in (-1, 1)]
    steps = [(tuple(corner), tuple(axes[i - 1] * 2 / n), tuple(axes[i - 2] * 2 / n)) for i, corner in corners]
    return PanelDetector([Panel((n, n), *vectors) for vectors in steps])


@pytest.mark.parametrize("polarization", ["y", 0.4, "unpolarized"])
def test_every_scattered_photon_is_counted_once(polarization):
    # a dipole with |f|^2 = 2 nm^2/sr has the total cross section 2 * 8 pi / 3
    beam = Beam(polarization=polarization)
    counts = DetectorCounts(beam, closed_box(40), quantum_efficiency=0.7)
    expected = counts.expected(np.full((1, 240, 40), 2.0))
    assert expected.sum() == pytest.approx(0.7 * beam.fluence * 2 * 8 * np.pi / 3, rel=1e-3)


def test_electrons_of_a_small_body_scatter_forward_in_phase():
    # Thomson: a body of N free electrons has the forward cross section (r_e N)^2
    wavelength = 0.05  # far above all edges of carbon
    volumes = np.zeros((1, 4, 4, 4), dtype=np.float32)
    volumes[:, 1:3, 1:3, 1:3] = 1
    simulator = MSFTSimulator(
        wavelength=wavelength,
        box=20.0,
        detector=QGrid(1),
        absorption="index",
        refractive_index=refractive_index("C", wavelength=wavelength),
    )
    electrons = 10.0**3 * 2.2e-21 / 12.011 * 6.02214e23 * 6
    thomson = (2.81794e-6 * electrons) ** 2
    assert simulator.differential_cross_section(volumes)[0, 0, 0] == pytest.approx(thomson, rel=5e-3)


def test_counts_scale_with_the_fluence_and_the_pixel():
    X = np.ones((1, 6, 6))
    detector = FlatDetector(6, 0.1, 30.0)
    one = DetectorCounts(Beam(pulse_energy=0.1, focus=200.0), detector).expected(X)
    np.testing.assert_allclose(
        DetectorCounts(Beam(pulse_energy=0.2, focus=200.0), detector).expected(X), 2 * one
    )
    np.testing.assert_allclose(DetectorCounts(Beam(focus=(400.0, 100.0)), detector).expected(X), one)
    half = DetectorCounts(Beam(focus=200.0), FlatDetector(6, 0.05, 15.0)).expected(X)
    np.testing.assert_allclose(half, one)
    assert one[0, 3, 3] == pytest.approx(Beam(focus=200.0).fluence * (0.1 / 30.0) ** 2)


def test_detector_counts_are_of_poisson_about_the_expectation():
    beam = Beam(pulse_energy=1e-6)
    X = np.full((40, 32, 32), 30.0) / DetectorCounts(beam, QGrid(32)).counts_per_cross_section()
    counts = DetectorCounts(beam, QGrid(32), random_state=1).transform(X)
    assert counts.dtype == np.float32
    np.testing.assert_array_equal(counts, np.round(counts))
    n = counts.size
    assert abs(counts.mean() - 30) < 5 * np.sqrt(30 / n)
    assert abs(counts.var() / 30 - 1) < 5 * np.sqrt(2 / n)


def test_pulse_energies_spread_from_shot_to_shot():
    beam = Beam(pulse_energy_spread=0.3)
    X = np.full((4000, 2, 2), 1e5) / DetectorCounts(beam, QGrid(2)).counts_per_cross_section()
    counts = DetectorCounts(beam, QGrid(2), random_state=3).transform(X)
    assert counts.mean() == pytest.approx(1e5, rel=0.02)
    by_shot = counts.mean(axis=(1, 2))
    assert by_shot.std() / by_shot.mean() == pytest.approx(0.3, rel=0.05)
    within = (counts / by_shot[:, None, None]).std()
    assert within < 0.01  # all pixels of a shot have its pulse energy


def test_detector_counts_are_seeded():
    X = np.full((2, 8, 8), 1e-3)

    def draw(state):
        return DetectorCounts(Beam(pulse_energy_spread=0.2), QGrid(8), random_state=state).transform(X)

    np.testing.assert_array_equal(draw(7), draw(7))
    assert (draw(7) != draw(8)).any()


@pytest.mark.parametrize(
    ("parameters", "X", "name"),
    [
        ({"beam": "bright"}, np.ones((1, 8, 8)), "beam"),
        ({"detector": 8}, np.ones((1, 8, 8)), "detector"),
        ({"quantum_efficiency": 1.5}, np.ones((1, 8, 8)), "quantum_efficiency"),
        ({}, np.ones((1, 8, 9)), "X"),
        ({}, -np.ones((1, 8, 8)), "X"),
        ({"random_state": "seed"}, np.ones((1, 8, 8)), "random_state"),
    ],
)
def test_bad_input_of_detector_counts_is_named(parameters, X, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of DetectorCounts must be"):
        DetectorCounts(**{"detector": QGrid(8)} | parameters).transform(X)
