"""How good a body is: its pattern beside the measured one, and itself beside the true one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from scatterkit.fitting._planes import centred
from scatterkit.fitting._symmetry_center import largest_shift
from scatterkit.fitting.engines import facet_intensity, takes_facets, voxel_intensity
from scatterkit.fitting.models import ConvexBody
from scatterkit.metrics import footprint_iou, front_iou, scatter_loss, volume_iou
from scatterkit.response import fit_response
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation._attenuation import seen_front
from scatterkit.solids import Rasterizer, Solid

Images = NDArray[np.float32]
Body = Solid | Images | None
OF_PATTERNS = ("residual",)
OF_BODIES = ("scatter_loss", "front_iou", "volume_iou", "footprint_iou")
"""Figures that need the true body."""


@dataclass(frozen=True)
class Truth:
    """A true body, what it scatters, and its volume: on the grid on which bodies are compared with it."""

    body: Solid | Images
    intensity: Images
    volume: Images


@dataclass(frozen=True)
class Verdict:
    """What the judge says of a body: the figures by name, and the pattern that it would have left."""

    figures: dict[str, float] = field(default_factory=dict)
    predicted: Images | None = None


@dataclass(frozen=True)
class Judge:
    """Judges all bodies alike, whoever made them.

    Convex bodies are simulated exactly where light goes straight, all others by voxels. Beside a true body that is
    given by voxels, the scatter loss of all is that of voxels of that size, so that the voxels' own error is no
    difference.
    """

    simulator: MSFTSimulator
    grid: int
    max_shift: float
    eps: float

    def truth(self, body: Body) -> Truth | None:
        """Prepare a true body, once for all methods."""
        if body is None:
            return None
        grid = self.grid if isinstance(body, Solid) else len(body)
        return Truth(body, self.intensity(body), self.volume(body, grid))

    def judge(
        self, body: Solid | Images, pattern: Images, mask: NDArray[np.bool_], truth: Truth | None
    ) -> Verdict:
        """Give the figures of a body."""
        own = self.intensity(body)
        farthest = largest_shift(self.simulator.detector, self.max_shift)
        response, residual = fit_response(pattern, own, mask, max_shift=farthest)
        figures = {"residual": float(residual)}
        if truth is not None:
            figures |= self._beside(body, own, truth)
        return Verdict(figures, response.apply(own))

    def intensity(self, body: Solid | Images) -> Images:
        """Give what a body scatters to all pixels: a shift of the centre moves them from behind a mask into view."""
        if not isinstance(body, Solid):
            picture: Images = clone(self.simulator).set_params(mask=None).transform(body[None])[0]
            return picture
        if body.is_convex and takes_facets(ConvexBody(), self.simulator):
            return facet_intensity(self.simulator, body)
        return voxel_intensity(self.simulator, centred(body), self.grid)

    def volume(self, body: Solid | Images, grid: int) -> Images:
        """Give the volume of a body with so many voxels along each axis."""
        if isinstance(body, Solid):
            found: Images = Rasterizer(grid=grid, box=self.simulator.box).transform([centred(body)])[0]
            return found
        return regridded(body, grid)

    def _beside(self, body: Solid | Images, own: Images, truth: Truth) -> dict[str, float]:
        volume = self.volume(body, len(truth.volume))
        by_other_voxels = isinstance(body, Solid) or len(body) != len(volume)
        if not isinstance(truth.body, Solid) and by_other_voxels:
            own = self.intensity(volume)
        pair = (volume, truth.volume)
        return {
            "scatter_loss": float(scatter_loss(own, truth.intensity, self.eps, self.simulator.mask)),
            "front_iou": float(front_iou(*pair, **seen_front(self.simulator))),
            "volume_iou": float(volume_iou(*pair)),
            "footprint_iou": float(footprint_iou(*pair)),
        }


def regridded(volume: Any, grid: int) -> Images:
    """Give a volume with another number of voxels: each holds the mean occupancy of the part that it covers."""
    edges, new = (np.linspace(0, 1, n + 1) for n in (len(volume), grid))
    low = np.maximum(new[:-1, None], edges[None, :-1])
    high = np.minimum(new[1:, None], edges[None, 1:])
    shares = np.clip(high - low, 0, None) * grid
    found = np.einsum("az,by,cx,zyx->abc", shares, shares, shares, volume, optimize=True)
    return np.clip(found, 0, 1).astype(np.float32)
