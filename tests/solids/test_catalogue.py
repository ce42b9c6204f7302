"""Named bodies against tables of faces, edges, corners and volumes."""

import numpy as np
import pytest

from scatterkit.solids import Ellipsoid, Solid, catalogue_names, marks_decahedron, wulff
from scatterkit.solids.catalogue import PUBLISHED

# corners, edges, faces, volume for edge length 1 (MathWorld's and Wikipedia's articles on each solid)
UNIFORM = {
    "tetrahedron": (4, 6, 4, 2**0.5 / 12),
    "cube": (8, 12, 6, 1),
    "octahedron": (6, 12, 8, 2**0.5 / 3),
    "dodecahedron": (20, 30, 12, (15 + 7 * 5**0.5) / 4),
    "icosahedron": (12, 30, 20, 5 * (3 + 5**0.5) / 12),
    "truncated_tetrahedron": (12, 18, 8, 23 * 2**0.5 / 12),
    "cuboctahedron": (12, 24, 14, 5 * 2**0.5 / 3),
    "truncated_cube": (24, 36, 14, 7 + 14 * 2**0.5 / 3),
    "truncated_octahedron": (24, 36, 14, 8 * 2**0.5),
    "rhombicuboctahedron": (24, 48, 26, 4 + 10 * 2**0.5 / 3),
    "truncated_cuboctahedron": (48, 72, 26, 22 + 14 * 2**0.5),
    "snub_cube": (24, 60, 38, 7.8894773999753902),
    "icosidodecahedron": (30, 60, 32, (45 + 17 * 5**0.5) / 6),
    "truncated_dodecahedron": (60, 90, 32, 5 * (99 + 47 * 5**0.5) / 12),
    "truncated_icosahedron": (60, 90, 32, (125 + 43 * 5**0.5) / 4),
    "rhombicosidodecahedron": (60, 120, 62, 20 + 29 * 5**0.5 / 3),
    "truncated_icosidodecahedron": (120, 180, 62, 95 + 50 * 5**0.5),
    "snub_dodecahedron": (60, 150, 92, 37.61664996273336),
    "decahedron": (7, 15, 10, (5 + 5**0.5) / 12),
    "hexagonal_prism": (12, 18, 8, 3 * 3**0.5 / 2),
    "square_antiprism": (8, 16, 10, (4 + 3 * 2**0.5) ** 0.5 / 3),
    "square_pyramid": (5, 8, 5, 2**0.5 / 6),
    "pentagonal_cupola": (15, 25, 12, (5 + 4 * 5**0.5) / 6),
    "gyroelongated_square_bipyramid": (10, 24, 16, 2**0.5 / 3 + (4 + 3 * 2**0.5) ** 0.5 / 3),
    "elongated_pentagonal_bipyramid": (12, 25, 15, (5 + 5**0.5) / 12 + (25 + 10 * 5**0.5) ** 0.5 / 4),
}


def edge_lengths(body):
    """Lengths of the edges, as pairs of corners that lie in two faces."""
    on_face = np.isclose(body.vertices @ body.normals.T, body.offsets, atol=1e-7 * body.circumradius)
    shared = on_face.astype(int) @ on_face.T
    i, j = np.nonzero(np.triu(shared >= 2, k=1))
    return np.linalg.norm(body.vertices[i] - body.vertices[j], axis=1)


@pytest.mark.parametrize("name", UNIFORM)
def test_counts_edges_and_volume(name):
    body = Solid.from_catalogue(name, circumradius=7)
    corners, edges, faces, volume = UNIFORM[name]
    lengths = edge_lengths(body)
    assert (len(body.vertices), len(lengths), len(body.normals)) == (corners, edges, faces)
    assert lengths == pytest.approx(lengths[0])
    assert body.volume == pytest.approx(volume * lengths[0] ** 3)


@pytest.mark.parametrize("name", catalogue_names())
def test_every_body_is_convex_centred_of_its_circumradius_and_closed(name):
    body = Solid.from_catalogue(name, circumradius=50, random_state=3)
    assert body.is_convex
    assert body.name == name
    assert body.circumradius == pytest.approx(50)
    assert body.centroid == pytest.approx(0, abs=1e-9)
    again = Solid(body.vertices, body.faces)
    assert np.array_equal(again.faces, body.faces)
    v, e, f = len(body.vertices), 3 * len(body.faces) / 2, len(body.faces)
    assert v - e + f == 2


def test_the_published_classes():
    assert len(PUBLISHED) == len(set(PUBLISHED)) == 21
    assert "snub_dodecahedron" not in PUBLISHED
    assert set(PUBLISHED) <= set(catalogue_names())
    assert len(catalogue_names("archimedean")) == 13
    assert len(catalogue_names("catalan")) == 13


def test_catalan_solids_have_equal_faces_around_a_ball():
    for name in catalogue_names("catalan"):
        assert Solid.from_catalogue(name).offsets.std() < 1e-6


def test_names_in_any_spelling():
    same = Solid.from_catalogue("truncated_octahedron")
    for spelling in (
        "Truncated Octahedron",
        "truncated-octahedron",
        "TRUNCATED  octahedron",
        "TruncatedOctahedron",
    ):
        assert Solid.from_catalogue(spelling).name == same.name
    assert Solid.from_catalogue("Truncated Rhombicosidodecahedron").name == "truncated_icosidodecahedron"
    assert Solid.from_catalogue("Potato", random_state=0).name == "random_polyhedron"
    assert isinstance(Solid.from_catalogue("Sphere"), Ellipsoid)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cub",), "'name' parameter of Solid.from_catalogue must be .*such as 'cube'.* Got 'cub' instead"),
        ((7,), "'name' parameter .* Got 7 instead"),
        (("cube", -1), "'circumradius' parameter of Solid must be a positive float in nm. Got -1 instead"),
        (("cube", float("nan")), "'circumradius' parameter .* Got nan"),
    ],
)
def test_bad_names_and_sizes(arguments, message):
    with pytest.raises(ValueError, match=message):
        Solid.from_catalogue(*arguments)


def test_unknown_group():
    with pytest.raises(ValueError, match="'group' parameter of catalogue_names must be one of 'all'"):
        catalogue_names("johnson")


def test_random_polyhedra_follow_their_seed():
    one, same, other = (
        Solid.from_catalogue("random_polyhedron", 40, random_state=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(one.vertices, same.vertices)
    assert not np.array_equal(one.vertices[:4], other.vertices[:4])
    assert one.symmetry_axes == {}


def test_the_truncated_twinned_tetrahedron_has_111_sides():
    body = Solid.from_catalogue("truncated_twinned_tetrahedron")
    tilts = np.sort(np.abs(body.normals[:, 2]))
    assert tilts == pytest.approx([1 / 3] * 12 + [1, 1])
    assert np.ptp(edge_lengths(body)) > 0.5 * body.circumradius


def test_wulff_shapes():
    assert wulff({"111": 1}).volume == pytest.approx(Solid.from_catalogue("octahedron").volume)
    assert wulff({"100": 2}).volume == pytest.approx(Solid.from_catalogue("cube").volume)
    assert wulff({"110": 1}).volume == pytest.approx(Solid.from_catalogue("rhombic_dodecahedron").volume)
    # the truncated octahedron's faces lie at 2 / sqrt(4) (squares) and 3 / sqrt(3) from the centre
    ratio = 2 / 3**0.5
    body = wulff({"111": 1, "100": ratio}, circumradius=30)
    assert body.volume == pytest.approx(Solid.from_catalogue("truncated_octahedron", 30).volume)
    assert len(wulff().normals) == 26  # broken bonds: {110} facets just show
    assert wulff({"111": 1, "100": 5}).point_group == "O_h"


@pytest.mark.parametrize(
    "energies", [{}, {"11": 1.0}, {"111": -1}, {"000": 1}, {111: 1.0}, "111", {"111": None}]
)
def test_bad_energies(energies):
    with pytest.raises(ValueError, match="surface_energies"):
        wulff(energies)


def test_marks_decahedra():
    plain = marks_decahedron(80, side=1, notch=0)
    assert plain.volume == pytest.approx(Solid.from_catalogue("decahedron", 80).volume)
    ino = marks_decahedron(80, side=0.7, notch=0)
    assert ino.is_convex
    assert len(ino.normals) == 15
    marks = marks_decahedron(80, side=0.7, notch=0.2)
    assert not marks.is_convex
    assert marks.point_group == "D_5h"
    same_height = marks.scale(ino.bounds[1, 2] / marks.bounds[1, 2])
    assert 0.9 * ino.volume < same_height.volume < ino.volume
    assert same_height.cut((0, 1, 0), 0).volume == pytest.approx(same_height.volume / 2)
    assert np.array_equal(Solid(marks.vertices, marks.faces).faces, marks.faces)
    assert set(marks.cut((0, 0, 1), 0).symmetry_axes) == {"C5"}
    with pytest.raises(ValueError, match="'notch' parameter of marks_decahedron"):
        marks_decahedron(notch=0.6)
