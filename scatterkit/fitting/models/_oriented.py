"""Bodies with a free orientation: a point is a quaternion and some numbers, a step a rotation vector and theirs."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from scatterkit.fitting._planes import Floats
from scatterkit.fitting.models.base import PLANE_STEP, PlaneModel


class OrientedModel(PlaneModel):
    """A plane model whose points begin with a quaternion (4) and whose steps with a rotation vector (3)."""

    @staticmethod
    def _turn(point: Floats) -> Rotation:
        return Rotation.from_quat(point[:4])

    @staticmethod
    def _turned(point: Floats, step: Floats) -> Floats:
        """Turn a point, and add the rest of a step to its other numbers."""
        turned = Rotation.from_rotvec(step[:3]) * Rotation.from_quat(point[:4])
        return np.concatenate([turned.as_quat(), point[4:] + step[3:]])

    def plane_tangent(self, point: Floats) -> tuple[Floats, Floats]:
        sizes = np.full(np.shape(self.rates(point)), PLANE_STEP)
        sizes[:3] = 0.0
        by_normals, by_offsets = self._plane_differences(point, sizes)
        by_normals[:, :, :3] = turns_of(self.planes(point)[0])
        return by_normals, by_offsets


def turns_of(normals: Floats) -> Floats:
    """Derivatives ``(k, 3, 3)`` of vectors ``(k, 3)`` along the three numbers of a rotation vector."""
    return np.cross(np.eye(3), normals[:, None]).transpose(0, 2, 1)


def excess(corners: Floats, limit: float) -> float:
    """Logarithm of the factor by which corners leave the cube of a half width; 0 where they do not."""
    return max(0.0, float(np.log(np.abs(corners).max()) - np.log(limit)))
