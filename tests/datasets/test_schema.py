"""The form of a data set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from scatterkit._validation import InvalidParameterError
from scatterkit.datasets import flat_detector, make_dataset
from scatterkit.datasets.schema import FORMAT, check_dataset, voxel_centers
from scatterkit.experiment import FlatDetector

PATTERNS = np.linspace(0, 1, 2 * 6 * 8).reshape(2, 6, 8)


def test_what_belongs_together() -> None:
    mask = np.ones((6, 8), bool)
    mask[0] = False
    data = make_dataset(
        PATTERNS,
        masks=mask,
        saturated=PATTERNS > 0.9,
        volumes=np.ones((2, 4, 4, 4)),
        coords={"label": ["a", "b"], "quaternion": np.eye(4)[:2]},
        attrs={"wavelength": 13.5},
        box=8.0,
    )
    assert data.pattern.dims == data["mask"].dims == data.saturated.dims == ("sample", "row", "column")
    assert data.pattern.dtype == np.float32
    assert data["mask"].dtype == data.saturated.dtype == bool
    assert (~data["mask"].values).sum() == 2 * 8
    assert data.volume.dims == ("sample", "z", "y", "x")
    assert data.x.values.tolist() == [-3.0, -1.0, 1.0, 3.0]
    assert data.x.attrs["units"] == "nm"
    assert data.quaternion.dims == ("sample", "quaternion_1")
    assert data.attrs == {"format": FORMAT, "wavelength": 13.5}


def test_voxel_centers_fill_the_box() -> None:
    centers = voxel_centers(3, 30.0)
    np.testing.assert_allclose(centers, [-10, 0, 10])


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"patterns": np.zeros((6, 8))}, "patterns"),
        ({"patterns": np.full((2, 6, 8), np.nan)}, "patterns"),
        ({"patterns": PATTERNS, "masks": np.ones((2, 6, 7))}, "masks"),
        ({"patterns": PATTERNS, "masks": np.zeros((6, 8))}, "masks"),
        ({"patterns": PATTERNS, "saturated": np.zeros((1, 6, 8))}, "saturated"),
        ({"patterns": PATTERNS, "volumes": np.zeros((1, 4, 4, 4))}, "volumes"),
        ({"patterns": PATTERNS, "volumes": np.full((2, 4, 4, 4), 2.0)}, "volumes"),
        ({"patterns": PATTERNS, "volumes": np.zeros((2, 4, 4, 4)), "box": -1.0}, "box"),
        ({"patterns": PATTERNS, "volumes": np.zeros((2, 4, 4, 4)), "box": 0.0}, "box"),
        ({"patterns": PATTERNS, "box": -1.0}, "box"),
        ({"patterns": PATTERNS, "saturated": np.full((2, 6, 8), 0.3)}, "saturated"),
        ({"patterns": PATTERNS, "saturated": np.full((2, 6, 8), np.nan)}, "saturated"),
        ({"patterns": PATTERNS, "coords": {"label": ["a"]}}, "coords"),
        ({"patterns": PATTERNS, "coords": {"label": 1}}, "coords"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(given: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidParameterError, match=f"'{named}' parameter of make_dataset must be"):
        make_dataset(given.pop("patterns"), **given)


@pytest.mark.parametrize(
    "value",
    [
        PATTERNS,
        xr.Dataset(),
        xr.Dataset({"pattern": (("sample", "y", "x"), PATTERNS)}),
        xr.Dataset({"pattern": (("sample", "row", "column"), PATTERNS[:0])}),
        make_dataset(PATTERNS).assign(mask=(("row", "column"), np.ones((6, 8)))),
        make_dataset(PATTERNS).assign(volume=(("sample",), np.ones(2))),
    ],
)
def test_other_objects_are_no_data_sets(value: Any) -> None:
    with pytest.raises(InvalidParameterError, match="'dataset' parameter of here must be"):
        check_dataset(value, owner="here")


def test_the_check_gives_the_data_set_itself() -> None:
    data = make_dataset(PATTERNS)
    assert check_dataset(data, owner="here") is data


def test_the_detector_of_a_data_set() -> None:
    data = make_dataset(PATTERNS, attrs={"distance": 40.0, "pixel_size": [0.1, 0.1], "center": [2.5, 3.0]})
    detector = flat_detector(data)
    expected = FlatDetector(n_pixels=(6, 8), pixel_size=0.1, distance=40.0, center=(2.5, 3.0))
    assert detector.key() == expected.key()


@pytest.mark.parametrize(
    ("attrs", "said"),
    [
        ({"distance": 40.0}, "without 'pixel_size'"),
        ({"distance": 40.0, "pixel_size": [0.1, 0.2]}, "square"),
        ({"distance": 40.0, "pixel_size": 0.1, "basis_vectors": [0, 0.1, 0, 0.1, 0, 0]}, "rows along y"),
    ],
)
def test_no_detector_without_its_geometry(attrs: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidParameterError, match=said):
        flat_detector(make_dataset(PATTERNS, attrs=attrs))
