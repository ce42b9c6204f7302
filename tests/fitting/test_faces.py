"""Faces of bodies given by half-spaces, and merging two of them."""

import numpy as np
import pytest

from scatterkit.fitting import ConvexBody
from scatterkit.fitting._faces import faces_of, mergeable_pairs, merged
from scatterkit.fitting._planes import box_planes, with_box
from scatterkit.solids import Solid


def test_faces_of_a_box():
    normals, _ = box_planes(1.0)
    offsets = np.array([1.0, 2.0, 3.0, 1.0, 2.0, 3.0])
    faces = faces_of(normals, offsets, np.zeros(3))
    np.testing.assert_allclose(faces.areas, [24, 12, 8, 24, 12, 8])
    np.testing.assert_allclose(faces.centres, normals * offsets[:, None], atol=1e-12)


def test_areas_agree_with_the_surface_of_the_mesh():
    solid = Solid.from_catalogue("truncated_icosahedron", circumradius=50)
    faces = faces_of(np.array(solid.normals), np.array(solid.offsets), np.zeros(3))
    assert faces.areas.sum() == pytest.approx(solid.to_trimesh().area, rel=1e-6)


def test_a_half_space_out_of_reach_has_no_face():
    normals, offsets = with_box(np.array([[0.0, 0.6, 0.8]]), np.array([50.0]), 1.0)
    faces = faces_of(normals, offsets, np.zeros(3))
    assert faces.areas[0] == 0
    assert len(faces.corners[0]) == 0


def test_a_point_outside_gives_no_faces():
    normals, offsets = box_planes(1.0)
    assert faces_of(normals, offsets, np.array([5.0, 0.0, 0.0])) is None


def bent_front(angle):
    """A box whose front is bent in the middle by an angle."""
    tilted = [[np.sin(side * angle / 2), 0, -np.cos(angle / 2)] for side in (-1, 1)]
    sides = [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1]]
    return np.array(tilted + sides, dtype=float), np.full(7, 30.0)


def test_a_flat_edge_on_the_lit_side_is_merged():
    normals, offsets = bent_front(0.2)
    faces = faces_of(normals, offsets, np.zeros(3))
    assert mergeable_pairs(normals, faces, widest=0.3) == [(0, 1)]
    assert mergeable_pairs(normals, faces, widest=0.1) == []
    assert mergeable_pairs(-normals, faces, widest=0.3) == []  # the same edge on the far side
    new_normals, new_offsets = merged(normals, offsets, faces, 0, 1, limit=100.0)
    np.testing.assert_allclose(new_normals[0], [0, 0, -1], atol=1e-12)
    after = faces_of(new_normals, new_offsets, np.zeros(3))
    assert after.areas[1] == 0
    assert after.areas[0] == pytest.approx(60 * 60, rel=1e-6)


def test_the_model_offers_bodies_with_one_face_less():
    model = ConvexBody(n_faces=8, widest_merge=0.3)
    normals, offsets = bent_front(0.2)
    point = np.column_stack([np.vstack([normals, [[0, 0, 1]]]), np.append(offsets, 35.0)])
    (simpler,) = model.simpler(point, limit=150.0)
    before, after = model.solid(point, 150.0), model.solid(simpler, 150.0)
    assert len(after.offsets) == len(before.offsets) - 1
    assert ConvexBody(n_faces=8, widest_merge=0.0).simpler(point, limit=150.0) == []
