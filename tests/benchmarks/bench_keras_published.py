"""Speed of the Keras layer beside a re-statement of the published TensorFlow simulator.

    python tests/benchmarks/bench_keras_published.py [--batch N] [--repeats N] [--threads N] [--output FOLDER]

The re-statement follows the published method (Phys. Rev. E 103, 053312): volume after volume (tf.map_fn), the
material passed is summed up slice by slice (tf.scan), the slices are attenuated, zero-padded, transformed by complex
FFTs (tf.signal.fft2d), multiplied with their phases and added up. Two things differ, so that both sides
simulate the same physics and can be compared: the wave vectors are those of the FFT, and the detector is cut out
around zero frequency. Measured are intensities, and intensities with the gradient of the mean squared deviation of
log(I + 100) by the volumes. XLA cannot compile the re-statement's gradient; it runs as a TensorFlow graph.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

import numpy as np
import tensorflow as tf
from benchmarking import bodies, coarser, fastest_repeat, machine, print_table, write_json

from scatterkit.experiment import QGrid
from scatterkit.simulation import MSFTLayer, MSFTSimulator

GRID, PADDED, PIXELS = 64, 171, 128
BOX, WAVELENGTH, ABSORPTION_LENGTH, EPS = 318.75, 13.5, 12.5, 1e2
Simulation = Callable[[tf.Tensor], tf.Tensor]


def published(volumes: tf.Tensor) -> tf.Tensor:
    """Intensities of volumes, one after the other."""
    voxel, k = BOX / GRID, 2 * math.pi / WAVELENGTH
    q = 2 * math.pi / (PADDED * voxel) * (np.arange(PIXELS) - PIXELS // 2)
    square = q[:, None] ** 2 + q[None, :] ** 2
    q_z = tf.constant(k - np.sqrt(np.maximum(k**2 - square, 0)), tf.float32)
    inside = tf.constant(square < k**2, tf.float32)
    margin, first = PADDED - GRID, PADDED // 2 - PIXELS // 2

    def one(volume: tf.Tensor) -> tf.Tensor:
        passed = tf.scan(lambda total, rho: total + rho, volume)
        light = volume * tf.exp(-voxel / ABSORPTION_LENGTH * passed)
        padded = tf.pad(tf.cast(light, tf.complex64), ((0, 0), (0, margin), (0, margin)))
        transforms = tf.signal.fftshift(tf.signal.fft2d(padded), axes=(1, 2))
        depth = voxel * tf.range(GRID, dtype=tf.float32)
        phases = tf.exp(tf.complex(0.0, depth[:, None, None] * q_z))
        shown = transforms[:, first : first + PIXELS, first : first + PIXELS]
        field = tf.reduce_sum(shown * phases, axis=0)
        return tf.abs(field) ** 2 * inside

    return tf.map_fn(one, volumes, fn_output_signature=tf.float32)


def layer() -> MSFTLayer:
    """The layer that computes the same."""
    detector = QGrid(PIXELS, 2 * math.pi / (PADDED * BOX / GRID))
    return MSFTLayer(MSFTSimulator(detector=detector, self_absorption="full", voxel_response="point"))


def with_gradient(simulate: Simulation, target: tf.Tensor) -> Simulation:
    """The gradient of a loss by the volumes."""

    def gradient(volumes: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(volumes)
            loss = tf.reduce_mean((tf.math.log(simulate(volumes) + EPS) - target) ** 2)
        return tape.gradient(loss, volumes)

    return gradient


def measure(
    simulate: Simulation, volumes: tf.Tensor, target: tf.Tensor, xla: bool, repeats: int
) -> dict[str, Any]:
    """Milliseconds a pattern, forward and with gradient, and what came out."""
    found: dict[str, Any] = {}
    for name, work in (("forward", simulate), ("gradient", with_gradient(simulate, target))):
        compiled = tf.function(work, jit_compile=xla, autograph=False)
        found[name] = compiled(volumes).numpy()  # traced and compiled by now
        run = fastest_repeat(lambda compiled=compiled: compiled(volumes).numpy(), repeats)
        found[f"{name}_ms"] = 1e3 * run / len(volumes)
    return found


def main(arguments: list[str]) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5, help="repeats, of which the fastest counts")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("benchmark_output"))
    options = parser.parse_args(arguments)
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    full, source = bodies(min(options.batch, 8))
    volumes = tf.constant(np.resize(coarser(full, GRID), (options.batch, GRID, GRID, GRID)))
    target = tf.math.log(published(volumes[:, :, ::-1]) + EPS)  # of other bodies
    print(
        f"{options.batch} {source}, {GRID}^3 to {PIXELS}^2, {options.threads} threads, TensorFlow {tf.__version__}"
    )
    cases = {
        "published, graph": measure(published, volumes, target, False, options.repeats),
        "layer, graph": measure(layer(), volumes, target, False, options.repeats),
        "layer, XLA": measure(layer(), volumes, target, True, options.repeats),
    }
    truth = cases["published, graph"]
    rows, records = [], []
    for name, case in cases.items():
        deviations = {
            f"{key}_deviation": float(np.abs(case[key] - truth[key]).max() / np.abs(truth[key]).max())
            for key in ("forward", "gradient")
        }
        ratios = {f"{key}_faster": truth[f"{key}_ms"] / case[f"{key}_ms"] for key in ("forward", "gradient")}
        timings = {key: case[key] for key in ("forward_ms", "gradient_ms")}
        records.append({"name": name, **timings, **ratios, **deviations})
        forms = (".2f", ".2f", ".1f", ".1f", ".1e", ".1e")
        rows.append([name, *map(format, list(records[-1].values())[1:], forms)])
    header = ["", "forward ms", "+gradient ms", "faster", "faster", "deviation", "of gradient"]
    print_table(header, rows)
    content = {"machine": machine(), "batch": options.batch, "threads": options.threads, "cases": records}
    print(f"written to {write_json(content, options.output / 'keras_published.json')}")


if __name__ == "__main__":
    main(sys.argv[1:])
