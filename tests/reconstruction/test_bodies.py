"""Front surfaces of volumes against the metric's, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest
from network_tools import array, gradient, slope, tensor

from scatterkit.metrics.volumes import entry_depth
from scatterkit.reconstruction import Body, front_surface
from scatterkit.reconstruction.bodies import ramp

BOX = 90.0


def volumes():
    rng = np.random.default_rng(0)
    return np.clip(rng.normal(0.2, 0.6, size=(2, 9, 6, 7)), 0, 1).astype(np.float32)


@pytest.mark.parametrize("convert", [np.asarray, tensor], ids=["arrays", "tensors"])
def test_front_surface_is_where_the_metric_sees_it(convert):
    given = volumes()
    given[0, :, 2, 3] = 0
    entrance, silhouette = (array(part) for part in front_surface(convert(given), BOX))
    assert entrance.dtype == silhouette.dtype == np.float32
    for volume, heights in zip(given, entrance, strict=True):
        expected = entry_depth(volume) * 10.0 - BOX / 2
        np.testing.assert_allclose(heights, np.where(np.isnan(expected), BOX / 2, expected), rtol=1e-5)
    np.testing.assert_array_equal(silhouette, given.max(axis=1))


def test_gradient_of_the_front_surface():
    at = volumes()
    at[np.abs(at - 0.5) < 0.01] = 0.4  # a surface that goes over to another voxel has no derivative
    direction = np.random.default_rng(1).normal(size=at.shape).astype(np.float32)

    def entrance(v):
        return front_surface(v, BOX)[0]

    expected = slope(entrance, at, direction, 1e-3)
    assert np.vdot(gradient(entrance, at), direction) == pytest.approx(expected, rel=1e-3)


def test_voxels_are_made_when_asked_for():
    calls = []

    def voxels():
        calls.append(1)
        return volumes(), -volumes()

    body = Body(volumes()[:, 0], volumes()[:, 1], voxels)
    assert body.halfspaces is None
    assert not calls
    np.testing.assert_array_equal(body.silhouette, volumes().max(axis=1))
    np.testing.assert_array_equal(body.logits, -body.occupancy)
    assert len(calls) == 1


def test_ramp_and_logits_have_one_slope():
    inside = np.array([-30.0, -1.0, 0.0, 1.0, 30.0], dtype=np.float32).reshape(1, 5, 1, 1)
    occupancy, logits = ramp(inside, 10.0)
    assert occupancy.ravel().tolist() == pytest.approx([0, 0.4, 0.5, 0.6, 1])
    assert (1 / (1 + np.exp(-logits[0, 3]))).item() == pytest.approx(0.6, abs=2e-3)
    assert logits.ravel()[[0, 4]].tolist() == [-12.0, 12.0]
