"""Bodies: what is known of them in closed form, and what must not change."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from sklearn.base import clone

from scatterkit.solids import Solid, catalogue_names

few = settings(max_examples=15, deadline=None)
names = st.sampled_from(
    [name for name in catalogue_names("published") if name not in ("sphere", "random_polyhedron")]
)
seeds = st.integers(0, 2**32 - 1)
factors = st.floats(0.2, 5)


def directions(seed, n=20):
    return np.random.default_rng(seed).normal(size=(n, 3))


def body_of(name, seed=0):
    """A body that is off the origin and turned, so that no test profits from symmetry."""
    solid = Solid.from_catalogue(name, 80, random_state=seed)
    return solid.rotate(Rotation.random(rng=np.random.default_rng(seed))).shift((3, -7, 11))


def l_shape():
    """An L of three unit cubes, not convex: its outline pulled up from z = 0 to z = 1."""
    outline = np.array([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)], dtype=float)
    vertices = np.vstack([np.column_stack([outline, np.full(6, z)]) for z in (0, 1)])
    floor = [(0, 2, 1), (0, 3, 2), (0, 4, 3), (0, 5, 4)]
    roof = [tuple(6 + i for i in reversed(face)) for face in floor]
    walls = [face for i in range(6) for j in [(i + 1) % 6] for face in [(i, j, 6 + j), (i, 6 + j, 6 + i)]]
    return Solid(vertices, [*floor, *roof, *walls], name="L")


@few
@given(names, factors, seeds)
def test_scale_multiplies_the_volume_by_the_cube(name, factor, seed):
    body = body_of(name, seed)
    assert body.scale(factor).volume == pytest.approx(factor**3 * body.volume)


@few
@given(names, factors, seeds)
def test_stretch_multiplies_the_volume_and_leaves_the_plane_across(name, factor, seed):
    body = body_of(name, seed)
    axis, across = np.linalg.qr(directions(seed, 3))[0].T[:2]
    stretched = body.stretch(factor, axis)
    assert stretched.volume == pytest.approx(factor * body.volume)
    assert stretched.support([across]) == pytest.approx(body.support([across]))
    assert stretched.support([axis]) == pytest.approx(factor * body.support([axis]))


@few
@given(names, seeds)
def test_motions_keep_volume_and_carry_the_support_along(name, seed):
    body = body_of(name)
    turn = Rotation.random(rng=np.random.default_rng(seed))
    ways = directions(seed)
    turned = body.rotate(turn)
    assert turned.volume == pytest.approx(body.volume)
    assert turned.support(ways) == pytest.approx(body.support(turn.inv().apply(ways)))
    shift = ways[0]
    assert body.shift(shift).support(ways) == pytest.approx(body.support(ways) + ways @ shift)
    assert body.shift(shift).centroid == pytest.approx(body.centroid + shift)
    assert body.shift(shift).circumradius == pytest.approx(body.circumradius)


@few
@given(names, seeds)
def test_halfspaces_hold_the_body_and_give_it_back(name, seed):
    body = body_of(name, seed)
    heights = body.vertices @ body.normals.T - body.offsets
    assert heights.max() < 1e-9 * body.circumradius
    assert (np.isclose(heights, 0, atol=1e-7).sum(axis=0) >= 3).all()  # each plane carries a face
    assert np.linalg.norm(body.normals, axis=1) == pytest.approx(1)
    assert body.support(body.normals) == pytest.approx(body.offsets)
    again = Solid.from_halfspaces(3 * body.normals, 3 * body.offsets)
    assert again.volume == pytest.approx(body.volume)
    assert len(again.normals) == len(body.normals)


@few
@given(st.one_of(names, st.just("L"), st.just("sphere")), seeds, st.floats(0.05, 0.95))
def test_the_two_sides_of_a_cut_add_up(name, seed, share):
    body = l_shape() if name == "L" else body_of(name, seed)
    normal = directions(seed, 1)[0]
    normal /= np.linalg.norm(normal)
    low, high = -body.support([-normal])[0], body.support([normal])[0]
    offset = low + share * (high - low)
    below, above = body.cut(normal, offset), body.cut(-normal, -offset)
    assert below.volume + above.volume == pytest.approx(body.volume)
    moment = below.volume * below.centroid + above.volume * above.centroid
    assert moment / body.volume == pytest.approx(body.centroid, abs=2e-3 * body.circumradius)
    assert below.support([normal])[0] == pytest.approx(offset)
    assert below.is_convex or not body.is_convex


@pytest.mark.parametrize("name", ["cube", "snub_cube", "sphere", "L"])
def test_a_cut_that_misses_gives_an_equal_body(name):
    body = l_shape() if name == "L" else Solid.from_catalogue(name, 50)
    same = body.cut((0, 0, 1), 1000)
    assert same is not body
    assert np.array_equal(same.vertices, body.vertices)
    assert np.array_equal(same.faces, body.faces)


@pytest.mark.parametrize("name", ["cube", "sphere", "L"])
def test_a_cut_that_leaves_nothing_is_an_error(name):
    body = l_shape() if name == "L" else Solid.from_catalogue(name, 50)
    with pytest.raises(ValueError, match=r"'offset' parameter of \w+ must be a float in nm above.* -60"):
        body.cut((0, 0, 1), -60)


def test_a_cut_of_a_body_with_a_hole_has_a_cap_with_a_hole():
    outer, inner = Solid.from_catalogue("cube", 3**0.5), Solid.from_catalogue("cube", 0.5 * 3**0.5)
    faces = np.vstack([outer.faces, inner.faces[:, ::-1] + 8])
    shell = Solid(np.vstack([outer.vertices, inner.vertices]), faces)
    assert shell.volume == pytest.approx(8 - 1)
    assert not shell.is_convex
    half = shell.cut((0, 0, 1), 0.125)
    again = Solid(half.vertices, half.faces)  # checked anew: closed, nothing turned
    assert np.array_equal(again.faces, half.faces)
    assert half.volume == pytest.approx(2 * 2 * 1.125 - 1 * 1 * 0.625)


def test_a_section_in_two_pieces_is_capped_twice():
    fork = l_shape().cut((1, 1, 0), 2.0)  # through the ends of both arms
    assert fork.volume == pytest.approx(3 - (3 - 2 * 2**0.5) ** 2)
    arms = l_shape().cut((-1, -1, 0), -2.5 / 2**0.5)
    assert arms.volume == pytest.approx(2 * 0.5 * 0.5**2)
    assert np.array_equal(Solid(arms.vertices, arms.faces).faces, arms.faces)


@pytest.mark.parametrize(("offset", "volume"), [(1.0, 2.0), (1.5, 2.5), (0.5, 1.0)])
def test_a_cut_along_a_face_and_through_corners(offset, volume):
    for turn in (Rotation.identity(), Rotation.from_euler("xyz", [0.1, 0.2, 0.3])):
        normal = turn.apply((1, 0, 0))
        body = l_shape().rotate(turn)
        below, above = body.cut(normal, offset), body.cut(-normal, -offset)
        assert below.volume == pytest.approx(volume)
        assert above.volume == pytest.approx(3 - volume)
        for part in (below, above):
            assert np.array_equal(Solid(part.vertices, part.faces).faces, part.faces)
    diagonal = l_shape().cut((1, -1, 0), 0)  # through three corners
    assert diagonal.volume == pytest.approx(1.5)


def test_measures_of_a_body_that_is_not_convex():
    body = l_shape()
    assert body.volume == pytest.approx(3)
    assert body.centroid == pytest.approx((5 / 6, 5 / 6, 0.5))
    assert not body.is_convex
    assert body.bounds.tolist() == [[0, 0, 0], [2, 2, 1]]
    for name in ("normals", "offsets"):
        with pytest.raises(ValueError, match="not convex"):
            getattr(body, name)


def test_coplanar_triangles_are_one_face_and_points_inside_a_face_no_corners():
    cube = Solid.from_catalogue("cube", 3**0.5)
    grid = np.linspace(-1, 1, 4)
    points = np.array([(x, y, z) for x in grid for y in grid for z in grid])
    dense = Solid.from_points(points)
    assert len(dense.normals) == len(cube.normals) == 6
    with_middles = cube.to_trimesh().subdivide()
    fine = Solid(with_middles.vertices, with_middles.faces)
    assert len(fine.vertices) > 8
    assert len(fine.normals) == 6
    assert fine.is_convex
    assert fine.point_group == "O_h"


def test_triangles_turned_at_random_are_turned_outward():
    cube = Solid.from_catalogue("cube", 1)
    flipped = np.random.default_rng(1).random(len(cube.faces)) < 0.5
    for faces in (cube.faces[:, ::-1], np.where(flipped[:, None], cube.faces[:, ::-1], cube.faces)):
        body = Solid(cube.vertices, faces)
        assert body.volume == pytest.approx(cube.volume)
        assert np.array_equal(np.sort(body.faces, axis=1), np.sort(cube.faces, axis=1))


def joined(*parts):
    """Vertices and faces of several bodies, each given as a body and whether its triangles point inward."""
    starts = np.cumsum([0, *(len(body.vertices) for body, _ in parts)])
    faces = [
        body.faces[:, :: -1 if inward else 1] + i for (body, inward), i in zip(parts, starts, strict=False)
    ]
    return np.vstack([body.vertices for body, _ in parts]), np.vstack(faces)


def test_each_part_of_a_body_is_turned_outward_on_its_own():
    large, small = (Solid.from_catalogue("cube", size) for size in (100, 50))
    apart = small.shift((200, 0, 0))
    both = large.volume + small.volume
    for inward in ((False, True), (True, False), (True, True)):
        assert Solid(*joined((large, inward[0]), (apart, inward[1]))).volume == pytest.approx(both)
    twins = (large, False), (large.shift((300, 0, 0)), True)  # the signed volumes cancel
    assert Solid(*joined(*twins)).volume == pytest.approx(2 * large.volume)
    vertices, faces = joined((large, False), (apart, False))
    faces[[0, 12]] = faces[[0, 12], ::-1]
    assert Solid(vertices, faces).volume == pytest.approx(both)


def test_cavities_stay_cavities_however_the_body_around_them_is_turned():
    outer, inner = (Solid.from_catalogue("cube", size) for size in (100, 50))
    hollow = outer.volume - inner.volume
    beside = Solid.from_catalogue("cube", 20).shift((200, 0, 0))
    for inward in (False, True):
        body = Solid(*joined((inner, not inward), (outer, inward), (beside, True)))
        assert body.volume == pytest.approx(hollow + beside.volume)
    vertices, faces = joined((outer, False), (inner, True))
    for first in (0, 3):
        mixed = faces.copy()
        mixed[first:6] = mixed[first:6, ::-1]
        assert Solid(vertices, mixed).volume == pytest.approx(hollow)
    faces[-1] = faces[-1, ::-1]
    with pytest.raises(
        ValueError, match=r"may be a cavity.* Got such a part with triangles turned at random"
    ):
        _ = Solid(vertices, faces).volume


def test_unused_vertices_and_collapsed_triangles_are_dropped():
    cube = Solid.from_catalogue("cube", 1)
    body = Solid(np.vstack([cube.vertices, [[100, 0, 0]]]), np.vstack([cube.faces, [[0, 0, 1]]]))
    assert len(body.vertices) == 8
    assert len(body.faces) == 12
    assert body.circumradius == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda v, f: (v, f[1:]),
            "'faces' parameter of Solid .*closed surface.* Got 3 open edges of 18",
        ),
        (lambda v, f: (np.where(v == v[0, 0], np.nan, v), f), "'vertices' parameter of Solid must be .*NaN"),
        (lambda v, f: (v[:, :2], f), r"'vertices' parameter of Solid must be .*shape \(any, 3\)"),
        (lambda v, f: (v, f[:, :2]), r"'faces' parameter of Solid must be .*shape \(any, 3\)"),
        (
            lambda v, f: (v, f + 1),
            r"'faces' parameter of Solid .*\(0 to 7\). Got numbers from 1 to 8",
        ),
        (lambda v, f: (v, f + 0.5), "'faces' parameter of Solid must be an integer array"),
        (lambda v, f: (v * (1, 1, 0), f), "positive volume. Got a flat surface"),
        (lambda v, f: (v, f[:0]), "'faces' parameter of Solid must be"),
        (lambda v, f: (v, np.zeros_like(f)), "'faces' parameter of Solid must be the triangles of a closed"),
        (lambda v, f: ("cube", f), "'vertices' parameter of Solid must be"),
    ],
)
def test_bad_meshes_are_told_apart(change, message):
    cube = Solid.from_catalogue("cube", 10)
    bad = Solid(*change(np.array(cube.vertices), np.array(cube.faces)))  # nothing is checked here
    with pytest.raises(ValueError, match=message):
        _ = bad.volume


def test_a_one_sided_surface_is_told():
    # the projective plane on six vertices
    faces = [
        (0, 1, 2),
        (0, 2, 3),
        (0, 3, 4),
        (0, 4, 5),
        (0, 5, 1),
        (1, 2, 4),
        (2, 3, 5),
        (3, 4, 1),
        (4, 5, 2),
        (5, 1, 3),
    ]
    with pytest.raises(ValueError, match="one-sided"):
        _ = Solid(directions(0, 6), faces).volume


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.scale(-1), "'factor' parameter of Solid must be a positive float. Got -1 instead"),
        (lambda s: s.stretch(0, "z"), "'factor' parameter of Solid must be a positive float. Got 0"),
        (lambda s: s.stretch(2, "C5"), "'axis' parameter of Solid must be .*'C4', 'C3', 'C2'.* Got 'C5'"),
        (lambda s: s.stretch(2, (0, 0, 0)), "'axis' parameter of Solid must be .*non-zero length"),
        (lambda s: s.stretch(2, (0, np.nan, 0)), "'axis' parameter of Solid must be .*finite"),
        (lambda s: s.rotate(np.eye(3)), "'rotation' parameter of Solid must be an instance of Rotation"),
        (lambda s: s.rotate(Rotation.random(2)), "single rotation. Got 2 rotations"),
        (lambda s: s.shift((1, 2)), r"'vector' parameter of Solid must be .*\(3\)"),
        (lambda s: s.cut((0, 0, 0), 1), "'normal' parameter of Solid"),
        (
            lambda s: s.cut((0, 0, 1), np.nan),
            "'offset' parameter of Solid .* finite float in nm. Got nan",
        ),
        (lambda s: s.support((0, 0, 1)), "'directions' parameter of Solid"),
        (lambda s: Solid.from_halfspaces(np.eye(3), [1, 1, 1]), "bounded body. Got an unbounded body"),
        (lambda s: Solid.from_halfspaces(s.normals, -s.offsets), "common interior. Got an empty body"),
        (
            lambda s: Solid.from_halfspaces(s.normals, 0 * s.offsets),
            "interior. Got an empty or flat body",
        ),
        (
            lambda s: Solid.from_halfspaces(0 * s.normals, s.offsets),
            "'normals' parameter .*zero vector",
        ),
        (
            lambda s: Solid.from_points(s.vertices * (1, 1, 0)),
            "'points' parameter .*positive volume",
        ),
    ],
)
def test_bad_arguments_name_parameter_allowed_and_given(call, message):
    with pytest.raises(ValueError, match=message):
        call(Solid.from_catalogue("cube", 10))


@few
@given(names, seeds, factors)
def test_faces_that_go_along_with_a_map_are_those_of_the_mesh(name, seed, factor):
    """A body's planes are found once and then mapped; a body made of the bare mesh finds its own."""
    body = body_of(name, seed).stretch(factor, directions(seed, 1)[0]).scale(1.7)
    fresh = Solid(body.vertices, body.faces)
    order, other = (np.lexsort(np.round(part.normals, 5).T) for part in (body, fresh))
    assert body.normals[order] == pytest.approx(fresh.normals[other], abs=1e-7)
    assert body.offsets[order] == pytest.approx(fresh.offsets[other], rel=1e-7, abs=1e-7 * body.circumradius)
    assert fresh.is_convex
    assert body.is_convex


def test_halfspaces_around_the_origin_and_around_another_point_give_one_body():
    """The origin inside is a short cut; with the origin outside, the corners come by linear programming."""
    normals = directions(4, 30)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    offsets = np.random.default_rng(5).uniform(20, 60, 30)
    way = np.array([300.0, -200.0, 100.0])
    near = Solid.from_halfspaces(normals, offsets)
    far = Solid.from_halfspaces(normals, offsets + normals @ way).shift(-way)
    assert near.volume == pytest.approx(far.volume, rel=1e-9)
    assert near.bounds == pytest.approx(far.bounds, rel=1e-7)


def test_an_open_prism_is_unbounded_though_a_ball_fits_it():
    tube = np.array([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0)])
    with pytest.raises(ValueError, match="unbounded"):
        Solid.from_halfspaces(tube, np.ones(4))


def test_halfspaces_far_from_the_origin_and_idle_ones():
    normals = np.vstack([np.eye(3), -np.eye(3), [[1, 1, 1]]])
    box = Solid.from_halfspaces(normals, [101, 101, 101, -99, -99, -99, 1000])
    assert box.volume == pytest.approx(8)
    assert len(box.normals) == 6


def test_clone_pickle_repr_and_set_params():
    body = l_shape()
    assert body.volume == pytest.approx(3)  # something is cached now
    for copy in (clone(body), pickle.loads(pickle.dumps(body))):
        assert copy.volume == body.volume
        assert copy.name == "L"
        assert np.array_equal(copy.vertices, body.vertices)
    assert set(body.get_params()) == {"vertices", "faces", "name"}
    assert repr(body).startswith("Solid(faces=[(0, 2, 1)")
    doubled = clone(body).set_params(vertices=2 * np.asarray(body.vertices))
    assert doubled.volume == pytest.approx(24)  # no stale volume
    assert "Solid(" in repr(Solid("nonsense", None))  # unchecked as yet


def test_the_mesh_is_read_only_and_the_given_arrays_are_not():
    cube = Solid.from_catalogue("cube", 1)
    vertices = np.array(cube.vertices)
    body = Solid(vertices, cube.faces)
    with pytest.raises(ValueError, match="read-only"):
        body.vertices[0] = 0
    vertices[0] = 5.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not np.array_equal(vertices, body.vertices)
