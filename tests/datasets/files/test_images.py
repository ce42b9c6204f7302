"""Pictures of detectors: frames in order, header facts, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_array_equal
from PIL import Image

from scatterkit._validation import InvalidParameterError
from scatterkit.datasets import DataFormatError, read_images

FRAMES = np.arange(4 * 6 * 8, dtype=np.uint16).reshape(4, 6, 8)


def tiff(path: Path, frames: Any = FRAMES, **options: Any) -> Path:
    tifffile.imwrite(path, frames, **({"photometric": "minisblack"} | options))
    return path


def edf(path: Path, frames: Any, headers: list[dict[str, str]]) -> Path:
    """An EDF file, made of nothing but its definition: text headers of 512 bytes, then the numbers."""
    blocks = []
    for i, (frame, header) in enumerate(zip(frames, headers, strict=True)):
        lines = {
            "HeaderID": f"EH:{i + 1:06d}:000000:000000",
            "Image": str(i + 1),
            "ByteOrder": "LowByteFirst",
            "DataType": {"uint16": "UnsignedShort", "float32": "FloatValue"}[str(frame.dtype)],
            "Dim_1": str(frame.shape[1]),
            "Dim_2": str(frame.shape[0]),
            "Size": str(frame.nbytes),
            **header,
        }
        text = "{\n" + "".join(f"{name} = {value} ;\n" for name, value in lines.items())
        blocks += [text.ljust(510).encode() + b"}\n", frame.tobytes()]
    path.write_bytes(b"".join(blocks))
    return path


def cbf(path: Path, frame: Any, lines: str = "") -> Path:
    """A CBF file with byte offsets, by its definition; differences are stored as four-byte escapes."""
    differences = np.diff(frame.ravel().astype(np.int64), prepend=0)
    data = b"".join(b"\x80\x00\x80" + struct.pack("<i", int(step)) for step in differences)
    digest = base64.b64encode(hashlib.md5(data).digest()).decode()
    head = (
        "###CBF: VERSION 1.5\r\n\r\ndata_x\r\n\r\n_array_data.header_contents\r\n;\r\n"
        f"{lines}\r\n;\r\n\r\n_array_data.data\r\n;\r\n--CIF-BINARY-FORMAT-SECTION--\r\n"
        'Content-Type: application/octet-stream;\r\n     conversions="x-CBF_BYTE_OFFSET"\r\n'
        f"Content-Transfer-Encoding: BINARY\r\nX-Binary-Size: {len(data)}\r\nX-Binary-ID: 1\r\n"
        'X-Binary-Element-Type: "signed 32-bit integer"\r\nX-Binary-Element-Byte-Order: LITTLE_ENDIAN\r\n'
        f"Content-MD5: {digest}\r\nX-Binary-Number-of-Elements: {frame.size}\r\n"
        f"X-Binary-Size-Fastest-Dimension: {frame.shape[1]}\r\n"
        f"X-Binary-Size-Second-Dimension: {frame.shape[0]}\r\nX-Binary-Size-Padding: 0\r\n\r\n"
    )
    tail = b"\r\n--CIF-BINARY-FORMAT-SECTION----\r\n;\r\n"
    path.write_bytes(head.encode() + b"\x0c\x1a\x04\xd5" + data + tail)
    return path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib"},
        {"imagej": True},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"metadata": {"axes": "TYX"}, "truncate": True},
    ],
)
def test_tiff_of_several_pages(tmp_path: Path, options: dict[str, Any]) -> None:
    if options.get("imagej"):
        options = options | {"photometric": None}
    data = read_images(tiff(tmp_path / "run.tif", **options))
    assert data.pattern.dtype == np.float32
    assert_array_equal(data.pattern.values, FRAMES)
    assert data.frame.values.tolist() == [0, 1, 2, 3]
    assert set(data.file.values) == {"run.tif"}


def test_a_stack_is_not_read_anew_for_each_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, reads = tiff(tmp_path / "run.tif", truncate=True), []
    plain = tifffile.TiffPageSeries.asarray

    def counted(self: Any, **options: Any) -> Any:
        reads.append(options)
        return plain(self, **options)

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", counted)
    assert_array_equal(read_images(path, frames=[2, 0, 3]).pattern.values, FRAMES[[2, 0, 3]])
    assert len(reads) == 1


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f4", "f8"])
def test_types_of_numbers(tmp_path: Path, dtype: str) -> None:
    data = read_images(tiff(tmp_path / "run.tif", FRAMES[0].astype(dtype)))
    assert_array_equal(data.pattern.values[0], FRAMES[0])


def test_natural_order_of_names(tmp_path: Path) -> None:
    for i in (10, 2, 1):
        tiff(tmp_path / f"shot{i}.tiff", FRAMES[0] + i)
    (tmp_path / "notes.txt").write_text("no picture")
    for source in (tmp_path, str(tmp_path / "shot*.tiff")):
        data = read_images(source)
        assert data.file.values.tolist() == ["shot1.tiff", "shot2.tiff", "shot10.tiff"]
        assert data.pattern.values[:, 0, 0].tolist() == [1, 2, 10]
    listed = read_images([tmp_path / "shot10.tiff", tmp_path / "shot1.tiff"])
    assert listed.pattern.values[:, 0, 0].tolist() == [10, 1]


def test_folders_come_one_after_the_other(tmp_path: Path) -> None:
    for run in (10, 9):
        (tmp_path / f"run{run}").mkdir()
        for i in (1, 2):
            tiff(tmp_path / f"run{run}" / f"shot{i}.tif", FRAMES[0] + 10 * run + i)
    data = read_images(f"{tmp_path}/run*/*.tif")
    assert data.pattern.values[:, 0, 0].tolist() == [91, 92, 101, 102]
    names = ["run9/shot1.tif", "run9/shot2.tif", "run10/shot1.tif", "run10/shot2.tif"]
    assert data.file.values.tolist() == names
    assert read_images([tmp_path / names[0], tmp_path / names[3]]).file.values.tolist() == [
        "shot1.tif",
        "shot2.tif",
    ]
    assert read_images([tmp_path / names[0]] * 2).file.values.tolist() == ["shot1.tif"] * 2


def test_frames_count_over_all_files(tmp_path: Path) -> None:
    files = [tiff(tmp_path / "a.tif", FRAMES[:3]), tiff(tmp_path / "b.tif", FRAMES[3:])]
    data = read_images(files, frames=[3, 1])
    assert_array_equal(data.pattern.values, FRAMES[[3, 1]])
    assert data.file.values.tolist() == ["b.tif", "a.tif"]
    assert data.frame.values.tolist() == [0, 1]
    assert read_images(files, frames=slice(-2, None)).sizes["sample"] == 2


def test_edf_with_its_header(tmp_path: Path) -> None:
    headers = [
        {"ExposureTime": "0.25", "Note": "dark", "WaveLength": "1.35e-8 m", "row": "1"},
        {"ExposureTime": "0.5 s", "WaveLength": "1.35e-8 m", "row": "2", "only_here": "3"},
    ]
    data = read_images(edf(tmp_path / "run.edf", FRAMES[:2], headers))
    assert_array_equal(data.pattern.values, FRAMES[:2])
    assert data.ExposureTime.values.tolist() == [0.25, 0.5]
    assert data.WaveLength.values.tolist() == [1.35e-8] * 2
    assert data.WaveLength.attrs == {"units": "m"}
    assert data.header_row.values.tolist() == [1, 2]
    assert set(data.coords) == {"ExposureTime", "WaveLength", "header_row", "file", "frame"}


def test_cbf_and_lines_of_detectors(tmp_path: Path) -> None:
    lines = (
        "# Detector: PILATUS\r\n# Exposure_time 0.5 s\r\n# Pixel_size 172e-6 m x 172e-6 m\r\n# N_excluded = 7"
    )
    counts = FRAMES[0].astype(np.int32) - 2
    data = read_images(cbf(tmp_path / "run.cbf", counts, lines))
    assert_array_equal(data.pattern.values[0], counts)
    assert data.Exposure_time.values.tolist() == [0.5]
    assert data.N_excluded.values.tolist() == [7]
    assert "Pixel_size" not in data.coords
    described = tiff(tmp_path / "run.tif", FRAMES[0], description=lines, metadata=None)
    assert read_images(described).Exposure_time.attrs == {"units": "s"}


def test_png_is_neither_scaled_nor_turned(tmp_path: Path) -> None:
    for frame in (FRAMES[0], FRAMES[0].astype(np.uint8)):
        Image.fromarray(frame).save(tmp_path / "run.png")
        assert_array_equal(read_images(tmp_path / "run.png").pattern.values[0], frame)


def png(path: Path, bits: int, kind: int, lines: Any) -> Path:
    """A PNG file of one line, by its definition; kinds are 0 grey, 2 colours, 4 grey and opacity."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    width = 8 * len(lines) // bits // {0: 1, 2: 3, 4: 2}[kind]
    header = struct.pack(">IIBBBBB", width, 1, bits, kind, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" + lines)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))
    return path


@pytest.mark.parametrize(
    ("bits", "line", "greys"),
    [(1, 0b01000000, [0, 1, 0, 0, 0, 0, 0, 0]), (2, 0b00011011, [0, 1, 2, 3]), (4, 0x1F, [1, 15])],
)
def test_png_of_few_bits(tmp_path: Path, bits: int, line: int, greys: list[int]) -> None:
    data = read_images(png(tmp_path / "run.png", bits, 0, bytes([line])))
    assert data.pattern.values[0, 0].tolist() == greys


@pytest.mark.parametrize("kind", [2, 4])
def test_png_of_channels_that_are_not_read_in_full(tmp_path: Path, kind: int) -> None:
    path = png(tmp_path / "run.png", 16, kind, np.full(12, 1000, ">u2").tobytes())
    with pytest.raises(DataFormatError, match="channels of 16 bits"):
        read_images(path, channel=0)


def test_what_counts_is_the_content(tmp_path: Path) -> None:
    path = tiff(tmp_path / "run.tif").rename(tmp_path / "run.edf")
    assert read_images(path).sizes["sample"] == 4


def test_colours_are_refused_unless_a_channel_is_chosen(tmp_path: Path) -> None:
    colours = np.stack(FRAMES[:3].astype(np.uint8), axis=-1)
    contiguous = tiff(tmp_path / "rgb.tif", colours, photometric="rgb")
    planar = tiff(tmp_path / "planes.tif", FRAMES[:3], photometric="rgb", planarconfig="separate")
    Image.fromarray(colours).save(tmp_path / "rgb.png")
    for path in (contiguous, planar, tmp_path / "rgb.png"):
        with pytest.raises(DataFormatError, match=f"{path.name}.*3 channels: convert it to grey, or choose"):
            read_images(path)
        assert_array_equal(read_images(path, channel=1).pattern.values[0], FRAMES[1])
        with pytest.raises(DataFormatError, match="without channel=3"):
            read_images(path, channel=3)


def test_palettes_and_negatives_are_refused(tmp_path: Path) -> None:
    Image.fromarray(FRAMES[0].astype(np.uint8)).convert("P").save(tmp_path / "palette.png")
    Image.fromarray(FRAMES[0].astype(np.uint8)).convert("P").save(tmp_path / "palette.tif")
    tiff(tmp_path / "negative.tif", FRAMES[0], photometric="miniswhite")
    for name in ("palette.png", "palette.tif", "negative.tif"):
        with pytest.raises(DataFormatError, match=name):
            read_images(tmp_path / name)


def test_masks(tmp_path: Path) -> None:
    mask = FRAMES[0] % 3 > 0
    path = tiff(tmp_path / "run.tif")
    Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "mask.png")
    for given in (mask, tmp_path / "mask.png"):
        assert_array_equal(read_images(path, mask=given)["mask"].values, np.broadcast_to(mask, FRAMES.shape))
    with pytest.raises(InvalidParameterError, match="'mask' parameter of read_images"):
        read_images(path, mask=mask[1:])
    with pytest.raises(FileNotFoundError, match="'mask' parameter of read_images"):
        read_images(path, mask=tmp_path / "none.png")
    (tmp_path / "mask.png").write_bytes(b"no picture")
    with pytest.raises(DataFormatError, match="'mask' parameter of read_images"):
        read_images(path, mask=tmp_path / "mask.png")


def test_pixels_that_are_no_numbers_are_not_measured(tmp_path: Path) -> None:
    frames = FRAMES.astype(np.float32)
    frames[2, 3, 4] = np.nan
    data = read_images(tiff(tmp_path / "run.tif", frames))
    assert np.argwhere(~data["mask"].values).tolist() == [[2, 3, 4]]


def test_gaps_that_detectors_mark(tmp_path: Path) -> None:
    """By -1 and -2 where numbers have a sign, as Pilatus does, by 2^32 - 1 where they have none, as Eiger does."""
    signed = FRAMES[:2].astype(np.int32) + 1
    signed[0, 2], signed[1, 0, 0] = -1, -2
    files = [cbf(tmp_path / f"{i}.cbf", frame) for i, frame in enumerate(signed)]
    unsigned = np.where(signed < 0, np.int64(2**32 - 1), signed).astype(np.uint32)
    paths: list[Any] = [files, tiff(tmp_path / "i.tif", signed), tiff(tmp_path / "u.tif", unsigned)]
    for path in paths:
        data = read_images(path)
        assert_array_equal(data["mask"].values, signed >= 0)
        assert_array_equal(data.pattern.values[signed >= 0], signed[signed >= 0])
        fixed = np.ones((6, 8), bool)
        fixed[5] = False
        assert_array_equal(read_images(path, mask=fixed)["mask"].values, (signed >= 0) & fixed)
        assert "mask" not in read_images(path, gap_values=False)


@pytest.mark.parametrize(("dtype", "value"), [("u1", 255), ("u2", 65535), ("f4", -1.0), ("u4", 2**31)])
def test_numbers_that_need_not_be_gaps(tmp_path: Path, dtype: str, value: float) -> None:
    frame = FRAMES[0].astype(dtype)
    frame[2, 3] = value
    assert "mask" not in read_images(tiff(tmp_path / "run.tif", frame))


def test_shapes_must_agree(tmp_path: Path) -> None:
    files = [tiff(tmp_path / "a.tif", FRAMES[0]), tiff(tmp_path / "b.tif", FRAMES[0, 1:])]
    with pytest.raises(DataFormatError, match=r"\(6, 8\) pixels, as a\.tif\. Got .*b\.tif, \(5, 8\) pixels"):
        read_images(files)
    with tifffile.TiffWriter(tmp_path / "pages.tif") as writer:
        for frame in (FRAMES[0], FRAMES[0, 1:]):
            writer.write(frame, photometric="minisblack")
    with pytest.raises(DataFormatError, match="pages that differ"):
        read_images(tmp_path / "pages.tif")
    edf(tmp_path / "frames.edf", [FRAMES[0], FRAMES[0, 1:]], [{}, {}])
    with pytest.raises(DataFormatError, match="frame 1 of shape"):
        read_images(tmp_path / "frames.edf")


def test_incomplete_and_damaged_data(tmp_path: Path) -> None:
    """What the libraries would fill with zeros, or only mention in a log."""
    path = edf(tmp_path / "run.edf", FRAMES[:2], [{}, {}])
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataFormatError, match="truncated"):
        read_images(path)
    path = cbf(tmp_path / "run.cbf", FRAMES[0].astype(np.int32))
    content = bytearray(path.read_bytes())
    content[content.index(b"\x0c\x1a\x04\xd5") + 4 + 7 * 20 + 4] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataFormatError, match="checksum"):
        read_images(path)


def test_a_header_that_announces_too_much(tmp_path: Path) -> None:
    path = tiff(tmp_path / "run.tif", FRAMES[0], metadata=None)
    content = bytearray(path.read_bytes())
    place = (
        content.index(struct.pack("<HHII", 257, 4, 1, 6))
        if struct.pack("<HHII", 257, 4, 1, 6) in content
        else None
    )
    assert place is not None
    content[place + 8 : place + 12] = struct.pack("<I", 2**31 - 1)
    path.write_bytes(content)
    with pytest.raises(DataFormatError, match="its header announces"):
        read_images(path)


def test_sources_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match="without such files"):
        read_images(tmp_path)
    with pytest.raises(DataFormatError, match="without such files"):
        read_images(tmp_path / "*.tif")
    with pytest.raises(FileNotFoundError, match=r"'source' parameter .* There is no file .*none\.tif"):
        read_images(tmp_path / "none.tif")
    for source in ([], 3):
        with pytest.raises(InvalidParameterError, match="'source' parameter"):
            read_images(source)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "named"),
    [({"frames": 4}, "frames"), ({"channel": -1}, "channel"), ({"gap_values": 1}, "gap_values")],
)
def test_bad_parameters(tmp_path: Path, given: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidParameterError, match=f"'{named}' parameter of read_images"):
        read_images(tiff(tmp_path / "run.tif"), **given)


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiff(tmp_path / "run.tif")
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(ImportError, match=r"TIFF files need tifffile: pip install 'scatterkit\[files\]'"):
        read_images(path)
