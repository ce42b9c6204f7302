"""All that one fitted pattern says, on a page."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import (
    Choice,
    Instance,
    Integer,
    Positive,
    Real,
    check_array,
    check_value,
    fail,
    shown,
)
from scatterkit.experiment import check_detector
from scatterkit.fitting._planes import Floats
from scatterkit.fitting.answers._checks import check_by_photons, measured_mask, total_photons
from scatterkit.fitting.answers._jacobian import Simulator
from scatterkit.fitting.answers._lit import is_polyhedron
from scatterkit.fitting.answers._noise import photon_moments
from scatterkit.fitting.answers._scattering import (
    decay_length,
    intensity_on_pixels,
    inversion_change,
    simulated_intensity,
)
from scatterkit.fitting.answers.alternatives import Alternative, alternatives_to
from scatterkit.fitting.answers.facet_table import FacetTable, facet_table
from scatterkit.fitting.answers.indexing import guess_fcc
from scatterkit.fitting.answers.quality import FitQuality, judge_fit
from scatterkit.fitting.answers.uncertainty import FacetUncertainty, parameter_uncertainty
from scatterkit.metrics import r_factor
from scatterkit.response import DetectorResponse
from scatterkit.simulation import MSFTSimulator, PolyhedronSimulator
from scatterkit.solids import Solid

if TYPE_CHECKING:
    from xarray import Dataset

N_LENGTHS = 3
"""Lengths of the field's decay behind the front that a pattern can see."""
NARROWEST, WIDEST = np.radians([4.0, 10.0])


@dataclass(frozen=True)
class FitReport:
    """What the fit of one pattern tells, and what it does not.

    Parameters
    ----------
    solid : Solid
        The fitted body.
    response : DetectorResponse
        The detector's response.
    pattern, fitted : ndarray of shape (rows, columns)
        The pattern, and the body's as the detector would record it.
    mask : ndarray of bool of shape (rows, columns)
        True where measured.
    residual : float [1]
        Mean squared difference over the mask; of robust fits, pixels weigh what they weighed there.
    r_factor : float [1]
        Crystallographic R factor of the intensities behind the unclipped pixels; NaN where these are no numbers.
    quality : FitQuality
        How much the fit explains.
    facets : FacetTable or None
        The lit facets; None for bodies that are no convex polyhedra.
    undetermined : list of str
        What the pattern does not tell of this body.
    alternatives : list of Alternative
        Other bodies that fit about as well, best first; each is listed once.
    reject_ : str or None
        Why no body should be reported, if so.

    See Also
    --------
    build_report : Makes one.
    scatterkit.plotting.fit_figure : Draws it.
    """

    solid: Solid
    response: DetectorResponse
    pattern: Floats
    fitted: Floats
    mask: NDArray[np.bool_]
    residual: float
    r_factor: float
    quality: FitQuality
    facets: FacetTable | None
    undetermined: list[str]
    alternatives: list[Alternative]
    reject_: str | None

    @property
    def residual_map(self) -> Floats:
        """Fit less pattern, ``(rows, columns)``; NaN where nothing was measured."""
        return np.where(self.mask, self.fitted - self.pattern, np.nan)

    def to_dataset(self) -> Dataset:
        """Give the report as a data set: facets, pictures and figures.

        Returns
        -------
        xarray.Dataset
            What the facets' table gives, with pattern, fit, mask and residual map; single figures as attributes.
        """
        from scatterkit.fitting.answers._page import report_dataset

        return report_dataset(self)

    def __str__(self) -> str:
        from scatterkit.fitting.answers._page import report_lines

        return "\n".join(report_lines(self))


def build_report(
    solid: Solid,
    response: DetectorResponse,
    pattern: ArrayLike,
    mask: ArrayLike | None = None,
    simulator: Simulator | None = None,
    *,
    candidates: Sequence[tuple[float, Solid]] = (),
    counts: float | ArrayLike | None = None,
    tolerance: float = 0.1,
    crystal: str | None = "fcc",
    grid: int = 64,
    intensity: ArrayLike | None = None,
    max_shift: float = 3.0,
    by_photons: bool = False,
    scale: float = math.inf,
) -> FitReport:
    """Report what the fit of one pattern tells.

    Parameters
    ----------
    solid : Solid
        The fitted body.
    response : DetectorResponse
        The fitted response.
    pattern : array-like of shape (rows, columns)
        The log-scaled pattern.
    mask : array-like of bool of shape (rows, columns), optional
        True where a pixel was measured; everything by default.
    simulator : MSFTSimulator or PolyhedronSimulator, optional
        The experiment; the published silver configuration by default. Convex polyhedra are simulated exactly where
        light travels straight.
    candidates : sequence of (float, Solid) [1], optional
        Residuals and bodies of all starts, the reported one may be among them: its own residual is what the others'
        are compared with then.
    counts : float or array-like of shape (rows, columns) [photons], optional
        The photons behind the pattern: how many in all on the masked pixels, or on each pixel.
    tolerance : float [1], default=0.1
        Candidates whose residual exceeds the reported body's by no more than this part fit equally well.
    crystal : {"fcc", None}, default="fcc"
        Whether to look for Miller indices.
    grid : int, default=64
        Voxels along the box for comparing bodies, and for simulating those that have no closed form.
    intensity : array-like of shape (rows, columns), optional
        The body's intensity on all pixels as the fit simulated it, so that the residual is the one that it
        minimised; simulated anew by default.
    max_shift : float [pixel], default=3.0
        How far the fit let the pattern's centre lie off along each axis; 0 where it is known.
    by_photons : bool, default=False
        Whether the body was fitted by Poisson's likelihood of the counts on each pixel, as by
        ``ForwardFitter.fit(X, counts=...)``.
    scale : float [1], default=inf
        Of a robust fit, the error beyond which pixels count for little: they weigh in uncertainties, residual and
        verdict what they weighed there. Infinite for other fits.

    Returns
    -------
    FitReport
        The report; ``print`` it for a page.

    Raises
    ------
    InvalidParameterError
        If an argument is not as described.

    Notes
    -----
    A fit is rejected (``reject_``) where the pattern is empty; where the fit explains no more than a smooth profile
    of the wave number would (more than 85 % of the fringes' variance is left), and it is called noise if
    neighbouring pixels hardly correlate; and where it leaves more than 35 % in a structured residual, as for two
    particles fitted by one (15 % where the noise is known, and the residual three times what it explains).

    Examples
    --------
    >>> from scatterkit.fitting.answers import build_report
    >>> from scatterkit.response import DetectorResponse
    >>> from scatterkit.simulation import PolyhedronSimulator
    >>> from scatterkit.solids import Solid
    >>> body = Solid.from_catalogue("octahedron", circumradius=60)
    >>> response = DetectorResponse(eps=100.0, gain=0.1, offset=-0.45)
    >>> pattern = response.apply(PolyhedronSimulator().transform([body])[0])
    >>> report = build_report(body, response, pattern, counts=1e6)
    >>> report.reject_ is None, len(report.facets)
    (True, 4)
    """
    owner = "build_report"
    simulator = MSFTSimulator() if simulator is None else simulator
    check_value(solid, Instance((Solid,)), name="solid", owner=owner)
    check_value(response, Instance((DetectorResponse,)), name="response", owner=owner)
    check_value(simulator, Instance((MSFTSimulator, PolyhedronSimulator)), name="simulator", owner=owner)
    check_value(tolerance, Positive(), name="tolerance", owner=owner)
    check_value(crystal, Choice(("fcc", None)), name="crystal", owner=owner)
    check_value(grid, Integer(8), name="grid", owner=owner)
    simulator._check_parameters()
    detector = check_detector(simulator.detector, owner=owner)
    flags = measured_mask(mask, simulator, detector.shape, owner=owner)
    given = np.where(flags, pattern, 0) if np.shape(pattern) == detector.shape else pattern
    values = check_array(
        given, name="pattern", owner=owner, shape=detector.shape, dtype=np.float64, what="a pattern (y, x)"
    )
    check_value(max_shift, Real(low=0, high=16, unit="pixels"), name="max_shift", owner=owner)
    bodies = _checked_candidates(candidates, owner)
    photons = None if counts is None else total_photons(counts, flags, owner=owner)
    check_by_photons(by_photons, counts, owner=owner)
    check_value(scale, Positive(finite=False), name="scale", owner=owner)
    simulated = None if intensity is None else _checked(intensity, flags, owner)
    if simulated is None:
        simulated = simulated_intensity(solid, simulator, grid)

    fitted = response.apply(simulated).astype(np.float64)
    behind = intensity_on_pixels(fitted, response)
    expected = None if photons is None else _expected(behind[flags], photons, response)
    k = 2 * math.pi / simulator.wavelength
    q = np.broadcast_to(np.hypot(*detector.wavevectors(k)), detector.shape)
    quality = judge_fit(values, fitted, flags, q, expected, scale)
    # candidates may bear the loss that the fit went by, which is another than the residual
    best = next((residual for residual, body in bodies if body is solid), quality.residual)
    as_good = [pair for pair in bodies if pair[1] is not solid and pair[0] <= (1 + tolerance) * best]
    seen = solid, response, values, flags, simulator
    others = [body for _, body in as_good]
    ask = partial(
        parameter_uncertainty,
        *seen,
        counts=counts if by_photons else photons,
        alternatives=others,
        max_shift=max_shift,
        by_photons=by_photons,
        scale=scale,
    )
    is_told = quality.contrast > 1e-6 and response.gain > 0
    facets, notes = _facets(solid, ask if is_told else None, crystal)
    return FitReport(
        solid=solid,
        response=response,
        pattern=values,
        fitted=fitted,
        mask=flags,
        residual=quality.residual,
        r_factor=_r_factor(values, fitted, flags, response),
        quality=quality,
        facets=facets,
        undetermined=[*_undetermined(solid, response, flags, simulator, quality, grid), *notes],
        alternatives=alternatives_to(solid, as_good, simulator, grid),
        reject_=quality.reason,
    )


def _checked_candidates(candidates: Sequence[tuple[float, Solid]], owner: str) -> list[tuple[float, Solid]]:
    allowed = "a sequence of (residual, Solid)"
    try:
        pairs = [(float(residual), body) for residual, body in candidates]
    except (TypeError, ValueError) as error:
        raise fail("candidates", owner, allowed, shown(candidates)) from error
    wrong = [body for _, body in pairs if not isinstance(body, Solid)]
    if wrong:
        raise fail("candidates", owner, allowed, shown(wrong[0]))
    return pairs


def _checked(intensity: ArrayLike, mask: NDArray[np.bool_], owner: str) -> NDArray[np.float32]:
    what = "a body's intensity (y, x)"
    return check_array(intensity, name="intensity", owner=owner, shape=mask.shape, low=0, what=what)


def _expected(intensity: Floats, photons: float, response: DetectorResponse) -> float:
    moments = photon_moments(intensity, float(intensity.sum()) / photons, response)
    return float(np.mean(moments.variance + moments.bias**2))


def _facets(
    solid: Solid, ask: Callable[[], FacetUncertainty] | None, crystal: str | None
) -> tuple[FacetTable | None, list[str]]:
    if not is_polyhedron(solid):
        return None, ["facets: the body is no convex polyhedron"]
    if ask is None:
        return facet_table(solid), ["facets: nothing in the pattern says where they are"]
    known = ask()
    guess = None if crystal is None else guess_fcc(solid, tolerance=_index_tolerance(known))
    table = facet_table(solid, uncertainty=known, crystal=guess)
    loose = [str(number + 1) for number in np.flatnonzero(~table.determined)]
    told = f"lit facets {', '.join(loose)}: distance or normal too uncertain, or not in the other bodies that fit"
    return table, [told] if loose else []


def _index_tolerance(known: FacetUncertainty) -> float:
    """Twice the usual uncertainty of a normal, within limits."""
    if not known.determined.any():
        return float(NARROWEST)
    usual = float(np.median(known.normal_sigma[known.determined]))
    return float(np.clip(2 * usual, NARROWEST, WIDEST))


def _undetermined(
    solid: Solid,
    response: DetectorResponse,
    mask: NDArray[np.bool_],
    simulator: Simulator,
    quality: FitQuality,
    grid: int,
) -> list[str]:
    notes = []
    length = decay_length(simulator)
    if math.isfinite(length):
        depth = N_LENGTHS * length
        count = int((solid.normals[:, 2] > 0).sum()) if is_polyhedron(solid) else 0
        faces = f" ({count} faces, not listed)" if count else ""
        notes.append(f"far side{faces}: not measured deeper than {depth:.1f} nm behind the lit surface")
    notes.append("place: a shift along x, y or z changes no intensity")
    change = inversion_change(solid, response, mask, simulator, grid)
    if change < quality.residual:
        notes.append(
            f"inversion: the body turned inside out through a point changes the pattern by {change:.1e}, less than "
            f"the residual {quality.residual:.1e}"
        )
    return notes


def _r_factor(pattern: Floats, fitted: Floats, mask: NDArray[np.bool_], response: DetectorResponse) -> float:
    unclipped = mask & (pattern > 0) & (pattern < response.saturation)
    if response.gain == 0 or not unclipped.any():
        return math.nan
    with np.errstate(over="ignore"):  # noise that a small gain spreads over more decades than numbers have
        behind = [intensity_on_pixels(picture, response).astype(np.float32) for picture in (pattern, fitted)]
    measured, simulated = (np.where(unclipped, intensity, 0) for intensity in behind)
    told = np.isfinite(measured).all() and np.isfinite(simulated).all()
    return float(r_factor(measured, simulated, unclipped)) if told else math.nan


__all__ = ["FitReport", "build_report"]
