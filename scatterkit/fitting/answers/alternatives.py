"""Other bodies that fit a pattern as well as the reported one."""

from __future__ import annotations

from dataclasses import dataclass

from scatterkit.fitting._planes import centred
from scatterkit.fitting.answers._alike import alike_groups
from scatterkit.fitting.answers._jacobian import Simulator
from scatterkit.fitting.answers._lit import is_polyhedron, lit_side
from scatterkit.fitting.answers._scattering import decay_length, roomy_box
from scatterkit.metrics import front_iou
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Rasterizer, Solid

MARGIN = 2
"""Edge of the cube in which bodies are compared, in units of a simulator's box."""


@dataclass(frozen=True)
class Alternative:
    """Another body that fits a pattern about as well.

    Parameters
    ----------
    solid : Solid
        The body.
    residual : float [1]
        Its residual.
    front_iou : float [1]
        Intersection over union of its front with that of the reported body: 1 for the same front.
    count : int, default=1
        How many of the candidates are this body: starts that ended at the same lit side.
    """

    solid: Solid
    residual: float
    front_iou: float
    count: int = 1


def alternatives_to(
    solid: Solid, as_good: list[tuple[float, Solid]], simulator: Simulator, grid: int
) -> list[Alternative]:
    """List the bodies that fit as well as ``solid``, with their residuals, best first and each of them once."""
    if not as_good:
        return []
    ranked = sorted(as_good, key=lambda pair: pair[0])
    groups = alike_groups([body for _, body in ranked])
    others = [ranked[group[0]] for group in groups]
    home = centred(solid)
    # fronts are laid upon each other, whereupon hidden backs may leave the box
    bodies = [home, *(_laid_upon(home, body) for _, body in others)]
    box = MARGIN * simulator.box if isinstance(simulator, MSFTSimulator) else roomy_box(bodies)
    rasterizer = Rasterizer(grid=int(MARGIN * grid), box=box)
    volumes = rasterizer.transform(bodies)
    length = min(decay_length(simulator), box)
    fronts = [front_iou(volumes[0], volume, absorption_length=length, box=box) for volume in volumes[1:]]
    return [
        Alternative(body, value, float(front), len(group))
        for (value, body), front, group in zip(others, fronts, groups, strict=True)
    ]


def _laid_upon(home: Solid, body: Solid) -> Solid:
    """Move a body so that the lit surfaces of both have the same origin; what no pattern tells has no part in it."""
    if not (is_polyhedron(home) and is_polyhedron(body)):
        return body.shift(home.bounds.mean(axis=0) - body.bounds.mean(axis=0))
    return body.shift(lit_side(home).origin - lit_side(body).origin)


__all__ = ["Alternative", "alternatives_to"]
