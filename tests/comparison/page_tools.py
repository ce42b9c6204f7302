"""A made-up comparison, a reader of pages, and a reader of PNG files that shares nothing with the writer."""

from __future__ import annotations

import base64
import struct
import zlib
from html.parser import HTMLParser

import numpy as np
import xarray as xr

from scatterkit._serialization import to_json
from scatterkit.comparison import Comparison
from scatterkit.comparison._layout import METRICS
from scatterkit.experiment import QGrid
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid

METHODS = ["<b>net</b> & co", "fit"]
SAMPLES = ["easy", "</script><script>alert(1)</script>", "hard", "lost"]
RESIDUALS = np.array([[1e-3, 4e-3, 9e-3, np.nan], [2e-3, 2e-3, 8e-3, np.nan]])
FAILURE = "ValueError: <img src=x onerror=alert(2)>"
BOX = Solid.from_points(
    [(x, y, z) for x in (-30, 30) for y in (-20, 20) for z in (-50, 50)], name="60 x 40 x 100"
)
ROWS, COLUMNS = 24, 32


def ball(
    grid: int = 32, radius: float = 60.0, box: float = 200.0, center: tuple = (0.0, 0.0, 0.0)
) -> np.ndarray:
    """Give the occupancy (z, y, x) of a ball with an edge as soft as a voxel."""
    step = box / grid
    places = (np.arange(grid) - (grid - 1) / 2) * step
    z, y, x = np.meshgrid(places, places, places, indexing="ij")
    distance = np.sqrt((x - center[0]) ** 2 + (y - center[1]) ** 2 + (z - center[2]) ** 2)
    return np.clip(0.5 + (radius - distance) / step, 0, 1).astype(np.float32)


def made_up(methods: list[str] = METHODS, samples: list[str] = SAMPLES) -> Comparison:
    """Give a comparison with volumes and solids, true bodies, names full of HTML, and a sample that all fail on."""
    random = np.random.default_rng(0)
    n = len(samples)
    patterns = random.random((n, ROWS, COLUMNS)).astype(np.float32)
    masks = random.random((n, ROWS, COLUMNS)) > 0.2
    patterns[~masks] = np.nan
    lost = np.arange(n) == n - 1
    predicted = random.random((2, n, ROWS, COLUMNS)).astype(np.float32)
    predicted[:, lost] = np.nan
    seconds = np.where(lost, np.nan, np.array([[0.1], [20.0]]))
    elapsed = np.geomspace(0.1, 20, 30)
    best = np.where(elapsed >= 0.1, RESIDUALS[..., None] * (1 + 1 / elapsed), np.nan)
    pair, picture = ("method", "sample"), ("sample", "row", "column")
    figures = {"residual": RESIDUALS, "front_iou": 1 - 20 * RESIDUALS, "seconds": seconds}
    variables = {name: (pair, values, METRICS[name]) for name, values in figures.items()}
    variables["failure"] = (pair, np.where(lost, np.full((2, n), FAILURE, object), ""))
    variables |= {"pattern": (picture, patterns), "mask": (picture, masks)}
    variables["predicted"] = (("method", *picture), predicted)
    variables["best_residual"] = (("method", "sample", "elapsed"), best)
    simulator = MSFTSimulator(detector=QGrid(n_pixels=(ROWS, COLUMNS), dq=0.02), box=200.0)
    data = xr.Dataset(
        variables,
        {"method": np.array(methods, object), "sample": np.array(samples, object), "elapsed": elapsed},
        {"simulator": to_json(simulator)},
    )
    bodies = {
        methods[0]: [ball()] * (n - 1) + [None],
        methods[1]: [BOX] * (n - 1) + [np.zeros((8, 8, 8), "f4")],
    }
    return Comparison(data, bodies, [BOX, *[None] * (n - 1)])


class Reader(HTMLParser):
    """The elements of a page with their attributes, the texts, and whether tags are closed in order."""

    VOID = ("meta", "img", "br", "input")

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(source)
        self.close()
        assert self.open == [], "tags that are not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def of(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        """Give the attributes of all elements of a kind, with some attributes."""
        return [
            found
            for name, found in self.elements
            if name == tag and all(found.get(key) == value for key, value in wanted.items())
        ]

    def said(self, tag: str) -> list[str]:
        """Give the texts directly within elements of a kind."""
        return [words for name, words in self.texts if name == tag]


def from_uri(address: str | None) -> bytes:
    """Give the PNG file that an address holds."""
    assert address is not None
    head, data = address.split(",", 1)
    assert head == "data:image/png;base64"
    return base64.b64decode(data, validate=True)


def decoded(png: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Read a PNG file of 8 bits with a palette by the standard (ISO/IEC 15948): pixel values, and colours."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + data)
        chunks[kind] = chunks.get(kind, b"") + data
        at += 12 + length
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, color, interlaced) == (8, 3, 0)
    raw = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    rows = np.zeros((height + 1, width + 1), int)  # an empty row above and a column before
    for i, (kind, *line) in enumerate(raw.tolist()):
        for j, value in enumerate(line):
            left, up, both = rows[i + 1, j], rows[i, j + 1], rows[i, j]
            distances = [abs(up - both), abs(left - both), abs(left + up - 2 * both)]
            paeth = (left, up, both)[int(np.argmin(distances))]
            rows[i + 1, j + 1] = (value + (0, left, up, (left + up) // 2, paeth)[kind]) % 256
    return rows[1:, 1:], np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
