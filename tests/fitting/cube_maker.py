"""A fitter that only measures size, and patterns for it."""

from __future__ import annotations

import os
import signal

import numpy as np

from scatterkit.experiment import QGrid
from scatterkit.fitting._pattern_fitter import FittedPattern, PatternFitter
from scatterkit.response import DetectorResponse
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid

SIMULATOR = MSFTSimulator(box=200.0, detector=QGrid(16, 0.05))


class CubeMaker(PatternFitter):
    """Makes a cube of the brightness of each pattern; of bright ones none, at brighter ones the user loses patience."""

    def __init__(
        self,
        simulator=SIMULATOR,
        grid=16,
        max_shift=2.0,
        random_state=0,
        n_jobs=None,
        verbose=False,
        part_way=False,
    ):
        self.simulator = simulator
        self.grid = grid
        self.max_shift = max_shift
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.part_way = part_way

    def _fit_one(self, pattern, mask, rng, title):
        brightness = float(pattern[mask].max())
        if 0.8 < brightness < 0.9:
            raise RuntimeError("too bright")
        if 0.7 < brightness < 0.8:
            raise {0.71: TypeError, 0.72: AttributeError, 0.73: AssertionError}[round(brightness, 2)]("a bug")
        if brightness >= 0.9 and not self.part_way:
            os.kill(os.getpid(), signal.SIGINT)
            raise AssertionError("not interrupted")
        solid = Solid.from_catalogue("cube", circumradius=100 * brightness)
        response = DetectorResponse(eps=1.0, gain=0.1, offset=0.0)
        history = [{"draw": float(rng.random())}]
        stopped = brightness >= 0.9
        return FittedPattern(
            solid, response, brightness**2, [(brightness**2, solid)], history=history, interrupted=stopped
        )

    def _intensity(self, solid):
        return np.full((16, 16), solid.volume / 1e4, np.float32)


class SerialCubeMaker(CubeMaker):
    """Has no parameters for processes and progress."""

    def __init__(self, simulator=SIMULATOR, grid=16, max_shift=2.0, random_state=0):
        self.simulator = simulator
        self.grid = grid
        self.max_shift = max_shift
        self.random_state = random_state
        self.part_way = False


def pattern_of(brightness):
    ramp = np.linspace(0.1, 1.0, 256, dtype=np.float32).reshape(16, 16)
    return brightness * ramp


def patterns_of(*brightness):
    return np.stack([pattern_of(each) for each in brightness])


def upper_half():
    mask = np.zeros((16, 16), bool)
    mask[:8] = True
    return mask
