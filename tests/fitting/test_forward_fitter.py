"""ForwardFitter: bodies from patterns, by its public methods, by exact facets and by voxels."""

import os
import signal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import QhullError
from scipy.spatial.transform import Rotation
from sklearn.base import clone

from scatterkit.datasets import fetch_barke2015
from scatterkit.experiment import Panel, PanelDetector, QGrid
from scatterkit.fitting import CatalogueBody, ConvexBody, EllipsoidBody, ForwardFitter, StarBody
from scatterkit.fitting.engines import facet_intensity
from scatterkit.fitting.facet_search import FacetSearch
from scatterkit.fitting.search import Search
from scatterkit.metrics import front_iou, pattern_residual
from scatterkit.response import DetectorResponse
from scatterkit.simulation import LogScaler, MSFTSimulator, PolyhedronSimulator
from scatterkit.solids import Ellipsoid, Rasterizer, Solid

BOX = 200.0
SIMULATOR = MSFTSimulator(box=BOX, detector=QGrid(64, 0.0138))
RESPONSE = DetectorResponse(eps=60.0, gain=0.065, offset=-0.2, saturation=0.62, shift=(1.0, -2.0))
QUICK = {"n_starts": 4, "n_rounds": 1, "n_kept": 1, "grid": 32, "random_state": 0}
VOXELS = {"method": "voxels", "n_steps": 20, "radii": [50.0], "n_kept": 1, "grid": 24, "random_state": 0}


@pytest.fixture(scope="module")
def truth():
    return Solid.from_catalogue("cube", circumradius=60).rotate(Rotation.from_rotvec([0.3, 0.5, 0.2]))


@pytest.fixture(scope="module")
def pattern(truth):
    return RESPONSE.apply(PolyhedronSimulator(detector=SIMULATOR.detector).transform([truth]))


@pytest.fixture(scope="module")
def mask():
    rows, columns = np.indices((64, 64)) - 32
    radius = np.hypot(rows, columns)
    return (radius > 2.5) & (radius < 28)


@pytest.fixture(scope="module")
def fitted(pattern, mask):
    return ForwardFitter(ConvexBody(n_faces=14), SIMULATOR, **QUICK).fit(pattern, mask=mask)


@pytest.fixture(scope="module")
def grown(pattern, mask):
    settings = {**VOXELS, "n_steps": 120, "grid": 32}
    return ForwardFitter(ConvexBody(n_faces=24), SIMULATOR, **settings).fit(pattern, mask=mask)


def is_the_cube(fitter, pattern, truth):
    return front_iou(fitter.predict(pattern), Rasterizer(grid=32, box=BOX).transform([truth]), box=BOX)[0]


def test_a_convex_body_becomes_the_cube(fitted, truth, pattern):
    assert fitted.residuals_[0] < 1e-4
    assert is_the_cube(fitted, pattern, truth) > 0.85
    assert fitted.responses_[0].shift == pytest.approx((1.0, -2.0), abs=0.1)


def test_by_voxels_a_sphere_grows_into_the_cube(grown, truth, pattern):
    assert grown.residuals_[0] < 3e-3
    assert is_the_cube(grown, pattern, truth) > 0.7


@pytest.mark.parametrize("way", ["fitted", "grown"])
def test_the_methods_agree_with_each_other(way, pattern, mask, request):
    fitter = request.getfixturevalue(way)
    assert fitter.score(pattern) == pytest.approx(-fitter.residuals_[0])
    pictured = fitter.predict_pattern(pattern)
    assert pictured.shape == pattern.shape
    assert np.mean((pictured - pattern)[0][mask] ** 2) == pytest.approx(fitter.residuals_[0], rel=1e-3)
    assert fitter.predict_solids(pattern) == fitter.solids_
    assert fitter.predict(pattern).shape == (1, 32, 32, 32)
    seconds = [entry["seconds"] for entry in fitter.history_[0]]
    assert seconds == sorted(seconds)
    assert len(seconds) > 20
    residuals = [residual for residual, _ in fitter.candidates_[0]]
    assert residuals == sorted(residuals)
    assert residuals[0] == fitter.residuals_[0]
    assert fitter.candidates_[0][0][1] is fitter.solids_[0]


def test_the_residual_is_that_of_the_finished_body(fitted, pattern, mask):
    solid = fitted.solids_[0]
    intensity = PolyhedronSimulator(detector=SIMULATOR.detector).transform([solid])
    assert fitted.residuals_[0] == pytest.approx(
        pattern_residual(pattern[0], intensity[0], mask), rel=0.05, abs=1e-7
    )
    assert np.abs(np.mean(solid.bounds, axis=0)).max() < 1e-6
    assert np.abs(solid.bounds).max() <= 0.475 * BOX + 1e-3


def test_a_catalogue_body_is_found_with_its_size(pattern, mask):
    model = CatalogueBody("cube", n_orientations=4)
    fitter = ForwardFitter(model, SIMULATOR, **QUICK).fit(pattern, mask=mask)
    assert fitter.solids_[0].circumradius == pytest.approx(60, rel=0.01)
    assert fitter.residuals_[0] < 1e-5
    assert_points_make_the_bodies(fitter)


def assert_points_make_the_bodies(fitter):
    (point,) = fitter.points_
    assert fitter.model.solid(point, 0.475 * BOX).volume == pytest.approx(fitter.solids_[0].volume)


def test_by_voxels_a_catalogue_body_is_found_with_its_size(pattern, mask):
    model = CatalogueBody("cube", n_orientations=12)
    settings = {**VOXELS, "n_steps": 80, "radii": [55, 66], "n_kept": 2, "grid": 32}
    fitter = ForwardFitter(model, SIMULATOR, **settings).fit(pattern, mask=mask)
    assert fitter.solids_[0].circumradius == pytest.approx(60, rel=0.04)
    assert fitter.residuals_[0] < 3e-3
    assert [residual for residual, _ in fitter.candidates_[0]] == sorted(r for r, _ in fitter.candidates_[0])
    assert_points_make_the_bodies(fitter)


@pytest.mark.slow
def test_an_ellipsoid_is_found_by_facets():
    body = EllipsoidBody().solid(np.concatenate([[0, 0, 0, 1], np.log([40, 50, 60])]), 95.0)
    truth = body.rotate(Rotation.from_rotvec([0.5, 0.1, 0.3]))
    X = LogScaler().transform(SIMULATOR.transform(Rasterizer(grid=128, box=BOX).transform([truth])))
    settings = {**QUICK, "n_starts": 6, "n_steps": 144}
    fitter = ForwardFitter(EllipsoidBody(n_orientations=4), SIMULATOR, max_shift=0.0, **settings).fit(X)
    assert fitter.residuals_[0] < 5e-5
    assert front_iou(fitter.predict(X), Rasterizer(grid=32, box=BOX).transform([truth]), box=BOX)[0] > 0.95


@pytest.mark.parametrize("cut", [False, True])
def test_the_exact_pattern_of_a_smooth_body_has_its_volume(cut):
    clear = MSFTSimulator(absorption_length=1e6, detector=QGrid(8, 0.001))
    body = (
        Ellipsoid(np.diag([40.0, 50.0, 60.0]))
        .rotate(Rotation.from_rotvec([0.5, 0.1, 0.3]))
        .shift([9.0, 0, 5.0])
    )
    body = body.cut((0.6, 0.0, 0.8), 20.0) if cut else body
    expected = (body.volume / (318.75 / 64) ** 3) ** 2
    assert facet_intensity(clear, body)[4, 4] == pytest.approx(expected, rel=2e-2 if cut else 1e-3)


@pytest.mark.parametrize("settings", [QUICK, VOXELS], ids=["facets", "voxels"])
def test_pixels_outside_the_mask_may_hold_anything(settings, pattern, mask):
    fitter = ForwardFitter(CatalogueBody("cube", n_orientations=2), SIMULATOR, **{**settings, "n_steps": 20})
    whole = clone(fitter).fit(pattern, mask=mask)
    for filling in (0.37, np.nan):
        spoilt = np.where(mask, pattern, filling).astype(np.float32)
        again = clone(fitter).fit(spoilt, mask=mask)
        np.testing.assert_allclose(again.residuals_, whole.residuals_, rtol=1e-3)
        assert again.predict(spoilt).shape == (1, fitter.grid, fitter.grid, fitter.grid)


@pytest.mark.parametrize("settings", [QUICK, VOXELS], ids=["facets", "voxels"])
def test_the_simulators_mask_counts_like_the_mask_of_fit(settings, pattern, mask):
    fitter = ForwardFitter(CatalogueBody("cube", n_orientations=2), SIMULATOR, **{**settings, "n_steps": 20})
    by_fit = clone(fitter).fit(pattern, mask=mask)
    by_simulator = clone(fitter).set_params(simulator__mask=mask).fit(pattern)
    np.testing.assert_allclose(by_simulator.residuals_, by_fit.residuals_, rtol=1e-3)
    assert np.isfinite(by_simulator.predict_pattern(pattern)).all()
    with pytest.raises(ValueError, match="'mask' parameter of ForwardFitter"):
        by_simulator.fit(pattern, mask=~mask)


@pytest.mark.parametrize("settings", [QUICK, VOXELS], ids=["facets", "voxels"])
def test_the_same_random_state_gives_the_same_body_and_jobs_change_nothing(settings, pattern, mask):
    model = CatalogueBody("cube", n_orientations=3)
    fitter = ForwardFitter(model, SIMULATOR, **{**settings, "n_steps": 20, "random_state": 3})
    first, second, both = (
        clone(fitter).set_params(n_jobs=n).fit(pattern, mask=mask) for n in (None, None, 2)
    )
    assert first.residuals_ == pytest.approx(second.residuals_, rel=1e-4)
    assert first.residuals_ == pytest.approx(both.residuals_, rel=1e-3)
    np.testing.assert_allclose(first.solids_[0].vertices, second.solids_[0].vertices, atol=1e-3)
    assert len(first.history_[0]) == len(both.history_[0])


@pytest.mark.slow
def test_several_patterns_by_processes_with_a_bad_one_among_them(pattern, truth):
    other = PolyhedronSimulator(detector=SIMULATOR.detector).transform([truth.scale(0.8)])
    X = np.concatenate([pattern, np.full_like(pattern, 0.5), RESPONSE.apply(other)])
    model = CatalogueBody("cube", n_orientations=3)
    fitter = ForwardFitter(model, SIMULATOR, n_jobs=2, **QUICK)
    with pytest.warns(RuntimeWarning, match="1: .*contrast"):
        fitter.fit(X)
    assert list(fitter.failures_) == [1]
    assert fitter.solids_[1] is None
    assert [fitter.solids_[i].circumradius for i in (0, 2)] == pytest.approx([60, 48], rel=0.01)


def test_unseen_patterns_are_fitted_when_they_come(pattern):
    fitter = ForwardFitter(
        CatalogueBody("cube", n_orientations=2), SIMULATOR, **{**QUICK, "n_starts": 2}
    ).fit(pattern)
    other = np.roll(pattern, 1, axis=1)
    assert fitter.predict(np.concatenate([other, pattern])).shape == (2, 32, 32, 32)
    assert len(fitter.solids_) == 2


def test_a_centre_far_off_is_searched_for_behind_a_hole(truth):
    shifted = DetectorResponse(eps=60.0, gain=0.065, offset=-0.2, shift=(6.0, -5.0))
    pattern = shifted.apply(PolyhedronSimulator(detector=SIMULATOR.detector).transform([truth]))
    rows, columns = np.indices((64, 64)) - 32
    radius = np.hypot(rows, columns)
    mask = ((radius > 4) & (radius < 26))[None]  # a shifted picture has no true pixels at its edges
    settings = {**QUICK, "n_starts": 12, "max_shift": 9}
    fitter = ForwardFitter(ConvexBody(n_faces=14), SIMULATOR, **settings).fit(pattern, mask=mask)
    assert fitter.responses_[0].shift == pytest.approx((6.0, -5.0), abs=0.05)
    assert is_the_cube(fitter, pattern, truth) > 0.95


@pytest.mark.parametrize(
    "settings", [QUICK, {**VOXELS, "radii": [60.0], "n_steps": 40}], ids=["facets", "voxels"]
)
def test_a_pattern_is_not_moved_across_panels(truth, settings):
    """Pixels beside the smaller panel have no place: neither they nor the seam have a part in the fit."""
    steps = {"fast": (1.8, 0, 0), "slow": (0, 1.8, 0)}
    upper = Panel((24, 40), corner=(-36.0, -45.0, 60.0), **steps)
    lower = Panel((20, 30), corner=(-27.0, 2.0, 60.0), **steps)
    simulator = MSFTSimulator(box=BOX, detector=PanelDetector([upper, lower]))
    X = LogScaler().transform(PolyhedronSimulator(detector=simulator.detector).transform([truth]))
    mask = np.zeros(simulator.detector.shape, bool)
    for region in simulator.detector.regions():
        mask[region] = True
    fitter = ForwardFitter(CatalogueBody("cube", n_orientations=4), simulator, **settings).fit(X, mask=mask)
    assert fitter.responses_[0].shift == (0.0, 0.0)
    if settings is QUICK:
        assert fitter.residuals_[0] < 1e-6
        assert fitter.solids_[0].circumradius == pytest.approx(60, rel=1e-3)
        (told,) = fitter.report(X)
        assert not any("shift" in name for name in told.facets.uncertainty.response)


def test_a_robust_fit_does_not_follow_a_blind_spot(truth, mask):
    response = DetectorResponse(eps=60.0, gain=0.065, offset=-0.2)
    pattern = response.apply(PolyhedronSimulator(detector=SIMULATOR.detector).transform([truth]))
    rows, columns = np.indices((64, 64)) - 32
    pattern = pattern * (1 - np.exp(-((rows - 12) ** 2 + (columns - 10) ** 2) / (2 * 6.0**2)))
    turned = {}
    for loss in ("squared", "robust"):
        fitter = ForwardFitter(CatalogueBody("cube"), SIMULATOR, loss=loss, max_shift=0, **QUICK)
        solid = fitter.fit(pattern, mask=mask).solids_[0]
        cosines = (np.array(solid.normals) @ np.array(truth.normals).T).max(axis=0)
        turned[loss] = np.degrees(np.arccos(cosines.min()))
        told = fitter.report(pattern)[0]
        plain = float(np.nanmean(told.residual_map**2))
        assert (told.residual < 0.8 * plain) is (loss == "robust")
    assert told.reject_ is None
    assert turned["robust"] < 0.5
    assert turned["robust"] < turned["squared"] / 3


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_ctrl_c_keeps_the_best_body_so_far(pattern, monkeypatch, n_jobs):
    keep = FacetSearch._keep

    def keep_and_stop(self, trial):
        keep(self, trial)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(FacetSearch, "_keep", keep_and_stop)
    model = CatalogueBody("cube", n_orientations=3)
    fitter = ForwardFitter(model, SIMULATOR, n_jobs=n_jobs, **{**QUICK, "n_rounds": 9})
    with pytest.raises(KeyboardInterrupt):
        fitter.fit(pattern)
    assert len(fitter.solids_) == len(fitter.residuals_) == len(fitter.candidates_[0]) == 1
    assert fitter.predict(pattern).any()
    assert fitter.history_[0]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_by_voxels_ctrl_c_keeps_the_best_body_so_far(pattern, monkeypatch, n_jobs):
    descend = Search._descend

    def descend_and_stop(self, candidate, stage, deadline):
        descend(self, candidate, stage, deadline)
        if stage in self.schedule.refinement:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Search, "_descend", descend_and_stop)
    fitter = ForwardFitter(ConvexBody(n_faces=14), SIMULATOR, n_jobs=n_jobs, **{**VOXELS, "radii": [50, 60]})
    with pytest.raises(KeyboardInterrupt):
        fitter.fit(pattern)
    assert len(fitter.solids_) == len(fitter.candidates_[0]) == 1
    assert np.isfinite(fitter.residuals_).all()
    assert fitter.predict(pattern).any()
    assert fitter.history_[0]


def test_by_voxels_ctrl_c_before_any_look_leaves_no_body(pattern, monkeypatch):
    def stopped(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(Search, "_descend", stopped)
    fitter = ForwardFitter(ConvexBody(n_faces=14), SIMULATOR, **VOXELS)
    with pytest.raises(KeyboardInterrupt):
        fitter.fit(pattern)
    assert fitter.solids_ == []


@pytest.mark.parametrize("n_vanished", [1, 2])
def test_by_voxels_a_body_that_vanished_is_left_out(pattern, monkeypatch, n_vanished):
    solid, asked = ConvexBody.solid, []

    def vanishing(self, point, limit):
        asked.append(point)
        if len(asked) <= n_vanished:
            raise QhullError("nothing inside")
        return solid(self, point, limit)

    monkeypatch.setattr(ConvexBody, "solid", vanishing)
    settings = {**VOXELS, "radii": [50, 60], "n_kept": 2}
    fitter = ForwardFitter(ConvexBody(n_faces=14, widest_merge=0.0), SIMULATOR, **settings)
    if n_vanished == 2:
        with pytest.raises(ValueError, match="no start gave a body"):
            fitter.fit(pattern)
    else:
        assert len(fitter.fit(pattern).candidates_[0]) == 1


def test_ctrl_c_before_any_body_keeps_the_patterns_before(pattern, monkeypatch):
    fit_one = ForwardFitter._fit_one

    def interrupted(self, *arguments):
        if self.solids_:
            raise KeyboardInterrupt
        return fit_one(self, *arguments)

    monkeypatch.setattr(ForwardFitter, "_fit_one", interrupted)
    fitter = ForwardFitter(CatalogueBody("cube", n_orientations=2), SIMULATOR, **{**QUICK, "n_starts": 2})
    with pytest.raises(KeyboardInterrupt):
        fitter.fit(np.concatenate([pattern, pattern[:, ::-1]]))
    assert len(fitter.solids_) == len(fitter.residuals_) == 1
    assert fitter.predict(pattern).shape == (1, 32, 32, 32)


def test_a_short_time_budget_still_gives_a_body(pattern, mask):
    settings = {**QUICK, "n_rounds": 1000}
    fitter = ForwardFitter(ConvexBody(n_faces=14), SIMULATOR, time_budget=0.01, **settings).fit(
        pattern, mask=mask
    )
    assert np.isfinite(fitter.residuals_).all()
    assert {entry["start"].split(",")[0] for entry in fitter.history_[0]} == {"round 1"}


def test_by_voxels_a_short_time_budget_still_gives_a_body(pattern, mask):
    settings = {**VOXELS, "n_steps": 100000}
    fitter = ForwardFitter(simulator=SIMULATOR, time_budget=0.5, **settings).fit(pattern, mask=mask)
    assert np.isfinite(fitter.residuals_).all()
    assert len(fitter.history_[0]) < 100000


def test_radii_to_start_from(pattern, mask, monkeypatch):
    asked = []
    starts = CatalogueBody.starts

    def noted(self, radii, rng):
        asked.extend(radii)
        return starts(self, radii, rng)

    monkeypatch.setattr(CatalogueBody, "starts", noted)
    model = CatalogueBody("cube", n_orientations=2)
    fitter = ForwardFitter(model, SIMULATOR, radii=[55.0, 65.0], **QUICK).fit(pattern, mask=mask)
    assert set(asked) == {55.0, 65.0}
    assert fitter.solids_[0].circumradius == pytest.approx(60, rel=0.01)


def test_without_exact_pattern_the_way_is_by_voxels(pattern, mask):
    settings = {**VOXELS, "method": "auto"}
    for model, simulator in (
        (StarBody(degree=3), SIMULATOR),
        (ConvexBody(), clone(SIMULATOR).set_params(propagation="pmsft")),
    ):
        fitter = ForwardFitter(model, simulator, **settings).fit(pattern, mask=mask)
        assert "grid" in fitter.history_[0][0]
        with pytest.raises(
            ValueError, match="'method' parameter of ForwardFitter must be 'auto' or 'voxels' for this"
        ):
            clone(fitter).set_params(method="facets").fit(pattern, mask=mask)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"model": "no such body"}, "model"),
        ({"method": "guess"}, "method"),
        ({"loss": "absolute"}, "loss"),
        ({"loss": "robust", "method": "voxels"}, "loss"),
        ({"grid": 4}, "grid"),
        ({"n_starts": 0}, "n_starts"),
        ({"n_rounds": 0}, "n_rounds"),
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


@given(
    st.sampled_from(["nan", "shape", "ndim", "constant", "negative", "mask shape", "empty mask", "dark mask"])
)
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
    elif case == "dark mask":  # of pixels beyond k alone
        mask, name = np.zeros((128, 128), bool), "mask"
        mask[:5, :5] = True
    else:
        mask, name = np.zeros((128, 128), bool), "mask"
    with pytest.raises(ValueError, match=f"'{name}' parameter of ForwardFitter must be .* Got"):
        ForwardFitter().fit(X, mask=mask)


@pytest.mark.slow
def test_the_star_is_better_explained_by_a_convex_body_than_by_an_icosahedron(sample_root):
    if not (sample_root / "exp" / "barke5.png").is_file():
        pytest.skip("measured pattern 5 is not in the published sample data")
    star = fetch_barke2015([5], data_home=sample_root, download=False)
    residuals = [
        ForwardFitter(model, n_rounds=1, random_state=0).fit(star.patterns, mask=star.masks).residuals_[0]
        for model in (ConvexBody(), CatalogueBody("icosahedron"))
    ]
    assert residuals[0] <= 0.5 * residuals[1]
