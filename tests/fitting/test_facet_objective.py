"""The exact pattern of a body under a detector's response, against finite differences and the voxels' response."""

import math

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from scatterkit.experiment import FlatDetector, QGrid
from scatterkit.fitting.facet_objective import EPS_TRIED, FacetObjective, pixel_losses
from scatterkit.metrics import pattern_residual
from scatterkit.response import DetectorResponse
from scatterkit.simulation import MSFTSimulator, PolyhedronSimulator
from scatterkit.simulation.facets import FacetScattering
from scatterkit.solids import Solid

DETECTORS = {"grid": QGrid(40, 0.018), "flat": FlatDetector(40, 0.6, 40.0)}
BODY = Solid.from_catalogue("decahedron", circumradius=45).rotate(Rotation.from_rotvec([0.3, 0.5, 0.2]))
OTHER = Solid.from_catalogue("icosahedron", circumradius=50).rotate(Rotation.from_rotvec([0.1, -0.4, 0.7]))
PLANES = BODY.normals, BODY.offsets
DARKEST = 16.0
POINT = np.array([math.log(30.0), 0.08, -0.1, 0.0, 0.0])


def objective_of(detector="grid", response=None, mask=None, max_shift=0.0):
    detector = DETECTORS[detector]
    intensity = PolyhedronSimulator(detector=detector).transform([OTHER])[0]
    picture = (response or DetectorResponse(eps=60.0, gain=0.07, offset=-0.15)).apply(intensity)
    mask = np.ones(detector.shape, bool) if mask is None else mask
    return FacetObjective(MSFTSimulator(detector=detector), picture, mask, max_shift)


def pixels_of(objective):
    return np.flatnonzero(objective.q < 0.85 * objective.q_max)


def error_at(objective, point, planes=PLANES):
    return objective.look(planes, np.array(point), pixels_of(objective), DARKEST)[0].error


@pytest.mark.parametrize("max_shift", [0.0, 3.0])
@pytest.mark.parametrize("detector", DETECTORS)
def test_the_error_is_that_of_the_response_of_the_package(detector, max_shift):
    objective = objective_of(detector, max_shift=max_shift)
    look, response = objective.look(PLANES, POINT, np.arange(objective.q.size), DARKEST)
    intensity = PolyhedronSimulator(detector=DETECTORS[detector]).transform([BODY])
    _, lit = FacetScattering.of(objective.simulator)
    expected = objective.response(POINT).apply(intensity)[0][lit] - np.minimum(
        objective.picture[lit], objective.level
    )
    np.testing.assert_allclose(look.error, expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(response, POINT)
    assert look.cost == pytest.approx(np.mean(expected**2), rel=1e-4)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.7, -1.3)])
@pytest.mark.parametrize("detector", DETECTORS)
def test_derivatives_by_the_response(detector, shift):
    objective = objective_of(detector, max_shift=3.0)
    point = POINT.copy()
    point[3:] = shift
    look, _ = objective.look(PLANES, point, pixels_of(objective), DARKEST)
    for number, size in enumerate((1e-4, 1e-5, 1e-5, 1e-4, 1e-4)):
        step = np.zeros(5)
        step[number] = size
        slope = (error_at(objective, point + step) - error_at(objective, point - step)) / (2 * size)
        scale = np.abs(slope).max()
        assert scale > 0
        # a pixel that is clipped on one side of the step only has half a slope
        off = np.abs(look.by_response[number] - slope) > 1e-3 * scale
        assert off.mean() < 0.005


def test_derivatives_by_the_planes_under_a_shift():
    objective = objective_of(max_shift=3.0)
    point = POINT + np.array([0, 0, 0, 0.7, -1.3])
    look, _ = objective.look(PLANES, point, pixels_of(objective), DARKEST)
    for column, face in enumerate(look.faces):
        for row, size in enumerate((1e-3, 1e-5, 1e-5)):
            ends = []
            for way in (size, -size):
                normals, offsets = BODY.normals.copy(), BODY.offsets.copy()
                if row == 0:
                    offsets[face] += way
                else:
                    normals[face] += way * look.tangents[column, row - 1]
                    normals[face] /= np.linalg.norm(normals[face])
                ends.append(error_at(objective, point, (normals, offsets)))
            slope = (ends[0] - ends[1]) / (2 * size)
            off = np.abs(look.by_planes[3 * column + row] - slope) > 1e-3 * np.abs(slope).max()
            assert off.mean() < 0.005


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_shift_moves_the_picture_as_the_response_does(detector):
    objective = objective_of(detector, max_shift=3.0)
    whole = POINT + np.array([0, 0, 0, 2.0, -1.0])
    pixels = np.flatnonzero(objective.q < 0.6 * objective.q_max)
    look, _ = objective.look(PLANES, whole, pixels, DARKEST)
    intensity = PolyhedronSimulator(detector=DETECTORS[detector]).transform([BODY])
    _, lit = FacetScattering.of(objective.simulator)
    expected = objective.response(whole).apply(intensity)[0][lit][pixels] - objective.measured[pixels]
    unmoved, _ = objective.look(PLANES, POINT, pixels, DARKEST)
    # the geometry's own change along the shift is linear
    assert np.sqrt(np.mean((look.error - expected) ** 2)) < 0.05 * np.sqrt(
        np.mean((unmoved.error - expected) ** 2)
    )


def test_beside_pixels_that_see_no_light_slopes_are_finite():
    steep = FlatDetector(24, 3.0, 20.0, tilt=(0.9, 0.0))  # rows that look at light scattered backwards
    mask, k = np.ones(steep.shape, bool), 2 * math.pi / 13.5
    objective = FacetObjective(MSFTSimulator(detector=steep), np.eye(24, dtype=np.float32), mask, 3.0)
    assert np.isinf(steep.depth_wavevectors(k)[0]).any()
    for slopes in (objective.places.wave_by_shift, objective.places.depth_by_shift):
        assert np.isfinite(slopes).all()
        assert (slopes[0] != 0).any(axis=1).mean() > 0.8


def test_a_shift_on_a_grid_is_a_shift_of_the_wave_vectors():
    objective, k = objective_of(max_shift=3.0), 2 * math.pi / 13.5
    pixels = pixels_of(objective)
    rows, columns = np.indices((40, 40)) - 20.0
    q_y, q_x = (rows - 0.4) * 0.018, (columns + 2.3) * 0.018
    q_z = k - np.sqrt(np.maximum(k**2 - q_y**2 - q_x**2, 0))
    _, lit = FacetScattering.of(objective.simulator)
    q = np.column_stack([part[lit][pixels] for part in (q_z, q_y, q_x)])
    expected = FacetScattering(q, 0.08).intensity(*PLANES)
    found = objective.intensity(PLANES, pixels, np.array([0.4, -2.3]), DARKEST)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * expected.max())


def test_a_matched_response_has_the_mean_and_the_spread_of_the_pattern():
    objective = objective_of()
    pixels = pixels_of(objective)
    intensity = objective.intensity(PLANES, pixels, np.zeros(2), DARKEST)
    response = objective.matched(intensity, pixels)
    pattern = response[1] * np.log(intensity + math.exp(response[0])) + response[2]
    assert pattern.mean() == pytest.approx(objective.measured[pixels].mean())
    assert pattern.std() == pytest.approx(objective.measured[pixels].std())
    assert np.isclose(math.exp(response[0]), np.array(EPS_TRIED) * objective.brightness).any()
    found, chosen = objective.look(PLANES, None, pixels, DARKEST)
    np.testing.assert_allclose(chosen, response)
    fixed, given = objective.look(PLANES, response + np.array([0, 9, 9, 0, 0]), pixels, DARKEST, eps=5.0)
    assert math.exp(given[0]) == pytest.approx(5.0)
    assert fixed.cost < 10 * found.cost


def test_the_eps_of_a_pattern_is_matched_by_its_own_body():
    brightness = objective_of().brightness
    for eps in (EPS_TRIED[0] * brightness, EPS_TRIED[2] * brightness):
        objective = objective_of(response=DetectorResponse(eps=eps, gain=0.07, offset=0.02))
        pixels = np.arange(objective.q.size)
        intensity = objective.intensity((OTHER.normals, OTHER.offsets), pixels, np.zeros(2), DARKEST)
        log_eps, gain, offset, *_ = objective.matched(intensity, pixels)
        assert math.exp(log_eps) == pytest.approx(eps)
        assert (gain, offset) == pytest.approx((0.07, 0.02), abs=1e-4)


@pytest.mark.parametrize("detector", DETECTORS)
def test_the_verdict_is_the_pattern_residual(detector):
    objective = objective_of(detector, max_shift=3.0)
    response, residual = objective.judged(PLANES, None)
    intensity = PolyhedronSimulator(detector=DETECTORS[detector]).transform([BODY])
    expected = pattern_residual(objective.picture, intensity[0], objective.mask)
    assert residual == pytest.approx(expected, rel=1e-3)
    assert isinstance(response, DetectorResponse)
    start = np.array([math.log(response.eps), response.gain, response.offset, *response.shift])
    again, refined = objective.judged(PLANES, start)
    assert refined == pytest.approx(residual, rel=0.02)
    assert max(map(abs, again.shift)) <= 3.0


def test_its_own_body_explains_a_pattern():
    objective = objective_of(max_shift=2.0)
    truth = np.array([math.log(60.0), 0.07, -0.15, 0.0, 0.0])
    look, _ = objective.look((OTHER.normals, OTHER.offsets), truth, np.arange(objective.q.size), DARKEST)
    assert look.cost < 1e-12
    assert objective.judged((OTHER.normals, OTHER.offsets), truth)[1] < 1e-11


def test_saturated_pixels_have_no_slope():
    sharp = DetectorResponse(eps=60.0, gain=0.07, offset=-0.15, saturation=0.4)
    objective = objective_of(response=sharp)
    assert objective.level == pytest.approx(0.4, rel=0.02)
    steep = np.array([math.log(30.0), 0.1, -0.45, 0.0, 0.0])
    look, _ = objective.look(PLANES, steep, np.arange(objective.q.size), DARKEST)
    recorded = look.error + objective.measured
    clipped = recorded >= objective.level
    dark = recorded <= 0
    assert clipped.sum() > 10
    assert dark.sum() > 10
    assert recorded.max() <= objective.level
    for flat in (clipped, dark):
        assert not look.by_planes[:, flat].any()
        assert not look.by_response[:, flat].any()
    assert objective_of().level == math.inf


def test_a_mask_leaves_out_pixels():
    rows, columns = np.indices((40, 40)) - 20
    mask = np.hypot(rows, columns) > 5
    objective = objective_of(mask=mask)
    assert objective.q.min() > 5 * 0.018
    spoilt = np.where(mask, objective.picture, np.nan).astype(np.float32)
    again = FacetObjective(objective.simulator, spoilt, mask, 0.0)
    np.testing.assert_array_equal(again.measured, objective.measured)


def test_pixels_within_a_limit():
    objective, rng = objective_of(), np.random.default_rng(0)
    inside = objective.within(0.1, None, rng)
    np.testing.assert_array_equal(inside, np.flatnonzero(objective.q <= 0.1))
    some = objective.within(0.1, 20, rng)
    assert some.size == 20 == np.unique(some).size
    assert set(some) <= set(inside)


def test_nothing_inside_is_no_look():
    objective = objective_of()
    empty = np.vstack([np.eye(3), -np.eye(3)]), np.array([1.0, 1, 1, -2, 1, 1])
    assert objective.look(empty, None, np.arange(50), DARKEST) is None
    turned = Rotation.from_euler("x", 0.3).apply(BODY.normals)
    assert objective.look((turned, BODY.offsets), None, np.arange(50), DARKEST) is not None


def test_pixels_within_a_limit_lie_about_the_shifted_centre():
    objective = objective_of(max_shift=6.0)
    pixels = objective.within(5.2 * 0.018, None, np.random.default_rng(0), (4.0, -3.0))
    rows, columns = np.divmod(np.flatnonzero(objective.places.lit.ravel())[pixels], 40)
    assert (rows.mean(), columns.mean()) == pytest.approx((24, 17))
    assert pixels.size == objective.within(5.2 * 0.018, None, np.random.default_rng(0)).size
    np.testing.assert_array_equal(objective.q_under((0.0, 0.0)), objective.q)


def test_losses_are_those_of_scipy():
    errors = np.array([-3.0, -0.2, 0.0, 0.1, 0.7])
    for scale, loss in ((0.5, "cauchy"), (math.inf, "linear")):
        losses, weights = pixel_losses(errors, scale)
        unit = 1.0 if math.isinf(scale) else scale
        fit = least_squares(lambda x: errors + 0 * x, 0.0, loss=loss, f_scale=unit)
        assert losses.sum() == pytest.approx(2 * fit.cost)
        slopes = [
            derivative(lambda e, s=scale: float(pixel_losses(np.array([e]), s)[0][0]), e) for e in errors
        ]
        np.testing.assert_allclose(2 * weights * errors, slopes, atol=1e-6)


def derivative(function, at, step=1e-5):
    return (function(at + step) - function(at - step)) / (2 * step)


def test_the_slope_of_a_robust_loss():
    objective = objective_of()
    pixels = pixels_of(objective)
    normals, offsets = PLANES

    def look(step=0.0, face=0, scale=0.02):
        moved = np.array(offsets) + step * (np.arange(len(offsets)) == face)
        return objective.look((normals, moved), POINT, pixels, DARKEST, scale=scale)[0]

    found = look()
    for row, face in enumerate(found.faces[:3]):
        slope = derivative(lambda step, f=face: look(step, f).cost, 0.0, 1e-3)
        assert 2 * np.mean(found.by_planes[3 * row] * found.error) == pytest.approx(slope, rel=1e-3, abs=1e-9)
    assert found.cost < look(scale=math.inf).cost
