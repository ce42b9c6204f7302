"""Stores of data that were not generated: imported sets, written block by block for training."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Choice, Integer, check_value, fail, shown
from scatterkit.datasets.files._writing import blocks, jsonable, replacing_folder, target_path
from scatterkit.datasets.generation._columns import STRING
from scatterkit.datasets.generation._images import check_storable, image_spec, quantize
from scatterkit.datasets.generation._samples import SAMPLE
from scatterkit.datasets.generation._store import (
    METADATA,
    ArraySpec,
    BlockWriter,
    Layout,
    Static,
    group_metadata,
    write_group,
    write_static,
)
from scatterkit.datasets.generation.stored import open_dataset
from scatterkit.datasets.schema import FORMAT, MASK, PATTERN, SATURATED, VOLUME, as_flags, check_dataset

if TYPE_CHECKING:
    import xarray as xr

OWNER = "write_store"
IMAGES = (VOLUME, PATTERN, MASK, SATURATED)
SHARED = ("wavelength", "dq", "box", "distance", "pixel_size", "center", "scale")
"""Attributes that say what patterns and volumes mean: all blocks must have the same."""


def write_store(
    source: xr.Dataset | Iterable[xr.Dataset],
    path: str | os.PathLike[str],
    *,
    pattern_dtype: str = "float32",
    occupancy: str | None = "uint8",
    shard_size: int = 256,
    overwrite: bool = False,
) -> xr.Dataset:
    """Write imported data as a store of the kind that `DatasetGenerator` writes, to be fed to a training.

    Parameters
    ----------
    source : xarray.Dataset or iterable of xarray.Dataset
        A data set of the package's form, in memory or opened lazily; or its blocks in order, such as
        `iter_scatter2d3d` gives, of which one is held in memory at a time.
    path : path-like
        The folder to write, usually with the ending ``.zarr``.
    pattern_dtype : {"float32", "float16", "uint16"}, default="float32"
        How patterns are stored; ``"uint16"`` in 65535 steps, for values in [0, 1].
    occupancy : {"uint8", "float32"} or None, default="uint8"
        How volumes are stored: in 255 steps, as they are, or not at all.
    shard_size : int, default=256
        Samples to a file.
    overwrite : bool, default=False
        Whether a store, or an empty folder, that exists is replaced.

    Returns
    -------
    xarray.Dataset
        The store, opened lazily, as `open_dataset` opens it.

    Raises
    ------
    ValueError
        If blocks do not belong together, or hold what the types cannot, those of the first block's coordinates among
        them; or if there is a folder that holds something else than a store.

    See Also
    --------
    open_dataset : Open it again.
    as_keras : Batches for a training.

    Notes
    -----
    The folder appears when it is complete. Samples are numbered anew, from 0. A generator cannot be rebuilt from such
    a store, nor can it be extended. Missing texts are stored as empty ones. Variables that a store has no place for are
    left out, with a warning that names them.

    Blocks of different wavelengths, detectors, boxes, scales or units do not belong together. Of other attributes that
    differ between blocks, such as the random state of several generators, the values are kept as a list.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from scatterkit.datasets import make_dataset, write_store
    >>> data = make_dataset(np.ones((5, 16, 16)), coords={"label": list("abcde")})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stored = write_store(data, f"{folder}/run.zarr", shard_size=2)
    ...     stored.pattern[3:].shape, stored.label.values[-1]
    ((2, 16, 16), 'e')
    """
    check_value(pattern_dtype, Choice(("float32", "float16", "uint16")), name="pattern_dtype", owner=OWNER)
    check_value(occupancy, Choice(("uint8", "float32", None)), name="occupancy", owner=OWNER)
    check_value(shard_size, Integer(1), name="shard_size", owner=OWNER)
    target = target_path(path, owner=OWNER, overwrite=overwrite, folder=True)
    _check_replaceable(target)
    dtypes = {PATTERN: pattern_dtype, VOLUME: occupancy}
    with (
        replacing_folder(target, overwrite=overwrite) as partial,
        _Store(partial, dtypes, int(shard_size)) as store,
    ):
        for block in _blocks(source):
            store.add(block)
        store.finish()
    return open_dataset(target)


def _check_replaceable(target: Path) -> None:
    """Refuse to replace a folder that is no store."""
    if target.is_dir() and any(target.iterdir()) and not (target / METADATA).is_file():
        given = f"{target}, which holds other files,"
        raise fail("path", OWNER, "the path of a new folder, an empty one, or a store", given)


def _blocks(source: Any) -> Iterator[xr.Dataset]:
    """The source in blocks that fit into memory."""
    import xarray as xr

    if not isinstance(source, xr.Dataset):
        if not isinstance(source, Iterable) or isinstance(source, (str, bytes, Mapping, np.ndarray)):
            raise fail("source", OWNER, "a Dataset or an iterable of Datasets", shown(source))
        for block in source:
            yield check_dataset(block, owner=OWNER, name="source").load()
        return
    check_dataset(source, owner=OWNER, name="source")
    images = [source[name] for name in IMAGES if name in source]
    for part in blocks(source.sizes[SAMPLE], sum(4 * int(np.prod(image.shape[1:])) for image in images)):
        yield source.isel(sample=part).load()


class _Store:
    """A store that grows by blocks, in a folder."""

    def __init__(self, root: Path, dtypes: Mapping[str, str | None], shard_size: int) -> None:
        self.root = root
        self.scratch = root / ".work"
        self.scratch.mkdir()
        self.dtypes = dtypes
        self.shard_size = shard_size
        self.layout: Layout | None = None
        self.first: xr.Dataset | None = None
        self.n = 0
        self.writer: BlockWriter | None = None
        self.columns: list[dict[str, Any]] = []
        self.attributes: dict[str, list[Any]] = {}

    def __enter__(self) -> _Store:
        return self

    def __exit__(self, *_: object) -> None:
        if self.writer is not None:
            self.writer.__exit__()

    def add(self, block: xr.Dataset) -> None:
        """Append the samples of a block."""
        if self.layout is None or self.first is None:
            self.first = block.isel(sample=slice(0, 1))
            _warn_of_what_is_left_out(block)
            self.layout = Layout(self.shard_size, tuple(self._specs(block)))
            for spec in self.layout.arrays:
                (self.root / spec.name).mkdir()
        images, columns = self._values(block, self.layout)
        self._note_what_all_share(block, self.first)
        for i in range(block.sizes[SAMPLE]):
            if self.writer is None:
                self.writer = BlockWriter(self.scratch, self.layout, self.shard_size).__enter__()
            for name, values in images.items():
                slot = self.writer.slot(name)
                quantize(values[i], slot) if slot.dtype.kind == "u" else np.copyto(slot, values[i])
            self.writer.done()
            self.columns.append({SAMPLE: self.n} | {name: values[i] for name, values in columns.items()})
            self.n += 1
            if self.n % self.shard_size == 0:
                self._end_shard()

    def _note_what_all_share(self, block: xr.Dataset, first: xr.Dataset) -> None:
        """Refuse a block of another experiment; note its attributes."""
        axes, known = _static(block), _static(first)
        for name in sorted(set(axes) | set(known)):
            both = name in axes and name in known
            if not both or not axes[name].variable.equals(known[name].variable):  # NaN equals NaN
                raise fail("source", OWNER, f"blocks of the same {name!r}", "blocks in which it differs")
            _check_unit(axes[name], known[name].attrs)
        attributes, begun = _plain(block.attrs), _plain(first.attrs)
        for name in SHARED:
            here, there = attributes.get(name), begun.get(name)
            if here != there:
                raise fail(
                    "source", OWNER, f"blocks of the same {name!r}", f"{shown(there)} and {shown(here)}"
                )
        for name, value in attributes.items():
            values = self.attributes.setdefault(name, [])
            if value not in values:
                values.append(value)

    def _specs(self, block: xr.Dataset) -> Iterator[ArraySpec]:
        for name in IMAGES:
            dtype = self.dtypes.get(name, "bool")
            if name in block and dtype is not None:
                image = block[name]
                attrs = _plain(image.attrs)
                yield image_spec(
                    name, tuple(map(str, image.dims)), image.shape[1:], dtype, self.shard_size, None, attrs
                )
        yield ArraySpec(SAMPLE, (SAMPLE,), (), "int64")
        for name, column in _columns(block).items():
            is_text = column.dtype.kind in "OUT"
            if "/" in name or name.startswith(".") or not (is_text or column.dtype.kind in "iufb"):
                raise fail(
                    "source", OWNER, "a Dataset that Zarr can hold", f"{name!r} of type {column.dtype}"
                )
            dtype = STRING if is_text else np.dtype(str(column.dtype)).name
            attrs = _plain(column.attrs)
            yield ArraySpec(name, tuple(map(str, column.dims)), column.shape[1:], dtype, attrs=attrs)

    def _values(
        self, block: xr.Dataset, layout: Layout
    ) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """The images and columns of a block, once they are known to fit the others."""
        specs = {spec.name: spec for spec in layout.arrays if spec.name != SAMPLE}
        there = {name for name in IMAGES if name in block} | set(_columns(block))
        if there - {VOLUME} != set(specs) - {VOLUME} or (VOLUME in specs and VOLUME not in there):
            raise fail("source", OWNER, f"blocks of the same variables {sorted(specs)}", f"{sorted(there)}")
        values = {name: _fitting(block[name], spec) for name, spec in specs.items()}
        images = {name: values.pop(name) for name, spec in specs.items() if spec.sharded}
        return images, values

    def _end_shard(self) -> None:
        assert self.layout is not None
        if self.writer is None:
            return
        types = {spec.name: object if spec.dtype == STRING else spec.dtype for spec in self.layout.arrays}
        rows = {name: [row[name] for row in self.columns] for name in self.columns[0]}
        self.writer.finish({name: np.array(values, dtype=types[name]) for name, values in rows.items()})
        self.writer.__exit__()
        shard = (self.n - 1) // self.shard_size
        for spec in self.layout.arrays:
            os.replace(self.scratch / spec.name, self.root / spec.name / spec.file_name(shard))
        self.writer, self.columns = None, []

    def finish(self) -> None:
        """Write what is left, and what makes the folder a store."""
        if self.layout is None or self.first is None:
            raise fail("source", OWNER, "at least one block", "none")
        self._end_shard()
        static: Static = {
            name: (tuple(map(str, c.dims)), _static_values(name, c), _plain(c.attrs))
            for name, c in _static(self.first).items()
        }
        noted = {name: values[0] if len(values) == 1 else values for name, values in self.attributes.items()}
        attributes = {"format": FORMAT, **noted}
        if "generator" in attributes:  # the samples are no longer those that it would make by their numbers
            attributes["source_generator"] = attributes.pop("generator")
        write_static(self.root, static, self.scratch)
        write_group(self.root, group_metadata(self.layout, self.n, static, attributes), self.scratch)
        self.scratch.rmdir()


def _fitting(part: xr.DataArray, spec: ArraySpec) -> NDArray[Any]:
    """The values of a block as the store's array can hold them, or raise."""
    name, values = spec.name, part.values
    if values.shape[1:] != spec.shape:
        given = f"{name!r} of shape {values.shape[1:]} after {spec.shape}"
        raise fail("source", OWNER, "blocks of the same shapes", given)
    _check_unit(part, spec.attrs)
    if name in (MASK, SATURATED):
        return as_flags(values, name="source", owner=OWNER, what=f"a Dataset with a {name!r}")
    if name in IMAGES:
        if values.dtype.kind not in "biuf":
            raise fail("source", OWNER, f"a Dataset with a {name!r} of real numbers", f"type {values.dtype}")
        check_storable(values, spec.dtype, name, owner=OWNER)
    elif spec.dtype == STRING:
        return _texts(name, values)
    elif not np.can_cast(values.dtype, spec.dtype, "safe"):
        allowed = f"blocks whose {name!r} is of type {spec.dtype}, as in the first one, or fits into it"
        raise fail("source", OWNER, allowed, f"type {values.dtype}")
    return values


def _check_unit(part: xr.DataArray, first: Mapping[Any, Any]) -> None:
    """Refuse another unit than in the first block."""
    here, there = part.attrs.get("units"), first.get("units")
    if here != there:
        raise fail("source", OWNER, f"blocks of the same unit of {part.name!r}", f"{there!r} and {here!r}")


def _columns(block: xr.Dataset) -> dict[str, xr.DataArray]:
    """The coordinates of every sample."""
    return {
        str(name): column
        for name, column in block.coords.items()
        if column.dims[:1] == (SAMPLE,) and name not in (SAMPLE, *IMAGES)
    }


def _static(block: xr.Dataset) -> dict[str, xr.DataArray]:
    """The coordinates that all samples share."""
    return {
        str(name): c
        for name, c in block.coords.items()
        if c.ndim and SAMPLE not in c.dims and c.dtype.kind in "iufbOUT"
    }


def _plain(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes as a store's metadata can hold them, or raise: its JSON has no NaN."""
    found = jsonable(attrs, owner=OWNER)
    for name, value in found.items():
        try:
            json.dumps(value, allow_nan=False)
        except ValueError:
            given = f"{name!r} = {shown(value)}"
            raise fail("source", OWNER, "a Dataset whose attributes are finite", given) from None
    return found


def _static_values(name: str, column: xr.DataArray) -> NDArray[Any]:
    return _texts(name, column.values) if column.dtype.kind in "OUT" else column.values


def _texts(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Texts as they are stored, missing ones (None, NaN) empty; or raise."""
    found = np.empty(values.shape, dtype=object)
    for place, value in np.ndenumerate(values):
        missing = value is None or (isinstance(value, float) and np.isnan(value))
        if not missing and not isinstance(value, str):
            raise fail("source", OWNER, f"a Dataset whose {name!r} holds texts or numbers", shown(value))
        found[place] = "" if missing else str(value)
    return found


def _warn_of_what_is_left_out(block: xr.Dataset) -> None:
    kept = {SAMPLE, *IMAGES, *_columns(block), *_static(block)}
    left = sorted(str(name) for name in block.variables if str(name) not in kept)
    if left:
        warnings.warn(
            f"{OWNER} leaves out {', '.join(left)}: a store holds {', '.join(IMAGES)}, and coordinates of every sample "
            "or of another axis.",
            UserWarning,
            stacklevel=2,
        )
