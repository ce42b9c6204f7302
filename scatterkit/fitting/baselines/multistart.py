"""MultiStartFitter: free half-spaces by gradient descent from one sphere after the other."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.spatial.transform import Rotation

from scatterkit._random import RandomState
from scatterkit._validation import Constraint, Integer
from scatterkit.fitting._planes import spread_directions
from scatterkit.fitting.baselines._baseline import BaselineFitter
from scatterkit.fitting.baselines._gradient import descend_planes
from scatterkit.fitting.baselines._pursuit import Pursuit
from scatterkit.fitting.first_look import FirstLook
from scatterkit.simulation import MSFTSimulator

SPREAD = 0.15
"""Standard deviation of the logarithm of the starts' radii about the estimate."""

FIRST_LIMIT = 0.13
"""Fraction of the q range that is looked at first: 0.06 rad/nm of the published range."""


class MultiStartFitter(BaselineFitter):
    """Fit free half-spaces by gradient descent from many spheres; the best one wins.

    The radius of the spheres comes from the autocorrelation of the pattern (see `FirstLook`), about which it is drawn.
    Every start goes through the same number of steps of Adam, from low q to all. No start knows of the others.

    Parameters
    ----------
    n_faces : int, default=32
        Number of half-spaces.
    n_steps : int, default=200
        Steps from a start to its end.
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
        Time for one pattern, all of which is used unless ``max_simulations`` ends the search.
    max_simulations : int, optional
        Simulated patterns after which the search ends; any number by default.
    random_state : int, numpy.random.Generator or None, default=None
        Draws the pixels and the starts.
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
        For each pattern, residual and body of the best.
    history_ : list of list of dict
        For each pattern, one entry for each improvement: seconds, simulations, start, residual (over the
        pixels that were looked at) and solid.
    n_features_in_ : int
        Number of pixels of a pattern.

    See Also
    --------
    scatterkit.fitting.ForwardFitter : Shares its steps out between starts, and fits other bodies too.

    Examples
    --------
    >>> from scatterkit.experiment import QGrid
    >>> from scatterkit.fitting import MultiStartFitter
    >>> from scatterkit.simulation import LogScaler, MSFTSimulator
    >>> from scatterkit.solids import Rasterizer, Solid
    >>> simulator = MSFTSimulator(detector=QGrid(n_pixels=64))
    >>> body = Solid.from_catalogue("rhombicuboctahedron", circumradius=60)
    >>> X = LogScaler().transform(simulator.transform(Rasterizer(grid=32).transform([body])))
    >>> fitter = MultiStartFitter(20, 30, simulator, n_pixels=300, max_simulations=32, random_state=0)
    >>> 40 < fitter.fit(X).solids_[0].circumradius < 90
    True
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        **BaselineFitter._constraints,
        "n_faces": Integer(8),
        "n_steps": Integer(1),
    }

    def __init__(
        self,
        n_faces: int = 32,
        n_steps: int = 200,
        simulator: MSFTSimulator | None = None,
        grid: int = 64,
        max_shift: float = 3.0,
        n_pixels: int = 2000,
        time_budget: float = 60.0,
        max_simulations: int | None = None,
        random_state: RandomState = None,
        verbose: bool = False,
    ) -> None:
        self.n_faces = n_faces
        self.n_steps = n_steps
        self.simulator = simulator
        self.grid = grid
        self.max_shift = max_shift
        self.n_pixels = n_pixels
        self.time_budget = time_budget
        self.max_simulations = max_simulations
        self.random_state = random_state
        self.verbose = verbose

    def _search(self, pursuit: Pursuit, rng: np.random.Generator) -> None:
        estimate = FirstLook(pursuit.pattern, pursuit.mask, self._simulator(), self.max_shift).radius
        directions = spread_directions(self.n_faces)
        number = 0
        while True:
            # the first start is the estimate itself
            radius = estimate * np.exp(SPREAD * rng.normal() * (number > 0))
            offsets = np.full(self.n_faces, min(float(radius), pursuit.scattering.limit))
            normals = Rotation.random(rng=rng).apply(directions)
            number += 1
            descend_planes(
                pursuit,
                (normals, offsets),
                n_steps=self.n_steps,
                first_limit=FIRST_LIMIT,
                label=f"start {number}",
            )
