"""Uncertainties: derivatives by differences, noise by drawing it, intervals by how often they hold the truth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from facet_coverage import facet_errors
from noisy_fits import PlaneFit, detector, exact_intensity, jittered, noisy_pattern, response_for
from scipy.spatial.transform import Rotation

from scatterkit.fitting.answers import facet_table, parameter_uncertainty
from scatterkit.fitting.answers._alike import alike_groups
from scatterkit.fitting.answers._covariance import estimate
from scatterkit.fitting.answers._jacobian import Scene
from scatterkit.fitting.answers._lit import lit_side
from scatterkit.fitting.answers._noise import correlation_length, photon_moments, residual_scatter
from scatterkit.response import DetectorResponse
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid

GRID = detector(48)
SIMULATOR = MSFTSimulator(detector=GRID)
RESPONSE = DetectorResponse(eps=120.0, gain=0.1, offset=-0.4, saturation=0.55, shift=(0.3, -0.4))


@pytest.fixture(scope="module")
def body():
    turn = Rotation.from_euler("xyz", [0.3, 0.2, 0.5])
    return Solid.from_catalogue("truncated_octahedron", 80).rotate(turn)


@pytest.fixture(scope="module")
def noisy(body):
    rng = np.random.default_rng(0)
    pattern, response = noisy_pattern(exact_intensity(body, GRID), 1e6, 1.0, rng)
    return pattern, response


def changed(response: DetectorResponse, name: str, step: float) -> DetectorResponse:
    if name == "log eps":
        return replace(response, eps=response.eps * math.exp(step))
    if "shift" in name:
        shift = np.array(response.shift) + step * np.array([name == "row shift", name == "column shift"])
        return replace(response, shift=tuple(shift))
    return replace(response, **{name: getattr(response, name) + step})


def test_derivatives_are_those_of_differences(body):
    scene = Scene.of(SIMULATOR)
    normals, offsets = body.normals, body.offsets
    look = scene.jacobian(normals, offsets, RESPONSE, scene.lit)
    step = 1e-5
    for row, name in enumerate(look.names):
        ends = [
            scene.jacobian(normals, offsets, changed(RESPONSE, name, s), scene.lit).pattern
            for s in (step, -step)
        ]
        np.testing.assert_allclose(look.response[row], (ends[0] - ends[1]) / (2 * step), atol=2e-5, rtol=1e-4)
    for row in (0, 4, 8, 3 * len(look.faces) - 1):
        face, kind = look.faces[row // 3], row % 3
        ends = []
        for s in (step, -step):
            turned, moved = normals.copy(), offsets.copy()
            moved[face] += s * (kind == 0)
            if kind:
                turned[face] += s * look.tangents[row // 3, kind - 1]
            ends.append(scene.jacobian(turned, moved, RESPONSE, scene.lit).pattern)
        difference = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(look.planes[row], difference, atol=2e-3 * np.abs(difference).max())


@pytest.mark.parametrize("mean", [0.03, 2.0, 59.0, 200.0])
def test_moments_of_logarithms_of_counts_are_those_of_drawn_ones(mean):
    response = DetectorResponse(eps=3.0, gain=0.2, offset=0.1)
    counts = np.random.default_rng(1).poisson(mean, 400_000)
    drawn = 0.2 * np.log(1.5 * counts + 3.0)
    moments = photon_moments(np.array([1.5 * mean]), 1.5, response)
    assert moments.variance[0] == pytest.approx(drawn.var(), rel=0.03)
    expected = drawn.mean() - 0.2 * math.log(1.5 * mean + 3.0)
    assert moments.bias[0] == pytest.approx(expected, abs=5 * drawn.std() / len(drawn) ** 0.5)


def test_scatter_of_correlated_residuals_grows_with_their_correlation():
    rng = np.random.default_rng(2)
    mask = np.ones((96, 96), dtype=bool)
    white = rng.normal(size=mask.shape)
    smooth = sum(np.roll(white, (i, j), (0, 1)) for i in range(3) for j in range(3)) / 3  # of variance one
    ones = np.ones((1, mask.sum()))
    lengths = [correlation_length(noise[mask], mask) for noise in (white, smooth)]
    assert lengths[0] == 1
    assert lengths[1] > 2
    sums = [
        residual_scatter(ones, noise[mask], mask, length)[0, 0] / mask.sum()
        for noise, length in zip((white, smooth), lengths, strict=True)
    ]
    assert sums[0] == pytest.approx(1, rel=0.1)
    assert 4 < sums[1] < 10  # nine for ever longer weights


def test_shifts_and_units_of_the_body_change_no_answer(body, noisy):
    pattern, response = noisy
    known = parameter_uncertainty(body, response, pattern, None, SIMULATOR, counts=1e6)
    moved = parameter_uncertainty(body.shift([3, -4, 7]), response, pattern, None, SIMULATOR, counts=1e6)
    np.testing.assert_allclose(moved.distances, known.distances, atol=1e-9)
    np.testing.assert_allclose(moved.distance_sigma, known.distance_sigma, rtol=1e-3)
    lit = lit_side(body)
    np.testing.assert_allclose(
        known.distances, body.offsets[lit.faces] - body.normals[lit.faces] @ lit.origin
    )


def test_a_body_with_one_lit_face_has_uncertainties():
    cube = Solid.from_catalogue("cube", 60)
    pattern, response = noisy_pattern(exact_intensity(cube, GRID), 1e6, 1.0, np.random.default_rng(0))
    known = parameter_uncertainty(cube, response, pattern, None, SIMULATOR, counts=1e6)
    assert len(known.faces) == 1
    assert np.isfinite(known.distance_sigma).all()
    assert (known.normal_sigma > 0).all()


def test_more_photons_make_it_surer_as_their_root(body):
    intensity = exact_intensity(body, GRID)
    response = response_for(intensity, 300.0)
    pattern = response.apply(intensity)
    few, many = (
        parameter_uncertainty(body, response, pattern, None, SIMULATOR, counts=n) for n in (1e9, 1e11)
    )
    np.testing.assert_allclose(np.diag(few.covariance), 100 * np.diag(many.covariance), rtol=0.05)
    assert many.determined.all()
    assert many.noise == "photon counts"


def test_the_residual_tells_what_the_counts_tell(body, noisy):
    pattern, response = noisy
    by_counts = parameter_uncertainty(body, response, pattern, None, SIMULATOR, counts=1e6)
    by_residual = parameter_uncertainty(body, response, pattern, None, SIMULATOR)
    ratio = np.sqrt(np.diag(by_residual.covariance) / np.diag(by_counts.covariance))
    assert ((ratio > 0.7) & (ratio < 1.4)).all()
    assert by_residual.correlation_length == 1
    assert by_residual.noise_level == pytest.approx(by_counts.noise_level, rel=0.1)


def test_other_bodies_widen_the_intervals(body, noisy):
    pattern, response = noisy
    alone = parameter_uncertainty(body, response, pattern, None, SIMULATOR, counts=1e6)
    grown = Solid.from_halfspaces(body.normals, body.offsets + 2.0 * (np.arange(14) == alone.faces[0]))
    among = parameter_uncertainty(body, response, pattern, None, SIMULATOR, counts=1e6, alternatives=[grown])
    assert among.distance_spread[0] > 1
    np.testing.assert_allclose(
        among.distance_sigma**2, alone.distance_sigma**2 + among.distance_spread**2, rtol=1e-9
    )
    assert (among.seen_in == 1).all()
    wide, narrow = among.distance_intervals(0.99), among.distance_intervals(0.5)
    assert ((wide[:, 0] < narrow[:, 0]) & (wide[:, 1] > narrow[:, 1])).all()
    assert (among.normal_cones(0.99) > among.normal_cones(0.5)).all()


def test_facets_on_which_other_bodies_differ_are_not_determined(body, noisy):
    pattern, response = noisy
    given = {"simulator": SIMULATOR, "counts": 1e6}
    alone = parameter_uncertainty(body, response, pattern, **given)
    assert alone.determined[0]
    assert alone.n_alternatives == 0
    moved = body.offsets + 8.0 * (np.arange(14) == alone.faces[0])
    grown = Solid.from_halfspaces(body.normals, moved)
    among = parameter_uncertainty(body, response, pattern, **given, alternatives=[grown])
    assert among.distance_spread[0] > 0.05 * body.circumradius
    assert not among.determined[0]
    # far enough out, the plane cuts nothing: the others have no such facet
    without = [
        Solid.from_halfspaces(
            np.delete(body.normals, alone.faces[0], 0), np.delete(body.offsets, alone.faces[0])
        )
    ]
    lost = parameter_uncertainty(body, response, pattern, **given, alternatives=without)
    assert lost.seen_in[0] == 0
    assert lost.distance_spread[0] == 0
    assert not lost.determined[0]
    assert lost.n_alternatives == 1
    page = str(facet_table(body, uncertainty=lost))
    assert "seen in" in page
    assert "  0%" in page
    assert "seen in" not in str(facet_table(body, uncertainty=alone))


def test_starts_that_end_at_one_body_dilute_nothing(body, noisy):
    pattern, response = noisy
    number = np.arange(14)
    first = lit_side(body).faces[0]
    grown = Solid.from_halfspaces(body.normals, body.offsets + 8.0 * (number == first))
    cut = Solid.from_halfspaces(np.delete(body.normals, first, 0), np.delete(body.offsets, first))
    again = [body.shift([k, 0, -k]) for k in range(1, 8)] + [cut.shift([k, 0, 0]) for k in range(3)]
    given = {"simulator": SIMULATOR, "counts": 1e6}
    one = parameter_uncertainty(body, response, pattern, **given, alternatives=[grown, cut])
    many = parameter_uncertainty(body, response, pattern, **given, alternatives=[grown, cut, *again])
    np.testing.assert_allclose(many.distance_spread, one.distance_spread, atol=1e-9)
    np.testing.assert_allclose(many.normal_spread, one.normal_spread, atol=1e-6)
    np.testing.assert_array_equal(many.seen_in, one.seen_in)
    assert many.n_alternatives == one.n_alternatives == 2
    assert one.seen_in[0] == 0.5


def test_bodies_are_alike_by_their_lit_sides():
    cube = Solid.from_catalogue("cube", 60).rotate(Rotation.from_rotvec([0.4, 0.3, 0.1]))
    behind = Solid.from_halfspaces(
        np.vstack([cube.normals, [[0, 0, 1]]]), np.append(cube.offsets, 0.9 * cube.bounds[1, 2])
    )
    turned = cube.rotate(Rotation.from_rotvec([0, 0, 0.2]))
    smooth = Solid.from_catalogue("sphere", 60)
    bodies = [cube, turned, cube.shift([5, -3, 20]), smooth, behind, smooth.shift([9, 9, 9])]
    assert alike_groups(bodies) == [[0, 2, 4], [1], [3, 5]]


def test_a_covariance_survives_derivatives_that_say_the_same():
    """Two parameters of one effect and hardly any noise: their difference keeps its width, their sum is known."""
    rng = np.random.default_rng(5)
    effect = rng.normal(size=(2, 500))
    derivatives = np.array([effect[0], effect[0], effect[1]])
    widths = np.array([2.0, 2.0, 2.0])
    for variance in (1e-30, 1e-22, 0.0):
        found = estimate(
            derivatives, variance * derivatives @ derivatives.T, np.zeros(500), variance, widths, np.eye(3)
        )
        assert np.linalg.eigvalsh(found.covariance).min() > -1e-12
        apart = np.array([1.0, -1.0, 0.0]) / 2**0.5
        assert apart @ found.covariance @ apart == pytest.approx(4.0, rel=1e-2)
        assert found.covariance[2, 2] < 1e-12


def test_without_noise_and_absorption_answers_stay_finite(body):
    clear = MSFTSimulator(detector=GRID, propagation="born")
    response = response_for(exact_intensity(body, GRID), 300.0)
    scene = Scene.of(clear)
    look = scene.jacobian(body.normals, body.offsets, response, scene.lit)
    known = parameter_uncertainty(body, response, scene.picture(look.pattern), None, clear)
    assert np.isfinite(known.distance_sigma).all()
    assert np.isfinite(known.normal_sigma).all()
    assert np.linalg.eigvalsh(known.covariance).min() > -1e-9


def test_a_known_centre_is_no_parameter(body, noisy):
    pattern, response = noisy
    free = parameter_uncertainty(body, response, pattern, None, SIMULATOR, counts=1e6)
    known = parameter_uncertainty(body, response, pattern, None, SIMULATOR, counts=1e6, max_shift=0)
    assert "row shift" in free.response
    assert not any("shift" in name for name in known.response)
    assert known.distance_sigma.sum() < free.distance_sigma.sum()
    with pytest.raises(ValueError, match="'max_shift' parameter of parameter_uncertainty"):
        parameter_uncertainty(body, response, pattern, None, SIMULATOR, max_shift=-1)


def test_what_is_hidden_in_the_mask_is_not_determined(body, noisy):
    pattern, response = noisy
    rows, columns = np.indices(pattern.shape) - 24
    far = np.hypot(rows, columns) < 4
    known = parameter_uncertainty(body, response, pattern, far, SIMULATOR, counts=1e4)
    assert not known.determined.all()


def test_cones_hold_normals_drawn_from_their_covariance(body, noisy):
    pattern, response = noisy
    known = parameter_uncertainty(body, response, pattern, None, SIMULATOR, counts=1e6)
    rng = np.random.default_rng(3)
    for covariance, cone in zip(known.normal_covariance, known.normal_cones(0.9), strict=True):
        turns = rng.multivariate_normal(np.zeros(2), covariance, size=20_000)
        assert np.mean(np.linalg.norm(turns, axis=1) < cone) == pytest.approx(0.9, abs=0.02)


def test_intervals_hold_the_truth_as_often_as_they_say(body):
    """One body, many draws of noise: 90 % within 80 to 98 %, since these draws are few."""
    rng = np.random.default_rng(4)
    intensity = exact_intensity(body, GRID)
    held = []
    for _ in range(8):
        pattern, response = noisy_pattern(intensity, 1e6, 1.0, rng)
        fitted, response = PlaneFit(pattern, GRID).run(jittered(body, rng), response, 12)
        known = parameter_uncertainty(fitted, response, pattern, None, SIMULATOR, counts=1e6)
        held += [row["held"] for row in facet_errors(fitted, known, body) if row["determined"]]
    assert len(held) >= 40
    assert 0.8 <= np.mean(held) <= 0.98


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"solid": Solid.from_catalogue("sphere", 50)}, "'solid' parameter .* a smooth Ellipsoid"),
        ({"counts": -1.0}, "'counts' parameter"),
        ({"counts": np.zeros((48, 48))}, "'counts' parameter .* all zero"),
        ({"mask": np.zeros((48, 48), dtype=bool)}, "'mask' parameter"),
        ({"pattern": np.zeros((3, 3))}, "'pattern' parameter"),
        ({"response": 1.0}, "'response' parameter"),
    ],
)
def test_bad_input_is_refused(body, noisy, change, message):
    pattern, response = noisy
    given = {"solid": body, "response": response, "pattern": pattern, "simulator": SIMULATOR}
    with pytest.raises(ValueError, match=message):
        parameter_uncertainty(**given | change)
