"""Detectors whose Qz has no mirror symmetry, as sums of four that have it and see one quadrant each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.simulation.plan import Floats, MSFTPlan


@dataclass(frozen=True)
class ByQuadrants:
    """A kernel that needs Qz to mirror, applied to one quadrant after the other: four times its work."""

    kernel: Any

    def field(self, volumes: NDArray[Any], plan: MSFTPlan) -> NDArray[Any]:
        """Scattered fields ``(n, rows, columns)`` of volumes ``(n, z, y, x)``."""
        return np.sum([self.kernel.field(volumes, part) for part in quadrants(plan)], axis=0)

    def adjoint(
        self,
        volumes: NDArray[Any],
        plan: MSFTPlan,
        field_gradient: NDArray[Any],
        *,
        within_body: bool = False,
    ) -> NDArray[Any]:
        """Gradient by the volumes, of their shape: the field is a sum, so its gradients add up."""
        parts = quadrants(plan)
        pulls = (
            self.kernel.adjoint(volumes, part, field_gradient, within_body=within_body) for part in parts
        )
        return np.sum(list(pulls), axis=0)


@lru_cache(maxsize=16)
def mirrors(plan: MSFTPlan) -> bool:
    """Whether Qz depends on the magnitudes of q_y and q_x alone, wherever both signs are on the detector."""
    rows, columns = plan.q_z.shape
    paired = plan.q_z[1 - rows % 2 :, 1 - columns % 2 :]  # an even side's first line has no partner
    return np.allclose(paired, paired[::-1], atol=1e-12) and np.allclose(paired, paired[:, ::-1], atol=1e-12)


@lru_cache(maxsize=8)
def quadrants(plan: MSFTPlan) -> tuple[MSFTPlan, ...]:
    """Give four plans whose fields add up to the plan's, each with the Qz of one quadrant mirrored to all.

    Parameters
    ----------
    plan : MSFTPlan
        A plan of a uniform grid of wave vectors.

    Returns
    -------
    tuple of MSFTPlan
        The plans; each has the response of its quadrant and is zero elsewhere.
    """
    return tuple(_quadrant(plan, y, x) for y in (-1, 1) for x in (-1, 1))


def _quadrant(plan: MSFTPlan, sign_y: int, sign_x: int) -> MSFTPlan:
    lines, own = zip(*map(_side, plan.detector_shape, (sign_y, sign_x)), strict=True)
    q_z: Floats = plan.q_z[np.ix_(*lines)]
    response = np.where(np.logical_and.outer(*own), plan.response, 0)
    for array in (q_z, response):
        array.setflags(write=False)
    return replace(plan, q_z=q_z, response=response)


def _side(pixels: int, sign: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Which pixel on one side each pixel mirrors, and which pixels lie on that side."""
    steps = np.arange(pixels) - pixels // 2
    mirrored = np.clip(pixels // 2 + sign * np.abs(steps), 0, pixels - 1)
    return mirrored, steps < 0 if sign < 0 else steps >= 0
