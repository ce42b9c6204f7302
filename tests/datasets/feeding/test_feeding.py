"""Batches from sets: each sample once per epoch, in a new order, with bounded memory, and without leftovers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from feeding_threads import none_left

from scatterkit import MSFTSimulator, QGrid, Rasterizer
from scatterkit.augmentation import Augmenter, CentralHole
from scatterkit.datasets import DatasetGenerator, as_keras, as_tf_dataset, make_dataset, open_dataset
from scatterkit.datasets.feeding._batches import Shuffler
from scatterkit.datasets.feeding._sources import Source

pytestmark = pytest.mark.filterwarnings("ignore:`shuffle=True` was passed:UserWarning")
N = 90


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    target = tmp_path_factory.mktemp("feeding") / "set.zarr"
    simulator = MSFTSimulator(detector=QGrid(16, dq=0.03))
    DatasetGenerator(rasterizer=Rasterizer(grid=8), simulator=simulator, shard_size=16).generate(
        target, N, verbose=False
    )
    return target


@pytest.fixture(scope="module")
def stored(path):
    return open_dataset(path).load()


def numbers(stored, x, y=None):
    """Which samples a batch holds, by their patterns; their volumes must be theirs."""
    found = [int(np.flatnonzero((stored.pattern.values == pattern).all((1, 2))).item()) for pattern in x]
    if y is not None:
        assert np.array_equal(y, stored.volume.values[found])
    return found


def epoch_of(stored, batches):
    return [number for x, y in batches for number in numbers(stored, np.asarray(x), np.asarray(y))]


SOURCES = {
    "path": lambda path: path,
    "text": str,
    "lazy": open_dataset,
    "loaded": lambda path: open_dataset(path).load(),
    "arrays": lambda path: {name: open_dataset(path)[name].values for name in ("pattern", "volume")},
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_epoch_has_each_sample_once_in_an_order_of_its_own(stored, path, kind):
    batches = as_keras(SOURCES[kind](path), 8, random_state=3, buffer_size=32)
    first, second = epoch_of(stored, batches), epoch_of(stored, batches)
    assert sorted(first) == sorted(second) == list(range(N))
    assert first != second
    again = as_keras(SOURCES[kind](path), 8, random_state=3, buffer_size=32)
    assert epoch_of(stored, again) == first
    again.epoch = 1
    assert epoch_of(stored, again) == second
    assert again.epoch == 2
    other = as_keras(SOURCES[kind](path), 8, random_state=4, buffer_size=32)
    assert epoch_of(stored, other) != first


def test_without_shuffling_samples_keep_their_order(stored, path):
    batches = as_keras(path, 7, shuffle=False, samples=[70, 3, 40, 41, 42, 5, 88, 11], buffer_size=2)
    assert [len(x) for x, _ in batches] == [7, 1]
    assert epoch_of(stored, batches) == [3, 5, 11, 40, 41, 42, 70, 88]


def test_parts_of_a_set(stored, path):
    train = epoch_of(stored, as_keras(path, 8, samples=(0, 80), random_state=0))
    test = epoch_of(stored, as_keras(path, 8, samples=slice(80, None)))
    assert sorted(train) == list(range(80))
    assert sorted(test) == list(range(80, N))


def test_drop_last(stored, path):
    batches = as_keras(path, 8, drop_last=True, random_state=0)
    seen = epoch_of(stored, batches)
    assert len(seen) == len(set(seen)) == 88
    assert {len(x) for x, _ in batches} == {8}


# --- what is put together ----------------------------------------------------------------------------------


def test_several_targets_and_none(stored, path):
    x, (pattern, volume) = as_keras(path, 8, y=("pattern", "volume"), random_state=0)[0]
    assert np.array_equal(x, pattern)
    numbers(stored, x, volume)
    (x,) = as_keras(path, 8, y=None, shuffle=False)[1]
    assert numbers(stored, x) == list(range(8, 16))
    volumes, patterns = as_keras(path, 8, x="volume", y="pattern", random_state=0)[0]
    alone = np.ones((8, 4, 4, 4), np.float32)
    assert as_keras({"volume": alone}, 8, x="volume", y="volume")[0][0].shape == alone.shape
    numbers(stored, patterns, volumes)


def test_artifacts_are_those_of_sample_and_epoch(stored, path):
    augmenter = Augmenter(random_state=5)
    batches = as_keras(path, 8, y="pattern", augmenter=augmenter, random_state=0)
    epochs = [list(batches), list(batches)]
    for epoch, found in enumerate(epochs):
        for x, clean in found:
            expected = augmenter.augment(clean, indices=numbers(stored, clean), epoch=epoch).patterns
            assert np.array_equal(x, expected)


def test_an_augmenter_without_seed_gets_that_of_the_batches(stored, path):
    augmenter = Augmenter()
    found = as_keras(path, 8, y="pattern", augmenter=augmenter, random_state=11)[2]
    seeded = as_keras(path, 8, y="pattern", augmenter=Augmenter(random_state=11), random_state=11)[2]
    assert np.array_equal(found[0], seeded[0])
    assert augmenter.random_state is None


def test_mask_as_channel_and_as_input(stored):
    masks = np.random.default_rng(0).random(stored.pattern.shape) > 0.3
    data = make_dataset(stored.pattern.values, masks=masks)
    hole = Augmenter([CentralHole()], random_state=1)
    channels, clean = as_keras(data, 8, y="pattern", mask="channel", augmenter=hole, random_state=0)[0]
    here = numbers(stored, clean)
    assert channels.shape == (8, 16, 16, 2)
    params = hole.sample_params(here, shape=(16, 16))
    assert np.array_equal(channels[..., 0], hole.apply(clean, params))
    assert np.array_equal(channels[..., 1], hole.apply_mask(masks[here], params))
    pattern, mask = as_keras(data, 8, y=None, mask="input", random_state=0)[0][0]
    assert np.array_equal(mask, masks[numbers(stored, pattern)])
    without = as_keras(make_dataset(stored.pattern.values), 8, y=None, mask="channel")[0][0]
    assert (without[..., 1] == 1).all()


def test_masks_before_artifacts_as_targets(stored):
    masks = np.random.default_rng(0).random(stored.pattern.shape) > 0.3
    data = make_dataset(stored.pattern.values, masks=masks)
    hole = Augmenter([CentralHole()], random_state=1)
    (_, left), (clean, whole) = as_keras(data, 8, y=("pattern", "mask"), mask="input", augmenter=hole)[0]
    assert np.array_equal(whole, masks[numbers(stored, clean)])
    assert (left <= whole).all()
    assert (left < whole).any()
    x, everywhere = as_keras(make_dataset(stored.pattern.values), 8, y="mask")[0]
    assert everywhere.shape == x.shape
    assert (everywhere == 1).all()


def test_batches_by_their_position(stored, path):
    batches = as_keras(path, 16, random_state=0)
    first = [list(epoch) for epoch in (batches, batches)]
    other = as_keras(path, 16, random_state=0)
    for position in (7, 0, 11, 5):
        epoch, number = divmod(position, len(other))
        for _ in range(2):
            x, y = other.at(position)
            assert np.array_equal(x, first[epoch][number][0])
            assert np.array_equal(y, first[epoch][number][1])


# --- in Keras ----------------------------------------------------------------------------------------------


def counting_model(keras, n):
    """A model whose weights count how often it was trained on each of n samples, given as unit vectors."""
    inputs = keras.Input((1, n))
    outputs = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")(
        keras.layers.Flatten()(inputs)
    )
    model = keras.Model(inputs, outputs)
    total = lambda y, p: -keras.ops.sum(p)  # noqa: E731  whose gradient is the sum of the unit vectors
    model.compile(keras.optimizers.SGD(1.0), loss=total, jit_compile=False)
    return model


@pytest.mark.parametrize("n", [40, 1])
def test_fit_trains_on_each_sample_once_per_epoch(keras, n):
    model = counting_model(keras, n)
    batches = as_keras({"pattern": np.eye(n)[:, None]}, 8, y="pattern", random_state=0)
    model.fit(batches, epochs=3, verbose=0)
    assert np.array_equal(keras.ops.convert_to_numpy(model.weights[0])[:, 0], np.full(n, 3))
    # PyTorch and JAX look at a first batch and begin anew: where there is but one, that counts as an epoch
    assert batches.epoch == 3 or (batches.epoch == 4 and n == 1)
    model.fit(
        batches, epochs=1, verbose=0, validation_data=as_keras({"pattern": np.eye(n)[:, None]}, y="pattern")
    )
    assert np.array_equal(keras.ops.convert_to_numpy(model.weights[0])[:, 0], np.full(n, 4))


def test_the_shuffling_of_keras_does_not_make_it_read_back_and_forth(keras, monkeypatch):
    n = 512
    batches = as_keras({"pattern": np.eye(n)[:, None]}, 8, y="pattern", random_state=0)
    shuffler = Shuffler(np.arange(n), 16, 64, True, 0)  # windows as small as on disk: eight of them
    monkeypatch.setattr(batches._stream, "_shuffler", shuffler)
    reads = []
    read = batches._stream._reader.read
    monkeypatch.setattr(batches._stream._reader, "read", lambda *a: (reads.append(a), read(*a))[1])
    model = counting_model(keras, n)
    model.fit(batches, epochs=2, verbose=0)
    assert np.array_equal(keras.ops.convert_to_numpy(model.weights[0])[:, 0], np.full(n, 2))
    assert len(reads) <= 2 * 32 + 3 * 8  # each run once, and windows begun for shapes or the next epoch


@pytest.mark.parametrize(
    ("n", "steps", "epochs", "passes"), [(64, 4, 6, 3), (64, 3, 8, 3), (44, 4, 3, 2), (16, 3, 4, 6)]
)
def test_short_and_long_epochs_go_on_where_one_ended(keras, n, steps, epochs, passes):
    model = counting_model(keras, n)
    batches = as_keras({"pattern": np.eye(n)[:, None]}, 8, y="pattern", random_state=0, steps_per_epoch=steps)
    model.fit(batches, epochs=epochs, verbose=0)
    assert np.array_equal(keras.ops.convert_to_numpy(model.weights[0])[:, 0], np.full(n, passes))
    assert (batches.epoch, len(batches)) == (epochs, steps)


def test_steps_per_epoch_in_fit_draws_a_warning(keras):
    batches = as_keras({"pattern": np.eye(256)[:, None]}, 2, y="pattern", random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", category=UserWarning)
        counting_model(keras, 256).fit(batches, epochs=3, steps_per_epoch=2, verbose=0)
    assert any(re.search("of 128 batches.*give it to as_keras instead", str(w.message)) for w in caught)


def test_leaving_a_loop_early_draws_no_warning():
    batches = as_keras({"pattern": np.eye(40)[:, None]}, 8, y="pattern", random_state=0)
    for _ in range(3):
        for _ in batches:
            break


def test_predictions_come_in_the_order_of_the_samples(keras, stored, path):
    model = keras.Sequential([keras.Input((16, 16)), keras.layers.Flatten()])
    found = model.predict(as_keras(path, 8, y=None, shuffle=False), verbose=0)
    assert np.array_equal(found.reshape(stored.pattern.shape), stored.pattern.values)


def test_processes_and_threads_of_keras_are_refused(path):
    batches = as_keras(path)
    with pytest.raises(ValueError, match="'workers' parameter of StoredBatches must be 1 here"):
        batches.workers = 2
    with pytest.raises(ValueError, match="'use_multiprocessing' parameter of StoredBatches must be False"):
        batches.use_multiprocessing = True
    batches.use_multiprocessing = False


def test_a_number_beyond_the_epoch_is_an_index_error(path):
    with pytest.raises(IndexError, match="batch 12 of 12"):
        as_keras(path, 8)[12]


def test_tf_dataset(stored, path):
    batches = as_tf_dataset(path, 8, random_state=3, buffer_size=32)
    same = as_keras(path, 8, random_state=3, buffer_size=32)
    assert int(batches.cardinality()) == 12
    x, y = batches.element_spec
    assert (tuple(x.shape), tuple(y.shape)) == ((None, 16, 16), (None, 8, 8, 8))
    for _ in range(2):
        assert epoch_of(stored, batches) == epoch_of(stored, same)
    even = as_tf_dataset(path, 9, y=("volume", "pattern"), mask="input", random_state=3)
    (pattern, mask), (volume, _) = next(iter(even))
    assert (tuple(pattern.shape), tuple(mask.shape), tuple(volume.shape)) == ((9, 16, 16),) * 2 + (
        (9, 8, 8, 8),
    )


def test_fit_on_a_tf_dataset(keras):
    model = counting_model(keras, 40)
    batches = as_tf_dataset({"pattern": np.eye(40)[:, None]}, 8, y="pattern")
    model.fit(batches, epochs=2, verbose=0)
    assert np.array_equal(keras.ops.convert_to_numpy(model.weights[0])[:, 0], np.full(40, 2))
    model.fit(batches.repeat(), epochs=5, steps_per_epoch=3, verbose=0)
    assert np.array_equal(keras.ops.convert_to_numpy(model.weights[0])[:, 0], np.full(40, 5))


def test_iterators_over_one_tf_dataset_leave_each_other_alone(stored, path, monkeypatch):
    reads = []
    read = Source.read
    monkeypatch.setattr(Source, "read", lambda *a: (reads.append(a), read(*a))[1])
    batches = as_tf_dataset(path, 8, random_state=3, buffer_size=16)
    pairs = list(zip(batches, batches, strict=True))
    first, second = (epoch_of(stored, side) for side in zip(*pairs, strict=True))
    assert sorted(first) == sorted(second) == list(range(N))
    assert first != second
    assert none_left()
    assert len(reads) <= 2 * (6 + 2 * 2)  # each run once for each, and what was read ahead of the next epoch


# --- threads, memory, errors -------------------------------------------------------------------------------


def test_no_threads_are_left_when_nobody_asks(path):
    batches = as_keras(path, 4, buffer_size=16, workers=3)
    iterator = iter(batches)
    next(iterator)
    assert none_left()
    next(iterator)  # and they come again
    iterator.close()
    assert none_left()
    for _ in as_tf_dataset(path, 4, buffer_size=16).take(2):
        pass
    assert none_left()


def test_fit_ends_with_the_error_of_a_thread(keras, monkeypatch):
    batches = as_keras({"pattern": np.eye(40)[:, None]}, 8, y="pattern", random_state=0)

    def damaged(*_):
        raise OSError("the disk is on fire")

    monkeypatch.setattr(batches._stream._reader, "read", damaged)
    with pytest.raises(Exception, match="the disk is on fire"):
        counting_model(keras, 40).fit(batches, verbose=0)
    assert none_left()


def test_a_damaged_file_is_named(tmp_path):
    simulator = MSFTSimulator(detector=QGrid(16, dq=0.03))
    generator = DatasetGenerator(rasterizer=Rasterizer(grid=8), simulator=simulator, shard_size=16)
    generator.generate(tmp_path / "set.zarr", 32, verbose=False)
    batches = as_keras(tmp_path / "set.zarr", 32)
    [file] = (tmp_path / "set.zarr" / "pattern").glob("c.1.*")
    content = bytearray(file.read_bytes())
    content[10:40] = bytes(30)
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"pattern/c\.1\.0\.0"):
        batches[0]


@pytest.mark.slow
def test_two_devices_train_on_each_sample_once():
    code = """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
from scatterkit.datasets import as_keras
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    inputs = keras.Input((1, 40))
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Model(inputs, dense(keras.layers.Flatten()(inputs)))
    model.compile(keras.optimizers.SGD(1.0), loss=lambda t, p: -keras.ops.sum(p), jit_compile=False)
unit = {"pattern": np.eye(40)[:, None]}
model.fit(as_keras(unit, 8, y="pattern", random_state=0, drop_last=True), epochs=3, verbose=0)
assert strategy.num_replicas_in_sync == 2
print(set(keras.ops.convert_to_numpy(model.weights[0])[:, 0].tolist()))
"""
    environment = os.environ | {"KERAS_BACKEND": "tensorflow"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert result.stdout.strip() == "{3.0}", result.stderr
