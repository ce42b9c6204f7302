"""The surface where an occupancy is one half."""

import numpy as np
import pytest

from scatterkit.fitting.models._isosurface import level_surface
from scatterkit.solids import Solid


def soft_ball(n, box, radius, width, centre=(0.0, 0.0, 0.0)):
    z, y, x = (np.indices((n,) * 3) + 0.5) * (box / n) - box / 2
    distance = np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2)
    return np.clip(0.5 + (radius - distance) / width, 0, 1).astype(np.float32)


def test_a_ball_keeps_its_place_size_and_outward_sense():
    centre = np.array([5.0, -8.0, 12.0])
    vertices, faces = level_surface(soft_ball(48, 120.0, 30.0, 8.0, centre), 120.0)
    np.testing.assert_allclose(np.linalg.norm(vertices - centre, axis=1), 30.0, atol=0.1)
    solid = Solid(vertices, faces)
    np.testing.assert_array_equal(solid.faces, faces)  # closed, and nothing had to be turned
    assert solid.volume == pytest.approx(4 / 3 * np.pi * 30**3, rel=5e-3)
    np.testing.assert_allclose(solid.centroid, centre, atol=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_any_volume_has_a_closed_surface(seed):
    volume = np.random.default_rng(seed).uniform(size=(9, 9, 9)).astype(np.float32)
    vertices, faces = level_surface(volume, 9.0)
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 2).all()
    assert 0 < Solid(vertices, faces).volume < 9**3


def test_voxels_of_exactly_one_half_do_no_harm():
    volume = np.zeros((8, 8, 8), np.float32)
    volume[2:6, 2:6, 2:6] = 1
    volume[3:5, 3:5, 6] = 0.5
    assert Solid(*level_surface(volume, 8.0)).volume == pytest.approx(4**3, rel=0.15)


def test_nothing_has_no_surface():
    with pytest.raises(ValueError, match="nowhere above one half"):
        level_surface(np.full((8, 8, 8), 0.4, np.float32), 8.0)
