"""Gaps of detectors: areas in closed form, symmetries, and rays traced the other way round."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from scatterkit.augmentation import DetectorGaps, PanelGaps
from scatterkit.experiment import FlatDetector, Panel, PanelDetector, QGrid

STILL = {"offset": (0.0, 0.0), "hole": (0.0, 0.0), "turned": False}
K = 2 * np.pi / 13.5


def masks(artifact, n: int = 1, shape: tuple[int, int] = (128, 128), seed: int = 0) -> np.ndarray:
    return artifact.apply_mask(np.ones((n, *shape)), artifact.sample_params(n, shape, random_state=seed))


@pytest.mark.parametrize(("width", "lost"), [(0.0, 0), (1.0, 1), (1.9, 1), (2.1, 3), (5.0, 5)])
def test_halves(width, lost):
    """Rows whose distance from the beam's is below half the gap."""
    mask = masks(DetectorGaps(["halves"], gap=(width, width), **STILL))[0]
    rows = np.flatnonzero((mask == 0).all(axis=1))
    assert rows.tolist() == list(range(64 - lost // 2, 64 + (lost + 1) // 2))
    assert mask.sum() == 128 * (128 - lost)


def test_mean_area_of_gaps():
    """Over offsets of whole pixels' range, a gap of width g loses g rows on average."""
    n = 1500
    lost = (1 - masks(DetectorGaps(["halves"], hole=(0.0, 0.0)), n)).sum(axis=(1, 2)) / 128
    assert abs(lost.mean() - 3.5) < 4 * lost.std() / np.sqrt(n)
    grid = DetectorGaps([(4, 2)], hole=(0.0, 0.0), turned=False)
    lost = (1 - masks(grid, n)).sum(axis=(1, 2))
    expected = 128**2 - (128 - 3 * 3.5) * (128 - 3.5)  # both axes are drawn apart
    assert abs(lost.mean() - expected) < 4 * lost.std() / np.sqrt(n)


def test_the_hole_is_a_disc():
    mask = masks(DetectorGaps(["halves"], gap=(0.0, 0.0), offset=(0.0, 0.0), hole=(4.5, 4.5)))[0]
    row, column = np.indices((128, 128)) - 64
    np.testing.assert_array_equal(mask, row**2 + column**2 >= 4.5**2)


@pytest.mark.parametrize("offset", [-4.0, 4.0])
def test_quadrants_are_a_pinwheel(offset):
    gaps = DetectorGaps(["quadrants"], (2.5, 2.5), (offset, offset), (0.0, 0.0), turned=False)
    mask = masks(gaps)[0]
    about_beam = mask[1:, 1:]
    np.testing.assert_array_equal(np.rot90(about_beam), about_beam)
    assert not np.array_equal(about_beam[::-1], about_beam)
    labels, count = ndimage.label(mask)
    assert count == 4
    # 128 less the gap of 3 pixels leaves 63 and 62 pixels; each quadrant is moved by 4 along one axis
    sizes = np.bincount(labels.ravel())[1:]
    assert sizes.sum() == (63 - 4) * 63 + 63 * (62 - 4) + (62 - 4) * 62 + 62 * (63 - 4)
    other = masks(gaps.set_params(offset=(-offset, -offset)))[0][1:, 1:]
    np.testing.assert_array_equal(other[::-1], about_beam)


@pytest.mark.parametrize("layout", [(1, 1), (4, 2), (8, 2), (3, 5)])
def test_modules_are_separate(layout):
    mask = masks(DetectorGaps([layout], gap=(3.0, 3.0), **STILL))[0]
    _, count = ndimage.label(mask)
    assert count == layout[0] * layout[1]
    rows, columns = ((mask == 0).all(axis=axis).sum() for axis in (1, 0))
    assert rows in range(2 * (layout[0] - 1), 4 * (layout[0] - 1) + 1)
    assert columns in range(2 * (layout[1] - 1), 4 * (layout[1] - 1) + 1)


def test_turned_detectors():
    still = DetectorGaps([(4, 2)], gap=(2.5, 2.5), offset=(1.5, 1.5), hole=(3.0, 3.0), turned=False)
    upright = masks(still)[0][1:, 1:]
    turned = masks(still.set_params(turned=True), 40)[:, 1:, 1:]
    found = {next(k for k in range(4) if np.array_equal(np.rot90(upright, k), mask)) for mask in turned}
    assert found == {0, 1, 2, 3}


def test_all_layouts_are_drawn():
    gaps = DetectorGaps(gap=(2.0, 2.0), offset=(0.0, 0.0), hole=(0.0, 0.0))
    counts = [ndimage.label(mask)[1] for mask in masks(gaps, 400)]
    shares = np.array([counts.count(n) for n in (2, 4, 8, 16)]) / 400
    assert np.abs(shares - 0.25).max() < 4 * np.sqrt(0.25 * 0.75 / 400)


@pytest.mark.parametrize("shape", [(64, 64), (65, 33), (256, 100)])
def test_other_shapes(shape):
    mask = masks(DetectorGaps(hole=(5.0, 5.0)), 50, shape)
    assert mask.any(axis=(1, 2)).all()
    assert not mask[:, shape[0] // 2, shape[1] // 2].any()
    wide = masks(DetectorGaps(["halves"], gap=(8.1, 8.1), **STILL), 1, shape)[0]
    lost = (wide == 0).all(axis=1).sum()
    assert lost == 2 * np.floor(8.1 * min(shape) / 128 / 2) + 1


def test_history_names_the_panels_that_are_used():
    gaps = DetectorGaps(gap=(2.0, 2.0), offset=(0.0, 0.0), hole=(3.0, 3.0))
    params = gaps.sample_params(30, random_state=1)
    told = [gaps.describe(params, i) for i in range(30)]
    assert {len(line["panels"]) for line in told} == {2, 4, 8, 16}
    assert all(line["filter"] == "DetectorGaps" and line["hole"] == 3 for line in told)


def test_what_is_left_is_rescaled():
    images = np.random.default_rng(0).random((9, 128, 128)).astype(np.float32)
    gaps = DetectorGaps()
    params = gaps.sample_params(9, random_state=3)
    left = images * gaps.apply_mask(np.ones_like(images), params)
    expected = left / left.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(gaps.apply(images, params), expected, atol=1e-7)
    assert not gaps.apply(np.zeros_like(images), params).any()


def plane(shape: tuple[int, int], row: float, column: float) -> Panel:
    """A part of the plane of FlatDetector(40, pixel_size=1, distance=25), from a row and column on."""
    return Panel(shape, (column - 20.5, row - 20.5, 25.0), fast=(1.0, 0, 0), slow=(0, 1.0, 0))


def test_panels_in_the_plane_of_the_grid():
    detector = PanelDetector([plane((40, 18), 0, 0), plane((30, 15), 4, 21)])
    expected = np.zeros((40, 40))
    expected[:, :18] = expected[4:34, 21:36] = 1
    gaps = PanelGaps(detector, grid=FlatDetector(40, pixel_size=1.0, distance=25.0), shift=(0.0, 0.0))
    np.testing.assert_array_equal(masks(gaps, 1, (40, 40))[0], expected)
    gaps.set_params(shift=(2.0, 2.0))
    np.testing.assert_array_equal(masks(gaps, 1, (40, 40))[0, 2:, 2:], expected[:-2, :-2])
    gaps.set_params(shift=(0.0, 0.0), turned=True)
    found = masks(gaps, 20, (40, 40))[:, 1:, 1:]
    turns = {next(k for k in range(4) if np.array_equal(np.rot90(expected[1:, 1:], k), m)) for m in found}
    assert turns == {0, 1, 2, 3}


def test_tilted_panels_catch_the_pixels_whose_directions_they_see():
    """The other way round: each pixel of a panel names the grid's pixel in its direction."""
    c, s = np.cos(0.3), np.sin(0.3)
    panels = [
        Panel((400, 260), (-24.0, -16.0, 40.0), fast=(0.08 * c, 0, -0.08 * s), slow=(0, 0.08, 0)),
        Panel((200, 200), (2.0, -9.0, 30.0), fast=(0.08 * c, 0.08 * s, 0), slow=(-0.08 * s, 0.08 * c, 0.01)),
    ]
    detector, grid = PanelDetector(panels), QGrid()
    q_y, q_x = detector.wavevectors(K)
    rows, columns = np.rint(q_y / grid.dq).astype(int) + 64, np.rint(q_x / grid.dq).astype(int) + 64
    seen = np.zeros((128, 128), bool)
    for region in detector.regions():
        seen[rows[region], columns[region]] = True
    mask = masks(PanelGaps(detector, shift=(0.0, 0.0)))[0].astype(bool)
    # they may differ in pixels that a panel's edge cuts
    core, reach = ndimage.binary_erosion(seen), ndimage.binary_dilation(seen)
    assert mask[core].all()
    assert not mask[~reach].any()
    assert mask.mean() > 0.1
    assert (mask != seen).sum() < (seen & ~core).sum()


def test_panels_behind_the_sample_see_nothing():
    behind = PanelDetector([Panel((100, 100), (-50.0, -50.0, -30.0), (1.0, 0, 0), (0, 1.0, 0))])
    assert not masks(PanelGaps(behind)).any()


def test_keras_gives_the_same_gaps():
    from keras import ops

    detector = PanelDetector([plane((40, 18), 0, 0), plane((30, 15), 4, 21)])
    grid = FlatDetector(40, pixel_size=1.0, distance=25.0)
    images = np.random.default_rng(1).random((12, 40, 40)).astype(np.float32)
    for artifact in (DetectorGaps(), PanelGaps(detector, grid=grid, turned=True, shift=(-5.0, 5.0))):
        params = artifact.sample_params(12, (40, 40), random_state=2)
        for method in (artifact.apply, artifact.apply_mask):
            tensor = ops.convert_to_numpy(method(ops.convert_to_tensor(images), params))
            np.testing.assert_allclose(tensor, method(images, params), atol=1e-6)


SQUARE = PanelDetector([plane((40, 40), 0, 0)])


@pytest.mark.parametrize(
    ("artifact", "name"),
    [
        (DetectorGaps(layouts=[]), "layouts"),
        (DetectorGaps(layouts="halves"), "layouts"),
        (DetectorGaps(layouts=["thirds"]), "layouts"),
        (DetectorGaps(layouts=[(0, 2)]), "layouts"),
        (DetectorGaps(gap=(-1.0, 2.0)), "gap"),
        (PanelGaps("detector"), "detector"),
        (PanelGaps(SQUARE, wavelength=0.0), "wavelength"),
        (PanelGaps(SQUARE, grid=QGrid(64)), "grid"),
        (PanelGaps(SQUARE, grid=SQUARE), "grid"),
    ],
)
def test_bad_parameters_are_named(artifact, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of {type(artifact).__name__} must be"):
        artifact.sample_params(1)


def test_only_square_patterns_turn():
    gaps = PanelGaps(SQUARE, grid=QGrid((20, 30)), turned=True)
    with pytest.raises(ValueError, match="'turned' parameter of PanelGaps must be False"):
        gaps.sample_params(1, (20, 30))
