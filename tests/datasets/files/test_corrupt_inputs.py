"""Damaged files and files of something else: a data set or one kind of error, which names the file."""

from __future__ import annotations

import contextlib
import logging
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from scatterkit._validation import InvalidParameterError
from scatterkit.datasets import (
    DataFormatError,
    make_dataset,
    read_cxi,
    read_images,
    read_netcdf,
    read_numpy,
    read_pattern,
    read_scatter2d3d,
    read_table,
    read_volume,
    write_cxi,
    write_netcdf,
    write_pattern,
    write_scatter2d3d,
    write_volume,
)

PATTERNS = np.random.default_rng(0).random((3, 8, 8)).astype(np.float32)
HEADER = "nr,real,scatter,polyhedron,symm,theta,phi,alpha,size,stretch,axis,cut,caxis"
LINE = "1,./1r.png,./1s.png,Cube,O_h,1.9,0.4,0.08,0.6,0.6,C4,0.2,{0.1,0.2,0.3}"


def small_set() -> Any:
    return make_dataset(
        PATTERNS,
        masks=PATTERNS > 0.1,
        volumes=np.ones((3, 16, 16, 16)),
        coords={"label": ["a", "b", "c"], "quaternion": np.ones((3, 4))},
        attrs={"wavelength": 13.5, "distance": 70.0, "pixel_size": 0.075},
        box=300.0,
    )


def write_npy(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, PATTERNS)


def write_npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, pattern=PATTERNS, mask=PATTERNS > 0.1)


def write_edf(path: Path) -> None:
    from fabio.edfimage import EdfImage

    image = EdfImage(data=PATTERNS[0], header={"ExposureTime": "0.25"})
    image.append_frame(data=PATTERNS[1], header={"ExposureTime": "0.5"})
    image.write(str(path))


def write_cbf(path: Path) -> None:
    from fabio.cbfimage import CbfImage

    CbfImage(data=(1000 * PATTERNS[0]).astype(np.int32)).write(str(path))


def write_tiff(path: Path, **options: Any) -> None:
    tifffile.imwrite(path, (1000 * PATTERNS).astype(np.uint16), photometric="minisblack", **options)


def write_table(path: Path) -> None:
    path.write_text("\n".join([HEADER, LINE, LINE]) + "\n")


@dataclass(frozen=True)
class Kind:
    """A kind of file: how one is made, and read."""

    name: str
    write: Callable[[Path], Any]
    read: Callable[[Any], Any]


KINDS = [
    Kind("cxi", lambda path: write_cxi(small_set(), path), read_cxi),
    Kind("plain.cxi", lambda path: write_cxi(small_set(), path, compress=False), read_cxi),
    Kind("nc", lambda path: write_netcdf(small_set(), path), read_netcdf),
    Kind("npy", write_npy, read_numpy),
    Kind("npz", write_npz, read_numpy),
    Kind("tif", write_tiff, read_images),
    Kind("deflated.tif", lambda path: write_tiff(path, compression="zlib"), read_images),
    Kind("edf", write_edf, read_images),
    Kind("cbf", write_cbf, read_images),
    Kind(
        "grey.png",
        lambda path: Image.fromarray((9999 * PATTERNS[0]).astype(np.uint16)).save(path, format="PNG"),
        read_images,
    ),
    Kind("r.png", lambda path: write_volume(path, np.ones((16, 16, 16))), read_volume),
    Kind("s.png", lambda path: write_pattern(path, PATTERNS[0]), read_pattern),
    Kind("csv", write_table, read_table),
]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The libraries also write what they find into the log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@every_kind
def test_the_file_itself_is_read(kind: Kind, tmp_path: Path) -> None:
    kind.write(tmp_path / f"a.{kind.name}")
    assert len(kind.read(tmp_path / f"a.{kind.name}")) > 0
    assert len(kind.read(str(tmp_path / f"a.{kind.name}"))) > 0


@every_kind
def test_no_file_a_folder_and_an_empty_file(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind.name}"
    with pytest.raises(FileNotFoundError, match=f"There is no file .*a.{kind.name}"):
        kind.read(path)
    path.touch()
    with pytest.raises(DataFormatError, match=f"a.{kind.name}, an empty file, instead"):
        kind.read(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(DataFormatError, match=f"a.{kind.name}, (a folder|without such files), instead"):
        kind.read(path)


@every_kind
def test_things_that_are_no_paths(kind: Kind) -> None:
    for thing in (3, None, b"a"):
        with pytest.raises(InvalidParameterError, match="must be"):
            kind.read(thing)
    with pytest.raises(FileNotFoundError):
        kind.read("a\0b")


@every_kind
def test_files_of_another_kind(kind: Kind, tmp_path: Path) -> None:
    """Whatever the name ends in: of each reader, all files that are not its own."""
    for other in KINDS:
        if other.read is kind.read or (kind.read is read_images and other.name.endswith("png")):
            continue
        path = tmp_path / f"{other.name}.{kind.name}"
        other.write(path)
        if kind.read in (read_cxi, read_netcdf) and other.read in (read_cxi, read_netcdf):
            with pytest.raises(DataFormatError, match="pattern"):  # HDF5, but another layout
                kind.read(path)
        elif (kind.read, other.name) != (read_pattern, "grey.png"):
            with pytest.raises(DataFormatError, match=f"{other.name}.{kind.name}"):
                kind.read(path)
    path = tmp_path / f"text.{kind.name}"
    for content in (b"hello\n", bytes(range(256)) * 8, b"\0" * 2000):
        path.write_bytes(content)
        with pytest.raises(DataFormatError, match=f"text.{kind.name}"):
            kind.read(path)


@every_kind
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6])
def test_truncated_files(kind: Kind, share: float, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind.name}"
    kind.write(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataFormatError, match=f"a.{kind.name}"):
        kind.read(path)


def damage(draw: Any, content: bytes) -> bytes:
    """Flip bytes, put others in, or cut the file."""
    changed = bytearray(content)
    how = draw(st.sampled_from(["flip", "header", "insert", "cut"]))
    if how == "cut":
        return bytes(changed[: draw(st.integers(1, len(changed) - 1))])
    if how == "insert":
        place, length = draw(st.integers(0, len(changed) - 1)), draw(st.integers(0, 64))
        changed[place : place + length] = draw(st.binary(min_size=0, max_size=64))
        return bytes(changed) or b"\0"
    last = len(changed) - 1 if how == "flip" else min(400, len(changed) - 1)
    for place, value in draw(
        st.lists(st.tuples(st.integers(0, last), st.integers(0, 255)), min_size=1, max_size=8)
    ):
        changed[place] = value
    return bytes(changed)


@every_kind
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files(kind: Kind, tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / f"a.{kind.name}"
    if not path.exists():
        kind.write(path)
    damaged = tmp_path / f"b.{kind.name}"
    damaged.write_bytes(damage(data.draw, path.read_bytes()))
    with contextlib.suppress(DataFormatError):
        assert len(kind.read(damaged)) > 0
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted({path.name, damaged.name})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER, "a header without rows"),
        (f"{HEADER}\n\n  \n", "a header without rows"),
        (f"{HEADER}\n{LINE}\n".replace(",", ";"), "without nr, real, .*separated by semicolons"),
        (f"{HEADER.replace('theta', 'tetha')}\n{LINE}", "without theta"),
        (f"{HEADER}\n{LINE.replace('1.9', 'steep')}", "line 2: could not convert"),
        (f"{HEADER}\n{LINE}\n2,3", "line 3: 2 fields for 13 columns"),
        (f"{HEADER}\n{LINE}\n{'9' * 5000}{LINE}", "line 3"),
        ("\n", "without nr"),
    ],
)
def test_tables(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "infos.csv").write_text(text)
    with pytest.raises(DataFormatError, match=f"infos.csv, {said}"):
        read_table(tmp_path / "infos.csv")


def test_tables_of_spreadsheets(tmp_path: Path) -> None:
    """With a byte order mark and the line ends of another system; but not in another encoding."""
    path = tmp_path / "infos.csv"
    path.write_bytes(b"\xef\xbb\xbf" + f"{HEADER}\r\n{LINE}\r\n".encode())
    [row] = read_table(path)
    assert row.nr == 1
    path.write_text(f"{HEADER}\n{LINE}\n", encoding="utf-16")
    with pytest.raises(DataFormatError, match="not UTF-8"):
        read_table(path)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_png_that_unpacks_without_end(tmp_path: Path) -> None:
    """A few kilobytes that announce 16 gigabytes of pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2**16, 2**17, 16, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(10**6)))
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b""))
    for read in (read_volume, read_pattern, read_images):
        with pytest.raises(DataFormatError, match=r"bomb\.png"):
            read(tmp_path / "bomb.png")


def test_an_array_larger_than_its_file(tmp_path: Path) -> None:
    path = tmp_path / "run.npy"
    write_npy(path)
    path.write_bytes(path.read_bytes().replace(b"(3, 8, 8)", b"(3, 8, 9)"))
    with pytest.raises(DataFormatError, match=r"run\.npy"):
        read_numpy(path)
    with h5py.File(tmp_path / "run.h5", "w") as file:
        stack = file.create_dataset("data", (1000, 20_000, 20_000), "f4", chunks=(1, 2000, 2000))
        stack[0, :9, :9] = 1
    with pytest.raises(DataFormatError, match="announces 1600000000000 bytes"):
        read_cxi(tmp_path / "run.h5", dataset="data")


@pytest.mark.parametrize("kind", KINDS[:3], ids=lambda kind: kind.name)
def test_a_flipped_bit_of_a_value_is_found(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind.name}"
    kind.write(path)
    with h5py.File(path, "r") as file:
        name = "pattern" if "pattern" in file else "entry_1/data_1/data"
        place = file[name].id.get_chunk_info(1).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 8] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataFormatError, match=f"a.{kind.name}"):
        kind.read(path)


def test_wrong_types_in_a_cxi_file(tmp_path: Path) -> None:
    for name, value in [
        ("entry_1/data_1/data", "a text"),
        ("entry_1/data_1", np.ones((2, 3, 3))),
        ("entry_1", 3),
    ]:
        with h5py.File(tmp_path / "run.cxi", "w") as file:
            file[name] = value
        with pytest.raises(DataFormatError, match=r"run\.cxi"):
            read_cxi(tmp_path / "run.cxi")


def test_a_damaged_picture_in_a_folder(tmp_path: Path) -> None:
    data = make_dataset(np.zeros((3, 128, 128)), volumes=np.ones((3, 16, 16, 16)))
    table = write_scatter2d3d(data, tmp_path / "set")
    picture = tmp_path / "set/real/1/2r.png"
    content = picture.read_bytes()
    for torn in (content[:-30], b"", content[:40] + b"\xff" * 20 + content[60:]):
        picture.write_bytes(torn)
        with pytest.raises(DataFormatError, match=r"2r\.png"):
            read_scatter2d3d(table, grid=16)
