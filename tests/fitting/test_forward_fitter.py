"""ForwardFitter: bodies from patterns, by its public methods."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from sklearn.base import clone

from scatterkit.datasets import fetch_barke2015
from scatterkit.fitting import CatalogueBody, ConvexBody, ForwardFitter
from scatterkit.metrics import front_iou
from scatterkit.response import DetectorResponse
from scatterkit.simulation import LogScaler, MSFTSimulator
from scatterkit.solids import Rasterizer, Solid

RESPONSE = DetectorResponse(eps=80.0, gain=0.065, offset=-0.25, saturation=0.75, shift=(0.5, -0.7))


@pytest.fixture(scope="module")
def truth():
    body = Solid.from_catalogue("cube", circumradius=75)
    return body.rotate(Rotation.from_euler("xyz", [20, 30, 40], degrees=True))


@pytest.fixture(scope="module")
def pattern(truth):
    return RESPONSE.apply(MSFTSimulator().transform(Rasterizer(grid=64).transform([truth])))


@pytest.fixture(scope="module")
def mask():
    rows, columns = np.indices((128, 128)) - 64
    radius = np.hypot(rows, columns)
    return (radius > 2.5) & (radius < 42)


@pytest.fixture(scope="module")
def fitted(pattern, mask):
    return ForwardFitter(grid=32, n_steps=150, radii=[60], n_kept=1, random_state=0).fit(pattern, mask=mask)


def test_a_sphere_grows_into_the_cube(fitted, truth, pattern):
    assert fitted.residuals_[0] < 2e-3
    found = fitted.predict(pattern)
    assert front_iou(found, Rasterizer(grid=32).transform([truth]))[0] > 0.75


def test_the_methods_agree_with_each_other(fitted, pattern, mask):
    assert fitted.score(pattern) == pytest.approx(-fitted.residuals_[0])
    pictured = fitted.predict_pattern(pattern)
    assert pictured.shape == pattern.shape
    difference = (pictured - pattern)[0][mask]
    assert np.mean(difference**2) == pytest.approx(fitted.residuals_[0], rel=1e-3)
    assert fitted.predict_solids(pattern) == fitted.solids_
    assert len(fitted.history_[0]) >= 150
    seconds = [entry["seconds"] for entry in fitted.history_[0]]
    assert seconds == sorted(seconds)


def test_pixels_outside_the_mask_do_not_matter(fitted, pattern, mask):
    spoilt = np.where(mask, pattern, 0.37).astype(np.float32)
    again = clone(fitted).fit(spoilt, mask=mask)
    np.testing.assert_allclose(again.residuals_, fitted.residuals_, rtol=1e-3)


def test_the_simulators_mask_counts_like_the_mask_of_fit(pattern, mask):
    fitter = ForwardFitter(grid=24, n_steps=20, radii=[70], n_kept=1, random_state=0)
    by_fit = clone(fitter).fit(pattern, mask=mask)
    by_simulator = clone(fitter).set_params(simulator=MSFTSimulator(mask=mask)).fit(pattern)
    np.testing.assert_allclose(by_simulator.residuals_, by_fit.residuals_, rtol=1e-3)
    with pytest.raises(ValueError, match="'mask' parameter of ForwardFitter"):
        by_simulator.fit(pattern, mask=~mask)


def test_what_was_not_measured_may_be_nan(pattern, mask):
    fitter = ForwardFitter(grid=24, n_steps=20, radii=[70], n_kept=1, random_state=0)
    gaps = np.where(mask, pattern, np.nan)
    whole = clone(fitter).fit(pattern, mask=mask)
    broken = clone(fitter).fit(gaps, mask=mask)
    np.testing.assert_allclose(broken.residuals_, whole.residuals_, rtol=1e-3)
    assert broken.predict(gaps).shape == (1, 24, 24, 24)


def test_the_same_random_state_gives_the_same_body(pattern, mask):
    model = CatalogueBody("cube", n_orientations=3)
    fitter = ForwardFitter(model, grid=24, n_steps=20, radii=[70], n_kept=1, random_state=3)
    first, second = (clone(fitter).fit(pattern, mask=mask) for _ in range(2))
    assert first.residuals_ == pytest.approx(second.residuals_, rel=1e-4)


def test_a_catalogue_body_is_found_with_its_size(pattern, mask):
    model = CatalogueBody("cube", n_orientations=12)
    fitter = ForwardFitter(model, grid=48, n_steps=100, radii=[65, 85], random_state=0).fit(
        pattern, mask=mask
    )
    assert fitter.solids_[0].circumradius == pytest.approx(75, rel=0.03)
    assert fitter.residuals_[0] < 1e-3
    assert [residual for residual, _ in fitter.candidates_[0]] == sorted(r for r, _ in fitter.candidates_[0])


def test_following_starts_at_once_changes_nothing(pattern, mask):
    fitter = ForwardFitter(grid=24, n_steps=20, radii=[60, 80, 100], random_state=3)
    one, two = (clone(fitter).set_params(n_jobs=n).fit(pattern, mask=mask) for n in (None, 2))
    assert one.residuals_ == pytest.approx(two.residuals_, rel=1e-3)
    assert len(one.history_[0]) == len(two.history_[0])


def test_unseen_patterns_are_fitted_when_they_come(fitted, pattern):
    fitter = clone(fitted).set_params(n_steps=10, grid=16)
    fitter.set_params(radii=[70]).fit(pattern)
    other = np.roll(pattern, 1, axis=1)
    assert fitter.predict(np.concatenate([other, pattern])).shape == (2, 16, 16, 16)
    assert len(fitter.solids_) == 2


def test_interruption_keeps_what_is_finished(pattern, monkeypatch):
    fitter = ForwardFitter(grid=16, n_steps=10, radii=[70], n_kept=1, random_state=0)
    fit_one = ForwardFitter._fit_one

    def interrupted(self, *arguments):
        if self.solids_:
            raise KeyboardInterrupt
        fit_one(self, *arguments)

    monkeypatch.setattr(ForwardFitter, "_fit_one", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fitter.fit(np.concatenate([pattern, pattern[:, ::-1]]))
    assert len(fitter.solids_) == len(fitter.residuals_) == 1
    assert fitter.predict(pattern).shape == (1, 16, 16, 16)


def test_a_short_time_budget_still_gives_a_body(pattern, mask):
    fitter = ForwardFitter(grid=24, n_steps=100000, time_budget=1.0, random_state=0).fit(pattern, mask=mask)
    assert np.isfinite(fitter.residuals_).all()
    assert len(fitter.history_[0]) < 100000


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"model": "no such body"}, "model"),
        ({"grid": 4}, "grid"),
        ({"n_steps": 0}, "n_steps"),
        ({"n_kept": 0}, "n_kept"),
        ({"radii": [-5.0]}, "radii"),
        ({"radii": [400.0]}, "radii"),
        ({"max_shift": -1.0}, "max_shift"),
        ({"time_budget": 0.0}, "time_budget"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"random_state": "x"}, "random_state"),
        ({"simulator": "msft"}, "simulator"),
    ],
)
def test_bad_parameters_are_named(parameters, name, pattern):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        ForwardFitter(**parameters).fit(pattern)


@given(st.sampled_from(["nan", "shape", "ndim", "constant", "negative", "mask shape", "empty mask"]))
def test_bad_patterns_are_named(case):
    good = LogScaler().transform(np.random.default_rng(0).uniform(1, 1e6, (1, 128, 128)))
    X, mask, name = good.copy(), None, "X"
    if case == "nan":
        X[0, 3, 4] = np.nan
    elif case == "shape":
        X = X[:, :100]
    elif case == "ndim":
        X = X[0]
    elif case == "constant":
        X[:] = 0.5
    elif case == "negative":
        X -= 1
    elif case == "mask shape":
        mask, name = np.ones((64, 64), bool), "mask"
    else:
        mask, name = np.zeros((128, 128), bool), "mask"
    with pytest.raises(ValueError, match=f"'{name}' parameter of ForwardFitter must be .* Got"):
        ForwardFitter().fit(X, mask=mask)


def test_the_star_is_better_explained_by_a_convex_body_than_by_an_icosahedron(sample_root):
    star = fetch_barke2015([5], data_home=sample_root)
    residuals = [
        ForwardFitter(model, time_budget=45, n_jobs=-1, random_state=0)
        .fit(star.patterns, mask=star.masks)
        .residuals_[0]
        for model in (ConvexBody(), CatalogueBody("icosahedron"))
    ]
    assert residuals[0] <= 0.5 * residuals[1]
