"""The two ways of a forward fit: exact facets with damped least squares, or voxels with gradient descent."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import QhullError
from sklearn.base import clone

from scatterkit.fitting._pattern_checks import Counts
from scatterkit.fitting._pattern_fitter import FittedPattern
from scatterkit.fitting._photon_fit import RESERVED, refined_by_photons
from scatterkit.fitting._planes import Floats, box_limit, centred
from scatterkit.fitting._symmetry_center import largest_shift
from scatterkit.fitting.facet_objective import FacetObjective, best_response
from scatterkit.fitting.facet_schedule import FacetSchedule, Proposals, Start
from scatterkit.fitting.facet_search import FacetSearch
from scatterkit.fitting.first_look import FirstLook
from scatterkit.fitting.models import BodyModel, PlaneModel
from scatterkit.fitting.models._merging import MERGE_TOLERANCE
from scatterkit.fitting.models.ellipsoid import planes_of
from scatterkit.fitting.objective import PatternObjective
from scatterkit.fitting.search import Search, default_schedule
from scatterkit.response import DetectorResponse
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.facets import FacetScattering
from scatterkit.simulation.kernels.threads import single_blas_thread
from scatterkit.solids import Rasterizer, Solid

RADII = (0.17, 0.22, 0.27, 0.32, 0.37)
"""Radii of the bodies that a search by voxels starts from, in units of the box."""
PROPOSED = 0.5
"""Part of a time budget that starts from elsewhere may take."""
Report = Callable[[dict[str, Any]], None]
Pictures = NDArray[np.float32]


@dataclass(frozen=True)
class FitRequest:
    """One pattern to be fitted, and how."""

    pattern: Pictures
    mask: NDArray[np.bool_]
    simulator: MSFTSimulator
    grid: int
    max_shift: float
    time_budget: float | None
    n_jobs: int
    radii: Floats | None
    rng: np.random.Generator
    look: FirstLook
    counts: Counts | None = None
    robust: bool = False
    starts: Sequence[Floats] | None = None
    """Points of the model that a search by facets follows before it draws its own."""

    def judged(
        self, intensity: Pictures, start: DetectorResponse | None, scale: float = math.inf
    ) -> tuple[DetectorResponse, float]:
        """Fit the response of the detector to a body's intensity; give it with the residual."""
        farthest = largest_shift(self.simulator.detector, self.max_shift)
        return best_response(self.pattern, intensity, self.mask, farthest, start, scale)


def takes_facets(model: BodyModel, simulator: MSFTSimulator) -> bool:
    """Whether a body model and an experiment have an exact pattern in closed form."""
    return isinstance(model, PlaneModel) and simulator.propagation == "msft"


def facet_intensity(simulator: MSFTSimulator, solid: Solid) -> Pictures:
    """Give the exact intensity of a convex body on all pixels."""
    scattering, lit = FacetScattering.of(simulator)
    picture = np.zeros(lit.shape, np.float32)
    picture[lit] = scattering.intensity(*planes_of(solid))
    return picture


def voxel_intensity(simulator: MSFTSimulator, solid: Solid, grid: int) -> Pictures:
    """Give the intensity of a body's volume on all pixels."""
    volume = Rasterizer(grid=grid, box=simulator.box).transform([solid])
    picture: Pictures = clone(simulator).set_params(mask=None).transform(volume)[0]
    return picture


def fit_by_facets(
    request: FitRequest,
    model: PlaneModel,
    schedule: FacetSchedule,
    report: Report,
    first: FacetSchedule | None = None,
) -> FittedPattern:
    """Fit a body made of half-spaces by its exact pattern; the request's own starts go by the schedule ``first``."""
    with single_blas_thread():  # the matrices are too small for more
        objective = FacetObjective(
            request.simulator, request.pattern, request.mask, request.max_shift, request.robust
        )
        budget, ends = request.time_budget, math.inf
        if budget is not None:
            ends = time.monotonic() + budget
            budget *= 1 if request.counts is None else 1 - RESERVED
        search = FacetSearch(
            model, objective, schedule, time_budget=budget, n_jobs=request.n_jobs, report=report
        )
        interrupted = False
        try:
            found = search.run(_drawn(request, model), request.rng, _proposals(request, first))
        except KeyboardInterrupt:
            found, interrupted = search.found, True
            if not found:
                raise
        if request.counts is not None and not interrupted:
            found, interrupted = refined_by_photons(search, found, request.counts, ends)
    # the first start as it came too: an answer already, that little time may not suffice to better
    as_it_came = [(point, None, math.nan, False) for point in (request.starts or ())[:1]]
    bodies = []
    finished = [(body.point, body.response, body.deviance, body.merged) for body in found]
    for point, response, deviance, merged in [*finished, *as_it_came]:
        solid = _solid_of(model, point, search.limit)
        if solid is not None:
            judged = request.judged(facet_intensity(request.simulator, solid), response, objective.scale)
            bodies.append(_Body(point, solid, *judged, deviance, merged))
    return _result(bodies, interrupted)


def _drawn(request: FitRequest, model: PlaneModel) -> Callable[[int], Sequence[Start]]:
    """Give the function that draws starts, of given radii or by what the pattern says itself, about its centres."""
    limit = box_limit(request.simulator.box)
    radii = None if request.radii is None else cycle(request.radii)

    def points_about(look: FirstLook, n: int) -> Sequence[Floats]:
        if radii is None:
            return model.first_points(look, n, request.rng)
        return model.starts(np.array(list(islice(radii, n))), request.rng)

    def draw(n: int) -> Sequence[Start]:
        centers = request.look.centers()[:n]
        starts: list[Start] = []
        for (shift, _), share in zip(centers, _shares(n, [chance for _, chance in centers]), strict=True):
            # a step of zero lets the model bring a start that is too large into the box
            points = points_about(request.look.centred_at(shift), share)
            moved = (model.move(point, np.zeros_like(model.rates(point)), limit) for point in points)
            starts += [(point, shift) for point in moved]
        return starts

    return draw


def _proposals(request: FitRequest, schedule: FacetSchedule | None) -> Proposals | None:
    """Give the request's own starts about each centre that the pattern may have."""
    if request.starts is None or schedule is None:
        return None
    starts = [
        (point, shift) for shift, _ in request.look.centers()[: schedule.n_starts] for point in request.starts
    ]
    return Proposals(starts, schedule, PROPOSED)


def _shares(n: int, chances: Sequence[float]) -> list[int]:
    """Share out n among places by their chances, one each at least; there are no more than n."""
    ends = np.round(np.cumsum(chances) / np.sum(chances) * (n - len(chances))).astype(int)
    return [int(share) + 1 for share in np.diff(ends, prepend=0)]


def fit_by_voxels(
    request: FitRequest,
    model: BodyModel,
    n_steps: int,
    n_kept: int,
    report: Callable[[dict[str, Any], int], None],
) -> FittedPattern:
    """Fit any body model by gradient descent through the simulator."""
    radii = np.array(RADII) * request.simulator.box if request.radii is None else request.radii
    objective = PatternObjective(request.simulator, request.pattern, request.mask, request.max_shift)
    schedule = default_schedule(model, request.grid, n_steps, n_kept, len(radii))
    search = Search(
        model,
        objective,
        schedule,
        time_budget=request.time_budget,
        n_jobs=request.n_jobs,
        report=lambda entry: report(entry, search.n_steps),
    )
    bodies, interrupted = [], False
    try:
        found = search.run(radii, request.rng)
    except KeyboardInterrupt:
        found, interrupted = search.best_in_hand(), True
    for candidate in found:
        solid = _solid_of(model, candidate.point, search.limit)
        if solid is not None:
            intensity = voxel_intensity(request.simulator, solid, request.grid)
            judged = request.judged(intensity, candidate.response)
            bodies.append(_Body(candidate.point, solid, *judged, merged=candidate.merged))
    return _result(bodies, interrupted)


def _solid_of(model: BodyModel, point: Floats, limit: float) -> Solid | None:
    """Give a point's body in the middle of the box; None without an inside, which others need not suffer from."""
    try:
        return centred(model.solid(point, limit))
    except (QhullError, ValueError):
        return None


class _Body(NamedTuple):
    """A finished body and its point of the model, with its deviance where it was refined by photon counts.

    Whether faces of it were ``merged``, for which its residual was let grow.
    """

    point: Floats
    solid: Solid
    response: DetectorResponse
    residual: float
    deviance: float = math.nan
    merged: bool = False

    @property
    def rank(self) -> tuple[bool, float]:
        """Sort by residual, after all that were refined: these gave up some of it for a greater likelihood.

        What merging may cost does not count against a body: else one that was not simplified would win in its place.
        """
        residual = self.residual / (1 + MERGE_TOLERANCE if self.merged else 1)
        return not math.isfinite(self.deviance), residual if math.isfinite(residual) else math.inf


def _result(bodies: list[_Body], interrupted: bool) -> FittedPattern:
    if not bodies:
        raise (
            KeyboardInterrupt if interrupted else ValueError("no start gave a body with an inside in the box")
        )
    ranked = sorted(bodies, key=lambda body: body.rank)
    candidates = [(body.residual, body.solid) for body in ranked]
    best = ranked[0]
    return FittedPattern(
        best.solid,
        best.response,
        best.residual,
        candidates,
        deviance=best.deviance,
        interrupted=interrupted,
        point=np.array(best.point),
    )
