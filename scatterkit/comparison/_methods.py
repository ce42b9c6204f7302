"""Methods as they are run: one pattern at a time, timed, on copies of the user's estimators."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from scatterkit._serialization import SerializationError, class_name, to_plain
from scatterkit._validation import fail, shown
from scatterkit.base import Component
from scatterkit.comparison._judging import Body
from scatterkit.experiment import QGrid
from scatterkit.fitting import curve_dataset
from scatterkit.fitting._pattern_fitter import PatternFitter
from scatterkit.fitting.baselines.curves import NEARLY_ALL
from scatterkit.reconstruction import PhysicsReconstructor, Refiner
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid

OWNER = "compare"
SHORT = {"max_simulations": 1, "n_starts": 1, "n_rounds": 1, "n_kept": 1, "n_steps": 10, "time_budget": 0.1}
"""Parameters of a fit that compiles what is to be compiled and finds nothing."""
Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Answer:
    """What a method said of one pattern, after how many seconds, and how the residual fell on the way."""

    body: Body
    seconds: float
    n_simulations: float = np.nan
    curve: Curve = field(default_factory=lambda: (np.zeros(0), np.zeros(0)))
    warned: list[warnings.WarningMessage] = field(default_factory=list)


class Method:
    """One of the user's estimators, as a copy that knows its budget; the user's own stays as it is."""

    def __init__(self, name: str, estimator: Any, budget: float | None) -> None:
        self.name = name
        self.is_fitter = isinstance(estimator, PatternFitter)
        self.is_network = isinstance(estimator, PhysicsReconstructor)
        check_estimator(name, estimator)
        # a clone of a trained network has no weights; a shallow copy shares them, and parameters set on it are its own
        self.estimator = clone(estimator) if self.is_fitter else copy.copy(estimator)
        if budget is not None:
            self._set_budget(budget)
        self._random_state = getattr(self.estimator, "random_state", None)

    def simulator(self) -> MSFTSimulator | None:
        """Give the experiment that the method is for; None where it does not say."""
        if not hasattr(self.estimator, "simulator"):
            return None
        own: MSFTSimulator | None = self.estimator.simulator
        return MSFTSimulator() if own is None else own

    def gives_volumes(self) -> bool:
        """Whether the method's bodies are volumes, which fill its own box; else they are solids."""
        if not hasattr(self.estimator, "predict_solids"):
            return not self.is_fitter
        return self.is_network and not self.estimator._by_planes()

    def _set_budget(self, budget: float) -> None:
        if self.is_fitter and "time_budget" in self.estimator.get_params(deep=False):
            self.estimator.set_params(time_budget=budget)
        if self.is_network and self.estimator.refine:
            self.estimator.set_params(refine=self._refiner().set_params(seconds=budget))

    def _refiner(self) -> Any:
        refine = self.estimator.refine
        return clone(refine) if isinstance(refine, Refiner) else Refiner()

    def warm_up(self, pattern: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
        """Let compilers and caches have their time before any clock runs."""
        before = self._shortened()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for _ in range(1 if self.is_fitter else 2):  # networks compile when they are called again
                    self._body(pattern[None], mask[None])
        except ImportError:  # what is not installed no pattern can mend
            raise
        except Exception:  # whatever is wrong with this pattern is told when its turn comes
            return
        finally:
            if before:
                self.estimator.set_params(**before)

    def _shortened(self) -> dict[str, Any]:
        """Make the next run a short one; give the parameters that bring the method back."""
        changed: dict[str, Any] = {}
        if self.is_network and self.estimator.refine:
            changed = {"refine": self._refiner().set_params(seconds=SHORT["time_budget"], n_starts=0)}
        elif self.is_fitter:
            parameters = self.estimator.get_params(deep=False)
            changed = {name: value for name, value in SHORT.items() if parameters.get(name, 0) != 0}
            changed = {name: value for name, value in changed.items() if name in parameters}
        before = {name: getattr(self.estimator, name) for name in changed}
        if changed:
            self.estimator.set_params(**changed)
        return before

    def run(self, pattern: NDArray[np.float32], mask: NDArray[np.bool_]) -> Answer:
        """Give the method's answer to one pattern; what it raises is the caller's to catch."""
        if self.is_fitter:  # an answer is not to depend on the patterns before
            self.estimator.set_params(random_state=copy.deepcopy(self._random_state))
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            begun = time.perf_counter()
            body = self._body(pattern[None], mask[None])
            seconds = time.perf_counter() - begun
        if not self.is_fitter:
            return Answer(body, seconds, warned=warned)
        return Answer(body, seconds, float(self.estimator.n_simulations_[0]), self._curve(mask), warned)

    def _body(self, X: NDArray[np.float32], mask: NDArray[np.bool_]) -> Body:
        """Give the body behind a pattern, or None: as a solid where the method makes one."""
        if self.is_fitter:
            found: Solid | None = self.estimator.fit(X, mask=mask).solids_[0]
            return found
        if self.gives_volumes():
            volume = np.asarray(self.estimator.predict(X, mask=mask), np.float32)[0]
            return volume if volume.any() else None
        solid: Solid | None = self.estimator.predict_solids(X, mask=mask)[0]
        return solid

    def _curve(self, mask: NDArray[np.bool_]) -> Curve:
        """Give seconds and residuals of the improvements that a fitter noted, over the whole pattern.

        A fitter that begins with a few pixels at low q explains these soon and well: that says nothing of the rest.
        """
        noted = [entry for entry in self.estimator.history_[0] if np.isfinite(entry["residual"])]
        for key, least in (
            ("q", NEARLY_ALL * self._largest_q(mask)),
            ("grid", getattr(self.estimator, "grid", 0)),
        ):
            noted = [entry for entry in noted if entry.get(key, math.inf) >= least]
        if not noted:
            return np.zeros(0), np.zeros(0)
        curve = curve_dataset(noted).sortby("seconds")  # which threads may report out of turn
        return curve.seconds.values, curve.residual.values

    def _largest_q(self, mask: NDArray[np.bool_]) -> float:
        """Give the largest transverse wave number that was measured [rad/nm]."""
        simulator = self.simulator() or MSFTSimulator()
        k = 2 * math.pi / simulator.wavelength
        detector = QGrid() if simulator.detector is None else simulator.detector
        q = np.hypot(*detector.wavevectors(k))
        return float(q[mask & (q < k)].max(initial=0))

    def digest(self) -> str:
        """Tell the method from others: by class, parameters and weights."""
        kind, owner = type(self.estimator), type(self.estimator).__name__
        allowed = f"components whose parameters JSON can hold, where 'results' keeps what is finished ({self.name!r})"
        if not isinstance(self.estimator, Component):
            raise fail("reconstructors", OWNER, allowed, f"a {owner}")
        try:
            parameters = plain_parameters(self.estimator)
        except SerializationError as error:
            raise fail("reconstructors", OWNER, allowed, str(error)) from error
        found = hashlib.sha256(json.dumps([class_name(kind), parameters], sort_keys=True).encode())
        if self.is_network:
            for part in (self.estimator.weights_, *self.estimator.others_):
                found.update(np.ascontiguousarray(part).tobytes())
        return found.hexdigest()

    def described(self) -> Any:
        """Give class and parameters as JSON can hold them, or their text."""
        try:
            return {
                "class": class_name(type(self.estimator)),
                "parameters": plain_parameters(self.estimator),
            }
        except (SerializationError, AttributeError):
            return shown(self.estimator)


def plain_parameters(component: Any) -> Mapping[str, Any]:
    """Give parameters as JSON can hold them, without that which only says what is shown."""
    parameters = component.get_params(deep=False)
    return {name: to_plain(value) for name, value in parameters.items() if name != "verbose"}


def check_estimator(name: str, estimator: Any) -> None:
    """See that an estimator can be asked, before any long work."""
    if isinstance(estimator, type) or not hasattr(estimator, "predict"):
        allowed = f"estimators with a method `predict` ({name!r})"
        raise fail("reconstructors", OWNER, allowed, shown(estimator))
    if isinstance(estimator, Component):
        estimator._check_parameters()
    if isinstance(estimator, PhysicsReconstructor):
        check_is_fitted(estimator, "weights_")
