"""A body from three sides, and the directions of its facets."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import trimesh
from gallery_tools import overlapping_texts
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.testing import assert_allclose

from scatterkit.plotting import show_depth, show_stereogram, show_three_views
from scatterkit.plotting._projection import CAMERAS, project
from scatterkit.plotting.bodies import VIEW_AXES
from scatterkit.solids import Solid

BOX = 80.0  # 16 voxels of 5 nm
LOW, HIGH = np.array([1, 3, 6]), np.array([4, 9, 14])  # (x, y, z), in voxels


def brick() -> np.ndarray:
    volume = np.zeros((16, 16, 16))
    volume[LOW[2] : HIGH[2], LOW[1] : HIGH[1], LOW[0] : HIGH[0]] = 1
    return volume


def mesh() -> trimesh.Trimesh:
    """The same body as triangles."""
    return trimesh.creation.box(bounds=np.array([LOW, HIGH]) * 5.0 - BOX / 2)


@pytest.mark.parametrize("view", VIEW_AXES)
def test_volumes_and_meshes_are_seen_from_the_same_place(view: str) -> None:
    """Outline of the mesh and filled pixels of the map agree; the depth is that of the face in front."""
    image = show_depth(Figure().subplots(), brick(), view=view, box=BOX)
    left, right, bottom, top = image.get_extent()
    rows, columns = np.nonzero(~np.ma.getmaskarray(image.get_array()))
    steps = (right - left) / 16, (bottom - top) / 16
    seen = project(mesh(), CAMERAS[view]).outline.reshape(-1, 2)
    assert_allclose(seen.min(axis=0), (left + columns.min() * steps[0], top + rows.min() * steps[1]))
    assert_allclose(
        seen.max(axis=0), (left + (columns.max() + 1) * steps[0], top + (rows.max() + 1) * steps[1])
    )
    front = (np.asarray(mesh().vertices) @ np.array(CAMERAS[view].forward)).min()
    assert_allclose(np.ma.compressed(image.get_array()), front)


@pytest.mark.parametrize("view", CAMERAS)
def test_no_camera_mirrors(view: str) -> None:
    camera = CAMERAS[view]
    assert_allclose(np.cross(camera.right, camera.down), camera.forward, atol=1e-12)


@pytest.mark.parametrize("body", [brick(), mesh()], ids=["volume", "mesh"])
def test_three_views_have_one_scale(body) -> None:
    figure = show_three_views(body, box=BOX, title="A brick")
    assert figure.get_suptitle() == "A brick"
    assert [(ax.get_xlabel(), ax.get_ylabel()) for ax in figure.axes] == [
        ("$x$ (nm)", "$y$ (nm)"),
        ("$z$ (nm)", "$y$ (nm)"),
        ("$z$ (nm)", "$x$ (nm)"),
    ]
    limits = {(*ax.get_xlim(), *ax.get_ylim()) for ax in figure.axes}
    assert len(limits) == 1
    left, right, bottom, top = limits.pop()
    assert left == top == -right == -bottom
    assert 35 <= right < 56  # the brick reaches to -35 nm
    assert overlapping_texts(figure) == []


def test_depths_of_three_views_share_their_colors() -> None:
    figure = show_three_views(brick(), box=BOX)
    images = [ax.images[0] for ax in figure.axes]
    # distances of the faces in front, along z, -x and y: -10, 20 to the eye's side, -25 nm
    assert {image.get_clim() for image in images} == {(-25.0, 20.0)}


@pytest.mark.parametrize("body", [np.zeros((4, 4, 4)), np.ones((4, 4)), np.ones((4, 5, 6)), "cube"])
def test_three_views_refuse_what_is_no_body(body) -> None:
    with pytest.raises(ValueError, match="'body' parameter of show_three_views"):
        show_three_views(body)


def facet_table(body: Solid) -> SimpleNamespace:
    normals = body.normals[body.normals[:, 2] < -1e-6]
    return SimpleNamespace(
        tilts=np.arccos(-normals[:, 2]),
        azimuths=np.arctan2(normals[:, 1], normals[:, 0]),
        areas=np.linspace(100, 400, len(normals)),
        determined=np.arange(len(normals)) != 1,
        normals=normals,
    )


def test_a_stereogram_keeps_angles_and_marks_what_is_not_determined() -> None:
    table = facet_table(Solid.from_catalogue("icosahedron", circumradius=80))
    ax = Figure().subplots()
    marks = show_stereogram(ax, table, title="facets")
    # seen from the direction opposite to the beam, normals (x, y, z) are at (x, y) / (1 - z)
    x, y, z = table.normals.T
    assert_allclose(marks.get_offsets(), np.column_stack([x, y]) / (1 - z)[:, None], atol=1e-12)
    assert_allclose(marks.get_sizes() / marks.get_sizes()[-1], table.areas / 400)
    white = (marks.get_facecolors()[:, :3] == 1).all(axis=1)
    assert white.tolist() == (~table.determined).tolist()
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # y points down
    assert ax.get_title() == "facets"
    assert "1" in [text.get_text() for text in ax.texts]


def test_circles_are_cones_about_normals() -> None:
    tilt, cone = np.radians(50.0), np.radians(1.0)
    table = SimpleNamespace(
        tilts=np.array([tilt, 0.3]),
        azimuths=np.zeros(2),
        areas=np.ones(2),
        determined=np.ones(2, dtype=bool),
        uncertainty=SimpleNamespace(
            normal_covariance=np.array([np.diag([cone**2, 0]), np.full((2, 2), np.nan)]),
            normal_spread=np.array([0.0, np.nan]),
        ),
    )
    ax = Figure().subplots()
    marks = show_stereogram(ax, table, labels=["first", "second"])
    (circle,) = [patch for patch in ax.patches if isinstance(patch, Circle) and patch.center != (0, 0)]
    assert_allclose(circle.center, marks.get_offsets()[0])
    ends = np.tan((tilt + np.array([-cone, cone])) / 2)
    assert_allclose(circle.radius, np.ptp(ends) / 2, rtol=1e-3)
    with pytest.raises(ValueError, match="'labels' parameter of show_stereogram must be 2 labels"):
        show_stereogram(ax, table, labels=["one"])
    with pytest.raises(ValueError, match="'facets' parameter of show_stereogram must be a FacetTable"):
        show_stereogram(ax, [1, 2])


def test_what_is_no_figure() -> None:
    with pytest.raises(
        ValueError, match="'figure' parameter of show_three_views must be a matplotlib figure"
    ):
        show_three_views(brick(), box=BOX, figure=3)


def test_no_facets_leave_the_rings() -> None:
    nothing = np.zeros(0)
    facets = SimpleNamespace(tilts=nothing, azimuths=nothing, areas=nothing, determined=nothing.astype(bool))
    assert len(show_stereogram(Figure().subplots(), facets).get_offsets()) == 0
