"""Triangles of a body as a camera sees them: projected, shaded, the hidden ones left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LIGHT = np.array(
    [-0.45, -0.65, -0.62]
)  # where light comes from, in the camera's frame (right, down, forward)
SOFT_EDGE, SHARP_EDGE = np.radians([3.0, 18.0])  # between these dihedral angles an edge fades in


class Camera(NamedTuple):
    """Where a picture is taken from: the world's (x, y, z) directions of the picture's axes.

    ``distance`` is that of the eye from the body's centre, in units of its radius; infinite: parallel rays.
    """

    right: tuple[float, float, float]
    down: tuple[float, float, float]
    forward: tuple[float, float, float]
    distance: float = np.inf

    @classmethod
    def looking(cls, forward: tuple[float, float, float], distance: float) -> Camera:
        """Look along a direction, with the world's y axis pointing down in the picture."""
        axis = np.asarray(forward) / np.linalg.norm(forward)
        right = np.cross([0.0, 1.0, 0.0], axis)
        right /= np.linalg.norm(right)
        down = np.cross(axis, right)
        return cls(tuple(right), tuple(down), tuple(axis), distance)


CAMERAS = {
    "beam": Camera((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "side": Camera((0, 0, 1), (0, 1, 0), (-1, 0, 0)),
    "top": Camera((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    "perspective": Camera.looking((1.0, 0.5, 0.85), 5.0),
}


@dataclass(frozen=True)
class Projection:
    """What is seen of a body, in the order in which to draw it.

    ``triangles`` (t, 3, 2) in nm, their ``brightness`` (t,) and whether the beam strikes them (``lit``);
    ``edges`` (e, 2, 2) between visible facets and their ``strength`` (e,), 0 to 1; ``outline`` (o, 2, 2).
    """

    triangles: Array
    brightness: Array
    lit: NDArray[np.bool_]
    edges: Array
    strength: Array
    outline: Array


def project(solid: Any, camera: Camera) -> Projection:
    """Project a body with vertices (v, 3) and outward triangles ``faces`` (f, 3)."""
    vertices, faces = np.asarray(solid.vertices, dtype=np.float64), np.asarray(solid.faces)
    center = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    frame = np.array(camera[:3], dtype=np.float64)
    seen = (vertices - center) @ frame.T
    radius = float(np.linalg.norm(seen, axis=1).max())
    eye = camera.distance * radius
    scale = 1 / (1 + seen[:, 2] / eye)
    flat = seen[:, :2] * scale[:, None] + center @ frame[:2].T
    normals = _normals(seen[faces])
    # the ray to any point of a triangle tells its side; at infinity all rays are alike
    rays = np.array([0.0, 0.0, 1.0]) if np.isinf(eye) else seen[faces[:, 0]] + np.array([0.0, 0.0, eye])
    visible = np.sum(normals * rays, axis=1) < 0
    order = np.flatnonzero(visible)
    order = order[np.argsort(-seen[faces[order], 2].mean(axis=1))]  # far ones first
    pairs, sides = _edges(faces)
    shown = visible[sides]
    angle = np.arccos(np.clip(np.sum(normals[sides[:, 0]] * normals[sides[:, 1]], axis=1), -1, 1))
    strength = np.clip((angle - SOFT_EDGE) / (SHARP_EDGE - SOFT_EDGE), 0, 1)
    inner = shown.all(axis=1) & (strength > 0)
    light = LIGHT / np.linalg.norm(LIGHT)
    return Projection(
        triangles=flat[faces[order]],
        brightness=np.clip(normals[order] @ light, 0, 1),
        lit=(normals[order] @ frame)[:, 2] < -1e-9,
        edges=flat[pairs[inner]],
        strength=strength[inner],
        outline=flat[pairs[shown[:, 0] != shown[:, 1]]],
    )


def _normals(triangles: Array) -> Array:
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    lengths = np.linalg.norm(cross, axis=1, keepdims=True)
    return cross / np.where(lengths > 0, lengths, 1)


def _edges(faces: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Each edge's two corners (e, 2) and two triangles (e, 2); other edges are left out."""
    ends = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    owner = np.tile(np.arange(len(faces)), 3)
    order = np.lexsort(ends.T)
    ends, owner = ends[order], owner[order]
    _, first, count = np.unique(ends, axis=0, return_index=True, return_counts=True)
    first = first[count == 2]
    return ends[first], np.column_stack([owner[first], owner[first + 1]])
