"""What a decoder makes of a network's numbers: a body, with what light sees of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scatterkit._arrays import namespace

Tensor = Any


@dataclass(frozen=True)
class Body:
    """A batch of bodies in tensors, as losses read them.

    Parameters
    ----------
    entrance : tensor of float32 of shape (n, y, x) [nm]
        Height z of the front surface, from the centre of the box; of no meaning outside of the silhouette.
    exit : tensor of float32 of shape (n, y, x) [nm]
        Height z of the back surface. It lies before the entrance where there is no body in the column, the farther
        the clearer: the difference carries the silhouette's gradient.
    voxels : callable
        Gives the occupancy and the logits. Called when one of them is first asked for, so that losses that look at
        surfaces alone cost no voxels.
    halfspaces : tuple of tensors, optional
        Outward unit normals (n, k, 3) and offsets (n, k) in nm, where the body is made of these.

    See Also
    --------
    front_surface : Entrance and silhouette of volumes.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.reconstruction import DepthDecoder
    >>> body = DepthDecoder().body(np.zeros((1, 8, 8, 3), dtype=np.float32), grid=8, box=318.75)
    >>> tuple(body.occupancy.shape), tuple(body.entrance.shape)
    ((1, 8, 8, 8), (1, 8, 8))
    """

    entrance: Tensor
    exit: Tensor
    voxels: Callable[[], tuple[Tensor, Tensor]]
    halfspaces: tuple[Tensor, Tensor] | None = None

    @cached_property
    def _voxels(self) -> tuple[Tensor, Tensor]:
        return self.voxels()

    @property
    def occupancy(self) -> Tensor:
        """Give the occupancies.

        Returns
        -------
        tensor of float32 of shape (n, z, y, x)
            In [0, 1].
        """
        return self._voxels[0]

    @property
    def logits(self) -> Tensor:
        """Give what a sigmoid turns into a probability of material.

        Returns
        -------
        tensor of float32 of shape (n, z, y, x)
            Logits; they fall and rise on far from the surface too, where the occupancy is constant.
        """
        return self._voxels[1]

    @cached_property
    def silhouette(self) -> Tensor:
        """Give the largest occupancy of each column.

        Returns
        -------
        tensor of float32 of shape (n, y, x)
            In [0, 1].
        """
        return namespace(self.occupancy).max(self.occupancy, axis=1)


def ramp(inside: Tensor, width: Any) -> tuple[Tensor, Tensor]:
    """Give occupancies and logits of depths inside a surface [nm]: a ramp of a width, and a sigmoid of equal slope."""
    return namespace(inside).clip(0.5 + inside / width, 0.0, 1.0), 4.0 * inside / width


def front_surface(volumes: Any, box: float = 318.75) -> tuple[Any, Any]:
    """Give where light enters bodies, and their silhouettes, column by column.

    Parameters
    ----------
    volumes : ndarray or tensor of float32 of shape (n, z, y, x)
        Occupancies in [0, 1].
    box : float [nm], default=318.75
        Side of the cube that the volumes fill.

    Returns
    -------
    entrance : ndarray or tensor of float32 of shape (n, y, x) [nm]
        Height z of the front surface, from the centre of the box; the box's far side in columns without material.
    silhouette : ndarray or tensor of float32 of shape (n, y, x)
        Largest occupancy of each column.

    Notes
    -----
    The first voxel that is at least half full and the one before it say where the surface lies between them, as for
    `scatterkit.metrics.front_depth_error`; gradients go by these two.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.reconstruction import front_surface
    >>> volume = np.zeros((1, 4, 1, 1), dtype=np.float32)
    >>> volume[0, :, 0, 0] = 0, 0.5, 1, 0
    >>> entrance, silhouette = front_surface(volume, box=40.0)
    >>> float(entrance[0, 0, 0]), float(silhouette[0, 0, 0])
    (-5.0, 1.0)
    """
    ops = namespace(volumes)
    grid = volumes.shape[1]
    filled = volumes >= 0.5
    first = ops.argmax(ops.cast(filled, "int32"), axis=1)[:, None]
    here = ops.take_along_axis(volumes, first, axis=1)[:, 0]
    before = ops.take_along_axis(volumes, ops.maximum(first - 1, 0), axis=1)[:, 0]
    index = ops.cast(first[:, 0], "float32")
    before = ops.where(index > 0, before, 0.0)
    height = (index + 1.0 - here - before) * (box / grid) - box / 2
    entrance = ops.where(ops.any(filled, axis=1), height, box / 2)
    return ops.cast(entrance, "float32"), ops.max(volumes, axis=1)
