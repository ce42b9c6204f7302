"""A generated set on disk: a Zarr v3 group of arrays, of which each block of samples has files of its own.

Blocks are written here without the Zarr library, chunk by chunk, so that a block may be far larger than what a worker
holds in memory, and the same samples give the same bytes. Any Zarr v3 reader opens the result. Layout and codecs:
https://zarr-specs.readthedocs.io (core 3.0, sharding_indexed, bytes, crc32c) and the registered codecs zstd and
vlen-utf8. One codec serves all: to shuffle bytes or bits first gains 2 % on patterns and loses on volumes, and higher
levels gain next to nothing (tests/benchmarks/bench_codecs.py).
"""

from __future__ import annotations

import json
import os
import struct
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from scatterkit.datasets.generation._columns import STRING
from scatterkit.datasets.schema import PATTERN, VOLUME

ZSTD_LEVEL = 1
METADATA = "zarr.json"
COORDINATES = "coordinates"
_CRC32C = {"name": "crc32c"}
_BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
_INDEX_CODECS = [_BYTES, _CRC32C]


@dataclass(frozen=True)
class ArraySpec:
    """One array of the store, as it is written: its first dimension is the sample.

    ``chunk`` is the number of samples that are compressed together in a shard; None where a block is one chunk, as
    for coordinates. Numbers are stored divided by ``scale``.
    """

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    chunk: int | None = None
    scale: float | None = None
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sharded(self) -> bool:
        """Whether a block is a shard of several chunks."""
        return self.chunk is not None

    def file_name(self, block: int) -> str:
        """Give the name of a block's file in the folder of the array."""
        return block_file(block, len(self.shape) + 1)

    def metadata(self, n_samples: int, shard_size: int) -> dict[str, Any]:
        """Give the array's Zarr metadata."""
        block = [shard_size, *self.shape]
        attributes = dict(self.attrs) | ({} if self.scale is None else {"scale_factor": self.scale})
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": [n_samples, *self.shape],
            "data_type": self.dtype,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": block}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
            "fill_value": _fill_value(self.dtype),
            "codecs": self._codecs(),
            "dimension_names": list(self.dims),
            "attributes": attributes,
            "storage_transformers": [],
        }

    def _codecs(self) -> list[dict[str, Any]]:
        if not self.sharded:
            return self._chunk_codecs()
        configuration = {
            "chunk_shape": [self.chunk, *self.shape],
            "codecs": self._chunk_codecs(),
            "index_codecs": _INDEX_CODECS,
            "index_location": "end",
        }
        return [{"name": "sharding_indexed", "configuration": configuration}]

    def _chunk_codecs(self) -> list[dict[str, Any]]:
        zstd = {"name": "zstd", "configuration": {"level": ZSTD_LEVEL, "checksum": False}}
        if self.dtype == STRING:
            return [{"name": "vlen-utf8", "configuration": {}}, zstd, _CRC32C]
        plain = np.dtype(self.dtype).itemsize == 1  # a single byte has no order
        return [{"name": "bytes"} if plain else _BYTES, zstd, _CRC32C]

    def decode(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Give the values that stored ones mean: images as float32, all else as it is."""
        return decoded(stored, self.scale) if self.name in (PATTERN, VOLUME) else stored

    def encode(self, values: NDArray[Any], length: int) -> bytes:
        """Give the bytes of a chunk of so many samples; what is missing at its end is filled up."""
        from numcodecs import zstd

        if len(values) < length:
            padded = np.full((length, *values.shape[1:]), _fill_value(self.dtype), values.dtype)
            padded[: len(values)] = values
            values = padded
        if self.dtype == STRING:
            return _sealed(zstd.compress(_vlen_utf8(values.ravel()), ZSTD_LEVEL))
        little = np.ascontiguousarray(values, np.dtype(self.dtype).newbyteorder("<"))
        return _sealed(zstd.compress(little, ZSTD_LEVEL))


@dataclass(frozen=True)
class Layout:
    """All arrays of a store, and how many samples a block has."""

    shard_size: int
    arrays: tuple[ArraySpec, ...]

    def n_blocks(self, n_samples: int) -> int:
        """Give the number of blocks of so many samples."""
        return -(-n_samples // self.shard_size)

    def samples(self, block: int, n_samples: int) -> range:
        """Give the samples of a block."""
        return range(block * self.shard_size, min((block + 1) * self.shard_size, n_samples))


def block_file(block: int, ndim: int) -> str:
    """Give the name of a block's file in the folder of an array of so many dimensions."""
    return ".".join(["c", str(block), *["0"] * (ndim - 1)])


def decoded(stored: NDArray[Any], scale: float | None) -> NDArray[np.float32]:
    """Give stored numbers as float32, multiplied by their scale."""
    values = np.asarray(stored, dtype=np.float32)
    return values if scale is None else values * np.float32(scale)


def _fill_value(dtype: str) -> Any:
    if dtype == STRING:
        return ""
    return np.zeros((), dtype).item()


def _vlen_utf8(values: Iterable[str]) -> bytes:
    texts = [text.encode() for text in values]
    parts = [struct.pack("<I", len(texts))]
    for text in texts:
        parts += [struct.pack("<I", len(text)), text]
    return b"".join(parts)


def _sealed(content: bytes) -> bytes:
    from google_crc32c import value

    return content + struct.pack("<I", value(content))


def is_sealed(content: bytes) -> bool:
    """Whether bytes end with the checksum of those before it."""
    return content == _sealed(content[:-4])


class BlockWriter:
    """Writes the files of one block into a folder, each under the name of its array.

    ``append`` takes samples in order, in any portions; what is held in memory is one chunk of each array.
    """

    def __init__(self, folder: Path, layout: Layout, n_samples: int) -> None:
        self.folder = folder
        self._layout = layout
        self._n_samples = n_samples
        self._stack = ExitStack()
        self._files: dict[str, _ShardFile] = {}

    def __enter__(self) -> BlockWriter:
        for spec in self._layout.arrays:
            if spec.sharded:
                stream = self._stack.enter_context(open(self.folder / spec.name, "wb"))
                length = min(self._n_samples, self._layout.shard_size)
                self._files[spec.name] = _ShardFile(stream, spec, self._layout.shard_size, length)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def slot(self, name: str) -> NDArray[Any]:
        """Give the place in memory of the next sample of an array, to be filled; ``done`` moves on."""
        return self._files[name].slot()

    def done(self) -> None:
        """Take what was put into the slots of all sharded arrays as a sample."""
        for file in self._files.values():
            file.advance()

    def finish(self, columns: Mapping[str, NDArray[Any]]) -> dict[str, int]:
        """Write the coordinates and the ends of the shards to disk for good; give the sizes of the files."""
        streams = {}
        for spec in self._layout.arrays:
            if spec.sharded:
                self._files[spec.name].finish()
                streams[spec.name] = self._files[spec.name].stream
            else:
                stream = self._stack.enter_context((self.folder / spec.name).open("wb"))
                stream.write(spec.encode(columns[spec.name], self._layout.shard_size))
                streams[spec.name] = stream
            streams[spec.name].flush()
        # at once: file systems then take a few turns for all of them, instead of one for each
        with ThreadPoolExecutor(len(streams)) as pool:
            list(pool.map(os.fsync, [stream.fileno() for stream in streams.values()]))
        return {name: stream.tell() for name, stream in streams.items()}


class _ShardFile:
    """A shard that is written chunk after chunk: the chunks, then the index of where they are, and its checksum."""

    def __init__(self, stream: BinaryIO, spec: ArraySpec, shard_size: int, n_samples: int) -> None:
        assert spec.chunk is not None
        self.stream = stream
        self._spec = spec
        self._length = spec.chunk
        self._buffer = np.zeros((min(spec.chunk, n_samples), *spec.shape), spec.dtype)
        self._filled = 0
        self._index = np.full((shard_size // spec.chunk, 2), 2**64 - 1, "<u8")  # all ones: no such chunk
        self._written = 0

    def slot(self) -> NDArray[Any]:
        return self._buffer[self._filled]

    def advance(self) -> None:
        self._filled += 1
        if self._filled == self._length:
            self._flush()

    def finish(self) -> None:
        self._flush()
        self.stream.write(_sealed(self._index.tobytes()))

    def _flush(self) -> None:
        if self._filled == 0:
            return
        content = self._spec.encode(self._buffer[: self._filled], self._length)
        self._index[self._written] = self.stream.tell(), len(content)
        self.stream.write(content)
        self._written += 1
        self._filled = 0


Static = Mapping[str, tuple[Sequence[str], NDArray[Any], Mapping[str, Any]]]
"""Arrays without samples, by name: (dimensions, values, attributes)."""


def group_metadata(
    layout: Layout, n_samples: int, static: Static, attributes: Mapping[str, Any]
) -> dict[str, Any]:
    """Give the Zarr metadata of a whole set, those of its arrays within."""
    arrays = {spec.name: spec.metadata(n_samples, layout.shard_size) for spec in layout.arrays}
    for name, (_, values, _) in static.items():
        arrays[name] = _static_spec(name, static).metadata(len(values), len(values))
    images = {spec.name for spec in layout.arrays if spec.sharded}
    axes = {dim for array in arrays.values() for dim in array["dimension_names"]}
    # by this attribute of the CF conventions readers tell coordinates from data
    coordinates = " ".join(sorted(set(arrays) - images - axes))
    return {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {**attributes, COORDINATES: coordinates},
        "consolidated_metadata": {
            "kind": "inline",
            "must_understand": False,
            "metadata": dict(sorted(arrays.items())),
        },
    }


def _static_spec(name: str, static: Static) -> ArraySpec:
    dims, values, attrs = static[name]
    dtype = STRING if values.dtype.kind in "OUT" else values.dtype.name
    return ArraySpec(name, tuple(dims), values.shape[1:], dtype, attrs=attrs)


def write_static(root: Path, static: Static, scratch: Path) -> None:
    """Write the arrays without samples; files grow in another folder."""
    for name, (_, values, _) in static.items():
        (root / name).mkdir(exist_ok=True)
        spec = _static_spec(name, static)
        write_atomically(root / name / spec.file_name(0), spec.encode(values, len(values)), scratch)


def write_group(root: Path, group: Mapping[str, Any], scratch: Path) -> None:
    """Make finished blocks a Zarr group: the group's own file, written last, is what makes it one."""
    for name, metadata in group["consolidated_metadata"]["metadata"].items():
        write_atomically(root / name / METADATA, json_bytes(metadata), scratch)
    write_atomically(root / METADATA, json_bytes(group), scratch)


def json_bytes(content: Any) -> bytes:
    """Give the one JSON text of a content."""
    return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()


def write_atomically(path: Path, content: bytes, scratch: Path) -> None:
    """Write a file that is there in full or not at all, whatever happens; it grows in another folder."""
    partial = (
        scratch / f"{path.parent.name}-{path.name}-{uuid.uuid4().hex}"
    )  # several computers may share the folder
    try:
        with open(partial, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Write the names of a folder's files to disk for good."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
