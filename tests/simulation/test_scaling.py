"""Logarithmic scaling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scatterkit.simulation import LogScaler


@given(hnp.arrays(np.float32, (2, 4, 3), elements=st.floats(0, 2.0**33, width=32)), st.floats(1e-1, 1e6))
def test_range_and_order(intensities, eps):
    scaled = LogScaler(eps=eps).transform(intensities)
    assert scaled.dtype == np.float32
    for pattern, source in zip(scaled, intensities, strict=True):
        assert pattern.min() == 0
        assert pattern.max() in (0, 1)
        order = np.argsort(source, axis=None, kind="stable")
        assert (np.diff(pattern.ravel()[order]) >= 0).all()


def test_without_normalisation_it_is_the_logarithm():
    intensities = np.random.default_rng(0).random((2, 5, 5)) * 1e4
    found = LogScaler(eps=3.0, normalize=False).transform(intensities)
    np.testing.assert_allclose(found, np.log(intensities + 3.0), rtol=1e-6)


def test_masked_pixels_do_not_count():
    intensities = np.array([[[1e9, 1.0], [10.0, 100.0]]])
    mask = np.array([[False, True], [True, True]])
    found = LogScaler(eps=1e-6, mask=mask).transform(intensities)
    np.testing.assert_allclose(found, [[[0, 0], [0.5, 1]]], atol=1e-6)


@pytest.mark.parametrize(
    ("scaler", "intensities", "name"),
    [
        (LogScaler(eps=0), np.ones((1, 2, 2)), "eps"),
        (LogScaler(normalize=2), np.ones((1, 2, 2)), "normalize"),
        (LogScaler(mask=np.ones((3, 2))), np.ones((1, 2, 2)), "mask"),
        (LogScaler(), -np.ones((1, 2, 2)), "X"),
        (LogScaler(), np.ones((2, 2)), "X"),
    ],
)
def test_bad_input_is_named(scaler, intensities, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of LogScaler"):
        scaler.transform(intensities)
