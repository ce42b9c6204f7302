"""The simplex of Nelder and Mead over the steps of a body model."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize

from scatterkit.fitting._planes import Floats
from scatterkit.fitting.baselines._pursuit import Pursuit

REACH = 5.0
"""First simplex, in usual steps of the model: about 9 degrees, 10 % in size and stretch."""


def simplex_descent(
    pursuit: Pursuit, model: Any, point: Floats, extent: tuple[float, int], *, reach: float = REACH
) -> tuple[float, Floats]:
    """Move a point of a plane model downhill by simplices.

    Parameters
    ----------
    pursuit : Pursuit
        The search.
    model : PlaneModel
        The body model.
    point : ndarray
        Where to start.
    extent : (float, int)
        Fraction of the measured q range that is looked at, and largest number of simulations.
    reach : float [1]
        Edge of the first simplex in usual steps of the model.

    Returns
    -------
    residual : float
        The smallest residual.
    point : ndarray
        Where it was found.
    """
    limit, (q_limit, n_looks) = pursuit.scattering.limit, extent
    rates = np.ravel(model.rates(point))
    free = np.flatnonzero(rates)
    shape = np.shape(model.rates(point))

    def moved(x: Floats) -> Floats:
        step = np.zeros(rates.size)
        step[free] = reach * rates[free] * x
        result: Floats = model.move(point, step.reshape(shape), limit)
        return result

    def residual(x: Floats) -> float:
        return pursuit.residual(*model.planes(moved(x)), q_limit=q_limit, label=model.name)

    corners = np.vstack([np.zeros(free.size), np.eye(free.size)])
    found = minimize(
        residual,
        corners[0],
        method="Nelder-Mead",
        options={"initial_simplex": corners, "maxfev": n_looks, "xatol": 5e-3, "fatol": 1e-7},
    )
    return float(found.fun), moved(found.x)
