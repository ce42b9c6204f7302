"""The simulator as a layer: in models, under jit, saved and loaded, with its own precision."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest
from simulation_bodies import deviation, random_volumes
from sklearn.base import clone

from scatterkit.experiment import FlatDetector, Panel, PanelDetector, QGrid
from scatterkit.simulation import MSFTSimulator

MASK = np.random.default_rng(0).random((12, 12)) > 0.2
SIMULATOR = MSFTSimulator(
    detector=QGrid((12, 12), dq=0.03), absorption="index", refractive_index=0.9 + 0.05j, mask=MASK
)
SHAPE = (8, 7, 9)


@pytest.fixture(scope="module")
def Layer():  # noqa: N802
    return importlib.import_module("scatterkit.simulation").MSFTLayer


def array(keras, tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_intensity_and_field(keras, Layer):
    volumes = random_volumes(SHAPE)
    field = SIMULATOR.field(volumes)
    assert deviation(array(keras, Layer(SIMULATOR)(volumes)), np.abs(field) ** 2) < 4e-5
    real, imag = (array(keras, part) for part in Layer(SIMULATOR, output="field")(volumes))
    assert deviation(real + 1j * imag, field) < 2e-5


def test_symbolic_shapes(keras, Layer):
    volumes = keras.Input(SHAPE)
    assert Layer(SIMULATOR)(volumes).shape == (None, 12, 12)
    real, imag = Layer(SIMULATOR, output="field")(volumes)
    assert real.shape == imag.shape == (None, 12, 12)


def test_fit_learns_through_the_layer_and_the_model_survives_saving(keras, Layer, tmp_path):
    keras.utils.set_random_seed(0)
    volumes = random_volumes(SHAPE, n=4)
    target = np.log(SIMULATOR.transform(volumes) + 1e2)
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Conv2D(SHAPE[2], 3, padding="same", activation="sigmoid"),
            Layer(SIMULATOR, name="patterns"),
            keras.layers.Lambda(_log, output_shape=(12, 12)),
        ]
    )
    model.compile("adam", "mse", jit_compile=False)
    before = array(keras, model.trainable_variables[0]).copy()
    losses = model.fit(volumes, target, batch_size=3, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert np.abs(array(keras, model.trainable_variables[0]) - before).max() > 1e-4

    inner = keras.Sequential([keras.Input(SHAPE), *model.layers[:2]])
    path = tmp_path / "model.keras"
    inner.save(path)
    loaded = keras.models.load_model(path)
    assert loaded.layers[1].name == "patterns"
    assert deviation(array(keras, loaded(volumes)), array(keras, inner(volumes))) < 1e-6


def _log(intensity):
    import keras

    return keras.ops.log(intensity + 1e2)


def test_jit_equals_eager(keras, Layer):
    volumes = random_volumes(SHAPE)
    layer = Layer(SIMULATOR)
    model = keras.Sequential([layer])
    eager = array(keras, layer(volumes))
    if keras.backend.backend() != "torch":  # which compiles by other means, that need a C++ compiler
        model.compile(jit_compile=True)
    assert deviation(model.predict(volumes, verbose=0), eager) < 1e-6


@pytest.mark.parametrize(
    "simulator",
    [
        SIMULATOR,
        MSFTSimulator(detector=FlatDetector((5, 6), 2.0), absorption_length=np.inf, mask=[[True] * 6] * 5),
        MSFTSimulator(propagation="pmsft", wavelength=np.float64(10.0)),
        MSFTSimulator(
            detector=PanelDetector([Panel((4, 6), (-3.0, 1.0, 20.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))])
        ),
    ],
)
def test_configuration_is_plain_and_complete(Layer, simulator):
    layer = Layer(simulator, output="field", precision=None, name="msft")
    config = json.loads(json.dumps(layer.get_config()))
    restored = Layer.from_config(config)
    assert (restored.name, restored.output_kind, restored.precision) == ("msft", "field", None)
    old, new = (layer_.simulator.plan(SHAPE) for layer_ in (layer, restored))
    assert np.array_equal(old.response, new.response)
    assert (old.complex_step, old.propagation, old.wavenumber) == (
        new.complex_step,
        new.propagation,
        new.wavenumber,
    )


def test_configuration_runs_nothing_else(Layer):
    config = Layer(SIMULATOR).get_config()
    config["simulator"] = json.dumps({"class": "os.system", "parameters": {}})
    with pytest.raises(ValueError, match=r"'os.system' is not of scatterkit"):
        Layer.from_config(config)


def test_stays_in_single_precision(keras, Layer):
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        layer = Layer(SIMULATOR)
        assert layer.compute_dtype == "float32"
        found = array(keras, layer(random_volumes(SHAPE).astype(np.float16)))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert found.dtype == np.float32
    with pytest.raises(ValueError, match="'dtype' parameter of MSFTLayer must be 'float32'"):
        Layer(SIMULATOR, dtype="mixed_float16")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"output": "phase"}, "'output' parameter of MSFTLayer must be one of"),
        ({"precision": "float16"}, "'precision' parameter of MSFTLayer must be one of"),
        ({"simulator": 3}, "'simulator' parameter of MSFTLayer must be an instance of MSFTSimulator"),
        ({"simulator": MSFTSimulator(backend="fft")}, "backend 'auto' or 'keras'"),
        ({"simulator": MSFTSimulator(wavelength=-1)}, "'wavelength' parameter of MSFTSimulator"),
    ],
)
def test_invalid_parameters(Layer, parameters, message):
    with pytest.raises(ValueError, match=message):
        Layer(**parameters)


def test_an_unknown_grid_is_an_error(keras, Layer):
    with pytest.raises(ValueError, match="of a known grid"):
        Layer(SIMULATOR)(keras.Input((None, 8, 8)))


def test_docstring(Layer):
    from numpydoc.validate import validate

    checked = ("GL01", "GL03", "GL05", "GL06", "GL07", "SS03", "PR01", "PR02", "PR03", "PR04", "RT01", "RT03")
    for name in ("", ".call", ".build", ".get_config", ".from_config", ".compute_output_shape"):
        errors = validate(f"scatterkit.simulation.keras_layers.MSFTLayer{name}")["errors"]
        assert [error for error in errors if error[0] in checked] == []


@pytest.mark.parametrize("propagation", ["msft", pytest.param("pmsft", marks=pytest.mark.slow)])
def test_large_batches_pass_in_parts(keras, monkeypatch, propagation):
    transform, backends = (
        importlib.import_module(f"scatterkit.simulation.kernels.tensor_{name}")
        for name in ("transform", "backends")
    )
    simulator = clone(SIMULATOR).set_params(propagation=propagation)
    plan = simulator.plan(SHAPE)
    monkeypatch.setattr(transform, "_RECYCLED", 2 * transform.working_memory(plan))
    volumes = np.concatenate([random_volumes(SHAPE)] * 2)[:4]
    ones = np.ones((len(volumes), 12, 12), dtype=np.float32)
    assert len(volumes) > 2
    run = backends.jit(lambda v: transform.scatter(v, plan))
    real, imag = (array(keras, part) for part in run(keras.ops.convert_to_tensor(volumes)))
    assert deviation(real + 1j * imag, simulator.field(volumes)) < 2e-5
    pull = backends.pullback(lambda v: transform.scatter(v, plan))
    found = array(keras, pull(*map(keras.ops.convert_to_tensor, (volumes, ones, ones))))
    assert deviation(found, simulator.adjoint(volumes, ones + 1j * ones)) < 1e-4
