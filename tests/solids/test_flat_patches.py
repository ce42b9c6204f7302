"""Faces of bodies whose surface holds slivers, as repeated cuts leave them."""

from __future__ import annotations

import numpy as np
import pytest

from scatterkit.solids import Solid


@pytest.mark.parametrize("name", ["dodecahedron", "truncated_icosidodecahedron", "truncated_dodecahedron"])
@pytest.mark.parametrize("offset", [0.3, 0.5, 0.6])
def test_cuts_leave_the_faces_apart(name: str, offset: float) -> None:
    body = Solid.from_catalogue(name, circumradius=1.0)
    axis = body.axis("C5")
    cut = body.cut(axis, offset).cut(-axis, offset)
    normals, offsets = np.vstack([body.normals, axis, -axis]), np.r_[body.offsets, offset, offset]
    planes = Solid.from_halfspaces(normals, offsets)
    assert len(cut.normals) == len(planes.normals)
    assert cut.volume == pytest.approx(planes.volume)
    for normal, distance in zip(planes.normals, planes.offsets, strict=True):
        gap = np.abs(cut.normals - normal).max(axis=1) + np.abs(cut.offsets - distance)
        assert gap.min() < 1e-6


def test_a_sliver_within_a_face_does_not_divide_it() -> None:
    corners = np.array([(x, y, z) for z in (0, 1) for y in (0, 1) for x in (0, 1)], dtype=float)
    middles = np.array([(0.5, 1e-9, 1), (0.5, 1, 1)])  # splits the top, with a sliver along its front edge
    top = [(4, 8, 9), (4, 9, 6), (8, 5, 9), (5, 7, 9), (4, 5, 8)]
    rest = [(0, 2, 1), (1, 2, 3), (0, 1, 4), (1, 5, 4), (0, 4, 2), (2, 4, 6), (1, 3, 5), (3, 7, 5)]
    back = [(2, 6, 9), (2, 9, 3), (3, 9, 7)]
    body = Solid(np.vstack([corners, middles]), np.array(top + rest + back))
    assert len(body.normals) == 6


@pytest.mark.parametrize("name", ["icosahedron", "octahedron", "cuboctahedron"])
def test_corners_that_nearly_coincide_leave_the_faces_apart(name: str) -> None:
    """Planes that nearly meet in a point, as fits leave them: a cluster of corners, slivers along every edge there."""
    body = Solid.from_catalogue(name, circumradius=60.0)
    shifts = 1e-4 * np.random.default_rng(0).standard_normal(len(body.offsets))
    split = Solid.from_halfspaces(body.normals, body.offsets + shifts)
    assert len(split.vertices) > len(body.vertices)
    normals, offsets, members = split._plane_faces
    assert len(normals) == len(body.normals)
    for normal, distance, member in zip(normals, offsets, members, strict=True):
        np.testing.assert_allclose(split.vertices[member] @ normal, distance, rtol=0, atol=2e-4)
    assert split.volume == pytest.approx(body.volume, rel=1e-5)
