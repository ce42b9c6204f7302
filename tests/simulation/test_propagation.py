"""The fast kernels of complex weights against the plain formula: fields, gradients, batches, threads."""

from __future__ import annotations

import numpy as np
import pytest
from simulation_bodies import random_fields, random_volumes

from scatterkit.experiment import FlatDetector, QGrid
from scatterkit.simulation import MSFTSimulator

SHAPE = (12, 10, 14)
MODES = ("msft", "pmsft", "wide", "hare")


def simulator(propagation, **parameters):
    defaults = {
        "box": 90.0,
        "absorption": "index",
        "refractive_index": 0.85 + 0.06j,
        "detector": QGrid(24, 0.03),
    }
    return MSFTSimulator(propagation=propagation, **{**defaults, **parameters})


def distance(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def bodies():
    """Random bodies; the last but one with empty slices before, between and behind, the last empty."""
    volumes = random_volumes(SHAPE, n=4)
    volumes[2, 5:7] = 0
    volumes[2, -3:] = 0
    volumes[3] = 0
    return volumes


@pytest.mark.parametrize("treatment", ["exact", "half", "full", "none"])
@pytest.mark.parametrize("propagation", MODES)
@pytest.mark.parametrize("index", [0.85 + 0.06j, 0.95, 0.3 + 0.6j])
def test_agrees_with_the_plain_formula(propagation, treatment, index):
    parameters = {"self_absorption": treatment, "refractive_index": index}
    fast, exact = (simulator(propagation, backend=b, **parameters) for b in ("matrix", "reference"))
    volumes = bodies()
    E = fast.field(volumes)
    assert E.dtype == np.complex64
    assert distance(E, exact.field(volumes)) < 2e-6
    gradient = random_fields(E.shape).astype(np.complex64)
    for within_body in (False, True):
        found, expected = (s.adjoint(volumes, gradient, within_body=within_body) for s in (fast, exact))
        assert distance(found, expected) < 1e-5


@pytest.mark.parametrize("propagation", ["pmsft", "wide", "hare"])
def test_diffracts_without_an_index_as_well(propagation):
    parameters = {"absorption": "published", "refractive_index": None, "absorption_length": 20.0}
    volumes = bodies()
    found, expected = (
        simulator(propagation, backend=b, **parameters).field(volumes) for b in ("matrix", "reference")
    )
    assert distance(found, expected) < 2e-6


@pytest.mark.parametrize("propagation", MODES)
def test_agrees_on_a_flat_detector(propagation):
    detector = FlatDetector(12, 1.0, 6.0)
    volumes = bodies()
    fast, exact = (simulator(propagation, backend=b, detector=detector) for b in ("auto", "reference"))
    assert distance(fast.field(volumes), exact.field(volumes)) < 1e-5


@pytest.mark.parametrize("propagation", MODES)
def test_bodies_of_a_batch_do_not_mix(propagation):
    volumes = bodies()
    together = simulator(propagation, n_threads=2).field(volumes)
    for volume, E in zip(volumes, together, strict=True):
        alone = simulator(propagation, n_threads=1).field(volume[None])[0]
        np.testing.assert_allclose(E, alone, atol=1e-6 * np.abs(together).max())
    assert np.all(together[3] == 0)


@pytest.mark.parametrize("propagation", MODES)
def test_gradient_stays_within_the_body(propagation):
    volumes = bodies()[1:]
    gradient = random_fields((3, 24, 24)).astype(np.complex64)
    whole, within = (simulator(propagation).adjoint(volumes, gradient, within_body=w) for w in (False, True))
    for volume, a, b in zip(volumes, whole, within, strict=True):
        occupied = [np.flatnonzero(volume.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
        inside = np.zeros(SHAPE, dtype=bool)
        if volume.any():
            inside[tuple(slice(o[0], o[-1] + 1) for o in occupied)] = True
        np.testing.assert_allclose(b[inside], a[inside], rtol=1e-4, atol=1e-5 * np.abs(whole).max())
        assert np.all(b[~inside] == 0)
        assert np.any(a[~inside] != 0)


@pytest.mark.parametrize("propagation", ["pmsft", "wide"])
def test_gradient_of_a_loss_by_finite_differences(propagation):
    volumes = (0.3 + 0.4 * random_volumes(SHAPE, n=1)).astype(np.float32)
    weights = np.random.default_rng(2).random((1, 24, 24)).astype(np.float32)
    model = simulator(propagation, backend="auto")
    _, pullback = model.vjp(volumes)
    gradient = pullback(weights)
    change = random_volumes(SHAPE, n=1, seed=5) - 0.5
    step = np.float32(4e-3)
    ends = (model.transform(volumes + sign * step * change).astype(float) for sign in (1, -1))
    numeric = np.sum(weights * np.subtract(*ends)) / (2 * step)
    assert np.sum(gradient * change) == pytest.approx(numeric, rel=2e-3)


def test_opaque_body_darkens_without_overflow():
    volumes = np.ones((1, 6, 5, 5), dtype=np.float32)
    E = simulator("msft", box=4000.0, refractive_index=0.5 + 3j).field(volumes)
    assert np.all(np.isfinite(E))
    expected = simulator("msft", box=4000.0, refractive_index=0.5 + 3j, backend="reference").field(volumes)
    assert distance(E, expected) < 1e-5
