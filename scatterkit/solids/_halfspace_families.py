"""Families of convex bodies as tables of planes, and the random numbers that turn a table into a body."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from scatterkit.solids._mesh import Points
from scatterkit.solids.catalogue import catalogue_solid
from scatterkit.solids.wulff import family_normals

N_PLANES = 32
"""Planes of a family; those that it does not use are far away."""

FAR = 100.0
"""Distance, in circumradii, of a plane that cuts nothing."""

CHOPS = 12
"""Planes of any direction in the family of chopped balls; the others surround the ball."""


@dataclass(frozen=True)
class Group:
    """Planes whose distances go by one random factor: outward normals, mean distances, range of the factor.

    ``spread`` is the share by which each distance varies apart from the others, None for the sampler's own; a
    ``scatter`` of s adds s times a random direction to each normal.
    """

    normals: Points
    distance: float
    factor: tuple[float, float] = (1.0, 1.0)
    spread: float | None = None
    scatter: float = 0.0


def _unit(points: Points) -> Points:
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def _chopped_ball() -> list[Group]:
    around = catalogue_solid("icosahedron", 1.0, None).normals
    anywhere = np.zeros((CHOPS, 3))
    return [
        Group(around, 1.0, spread=0.15, scatter=0.4),
        Group(anywhere, 0.85, spread=0.5, scatter=1.0),
    ]


def _wulff() -> list[Group]:
    # relative to {111}: from nearly a cube to nearly an octahedron, {110} from broad to absent
    return [
        Group(family_normals("111"), 1.0),
        Group(family_normals("100"), 1.0, (0.62, 1.7)),
        Group(family_normals("110"), 1.0, (0.8, 1.5)),
    ]


def _decahedron() -> list[Group]:
    body = catalogue_solid("decahedron", 1.0, None)
    roofs = body.normals
    sides = _unit(roofs * (1, 1, 0))
    sides = sides[np.unique(np.round(sides, 6), axis=0, return_index=True)[1]]
    edge = float(body.support(sides).min())
    tips = np.array([(0.0, 0.0, 1.0), (0.0, 0.0, -1.0)])
    return [
        Group(roofs, float(body.offsets.mean())),
        Group(sides, edge, (0.45, 1.05)),
        Group(tips, float(body.support(tips).min()), (0.5, 1.3)),
    ]


def _icosahedron() -> list[Group]:
    body = catalogue_solid("icosahedron", 1.0, None)
    return [Group(body.normals, float(body.offsets.mean())), Group(_unit(body.vertices), 1.0, (0.82, 1.1))]


def _twinned_plate() -> list[Group]:
    body = catalogue_solid("truncated_twinned_tetrahedron", 1.0, None)
    flat = np.abs(body.normals[:, 2]) > 0.99
    # every other side of the hexagon: where these are nearer than the others, the plate becomes a triangle
    azimuth = np.arctan2(body.normals[:, 1], body.normals[:, 0])
    other = np.round((azimuth - azimuth[~flat][0]) / (np.pi / 3)).astype(int) % 2 == 1
    side, cap = float(body.offsets[~flat].mean()), float(body.offsets[flat].mean())
    return [
        Group(body.normals[~flat & other], side),
        Group(body.normals[~flat & ~other], side, (0.6, 1.7)),
        Group(body.normals[flat], cap, (0.4, 1.3)),
    ]


_CUBIC_AXES = ((0.0, 0.0, 1.0), (1.0, 1.0, 1.0), (0.0, 1.0, 1.0))
_UPRIGHT_AXES = ((0.0, 0.0, 1.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))

FAMILIES = {
    "chopped_ball": (_chopped_ball, _UPRIGHT_AXES),
    "wulff": (_wulff, _CUBIC_AXES),
    "decahedron": (_decahedron, _UPRIGHT_AXES),
    "icosahedron": (_icosahedron, None),
    "twinned_plate": (_twinned_plate, _UPRIGHT_AXES),
}
"""The families by name: their planes, and three axes along which bodies are stretched and cut."""


@dataclass(frozen=True)
class FamilyTables:
    """The families' planes as float32 arrays: families first, then planes."""

    normals: NDArray[np.float32]
    distances: NDArray[np.float32]
    low: NDArray[np.float32]
    width: NDArray[np.float32]
    spread: NDArray[np.float32]
    scatter: NDArray[np.float32]
    group: NDArray[np.int32]
    axes: NDArray[np.float32]


@cache
def family_tables(names: tuple[str, ...], unevenness: float) -> FamilyTables:
    """Give the planes of some families.

    Parameters
    ----------
    names : tuple of str
        Names of the families.
    unevenness : float [1]
        Share by which the distance of each face of a crystal varies.

    Returns
    -------
    FamilyTables
        Arrays of shape (families, planes, ...).
    """
    n = len(names)
    table = {
        "normals": np.tile(np.array([0.0, 0.0, 1.0]), (n, N_PLANES, 1)),
        "distances": np.full((n, N_PLANES), FAR),
        "low": np.ones((n, N_PLANES)),
        **{name: np.zeros((n, N_PLANES)) for name in ("width", "spread", "scatter", "group")},
    }
    for row, name in enumerate(names):
        at = 0
        for number, group in enumerate(FAMILIES[name][0]()):
            here = (row, slice(at, at + len(group.normals)))
            at += len(group.normals)
            table["normals"][here] = group.normals
            table["distances"][here] = group.distance
            table["low"][here] = group.factor[0]
            table["width"][here] = group.factor[1] - group.factor[0]
            table["spread"][here] = unevenness if group.spread is None else group.spread
            table["scatter"][here] = group.scatter
            table["group"][here] = number
    arrays = {name: values.astype(np.float32) for name, values in table.items() if name != "group"}
    return FamilyTables(
        **arrays,
        group=table["group"].astype(np.int32),
        axes=np.stack([_axes(name) for name in names]).astype(np.float32),
    )


def _axes(name: str) -> Points:
    """Give three axes of a family as unit vectors."""
    axes = FAMILIES[name][1]
    if axes is None:
        found = catalogue_solid(name, 1.0, None).symmetry_axes
        return np.stack([group[0] for group in found.values()])
    return _unit(np.array(axes))
