"""What the benchmarks of training share: pools, held-out samples, seconds of a step, figures of merit."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarking import Array, as_recorded
from fit_trials import mend, read_results

from scatterkit.augmentation import Augmenter, SimulatedExperiment
from scatterkit.datasets import BodyPool, make_pool
from scatterkit.metrics import front_iou, scatter_loss, volume_iou
from scatterkit.reconstruction import PhysicsReconstructor
from scatterkit.reconstruction.training._checkpoints import FILE
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Rasterizer, Solid
from scatterkit.solids._sampling import BodySampler

HELD_OUT_SEED = 10**6
"""Of bodies that no training sees."""
KINDS = ("artifacts", "clean")
BAD = {"scatter_loss": 1.0, "front_iou": 0.0, "iou": 0.0}
"""What counts for a body without a voxel."""


@dataclass(frozen=True)
class HeldOut:
    """Samples to judge by: clean patterns, the same with artifacts and masks, true volumes and what these scatter."""

    clean: Array
    seen: Array
    masks: Array
    volumes: Array
    intensities: Array


def pool_of(folder: Path | None, own: Path, sampler: BodySampler, n: int) -> BodyPool:
    """Give the pool of a folder, or one that is made, or goes on, in a folder of our own."""
    if folder is not None:
        return BodyPool(folder)
    own.parent.mkdir(parents=True, exist_ok=True)
    return make_pool(own, sampler, n, verbose=True)


def held_out(own: Path, sampler: BodySampler, n: int, grid: int) -> HeldOut:
    """Draw bodies, their patterns and artifacts by the held-out seed."""
    clean, normals, offsets = pool_of(None, own, sampler, n).read(slice(None))
    solids = [Solid.from_halfspaces(*planes) for planes in zip(normals, offsets, strict=True)]
    volumes = Rasterizer(grid=grid).transform(solids)
    seen = Augmenter([SimulatedExperiment()], random_state=HELD_OUT_SEED).augment(clean)
    return HeldOut(clean, as_recorded(seen.patterns), seen.masks, volumes, MSFTSimulator().transform(volumes))


def predictions(network: PhysicsReconstructor, samples: HeldOut) -> dict[str, Array]:
    """Volumes of the held-out bodies, by what their patterns are like."""
    seen = network.predict(samples.seen, mask=samples.masks)
    return {"artifacts": seen, "clean": network.predict(samples.clean)}


def judged(volumes: Array, samples: HeldOut) -> dict[str, float]:
    """Medians: scatter loss against true bodies on the same grid, overlap of the fronts and of all."""
    empty = volumes.reshape(len(volumes), -1).max(axis=1) < 0.5
    intensities = MSFTSimulator().transform(np.where(empty[:, None, None, None], samples.volumes, volumes))
    values = {
        "scatter_loss": scatter_loss(samples.intensities, intensities),
        "front_iou": front_iou(samples.volumes, volumes),
        "iou": volume_iou(samples.volumes, volumes),
    }
    medians = {name: np.median(np.where(empty, BAD[name], value)) for name, value in values.items()}
    return {name: float(value) for name, value in medians.items()} | {"empty": int(empty.sum())}


def spheres(samples: HeldOut) -> Array:
    """What tells nothing of a pattern: for each body the sphere of the median volume."""
    n = samples.volumes.shape[1]
    voxels = np.median(samples.volumes.sum(axis=(1, 2, 3)))
    radius = (0.75 * voxels / np.pi) ** (1 / 3)
    distance = np.sqrt(np.sum((np.indices((n, n, n)) - (n - 1) / 2) ** 2, axis=0))
    ball = np.clip(radius - distance + 0.5, 0, 1).astype(np.float32)
    return np.broadcast_to(ball, samples.volumes.shape).copy()


def fit_timed(network: PhysicsReconstructor, source: BodyPool) -> float:
    """Fit, or go on; give the processor's seconds of a step, compilation apart, and zero where hardly one was left."""
    cpu, wall = time.process_time(), time.monotonic()
    rows = network.fit(source).history_
    spent = time.monotonic() - wall
    share = (time.process_time() - cpu) / spent
    own = [row for row in rows if row["seconds"] > rows[-1]["seconds"] - spent]
    steps = own[-1]["step"] - own[0]["step"]
    return share * (own[-1]["seconds"] - own[0]["seconds"]) / steps if steps else 0.0


def pace_of(network: PhysicsReconstructor, source: BodyPool, path: Path) -> float:
    """Seconds of a step by a short trial; kept in a file, so that a run that was cut keeps its number of steps."""
    if not path.exists():
        pace = fit_timed(network.set_params(checkpoint=None), source)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(pace))
    return float(json.loads(path.read_text()))


@contextmanager
def snapshots(folder: Path, every: int) -> Iterator[None]:
    """Keep a training's checkpoint about every so many steps, while it goes on, in folders of their own."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            _keep_snapshot(folder, every)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _keep_snapshot(folder: Path, every: int) -> None:
    draft = folder / f"draft-{FILE}"
    draft.unlink(missing_ok=True)
    try:
        os.link(folder / FILE, draft)  # checkpoints are replaced, so that this one stays as it is
    except FileNotFoundError:
        return
    with np.load(draft) as stored:
        step = int(stored["step"])
    place = folder / f"after-{step // every * every:08d}"
    if step >= every and not (place / FILE).exists():
        place.mkdir(exist_ok=True)
        draft.replace(place / FILE)
    draft.unlink(missing_ok=True)


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Append a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(record) + "\n")


def read_records(path: Path) -> list[dict[str, Any]]:
    """Read the lines that are whole; none where there is no file."""
    if not path.exists():
        return []
    mend(path)
    return list(read_results([path]))


def of(records: Sequence[dict[str, Any]], **wanted: Any) -> list[dict[str, Any]]:
    """Those records that have these values."""
    return [record for record in records if all(record[name] == value for name, value in wanted.items())]
