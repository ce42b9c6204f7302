"""Published patterns, from published volumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scatterkit._validation import InvalidParameterError
from scatterkit.datasets import (
    PublishedGrid,
    fit_published,
    published_levels,
    published_simulator,
    read_pattern,
    read_table,
    read_volume,
)
from scatterkit.experiment import QGrid
from scatterkit.simulation import MSFTSimulator


def test_depth_wavevectors_are_the_linspace_of_512_points_turned() -> None:
    dx = 318.75 / 192
    in_picture = np.linspace(-np.pi / dx, np.pi / dx, 512)[256 - 64 : 256 + 64]
    q_y, q_x = PublishedGrid().depth_wavevectors(wavenumber=0.465)
    steps = np.arange(-63, 64)
    np.testing.assert_allclose(q_x[0, 64 + steps], -in_picture[64 - steps], atol=1e-12)
    np.testing.assert_array_equal(q_y[:, 0], q_x[0])


def test_the_lateral_grid_is_the_plain_one() -> None:
    for published, plain in zip(PublishedGrid().wavevectors(0.465), QGrid().wavevectors(0.465), strict=True):
        np.testing.assert_array_equal(published, plain)
        np.testing.assert_array_equal(plain, QGrid().depth_wavevectors(0.465)[plain.shape[0] == 1])


def test_qz_of_the_published_grid_has_no_mirror_symmetry() -> None:
    published = published_simulator().plan((8, 8, 8)).q_z
    plain = MSFTSimulator().plan((8, 8, 8)).q_z
    assert plain[64, 64] == 0
    assert published[64, 64] > 0
    # zero lies half a pixel beyond the beam's
    np.testing.assert_allclose(published[65:, 65:], published[64:1:-1, 64:1:-1], atol=1e-12)
    assert np.abs(published[1:, 1:] - published[1:, 1:][::-1, ::-1]).max() > 1e-3


def test_the_simulator_takes_other_parameters() -> None:
    simulator = published_simulator(absorption_length=20.0, detector=QGrid(16))
    assert (simulator.absorption_length, simulator.detector.n_pixels) == (20.0, 16)
    assert (simulator.voxel_response, simulator.self_absorption) == ("point", "full")


def test_levels_are_256_steps_of_equal_width() -> None:
    intensity = np.exp(np.linspace(0, 1, 1025))[None] - 1
    levels, counts = np.unique(published_levels(intensity, eps=1.0), return_counts=True)
    np.testing.assert_array_equal(levels, np.arange(256))
    assert counts.min() >= 3
    assert counts.max() <= 5


@pytest.mark.parametrize("eps", [0.5, 40.0, 3e3])
def test_eps_is_found(eps: float) -> None:
    intensity = np.random.default_rng(1).lognormal(5, 3, size=(40, 30))
    fit = fit_published(published_levels(intensity, eps) / 255, 7 * intensity)
    assert fit.eps == pytest.approx(7 * eps, rel=0.01)
    assert fit.identical > 0.999
    assert fit.correlation > 0.9999


@pytest.mark.parametrize(
    ("pattern", "intensity", "said"),
    [
        (
            np.zeros((4, 4)),
            np.eye(4),
            "'pattern' parameter of fit_published must be an array that is not constant",
        ),
        (np.eye(4), np.ones((4, 4)), "'intensity' parameter of fit_published must be an array that is not"),
        (np.eye(4), np.eye(5), "'intensity' parameter of fit_published must be .* shape"),
        (2 * np.eye(4), np.eye(4), "'pattern' parameter of fit_published must be"),
        (np.eye(4), -np.eye(4), "'intensity' parameter of fit_published must be"),
    ],
)
def test_bad_pictures_are_refused(pattern: np.ndarray, intensity: np.ndarray, said: str) -> None:
    with pytest.raises(InvalidParameterError, match=said):
        fit_published(pattern, intensity)


@pytest.mark.parametrize("table", ["val/infos14.csv", "test/infos1.csv"])
def test_published_patterns_come_back(sample_root: Path, table: str) -> None:
    for row in read_table(sample_root / table)[:2]:
        pattern, volume = read_pattern(row.pattern_path), read_volume(row.volume_path)[None]
        plain = fit_published(pattern, published_simulator(detector=QGrid()).transform(volume)[0])
        published = fit_published(pattern, published_simulator().transform(volume)[0])
        assert 0.98 < plain.correlation < published.correlation
        assert published.correlation > 0.9999
        assert published.identical > 0.999
