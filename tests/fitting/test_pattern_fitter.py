"""Several patterns at once: order, failures, interruption, predictions; with a fitter that only measures size."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
from cube_maker import CubeMaker, SerialCubeMaker, patterns_of, upper_half
from joblib import parallel_config

from scatterkit.fitting import _pattern_fitter
from scatterkit.fitting._pattern_fitter import PatternFitter
from scatterkit.fitting._pattern_tasks import by_processes, one_by_one


class Waiter(CubeMaker):
    """Begins with bright patterns when a file is there."""

    def _fit_one(self, pattern, mask, rng, title, file):
        deadline = time.monotonic() + 60
        while float(pattern.max()) > 0.5 and not file.exists():
            if time.monotonic() > deadline:
                raise RuntimeError("nobody wrote the file")
            time.sleep(0.02)
        return super()._fit_one(pattern, mask, rng, title)


def sizes(fitter):
    return [None if solid is None else round(solid.circumradius) for solid in fitter.solids_]


def fitted(fitter):
    return [solid for solid in fitter.solids_ if solid is not None]


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
        RuntimeWarning, match="No body was made of some patterns .*1: RuntimeError: too bright.*2: .*contrast"
    ):
        fitter = CubeMaker(n_jobs=n_jobs).fit(X)
    assert sizes(fitter) == [30, None, None, 40]
    assert list(fitter.failures_) == [1, 2]
    assert fitter.failures_[1] == "RuntimeError: too bright"
    assert "constant pattern" in fitter.failures_[2]
    assert np.isnan(fitter.residuals_).tolist() == [False, True, True, False]
    with pytest.warns(RuntimeWarning, match="No body was made"):
        volumes = fitter.predict(X)
    with pytest.warns(RuntimeWarning, match="No body was made"):
        pictured = fitter.predict_pattern(X)
    assert volumes.any(axis=(1, 2, 3)).tolist() == [True, False, False, True]
    assert np.isnan(pictured).all(axis=(1, 2)).tolist() == [False, True, True, False]
    assert fitter.solids_[1] is None
    assert fitter.responses_[1] is None
    assert fitter.candidates_[1] == fitter.history_[1] == []
    assert len(fitter.responses_) == len(fitter.candidates_) == len(fitter.history_) == 4


def test_nothing_but_bad_patterns():
    X = patterns_of(0.85, 0.82)
    with pytest.warns(RuntimeWarning, match="too bright"):
        fitter = CubeMaker().fit(X)
    with pytest.warns(RuntimeWarning, match="too bright"):
        assert not fitter.predict(X).any()
    with pytest.warns(RuntimeWarning, match="too bright"):
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
    with pytest.warns(RuntimeWarning, match=r"\(0: RuntimeError: too bright\)"):
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

    def keep_and_stop(self, place, found):
        keep(self, place, found)
        if len(fitted(self)) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(PatternFitter, "_keep", keep_and_stop)
    X = patterns_of(0.3, 0.5, 0.2, 0.4, 0.6)
    with pytest.raises(KeyboardInterrupt):
        fitter.fit(X)
    assert len(fitted(fitter)) >= 2
    assert all(
        size in (None, wanted) for size, wanted in zip(sizes(fitter), [30, 50, 20, 40, 60], strict=False)
    )
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


def test_one_pattern_with_two_masks_has_two_bodies():
    X = patterns_of(0.5, 0.5)
    masks = np.stack([upper_half(), ~upper_half()])
    fitter = CubeMaker().fit(X, mask=masks)
    small, large = sizes(fitter)
    assert small < large
    assert fitter.predict_solids(X, mask=masks) == fitter.solids_
    assert fitter.predict_solids(X[:1], mask=masks[1]) == fitter.solids_[1:]
    assert fitter.predict_solids(X[:1]) == fitter.solids_[:1]
    assert len(fitter.solids_) == 2
    fitter.predict_solids(X[:1], mask=np.eye(16, dtype=bool))
    assert len(fitter.solids_) == 3


def test_a_full_mask_is_found_before_any_other():
    X = patterns_of(0.5)
    fitter = CubeMaker().fit(np.concatenate([X, X]), mask=np.stack([upper_half(), np.ones((16, 16), bool)]))
    assert fitter.predict_solids(X) == fitter.solids_[1:]


@pytest.mark.parametrize(
    "alike", [lambda X: X.astype(float), lambda X: X.tolist(), lambda X: X[:, ::1].copy("F")]
)
def test_the_same_values_are_the_same_pattern(alike):
    X = patterns_of(0.5, 0.3)
    X[:, 0, 0] = 0
    fitter = CubeMaker().fit(X)
    assert fitter.predict_solids(alike(X)) == fitter.solids_
    X[:, 0, 0] = -0.0
    assert fitter.predict_solids(X) == fitter.solids_
    assert len(fitter.solids_) == 2


def test_what_the_mask_hides_makes_no_other_pattern():
    X, mask = patterns_of(0.5), upper_half()
    fitter = CubeMaker().fit(X, mask=mask)
    X[:, ~mask] = np.nan
    assert fitter.predict_solids(X, mask=mask) == fitter.solids_
    assert len(fitter.solids_) == 1


def test_a_new_pattern_given_twice_is_fitted_once():
    fitter = CubeMaker().fit(patterns_of(0.3))
    fitter.predict(patterns_of(0.5, 0.4, 0.5))
    assert sizes(fitter) == [30, 50, 40]


def test_bad_patterns_are_told_whenever_they_are_given():
    fitter = CubeMaker().fit(patterns_of(0.3))
    with pytest.raises(RuntimeError, match="too bright"):
        fitter.predict(patterns_of(0.81))
    assert sizes(fitter) == [30]
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match=r"\(1: RuntimeError: too bright\)"):
            fitter.predict(patterns_of(0.3, 0.82))
    with pytest.warns(RuntimeWarning, match=r"\(0: RuntimeError: too bright\)"):
        fitter.predict(patterns_of(0.83, 0.3))
    assert sizes(fitter) == [30, None, None]
    assert fitter.predict(patterns_of(0.3)).any()


@pytest.mark.parametrize(
    ("brightness", "kind"), [(0.71, TypeError), (0.72, AttributeError), (0.73, AssertionError)]
)
def test_bugs_are_not_taken_for_bad_patterns(brightness, kind):
    fitter = CubeMaker()
    with pytest.raises(kind, match="a bug"):
        fitter.fit(patterns_of(0.3, brightness, 0.2))
    assert sizes(fitter) == [30]


def test_a_slow_pattern_does_not_hold_back_those_after_it(monkeypatch):
    def out_of_order(fitter, tasks, n_jobs):
        outcomes = list(one_by_one(fitter, tasks))
        yield outcomes[2]
        yield outcomes[0]
        raise KeyboardInterrupt

    monkeypatch.setattr(_pattern_fitter, "by_processes", out_of_order)
    X = patterns_of(0.3, 0.5, 0.2, 0.4)
    fitter = CubeMaker(n_jobs=2)
    with pytest.raises(KeyboardInterrupt):
        fitter.fit(X)
    assert sizes(fitter) == [30, None, 20]
    assert list(fitter.failures_) == [1]
    assert fitter.failures_[1].startswith("not fitted")
    np.testing.assert_allclose(fitter.residuals_, [0.09, np.nan, 0.04], rtol=1e-5)
    assert [solid.circumradius for solid in fitter.predict_solids(X[[2, 1]])] == pytest.approx([20, 50])


def test_processes_give_outcomes_as_they_come(tmp_path):
    mask, rng, file = np.ones((16, 16), bool), np.random.default_rng(0), tmp_path / "one outcome is here"
    numbers = []
    tasks = [(X, mask, rng, {"file": file}) for X in patterns_of(0.6, 0.01)]
    for number, _ in by_processes(Waiter(n_jobs=2), tasks, 2):
        numbers.append(number)
        file.touch()
    assert numbers == [1, 0]


def test_only_fitters_with_jobs_take_those_of_joblib():
    X = patterns_of(0.3, 0.5)
    with parallel_config(n_jobs=2):
        assert sizes(SerialCubeMaker().fit(X)) == [30, 50]
        assert sizes(CubeMaker().fit(X)) == [30, 50]


def test_a_caveat_is_told(monkeypatch):
    fit_one = CubeMaker._fit_one
    doubted = lambda *given: replace(fit_one(*given), caveat="only half the truth")  # noqa: E731
    monkeypatch.setattr(CubeMaker, "_fit_one", doubted)
    with pytest.warns(RuntimeWarning, match="only half the truth"):
        CubeMaker().fit(patterns_of(0.3))


def test_a_fitter_without_likelihood_refuses_counts():
    fitter, X = CubeMaker(), patterns_of(0.3, 0.5)
    with pytest.raises(ValueError, match="'counts' parameter of CubeMaker must be None"):
        fitter.fit(X, counts=np.ones(X.shape))
    fitter.fit(X)
    with pytest.raises(ValueError, match="'counts' parameter of CubeMaker must be None"):
        fitter.predict(patterns_of(0.2), counts=np.ones((1, 16, 16)))
    assert len(fitter.solids_) == 2
