"""Several patterns at once: order, failures, interruption, predictions; with a fitter that only measures size."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from scatterkit.experiment import QGrid
from scatterkit.fitting._pattern_fitter import FittedPattern, PatternFitter
from scatterkit.response import DetectorResponse
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid

SIMULATOR = MSFTSimulator(box=200.0, detector=QGrid(16, 0.05))


class CubeMaker(PatternFitter):
    """Makes a cube of the brightness of each pattern; of bright ones none, at brighter ones the user loses patience."""

    def __init__(
        self, simulator=SIMULATOR, grid=16, random_state=0, n_jobs=None, verbose=False, part_way=False
    ):
        self.simulator = simulator
        self.grid = grid
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.part_way = part_way

    def _fit_one(self, pattern, mask, rng, title):
        brightness = float(pattern[mask].max())
        if 0.8 < brightness < 0.9:
            raise RuntimeError("too bright")
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


def pattern_of(brightness):
    ramp = np.linspace(0.1, 1.0, 256, dtype=np.float32).reshape(16, 16)
    return brightness * ramp


def patterns_of(*brightness):
    return np.stack([pattern_of(each) for each in brightness])


def sizes(fitter):
    return [None if solid is None else round(solid.circumradius) for solid in fitter.solids_]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_patterns_keep_their_order(n_jobs):
    X = patterns_of(0.3, 0.5, 0.2, 0.6)
    fitter = CubeMaker(n_jobs=n_jobs).fit(X)
    assert sizes(fitter) == [30, 50, 20, 60]
    np.testing.assert_allclose(fitter.residuals_, [0.09, 0.25, 0.04, 0.36], rtol=1e-5)
    assert fitter.failures_ == {}
    volumes = fitter.predict(X[::-1])
    filled = volumes.sum(axis=(1, 2, 3)) * (200 / 16) ** 3
    np.testing.assert_allclose(filled, [fitter.solids_[i].volume for i in (3, 2, 1, 0)], rtol=0.05)
    assert fitter.score(X) == pytest.approx(-np.mean(fitter.residuals_))
    assert fitter.score(X[:1]) == pytest.approx(-0.09, rel=1e-5)


def test_processes_draw_the_same_numbers():
    X = patterns_of(0.3, 0.5, 0.2)
    one, two = (CubeMaker(n_jobs=n_jobs, random_state=5).fit(X) for n_jobs in (None, 2))
    assert one.history_ == two.history_
    assert len({entries[0]["draw"] for entries in one.history_}) == 3


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_bad_pattern_does_not_stop_the_others(n_jobs):
    X = patterns_of(0.3, 0.85, 0.2, 0.4)
    X[2] = 0.5
    with pytest.warns(
        RuntimeWarning, match="No body was made of some patterns .*1: too bright.*2: .*contrast"
    ):
        fitter = CubeMaker(n_jobs=n_jobs).fit(X)
    assert sizes(fitter) == [30, None, None, 40]
    assert list(fitter.failures_) == [1, 2]
    assert fitter.failures_[1] == "too bright"
    assert "constant pattern" in fitter.failures_[2]
    assert np.isnan(fitter.residuals_).tolist() == [False, True, True, False]
    volumes, pictured = fitter.predict(X), fitter.predict_pattern(X)
    assert volumes.any(axis=(1, 2, 3)).tolist() == [True, False, False, True]
    assert np.isnan(pictured).all(axis=(1, 2)).tolist() == [False, True, True, False]
    assert fitter.predict_solids(X)[1] is None
    assert fitter.responses_[1] is None
    assert fitter.candidates_[1] == fitter.history_[1] == []
    assert len(fitter.responses_) == len(fitter.candidates_) == len(fitter.history_) == 4


def test_nothing_but_bad_patterns():
    X = patterns_of(0.85, 0.82)
    with pytest.warns(RuntimeWarning, match="too bright"):
        fitter = CubeMaker().fit(X)
    assert not fitter.predict(X).any()
    assert np.isnan(fitter.score(X))


def test_a_single_bad_pattern_raises():
    with pytest.raises(RuntimeError, match="too bright"):
        CubeMaker().fit(patterns_of(0.85))
    with pytest.raises(ValueError, match="'X' parameter of CubeMaker must be patterns with contrast"):
        CubeMaker().fit(np.full((1, 16, 16), 0.5))


def test_contrast_counts_over_the_mask_alone():
    mask = np.ones((16, 16), bool)
    mask[0] = False
    X = np.full((1, 16, 16), 0.5)
    X[0, 0] = 0.1
    with pytest.raises(ValueError, match="contrast over the mask"):
        CubeMaker().fit(X, mask=mask)


def test_new_patterns_are_fitted_and_appended():
    fitter = CubeMaker().fit(patterns_of(0.3))
    with pytest.warns(RuntimeWarning, match="1: too bright"):
        volumes = fitter.predict(patterns_of(0.85, 0.3, 0.5))
    assert sizes(fitter) == [30, None, 50]
    assert volumes.any(axis=(1, 2, 3)).tolist() == [False, True, True]
    assert list(fitter.failures_) == [1]
    fitter.fit(patterns_of(0.4))
    assert sizes(fitter) == [40]
    assert fitter.failures_ == {}


def test_an_interrupt_keeps_what_is_finished():
    X = patterns_of(0.3, 0.5, 0.95, 0.2)
    fitter = CubeMaker()
    with pytest.raises(KeyboardInterrupt):
        fitter.fit(X)
    assert sizes(fitter) == [30, 50]
    assert fitter.predict(X[:2]).shape == (2, 16, 16, 16)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_keeps_the_body_in_work():
    fitter = CubeMaker(part_way=True)
    with pytest.raises(KeyboardInterrupt):
        fitter.fit(patterns_of(0.3, 0.95, 0.2))
    assert sizes(fitter) == [30, 95]
    assert len(fitter.residuals_) == len(fitter.history_) == 2


def test_an_interrupt_between_results_of_processes_keeps_those_that_came(monkeypatch):
    fitter = CubeMaker(n_jobs=2)
    keep = PatternFitter._keep

    def keep_and_stop(self, found):
        keep(self, found)
        if len(self.solids_) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(PatternFitter, "_keep", keep_and_stop)
    X = patterns_of(0.3, 0.5, 0.2, 0.4, 0.6)
    with pytest.raises(KeyboardInterrupt):
        fitter.fit(X)
    assert sizes(fitter)[:2] == [30, 50]
    monkeypatch.undo()
    assert sizes(fitter.fit(X)) == [30, 50, 20, 40, 60]


def test_masks_may_differ_from_pattern_to_pattern():
    X = patterns_of(0.5, 0.5)
    X[1] *= 0.99
    masks = np.ones(X.shape, bool)
    masks[1, 8:] = False
    X[1, 8:] = np.nan
    fitter = CubeMaker().fit(X, mask=masks)
    assert fitter.solids_[1].circumradius < 0.6 * fitter.solids_[0].circumradius


def test_the_reports_of_patterns_without_a_body_are_none():
    X = patterns_of(0.85, 0.82)
    with pytest.warns(RuntimeWarning, match="too bright"):
        fitter = CubeMaker().fit(X)
    assert fitter.report(X) == [None, None]
