"""Detectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from scatterkit.experiment import FlatDetector, QGrid, check_detector

K = 2 * np.pi / 13.5


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


def test_keys_tell_detectors_apart():
    assert QGrid(8, 0.1).key() == QGrid((8, 8), 0.1).key() == clone(QGrid(8, 0.1)).key()
    keys = {d.key() for d in (QGrid(8), QGrid(9), QGrid(8, 0.1), FlatDetector(8), FlatDetector(8, 2.0))}
    assert len(keys) == 5


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
    ],
)
def test_bad_parameters_are_named(detector, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of {type(detector).__name__} must be"):
        detector.wavevectors(K)


@given(st.one_of(st.integers(), st.text(), st.lists(st.integers())))
def test_anything_else_is_no_detector(value):
    with pytest.raises(ValueError, match="'detector' parameter of T must be an instance of QGrid"):
        check_detector(value, owner="T")
