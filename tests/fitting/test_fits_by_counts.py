"""Fitters that are given the photons on each pixel, their reports, and what they refuse."""

import numpy as np
import pytest
from photon_scene import BOX, CUBE, EXACT, MASK, SIMULATOR
from scipy.spatial.transform import Rotation

from scatterkit.experiment import QGrid
from scatterkit.fitting import ForwardFitter
from scatterkit.fitting.answers import build_report, parameter_uncertainty
from scatterkit.simulation import LogScaler, MSFTSimulator, PhotonCounts, PolyhedronSimulator
from scatterkit.solids import Solid


@pytest.fixture(scope="module")
def counted():
    cube = Solid.from_catalogue("cube", circumradius=60).rotate(Rotation.from_rotvec([0.3, 0.5, 0.2]))
    photons = PhotonCounts(1e5, random_state=1).transform(EXACT.transform([cube]) * MASK)
    return photons, LogScaler().transform(photons)


@pytest.fixture(scope="module")
def fitted(counted):
    photons, X = counted
    noisy = np.where(MASK, photons, np.nan)  # what was not measured may hold anything
    return quick().fit(X, mask=MASK, counts=noisy)


def quick(**settings):
    return ForwardFitter(CUBE, SIMULATOR, n_starts=4, n_rounds=1, n_kept=1, random_state=0, **settings)


def test_a_fitter_takes_counts(fitted, counted):
    photons, X = counted
    squares = quick().fit(X, mask=MASK)
    assert np.isnan(squares.deviances_[0])
    assert 0.7 < fitted.deviances_[0] < 1.1
    assert fitted.solids_[0].circumradius == pytest.approx(60, abs=0.15)
    assert fitted.solids_[0].circumradius != squares.solids_[0].circumradius
    # the residual is that of the log-scaled pattern in both, and the likeliest body's is no less
    assert squares.residuals_[0] <= fitted.residuals_[0] < 1.2 * squares.residuals_[0]
    pictured = fitted.predict_pattern(X)[0]
    assert np.mean((pictured - X[0])[MASK] ** 2) == pytest.approx(fitted.residuals_[0], rel=1e-3)
    # what counts are known is known to the report too
    told, by_squares = (fitter.report(X, mask=MASK, counts=photons)[0] for fitter in (fitted, squares))
    assert fitted.report(X)[0].facets.uncertainty.noise == "photon counts"
    assert (told.facets.uncertainty.distance_sigma < by_squares.facets.uncertainty.distance_sigma).all()


def test_a_pattern_is_found_with_its_counts_and_new_with_others(fitted, counted):
    photons, X = counted
    fitter = quick(time_budget=5.0).fit(X, mask=MASK)
    fitter.predict(X, mask=MASK, counts=photons)
    assert len(fitter.solids_) == 2
    assert np.isfinite(fitter.deviances_).tolist() == [False, True]
    assert fitter.score(X, mask=MASK, counts=photons) == pytest.approx(-fitter.residuals_[1])
    assert fitter.score(X, mask=MASK) == pytest.approx(-fitter.residuals_[0])
    assert len(fitter.solids_) == 2
    # so it is without a mask
    assert fitter.predict_solids(X, counts=photons) == fitter.solids_[1:]
    assert fitter.report(X, counts=photons)[0].solid is fitter.solids_[1]
    assert fitter.report(X, counts=photons, mask=MASK)[0].solid is fitter.solids_[1]
    assert fitter.report(X, counts=photons + 1)[0].solid is fitter.report(X)[0].solid is fitter.solids_[0]
    assert len(fitter.solids_) == 2
    assert fitted.predict_solids(X) == fitted.predict_solids(X, counts=photons, mask=MASK) == fitted.solids_


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda counts: -counts, "at least 0|>= 0|in \\[0"),
        (lambda counts: counts + 0.5, "whole numbers"),
        (lambda counts: counts * 0, "not all zero"),
        (lambda counts: counts * np.nan, ""),
        (lambda counts: counts[0], "on each pixel"),
        (lambda counts: float(counts.sum()), "on each pixel"),
        (lambda counts: counts[:, 1:], "on each pixel"),
    ],
    ids=["negative", "not whole", "none", "nan", "one pattern", "total", "shape"],
)
def test_bad_counts_are_told(counted, spoil, told):
    photons, X = counted
    with pytest.raises(ValueError, match=f"'counts' .* of ForwardFitter must (?s:.*)({told})"):
        quick().fit(X, mask=MASK, counts=spoil(photons))


def test_voxels_do_not_take_counts(counted):
    photons, X = counted
    fitter = quick(method="voxels")
    with pytest.raises(ValueError, match=r"'counts' .* must be None where bodies are fitted by voxels"):
        fitter.fit(X, counts=photons)


def test_robust_fits_do_not_take_counts(counted):
    photons, X = counted
    with pytest.raises(ValueError, match=r"'counts' .* must be None where 'loss' is 'robust'"):
        quick(loss="robust").fit(X, mask=MASK, counts=photons)


def test_a_total_does_not_stand_for_the_photons_of_a_fit(fitted, counted):
    _, X = counted
    own, total = (fitted.report(X, counts=counts)[0].facets.uncertainty for counts in (None, 1e9))
    np.testing.assert_array_equal(own.covariance, total.covariance)


def test_reports_of_likelihoods_need_counts(counted, fitted):
    _, X = counted
    with pytest.raises(ValueError, match=r"'by_photons' .* must be False"):
        parameter_uncertainty(fitted.solids_[0], fitted.responses_[0], X[0], MASK, SIMULATOR, by_photons=True)
    with pytest.raises(ValueError, match=r"'by_photons' .* on each pixel"):
        build_report(
            *(fitted.solids_[0], fitted.responses_[0], X[0], MASK, SIMULATOR), counts=1e5, by_photons=True
        )


@pytest.mark.slow
def test_fits_by_counts_are_closer_to_the_truth_than_fits_by_squares():
    name, detector = "truncated_octahedron", QGrid(64, 0.0138)
    truth = Solid.from_catalogue(name, circumradius=60).rotate(Rotation.from_rotvec([0.3, 0.5, 0.2]))
    intensity = PolyhedronSimulator(detector=detector).transform([truth])
    mask = np.hypot(*(np.indices((64, 64)) - 32)) > 2.5
    photons = PhotonCounts(1e5, random_state=5).transform(np.repeat(intensity * mask, 8, axis=0))
    X = LogScaler().transform(photons)
    settings = {"n_starts": 8, "n_rounds": 1, "n_kept": 1, "max_shift": 1.0, "random_state": 0}
    fitter = ForwardFitter(name, MSFTSimulator(box=BOX, detector=detector), **settings)
    off = []
    for counts in (None, photons):
        fitter.fit(X, mask=mask, counts=counts)
        off.append([solid.circumradius - 60 for solid in fitter.solids_])
    of_squares, of_likelihood = np.sqrt(np.mean(np.square(off), axis=1))
    assert of_likelihood < 0.75 * of_squares
    assert fitter.deviances_ == pytest.approx(np.full(8, 0.9), abs=0.1)
