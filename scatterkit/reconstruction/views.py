"""Views: what the same detector would record of a body that is turned by quarters or mirrored."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.experiment import check_detector
from scatterkit.fitting._planes import Floats
from scatterkit.simulation import MSFTSimulator


@dataclass(frozen=True)
class View:
    """A pattern turned and mirrored in the plane: axes exchanged, then rows and columns turned around."""

    exchanged: bool
    rows: bool
    columns: bool

    def of(self, image: NDArray[Any]) -> NDArray[Any]:
        """Give the view of images (..., rows, columns), zero frequency at pixel n // 2; what it lacks are copies."""
        seen = np.swapaxes(image, -1, -2) if self.exchanged else image
        for axis, turned in ((-2, self.rows), (-1, self.columns)):
            if turned:
                seen = np.take(seen, np.clip(_turned(seen.shape[axis]), 0, seen.shape[axis] - 1), axis=axis)
        return seen

    def known(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Give where a view shows what was on the image."""
        lines = [
            (_turned(n) >= 0) & (_turned(n) < n) if turned else np.ones(n, bool)
            for n, turned in zip(shape, (self.rows, self.columns), strict=True)
        ]
        return lines[0][:, None] & lines[1]

    def turned_with_mask(
        self, pattern: NDArray[Any], mask: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Give the view of patterns and of their masks, which end where the view lacks something."""
        return self.of(pattern), self.of(mask) * self.known(mask.shape[-2:]).astype(mask.dtype)

    def of_normals(self, normals: NDArray[Any]) -> NDArray[Any]:
        """Turn normals (..., 3), as (x, y, z), of the image's own body to those of a view's."""
        x, y, z = np.moveaxis(normals, -1, 0)
        x, y = (y, x) if self.exchanged else (x, y)
        return np.stack([-x if self.columns else x, -y if self.rows else y, z], axis=-1)

    def of_volume(self, volume: NDArray[Any]) -> NDArray[Any]:
        """Turn volumes (..., z, y, x) of the image's own body to a view's, voxel by voxel."""
        seen = np.swapaxes(volume, -1, -2) if self.exchanged else volume
        return np.flip(seen, self._flipped())

    def undone(self, normals: Floats) -> Floats:
        """Turn normals (x, y, z) of a view's body to those of the image's own."""
        x, y, z = normals.T
        x, y = (-x if self.columns else x), (-y if self.rows else y)
        return np.column_stack([y, x, z] if self.exchanged else [x, y, z])

    def undone_volume(self, volume: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn a volume (z, y, x) of a view's body to the image's own, voxel by voxel."""
        own = np.flip(volume, self._flipped())
        return np.swapaxes(own, 1, 2) if self.exchanged else own

    def _flipped(self) -> tuple[int, ...]:
        return tuple(axis for axis, turned in ((-2, self.rows), (-1, self.columns)) if turned)


def _turned(n: int) -> NDArray[np.int64]:
    return 2 * (n // 2) - np.arange(n)


def views(simulator: MSFTSimulator) -> list[View]:
    """Give the views that show what the same detector would have recorded of a turned or mirrored body."""
    detector = check_detector(simulator.detector, owner="MSFTSimulator")
    shape = detector.shape
    k = 2 * np.pi / simulator.wavelength
    grids = [np.broadcast_to(q, shape) for q in detector.wavevectors(k)]
    scale = max(float(np.abs(q).max()) for q in grids)
    deep = (np.broadcast_to(q, shape) for q in detector.depth_wavevectors(k))
    transverse = np.minimum(np.hypot(*deep), k)  # what q_z depends on; no light beyond k
    found = []
    for view in itertools.starmap(View, itertools.product((False, True), repeat=3)):
        if view.exchanged and shape[0] != shape[1]:
            continue
        known = view.known(shape)
        rows, columns = (view.of(q) for q in (grids[::-1] if view.exchanged else grids))
        turned = (-rows if view.rows else rows), (-columns if view.columns else columns)
        pairs = (*zip(turned, grids, strict=True), (view.of(transverse), transverse))
        apart = max(float(np.abs(t - q)[known].max()) for t, q in pairs)
        if apart < 1e-6 * scale:
            found.append(view)
    return found
