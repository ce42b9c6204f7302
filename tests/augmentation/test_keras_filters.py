"""Every filter gives the same images by NumPy and by Keras, at once and compiled, on any backend."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from scatterkit import augmentation
from scatterkit._arrays import NUMPY
from scatterkit._validation import InvalidParameterError
from scatterkit.augmentation import (
    AugmentationParams,
    Augmenter,
    Chain,
    Filter,
    PanelGaps,
    Rotation,
    Shift,
    ShotNoise,
    SimulatedExperiment,
    UniformNoise,
)
from scatterkit.augmentation.base import pixel_uniform
from scatterkit.experiment import Panel, PanelDetector, QGrid

SHAPE = (40, 36)
N = 6
TOLERANCE = 1e-5
TENSORFLOW = os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"
MODES = ["eager", "compiled"] if TENSORFLOW else ["eager"]  # PyTorch runs Keras' functions one by one


def filters() -> list[type[Filter]]:
    """Every public filter of the package."""
    public = (getattr(augmentation, name) for name in augmentation.__all__)
    kinds = [kind for kind in public if isinstance(kind, type) and issubclass(kind, Filter)]
    return [kind for kind in kinds if kind is not Filter]


def make(kind: type[Filter]) -> Filter:
    if kind is Chain:
        return Chain([Shift(), UniformNoise(), Rotation()])
    if kind is PanelGaps:
        steps = {"fast": (0.1, 0, 0), "slow": (0, 0.1, 0)}
        panels = [Panel((400, 190), corner=(x, -20.0, 20.0), **steps) for x in (-20.0, 1.0)]
        return PanelGaps(PanelDetector(panels), grid=QGrid(SHAPE, 0.01))
    return kind()


def patterns() -> np.ndarray:
    """Speckles of several sizes, a pattern without light, and one of a single bright pixel."""
    rng = np.random.default_rng(0)
    found = rng.random((N, *SHAPE), dtype=np.float32)
    rows, columns = np.indices(SHAPE)
    found[2:4] = np.exp(-0.01 * ((rows - 20) ** 2 + (columns - 18) ** 2)) * (0.5 + 0.5 * found[2:4])
    found[4] = 0
    found[5] = 0
    found[5, 20, 18] = 1
    return found


def masks() -> np.ndarray:
    found = np.ones((N, *SHAPE), np.float32)
    found[1:, 12:14] = 0
    found[2:, :, 30] = 0
    return found


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as TensorFlow compiles it by XLA."""
    import tensorflow as tf

    return tf.function(function, jit_compile=True)


def tensors(tree: Any, keras: Any) -> Any:
    if isinstance(tree, dict):
        return {name: tensors(value, keras) for name, value in tree.items()}
    if isinstance(tree, tuple):
        return tuple(tensors(value, keras) for value in tree)
    return keras.ops.convert_to_tensor(tree)


def both(worker: Any) -> Callable[..., Any]:
    return lambda X, mask, params: (worker.apply(X, params), worker.apply_mask(mask, params))


def assert_same(found: Any, expected: Any, keras: Any) -> None:
    for image, wanted in zip(found, expected, strict=True):
        assert keras.backend.standardize_dtype(image.dtype) == "float32"
        assert np.isfinite(wanted).all()
        assert np.abs(keras.ops.convert_to_numpy(image) - wanted).max() <= TOLERANCE


def test_all_published_filters_are_there() -> None:
    assert len(filters()) >= 15


def cases() -> Iterator[Any]:
    """Every filter in every mode; XLA takes seconds for chains of filters that are compiled one by one too."""
    for kind in filters():
        for mode in MODES:
            slow = mode == "compiled" and kind in (Chain, SimulatedExperiment)
            marks = [pytest.mark.slow] if slow else []
            yield pytest.param(kind, mode, id=f"{kind.__name__}-{mode}", marks=marks)


@pytest.mark.parametrize(("kind", "mode"), list(cases()))
def test_numpy_and_keras_agree(kind: type[Filter], mode: str, keras: Any) -> None:
    filter_ = make(kind)
    params = filter_.sample_params(N, SHAPE, random_state=3)
    expected = both(filter_)(patterns(), masks(), params)
    function = both(filter_) if mode == "eager" else compiled(both(filter_))
    found = function(*tensors((patterns(), masks()), keras), tensors(filter_.complete(params), keras))
    assert_same(found, expected, keras)


@pytest.mark.parametrize("mode", [pytest.param(m, marks=[pytest.mark.slow] * (m != "eager")) for m in MODES])
def test_the_augmenter_picks_the_same(mode: str, keras: Any) -> None:
    """Every sample gets another filter of all the published ones."""
    augmenter = Augmenter("all", random_state=1)
    n = len(augmenter.named_filters())
    drawn = augmenter.sample_params(n, shape=SHAPE)
    params = AugmentationParams(drawn.filters, np.arange(n, dtype=np.int32), drawn.values)
    images, left = (np.resize(given, (n, *SHAPE)) for given in (patterns(), masks()))
    expected = both(augmenter)(images, left, params)
    function = both(augmenter) if mode == "eager" else compiled(both(augmenter))
    assert_same(function(*tensors((images, left, params.tree()), keras)), expected, keras)


def test_parameters_in_numpy_with_patterns_on_the_device(keras: Any) -> None:
    augmenter = Augmenter(random_state=1, probability=0.6)
    augmented = augmenter.augment(keras.ops.convert_to_tensor(patterns()), masks().astype(bool), epoch=3)
    expected = augmenter.augment(patterns(), masks().astype(bool), epoch=3)
    assert 0 < (expected.params.choice < 0).sum() < N
    assert expected.masks.dtype == bool
    found, left = (keras.ops.convert_to_numpy(x) for x in (augmented.patterns, augmented.masks))
    np.testing.assert_allclose(found, expected.patterns, atol=TOLERANCE)
    np.testing.assert_array_equal(left, expected.masks)


def test_noise_on_pixels_is_the_same_to_the_last_bit(keras: Any) -> None:
    keys = np.random.default_rng(0).integers(-(2**31), 2**31, size=50, dtype=np.int32)
    found = pixel_uniform(keras.ops.convert_to_tensor(keys), SHAPE, keras.ops, stream=2)
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(found), pixel_uniform(keys, SHAPE, NUMPY, stream=2)
    )


def test_tensors_without_tables_are_refused(keras: Any) -> None:
    params = tensors(ShotNoise().sample_params(N, SHAPE), keras)
    with pytest.raises(InvalidParameterError, match="completed by complete"):
        ShotNoise().apply(keras.ops.convert_to_tensor(patterns()), params)


def test_gradients_reach_the_pattern(keras: Any) -> None:
    """A simulation on the device can be trained through artifacts: a shift moves the gradient back."""
    image, params = patterns()[5:], {"shift": np.float32([[2, -3]])}
    if TENSORFLOW:
        import tensorflow as tf

        tensor = tf.Variable(image)
        with tf.GradientTape() as tape:
            value = Shift().apply(tensor, params)[0, 25, 10]
        gradient = tape.gradient(value, tensor)
    else:
        import torch

        tensor = torch.tensor(image, requires_grad=True)
        Shift().apply(tensor, params)[0, 25, 10].backward()
        gradient = tensor.grad
    assert np.argmax(np.abs(keras.ops.convert_to_numpy(gradient))) == 23 * SHAPE[1] + 13


def test_inside_the_training_step(keras: Any) -> None:
    """A model that spoils its own input trains, with parameters that are fed beside the patterns."""
    augmenter = Augmenter([UniformNoise(), Shift()], random_state=0)

    class Spoiling(keras.Model):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(1, kernel_initializer="zeros")

        def call(self, inputs: Any) -> Any:
            spoilt = augmenter.apply(inputs["pattern"], inputs["params"])
            return self.dense(keras.ops.reshape(spoilt, (-1, SHAPE[0] * SHAPE[1])))

    model = Spoiling()
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(1e-3), jit_compile=TENSORFLOW)
    fed = {"pattern": patterns(), "params": augmenter.sample_params(N, shape=SHAPE).tree()}
    losses = model.fit(fed, np.ones((N, 1)), batch_size=N, epochs=3, verbose=0).history["loss"]
    assert losses[0] == pytest.approx(1)
    assert losses[2] < losses[1] < losses[0]


if TENSORFLOW:

    def test_inside_a_tensorflow_data_set(keras: Any) -> None:
        """The last batch is smaller, so the number of patterns is not known when the function is traced."""
        import tensorflow as tf

        augmenter = Augmenter([Shift(), ShotNoise(), UniformNoise(), Rotation()], random_state=2)
        params = augmenter.sample_params(N, shape=SHAPE)
        source = tf.data.Dataset.from_tensor_slices((patterns(), params.tree())).batch(4)
        batches = list(source.map(augmenter.apply).as_numpy_iterator())
        assert [len(batch) for batch in batches] == [4, N - 4]
        expected = augmenter.apply(patterns(), params)
        np.testing.assert_allclose(np.concatenate(batches), expected, atol=TOLERANCE)
