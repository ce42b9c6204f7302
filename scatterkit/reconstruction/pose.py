"""The pose that all equal bodies share: a pattern does not tell where in the box a body lies."""

from __future__ import annotations

from typing import Any

import numpy as np

from scatterkit._arrays import namespace
from scatterkit._validation import Boolean, Integer, Positive, check_value
from scatterkit.fitting._planes import box_limit
from scatterkit.reconstruction._grids import centres
from scatterkit.reconstruction.bodies import front_surface

_OWNER = "canonical_pose"
_NOWHERE = 1e9


def canonical_shift(volumes: Any, box: float = 318.75) -> Any:
    """Give the shifts that bring bodies into their canonical pose.

    Parameters
    ----------
    volumes : ndarray or tensor of float32 of shape (n, z, y, x)
        Occupancies in [0, 1], as many voxels along each axis.
    box : float [nm], default=318.75
        Side of the cube that the volumes fill.

    Returns
    -------
    ndarray or tensor of float32 of shape (n, 3) [nm]
        How far to shift along x, y and z. Half-spaces n.r <= d shift so: d + n.shift. Zero for an empty volume.

    See Also
    --------
    canonical_pose : The shifted volumes.

    Notes
    -----
    In the canonical pose the front apex, the first point that light meets, touches the cube of half width 0.475 box
    that fitted bodies stay in, and the silhouette's centroid lies on the axis. Neither depends on the hidden back.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.reconstruction import canonical_shift
    >>> volume = np.zeros((1, 16, 16, 16), dtype=np.float32)
    >>> volume[:, 4:8, 8:9, 9:11] = 1
    >>> canonical_shift(volume, box=160.0)
    array([[-20.,  -5., -36.]], dtype=float32)
    """
    check_value(box, Positive("nm"), name="box", owner="canonical_shift")
    ops = namespace(volumes)
    entrance, silhouette = front_surface(volumes, box)
    apex = ops.min(entrance, axis=(1, 2))
    _, middle_x, middle_y = _centroid(silhouette, box, ops)
    shift = ops.stack([-middle_x, -middle_y, -box_limit(box) - apex], axis=1)
    return ops.where((apex < box / 2)[:, None], shift, 0.0)


def canonical_shift_of_planes(normals: Any, offsets: Any, box: float = 318.75, grid: int = 64) -> Any:
    """Give the shifts that bring bodies given by half-spaces into their canonical pose.

    Parameters
    ----------
    normals : ndarray or tensor of float32 of shape (n, k, 3)
        Outward unit normals (x, y, z).
    offsets : ndarray or tensor of float32 of shape (n, k) [nm]
        Distances of the planes from the centre of the box.
    box : float [nm], default=318.75
        Side of the box.
    grid : int, default=64
        Columns along x and y over which the silhouette is summed.

    Returns
    -------
    ndarray or tensor of float32 of shape (n, 3) [nm]
        How far to shift along x, y and z; planes shift so: d + n.shift. Zero for a body that no column meets.

    See Also
    --------
    canonical_shift : The same pose for volumes.

    Notes
    -----
    The silhouette's centroid is a sum over columns, in which a column counts in part where the body is thinner than a
    column is wide. The front apex is looked for between columns too: on 32 columns or more mostly to a few hundredths
    of a column's width, at narrow edges to a seventh. On 16 it may be more than half a column off.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.reconstruction import canonical_shift_of_planes
    >>> normals = np.vstack([np.eye(3), -np.eye(3)]).astype(np.float32)[None]
    >>> offsets = np.array([[40, 20, 30, 20, 40, 30]], dtype=np.float32)
    >>> canonical_shift_of_planes(normals, offsets, box=160.0, grid=16).round(3)
    array([[-10.,  10., -46.]], dtype=float32)
    """
    from scatterkit.reconstruction._columns import entrance_and_exit, ops

    owner = "canonical_shift_of_planes"
    check_value(box, Positive("nm"), name="box", owner=owner)
    check_value(grid, Integer(1), name="grid", owner=owner)
    arrays = isinstance(normals, np.ndarray)
    normals, offsets = (ops.convert_to_tensor(part, "float32") for part in (normals, offsets))
    entrance, leaving = entrance_and_exit(normals, offsets, grid, box)
    thickness = leaving - entrance
    silhouette = ops.clip(thickness * (grid / box), 0.0, 1.0)
    flat = ops.reshape(ops.where(thickness > 0, entrance, _NOWHERE), (-1, grid * grid))
    total, middle_x, middle_y = _centroid(silhouette, box, ops)
    first, across = ops.argmin(flat, axis=1), ops.convert_to_tensor(centres(grid, box))
    x, y = ops.take(across, first % grid), ops.take(across, first // grid)
    apex = _lowest(normals, offsets, x, y, box / grid)
    shift = ops.stack([-middle_x, -middle_y, -box_limit(box) - apex], axis=1)
    shift = ops.where((total > 0)[:, None], shift, 0.0)
    return np.asarray(ops.convert_to_numpy(shift)) if arrays else shift


def _centroid(silhouette: Any, box: float, ops: Any) -> tuple[Any, Any, Any]:
    """Give the sum of silhouettes ``(n, y, x)`` and their centroids x and y [nm]; zero where nothing is."""
    across = ops.convert_to_tensor(centres(silhouette.shape[2], box))
    total = ops.sum(silhouette, axis=(1, 2))
    divisor = ops.where(total > 0, total, 1.0)
    middle_x = ops.sum(silhouette * across, axis=(1, 2)) / divisor
    return total, middle_x, ops.sum(silhouette * across[:, None], axis=(1, 2)) / divisor


def posed_surfaces(planes: Any, grid: int, box: float) -> tuple[Any, Any]:
    """Give entrance and exit ``(n, y, x)`` [nm] of half-spaces ``(n, k, 4)``, arrays, in their canonical pose."""
    from scatterkit.reconstruction._columns import entrance_and_exit, ops

    normals, offsets = planes[..., :3], planes[..., 3]
    shift = canonical_shift_of_planes(normals, offsets, box, grid)
    posed = offsets + np.einsum("nkx,nx->nk", normals, shift)
    tensors = entrance_and_exit(ops.convert_to_tensor(normals), ops.convert_to_tensor(posed), grid, box)
    entrance, leaving = (np.asarray(ops.convert_to_numpy(heights)) for heights in tensors)
    return entrance, leaving


def _lowest(normals: Any, offsets: Any, x: Any, y: Any, width: float) -> Any:
    """Front apex near the columns x, y ``(n,)`` that enter bodies first: entrances are convex."""
    from scatterkit.reconstruction._columns import heights_at, ops

    steps = np.arange(-2, 3, dtype=np.float32)
    around_x, around_y = (ops.convert_to_tensor(part.ravel()) for part in np.meshgrid(steps, steps))
    for _ in range(4):
        width *= 0.4
        xs, ys = x[:, None] + width * around_x, y[:, None] + width * around_y
        entrance, leaving = heights_at(normals, offsets, xs, ys)
        entrance = ops.where(leaving >= entrance, entrance, _NOWHERE)
        best = ops.argmin(entrance, axis=1)[:, None]
        x, y, apex = (ops.take_along_axis(part, best, axis=1)[:, 0] for part in (xs, ys, entrance))
    return apex


def canonical_pose(volumes: Any, box: float = 318.75, whole_voxels: bool = True) -> Any:
    """Shift bodies to where a network is to put them: front apex and lateral centroid in one place for all.

    Parameters
    ----------
    volumes : ndarray or tensor of float32 of shape (n, z, y, x)
        Occupancies in [0, 1], as many voxels along each axis.
    box : float [nm], default=318.75
        Side of the cube that the volumes fill.
    whole_voxels : bool, default=True
        Whether to shift by whole voxels, which blurs nothing and leaves up to half a voxel of the way; otherwise values
        are interpolated between neighbours.

    Returns
    -------
    ndarray or tensor of float32 of shape (n, z, y, x)
        Shifted volumes; what leaves the box is lost.

    See Also
    --------
    canonical_shift : The shifts, for bodies given by planes.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.reconstruction import canonical_pose
    >>> volume = np.zeros((1, 16, 16, 16), dtype=np.float32)
    >>> volume[:, 4:8, 8:9, 9:11] = 1
    >>> [int(i.min()) for i in np.nonzero(canonical_pose(volume)[0])]
    [0, 8, 7]
    """
    check_value(whole_voxels, Boolean(), name="whole_voxels", owner=_OWNER)
    ops = namespace(volumes)
    grid = volumes.shape[1]
    voxels = canonical_shift(volumes, box) * (grid / box)
    if whole_voxels:
        voxels = ops.round(voxels)
    for axis, number in ((1, 2), (2, 1), (3, 0)):
        along = ops.moveaxis(volumes, axis, -1)
        rows = along.shape[1] * along.shape[2]
        moved = ops.matmul(ops.reshape(along, (-1, rows, grid)), _moves(voxels[:, number], grid, ops))
        volumes = ops.moveaxis(ops.reshape(moved, (-1, *along.shape[1:])), -1, axis)
    return volumes


def _moves(voxels: Any, grid: int, ops: Any) -> Any:
    """Matrices ``(n, from, to)`` that shift lines of voxels, with linear interpolation."""
    index = np.arange(grid, dtype=np.float32)
    steps = ops.convert_to_tensor(index - index[:, None])
    return ops.maximum(1.0 - ops.abs(steps - voxels[:, None, None]), 0.0)
