"""The kernel for any pixels computes what the plain formula does."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from simulation_bodies import deviation, random_fields, random_volumes
from sklearn.base import clone

from scatterkit._validation import InvalidParameterError
from scatterkit.experiment import FlatDetector, Panel, PanelDetector, QGrid
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.kernels import costs, gridding, matrix, pixels, reference

TOLERANCE = 1e-5
PANELS = PanelDetector(
    [
        Panel((9, 14), (-9, -12, 10), (1, 0, 0.2), (0, 1.0, 0.1)),
        Panel((11, 10), (-9, 1, 10), (0.9, -0.1, 0), (0.1, 0.9, 0)),
        Panel((5, 5), (3, 3, -5), (1, 0, 0), (0, 1, 0)),  # behind the sample: sees nothing
    ]
)
DETECTORS = {
    "tilted": FlatDetector(16, 1.0, 8.0, tilt=(0.3, -0.2), roll=0.1),
    "off centre": FlatDetector((15, 20), 3.0, 8.0, center=(3.3, 25.2)),
    "panels": PANELS,
    "symmetric": FlatDetector((7, 10), 2.0, 8.0),
    "grid": QGrid(12, 0.05),
}


def assert_agrees(volumes, simulator):
    plan = simulator.plan(volumes.shape[1:])
    expected = reference.field(volumes, plan)
    assert deviation(pixels.field(volumes, plan), expected) < TOLERANCE
    gradient = random_fields(expected.shape)
    for within_body in (False, True):
        found, expected = (
            kernel.adjoint(volumes, plan, gradient, within_body=within_body) for kernel in (pixels, reference)
        )
        assert deviation(found, expected) < TOLERANCE
        np.testing.assert_array_equal(found[expected == 0], 0)


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"absorption_length": 0.4},
        {"absorption_length": np.inf, "box": 60.0, "voxel_response": "box"},
        {"propagation": "born", "wavelength": 40.0},
        {"self_absorption": "full", "voxel_response": "point"},
    ],
)
def test_detectors_and_absorption(name, parameters):
    assert_agrees(random_volumes((13, 9, 15)), MSFTSimulator(detector=DETECTORS[name], **parameters))


def test_small_angles():
    detector = FlatDetector(12, 0.3, 50.0, center=(4.4, 5.1))  # all pixels within one node of each other
    assert_agrees(random_volumes((13, 9, 15)), MSFTSimulator(detector=detector))


@pytest.mark.parametrize("shape", [(1, 20, 12), (9, 1, 5), (30, 31, 2)])
def test_thin_grids(shape):
    assert_agrees(
        np.random.default_rng(0).random((1, *shape), dtype=np.float32), MSFTSimulator(detector=PANELS)
    )


def test_mask():
    mask = np.random.default_rng(5).random(PANELS.shape) > 0.6
    assert_agrees(random_volumes((12, 12, 12)), MSFTSimulator(detector=PANELS, mask=mask))


def test_weights_of_any_sign_are_transformed_linearly():
    volumes = random_volumes((10, 11, 12), n=1) - 0.5
    plan = MSFTSimulator(detector=PANELS, absorption_length=np.inf, self_absorption="none").plan((10, 11, 12))
    field = reference.field(volumes, plan)
    assert deviation(pixels.field(volumes, plan), field) < TOLERANCE
    gradient = random_fields(field.shape)
    pulled = pixels.adjoint(volumes, plan, gradient)
    # <g, A w> = <A^T g, w> for a linear map of real weights
    product = np.sum((gradient.conj() * pixels.field(volumes, plan)).real)
    scale = np.linalg.norm(gradient) * np.linalg.norm(field)
    assert abs(np.sum(pulled * volumes.astype(np.float64)) - product) < 1e-6 * scale


def test_symmetric_detectors_as_the_matrix_kernel():
    volumes = random_volumes((24, 24, 24))
    plan = MSFTSimulator(detector=FlatDetector(40, 1.0, 15.0)).plan((24, 24, 24))
    assert deviation(pixels.field(volumes, plan), matrix.field(volumes, plan)) < TOLERANCE


def test_nodes_in_turns_change_nothing(monkeypatch):
    volumes = random_volumes((20, 12, 12))
    plan = MSFTSimulator(detector=FlatDetector(30, 1.0, 8.0, tilt=(0.3, 0))).plan((20, 12, 12))
    gradient = random_fields((2, 30, 30))
    at_once = pixels.field(volumes, plan), pixels.adjoint(volumes, plan, gradient)
    assert len(list(pixels._tables(plan).parts())) == 1
    monkeypatch.setattr(pixels, "_BYTES_OF_NODES", 1.0)
    assert len(list(pixels._tables(plan).parts())) > 3
    in_turns = pixels.field(volumes, plan), pixels.adjoint(volumes, plan, gradient)
    for found, expected in zip(in_turns, at_once, strict=True):
        assert deviation(found, expected) < 1e-6


def test_empty_volumes_and_unseen_pixels():
    empty, full = np.zeros((1, 8, 8, 8), dtype=np.float32), np.ones((1, 8, 8, 8), dtype=np.float32)
    plan = MSFTSimulator(detector=PANELS).plan((8, 8, 8))
    gradient = random_fields((1, *PANELS.shape))
    assert not pixels.field(empty, plan).any()
    expected = reference.adjoint(empty, plan, gradient)
    assert deviation(pixels.adjoint(empty, plan, gradient), expected) < TOLERANCE
    assert not pixels.adjoint(empty, plan, gradient, within_body=True).any()
    blind = replace(plan, response=np.zeros_like(plan.response))
    assert not pixels.field(full, blind).any()
    assert not pixels.adjoint(full, blind, gradient).any()


@pytest.mark.parametrize("name", ["tilted", "panels"])
@pytest.mark.parametrize("propagation", ["msft", "pmsft"])
def test_gradient_of_the_simulator_by_finite_differences(name, propagation):
    generator = np.random.default_rng(2)
    body = np.zeros((1, 12, 12, 12))
    body[:, 3:9, 3:9, 4:9] = generator.uniform(0.2, 0.8, size=(1, 6, 6, 5))
    simulator = MSFTSimulator(
        detector=DETECTORS[name],
        propagation=propagation,
        absorption="index",
        refractive_index=0.93 + 0.05j,
        box=100.0,
    )
    intensities, pullback = simulator.vjp(body)
    weights = generator.random(intensities.shape) / intensities.max()
    gradient = pullback(weights)
    direction = generator.normal(size=body.shape) * (body > 0)
    step = 1e-3
    ahead, behind = (
        np.sum(weights * simulator.transform(body + s * direction).astype(np.float64)) for s in (step, -step)
    )
    assert np.sum(gradient * direction) == pytest.approx((ahead - behind) / (2 * step), rel=2e-3)


def test_complex_index_as_the_plain_formula():
    volumes = random_volumes((10, 10, 10))
    parameters = {"detector": PANELS, "absorption": "index", "refractive_index": 0.9 + 0.08j, "box": 80.0}
    found, expected = (MSFTSimulator(**parameters, backend=b).field(volumes) for b in ("pixels", "reference"))
    assert deviation(found, expected) < TOLERANCE


def test_auto_takes_it_where_pixels_form_no_grid():
    for detector in DETECTORS.values():
        plan = MSFTSimulator(detector=detector).plan((16, 16, 16))
        assert (costs.cheapest(plan) == "pixels") == (not detector.separable)


@pytest.mark.parametrize(
    ("backend", "advised"),
    [
        ("matrix", "'auto', 'pixels' or 'reference' .*symmetric about the direct beam"),
        ("fft", "'auto' or 'reference'"),
    ],
)
def test_other_kernels_say_what_takes_pixels_that_form_no_grid(backend, advised):
    tilted = MSFTSimulator(detector=DETECTORS["tilted"], backend=backend)
    with pytest.raises(
        InvalidParameterError, match=f"'backend' parameter of MSFTSimulator must be {advised}"
    ):
        tilted.field(np.ones((1, 4, 4, 4)))
    for able in re.findall(r"'(\w+)'", advised):
        assert able == "matrix" or clone(tilted).set_params(backend=able).field(np.ones((1, 4, 4, 4))).any()


def test_threads_are_worth_it_for_many_pixels_only():
    few, many = (MSFTSimulator(detector=FlatDetector(n, 20 / n)).plan((32, 32, 32)) for n in (16, 512))
    assert costs.worthwhile_threads(few) == 1
    assert costs.worthwhile_threads(many) is None


def test_nodes_cover_the_windows():
    q = np.random.default_rng(0).uniform(-0.2, 0.4, size=40)
    step = gridding.spacing(80.0)
    nodes, (first, _) = gridding.covering(q, step), gridding.windows(q, step)
    first -= first.min()
    assert first.max() + gridding.WIDTH == len(nodes)
    half = gridding.WIDTH // 2
    assert (nodes[first + half - 1] <= q).all()
    assert (q < nodes[first + half]).all()


@pytest.mark.slow
def test_64():
    detector = FlatDetector(64, 1.0, 20.0, tilt=(0.2, 0.1), center=(40.3, 20.1))
    assert_agrees(random_volumes((64, 64, 64))[1:], MSFTSimulator(detector=detector))
