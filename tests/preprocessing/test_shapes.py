"""Holes and round edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from simulated_shots import distances

from scatterkit.preprocessing import Circle, annular_mask, central_hole, fit_edge, hole_center


@given(row=st.floats(29, 35), column=st.floats(29, 35), radius=st.floats(2, 3.5))
def test_a_dark_disc_is_the_hole(row: float, column: float, radius: float) -> None:
    frame = 100 / (1 + distances((65, 65), (32, 32)) / 20)
    disc = distances(frame.shape, (row, column)) < radius
    frame[disc] = 1
    np.testing.assert_array_equal(central_hole(frame, radius=9), disc)
    found = hole_center(frame, radius=9)
    assert found is not None
    rows, columns = np.nonzero(disc)
    assert np.hypot(found[0] - rows.mean(), found[1] - columns.mean()) < 0.15


def test_the_hole_elsewhere() -> None:
    frame = np.full((60, 80), 50.0)
    frame[10:14, 60:64] = 0
    assert not central_hole(frame).any()
    assert hole_center(frame) is None
    assert hole_center(frame, (13, 61)) == (11.5, 61.5)


def round_mask(row: float, column: float, radius: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A round detector with a hole, a gap between modules and bad pixels."""
    mask = distances((100, 100), (row, column)) < radius
    mask &= distances((100, 100), (48, 52)) > 6
    mask[30:33] = False
    return np.asarray(mask & (rng.random(mask.shape) > 0.01))


def is_right(circle: Circle, row: float, column: float, radius: float) -> bool:
    off = np.hypot(circle.center[0] - row, circle.center[1] - column)
    return bool(off < 0.5 and abs(circle.radius - radius) < 0.6)


@given(
    row=st.floats(40, 60),
    column=st.floats(40, 60),
    radius=st.floats(35, 70),
    seed=st.integers(0, 1000),
)
def test_the_edge_of_a_round_detector(row: float, column: float, radius: float, seed: int) -> None:
    """Also where the frame cuts it, with a hole, a gap and bad pixels."""
    circle = fit_edge(round_mask(row, column, radius, np.random.default_rng(seed)))
    assert circle is None or circle.arc < 0.6 or circle.rms > 1 or is_right(circle, row, column, radius)


def test_the_edge_of_round_detectors_is_found() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        row, column, radius = rng.uniform((40, 40, 35), (60, 60, 50))
        circle = fit_edge(round_mask(row, column, radius, rng))
        assert circle is not None
        assert circle.arc >= 0.6
        assert circle.rms < 0.5
        assert is_right(circle, row, column, radius)


def test_the_edge_is_found_to_a_tenth_of_a_pixel() -> None:
    for row, column in ((64.2, 60.7), (70.5, 66.1)):
        circle = fit_edge(distances((128, 128), (row, column)) < 50.3)
        assert circle is not None
        assert circle.center == pytest.approx((row, column), abs=0.1)
        assert circle.radius == pytest.approx(50.3, abs=0.3)
        assert circle.arc > 0.95


def test_the_frame_is_no_edge() -> None:
    assert fit_edge(np.ones((40, 40), dtype=bool)) is None


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: central_hole(np.ones(4)), "'frame'"),
        (lambda: central_hole(np.ones((9, 9)), radius=0), "'radius'"),
        (lambda: hole_center(np.ones((9, 9)), darkness=2.0), "'darkness'"),
        (lambda: hole_center(np.ones((9, 9)), (1, 2, 3)), "'center'"),
        (lambda: hole_center(np.full((9, 9), np.nan)), "NaN"),
        (lambda: fit_edge(np.ones(5)), "'mask'"),
        (lambda: fit_edge(np.zeros((5, 5))), "empty mask"),
    ],
)
def test_bad_input(call: object, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()


def test_a_ring_is_given_about_the_pixel_of_zero_q() -> None:
    mask = annular_mask((64, 48), inner=3, outer=20)
    radius = distances((64, 48), (32, 24))
    np.testing.assert_array_equal(mask, (radius >= 3) & (radius <= 20))
    assert mask.any()
    assert not mask.all()
    assert annular_mask((8, 8)).all()


def test_a_ring_and_its_edge_agree() -> None:
    circle = fit_edge(annular_mask((128, 128), outer=50, center=(60.25, 66.5)))
    assert circle is not None
    assert circle.center == pytest.approx((60.25, 66.5), abs=0.1)
    assert circle.radius == pytest.approx(50, abs=0.2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"shape": 128}, "must be a pair of positive integers"),
        ({"inner": -1.0}, "'inner' parameter of annular_mask must be a float >= 0"),
        ({"inner": 5.0, "outer": 4.0}, "must be at least inner, 5 pixels"),
        ({"center": 64.0}, "must be a sequence of 2"),
    ],
)
def test_what_is_no_ring(given: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        annular_mask(**{"shape": (128, 128), **given})
