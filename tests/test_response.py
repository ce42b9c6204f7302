"""The detector response: what it records, its gradient, and that it is found again."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from scatterkit._response_fit import shift_matrix
from scatterkit.response import DetectorResponse, fit_response


def ring_pattern(seed: int = 0, n: int = 64) -> np.ndarray:
    """Intensity of a sphere with a few facet-like lobes: six decades, rings, no symmetry."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:n, :n] - n // 2
    u = np.pi / n * 12 * np.hypot(x * (1 + 0.3 * rng.random()), y) + 1e-3
    rings = (3 * (np.sin(u) - u * np.cos(u)) / u**3) ** 2
    lobes = 1 + 0.6 * np.cos(3 * np.arctan2(y, x) + 6 * rng.random())
    return 1e6 * rings * lobes


def response_for(intensity: np.ndarray, *, eps: float, shift: tuple[float, float]) -> DetectorResponse:
    """A response that clips some pixels from below and some from above."""
    eps = eps * float(np.median(intensity))
    log = np.log(intensity + eps)
    low, high = np.quantile(log, [0.1, 0.97])
    gain = 0.8 / (high - low)
    return DetectorResponse(eps=eps, gain=gain, offset=-gain * low, saturation=0.8, shift=shift)


def detector(n: int = 64) -> np.ndarray:
    y, x = np.mgrid[:n, :n] - n // 2
    radius = np.hypot(y, x)
    return (radius > 3) & (radius < 0.35 * n) & (np.abs(y) < 0.3 * n)


def test_apply_is_the_stated_formula() -> None:
    intensity = np.array([[0.0, 1.0], [10.0, 1e9]])
    response = DetectorResponse(eps=2.0, gain=0.3, offset=-0.4, saturation=0.9)
    expected = np.clip(0.3 * np.log(intensity + 2.0) - 0.4, 0, 0.9)
    assert_allclose(response.apply(intensity), expected, rtol=1e-6)
    assert_allclose(response.apply(np.stack([intensity, 2 * intensity]))[0], expected, rtol=1e-6)


@pytest.mark.parametrize("shift", [(2.0, -3.0), (-1.0, 0.0)])
def test_whole_pixel_shift_moves_towards_larger_indices(shift: tuple[float, float]) -> None:
    intensity = ring_pattern()
    still = DetectorResponse(eps=1.0, gain=0.05, offset=0.0)
    moved = DetectorResponse(eps=1.0, gain=0.05, offset=0.0, shift=shift)
    rolled = np.roll(still.apply(intensity), [int(part) for part in shift], axis=(0, 1))
    assert_allclose(moved.apply(intensity)[4:-4, 4:-4], rolled[4:-4, 4:-4], atol=1e-6)


@given(st.floats(-3, 3), st.floats(-1, 1), st.floats(-0.1, 0.1))
def test_cubic_convolution_reproduces_a_parabola(shift: float, slope: float, curvature: float) -> None:
    x = np.arange(24.0)
    moved = shift_matrix(24, shift) @ (1 + slope * x + curvature * x**2)
    expected = 1 + slope * (x - shift) + curvature * (x - shift) ** 2
    assert_allclose(moved[6:-6], expected[6:-6], atol=2e-4)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.4, -1.7)])
def test_pullback_agrees_with_finite_differences(shift: tuple[float, float]) -> None:
    rng = np.random.default_rng(3)
    intensity = rng.gamma(1.0, 5.0, size=(12, 14)) + 0.5
    response = response_for(intensity, eps=0.3, shift=shift)
    weights = rng.normal(size=intensity.shape)

    def loss(values: np.ndarray) -> float:
        linear = shift_matrix(12, shift[0]).astype(float) @ np.log(values + response.eps)
        linear = response.gain * linear @ shift_matrix(14, shift[1]).astype(float).T + response.offset
        return float(np.sum(weights * np.clip(linear, 0, response.saturation)))

    direction = rng.normal(size=intensity.shape)
    step = 1e-6
    numeric = (loss(intensity + step * direction) - loss(intensity - step * direction)) / (2 * step)
    pattern, pullback = response.vjp(intensity)
    assert float(np.sum(pullback(weights) * direction)) == pytest.approx(numeric, rel=1e-4)
    assert_allclose(pattern, response.apply(intensity))


def test_no_gradient_through_clipped_pixels() -> None:
    response = DetectorResponse(eps=1.0, gain=1.0, offset=-1.0, saturation=2.0)
    gradient = response.vjp([[0.1, 5.0, 1e3]])[1]([[1.0, 1.0, 1.0]])
    assert gradient[0, 0] == 0
    assert gradient[0, 2] == 0
    assert gradient[0, 1] == pytest.approx(1 / 6)


@pytest.mark.parametrize("seed", range(4))
def test_the_response_is_found_again(seed: int) -> None:
    rng = np.random.default_rng(seed)
    intensity = ring_pattern(seed)
    shift = tuple(rng.uniform(-2.5, 2.5, size=2).tolist())
    truth = response_for(intensity, eps=10 ** rng.uniform(-2, 1), shift=shift)
    found, residual = fit_response(truth.apply(intensity), intensity, detector())
    assert residual < 1e-9
    assert_allclose(found.shift, truth.shift, atol=1e-2)
    assert found.eps == pytest.approx(truth.eps, rel=1e-2)
    assert found.gain == pytest.approx(truth.gain, rel=1e-2)
    assert found.saturation == pytest.approx(truth.saturation, abs=1e-3)


def test_residual_is_that_of_apply_and_at_most_that_of_the_truth() -> None:
    rng = np.random.default_rng(0)
    intensity, mask = ring_pattern(), detector()
    truth = response_for(intensity, eps=0.1, shift=(1.2, -0.6))
    measured = np.clip(truth.apply(intensity) + rng.normal(scale=0.02, size=mask.shape), 0, None)
    found, residual = fit_response(measured, intensity, mask)
    by_hand = np.mean((found.apply(intensity) - measured)[mask] ** 2)
    assert residual == pytest.approx(by_hand, rel=1e-3)
    assert residual <= np.mean((truth.apply(intensity) - measured)[mask] ** 2)
    measured[~mask] = 7.0  # what was not measured must not matter
    assert fit_response(measured, intensity, mask)[1] == pytest.approx(residual, rel=1e-9)


@given(st.floats(-9, 9))
def test_scaling_the_intensity_scales_eps_alone(decade: float) -> None:
    intensity, mask = ring_pattern(1), detector()
    measured = response_for(intensity, eps=0.2, shift=(0.3, 0.8)).apply(intensity)
    measured += 0.02 * np.cos(np.arange(64))  # so that the residual is not zero
    first, residual = fit_response(measured, intensity, mask)
    other, other_residual = fit_response(measured, 10**decade * intensity, mask)
    assert other_residual == pytest.approx(residual, rel=1e-3)
    assert other.eps / 10**decade == pytest.approx(first.eps, rel=0.05)
    assert_allclose(other.shift, first.shift, atol=0.02)


def test_a_warm_start_reaches_the_same_residual() -> None:
    intensity, mask = ring_pattern(2), detector()
    y, _ = np.mgrid[:64, :64]
    near = intensity * (1 + 0.2 * np.cos(y / 4))
    measured = response_for(intensity, eps=0.1, shift=(-1.1, 0.4)).apply(intensity)
    start, _ = fit_response(measured, intensity, mask)
    _, cold = fit_response(measured, near, mask)
    _, warm = fit_response(measured, near, mask, start=start)
    assert warm == pytest.approx(cold, rel=0.02)


def test_shift_and_saturation_can_be_held() -> None:
    intensity, mask = ring_pattern(), detector()
    measured = response_for(intensity, eps=0.1, shift=(1.0, 1.0)).apply(intensity)
    held, _ = fit_response(measured, intensity, mask, max_shift=0)
    assert held.shift == (0.0, 0.0)
    unclipped, worse = fit_response(measured, intensity, mask, fit_saturation=False)
    assert math.isinf(unclipped.saturation)
    assert worse > fit_response(measured, intensity, mask)[1]
    limited, _ = fit_response(measured, intensity, mask, max_shift=0.5)
    assert max(abs(part) for part in limited.shift) <= 0.5


def test_no_saturation_far_below_what_was_recorded() -> None:
    """A level that low would let a flat pattern pass for a clipped one."""
    intensity, mask = ring_pattern(), detector()
    measured = np.random.default_rng(0).random(mask.shape)
    response, _ = fit_response(measured, intensity, mask)
    assert response.saturation >= 0.95 * np.quantile(measured[mask], 0.99) - 1e-6


def test_gain_is_never_negative() -> None:
    intensity, mask = ring_pattern(), detector()
    log = np.log(intensity + 1)
    response, residual = fit_response((log.max() - log) / np.ptp(log), intensity, mask, max_shift=1)
    assert response.gain >= 0
    assert np.isfinite(residual)


@pytest.mark.parametrize("intensity", [np.zeros((16, 16)), np.ones((16, 16))])
def test_a_constant_intensity_leaves_the_variance(intensity: np.ndarray) -> None:
    measured = np.random.default_rng(0).random((16, 16))
    _, residual = fit_response(measured, intensity)
    assert residual == pytest.approx(measured.var(), rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [
        ({"measured": np.full((8, 8), np.nan)}, "measured"),
        ({"intensity": -np.ones((8, 8))}, "intensity"),
        ({"intensity": np.ones((8, 9))}, "intensity"),
        ({"mask": np.zeros((8, 8), dtype=bool)}, "mask"),
        ({"mask": np.ones((4, 4), dtype=bool)}, "mask"),
        ({"max_shift": -1}, "max_shift"),
        ({"start": "warm"}, "start"),
    ],
)
def test_bad_input_names_the_parameter(arguments: dict, parameter: str) -> None:
    given_arguments = {"measured": np.ones((8, 8)), "intensity": np.ones((8, 8))} | arguments
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of fit_response must be .* Got .*"):
        fit_response(**given_arguments)


@pytest.mark.parametrize(
    "wrong",
    [
        {"eps": 0.0},
        {"gain": -1.0},
        {"offset": math.nan},
        {"saturation": -1.0},
        {"shift": (1.0,)},
        {"shift": 1.0},
    ],
)
def test_a_response_checks_its_numbers(wrong: dict) -> None:
    name = next(iter(wrong))
    with pytest.raises(ValueError, match=f"The '{name}' parameter of DetectorResponse"):
        DetectorResponse(**({"eps": 1.0, "gain": 1.0, "offset": 0.0} | wrong))
    with pytest.raises(ValueError, match="gradient"):
        DetectorResponse(1.0, 1.0, 0.0).vjp(np.ones((4, 4)))[1](np.ones((4, 5)))
