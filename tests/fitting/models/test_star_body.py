"""StarBody: harmonics, radii, surfaces."""

import numpy as np
import pytest

from scatterkit.fitting import StarBody
from scatterkit.fitting.models.star import real_harmonics


def directions(n=400, seed=0):
    units = np.random.default_rng(seed).normal(size=(n, 3))
    return units / np.linalg.norm(units, axis=1, keepdims=True)


def harmonics(degree, units):
    return real_harmonics(degree, np.arccos(units[:, 2]), np.arctan2(units[:, 1], units[:, 0]))


def test_low_harmonics_are_the_known_polynomials():
    units = directions()
    x, y, z = units.T
    found = harmonics(2, units)
    assert found[:, 0] == pytest.approx(np.sqrt(1 / (4 * np.pi)))
    np.testing.assert_allclose(found[:, 1:4], np.sqrt(3 / (4 * np.pi)) * np.stack([y, z, x], axis=1))
    quadratic = np.stack([x * y, y * z, (3 * z**2 - 1) / (2 * np.sqrt(3)), x * z, (x**2 - y**2) / 2], axis=1)
    np.testing.assert_allclose(found[:, 4:], np.sqrt(15 / (4 * np.pi)) * quadratic, atol=1e-12)


def test_harmonics_are_orthonormal():
    nodes, weights = np.polynomial.legendre.leggauss(12)
    azimuth = 2 * np.pi * np.arange(24) / 24
    polar = np.repeat(np.arccos(nodes), 24)
    values = real_harmonics(8, polar, np.tile(azimuth, 12))
    product = values.T @ (np.repeat(weights, 24)[:, None] * values) * (2 * np.pi / 24)
    np.testing.assert_allclose(product, np.eye(81), atol=1e-12)


def test_a_shifted_sphere_is_star_shaped():
    """Its radius is known in every direction; its harmonics follow by quadrature."""
    radius, shift = 50.0, np.array([0.0, 6.0, 12.0])
    nodes, weights = np.polynomial.legendre.leggauss(40)
    azimuth = np.tile(2 * np.pi * np.arange(80) / 80, 40)
    polar = np.repeat(np.arccos(nodes), 80)
    units = np.stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=1
    )
    along = units @ shift
    radii = along + np.sqrt(along**2 + radius**2 - shift @ shift)
    values = real_harmonics(8, polar, azimuth)
    point = (np.repeat(weights, 80) * np.log(radii)) @ values * (2 * np.pi / 80)
    model = StarBody(degree=8)
    solid = model.solid(point, 150.0)
    assert solid.volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=5e-3)
    np.testing.assert_allclose(solid.centroid, shift, atol=0.05)
    volume = model.occupancy(point, 64, 200.0, 5.0)
    z, y, x = (np.indices((64,) * 3) + 0.5) * (200 / 64) - 100
    inside = radius - np.sqrt((x - shift[0]) ** 2 + (y - shift[1]) ** 2 + (z - shift[2]) ** 2)
    assert np.abs(volume - np.clip(0.5 + inside / 5.0, 0, 1)).max() < 0.06


def test_a_body_that_is_too_large_is_cut_by_the_cube():
    model = StarBody(degree=0)
    point = model.starts(np.array([100.0]), np.random.default_rng(0))[0]
    assert np.abs(model.solid(point, 80.0).bounds).max() <= 80.0 * (1 + 1e-12)
    volume = model.occupancy(point, 40, 80 / 0.475, 1.0)
    # a ball of 100 nm less six caps of 20 nm
    expected = 4 / 3 * np.pi * 100**3 - 6 * np.pi * 20**2 * (300 - 20) / 3
    assert volume.sum() * (80 / 0.475 / 40) ** 3 == pytest.approx(expected, rel=2e-3)
