"""What batches are read from: a store, a Dataset, or arrays, each as a ``Reader`` of samples in a row."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import fail, shown
from scatterkit.datasets.feeding.body_pool import LEVELS, BodyPool
from scatterkit.datasets.generation._store import decoded
from scatterkit.datasets.schema import MASK, NORMALS, OFFSETS, PATTERN, VOLUME, check_dataset

Array = NDArray[Any]
_NDIM = {PATTERN: 3, MASK: 3, VOLUME: 4, NORMALS: 3, OFFSETS: 2}
_RUN = 128
"""Samples read at once, about: by fewer the store's own overhead shows, more of them mix less."""
_RUN_BYTES = 64_000_000
"""Most bytes read at once, unless a chunk has more: large samples have less of that overhead."""
_ALLOWED = (
    "the path of a data set, an xarray Dataset of the package's form, a BodyPool, or a mapping of 'pattern', 'volume', "
    "'mask', 'normals' and 'offsets' to arrays of as many samples"
)


class Source:
    """Some variables of a set, as stored.

    Parameters
    ----------
    columns : mapping of str to Column
        The variables.
    """

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self.columns = columns
        self.n_samples = min(column.shape[0] for column in columns.values())
        self.run = self._run()

    @property
    def resident(self) -> bool:
        """Whether all is in memory already, so that a window costs none."""
        return all(column.resident for column in self.columns.values())

    @property
    def stored_bytes(self) -> int:
        """Bytes that a sample takes in a window."""
        lazy = [column for column in self.columns.values() if not column.resident]
        return sum(math.prod(column.shape[1:]) * column.dtype.itemsize for column in lazy)

    def _run(self) -> int:
        most = min(_RUN, max(1, _RUN_BYTES // max(self.stored_bytes, 1)))
        lengths = {
            name: _run_length(column.blocks, self.n_samples, most) for name, column in self.columns.items()
        }
        longest = max(lengths.values())
        if longest * self.stored_bytes <= _RUN_BYTES:
            return longest
        # a chunk of small samples is rather decoded several times than read with as many large ones
        return lengths[max(self.columns, key=lambda name: math.prod(self.columns[name].shape[1:]))]

    def read(self, start: int, stop: int) -> dict[str, Array]:
        """Give samples as they are stored, by variable."""
        return {name: column.read(start, stop) for name, column in self.columns.items()}

    def decode(self, name: str, stored: Array) -> Array:
        """Give the values that stored samples mean."""
        return self.columns[name].decode(stored)


class Column:
    """A variable in an array that slices along its first axis."""

    resident = False

    def __init__(self, values: Any) -> None:
        self._values = values
        self.shape: tuple[int, ...] = tuple(values.shape)
        self.dtype = np.dtype(values.dtype)
        self.decoded = self.shape[1:]
        self.blocks: tuple[int, int] = (1, self.shape[0])

    @property
    def file(self) -> str:
        """The file that lies behind values on disk, where that is known."""
        name = self._values.filename if isinstance(self._values, np.memmap) else None
        return os.path.abspath(name) if name else ""

    def read(self, start: int, stop: int) -> Array:
        """Give samples as they are stored."""
        return np.asarray(self._values[start:stop])

    def decode(self, stored: Array) -> Array:
        """Give the values that stored samples mean."""
        return np.asarray(stored, np.float32)


class _Held(Column):
    """A variable in memory, or mapped into it."""

    def __init__(self, values: Any) -> None:
        super().__init__(np.asanyarray(values))
        self.resident = not isinstance(values, np.memmap)


class _Variable(Column):
    """A variable of a Dataset, which xarray decodes as it is read."""

    def __init__(self, variable: Any) -> None:
        super().__init__(variable)
        self.resident = isinstance(variable._data, np.ndarray)
        shards, chunks = (variable.encoding.get(name) for name in ("shards", "chunks"))
        chunk = chunks[0] if chunks else 1
        self.blocks = (chunk, shards[0] if shards else chunk if chunks else self.shape[0])

    @property
    def file(self) -> str:
        path = self._values.encoding.get("source", "")
        return os.path.abspath(path) if path else ""

    def read(self, start: int, stop: int) -> Array:
        return np.asarray(self._values[start:stop].values)


class _Stored(Column):
    """An array of a store: windows keep it as it is stored, often a quarter of the values' size."""

    def __init__(self, array: Any, variable: Any) -> None:
        super().__init__(array)
        self._variable = variable
        self._scale = array.attrs.get("scale_factor")
        self.blocks = (array.chunks[0], (array.shards or array.chunks)[0])

    def read(self, start: int, stop: int) -> Array:
        try:
            return super().read(start, stop)
        except Exception:
            np.asarray(self._variable[start:stop].values)  # raises too, and says which file is damaged
            raise

    def decode(self, stored: Array) -> Array:
        return decoded(stored, self._scale)


class _Pooled(Column):
    """A variable of a pool."""

    def __init__(self, pool: BodyPool, name: str) -> None:
        self._pool, self._name = pool, name
        example = pool.stored(np.arange(1), (name,))[name]
        self.shape, self.dtype, self.decoded = (
            (len(pool), *example.shape[1:]),
            example.dtype,
            example.shape[1:],
        )
        self.blocks = (1, pool.block_size)

    @property
    def file(self) -> str:
        return str(self._pool.folder)

    def read(self, start: int, stop: int) -> Array:
        return self._pool.stored(np.arange(start, stop), (self._name,))[self._name]

    def decode(self, stored: Array) -> Array:
        return decoded(stored, 1 / LEVELS if self._name == PATTERN else None)


def _pool_columns(pool: BodyPool) -> dict[str, Column]:
    columns: dict[str, Column] = {name: _Pooled(pool, name) for name in (PATTERN, NORMALS, OFFSETS)}
    if pool.mask is not None:
        columns[MASK] = _Held(np.broadcast_to(pool.mask, (len(pool), *pool.shape)))
    return columns


def open_source(
    source: Any, names: Sequence[str], *, owner: str, optional: Sequence[str] = (), parameter: str = "source"
) -> Source:
    """Give the variables of a set that batches need, and those of the optional ones that it has; or raise."""
    return _opened(_columns_of(source, owner, parameter), names, optional, owner, parameter)


def _columns_of(source: Any, owner: str, parameter: str) -> Mapping[str, Column]:
    if isinstance(source, (str, os.PathLike)):
        return _store_columns(source)
    if isinstance(source, Mapping) and not hasattr(source, "data_vars"):
        return {name: _Held(value) for name, value in source.items()}
    if isinstance(source, BodyPool):
        if not len(source):
            raise fail(parameter, owner, "a pool with finished bodies", f"{source!r}, which has none yet,")
        return _pool_columns(source)
    if not hasattr(source, "data_vars"):
        raise fail(parameter, owner, _ALLOWED, shown(source))
    dataset = check_dataset(source, owner=owner, name=parameter)
    return {str(name): _Variable(dataset.variables[name]) for name in dataset.data_vars if name in _NDIM}


def _store_columns(path: str | os.PathLike[str]) -> dict[str, Column]:
    import zarr

    from scatterkit.datasets.generation.stored import open_dataset

    variables = open_dataset(path).variables
    group = zarr.open_group(path, mode="r")
    return {name: _Stored(group[name], variables[name]) for name in _NDIM if name in variables}


def _run_length(blocks: tuple[int, int], n_samples: int, most: int) -> int:
    """Give how many samples to read at once: whole chunks, a shard at most where it has several."""
    chunk, shard = blocks
    if chunk >= most:
        return chunk
    return min(chunk * (most // chunk), max(shard, 1), n_samples)


def _opened(
    columns: Mapping[str, Column], names: Sequence[str], optional: Sequence[str], owner: str, parameter: str
) -> Source:
    """Choose variables, and see that they belong together."""
    needs_pattern = PATTERN in names or optional  # masks that are not there take the patterns' shape
    if needs_pattern and PATTERN not in columns:
        raise fail(parameter, owner, _ALLOWED, f"the variables {sorted(columns)}")
    missing = [name for name in names if name not in columns]
    if missing:
        raise fail(parameter, owner, f"a set with the variables {list(names)}", f"one with {sorted(columns)}")
    chosen = {name: columns[name] for name in (*names, *optional) if name in columns}
    for name, column in chosen.items():
        if len(column.shape) != _NDIM[name] or 0 in column.shape or column.dtype.kind not in "buif":
            allowed = f"a set whose {name!r} has {_NDIM[name]} dimensions, none empty, and real numbers"
            raise fail(parameter, owner, allowed, f"shape {column.shape} and type {column.dtype}")
    lengths = {name: column.shape[0] for name, column in chosen.items()}
    if len(set(lengths.values())) > 1:
        raise fail(parameter, owner, "a set with as many samples of each variable", str(lengths))
    return Source(chosen)
