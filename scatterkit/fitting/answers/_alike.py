"""Other bodies that fit a pattern as well: which of them are one body, and how far their facets lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scatterkit.fitting._planes import Floats
from scatterkit.fitting.answers._lit import is_polyhedron, lit_side
from scatterkit.solids import Solid

SAME_FACET = np.radians(15)
"""Facets of two bodies are the same if their normals differ by less."""
SAME_BODY = 0.02
"""Bodies are the same if their lit sides reach equally far in all directions, within this part of the circumradius."""
N_DIRECTIONS = 200


class FacetSpread(NamedTuple):
    """Largest differences (k,) of other bodies' facets in distance and normal, and the share (k,) that has them.

    ``n_bodies`` counts those bodies that differ from the reported one and from each other.
    """

    distance: Floats
    normal: Floats
    seen_in: Floats
    n_bodies: int


def facet_spread(solid: Solid, alternatives: Sequence[Solid]) -> FacetSpread:
    """Compare the lit facets of a convex polyhedron with those of other bodies.

    Several starts often end at one body. The largest difference does not shrink by that, as a mean would; and the
    share counts each body once, and the reported one not at all.
    """
    lit = lit_side(solid)
    normals = solid.normals[lit.faces]
    distances = solid.offsets[lit.faces] - normals @ lit.origin
    others = [body for body in alternatives if is_polyhedron(body)]
    apart, angles, same = np.zeros((3, len(others), len(normals)))
    for row, body in enumerate(others):
        theirs = lit_side(body)
        faced = body.normals[theirs.faces]
        between = np.arccos(np.clip(normals @ faced.T, -1, 1))
        nearest, angles[row] = between.argmin(axis=1), between.min(axis=1)
        same[row] = angles[row] < SAME_FACET
        apart[row] = np.abs((body.offsets[theirs.faces] - faced @ theirs.origin)[nearest] - distances)
    # the first group is that of the reported body itself
    distinct = [group[0] - 1 for group in alike_groups([solid, *others])[1:]]
    seen_in = same[distinct].mean(axis=0) if distinct else np.ones(len(normals))
    distance, normal = (np.max(part * same, axis=0, initial=0.0) for part in (apart, angles))
    return FacetSpread(distance, normal, seen_in, len(distinct))


def alike_groups(bodies: Sequence[Solid]) -> list[list[int]]:
    """Give the numbers of bodies that are the same but for a shift and their far sides, first come first."""
    groups: list[list[int]] = []
    heights = [_heights(body) for body in bodies]
    for number, body in enumerate(bodies):
        for group in groups:
            if _alike(bodies[group[0]], body, heights[group[0]], heights[number]):
                group.append(number)
                break
        else:
            groups.append([number])
    return groups


def _alike(first: Solid, second: Solid, first_heights: Floats, second_heights: Floats) -> bool:
    if not (first.is_convex and second.is_convex):
        return first is second  # how far a body reaches says nothing of its dents
    if is_polyhedron(first) is not is_polyhedron(second):
        return False
    apart = float(np.abs(first_heights - second_heights).max())
    return apart <= SAME_BODY * min(float(first.circumradius), float(second.circumradius))


def _heights(body: Solid) -> Floats:
    """How far a body reaches beyond the origin of its lit side in directions towards the source."""
    origin = lit_side(body).origin if is_polyhedron(body) else body.bounds.mean(axis=0)
    heights: Floats = ((body.vertices - origin) @ _directions().T).max(axis=0)
    return heights


def _directions() -> NDArray[np.float64]:
    """Directions with z < 0, evenly over the half sphere: points of a Fibonacci spiral."""
    number = np.arange(N_DIRECTIONS)
    z = -(number + 0.5) / N_DIRECTIONS
    turn = np.pi * (3 - 5**0.5) * number
    across = np.sqrt(1 - z**2)
    return np.stack([across * np.cos(turn), across * np.sin(turn), z], axis=1)
