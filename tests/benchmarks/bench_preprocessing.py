"""How well raw frames are prepared: centres, bad pixels, the grid of wave vectors, the whole chain.

    python tests/benchmarks/bench_preprocessing.py
    python tests/benchmarks/bench_preprocessing.py --figure docs/_static/preprocessing.png

Shots are simulated: polyhedra of the catalogue and of the published distribution on a flat detector of 256 x 256
pixels of 13 mrad (0.84 pixels of the published grid), the beam up to 3 pixels off its middle, with hole and gap.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from benchmarking import fastest_repeat, print_machine, print_table

sys.path.insert(0, str(Path(__file__).parents[1] / "preprocessing"))
from simulated_shots import WAVENUMBER, bodies, distances, photons, shots

from scatterkit import ExperimentPreprocessor, FlatDetector, LogScaler, MSFTSimulator, QGrid
from scatterkit.preprocessing import (
    QResampler,
    find_bad_in_shots,
    find_bad_pixels,
    find_center,
    find_outliers,
)

SILVER = {"absorption": "index", "refractive_index": 0.89 + 0.0859j}
CASES: dict[str, tuple[float, float, dict[str, Any]]] = {
    "no hole, no noise": (1e7, 0.0, {}),
    "hole, 3e6 photons": (3e6, 8.0, {}),
    "hole, 1e5 photons": (1e5, 8.0, {}),
    "hole, 3e6 photons, refraction": (3e6, 8.0, SILVER),
}
RESAMPLED = {
    "1024, 3.3 mrad": FlatDetector(1024, 0.1, 30.0),
    "512, 6.7 mrad": FlatDetector(512, 0.2, 30.0),
    "256, 13 mrad": FlatDetector(256, 0.4, 30.0),
    "256, 13 mrad, tilted": FlatDetector(256, 0.4, 30.0, tilt=(0.2, -0.1)),
    "128, 27 mrad": FlatDetector(128, 0.8, 30.0),
}


def centre_errors(n: int, seed: int) -> list[list[str]]:
    """Distance of found and true centre, over all shots and over those whose evidence agrees."""
    rows = []
    detector = FlatDetector(256, 0.4, 30.0)
    volumes = bodies(n, seed=seed)
    rng = np.random.default_rng(seed)
    centers = 128 + rng.uniform(-3, 3, (n, 2))
    for name, (total, hole, parameters) in CASES.items():
        expected = photons(volumes, detector, centers, total, **parameters)
        off, agree = [], []
        for light, center in zip(expected, centers, strict=True):
            frame = np.minimum(rng.poisson(light), 4000) if hole else light
            mask = distances(detector.shape, (128, 128)) >= hole
            if hole:
                mask[90:94] = False
                mask &= frame < 4000
            found = find_center(frame, mask, detector=detector)
            off.append(float(np.hypot(*np.subtract(found.center, center))))
            agree.append(found.disagreement < 1)
        errors, good = np.array(off), np.array(agree)
        agreeing = np.percentile(errors[good], 95) if good.any() else float("nan")
        figures = [np.median(errors), np.percentile(errors, 95), errors.max(), agreeing]
        rows.append([name, *(f"{value:.2f}" for value in figures), f"{good.mean():.0%}"])
    return rows


def bad_pixel_rates(n: int) -> list[list[str]]:
    """Share found of injected pixels, and good ones taken for bad, in a million."""
    rows = []
    for n_darks in (5, 10, 20, 50):
        measured = shots(2, seed=n_darks, n_darks=n_darks, n_bad=100)
        hot, dead = find_bad_pixels(measured.darks, measured.mask)
        wrong = (hot | dead) & ~(measured.hot | measured.dead)
        found = [(hot & measured.hot).sum() / 100, (dead & measured.dead).sum() / 100]
        share = 1e6 * wrong.sum() / measured.mask.sum()
        rows.append([f"{n_darks} dark frames", *(f"{value:.0%}" for value in found), f"{share:.1f}"])
    measured = shots(n, seed=99, n_bad=100)
    # without dark frames the offsets of single pixels are unknown, and part of the noise: about 12 ADU
    light = measured.frames - np.median(measured.darks)
    flags = [find_outliers(frame, measured.mask, noise=12.0, gain=measured.gain) for frame in light]
    hot, dead = (np.stack(parts) for parts in zip(*flags, strict=True))
    wrong = (hot | dead) & ~(measured.hot | measured.dead) & measured.mask
    found = [hot[:, measured.hot].mean(), dead[:, measured.dead].mean()]
    share = 1e6 * wrong.sum() / measured.mask.sum() / n
    rows.append([f"each of {n} shots", *(f"{value:.0%}" for value in found), f"{share:.1f}"])
    hot, dead = find_bad_in_shots(light, measured.mask, noise=12.0, gain=measured.gain)
    wrong = (hot | dead) & ~(measured.hot | measured.dead)
    found = [(hot & measured.hot).sum() / 100, (dead & measured.dead).sum() / 100]
    share = 1e6 * wrong.sum() / measured.mask.sum()
    rows.append([f"{n} shots together", *(f"{value:.0%}" for value in found), f"{share:.1f}"])
    return rows


def resampling_errors(n: int) -> list[list[str]]:
    """Mean squared difference of log-scaled patterns, resampled and simulated on the grid, and times."""
    volumes, grid = bodies(n, seed=3, grid=64), QGrid()
    reference = MSFTSimulator(detector=grid).transform(volumes)
    rows = []
    for name, detector in RESAMPLED.items():
        seen = MSFTSimulator(detector=detector).transform(volumes) * detector.solid_angle(WAVENUMBER)
        found = {
            value: QResampler(detector, grid, value=value).resample(seen) for value in ("center", "mean")
        }
        losses = []
        for resampled in found.values():
            parts = zip(resampled.intensities, resampled.masks, reference, strict=True)
            scaler = [LogScaler(eps=100.0, mask=mask) for mask in resampled.masks]
            for (pattern, mask, true), scale in zip(parts, scaler, strict=True):
                back = np.maximum(pattern, 0) / (grid.dq / WAVENUMBER) ** 2
                a, b = (scale.transform(part[None])[0][mask] for part in (back, true))
                losses.append(float(np.mean((a - b) ** 2)))
        center, mean = np.median(np.reshape(losses, (2, -1)), axis=1)
        time = fastest_repeat(lambda d=detector, s=seen: QResampler(d, grid).resample(s), 2) / n
        rows.append([name, f"{center:.1e}", f"{mean:.1e}", f"{1e3 * time:.0f} ms"])
    return rows


def chain(n: int, n_pixels: int) -> list[list[str]]:
    """Correlation with the clean pattern on the grid after all steps, and time."""
    rows = []
    clean = None
    for total in (1e5, 3e6, 3e7):
        scale = n_pixels / 256
        measured = shots(n, n_pixels=n_pixels, total=total, hole=8 * scale, gap=round(4 * scale), seed=5)
        clean = MSFTSimulator().transform(measured.volumes) if clean is None else clean
        preprocessor = ExperimentPreprocessor(
            measured.detector, gain=measured.gain, mask=measured.mask, center="each", max_shift=8 * scale
        ).fit(measured.frames, darks=measured.darks)
        prepared = preprocessor.process(measured.frames)
        time = fastest_repeat(lambda p=preprocessor, f=measured.frames: p.process(f), 1) / n
        found = []
        parts = (prepared.intensities, prepared.masks & ~prepared.saturated, clean)
        for pattern, good, true in zip(*parts, strict=True):
            true = true[good] * (pattern[good].sum() / true[good].sum())
            pair = [np.log(np.maximum(part, 0) + 1) for part in (pattern[good], true)]
            found.append(float(np.corrcoef(*pair)[0, 1]))
        off = np.hypot(*(prepared.centers - measured.centers).T)
        figures = [f"{np.median(found):.3f}", f"{min(found):.3f}", f"{np.median(off):.2f}", f"{time:.2f} s"]
        rows.append([f"{n_pixels}, {total:.0e} photons", *figures])
    return rows


def draw(path: Path) -> None:
    """A raw frame, what was found in it, the pattern, and the clean one."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap, LogNorm

    from scatterkit.plotting import show_pattern

    measured = shots(4, n_pixels=384, total=1e7, hole=12, gap=6, n_bad=150, seed=5)
    preprocessor = ExperimentPreprocessor(
        measured.detector, gain=measured.gain, mask=measured.mask, center="each", max_shift=12.0
    ).fit(measured.frames, darks=measured.darks)
    number = 3
    prepared = preprocessor.process(measured.frames[[number]])
    frame, mask = measured.frames[number], prepared.masks[0]
    figure, axes = plt.subplots(1, 4, figsize=(15, 4.1), layout="constrained")
    raw = axes[0].imshow(np.maximum(frame, 50), norm=LogNorm(50, 2e4), cmap="viridis")
    axes[0].set(title="raw frame", xlabel="column", ylabel="row")
    figure.colorbar(raw, ax=axes[0], label="ADU", shrink=0.75)
    kinds = np.zeros(frame.shape)
    kinds[~measured.mask] = 1
    kinds[frame >= preprocessor.saturation_] = 2
    axes[1].imshow(kinds, cmap=ListedColormap(["1.0", "0.75", "#E69F00"]))
    places = np.argwhere(preprocessor.bad_pixels_ & measured.mask)
    axes[1].plot(places[:, 1], places[:, 0], ".", ms=3, color="#0072B2", label=f"bad pixels ({len(places)})")
    axes[1].plot([], [], "s", color="0.75", label="given mask")
    axes[1].plot([], [], "s", color="#E69F00", label="saturated")
    row, column = prepared.centers[0]
    axes[1].plot(column, row, "+", ms=14, mew=2, color="black", label="centre found")
    axes[1].plot(192, 192, "x", ms=8, color="#D55E00", label="detector's middle")
    axes[1].set(title="what was found", xlabel="column", xlim=(-0.5, 383.5), ylim=(383.5, -0.5))
    axes[1].legend(fontsize=7, loc="lower right")
    clean = MSFTSimulator().transform(measured.volumes[[number]])
    scale = prepared.intensities[0][mask].sum() / clean[0][mask].sum()
    saturating = np.minimum(clean * scale, prepared.intensities[0].max())
    truth = LogScaler(eps=1.0, mask=mask).transform(saturating)[0]
    show_pattern(axes[2], prepared.patterns[0], mask=mask, dq=QGrid().dq, title="prepared: 128 x 128")
    image = show_pattern(axes[3], truth, mask=mask, dq=QGrid().dq, title="clean simulation")
    figure.colorbar(image, ax=axes[2:], label="log-scaled intensity", shrink=0.75)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    print(f"wrote {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shots", type=int, default=60, help="shots for the centres")
    parser.add_argument("--seed", type=int, default=7, help="of the shots for the centres")
    parser.add_argument("--bodies", type=int, default=8, help="bodies for the grid and the chain")
    parser.add_argument("--pixels", type=int, nargs="+", default=[256, 1024], help="detectors for the chain")
    names = ("centre", "bad", "grid", "chain")
    parser.add_argument("--tables", nargs="+", choices=names, default=names, help="which to make")
    parser.add_argument("--figure", type=Path, help="draw the figure instead")
    arguments = parser.parse_args()
    if arguments.figure:
        draw(arguments.figure)
        return
    print_machine()
    tables = {
        "centre": (
            ("centre: error [pixels]", "median", "95 %", "largest", "95 % of agreeing", "agree"),
            lambda: centre_errors(arguments.shots, arguments.seed),
        ),
        "bad": (
            ("bad pixels", "hot found", "dead found", "wrong / 1e6"),
            lambda: bad_pixel_rates(arguments.bodies),
        ),
        "grid": (
            ("grid: MSE of log pattern", "value='center'", "value='mean'", "time"),
            lambda: resampling_errors(arguments.bodies),
        ),
        "chain": (
            ("chain: correlation", "median", "lowest", "centre error", "time"),
            lambda: [row for n in arguments.pixels for row in chain(arguments.bodies, n)],
        ),
    }
    for name in arguments.tables:
        header, rows = tables[name]
        print()
        print_table(header, rows())


if __name__ == "__main__":
    main()
