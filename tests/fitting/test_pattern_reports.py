"""What the reports of several patterns are made of; with a fitter that only measures size."""

from __future__ import annotations

import numpy as np
import pytest
from cube_maker import CubeMaker, patterns_of, upper_half

from scatterkit.fitting import _pattern_report


def test_the_reports_of_patterns_without_a_body_are_none():
    X = patterns_of(0.85, 0.82)
    with pytest.warns(RuntimeWarning, match="too bright"):
        fitter = CubeMaker().fit(X)
    with pytest.warns(RuntimeWarning, match="too bright"):
        assert fitter.report(X) == [None, None]


def reported(monkeypatch):
    """Note what reports are made of, in place of making them."""
    made = []

    def note(solid, response, pattern, mask, simulator, **known):
        made.append({"solid": solid, "pattern": pattern, "mask": mask, **known})
        return solid

    monkeypatch.setattr(_pattern_report, "build_report", note)
    return made


def test_reports_judge_the_pixels_that_were_fitted(monkeypatch):
    made = reported(monkeypatch)
    X, mask = patterns_of(0.5), upper_half()
    X[:, ~mask] = np.nan
    fitter = CubeMaker().fit(X, mask=mask)
    for given in (None, mask):
        fitter.report(X, mask=given)
        np.testing.assert_array_equal(made[-1]["mask"], mask)
        np.testing.assert_array_equal(made[-1]["pattern"], np.where(mask, X[0], 0))
        np.testing.assert_array_equal(made[-1]["intensity"], fitter._intensity(fitter.solids_[0]))
        assert made[-1]["max_shift"] == 2.0
    assert fitter.score(X) == pytest.approx(-fitter.residuals_[0])
    assert len(fitter.solids_) == 1


@pytest.mark.parametrize(
    ("counts", "expected"),
    [(1e6, [1e6, 1e6]), ([1e6, 2e6], [1e6, 2e6]), (None, [None, None]), (np.ones((2, 16, 16)), None)],
)
def test_photons_of_the_reports(monkeypatch, counts, expected):
    made = reported(monkeypatch)
    X = patterns_of(0.3, 0.5)
    CubeMaker().fit(X).report(X, counts=counts)
    if expected is None:
        assert [each["counts"].shape for each in made] == [(16, 16)] * 2
    else:
        assert [each["counts"] for each in made] == expected


@pytest.mark.parametrize(
    "counts", [0, -1e6, np.nan, [1e6] * 3, np.ones((16, 16)), np.ones((1, 16, 16)), "many"]
)
def test_bad_counts_are_named_before_any_work(counts):
    fitter = CubeMaker().fit(patterns_of(0.3, 0.5))
    with pytest.raises(ValueError, match="'counts' parameter of CubeMaker must be"):
        fitter.report(patterns_of(0.2, 0.4), counts=counts)
    assert len(fitter.solids_) == 2
