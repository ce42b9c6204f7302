"""Named bodies: uniform polyhedra and their duals, prisms, some Johnson solids, twinned crystals."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import cache, partial

import numpy as np
from scipy.spatial.transform import Rotation

from scatterkit._random import RandomState, check_random_state
from scatterkit._validation import fail, shown
from scatterkit.solids import _coordinates as make
from scatterkit.solids._coordinates import EVEN, PHI, SQRT2, orbit
from scatterkit.solids._mesh import Points
from scatterkit.solids.ellipsoid import Ellipsoid
from scatterkit.solids.solid import Solid

Corners = Callable[[], Points]

PLATONIC: dict[str, Corners] = {
    "tetrahedron": make.tetrahedron,
    "cube": partial(orbit, (1, 1, 1)),
    "octahedron": partial(orbit, (1, 0, 0)),
    "dodecahedron": partial(orbit, (1, 1, 1), (0, 1 / PHI, PHI), orders=EVEN),
    "icosahedron": make.icosahedron,
}

ARCHIMEDEAN: dict[str, Corners] = {
    "truncated_tetrahedron": make.truncated_tetrahedron,
    "cuboctahedron": partial(orbit, (0, 1, 1)),
    "truncated_cube": partial(orbit, (SQRT2 - 1, 1, 1)),
    "truncated_octahedron": partial(orbit, (0, 1, 2)),
    "rhombicuboctahedron": partial(orbit, (1, 1, 1 + SQRT2)),
    "truncated_cuboctahedron": partial(orbit, (1, 1 + SQRT2, 1 + 2 * SQRT2)),
    "snub_cube": make.snub_cube,
    "icosidodecahedron": partial(orbit, (0, 0, 2 * PHI), (1, PHI, PHI**2), orders=EVEN),
    "truncated_dodecahedron": partial(
        orbit, (0, 1 / PHI, 2 + PHI), (1 / PHI, PHI, 2 * PHI), (PHI, 2, PHI + 1), orders=EVEN
    ),
    "truncated_icosahedron": partial(
        orbit, (0, 1, 3 * PHI), (1, 2 + PHI, 2 * PHI), (PHI, 2, 2 * PHI + 1), orders=EVEN
    ),
    "rhombicosidodecahedron": partial(
        orbit, (1, 1, PHI**3), (PHI**2, PHI, 2 * PHI), (2 + PHI, 0, PHI**2), orders=EVEN
    ),
    "truncated_icosidodecahedron": partial(
        orbit,
        (1 / PHI, 1 / PHI, 3 + PHI),
        (2 / PHI, PHI, 1 + 2 * PHI),
        (1 / PHI, PHI**2, 3 * PHI - 1),
        (2 * PHI - 1, 2, 2 + PHI),
        (PHI, 3, 2 * PHI),
        orders=EVEN,
    ),
    "snub_dodecahedron": make.snub_dodecahedron,
}

CRYSTALS: dict[str, Corners] = {
    # five tetrahedra around an edge, the gap of 7.35 degrees closed: equilateral {111} faces, as published
    "decahedron": partial(make.bipyramid, 5),
    # a {111} platelet with a twin plane; the edge ratio of 0.9 gives the published volumes to 1e-3
    "truncated_twinned_tetrahedron": partial(make.hexagonal_bifrustum, 0.9),
}

CATALAN = {
    "triakis_tetrahedron": "truncated_tetrahedron",
    "rhombic_dodecahedron": "cuboctahedron",
    "triakis_octahedron": "truncated_cube",
    "tetrakis_hexahedron": "truncated_octahedron",
    "deltoidal_icositetrahedron": "rhombicuboctahedron",
    "disdyakis_dodecahedron": "truncated_cuboctahedron",
    "pentagonal_icositetrahedron": "snub_cube",
    "rhombic_triacontahedron": "icosidodecahedron",
    "triakis_icosahedron": "truncated_dodecahedron",
    "pentakis_dodecahedron": "truncated_icosahedron",
    "deltoidal_hexecontahedron": "rhombicosidodecahedron",
    "disdyakis_triacontahedron": "truncated_icosidodecahedron",
    "pentagonal_hexecontahedron": "snub_dodecahedron",
}

RINGS: dict[str, tuple[Callable[[int], Points], tuple[int, ...]]] = {
    "prism": (make.prism, (3, 5, 6, 8, 10)),
    "antiprism": (make.antiprism, (4, 5, 6, 8)),
    "pyramid": (make.pyramid, (4, 5)),
    "bipyramid": (make.bipyramid, (3,)),
    "elongated_{}_pyramid": (make.elongated_pyramid, (3, 4, 5)),
    "elongated_{}_bipyramid": (make.elongated_bipyramid, (3, 4, 5)),
    "gyroelongated_{}_pyramid": (make.gyroelongated_pyramid, (4, 5)),
    "gyroelongated_{}_bipyramid": (make.gyroelongated_bipyramid, (4,)),
    "cupola": (make.cupola, (3, 4, 5)),
}

SIDES = {3: "triangular", 4: "square", 5: "pentagonal", 6: "hexagonal", 8: "octagonal", 10: "decagonal"}

ALIASES = {
    "potato": "random_polyhedron",
    "great_rhombicuboctahedron": "truncated_cuboctahedron",
    "truncated_rhombicosidodecahedron": "truncated_icosidodecahedron",
    "truncated_rhombicuboctahedron": "truncated_cuboctahedron",
    "hexahedron": "cube",
    "pentagonal_bipyramid": "decahedron",
    "pentagonal_dipyramid": "decahedron",
    "buckyball": "truncated_icosahedron",
    "ball": "sphere",
}

ORIENTATIONS: dict[str, Rotation] = {}
"""Turns of single bodies away from the orientation of their coordinates above; the one place for that."""

PUBLISHED = (
    *PLATONIC,
    *(name for name in ARCHIMEDEAN if name != "snub_dodecahedron"),
    *CRYSTALS,
    "sphere",
    "random_polyhedron",
)
"""The 21 classes of Stielow and Scheel (2021)."""

RANDOM_POINTS = 50


def _ring_solids() -> dict[str, Corners]:
    solids: dict[str, Corners] = {}
    for kind, (points, sides) in RINGS.items():
        for n in sides:
            name = kind.format(SIDES[n]) if "{}" in kind else f"{SIDES[n]}_{kind}"
            solids[name] = partial(points, n)
    return solids


FIXED: dict[str, Corners] = {**PLATONIC, **ARCHIMEDEAN, **CRYSTALS, **_ring_solids()}


def catalogue_names(group: str = "all") -> tuple[str, ...]:
    """Give the names that `Solid.from_catalogue` knows.

    Parameters
    ----------
    group : {"all", "published", "platonic", "archimedean", "catalan"}, default="all"
        Which bodies; ``"published"`` are the 21 classes of the reference data set.

    Returns
    -------
    tuple of str
        The names.

    References
    ----------
    T. Stielow and S. Scheel, Phys. Rev. E 103, 053312 (2021).

    Examples
    --------
    >>> from scatterkit.solids import catalogue_names
    >>> catalogue_names("platonic")
    ('tetrahedron', 'cube', 'octahedron', 'dodecahedron', 'icosahedron')
    >>> len(catalogue_names("published"))
    21
    """
    groups = {
        "all": (*FIXED, *CATALAN, "sphere", "random_polyhedron"),
        "published": PUBLISHED,
        "platonic": tuple(PLATONIC),
        "archimedean": tuple(ARCHIMEDEAN),
        "catalan": tuple(CATALAN),
    }
    if not isinstance(group, str) or group not in groups:
        allowed = "one of " + ", ".join(repr(name) for name in groups)
        raise fail("group", "catalogue_names", allowed, shown(group))
    return groups[group]


def canonical_name(name: str) -> str:
    """Give a catalogue name in its own spelling: any case, blanks or hyphens for underscores, and aliases.

    Parameters
    ----------
    name : str
        A name such as ``"Truncated Octahedron"``.

    Returns
    -------
    str
        The name in the catalogue, such as ``"truncated_octahedron"``.

    Raises
    ------
    ValueError
        If the catalogue has no such body.

    Examples
    --------
    >>> from scatterkit.solids.catalogue import canonical_name
    >>> canonical_name("Truncated Rhombicosidodecahedron")
    'truncated_icosidodecahedron'
    """
    names = catalogue_names()
    spelt = (
        "_".join(name.lower().replace("-", " ").replace("_", " ").split()) if isinstance(name, str) else ""
    )
    joined = {known.replace("_", ""): known for known in (*names, *ALIASES)}
    known = joined.get(spelt.replace("_", ""))
    if known is None:
        near = difflib.get_close_matches(spelt, names, n=3)
        hint = f" such as {', '.join(map(repr, near))}" if near else ""
        allowed = f"a name in scatterkit.solids.catalogue_names(){hint}"
        raise fail("name", "Solid.from_catalogue", allowed, shown(name))
    return ALIASES.get(known, known)


def catalogue_solid(name: str, circumradius: float, random_state: RandomState) -> Solid:
    """Give a body of the catalogue, its centroid at the origin.

    Parameters
    ----------
    name : str
        A name that `canonical_name` understands.
    circumradius : float [nm]
        Distance of the farthest point from the centroid.
    random_state : int, numpy.random.Generator or None
        Draws the random polyhedron.

    Returns
    -------
    Solid
        The body.

    Examples
    --------
    >>> from scatterkit.solids.catalogue import catalogue_solid
    >>> round(catalogue_solid("octahedron", 1.0, None).volume, 6)
    1.333333
    """
    name = canonical_name(name)
    if name == "sphere":
        return Ellipsoid(circumradius * np.eye(3), name=name)
    if name == "random_polyhedron":
        generator = check_random_state(random_state, owner="Solid.from_catalogue")
        return _centred(random_points(generator), name).scale(circumradius)
    return _unit_solid(name).scale(circumradius)


@cache
def _unit_solid(name: str) -> Solid:
    corners = make.dual(FIXED[CATALAN[name]]()) if name in CATALAN else FIXED[name]()
    turn = ORIENTATIONS.get(name)
    body = _centred(corners if turn is None else turn.apply(corners), name)
    _ = body.normals  # found here, once: every body made of this one knows its faces
    return body


def _centred(corners: Points, name: str) -> Solid:
    body = Solid.from_points(corners, name)
    body = body.shift(-body.centroid)
    return body.scale(1 / body.circumradius)


def random_points(generator: np.random.Generator, n: int = RANDOM_POINTS) -> Points:
    """Draw points in the unit ball whose hull is a random polyhedron.

    Directions are uniform; the radius is u^1.5 with u uniform in [0, 1], which gives hulls about as large and
    as uneven as the published ones.

    Parameters
    ----------
    generator : numpy.random.Generator
        Source of the random numbers.
    n : int, default=50
        How many points.

    Returns
    -------
    ndarray of shape (n, 3)
        The points.
    """
    directions = generator.normal(size=(n, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * generator.random((n, 1)) ** 1.5
