"""All classes on one pattern: budgets, interruption, evidence; with fits of known residual and duration."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scatterkit.fitting import CatalogueBody, ForwardFitter, catalogue_fit
from scatterkit.fitting._pattern_fitter import FittedPattern
from scatterkit.fitting.catalogue_fit import fit_catalogue
from scatterkit.fitting.engines import FitRequest
from scatterkit.fitting.first_look import FirstLook
from scatterkit.fitting.models.catalogue import axis_labels, class_names
from scatterkit.response import DetectorResponse
from scatterkit.solids import Solid

NAMES = class_names()
RESPONSE = DetectorResponse(eps=1.0, gain=0.1, offset=0.0)


class Clock:
    """A clock that only fits move on."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(catalogue_fit.time, "monotonic", lambda: self.now)


class Fits:
    """Fits of known residual and duration; notes which classes came and how long each was given."""

    def __init__(self, residuals=None, *, seconds=0.0, clock=None, interrupt_at=None, keeps_body=False):
        self.residuals = residuals or {}
        self.seconds, self.clock = seconds, clock
        self.interrupt_at, self.keeps_body = interrupt_at, keeps_body
        self.models, self.budgets = [], []

    def __call__(self, request, model):
        self.models.append(model)
        self.budgets.append(request.time_budget)
        if self.clock is not None:
            self.clock.now += self.seconds
        stopped = len(self.models) == self.interrupt_at
        if stopped and not self.keeps_body:
            raise KeyboardInterrupt
        residual = self.residuals.get(model.name, 0.5)
        if model.stretch_axis is not None:
            residual /= 2
        solid = Solid.from_catalogue(model.name, circumradius=50)
        return FittedPattern(solid, RESPONSE, residual, [(residual, solid)], interrupted=stopped)


def request(time_budget=None):
    pattern = np.ones((4, 4), np.float32)
    mask, rng = pattern > 0, np.random.default_rng(0)
    look = FirstLook(np.ones((128, 128)))  # these fits do not look at patterns
    return FitRequest(pattern, mask, look.simulator, 16, 0.0, time_budget, 1, None, rng, look)


def test_the_best_class_wins_after_the_best_three_were_varied():
    fits = Fits({"cube": 0.01, "octahedron": 0.02, "sphere": 0.03})
    found = fit_catalogue(request(), fits)
    varied = [(model.name, model.stretch_axis) for model in fits.models[len(NAMES) :]]
    expected = [(name, label) for name in ("cube", "octahedron", "sphere") for label in axis_labels(name)]
    assert varied == expected
    assert found.residual == 0.005
    assert list(found.evidence.items())[:4] == [
        ("cube", 0.005), ("octahedron", 0.01), ("sphere", 0.015), ("tetrahedron", 0.5)
    ]  # fmt: skip
    assert set(found.evidence) == set(NAMES)
    assert [value for value, _ in found.candidates] == list(found.evidence.values())
    assert not found.interrupted
    assert found.caveat == ""


def test_nothing_is_varied_where_nothing_is_left_to_be_explained():
    fits = Fits({"cube": 1e-7})
    fit_catalogue(request(), fits)
    assert len(fits.models) == len(NAMES)


@pytest.mark.parametrize("keeps_body", [True, False])
def test_an_interrupt_keeps_the_classes_before(keeps_body):
    fits = Fits({NAMES[1]: 0.1, NAMES[2]: 0.05}, interrupt_at=3, keeps_body=keeps_body)
    found = fit_catalogue(request(), fits)
    assert len(fits.models) == 3
    assert found.interrupted
    n_kept = 3 if keeps_body else 2
    assert found.residual == (0.05 if keeps_body else 0.1)
    assert len(found.candidates) == n_kept
    values = list(found.evidence.values())
    assert all(map(math.isfinite, values[:n_kept]))
    assert all(map(math.isnan, values[n_kept:]))
    assert len(values) == len(NAMES)
    assert found.caveat == ""


def test_an_interrupt_among_the_variants_keeps_all_classes():
    found = fit_catalogue(request(), Fits(interrupt_at=len(NAMES) + 1))
    assert found.interrupted
    assert all(map(math.isfinite, found.evidence.values()))


def test_an_interrupt_before_any_body_is_raised():
    with pytest.raises(KeyboardInterrupt):
        fit_catalogue(request(), Fits(interrupt_at=1))


def test_each_class_has_its_share_of_the_time(monkeypatch):
    clock = Clock(monkeypatch)
    fits = Fits(seconds=1.0, clock=clock)
    found = fit_catalogue(request(time_budget=1000.0), fits)
    shares = np.array(fits.budgets[: len(NAMES)])
    np.testing.assert_allclose(shares[0], 1000 / (len(NAMES) + 6))
    assert (np.diff(shares) > 0).all()  # what one leaves over is shared by the others
    assert {model.name for model in fits.models[: len(NAMES)]} == set(NAMES)
    assert found.caveat == ""


def test_classes_without_time_are_named(monkeypatch):
    fits = Fits({NAMES[1]: 0.1}, seconds=1.0, clock=Clock(monkeypatch))
    found = fit_catalogue(request(time_budget=4.5), fits)
    assert [model.name for model in fits.models] == list(NAMES[:5])
    assert found.residual == 0.1
    assert [name for name, value in found.evidence.items() if math.isnan(value)] == list(NAMES[5:])
    assert found.caveat == "Time was over before these classes were tried: " + ", ".join(NAMES[5:])


def test_a_class_without_residual_does_not_win():
    found = fit_catalogue(request(), Fits({NAMES[0]: math.nan, NAMES[3]: 0.1}))
    assert found.solid.volume == pytest.approx(Solid.from_catalogue(NAMES[3], circumradius=50).volume)
    assert list(found.evidence)[-1] == NAMES[0]


def test_the_fitter_warns_of_classes_without_time(monkeypatch):
    clock = Clock(monkeypatch)
    fits = Fits(seconds=1.0, clock=clock)
    monkeypatch.setattr(
        "scatterkit.fitting.forward_fitter.fit_by_facets", lambda request, model, *_: fits(request, model)
    )
    X = np.random.default_rng(0).uniform(0, 1, (1, 128, 128))
    fitter = ForwardFitter("catalogue", time_budget=2.5, random_state=0)
    with pytest.warns(RuntimeWarning, match="Time was over before .*: dodecahedron, .*sphere"):
        fitter.fit(X)
    assert isinstance(fits.models[0], CatalogueBody)
    assert math.isnan(fitter.evidence_[0]["sphere"])


def test_the_record_of_all_classes_goes_on_from_class_to_class(monkeypatch):
    """Each search counts from zero; the pattern's record does not."""

    def search(request, model, schedule, report):
        for simulations in (3, 8):
            report(
                {"seconds": 0.0, "simulations": simulations, "residual": 0.1, "q": 1.0, "start": model.name}
            )
        solid = Solid.from_catalogue("cube", circumradius=50)
        return FittedPattern(solid, RESPONSE, 0.1, [(0.1, solid)])

    monkeypatch.setattr("scatterkit.fitting.forward_fitter.fit_by_facets", search)
    rows, columns = np.indices((128, 128)) - 64
    X = np.exp(-0.01 * (rows**2 + columns**2))[None]
    fitter = ForwardFitter("catalogue", random_state=0).fit(X)
    counted = [entry["simulations"] for entry in fitter.history_[0]]
    n_fits = len(counted) // 2
    assert n_fits > len(NAMES)
    assert counted == [8 * number + more for number in range(n_fits) for more in (3, 8)]
    assert fitter.n_simulations_.tolist() == [8 * n_fits]
    seconds = [entry["seconds"] for entry in fitter.history_[0]]
    assert seconds == sorted(seconds)
    assert seconds[-1] > 0
