"""Crystal shapes: the Wulff construction for cubic crystals, and the Marks decahedron."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Positive, Real, check_value, fail, shown
from scatterkit.solids._coordinates import apex, orbit, ring, ring_radius
from scatterkit.solids._mesh import Points
from scatterkit.solids.solid import Solid

FCC_ENERGIES = {"111": 1.0, "100": 1.1547, "110": 1.2247}
"""Broken-bond energies of fcc facets relative to {111}: sqrt(4/3) and sqrt(3/2)."""


def wulff(
    surface_energies: Mapping[str, float] | None = None,
    *,
    circumradius: float = 100.0,
    name: str = "wulff",
) -> Solid:
    """Give the equilibrium shape of a cubic crystal: each facet as far out as its energy is high.

    Parameters
    ----------
    surface_energies : mapping of str to float [any one unit], optional
        Energy of each family of facets by its Miller indices, such as ``{"111": 1.0, "100": 1.15}``, in any
        unit: only ratios count. By default the broken-bond energies of fcc {111}, {100} and {110}.
    circumradius : float [nm], default=100
        Distance of the farthest corner from the centroid.
    name : str, default="wulff"
        What the body is called.

    Returns
    -------
    Solid
        The body, cube axes along x, y, z.

    References
    ----------
    G. Wulff, Z. Kristallogr. 34, 449 (1901).

    Examples
    --------
    >>> from scatterkit.solids import wulff
    >>> len(wulff({"111": 1.0}).normals), len(wulff({"111": 1.0, "100": 1.15}).normals)
    (8, 14)
    """
    check_value(circumradius, Positive("nm"), name="circumradius", owner="wulff")
    energies = FCC_ENERGIES if surface_energies is None else surface_energies
    if not isinstance(energies, Mapping) or not energies:
        raise fail("surface_energies", "wulff", "a mapping of Miller indices to energies", shown(energies))
    normals, offsets = [], []
    for family, energy in energies.items():
        check_value(energy, Positive(), name=f"surface_energies[{family!r}]", owner="wulff")
        facets = family_normals(family)
        normals.append(facets)
        offsets.append(np.full(len(facets), float(energy)))
    body = Solid.from_halfspaces(np.vstack(normals), np.concatenate(offsets), name)
    return body.scale(circumradius / body.circumradius)


def family_normals(family: str) -> Points:
    """Give the unit normals of a family {hkl} of facets of a cubic crystal.

    Parameters
    ----------
    family : str
        Three digits, such as ``"111"`` or ``"210"``.

    Returns
    -------
    ndarray of shape (k, 3)
        The normals: 8 for {111}, 6 for {100}, 12 for {110}, up to 48.

    Examples
    --------
    >>> from scatterkit.solids.wulff import family_normals
    >>> [len(family_normals(hkl)) for hkl in ("100", "110", "111", "210", "321")]
    [6, 12, 8, 24, 48]
    """
    if not isinstance(family, str) or len(family) != 3 or not family.isdigit() or family == "000":
        raise fail("surface_energies", "wulff", "keyed by three digits hkl such as '111'", shown(family))
    h, k, l = (float(digit) for digit in family)  # noqa: E741
    normals = orbit((h, k, l))
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def marks_decahedron(
    circumradius: float = 100.0, *, side: float = 0.6, notch: float = 0.15, name: str = "marks_decahedron"
) -> Solid:
    """Give a Marks decahedron: a five-fold twin with {100} sides and re-entrant {111} notches at the twins.

    Each of the five twins is a tetrahedron around the common axis, cut by a {100} plane at its outer edge;
    where two twins meet, {111} notches reach inward. With no notch it is Ino's convex decahedron, with
    ``side=1`` as well the plain decahedron.

    Parameters
    ----------
    circumradius : float [nm], default=100
        Distance of the farthest corner from the centroid.
    side : float [1], default=0.6
        Distance of the {100} sides from the axis, as a fraction of the plain decahedron's.
    notch : float [1], default=0.15
        Depth of the notch along the twin plane, as a fraction of that plane's width.
    name : str, default="marks_decahedron"
        What the body is called.

    Returns
    -------
    Solid
        The body, its axis along z; not convex where there is a notch.

    References
    ----------
    L. D. Marks, Philos. Mag. A 49, 81 (1984).

    Examples
    --------
    >>> from scatterkit.solids import marks_decahedron
    >>> body = marks_decahedron(50)
    >>> body.is_convex, body.point_group
    (False, 'D_5h')
    """
    check_value(circumradius, Positive("nm"), name="circumradius", owner="marks_decahedron")
    check_value(side, Real(low=0, open_low=True, high=1), name="side", owner="marks_decahedron")
    check_value(notch, Real(low=0, high=0.5), name="notch", owner="marks_decahedron")
    vertices, faces = _marks_mesh(side * (1 - notch), side * notch)
    body = Solid(vertices, faces, name)
    return body.scale(circumradius / body.circumradius)


def _marks_mesh(bottom: float, arm: float) -> tuple[Points, NDArray[np.int64]]:
    """Give the surface of a Marks decahedron.

    With e_k the unit vectors from the axis along the twin planes, its outline runs through bottom e_k (the
    notch), bottom e_k + arm e_(k+1), arm e_k + bottom e_(k+1): the notches' sides are parallel to the next
    twin plane. The roofs are those of the plain decahedron with a corner at each e_k.
    """
    e = ring(5, 0, radius=1.0)
    after = np.roll(e, -1, axis=0)
    outline = np.stack([bottom * e, bottom * e + arm * after, arm * e + bottom * after], axis=1).reshape(
        -1, 3
    )
    middles = ring(5, 0, radius=1 / np.cos(np.pi / 5), turned=True)
    # a roof falls from the apex on the axis to zero at the plain decahedron's edge
    peak_height = apex(5) / ring_radius(5)
    heights = peak_height * (1 - (outline @ middles.T).max(axis=1))
    top = outline + heights[:, None] * np.array([0, 0, 1])
    n = len(outline)
    points = np.vstack([top, top * (1, 1, -1), [[0, 0, peak_height], [0, 0, -peak_height]]])
    i, j = np.arange(n), np.roll(np.arange(n), -1)
    up, down = np.full(n, 2 * n), np.full(n, 2 * n + 1)
    fans = [np.stack([up, i, j], axis=1), np.stack([down, n + j, n + i], axis=1)]
    walls = [np.stack([i, n + i, n + j], axis=1), np.stack([i, n + j, j], axis=1)]
    _, first, number = np.unique(np.round(points, 9) + 0.0, axis=0, return_index=True, return_inverse=True)
    triangles = number.ravel()[np.vstack([*fans, *walls])]
    a, b, c = triangles.T
    return points[first], triangles[(a != b) & (b != c) & (c != a)]
