"""CrystFEL's geometry files, as they describe detectors of several panels."""

from __future__ import annotations

import math
import re
from os import PathLike
from pathlib import Path

from scatterkit._validation import Positive, check_value, fail
from scatterkit.experiment.panels import Panel, PanelDetector, Vector

_OWNER = "read_geometry"
_NEEDED = ("min_fs", "max_fs", "min_ss", "max_ss", "corner_x", "corner_y", "fs", "ss", "res")
_MM_PER = {"": 1e3, "m": 1e3, "mm": 1.0}
_TERM = re.compile(r"([+-]?)\s*(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)?\s*([xyz])")


def read_geometry(path: str | PathLike[str], *, distance: float | None = None) -> PanelDetector:
    """Read the panels of a detector from a CrystFEL geometry file.

    Parameters
    ----------
    path : str or path-like
        The file, usually with the ending ``.geom``.
    distance : float [mm], optional
        Distance from the sample that replaces ``clen``; needed where the file only says where to find it.

    Returns
    -------
    PanelDetector
        The panels, in the file's order.

    Raises
    ------
    InvalidParameterError
        If the file misses what a panel needs.

    Notes
    -----
    Read are ``min_fs``, ``max_fs``, ``min_ss``, ``max_ss``, ``corner_x``, ``corner_y``, ``fs``, ``ss``, ``res``,
    ``clen`` and ``coffset``, for all panels or for one (``name/key = value``). Bad regions are not: give them to the
    simulator as its mask. Coordinates are taken over as they are, right-handed with the beam along z. The panels of a
    pattern are stacked, as they are in files that hold one slab; others must be cut at the ``min_fs`` ...
    of each panel first. Format: T. A. White et al., J. Appl. Cryst. 45, 335 (2012), and CrystFEL's manual page.

    Examples
    --------
    >>> from scatterkit.experiment import read_geometry
    >>> text = '''
    ... clen = 0.05
    ... res = 10000
    ... p0/min_fs = 0
    ... p0/max_fs = 99
    ... p0/min_ss = 0
    ... p0/max_ss = 49
    ... p0/corner_x = -50
    ... p0/corner_y = 10
    ... p0/fs = x
    ... p0/ss = +1.0y
    ... '''
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "detector.geom"
    ...     _ = file.write_text(text)
    ...     detector = read_geometry(file)
    >>> detector.panels[0].corner
    (-5.0, 1.0, 50.0)
    """
    check_value(distance, Positive("mm", optional=True), name="distance", owner=_OWNER)
    panels = _panel_values(Path(path).read_text(encoding="utf-8", errors="replace"))  # comments may be in any
    if not panels:
        raise fail("path", _OWNER, "a CrystFEL geometry file with panels", f"{str(path)!r}")
    return PanelDetector([_panel(name, values, distance) for name, values in panels.items()])


def _panel_values(text: str) -> dict[str, dict[str, str]]:
    """Keys and values of every panel; what stands for all panels counts for those that begin after it."""
    common: dict[str, str] = {}
    panels: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        key, equals, value = (part.strip() for part in line.partition(";")[0].partition("="))
        name, slash, own_key = key.rpartition("/")
        if not equals or name.startswith(("bad", "rigid_group")) or key.startswith("rigid_group"):
            continue
        if slash:
            panels.setdefault(name, dict(common))[own_key] = value
        else:
            common[key] = value
    return panels


def _panel(name: str, values: dict[str, str], distance: float | None) -> Panel:
    missing = [key for key in _NEEDED if key not in values]
    if missing:
        raise fail("path", _OWNER, f"a file with {', '.join(missing)} for panel {name!r}", "none")
    numbers = {key: _number(name, key, values[key]) for key in _NEEDED if key not in ("fs", "ss")}
    if numbers["res"] <= 0:
        raise fail("path", _OWNER, f"a file with a positive number as {name}/res", repr(values["res"]))
    pixel = 1e3 / numbers["res"]
    z = _clen(name, values) if distance is None else distance
    offset = 1e3 * _number(name, "coffset", values.get("coffset", "0"))
    rows, columns = (_extent(name, numbers, along) for along in ("ss", "fs"))
    corner = (numbers["corner_x"] * pixel, numbers["corner_y"] * pixel, z + offset)
    fast, slow = (_step(name, key, values[key], pixel) for key in ("fs", "ss"))
    return Panel((rows, columns), corner, fast, slow)


def _extent(name: str, numbers: dict[str, float], along: str) -> int:
    first, last = numbers[f"min_{along}"], numbers[f"max_{along}"]
    if last < first:
        allowed = f"a file with {name}/max_{along} not below {name}/min_{along}"
        raise fail("path", _OWNER, allowed, f"{last:g} and {first:g}")
    return int(last - first) + 1


def _number(name: str, key: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise fail("path", _OWNER, f"a file with a finite number as {name}/{key}", repr(text))
    return number


def _clen(name: str, values: dict[str, str]) -> float:
    """Distance in mm; in the file it is in m unless it says so."""
    number, _, unit = values.get("clen", "").partition(" ")
    try:
        distance = float(number) * _MM_PER[unit.strip()]
    except (ValueError, KeyError):
        distance = math.nan
    if not math.isfinite(distance):
        given = f"clen = {values['clen']!r}" if "clen" in values else "no clen"
        raise fail("distance", _OWNER, f"a float in mm, for panel {name!r} does not state it", given)
    return distance


def _step(name: str, key: str, text: str, pixel: float) -> Vector:
    """A step like '-0.002x +1.0y' in pixels, in mm."""
    step = dict.fromkeys("xyz", 0.0)
    if not text or _TERM.sub("", text).strip():
        raise fail("path", _OWNER, f"a file with a sum of x, y and z as {name}/{key}", repr(text))
    for sign, size, axis in _TERM.findall(text):
        step[axis] += (-1 if sign == "-" else 1) * float(size or 1) * pixel
    return step["x"], step["y"], step["z"]
