"""All kernels compute what the reference does."""

from __future__ import annotations

import importlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from simulation_bodies import coarser, deviation, published_volumes, random_fields, random_volumes

from scatterkit.experiment import FlatDetector, QGrid
from scatterkit.simulation import MSFTSimulator, kernels
from scatterkit.simulation.kernels import costs, gridding, reference
from scatterkit.simulation.kernels._slice_kernels import bounding_box
from scatterkit.simulation.kernels.padding import paddings
from scatterkit.simulation.kernels.threads import _blas_libraries, numba_threads, single_blas_thread

FAST = ("matrix", "fft")
TOLERANCE = 1e-5


def assert_agrees(name, volumes, simulator):
    kernel = importlib.import_module(f"scatterkit.simulation.kernels.{name}")
    plan = simulator.plan(volumes.shape[1:])
    assert deviation(kernel.field(volumes, plan), reference.field(volumes, plan)) < TOLERANCE
    gradient = random_fields((len(volumes), *plan.detector_shape))
    expected = reference.adjoint(volumes, plan, gradient)
    assert deviation(kernel.adjoint(volumes, plan, gradient), expected) < TOLERANCE
    within = kernel.adjoint(volumes, plan, gradient, within_body=True)
    for volume, found, wanted in zip(volumes, within, expected, strict=True):
        box = tuple(slice(i.min(), i.max() + 1) for i in np.nonzero(volume))
        assert deviation(found[box], wanted[box]) < TOLERANCE
        assert np.count_nonzero(found) == np.count_nonzero(found[box])


@pytest.mark.parametrize("n_voxels", [0, 1, 2, 3, 40])
@pytest.mark.parametrize("seed", range(5))
def test_bounding_box_holds_every_voxel_of_material(n_voxels, seed):
    volume = np.zeros((9, 7, 11), dtype=np.float32)
    indices = np.random.default_rng(seed).integers(volume.size, size=n_voxels)
    volume.ravel()[indices] = 1e-30
    expected = [(i.min(), i.max() + 1) if n_voxels else (0, 0) for i in np.nonzero(volume)]
    np.testing.assert_array_equal(bounding_box(volume), expected)
    behind = np.concatenate([np.ones_like(volume[:2]), volume])
    shift = np.array([[2], [0], [0]]) * bool(n_voxels)
    np.testing.assert_array_equal(bounding_box(behind, 2, 11), expected + shift)


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("treatment", ["shares", "exact", "half", "full", "none"])
@pytest.mark.parametrize("absorption_length", [np.inf, 12.5, 0.4])
def test_own_absorption(name, treatment, absorption_length):
    simulator = MSFTSimulator(
        box=30.0,
        detector=QGrid((14, 11), 2 * np.pi / 60),
        self_absorption=treatment,
        absorption_length=absorption_length,
    )
    assert_agrees(name, random_volumes((10, 12, 15), n=3), simulator)


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("parameters", [{}, {"absorption": "index", "refractive_index": 0.89 + 0.0859j}])
def test_shares_of_empty_partly_filled_and_full_voxels(name, parameters):
    volumes = np.random.default_rng(0).normal(0.5, 0.8, size=(2, 10, 12, 15)).clip(0, 1).astype(np.float32)
    volumes[1, :4] = 0
    detector = QGrid((14, 11), 2 * np.pi / 60)
    simulator = MSFTSimulator(box=30.0, detector=detector, self_absorption="shares", **parameters)
    plan = simulator.plan(volumes.shape[1:])
    kernel = kernels.get(name, plan)
    assert deviation(kernel.field(volumes, plan), reference.field(volumes, plan)) < TOLERANCE
    gradient = random_fields((2, 14, 11))
    expected = reference.adjoint(volumes, plan, gradient)
    assert deviation(kernel.adjoint(volumes, plan, gradient), expected) < TOLERANCE


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("shape", [(20, 20, 20), (13, 15, 12), (9, 10, 15), (1, 20, 12)])
@pytest.mark.parametrize("n_pixels", [10, 9, (8, 11), (1, 6)])
def test_even_and_odd_grids_and_detectors(name, shape, n_pixels):
    detector = QGrid(n_pixels, 2 * np.pi / 60)
    simulator = MSFTSimulator(box=30.0, detector=detector)
    if name == "fft" and paddings(simulator.plan(shape)) is None:
        with pytest.raises(ValueError, match="'backend' parameter"):
            MSFTSimulator(box=30.0, detector=detector, backend="fft").field(np.ones((1, *shape)))
        return
    volumes = random_volumes(shape, n=1) if shape[0] < 3 else random_volumes(shape)
    assert_agrees(name, volumes, simulator)


@pytest.mark.parametrize("response", ["average", "box", "point"])
@pytest.mark.parametrize("name", FAST)
def test_published_detector_with_mask(name, response):
    mask = np.random.default_rng(5).random((128, 128)) > 0.3
    simulator = MSFTSimulator(mask=mask, voxel_response=response, box=159.375)
    assert_agrees(name, random_volumes((24, 24, 24), n=1), simulator)


@pytest.mark.parametrize("name", FAST)
def test_random_64(name):
    assert_agrees(name, random_volumes((64, 64, 64))[1:], MSFTSimulator())


@pytest.mark.parametrize("name", FAST)
def test_published_bodies_64(name, sample_root):
    assert_agrees(name, coarser(published_volumes(sample_root, 1), 3), MSFTSimulator())


@pytest.mark.slow
@pytest.mark.parametrize("name", FAST)
def test_random_192(name):
    assert_agrees(name, random_volumes((192, 192, 192), n=1), MSFTSimulator())


@pytest.mark.slow
@pytest.mark.parametrize("name", FAST)
def test_published_bodies_192(name, sample_root):
    assert_agrees(name, published_volumes(sample_root, 2), MSFTSimulator())


@pytest.mark.parametrize(
    "detector",
    # few pixels, but spread out: near the beam a thick body's gradient is a small difference of large numbers
    [FlatDetector(16, 1.0, 8.0), FlatDetector((15, 20), 3.0, 8.0), FlatDetector((3, 2), 5.0)],
)
def test_flat_detector(detector):
    assert_agrees("matrix", random_volumes((13, 9, 15)), MSFTSimulator(detector=detector))


@pytest.mark.parametrize("detector", [FlatDetector((3, 2)), QGrid((3, 2), 0.0116)])
def test_near_the_beam_the_gradient_of_a_thick_body_loses_digits(detector):
    # a small difference of large numbers, on either detector: the field keeps its accuracy, the gradient does not
    volumes = random_volumes((13, 9, 15), n=8)
    simulator = MSFTSimulator(detector=detector)
    plan = simulator.plan(volumes.shape[1:])
    kernel = importlib.import_module("scatterkit.simulation.kernels.matrix")
    assert deviation(kernel.field(volumes, plan), reference.field(volumes, plan)) < 1e-6
    gradient = random_fields((len(volumes), *plan.detector_shape))
    found, expected = (k.adjoint(volumes, plan, gradient) for k in (kernel, reference))
    worst = max(deviation(a, b) for a, b in zip(found, expected, strict=True))
    assert worst < 5e-5


@pytest.mark.slow
def test_flat_detector_64():
    assert_agrees("matrix", random_volumes((64, 64, 64)), MSFTSimulator(detector=FlatDetector(64, 1.0, 20.0)))


def test_fft_refuses_a_flat_detector():
    with pytest.raises(
        ValueError, match="'backend' parameter of MSFTSimulator must be 'auto' or 'reference'"
    ):
        MSFTSimulator(backend="fft", detector=FlatDetector(8)).field(np.ones((1, 4, 4, 4)))


@pytest.mark.parametrize("name", FAST)
def test_empty_volume_scatters_nothing_and_has_a_gradient(name):
    volumes = np.zeros((1, 24, 24, 24), dtype=np.float32)
    kernel = importlib.import_module(f"scatterkit.simulation.kernels.{name}")
    plan = MSFTSimulator(box=159.375).plan(volumes.shape[1:])
    assert not kernel.field(volumes, plan).any()
    gradient = random_fields((1, 128, 128))
    expected = reference.adjoint(volumes, plan, gradient)
    assert deviation(kernel.adjoint(volumes, plan, gradient), expected) < TOLERANCE
    assert not kernel.adjoint(volumes, plan, gradient, within_body=True).any()


@pytest.mark.parametrize("name", FAST)
def test_threads_change_nothing_but_rounding(name):
    volumes = random_volumes((48, 48, 48))
    one = MSFTSimulator(backend=name, n_threads=1).field(volumes)
    assert deviation(MSFTSimulator(backend=name, n_threads=2).field(volumes), one) < 1e-6


@pytest.mark.parametrize("name", FAST)
def test_kernels_may_run_in_several_python_threads(name):
    volumes = random_volumes((48, 48, 48), n=6)
    expected = MSFTSimulator(backend=name, n_threads=1).field(volumes)
    simulator = MSFTSimulator(backend=name, n_threads=1)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda volume: simulator.field(volume[None])[0], volumes))
    assert deviation(np.array(found), expected) < 1e-6


def test_numba_threads_are_restored():
    import numba

    before = numba.get_num_threads()
    with numba_threads(1):
        assert numba.get_num_threads() == 1
    assert numba.get_num_threads() == before


def test_blas_threads_are_restored_when_the_last_thread_leaves():
    libraries = _blas_libraries()
    before = [library.get_num_threads() for library in libraries]
    first, second = single_blas_thread(), single_blas_thread()
    with first:
        with second:
            pass
        assert {library.get_num_threads() for library in libraries} == {1}
    assert [library.get_num_threads() for library in libraries] == before


def test_auto_takes_the_cheaper_kernel():
    small = MSFTSimulator().plan((64, 64, 64))
    assert costs.cheapest(small) == "matrix"
    large = MSFTSimulator(detector=QGrid(512, 2 * np.pi / 3072), box=3072.0).plan((512, 512, 512))
    assert costs.cheapest(large) == "fft"
    assert costs.cheapest(MSFTSimulator(detector=FlatDetector(1024)).plan((256, 256, 256))) == "pixels"


def test_multiply_adds_are_those_of_the_products():
    plan = MSFTSimulator(detector=QGrid(21, 0.01)).plan((8, 6, 4))
    h_y, h_x, q, parities = 3, 2, 11, 4
    along_x, along_y, phases = h_y * h_x * q, h_y * q * q, q * q
    assert costs.chosen_modes(plan, (8, 6, 4)) is None
    assert costs.matrix_multiply_adds(plan, (8, 6, 4)) == 8 * parities * (along_x + along_y + phases)


def test_gridding_interpolates_plane_waves():
    step = gridding.spacing(100.0)
    q = np.random.default_rng(0).uniform(0, 0.5, size=50)
    r = np.linspace(-50, 50, 21)
    nodes = gridding.nodes(q.max(), step)
    waves = gridding.correction(r, step)[:, None] * np.exp(-1j * r[:, None] * nodes)
    first, weights = gridding.windows(q, step)
    found = np.sum(waves[:, first[:, None] + np.arange(gridding.WIDTH)] * weights, axis=-1)
    assert np.abs(found - np.exp(-1j * r[:, None] * q)).max() < 1e-6
