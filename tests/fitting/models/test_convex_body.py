"""ConvexBody and SupportBody: planes and faces."""

import numpy as np
import pytest

from scatterkit.fitting import ConvexBody, SupportBody
from scatterkit.solids import Solid

LIMIT = 150.0


def start_of(model, radius=60.0, seed=0):
    return model.starts(np.array([radius]), np.random.default_rng(seed))[0]


def test_planes_and_solid_are_the_same_body():
    model = ConvexBody(n_faces=30)
    point = start_of(model)
    solid = model.solid(point, LIMIT)
    np.testing.assert_allclose(solid.support(point[:, :3]), point[:, 3], rtol=1e-6)


def test_a_convex_body_never_leaves_the_box():
    model = ConvexBody(n_faces=12)
    assert np.abs(model.solid(start_of(model, radius=400.0), LIMIT).bounds).max() <= LIMIT * (1 + 1e-6)


def test_lit_faces_that_no_pattern_tells_apart_are_one():
    cube = Solid.from_catalogue("cube", circumradius=60)
    normals, offsets = np.array(cube.normals), np.array(cube.offsets)
    lit = np.argmin(normals[:, 2])
    twin = normals[lit] + np.array([0.005, 0, 0])
    point = np.column_stack([np.vstack([normals, twin / np.linalg.norm(twin)]), [*offsets, offsets[lit]]])
    assert len(Solid.from_halfspaces(point[:, :3], point[:, 3]).normals) == 7
    solid = ConvexBody().solid(point, LIMIT)
    assert len(solid.normals) == 6
    assert solid.volume == pytest.approx(cube.volume, rel=5e-3)


@pytest.mark.parametrize("shift", [(90.0, 0.0, 0.0), (-60.0, 50.0, 70.0)])
def test_bodies_beside_the_origin_get_simpler_alike(shift):
    model = ConvexBody(n_faces=14, widest_merge=1.5)
    point = start_of(model, radius=50.0)
    moved = model.recentred(point, np.array(shift))
    found = model.simpler(moved, LIMIT)
    expected = [model.recentred(trial, np.array(shift)) for trial in model.simpler(point, LIMIT)]
    assert len(found) == len(expected) > 10
    for one, other in zip(found[:3], expected[:3], strict=True):
        assert model.solid(one, LIMIT).volume == pytest.approx(model.solid(other, LIMIT).volume, rel=1e-6)


def test_flat_edges_go_beside_the_origin_too():
    cube = Solid.from_catalogue("cube", circumradius=60).shift((90.0, 0.0, 0.0))
    normals, offsets = np.array(cube.normals), np.array(cube.offsets)
    lit = np.argmin(normals[:, 2])
    twin = normals[lit] + np.array([0.005, 0, 0])
    twin /= np.linalg.norm(twin)
    through = twin @ np.array([90.0, 0.0, -offsets[lit]])
    point = np.column_stack([np.vstack([normals, twin]), [*offsets, through]])
    assert len(Solid.from_halfspaces(point[:, :3], point[:, 3]).normals) == 7
    assert len(ConvexBody().solid(point, LIMIT).normals) == 6


def test_simpler_bodies_have_one_face_less():
    model = ConvexBody(n_faces=14, widest_merge=1.5)
    point = start_of(model)
    before = len(model.solid(point, LIMIT).normals)
    trials = model.simpler(point, LIMIT)
    assert trials
    assert all(len(model.solid(trial, LIMIT).normals) == before - 1 for trial in trials)
    assert ConvexBody(n_faces=14, widest_merge=0.0).simpler(point, LIMIT) == []


def test_the_support_function_of_a_convex_body_gives_it_back():
    model = SupportBody(n_directions=400)
    body = Solid.from_catalogue("icosahedron", circumradius=60)
    normals, _ = model.planes(np.zeros(400))
    rebuilt = model.solid(body.support(normals), LIMIT)
    assert (
        1 <= rebuilt.volume / body.volume < 1.1
    )  # no direction is that of a face: corners of planes stand out
    np.testing.assert_allclose(rebuilt.support(normals), body.support(normals), rtol=1e-5)
