"""Writing CXI files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scatterkit._validation import Boolean, check_value, fail
from scatterkit.datasets.files import _cxi_layout as layout
from scatterkit.datasets.files._writing import blocks, jsonable, replacing, target_path
from scatterkit.datasets.files.geometry import DISTANCE, PIXEL_SIZE, WAVELENGTH
from scatterkit.datasets.schema import MASK, PATTERN, SATURATED, VOLUME, check_dataset

if TYPE_CHECKING:
    import xarray as xr

OWNER = "write_cxi"
DETECTOR = "entry_1/instrument_1/detector_1"
SOURCE = "entry_1/instrument_1/source_1"
IMAGE = "entry_1/image_1"
PLACED = {PATTERN, MASK, SATURATED, VOLUME}


def write_cxi(
    dataset: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False, compress: bool = True
) -> Path:
    """Write a data set as a CXI file, which is an HDF5 file.

    Parameters
    ----------
    dataset : xarray.Dataset
        A data set of the package's form; it may be opened lazily, and is written block by block.
    path : path-like
        The file to write, usually with the ending ``.cxi``.
    overwrite : bool, default=False
        Whether a file that exists is replaced.
    compress : bool, default=True
        Whether patterns, masks and volumes are compressed, by gzip, which every HDF5 library reads. They have a
        checksum in any case.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        If the object is no data set, or holds something that HDF5 cannot.

    See Also
    --------
    read_cxi : Read it again.

    Notes
    -----
    The file appears when it is complete. It follows version 1.6 of the convention:

    - patterns in ``/entry_1/instrument_1/detector_1/data``, linked from ``/entry_1/data_1/data``;
    - ``mask`` beside both: bit 0x1 (invalid) where a pixel was not measured, 0x2 where it saturated;
    - ``distance``, ``x_pixel_size``, ``y_pixel_size`` and ``corner_position`` [m] from the attributes ``distance``,
      ``pixel_size`` and ``center``; ``/entry_1/instrument_1/source_1/energy`` [J] and ``wavelength`` [m];
    - volumes in ``/entry_1/image_1/data`` (n, z, y, x), with ``data_space`` "real", ``data_type`` "electron density".

    Everything else goes into the group ``/scatterkit``, which other programs ignore: all attributes as JSON, the
    coordinates, further variables. `read_cxi` gives the same data set again, to the last bit.

    References
    ----------
    F. R. N. C. Maia, Nature Methods 9, 854 (2012); "The CXI file format for coherent X-ray imaging", version 1.6,
    cxidb.org.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from scatterkit.datasets import make_dataset, read_cxi, write_cxi
    >>> data = make_dataset(np.ones((2, 64, 64)), attrs={"wavelength": 13.5, "distance": 70.0, "pixel_size": 0.075})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = read_cxi(write_cxi(data, f"{folder}/run.cxi"))
    >>> again.identical(data)
    True
    """
    check_dataset(dataset, owner=OWNER)
    target = target_path(path, owner=OWNER, overwrite=overwrite)
    check_value(compress, Boolean(), name="compress", owner=OWNER)
    attrs = jsonable(dataset.attrs, owner=OWNER)
    import h5py

    with replacing(target, overwrite=overwrite) as partial, h5py.File(partial, "w") as file:
        file["cxi_version"] = layout.VERSION
        file["number_of_entries"] = 1
        file["entry_1/program_name"] = "scatterkit"
        _write_patterns(file, dataset, compress)
        _write_geometry(file, dataset)
        if VOLUME in dataset:
            _write_volumes(file, dataset, compress)
        _write_rest(file, dataset, attrs, compress)
    return target


def _write_patterns(file: Any, dataset: xr.Dataset, compress: bool) -> None:
    import h5py

    _write_blocks(file, f"{DETECTOR}/data", [dataset[PATTERN]], lambda pattern: pattern, np.float32, compress)
    file["entry_1/data_1/data"] = h5py.SoftLink(f"/{DETECTOR}/data")
    flags = [dataset[name] for name in (MASK, SATURATED) if name in dataset]
    if flags:
        write = _bits if MASK in dataset else lambda saturated: _bits(True, saturated)
        _write_blocks(file, f"{DETECTOR}/mask", flags, write, np.uint32, compress)
        file["entry_1/data_1/mask"] = h5py.SoftLink(f"/{DETECTOR}/mask")


def _bits(measured: Any, saturated: Any = False) -> Any:
    invalid = np.where(measured, 0, layout.INVALID)
    return invalid | np.where(saturated, layout.SATURATED_BIT, 0)


def _write_blocks(
    file: Any, name: str, sources: list[xr.DataArray], combine: Any, dtype: Any, compress: bool
) -> None:
    """Write what a function makes of arrays, whose first axis is the sample, block by block."""
    shape = sources[0].shape
    options = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if compress else {}
    target = file.create_dataset(name, shape, dtype, chunks=(1, *shape[1:]), fletcher32=True, **options)
    for part in blocks(shape[0], int(np.prod(shape[1:])) * 4):
        target[part] = combine(*(source[part].values for source in sources))


def _write_geometry(file: Any, dataset: xr.Dataset) -> None:
    attrs = dataset.attrs
    detector = file.require_group(DETECTOR)
    metre = layout.LENGTHS["m"]
    if PIXEL_SIZE in attrs:
        size = np.broadcast_to(np.asarray(attrs[PIXEL_SIZE], dtype=float), (2,))
        detector["y_pixel_size"], detector["x_pixel_size"] = (layout.rounded(float(s) / metre) for s in size)
        corner = layout.corner_position(attrs, (float(size[0]), float(size[1])))
        if corner is not None:
            detector["corner_position"] = corner
    if DISTANCE in attrs:
        detector["distance"] = layout.rounded(float(attrs[DISTANCE]) / metre)
    if "basis_vectors" in attrs:
        detector["basis_vectors"] = (
            np.reshape(np.asarray(attrs["basis_vectors"], dtype=float), (2, 3)) / metre
        )
    lengths = attrs.get(WAVELENGTH)
    if WAVELENGTH in dataset.coords:
        lengths = dataset.coords[WAVELENGTH].values
        unit = dataset.coords[WAVELENGTH].attrs.get("units", "nm")
        if unit != "nm":
            raise fail("dataset", OWNER, "a data set whose wavelengths are in nm", repr(unit))
    if lengths is not None:
        source = file.require_group(SOURCE)
        source["wavelength"] = np.vectorize(layout.rounded, otypes=[float])(
            np.asarray(lengths, dtype=float) * 1e-9
        )
        source["energy"] = np.vectorize(layout.photon_energy, otypes=[float])(lengths)


def _write_volumes(file: Any, dataset: xr.Dataset, compress: bool) -> None:
    _write_blocks(file, f"{IMAGE}/data", [dataset[VOLUME]], lambda volume: volume, np.float32, compress)
    image = file[IMAGE]
    image["data"].attrs["axes"] = "experiment_identifier:z:y:x"
    image["data_space"], image["data_type"], image["dimensionality"] = "real", "electron density", 3
    widths = [dataset[axis].values for axis in "xyz" if axis in dataset.coords]
    if len(widths) == 3:
        image["image_size"] = [1e-9 * len(w) * (w[1] - w[0] if len(w) > 1 else 0.0) for w in widths]


def _write_rest(file: Any, dataset: xr.Dataset, attrs: dict[str, Any], compress: bool) -> None:
    """Write what the convention has no place for, and a description of it."""
    others = {name: value for name, value in dataset.data_vars.items() if name not in PLACED}
    described: dict[str, Any] = {"attrs": attrs}
    for part, members in (("coords", dataset.coords), ("variables", others)):
        described[part] = {}
        for name, value in members.items():
            place = f"{layout.OURS}/{part}/{name}"
            if value.dtype.kind in "iufb" and value.ndim > 1 and value.dims[0] == "sample":
                _write_blocks(file, place, [value], lambda block: block, value.dtype, compress)
            else:
                _write_small(file, place, value)
            described[part][name] = {"dims": value.dims, "attrs": jsonable(value.attrs, owner=OWNER)}
    described["placed"] = {
        name: jsonable(dataset[name].attrs, owner=OWNER) for name in PLACED if name in dataset
    }
    file[layout.DESCRIPTION] = np.bytes_(json.dumps(described))


def _write_small(file: Any, place: str, value: xr.DataArray) -> None:
    if value.dtype.kind in "iufb":
        file[place] = value.values
        return
    texts = value.values.astype(object)
    if value.dtype.kind not in "OUT" or not all(isinstance(text, str) for text in texts.flat):
        allowed = "a data set of numbers, booleans and texts"
        raise fail("dataset", OWNER, allowed, f"{value.name!r} of type {value.dtype}")
    # Of fixed length: HDF5 keeps texts of any length in a heap, which a flipped bit makes unreadable as a whole.
    file[place] = np.char.encode(texts.astype(str), "utf-8")
