"""Detectors: directions, wave vectors, solid angles and polarisation of their pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from scatterkit.datasets import PublishedGrid
from scatterkit.experiment import Detector, FlatDetector, QGrid, check_detector
from scatterkit.simulation import MSFTSimulator

K = 2 * np.pi / 13.5
TILTED = FlatDetector((9, 12), 1.0, 8.0, center=(2.5, 7.0), tilt=(0.3, -0.4), roll=0.2)
ANGLES = st.floats(-1.0, 1.0)


@given(st.integers(1, 40), st.integers(1, 40), st.floats(1e-4, 1.0))
def test_grid_is_uniform_about_the_direct_beam(rows, columns, dq):
    q_y, q_x = QGrid((rows, columns), dq).wavevectors(K)
    assert (q_y.shape, q_x.shape) == ((rows, 1), (1, columns))
    assert q_y[rows // 2, 0] == q_x[0, columns // 2] == 0
    np.testing.assert_allclose(np.diff(q_y[:, 0]), dq)
    np.testing.assert_allclose(np.diff(q_x[0]), dq)


@given(st.integers(1, 40), st.floats(1e-3, 10.0), st.floats(0.1, 1e3))
def test_flat_detector_sees_the_direction_of_its_pixels(n, pixel_size, distance):
    q_y, q_x = FlatDetector(n, pixel_size, distance).wavevectors(K)
    x = pixel_size * (np.arange(n) - n // 2)
    angle = np.arctan2(np.hypot(x[:, None], x), distance)
    np.testing.assert_allclose(np.hypot(q_y, q_x), K * np.sin(angle), atol=1e-12)
    np.testing.assert_allclose(q_y * x[None, :], q_x * x[:, None], atol=1e-9)
    assert (np.hypot(q_y, q_x) < K).all()


def test_tilt_by_nothing_about_the_middle_changes_nothing():
    plain = FlatDetector((6, 7), 2.0, 9.0)
    same = FlatDetector((6, 7), 2.0, 9.0, center=(3, 3), tilt=(0, 0), roll=0)
    np.testing.assert_array_equal(same.wavevectors(K), plain.wavevectors(K))


def test_tilted_pixels_lie_where_geometry_puts_them():
    alpha, distance = 0.4, 10.0
    s = np.arange(5) - 2.0
    about_x = FlatDetector((5, 1), 1.0, distance, center=(2, 0), tilt=(alpha, 0)).directions(K)[:, 0]
    place = np.stack([0 * s, s * np.cos(alpha), distance + s * np.sin(alpha)], axis=-1)
    np.testing.assert_allclose(about_x, place / np.linalg.norm(place, axis=1, keepdims=True), atol=1e-12)
    about_y = FlatDetector((1, 5), 1.0, distance, center=(0, 2), tilt=(0, alpha)).directions(K)[0]
    place = np.stack([s * np.cos(alpha), 0 * s, distance - s * np.sin(alpha)], axis=-1)
    np.testing.assert_allclose(about_y, place / np.linalg.norm(place, axis=1, keepdims=True), atol=1e-12)


@settings(deadline=None, max_examples=20)
@given(ANGLES, ANGLES, ANGLES)
def test_the_direct_beam_meets_the_centre_however_the_detector_is_turned(tilt_x, tilt_y, roll):
    detector = FlatDetector((5, 6), 1.0, 9.0, center=(1, 4), tilt=(tilt_x, tilt_y), roll=roll)
    np.testing.assert_allclose(detector.directions(K)[1, 4], (0, 0, 1), atol=1e-12)


def test_a_quarter_roll_turns_x_to_y():
    plain, rolled = (FlatDetector(7, 1.0, 5.0, roll=roll).wavevectors(K) for roll in (0, np.pi / 2))
    np.testing.assert_allclose(rolled[0], plain[1], atol=1e-12)
    np.testing.assert_allclose(rolled[1], -plain[0], atol=1e-12)


def test_the_centre_may_lie_between_pixels_and_off_the_detector():
    whole = FlatDetector((20, 30), 0.7, 6.0, center=(4.25, 11.5)).wavevectors(K)
    part = FlatDetector((8, 9), 0.7, 6.0, center=(4.25 - 10, 11.5 - 15)).wavevectors(K)
    for q, q_of_part in zip(whole, part, strict=True):
        np.testing.assert_allclose(q_of_part, q[10:18, 15:24], atol=1e-12)


@pytest.mark.parametrize("detector", [QGrid(9, 0.05), QGrid(9, 0.2), TILTED, FlatDetector(8, tilt=(0, 1.4))])
def test_directions_wavevectors_and_angles_agree(detector):
    d = detector.directions(K)
    there = d.any(axis=-1)
    np.testing.assert_allclose(np.linalg.norm(d, axis=-1), there, atol=1e-12)
    q_y, q_x = (np.broadcast_to(q, detector.shape)[there] for q in detector.wavevectors(K))
    np.testing.assert_allclose(np.stack([q_x, q_y], axis=-1), K * d[there][:, :2], atol=1e-12)
    angle = detector.scattering_angle(K)
    np.testing.assert_array_equal(np.isnan(angle), ~there)
    np.testing.assert_allclose(np.cos(angle[there]), d[there][:, 2], atol=1e-12)


def test_light_scattered_backwards_is_not_seen():
    detector = FlatDetector((1, 21), 1.0, 5.0, tilt=(0, 1.2))
    backwards = detector.directions(K)[..., 2] <= 0
    assert 0 < backwards.sum() < 10
    body = np.zeros((1, 8, 8, 8), dtype=np.float32)
    body[:, 3:5, 3:5, 3:5] = 1
    seen = MSFTSimulator(detector=detector).transform(body)[0] > 0
    np.testing.assert_array_equal(seen, ~backwards)


def test_solid_angle_of_a_rectangle():
    # 4 arctan(a b / (d sqrt(a^2 + b^2 + d^2))) for a rectangle of half sides a and b at the distance d
    rows, columns, pixel, d = 120, 200, 0.25, 11.0
    found = FlatDetector((rows, columns), pixel, d, center=(59.5, 99.5)).solid_angle(K).sum()
    a, b = rows * pixel / 2, columns * pixel / 2
    assert found == pytest.approx(4 * np.arctan(a * b / (d * np.sqrt(a**2 + b**2 + d**2))), rel=2e-4)


def test_solid_angle_does_not_depend_on_how_a_plane_is_rolled():
    plain, rolled = (FlatDetector(9, 1.0, 5.0, roll=roll).solid_angle(K) for roll in (0.0, 0.7))
    np.testing.assert_allclose(rolled, plain)


def test_a_tilted_pixel_covers_less():
    straight, tilted = (FlatDetector(1, 0.1, 5.0, tilt=(tilt, 0)).solid_angle(K) for tilt in (0.0, 0.6))
    np.testing.assert_allclose(tilted, np.cos(0.6) * straight)


def test_solid_angles_of_a_grid_make_a_hemisphere():
    solid_angle = QGrid(1001, 2 * K / 1000).solid_angle(K)
    assert solid_angle.sum() == pytest.approx(
        2 * np.pi, rel=0.01
    )  # few pixels at the rim, where they are large
    assert solid_angle[0, 0] == 0


@pytest.mark.parametrize(("polarization", "dark"), [("x", "x"), ("y", "y"), (0.0, "x"), (np.pi / 2, "y")])
def test_nothing_is_radiated_along_the_field(polarization, dark):
    detector = FlatDetector(3, 1e6, 1.0)
    factor = detector.polarization_factor(K, polarization)
    along = {"x": (1, 2), "y": (2, 1)}
    assert factor[along[dark]] == pytest.approx(0, abs=1e-11)
    assert factor[along["y" if dark == "x" else "x"]] == pytest.approx(1)
    assert factor[1, 1] == 1


def test_circular_light_is_half_x_and_half_y():
    x, y, circular, unpolarized = (
        TILTED.polarization_factor(K, name) for name in ("x", "y", "circular", "unpolarized")
    )
    np.testing.assert_allclose((x + y) / 2, circular)
    np.testing.assert_allclose(circular, (1 + np.cos(TILTED.scattering_angle(K)) ** 2) / 2)
    np.testing.assert_array_equal(circular, unpolarized)


def test_polarization_is_checked():
    with pytest.raises(ValueError, match="'polarization' parameter of QGrid must be one of 'x', 'y'"):
        QGrid().polarization_factor(K, "left")


def test_the_same_directions_at_another_wavelength():
    grid = QGrid((5, 8), 0.03)
    np.testing.assert_allclose(
        grid.in_same_directions(1.1).directions(1.1 * K), grid.directions(K), atol=1e-12
    )
    assert isinstance(PublishedGrid(8).in_same_directions(1.1), PublishedGrid)
    assert TILTED.in_same_directions(1.1) is TILTED


def test_keys_tell_detectors_apart():
    assert QGrid(8, 0.1).key() == QGrid((8, 8), 0.1).key() == clone(QGrid(8, 0.1)).key()
    assert FlatDetector(8, tilt=[0.1, 0]).key() == FlatDetector(8, tilt=np.array([0.1, 0])).key()
    keys = {d.key() for d in (QGrid(8), QGrid(9), QGrid(8, 0.1), FlatDetector(8), FlatDetector(8, 2.0))}
    keys |= {FlatDetector(8, **{name: value}).key() for name, value in TURNED.items()}
    assert len(keys) == 8


TURNED = {"tilt": (0.1, 0.0), "roll": 0.1, "center": (1.0, 2.0)}


@pytest.mark.parametrize("detector", [QGrid(4, 0.1), PublishedGrid(5), TILTED])
def test_a_key_gives_the_detector_again(detector):
    again = Detector.from_key(detector.key())
    assert type(again) is type(detector)
    np.testing.assert_array_equal(again.wavevectors(K)[0], detector.wavevectors(K)[0])
    assert again.key() == detector.key()


def test_none_is_the_published_detector():
    assert check_detector(None, owner="T").key() == QGrid(128, 2 * np.pi / 850).key()


@pytest.mark.parametrize(
    ("detector", "name"),
    [
        (QGrid(-3), "n_pixels"),
        (QGrid((3, 0)), "n_pixels"),
        (QGrid((3, 3, 3)), "n_pixels"),
        (QGrid(3.5), "n_pixels"),
        (QGrid(3, float("nan")), "dq"),
        (FlatDetector(3, -1.0), "pixel_size"),
        (FlatDetector(3, 1.0, np.inf), "distance"),
        (FlatDetector(3, tilt=0.1), "tilt"),
        (FlatDetector(3, tilt=(0.1, np.nan)), "tilt"),
        (FlatDetector(3, center=(1, 2, 3)), "center"),
        (FlatDetector(3, roll="x"), "roll"),
    ],
)
def test_bad_parameters_are_named(detector, name):
    for use in (detector.wavevectors, detector.directions, detector.solid_angle):
        with pytest.raises(ValueError, match=f"'{name}' parameter of {type(detector).__name__} must be"):
            use(K)


@given(st.one_of(st.integers(), st.text(), st.lists(st.integers())))
def test_anything_else_is_no_detector(value):
    with pytest.raises(ValueError, match="'detector' parameter of T must be an instance of QGrid"):
        check_detector(value, owner="T")
