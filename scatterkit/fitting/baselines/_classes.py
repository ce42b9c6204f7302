"""Catalogue classes for the simplex search: their views, their axes, and a library of their patterns."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from scatterkit.fitting._planes import Floats, spread_directions
from scatterkit.fitting.models import CatalogueBody
from scatterkit.fitting.models.catalogue import axis_labels
from scatterkit.solids import Ellipsoid, Solid

N_DIRECTIONS = 240
"""Directions that the beam may come from, 13 degrees apart, before symmetry makes them fewer."""

N_SIZES = 10


N_VARIANTS = 300
"""Random bodies of each class that are stretched and cut."""


class Pose(NamedTuple):
    """A class in some orientation and size, stretched and cut along an axis unless its label is empty."""

    name: str
    label: str
    point: Floats

    def model(self) -> CatalogueBody:
        """Give the body model of the point."""
        return stretched_and_cut(self.name, self.label) if self.label else CatalogueBody(self.name)

    def turned(self, angle: float) -> Pose:
        """Give the pose turned about the beam, from x towards y."""
        turn = Rotation.from_rotvec([0.0, 0.0, angle]) * Rotation.from_quat(self.point[:4])
        return self._replace(point=np.concatenate([turn.as_quat(), self.point[4:]]))

    def is_near(self, other: Pose) -> bool:
        """Say whether another pose would end in the same place, most likely."""
        if self.label != other.label or np.abs(self.point[4:] - other.point[4:]).max() > 0.2:
            return False
        return float(abs(self.point[:4] @ other.point[:4])) > math.cos(0.3 / 2)


@lru_cache(maxsize=128)
def symmetry_turns(name: str) -> Rotation:
    """Give all rotations that map a body of the catalogue onto itself; the identity alone for a sphere."""
    solid = Solid.from_catalogue(name)
    turns = [np.zeros(3)]
    if not isinstance(solid, Ellipsoid):
        for label, axes in solid.symmetry_axes.items():
            order = int(label[1:])
            turns += [axis * 2 * np.pi * part / order for axis in axes for part in range(1, order)]
    return Rotation.from_rotvec(turns)


def views(name: str) -> list[Rotation]:
    """Give turns of a body, one for each direction that the beam may come from and that looks different."""
    if isinstance(Solid.from_catalogue(name), Ellipsoid):
        return [Rotation.identity()]
    group = symmetry_turns(name).as_matrix()
    nearest = np.cos(0.75 * np.sqrt(4 * np.pi / N_DIRECTIONS))
    kept: list[Floats] = []
    for direction in spread_directions(N_DIRECTIONS):
        if not kept or (np.array(kept) @ (group @ direction).T).max() < nearest:
            kept.append(direction)
    return [Rotation.align_vectors([[0.0, 0.0, 1.0]], [direction])[0] for direction in kept]


def poses(name: str, limit: float) -> list[Pose]:
    """Give a class in all views and sizes up to the largest that fits, and some random bodies of it."""
    sizes = np.geomspace(0.18, 1.0, N_SIZES) * limit
    plain = [Pose(name, "", _point(turn, size)) for turn in views(name) for size in sizes]
    # the same bodies at each call: seeded by the class
    rng = np.random.default_rng(sum(map(ord, name)))
    labels = rng.choice(axis_labels(name), N_VARIANTS).tolist()
    drawn = zip(labels, Rotation.random(N_VARIANTS, rng=rng), strict=True)
    return plain + [_variant(name, label, turn, limit, rng) for label, turn in drawn]


def _variant(name: str, label: str, turn: Rotation, limit: float, rng: np.random.Generator) -> Pose:
    size = limit * np.exp(rng.uniform(np.log(0.18), 0))
    shape = [rng.uniform(np.log(0.6), np.log(1.7)), np.log(rng.uniform(0.25, 1.0))]
    point = np.concatenate([turn.as_quat(), [np.log(size)], shape])
    return Pose(name, label, stretched_and_cut(name, label).move(point, np.zeros(6), limit))


def _point(turn: Rotation, size: float) -> Floats:
    """Give the point of a ``CatalogueBody`` that is neither stretched nor cut."""
    return np.concatenate([turn.as_quat(), [np.log(size), 0.0, 0.0]])


@lru_cache(maxsize=256)
def stretched_and_cut(name: str, label: str) -> CatalogueBody:
    """Give the body model of a class that may be stretched along an axis and cut across it."""
    return CatalogueBody(name, stretch_axis=label, cut_axis=label)


@lru_cache(maxsize=256)
def axis_turns(name: str, label: str) -> Rotation:
    """Give symmetry turns that bring the first axis of a label to each of its axes, once each."""
    solid = Solid.from_catalogue(name)
    if isinstance(solid, Ellipsoid):  # every direction is an axis
        return Rotation.from_rotvec(np.pi / 2 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]]))
    axes = solid.symmetry_axes[label]
    group = symmetry_turns(name)
    images = group.apply(axes[0])
    chosen = [int(np.argmax(np.abs(images @ axis))) for axis in axes]
    return group[chosen]
