"""What a change of the body changes in its pattern, and where a pattern is more than that of a projection.

python tests/benchmarks/bench_information.py [--bodies 50] [--seed 0] [--output FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from benchmarking import Array, print_table, write_json
from scipy.ndimage import generate_binary_structure, maximum_filter

from scatterkit.metrics import scatter_loss
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.kernels import reference
from scatterkit.solids import Rasterizer, SolidSampler

GRID = 64
EPS = 1e2  # that of the scatter loss
CROSS = generate_binary_structure(3, 1)[None]  # a voxel and the six that touch its faces
RANGES = ((0, 5), (5, 15), (15, 40), (40, 70))  # degrees


def front(volumes: Array, depth: float, voxel: float) -> Array:
    """What lies behind less material along the beam than depth [nm]."""
    before = np.cumsum(volumes, axis=1) - volumes
    return volumes * np.clip(depth / voxel - before, 0, 1)


def changes(voxel: float) -> dict[str, Callable[[Array], Array]]:
    """Other bodies, made of volumes (n, z, y, x)."""
    return {
        "moved along the beam by two voxels": lambda v: np.roll(v, 2, axis=1),
        "only the first 25 nm of material": lambda v: front(v, 25.0, voxel),
        "only the first 37.5 nm of material": lambda v: front(v, 37.5, voxel),
        "only the first 50 nm of material": lambda v: front(v, 50.0, voxel),
        "inverted through a point": lambda v: v[:, ::-1, ::-1, ::-1],
        "one voxel of 5 nm more all around": lambda v: maximum_filter(v, footprint=CROSS),
        "front and back exchanged": lambda v: v[:, ::-1],
        "turned by half a turn about the beam": lambda v: v[:, :, ::-1, ::-1],
        "mirrored at a plane through the beam": lambda v: v[..., ::-1],
    }


def losses(volumes: Array, simulator: MSFTSimulator) -> list[tuple[str, float, float, float]]:
    """Of each change: median, lower and upper decile of the scatter loss."""
    true = simulator.transform(volumes)
    found = []
    for name, change in changes(simulator.box / GRID).items():
        other = simulator.transform(np.ascontiguousarray(change(volumes), dtype=np.float32))
        found.append((name, *np.quantile(scatter_loss(true, other, EPS), (0.5, 0.1, 0.9))))
    return found


def projections(volumes: Array, simulator: MSFTSimulator) -> list[tuple[str, float]]:
    """In each range of angles: rms of log10 of the intensity of the projection over the true one, the median body."""
    plan = simulator.plan(volumes.shape[1:])
    flat = replace(plan, q_z=np.zeros_like(plan.q_z))  # the Ewald sphere is taken for a plane
    q = np.hypot(*np.broadcast_arrays(plan.q_y, plan.q_x))
    wavenumber = 2 * np.pi / simulator.wavelength
    angle = np.degrees(np.arcsin(np.clip(q / wavenumber, 0, 1)))
    differences = []
    for volume in volumes:
        true, projected = (np.abs(reference.field(volume[None], p)[0]) ** 2 for p in (plan, flat))
        differences.append(np.log10((projected + EPS) / (true + EPS)))
    squares = np.square(differences)
    rows = []
    for low, high in RANGES:
        ring = (angle >= low) & (angle < high) & (plan.response != 0)
        rows.append((f"{low} to {high} degrees", float(np.median(np.sqrt(squares[:, ring].mean(axis=1))))))
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bodies", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("benchmark_output/information.json"))
    options = parser.parse_args(arguments)
    solids = SolidSampler(size=(30.0, 140.0), random_state=options.seed).sample(options.bodies)
    volumes = np.asarray(Rasterizer(grid=GRID).transform(solids))
    simulator = MSFTSimulator()
    changed, projected = losses(volumes, simulator), projections(volumes, simulator)
    print(
        f"{options.bodies} bodies of the catalogue, 60 to 280 nm across, {GRID}^3 voxels, published configuration\n"
    )
    print_table(
        ("change", "median loss", "10 %", "90 %"), [(n, *(f"{x:.1e}" for x in v)) for n, *v in changed]
    )
    print()
    print_table(("angles", "rms of log10, projection"), [(name, f"{x:.2f}") for name, x in projected])
    write_json({"losses": changed, "projection": projected}, options.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
