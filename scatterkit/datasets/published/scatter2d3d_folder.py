"""Folders of the published sample set's layout: a table, and pictures of volumes and patterns."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._progress import progress_bar
from scatterkit._validation import Boolean, Integer, Real, check_value, fail, shown
from scatterkit.datasets._errors import bad_file
from scatterkit.datasets.files._frames import Frames, check_selection, chosen
from scatterkit.datasets.files._writing import replacing_folder, target_path
from scatterkit.datasets.published.mosaic import (
    COLUMNS,
    read_pattern,
    read_volume,
    write_pattern,
    write_volume,
)
from scatterkit.datasets.published.scatter2d3d_bodies import HALF_BOX
from scatterkit.datasets.published.scatter2d3d_table import Axis, SampleRow, read_table
from scatterkit.datasets.schema import PATTERN, VOLUME, check_dataset, make_dataset, voxel_centers

if TYPE_CHECKING:
    import xarray as xr

BOX = 2 * HALF_BOX
TABLE_UNIT = "half box"
DQ = 2 * math.pi / 850
MEANT: dict[str, float | str] = {"dq": DQ, "box": BOX, "scale": "log"}
"""What pictures of this layout mean [rad/nm, nm], without saying so."""
PER_FOLDER = 10_000
COLUMN_NAMES = (
    "nr,real,scatter,polyhedron,symm,theta,phi,alpha,size,stretch,axis,cut,caxis"  # the order of the tables
)
UNITS = {"theta": "rad", "phi": "rad", "alpha": "rad", "size": "nm", "stretch": "1", "cut": "1"}


def read_scatter2d3d(
    table: str | os.PathLike[str], *, rows: Frames = None, grid: int | None = 64, verbose: bool = False
) -> xr.Dataset:
    """Read patterns and volumes of a folder of the layout of scatter-2D3D-nn.

    Parameters
    ----------
    table : path-like
        The CSV table, as for `read_table`. It names the pictures, from its folder.
    rows : int, slice or sequence of int, optional
        Which rows of the table to read, counted from 0; all by default.
    grid : int or None, default=64
        Voxels along each edge of the volumes. It must divide that of the pictures, 192 in the published set;
        blocks of their voxels are averaged. None for no volumes.
    verbose : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    xarray.Dataset
        Log-scaled patterns in this package's sign of q, volumes, and the table's columns as coordinates.

    Raises
    ------
    DataFormatError
        If the table or a picture is damaged, missing, or of another shape than the first.
    FileNotFoundError
        If there is no such table.

    See Also
    --------
    iter_scatter2d3d : Blocks of samples, for folders that do not fit into memory.
    write_scatter2d3d : Write a data set in this layout.
    read_table : The table alone.

    Notes
    -----
    Coordinates: ``nr``, ``polyhedron``, ``symmetry``, ``theta``, ``phi``, ``alpha`` [rad], ``size`` (circumradius,
    nm: the table's value times 159.375 nm), ``stretch``, ``axis``, ``cut``, ``caxis``, as in `SampleRow`. What a
    row does not have is NaN or an empty text; directions are texts such as ``"{0,0,1}"``.

    At 64 voxels a sample takes 1.1 MB of memory, at 192 it takes 28 MB.

    References
    ----------
    T. Stielow and S. Scheel, Phys. Rev. E 103, 053312 (2021), arXiv:2101.09136; repository
    thstielow/scatter-2D3D-nn.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from scatterkit.datasets import make_dataset, read_scatter2d3d, write_scatter2d3d
    >>> data = make_dataset(np.zeros((2, 128, 128)), volumes=np.zeros((2, 32, 32, 32)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = write_scatter2d3d(data, f"{folder}/set")
    ...     read_scatter2d3d(table, grid=16).volume.shape
    (2, 16, 16, 16)
    """
    described = _chosen_rows(table, rows, grid, "read_scatter2d3d")
    check_value(verbose, Boolean(), name="verbose", owner="read_scatter2d3d")
    bar = progress_bar(len(described), description="Reading", verbose=verbose, unit="sample")
    with bar:
        return _read(described, grid, bar)


def iter_scatter2d3d(
    table: str | os.PathLike[str], *, rows: Frames = None, grid: int | None = 64, block_size: int = 256
) -> Iterator[xr.Dataset]:
    """Read a folder of the layout of scatter-2D3D-nn block by block, each a data set of its own.

    Parameters
    ----------
    table : path-like
        The CSV table, as for `read_scatter2d3d`.
    rows : int, slice or sequence of int, optional
        Which rows of the table to read, counted from 0; all by default.
    grid : int or None, default=64
        Voxels along each edge of the volumes, as for `read_scatter2d3d`; None for no volumes.
    block_size : int, default=256
        Samples in a block; the last one may have fewer.

    Returns
    -------
    iterator of xarray.Dataset
        What `read_scatter2d3d` gives for the rows of each block.

    Raises
    ------
    DataFormatError
        If the table is damaged or names pictures that are not there: at once. If a picture is damaged: when its
        block is read.

    See Also
    --------
    read_scatter2d3d : All in one.
    write_store : Writes the blocks as a store, from which a network is trained.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from scatterkit.datasets import iter_scatter2d3d, make_dataset, write_scatter2d3d
    >>> data = make_dataset(np.zeros((5, 128, 128)), volumes=np.zeros((5, 16, 16, 16)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = write_scatter2d3d(data, f"{folder}/set")
    ...     [block.sizes["sample"] for block in iter_scatter2d3d(table, grid=None, block_size=2)]
    [2, 2, 1]
    """
    described = _chosen_rows(table, rows, grid, "iter_scatter2d3d")
    check_value(block_size, Integer(1), name="block_size", owner="iter_scatter2d3d")
    starts = range(0, len(described), block_size)
    return (_read(described[start : start + block_size], grid, None) for start in starts)


def _chosen_rows(table: Any, rows: Frames, grid: int | None, owner: str) -> list[SampleRow]:
    """The rows to read, all of whose pictures are there."""
    check_selection(rows, owner=owner, name="rows")
    check_value(grid, Integer(1, optional=True), name="grid", owner=owner)
    described = read_table(table)
    described = [described[i] for i in chosen(rows, len(described), owner=owner, name="rows")]
    needed = [path for row in described for path in _pictures(row, grid)]
    missing = [path for path in needed if not _is_file(path)]
    if missing:
        given = f"{len(missing)} of its {len(needed)} pictures are missing, the first is {missing[0]}"
        raise bad_file(table, owner, "a sample table whose pictures are there", given, name="table")
    return described


def _pictures(row: SampleRow, grid: int | None) -> tuple[Path, ...]:
    return (row.pattern_path,) if grid is None else (row.pattern_path, row.volume_path)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _read(rows: list[SampleRow], grid: int | None, bar: Any) -> xr.Dataset:
    shape = read_pattern(rows[0].pattern_path).shape
    patterns = np.empty((len(rows), *shape), np.float32)
    volumes = None if grid is None else np.empty((len(rows), grid, grid, grid), np.float32)
    for i, row in enumerate(rows):
        pattern = read_pattern(row.pattern_path)
        if pattern.shape != patterns.shape[1:]:
            allowed = f"a pattern of {patterns.shape[1:]} pixels, as the first one"
            raise bad_file(row.pattern_path, "read_pattern", allowed, f"{pattern.shape} pixels")
        patterns[i] = pattern
        if volumes is not None:
            volumes[i] = _averaged(read_volume(row.volume_path), len(volumes[i]), row.volume_path)
        if bar is not None:
            bar.update()
    attrs = {"source": "scatter-2D3D-nn", **MEANT}
    dataset = make_dataset(patterns, volumes=volumes, coords=_coords(rows), attrs=attrs, box=BOX)
    for name, unit in UNITS.items():
        dataset[name].attrs["units"] = unit
    return dataset


def _averaged(volume: NDArray[np.float32], grid: int, path: Path) -> NDArray[np.float32]:
    n = len(volume)
    if n % grid:
        allowed = f"a volume whose edge is a multiple of grid={grid} voxels"
        raise bad_file(path, "read_volume", allowed, f"{n} voxels along an edge")
    block = n // grid
    # One axis after the other, that of the slices first: most of the sums then run along whole slices.
    for axis in range(3):
        parts = np.moveaxis(volume, axis, 0)
        volume = np.moveaxis(sum((parts[i::block] for i in range(1, block)), parts[::block]), 0, axis)
    return volume / np.float32(block**3)


def _coords(rows: list[SampleRow]) -> dict[str, Any]:
    numbers = {
        name: np.array([math.nan if (value := getattr(row, name)) is None else value for row in rows], float)
        for name in ("theta", "phi", "alpha", "size", "stretch", "cut")
    }
    numbers["size"] *= HALF_BOX
    texts = {
        name: np.array([getattr(row, name) or "" for row in rows]) for name in ("polyhedron", "symmetry")
    }
    axes = {name: np.array([_axis_text(getattr(row, name)) for row in rows]) for name in ("axis", "caxis")}
    return {"nr": np.array([row.nr for row in rows]), **texts, **numbers, **axes}


def _axis_text(axis: Axis | None) -> str:
    if isinstance(axis, tuple):
        return "{" + ",".join(repr(float(part)) for part in axis) + "}"
    return axis or ""


def write_scatter2d3d(
    dataset: xr.Dataset, folder: str | os.PathLike[str], *, table: str = "infos1.csv", overwrite: bool = False
) -> Path:
    """Write a data set in the layout of scatter-2D3D-nn, for the published code.

    Parameters
    ----------
    dataset : xarray.Dataset
        A data set of the package's form with log-scaled patterns and volumes, both in [0, 1]; it may be opened
        lazily. The edge of the volumes must be a multiple of 16 voxels. The published code reads 192 voxels and
        128 x 128 pixels.
    folder : path-like
        The folder to write: the table, ``real/1/1r.png`` and so on with the volumes in 16-bit grey,
        ``scatter/1/1s.png`` and so on with the patterns in 8 bits, 10 000 in a folder.
    table : str, default="infos1.csv"
        Name of the table in the folder.
    overwrite : bool, default=False
        Whether a folder that exists is replaced, with all that it holds.

    Returns
    -------
    pathlib.Path
        The table.

    Raises
    ------
    ValueError
        If the data set has no volumes, or patterns beyond [0, 1]; or if it says that its box is not 318.75 nm wide, its
        patterns' step not 2 pi / 850 rad/nm, or its patterns not log-scaled, as those of the layout are.

    See Also
    --------
    read_scatter2d3d : Read it again.

    Notes
    -----
    The folder appears when it is complete. Coordinates as `read_scatter2d3d` or a generator with `PublishedSampler` or
    `TableSampler` gives them fill the table; the latter know no symmetries, so that ``symm`` is None. ``size`` is in nm
    unless its attribute ``units`` says "half box". A data set of another origin does not have its angles, nor its
    symbols of axes, in the publisher's convention: then ``polyhedron``, ``size`` and ``nr`` (else 1, 2, 3, ...) are
    written, the angles are NaN, the rest is empty.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from scatterkit.datasets import make_dataset, write_scatter2d3d
    >>> data = make_dataset(np.zeros((1, 128, 128)), volumes=np.zeros((1, 16, 16, 16)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_scatter2d3d(data, f"{folder}/set").name
    'infos1.csv'
    """
    owner = "write_scatter2d3d"
    check_dataset(dataset, owner=owner)
    target = target_path(folder, owner=owner, overwrite=overwrite, folder=True, name="folder")
    if not isinstance(table, str) or Path(table).name != table or not table.endswith(".csv"):
        raise fail("table", owner, "the name of a CSV file, without a folder", repr(table))
    sizes = dataset.sizes
    if VOLUME not in dataset or sizes["z"] % COLUMNS or not sizes["z"] == sizes["y"] == sizes["x"]:
        allowed = f"a data set with cubic volumes, their edge a multiple of {COLUMNS} voxels"
        raise fail("dataset", owner, allowed, f"the sizes {dict(sizes)}")
    _check_meaning(dataset)
    lines = _table_lines(dataset)
    with replacing_folder(target, overwrite=overwrite) as partial:
        for i, (real, scatter) in enumerate(zip(lines["real"], lines["scatter"], strict=True)):
            for name in (real, scatter):
                (partial / name).parent.mkdir(parents=True, exist_ok=True)
            one = dataset.isel(sample=i)
            write_volume(partial / real, np.clip(_checked(one[VOLUME].values, i, VOLUME), 0, 1))
            write_pattern(partial / scatter, np.clip(_checked(one[PATTERN].values, i, PATTERN), 0, 1))
        rows = zip(*lines.values(), strict=True)
        text = [COLUMN_NAMES, *(",".join(map(str, row)) for row in rows)]
        (partial / table).write_text("\n".join(text) + "\n", encoding="utf-8")
    return target / table


def _check_meaning(dataset: xr.Dataset) -> None:
    """Refuse a data set that says of itself something else than the layout means."""
    owner = "write_scatter2d3d"
    for name, meant in MEANT.items():
        given: Any = dataset.attrs.get(name, meant)
        if isinstance(meant, str):
            same = given == meant
        else:
            same = Real().accepts(given) and math.isclose(given, meant, rel_tol=1e-6)
        if not same:
            raise fail("dataset", owner, f"a data set of {name} = {meant}", shown(given))
    for axis in "zyx":
        if axis in dataset.coords:
            given = dataset[axis].values
            if not np.allclose(given, voxel_centers(len(given), BOX), rtol=0, atol=1e-6 * BOX):
                allowed = f"a data set whose voxels fill {BOX} nm along {axis}"
                raise fail("dataset", owner, allowed, f"voxels from {given[0]:g} to {given[-1]:g} nm")


def _checked(array: NDArray[Any], i: int, name: str) -> NDArray[Any]:
    slack = 1e-5  # sums of coverage may overshoot by rounding
    if not (np.isfinite(array).all() and array.min() >= -slack and array.max() <= 1 + slack):
        given = f"values from {np.min(array):g} to {np.max(array):g} in sample {i}"
        raise fail("dataset", "write_scatter2d3d", f"a data set whose {name!r} lies in [0, 1]", given)
    return array


def _table_lines(dataset: xr.Dataset) -> dict[str, list[Any]]:
    """The table's columns, in its order."""
    n = dataset.sizes["sample"]
    coords = {
        name: values.values.tolist() for name, values in dataset.coords.items() if values.dims == ("sample",)
    }
    published = {"theta", "phi", "alpha"} <= set(coords)
    numbers = [int(nr) for nr in coords.get("nr", range(1, n + 1))]
    if len(set(numbers)) < n:
        raise fail("dataset", "write_scatter2d3d", "a data set whose 'nr' differ", "the same number twice")
    parts = [max(1, math.ceil(nr / PER_FOLDER)) for nr in numbers]
    columns: dict[str, list[Any]] = {
        "nr": numbers,
        "real": [f"./real/{part}/{nr}r.png" for part, nr in zip(parts, numbers, strict=True)],
        "scatter": [f"./scatter/{part}/{nr}s.png" for part, nr in zip(parts, numbers, strict=True)],
        "polyhedron": [_quoted(name) for name in coords.get("polyhedron", ["unknown"] * n)],
        "symm": [name or "None" for name in (coords.get("symmetry", []) if published else [])]
        or ["None"] * n,
    }
    for name in ("theta", "phi", "alpha"):
        columns[name] = [_number(x) for x in coords[name]] if published else ["nan"] * n
    columns["size"] = _sizes(dataset) if "size" in coords else ["nan"] * n
    for name in ("stretch", "axis", "cut", "caxis"):
        values = coords.get(name, [""] * n) if published else [""] * n
        columns[name] = ["" if x != x or x == "" else _quoted(x) for x in values]
    return columns


def _sizes(dataset: xr.Dataset) -> list[str]:
    """Circumradii in half boxes, from the unit that the data set states."""
    unit = dataset["size"].attrs.get("units", "nm")
    if unit not in ("nm", TABLE_UNIT):
        raise fail(
            "dataset", "write_scatter2d3d", f"a data set with 'size' in nm or {TABLE_UNIT}", repr(unit)
        )
    values = [float(x) for x in dataset["size"].values]
    # 15 digits of a quotient: without the last one's noise
    return [_number(x if unit == TABLE_UNIT else float(f"{x / HALF_BOX:.15g}")) for x in values]


def _number(value: float) -> str:
    return repr(float(value))


def _quoted(value: Any) -> str:
    """A field of the table: numbers as they are, texts with commas in quotes."""
    if isinstance(value, float):
        return _number(value)
    if value.startswith("["):  # a direction as generated sets hold it
        value = "{" + value.strip("[]").replace(" ", "") + "}"
    return f'"{value}"' if "," in value else str(value)
