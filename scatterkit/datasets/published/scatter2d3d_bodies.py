"""From the descriptors of a sample table's row to the body: the publisher's convention, class by class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from scatterkit._validation import Choice, Instance, Positive, check_value, fail
from scatterkit.datasets.published.scatter2d3d_table import Axis, SampleRow
from scatterkit.solids import Solid

Vector = NDArray[np.float64]
Triple = tuple[float, float, float]

HALF_BOX = 318.75 / 2
"""Length in nm that a size of 1 stands for."""

DRAWN = (0.96, 0.96, 191 / 192)
"""By how much the published volumes shrink x, y and z: each slice is a picture with a margin of 2 % on every
side, and the 192 slices were taken at 192 even steps from one end of the box to the other."""

_PHI = (1 + 5**0.5) / 2
_UP: Triple = (0.0, 0.0, 1.0)

# Directions of the labelled axes in the unturned body. The labels C2 and C3 are the publisher's: of
# octahedral and icosahedral bodies each stands for an axis of the other kind.
_OCTAHEDRAL: dict[str, Triple] = {"C4": _UP, "C3": (1.0, 0.0, 1.0), "C2": (1.0, 1.0, 1.0)}
_ICOSAHEDRAL: dict[str, Triple] = {
    "C5": _UP,
    "C3": (1.0, 0.0, _PHI),
    "C2": ((3 - 5**0.5) * np.cos(np.pi / 5), (3 - 5**0.5) * np.sin(np.pi / 5), 1.0),
}
_TETRAHEDRAL: dict[str, Triple] = {"C3": _UP, "C2": (2**0.5, 0.0, 1.0)}


@dataclass(frozen=True)
class _Convention:
    """How the publisher holds, stretches and cuts the bodies of a class."""

    axes: Mapping[str, Triple]
    inverse: bool = False  # stretched by 1 / stretch
    cut_turn: Triple = (
        0.0,
        0.0,
        0.0,
    )  # rotation vector from the stretches' axes to the cuts' of the same label
    upright: str | None = (
        None  # which axis of the catalogue's body comes to +z, its neighbour to the half plane of +x
    )
    azimuth: float = 0.0  # turn about z, from there or from the catalogue's body


def _icosahedral(inverse: bool = False, cut_turn: Triple = (0.0, 0.0, 0.0)) -> _Convention:
    return _Convention(_ICOSAHEDRAL, inverse, cut_turn, upright="C5")


_HALF_STEP: Triple = (0.0, 0.0, np.pi / 5)
_TILT: Triple = (0.0, float(np.arctan(1 / _PHI)), 0.0)  # from a fivefold axis to a twofold one

CONVENTIONS: Mapping[str, _Convention] = {
    "Cube": _Convention(_OCTAHEDRAL),
    "Octahedron": _Convention(_OCTAHEDRAL),
    "Cuboctahedron": _Convention(_OCTAHEDRAL, cut_turn=(0.0, 0.0, np.pi / 4)),
    "Truncated Cube": _Convention(_OCTAHEDRAL),
    "Truncated Octahedron": _Convention(_OCTAHEDRAL, azimuth=np.pi / 4),
    "Rhombicuboctahedron": _Convention(_OCTAHEDRAL),
    "Truncated Cuboctahedron": _Convention(_OCTAHEDRAL),
    "Snub Cube": _Convention(_OCTAHEDRAL),
    "Tetrahedron": _Convention(_TETRAHEDRAL, upright="C3"),
    "Truncated Tetrahedron": _Convention(_TETRAHEDRAL, upright="C3"),
    "Icosahedron": _icosahedral(),
    "Dodecahedron": _icosahedral(),
    "Icosidodecahedron": _icosahedral(inverse=True, cut_turn=_HALF_STEP),
    "Truncated Icosahedron": _icosahedral(inverse=True),
    "Truncated Dodecahedron": _icosahedral(inverse=True, cut_turn=_HALF_STEP),
    "Rhombicosidodecahedron": _icosahedral(inverse=True, cut_turn=_TILT),
    "Truncated Rhombicosidodecahedron": _icosahedral(inverse=True, cut_turn=_TILT),
    "Decahedron": _Convention({"C5": _UP, "C2": (1.0, 0.0, 0.0)}, inverse=True),
    "Truncated Twinned Tetrahedron": _Convention(
        {"C6": _UP, "C2": (1.0, 0.0, 0.0)}, inverse=True, azimuth=np.pi / 6
    ),
    "Sphere": _Convention({"z": _UP}),
}
"""The publisher's convention for each class, found by reproducing the published volumes."""


def solid_from_row(row: SampleRow, rendering: str = "published") -> Solid:
    """Give the body that a row of a sample table describes, in nm.

    Parameters
    ----------
    row : SampleRow
        A row of `read_table`.
    rendering : {"published", "physical"}, default="published"
        ``"published"`` gives the body that the published volume shows: shrunk by the margins of the
        publisher's pictures (0.96 along x and y, 191/192 along z) and clipped at their rim; it lies in the
        box. ``"physical"`` gives the body that the descriptors mean, without both; a large one may leave the
        box.

    Returns
    -------
    Solid
        The body; an `Ellipsoid` for spheres.

    Raises
    ------
    InvalidParameterError
        If the row is that of a random hull, or names a class or an axis that is unknown.

    See Also
    --------
    scatterkit.solids.Rasterizer : ``Rasterizer(grid=192, mode="binary")`` gives the published volume.

    Notes
    -----
    A point u of the unturned body of circumradius 1 comes to D R S u times size times 159.375 nm: S stretches
    along an axis of the body, R turns by alpha about the axis with polar angle theta and azimuth phi, D are
    the pictures' margins. A cut keeps the points with ``|d.u| <= cut`` before the stretch. The convention was
    found by reproducing the volumes: see the documentation's page on sample tables, also for what stays
    unlike.

    Examples
    --------
    >>> from pathlib import Path
    >>> from scatterkit.datasets import SampleRow, solid_from_row
    >>> row = SampleRow(
    ...     1, "Cube", "O_h", 0.0, 0.0, 0.0, 0.5, 2.0, "C4", None, None, Path("1r.png"), Path("1s.png")
    ... )
    >>> solid_from_row(row, rendering="physical").bounds[1].round(2).tolist()
    [46.01, 46.01, 92.02]
    """
    check_value(row, Instance((SampleRow,)), name="row", owner="solid_from_row")
    check_value(rendering, Choice(("published", "physical")), name="rendering", owner="solid_from_row")
    body = _shaped(row).rotate(row_rotation(row)).scale(HALF_BOX * row.size)
    return drawn_body(body) if rendering == "published" else body


def row_rotation(row: SampleRow) -> Rotation:
    """Give the rotation of a row: by alpha about the axis with polar angle theta and azimuth phi.

    Parameters
    ----------
    row : SampleRow
        The row.

    Returns
    -------
    scipy.spatial.transform.Rotation
        The rotation.
    """
    axis = np.array(
        [np.sin(row.theta) * np.cos(row.phi), np.sin(row.theta) * np.sin(row.phi), np.cos(row.theta)]
    )
    return Rotation.from_rotvec(row.alpha * axis)


def _shaped(row: SampleRow) -> Solid:
    """Give the unturned body, of circumradius 1 before it is cut and stretched."""
    convention = _convention(row)
    body = unturned_body(row.polyhedron)
    if row.cut is not None:
        check_value(row.cut, Positive("circumradii"), name="row.cut", owner="solid_from_row")
        turn = Rotation.from_rotvec(convention.cut_turn)
        axis = turn.apply(_direction(row.caxis, convention, "caxis"))
        body = body.cut(axis, row.cut).cut(-axis, row.cut)
    if row.stretch is None or row.stretch <= 0:
        raise fail("row.stretch", "solid_from_row", "a positive float", repr(row.stretch))
    factor = 1 / row.stretch if convention.inverse else row.stretch
    return body.stretch(factor, _direction(row.axis, convention, "axis"))


def _convention(row: SampleRow) -> _Convention:
    if row.polyhedron not in CONVENTIONS:
        allowed = f"a row of one of the classes {', '.join(CONVENTIONS)}"
        reason = " (the hull of random points that the table does not hold)" if row.is_random else ""
        raise fail("row", "solid_from_row", allowed, f"row {row.nr}, {row.polyhedron!r}{reason},")
    return CONVENTIONS[row.polyhedron]


def _direction(axis: Axis | None, convention: _Convention, name: str) -> Vector:
    """Give the unit vector of a label, or of a direction."""
    vector = np.array(
        convention.axes.get(axis, np.zeros(3)) if isinstance(axis, str) else axis or np.zeros(3)
    )
    length = float(np.linalg.norm(vector))
    if not (np.isfinite(length) and length > 0):
        allowed = f"one of {', '.join(map(repr, convention.axes))}, or a direction of non-zero length"
        raise fail(f"row.{name}", "solid_from_row", allowed, repr(axis))
    return vector / length


def drawn_body(body: Solid) -> Solid:
    """Give a body as the publisher's pictures show it: shrunk by their margins and clipped at their rim.

    Parameters
    ----------
    body : Solid
        The body that a row means, in nm.

    Returns
    -------
    Solid
        The body that the volume shows.
    """
    rims = HALF_BOX * np.array([DRAWN[0], DRAWN[1], 1.0])
    for factor, axis in zip(DRAWN, "xyz", strict=True):
        body = body.stretch(factor, axis)
    for rim, direction in zip(rims, np.eye(3), strict=True):
        body = body.cut(direction, rim).cut(-direction, rim)
    return body


@lru_cache(maxsize=32)
def unturned_body(polyhedron: str) -> Solid:
    """Give a class's body as the publisher holds it before turning, of circumradius 1.

    Octahedral bodies have their fourfold axes along x, y and z (the truncated octahedron is turned by 45
    degrees about z); icosahedral ones a fivefold axis along z and the next in the half plane of +x;
    tetrahedral ones a corner, or what was cut from it, towards +z and the next in the half plane of +x; the
    decahedron its fivefold axis along z and a corner towards +x; the truncated twinned tetrahedron its
    sixfold axis along z and the middle of an edge towards +x.

    Parameters
    ----------
    polyhedron : str
        The class, as in the tables.

    Returns
    -------
    Solid
        The body, its centre at the origin.
    """
    convention = CONVENTIONS[polyhedron]
    body = Solid.from_catalogue(polyhedron, circumradius=1.0)
    if convention.upright is not None:
        body = body.rotate(_upright(body, convention.upright))
    return body.rotate(Rotation.from_rotvec((0.0, 0.0, convention.azimuth)))


def _upright(body: Solid, axis: str) -> Rotation:
    """Give the rotation that brings one of equal axes to +z and its neighbour to the half plane of +x."""
    both = np.vstack([body.symmetry_axes[axis], -body.symmetry_axes[axis]])
    reach = body.support(both)
    equal = both[reach > reach.max() - 1e-6]  # of a tetrahedron, the ways to its corners and not to its faces
    up = equal[0]
    near = max(equal[1:], key=lambda way: way @ up)
    x = near - (near @ up) * up
    x /= np.linalg.norm(x)
    return Rotation.from_matrix(np.stack([x, np.cross(up, x), up]))
