"""UnionBody: the surface of a union, arrangements, vanished bodies."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from scatterkit.fitting import UnionBody
from scatterkit.fitting.models._union_mesh import union_solid
from scatterkit.solids import Rasterizer, Solid

LIMIT = 150.0
CUBE = Solid.from_catalogue("cube", circumradius=40)


def turned(solid, seed):
    return solid.rotate(Rotation.random(rng=np.random.default_rng(seed)))


def common(a, b):
    return Solid.from_halfspaces(
        np.vstack([a.normals, b.normals]), np.concatenate([a.offsets, b.offsets])
    ).volume


@pytest.mark.parametrize("seed", range(20))
def test_the_volume_of_two_is_their_sum_less_their_common_part(seed):
    rng = np.random.default_rng(seed)
    a = turned(Solid.from_catalogue("dodecahedron", circumradius=50), seed)
    b = turned(CUBE, seed + 100).shift(rng.uniform(-25, 25, 3))
    union = union_solid([a, b])
    assert union is not None
    assert union.volume == pytest.approx(a.volume + b.volume - common(a, b), rel=1e-6)
    assert not union.is_convex


def test_three_bodies_fill_what_the_rasterizer_says():
    bodies = [turned(CUBE, seed).shift(30 * np.array([seed - 1, seed % 2, 0.3])) for seed in range(3)]
    union = union_solid(bodies)
    one, many = Rasterizer(grid=40, box=200.0).transform([union, bodies])
    np.testing.assert_allclose(one, many, atol=2e-3)


@pytest.mark.parametrize("seed", range(5))
def test_bodies_cut_by_the_same_cube_unite(seed):
    """Their faces on the cube lie in one plane."""
    model = UnionBody(n_bodies=3, n_faces=12)
    point = model.starts(np.array([90.0]), np.random.default_rng(seed))[0]
    limit = 60.0
    solids = [
        Solid.from_halfspaces(n, d).cut((0, 0, 1), limit).cut((1, 0, 0), limit)
        for n, d in model.part_planes(point)
    ]
    union = union_solid(solids)
    assert union is not None
    one, many = Rasterizer(grid=40, box=400.0).transform([union, solids])
    assert one.sum() == pytest.approx(many.sum(), rel=1e-5)


def test_special_places_of_two_bodies():
    inner = CUBE.scale(0.5)
    assert union_solid([CUBE, inner]).volume == pytest.approx(CUBE.volume)
    assert union_solid([inner, CUBE]).volume == pytest.approx(CUBE.volume)
    assert union_solid([CUBE, CUBE]).volume == pytest.approx(CUBE.volume)
    assert union_solid([CUBE, CUBE.shift((200, 0, 0))]).volume == pytest.approx(2 * CUBE.volume)
    beside = CUBE.shift((10, 0, 0))  # four faces of each lie in common planes
    edge = 80 / 3**0.5
    assert union_solid([CUBE, beside]).volume == pytest.approx(edge**2 * (edge + 10))


def test_bodies_that_only_just_touch_come_from_the_occupancy():
    edge = 80 / 3**0.5
    model = UnionBody(n_bodies=2, n_faces=8)
    sides = np.vstack([np.eye(3), -np.eye(3), [[0, 0, 1.0]] * 2])
    planes = np.column_stack([sides, [edge / 2] * 6 + [LIMIT] * 2])
    point = np.array([np.vstack([[x, 0, 0, 0], planes]) for x in (-edge / 2, edge / 2)])
    assert model.solid(point, LIMIT).volume == pytest.approx(2 * edge**3, rel=0.02)


def test_a_body_that_has_vanished_is_left_out():
    model = UnionBody(n_bodies=2, n_faces=12)
    point = model.starts(np.array([50.0]), np.random.default_rng(0))[0]
    one = model.solid(point[[0, 0]], LIMIT).volume
    point[1, 1:, 3] = -1.0
    assert model.solid(point, LIMIT).is_convex
    assert model.solid(point, LIMIT).volume == pytest.approx(one)


def test_simpler_bodies_have_one_face_less():
    model = UnionBody(n_bodies=2, n_faces=14, widest_merge=1.5)
    point = model.starts(np.array([60.0]), np.random.default_rng(0))[0]
    before = sum(len(Solid.from_halfspaces(*planes).normals) for planes in model.part_planes(point))
    trials = model.simpler(point, LIMIT)
    assert len(trials) > 10
    for trial in (trials[0], trials[-1]):
        after = sum(len(Solid.from_halfspaces(*planes).normals) for planes in model.part_planes(trial))
        assert after == before - 1


def test_a_body_beside_its_own_centre_gets_simpler_too():
    model = UnionBody(n_bodies=2, n_faces=14, widest_merge=1.5)
    point = model.starts(np.array([60.0]), np.random.default_rng(0))[0]
    expected = len(model.simpler(point, LIMIT))
    away = 0.5 * point[0, 1:, 3].max() * np.array([3.0, 0.0, 0.0])
    point[0, 0, :3] -= away  # the same body about another centre
    point[0, 1:, 3] += point[0, 1:, :3] @ away
    assert len(model.simpler(point, LIMIT)) == expected
