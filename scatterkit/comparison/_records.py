"""What is known of one method and one sample, in memory and as a file that is there in full or not at all."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._serialization import from_json, to_json
from scatterkit._validation import fail
from scatterkit.comparison._judging import Body, Images
from scatterkit.comparison._methods import OWNER, Curve
from scatterkit.reconstruction.training._checkpoints import read_arrays, write_arrays
from scatterkit.solids import Solid

VERSION = 1
REQUEST = "request.npz"


def no_curve() -> Curve:
    """Give the curve of a method that notes nothing on its way."""
    return np.zeros(0), np.zeros(0)


@dataclass(frozen=True)
class Record:
    """A method's answer to one sample, judged; ``failure`` says why there is none."""

    body: Body = None
    seconds: float = math.nan
    n_simulations: float = math.nan
    figures: Mapping[str, float] = field(default_factory=dict)
    predicted: Images | None = None
    curve: Curve = field(default_factory=no_curve)
    failure: str = ""


class Journal:
    """A folder of finished records, of one call with its data and settings.

    ``request.npz`` is written first and says which call that is; then comes one file for each finished pair of method
    and sample. A file has its name only when it is complete.
    """

    def __init__(self, folder: Path, request: Mapping[str, Any]) -> None:
        self.folder = folder
        marker = folder / REQUEST
        if marker.exists():
            stored, _ = read_arrays(marker, VERSION)
            other = sorted(name for name, value in request.items() if stored["request"].get(name) != value)
            if other or stored["request"].keys() != request.keys():
                allowed = "the folder of a call with the same reconstructors, data and settings, or a new one"
                raise fail("results", OWNER, allowed, f"{folder}, whose call had other {', '.join(other)},")
        elif folder.exists() and any(folder.iterdir()):
            allowed = "a new or empty folder, or that of an interrupted call"
            raise fail("results", OWNER, allowed, f"{folder}, which holds something else,")
        else:
            write_arrays(marker, {"version": VERSION, "request": dict(request)}, {})

    def read(self, method: int, sample: int) -> Record | None:
        """Give a finished record; None where it is not finished, or its file is damaged."""
        try:
            return record_of(*read_arrays(self._path(method, sample), VERSION))
        except (FileNotFoundError, ValueError):
            return None

    def write(self, method: int, sample: int, record: Record) -> None:
        """Keep a finished record."""
        meta, arrays = parts_of(record)
        write_arrays(self._path(method, sample), meta, arrays)

    def _path(self, method: int, sample: int) -> Path:
        return self.folder / f"method{method:03d}_sample{sample:06d}.npz"


def parts_of(record: Record) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Give a record as what JSON can hold, and arrays."""
    meta = {
        "version": VERSION,
        "numbers": {"seconds": record.seconds, "n_simulations": record.n_simulations},
        "figures": dict(record.figures),
        "failure": record.failure,
        "solid": to_json(record.body) if isinstance(record.body, Solid) else None,
    }
    arrays: dict[str, NDArray[Any]] = {"curve": np.stack(record.curve)}
    if record.predicted is not None:
        arrays["predicted"] = record.predicted
    if isinstance(record.body, np.ndarray):
        arrays["volume"] = record.body
    return meta, arrays


def record_of(meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Record:
    """Give the record that `parts_of` took apart."""
    body = arrays.get("volume") if meta["solid"] is None else from_json(meta["solid"])
    seconds, residuals = arrays["curve"]
    return Record(
        body,
        figures=meta["figures"],
        predicted=arrays.get("predicted"),
        curve=(seconds, residuals),
        failure=meta["failure"],
        **meta["numbers"],
    )


def bodies_to_file(path: Path, bodies: Mapping[str, list[Body]]) -> None:
    """Write lists of bodies, by name, to one file."""
    solids: dict[str, list[str | None]] = {}
    arrays: dict[str, NDArray[Any]] = {}
    for place, (name, found) in enumerate(bodies.items()):
        solids[name] = [to_json(body) if isinstance(body, Solid) else None for body in found]
        volumes = {
            f"volume_{place}_{i}": body for i, body in enumerate(found) if isinstance(body, np.ndarray)
        }
        arrays |= volumes
    write_arrays(path, {"version": VERSION, "solids": json.dumps(solids)}, arrays)


def bodies_from_file(path: Path) -> dict[str, list[Body]]:
    """Read what `bodies_to_file` wrote."""
    meta, arrays = read_arrays(path, VERSION)
    return {
        name: [
            arrays.get(f"volume_{place}_{i}") if text is None else from_json(text)
            for i, text in enumerate(texts)
        ]
        for place, (name, texts) in enumerate(json.loads(meta["solids"]).items())
    }
