"""Bodies refined by Poisson's likelihood: its derivatives, and what noise leaves of the estimates."""

import math

import numpy as np
import pytest
from photon_scene import CUBE, EXACT, LIMIT, MASK, SIMULATOR
from scipy import stats
from scipy.spatial.transform import Rotation

from scatterkit.fitting import ConvexBody, _photon_fit
from scatterkit.fitting._photon_fit import (
    FAINTEST,
    MANY,
    PhotonObjective,
    deviance,
    likeliest_light,
    refined_by_photons,
    unsaturated,
)
from scatterkit.fitting.answers import parameter_uncertainty
from scatterkit.fitting.answers._lit import lit_side
from scatterkit.fitting.engines import _Body, _result
from scatterkit.fitting.facet_objective import FacetObjective
from scatterkit.fitting.facet_schedule import FacetSchedule
from scatterkit.fitting.facet_search import DEEP, FacetSearch, Found
from scatterkit.fitting.levenberg import Trial
from scatterkit.response import fit_response
from scatterkit.simulation import LogScaler
from scatterkit.simulation.kernels.threads import single_blas_thread
from scatterkit.solids import Solid

BACKGROUND = 0.2
N_DRAWS = 12


def point_of(model):
    return model.starts(np.array([60.0]), np.random.default_rng(11))[0]


def expected_of(solid, photons, background=BACKGROUND):
    intensity = EXACT.transform([solid])[0].astype(np.float64) * MASK
    return intensity * (photons / intensity.sum()) + background * MASK


def search_of(model, pattern, max_shift=0.0):
    objective = FacetObjective(SIMULATOR, pattern, MASK, max_shift)
    schedule = FacetSchedule(n_starts=1, n_rounds=1)
    return FacetSearch(model, objective, schedule, time_budget=None, n_jobs=1, report=lambda entry: None)


def by_squares(search, point):
    """The body of the least mean squared difference of log-scaled patterns, from nearby."""
    scattering = EXACT.transform([search.model.solid(point, LIMIT)])[0]
    response, _ = fit_response(
        search.objective.picture, scattering, MASK, max_shift=0.0, fit_saturation=False
    )
    start = np.array([math.log(response.eps), response.gain, response.offset, 0.0, 0.0])
    search.objective.brightness = 100 * response.eps  # so that no eps is out of bounds
    trial = Trial(point, "near", response=start)
    pixels = np.arange(search.objective.q.size)
    search.levenberg.descend(trial, pixels, 40, free=True, darkest=DEEP, tolerance=1e-7)
    return Found(trial.point, "near", trial.residual, search.objective.response(trial.response))


def drawn(model, truth, photons, seed):
    """One draw of photons, the search on its log-scaled pattern, and a point near the truth."""
    expected = expected_of(model.solid(truth, LIMIT), photons)
    rng = np.random.default_rng(seed)
    counts = rng.poisson(expected).astype(np.float64)
    signs = rng.choice([-1.0, 1.0], np.shape(model.rates(truth)))
    near = model.move(truth, 0.5 * signs * model.rates(truth), LIMIT)
    return counts, search_of(model, LogScaler().transform(counts[None])[0]), near


def found_at(search, point):
    return Found(point, "", 0.0, search.objective.response(np.array([0.0, 1.0, 0.0, 0.0, 0.0])))


def size(point):
    return CUBE.solid(point, LIMIT).circumradius


@pytest.fixture(scope="module", autouse=True)
def _one_blas_thread():
    with single_blas_thread():
        yield


@pytest.mark.parametrize(("counts", "expected"), [(0.0, 0.3), (3.0, 2.2), (1e6, 1.002e6), (7.0, 7.0)])
def test_the_deviance_is_twice_the_lost_log_likelihood(counts, expected):
    best = 0.0 if counts == 0 else stats.poisson.logpmf(counts, counts)
    lost = best - stats.poisson.logpmf(counts, expected)
    assert deviance(np.array(counts), np.array(expected)) == pytest.approx(2 * lost, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("what", ["background", "scale", "row shift", "column shift", "size"])
def test_derivatives_of_the_likelihood_by_finite_differences(what):
    model, truth = CUBE, point_of(CUBE)
    expected = expected_of(model.solid(truth, LIMIT), 1e5)
    counts = np.random.default_rng(3).poisson(expected)
    search = search_of(model, LogScaler().transform(counts[None])[0], max_shift=3.0)
    objective = PhotonObjective(search.objective, counts)
    pixels, planes = objective.unsaturated, search.levenberg.planes(truth)
    start = objective.first_response(planes, np.array([0.4, -0.3]))
    start[0] += 0.3  # where nothing is stationary

    def half_deviance(step):
        response, moved = start.copy(), planes
        if what == "size":
            moved = planes[0], planes[1] + step * (np.arange(len(planes[1])) < 6)
        else:
            response[{"background": 0, "scale": 2, "row shift": 3, "column shift": 4}[what]] += step
        look, _ = objective.look(moved, response, pixels, DEEP)
        return 0.5 * look.cost * pixels.size

    step = 1e-3
    slope = (half_deviance(step) - half_deviance(-step)) / (2 * step)
    look, _ = objective.look(planes, start, pixels, DEEP)
    if what == "size":
        own = np.repeat(look.faces < 6, 3) & (np.arange(3 * look.faces.size) % 3 == 0)
        derivatives = look.by_planes[own].sum(axis=0)
    else:
        number = {"background": 0, "scale": 2, "row shift": 3, "column shift": 4}[what]
        derivatives = look.by_response[number]
    assert derivatives.astype(np.float64) @ look.error == pytest.approx(slope, rel=2e-3)


def test_the_first_response_is_the_likeliest_scale_and_background():
    truth = CUBE.solid(point_of(CUBE), LIMIT)
    expected = expected_of(truth, 1e5)
    search = search_of(CUBE, LogScaler().transform(expected[None])[0])
    objective = PhotonObjective(search.objective, expected)  # without noise
    found = objective.first_response(search.levenberg.planes(point_of(CUBE)), np.zeros(2))
    intensity = EXACT.transform([truth])[0] * MASK
    assert found[0] == pytest.approx(BACKGROUND, rel=0.05)
    assert math.exp(found[2]) == pytest.approx(1e5 / intensity.sum(), rel=0.01)


def test_a_background_that_is_not_there_stays_at_its_bound():
    truth = point_of(CUBE)
    expected = expected_of(CUBE.solid(truth, LIMIT), 1e5, background=0.0)
    counts = np.floor(expected)  # fewer than expected where it is dark: the likeliest background is negative
    search = search_of(CUBE, LogScaler().transform(counts[None])[0])
    objective = PhotonObjective(search.objective, counts)
    response = objective.bounded(np.array([-1.0, 1.0, math.log(1e-3), 0.0, 0.0]))
    assert response[0] == FAINTEST
    start = objective.first_response(search.levenberg.planes(truth), np.zeros(2))
    start[0] = FAINTEST
    look, _ = objective.look(search.levenberg.planes(truth), start, objective.unsaturated, DEEP)
    assert not look.by_response[0].any()


def test_saturated_pixels_have_no_part_in_it():
    truth = point_of(CUBE)
    expected = expected_of(CUBE.solid(truth, LIMIT), 1e6)
    pattern = LogScaler().transform(expected[None])[0]
    level = np.quantile(pattern[MASK], 0.95)
    spoilt = np.where(pattern > level, 7.0, np.round(expected))
    assert spoilt.max() > MANY
    search = search_of(CUBE, np.minimum(pattern, level))
    seen = pattern[search.objective.places.lit]
    assert PhotonObjective(search.objective, spoilt).unsaturated.size == np.sum(seen < 0.99 * level)
    (found,), _ = refined_by_photons(search, [found_at(search, truth)], spoilt, math.inf)
    assert found.deviance < 0.2
    assert size(found.point) == pytest.approx(size(truth), abs=0.02)


def test_a_plateau_of_few_photons_is_no_saturation():
    truth = point_of(CUBE)
    counts = np.minimum(np.random.default_rng(0).poisson(expected_of(CUBE.solid(truth, LIMIT), 1e3)), 3.0)
    search = search_of(CUBE, LogScaler().transform(counts[None])[0])
    assert math.isfinite(search.objective.level)  # many pixels of three photons
    objective = PhotonObjective(search.objective, counts)
    assert objective.unsaturated.size == objective.counts.size
    many = 100 * counts[MASK]
    measured = search.objective.picture[MASK].astype(float)
    np.testing.assert_array_equal(unsaturated(measured, many), many < 300)
    assert unsaturated(np.ones(9), many[:9] + 200).all()  # there are no others


@pytest.mark.parametrize("background", [0.0, 0.05, 3.0])
def test_scale_and_background_are_likeliest(background):
    rng = np.random.default_rng(4)
    intensity = rng.exponential(2.0, 4000)
    counts = rng.poisson(1.5 * intensity + background).astype(float)
    found = likeliest_light(intensity, counts)

    def lost(light):
        return -stats.poisson.logpmf(counts, light[0] * intensity + light[1]).sum()

    assert found[1] >= 0
    for step in ([0.01, 0], [-0.01, 0], [0, 0.01], [0, -0.01]):
        light = np.array(found) + step
        assert light[1] < 0 or lost(light) > lost(found)


def test_the_shift_of_the_likeliest_body_is_kept():
    truth = point_of(CUBE)
    counts = np.round(expected_of(CUBE.solid(truth, LIMIT), 1e6))
    search = search_of(CUBE, LogScaler().transform(counts[None])[0], max_shift=3.0)
    off = search.objective.response(np.array([0.0, 1.0, 0.0, 0.4, -0.3]))
    (found,), _ = refined_by_photons(search, [Found(truth, "", 0.0, off)], counts, math.inf)
    assert found.response.shift == pytest.approx((0.0, 0.0), abs=0.02)


def test_bodies_that_were_refined_come_first():
    response = search_of(CUBE, np.eye(48, dtype=np.float32)).objective.response(np.zeros(5))
    solids = [Solid.from_catalogue("cube", circumradius=radius) for radius in (40, 50, 60)]
    left = [(0.01, math.nan), (0.03, 1.1), (0.02, 0.9)]
    for given, order in ((left, [2, 1, 0]), ([(residual, math.nan) for residual, _ in left], [0, 2, 1])):
        points = np.eye(3)
        bodies = [
            _Body(*body, *each) for *body, each in zip(points, solids, [response] * 3, given, strict=True)
        ]
        best = _result(bodies, interrupted=False)
        assert [solids.index(body) for _, body in best.candidates] == order
        assert best.solid is solids[order[0]]
        np.testing.assert_array_equal(best.point, points[order[0]])
        assert best.deviance == pytest.approx(given[order[0]][1], nan_ok=True)


@pytest.mark.parametrize(
    ("residual", "deviance", "first"), [(1.04, 1.0, 1), (1.06, 1.0, 0), (0.5, math.nan, 0)]
)
def test_what_merging_may_cost_does_not_count(residual, deviance, first):
    response = search_of(CUBE, np.eye(48, dtype=np.float32)).objective.response(np.zeros(5))
    solids = [Solid.from_catalogue("cube", circumradius=radius) for radius in (40, 50)]
    bodies = [
        _Body(np.zeros(1), solids[0], response, 1.0, 1.0),
        _Body(np.ones(1), solids[1], response, residual, deviance, merged=True),
    ]
    best = _result(bodies, interrupted=False)
    assert best.solid is best.candidates[0][1] is solids[first]
    assert best.residual == [1.0, residual][first]


def test_bodies_without_time_stay_as_they_are():
    counts, search, near = drawn(CUBE, point_of(CUBE), 1e5, 0)
    begun = found_at(search, near)
    (first, second), _ = refined_by_photons(search, [begun, begun], counts, -math.inf)
    assert math.isfinite(first.deviance)
    assert second is begun


def test_what_is_refined_stays_after_an_interruption(monkeypatch):
    counts, search, near = drawn(CUBE, point_of(CUBE), 1e5, 0)
    refine, done = _photon_fit._refined, []

    def once(*given):
        if done:
            raise KeyboardInterrupt
        done.append(refine(*given))
        return done[0]

    monkeypatch.setattr(_photon_fit, "_refined", once)
    begun = found_at(search, near)
    assert refined_by_photons(search, [begun, begun], counts, math.inf) == ([done[0], begun], True)


def cramer_rao(solid, photons):
    """Least standard deviation of a cube's circumradius, by differences of simulated patterns."""
    brightness = EXACT.transform([solid])[0][MASK].sum(dtype=float)

    def moved(number, step):
        if number == 0:
            body = solid.scale(1 + step / solid.circumradius)
        else:
            body = solid.rotate(Rotation.from_rotvec(step * np.eye(3)[number - 1]))
        return EXACT.transform([body])[0][MASK].astype(float) * (photons / brightness)

    steps = enumerate((0.02, 1e-3, 1e-3, 1e-3))
    rows = [(moved(number, step) - moved(number, -step)) / (2 * step) for number, step in steps]
    mean = moved(0, 0.0) + BACKGROUND
    jacobian = np.array([*rows, mean - BACKGROUND, np.ones(mean.size)])  # by scale and background too
    fisher = (jacobian / mean) @ jacobian.T
    return math.sqrt(np.linalg.inv(fisher)[0, 0])


@pytest.mark.parametrize(("photons", "gain"), [(1e4, 0.7), (1e6, 1.0)])
def test_the_size_of_a_cube_is_known_as_well_as_photons_allow(photons, gain):
    truth = point_of(CUBE)
    off = []
    for seed in range(N_DRAWS):
        counts, search, near = drawn(CUBE, truth, photons, seed)
        squares = by_squares(search, near)
        (likeliest,), _ = refined_by_photons(search, [squares], counts, math.inf)
        off.append([size(found.point) - size(truth) for found in (squares, likeliest)])
    of_squares, of_likelihood = np.sqrt(np.mean(np.square(off), axis=0))
    assert of_likelihood < gain * of_squares
    # unbiased within three standard errors, and as good as the bound: its square within 99.8 % of what chance gives
    bound = cramer_rao(CUBE.solid(truth, LIMIT), photons)
    assert abs(np.mean(off, axis=0)[1]) < 3 * bound / math.sqrt(N_DRAWS)
    low, high = stats.chi2.ppf([0.001, 0.999], N_DRAWS) / N_DRAWS
    assert low < (of_likelihood / bound) ** 2 < high


def normal_bound(solid, faces, photons, background):
    """Least standard deviation of normals, all planes free, by differences of simulated patterns."""
    scale = photons / EXACT.transform([solid])[0][MASK].sum(dtype=float)

    def seen(normals, offsets):
        moved = Solid.from_halfspaces(normals, offsets)
        return scale * EXACT.transform([moved])[0][MASK].astype(float)

    rows, normals, offsets = [], solid.normals, solid.offsets
    for face, normal in enumerate(normals):
        sides = np.linalg.svd(normal[None])[2][1:]
        for side in (None, *sides):
            ends = []
            for step in (0.01, -0.01) if side is None else (2e-4, -2e-4):
                turned, moved = normals.copy(), offsets.copy()
                if side is None:
                    moved[face] += step
                else:
                    turned[face] = math.cos(step) * normal + math.sin(step) * side
                ends.append((step, seen(turned, moved)))
            rows.append((ends[0][1] - ends[1][1]) / (ends[0][0] - ends[1][0]))
    mean = seen(normals, offsets)
    jacobian = np.array([*rows, mean, np.ones(mean.size)])
    # shifts of the body change nothing and turn nothing
    shifts = np.zeros((3, len(jacobian)))
    shifts[:, : 3 * len(normals) : 3] = normals.T
    fisher = (jacobian / (mean + background)) @ jacobian.T
    variances = np.diag(np.linalg.inv(fisher + 1e4 * shifts.T @ shifts))
    return np.sqrt([variances[3 * face + 1] + variances[3 * face + 2] for face in faces])


def test_a_background_makes_facets_less_sure_as_photons_say():
    solid = CUBE.solid(point_of(CUBE), LIMIT).rotate(Rotation.from_rotvec([0.2, -0.1, 0.3]))
    scattering, sigmas = EXACT.transform([solid])[0], []
    for background in (0.2, 20.0):
        counts = expected_of(solid, 1e5, background)
        pattern = LogScaler().transform(counts[None])[0]
        response = fit_response(pattern, scattering, MASK, max_shift=0.0, fit_saturation=False)[0]
        known = parameter_uncertainty(
            *(solid, response, pattern, MASK, SIMULATOR), counts=counts, max_shift=0.0, by_photons=True
        )
        bound = normal_bound(solid, known.faces, 1e5, background)
        np.testing.assert_allclose(known.normal_sigma, bound, rtol=0.1)
        sigmas.append([*known.normal_sigma, *known.distance_sigma])
    assert (np.array(sigmas[1]) > 1.1 * np.array(sigmas[0])).all()


@pytest.mark.slow
def test_intervals_of_facets_hold_the_truth_as_often_as_they_say():
    model = ConvexBody(n_faces=14)
    truth = model.starts(np.array([55.0]), np.random.default_rng(7))[0]
    truth[:, :3] = Rotation.from_rotvec([0.4, 0.3, 0.1]).apply(truth[:, :3])
    solid = model.solid(truth, LIMIT)
    lit = lit_side(solid)
    normals = solid.normals[lit.faces]
    distances = solid.offsets[lit.faces] - normals @ lit.origin
    scores, deviances = [], []
    for seed in range(N_DRAWS):
        counts, search, near = drawn(model, truth, 1e6, seed)
        (found,), _ = refined_by_photons(search, [found_at(search, near)], counts, math.inf)
        body, pattern = model.solid(found.point, LIMIT), search.objective.picture
        scattering = EXACT.transform([body])[0]
        response = fit_response(pattern, scattering, MASK, max_shift=0.0, fit_saturation=False)[0]
        noise = {"counts": counts, "max_shift": 0.0}
        known, loose = (
            parameter_uncertainty(body, response, pattern, MASK, SIMULATOR, by_photons=by_photons, **noise)
            for by_photons in (True, False)
        )
        assert set(known.response) == {"background", "log scale"}
        assert (np.diag(known.covariance) < np.diag(loose.covariance)).all()  # Fisher's is the least there is
        same = np.argmax(normals @ body.normals[known.faces].T, axis=1)
        scores.append((known.distances[same] - distances) / known.distance_sigma[same])
        deviances.append(found.deviance)
    assert np.sqrt(np.mean(np.square(scores))) == pytest.approx(1.0, abs=0.2)
    assert 0.8 < np.mean(np.abs(scores) < stats.norm.ppf(0.95)) < 0.97
    assert np.mean(deviances) == pytest.approx(1.0, abs=0.05)
