"""The tables of the published sample set: one row for each body, its volume and its pattern."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scatterkit.datasets._errors import bad_file, existing_file, reading

Axis = str | tuple[float, float, float]

_REQUIRED = ("nr", "real", "scatter", "polyhedron", "symm", "theta", "phi", "alpha", "size")
_OPTIONAL = ("stretch", "axis", "cut", "caxis")
_TABLE = "a sample table with the columns " + ", ".join(_REQUIRED)
_HULL = "Potato"  # the publisher's name for the hull of random points
_BARE_BRACES = re.compile(r'(?<!")\{[^{}]*\}(?!")')


@dataclass(frozen=True)
class SampleRow:
    """One row of a sample table, as it stands there.

    Parameters
    ----------
    nr : int
        The body's number in its set.
    polyhedron : str
        The class's name, such as ``"Truncated Octahedron"``; ``"Potato"`` is a random hull.
    symmetry : str or None
        Schoenflies name of the point group as the publisher writes it, None for random hulls.
    theta : float [rad]
        Polar angle of the rotation axis.
    phi : float [rad]
        Azimuth of the rotation axis.
    alpha : float [rad]
        Angle of the rotation.
    size : float [half box]
        Circumradius before stretching; the half box is 159.375 nm.
    stretch : float or None [1]
        Stretch factor, for some classes its inverse; None for random hulls.
    axis : str, tuple of 3 float [1] or None
        Axis of the stretch: a label such as ``"C4"``, or a direction (x, y, z).
    cut : float or None [circumradius]
        Largest distance from the centre along the cut's axis, to both sides; None for whole bodies.
    caxis : str, tuple of 3 float [1] or None
        Axis of the cut.
    volume_path : pathlib.Path
        The mosaic that shows the volume, for `read_volume`.
    pattern_path : pathlib.Path
        The picture that shows the pattern, for `read_pattern`.

    See Also
    --------
    read_table : Read all rows of a table.
    solid_from_row : Give the body of a row.

    Examples
    --------
    >>> from pathlib import Path
    >>> from scatterkit.datasets import SampleRow
    >>> row = SampleRow(
    ...     1, "Cube", "O_h", 0.0, 0.0, 0.0, 0.5, 1.0, "C4", None, None, Path("1r.png"), Path("1s.png")
    ... )
    >>> row.is_random
    False
    """

    nr: int
    polyhedron: str
    symmetry: str | None
    theta: float
    phi: float
    alpha: float
    size: float
    stretch: float | None
    axis: Axis | None
    cut: float | None
    caxis: Axis | None
    volume_path: Path
    pattern_path: Path

    @property
    def is_random(self) -> bool:
        """Whether the body is the hull of random points, which the table does not hold."""
        return self.polyhedron == _HULL


def read_table(path: str | os.PathLike[str]) -> list[SampleRow]:
    """Read a table of the published sample set.

    Parameters
    ----------
    path : path-like
        A CSV file whose header names the columns nr, real, scatter, polyhedron, symm, theta, phi, alpha, size
        and, as far as there are any, stretch, axis, cut and caxis. Directions in braces, ``{x,y,z}``, may
        stand without quotes.

    Returns
    -------
    list of SampleRow
        The rows; paths of pictures are taken from the table's folder.

    Raises
    ------
    DataFormatError
        If the file is no such table: a column is missing, a row does not fit the header (with the line's number),
        or there is no row.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from scatterkit.datasets import read_table
    >>> header = "nr,real,scatter,polyhedron,symm,theta,phi,alpha,size,stretch,axis"
    >>> line = "6,./r.png,./s.png,Sphere,SO(3),0,0,0,0.35,1.17,{0.24,0.03,-0.97}"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = pathlib.Path(folder, "infos.csv")
    ...     _ = table.write_text(header + "\\n" + line + "\\n")
    ...     [row] = read_table(table)
    >>> row.polyhedron, row.axis, row.cut
    ('Sphere', (0.24, 0.03, -0.97), None)
    """
    table = existing_file(path, owner="read_table", allowed=_TABLE)
    with reading(path, owner="read_table", allowed=_TABLE):
        lines = table.read_text(encoding="utf-8-sig").splitlines()  # spreadsheets put a byte order mark first
    header = [name.strip() for name in lines[0].split(",")] if lines else []
    missing = [name for name in _REQUIRED if name not in header]
    if missing:
        hint = "; its fields are separated by semicolons" if lines and ";" in lines[0] else ""
        raise bad_file(path, "read_table", _TABLE, f"without {', '.join(missing)}{hint}")
    numbered = [(number, line) for number, line in enumerate(lines[1:], start=2) if line.strip()]
    if not numbered:
        raise bad_file(path, "read_table", _TABLE, "a header without rows")
    return [_read_line(line, header, table, number) for number, line in numbered]


def _read_line(line: str, header: list[str], table: Path, number: int) -> SampleRow:
    try:
        fields = next(csv.reader([_BARE_BRACES.sub(r'"\g<0>"', line)]))
        # Rows of random hulls end early: what follows the size is empty there.
        least = header.index("size") + 1 if _HULL in fields else len(header)
        if not least <= len(fields) <= len(header):
            raise ValueError(f"{len(fields)} fields for {len(header)} columns")
        return _row(dict(zip(header, fields, strict=False)), table.parent)
    except (ValueError, csv.Error) as error:
        allowed = "a sample table whose rows fit the header"
        raise bad_file(table, "read_table", allowed, f"line {number}: {error}") from error


def _row(fields: Mapping[str, str], folder: Path) -> SampleRow:
    stretch, axis, cut, caxis = (fields.get(name, "").strip() for name in _OPTIONAL)
    symmetry = fields["symm"].strip()
    theta, phi, alpha, size = (float(fields[name]) for name in ("theta", "phi", "alpha", "size"))
    return SampleRow(
        nr=int(fields["nr"]),
        polyhedron=fields["polyhedron"].strip(),
        symmetry=None if symmetry in ("", "None") else symmetry,
        theta=theta,
        phi=phi,
        alpha=alpha,
        size=size,
        stretch=float(stretch) if stretch else None,
        axis=_axis(axis),
        cut=float(cut) if cut else None,
        caxis=_axis(caxis),
        volume_path=folder / fields["real"].strip(),
        pattern_path=folder / fields["scatter"].strip(),
    )


def _axis(text: str) -> Axis | None:
    if not text.startswith("{"):
        return text or None
    x, y, z = (float(part) for part in text.strip("{}").split(","))
    return x, y, z
