"""Losses against their definitions in NumPy, their gradients, and their precision."""

from __future__ import annotations

import numpy as np
import pytest
from network_tools import array, compiled, differentiated, gradient, keras, slope, tensor

from scatterkit.experiment import QGrid
from scatterkit.metrics import scatter_loss
from scatterkit.metrics.volumes import entry_depth
from scatterkit.reconstruction import (
    CrossEntropyLoss,
    PhysicsLoss,
    Ramp,
    SupportDecoder,
    VisibleShapeLoss,
    VoxelDecoder,
    WeightedLoss,
    make_loss,
)
from scatterkit.simulation import LogScaler, MSFTSimulator

GRID, PIXELS, EPS = 8, 24, 1e2
SIMULATOR = MSFTSimulator(detector=QGrid(PIXELS, dq=0.02))
REFRACTING = {"absorption": "index", "refractive_index": 0.89 + 0.0859j}
SUPPORT = SupportDecoder(n_directions=40)
VOXELS = VoxelDecoder()


def numbers(n=2, seed=0, scale=0.3):
    return (scale * np.random.default_rng(seed).normal(size=(n, 43))).astype(np.float32)


def volumes(seed=1, n=2):
    return array(SUPPORT.body(tensor(numbers(n, seed)), GRID).occupancy)


def patterns(true, simulator=SIMULATOR, **settings):
    return LogScaler(eps=EPS, **settings).transform(simulator.transform(true))


def every_target():
    true = SUPPORT.body(tensor(numbers(seed=1)), GRID)
    surface = np.stack([array(true.entrance), array(true.exit)], axis=1)
    given = {"pattern": patterns(volumes()), "volume": volumes(), "surface": surface}
    return {name: tensor(value) for name, value in given.items()}


def some_mask(n=2):
    return np.random.default_rng(3).random((n, PIXELS, PIXELS)) > 0.4


def value(loss, targets, body, step=0, simulator=SIMULATOR):
    given = {name: None if t is None else tensor(t) for name, t in targets.items()}
    return array(loss.build(simulator, GRID)(given, body, step))


@pytest.mark.parametrize(
    "parameters", [{}, REFRACTING | {"propagation": "pmsft"}, {"absorption_length": np.inf}], ids=str
)
@pytest.mark.parametrize("masked", [False, True])
def test_scatter_loss_is_the_metric(parameters, masked):
    simulator = MSFTSimulator(detector=QGrid(PIXELS, dq=0.02), **parameters)
    true, found = volumes(), SUPPORT.body(tensor(numbers()), GRID)
    mask = some_mask() if masked else None
    intensities = [simulator.transform(v) for v in (true, array(found.occupancy))]
    expected = scatter_loss(*intensities, eps=EPS, mask=mask)
    targets = {"pattern": patterns(true, simulator), "mask": mask}
    result = value(PhysicsLoss(binary_weight=0.0), targets, found, simulator=simulator)
    assert result.dtype == np.float32
    assert expected.min() > 1e-4
    np.testing.assert_allclose(result, expected, rtol=2e-3)


def test_what_the_mask_hides_does_not_matter():
    true, found, mask = volumes(), SUPPORT.body(tensor(numbers()), GRID), some_mask()
    pattern = patterns(true)
    spoilt = np.where(mask, pattern, 7.0).astype(np.float32)
    results = [value(PhysicsLoss(), {"pattern": p, "mask": mask}, found) for p in (pattern, spoilt)]
    np.testing.assert_array_equal(*results)


def half():
    return np.arange(PIXELS * PIXELS).reshape(PIXELS, PIXELS) < 300


def masked(mask):
    return MSFTSimulator(detector=QGrid(PIXELS, dq=0.02), mask=mask)


@pytest.mark.parametrize("given", [None, some_mask()], ids=["whole", "masked"])
def test_masks_of_simulator_and_scaler_count(given):
    true, found = volumes(), SUPPORT.body(tensor(numbers()), GRID)
    own, scaled = half(), np.roll(half(), 7, axis=0)
    expected = scatter_loss(
        SIMULATOR.transform(true),
        SIMULATOR.transform(array(found.occupancy)),
        eps=3.0,
        mask=np.broadcast_to(own & scaled, (2, PIXELS, PIXELS)) & (True if given is None else given),
    )
    scaler = LogScaler(eps=3.0, mask=scaled)
    pattern = scaler.transform(SIMULATOR.transform(true))
    loss = PhysicsLoss(binary_weight=0.0).build(masked(own), GRID, scaler)
    targets = {"pattern": tensor(pattern), "mask": None if given is None else tensor(given)}
    np.testing.assert_allclose(array(loss(targets, found, 0)), expected, rtol=2e-3)


def test_true_volume_instead_of_the_pattern():
    found, true = SUPPORT.body(tensor(numbers()), GRID), volumes()
    loss = PhysicsLoss(binary_weight=0.0, simulate_truth=True)
    by_pattern = value(PhysicsLoss(binary_weight=0.0), {"pattern": patterns(true)}, found)
    np.testing.assert_allclose(value(loss, {"volume": true}, found), by_pattern, rtol=2e-3)
    assert value(loss, {"volume": array(found.occupancy), "pattern": patterns(true)}, found).max() < 1e-10


def test_mixes_hand_the_scaler_on():
    targets, found = every_target(), SUPPORT.body(tensor(numbers()), GRID)
    scaler = LogScaler(eps=3.0, mask=half())
    mix, alone = (
        array(loss.build(SIMULATOR, GRID, scaler)(targets, found, 0))
        for loss in (WeightedLoss([PhysicsLoss()], [2.0]), PhysicsLoss())
    )
    np.testing.assert_allclose(mix, 2 * alone, rtol=1e-6)
    assert np.abs(alone / value(PhysicsLoss(), targets, found) - 1).min() > 0.01


def test_binary_loss():
    body = VOXELS.body(tensor(np.random.default_rng(0).normal(size=(2, GRID, GRID, GRID))), GRID)
    p = array(body.occupancy).astype(np.float64)
    targets = {"pattern": patterns(volumes())}
    with_it, without = (value(PhysicsLoss(binary_weight=w), targets, body) for w in (0.1, 0.0))
    expected = 0.1 * np.mean(p**2 * (1 - p) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(with_it - without, expected, rtol=1e-3)
    np.testing.assert_array_equal(value(make_loss("physics"), targets, body), with_it)


def entropy(y, logits):
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def test_cross_entropy():
    body, true = SUPPORT.body(tensor(numbers()), GRID, width=60.0), volumes()
    expected = entropy(true, array(body.logits)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(value(CrossEntropyLoss(), {"volume": true}, body), expected, rtol=1e-5)


def test_cross_entropy_far_from_the_surface():
    given = np.full((1, GRID, GRID, GRID), -300.0)
    body = VOXELS.body(tensor(given), GRID)
    assert value(CrossEntropyLoss(), {"volume": np.zeros_like(given)}, body) == 0
    assert value(CrossEntropyLoss(), {"volume": np.ones_like(given)}, body) == 300


def test_cross_entropy_pulls_at_the_surface_too():
    at = np.zeros((1, GRID, GRID, GRID), dtype=np.float32)
    loss = CrossEntropyLoss().build(SIMULATOR, GRID)
    targets = {"volume": tensor(np.ones_like(at))}
    found = gradient(lambda x: loss(targets, VOXELS.body(x, GRID), 0), at)
    np.testing.assert_allclose(found, -0.5 / GRID**3, rtol=1e-5)


@pytest.mark.parametrize("length", [12.5, 60.0, np.inf])
def test_visible_shape(length):
    simulator = MSFTSimulator(detector=QGrid(PIXELS, dq=0.02), absorption_length=length)
    body, true = SUPPORT.body(tensor(numbers()), GRID, width=60.0), volumes()
    voxel = 318.75 / GRID
    before = np.cumsum(true, axis=1) - true
    weights = np.exp(-before.astype(np.float64) * voxel / length)
    errors = entropy(true, array(body.logits))
    shape = (errors * weights).sum(axis=(1, 2, 3)) / weights.sum(axis=(1, 2, 3))
    heights = np.stack([entry_depth(v) * voxel - 318.75 / 2 for v in true])
    filled = (true.max(axis=1) >= 0.5) & (array(body.silhouette) >= 0.5)
    assert (filled != (true.max(axis=1) >= 0.5)).any()
    away = np.where(filled, array(body.entrance) - heights, 0) / voxel
    depth = (np.sqrt(1 + away**2) - 1).sum(axis=(1, 2)) / filled.sum(axis=(1, 2))
    outline = entropy(true.max(axis=1), array(body.logits).max(axis=1)).mean(axis=(1, 2))
    loss = VisibleShapeLoss(depth_weight=0.3, silhouette_weight=0.7)
    result = value(loss, {"volume": true}, body, simulator=simulator)
    np.testing.assert_allclose(result, shape + 0.3 * depth + 0.7 * outline, rtol=1e-4)


def test_the_hidden_back_hardly_counts():
    true = np.zeros((2, GRID, GRID, GRID), dtype=np.float32)
    true[:, 1:7, 2:6, 2:6] = 1
    wrong = np.where(true > 0, 4.0, -4.0)
    wrong[0, 5:7] = -4.0  # a short back
    wrong[1, :3] = -4.0  # a front that lies deeper
    loss = VisibleShapeLoss(depth_weight=0, silhouette_weight=0)
    short, deep = value(loss, {"volume": true}, VOXELS.body(tensor(wrong), GRID))
    assert short < 0.03 < 0.1 < deep


@pytest.mark.parametrize("name", ["physics", "supervised", "hybrid", "visible", "surface", "annealed"])
def test_gradient_by_finite_differences(name):
    targets = every_target()
    loss = make_loss(name, n_steps=10).build(SIMULATOR, GRID)
    given = numbers()

    def total(x):
        return loss(targets, SUPPORT.body(x, GRID, width=80.0), 4)

    found = gradient(total, given)
    steepest = found / np.linalg.norm(found)
    assert np.linalg.norm(found) == pytest.approx(slope(total, given, steepest, 3e-3), rel=0.02)


@pytest.mark.parametrize("name", ["physics", "supervised", "hybrid", "visible", "surface", "annealed"])
def test_compiled_equals_eager(name):
    targets = every_target()
    loss = make_loss(name, n_steps=10).build(SIMULATOR, GRID)

    def total(x):
        return loss(targets, SUPPORT.body(x, GRID), 4)

    np.testing.assert_allclose(compiled(total, numbers()), array(total(tensor(numbers()))), rtol=1e-3)


@pytest.mark.parametrize("name", ["physics", "hybrid", "visible"])
def test_empty_bodies_give_finite_values_and_gradients(name):
    nothing = np.zeros((1, GRID, GRID, GRID), dtype=np.float32)
    loss = make_loss(name).build(SIMULATOR, GRID)
    targets = {"pattern": tensor(np.zeros((1, PIXELS, PIXELS))), "volume": tensor(nothing)}

    def total(x):
        return loss(targets, VOXELS.body(x, GRID), 0)

    emptied = np.full_like(nothing, -200.0)
    assert np.isfinite(array(total(tensor(emptied)))).all()
    assert np.isfinite(gradient(total, emptied)).all()


def test_physics_learns_the_size_from_the_pattern_alone():
    true = SUPPORT.body(tensor(np.full((1, 43), 0.25)), GRID, width=60.0)
    targets = {"pattern": tensor(patterns(array(true.occupancy)))}
    loss = PhysicsLoss(binary_weight=0.0).build(SIMULATOR, GRID)
    given = np.zeros((1, 43), dtype=np.float32)

    def total(x):
        return loss(targets, SUPPORT.body(x, GRID, width=60.0), 0)

    first, pull, rate = array(total(tensor(given))), differentiated(total), 0.03
    for _ in range(60):
        step = pull(given, np.ones(1))
        given, rate = given - rate * step / np.linalg.norm(step), 0.97 * rate
    assert array(total(tensor(given))) < 0.3 * first


def test_physics_is_single_precision_under_mixed_policies():
    expected = value(PhysicsLoss(), {"pattern": patterns(volumes())}, SUPPORT.body(tensor(numbers()), GRID))
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        body = SUPPORT.body(tensor(numbers()), GRID)
        found = value(PhysicsLoss(), {"pattern": patterns(volumes())}, body)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_weights_follow_the_step():
    targets = {"pattern": patterns(volumes()), "volume": volumes()}
    body = SUPPORT.body(tensor(numbers()), GRID)
    physics, shape = (value(loss, targets, body) for loss in (PhysicsLoss(), CrossEntropyLoss()))
    ramp = Ramp(start=2.0, stop=4.0, begin=10, end=20)
    mix = WeightedLoss([PhysicsLoss(), CrossEntropyLoss()], [ramp, 0.5])
    for step, weight in ((0, 2.0), (15, 3.0), (99, 4.0)):
        for given in (step, keras.ops.convert_to_tensor(step)):
            np.testing.assert_allclose(
                value(mix, targets, body, given), weight * physics + 0.5 * shape, rtol=1e-5
            )


def test_ramps():
    steps = [0, 10, 12, 15, 20, 50]
    linear, cosine = (Ramp(1.0, 3.0, 10, 20, shape) for shape in ("linear", "cosine"))
    assert [float(linear(s)) for s in steps] == pytest.approx([1, 1, 1.4, 2, 3, 3])
    expected = [1, 1, 2 - np.cos(0.2 * np.pi), 2, 3, 3]
    assert [float(cosine(s)) for s in steps] == pytest.approx(expected)
    sudden = Ramp(0.0, 1.0, 5, 5)
    assert [float(sudden(s)) for s in (4, 5, 6)] == [0, 0, 1]


def test_targets():
    assert PhysicsLoss().targets == {"pattern"}
    assert make_loss("visible").targets == make_loss("supervised").targets == {"volume"}
    assert make_loss("hybrid").targets == {"pattern", "volume"}
    assert make_loss("annealed").targets == {"pattern", "surface"}
    assert PhysicsLoss(simulate_truth=True).targets == {"volume"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_loss("mse"), "'loss' parameter of make_loss must be one of"),
        (lambda: make_loss("annealed", 0), "'n_steps' parameter of make_loss"),
        (lambda: PhysicsLoss().build(3), "'simulator' parameter of PhysicsLoss must be an instance of MSFT"),
        (lambda: PhysicsLoss().build(MSFTSimulator(backend="fft")), "backend 'auto' or 'keras'"),
        (lambda: PhysicsLoss().build(scaler=LogScaler(eps=0.0)), "'eps' parameter of LogScaler"),
        (lambda: PhysicsLoss().build(scaler=1e2), "'scaler' parameter of PhysicsLoss"),
        (lambda: PhysicsLoss(simulate_truth=1).build(), "'simulate_truth' parameter of PhysicsLoss"),
        (
            lambda: PhysicsLoss().build(SIMULATOR, GRID, LogScaler(mask=np.ones((3, 3)))),
            "'mask' .* LogScaler",
        ),
        (
            lambda: PhysicsLoss().build(masked(half()), GRID, LogScaler(mask=~half())),
            "'mask' parameter of LogScaler must be True somewhere that the masks before it are",
        ),
        (
            lambda: value(PhysicsLoss(), {"volume": volumes()}, None),
            "'targets' parameter of PhysicsLoss .* 'pattern'",
        ),
        (lambda: Ramp(begin=9, end=3)(1), "'end' parameter of Ramp must be at least begin, 9"),
        (lambda: WeightedLoss([PhysicsLoss()], [1.0, 2.0]).build(), "'weights' parameter of WeightedLoss"),
        (lambda: WeightedLoss([PhysicsLoss()], [-1.0]).build(), "'weights' parameter of WeightedLoss"),
        (lambda: WeightedLoss(["physics"], [1.0]).build(), "'losses' parameter of WeightedLoss"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
