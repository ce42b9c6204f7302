"""ForwardFitter: bodies fitted to measured patterns through the physics, without a network."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import clone

from scatterkit._progress import progress_bar
from scatterkit._random import RandomState
from scatterkit._validation import (
    AnyOf,
    Boolean,
    Choice,
    Constraint,
    Instance,
    Integer,
    Positive,
    Real,
    check_array,
    fail,
    shown,
)
from scatterkit.fitting._pattern_checks import Counts
from scatterkit.fitting._pattern_fitter import FittedPattern, PatternFitter
from scatterkit.fitting._planes import Floats, box_limit
from scatterkit.fitting.catalogue_fit import fit_catalogue
from scatterkit.fitting.engines import (
    FitRequest,
    facet_intensity,
    fit_by_facets,
    fit_by_voxels,
    takes_facets,
    voxel_intensity,
)
from scatterkit.fitting.facet_objective import FacetObjective
from scatterkit.fitting.facet_schedule import FacetSchedule
from scatterkit.fitting.first_look import FirstLook
from scatterkit.fitting.models import BodyModel, CatalogueBody, PlaneModel, as_model
from scatterkit.fitting.models.catalogue import class_names
from scatterkit.fitting.models.names import CATALOGUE
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid

FACET_STEPS, VOXEL_STEPS = 144, 600
"""Steps from a start to the end."""
Q_LIMITS = 12
"""Number of q limits, about, that a search by facets works through."""


class ForwardFitter(PatternFitter):
    """Fit one 3D body to each measured pattern through the scattering physics, without training.

    Bodies made of half-spaces have an exact pattern in closed form, with derivatives (`method` "facets"). The pattern
    itself tells how wide the body is; from many starts of that width, damped least squares (Levenberg-Marquardt)
    follows the pattern from low q to high, and only the best starts go on. All other models and experiments go
    by voxels and gradient descent ("voxels"), from spheres of several radii. In the end neighbouring faces on the lit
    side that the pattern does not tell apart are merged, as long as the residual grows by no more than 5 %. What
    the detector did to the pattern (eps, gain, offset, saturation, centre shift) is fitted along.

    Parameters
    ----------
    model : str or BodyModel, default="convex"
        What the body may be: "convex" for any convex body, "support", "star", "ellipsoid" or "union" for the models
        `SupportBody`, `StarBody`, `EllipsoidBody` and `UnionBody`, a name of the catalogue for that body with free
        size and orientation, "catalogue" for all its classes, of which the best wins, the three best also stretched
        and cut along their axes, or a body model such as ``CatalogueBody("decahedron", stretch_axis="C5")``.
    simulator : MSFTSimulator, optional
        The experiment; the published silver configuration by default.
    grid : int, default=64
        Voxels along each edge of the volumes that `predict` gives, and of those that are fitted by voxels.
    method : {"auto", "facets", "voxels"}, default="auto"
        How to search: "auto" takes facets where model (a `PlaneModel`) and simulator (``propagation`` "msft")
        have an exact pattern. That is the pattern of bodies with sharp surfaces: the simulator's treatment of
        voxels has no part in it.
    loss : {"squared", "robust"}, default="squared"
        What is minimised: the mean squared difference, or Cauchy's loss, which hardly counts pixels that are off by
        more than half of the pattern's standard deviation: for detectors with blind spots, spikes or other faults
        that no mask tells. Robust fits need facets, and take no ``counts``. `residuals_`, `candidates_`, `score` and
        the end of a search go by the loss; a `report` gives the mean squared difference and the uncertainties with
        the weights that a robust fit gave the pixels.
    n_starts : int, default=24
        For facets: starts of a round.
    n_rounds : int, default=3
        For facets: rounds at most. A mean loss of 1e-4 or less ends the search after any round.
    n_steps : int, optional
        Steps from a start to the end; 144 for facets and 600 for voxels by default. Facets share them out over some
        twelve q limits, the same whole number at each.
    n_kept : int, default=2
        Number of starts that are followed to the end; for facets, of each round.
    radii : sequence of float [nm], optional
        Radii of the bodies to start from. By default facets start from bodies as wide as the pattern says, voxels
        from five radii between 0.17 and 0.37 of the box.
    max_shift : float [pixel], default=3.0
        Largest shift of the pattern's centre that is looked for; none with a `PanelDetector`, whose panels a pattern
        stacks: a shift would move it across their seams.
    time_budget : float [s], optional
        Time for one pattern. The search then ends in order with what it has, which depends on the computer's
        speed; facets begin no round that would end later, but finish the first. "catalogue" shares it out among its
        classes and warns of those that it had no time for.
    n_jobs : int, optional
        With several patterns, patterns that are fitted at once, each by one process; with one, starts that are
        followed at once, each on one thread; -1 for all cores. By default one after the other.
    random_state : int, numpy.random.Generator or None, default=None
        Draws the starts.
    verbose : bool, default=False
        Whether to show progress.

    Attributes
    ----------
    solids_ : list of Solid
        The fitted bodies, in nm from the centre of the box, in the order given to `fit`, then those of patterns that
        were new to `predict`; None where no body was made.
    responses_ : list of DetectorResponse
        The detector response of each pattern.
    points_ : list of ndarray
        The numbers that the model's body was made of, as its ``planes`` or ``occupancy`` takes them: a class's
        orientation and size, or those of a model of your own. The bodies of ``solids_`` are moved to the middle of the
        box, what the numbers say of the place is not. None where no body was made, and with ``model="catalogue"``.
    residuals_ : ndarray of shape (n,)
        Mean loss over the mask between pattern and fit, simulated from the finished body: the mean squared difference,
        unless `loss` says otherwise.
    deviances_ : ndarray of shape (n,)
        Poisson's deviance per pixel that the fit leaves, for patterns with ``counts``; NaN for others. Where pixels
        have ten photons and more a body that is right leaves about 1; dim pixels leave less, wrong models more.
    n_simulations_ : ndarray of shape (n,)
        Simulations of each pattern, up to the last entry of its ``history_``.
    candidates_ : list of list of (float, Solid)
        For each pattern, residual and body of every start that was followed to the end, best first; what merging
        faces may cost does not count there.
    history_ : list of list of dict
        For each pattern, one entry a step (voxels) or start and q limit (facets): seconds, simulations, start, residual
        over the q range then in use, and that range's end ``q`` [rad/nm] (facets) or the ``grid`` (voxels).
    evidence_ : list of dict of str to float
        For each pattern, with ``model="catalogue"``: the residual of the best body of each class, best first; NaN for
        classes that were not tried because time was over or the user stopped the work.
    failures_ : dict of int to str
        Patterns, by their place in ``solids_``, of which no body was made, and why.
    n_features_in_ : int
        Number of pixels of a pattern.

    See Also
    --------
    scatterkit.metrics.pattern_residual : The squared loss that is minimised.
    FirstLook : What a pattern says without any fit.

    Notes
    -----
    One pattern does not tell everything. Absorption hides the back of the body, which follows the model's
    assumption alone (see `ConvexBody`). A shift of the body changes no intensity; bodies are given in the
    middle of the box. Inversion through a point is nearly invisible for bodies that are nearly centrosymmetric.

    With ``counts`` the bodies that a search by facets ends at are refined once more, by Poisson's likelihood of the
    photons on each pixel, with a scale and an even background of its own. Pixels then weigh what their noise lets them,
    and few photons are not biased by a logarithm. The expected counts must follow the simulated intensity, without
    factors that vary over the detector; pixels that saturate in the pattern are left out, where the brightest holds
    more than 100 photons. Of the bodies that were so refined, that with the least mean squared difference of
    log-scaled patterns is the best; ``candidates_`` come in that order, those that time did not suffice for last, and
    ``residuals_`` are that difference.

    Examples
    --------
    >>> from scipy.spatial.transform import Rotation
    >>> from scatterkit.fitting import CatalogueBody, ForwardFitter
    >>> from scatterkit.simulation import LogScaler, PolyhedronSimulator
    >>> from scatterkit.solids import Solid
    >>> cube = Solid.from_catalogue("cube", circumradius=60).rotate(Rotation.from_rotvec([0.3, 0.5, 0.2]))
    >>> X = LogScaler().transform(PolyhedronSimulator().transform([cube]))
    >>> fitter = ForwardFitter(CatalogueBody("cube"), n_rounds=1, max_shift=0, random_state=0)
    >>> fitter.fit(X).predict(X).shape
    (1, 64, 64, 64)
    >>> abs(fitter.solids_[0].circumradius - 60) < 0.1
    True
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "simulator": Instance((MSFTSimulator,), optional=True),
        "grid": Integer(8),
        "method": Choice(("auto", "facets", "voxels")),
        "loss": Choice(("squared", "robust")),
        "n_starts": Integer(1),
        "n_rounds": Integer(1),
        "n_steps": Integer(10, optional=True),
        "n_kept": Integer(1),
        "max_shift": Real(low=0, high=16, unit="pixels"),
        "time_budget": Positive("s", optional=True),
        "n_jobs": AnyOf((Choice((None, -1)), Integer(1))),
        "verbose": Boolean(),
    }

    def __init__(
        self,
        model: str | BodyModel = "convex",
        simulator: MSFTSimulator | None = None,
        grid: int = 64,
        method: str = "auto",
        loss: str = "squared",
        n_starts: int = 24,
        n_rounds: int = 3,
        n_steps: int | None = None,
        n_kept: int = 2,
        radii: Sequence[float] | None = None,
        max_shift: float = 3.0,
        time_budget: float | None = None,
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: bool = False,
    ) -> None:
        self.model = model
        self.simulator = simulator
        self.grid = grid
        self.method = method
        self.loss = loss
        self.n_starts = n_starts
        self.n_rounds = n_rounds
        self.n_steps = n_steps
        self.n_kept = n_kept
        self.radii = radii
        self.max_shift = max_shift
        self.time_budget = time_budget
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self) -> None:
        super()._check_parameters()
        owner = type(self).__name__
        model = self._a_model()
        if self.method == "facets" and not takes_facets(model, self._simulator()):
            allowed = "'auto' or 'voxels' for this model and simulator: facets need a PlaneModel and propagation 'msft'"
            raise fail("method", owner, allowed, shown(self.method))
        if self.loss == "robust" and not self._by_facets():
            raise fail("loss", owner, "'squared' where a fit goes by voxels", shown(self.loss))
        self._start_radii()

    def _fit_one(
        self,
        pattern: NDArray[np.float32],
        mask: NDArray[np.bool_],
        rng: np.random.Generator,
        title: str,
        counts: Counts | None = None,
    ) -> FittedPattern:
        request = FitRequest(
            pattern,
            mask,
            self._simulator(),
            self.grid,
            self.max_shift,
            self.time_budget,
            effective_n_jobs(self.n_jobs),
            self._start_radii(),
            rng,
            FirstLook(pattern, mask, self._simulator(), self.max_shift),
            counts,
            self.loss == "robust",
        )
        history: list[dict[str, Any]] = []
        begun, before = time.monotonic(), {"seconds": 0.0, "simulations": 0}
        by_facets = self._by_facets()
        with progress_bar(
            None, description=title, verbose=self.verbose, unit="descent" if by_facets else "step"
        ) as bar:

            def report(entry: dict[str, Any], total: int | None = None) -> None:
                history.append(entry | {name: entry[name] + more for name, more in before.items()})
                bar.total = total
                bar.update()
                if len(history) % 10 == 0:
                    bar.set_postfix(residual=f"{entry['residual']:.1e}", refresh=False)

            def fit(request: FitRequest, model: BodyModel) -> FittedPattern:
                # each model counts from zero, the record of the pattern goes on
                before["seconds"], before["simulations"] = time.monotonic() - begun, simulations_of(history)
                if by_facets:
                    assert isinstance(model, PlaneModel)
                    return fit_by_facets(request, model, self._schedule(), report)
                return fit_by_voxels(request, model, self.n_steps or VOXEL_STEPS, self.n_kept, report)

            whole = isinstance(self.model, str) and self.model == CATALOGUE
            found = fit_catalogue(request, fit) if whole else fit(request, clone(self._a_model()))
        return replace(found, history=history, simulations=simulations_of(history))

    def _a_model(self) -> BodyModel:
        """Give the body model, or one of the catalogue's, which all go the same way."""
        if isinstance(self.model, str) and self.model == CATALOGUE:
            return CatalogueBody(class_names()[0])
        return as_model(self.model, owner=type(self).__name__)

    def _by_facets(self) -> bool:
        return self.method != "voxels" and takes_facets(self._a_model(), self._simulator())

    def _no_counts(self) -> str:
        if self.loss == "robust":
            return "None where 'loss' is 'robust': a fit by counts goes by Poisson's likelihood"
        if self._by_facets():
            return ""
        return "None where bodies are fitted by voxels: those are fitted by least squares alone"

    def _loss_scale(self, pattern: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
        if self.loss != "robust":
            return math.inf
        return FacetObjective(self._simulator(), pattern, mask, self.max_shift, robust=True).scale

    def _schedule(self) -> FacetSchedule:
        steps = max(1, round((self.n_steps or FACET_STEPS) / Q_LIMITS))
        return FacetSchedule(
            n_starts=self.n_starts, n_rounds=self.n_rounds, n_steps=steps, n_finished=self.n_kept
        )

    def _intensity(self, solid: Solid) -> NDArray[np.float32]:
        # on all pixels: a shift of the centre moves pixels from behind a mask into view
        if self._by_facets():
            return facet_intensity(self._simulator(), solid)
        return voxel_intensity(self._simulator(), solid, self.grid)

    def _start_radii(self) -> Floats | None:
        if self.radii is None:
            return None
        box, owner = self._simulator().box, type(self).__name__
        radii: Floats = check_array(self.radii, name="radii", owner=owner, shape=(None,), dtype=np.float64)
        if radii.min() <= 0 or radii.max() > box_limit(box):
            allowed = f"radii in nm in (0, {box_limit(box):g}], so that the bodies fit the box"
            raise fail("radii", owner, allowed, shown(self.radii))
        return radii


def simulations_of(history: Sequence[Mapping[str, Any]]) -> int:
    """Give how many simulations were made up to the last entry of a record."""
    return max((int(entry["simulations"]) for entry in history), default=0)


__all__ = ["ForwardFitter"]
