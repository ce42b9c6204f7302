"""Smooth bodies against closed forms."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from sklearn.base import clone

from scatterkit.solids import Ellipsoid, Solid

few = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def random_ellipsoid(seed):
    generator = np.random.default_rng(seed)
    ball = Ellipsoid(generator.uniform(20, 80) * np.eye(3))
    stretched = ball.stretch(generator.uniform(0.5, 2), generator.normal(size=3)).stretch(1.3, "y")
    return stretched.rotate(Rotation.random(rng=generator)).shift(generator.normal(size=3) * 10), generator


def inside(body, points):
    """Membership by the definition."""
    units = np.linalg.solve(body.matrix, (points - body.center).T).T
    below = (points @ body.cut_normals.T <= body.cut_offsets).all(axis=1)
    return (np.linalg.norm(units, axis=1) <= 1) & below


@few
@given(seeds)
def test_volume_support_and_surface_of_a_whole_ellipsoid(seed):
    body, generator = random_ellipsoid(seed)
    assert isinstance(body, Ellipsoid)
    semi_axes = np.linalg.svd(body.matrix, compute_uv=False)
    assert body.volume == pytest.approx(4 / 3 * np.pi * np.prod(semi_axes))
    assert body.circumradius == pytest.approx(semi_axes.max())
    ways = generator.normal(size=(30, 3))
    assert body.support(ways) == pytest.approx(
        np.linalg.norm(ways @ body.matrix, axis=1) + ways @ body.center
    )
    units = np.linalg.solve(body.matrix, (body.vertices - body.center).T)
    assert np.linalg.norm(units, axis=0) == pytest.approx(1)
    mesh = Solid(body.vertices, body.faces)
    assert 0.996 < mesh.volume / body.volume < 1
    assert np.array_equal(mesh.faces, body.faces)  # outward already
    assert body.bounds == pytest.approx(np.stack([mesh.bounds[0], mesh.bounds[1]]), rel=5e-3, abs=0.5)


@few
@given(seeds, st.floats(-0.9, 0.9))
def test_a_cut_takes_a_cap(seed, height):
    body, generator = random_ellipsoid(seed)
    normal = generator.normal(size=3)
    normal /= np.linalg.norm(normal)
    reach = body.support([normal])[0] - normal @ body.center
    cut = body.cut(normal, normal @ body.center + height * reach)
    assert cut.volume / body.volume == pytest.approx(1 - (1 - height) ** 2 * (2 + height) / 4)
    # the support function, independently: the highest of many points of the surface
    ways = generator.normal(size=(30, 3))
    from_mesh = (ways @ cut.vertices.T).max(axis=1)
    scale = np.linalg.norm(ways, axis=1) * body.circumradius
    assert (from_mesh <= cut.support(ways) + 1e-9 * scale).all()
    assert (from_mesh >= cut.support(ways) - 3e-3 * scale).all()
    # motions carry the cut along
    turn = Rotation.random(rng=generator)
    moved = cut.rotate(turn).shift((5, 6, 7)).scale(1.5)
    assert moved.volume == pytest.approx(1.5**3 * cut.volume)
    expected = 1.5 * (cut.support(turn.inv().apply(ways)) + ways @ (5, 6, 7))
    assert moved.support(ways) == pytest.approx(expected)
    assert moved.stretch(0.7, (1, 2, 3)).volume == pytest.approx(0.7 * moved.volume)


def test_two_cuts_that_meet_inside():
    ball = Ellipsoid(10 * np.eye(3))
    quarter = ball.cut((1, 0, 0), 0).cut((0, 1, 0), 0)
    assert quarter.volume == pytest.approx(ball.volume / 4, rel=5e-3)
    assert quarter.support([(1, 1, 0)])[0] == pytest.approx(0, abs=1e-9)
    apart = ball.cut((1, 0, 0), 8).cut((-1, 0, 0), 8)
    cap = np.pi / 3 * 2**2 * (3 * 10 - 2)
    assert apart.volume == pytest.approx(ball.volume - 2 * cap)
    points = np.random.default_rng(0).uniform(-10, 10, size=(200_000, 3))
    assert inside(quarter, points).mean() * 8000 == pytest.approx(quarter.volume, rel=0.02)


def test_eight_cuts_leave_the_mesh_closed_and_right():
    octants = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 3**0.5
    body = Ellipsoid(np.diag([10.0, 12.0, 14.0]), cut_normals=octants, cut_offsets=np.full(8, 8.0))
    mesh = Solid(body.vertices, body.faces)
    points = np.random.default_rng(0).uniform(-14, 14, size=(400_000, 3))
    assert inside(body, points).mean() * 28**3 == pytest.approx(mesh.volume, rel=0.02)
    assert (inside(body, 0.999999 * body.vertices)).all()
    assert np.array_equal(mesh.faces, body.faces)


def test_symmetry_of_smooth_bodies():
    ball = Ellipsoid()
    assert ball.point_group == "K_h"
    assert ball.stretch(2, "z").point_group == "D_infh"
    spheroid = ball.stretch(2, (1, 1, 0))
    assert np.abs(spheroid.symmetry_axes["Cinf"][0]) == pytest.approx(np.array([1, 1, 0]) / 2**0.5)
    triaxial = ball.stretch(2, "x").stretch(3, "y")
    assert triaxial.point_group == "D_2h"
    assert triaxial.symmetry_axes["C2"].shape == (3, 3)
    dome = ball.cut((0, 0, 1), 30)
    assert dome.point_group == "C_infv"
    assert dome.symmetry_axes["Cinf"] == pytest.approx(np.array([[0, 0, 1]]))
    assert triaxial.cut((1, 1, 1), 30).symmetry_axes == {}


def test_clone_pickle_and_bad_parameters():
    body = Ellipsoid(np.diag([1.0, 2.0, 3.0]), name="e").cut((0, 0, 1), 1)
    for copy in (clone(body), pickle.loads(pickle.dumps(body))):
        assert copy.volume == body.volume
    assert set(body.get_params()) == {"matrix", "center", "cut_normals", "cut_offsets", "name"}
    assert repr(Ellipsoid(name="e")).startswith("Ellipsoid(center=None, cut_normals=None")
    with pytest.raises(ValueError, match="'matrix' parameter of Ellipsoid must be an invertible"):
        _ = Ellipsoid(np.zeros((3, 3))).volume
    with pytest.raises(ValueError, match="'center' parameter of Ellipsoid"):
        _ = Ellipsoid(center=(1, np.nan, 0)).volume
    with pytest.raises(ValueError, match="'cut_offsets' parameter of Ellipsoid must be given together"):
        _ = Ellipsoid(cut_normals=[(0, 0, 1)]).volume
    with pytest.raises(ValueError, match="'cut_offsets' parameter of Ellipsoid must be planes that leave"):
        _ = Ellipsoid(cut_normals=[(0, 0, 1)], cut_offsets=[-200]).volume
    with pytest.raises(ValueError, match="'offset' parameter of Ellipsoid"):
        body.cut((0, 0, 1), -5)
