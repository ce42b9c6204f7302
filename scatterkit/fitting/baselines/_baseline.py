"""What the derivative-free baselines share: one pursuit for each pattern, ended by its budget or by the user."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._progress import progress_bar
from scatterkit._validation import Boolean, Constraint, Instance, Integer, Positive, Real
from scatterkit.fitting._pattern_checks import Counts
from scatterkit.fitting._pattern_fitter import FittedPattern, PatternFitter
from scatterkit.fitting._symmetry_center import largest_shift
from scatterkit.fitting.baselines._pursuit import BudgetSpentError, Planes, Pursuit
from scatterkit.fitting.baselines._scattering import Scattering, scattering_of
from scatterkit.fitting.first_look import FirstLook
from scatterkit.fitting.models.ellipsoid import planes_of
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.kernels.threads import single_blas_thread
from scatterkit.solids import Solid


class BaselineFitter(PatternFitter):
    """A fitter that looks at bodies within a budget; a subclass says at which."""

    _constraints: ClassVar[dict[str, Constraint]] = {
        "simulator": Instance((MSFTSimulator,), optional=True),
        "grid": Integer(8),
        "max_shift": Real(low=0, high=16, unit="pixels"),
        "n_pixels": Integer(100),
        "time_budget": Positive("s"),
        "max_simulations": Integer(1, optional=True),
        "verbose": Boolean(),
    }

    max_shift: float
    n_pixels: int
    time_budget: float
    max_simulations: int | None
    verbose: bool

    @abstractmethod
    def _search(self, pursuit: Pursuit, rng: np.random.Generator) -> None:
        """Look at bodies until nothing is left to be tried; the budget ends it by an exception."""

    def _named(self, pursuit: Pursuit) -> dict[str, Planes]:
        """Give the bodies beside the best one that are answers too, best first, by name."""
        return {}

    def _evidence(self, pursuit: Pursuit) -> dict[str, float]:
        """Give the residual of each class of bodies that was tried, best first."""
        return {}

    def _scattering(self) -> Scattering:
        return scattering_of(self._simulator(), self.grid)

    def _shift_of(self, pursuit: Pursuit) -> tuple[float, float]:
        """Give the shift of a pattern's centre as its symmetry tells it, before any body is known."""
        return FirstLook(pursuit.pattern, pursuit.mask, self._simulator(), self.max_shift).shift

    def _intensity(self, solid: Solid) -> NDArray[np.float32]:
        return self._scattering().picture(*planes_of(solid))

    def _fit_one(
        self,
        pattern: NDArray[np.float32],
        mask: NDArray[np.bool_],
        rng: np.random.Generator,
        title: str,
        counts: Counts | None = None,
    ) -> FittedPattern:
        assert counts is None, "`_no_counts` refuses them"
        interrupted = False
        with progress_bar(
            self.max_simulations, description=title, verbose=self.verbose, unit="simulation"
        ) as bar:

            def on_look(pursuit: Pursuit) -> None:
                bar.update()
                if pursuit.best is not None and pursuit.simulations % 50 == 0:
                    bar.set_postfix(residual=f"{pursuit.best.residual:.5f}", refresh=False)

            pursuit = Pursuit(
                self._scattering(),
                pattern,
                mask,
                max_shift=largest_shift(self._simulator().detector, self.max_shift),
                n_pixels=self.n_pixels,
                time_budget=self.time_budget,
                max_simulations=self.max_simulations,
                rng=rng,
                on_look=on_look,
            )
            try:
                with single_blas_thread():  # the matrices are too small for more
                    self._search(pursuit, rng)
            except BudgetSpentError:
                pass
            except KeyboardInterrupt:
                interrupted = True
        found = pursuit.finished(self._named(pursuit), interrupted=interrupted)
        return replace(found, evidence=self._evidence(pursuit))
