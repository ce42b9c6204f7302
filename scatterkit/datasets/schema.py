"""What a data set of this package looks like: one xarray Dataset, in memory and on disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import (
    Positive,
    check_array,
    check_mask,
    check_patterns,
    check_value,
    check_volumes,
    fail,
    shown,
)

if TYPE_CHECKING:
    import xarray as xr

PATTERN, MASK, VOLUME, SATURATED = "pattern", "mask", "volume", "saturated"
NORMALS, OFFSETS = "normals", "offsets"
PATTERN_DIMS = ("sample", "row", "column")
VOLUME_DIMS = ("sample", "z", "y", "x")
FORMAT = "scatterkit data set"


def make_dataset(
    patterns: ArrayLike,
    *,
    masks: ArrayLike | None = None,
    saturated: ArrayLike | None = None,
    volumes: ArrayLike | None = None,
    coords: Mapping[str, ArrayLike] | None = None,
    attrs: Mapping[str, Any] | None = None,
    box: float | None = None,
) -> xr.Dataset:
    """Put patterns, and what belongs to them, into a Dataset of the package's form.

    Parameters
    ----------
    patterns : array_like of shape (n, rows, columns)
        Patterns, scaled or not.
    masks : array_like of bool of shape (n, rows, columns) or (rows, columns), optional
        True where a pixel is measured.
    saturated : array_like of bool of shape (n, rows, columns), optional
        True where the detector saturated. Such pixels count as measured.
    volumes : array_like of shape (n, z, y, x), optional
        Occupancies in [0, 1].
    coords : mapping of str to array_like, optional
        What is known of every sample, by name: arrays whose first axis is the sample.
    attrs : mapping of str to object, optional
        What is known of the whole set.
    box : float [nm], optional
        Width of the cube that the volumes fill; gives the voxels' positions.

    Returns
    -------
    xarray.Dataset
        Variables ``pattern`` (sample, row, column), and where given ``mask`` and ``saturated`` likewise and
        ``volume`` (sample, z, y, x).

    Raises
    ------
    ValueError
        If the parts do not belong together.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.datasets import make_dataset
    >>> data = make_dataset(np.zeros((2, 128, 128)), coords={"label": ["star", "ball"]})
    >>> data.sizes["sample"], str(data.label.values[0])
    (2, 'star')
    """
    import xarray as xr

    owner = "make_dataset"
    checked = check_patterns(patterns, owner=owner, name="patterns", low=None)
    check_value(box, Positive("nm", optional=True), name="box", owner=owner)
    n = len(checked)
    variables: dict[str, Any] = {PATTERN: (PATTERN_DIMS, checked)}
    flags = check_mask(masks, checked.shape[1:], owner=owner, name="masks", n=n)
    if flags is not None:
        variables[MASK] = (PATTERN_DIMS, np.broadcast_to(flags, checked.shape).copy())
    if saturated is not None:
        clipped = as_flags(saturated, name=SATURATED, owner=owner)
        check_array(clipped, name=SATURATED, owner=owner, shape=checked.shape, dtype=np.bool_)
        variables[SATURATED] = (PATTERN_DIMS, clipped)
    positions: dict[str, Any] = {}
    if volumes is not None:
        bodies = check_volumes(volumes, owner=owner, name="volumes")
        if len(bodies) != n:
            raise fail("volumes", owner, f"as many as patterns, {n}", f"{len(bodies)} volumes")
        variables[VOLUME] = (VOLUME_DIMS, bodies)
        if box is not None:
            positions = {
                axis: (axis, voxel_centers(count, box), {"units": "nm"})
                for axis, count in zip(VOLUME_DIMS[1:], bodies.shape[1:], strict=True)
            }
    for name, values in (coords or {}).items():
        column = np.asarray(values)
        if column.ndim == 0 or len(column) != n:
            raise fail("coords", owner, f"arrays of {n} samples each", f"{name!r} of shape {column.shape}")
        extra = tuple(f"{name}_{axis}" for axis in range(1, column.ndim))
        positions[name] = (("sample", *extra), column)
    return xr.Dataset(variables, positions, {"format": FORMAT, **(attrs or {})})


def as_flags(values: ArrayLike, *, name: str, owner: str, what: str = "an array") -> NDArray[np.bool_]:
    """Give booleans, from such or from 0 and 1, or raise."""
    raw: NDArray[Any] = np.asarray(values)
    if raw.dtype != bool and not np.isin(raw, (0, 1)).all():
        raise fail(name, owner, f"{what} of booleans, or of 0 and 1", f"other values, of type {raw.dtype}")
    return raw.astype(bool)


def voxel_centers(count: int, box: float) -> Any:
    """Give the voxels' centres along an edge of the box.

    Parameters
    ----------
    count : int
        Voxels along the edge.
    box : float [nm]
        Width of the box, centred on the origin.

    Returns
    -------
    ndarray of float64 of shape (count,) [nm]
        The centres.
    """
    return (np.arange(count) + 0.5) * (box / count) - box / 2


def check_dataset(value: Any, *, owner: str, name: str = "dataset") -> xr.Dataset:
    """Give a value that is a Dataset of the package's form, lazy or not, or raise; reads no data.

    Parameters
    ----------
    value : object
        What to check.
    owner : str
        Function or class to name in the message.
    name : str, default="dataset"
        Parameter to name in the message.

    Returns
    -------
    xarray.Dataset
        The value.
    """
    import xarray as xr

    allowed = f"an xarray Dataset with a variable {PATTERN!r} of dimensions {PATTERN_DIMS}"
    if not isinstance(value, xr.Dataset):
        raise fail(name, owner, allowed, f"an object of type {type(value).__name__}")
    if PATTERN not in value.data_vars or value[PATTERN].dims != PATTERN_DIMS:
        raise fail(name, owner, allowed, f"the variables {shown(dict(value.data_vars.dtypes))}")
    for variable, dims in ((MASK, PATTERN_DIMS), (SATURATED, PATTERN_DIMS), (VOLUME, VOLUME_DIMS)):
        if variable in value and value[variable].dims != dims:
            raise fail(
                name, owner, f"a Dataset whose {variable!r} has dimensions {dims}", str(value[variable].dims)
            )
    if 0 in value[PATTERN].shape:
        raise fail(name, owner, "a Dataset of at least one pattern", f"shape {value[PATTERN].shape}")
    return value
