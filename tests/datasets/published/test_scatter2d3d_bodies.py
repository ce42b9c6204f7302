"""Bodies from the rows of the published sample tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scatterkit._validation import InvalidParameterError
from scatterkit.datasets import SampleRow, read_table, read_volume, solid_from_row
from scatterkit.datasets.published.scatter2d3d_bodies import CONVENTIONS, HALF_BOX, unturned_body
from scatterkit.solids import Ellipsoid, Rasterizer, Solid

PHI = (1 + 5**0.5) / 2
POLYHEDRA = [name for name in CONVENTIONS if name != "Sphere"]
ICOSAHEDRAL = [name for name in POLYHEDRA if "C5" in CONVENTIONS[name].axes and name != "Decahedron"]
OCTAHEDRAL = [name for name in POLYHEDRA if "C4" in CONVENTIONS[name].axes]
ROW = SampleRow(1, "Cube", "O_h", 0.0, 0.0, 0.0, 0.5, 1.0, "C4", None, None, Path("1r.png"), Path("1s.png"))


def row(polyhedron: str = "Cube", **values: Any) -> SampleRow:
    labels = CONVENTIONS[polyhedron].axes if polyhedron in CONVENTIONS else {"C4": None}
    return replace(ROW, polyhedron=polyhedron, **{"axis": next(iter(labels)), **values})


def physical(*args: Any, **values: Any) -> Solid:
    return solid_from_row(row(*args, **values), rendering="physical")


def has_vertex(body: Solid, point: Any) -> bool:
    return bool(np.linalg.norm(body.vertices - np.asarray(point), axis=1).min() < 1e-9)


@pytest.mark.parametrize("polyhedron", CONVENTIONS)
def test_the_unturned_body_has_circumradius_one(polyhedron: str) -> None:
    body = unturned_body(polyhedron)
    np.testing.assert_allclose(body.circumradius, 1)
    np.testing.assert_allclose(body.centroid, 0, atol=1e-9)


def test_how_single_bodies_are_held() -> None:
    assert has_vertex(unturned_body("Cube"), np.ones(3) / 3**0.5)
    assert has_vertex(unturned_body("Icosahedron"), (0, 0, 1))
    assert has_vertex(unturned_body("Icosahedron"), (2 / 5**0.5, 0, 1 / 5**0.5))
    assert has_vertex(unturned_body("Tetrahedron"), (0, 0, 1))
    assert has_vertex(unturned_body("Tetrahedron"), (8**0.5 / 3, 0, -1 / 3))
    assert has_vertex(unturned_body("Decahedron"), (1, 0, 0))
    assert has_vertex(unturned_body("Decahedron"), (0, 0, 1 / PHI))
    # corners (0, 1, 2), turned by 45 degrees about z
    assert has_vertex(unturned_body("Truncated Octahedron"), np.array([-(0.5**0.5), 0.5**0.5, 2]) / 5**0.5)
    plate = unturned_body("Truncated Twinned Tetrahedron").bounds[1]
    np.testing.assert_allclose(plate, (0.75**0.5, 1, 6**0.5 / 10))


def test_the_small_triangles_of_the_truncated_tetrahedron_point_up() -> None:
    body = unturned_body("Truncated Tetrahedron")
    up, down = (body.vertices[np.isclose(body.vertices[:, 2], z)] for z in body.bounds[:, 2][::-1])
    assert (len(up), len(down)) == (3, 6)


def test_the_hand_of_the_snub_cube() -> None:
    t = np.roots([1, -1, -1, -1]).real.max()
    corner = np.array([1, 1 / t, t]) / np.linalg.norm([1, 1 / t, t])
    body = unturned_body("Snub Cube")
    assert has_vertex(body, corner)
    assert not has_vertex(body, corner * (1, 1, -1))


@pytest.mark.parametrize("polyhedron", ICOSAHEDRAL)
def test_icosahedral_bodies_stand_on_a_fivefold_axis(polyhedron: str) -> None:
    axes = unturned_body(polyhedron).symmetry_axes["C5"]
    for axis in [(0, 0, 1), (2 / 5**0.5, 0, 1 / 5**0.5)]:
        assert np.abs(axes @ axis).max() > 1 - 1e-9


@pytest.mark.parametrize("polyhedron", POLYHEDRA)
def test_labels_name_symmetry_axes_with_c2_and_c3_exchanged(polyhedron: str) -> None:
    exchanged = {"C2": "C3", "C3": "C2"} if polyhedron in OCTAHEDRAL + ICOSAHEDRAL else {}
    body = unturned_body(polyhedron)
    if polyhedron == "Truncated Octahedron":
        # held with its axes turned by 45 degrees, but stretched along those of the others
        body = Solid.from_catalogue("truncated_octahedron", 1.0)
    for label, direction in CONVENTIONS[polyhedron].axes.items():
        axes = body.symmetry_axes[exchanged.get(label, label)]
        assert np.abs(axes @ direction).max() > (1 - 1e-9) * np.linalg.norm(direction), label


def test_a_row_without_turn_and_stretch() -> None:
    edge = 0.5 * HALF_BOX / 3**0.5
    np.testing.assert_allclose(physical().bounds, [[-edge] * 3, [edge] * 3])
    drawn = solid_from_row(row())
    np.testing.assert_allclose(drawn.bounds[1], edge * np.array([0.96, 0.96, 191 / 192]))


def test_the_turn_is_right_handed_about_the_named_axis() -> None:
    # about +x, a quarter turn brings the corner at +z to -y
    body = physical("Tetrahedron", theta=np.pi / 2, phi=0.0, alpha=np.pi / 2)
    assert has_vertex(body, (0, -0.5 * HALF_BOX, 0))
    # about +y, to +x
    body = physical("Tetrahedron", theta=np.pi / 2, phi=np.pi / 2, alpha=np.pi / 2)
    assert has_vertex(body, (0.5 * HALF_BOX, 0, 0))


def test_the_stretch_comes_before_the_turn() -> None:
    body = physical("Sphere", stretch=1.5, axis=(0.0, 0.0, 2.0), theta=np.pi / 2, phi=0.0, alpha=np.pi / 2)
    np.testing.assert_allclose(body.bounds[1], 0.5 * HALF_BOX * np.array([1, 1.5, 1]))


def test_some_classes_are_stretched_by_the_inverse() -> None:
    assert physical("Octahedron", stretch=1.5).bounds[1, 2] == pytest.approx(1.5 * 0.5 * HALF_BOX)
    assert physical("Decahedron", stretch=1.5).bounds[1, 2] == pytest.approx(0.5 * HALF_BOX / PHI / 1.5)


def test_a_cut_takes_both_sides_and_is_measured_before_the_stretch() -> None:
    body = physical("Octahedron", stretch=1.5, cut=0.4, caxis="C4")
    np.testing.assert_allclose(body.bounds[:, 2], 0.5 * HALF_BOX * 1.5 * np.array([-0.4, 0.4]))
    np.testing.assert_allclose(body.bounds[1, :2], 0.5 * HALF_BOX)


def test_a_cut_beyond_the_body_leaves_it_whole() -> None:
    assert physical(cut=0.9, caxis="C4").volume == pytest.approx(physical().volume)


def test_a_cut_of_the_icosidodecahedron_is_turned_by_half_a_fivefold_step() -> None:
    label = np.array(CONVENTIONS["Icosidodecahedron"].axes["C3"])
    turned = np.array([label[0] * np.cos(np.pi / 5), label[0] * np.sin(np.pi / 5), label[2]])
    body = physical("Icosidodecahedron", cut=0.5, caxis="C3")
    reach = body.support([turned, -turned]) / np.linalg.norm(turned)
    np.testing.assert_allclose(reach, 0.25 * HALF_BOX)


def test_the_published_body_is_clipped_at_the_rim_of_the_picture() -> None:
    huge = row("Sphere", size=1.4)
    body = solid_from_row(huge)
    np.testing.assert_allclose(body.bounds[1], HALF_BOX * np.array([0.96, 0.96, 1]))
    assert Rasterizer(grid=16, mode="binary").transform([body]).any()
    assert isinstance(body, Ellipsoid)
    with pytest.raises(InvalidParameterError, match="inside the box"):
        Rasterizer(grid=16).transform([solid_from_row(huge, rendering="physical")])


@given(
    polyhedron=st.sampled_from(POLYHEDRA),
    angles=st.tuples(st.floats(0, np.pi), st.floats(-np.pi, np.pi), st.floats(-np.pi, np.pi)),
    size=st.floats(0.1, 0.5),
    stretch=st.floats(0.6, 1.6),
)
def test_volumes_follow_size_and_stretch(
    polyhedron: str, angles: tuple[float, float, float], size: float, stretch: float
) -> None:
    convention = CONVENTIONS[polyhedron]
    theta, phi, alpha = angles
    factor = 1 / stretch if convention.inverse else stretch
    expected = unturned_body(polyhedron).volume * factor * (HALF_BOX * size) ** 3
    for label in convention.axes:
        described = row(polyhedron, theta=theta, phi=phi, alpha=alpha, size=size, stretch=stretch, axis=label)
        assert solid_from_row(described, rendering="physical").volume == pytest.approx(expected)
        assert solid_from_row(described).volume == pytest.approx(expected * 0.96**2 * 191 / 192)


@pytest.mark.parametrize(
    ("described", "said"),
    [
        (row("Potato", stretch=None, axis=None), "random points"),
        (row("Cubes"), "one of the classes Cube, Octahedron"),
        (row(axis="C7"), "'row.axis' parameter of solid_from_row must be one of 'C4', 'C3', 'C2'"),
        (row(axis=None), "'row.axis'"),
        (row(axis=(0.0, 0.0, 0.0)), "'row.axis'"),
        (row(axis=(0.0, np.nan, 0.0)), "'row.axis'"),
        (row(cut=0.5), "'row.caxis'"),
        (row(cut=-0.5, caxis="C4"), "'row.cut'"),
        (row(stretch=-1.0), "'row.stretch'"),
        (row(stretch=None), "'row.stretch'"),
        ("row", "an instance of SampleRow"),
    ],
)
def test_rows_that_describe_no_body_are_refused(described: Any, said: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        solid_from_row(described)
    assert said in str(caught.value)


def test_an_unknown_rendering_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match=r"'rendering' parameter .* 'published', 'physical'"):
        solid_from_row(row(), rendering="real")


@pytest.mark.parametrize(
    ("table", "numbers"),
    [
        # one row of each kind of class and cut, none of them among the smallest bodies
        ("train/infos1.csv", (1, 2, 6)),
        ("val/infos14.csv", (139901, 139902, 139904)),
        ("test/infos1.csv", (1, 2, 3, 4)),
    ],
)
def test_published_volumes_come_back(sample_root: Path, table: str, numbers: tuple[int, ...]) -> None:
    rows = [row for row in read_table(sample_root / table) if row.nr in numbers]
    rebuilt = Rasterizer(grid=192, mode="binary").transform([solid_from_row(row) for row in rows]) > 0.5
    assert len(rows) == len(numbers)
    for described, body in zip(rows, rebuilt, strict=True):
        published = read_volume(described.volume_path) > 0.5
        assert (body & published).sum() / (body | published).sum() > 0.99, described
