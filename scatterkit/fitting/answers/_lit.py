"""The side of a convex body that the beam strikes, and an origin that a shift of the body takes along."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import fail, shown
from scatterkit.fitting._faces import faces_of
from scatterkit.fitting._planes import Floats
from scatterkit.solids import Ellipsoid, Solid

EDGE_ON = 1e-6
"""Faces whose normal has no larger z component are parallel to the beam: they are not lit."""


class LitSurface(NamedTuple):
    """The lit faces: numbers of their half-spaces (k,), areas, areas as the beam sees them, centres (k, 3); origin."""

    faces: NDArray[np.int64]
    areas: Floats
    beam_areas: Floats
    centres: Floats
    origin: Floats

    @property
    def beam_shares(self) -> Floats:
        """The part of the body's outline that each face fills."""
        return self.beam_areas / self.beam_areas.sum()


def lit_surface(normals: Floats, offsets: Floats, inside: Floats) -> LitSurface:
    """Find the lit side of {r : normals @ r <= offsets} around a point inside it.

    The origin is the mean of the lit surface's points (x, y, z) over the body's outline: rays of the beam count
    alike, so that faces nearly edge-on, whose areas say little, have little weight.
    """
    found = faces_of(normals, offsets, inside)
    if found is None:
        raise ValueError("The half-spaces enclose no body around the point given.")
    lit = np.flatnonzero((found.areas > 0) & (normals[:, 2] < -EDGE_ON))
    beam_areas = -found.areas[lit] * normals[lit, 2]
    centres = found.centres[lit]
    origin = beam_areas @ centres / beam_areas.sum()
    return LitSurface(lit, found.areas[lit], beam_areas, centres, origin)


def lit_side(solid: Solid) -> LitSurface:
    """Find the lit side of a convex polyhedron."""
    return lit_surface(solid.normals, solid.offsets, solid.centroid)


def check_polyhedron(solid: Solid, *, owner: str) -> None:
    """Raise for anything but a convex polyhedron."""
    allowed = "a convex polyhedron (Solid)"
    if not isinstance(solid, Solid):
        raise fail("solid", owner, allowed, shown(solid))
    if isinstance(solid, Ellipsoid):
        raise fail("solid", owner, allowed, "a smooth Ellipsoid")
    if not solid.is_convex:
        raise fail("solid", owner, allowed, "a body that is not convex")


def is_polyhedron(solid: Solid) -> bool:
    """Whether a body has plane faces on a convex surface."""
    return solid.is_convex and not isinstance(solid, Ellipsoid)
