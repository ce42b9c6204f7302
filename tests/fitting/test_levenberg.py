"""Damped least squares on exact patterns: every model of half-spaces, from near its truth."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from scatterkit.experiment import QGrid
from scatterkit.fitting import CatalogueBody, ConvexBody, EllipsoidBody, SupportBody, SymmetricBody
from scatterkit.fitting._planes import box_limit
from scatterkit.fitting.facet_objective import EPS_TRIED, FacetObjective
from scatterkit.fitting.levenberg import FAR, Levenberg, Trial
from scatterkit.response import DetectorResponse
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.facets import FacetScattering, corners_of
from scatterkit.simulation.kernels.threads import single_blas_thread

BOX = 200.0
LIMIT = box_limit(BOX)
SIMULATOR = MSFTSimulator(box=BOX, detector=QGrid(n_pixels=48, dq=0.016))
RESPONSE = DetectorResponse(eps=50.0, gain=0.08, offset=-0.25)
DARKEST = 12.0
MODELS = {
    "convex": ConvexBody(n_faces=14),
    "support": SupportBody(n_directions=30),
    "icosahedron": CatalogueBody("icosahedron"),
    "decahedron": CatalogueBody("decahedron", stretch_axis="C5"),
    "cut cube": CatalogueBody("cube", stretch_axis="C4", cut_axis="C3"),
    "ellipsoid": EllipsoidBody(),
    "octahedral": SymmetricBody("O_h", n_orbits=2),
}


@pytest.fixture(autouse=True)
def _one_blas_thread():
    """As the fitter does: the matrices are too small for more."""
    with single_blas_thread():
        yield


def away(model, point, steps, seed=6):
    rates = model.rates(point)
    return model.move(
        point, steps * np.random.default_rng(seed).choice([-1.0, 1.0], np.shape(rates)) * rates, LIMIT
    )


def truth_of(model):
    start = model.starts(np.array([50.0]), np.random.default_rng(7))[0]
    if isinstance(model, ConvexBody):  # the lattice of directions begins and ends near the axis
        start[:, :3] = Rotation.from_rotvec([0.4, 0.3, 0.1]).apply(start[:, :3])
    return away(model, start, 2.0, seed=8)


def levenberg_of(model, planes, max_shift=0.0, response=RESPONSE):
    scattering, lit = FacetScattering.of(SIMULATOR)
    picture = np.zeros(lit.shape, np.float32)
    picture[lit] = scattering.intensity(*planes)
    objective = FacetObjective(SIMULATOR, response.apply(picture), np.ones(lit.shape, bool), max_shift)
    return Levenberg(model, objective, LIMIT)


def first_response(shift=(0.0, 0.0)):
    return np.array([math.log(40.0), 0.075, -0.2, *shift])


def residuals(levenberg, trial, n_steps, free=True):
    pixels = np.arange(0, levenberg.objective.q.size, 4)
    levenberg.descend(trial, pixels, 0, free=free, darkest=DARKEST)
    found = [trial.residual]
    for _ in range(n_steps):
        levenberg.descend(trial, pixels, 1, free=free, darkest=DARKEST, tolerance=0.0)
        found.append(trial.residual)
    return np.array(found)


@pytest.mark.parametrize("name", MODELS)
def test_a_body_comes_back_from_nearby_ever_faster(name):
    model = MODELS[name]
    truth = truth_of(model)
    levenberg = levenberg_of(model, model.planes(truth))
    trial = Trial(away(model, truth, 1.5), "near", response=first_response(), damping=1e-3)
    found = residuals(levenberg, trial, 14)
    assert found[0] > 1e-5
    assert (np.diff(found) <= 0).all()
    assert found[-1] < 1e-6 * found[0]
    # a descent by gradients halves the residual in a step at best; near the end this one leaves next to nothing of it
    large = found[found > 1e-9]
    assert (large[1:] / large[:-1]).min() < 0.1


@pytest.mark.parametrize("name", ["decahedron", "octahedral"])
def test_numbers_come_back_with_the_response(name):
    model = MODELS[name]
    truth = truth_of(model)
    levenberg = levenberg_of(model, model.planes(truth))
    trial = Trial(away(model, truth, 1.5), "near", response=first_response())
    levenberg.descend(trial, np.arange(levenberg.objective.q.size), 40, free=True, darkest=DARKEST)
    normals, offsets = model.planes(trial.point)
    expected, distances = model.planes(truth)
    lit = expected[:, 2] < -0.2
    np.testing.assert_allclose(normals[lit], expected[lit], atol=1e-3)
    np.testing.assert_allclose((offsets - distances)[lit].std(), 0, atol=0.1)
    fitted = levenberg.objective.response(trial.response)
    assert (math.log(fitted.eps), fitted.gain) == pytest.approx((math.log(50.0), 0.08), rel=1e-2)


def test_a_shift_of_the_centre_is_found():
    model = MODELS["icosahedron"]
    truth = truth_of(model)
    moved = DetectorResponse(eps=50.0, gain=0.08, offset=-0.25, shift=(1.0, -2.0))
    levenberg = levenberg_of(model, model.planes(truth), max_shift=3.0, response=moved)
    trial = Trial(away(model, truth, 1.0), "near", response=first_response())
    pixels = np.flatnonzero(levenberg.objective.q < 0.25)
    levenberg.descend(trial, pixels, 30, free=True, darkest=DARKEST)
    assert trial.response[3:] == pytest.approx([1.0, -2.0], abs=0.05)
    levenberg = levenberg_of(model, model.planes(truth), max_shift=0.5, response=moved)
    levenberg.descend(trial, pixels, 5, free=True, darkest=DARKEST)
    assert (np.abs(trial.response[3:]) <= 2.0 + 0.05).all()
    trial = Trial(away(model, truth, 1.0), "near", response=first_response())
    levenberg.descend(trial, pixels, 5, free=True, darkest=DARKEST)
    assert (np.abs(trial.response[3:]) <= 0.5).all()


def test_a_matched_response_goes_along_with_the_body():
    model = MODELS["decahedron"]
    truth = truth_of(model)
    brightness = levenberg_of(model, model.planes(truth)).objective.brightness
    tried = DetectorResponse(eps=EPS_TRIED[1] * brightness, gain=0.08, offset=-0.25)
    levenberg = levenberg_of(model, model.planes(truth), response=tried)
    trial = Trial(away(model, truth, 1.5), "near")
    pixels = np.flatnonzero(levenberg.objective.q < 0.2)
    levenberg.descend(trial, pixels, 0, free=False, darkest=DARKEST)
    first = trial.residual
    levenberg.descend(trial, pixels, 25, free=False, darkest=DARKEST)
    assert trial.residual < 0.05 * first  # eps is chosen for the body that it begins with
    shown = (
        trial.response[1]
        * np.log(
            levenberg.objective.intensity(levenberg.planes(trial.point), pixels, np.zeros(2), DARKEST)
            + math.exp(trial.response[0])
        )
        + trial.response[2]
    )
    assert shown.mean() == pytest.approx(levenberg.objective.measured[pixels].mean())
    assert shown.std() == pytest.approx(levenberg.objective.measured[pixels].std())


def test_numbers_without_a_step_stay():
    model = CatalogueBody("decahedron", stretch_axis="C5")
    truth = truth_of(model)

    class Fixed(CatalogueBody):
        def rates(self, point):
            return super().rates(point) * np.array([1, 1, 1, 0, 1, 0])

    fixed = Fixed("decahedron", stretch_axis="C5")
    near = away(fixed, truth, 2.0)
    levenberg = levenberg_of(fixed, fixed.planes(truth))
    trial = Trial(near, "near", response=first_response())
    levenberg.descend(trial, np.arange(levenberg.objective.q.size), 30, free=True, darkest=DARKEST)
    np.testing.assert_array_equal(trial.point[[4, 6]], near[[4, 6]])
    assert trial.point[5] == pytest.approx(truth[5], abs=2e-3)
    assert trial.residual < 1e-8


@pytest.mark.parametrize("name", MODELS)
def test_the_body_stays_in_the_box(name):
    model = MODELS[name]
    start = model.starts(np.array([86.0]), np.random.default_rng(1))[0]
    start = model.move(start, 0 * model.rates(start), LIMIT)
    normals, offsets = model.planes(start)
    levenberg = levenberg_of(model, (normals, 1.2 * offsets))  # of a body that does not fit in
    trial = Trial(start, "wide", response=first_response())
    pixels = np.flatnonzero(levenberg.objective.q < 0.08)
    levenberg.descend(trial, pixels, 8, free=True, darkest=DARKEST)
    corners = np.abs(corners_of(*levenberg.planes(trial.point))[0])
    # faces along the beam are very steep ones
    assert corners[:, :2].max() <= LIMIT + 1e-3
    assert corners[:, 2].max() <= FAR * LIMIT + 1e-3
    assert np.isfinite(trial.residual)
    assert 2 * corners[:, 0].max() > 1.6 * 86.0


@pytest.mark.parametrize("name", ["convex", "support"])
def test_a_step_along_a_shift_changes_no_intensity(name):
    model = MODELS[name]
    point = truth_of(model)
    scattering, _ = FacetScattering.of(SIMULATOR)
    before = scattering.intensity(*model.planes(point))
    shifts = model.shifts(point)
    assert len(shifts) == 3
    for step, axis in zip(shifts, np.eye(3), strict=True):
        moved = model.move(point, 4.0 * step.reshape(np.shape(model.rates(point))), LIMIT)
        np.testing.assert_allclose(
            model.planes(moved)[1] - model.planes(point)[1], 4 * model.planes(point)[0] @ axis
        )
        after = scattering.intensity(*model.planes(moved))
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-8 * before.max())


def test_a_body_without_inside_is_given_up():
    model = MODELS["convex"]
    truth = truth_of(model)
    levenberg = levenberg_of(model, model.planes(truth))
    hollow = truth.copy()
    hollow[:, 3] = -5.0
    trial = Trial(hollow, "hollow", response=first_response())
    levenberg.descend(trial, np.arange(200), 5, free=True, darkest=DARKEST)
    assert trial.residual == math.inf
    np.testing.assert_array_equal(trial.point, hollow)
