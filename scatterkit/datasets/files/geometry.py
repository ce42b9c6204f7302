"""The experiment that a data set was measured in, as far as its file tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scatterkit._validation import fail
from scatterkit.datasets.schema import PATTERN, check_dataset
from scatterkit.experiment import FlatDetector

if TYPE_CHECKING:
    import xarray as xr

WAVELENGTH, DISTANCE, PIXEL_SIZE, CENTER = "wavelength", "distance", "pixel_size", "center"
UNITS = {WAVELENGTH: "nm", DISTANCE: "mm", PIXEL_SIZE: "mm", CENTER: "pixel"}


def flat_detector(dataset: xr.Dataset) -> FlatDetector:
    """Give the flat detector that a data set's attributes describe.

    Parameters
    ----------
    dataset : xarray.Dataset
        A data set, lazy or not, with the attributes ``distance`` and ``pixel_size`` [mm] and, unless the direct beam
        meets the middle, ``center`` (row, column, counted from the centre of pixel [0, 0]), as `read_cxi` gives
        them.

    Returns
    -------
    FlatDetector
        A detector of the shape of the patterns.

    Raises
    ------
    ValueError
        If an attribute is missing, the pixels are not square, or the detector is turned.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.datasets import flat_detector, make_dataset
    >>> data = make_dataset(np.zeros((1, 64, 96)), attrs={"distance": 40.0, "pixel_size": 0.1})
    >>> flat_detector(data)
    FlatDetector(distance=40.0, n_pixels=(64, 96), pixel_size=0.1)
    """
    owner = "flat_detector"
    check_dataset(dataset, owner=owner)
    missing = [name for name in (DISTANCE, PIXEL_SIZE) if name not in dataset.attrs]
    if missing:
        allowed = f"a data set with the attributes {DISTANCE!r} and {PIXEL_SIZE!r}"
        raise fail("dataset", owner, allowed, f"one without {' and '.join(map(repr, missing))}")
    if "basis_vectors" in dataset.attrs:
        allowed = "a data set of a detector with rows along y and columns along x"
        raise fail("dataset", owner, allowed, f"basis vectors {dataset.attrs['basis_vectors']}")
    size = np.atleast_1d(np.asarray(dataset.attrs[PIXEL_SIZE], dtype=float))
    if not np.allclose(size, size[0], rtol=1e-6, atol=0):
        raise fail("dataset", owner, "a data set of square pixels", f"pixels of {size.tolist()} mm")
    rows, columns = dataset[PATTERN].shape[1:]
    center = dataset.attrs.get(CENTER)
    return FlatDetector(
        n_pixels=(rows, columns),
        pixel_size=float(size[0]),
        distance=float(dataset.attrs[DISTANCE]),
        center=None if center is None else (float(center[0]), float(center[1])),
    )
