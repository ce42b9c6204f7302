"""Gradient descent of free half-spaces from a start, from low q to high."""

from __future__ import annotations

import numpy as np

from scatterkit.fitting._planes import Floats, spread_directions
from scatterkit.fitting.baselines._pursuit import Planes, Pursuit
from scatterkit.fitting.descent import Adam
from scatterkit.fitting.models import ConvexBody
from scatterkit.solids import Solid

GROWN = 0.6
"""Part of the steps after which all q are looked at."""

RATES = (1.5, 0.05)
"""Factors on the model's steps at the first and the last step."""

RECENTRED = 10
"""Steps between shifts of the body to the middle of the box; a shift changes no intensity."""


SHAVED = 0.02
"""Depth of the cuts by spare planes, in units of the cube root of the volume."""


def descend_planes(pursuit: Pursuit, planes: Planes, *, n_steps: int, first_limit: float, label: str) -> None:
    """Move half-spaces down the residual; the pursuit remembers the best.

    Parameters
    ----------
    pursuit : Pursuit
        The search.
    planes : (ndarray of shape (k, 3), ndarray of shape (k,))
        Where to start.
    n_steps : int
        Number of steps.
    first_limit : float [1]
        Fraction of the q range that is looked at first.
    label : str
        What the start is called in the record.
    """
    model, adam = ConvexBody(len(planes[1])), Adam()
    point = np.column_stack(planes)
    for number in range(n_steps):
        done = number / n_steps
        q_limit = min(1.0, first_limit + (1 - first_limit) * done / GROWN)
        if number % RECENTRED == 0:
            point = _recentred(point, model, pursuit.scattering.limit)
        _, by_normals, by_offsets = pursuit.gradient(*model.planes(point), q_limit=q_limit, label=label)
        first, last = RATES
        rate = first * (last / first) ** done
        step = adam.direction(np.column_stack([by_normals, by_offsets])) * model.rates(point) * rate
        point = model.move(point, step, pursuit.scattering.limit)
    pursuit.residual(*model.planes(point), label=label)


def _recentred(point: Floats, model: ConvexBody, limit: float) -> Floats:
    """Shift the body, whose planes may have left it behind, to the middle."""
    try:
        middle = np.mean(model.solid(point, limit).bounds, axis=0)
    except ValueError:  # nothing is inside all half-spaces; the search will turn elsewhere
        return point
    return model.recentred(point, -middle)


def with_n_planes(solid: Solid, planes: Planes, n_faces: int) -> Planes:
    """Give n_faces half-spaces for a body: its own and small cuts where it has none, or cuts all around it."""
    normals, offsets = planes
    if len(offsets) > n_faces:
        normals = spread_directions(n_faces)
        return normals, np.asarray(solid.support(normals))
    directions = spread_directions(4 * n_faces)
    # planes that only touch the body would feel no gradient
    shave = SHAVED * float(np.cbrt(solid.volume))
    while len(offsets) < n_faces:
        loneliest = directions[int((directions @ normals.T).max(axis=1).argmin())]
        normals = np.vstack([normals, loneliest])
        offsets = np.append(offsets, solid.support(loneliest[None]) - shave)
    return normals, offsets
