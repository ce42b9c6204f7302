"""A small experiment, a few bodies, and methods whose answers are known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from scatterkit.experiment import QGrid
from scatterkit.fitting import MultiStartFitter
from scatterkit.simulation import LogScaler, MSFTSimulator, PolyhedronSimulator
from scatterkit.solids import Solid

DETECTOR = QGrid(n_pixels=32, dq=0.02)
SIMULATOR = MSFTSimulator(detector=DETECTOR)
SIZES = (40.0, 45.0, 50.0, 55.0)
TURN = Rotation.from_rotvec([0.3, 0.5, 0.2])


def cube(size: float) -> Solid:
    return Solid.from_catalogue("cube", circumradius=size).rotate(TURN)


CUBES = [cube(size) for size in SIZES]


def patterns(bodies: Sequence[Solid] = CUBES) -> np.ndarray:
    return LogScaler().transform(PolyhedronSimulator(detector=DETECTOR).transform(list(bodies)))


class Known:
    """Says for each of `patterns` what it is told to; raises what it is told to raise."""

    def __init__(self, answers: Sequence[Any]) -> None:
        self.answers, self.simulator = answers, SIMULATOR
        self.asked: list[int] = []

    def predict(self, X: np.ndarray, *, mask: np.ndarray | None = None) -> np.ndarray:
        raise AssertionError("solids are better")

    def predict_solids(self, X: np.ndarray, *, mask: np.ndarray) -> list[Any]:
        assert X.shape == mask.shape == (1, 32, 32)
        distances = np.abs(patterns() - np.where(mask, X, 0)).sum(axis=(1, 2))
        place = int(np.argmin(distances))
        self.asked.append(place)
        answer = self.answers[place]
        if isinstance(answer, Exception):
            raise answer
        return [answer]


def short_fit(**parameters: Any) -> MultiStartFitter:
    return MultiStartFitter(
        **{"simulator": SIMULATOR, "n_pixels": 200, "max_simulations": 3, "random_state": 0, **parameters}
    )
