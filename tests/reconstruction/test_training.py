"""Trainings that are cut and go on, that meet numbers that are not finite, and what they leave on disk."""

from __future__ import annotations

import csv
import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
from network_tools import keras
from training_tools import bodies, eager, patterns, reconstructor

from scatterkit.reconstruction import PhysicsLoss, TrainingError
from scatterkit.reconstruction.training import _training
from scatterkit.reconstruction.training._checkpoints import load_checkpoint
from scatterkit.reconstruction.training._records import EventFile
from scatterkit.simulation.kernels.tensor_backends import BACKEND

__all__ = ["eager"]
Y = bodies()
X = patterns(Y)
HERE = Path(__file__).parent


def curve(history):
    """All of a log but the time."""
    return [{k: str(v) for k, v in row.items() if k != "seconds"} for row in history]


def killed(folder: Path, at_step: int) -> None:
    """Train in a process of its own, and kill it once its log has come to a step."""
    target = [sys.executable, str(HERE / "training_target.py"), str(folder)]
    process = subprocess.Popen(target, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    try:
        begun = time.monotonic()
        while process.poll() is None and time.monotonic() - begun < 300:
            time.sleep(0.002)
            if last_step(folder / "log.csv") >= at_step:
                process.kill()
        assert process.wait(10) == -signal.SIGKILL
    finally:
        process.kill()


def last_step(log: Path) -> int:
    lines = log.read_text().splitlines()[1:] if log.exists() else []
    whole = [line for line in lines if line.count(",") == 6]
    return int(whole[-1].split(",")[0]) if whole else 0


@pytest.mark.slow
def test_killed_five_times_a_training_ends_at_the_same_weights(tmp_path):
    from training_target import long

    whole = long(None).fit(X, Y)
    for at_step in (20, 50, 60, 100, 150):
        killed(tmp_path, at_step)
    assert 0 < int(load_checkpoint(tmp_path).state["step"]) < whole.n_steps_
    found = long(tmp_path).fit(X, Y)
    np.testing.assert_array_equal(found.weights_, whole.weights_)
    for name in ("weights", "first", "second"):
        np.testing.assert_array_equal(found.state_[name], whole.state_[name])
    assert curve(found.history_) == curve(whole.history_)


def test_stopped_at_every_look_a_training_ends_at_the_same_weights(tmp_path):
    parameters = {"n_steps": 20, "validation": 4, "validate_every": 15}
    whole = reconstructor(**parameters).fit(X, Y)
    stops = []
    for _ in range(4):
        part = reconstructor(**parameters, checkpoint=tmp_path, time_budget=1e-9).fit(X, Y)
        stops.append(part.n_steps_)
    assert stops == [10, 15, 20, 20]
    np.testing.assert_array_equal(part.weights_, whole.weights_)
    assert curve(part.history_) == curve(whole.history_)
    with (tmp_path / "log.csv").open() as file:
        assert curve(csv.DictReader(file)) == curve(whole.history_)


def test_another_training_is_not_gone_on_with(tmp_path):
    reconstructor(n_steps=1, checkpoint=tmp_path).fit(X, Y)
    for parameters, y in (({"n_steps": 2}, Y), ({"random_state": 5}, Y), ({"learning_rate": 0.1}, Y)):
        other = reconstructor(**{"n_steps": 1, "checkpoint": tmp_path} | parameters)
        with pytest.raises(ValueError, match=r"'checkpoint' parameter .* folder of its own"):
            other.fit(X, y)
    with pytest.raises(ValueError, match="'checkpoint' parameter"):
        reconstructor(n_steps=1, checkpoint=tmp_path).fit(X[1:], Y[1:])


@pytest.mark.slow
def test_a_seed_that_nobody_gave_is_kept(tmp_path):
    given = {"n_steps": 20, "checkpoint": tmp_path, "random_state": None}
    first = reconstructor(**given, time_budget=1e-9).fit(X, Y)
    seed = load_checkpoint(tmp_path).seed
    second = reconstructor(**given).fit(X, Y)
    assert (first.n_steps_, second.n_steps_) == (10, 20)
    assert load_checkpoint(tmp_path).seed == seed
    assert curve(second.history_[:1]) == curve(first.history_)


@pytest.mark.slow
def test_a_half_written_checkpoint_is_never_seen(tmp_path, monkeypatch):
    reconstructor(n_steps=20, checkpoint=tmp_path, time_budget=1e-9).fit(X, Y)
    before = (tmp_path / "training.npz").read_bytes()

    def broken(*arguments):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="no space"):
        reconstructor(n_steps=20, checkpoint=tmp_path).fit(X, Y)
    assert (tmp_path / "training.npz").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv", "training.npz"]


def test_a_damaged_checkpoint_is_an_error(tmp_path):
    reconstructor(n_steps=1, checkpoint=tmp_path).fit(X, Y)
    path = tmp_path / "training.npz"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match="damaged"):
        reconstructor(n_steps=1, checkpoint=tmp_path).fit(X, Y)


@pytest.mark.slow
def test_interrupts_leave_a_fitted_estimator_and_a_checkpoint(tmp_path, monkeypatch):
    add = _training.Record.add

    def interrupted(record, row):
        add(record, row)
        if row["step"] == 20:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(_training.Record, "add", interrupted)
    network = reconstructor(n_steps=40, checkpoint=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        network.fit(X, Y)
    assert network.n_steps_ in (10, 20)
    assert network.predict(X).shape == Y.shape
    monkeypatch.undo()
    whole = reconstructor(n_steps=40).fit(X, Y)
    found = network.fit(X, Y)
    np.testing.assert_array_equal(found.weights_, whole.weights_)
    assert curve(found.history_) == curve(whole.history_)


class Breaking(PhysicsLoss):
    """Not a number at some steps."""

    first, last = 12, 10**6

    def _function(self, simulator, grid, scaler):
        inner = super()._function(simulator, grid, scaler)

        def loss(targets, body, step):
            broken = (step >= self.first) & (step < self.last)
            return inner(targets, body, step) * keras.ops.where(broken, np.float32("nan"), np.float32(1))

        return loss


class Mending(Breaking):
    """Not a number for a while."""

    last = 31


def test_a_step_that_is_not_finite_is_skipped_and_a_training_set_back():
    network = reconstructor(loss=Mending(), n_steps=50).fit(X)
    skipped = [row["skipped"] for row in network.history_]
    assert skipped == [0, 8, 10, 1, 0]
    assert int(network.state_["bad"]) == 19
    assert np.isfinite([row["loss"] for row in network.history_ if row["skipped"] < 10]).all()
    assert np.isfinite(network.weights_).all()
    # from the weights of step 10 on; those of steps 11 and 12 are forgotten
    assert int(network.state_["updates"]) == 10 + 9 + 10


def test_not_finite_again_and_again_is_an_error():
    network = reconstructor(loss=Breaking(), n_steps=200, schedule="constant")
    with pytest.raises(TrainingError, match=r"10 steps in a row before step 60, .* set back 3 times"):
        network.fit(X)
    # where it was set back to
    assert int(network.state_["updates"]) == 10
    assert np.isfinite(network.weights_).all()


@pytest.mark.usefixtures("eager")
def test_nothing_finite_at_all_is_an_error(tmp_path):
    class Broken(Breaking):
        first = 0

    with pytest.raises(TrainingError, match="None of 2 training steps had a finite loss"):
        reconstructor(loss=Broken(), n_steps=2, checkpoint=tmp_path).fit(X)
    # what learnt nothing stands in nobody's way
    mended = reconstructor(n_steps=1, checkpoint=tmp_path).fit(X, Y)
    assert int(load_checkpoint(tmp_path).state["updates"]) == mended.n_steps_ == 1


@pytest.mark.usefixtures("eager")
def test_progress_is_shown_where_asked_for(capsys):
    reconstructor(n_steps=1).fit(X, Y)
    assert capsys.readouterr().err == ""
    reconstructor(n_steps=1, verbose=True).fit(X, Y)
    assert "training: 100%" in capsys.readouterr().err


def masked_crc(data: bytes) -> int:
    crc = google_crc32c.value(data)
    return ((((crc >> 15) | (crc << 17)) & 0xFFFFFFFF) + 0xA282EAD8) % 2**32


def test_events_are_records_with_their_checksums(tmp_path):
    file = EventFile(tmp_path)
    file.add(300, {"loss": 0.25})
    data, records = file.path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert struct.unpack("<I", data[8:12]) == (masked_crc(data[:8]),)
        message = data[12 : 12 + length]
        assert struct.unpack("<I", data[12 + length : 16 + length]) == (masked_crc(message),)
        records.append(message)
        data = data[16 + length :]
    assert records[0].endswith(b"brain.Event:2")
    assert b"loss" in records[1]
    assert struct.pack("<f", 0.25) in records[1]


@pytest.mark.slow
@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow reads its own format")
def test_tensorflow_reads_the_events(tmp_path):
    from tensorflow.core.util import event_pb2
    from tensorflow.python.lib.io import tf_record

    network = reconstructor(n_steps=20, tensorboard=tmp_path).fit(X, Y)
    (path,) = tmp_path.iterdir()
    events = [event_pb2.Event.FromString(r) for r in tf_record.tf_record_iterator(str(path))]
    assert events[0].file_version == "brain.Event:2"
    assert [event.step for event in events[1:]] == [10, 20]
    for event, row in zip(events[1:], network.history_, strict=True):
        told = {value.tag: value.simple_value for value in event.summary.value}
        assert told["loss"] == pytest.approx(row["loss"])
        assert told["learning_rate"] == pytest.approx(row["learning_rate"])
        assert "validation" not in told


@pytest.mark.slow
@pytest.mark.skipif(BACKEND != "tensorflow", reason="a strategy of TensorFlow's")
def test_two_devices_train_as_one():
    code = """
import json, sys
import tensorflow as tf
cpu, = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from test_training import X, Y, reconstructor
alone = reconstructor(n_steps=10).fit(X, Y)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    both = reconstructor(n_steps=10).fit(X, Y)
apart = abs(alone.weights_ - both.weights_).max()
print(json.dumps([strategy.num_replicas_in_sync, float(apart), [r["loss"] for r in alone.history_ + both.history_]]))
"""
    paths = os.pathsep.join([str(HERE), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    n, apart, losses = json.loads(done.stdout.splitlines()[-1])
    assert n == 2
    assert apart < 1e-4
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
