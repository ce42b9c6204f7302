"""Detectors of several panels, and CrystFEL's description of them."""

from __future__ import annotations

import numpy as np
import pytest

from scatterkit.experiment import Detector, FlatDetector, Panel, PanelDetector, read_geometry
from scatterkit.simulation import MSFTSimulator

K = 2 * np.pi / 13.5
N, PIXEL, DISTANCE = 12, 1.5, 10.0


def quarter(row: int, column: int) -> Panel:
    """A quarter of FlatDetector(N, PIXEL, DISTANCE)."""
    corner = (PIXEL * (column - N / 2 - 0.5), PIXEL * (row - N / 2 - 0.5), DISTANCE)
    return Panel((N // 2, N // 2), corner, fast=(PIXEL, 0, 0), slow=(0, PIXEL, 0))


QUARTERS = PanelDetector([quarter(row, column) for row in (0, N // 2) for column in (0, N // 2)])
WHOLE = FlatDetector(N, PIXEL, DISTANCE)


def stacked(image: np.ndarray) -> np.ndarray:
    """An image of the whole as the quarters' pattern."""
    return np.concatenate([half[:, c : c + N // 2] for half in np.split(image, 2) for c in (0, N // 2)])


def closed_cube(n: int) -> PanelDetector:
    """Six square panels all around the sample."""
    axes = np.eye(3)
    panels = []
    for i in range(3):
        for sign in (-1, 1):
            u, v, w = axes[(i + 1) % 3], axes[(i + 2) % 3], axes[i]
            corner, step = sign * w - u - v, 2 / n
            panels.append(Panel((n, n), tuple(corner), tuple(step * u), tuple(step * v)))
    return PanelDetector(panels)


def test_four_quarters_are_a_flat_detector():
    for of_quarters, of_whole in (
        (QUARTERS.wavevectors(K), WHOLE.wavevectors(K)),
        ([QUARTERS.solid_angle(K)], [WHOLE.solid_angle(K)]),
    ):
        for a, b in zip(of_quarters, of_whole, strict=True):
            np.testing.assert_allclose(a, stacked(b), atol=1e-12)
    body = np.zeros((1, 16, 16, 16), dtype=np.float32)
    body[:, 4:12, 5:11, 6:11] = 1
    a, b = (MSFTSimulator(detector=detector).transform(body)[0] for detector in (QUARTERS, WHOLE))
    np.testing.assert_allclose(a, stacked(b), atol=1e-5 * b.max())


def test_assembled_quarters_are_the_image():
    image = np.random.default_rng(0).random((N, N))
    np.testing.assert_array_equal(QUARTERS.assemble(stacked(image)), image)
    np.testing.assert_array_equal(QUARTERS.assemble(stacked(image), pixel_size=3.0).shape, (N // 2, N // 2))


def test_gaps_are_nan_and_padding_is_dark():
    steps = {"fast": (1.0, 0, 0), "slow": (0, 1.0, 0)}
    panels = [Panel((2, 5), (0, 0, 9.0), **steps), Panel((3, 2), (1.0, 4.0, 9.0), **steps)]
    detector = PanelDetector(panels)
    assert detector.shape == (5, 5)
    pattern = np.arange(25.0).reshape(5, 5)
    image = detector.assemble(pattern)
    assert image.shape == (7, 5)
    np.testing.assert_array_equal(image[:2], pattern[:2])
    np.testing.assert_array_equal(image[4:, 1:3], pattern[2:, :2])
    assert np.isnan(image).sum() == 35 - 10 - 6
    assert not detector.solid_angle(K)[2:, 2:].any()
    body = np.ones((1, 4, 4, 4), dtype=np.float32)
    intensity = MSFTSimulator(detector=detector).transform(body)[0]
    assert (intensity[:2] > 0).all()
    assert not intensity[2:, 2:].any()


def test_a_turned_panel_is_assembled_without_holes():
    c, s = np.cos(0.5), np.sin(0.5)
    panel = Panel((40, 60), (0.0, 0, 50), fast=(c, s, 0), slow=(-s, c, 0))
    image = PanelDetector([panel]).assemble(np.ones((40, 60)))
    filled = ~np.isnan(image)
    assert filled.sum() == pytest.approx(2400, rel=0.02)  # its area
    for row in filled[2:-2]:
        inside = np.flatnonzero(row)
        assert np.all(np.diff(inside) == 1)


def test_a_closed_cube_covers_all_directions():
    cube = closed_cube(60)
    solid_angle = cube.solid_angle(K)
    assert solid_angle.sum() == pytest.approx(4 * np.pi, rel=5e-4)
    for polarization in ("x", "y", 0.7, "circular"):
        total = np.sum(solid_angle * cube.polarization_factor(K, polarization))
        assert total == pytest.approx(8 * np.pi / 3, rel=5e-4)
    forward = cube.directions(K)[..., 2] > 0
    assert solid_angle[forward].sum() == pytest.approx(2 * np.pi, rel=5e-4)
    seen = np.isfinite(cube.depth_wavevectors(K)[0])
    np.testing.assert_array_equal(seen, forward)


def test_keys():
    same = PanelDetector(
        tuple(Panel(list(p.shape), np.array(p.corner), p.fast, p.slow) for p in QUARTERS.panels)
    )
    assert hash(same.key()) == hash(QUARTERS.key())
    assert same.key() == QUARTERS.key() != PanelDetector(QUARTERS.panels[::-1]).key()
    again = Detector.from_key(QUARTERS.key())
    np.testing.assert_array_equal(again.wavevectors(K)[1], QUARTERS.wavevectors(K)[1])


GOOD = {"shape": (2, 3), "corner": (0, 0, 5.0), "fast": (1, 0, 0), "slow": (0, 1, 0)}


@pytest.mark.parametrize(
    "changed",
    [{"shape": (0, 3)}, {"shape": 3}, {"corner": (0, 0)}, {"fast": (0, 2, 0)}, {"slow": (np.nan, 0, 0)}],
)
def test_bad_panels_are_refused(changed):
    with pytest.raises(ValueError, match="'panels' parameter of PanelDetector must be a sequence of Panel"):
        PanelDetector([Panel(**GOOD | changed)]).wavevectors(K)


@pytest.mark.parametrize("panels", [[], "panel", [1], None])
def test_anything_else_is_no_panel(panels):
    with pytest.raises(ValueError, match="'panels' parameter of PanelDetector must be a sequence of Panel"):
        PanelDetector(panels).solid_angle(K)


def test_assemble_names_a_wrong_shape():
    with pytest.raises(ValueError, match=r"'pattern' parameter of PanelDetector.assemble .* \(24, 6\)"):
        QUARTERS.assemble(np.zeros((N, N)))


GEOMETRY = """
; a detector of two panels
photon_energy = 9000
clen = 0.1          ; metres
res = 2000          ; pixels per metre: 0.5 mm
bad_edge/min_x = 3
rigid_group_q0 = left,right
left/min_fs = 0
left/max_fs = 9
left/min_ss = 0
left/max_ss = 3
left/corner_x = -12.0
left/corner_y = -2
left/fs = +0.8x -.6y
left/ss = 0.6x +0.8y +0.0z
right/min_fs = 0
right/max_fs = 4
right/min_ss = 4
right/max_ss = 9
right/corner_x = 2
right/corner_y = -2.5
right/fs = x
right/ss = -y
right/coffset = -0.002
"""


def test_geometry_file(tmp_path):
    path = tmp_path / "two.geom"
    path.write_text(GEOMETRY)
    left, right = read_geometry(path).panels
    assert left == Panel((4, 10), (-6.0, -1.0, 100.0), (0.4, -0.3, 0.0), (0.3, 0.4, 0.0))
    assert right.shape == (6, 5)
    np.testing.assert_allclose(right.corner, (1.0, -1.25, 98.0))
    assert (right.fast, right.slow) == ((0.5, 0, 0), (0, -0.5, 0))
    assert read_geometry(path, distance=70.0).panels[0].corner[2] == 70.0
    path.write_text(GEOMETRY.replace("clen = 0.1 ", "clen = 85 mm"))
    assert read_geometry(path).panels[0].corner[2] == 85.0
    path.write_bytes(GEOMETRY.replace("pixels per metre: 0.5 mm", "Pixelgröße").encode("latin-1"))
    assert read_geometry(path).panels == [left, right]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("clen = 0.1", "clen = /entry/clen", "'distance' parameter of read_geometry must be a float in mm"),
        ("clen = 0.1", "", "no clen"),
        ("left/ss = 0.6x +0.8y +0.0z", "", "ss for panel 'left'"),
        ("right/fs = x", "right/fs = 1.0q", "sum of x, y and z as right/fs"),
        ("left/max_fs = 9", "left/max_fs = nine", "number as left/max_fs"),
        ("left/max_fs = 9", "left/max_fs = nan", "finite number as left/max_fs. Got 'nan'"),
        ("left/max_fs = 9", "left/max_fs = -9", "left/max_fs not below left/min_fs. Got -9 and 0"),
        ("res = 2000 ", "res = 0 ", "positive number as left/res. Got '0'"),
        ("clen = 0.1", "clen = nan", "'distance' parameter of read_geometry must be a float in mm"),
    ],
)
def test_what_a_geometry_file_lacks_is_named(tmp_path, old, new, message):
    path = tmp_path / "bad.geom"
    path.write_text(GEOMETRY.replace(old, new))
    with pytest.raises(ValueError, match=message):
        read_geometry(path)


def test_a_file_without_panels(tmp_path):
    path = tmp_path / "empty.geom"
    path.write_text("clen = 0.1\n")
    with pytest.raises(
        ValueError, match="'path' parameter of read_geometry must be a CrystFEL geometry file"
    ):
        read_geometry(path)
