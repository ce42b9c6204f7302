"""The Keras kernel computes what the plain formula does: fields, intensities and gradients, on any backend."""

from __future__ import annotations

import importlib
import subprocess
import sys

import numpy as np
import pytest
from simulation_bodies import deviation, random_fields, random_volumes, zigzag_volumes

from scatterkit.datasets import PublishedGrid
from scatterkit.experiment import FlatDetector, QGrid
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.kernels import reference
from scatterkit.simulation.kernels.depth_modes import depth_modes

FIELD, GRADIENT = 2e-5, 1e-4
SILVER = {"absorption": "index", "refractive_index": 0.89 + 0.0859j}
SMALL = QGrid(10, 2 * np.pi / 60)


@pytest.fixture(scope="module")
def tensors():
    return importlib.import_module("scatterkit.simulation.kernels.tensors")


@pytest.fixture(autouse=True)
def without_xla(request, monkeypatch):
    """Compiling takes seconds for every plan: few tests do it."""
    if not request.node.get_closest_marker("slow") and "compiled" not in request.node.name:
        backends = importlib.import_module("scatterkit.simulation.kernels.tensor_backends")
        monkeypatch.setattr(backends, "XLA", False)


def assert_agrees(tensors, volumes, simulator):
    plan = simulator.plan(volumes.shape[1:])
    found = tensors.field(volumes, plan)
    assert deviation(found, reference.field(volumes, plan)) < FIELD
    gradient = random_fields(found.shape)
    expected = reference.adjoint(volumes, plan, gradient)
    assert deviation(tensors.adjoint(volumes, plan, gradient), expected) < GRADIENT


@pytest.mark.parametrize(
    ("treatment", "response", "absorption_length"),
    [
        ("shares", "average", 12.5),
        ("shares", "box", 0.4),
        ("exact", "average", 0.4),
        ("half", "box", 12.5),
        ("full", "point", 12.5),
        ("none", "average", np.inf),
    ],
)
def test_real_weights(tensors, treatment, response, absorption_length):
    simulator = MSFTSimulator(
        box=30.0,
        detector=QGrid((8, 11), 2 * np.pi / 60),
        self_absorption=treatment,
        voxel_response=response,
        absorption_length=absorption_length,
    )
    assert_agrees(tensors, random_volumes((10, 13, 15)), simulator)


@pytest.mark.parametrize("parameters", [{}, SILVER], ids=["real", "complex"])
def test_shares_of_empty_partly_filled_and_full_voxels(tensors, parameters):
    volumes = np.random.default_rng(0).normal(0.5, 0.8, size=(2, 10, 12, 15)).clip(0, 1).astype(np.float32)
    volumes[1, :4] = 0
    simulator = MSFTSimulator(box=30.0, detector=SMALL, self_absorption="shares", **parameters)
    assert_agrees(tensors, volumes, simulator)


@pytest.mark.parametrize("treatment", ["shares", "exact", "half", "full", "none"])
def test_refraction(tensors, treatment):
    simulator = MSFTSimulator(box=30.0, detector=SMALL, self_absorption=treatment, **SILVER)
    assert_agrees(tensors, random_volumes((9, 12, 10)), simulator)


@pytest.mark.parametrize(("shape", "n_pixels"), [((1, 20, 12), (1, 6)), ((9, 10, 15), 9), ((4, 1, 5), 4)])
def test_even_and_odd_grids_and_detectors(tensors, shape, n_pixels):
    volumes = random_volumes(shape, n=1)
    assert_agrees(tensors, volumes, MSFTSimulator(box=30.0, detector=QGrid(n_pixels, 2 * np.pi / 60)))


@pytest.mark.parametrize("propagation", ["pmsft", "hare", "wide", "born"])
def test_propagation(tensors, propagation):
    index = {} if propagation == "born" else SILVER
    simulator = MSFTSimulator(box=60.0, detector=SMALL, propagation=propagation, **index)
    assert_agrees(tensors, random_volumes((9, 12, 10)), simulator)


@pytest.mark.parametrize("parameters", [{}, SILVER], ids=["real", "complex"])
def test_depth_modes_and_blocks_of_slices_on_a_deep_grid(tensors, parameters):
    simulator = MSFTSimulator(box=200.0, **parameters)
    plan = simulator.plan((60, 8, 9))
    tables = importlib.import_module("scatterkit.simulation.kernels.tensor_tables").tables(plan)
    assert tables.projections
    assert_agrees(tensors, random_volumes((60, 8, 9)), simulator)


@pytest.mark.parametrize("propagation", ["msft", "pmsft"])
def test_compiled(tensors, propagation):
    simulator = MSFTSimulator(box=33.0, detector=SMALL, propagation=propagation, **SILVER)
    assert_agrees(tensors, random_volumes((7, 6, 8)), simulator)


def test_depth_modes_span_every_phase():
    z = np.linspace(-150, 150, 192)
    modes = depth_modes(0.0, 0.465, z)
    phase = np.linspace(0, 0.465, 777)[:, None] * z
    for values, basis in ((np.cos(phase), modes.even), (np.sin(phase), modes.odd)):
        assert np.abs(values - values @ basis.T @ basis).max() < 1e-6
    assert len(modes) < 64
    assert len(depth_modes(-0.2325, 0.2325, z)) < 40
    assert len(depth_modes(0.0, 0.0, z)) == 1


@pytest.mark.parametrize(
    "detector",
    [FlatDetector(16, 1.0, 8.0), FlatDetector((15, 20), 3.0, 8.0), PublishedGrid()],
    ids=["flat", "flat odd", "published"],
)
def test_detectors(tensors, detector):
    assert_agrees(tensors, random_volumes((13, 9, 12)), MSFTSimulator(detector=detector))


def test_pixels_without_symmetry(tensors, monkeypatch):
    tables = importlib.import_module("scatterkit.simulation.kernels.tensor_tables")
    transform = importlib.import_module("scatterkit.simulation.kernels.tensor_transform")
    monkeypatch.setattr(tables, "_is_symmetric", lambda plan: False)
    monkeypatch.setattr(transform, "_PIXELS_AT_ONCE", 30)
    tables.tables.cache_clear()
    mask = np.random.default_rng(5).random((9, 12)) > 0.3
    simulator = MSFTSimulator(detector=FlatDetector((9, 12), 2.0, 8.0), mask=mask, box=301.0)
    assert_agrees(tensors, random_volumes((7, 9, 12)), simulator)
    tables.tables.cache_clear()


def test_simulator_agrees_with_the_matrix_kernel():
    mask = np.random.default_rng(5).random((128, 128)) > 0.3
    fast, keras = (MSFTSimulator(mask=mask, backend=name, box=159.375) for name in ("matrix", "keras"))
    volumes = random_volumes((16, 16, 16), n=3)
    found, pull = keras.vjp(volumes, within_body=True)
    expected, expected_pull = fast.vjp(volumes, within_body=True)
    assert found.dtype == np.float32
    assert deviation(found, expected) < 2 * FIELD
    by_intensity = np.random.default_rng(1).normal(size=found.shape)
    gradient, wanted = pull(by_intensity), expected_pull(by_intensity)
    assert deviation(gradient, wanted) < GRADIENT
    assert np.array_equal(gradient != 0, (gradient != 0) & (wanted != 0))


def test_memory_bounds_the_batch_and_bodies_do_not_mix(tensors, monkeypatch):
    simulator = MSFTSimulator(detector=SMALL, box=30.0)
    volumes = random_volumes((8, 8, 8), n=5)
    plan = simulator.plan((8, 8, 8))
    whole = tensors.field(volumes, plan)
    gradient = random_fields(whole.shape)
    pulled = tensors.adjoint(volumes, plan, gradient)
    monkeypatch.setattr(tensors, "_MEMORY", 1)
    assert [s.stop - s.start for s in tensors._groups(5, plan)] == [1] * 5
    assert deviation(tensors.field(volumes, plan), whole) < 1e-6
    assert deviation(tensors.adjoint(volumes, plan, gradient), pulled) < 1e-6


@pytest.mark.parametrize("treatment", ["exact", "shares"])
def test_gradient_by_finite_differences(treatment):
    simulator = MSFTSimulator(detector=SMALL, box=30.0, backend="keras", self_absorption=treatment, **SILVER)
    volumes = zigzag_volumes((4, 5, 6), n=1)
    intensities, pull = simulator.vjp(volumes)
    by_intensity = np.random.default_rng(0).normal(size=intensities.shape)
    gradient = pull(by_intensity)
    direction = np.random.default_rng(1).normal(size=volumes.shape)
    step = 1e-2
    ends = [simulator.transform(volumes + s * step * direction) for s in (1, -1)]
    slope = np.sum(by_intensity * (ends[0] - ends[1])) / (2 * step)
    assert np.sum(gradient * direction) == pytest.approx(slope, rel=5e-3)


def test_threads_are_the_librarys_own():
    with pytest.raises(ValueError, match="'n_threads' parameter of MSFTSimulator must be None where backend"):
        MSFTSimulator(backend="keras", n_threads=1).field(random_volumes((4, 4, 4)))


def test_missing_keras_names_what_to_install():
    code = """
import sys
sys.modules["keras"] = None
import numpy as np
from scatterkit.simulation import MSFTSimulator
try:
    MSFTSimulator(backend="keras").field(np.ones((1, 4, 4, 4)))
except ImportError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "scatterkit[tf-cpu]" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [{}, SILVER | {"propagation": "pmsft"}], ids=["msft", "pmsft"])
def test_random_64(tensors, parameters):
    assert_agrees(tensors, random_volumes((64, 64, 64)), MSFTSimulator(**parameters))
