"""RetrievalFitter: the nearest pattern of a library, then gradient descent from its body."""

from __future__ import annotations

from itertools import islice
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._random import RandomState
from scatterkit._validation import Constraint, Integer, check_patterns, check_volumes, fail, shown
from scatterkit.datasets.schema import PATTERN, VOLUME, check_dataset
from scatterkit.experiment import check_detector
from scatterkit.fitting.baselines._baseline import BaselineFitter
from scatterkit.fitting.baselines._gradient import descend_planes, with_n_planes
from scatterkit.fitting.baselines._hull import FILLED, hull_of
from scatterkit.fitting.baselines._library import BodyLibrary, Hashed, given_library, sampled_library
from scatterkit.fitting.baselines._polar import in_plane
from scatterkit.fitting.baselines._pursuit import Planes, Pursuit
from scatterkit.fitting.models.ellipsoid import planes_of
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid

SEED = 0
"""Seed of the random bodies that the library holds by default."""

N_LOOKED_AT = 30
"""Nearest patterns whose bodies are looked at before one is refined."""

FIRST_LIMIT = 0.35
"""Fraction of the q range that is looked at first."""


class RetrievalFitter(BaselineFitter):
    """Find the nearest pattern of a library, over turns and mirrors, and refine its body by gradients.

    Without the refinement (``n_steps=0``) this is what a method must beat that claims to have learnt anything. The
    bodies of the nearest patterns are looked at with the physics; then their half-spaces, best first, go through
    Adam, until the budget or the list ends.

    Parameters
    ----------
    library : int, Dataset or (patterns, bodies), default=1000
        Number of random bodies of the catalogue to simulate, half of them cut, the same ones each time; or a data
        set with patterns and volumes; or log-scaled patterns of shape (n, rows, columns) and as many bodies, each a
        Solid, or volumes of shape (n, z, y, x). The convex hull of a body counts. Made once for an experiment, and
        not part of the time budget.
    n_steps : int, default=150
        Steps of the refinement of one body; 0 for none.
    n_faces : int, default=32
        Number of half-spaces: a body's own faces, and small cuts where it has none. Bodies of more faces get
        tangent planes.
    simulator : MSFTSimulator, optional
        The experiment; the published silver configuration by default. Straight rays through true densities are
        simulated in closed form, everything else by voxels.
    grid : int, default=64
        Voxels along each edge of predicted volumes, and of simulated ones where there is no closed form.
    max_shift : float [pixel], default=3.0
        Largest shift of the pattern's centre that is looked for.
    n_pixels : int, default=2000
        Measured pixels that each look compares, drawn once.
    time_budget : float [s], default=60.0
        Time for one pattern.
    max_simulations : int, optional
        Simulated patterns after which the search ends; any number by default.
    random_state : int, numpy.random.Generator or None, default=None
        Draws the pixels.
    verbose : bool, default=False
        Whether to show progress.

    Attributes
    ----------
    solids_ : list of Solid
        The fitted bodies, in nm from the centre of the box.
    responses_ : list of DetectorResponse
        The detector response of each pattern.
    residuals_ : ndarray of shape (n,)
        Mean squared difference over the mask between pattern and fit.
    n_simulations_ : ndarray of shape (n,)
        Simulations of each pattern.
    candidates_ : list of list of (float, Solid)
        For each pattern, residual and body of the best, and of the best one as it was retrieved.
    history_ : list of list of dict
        For each pattern, one entry for each improvement: seconds, simulations, start, residual (over the
        pixels that were looked at) and solid.
    n_features_in_ : int
        Number of pixels of a pattern.

    See Also
    --------
    scatterkit.fitting.ForwardFitter : Fits without a library.

    Examples
    --------
    >>> from scatterkit.experiment import QGrid
    >>> from scatterkit.fitting import RetrievalFitter
    >>> from scatterkit.simulation import LogScaler, PolyhedronSimulator, MSFTSimulator
    >>> from scatterkit.solids import SolidSampler
    >>> detector = QGrid(n_pixels=64)
    >>> bodies = SolidSampler(random_state=1, classes=["cube", "octahedron"]).sample(5)
    >>> X = LogScaler().transform(PolyhedronSimulator(detector=detector).transform(bodies))
    >>> simulator = MSFTSimulator(detector=detector)
    >>> fitter = RetrievalFitter((X, bodies), 0, simulator=simulator, n_pixels=300, random_state=0)
    >>> bool(fitter.fit(X[2:3]).residuals_[0] < 1e-4)
    True
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        **BaselineFitter._constraints,
        "n_faces": Integer(8),
        "n_steps": Integer(0),
    }

    def __init__(
        self,
        library: Any = 1000,
        n_steps: int = 150,
        n_faces: int = 32,
        simulator: MSFTSimulator | None = None,
        grid: int = 64,
        max_shift: float = 3.0,
        n_pixels: int = 2000,
        time_budget: float = 60.0,
        max_simulations: int | None = None,
        random_state: RandomState = None,
        verbose: bool = False,
    ) -> None:
        self.library = library
        self.n_steps = n_steps
        self.n_faces = n_faces
        self.simulator = simulator
        self.grid = grid
        self.max_shift = max_shift
        self.n_pixels = n_pixels
        self.time_budget = time_budget
        self.max_simulations = max_simulations
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not Integer(1).accepts(self.library):
            self._given()

    def _given(self) -> tuple[NDArray[np.float32], Any]:
        """Give patterns and bodies of the user's library, checked."""
        owner = type(self).__name__
        if hasattr(self.library, "data_vars"):
            data = check_dataset(self.library, owner=owner, name="library")
            if VOLUME not in data.data_vars:
                raise fail(
                    "library", owner, "a data set with volumes", f"one of {shown(list(data.data_vars))}"
                )
            patterns, bodies = data[PATTERN].values, data[VOLUME].values
        elif isinstance(self.library, (tuple, list)) and len(self.library) == 2:
            patterns, bodies = self.library
        else:
            allowed = "an integer >= 1, a data set or a pair (patterns, bodies)"
            raise fail("library", owner, allowed, shown(self.library))
        shape = check_detector(self._simulator().detector, owner="MSFTSimulator").shape
        patterns = check_patterns(patterns, owner=owner, name="library", low=None)
        if patterns.shape[1:] != shape:
            raise fail("library", owner, f"patterns of the detector's shape {shape}", f"{patterns.shape[1:]}")
        if isinstance(bodies, np.ndarray) and bodies.dtype != object:
            bodies = check_volumes(bodies, owner=owner, name="library")
            if not (bodies.max(axis=(1, 2, 3)) > FILLED).all():
                raise fail("library", owner, "volumes with filled voxels", "an empty volume")
        elif not all(isinstance(body, Solid) for body in bodies):
            raise fail("library", owner, "bodies that are Solids or volumes", shown(bodies))
        if len(bodies) != len(patterns) or len(bodies) == 0:
            allowed = "as many bodies as patterns, at least one"
            raise fail("library", owner, allowed, f"{len(bodies)} bodies and {len(patterns)} patterns")
        return patterns, bodies

    def _prepare(self) -> None:
        simulator = self._simulator()
        if Integer(1).accepts(self.library):
            n = int(self.library)
            self._library: BodyLibrary[Any] = sampled_library(
                Hashed(simulator), n, SEED, self.grid, self.verbose
            )
            self._made_of: tuple[Any, Any] = (None, None)
        else:
            made_of = (self.library, Hashed(simulator))
            before = getattr(self, "_made_of", (None, None))
            if before[0] is not made_of[0] or before[1] != made_of[1]:  # made once, as the user expects
                self._library, self._made_of = given_library(*self._given(), simulator), made_of

    def _named(self, pursuit: Pursuit) -> dict[str, Planes]:
        retrieved = [step for step in pursuit.improvements if step.label.startswith("entry")]
        return {retrieved[-1].label: retrieved[-1].planes} if retrieved else {}

    def _search(self, pursuit: Pursuit, rng: np.random.Generator) -> None:
        nearest = self._library.ranked(
            pursuit.pattern, pursuit.mask, mirrors=True, shift=self._shift_of(pursuit)
        )
        found = []
        for number, (body, match) in enumerate(islice(nearest, N_LOOKED_AT)):
            solid = self._solid(body)
            normals, offsets = planes_of(solid)
            planes = in_plane(normals, match), offsets
            value = pursuit.residual(*planes, label=f"entry {number + 1}")
            found.append((value, number, _in_place(solid, match), planes))
        if self.n_steps == 0:
            return
        for _, number, solid, planes in sorted(found, key=lambda item: item[:2]):
            descend_planes(
                pursuit,
                with_n_planes(solid, planes, self.n_faces),
                n_steps=self.n_steps,
                first_limit=FIRST_LIMIT,
                label=f"refined {number + 1}",
            )

    def _solid(self, body: Any) -> Solid:
        if isinstance(body, Solid):
            return body
        return hull_of(body, self._simulator().box)


def _in_place(solid: Solid, match: Any) -> Solid:
    """Give the convex hull of a body, mirrored and turned as it matched."""
    return Solid.from_points(in_plane(np.asarray(solid.vertices), match))
