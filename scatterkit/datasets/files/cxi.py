"""Reading CXI files, and HDF5 files of any layout."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from scatterkit._validation import Boolean, Choice, Integer, check_value, fail, shown
from scatterkit.datasets._errors import existing_file, reading
from scatterkit.datasets.files import _cxi_layout as layout
from scatterkit.datasets.files._cxi_reader import ALLOWED, OWNER, Reader
from scatterkit.datasets.files._frames import Frames, assemble, check_selection, chosen
from scatterkit.datasets.files.geometry import UNITS, WAVELENGTH
from scatterkit.datasets.schema import MASK, SATURATED

if TYPE_CHECKING:
    import xarray as xr


def read_cxi(
    path: str | os.PathLike[str],
    *,
    dataset: str | None = None,
    mask: str | Literal[False] | None = None,
    mask_convention: str | None = None,
    bad_bits: int = layout.BAD_BITS,
    frames: Frames = None,
    entry: int = 1,
    volumes: bool = True,
) -> xr.Dataset:
    """Read patterns, masks and geometry of a CXI file, or of an HDF5 file of any layout.

    Parameters
    ----------
    path : path-like
        The file.
    dataset : str, optional
        Where in the file the patterns are, (n, rows, columns) or (rows, columns). By default where the convention
        puts them: ``data_1/data`` of the entry, else ``instrument_1/detector_1/data``, else the first
        ``image_k/data`` in diffraction space.
    mask : str or False, optional
        Where the mask is; by default beside the patterns, else in the detector's group. False for no mask.
    mask_convention : {"cxi", "measured", "masked"}, optional
        What the mask says: bits as in the convention, none of them set where a pixel is good; or non-zero
        where a pixel was measured; or non-zero where it was not. By default ``"cxi"`` for masks in a CXI entry;
        for one elsewhere it must be given.
    bad_bits : int, default=0x6DD
        Bits that make a pixel not measured: invalid 0x1, hot 0x4, dead 0x8, shadowed 0x10, ignored 0x40, bad 0x80,
        missing 0x200, noisy 0x400. Saturated pixels (0x2) count as measured and are flagged apart.
    frames : int, slice or sequence of int, optional
        Which patterns to read; all by default. No others are read from the disk.
    entry : int, default=1
        Number of the entry: ``/entry_1`` and so on.
    volumes : bool, default=True
        Whether to read the volumes, as `write_cxi` writes them, where there are any.

    Returns
    -------
    xarray.Dataset
        Variables ``pattern``, ``mask`` and ``saturated`` where the file has a mask, ``volume``; attributes
        ``wavelength`` [nm], ``distance`` [mm], ``pixel_size`` [mm] and ``center`` (row, column) where the file tells.
        Of a wavelength for every frame, the coordinate ``wavelength``. Pixels that are NaN or infinite are zero, and
        not measured.

    Raises
    ------
    DataFormatError
        If the file is damaged, or has no patterns where they are expected. The message lists what it has.
    FileNotFoundError
        If there is no such file.
    ValueError
        If a parameter is invalid, or a mask outside of a CXI entry comes without `mask_convention`.

    See Also
    --------
    write_cxi : Write such a file.
    flat_detector : The detector that the attributes describe.

    Notes
    -----
    Units are SI, as the convention wants, unless an attribute ``units`` says otherwise. A photon energy that can
    only be in eV is taken to be so, with a warning. A detector whose ``basis_vectors`` [mm] are not the usual ones
    keeps them as an attribute; its data are not turned. A ``corner_position`` whose x and y are zero, as programs write
    it that know none, gives no ``center``. Patterns stored with their quadrants swapped
    (``is_fft_shifted``) are swapped back.

    References
    ----------
    F. R. N. C. Maia, Nature Methods 9, 854 (2012); "The CXI file format for coherent X-ray imaging", version 1.6,
    cxidb.org.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import h5py
    >>> import numpy as np
    >>> from scatterkit.datasets import read_cxi
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "run.cxi")
    ...     with h5py.File(file, "w") as new:
    ...         new["entry_1/data_1/data"] = np.ones((4, 64, 64))
    ...         new["entry_1/instrument_1/detector_1/distance"] = 0.07  # in m
    ...     data = read_cxi(file, frames=slice(0, 4, 2))
    >>> data.pattern.shape, data.attrs["distance"]
    ((2, 64, 64), 70.0)
    """
    _check_parameters(dataset, mask, mask_convention, bad_bits, entry, volumes)
    check_selection(frames, owner=OWNER)
    file = existing_file(path, owner=OWNER, allowed=ALLOWED)
    import h5py

    with reading(file, owner=OWNER, allowed=ALLOWED), h5py.File(file, "r") as source:
        reader = Reader(source, file, entry, dataset)
        indices = chosen(frames, reader.n, owner=OWNER)
        patterns = reader.frames(reader.patterns, indices)
        mask_parts = reader.masks(mask, mask_convention, bad_bits, indices)
        bodies = reader.volumes(indices) if volumes else None
        attrs, coords = reader.attrs(), reader.coords(indices)
        extras = {part: reader.extras(part, indices) for part in ("coords", "variables")}
        placed = reader.placed_attrs()
    result = assemble(
        patterns,
        masks=mask_parts.get("masks"),
        saturated=mask_parts.get("saturated"),
        volumes=bodies,
        coords=coords,
        attrs=attrs,
        path=file,
        owner=OWNER,
        allowed=ALLOWED,
    )
    if WAVELENGTH in coords:
        result[WAVELENGTH].attrs["units"] = UNITS[WAVELENGTH]
    with reading(file, owner=OWNER, allowed=ALLOWED):
        return _completed(result, placed, extras)


def _completed(result: xr.Dataset, placed: dict[str, Any] | None, extras: dict[str, Any]) -> xr.Dataset:
    """The data set as `write_cxi` had it, which writes the bits of a mask for saturated pixels, too."""
    if placed is not None:
        for name, nothing in ((MASK, True), (SATURATED, False)):
            if name in result and name not in placed and bool((result[name] == nothing).all()):
                result = result.drop_vars(name)
        for name in set(placed) & set(result.data_vars):
            result[name].attrs = placed[name]
    return result.assign_coords(extras["coords"]).assign(extras["variables"])


def _check_parameters(
    dataset: Any, mask: Any, mask_convention: Any, bad_bits: Any, entry: Any, volumes: Any
) -> None:
    for name, value in (("dataset", dataset), ("mask", None if mask is False else mask)):
        if value is not None and (not isinstance(value, str) or not value):
            none = "None" if name == "dataset" else "False or None"
            raise fail(name, OWNER, f"the path of a data set in the file, {none}", shown(value))
    check_value(
        mask_convention, Choice(("cxi", "measured", "masked", None)), name="mask_convention", owner=OWNER
    )
    check_value(bad_bits, Integer(0, 2**32 - 1), name="bad_bits", owner=OWNER)
    check_value(entry, Integer(1), name="entry", owner=OWNER)
    check_value(volumes, Boolean(), name="volumes", owner=OWNER)
