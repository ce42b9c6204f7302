"""A training set for one's own material, wavelength and detector.

Describes gold particles and a flat detector, generates bodies, volumes and patterns into a Zarr store, is stopped on
the way as if by Ctrl-C, goes on, and looks at the result: a gallery, and a page on the whole set.
Run it by ``python examples/generate_dataset.py``; everything goes to ``demo_output/``. A store that is there already,
finished or not, is gone on with: ask for more samples with ``--samples``, and it grows.
"""

from __future__ import annotations

import argparse
import signal
import time
from pathlib import Path
from typing import NoReturn

import numpy as np

import scatterkit as sk
from scatterkit.datasets import html_summary, open_dataset
from scatterkit.experiment import absorption_length
from scatterkit.plotting import show_dataset

WAVELENGTH = 13.5  # nm
BOX = 240.0  # nm


def describe() -> sk.DatasetGenerator:
    """Say what the set is made of: bodies, grid, light and material, detector, scale."""
    gold = sk.refractive_index("gold", wavelength=WAVELENGTH)
    depth = absorption_length(gold, wavelength=WAVELENGTH)
    print(f"Gold at {WAVELENGTH} nm: n = {gold:.4f}, intensity falls to 1/e in {depth:.1f} nm.")
    sampler = sk.SolidSampler(
        classes={"icosahedron": 2, "decahedron": 2, "truncated_octahedron": 2, "cube": 1, "octahedron": 1},
        size=(30, 110),
        stretch=(0.7, 1.4),
        cut=(0.3, 1.0),
        cut_probability=0.3,
        max_radius=115,
        box=BOX,
    )
    simulator = sk.MSFTSimulator(
        wavelength=WAVELENGTH,
        box=BOX,
        absorption="index",
        refractive_index=gold,
        detector=sk.FlatDetector(n_pixels=128, pixel_size=0.6, distance=45),
    )
    return sk.DatasetGenerator(
        sampler, sk.Rasterizer(grid=64, box=BOX), simulator, random_state=2026, shard_size=32
    )


def press_ctrl_c_after(seconds: float) -> None:
    """Interrupt this process as the keys would."""

    def press(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, press)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def generate(generator: sk.DatasetGenerator, store: Path, n_samples: int, n_jobs: int, stop: float) -> None:
    """Generate the set; the first run is stopped, a second one goes on and ends with the same bytes."""
    begun = time.perf_counter()
    try:
        press_ctrl_c_after(stop)
        generator.generate(store, n_samples, n_jobs=n_jobs)
    except KeyboardInterrupt as stopped:
        print(f"Stopped after {stop:g} s.", *getattr(stopped, "__notes__", ()), flush=True)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    # the generator could also be taken from the store: sk.DatasetGenerator.from_store(store)
    generator.generate(store, n_samples, n_jobs=n_jobs)
    print(f"{n_samples} samples in {time.perf_counter() - begun:.1f} s, the stop included.")


def main() -> None:
    """Generate, stop, go on, look."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("demo_output"), help="folder for store and pages")
    parser.add_argument("--samples", type=int, default=200, help="how many samples the set is to have")
    parser.add_argument("--jobs", type=int, default=1, help="worker processes; -1 for all processors")
    parser.add_argument(
        "--stop", type=float, default=2.0, help="seconds after which the first run is stopped"
    )
    parser.add_argument("--format", default="png", help="of the picture: png, webp, pdf, svg, ...")
    arguments = parser.parse_args()

    generator = describe()
    first = generator.sample(1)  # in memory; the first one on a computer compiles the kernels
    print(f"Sample 0 is a body of class {first.polyhedron.values[0]}, {first['size'].values[0]:.0f} nm.")
    arguments.output.mkdir(parents=True, exist_ok=True)
    store = arguments.output / "gold.zarr"
    generate(generator, store, arguments.samples, arguments.jobs, arguments.stop)

    data = open_dataset(store)  # lazy: what is looked at is read
    large = data.isel(sample=np.flatnonzero(data["size"].values > 60))
    print(f"{large.sizes['sample']} of {data.sizes['sample']} bodies have a circumradius above 60 nm.")
    picture = arguments.output / f"gold.{arguments.format}"
    show_dataset(large, n=6, columns=3, title="Gold particles above 60 nm").savefig(picture, dpi=90)
    page = html_summary(store, arguments.output / "gold.html", overwrite=True)
    print(f"Written: {store}, {picture}, {page}")


if __name__ == "__main__":
    main()
