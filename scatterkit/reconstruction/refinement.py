"""Refiner: what a network proposes for a pattern and its mirror images, ranked and refined by the exact physics."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import QhullError

from scatterkit._validation import (
    AnyOf,
    Boolean,
    Choice,
    Constraint,
    Instance,
    Integer,
    InvalidParameterError,
    Positive,
    Real,
    check_value,
    fail,
    shown,
)
from scatterkit.base import Component
from scatterkit.experiment import check_detector
from scatterkit.fitting._pattern_checks import measured_masks
from scatterkit.fitting._pattern_tasks import FittedPattern
from scatterkit.fitting._planes import Floats
from scatterkit.fitting.engines import FitRequest, fit_by_facets, takes_facets
from scatterkit.fitting.facet_search import FacetSchedule
from scatterkit.fitting.first_look import FirstLook
from scatterkit.fitting.models import ConvexBody
from scatterkit.reconstruction.training._supplies import log_patterns
from scatterkit.response import DetectorResponse
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid

Planes = tuple[Floats, Floats]
Refined = tuple[Solid | None, DetectorResponse | None, float]
Propose = Callable[[NDArray[np.float32], NDArray[np.bool_]], Sequence[Planes]]
BEGIN = 5.0
"""First q limit times the radius: a proposal knows more than the size."""
STEPS = 12
"""Steps at each q limit."""


@dataclass(frozen=True)
class View:
    """A pattern turned and mirrored in the plane: axes exchanged, then rows and columns turned around."""

    exchanged: bool
    rows: bool
    columns: bool

    def of(self, image: NDArray[Any]) -> NDArray[Any]:
        """Give the view of an image whose zero frequency is at pixel n // 2; what it lacks are copies."""
        seen = image.T if self.exchanged else image
        for axis, turned in enumerate((self.rows, self.columns)):
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

    def undone(self, normals: Floats) -> Floats:
        """Turn normals (x, y, z) of a view's body to those of the image's own."""
        x, y, z = normals.T
        x, y = (-x if self.columns else x), (-y if self.rows else y)
        return np.column_stack([y, x, z] if self.exchanged else [x, y, z])

    def undone_volume(self, volume: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn a volume (z, y, x) of a view's body to the image's own, voxel by voxel."""
        own = np.flip(volume, tuple(axis for axis, turned in ((1, self.rows), (2, self.columns)) if turned))
        return np.swapaxes(own, 1, 2) if self.exchanged else own


def _turned(n: int) -> NDArray[np.int64]:
    return 2 * (n // 2) - np.arange(n)


def views(simulator: MSFTSimulator) -> list[View]:
    """Give the views that show what the same detector would have recorded of a turned or mirrored body."""
    detector = check_detector(simulator.detector, owner="MSFTSimulator")
    shape = detector.shape
    grids = [np.broadcast_to(q, shape) for q in detector.wavevectors(2 * np.pi / simulator.wavelength)]
    scale = max(float(np.abs(q).max()) for q in grids)
    found = []
    for view in itertools.starmap(View, itertools.product((False, True), repeat=3)):
        if view.exchanged and shape[0] != shape[1]:
            continue
        known = view.known(shape)
        rows, columns = (view.of(q) for q in (grids[::-1] if view.exchanged else grids))
        turned = (-rows if view.rows else rows), (-columns if view.columns else columns)
        apart = max(float(np.abs(t - q)[known].max()) for t, q in zip(turned, grids, strict=True))
        if apart < 1e-6 * scale:
            found.append(view)
    return found


class Refiner(Component):
    """Refine what a network proposes: several hypotheses for each pattern, ranked and followed by the exact physics.

    Parameters
    ----------
    seconds : float [s], default=10.0
        Time for one pattern, about; the search then ends in order with what it has.
    n_kept : int, default=2
        Hypotheses that are refined to the end.
    symmetries : bool, default=True
        Whether the network sees each pattern in all views by quarter turns and mirrors, eight on a square grid: the
        physics has these symmetries, a network only learns them.
    max_shift : float [pixel], default=3.0
        Largest shift of the pattern's centre that is looked for.
    loss : {"squared", "robust"}, default="squared"
        What is minimised, as for `ForwardFitter`.
    n_jobs : int, optional
        Hypotheses that are followed at once, each on one thread; -1 for all cores. By default one.

    See Also
    --------
    PhysicsReconstructor : Takes a refiner as its ``refine``.
    scatterkit.fitting.ForwardFitter : Starts from the pattern alone.

    Notes
    -----
    Proposals are ranked by their exact patterns over the first fringes. Damped least squares (Levenberg-Marquardt)
    then follows them from low q to high, ever fewer of them, and merges neighbouring faces in the end, as a
    `ForwardFitter` does for its own starts, but begins at a higher q. Bodies come out in the middle of the box.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.spatial.transform import Rotation
    >>> from scatterkit.experiment import QGrid
    >>> from scatterkit.reconstruction import Refiner
    >>> from scatterkit.simulation import LogScaler, MSFTSimulator, PolyhedronSimulator
    >>> from scatterkit.solids import Solid
    >>> detector = QGrid(32, dq=0.03)
    >>> normals = Rotation.from_rotvec([0.3, 0.5, 0.2]).apply(np.vstack([np.eye(3), -np.eye(3)]))
    >>> cube = Solid.from_halfspaces(normals, np.full(6, 35.0))
    >>> X = LogScaler().transform(PolyhedronSimulator(detector=detector).transform([cube]))
    >>> refiner = Refiner(symmetries=False, max_shift=0.0)
    >>> larger = lambda patterns, masks: [(normals, np.full(6, 38.0))]
    >>> (solid, response, residual), = refiner.refine(X, larger, simulator=MSFTSimulator(detector=detector))
    >>> bool(residual < 1e-6)
    True
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "seconds": Positive("s"),
        "n_kept": Integer(1),
        "symmetries": Boolean(),
        "max_shift": Real(low=0, high=16, unit="pixels"),
        "loss": Choice(("squared", "robust")),
        "n_jobs": AnyOf((Choice((None, -1)), Integer(1))),
    }

    def __init__(
        self,
        seconds: float = 10.0,
        n_kept: int = 2,
        symmetries: bool = True,
        max_shift: float = 3.0,
        loss: str = "squared",
        n_jobs: int | None = None,
    ) -> None:
        self.seconds = seconds
        self.n_kept = n_kept
        self.symmetries = symmetries
        self.max_shift = max_shift
        self.loss = loss
        self.n_jobs = n_jobs

    def refine(
        self,
        X: ArrayLike,
        propose: Propose,
        *,
        mask: ArrayLike | None = None,
        simulator: MSFTSimulator | None = None,
    ) -> list[Refined]:
        """Give the refined body of each pattern.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns in [0, 1].
        propose : callable
            Gives, for patterns and their masks (m, rows, columns), the half-spaces of a body for each: unit normals
            (k, 3) and offsets (k,) in nm from the centre of the box.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; everything by default.
        simulator : MSFTSimulator, optional
            The experiment, with ``propagation`` "msft"; the published silver configuration by default.

        Returns
        -------
        list of tuple
            For each pattern the body, the detector's response, and the residual, as `ForwardFitter` has them; None,
            None and NaN, with a warning, where no body could be made.

        Raises
        ------
        InvalidParameterError
            If a parameter, pattern or mask is not as described.
        """
        owner = type(self).__name__
        self._check_parameters()
        check_value(simulator, Instance((MSFTSimulator,), optional=True), name="simulator", owner=owner)
        simulator = MSFTSimulator() if simulator is None else simulator
        if not takes_facets(ConvexBody(), simulator):
            raise fail("simulator", owner, "one with propagation 'msft'", shown(simulator.propagation))
        masks = measured_masks(X, mask, simulator, owner=owner)
        patterns = log_patterns(X, masks, simulator, owner=owner)
        seen = views(simulator) if self.symmetries else [View(False, False, False)]
        refined = [
            self._one(pattern, measured, seen, propose, simulator)
            for pattern, measured in zip(patterns, masks, strict=True)
        ]
        failed = [number for number, (solid, _, _) in enumerate(refined) if solid is None]
        if failed:
            warnings.warn(f"No body was made of patterns {failed}", RuntimeWarning, stacklevel=2)
        return refined

    def _one(
        self,
        pattern: NDArray[np.float32],
        mask: NDArray[np.bool_],
        seen: list[View],
        propose: Propose,
        simulator: MSFTSimulator,
    ) -> Refined:
        if np.ptp(pattern[mask]) == 0:
            return None, None, np.nan
        points = self._proposals(pattern, mask, seen, propose)
        try:
            found = self._fitted(pattern, mask, points, simulator)
        except InvalidParameterError:
            raise
        except (
            QhullError,
            ValueError,
        ):  # nothing of the proposals was left, which others need not suffer from
            return None, None, np.nan
        return found.solid, found.response, found.residual

    def _proposals(
        self, pattern: NDArray[np.float32], mask: NDArray[np.bool_], seen: list[View], propose: Propose
    ) -> list[Floats]:
        """Give points of the fits' model, one for each view of a pattern."""
        shown_patterns = np.stack([view.of(pattern) for view in seen])
        shown_masks = np.stack([view.of(mask) & view.known(mask.shape) for view in seen])
        planes = propose(shown_patterns, shown_masks)
        return [
            np.column_stack([view.undone(normals), offsets])
            for view, (normals, offsets) in zip(seen, planes, strict=True)
        ]

    def _fitted(
        self,
        pattern: NDArray[np.float32],
        mask: NDArray[np.bool_],
        points: list[Floats],
        simulator: MSFTSimulator,
    ) -> FittedPattern:
        request = FitRequest(
            pattern,
            mask,
            simulator,
            grid=64,
            max_shift=float(self.max_shift),
            time_budget=float(self.seconds),
            n_jobs=effective_n_jobs(self.n_jobs),
            radii=None,
            rng=np.random.default_rng(0),  # chooses pixels alone
            look=FirstLook(pattern, mask, simulator, float(self.max_shift)),
            robust=self.loss == "robust",
            starts=points,
        )
        schedule = FacetSchedule(
            n_starts=max(len(points), 1), n_rounds=1, n_steps=STEPS, n_finished=int(self.n_kept), begin=BEGIN
        )
        return fit_by_facets(request, ConvexBody(), schedule, lambda entry: None)
