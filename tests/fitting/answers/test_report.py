"""Reports of right fits, of noise, of nothing and of two bodies taken for one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from noisy_fits import PlaneFit, detector, exact_intensity, noisy_pattern, response_for
from scipy.spatial.transform import Rotation

from scatterkit.fitting.answers import build_report, judge_fit
from scatterkit.fitting.answers._scattering import inversion_change, simulated_intensity
from scatterkit.response import DetectorResponse, fit_response
from scatterkit.simulation import MSFTSimulator, PolyhedronSimulator
from scatterkit.solids import Ellipsoid, Rasterizer, Solid

GRID = detector(64)
SIMULATOR = MSFTSimulator(detector=GRID)


@pytest.fixture(scope="module")
def body():
    return Solid.from_catalogue("truncated_octahedron", 80).rotate(Rotation.from_rotvec([0.3, 0.5, 0.2]))


@pytest.fixture(scope="module")
def noisy(body):
    return noisy_pattern(exact_intensity(body, GRID), 1e6, 1.0, np.random.default_rng(0))


@pytest.fixture(scope="module")
def report(body, noisy):
    pattern, response = noisy
    grown = Solid.from_halfspaces(body.normals, body.offsets + 15.0 * (body.normals[:, 2] < -0.5))
    residual = float(np.mean((response.apply(exact_intensity(body, GRID)) - pattern) ** 2))
    candidates = [
        (residual, body),
        (1.05 * residual, grown),
        (1.02 * residual, body.shift([9, 0, 4])),
        (1.04 * residual, body.shift([-2, 5, 1])),
        (1.0, grown),
    ]
    return build_report(body, response, pattern, None, SIMULATOR, candidates=candidates, counts=1e6)


def test_a_right_fit_is_accepted(report):
    assert report.reject_ is None
    assert report.residual == pytest.approx(report.quality.expected, rel=0.15)
    assert report.r_factor < 0.3
    assert report.facets.determined.any()
    assert report.facets.crystal.fits
    np.testing.assert_allclose(np.nanmean(report.residual_map**2), report.residual)


def test_what_is_not_determined_is_listed(report):
    words = " ".join(report.undetermined)
    assert "far side" in words
    assert "37.5 nm" in words
    assert "shift" in words


def test_alternatives_are_listed_with_how_alike_they_are(report):
    same, other = report.alternatives
    assert same.residual < other.residual
    assert same.front_iou > 0.97  # a shift apart: the same front
    assert (same.count, other.count) == (2, 1)  # starts that ended at one body are one line
    assert other.front_iou < same.front_iou
    assert (report.facets.uncertainty.distance_spread > 1).any()


def test_the_page_and_the_data_set_say_it_all(report):
    page = str(report)
    for words in ("accepted", "R factor", "Lit facets", "Angles between facets", "Not determined", "as well"):
        assert words in page
    assert max(map(len, page.splitlines())) <= 120
    data = report.to_dataset()
    assert data["residual_map"].shape == GRID.shape
    assert data.sizes["alternative"] == 2
    assert data.attrs["rejected"] == ""
    assert (data["distance_interval"][:, 0] < data["distance_interval"][:, 1]).all()


def test_inversion_is_told_where_it_changes_nothing(body):
    """Without absorption, I(-q) = I(q) of the inverted body: on one sphere of wave vectors nothing changes."""
    clear = MSFTSimulator(detector=GRID, propagation="born")
    pyramid = Solid.from_catalogue("tetrahedron", 60).rotate(Rotation.from_rotvec([0.4, 0.1, 0.3]))
    for simulator, told in ((clear, True), (SIMULATOR, False)):
        exact = PolyhedronSimulator(detector=GRID, propagation=simulator.propagation)
        intensity = exact.transform([pyramid])[0].astype(float)
        response = response_for(intensity, 100.0)
        pattern = response.apply(intensity) + 1e-3 * np.random.default_rng(1).normal(size=GRID.shape)
        report = build_report(pyramid, response, pattern, None, simulator, crystal=None)
        assert any("inversion" in note for note in report.undetermined) is told
        assert any("far side" in note for note in report.undetermined) is not told


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.4, -0.8)])
def test_a_shifted_centre_has_no_part_in_the_inversion(shift):
    clear = MSFTSimulator(detector=GRID, propagation="born")
    pyramid = Solid.from_catalogue("tetrahedron", 60).rotate(Rotation.from_rotvec([0.4, 0.1, 0.3]))
    response = replace(
        response_for(simulated_intensity(pyramid, clear, 32).astype(float), 100.0), shift=shift
    )
    everything = np.ones(GRID.shape, dtype=bool)
    assert inversion_change(pyramid, response, everything, clear, 32) < 1e-8
    # absorption tells it; as much as without a shift
    change = inversion_change(pyramid, response, everything, SIMULATOR, 32)
    still = inversion_change(pyramid, replace(response, shift=(0.0, 0.0)), everything, SIMULATOR, 32)
    assert change == pytest.approx(still, rel=1e-6)
    assert change > 1e-5


def test_ellipsoids_are_inverted_as_ellipsoids():
    """A whole one is its own image; a cut one is not, wherever it lies."""
    whole = Ellipsoid(np.diag([50.0, 60.0, 70.0])).rotate(Rotation.from_rotvec([0.4, 0.1, 0.3]))
    response = response_for(simulated_intensity(whole, SIMULATOR, 32).astype(float), 100.0)
    everything = np.ones(GRID.shape, dtype=bool)
    assert inversion_change(whole.shift([8, -5, 3]), response, everything, SIMULATOR, 32) < 1e-8
    half = whole.cut((0.3, 0, -1), 10)
    assert inversion_change(half, response, everything, SIMULATOR, 32) > 1e-5


def test_a_report_judges_what_the_fit_saw(body):
    """Fitted through voxels, a residual is that of voxels: the exact pattern would tell of another."""
    response = response_for(exact_intensity(body, GRID), 100.0)
    voxels = SIMULATOR.transform(Rasterizer(grid=16, box=SIMULATOR.box).transform([body]))[0]
    pattern = response.apply(voxels)
    given = {"simulator": SIMULATOR, "crystal": None}
    exact = build_report(body, response, pattern, **given)
    seen = build_report(
        body, response, pattern, **given, intensity=voxels, candidates=[(1e-9, body.shift([1, 0, 0]))]
    )
    assert seen.residual < 1e-12 < 1e-7 < exact.residual
    assert np.abs(seen.residual_map).max() < 1e-6
    np.testing.assert_array_equal(seen.fitted, pattern)
    assert seen.alternatives == []
    with pytest.raises(ValueError, match="'intensity' parameter of build_report"):
        build_report(body, response, pattern, **given, intensity=voxels[:3])


def test_a_known_centre_is_known_to_the_report(body, noisy):
    pattern, response = noisy
    report = build_report(body, response, pattern, None, SIMULATOR, crystal=None, max_shift=0)
    assert not any("shift" in name for name in report.facets.uncertainty.response)


def test_noise_is_rejected(body):
    pattern = np.random.default_rng(2).random(GRID.shape)
    response, _ = fit_response(pattern, exact_intensity(body, GRID))
    report = build_report(body, response, pattern, None, SIMULATOR, crystal=None)
    assert "looks like noise" in report.reject_
    assert "REJECTED" in str(report)


@pytest.mark.parametrize("radius", [60.0, 600.0])
def test_exact_simulators_have_no_box(body, radius):
    """Bodies of any size are compared, and simulated on a grid where they have no closed form, as finely."""
    exact = PolyhedronSimulator(detector=detector(32))
    own = body.scale(radius / 80)
    other = Solid.from_halfspaces(own.normals, own.offsets + 0.1 * radius * (own.normals[:, 2] < -0.5))
    response = DetectorResponse(eps=100.0, gain=0.1, offset=-0.4)
    pattern = response.apply(exact.transform([own])[0])
    given = {"simulator": exact, "crystal": None, "grid": 24}
    report = build_report(own, response, pattern, candidates=[(1.0, own), (1.0, other)], **given)
    assert 0.3 < report.alternatives[0].front_iou < 0.9
    ball = Ellipsoid(np.diag([radius, radius, radius])).shift([0.3 * radius, 0, 0])
    assert simulated_intensity(ball, exact, 24).any()


def test_an_empty_pattern_is_rejected(body):
    response = DetectorResponse(eps=100.0, gain=0.0, offset=0.0)
    report = build_report(body, response, np.zeros(GRID.shape), None, SIMULATOR)
    assert "empty" in report.reject_
    assert "REJECTED" in str(report)
    assert report.to_dataset().attrs["rejected"] == report.reject_


def test_noise_without_any_intensity_behind_it_is_rejected(body):
    """A small gain spreads it over more decades than single precision has."""
    pattern = np.random.default_rng(2).random((128, 128))
    response, _ = fit_response(pattern, exact_intensity(body, detector(128)))
    report = build_report(body, response, pattern, crystal=None)
    assert "looks like noise" in report.reject_
    assert np.isnan(report.r_factor)
    assert "REJECTED" in str(report)


def test_rings_without_fringes_of_this_body_are_rejected(body):
    """A smooth profile with wide structures: the fit explains none of them."""
    rows, columns = np.indices(GRID.shape) - 32
    pattern = 0.5 + 0.3 * np.sin(rows / 3.0) * np.cos(columns / 3.0)
    response, _ = fit_response(pattern, exact_intensity(body, GRID))
    report = build_report(body, response, pattern, None, SIMULATOR, crystal=None)
    assert "no better than a smooth profile" in report.reject_


def test_two_bodies_fitted_by_one_convex_body_are_rejected():
    left = Solid.from_catalogue("cuboctahedron", 50).rotate(Rotation.from_rotvec([0.2, 0.4, 0.1]))
    right = Solid.from_catalogue("octahedron", 45).rotate(Rotation.from_rotvec([0.5, 0.1, 0.3]))
    right = right.shift([left.bounds[1, 0] - right.bounds[0, 0] + 1, 12, -9])
    field = PolyhedronSimulator(detector=GRID).field([left, right]).sum(axis=0)
    intensity = np.abs(field) ** 2
    response = response_for(intensity, 100.0)
    pattern = response.apply(intensity).astype(float)
    fit = PlaneFit(pattern, GRID)
    hull = Solid.from_points(np.vstack([left.vertices, right.vertices]))
    for start in (hull.shift(-hull.centroid), left):
        first, _ = fit_response(pattern, exact_intensity(start, GRID), fit_saturation=False)
        fitted, found = fit.run(start, first, 12)
        report = build_report(fitted, found, pattern, None, SIMULATOR, crystal=None)
        assert "several particles" in report.reject_


def test_a_body_that_is_not_convex_has_no_facets():
    cubes = [Solid.from_catalogue("cube", 30), Solid.from_catalogue("cube", 30).shift([60, 0, 0])]
    faces = np.vstack([cubes[0].faces, cubes[1].faces + len(cubes[0].vertices)])
    pair = Solid(np.vstack([cube.vertices for cube in cubes]), faces)
    response = DetectorResponse(eps=100.0, gain=0.1, offset=-0.4)
    pattern = np.random.default_rng(3).random(GRID.shape)
    report = build_report(pair, response, pattern, None, SIMULATOR, grid=24)
    assert report.facets is None
    assert any("no convex polyhedron" in note for note in report.undetermined)
    assert "facet " not in str(report)


def test_bodies_are_compared_by_the_loss_of_the_fit(body, noisy):
    """Candidates may bear another loss than the mean squared difference, as those of robust fits do."""
    pattern, response = noisy
    grown = Solid.from_halfspaces(body.normals, body.offsets + 15.0 * (body.normals[:, 2] < -0.5))
    residual = float(np.mean((response.apply(exact_intensity(body, GRID)) - pattern) ** 2))
    given = {"simulator": SIMULATOR, "crystal": None}
    for loss, n_others in ((0.5 * residual, 0), (0.85 * residual, 1)):
        candidates = [(loss, body), (0.9 * residual, grown)]
        told = build_report(body, response, pattern, **given, candidates=candidates)
        assert len(told.alternatives) == n_others


def test_a_robust_fit_is_not_rejected_for_what_it_ignored(body, noisy):
    pattern, response = noisy
    rows, columns = np.indices(GRID.shape) - 32
    blind = np.exp(-((rows - 12) ** 2 + (columns - 10) ** 2) / (2 * 8.0**2))
    scale = 0.5 * pattern.std()
    given = {"simulator": SIMULATOR, "crystal": None}
    whole = build_report(body, response, pattern, **given)
    squared, robust = (
        build_report(body, response, pattern + 3.0 * blind, **given, scale=scale) for scale in (np.inf, scale)
    )
    assert "fringes" in squared.reject_
    assert robust.reject_ is None
    assert squared.residual == pytest.approx(np.mean(squared.residual_map**2))
    assert robust.residual < 0.05 * squared.residual
    sure, lost, spoilt = (told.facets.uncertainty.distance_sigma for told in (whole, robust, squared))
    assert (lost < 0.5 * spoilt).all()
    assert (lost > 0.8 * sure).all()
    # as far off as the scale is wide, a pixel weighs half
    even = build_report(body, response, robust.fitted + scale * np.sign(blind - 0.3), **given, scale=scale)
    assert even.residual == pytest.approx(scale**2)
    with pytest.raises(ValueError, match="'scale' parameter of build_report"):
        build_report(body, response, pattern, **given, scale=0.0)


def test_noise_that_is_known_excuses_the_residual():
    """A residual that noise explains is not called structured; the same size in waves is."""
    rng = np.random.default_rng(4)
    rows, columns = np.indices((64, 64)) - 32
    truth = 0.5 + 0.2 * np.sin(rows / 2.0)
    mask, q = np.ones(truth.shape, dtype=bool), np.hypot(rows, columns)
    noise = 0.1 * rng.normal(size=truth.shape)
    assert judge_fit(truth + noise, truth, mask, q).reason is None
    waves = 0.1 * 2**0.5 * np.sin(columns / 2.0)
    assert judge_fit(truth + waves, truth, mask, q, expected=1e-4).reason is not None
    assert judge_fit(truth + waves, truth, mask, q, expected=1e-2).reason is None


def test_bad_input_is_refused(body, noisy):
    pattern, response = noisy
    for change, message in (
        ({"candidates": [body]}, "'candidates' parameter"),
        ({"tolerance": 0.0}, "'tolerance' parameter"),
        ({"crystal": "bcc"}, "'crystal' parameter"),
        ({"grid": 2}, "'grid' parameter"),
        ({"simulator": 3}, "'simulator' parameter"),
    ):
        with pytest.raises(ValueError, match=message):
            build_report(body, response, pattern, **{"simulator": SIMULATOR} | change)
