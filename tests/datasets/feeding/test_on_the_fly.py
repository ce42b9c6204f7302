"""The endless source: what it makes against the CPU's rasteriser, simulator, scaler and augmenter, and in fit."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

from scatterkit import HalfSpaceSampler, LogScaler, MSFTSimulator, QGrid, Rasterizer
from scatterkit.augmentation import Augmenter, CentralHole, Saturation

pytestmark = []
SIMULATOR = MSFTSimulator(detector=QGrid(24, dq=0.03))
SMALL = {"simulator": SIMULATOR, "grid": 16, "batch_size": 4, "n_columns": 4}


@pytest.fixture(autouse=True)
def at_once(request, monkeypatch):
    """Compute at once what would take seconds to compile; but for the tests of the whole."""
    if "compiled" not in request.node.name:
        module = importlib.import_module("scatterkit.datasets.feeding.on_the_fly")
        monkeypatch.setattr(module, "jit", lambda run: run)


@pytest.fixture(scope="module")
def OnTheFly():  # noqa: N802
    return importlib.import_module("scatterkit.datasets").OnTheFly


@pytest.fixture(scope="module")
def array(keras):
    return keras.ops.convert_to_numpy


def first(source, n=1):
    iterator = iter(source)
    return [next(iterator) for _ in range(n)]


def test_compiled_bodies_and_fields_are_those_of_the_cpu(OnTheFly, array):
    source = OnTheFly(scaler=None, batch_size=4, random_state=9)
    [(intensities, volumes)] = first(source)
    intensities, volumes = array(intensities), array(volumes)
    assert volumes.shape == (4, 64, 64, 64)
    assert intensities.shape == (4, 128, 128)
    fields = np.sqrt(MSFTSimulator().transform(volumes))
    assert np.abs(np.sqrt(intensities) - fields).max() < 1e-5 * fields.max()
    exact = Rasterizer(grid=64).transform(HalfSpaceSampler(random_state=9).sample(4))
    surface = np.abs(volumes - exact)[(exact > 0) & (exact < 1)]
    assert surface.mean() < 0.02
    assert np.quantile(surface, 0.99) < 0.1
    assert np.abs(volumes - exact).mean() < 1e-3


def test_patterns_are_scaled_as_by_the_scaler(OnTheFly, array):
    mask = np.hypot(*(np.indices((24, 24)) - 12)) > 3
    simulator = MSFTSimulator(detector=QGrid(24, dq=0.03), mask=mask)
    options = SMALL | {"simulator": simulator}
    [(raw, _)] = first(OnTheFly(scaler=None, **options))
    for scaler in (LogScaler(eps=10.0), LogScaler(normalize=False), LogScaler(mask=mask)):
        [(found, _)] = first(OnTheFly(scaler=scaler, **options))
        assert np.abs(array(found) - scaler.transform(array(raw))).max() < 1e-4
    [(default, _)], [(named, _)] = first(OnTheFly(**options)), first(OnTheFly(scaler=LogScaler(), **options))
    assert np.array_equal(array(default), array(named))


def test_a_sample_depends_on_its_seed_and_number_alone(OnTheFly, array):
    small = [array(y) for _, y in first(OnTheFly(**SMALL), 4)]
    large = [array(y) for _, y in first(OnTheFly(**SMALL | {"batch_size": 8}), 2)]
    assert np.abs(np.concatenate(small) - np.concatenate(large)).max() < 1e-4  # rounding
    other = OnTheFly(**SMALL, random_state=1)
    assert np.abs(array(first(other)[0][1]) - small[0]).max() > 0.1


def test_goes_on_from_any_step_and_never_repeats(OnTheFly, array):
    source = OnTheFly(**SMALL)
    batches = [array(y) for _, y in first(source, 6)]
    assert source.step == 6
    bodies = np.concatenate(batches).reshape(24, -1)
    assert len(np.unique(bodies, axis=0)) == 24
    resumed = OnTheFly(**SMALL, step=4)
    assert np.array_equal(array(first(resumed)[0][1]), batches[4])
    resumed.step = 2
    assert np.array_equal(array(first(resumed)[0][1]), batches[2])
    far = OnTheFly(**SMALL, step=2**40)
    assert np.isfinite(array(first(far)[0][0])).all()


def test_artifacts_are_those_of_the_augmenter(OnTheFly, array):
    augmenter = Augmenter([Saturation(), CentralHole()], random_state=3)
    source = OnTheFly(**SMALL, y="pattern", augmenter=augmenter, mask="input", step=2)
    [((x, mask), clean)] = first(source)
    params = augmenter.sample_params(np.arange(8, 12), shape=(24, 24))
    assert np.abs(array(x) - augmenter.apply(array(clean), params)).max() < 1e-5
    assert np.array_equal(array(mask), augmenter.apply_mask(np.ones((4, 24, 24)), params))
    seeded = OnTheFly(**SMALL, augmenter=Augmenter([Saturation()]), random_state=5)
    same = OnTheFly(**SMALL, augmenter=Augmenter([Saturation()], random_state=5), random_state=5)
    assert np.array_equal(array(first(seeded)[0][0]), array(first(same)[0][0]))


@pytest.mark.slow
def test_all_published_artifacts_run_compiled_on_the_device(OnTheFly, array):
    [(x, clean)] = first(OnTheFly(**SMALL, y="pattern", augmenter=Augmenter(random_state=0)))
    assert np.isfinite(array(x)).all()
    assert (np.abs(array(x) - array(clean)).max((1, 2)) > 0).sum() >= 3


def test_mask_and_targets(OnTheFly, array):
    mask = np.ones((24, 24), bool)
    mask[10:14] = False
    simulator = MSFTSimulator(detector=QGrid(24, dq=0.03), mask=mask)
    options = SMALL | {"simulator": simulator}
    [(x, (pattern, volume))] = first(OnTheFly(**options, mask="channel", y=("pattern", "volume")))
    assert np.array_equal(array(x)[..., 1], np.broadcast_to(mask, (4, 24, 24)))
    assert np.array_equal(array(x)[..., 0], array(pattern))
    assert volume.shape == (4, 16, 16, 16)
    assert len(first(OnTheFly(**options, y=None))[0]) == 1
    hole = Augmenter([CentralHole()], random_state=0)
    mask = np.ones((24, 24), bool)
    mask[:2] = False
    edged = options | {"simulator": MSFTSimulator(detector=QGrid(24, dq=0.03), mask=mask)}
    source = OnTheFly(**edged, augmenter=hole, mask="input", y=("mask",))
    [((_, left), (whole,))] = first(source)
    assert np.array_equal(array(whole), np.broadcast_to(mask, (4, 24, 24)))
    assert array(left).sum() < array(whole).sum()
    assert np.array_equal(array(source.at(0)[0][1]), array(left))


def test_a_smaller_box_has_smaller_bodies(OnTheFly, array):
    simulator = MSFTSimulator(box=100.0, detector=QGrid(24, dq=0.09))
    [(_, small)] = first(OnTheFly(**SMALL | {"simulator": simulator}))
    [(_, large)] = first(OnTheFly(**SMALL))
    assert np.abs(array(small).mean((1, 2, 3)) - array(large).mean((1, 2, 3))).max() < 0.01


def test_fit_takes_new_batches_in_every_epoch(OnTheFly, keras):
    source = OnTheFly(**SMALL, steps_per_epoch=3)
    positions = []
    make = source._batch
    source._batch = lambda position: (positions.append(position), make(position))[1]
    model = keras.Sequential(
        [
            keras.Input((24, 24)),
            keras.layers.Flatten(),
            keras.layers.Dense(16**3, "sigmoid"),
            keras.layers.Reshape((16, 16, 16)),
        ]
    )
    model.compile("adam", "mse", jit_compile=False)
    history = model.fit(source, epochs=4, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert source.step == 12
    assert (
        set(range(12)) <= set(positions) <= set(range(14))
    )  # TensorFlow may have looked at the first ones' shapes
    model.fit(source, epochs=1, verbose=0)
    assert source.step == 15


def test_steps_per_epoch_in_fit_draws_a_warning(OnTheFly, keras):
    source = OnTheFly(**SMALL, steps_per_epoch=100)
    model = keras.Sequential([keras.Input((24, 24)), keras.layers.Dense(2)])
    model.compile("adam", lambda y, p: keras.ops.mean(p), jit_compile=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", category=UserWarning)
        model.fit(source, epochs=3, steps_per_epoch=2, verbose=0)
    assert any(re.search("of 100 batches.*give it to OnTheFly instead", str(w.message)) for w in caught)


def test_needs_neither_stores_nor_other_backends(keras):
    used = keras.backend.backend()
    missing = {"tensorflow", "torch", "jax", "xarray", "zarr", "h5py", "dask"} - {used}
    if used == "torch":
        missing -= {"jax"}  # Keras itself looks for it under PyTorch
    code = f"""
import os, sys
os.environ["KERAS_BACKEND"] = {used!r}
class Without:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, *rest):
        missing = name.partition(".")[0] in {sorted(missing)!r}
        return None if missing else self.finder.find_spec(name, *rest)
sys.meta_path[:] = map(Without, sys.meta_path)
import importlib
from scatterkit import MSFTSimulator, QGrid
from scatterkit.datasets import OnTheFly
importlib.import_module("scatterkit.datasets.feeding.on_the_fly").jit = lambda run: run  # at once, as above
x, y = next(iter(OnTheFly(simulator=MSFTSimulator(detector=QGrid(8, dq=0.05)), grid=8, batch_size=2)))
print(tuple(x.shape), tuple(y.shape))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "(2, 8, 8) (2, 8, 8, 8)", result.stderr


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sampler": 3}, "'sampler' parameter of OnTheFly"),
        ({"sampler": HalfSpaceSampler(random_state=1)}, "random_state is None or the source's, 0"),
        ({"sampler": HalfSpaceSampler(box=400.0)}, "whose box fits that of the simulator"),
        ({"sampler": HalfSpaceSampler(unevenness=-1)}, "'unevenness' parameter of HalfSpaceSampler"),
        ({"simulator": MSFTSimulator(backend="fft")}, "backend 'auto' or 'keras'"),
        ({"scaler": "linear"}, "'scaler' parameter of OnTheFly"),
        ({"scaler": LogScaler(eps=-1)}, "'eps' parameter of LogScaler"),
        ({"scaler": LogScaler(mask=np.ones((3, 3)))}, "'mask' parameter of LogScaler"),
        ({"augmenter": 3}, "'augmenter' parameter of OnTheFly"),
        ({"grid": 0}, "'grid' parameter of OnTheFly"),
        ({"batch_size": 0}, "'batch_size' parameter of OnTheFly"),
        ({"steps_per_epoch": None}, "'steps_per_epoch' parameter of OnTheFly"),
        ({"random_state": None}, "'random_state' parameter of OnTheFly"),
        ({"y": "masks"}, "'y' parameter of OnTheFly"),
        ({"mask": True}, "'mask' parameter of OnTheFly"),
        ({"n_columns": 0}, "'n_columns' parameter of OnTheFly"),
        ({"step": -1}, "'step' parameter of OnTheFly"),
    ],
)
def test_invalid_parameters(OnTheFly, parameters, message):
    with pytest.raises(ValueError, match=message):
        OnTheFly(**parameters)


def test_an_invalid_step_is_refused(OnTheFly):
    source = OnTheFly(**SMALL)
    with pytest.raises(ValueError, match="'step' parameter of OnTheFly"):
        source.step = -1


def test_docstring(OnTheFly):
    from numpydoc.validate import validate

    checked = ("GL01", "GL03", "GL05", "GL06", "GL07", "SS03", "PR01", "PR02", "PR03", "PR04", "RT01", "RT03")
    errors = validate("scatterkit.datasets.feeding.on_the_fly.OnTheFly")["errors"]
    assert [error for error in errors if error[0] in checked] == []
