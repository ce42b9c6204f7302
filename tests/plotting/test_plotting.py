"""Pictures: what is shown where, in which units; hidden facets and edges left out."""

from __future__ import annotations

import io

import numpy as np
import pytest
import trimesh
from gallery_tools import overlapping_texts
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from PIL import Image

from scatterkit.plotting import (
    reconstruction_figure,
    show_depth,
    show_difference,
    show_interval,
    show_pattern,
    show_radial_profiles,
    show_solid,
)
from scatterkit.plotting._projection import CAMERAS, project


def cube(side: float = 100.0) -> trimesh.Trimesh:
    return trimesh.creation.box((side, side, side))


def rendered(figure: Figure) -> np.ndarray:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=50)
    return np.asarray(Image.open(buffer).convert("RGB"))


def test_pattern_axes_show_q_at_pixel_centres() -> None:
    ax = Figure().subplots()
    image = show_pattern(ax, np.zeros((8, 10)), dq=0.5)
    left, right, bottom, top = image.get_extent()
    assert_allclose((left, right), (-2.75, 2.25))  # pixel 5 of 10 is centred on zero
    assert_allclose((top, bottom), (-2.25, 1.75))  # and pixel 4 of 8; y points down
    assert "rad/nm" in ax.get_ylabel()
    plain = Figure().subplots()
    show_pattern(plain, np.zeros((8, 10)), title="name")
    assert "pixel" in plain.get_xlabel()
    assert plain.get_title() == "name"


def test_what_was_not_measured_is_grey_and_cut_away() -> None:
    mask = np.zeros((32, 32), dtype=bool)
    mask[10:20, 12:18] = True
    mask[15, 15] = False
    ax = Figure().subplots()
    image = show_pattern(ax, np.ones((32, 32)), mask=mask)
    assert np.ma.count_masked(image.get_array()) == 32 * 32 - 59
    color = image.get_cmap()(np.ma.masked)
    assert color[0] == color[1] == color[2]
    assert_allclose(ax.get_xlim(), (12 - 16 - 1.5, 17 - 16 + 1.5))
    assert_allclose(ax.get_ylim(), (19 - 16 + 1.5, 10 - 16 - 1.5))


def test_difference_is_centred_on_zero() -> None:
    image = show_difference(Figure().subplots(), np.linspace(-1, 3, 64).reshape(8, 8))
    low, high = image.get_clim()
    assert low == -high
    white = image.get_cmap()(0.5)
    assert min(white[:3]) > 0.95
    assert show_difference(Figure().subplots(), np.zeros((4, 4))).get_clim() == (-1.0, 1.0)


def test_beam_view_shows_one_face_of_a_cube_and_no_diagonal() -> None:
    picture = project(cube(), CAMERAS["beam"])
    assert len(picture.triangles) == 2
    assert picture.lit.all()
    assert len(picture.edges) == 0  # the face's diagonal is no facet edge
    assert len(picture.outline) == 4
    sides = picture.triangles[:, 1:] - picture.triangles[:, :1]
    assert np.abs(np.linalg.det(sides)).sum() / 2 == pytest.approx(100**2)


def test_side_view_has_the_beam_from_the_left_and_the_far_half_unlit() -> None:
    body = trimesh.creation.icosphere(3, radius=50.0).apply_translation([0, 10, 30])
    picture = project(body, CAMERAS["side"])
    points = picture.triangles.reshape(-1, 2)
    assert_allclose([points[:, 0].min(), points[:, 0].max()], [-20, 80], atol=1)  # z
    assert_allclose([points[:, 1].min(), points[:, 1].max()], [-40, 60], atol=1)  # y
    middle = picture.triangles.mean(axis=1)[:, 0]
    assert (middle[picture.lit] < 32).all()
    assert (middle[~picture.lit] > 28).all()


def test_perspective_shows_near_things_larger() -> None:
    picture = project(cube(), CAMERAS["perspective"])
    assert len(picture.triangles) == 6  # three faces
    assert len(picture.edges) == 3
    assert len(picture.outline) == 6
    flat = picture.edges.reshape(-1, 2)
    _, counts = np.unique(flat.round(6), axis=0, return_counts=True)
    assert counts.max() == 3  # the three inner edges meet in the nearest corner
    # along the beam, the eye at 5 radii: the near face is 50 nm closer than the centre
    near = project(cube(), CAMERAS["beam"]._replace(distance=5.0)).outline
    eye = 5 * np.sqrt(3) * 50
    assert np.ptp(near[..., 0]) == pytest.approx(100 * eye / (eye - 50))


def test_cameras_are_right_handed() -> None:
    for camera in CAMERAS.values():
        frame = np.array(camera[:3])
        assert_allclose(frame @ frame.T, np.eye(3), atol=1e-12)
        assert_allclose(np.cross(frame[0], frame[1]), frame[2], atol=1e-12)


@pytest.mark.parametrize("view", ["beam", "side", "top", "perspective"])
def test_a_body_is_drawn_with_equal_scales(view: str) -> None:
    figure = Figure()
    ax = figure.subplots()
    show_solid(ax, trimesh.creation.icosphere(2, radius=40.0), view=view, title=view)
    assert ax.get_aspect() == 1
    low, high = sorted(ax.get_ylim())
    assert high - low == pytest.approx(np.ptp(ax.get_xlim()))
    assert ax.yaxis_inverted()
    assert rendered(figure).std() > 5


def test_depth_is_in_nm_and_empty_columns_are_blank() -> None:
    volume = np.zeros((10, 10, 10))
    volume[4:8, 2:5, 3:6] = 1
    image = show_depth(Figure().subplots(), volume, box=50.0, title="depth")
    depth = image.get_array()
    assert depth.count() == 9
    assert depth[3, 4] == pytest.approx(-5.0)  # slice 4 of 10 begins 5 nm before the middle


def test_the_whole_figure(tmp_path) -> None:
    y, x = np.mgrid[-32:32, -32:32]
    mask = np.hypot(x, y) < 20
    pattern = np.exp(-np.hypot(x, y) / 10)
    figure = reconstruction_figure(pattern, 0.9 * pattern, mask, cube(), title="cube")
    pictures = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title().split(",")[0] for ax in pictures] == [
        "measured",
        "fitted",
        "difference",
        "along the beam",
        "from the side",
        "in perspective",
    ]
    assert pictures[0].images[0].get_clim() == pictures[1].images[0].get_clim()
    assert f"{np.mean((0.1 * pattern[mask]) ** 2):.2g}" in pictures[2].get_title()
    figure.savefig(tmp_path / "figure.png", dpi=40)
    own = Figure(figsize=(9, 6))
    assert reconstruction_figure(pattern, pattern, None, cube(), figure=own) is own


def test_no_two_texts_overlap() -> None:
    y, x = np.mgrid[-32:32, -32:32]
    pattern = np.exp(-np.hypot(x, y) / 10)
    figure = reconstruction_figure(pattern, 0.9 * pattern, np.hypot(x, y) < 20, cube(), title="cube")
    assert len([bar for ax in figure.axes for bar in ax.child_axes]) == 2
    assert not overlapping_texts(figure)


def test_what_was_not_measured_may_be_nan() -> None:
    pattern = np.random.default_rng(0).random((16, 16))
    mask = pattern > 0.2
    holed = np.where(mask, pattern, np.nan)
    ax = Figure().subplots()
    assert show_pattern(ax, holed, mask=mask).get_array().count() == mask.sum()
    top = np.quantile(pattern[mask], 0.99)
    assert show_difference(ax, holed, mask=mask).get_clim() == pytest.approx((-top, top))
    figure = reconstruction_figure(holed, 0.9 * holed, mask, cube())
    assert f"{np.mean((0.1 * pattern[mask]) ** 2):.2g}" in figure.axes[2].get_title()
    with pytest.raises(ValueError, match=r"'measured' parameter of reconstruction_figure must be .* finite"):
        reconstruction_figure(holed, pattern, None, cube())


@pytest.mark.parametrize("call", [show_pattern, show_difference])
def test_a_step_is_refused_by_the_function_that_was_called(call) -> None:
    with pytest.raises(ValueError, match=f"'dq' parameter of {call.__name__} must be"):
        call(Figure().subplots(), np.zeros((4, 4)), dq=-1.0)


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        (lambda ax: show_pattern(ax, np.zeros((4, 4, 4))), "pattern"),
        (lambda ax: show_pattern(ax, np.zeros((4, 4)), dq=-1.0), "dq"),
        (lambda ax: show_pattern(ax, np.zeros((4, 4)), mask=np.ones((3, 3))), "mask"),
        (lambda ax: show_difference(ax, np.zeros((4, 4)), limit=0.0), "limit"),
        (lambda ax: show_solid(ax, cube(), view="back"), "view"),
        (lambda ax: show_solid(ax, "cube"), "solid"),
        (lambda ax: show_depth(ax, np.zeros((4, 4))), "volume"),
        (lambda ax: reconstruction_figure(np.zeros((4, 4)), np.zeros((5, 4)), None, cube()), "fitted"),
    ],
)
def test_bad_input_names_the_parameter(call, parameter: str) -> None:
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of .* must be .* Got .* instead"):
        call(Figure().subplots())


def test_radial_profiles_are_means_over_rings_of_the_mask() -> None:
    rows, columns = np.mgrid[-16:16, -20:20]
    distance = np.hypot(rows, columns)
    mask = (distance > 3) & (columns > 0)
    ax = Figure().subplots()
    lines = show_radial_profiles(
        ax, {"cone": distance, "half": distance / 2}, mask=mask, dq=0.5, title="both"
    )
    radius, mean = np.array(lines[0].get_data())
    assert_allclose(radius[0], 0.5 * 3)  # 3.16 pixels is the nearest beyond the hole
    assert_allclose(mean, radius / 0.5, atol=0.5)
    assert_allclose(lines[1].get_ydata(), mean / 2)
    assert lines[0].get_linestyle() != lines[1].get_linestyle()
    assert (ax.get_xlabel(), ax.get_title()) == ("$q$ (rad/nm)", "both")
    with pytest.raises(ValueError, match="'patterns' parameter of show_radial_profiles must be a mapping"):
        show_radial_profiles(ax, {})


def test_interval_is_drawn_as_its_width() -> None:
    low = np.full((4, 4), np.nan)
    low[1:3, 1:3] = 20
    high = np.add(low, [0, 10, 40, 0])
    ax = Figure().subplots()
    image = show_interval(ax, low, high, box=80.0)
    assert image.get_array()[1].tolist() == [None, 10, 40, None]
    assert (image.get_clim(), image.get_extent()) == ((0, 40), [-40, 40, 40, -40])
    with pytest.raises(ValueError, match="'high' parameter of show_interval must be an array"):
        show_interval(ax, low, high[1:])
