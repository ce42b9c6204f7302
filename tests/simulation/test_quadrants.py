"""Detectors whose Qz does not mirror: all kernels give the plain formula's field and gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scatterkit.datasets import PublishedGrid
from scatterkit.experiment import FlatDetector, QGrid
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.kernels.quadrants import mirrors, quadrants

SHAPES = [24, 25, (20, 33), (1, 30)]
CASES = [(n_pixels, backend) for n_pixels in SHAPES for backend in ("auto", "matrix")]
CASES += [(n_pixels, "fft") for n_pixels in SHAPES[:3]]  # a line of pixels has no padded grid across it


def volumes() -> np.ndarray:
    rng = np.random.default_rng(3)
    body = np.zeros((2, 24, 24, 24), dtype=np.float32)
    body[:, 4:19, 6:20, 3:17] = rng.random((2, 15, 14, 14))
    return body


def simulator(n_pixels: Any, backend: str) -> MSFTSimulator:
    detector = PublishedGrid(n_pixels, dq=2 * np.pi / 850)
    return MSFTSimulator(detector=detector, wavelength=40.0, absorption_length=50.0, backend=backend)


@pytest.mark.parametrize(("n_pixels", "backend"), CASES)
def test_kernels_agree_with_the_plain_formula(n_pixels: Any, backend: str) -> None:
    rng = np.random.default_rng(4)
    reference, kernel = simulator(n_pixels, "reference"), simulator(n_pixels, backend)
    X = volumes()
    E = reference.field(X)
    assert np.abs(kernel.field(X) - E).max() < 1e-5 * np.abs(E).max()
    gradient = rng.normal(size=E.shape) + 1j * rng.normal(size=E.shape)
    for within_body in (False, True):
        pull = reference.adjoint(X, gradient, within_body=within_body)
        given = kernel.adjoint(X, gradient, within_body=within_body)
        assert np.abs(given - pull).max() < 1e-5 * np.abs(pull).max()


def test_the_published_grid_gives_another_field() -> None:
    """Otherwise the tests above would compare nothing new."""
    E = simulator(24, "reference").field(volumes())
    plain = MSFTSimulator(detector=QGrid(24), wavelength=40.0, absorption_length=50.0).field(volumes())
    assert np.abs(E - plain).max() > 0.01 * np.abs(E).max()


@pytest.mark.parametrize(
    "detector", [QGrid(24), QGrid(25), QGrid((20, 33)), FlatDetector(24), FlatDetector(25)]
)
def test_usual_detectors_mirror(detector: Any) -> None:
    assert mirrors(MSFTSimulator(detector=detector).plan((8, 8, 8)))


@pytest.mark.parametrize("n_pixels", SHAPES)
def test_quadrants_share_the_detector(n_pixels: Any) -> None:
    plan = simulator(n_pixels, "matrix").plan((8, 8, 8))
    parts = quadrants(plan)
    assert not mirrors(plan)
    assert all(mirrors(part) for part in parts)
    np.testing.assert_array_equal(sum(part.response for part in parts), plan.response)
    for part in parts:
        seen = part.response != 0
        np.testing.assert_array_equal(part.q_z[seen], plan.q_z[seen])
