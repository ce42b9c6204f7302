"""How well the planes of a fitted body are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from scatterkit._validation import (
    Instance,
    Positive,
    Real,
    check_array,
    check_value,
)
from scatterkit.experiment import check_detector
from scatterkit.fitting._photon_fit import likeliest_light, unsaturated
from scatterkit.fitting._planes import Floats
from scatterkit.fitting._symmetry_center import largest_shift
from scatterkit.fitting.answers._alike import facet_spread
from scatterkit.fitting.answers._checks import (
    check_by_photons,
    measured_mask,
    photons_on_pixels,
    total_photons,
)
from scatterkit.fitting.answers._covariance import (
    Estimate,
    distance_gradient,
    estimate,
    gauge_free,
    prior_widths,
)
from scatterkit.fitting.answers._fisher import photon_jacobian
from scatterkit.fitting.answers._jacobian import PatternJacobian, Scene, Simulator
from scatterkit.fitting.answers._lit import check_polyhedron, lit_side
from scatterkit.fitting.answers._noise import correlation_length, photon_moments, residual_scatter
from scatterkit.fitting.facet_objective import pixel_losses
from scatterkit.response import DetectorResponse
from scatterkit.simulation import MSFTSimulator, PolyhedronSimulator
from scatterkit.solids import Solid

LOOSE_DISTANCE = 0.05
LOOSE_NORMAL = np.radians(5)
"""A facet is not determined if its distance is uncertain by more than this part of the body's circumradius, or its
normal by more than this angle: the curvature at the optimum, or how far other bodies differ, says little then."""
SEEN_IN_MOST = 0.5
"""Nor if fewer than this share of the other bodies that fit as well have such a facet at all."""


@dataclass(frozen=True)
class FacetUncertainty:
    """How well the lit facets of a fitted body are known.

    Parameters
    ----------
    faces : ndarray of int of shape (k,)
        The lit facets, as numbers of ``solid.normals``.
    distances : ndarray of shape (k,) [nm]
        Distances of their planes from the lit surface's origin.
    covariance : ndarray of shape (k, k) [nm^2]
        Covariance of the distances by noise.
    bias : ndarray of shape (k,) [nm]
        How far off the distances are on average because the logarithm of a count is not linear; zero where the
        counts are not known.
    normal_covariance : ndarray of shape (k, 2, 2) [rad^2]
        Covariance of the turns of each normal about two directions across it, by noise.
    distance_spread : ndarray of shape (k,) [nm]
        Largest difference from the facets of the other bodies that fit equally well; zero without any.
    normal_spread : ndarray of shape (k,) [rad]
        The same for the normals.
    seen_in : ndarray of shape (k,)
        Share of those bodies that have this facet at all; 1 without any. Bodies alike count once, and those like
        the fitted one do not count.
    n_alternatives : int
        How many bodies that share is of.
    determined : ndarray of bool of shape (k,)
        Whether distance and normal are known well enough, by noise and by the other bodies, and at least half of
        these have the facet.
    response : dict of str to float [1 or pixel]
        Standard deviation of each parameter of the detector's response, shifts in pixels; of fits by photons: the
        background in photons per pixel, log scale and shifts.
    noise : {"photon counts", "residual"}
        Where the size of the noise was taken from.
    noise_level : float [1]
        Root mean square noise of a pixel's recorded value, weighted as in the fit.
    correlation_length : int [pixel]
        Pixels closer than this along both axes were not taken as independent.

    See Also
    --------
    parameter_uncertainty : Makes one.
    """

    faces: NDArray[np.int64]
    distances: Floats
    covariance: Floats
    bias: Floats
    normal_covariance: Floats
    distance_spread: Floats
    normal_spread: Floats
    seen_in: Floats
    n_alternatives: int
    determined: NDArray[np.bool_]
    response: dict[str, float]
    noise: str
    noise_level: float
    correlation_length: int

    @property
    def distance_sigma(self) -> Floats:
        """Standard deviations of the distances in nm: noise, its bias and the spread of other bodies in quadrature."""
        return np.sqrt(np.diag(self.covariance) + self.bias**2 + self.distance_spread**2)

    @property
    def normal_sigma(self) -> Floats:
        """Root mean square angle in rad between the fitted normal and the true one."""
        by_noise = np.trace(self.normal_covariance, axis1=1, axis2=2)
        return np.sqrt(by_noise + self.normal_spread**2)

    def distance_intervals(self, level: float = 0.9) -> Floats:
        """Give the interval that holds each true distance with a probability.

        Parameters
        ----------
        level : float [1], default=0.9
            The probability.

        Returns
        -------
        ndarray of shape (k, 2) [nm]
            Lower and upper ends.
        """
        check_value(level, Real(low=0, high=1, open_low=True), name="level", owner="distance_intervals")
        reach = stats.norm.ppf(0.5 + level / 2) * self.distance_sigma
        return np.stack([self.distances - reach, self.distances + reach], axis=1)

    def normal_cones(self, level: float = 0.9) -> Floats:
        """Give the half angle of the cone that holds each true normal with a probability.

        Parameters
        ----------
        level : float [1], default=0.9
            The probability.

        Returns
        -------
        ndarray of shape (k,) [rad]
            Half angles, from a gamma distribution with the squared angle's mean and variance.
        """
        check_value(level, Real(low=0, high=1, open_low=True), name="level", owner="normal_cones")
        both = self.normal_covariance + 0.5 * self.normal_spread[:, None, None] ** 2 * np.eye(2)
        mean = np.trace(both, axis1=1, axis2=2)
        variance = 2 * np.einsum("kij,kji->k", both, both)
        return np.sqrt(stats.gamma.ppf(level, mean**2 / variance, scale=variance / mean))

    def ordered(self, order: NDArray[np.int64]) -> FacetUncertainty:
        """Give the same with the facets in another order.

        Parameters
        ----------
        order : ndarray of int of shape (k,)
            The old places of the facets.

        Returns
        -------
        FacetUncertainty
            The same uncertainties.
        """
        kept = {"response", "noise", "noise_level", "correlation_length", "n_alternatives"}
        parts = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in kept}
        moved = {name: part[order] for name, part in parts.items()}
        return replace(self, **moved | {"covariance": self.covariance[np.ix_(order, order)]})


class _Noise(NamedTuple):
    """Scatter and bias of what was fitted, its mean variance, and that of the recorded values."""

    scatter: Floats
    bias: Floats
    variance: float
    recorded: float
    origin: str
    length: int


def parameter_uncertainty(
    solid: Solid,
    response: DetectorResponse,
    pattern: ArrayLike,
    mask: ArrayLike | None = None,
    simulator: Simulator | None = None,
    *,
    counts: float | ArrayLike | None = None,
    alternatives: Sequence[Solid] = (),
    max_shift: float = 3.0,
    by_photons: bool = False,
    scale: float = math.inf,
) -> FacetUncertainty:
    """Find how well the lit facets of a fitted body are known, from the curvature at the optimum.

    Parameters
    ----------
    solid : Solid
        The fitted body, a convex polyhedron.
    response : DetectorResponse
        The fitted response.
    pattern : array-like of shape (rows, columns)
        The log-scaled pattern that was fitted.
    mask : array-like of bool of shape (rows, columns), optional
        True where a pixel was measured; everything by default.
    simulator : MSFTSimulator or PolyhedronSimulator, optional
        The experiment; the published silver configuration by default. Derivatives are those of straight rays.
    counts : float or array-like of shape (rows, columns) [photons], optional
        The photons behind the pattern: how many in all on the masked pixels, or on each pixel. Without it the noise
        is judged by the residual.
    alternatives : sequence of Solid, optional
        Other bodies that fit equally well; those that are no convex polyhedra have no facets and are left out.
    max_shift : float [pixel], default=3.0
        How far the pattern's centre may lie off along each axis; 0 where it is known, as for a fit without shift.
    by_photons : bool, default=False
        Whether the body was fitted by Poisson's likelihood of the counts on each pixel, as by
        ``ForwardFitter.fit(X, counts=...)``: the covariance is then the inverse of their Fisher information, without
        bias, over the likeliest even background.
    scale : float [1], default=inf
        Of a robust fit, the error beyond which pixels count for little: they weigh here what they weighed there.
        Infinite for fits by least squares or photons.

    Returns
    -------
    FacetUncertainty
        Distances of the lit facets and their uncertainties.

    Raises
    ------
    InvalidParameterError
        If an argument is not as described.

    Notes
    -----
    The pattern's derivatives by the planes (all that light meets, lit or not) and by the response give the curvature
    of the sum of squares that was minimised. Its inverse, on both sides of the noise's covariance, is that of the
    estimates [1]_. The noise is Poisson's where counts are known, carried through the logarithm exactly; elsewhere the
    residual's own products over neighbouring pixels [2]_, because what a model leaves over is correlated. A residual
    that comes from a wrong model rather than from noise is no noise: the spread of other bodies that fit equally
    well is then the better guide, and is added in quadrature: the largest difference, which starts that end at one
    and the same body cannot dilute.

    Shifts of the body change no pattern. They are left out, and distances are measured from an origin that moves
    along: the mean of the lit surface's points over the body's outline, whose own uncertainty is carried along.
    Directions that no pixel tells keep a width of the size of the body; facets that stay so are not ``determined``.

    References
    ----------
    .. [1] H. White, "A heteroskedasticity-consistent covariance matrix estimator", Econometrica 48, 817 (1980).
    .. [2] T. G. Conley, "GMM estimation with cross sectional dependence", J. Econometrics 92, 1 (1999).

    Examples
    --------
    >>> from scatterkit.fitting.answers import parameter_uncertainty
    >>> from scatterkit.response import DetectorResponse
    >>> from scatterkit.simulation import PolyhedronSimulator
    >>> from scatterkit.solids import Solid
    >>> body = Solid.from_catalogue("octahedron", circumradius=60)
    >>> response = DetectorResponse(eps=100.0, gain=0.1, offset=-0.45)
    >>> pattern = response.apply(PolyhedronSimulator().transform([body])[0])
    >>> known = parameter_uncertainty(body, response, pattern, counts=1e6)
    >>> len(known.faces), bool((known.distance_sigma < 0.5).all())
    (4, True)
    """
    owner = "parameter_uncertainty"
    simulator = MSFTSimulator() if simulator is None else simulator
    check_polyhedron(solid, owner=owner)
    check_value(response, Instance((DetectorResponse,)), name="response", owner=owner)
    check_value(simulator, Instance((MSFTSimulator, PolyhedronSimulator)), name="simulator", owner=owner)
    check_value(max_shift, Real(low=0, high=16, unit="pixels"), name="max_shift", owner=owner)
    max_shift = largest_shift(simulator.detector, max_shift)
    shape = check_detector(simulator.detector, owner=owner).shape
    flags = measured_mask(mask, simulator, shape, owner=owner)
    values = check_array(
        np.where(flags, pattern, 0) if np.shape(pattern) == shape else pattern,
        name="pattern",
        owner=owner,
        shape=shape,
        dtype=np.float64,
        what="a pattern (y, x)",
    )
    photons = None if counts is None else total_photons(counts, flags, owner=owner)
    check_by_photons(by_photons, counts, owner=owner)
    check_value(scale, Positive(finite=False), name="scale", owner=owner)
    scene = Scene.of(simulator)
    seen = flags & scene.lit
    planes = solid.normals, solid.offsets
    look = scene.jacobian(*planes, response, seen, with_shift=max_shift > 0)
    weights = pixel_losses(values[seen] - look.pattern, scale)[1]
    derivatives = np.concatenate([look.planes, look.response]) * np.sqrt(weights)
    noise = _noise(derivatives, look, values[seen], seen, response, photons, weights)
    if by_photons and counts is not None:
        pixels = photons_on_pixels(counts, flags, owner=owner)
        told = unsaturated(values[seen], pixels[seen])  # as in the fit
        light = likeliest_light(look.intensity[told], pixels[seen][told])
        seen[seen] = told
        look = photon_jacobian(scene, planes, response.shift, light, seen, with_shift=max_shift > 0)
        derivatives = np.concatenate([look.planes, look.response])
        bias = np.zeros(derivatives.shape[1])
        noise = noise._replace(scatter=derivatives @ derivatives.T, bias=bias, variance=1.0)
    return _from_look(solid, response.gain, look, derivatives, noise, alternatives, float(max_shift))


def _from_look(
    solid: Solid,
    gain: float,
    look: PatternJacobian,
    derivatives: Floats,
    noise: _Noise,
    alternatives: Sequence[Solid],
    max_shift: float,
) -> FacetUncertainty:
    normals, offsets = solid.normals, solid.offsets
    lit = lit_side(solid)
    size = float(solid.circumradius)
    widths = prior_widths(look, size, gain, max_shift)
    basis = gauge_free(normals[look.faces], widths)
    found = estimate(derivatives, noise.scatter, noise.bias, noise.variance, widths, basis)
    n_planes = 3 * len(look.faces)
    gradient = distance_gradient(normals, offsets, solid.centroid, look.faces, look.tangents, lit)
    covariance = gradient @ found.covariance[:n_planes, :n_planes] @ gradient.T
    bias = gradient @ found.bias[:n_planes]
    turns, met = _turns(found, look.faces, lit.faces)
    distances = offsets[lit.faces] - normals[lit.faces] @ lit.origin
    spread = facet_spread(solid, alternatives)
    sigmas = np.sqrt(np.diag(found.covariance)[n_planes:])
    known = FacetUncertainty(
        faces=lit.faces,
        distances=distances,
        covariance=covariance,
        bias=bias,
        normal_covariance=turns,
        distance_spread=spread.distance,
        normal_spread=spread.normal,
        seen_in=spread.seen_in,
        n_alternatives=spread.n_bodies,
        determined=met & (spread.seen_in >= SEEN_IN_MOST),
        response=dict(zip(look.names, sigmas.tolist(), strict=True)),
        noise=noise.origin,
        noise_level=float(np.sqrt(noise.recorded)),
        correlation_length=noise.length,
    )
    tight = (known.distance_sigma < LOOSE_DISTANCE * size) & (known.normal_sigma < LOOSE_NORMAL)
    return replace(known, determined=known.determined & tight)


def _noise(
    derivatives: Floats,
    look: PatternJacobian,
    values: Floats,
    seen: NDArray[np.bool_],
    response: DetectorResponse,
    photons: float | None,
    weights: Floats,
) -> _Noise:
    """Judge the noise of what derivatives by weighted pixels belong to."""
    if photons is not None:
        photon = float(look.intensity.sum()) / photons
        moments = photon_moments(look.intensity, photon, response)
        scatter = (derivatives * (weights * moments.variance)) @ derivatives.T
        variance = float(np.average(moments.variance, weights=weights))
        return _Noise(scatter, moments.bias * np.sqrt(weights), variance, variance, "photon counts", 1)
    residual = (values - look.pattern) * np.sqrt(weights)
    length = correlation_length(residual, seen)
    freedom = residual.size / max(residual.size - len(derivatives), 1)
    scatter = freedom * residual_scatter(derivatives, residual, seen, length)
    # without any residual the prior still needs a scale
    variance = max(freedom * float(np.mean(residual**2) / weights.mean()), 1e-14)
    return _Noise(scatter, np.zeros(residual.size), variance, variance, "residual", length)


def _turns(
    found: Estimate, faces: NDArray[np.int64], lit: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Covariances (k, 2, 2) of the lit faces' turns, and whether light meets them."""
    place = {int(face): number for number, face in enumerate(faces)}
    turns = np.tile(np.eye(2), (len(lit), 1, 1))
    for row, face in enumerate(lit):
        if int(face) in place:
            start = 3 * place[int(face)] + 1
            turns[row] = found.covariance[start : start + 2, start : start + 2]
    return turns, np.isin(lit, faces)


__all__ = ["FacetUncertainty", "parameter_uncertainty"]
