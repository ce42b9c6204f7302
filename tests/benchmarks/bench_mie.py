"""How close every mode of propagation comes to Mie's exact solution for spheres, over index and radius.

    python tests/benchmarks/bench_mie.py [--grid N] [--radii R ...] [--output FILE] [--table DIRECTORY | --cost]

For each mode and range of scattering angles: geometric mean of the intensity ratio / rms of the difference of
log10 intensity / correlation of log10 intensity, at all pixels, minima and all. Intensities are absolute, nothing
is fitted: scalar ones times (1 + cos^2) / 2 against unpolarised light's. The last column is the rms against light
polarised across the scattering plane, |S1|^2, up to the largest angle. pyMSFT 1.0.2, on FFTs of twice the grid,
stands beside where it is installed. ``--table`` measures what the adviser looks up instead; it takes minutes.
``--cost`` prints the times of the modes instead.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import math
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "simulation"))
from benchmarking import fastest_repeat
from mie_spheres import (
    BANDS,
    BOX,
    SILVER,
    WAVELENGTH,
    WAVENUMBER,
    agreement,
    angles_of,
    fringe_mean,
    mie_amplitudes,
    mie_cross_section,
    simulated_cross_section,
    sphere,
    unpolarised,
)
from peers import PYMSFT_MODES, pymsft, pymsft_module
from scipy.spatial.transform import Rotation

from scatterkit.experiment import QGrid
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Rasterizer, Solid

INDICES = (SILVER, 0.8 + 0.05j, 0.9 + 0.01j, 0.95 + 0.01j, 0.99 + 0.001j, 1.02 + 0.03j)
RADII = (40.0, 60.0, 100.0, 150.0)
MODES = ("born", "hare", "msft", "pmsft", "wide")
CONVENTIONS = (
    ("published", {"absorption": "published"}),
    ("intensity", {"absorption": "intensity"}),
)

TABLE_DELTA = (-0.05, -0.01, 0.0, 0.001, 0.01, 0.03, 0.1, 0.2)
TABLE_BETA = (0.0, 0.001, 0.01, 0.03, 0.1, 0.2)
TABLE_SIZE = ((5, 32), (10, 48), (20, 64), (40, 96), (80, 160), (160, 256))
"""Size parameters k r, and the grids they are measured on: voxels of at most 0.22 wavelengths."""
TABLE_ANGLES = (15, 40, 70, 85)
TABLE_VOXELS = (0.12, 0.18, 0.25, 0.37, 0.5, 0.74)
"""Voxels over wavelength; the first is what the others are compared with."""
TABLE_FLOOR = 0.05
"""Added to intensities, of their mean over a fringe: the depth of minima, where logarithms diverge, does not count."""
Row = dict[str, Any]


def compared(found: Any, index: complex, radius: float, angles: Any) -> Row:
    """Closeness of an unpolarised cross section to Mie's in every range of angles."""
    expected = mie_cross_section(index, radius, angles)
    across = np.abs(mie_amplitudes(index, radius, angles)[0]) ** 2 / WAVENUMBER**2
    bands = [vars(agreement(found, expected, angles, band)) for band in BANDS]
    s1 = agreement(found / unpolarised(angles), across, angles, (0, BANDS[-1][1])).rms
    all_angles = agreement(found, expected, angles, (0, BANDS[-1][1])).rms
    return {"bands": bands, "rms": all_angles, "rms_s1": s1}


def peer_cross_section(mode: str, index: complex, radius: float, grid: int) -> tuple[Any, Any] | None:
    """Unpolarised cross section by pyMSFT at its own pixels, and their angles; None where not installed."""
    module = pymsft_module()
    if module is None or mode not in PYMSFT_MODES:
        return None
    voxel = BOX / grid
    simulation = getattr(module, PYMSFT_MODES[mode])(
        npix_fft=2 * grid, npix_real=grid, box_size=voxel * (grid - 1), wavelength=WAVELENGTH
    )
    contrast = (index - 1) * sphere(radius, grid)[0].transpose(2, 1, 0).astype(np.complex128)
    image = np.asarray(simulation.get_diffraction_image(contrast))
    q = np.hypot(simulation.K_X, simulation.K_Y) / WAVENUMBER
    angles = np.arcsin(np.minimum(q, 1))
    # Its pixels count per area of q, which covers dOmega = dq^2 / (k^2 cos).
    cross_section = np.where(q < 1, image * WAVENUMBER**2 * np.cos(angles), np.nan)
    return cross_section * unpolarised(angles), angles


def table_rows(grid: int, radii: list[float]) -> Iterator[Row]:
    """Compare every mode, index and radius."""
    detector = QGrid()
    angles = angles_of(detector)
    for radius, index, mode in itertools.product(radii, INDICES, MODES):
        volume = sphere(radius, grid)
        found = simulated_cross_section(index, volume, detector, propagation=mode)
        case = {"index": str(index), "radius": radius, "mode": mode}
        yield {"code": "scatterkit", **case, **compared(found, index, radius, angles)}
        peer = peer_cross_section(mode, index, radius, grid)
        if peer is not None:
            yield {"code": "pyMSFT", **case, **compared(peer[0], index, radius, peer[1])}


def convention_rows(grid: int, radii: list[float]) -> Iterator[Row]:
    """Compare the conventions that take a length, 12.5 nm, with silver's index."""
    detector = QGrid()
    angles = angles_of(detector)
    contrast = abs(SILVER - 1) * WAVENUMBER  # of the material, whatever the convention says about attenuation
    for radius, (name, parameters) in itertools.product(radii, CONVENTIONS):
        simulator = MSFTSimulator(detector=detector, **parameters)
        intensity = simulator.transform(sphere(radius, grid))[0]
        scale = (contrast / WAVELENGTH * (BOX / 64) ** 3) ** 2
        found = intensity * scale * unpolarised(angles)
        case = {"code": "scatterkit", "index": str(SILVER), "radius": radius, "mode": f"12.5 nm, {name}"}
        yield {**case, **compared(found, SILVER, radius, angles)}


def show(row: Row) -> None:
    """Print a line of the table."""
    bands = "  ".join(f"{b['ratio']:7.3f} / {b['rms']:.3f} / {b['correlation']:6.3f}" for b in row["bands"])
    print(
        f"{row['index']:>14} {row['radius']:6.0f}  {row['mode']:<18} {row['code']:<10}  {bands}"
        f"  {row['rms']:.3f}  {row['rms_s1']:.3f}",
        flush=True,
    )


def physics_rows() -> Iterator[Row]:
    """Measure the error of every mode over index and size, on fine grids.

    It is the larger of the rms differences from unpolarised light and from light polarised across the plane.
    """
    detector = QGrid(96, WAVENUMBER / 48)
    angles = angles_of(detector)
    for (size, grid), delta, beta in itertools.product(TABLE_SIZE, TABLE_DELTA, TABLE_BETA):
        # What scatters next to nothing stands for the limit of weak scattering.
        index = complex(1 - delta, beta) if delta or beta else 1 - 1e-6
        radius = size / WAVENUMBER
        box = 2.2 * radius
        volume = sphere(radius, grid, box)
        row: Row = {"size_parameter": size, "delta": delta, "beta": beta}
        floor = TABLE_FLOOR * fringe_mean(index, radius, angles)
        expected = mie_cross_section(index, radius, angles) + floor
        across = np.abs(mie_amplitudes(index, radius, angles)[0]) ** 2 / WAVENUMBER**2
        across += floor / unpolarised(angles)
        for mode in MODES:
            found = simulated_cross_section(index, volume, detector, box, propagation=mode) + floor
            comparisons = (found, expected), (found / unpolarised(angles), across)
            for degrees in TABLE_ANGLES:
                rms = max(agreement(*pair, angles, (0, degrees)).rms for pair in comparisons)
                row[f"{mode}_{degrees}"] = round(rms, 4)
        yield row


def grid_rows(radius: float = 80.0) -> Iterator[Row]:
    """Measure what coarser voxels add, root mean square over the indices."""
    detector = QGrid(96, WAVENUMBER / 48)
    angles = angles_of(detector)
    finest: dict[tuple[str, complex], Any] = {}
    for part in TABLE_VOXELS:
        grid = math.ceil(2.2 * radius / (part * WAVELENGTH))
        box = grid * part * WAVELENGTH
        volume = sphere(radius, grid, box)
        row: Row = {"voxel": part}
        for mode in MODES:
            errors = []
            for index in INDICES:
                found = simulated_cross_section(index, volume, detector, box, propagation=mode)
                found += TABLE_FLOOR * fringe_mean(index, radius, angles)
                expected = finest.setdefault((mode, index), found)
                errors.append(
                    [agreement(found, expected, angles, (0, degrees)).rms for degrees in TABLE_ANGLES]
                )
            typical = np.sqrt(np.mean(np.square(errors), axis=0))
            row |= {f"{mode}_{d}": round(float(e), 4) for d, e in zip(TABLE_ANGLES, typical, strict=True)}
        yield row


def write_tables(directory: Path) -> None:
    """Write the adviser's two tables."""
    for name, rows in (("adviser_physics", physics_rows()), ("adviser_grid", grid_rows())):
        path = directory / f"{name}.csv"
        with path.open("w", newline="") as file:
            first = next(rows)
            writer = csv.DictWriter(file, fieldnames=list(first), lineterminator="\n")
            writer.writeheader()
            for row in itertools.chain([first], rows):
                writer.writerow(row)
                print(row, flush=True)


def print_costs() -> None:
    """Print milliseconds per pattern: one body on one thread, and a batch of four on all threads."""
    turns = Rotation.random(4, rng=np.random.default_rng(0))
    solids = [
        Solid.from_catalogue("icosahedron", circumradius=80.0 + 10 * i).rotate(turn)
        for i, turn in enumerate(turns)
    ]
    for grid in (64, 128, 192):
        volumes = Rasterizer(grid=grid).transform(solids)
        for mode in MODES:
            simulator = MSFTSimulator(absorption="index", refractive_index=SILVER, propagation=mode)
            alone = simulator.set_params(n_threads=1).vjp(volumes[:1], within_body=True)
            times = [
                fastest_repeat(partial(simulator.transform, volumes[:1]), 5),
                fastest_repeat(partial(alone[1], alone[0]), 5),
            ]
            batch = simulator.set_params(n_threads=None).vjp(volumes, within_body=True)
            times += [
                fastest_repeat(partial(simulator.transform, volumes), 3) / 4,
                fastest_repeat(partial(batch[1], batch[0]), 3) / 4,
            ]
            peer = pymsft(mode, volumes[0]) if mode in PYMSFT_MODES else None
            beside = "" if peer is None else f"  pyMSFT {1e3 * fastest_repeat(peer, 3):7.1f}"
            one, one_back, four, four_back = (f"{1e3 * t:7.1f}" for t in times)
            print(
                f"{grid:>4} {mode:<6} alone {one}, gradient {one_back}; batch {four}, gradient {four_back}{beside}",
                flush=True,
            )


def main() -> None:
    """Print the table, and write it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--grid", type=int, default=128, help="voxels along an edge (default: %(default)s)")
    parser.add_argument("--radii", type=float, nargs="+", default=list(RADII), help="radii [nm]")
    parser.add_argument("--output", type=Path, help="file for the table as JSON")
    parser.add_argument("--cost", action="store_true", help="print the times of the modes instead")
    parser.add_argument("--table", type=Path, help="directory for the adviser's tables, measured instead")
    arguments = parser.parse_args()
    if arguments.table is not None:
        write_tables(arguments.table)
        return
    if arguments.cost:
        print_costs()
        return
    if pymsft_module() is None:
        print("pyMSFT is not installed: its rows are left out")
    bands = "  ".join(f"{low:>3} to {high} deg" + " " * 12 for low, high in BANDS)
    print(f"{'index':>14} {'radius':>6}  {'mode':<18} {'code':<10}  {bands}  rms  |S1|^2")
    rows = []
    everything = (
        table_rows(arguments.grid, arguments.radii),
        convention_rows(arguments.grid, arguments.radii),
    )
    for row in itertools.chain(*everything):
        show(row)
        rows.append(row)
    if arguments.output is not None:
        arguments.output.write_text(
            json.dumps({"grid": arguments.grid, "box": BOX, "rows": rows}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
