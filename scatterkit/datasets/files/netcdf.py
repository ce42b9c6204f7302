"""NetCDF files of data sets, for programs that know xarray's own format best."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scatterkit._validation import Boolean, check_value, fail
from scatterkit.datasets._errors import bad_file, check_plausible, existing_file, needed, reading
from scatterkit.datasets.files._frames import Frames, check_selection, chosen
from scatterkit.datasets.files._writing import blocks, jsonable, replacing, target_path
from scatterkit.datasets.schema import PATTERN, check_dataset

if TYPE_CHECKING:
    import xarray as xr

OWNER = "write_netcdf"
READER = "read_netcdf"
ALLOWED = "a NetCDF file of a data set"
AS_JSON = "json_attrs"  # names the attributes that NetCDF cannot hold as they are


def write_netcdf(
    dataset: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False, compress: bool = True
) -> Path:
    """Write a data set as a NetCDF file.

    Parameters
    ----------
    dataset : xarray.Dataset
        A data set of the package's form; it may be opened lazily, and is written block by block.
    path : path-like
        The file to write, usually with the ending ``.nc``.
    overwrite : bool, default=False
        Whether a file that exists is replaced.
    compress : bool, default=True
        Whether arrays of two and more axes are compressed.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        If the object is no data set, or holds something that NetCDF cannot.
    ImportError
        If h5netcdf is not installed.

    See Also
    --------
    read_netcdf : Read it again.

    Notes
    -----
    The file appears when it is complete. It is NetCDF 4, an HDF5 file. What NetCDF cannot hold is changed so
    that `read_netcdf` and, but for attributes, ``xarray.open_dataset`` give it back: booleans are bytes marked as such,
    attributes that are neither numbers nor text are JSON. Half-precision floats become single precision.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from scatterkit.datasets import make_dataset, read_netcdf, write_netcdf
    >>> data = make_dataset(np.ones((2, 64, 64)), coords={"label": ["star", "ball"]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_netcdf(write_netcdf(data, f"{folder}/set.nc")).identical(data)
    True
    """
    check_dataset(dataset, owner=OWNER)
    target = target_path(path, owner=OWNER, overwrite=overwrite)
    check_value(compress, Boolean(), name="compress", owner=OWNER)
    h5netcdf = needed("h5netcdf", "NetCDF files")
    n = dataset.sizes["sample"]
    large = [
        name for name, array in dataset.variables.items() if array.ndim > 1 and array.dims[0] == "sample"
    ]
    large = [name for name in large if dataset.variables[name].dtype.kind in "iufb"]
    small = _safe(dataset.drop_vars(large))
    with replacing(target, overwrite=overwrite) as partial:
        try:
            small.to_netcdf(partial, engine="h5netcdf")
        except (TypeError, ValueError) as error:
            raise fail("dataset", OWNER, "a data set that NetCDF can hold", str(error)) from error
        with h5netcdf.File(partial, "a") as file:
            missing = {name: size for name, size in dataset.sizes.items() if name not in file.dimensions}
            file.dimensions.update(missing)
            for name in large:
                _write_large(file, dataset[name], n, compress)
            coords = [name for name in dataset.coords if name not in dataset.dims]
            if coords:
                file.attrs["coordinates"] = " ".join(map(str, coords))
    return target


def _safe(dataset: xr.Dataset) -> xr.Dataset:
    """The data set with attributes that NetCDF can hold, and without settings of the file it came from."""
    copy = dataset.copy()
    copy.attrs = _safe_attrs(dataset.attrs)
    for name in copy.variables:
        if copy[name].dtype.kind == "T":  # NumPy's texts of any length, as Zarr gives them
            copy[name] = copy[name].astype(object)
        copy[name].attrs = _safe_attrs(dataset[name].attrs)
        copy[name].encoding = {}
    copy.encoding = {}
    return copy


def _safe_attrs(attrs: Any) -> dict[str, Any]:
    kept, changed = {}, []
    for name, value in jsonable(attrs, owner=OWNER).items():
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            kept[name] = value
        else:
            kept[name] = json.dumps(value)
            changed.append(name)
    return kept | ({AS_JSON: json.dumps(changed)} if changed else {})


def _write_large(file: Any, array: xr.DataArray, n: int, compress: bool) -> None:
    """Write a variable block by block."""
    replaced: dict[str, np.dtype[Any]] = {"b1": np.dtype("i1"), "f2": np.dtype("f4")}
    stored: np.dtype[Any] = replaced.get(array.dtype.str[1:]) or np.dtype(array.dtype)
    options = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if compress else {}
    variable = file.create_variable(
        str(array.name), array.dims, stored, chunks=(1, *array.shape[1:]), fletcher32=True, **options
    )
    for name, value in _safe_attrs(array.attrs).items():
        variable.attrs[name] = value
    if array.dtype == bool:
        variable.attrs["dtype"] = "bool"  # how xarray marks booleans
    for part in blocks(n, int(np.prod(array.shape[1:])) * stored.itemsize):
        variable[part] = array[part].values.astype(stored)


def read_netcdf(path: str | os.PathLike[str], *, frames: Frames = None) -> xr.Dataset:
    """Read a data set from a NetCDF file, as `write_netcdf` writes it.

    Parameters
    ----------
    path : path-like
        The file.
    frames : int, slice or sequence of int, optional
        Which samples to read; all by default. No others are read from the disk.

    Returns
    -------
    xarray.Dataset
        The data set, in memory.

    Raises
    ------
    DataFormatError
        If the file is damaged, or holds no data set of this package's form.
    FileNotFoundError
        If there is no such file.
    ImportError
        If h5netcdf is not installed.

    See Also
    --------
    write_netcdf : Write such a file.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from scatterkit.datasets import make_dataset, read_netcdf, write_netcdf
    >>> data = make_dataset(np.ones((5, 64, 64)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_netcdf(write_netcdf(data, f"{folder}/set.nc"), frames=[0, 4]).sizes["sample"]
    2
    """
    check_selection(frames, owner=READER)
    file = existing_file(path, owner=READER, allowed=ALLOWED)
    needed("h5netcdf", "NetCDF files")
    import h5py
    import xarray as xr

    with reading(file, owner=READER, allowed=ALLOWED), h5py.File(file, "r") as source:
        if PATTERN not in source:  # asked here, as h5netcdf does not give up a damaged file quietly
            raise bad_file(file, READER, ALLOWED, f"without a variable {PATTERN!r}")
    with (
        reading(file, owner=READER, allowed=ALLOWED),
        xr.open_dataset(file, engine="h5netcdf", cache=False) as source,
    ):
        try:
            check_dataset(source, owner=READER)
        except ValueError as error:
            raise bad_file(file, READER, ALLOWED, f"another one ({error})") from error
        indices = chosen(frames, source.sizes["sample"], owner=READER)
        selected = source.isel(sample=indices) if frames is not None else source
        # packed numbers may become eight times as long
        check_plausible(selected.nbytes // 8, file, owner=READER, allowed=ALLOWED)
        dataset = selected.load()
        dataset.attrs = _restored(dataset.attrs)
        for name in dataset.variables:
            dataset[name].attrs = _restored(dataset[name].attrs)
            dataset[name].encoding = {}
        if not np.isfinite(dataset[PATTERN].values).all():
            raise bad_file(file, READER, ALLOWED, "patterns that are not finite")
    dataset.encoding = {}
    return dataset


def _restored(attrs: Any) -> dict[str, Any]:
    changed = json.loads(attrs.get(AS_JSON, "[]"))
    return {
        name: json.loads(value) if name in changed else _plain(value)
        for name, value in attrs.items()
        if name != AS_JSON
    }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
