"""Covariance of least-squares estimates of planes: noise, curvature, gauge and what no pixel tells."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scatterkit.fitting._planes import Floats
from scatterkit.fitting.answers._jacobian import PatternJacobian
from scatterkit.fitting.answers._lit import LitSurface, lit_surface

WIDE_TURN = 1.0  # rad
WIDE = {
    "log eps": 5.0,
    "gain": 3.0,
    "offset": 15.0,
    "saturation": 1.0,
    "background": 100.0,
    "log scale": 15.0,
}
"""How wide the parameters of the response are allowed to be; gain and offset in units of the fitted gain,
background in photons. Shifts are as wide as the fit let them be."""
ROUNDING = 1e-7
"""Relative error of the derivatives, which come in single precision: a direction whose own share is smaller is not
told from one that no pixel tells."""
STEP = 1e-4
"""Step of the differences, in units of the body's size and in rad."""


class Estimate(NamedTuple):
    """Covariance (p, p) of planes' and response's parameters, and the shift (p,) that noise gives their mean."""

    covariance: Floats
    bias: Floats


def prior_widths(jacobian: PatternJacobian, size: float, gain: float, max_shift: float) -> Floats:
    """Give how far each parameter may be off at all: what the pattern does not tell stays that uncertain."""
    planes = np.tile([size, WIDE_TURN, WIDE_TURN], len(jacobian.faces))
    scale = {"gain": max(gain, 1e-3), "offset": max(gain, 1e-3)}
    wide = WIDE | {"row shift": max_shift, "column shift": max_shift}
    response = [wide[name] * scale.get(name, 1.0) for name in jacobian.names]
    return np.concatenate([planes, response])


def gauge_free(normals: Floats, widths: Floats) -> Floats:
    """Give an orthonormal basis (p, p - 3) of the scaled parameters' changes other than shifts of the body."""
    shifts = np.zeros((len(widths), 3))
    shifts[: 3 * len(normals) : 3] = normals
    shifts /= widths[:, None]
    full, _ = np.linalg.qr(shifts, mode="complete")
    basis: Floats = full[:, 3:]
    return basis


def estimate(
    derivatives: Floats, scatter: Floats, bias: Floats, variance: float, widths: Floats, basis: Floats
) -> Estimate:
    """Give the covariance of a least-squares fit with equal weights, whose noise has another covariance.

    With curvature H = J J^T, ``scatter`` M = J Sigma J^T and prior P = variance / widths^2, it is
    (H + P)^-1 (M + variance P) (H + P)^-1, the sandwich of H. White (Econometrica 48, 817, 1980) within the space that
    shifts leave; P holds the directions that no pixel tells at their widths, and nothing else. It is not let fall
    below the rounding of H.

    Parameters
    ----------
    derivatives : ndarray of shape (p, n)
        J, the pattern's derivatives.
    scatter : ndarray of shape (p, p)
        Covariance of J times the noise.
    bias : ndarray of shape (n,)
        Mean of the noise.
    variance : float [1]
        Mean variance of the noise.
    widths : ndarray of shape (p,)
        Standard deviations of the prior.
    basis : ndarray of shape (p, k)
        Orthonormal directions of the scaled parameters.
    """
    to_scaled = widths[:, None] * basis
    reduced = to_scaled.T @ derivatives.astype(np.float64)
    curvatures, directions = np.linalg.eigh(reduced @ reduced.T)
    variance = max(variance, ROUNDING**2 * float(curvatures[-1]))
    inverse = directions / (np.maximum(curvatures, 0) + variance) @ directions.T
    inner = inverse @ (to_scaled.T @ scatter @ to_scaled + variance**2 * np.eye(len(inverse))) @ inverse
    moved = inverse @ (reduced @ bias)
    return Estimate(to_scaled @ inner @ to_scaled.T, to_scaled @ moved)


def distance_gradient(
    normals: Floats,
    offsets: Floats,
    inside: Floats,
    faces: NDArray[np.int64],
    tangents: Floats,
    lit: LitSurface,
) -> Floats:
    """Derivatives (k, 3 m) of the lit faces' distances from the origin of the lit surface, by central differences.

    The origin follows the planes: so shifts of the body change no distance.
    """
    size = math.sqrt(float(lit.areas.sum()))  # of one lit face, too
    gradient = np.zeros((len(lit.faces), 3 * len(faces)))
    for column in range(gradient.shape[1]):
        face, kind = faces[column // 3], column % 3
        step = STEP * (size if kind == 0 else 1.0)
        ends = []
        for sign in (1, -1):
            turned, moved = normals.copy(), offsets.copy()
            if kind == 0:
                moved[face] += sign * step
            else:
                angle = sign * step
                turned[face] = np.cos(angle) * normals[face] + np.sin(angle) * tangents[column // 3, kind - 1]
            origin = lit_surface(turned, moved, inside).origin
            ends.append(moved[lit.faces] - turned[lit.faces] @ origin)
        gradient[:, column] = (ends[0] - ends[1]) / (2 * step)
    return gradient
