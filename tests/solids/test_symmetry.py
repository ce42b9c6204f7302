"""Rotation axes against the character tables' counts, on any body and in any orientation."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from scatterkit.solids import Solid, catalogue_names

COUNTS = {
    "T_d": {"C3": 4, "C2": 3},
    "O": {"C4": 3, "C3": 4, "C2": 6},
    "O_h": {"C4": 3, "C3": 4, "C2": 6},
    "I": {"C5": 6, "C3": 10, "C2": 15},
    "I_h": {"C5": 6, "C3": 10, "C2": 15},
}

GROUPS = {
    "truncated_tetrahedron": "T_d",
    "truncated_cuboctahedron": "O_h",
    "snub_cube": "O",
    "dodecahedron": "I_h",
    "truncated_icosidodecahedron": "I_h",
    "snub_dodecahedron": "I",
    "triakis_octahedron": "O_h",
    "pentagonal_hexecontahedron": "I",
}


@pytest.mark.parametrize("name", GROUPS)
def test_cubic_and_icosahedral_groups_in_any_orientation(name):
    body = Solid.from_catalogue(name).rotate(Rotation.from_euler("xyz", [0.3, 1.1, -2.0])).shift((1, 2, 3))
    assert body.point_group == GROUPS[name]
    assert {key: len(axes) for key, axes in body.symmetry_axes.items()} == COUNTS[GROUPS[name]]


@pytest.mark.parametrize(
    ("name", "group", "counts"),
    [
        ("decahedron", "D_5h", {"C5": 1, "C2": 5}),
        ("truncated_twinned_tetrahedron", "D_6h", {"C6": 1, "C2": 6}),
        ("square_antiprism", "D_4d", {"C4": 1, "C2": 4}),
        ("pentagonal_pyramid", "C_5v", {"C5": 1}),
        ("random_polyhedron", "C_1", {}),
    ],
)
def test_axial_groups(name, group, counts):
    body = Solid.from_catalogue(name, random_state=0)
    assert body.point_group == group
    assert {key: len(axes) for key, axes in body.symmetry_axes.items()} == counts


@pytest.mark.parametrize("name", catalogue_names("published"))
def test_each_axis_turns_the_body_onto_itself(name):
    body = Solid.from_catalogue(name, random_state=0)
    probe = np.random.default_rng(0).normal(size=(40, 3))
    for key, axes in body.symmetry_axes.items():
        angle = 1.0 if key == "Cinf" else 2 * np.pi / int(key[1:])
        assert np.linalg.norm(axes, axis=1) == pytest.approx(1)
        assert (axes[:, 2] > -1e-6).all()
        for axis in axes:
            turned = body.rotate(Rotation.from_rotvec(angle * axis))
            assert turned.support(probe) == pytest.approx(body.support(probe))


def test_a_stretch_leaves_what_it_must():
    cube = Solid.from_catalogue("cube")
    assert cube.stretch(1.3, "C4").point_group == "D_4h"
    assert cube.stretch(1.3, "C3").point_group == "D_3d"
    assert cube.stretch(1.3, "C2").point_group == "D_2h"
    assert cube.stretch(1.3, (1, 2, 4)).point_group == "C_i"
    assert Solid.from_catalogue("tetrahedron").stretch(1.3, "C3").point_group == "C_3v"
    assert Solid.from_catalogue("tetrahedron").stretch(1.3, "C2").point_group == "D_2d"
    assert cube.cut((1, 1, 1), 10).point_group == "C_3v"
    assert cube.cut((1, 2, 0), 20).point_group == "C_s"
    assert Solid.from_catalogue("snub_cube").stretch(1.3, "C3").point_group == "D_3"


def test_a_moved_body_knows_its_axes_still():
    cube = Solid.from_catalogue("cube")
    axes = cube.symmetry_axes
    for body in (cube.scale(2), cube.shift((1, 2, 3))):
        assert body.symmetry_axes["C3"] == pytest.approx(axes["C3"])
    turned = cube.rotate(Rotation.from_euler("y", 0.4))
    assert turned.symmetry_axes["C4"][0] == pytest.approx((np.sin(0.4), 0, np.cos(0.4)))


def test_vertices_inside_of_faces_and_edges_are_no_corners():
    cube = Solid.from_catalogue("cube")
    side = np.ptp(cube.bounds, axis=0)[0] / 2
    for extra in ((0.0, 0.0, side), (0.0, side, side), (0.1 * side, 0.3 * side, side)):
        vertices, faces = split(cube.vertices, cube.faces, np.array(extra))
        body = Solid(vertices, faces)
        assert body.volume == pytest.approx(cube.volume)
        assert body.point_group == "O_h"
        assert {key: len(axes) for key, axes in body.symmetry_axes.items()} == COUNTS["O_h"]


def split(vertices, faces, point):
    """Split the triangles on which a point lies, by it."""
    pieces = []
    for face in faces:
        parts = [(a, b, len(vertices)) for a, b in zip(face, np.roll(face, -1), strict=True)]
        corners = [np.vstack([vertices, [point]])[list(part)] for part in parts]
        areas = [np.linalg.norm(np.cross(b - a, c - a)) for a, b, c in corners]
        a, b, c = vertices[face]
        lies = np.isclose(sum(areas), np.linalg.norm(np.cross(b - a, c - a)))
        pieces += [part for part, area in zip(parts, areas, strict=True) if area > 1e-6] if lies else [face]
    return np.vstack([vertices, [point]]), np.array(pieces)


def test_the_rim_of_a_pit_counts_although_it_lies_in_a_face():
    cube = Solid.from_catalogue("cube")
    pit = Solid.from_points([(0, 0, -30), (20, 0, 30), (-10, 300**0.5, 30), (-10, -(300**0.5), 30)])
    faces = np.vstack([cube.faces, pit.faces[:, ::-1] + len(cube.vertices)])
    body = Solid(np.vstack([cube.vertices, pit.vertices]), faces).cut((0, 0, 1), 10)
    assert body.point_group == "C_s"
