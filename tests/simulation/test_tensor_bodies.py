"""Half-space bodies on Keras tensors, against closed forms and the exact rasteriser."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from scatterkit.solids import HalfSpaceSampler, Rasterizer

BOX = 32.0
CUBE = np.concatenate([np.eye(3), -np.eye(3)])


@pytest.fixture(scope="module")
def draw():
    bodies, backends = (
        importlib.import_module(f"scatterkit.simulation.kernels.tensor_{name}")
        for name in ("bodies", "backends")
    )
    to_tensor = backends.keras.ops.convert_to_tensor

    def drawn(normals, offsets, shape, box=BOX, compiled=False, **options):
        def run(planes):
            return bodies.occupancy(*planes, shape, box, **options)

        planes = tuple(to_tensor(np.asarray(values, np.float32)) for values in (normals, offsets))
        return backends.keras.ops.convert_to_numpy((backends.jit(run) if compiled else run)(planes))

    return drawn


def test_a_box_along_the_axes_is_exact(draw):
    # faces through the middle of voxels 1 nm wide, with 16 columns in as many rows and columns
    offsets = np.array([5.5, 4.25, 3.125, 2.0, 6.75, 7.375])
    [volume] = draw(CUBE[None], offsets[None], (32, 32, 32))

    def filled(low, high):
        edges = np.arange(33) - 16.0
        return np.clip(np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1]), 0, None)

    x, y, z = (filled(-offsets[axis + 3], offsets[axis]) for axis in range(3))
    assert np.abs(volume - z[:, None, None] * y[:, None] * x).max() < 1e-5


def test_the_grid_may_differ_along_its_axes(draw):
    [volume] = draw(CUBE[None], np.array([[4.0, 6, 8, 2, 3, 5]]), (16, 8, 4))
    assert volume.shape == (16, 8, 4)
    assert abs(volume.sum() * (2 * 4 * 8) / (6 * 9 * 13) - 1) < 1e-6


@pytest.mark.parametrize("turn", range(4))
def test_the_volume_of_turned_cubes(draw, turn):
    normals = Rotation.random(random_state=turn).apply(CUBE)
    [volume] = draw(normals[None], np.full((1, 6), 7.0), (16, 16, 16), n_columns=64)
    assert abs(volume.sum() * 8 / 14**3 - 1) < 1e-3


def test_faces_along_the_beam(draw):
    """A prism upright, and one tilted by less than a float32 can tell."""
    for tilt in (0.0, 1e-8, -1e-5, 1e-3):
        normals = np.array(CUBE)
        normals[:2] = Rotation.from_euler("y", tilt).apply(CUBE[:2])
        [volume] = draw(normals[None], np.full((1, 6), 8.0), (16, 16, 16))
        assert abs(volume.sum() * 8 / 16**3 - 1) < 2e-3


def test_an_empty_body(draw):
    [volume] = draw(CUBE[None], np.array([[-3.0, 5, 5, 2, 5, 5]]), (8, 8, 8))
    assert (volume == 0).all()


def sampled(n):
    sampler = HalfSpaceSampler(random_state=1)
    return sampler.planes(sampler.keys(n)), Rasterizer(grid=64).transform(sampler.sample(n))


def test_random_bodies_against_the_exact_rasterizer(draw):
    planes, exact = sampled(6)
    errors = []
    for n_columns in (4, 16, 64):
        volumes = draw(*planes, (64, 64, 64), 318.75, n_columns=n_columns)
        assert volumes.min() >= 0
        assert volumes.max() <= 1 + 1e-6
        deviation = (volumes - exact)[(exact > 0) & (exact < 1)]
        errors.append((np.abs(deviation).mean(), np.quantile(np.abs(deviation), 0.99), abs(deviation.mean())))
    means, highest, bias = np.transpose(errors)
    assert means[1] < 0.02
    assert highest[1] < 0.1
    assert bias[1] < 1e-3
    assert means[2] < means[1] / 2 < means[0] / 4


def test_batches_pass_in_parts(draw):
    planes, _ = sampled(6)
    whole = draw(*planes, (16, 16, 16), 318.75, compiled=True)
    single = [draw(*(p[i : i + 1] for p in planes), (16, 16, 16), 318.75)[0] for i in range(6)]
    assert np.abs(whole - single).max() < 1e-4
