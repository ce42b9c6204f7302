"""MSFTSimulator as its users meet it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from simulation_bodies import random_volumes, sphere_volume, zigzag_volumes
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from scatterkit.experiment import FlatDetector, QGrid
from scatterkit.simulation import LogScaler, MSFTSimulator
from scatterkit.simulation.simulator import _check_volumes_fast

SMALL = (12, 10, 11)
DETECTOR = QGrid(20, 0.04)


def test_defaults_are_the_published_configuration():
    simulator = MSFTSimulator()
    for n in (12, 24):
        intensities = simulator.transform(np.ones((2, n, n, n), dtype=np.float32))
        assert intensities.shape == (2, 128, 128)
        assert intensities.dtype == np.float32
    q_y, q_x = QGrid().wavevectors(1.0)
    assert q_y[64, 0] == q_x[0, 64] == 0
    np.testing.assert_allclose(np.diff(q_x[0]), 2 * np.pi / (512 * 318.75 / 192))


def test_pixels_beyond_the_wave_number_are_zero():
    E = MSFTSimulator().field(random_volumes(SMALL))
    q_y, q_x = QGrid().wavevectors(1.0)
    beyond = np.hypot(q_y, q_x) >= 2 * np.pi / 13.5
    assert not E[:, beyond].any()
    assert E[:, ~beyond].all()


def test_patterns_hardly_depend_on_the_grid():
    simulator = MSFTSimulator(detector=QGrid(32, 2 * np.pi / 850))
    coarse, fine = (simulator.field(sphere_volume(n, 70.0, sub)) for n, sub in ((48, 4), (96, 2)))
    assert np.linalg.norm(coarse - fine) < 0.05 * np.linalg.norm(fine)


def test_intensity_is_the_squared_field():
    simulator = MSFTSimulator(detector=DETECTOR)
    volumes = random_volumes(SMALL)
    np.testing.assert_allclose(
        simulator.transform(volumes), np.abs(simulator.field(volumes)) ** 2, rtol=1e-5, atol=1e-6
    )
    assert simulator.field(volumes).dtype == np.complex64


def test_shift_along_the_beam_changes_the_phase_alone():
    volumes = np.zeros((2, 20, 20, 20), dtype=np.float32)
    volumes[0, 4:10, 5:12, 6:15] = volumes[1, 9:15, 5:12, 6:15] = 0.8
    first, second = MSFTSimulator().transform(volumes)
    np.testing.assert_allclose(second, first, atol=1e-5 * first.max())


def test_absorption_hides_the_back():
    volumes = np.ones((2, 64, 6, 6), dtype=np.float32)
    volumes[1, 32:] = 0
    thick, thin = MSFTSimulator(detector=DETECTOR).field(volumes)
    assert np.abs(thick - thin).max() < 1e-5 * np.abs(thin).max()


def test_mask_darkens_pixels_and_their_gradient():
    mask = np.ones(DETECTOR.shape, dtype=bool)
    mask[8:12] = False
    volumes = random_volumes(SMALL)
    masked, whole = MSFTSimulator(detector=DETECTOR, mask=mask), MSFTSimulator(detector=DETECTOR)
    intensities, pullback = masked.vjp(volumes)
    np.testing.assert_allclose(
        intensities, whole.transform(volumes) * mask, rtol=1e-4, atol=1e-6 * intensities.max()
    )
    only_masked = np.where(mask, 0, np.ones_like(intensities))
    assert not pullback(only_masked).any()
    assert pullback(np.ones_like(intensities)).any()


@pytest.mark.parametrize("backend", ["auto", "matrix", "reference"])
@pytest.mark.parametrize("detector", [DETECTOR, FlatDetector(12, 1.0, 5.0)])
@pytest.mark.parametrize("treatment", ["exact", "shares"])
def test_pullback_matches_finite_differences(backend, detector, treatment):
    simulator = MSFTSimulator(detector=detector, backend=backend, box=80.0, self_absorption=treatment)
    volumes = zigzag_volumes(SMALL)
    weights = np.random.default_rng(0).normal(size=(2, *detector.shape)).astype(np.float32)
    intensities, pullback = simulator.vjp(volumes)
    np.testing.assert_allclose(intensities, simulator.transform(volumes), rtol=1e-5)
    change = np.random.default_rng(1).normal(size=volumes.shape)
    exact = clone(simulator).set_params(backend="reference")
    step = 1e-2
    up, down = (exact.transform(volumes + sign * step * change.clip(-1, 1)).astype(float) for sign in (1, -1))
    numeric = np.sum(weights * (up - down)) / (2 * step)
    np.testing.assert_allclose(np.sum(pullback(weights) * change.clip(-1, 1)), numeric, rtol=2e-3)


def test_pullback_is_the_adjoint_at_the_intensity():
    simulator = MSFTSimulator(detector=DETECTOR)
    volumes = random_volumes(SMALL)
    intensities, pullback = simulator.vjp(volumes, within_body=True)
    weights = np.random.default_rng(0).random(intensities.shape).astype(np.float32)
    expected = simulator.adjoint(volumes, 2 * weights * simulator.field(volumes), within_body=True)
    np.testing.assert_allclose(pullback(weights), expected, rtol=1e-5)
    assert not expected[1, :2].any()


def test_clone_pickle_and_nested_parameters():
    simulator = MSFTSimulator(detector=QGrid(20, 0.04), mask=np.ones((20, 20), dtype=bool))
    volumes = random_volumes(SMALL)
    expected = simulator.transform(volumes)
    for other in (clone(simulator), pickle.loads(pickle.dumps(simulator))):
        np.testing.assert_array_equal(other.transform(volumes), expected)
    other = clone(simulator).set_params(detector__dq=0.02)
    assert not np.allclose(other.transform(volumes), expected)
    assert "MSFTSimulator" in repr(simulator)


def test_equal_simulators_share_a_frozen_plan():
    plan = MSFTSimulator().plan(SMALL)
    assert MSFTSimulator().plan(SMALL) is plan
    assert MSFTSimulator(box=300.0).plan(SMALL) is not plan
    with pytest.raises(ValueError, match="read-only"):
        plan.q_z[0] = 1
    with pytest.raises(AttributeError):
        plan.voxel = (1, 1, 1)


def test_is_a_step_of_a_pipeline():
    patterns = make_pipeline(MSFTSimulator(), LogScaler()).fit_transform(random_volumes(SMALL))
    assert patterns.min() == 0
    assert patterns.max() == 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"wavelength": -1},
            "'wavelength' parameter of MSFTSimulator must be a positive float in nm. Got -1",
        ),
        ({"wavelength": float("nan")}, "'wavelength'"),
        ({"wavelength": "13.5"}, "'wavelength'"),
        ({"absorption_length": 0}, "'absorption_length'"),
        ({"box": -318.75}, "'box'"),
        ({"box": np.inf}, "'box'"),
        ({"backend": "cuda"}, "'backend' parameter of MSFTSimulator must be one of 'auto'"),
        ({"self_absorption": "some"}, "'self_absorption'"),
        (
            {"self_absorption": "shares", "propagation": "pmsft"},
            "'self_absorption' parameter of MSFTSimulator must be 'exact', 'half', 'full' or 'none' where "
            "propagation is 'pmsft'",
        ),
        ({"voxel_response": None}, "'voxel_response'"),
        ({"n_threads": 0}, "'n_threads'"),
        ({"detector": 128}, "'detector' parameter of MSFTSimulator must be an instance of QGrid"),
        ({"detector": QGrid(0)}, "'n_pixels' parameter of QGrid"),
        ({"detector": QGrid(8, dq=-1.0)}, "'dq' parameter of QGrid must be a positive float in rad/nm"),
        ({"detector": FlatDetector(8, distance=0.0)}, "'distance' parameter of FlatDetector"),
        ({"mask": np.ones((64, 64), dtype=bool)}, "'mask' parameter of MSFTSimulator"),
        ({"mask": np.zeros((128, 128), dtype=bool)}, "an empty mask"),
        ({"mask": np.full((128, 128), 0.5)}, "'mask'"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        MSFTSimulator(**parameters).transform(random_volumes(SMALL))


@pytest.mark.parametrize(
    ("volumes", "message"),
    [
        (np.ones((4, 4, 4)), "shape"),
        (np.ones((0, 4, 4, 4)), "not empty"),
        (np.full((1, 4, 4, 4), np.nan), "NaN"),
        (np.full((1, 4, 4, 4), np.inf, dtype=np.float32), "NaN or infinite"),
        (np.full((1, 4, 4, 4), 1.5), r"values in \[-1e-05, 1\]|values in"),
        (np.full((1, 4, 4, 4), -0.5, dtype=np.float32), "values from -0.5"),
        (np.ones((1, 4, 4, 4), dtype=complex), "real numbers"),
        ("body", "volumes"),
    ],
)
def test_bad_volumes_are_named(volumes, message):
    with pytest.raises(ValueError, match=message) as caught:
        MSFTSimulator().transform(volumes)
    assert "'X' parameter of MSFTSimulator" in str(caught.value)


def test_bad_gradients_are_named():
    simulator, volumes = MSFTSimulator(detector=DETECTOR), random_volumes(SMALL)
    with pytest.raises(ValueError, match="'field_gradient' parameter of MSFTSimulator"):
        simulator.adjoint(volumes, np.ones((2, 3, 3)))
    with pytest.raises(ValueError, match=r"'intensity_gradient' parameter of MSFTSimulator\.vjp"):
        simulator.vjp(volumes)[1](np.full((2, *DETECTOR.shape), np.nan))


@given(
    hnp.arrays(np.float32, (1, 2, 3, 2), elements=st.floats(width=32)),
)
def test_only_finite_occupancies_pass(volumes):
    allowed = bool(np.isfinite(volumes).all() and (volumes >= -1e-5).all() and (volumes <= 1 + 1e-5).all())
    if allowed:
        np.testing.assert_array_equal(_check_volumes_fast(volumes, owner="T"), volumes)
    else:
        with pytest.raises(ValueError, match="'X' parameter of T must be volumes"):
            _check_volumes_fast(volumes, owner="T")


@given(st.floats(max_value=0) | st.just(float("nan")) | st.text() | st.booleans())
def test_lengths_must_be_positive_numbers(value):
    for name in ("wavelength", "absorption_length", "box"):
        with pytest.raises(ValueError, match=f"'{name}' parameter of MSFTSimulator"):
            MSFTSimulator(**{name: value}).plan(SMALL)


@pytest.mark.parametrize("treatment", ["exact", "half", "full", "none"])
@pytest.mark.parametrize("absorption_length", [0.5, 1.0, 3.0])
def test_kernels_agree_where_a_slice_is_many_absorption_lengths_thick(absorption_length, treatment):
    simulator = MSFTSimulator(
        box=40.0, absorption_length=absorption_length, self_absorption=treatment, detector=DETECTOR
    )
    volumes = np.ones((1, 5, 4, 6), dtype=np.float32)
    expected = clone(simulator).set_params(backend="reference").field(volumes)
    assert np.abs(simulator.field(volumes) - expected).max() <= 2e-6 * np.abs(expected).max()


@given(
    hnp.arrays(np.float32, (1, 5, 4, 6), elements=st.floats(0, 1, width=32)),
    st.floats(0.5, 1e3),
    st.sampled_from(["exact", "half", "full", "none"]),
)
def test_kernels_agree_for_any_volume(volumes, absorption_length, treatment):
    simulator = MSFTSimulator(
        box=40.0, absorption_length=absorption_length, self_absorption=treatment, detector=DETECTOR
    )
    expected = clone(simulator).set_params(backend="reference").field(volumes)
    found = simulator.field(volumes)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
