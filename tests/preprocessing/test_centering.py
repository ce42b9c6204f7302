"""Centres of wide-angle patterns, where I(q) and I(-q) differ."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from simulated_shots import bodies, distances, photons

from scatterkit.datasets import fetch_barke2015
from scatterkit.experiment import FlatDetector, QGrid
from scatterkit.preprocessing import CenterEstimate, find_center

LEVEL = 4000


def found_and_true(
    detector: FlatDetector, n: int, total: float, *, seed: int = 1, hole: float = 8.0, **simulator: object
) -> tuple[list[CenterEstimate], np.ndarray]:
    """Shots with hole, gap, noise and saturation, up to 3 pixels off the detector's centre."""
    rng = np.random.default_rng(seed)
    middle = detector.shape[0] // 2
    centers = middle + rng.uniform(-3, 3, (n, 2))
    expected = photons(bodies(n, seed), detector, centers, total, **simulator)
    mask = distances(detector.shape, (middle, middle)) > hole
    mask[int(0.35 * middle) : int(0.35 * middle) + 3] = False
    found = []
    for light in expected:
        frame = np.minimum(rng.poisson(light), LEVEL).astype(float)
        usable = mask & ~ndimage.binary_dilation(frame >= LEVEL)
        frame[~mask] = np.nan
        found.append(find_center(frame, usable, detector=detector))
    return found, centers


def errors(found: list[CenterEstimate], centers: np.ndarray) -> np.ndarray:
    return np.hypot(*(np.array([f.center for f in found]) - centers).T)


@pytest.mark.parametrize("total", [1e5, 3e6])
def test_asymmetric_bodies_off_centre(total: float) -> None:
    detector = FlatDetector(256, 0.4, 30.0)
    found, centers = found_and_true(detector, 6, total)
    off = errors(found, centers)
    assert np.median(off) < 0.35
    assert off.max() < 1.1
    assert np.median(np.hypot(*(centers - 128).T)) > 2  # what the start is off


def test_the_way_down_is_walked_to_its_end() -> None:
    """From the best place of a raster the lowest may be steps away, and a place half-way down is no minimum."""
    detector = FlatDetector(256, 0.4, 30.0)
    centers = 128 + np.array([(0.7506, 2.3833), (2.9730, 1.7560)])
    light = photons(bodies(2, 7), detector, centers, 1e7)
    off = errors([find_center(frame, detector=detector) for frame in light], centers)
    assert off.max() < 0.06


def test_refraction_makes_it_harder_not_impossible() -> None:
    detector = FlatDetector(256, 0.4, 30.0)
    index = {"absorption": "index", "refractive_index": 0.89 + 0.0859j}
    off = errors(*found_and_true(detector, 4, 3e6, **index))
    assert np.median(off) < 0.6
    assert off.max() < 2.5


def test_a_tilted_detector() -> None:
    """Opposite wave vectors are not at opposite pixels there, and pixels differ in solid angle."""
    tilted = FlatDetector(256, 0.4, 30.0, tilt=(0.3, -0.2), roll=0.4)
    centers = 128 + np.random.default_rng(1).uniform(-3, 3, (4, 2))
    light = photons(bodies(4, 1), tilted, centers, 3e6)
    told, ignored = (
        errors([find_center(frame, detector=detector) for frame in light], centers)
        for detector in (tilted, FlatDetector(256, 0.4, 30.0))
    )
    assert np.median(told) < 0.1
    assert np.median(told) < 0.5 * np.median(ignored)


def test_a_fine_detector_gives_the_same_place() -> None:
    detector = FlatDetector(512, 0.2, 30.0)
    found, centers = found_and_true(detector, 2, 3e6, hole=16.0)
    assert np.median(errors(found, centers)) < 0.9


def test_pixels_put_together_count_as_those_of_a_coarse_detector() -> None:
    """The photons, too: their noise says how much a pair of pixels counts."""
    fine, coarse = FlatDetector(512, 0.2, 30.0), FlatDetector(256, 0.4, 30.0)
    light = photons(bodies(2, 1)[:1], fine, np.array([(258.3, 254.1)]), 3e4)[0]
    frame = np.random.default_rng(0).poisson(light)
    summed = frame.reshape(256, 2, 256, 2).sum(axis=(1, 3))
    first = find_center(frame, detector=fine, start=(256.5, 256.5), max_shift=16)
    second = find_center(summed, detector=coarse, start=(128.0, 128.0), max_shift=8)
    assert first.center == pytest.approx(2 * np.array(second.center) + 0.5, abs=1e-3)
    assert first.asymmetry == pytest.approx(second.asymmetry, rel=1e-3)


def test_a_wide_hole_widens_the_angle() -> None:
    """Little is left within the angle up to which opposite pixels are compared."""
    detector = FlatDetector(128, 0.8, 30.0)
    centers = np.array([(65.2, 62.9)])
    light = photons(bodies(2, 1)[:1], detector, centers, 1e6)[0]
    mask = distances(detector.shape, (64, 64)) >= 8
    found = find_center(light, mask, detector=detector, max_angle=0.25, max_shift=3)
    assert np.hypot(*np.subtract(found.center, centers[0])) < 0.6
    assert found.asymmetry < 0.5


def test_a_symmetric_pattern_is_centred_to_a_hundredth() -> None:
    detector = QGrid(128)
    truth = (65.37, 61.82)
    rows, columns = np.indices(detector.shape)
    y, x = rows - truth[0], columns - truth[1]
    light = 1e6 / (1 + (x**2 + 1.4 * y**2 + 0.6 * x * y) / 30) ** 2 * (1.3 + np.cos(0.7 * x - 0.4 * y))
    found = find_center(light, detector=detector)
    assert found.center == pytest.approx(truth, abs=0.02)
    assert found.asymmetry < 1e-3


def test_a_hole_in_the_mask_is_the_start() -> None:
    detector = FlatDetector(256, 0.4, 30.0)
    centers = np.array([(141.3, 118.4)])  # further off than max_shift
    light = photons(bodies(2, 1)[:1], detector, centers, 1e6)[0]
    mask = distances(detector.shape, (140.0, 120.0)) > 6
    mask &= distances(detector.shape, (128.0, 128.0)) < 110
    found = find_center(light, mask, detector=detector, max_shift=16)
    near = find_center(light, mask, detector=detector, start=(140, 120), max_shift=4)
    for estimate in (found, near):
        assert np.hypot(*np.subtract(estimate.center, centers[0])) < 1
    assert found.evidence["hole"] == pytest.approx((140, 120), abs=0.1)
    assert found.evidence["edge"] == pytest.approx((128, 128), abs=0.3)
    assert {"symmetry", "rings"} <= set(found.evidence)


def test_measured_patterns_have_their_centre_near_the_hole(sample_root: object) -> None:
    """Pictures of measured patterns: a logarithmic scale without photons, so a plausibility check alone."""
    measured = fetch_barke2015("available", download=False)
    grid = QGrid(128, dq=measured.dq)
    off = {}
    for i, number in enumerate(measured.numbers):
        light = np.exp(9 * measured.patterns[i].astype(np.float64))
        usable = measured.masks[i] & ~measured.saturated[i]
        hole = tuple(measured.centers[i])
        found = find_center(light, usable, detector=grid, start=hole, max_shift=4, max_angle=0.4)
        off[number] = np.hypot(*np.subtract(found.center, hole))
    assert max(off.values()) < 3.5
    assert off.get(1, 0) < 0.7  # the one that is almost symmetric under inversion


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"frame": np.ones((3, 3))}, "'frame' parameter.* shape"),
        ({"frame": np.full((64, 64), np.nan)}, "'frame' parameter.* NaN"),
        ({"mask": np.zeros((64, 64), bool)}, "empty mask"),
        ({"mask": np.ones((3, 3), bool)}, "'mask'"),
        ({"detector": "flat"}, "'detector'"),
        ({"wavelength": 0.0}, "'wavelength'"),
        ({"max_shift": 0.5}, "'max_shift'"),
        ({"max_angle": 2.0}, "'max_angle'"),
        ({"size": -1.0}, "'size'"),
        ({"start": (1.0,)}, "'start'"),
        ({"frame": np.zeros((64, 64))}, "masked or dark"),
    ],
)
def test_bad_input(change: dict[str, object], match: str) -> None:
    given = {"frame": np.random.default_rng(0).poisson(5, (64, 64)), "detector": FlatDetector(64)} | change
    with pytest.raises(ValueError, match=match):
        find_center(**given)
