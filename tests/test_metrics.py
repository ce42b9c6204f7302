"""Metrics against closed forms: shifted, disjoint, offset and turned bodies."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from scatterkit import metrics
from scatterkit.response import DetectorResponse

N = 24


def block(start: tuple[int, int, int], size: tuple[int, int, int], n: int = N) -> np.ndarray:
    volume = np.zeros((n, n, n), dtype=np.float32)
    volume[tuple(slice(i, i + k) for i, k in zip(start, size, strict=True))] = 1
    return volume


@given(st.tuples(*[st.integers(0, 12)] * 3), st.integers(0, 2**31))
def test_a_shifted_body_is_the_same_body(shift: tuple[int, int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    body = np.zeros((N, N, N))
    body[:10, :10, :10] = rng.random((10, 10, 10))
    moved = np.roll(body, shift, axis=(0, 1, 2))
    assert metrics.volume_iou(body, moved) == pytest.approx(1, abs=1e-6)
    assert metrics.front_iou(body, moved) == pytest.approx(1, abs=1e-6)
    assert metrics.footprint_iou(body, moved) == 1
    assert metrics.front_depth_error(body, moved) == pytest.approx(0, abs=1e-6)


def test_iou_of_blocks_is_the_ratio_of_their_volumes() -> None:
    small, large = block((1, 2, 3), (4, 6, 5)), block((9, 8, 7), (8, 6, 10))
    assert metrics.volume_iou(small, large) == pytest.approx(4 * 6 * 5 / (8 * 6 * 10))
    assert metrics.footprint_iou(small, large) == pytest.approx(0.5)


def test_alignment_does_not_wrap_around_the_box() -> None:
    ends = block((0, 0, 0), (2, 2, 2)) + block((0, 0, N - 2), (2, 2, 2))
    pair = block((4, 4, 4), (2, 2, 4))
    assert metrics.volume_iou(ends, pair) == pytest.approx(8 / (16 + 16 - 8))


def test_empty_volumes() -> None:
    empty, body = np.zeros((N, N, N)), block((1, 1, 1), (4, 4, 4))
    assert metrics.volume_iou(empty, empty) == 1
    assert metrics.volume_iou(empty, body) == 0
    assert np.isnan(metrics.front_depth_error(empty, body))


def test_each_sample_has_its_value() -> None:
    bodies = np.stack([block((1, 1, 1), (4, 4, 4)), block((1, 1, 1), (8, 4, 4))])
    values = metrics.volume_iou(bodies, bodies[[0, 0]])
    assert_allclose(values, [1, 0.5])
    assert isinstance(metrics.volume_iou(bodies[0], bodies[0]), float)


def test_the_back_does_not_count_in_front_iou() -> None:
    box = N * 5.0  # 5 nm voxels: three absorption lengths of 12.5 nm are 7.5 voxels
    short, long = block((2, 4, 4), (9, 9, 9)), block((2, 4, 4), (20, 9, 9))
    assert metrics.front_iou(short, long, box=box) == pytest.approx(1)
    thin = block((2, 4, 4), (6, 9, 9))
    assert metrics.front_iou(thin, long, box=box) == pytest.approx(6 / 7.5)
    assert metrics.front_iou(thin, long, box=box, absorption_length=10) == pytest.approx(1)


def test_front_depth_error_of_a_known_step() -> None:
    flat = block((4, 4, 4), (10, 8, 8))
    raised = flat.copy()
    raised[3, 4:12, 4:6] = 1  # a quarter of the front stands one voxel out
    assert metrics.front_depth_error(flat, raised, box=N * 3.0) == pytest.approx(0.25 * 3.0)
    assert metrics.front_depth_error(raised, flat, box=N * 3.0) == pytest.approx(0.25 * 3.0)


def test_front_depth_error_reads_the_place_within_a_voxel() -> None:
    flat, ramp = block((4, 4, 4), (10, 8, 8)), block((4, 4, 4), (10, 8, 8))
    ramp[3, 4:12, 4:12] = np.linspace(0, 0.4, 8)  # partly covered voxels before the front
    depth = np.linspace(0, 0.4, 8)
    expected = np.abs(depth - np.median(depth)).mean()
    assert metrics.front_depth_error(flat, ramp, box=float(N)) == pytest.approx(expected, abs=1e-6)


def test_scatter_loss_and_mask() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.exponential(1e4, size=(2, 3, 8, 8))
    scaled = []
    for part in (a, b):
        log = np.log(part + 50)
        low, high = (f(log, axis=(1, 2), keepdims=True) for f in (np.min, np.max))
        scaled.append((log - low) / (high - low))
    expected = np.mean((scaled[0] - scaled[1]) ** 2, axis=(1, 2))
    assert_allclose(metrics.scatter_loss(a, b, eps=50), expected, rtol=1e-4)
    mask = np.zeros((8, 8), dtype=bool)
    mask[:4] = True
    assert_allclose(
        metrics.scatter_loss(a, b, mask=mask), metrics.scatter_loss(a[:, :4], b[:, :4]), rtol=1e-6
    )
    assert_allclose(metrics.scatter_loss(a, a), 0)


def test_pattern_residual_does_not_see_the_response() -> None:
    y, x = np.mgrid[-20:20, -20:20]
    intensity = 1e5 * np.sinc(x / 6) ** 2 * np.sinc(y / 9) ** 2 + 10
    response = DetectorResponse(eps=30.0, gain=0.1, offset=-0.3, saturation=0.7, shift=(0.7, -1.1))
    measured = np.stack([response.apply(intensity), np.tile(np.linspace(0, 1, 40), (40, 1))])
    values = metrics.pattern_residual(measured, np.stack([intensity, intensity]))
    assert values[0] < 1e-6
    assert values[1] > 1e-2


@given(st.floats(0.01, 100))
def test_r_factor_fits_the_scale(scale: float) -> None:
    rng = np.random.default_rng(1)
    a = rng.exponential(size=(8, 8))
    assert metrics.r_factor(a, scale * a) == pytest.approx(0, abs=1e-3)
    amplitudes = np.array([[1.0, 2.0]]), np.array([[2.0, 1.0]])  # s = 4/5
    expected = (abs(1 - 1.6) + abs(2 - 0.8)) / 3
    assert metrics.r_factor(amplitudes[0] ** 2, scale * amplitudes[1] ** 2) == pytest.approx(
        expected, rel=1e-4
    )


def test_radial_profile_ignores_the_azimuth() -> None:
    y, x = np.mgrid[-16:16, -16:16]
    radius, azimuth = np.hypot(x, y), np.arctan2(y, x)
    falling = np.exp(-radius / 5)
    lobed = falling * (1 + np.cos(2 * azimuth) * (radius > 0))
    assert metrics.radial_profile_correlation(falling, lobed) > 0.99
    assert metrics.radial_profile_correlation(radius, -radius) == pytest.approx(-1)
    assert np.isnan(metrics.radial_profile_correlation(radius, np.ones_like(radius)))


@given(st.floats(0.0, 0.6), st.integers(0, 2**31))
def test_facet_angles_of_a_turned_cube(angle: float, seed: int) -> None:
    base = Rotation.random(rng=np.random.default_rng(seed))
    cube = base.apply(np.vstack([np.eye(3), -np.eye(3)]))
    turned = Rotation.from_rotvec(angle * cube[0]).apply(cube)
    # two facets lie across the axis and stay, four turn by the angle
    assert metrics.facet_angle_error(5 * cube, turned) == pytest.approx(angle * 4 / 6, abs=1e-6)
    weights = [1, 0, 0, 1, 0, 0]  # only the two that stay
    error = metrics.facet_angle_error(cube, turned, weights, weights)
    assert error == pytest.approx(0, abs=1e-6)
    both = metrics.facet_angle_error([cube, cube], [turned, cube])
    assert_allclose(both, [angle * 4 / 6, 0], atol=1e-6)


def test_hausdorff_of_spheres_is_the_difference_of_radii() -> None:
    small, large = trimesh.creation.icosphere(4, radius=20.0), trimesh.creation.icosphere(4, radius=27.0)
    assert metrics.hausdorff(small, large, spacing=3.0) == pytest.approx(7, abs=0.2)
    moved = small.copy().apply_translation([0, 0, 5])
    assert metrics.hausdorff(small, moved, spacing=3.0) == pytest.approx(5, abs=0.2)


def test_hausdorff_sees_the_faces_not_only_the_corners() -> None:
    cube = trimesh.creation.box((20.0, 20.0, 20.0))
    pyramid = trimesh.Trimesh(np.vstack([cube.vertices, [[0, 0, 10.0]]]), cube.faces, process=False)
    dented = np.vstack(
        [cube.vertices, [[0, 0, 4.0]]]
    )  # one corner more, six below the middle of the upper face
    faces = [face for face in cube.faces if not np.all(cube.vertices[face][:, 2] > 0)]
    rim = [i for i, vertex in enumerate(cube.vertices) if vertex[2] > 0]
    rim.sort(key=lambda i: np.arctan2(cube.vertices[i][1], cube.vertices[i][0]))
    faces += [[rim[i], rim[(i + 1) % 4], 8] for i in range(4)]
    body = trimesh.Trimesh(dented, faces, process=False)
    distance = metrics.hausdorff(pyramid, body, spacing=0.5)
    # the dent's tip lies 6 under the flat face and further from every other one
    assert distance == pytest.approx(6.0, abs=0.5)
    assert_allclose(metrics.hausdorff([cube, cube], [cube, cube]), [0, 0])


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        (lambda: metrics.volume_iou(np.full((4, 4, 4), np.nan), np.zeros((4, 4, 4))), "a"),
        (lambda: metrics.volume_iou(np.zeros((4, 4, 4)), np.zeros((2, 4, 4, 4))), "b"),
        (lambda: metrics.volume_iou(np.zeros((4, 4, 4)), 2 * np.ones((4, 4, 4))), "b"),
        (lambda: metrics.volume_iou(np.zeros((4, 4, 5)), np.zeros((4, 4, 5))), "a"),
        (lambda: metrics.front_iou(np.zeros((4, 4, 4)), np.zeros((4, 4, 4)), box=-1), "box"),
        (
            lambda: metrics.front_iou(np.zeros((4, 4, 4)), np.zeros((4, 4, 4)), absorption_length=0),
            "absorption",
        ),
        (lambda: metrics.scatter_loss(np.ones((4, 4)), np.ones((4, 4)), eps=0), "eps"),
        (lambda: metrics.scatter_loss(np.ones((4, 4)), -np.ones((4, 4))), "b"),
        (lambda: metrics.scatter_loss(np.ones((4, 4)), np.ones((4, 4)), mask=np.zeros((4, 4))), "mask"),
        (lambda: metrics.pattern_residual(np.ones((4, 4)), np.ones((4, 5))), "simulated"),
        (lambda: metrics.facet_angle_error([[0, 0, 0]], [[0, 0, 1]]), "a"),
        (lambda: metrics.facet_angle_error([[0, 0, 1]], [[0, 0, 1]], [1, 2]), "weights_a"),
        (lambda: metrics.hausdorff([[0, 0]], [[0, 0, 1]]), "a"),
        (lambda: metrics.hausdorff([[0, 0, 1]], [[0, 0, 1]], spacing=0), "spacing"),
    ],
)
def test_bad_input_names_the_parameter(call, parameter: str) -> None:
    with pytest.raises(ValueError, match=f"The '{parameter}.*' parameter of .* must be .* Got .* instead"):
        call()
