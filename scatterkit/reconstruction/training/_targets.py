"""What a loss compares bodies with, made on the training device from what a batch holds of the true ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from scatterkit.reconstruction._columns import depth_inside, ops, surfaces
from scatterkit.reconstruction.bodies import front_surface, ramp
from scatterkit.reconstruction.pose import canonical_pose, canonical_shift_of_planes
from scatterkit.simulation.kernels.tensor_backends import has_gpu

Tensor = Any
Targets = Mapping[str, Tensor]
_CANDIDATES = 6
"""Planes on either side of a body that CPUs look at in a column's voxels: more hardly ever meet in one."""


def targets_for(wanted: Collection[str], given: Targets, *, grid: int, box: float, posed: bool) -> Targets:
    """Give the targets that a loss wants, "pattern", "volume" and "surface", and the mask where there is one.

    True bodies are brought into their canonical pose if ``posed``: half-spaces exactly, volumes by whole voxels.
    """
    targets = {name: given[name] for name in ("pattern", "mask") if name in given}
    shapes = [name for name in ("volume", "surface") if name in wanted]
    if not shapes:
        return targets
    if "normals" in given:
        made = _of_planes(given["normals"], given["offsets"], shapes, grid, box, posed)
    else:
        made = _of_volumes(given["volume"], shapes, box, posed)
    return {**targets, **made}


def _of_planes(
    normals: Tensor, offsets: Tensor, shapes: Collection[str], grid: int, box: float, posed: bool
) -> dict[str, Tensor]:
    normals, offsets = (ops.cast(part, "float32") for part in (normals, offsets))
    if posed:
        shift = canonical_shift_of_planes(normals, offsets, box, grid)
        offsets = offsets + ops.sum(normals * shift[:, None], axis=-1)
    made = {}
    if "volume" in shapes:
        width, candidates = box / grid, None if has_gpu() else _CANDIDATES
        made["volume"] = ramp(depth_inside(normals, offsets, grid, box, 0.5 * width, candidates), width)[0]
    if "surface" in shapes:
        made["surface"] = ops.stack(surfaces(normals, offsets, grid, box), axis=1)
    return made


def _of_volumes(volumes: Tensor, shapes: Collection[str], box: float, posed: bool) -> dict[str, Tensor]:
    volumes = ops.cast(volumes, "float32")
    if posed:
        volumes = canonical_pose(volumes, box)
    made = {"volume": volumes} if "volume" in shapes else {}
    if "surface" in shapes:
        entrance, _ = front_surface(volumes, box)
        behind, _ = front_surface(ops.flip(volumes, axis=1), box)
        # both are the box's far side where there is no body: the exit then lies a box before the entrance
        made["surface"] = ops.stack([entrance, -behind], axis=1)
    return made
