"""Stored sets as lazy xarray Datasets: values are read and decoded when they are asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from xarray.backends.common import BackendArray
from xarray.core import indexing

from scatterkit.datasets._errors import DataFormatError, bad_file, reading
from scatterkit.datasets.generation._store import COORDINATES, METADATA, block_file, decoded, is_sealed
from scatterkit.datasets.schema import FORMAT, MASK, PATTERN, PATTERN_DIMS, SATURATED, VOLUME

if TYPE_CHECKING:
    import xarray as xr

WHAT = "a data set that this package stored"


class StoredArray(BackendArray):
    """An array of a store; numbers come scaled as float32, occupancies of one bit too."""

    def __init__(self, root: Path, name: str, metadata: Mapping[str, Any], owner: str) -> None:
        import zarr
        from zarr.storage import LocalStore, StorePath

        self._folder, self._owner = root / name, owner
        store = StorePath(LocalStore(root, read_only=True), name)
        described: Any = dict(metadata)
        self._array = zarr.Array(zarr.AsyncArray(metadata=described, store_path=store))
        self._scale = metadata["attributes"].get("scale_factor")
        self.shape = self._array.shape
        self._is_text = metadata["data_type"] == "string"
        self._floats = name in (PATTERN, VOLUME)
        self.dtype = np.dtype(object if self._is_text else np.float32 if self._floats else self._array.dtype)
        self._block = block_shape(metadata)[0]

    @property
    def encoding(self) -> dict[str, Any]:
        """How the array is stored, in xarray's words."""
        array = self._array
        found = {"dtype": array.dtype, "chunks": array.chunks, "shards": array.shards}
        return found if self._scale is None else found | {"scale_factor": self._scale}

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> Any:
        try:
            values: Any = self._chosen(key) if isinstance(key[0], np.ndarray) else self._array.oindex[key]
        except Exception as error:  # a codec's errors are of every kind
            raise self._damage(key, error) from error
        if self._is_text:
            return np.asarray(values, dtype=object)
        if not self._floats:
            return values
        return decoded(values, self._scale)

    def _chosen(self, key: tuple[Any, ...]) -> Any:
        """Read samples that are not in a row: whole chunks and rows of them, since each reading costs much."""
        samples, rest = np.asarray(key[0]), key[1:]
        wanted = np.unique(samples)
        chunk = self._array.chunks[0]
        apart = np.flatnonzero(np.diff(wanted // chunk) > 1) + 1
        parts = [self._run(part, rest) for part in np.split(wanted, apart) if len(part)]
        if not parts:
            return self._array.oindex[key]
        return np.concatenate(parts)[np.searchsorted(wanted, samples)]

    def _run(self, samples: Any, rest: tuple[Any, ...]) -> Any:
        first, last = int(samples[0]), int(samples[-1])
        values: Any = self._array.oindex[(slice(first, last + 1), *rest)]
        return values[samples - first]

    def _damage(self, key: tuple[Any, ...], error: Exception) -> Exception:
        """Say which file is damaged: the first of those that were asked for which cannot be read alone."""
        samples = np.atleast_1d(np.arange(self.shape[0])[key[0]])
        for block in np.unique(samples // self._block):
            try:
                start = block * self._block
                self._array[int(start) : int(min(start + self._block, self.shape[0]))]
            except Exception as own:  # as above
                file = self._folder / block_file(int(block), len(self.shape))
                return bad_file(file, self._owner, WHAT, f"which is damaged ({own})")
        return error


def read_group(path: Path, owner: str) -> dict[str, Any]:
    """Read and check the metadata of a set, finished or not: all of it is in one file."""
    group = _read_json(path, owner)
    try:
        arrays = group["consolidated_metadata"]["metadata"]
        if group["attributes"]["format"] != FORMAT:
            raise bad_file(path, owner, WHAT, "which is of another format")
        json.loads(group["attributes"].get("generator", "null"))
        check_arrays(arrays)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, DataFormatError):
            raise
        raise bad_file(path, owner, WHAT, f"whose metadata are damaged ({error!r})") from error
    return group


def _read_json(path: Path, owner: str) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise bad_file(path, owner, WHAT, f"which cannot be read ({error})") from error


def check_arrays(arrays: Mapping[str, Any]) -> None:
    """Raise a ValueError, or the like, unless this is metadata of a set's arrays."""
    n_samples = arrays[PATTERN]["shape"][0]
    for name, metadata in arrays.items():
        shape, dims = metadata["shape"], metadata["dimension_names"]
        if "/" in name or name.startswith("."):
            raise ValueError(f"array {name!r} has no proper name")
        if len(shape) != len(dims) or not all(type(size) is int and size > 0 for size in shape):
            raise ValueError(f"array {name!r} has shape {shape!r} and dimensions {dims!r}")
        block = block_shape(metadata)
        if not all(type(size) is int and size > 0 for size in block):
            raise ValueError(f"array {name!r} has blocks {block!r}")
        if dims[0] == "sample" and (shape[0] != n_samples or block[1:] != shape[1:]):
            raise ValueError(f"array {name!r} has shape {shape!r} and blocks {block!r}")
        if metadata["data_type"] != "string":
            np.dtype(metadata["data_type"])
        if not isinstance(metadata["attributes"], dict):
            raise ValueError(f"array {name!r} has no attributes")
    if tuple(arrays[PATTERN]["dimension_names"]) != PATTERN_DIMS:
        raise ValueError(f"{PATTERN!r} has dimensions {arrays[PATTERN]['dimension_names']!r}")


def block_shape(metadata: Mapping[str, Any]) -> list[int]:
    """Give the shape of the part of an array that has a file of its own."""
    return metadata["chunk_grid"]["configuration"]["chunk_shape"]


def sample_count(group: Mapping[str, Any]) -> int:
    """Give the number of samples of a set by its metadata."""
    return group["consolidated_metadata"]["metadata"][PATTERN]["shape"][0]


def check_copies(root: Path, arrays: Mapping[str, Any], owner: str) -> None:
    """Raise unless the arrays' own metadata, which other readers look at, are those of the group."""
    for name, metadata in arrays.items():
        if _read_json(root / name / METADATA, owner) != metadata:
            raise bad_file(root / name / METADATA, owner, WHAT, f"which is not what {root / METADATA} says")


def check_files(root: Path, arrays: Mapping[str, Any], blocks: Sequence[int] | None, owner: str) -> None:
    """Raise unless all files are there: what is missing, Zarr takes for zeros. None checks all blocks."""
    for name, metadata in arrays.items():
        sampled = metadata["dimension_names"][0] == "sample"
        count = -(-metadata["shape"][0] // block_shape(metadata)[0])
        try:
            there = {entry.name: entry.stat().st_size for entry in os.scandir(root / name) if entry.is_file()}
        except OSError as error:
            raise bad_file(root / name, owner, WHAT, f"which cannot be read ({error})") from error
        for block in blocks if sampled and blocks is not None else range(count):
            file = block_file(block, len(metadata["shape"]))
            if file not in there:
                raise bad_file(root / name / file, owner, WHAT, "which is missing")
            if there[file] <= _least_bytes(metadata):
                given = f"which is damaged: it has no more than {there[file]} bytes"
                raise bad_file(root / name / file, owner, WHAT, given)


def _least_bytes(metadata: Mapping[str, Any]) -> int:
    """Give the size of a block's checksum or index; Zarr takes a file that ends within its index for an empty one."""
    first = metadata["codecs"][0] if metadata["codecs"] else {}
    if first.get("name") != "sharding_indexed":
        return 4
    return 16 * (block_shape(metadata)[0] // first["configuration"]["chunk_shape"][0]) + 4


def ends_well(root: Path, name: str, metadata: Mapping[str, Any], block: int) -> bool:
    """Whether a block's file is there up to its end: that of a shard is its index, with a checksum of its own."""
    try:
        with open(root / name / block_file(block, len(metadata["shape"])), "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            least = _least_bytes(metadata)
            sharded = least > 4
            stream.seek(max(0, size - least) if sharded else 0)
            return size > least and is_sealed(stream.read())
    except OSError:
        return False


def lazy_dataset(
    root: Path, group: Mapping[str, Any], owner: str, blocks: Sequence[int] | None = None
) -> xr.Dataset:
    """Give the Dataset of a set's metadata; of some blocks alone, where not all are finished."""
    import xarray as xr

    arrays = group["consolidated_metadata"]["metadata"]
    if blocks is None:
        check_copies(root, arrays, owner)
    with reading(root / METADATA, owner=owner, allowed=WHAT):
        check_files(root, arrays, blocks, owner)
    samples = np.arange(sample_count(group), dtype=np.int64)
    variables = {}
    for name, metadata in arrays.items():
        with reading(root / name / METADATA, owner=owner, allowed=WHAT):
            variables[name] = _variable(root, name, metadata, owner)
    variables["sample"] = xr.Variable(("sample",), samples, arrays["sample"]["attributes"])
    data = [name for name in (VOLUME, PATTERN, MASK, SATURATED) if name in variables]
    attrs = {name: value for name, value in group["attributes"].items() if name != COORDINATES}
    dataset = xr.Dataset({name: variables.pop(name) for name in data}, coords=variables, attrs=attrs)
    if blocks is not None:
        size = block_shape(arrays[PATTERN])[0]
        dataset = dataset.isel(sample=np.flatnonzero(np.isin(samples // size, blocks)))
    dataset.encoding["source"] = str(root)
    return dataset


def _variable(root: Path, name: str, metadata: Mapping[str, Any], owner: str) -> xr.Variable:
    import xarray as xr

    stored = StoredArray(root, name, metadata, owner)
    attrs = {key: value for key, value in metadata["attributes"].items() if key != "scale_factor"}
    variable = xr.Variable(metadata["dimension_names"], indexing.LazilyIndexedArray(stored), attrs)
    if metadata["dimension_names"][0] == "sample" and len(metadata["shape"]) > 1:
        variable.encoding = stored.encoding
    return variable
