"""How well the published sample set is reproduced: patterns from volumes, and volumes from the tables' rows.

    python tests/benchmarks/bench_published.py [--rows N] [--output FOLDER]

Prints medians, 5 % quantiles and minima, and writes the values of every row as CSV.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scatterkit._progress import progress_bar
from scatterkit.datasets import (
    SampleRow,
    fit_published,
    published_simulator,
    read_pattern,
    read_table,
    read_volume,
    solid_from_row,
)
from scatterkit.datasets.published._locate import VARIABLE, local_roots
from scatterkit.datasets.published.scatter2d3d_bodies import CONVENTIONS
from scatterkit.experiment import QGrid
from scatterkit.solids import Rasterizer

TABLES = {"train": "infos1.csv", "val": "infos14.csv", "test": "infos1.csv"}
WITH_PATTERNS = ("val", "test")
LOW = 0.985
"""Bodies with a smaller IoU are listed one by one."""


@dataclass(frozen=True)
class PatternFigures:
    """Agreement of a published pattern with the one simulated from the published volume."""

    split: str
    nr: int
    polyhedron: str
    plain_correlation: float
    published_correlation: float
    identical: float
    eps: float


@dataclass(frozen=True)
class BodyFigures:
    """Agreement of a published volume with the one rebuilt from the table's row."""

    split: str
    nr: int
    polyhedron: str
    cut: bool
    size: float
    iou: float
    iou_drawn: float  # on the slices that the published volume has drawn
    missing: int  # voxels that only the published volume has
    extra: int  # voxels that only the rebuilt volume has
    slices_lost: int  # slices that only the rebuilt volume reaches


def pattern_figures(split: str, row: SampleRow, volume: NDArray[np.float32]) -> PatternFigures:
    """Simulate the volume on the centred grid and on the published one; eps is fitted for each."""
    pattern = read_pattern(row.pattern_path)
    plain, published = (
        fit_published(pattern, published_simulator(detector=detector).transform(volume[None])[0])
        for detector in (QGrid(), published_simulator().detector)
    )
    return PatternFigures(
        split,
        row.nr,
        row.polyhedron,
        plain_correlation=plain.correlation,
        published_correlation=published.correlation,
        identical=published.identical,
        eps=published.eps,
    )


def body_figures(split: str, row: SampleRow, volume: NDArray[np.float32]) -> BodyFigures:
    """Rebuild the volume from the row."""
    rasterizer = Rasterizer(grid=len(volume), mode="binary")
    drawn = volume > 0.5
    rebuilt = rasterizer.transform([solid_from_row(row)])[0] > 0.5
    common, either = drawn & rebuilt, drawn | rebuilt
    kept = drawn.any(axis=(1, 2))
    return BodyFigures(
        split,
        row.nr,
        row.polyhedron,
        row.cut is not None,
        row.size,
        iou=common.sum() / either.sum(),
        iou_drawn=common[kept].sum() / either[kept].sum(),
        missing=int((drawn & ~rebuilt).sum()),
        extra=int((rebuilt & ~drawn).sum()),
        slices_lost=int(rebuilt.any(axis=(1, 2)).sum() - kept.sum()),
    )


def measure(
    root: Path, n_rows: int | None = None, *, verbose: bool = False
) -> tuple[list[PatternFigures], list[BodyFigures]]:
    """Give figures for the first rows of each table (None: all): patterns of val and test, bodies of all."""
    rows = [
        (split, row)
        for split, name in TABLES.items()
        if (root / split / name).is_file()
        for row in read_table(root / split / name)[:n_rows]
    ]
    patterns, bodies = [], []
    with progress_bar(len(rows), description="published rows", verbose=verbose, unit="row") as bar:
        for split, row in rows:
            volume = read_volume(row.volume_path)
            if split in WITH_PATTERNS:
                patterns.append(pattern_figures(split, row, volume))
            if not row.is_random:
                bodies.append(body_figures(split, row, volume))
            bar.update()
    return patterns, bodies


def spread(values: Iterable[float]) -> str:
    """The distribution of some values in a few words."""
    array = np.array(list(values))
    low = np.percentile(array, 5)
    return f"n {len(array):4d}   median {np.median(array):.5f}   5 % {low:.5f}   min {array.min():.5f}"


def pattern_report(figures: Sequence[PatternFigures]) -> Iterator[str]:
    """Lines on the patterns."""
    yield "Pearson correlation of published patterns with those simulated from the published volumes"
    for split in WITH_PATTERNS:
        chosen = [figure for figure in figures if figure.split == split]
        if not chosen:
            continue
        yield f"  {split:6s}centred grid             {spread(f.plain_correlation for f in chosen)}"
        yield f"  {split:6s}published grid           {spread(f.published_correlation for f in chosen)}"
        yield f"  {split:6s}equal 8-bit levels       {spread(f.identical for f in chosen)}"
        eps = [f.eps for f in chosen]
        yield f"  {split:6s}eps from {min(eps):.1f} to {max(eps):.1f}, median {np.median(eps):.1f}"


def body_report(figures: Sequence[BodyFigures]) -> Iterator[str]:
    """Lines on the bodies."""
    yield "IoU of published volumes with those rebuilt from the tables' rows"
    groups = {"all": list(figures)}
    for f in figures:
        kind = "cut bodies" if f.cut else "whole bodies"
        for title in (f.split, kind, f"{f.polyhedron}{', cut' if f.cut else ''}"):
            groups.setdefault(title, []).append(f)
    for title in sorted(groups, key=lambda title: (title.split(",")[0] in CONVENTIONS, title)):
        yield f"  {title:38s} {spread(f.iou for f in groups[title])}"
    yield f"  {'all, on the slices drawn':38s} {spread(f.iou_drawn for f in figures)}"
    for f in sorted(figures, key=lambda f: f.iou):
        if f.iou < LOW:
            kind = f"{f.polyhedron}{', cut' if f.cut else ''} of size {f.size:.2f}"
            rest = (
                f"{f.iou_drawn:.4f} on the slices drawn, {f.slices_lost} slices lost, {f.extra} voxels extra"
            )
            yield f"  below {LOW}: {f.split} {f.nr}, {kind}: {f.iou:.4f}, {rest}"


def write_csv(path: Path, figures: Sequence[PatternFigures | BodyFigures]) -> None:
    """Write one line for each row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(figures[0])])
        writer.writeheader()
        for figure in figures:
            rounded = {k: round(v, 7) if isinstance(v, float) else v for k, v in asdict(figure).items()}
            writer.writerow(rounded)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=None, help="first rows of each table only")
    parser.add_argument(
        "--output", type=Path, default=Path("benchmark_output"), help="folder for the CSV files"
    )
    options = parser.parse_args(arguments)
    root = next((root for root in local_roots() if (root / "val").is_dir()), None)
    if root is None:
        print(f"The published sample set is not here: set {VARIABLE} to its folder. Nothing was measured.")
        return 0
    start = time.perf_counter()
    patterns, bodies = measure(root, options.rows, verbose=True)
    for lines in (pattern_report(patterns), body_report(bodies)):
        print("\n".join(lines))
    for name, figures in (("published_patterns.csv", patterns), ("published_bodies.csv", bodies)):
        write_csv(options.output / name, figures)
        print(f"each row: {options.output / name}")
    print(f"{time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
