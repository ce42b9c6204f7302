"""Neighbouring faces on the lit side made one."""

from __future__ import annotations

from scatterkit.fitting._faces import Faces, faces_of, mergeable_pairs, merged
from scatterkit.fitting._planes import Floats, with_box
from scatterkit.simulation.facets import corners_of

MERGE_TOLERANCE = 0.05
"""Two faces become one where the residual grows by no more than this fraction, all merges together."""
FLAT = 0.01
"""Two lit faces that differ by less than this angle in rad are one: over 50 nm their edge stands out by 0.1 nm."""


def _pairs(
    normals: Floats, offsets: Floats, limit: float, widest: float
) -> tuple[Faces | None, list[tuple[int, int]]]:
    """The faces, and the pairs of the body's own ones that may become one, the flattest edge first."""
    all_normals, all_offsets = with_box(normals, offsets, limit)
    corners, _ = corners_of(all_normals, all_offsets)
    # a body need not hold the origin: slanted ones do not once their bounds are put into the middle
    faces = faces_of(all_normals, all_offsets, corners.mean(axis=0)) if len(corners) else None
    pairs = [] if faces is None else mergeable_pairs(all_normals, faces, widest)
    return faces, [(i, j) for i, j in pairs if j < len(offsets)]


def with_one_face_less(
    normals: Floats, offsets: Floats, limit: float, widest: float
) -> list[tuple[Floats, Floats]]:
    """Give the half-spaces of bodies with two faces made one, the flattest edge first."""
    faces, pairs = _pairs(normals, offsets, limit, widest)
    return [] if faces is None else [merged(normals, offsets, faces, i, j, limit) for i, j in pairs]


def without_flat_edges(normals: Floats, offsets: Floats, limit: float) -> tuple[Floats, Floats]:
    """Give half-spaces whose lit faces differ by more than an angle that no pattern tells."""
    while smoother := with_one_face_less(normals, offsets, limit, FLAT):
        normals, offsets = smoother[0]
    return normals, offsets
