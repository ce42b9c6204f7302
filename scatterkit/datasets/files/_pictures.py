"""One picture file of a detector: TIFF, EDF, CBF or PNG, told apart by its first bytes."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit.datasets._errors import bad_file, check_plausible, needed

OWNER = "read_images"
ALLOWED = "a TIFF, EDF, CBF or PNG picture of grey values"
SUFFIXES = (".tif", ".tiff", ".edf", ".cbf", ".png")

Facts = dict[str, tuple[float, str]]

_NUMBER = re.compile(r"^([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?:\s+([^\s\d(),;]\S*))?$")
_LINE = re.compile(r"^#\s*([A-Za-z_]\w*)\s*[:=]?\s+(.*?)\s*$")
_LAYOUT = re.compile(
    r"(?i)^(EDF_.*|Dim_\d|Size|Image|HeaderID|ByteOrder|DataType|VersionNumber|Compression)$"
)


class Picture(ABC):
    """An open picture file.

    Attributes
    ----------
    n : int
        Its frames.
    shape : tuple of int
        Shape of a frame: rows and columns.
    """

    n: int
    shape: tuple[int, int]
    dtype: Any

    def __init__(self, path: Path, channel: int | None, name: str) -> None:
        self.path = path
        self.channel = channel
        self.name = name  # of the parameter that gave the path
        self.file: Any = None  # what the format's library makes of the file

    def __enter__(self) -> Picture:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def open(self) -> None:
        """Open the file and check what its header says."""

    @abstractmethod
    def read(self, index: int) -> NDArray[Any]:
        """A frame."""

    def facts(self, index: int) -> Facts:
        """The numbers of a frame's header, with their units."""
        return {}

    def close(self) -> None:
        """Close the file, also one that could not be opened in full."""
        if self.file is not None:
            self.file.close()

    def _bad(self, given: str) -> Exception:
        return bad_file(self.path, OWNER, ALLOWED, given, name=self.name)

    def _check_plausible(self, nbytes: int) -> None:
        check_plausible(nbytes, self.path, owner=OWNER, allowed=ALLOWED, name=self.name)

    def _describe(self, n: int, shape: tuple[int, ...], dtype: Any) -> None:
        """Keep what the file's header says, once it is plausible."""
        if len(shape) != 2 or n < 1 or 0 in shape or np.dtype(dtype).kind not in "biuf":
            raise self._bad(f"{n} frames of shape {shape} and type {dtype}")
        nbytes = n * int(np.prod(shape)) * np.dtype(dtype).itemsize
        self._check_plausible(nbytes)
        self.n, self.shape, self.dtype = n, (int(shape[0]), int(shape[1])), np.dtype(dtype)

    def _check_channel(self, n_channels: int, what: str = "a colour picture") -> None:
        if self.channel is None:
            hint = "convert it to grey, or choose one by channel=0"
            raise self._bad(f"{what} of {n_channels} channels: {hint}")
        if self.channel >= n_channels:
            raise self._bad(f"a picture of {n_channels} channels, without channel={self.channel}")


class TiffPicture(Picture):
    """A TIFF file; each of its pages is a frame."""

    def open(self) -> None:
        self.file = needed("tifffile", "TIFF files").TiffFile(self.path)
        page = self.file.pages.first
        shapes = {(other.shape, other.dtype, other.axes) for other in self._pages()}
        if len(shapes) > 1:
            raise self._bad(f"pages that differ in shape or type: {sorted(str(s[0]) for s in shapes)}")
        sides = self._sides(page)
        self.stacked = len(self.file.pages) == 1 and self.file.series[0].size > page.size
        n = self.file.series[0].size // page.size if self.stacked else len(self.file.pages)
        self._check_plausible(page.nbytes * n)
        self._describe(n, (sides["Y"], sides["X"]), page.dtype)

    def _sides(self, page: Any) -> dict[str, int]:
        """The lengths of a page's axes, once it is of grey values or a channel is chosen."""
        wrong = {0: "a picture in which white is zero", 3: "a palette picture"}.get(int(page.photometric))
        if wrong:
            raise self._bad(wrong)
        sides = dict(zip(page.axes, page.shape, strict=True))
        if not set(sides) <= set("YXS") or not {"Y", "X"} <= set(sides):
            raise self._bad(f"pages of shape {page.shape} with the axes {page.axes}")
        if "S" in sides:
            planes = "planes, perhaps frames written as colours,"
            self._check_channel(sides["S"], f"a picture in {planes if page.axes[0] == 'S' else 'colours'}")
        return sides

    def _pages(self) -> Iterator[Any]:
        """The pages; a damaged file may lead round in circles."""
        offsets: set[int] = set()
        for page in self.file.pages:
            if page.offset in offsets:
                raise self._bad("pages that lead round in a circle")
            offsets.add(page.offset)
            yield page

    def read(self, index: int) -> NDArray[Any]:
        frame = self._stack[index] if self.stacked else self.file.pages[index].asarray()
        axis = self.file.pages.first.axes.find("S")
        return frame if axis < 0 else np.take(frame, self.channel or 0, axis=axis)

    @cached_property
    def _stack(self) -> NDArray[Any]:
        """The frames that follow the only page, as its description says; on the disk until they are asked for."""
        frames: NDArray[Any] = self.file.series[0].asarray(out="memmap")
        return frames.reshape(self.n, *self.file.pages.first.shape)

    def facts(self, index: int) -> Facts:
        page = self.file.pages[0 if self.stacked else index]
        return line_facts(getattr(page, "description", "") or "")


class EdfPicture(Picture):
    """A file in the ESRF data format; each of its blocks is a frame."""

    def open(self) -> None:
        self.file = needed("fabio.edfimage", "EDF files").EdfImage()
        self.file.read(os.fspath(self.path))
        size = self.path.stat().st_size
        if self.file.incomplete_file:
            raise self._bad("a truncated file: its last header is not complete")
        for frame in self.file._frames:
            if getattr(frame, "bfname", None):
                raise self._bad("a header whose data are in another file")
            if frame.start is None or frame.blobsize is None or frame.start + frame.blobsize > size:
                raise self._bad("a truncated file: its last frame is not complete")
        first = self.file._frames[0]
        for i, frame in enumerate(self.file._frames):
            if (frame.shape, frame.dtype) != (first.shape, first.dtype):
                raise self._bad(f"frame {i} of shape {frame.shape}, the first one of {first.shape}")
        self._describe(self.file.nframes, tuple(first.shape), first.dtype)

    def read(self, index: int) -> NDArray[Any]:
        return np.asarray(self.file._frames[index].data)

    def facts(self, index: int) -> Facts:
        header = self.file._frames[index].header
        return header_facts({name: value for name, value in header.items() if not _LAYOUT.match(name)})


class CbfPicture(Picture):
    """A crystallographic binary file; one frame."""

    def open(self) -> None:
        module = needed("fabio.cbfimage", "CBF files")
        self._check_bytes()
        self.file = module.CbfImage()
        content = self.file.read(os.fspath(self.path), only_raw=True)
        self.close()
        self._check_sum(content)
        self.file.read(os.fspath(self.path))
        self.data = np.asarray(self.file.data)
        self._describe(1, self.data.shape, self.data.dtype)

    def _check_bytes(self) -> None:
        """Raise unless the marks are there at which data begin: fabio would look for them for ever."""
        content = self.path.read_bytes()
        section = content.find(b"--CIF-BINARY-FORMAT-SECTION--", 0, 8192)
        if section < 0 or content.find(b"\x0c\x1a\x04\xd5", section) < 0:
            raise self._bad("a header without the mark at which its data begin")

    def _check_sum(self, data: bytes) -> None:
        expected = self.file.header.get("Content-MD5")
        if expected and base64.b64encode(hashlib.md5(data).digest()).decode() != expected:
            raise self._bad("damaged data, of another checksum than its header says")

    def read(self, index: int) -> NDArray[Any]:
        return self.data

    def facts(self, index: int) -> Facts:
        return line_facts(str(self.file.header.get("_array_data.header_contents", "")))


class PngPicture(Picture):
    """A PNG file; one frame of its grey values as they are, neither scaled nor turned."""

    MODES: ClassVar = {"1": 1, "L": 1, "I;16": 1, "I": 1, "LA": 2, "RGB": 3, "RGBA": 4}

    def open(self) -> None:
        from PIL import Image

        self.file = Image.open(self.path, formats=("PNG",))
        n_channels = self.MODES.get(self.file.mode)
        if n_channels is None:
            raise self._bad(f"a picture of mode {self.file.mode}")
        if n_channels > 1:
            self._check_channel(n_channels)
        self.bits = self._bits()
        if n_channels > 1 and self.bits > 8:  # Pillow drops the lower eight
            raise self._bad(f"a picture of {n_channels} channels of {self.bits} bits: convert it to grey")
        self._describe(1, self.file.size[::-1], np.uint8 if n_channels > 1 else np.uint16)

    def _bits(self) -> int:
        """Of a channel, as the header says."""
        with self.path.open("rb") as stream:
            return stream.read(25)[24]

    def read(self, index: int) -> NDArray[Any]:
        self.file.load()
        pixels = np.array(self.file)
        if self.file.mode == "L" and self.bits < 8:  # Pillow stretches 2 and 4 bits over the range of 8
            pixels //= 255 // (2**self.bits - 1)
        return pixels if pixels.ndim == 2 else pixels[..., self.channel]


def picture_of(path: Path, channel: int | None, name: str) -> Picture:
    """Give the picture that a file holds, to be opened, whatever the file's name ends in."""
    with path.open("rb") as stream:
        start = stream.read(512)
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return TiffPicture(path, channel, name)
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngPicture(path, channel, name)
    if start.startswith(b"###CBF"):
        return CbfPicture(path, channel, name)
    if start.lstrip().startswith(b"{"):
        return EdfPicture(path, channel, name)
    raise bad_file(path, OWNER, ALLOWED, "none of these by its first bytes", name=name)


def header_facts(header: Mapping[str, Any]) -> Facts:
    """Give the numbers among the values of a header, with their units."""
    matches = {name: _NUMBER.match(str(value).strip()) for name, value in header.items()}
    return {name: (float(match[1]), match[2] or "") for name, match in matches.items() if match}


def line_facts(text: str) -> Facts:
    """Give the numbers of lines such as ``# Exposure_time 0.5 s``, as detectors write them into TIFF and CBF."""
    lines = (_LINE.match(line.strip()) for line in text.splitlines())
    return header_facts({match[1]: match[2] for match in lines if match})
