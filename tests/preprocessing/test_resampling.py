"""Frames on the model's grid: against the simulation on that grid, even fields, masks, flags, noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from simulated_shots import WAVENUMBER, bodies

from scatterkit.experiment import Detector, FlatDetector, Panel, PanelDetector, QGrid
from scatterkit.preprocessing import QResampler
from scatterkit.preprocessing._geometry import beam_center, finer, offsets, spots, with_center
from scatterkit.simulation import MSFTSimulator

GRID = QGrid(64, dq=2 * math.pi / 850)


def two_panels(size: float = 0.3, turn: float = 0.05) -> PanelDetector:
    """Two panels with a gap, one turned within its plane."""
    c, s = size * math.cos(turn), size * math.sin(turn)
    upper = Panel((60, 130), corner=(-19.5, -20.0, 30.0), fast=(size, 0, 0), slow=(0, size, 0))
    lower = Panel((60, 120), corner=(-19.0, 1.0, 30.0), fast=(c, s, 0), slow=(-s, c, 0))
    return PanelDetector([upper, lower])


DETECTORS: dict[str, Detector] = {
    "fine": FlatDetector(240, 0.1, 30.0, center=(121.3, 115.8)),
    "like the grid": FlatDetector(96, 0.35, 30.0, center=(48.6, 46.1)),
    "coarse": FlatDetector(40, 0.9, 30.0, center=(20.3, 18.9)),
    "tilted": FlatDetector(240, 0.15, 30.0, center=(110.0, 118.0), tilt=(0.2, -0.1), roll=0.3),
    "panels": two_panels(),
    "grid": QGrid(200, dq=GRID.dq / 3),
}


@pytest.fixture(scope="module")
def volumes() -> NDArray[np.float32]:
    return bodies(2, seed=4)


@pytest.mark.parametrize("name", DETECTORS)
def test_an_even_field_stays_even(name: str) -> None:
    detector = DETECTORS[name]
    photons = 1e5 * detector.solid_angle(WAVENUMBER)
    found = QResampler(detector, GRID).resample(photons[None])
    expected = 1e5 * (GRID.dq / WAVENUMBER) ** 2
    assert found.masks[0].mean() > 0.3
    np.testing.assert_allclose(found.intensities[found.masks], expected, rtol=1e-5)
    assert not found.intensities[~found.masks].any()
    assert not found.sigma[~found.masks].any()


# mean squared difference of log-scaled patterns; a 64^3 simulation itself is off by 1.6e-4
@pytest.mark.parametrize(
    ("name", "most", "least"),
    [
        ("fine", 7e-5, 0.999),
        ("like the grid", 7e-5, 0.9985),
        ("coarse", 2e-3, 0.965),
        ("tilted", 7e-5, 0.9985),
        ("panels", 1e-4, 0.998),
        ("grid", 5e-5, 0.999),
    ],
)
def test_the_same_body_on_detector_and_grid(
    name: str, most: float, least: float, volumes: NDArray[np.float32]
) -> None:
    detector = DETECTORS[name]
    reference = MSFTSimulator(detector=GRID).transform(volumes)
    seen = MSFTSimulator(detector=detector).transform(volumes) * detector.solid_angle(WAVENUMBER)
    found = QResampler(detector, GRID).resample(seen)
    for pattern, mask, true in zip(found.intensities, found.masks, reference, strict=True):
        back = np.maximum(pattern, 0) / (GRID.dq / WAVENUMBER) ** 2
        a, b = (np.log(part[mask] + 100) for part in (back, true))
        assert np.mean((a - b) ** 2) / np.ptp(b) ** 2 < most
        assert np.corrcoef(a, b)[0, 1] > least


def test_the_value_in_the_middle_is_closer_than_the_mean(volumes: NDArray[np.float32]) -> None:
    detector = DETECTORS["fine"]
    reference = MSFTSimulator(detector=GRID).transform(volumes) * (GRID.dq / WAVENUMBER) ** 2
    seen = MSFTSimulator(detector=detector).transform(volumes) * detector.solid_angle(WAVENUMBER)
    off = {}
    for value in ("center", "mean"):
        found = QResampler(detector, GRID, value=value).resample(seen)
        off[value] = np.abs(found.intensities - reference)[found.masks].sum()
    assert off["center"] < 0.4 * off["mean"]


@pytest.mark.parametrize("pixel", [(121, 116), (60, 180), (200, 33)])
def test_photons_are_neither_lost_nor_counted_twice(pixel: tuple[int, int]) -> None:
    """Photons of one pixel, wherever its share goes, are as many after binning."""
    frame = np.zeros((1, 240, 240))
    frame[0, *pixel] = 1000
    found = QResampler(DETECTORS["fine"], GRID, value="mean").resample(frame)
    angles = GRID.solid_angle(WAVENUMBER) / (GRID.dq / WAVENUMBER) ** 2
    assert 1 <= np.count_nonzero(found.intensities) <= 4
    assert (found.intensities[0] * angles).sum() == pytest.approx(1000, rel=0.04)


def test_polarisation_is_undone(volumes: NDArray[np.float32]) -> None:
    detector = FlatDetector(200, 0.2, 25.0)
    factor = detector.polarization_factor(WAVENUMBER, "x")
    photons = 1e4 * detector.solid_angle(WAVENUMBER) * factor
    found = QResampler(detector, GRID, polarization="x").resample(photons[None])
    np.testing.assert_allclose(found.intensities[found.masks], 1e4 * (GRID.dq / WAVENUMBER) ** 2, rtol=1e-4)
    without = QResampler(detector, GRID).resample(photons[None])
    assert np.ptp(without.intensities[without.masks]) > 0.1 * without.intensities.max()


@pytest.mark.parametrize("name", DETECTORS)
def test_masked_pixels_do_not_leak(name: str) -> None:
    detector = DETECTORS[name]
    rng = np.random.default_rng(1)
    mask = rng.random(detector.shape) > 0.05
    mask[30:34] = False
    even = np.where(mask, 1e5 * detector.solid_angle(WAVENUMBER), np.nan)
    found = QResampler(detector, GRID).resample(even[None], mask)
    np.testing.assert_allclose(found.intensities[found.masks], 1e5 * (GRID.dq / WAVENUMBER) ** 2, rtol=1e-5)
    other = QResampler(detector, GRID).resample(np.where(mask, even, 1e30)[None], mask)
    np.testing.assert_array_equal(found.intensities, other.intensities)


def test_what_is_not_covered_is_masked() -> None:
    detector = DETECTORS["fine"]
    mask = np.ones(detector.shape, dtype=bool)
    mask[100:140, 90:150] = False
    found = QResampler(detector, GRID).resample(np.ones((1, *detector.shape)), mask)
    q = WAVENUMBER * np.array([(120 - 121.3), (120 - 115.8)]) * 0.1 / 30 / GRID.dq + 32
    row, column = np.rint(q).astype(int)
    assert not found.masks[0, row - 2 : row + 3, column - 4 : column + 5].any()
    assert not found.masks[0, 0, 0]  # the detector does not reach there
    strict = QResampler(detector, GRID, min_coverage=1.0).resample(np.ones((1, *detector.shape)), mask)
    assert strict.masks.sum() < found.masks.sum()
    assert not (strict.masks & ~found.masks).any()


@pytest.mark.parametrize("name", ["fine", "coarse"])
def test_saturated_pixels_are_flagged_wherever_they_have_a_part(name: str) -> None:
    detector = DETECTORS[name]
    frame = np.ones((1, *detector.shape))
    flags = np.zeros(frame.shape, dtype=bool)
    row, column = (int(c) + 3 for c in beam_center(detector))
    flags[0, row, column] = True
    found = QResampler(detector, GRID).resample(frame, saturated=flags)
    assert 1 <= found.saturated.sum() <= (4 if name == "fine" else 80)
    assert not (found.saturated & ~found.masks).any()
    changed = QResampler(detector, GRID, value="mean").resample(frame + 100 * flags)
    plain = QResampler(detector, GRID, value="mean").resample(frame)
    assert not ((changed.intensities != plain.intensities) & ~found.saturated).any()


@pytest.mark.parametrize(("name", "least", "most"), [("fine", 0.9, 1.4), ("coarse", 0.05, 1.1)])
def test_no_count_does_not_mean_no_noise(name: str, least: float, most: float) -> None:
    """Sigma is then that of about a photon in a pixel of the grid, or its share of a larger pixel's."""
    detector = DETECTORS[name]
    found = QResampler(detector, GRID).resample(np.zeros((1, *detector.shape)))
    assert found.sigma[found.masks].min() > 0
    assert not found.sigma[~found.masks].any()
    middle = found.sigma[0, 24:40, 24:40]
    assert least < middle.min()
    assert middle.max() < most


@pytest.mark.parametrize("name", ["fine", "coarse"])
@pytest.mark.parametrize("value", ["center", "mean"])
def test_sigma_is_the_scatter_of_noisy_frames(name: str, value: str) -> None:
    detector = DETECTORS[name]
    rng = np.random.default_rng(2)
    frames = rng.normal(50, 5, size=(120, *detector.shape))
    found = QResampler(detector, GRID, value=value).resample(frames, variance=np.full(frames.shape, 25.0))
    inner = found.masks.all(axis=0)
    ratio = found.intensities.std(axis=0)[inner] / found.sigma[0][inner]
    assert np.median(ratio) == pytest.approx(1, abs=0.03)
    assert np.percentile(ratio, [2, 98]) == pytest.approx([0.87, 1.13], abs=0.05)


def test_the_centre_is_that_of_a_detector_with_it() -> None:
    frame = np.random.default_rng(3).random((1, 96, 96))
    placed = FlatDetector(96, 0.35, 30.0, center=(44.25, 51.5))
    expected = QResampler(placed, GRID).transform(frame)
    found = QResampler(FlatDetector(96, 0.35, 30.0), GRID).resample(frame, center=(44.25, 51.5))
    np.testing.assert_array_equal(found.intensities, expected)
    shifted = QResampler(GRID, GRID).resample(
        np.pad(frame[:, :60, :60], ((0, 0), (2, 2), (3, 1))), center=(34.0, 33.0)
    )
    plain = QResampler(GRID, GRID).resample(np.pad(frame[:, :60, :60], ((0, 0), (0, 4), (2, 2))))
    both = shifted.masks & plain.masks
    np.testing.assert_allclose(shifted.intensities[both], plain.intensities[both], atol=1e-6)


@pytest.mark.parametrize("name", DETECTORS)
def test_spots_are_where_pixels_see_their_wave_vectors(name: str) -> None:
    detector = DETECTORS[name]
    q_y, q_x = np.broadcast_arrays(*detector.wavevectors(WAVENUMBER))
    rows, columns = np.indices(detector.shape)
    seen = detector.solid_angle(WAVENUMBER) > 0
    hits = np.zeros(detector.shape, dtype=bool)
    for spot in spots(detector, q_y, q_x, WAVENUMBER):
        with np.errstate(invalid="ignore"):
            hits |= np.hypot(spot.rows - rows, spot.columns - columns) < 1e-6
    assert hits[seen].all()


@pytest.mark.parametrize("name", DETECTORS)
def test_finer_pixels_lie_in_their_pixel(name: str) -> None:
    detector = DETECTORS[name]
    parts, whole = finer(detector, 3), detector
    assert parts.shape == tuple(3 * n for n in whole.shape)
    # the middle one of 3 x 3 parts is the pixel's own middle
    for fine, coarse in zip(
        parts.directions(WAVENUMBER)[1::3, 1::3], whole.directions(WAVENUMBER), strict=True
    ):
        np.testing.assert_allclose(fine, coarse, atol=1e-12)


def test_offsets_do_not_depend_on_the_centre() -> None:
    q = np.array([0.01, -0.1]), np.array([0.2, 0.03])
    for detector in (DETECTORS["tilted"], DETECTORS["grid"]):
        moved = with_center(detector, (3.0, 4.0))
        np.testing.assert_allclose(offsets(detector, *q, WAVENUMBER), offsets(moved, *q, WAVENUMBER))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"X": np.ones((1, 30, 30))}, r"\(any, 40, 40\)"),
        ({"X": np.ones((40, 40))}, "shape"),
        ({"X": np.full((1, 40, 40), np.nan)}, "NaN"),
        ({"mask": np.zeros((40, 40), bool)}, "empty mask"),
        ({"mask": np.ones((2, 40, 40), bool)}, "'mask'"),
        ({"mask": np.full((40, 40), 0.5)}, "'mask'"),
        ({"saturated": np.ones(3)}, "'saturated'"),
        ({"variance": np.ones((40, 40))}, "'variance'"),
        ({"variance": -np.ones((1, 40, 40))}, "'variance'"),
        ({"center": (1.0, np.nan)}, "'center'"),
    ],
)
def test_bad_input(change: dict[str, object], match: str) -> None:
    given = {"X": np.ones((1, 40, 40))} | change
    with pytest.raises(ValueError, match=match):
        QResampler(DETECTORS["coarse"], GRID).resample(**given)


def test_panels_have_no_centre_to_be_set() -> None:
    with pytest.raises(ValueError, match="PanelDetector"):
        QResampler(two_panels(), GRID).resample(np.ones((1, 120, 130)), center=(1.0, 2.0))
