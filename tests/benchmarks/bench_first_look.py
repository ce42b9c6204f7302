"""How well a pattern alone tells size, centre and face normals: FirstLook on the published test rows.

python tests/benchmarks/bench_first_look.py [--rows 200] [--output FILE]
python tests/benchmarks/bench_first_look.py --calibrate [--bodies 500]

The first form judges; the second one fits the weights that say which ellipse a pattern speaks for, on new bodies.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from benchmarking import machine, print_table, with_artifacts, write_json
from numpy.typing import NDArray
from scipy.optimize import minimize

from scatterkit.datasets import (
    DataNotFoundError,
    PublishedSampler,
    fetch_barke2015,
    read_pattern,
    read_table,
    read_volume,
    solid_from_row,
)
from scatterkit.datasets.published._locate import VARIABLE, local_roots
from scatterkit.fitting import FirstLook, _ellipses
from scatterkit.fitting._faces import faces_of
from scatterkit.fitting._radial_cuts import azimuths, length_spectra
from scatterkit.simulation import LogScaler, PolyhedronSimulator
from scatterkit.solids import Ellipsoid

Array = NDArray[Any]
BOX = 318.75
K = 2 * math.pi / 13.5
N = 36
U = np.stack([np.cos(azimuths()[:N]), np.sin(azimuths()[:N])])
STEEP = (math.radians(3), math.radians(27))
"""Faces that lean so far towards the beam reflect onto the detector, apart from the central peak."""
LEAST_SHARE = 0.03
WITHIN = math.radians(5)
SHARPENING = 1.5
"""Factor on the regression's weights, with which 90 % of true widths lie in 90 % intervals."""


@dataclass
class Case:
    """A body's true widths, its faces where it is a polyhedron, and its pattern."""

    name: str
    widths: Array
    faces: tuple[Array, Array] | None
    pattern: Array


def published(root: Path, n: int) -> list[Case]:
    """The first rows of the test set; widths from the volumes' silhouettes."""
    cases = []
    for row in read_table(root / "test" / "infos1.csv")[:n]:
        silhouette = np.any(read_volume(row.volume_path) > 0.5, axis=0)
        step = BOX / silhouette.shape[0]
        corners = np.argwhere(silhouette)[:, ::-1] * step
        # voxels reach half a voxel beyond their centres, and are in where their centres are: a half on either side
        widths = np.ptp(corners @ U, axis=0) + 0.5 * step
        faces = None
        if not row.is_random:
            solid = solid_from_row(row)
            if not isinstance(solid, Ellipsoid) and solid.is_convex:
                faces = faces_and_shares(solid)
        cases.append(Case(row.polyhedron, widths, faces, read_pattern(row.pattern_path)))
    return cases


def faces_and_shares(solid: Any) -> tuple[Array, Array]:
    """Normals, and the share of each face in the surface."""
    normals, offsets = np.array(solid.normals), np.array(solid.offsets)
    found = faces_of(normals, offsets, np.mean(solid.vertices, axis=0))
    assert found is not None
    return normals, found.areas / found.areas.sum()


def judge(cases: list[Case], looks: list[FirstLook]) -> dict[str, float]:
    """Errors of widths, and of normals."""
    pairs = list(zip(cases, looks, strict=True))
    found = [look.silhouette_widths() for look in looks]
    size = np.array(
        [abs(math.log(f.widths.mean() / c.widths.mean())) for f, c in zip(found, cases, strict=True)]
    )
    errors = np.array([np.abs(np.log(f.widths / c.widths)) for f, c in zip(found, cases, strict=True)])
    inside = [abs(f.widths - c.widths) < 1.645 * f.uncertainty for f, c in zip(found, cases, strict=True)]
    hits = np.array([hit for case, look in pairs for hit in recalled(case, look)], float).reshape(-1, 2)
    false = np.array([miss for case, look in pairs for miss in mistaken(case, look)], float).reshape(-1, 2)
    signs = np.array([sign for case, look in pairs for sign in told_sides(case, look)], float)
    return {
        "size, median error": float(np.median(size)),
        "size, 90 % error": float(np.quantile(size, 0.9)),
        "widths, median error": float(np.median(errors)),
        "widths, 90 % error": float(np.quantile(errors, 0.9)),
        "widths in 90 % intervals": float(np.mean(inside)),
        "bodies called none": float(np.mean([not look.shows_body for look in looks])),
        "faces whose azimuth is found": float(hits[:, 0].mean()),
        "faces whose normal is found": float(hits[:, 1].mean()),
        "false azimuths": float(false[:, 0].mean()),
        "false normals": float(false[:, 1].mean()),
        "sides told right": float(signs.mean()),
    }


def angles(a: Array, b: Array) -> Array:
    """Angles between all directions of two sets."""
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
    return np.arccos(np.clip(a @ b.T, -1, 1))


def steep_faces(case: Case, look: FirstLook) -> Array:
    """Normals of faces that are large enough and reflect onto measured pixels."""
    if case.faces is None:
        return np.zeros((0, 3))
    normals, shares = case.faces
    tilt = np.arcsin(np.clip(-normals[:, 2], -1, 1))
    chosen = normals[(shares > LEAST_SHARE) & (tilt > STEEP[0]) & (tilt < STEEP[1])]
    return chosen[[seen(look, normal, 1) for normal in chosen]] if len(chosen) else chosen


def seen(look: FirstLook, normal: Array, side: int) -> bool:
    """Whether the spot of a face, or the one opposite, is measured."""
    pixels = side * -2 * K * normal[2] * normal[:2] / (2 * math.pi / 850)
    column, row = np.round(64 + pixels + np.array(look.shift)[::-1]).astype(int)
    return 0 <= row < 128 and 0 <= column < 128 and bool(look.mask[row, column])


def streaks(look: FirstLook) -> Array:
    """Normals of the eight strongest streaks."""
    return np.array([s.normal for s in look.streak_normals()[:8]]).reshape(-1, 3)


def recalled(case: Case, look: FirstLook) -> Iterator[tuple[bool, bool]]:
    """For each steep face: whether its azimuth is found, and its normal."""
    true, found = steep_faces(case, look), streaks(look)
    if not len(found):
        yield from ((False, False) for _ in true)
        return
    flat, full = angles(true[:, :2], found[:, :2]).min(axis=1), angles(true, found).min(axis=1)
    yield from zip(flat < WITHIN, full < WITHIN, strict=True)


def mistaken(case: Case, look: FirstLook) -> Iterator[tuple[bool, bool]]:
    """For each streak of a polyhedron: whether no face has its azimuth, and none its normal."""
    found = streaks(look)
    if case.faces is None or not len(found):
        return
    normals = case.faces[0][case.faces[1] > 0.01]
    steep = normals[np.abs(normals[:, 2]) < 0.8]
    flat = angles(found[:, :2], steep[:, :2]).min(axis=1) > WITHIN
    yield from zip(flat, angles(found, normals).min(axis=1) > WITHIN, strict=True)


def told_sides(case: Case, look: FirstLook) -> Iterator[bool]:
    """For each streak near a steep face without a mirrored one: whether it is brighter than the opposite spot."""
    if case.faces is None:
        return
    normals, shares = case.faces
    front = normals[(shares > 0.02) & (normals[:, 2] < -0.03) & (normals[:, 2] > -0.999)]
    for normal in steep_faces(case, look):
        mirrored = angles(np.array([[-normal[0], -normal[1]]]), front[:, :2])[0] < math.radians(20)
        if (mirrored & (front[:, 2] > -0.75)).any():
            continue
        for side in (1, -1):  # a streak on the wrong side counts against
            near = [
                s
                for s in look.streak_normals()
                if angles(side * normal[None, :2], direction(s))[0, 0] < WITHIN
            ]
            if near and math.isfinite(near[0].lead):
                yield (near[0].lead > 0) == (side > 0)
                break


def direction(streak: Any) -> Array:
    """The direction of a streak in the plane, as one row."""
    return np.array([streak.normal[:2]])


def noise_patterns(masks: Array, seed: int) -> dict[str, Array]:
    """Patterns without a body."""
    rng = np.random.default_rng(seed)
    q = np.hypot(*np.mgrid[-64:64, -64:64]) * 2 * math.pi / 850
    shape = masks.shape
    counts = {
        "white": rng.random(shape),
        "photons": np.log1p(rng.poisson(3.0, shape)),
        "falling": np.log1p(rng.poisson(np.broadcast_to(3e4 * np.exp(-q / 0.03) + 1, shape))),
        "speckle": np.log1p(1e3 * rng.exponential(1.0, shape) * np.exp(-q / 0.1)),
    }
    return {name: (values / values.max()).astype(np.float32) for name, values in counts.items()}


def centre_errors(looks: list[FirstLook], shifts: Array) -> dict[str, float]:
    """Errors of centres in pixels."""
    errors = np.hypot(*(np.array([look.shift for look in looks]) - shifts).T)
    return {
        "centre, median error": float(np.median(errors)),
        "centre, 90 % error": float(np.quantile(errors, 0.9)),
    }


def judge_all(root: Path, n: int) -> dict[str, dict[str, float]]:
    """Every figure."""
    cases = published(root, n)
    patterns = np.stack([case.pattern for case in cases])
    measured = np.hypot(*np.mgrid[-64:64, -64:64]) * 2 * math.pi / 850 < 0.97 * K
    ideal = [FirstLook(pattern, measured) for pattern in patterns]
    seen_patterns, masks, params = with_artifacts(patterns, seed=0)
    shifts = params["1.shift"] + params["6.shift"]
    results = {"ideal": {**judge(cases, ideal), **centre_errors(ideal, np.zeros((len(cases), 2)))}}
    for reach in (3.0, 10.0):
        looks = [FirstLook(p, m, max_shift=reach) for p, m in zip(seen_patterns, masks, strict=True)]
        results[f"artifacts, max_shift {reach:g}"] = {**judge(cases, looks), **centre_errors(looks, shifts)}
    for name, noise in noise_patterns(masks, seed=1).items():
        looks = [FirstLook(p, m) for p, m in zip(noise, masks, strict=True)]
        results[f"noise, {name}"] = {
            "bodies called none": float(np.mean([not look.shows_body for look in looks]))
        }
    results["milliseconds"] = clocks(patterns[: min(n, 20)])
    return results


def clocks(patterns: Array) -> dict[str, float]:
    """Milliseconds of each question."""
    questions = {
        "radius": lambda look: look.radius,
        "contrast": lambda look: look.contrast,
        "streaks": lambda look: look.streak_normals(),
        "start": lambda look: look.start_planes(20, 0),
    }
    total = dict.fromkeys(questions, 0.0)
    for pattern in patterns:
        look = FirstLook(pattern)
        for name, question in questions.items():
            start = perf_counter()
            question(look)
            total[name] += 1e3 * (perf_counter() - start) / len(patterns)
    return total


def calibrate(n: int) -> Array:
    """Weights of fringe strengths at each offset, of size and of stretch: a logistic regression over ellipses."""
    rng = np.random.default_rng(0)
    ellipses = _ellipses.all_ellipses()
    features, labels, near, far = [], [], 60, 400
    for look, widths in simulated_looks(n):
        distance = np.mean((ellipses.widths - np.log(widths / BOX)) ** 2, axis=1)
        order = np.argsort(distance)
        chosen = np.concatenate([order[:near], rng.choice(order[near:], far, replace=False)])
        mean = length_spectra(look._cuts, BOX).mean(axis=0)
        shifted = [_ellipses.shifted(mean, offset) for offset in _ellipses.OFFSETS]
        columns = [_ellipses.along(values, ellipses.widths[chosen]) for values in shifted]
        features.append(np.column_stack([*columns, ellipses.logs[chosen]]))
        labels.append(np.exp(-distance[chosen] / (2 * 0.05**2)))
    x, y = np.array(features), np.array(labels)
    y /= y.sum(axis=1, keepdims=True)
    # each of the drawn far ellipses stands for several
    prior = np.concatenate([np.zeros(near), np.full(far, math.log((len(distance) - near) / far))])

    def loss(weights: Array) -> tuple[float, Array]:
        logs = x @ weights + prior
        logs -= logs.max(axis=1, keepdims=True)
        shares = np.exp(logs)
        total = shares.sum(axis=1, keepdims=True)
        value = -np.sum(y * (logs - np.log(total))) / len(x) + 1e-3 * weights @ weights
        return value, np.einsum("ncf,nc->f", x, shares / total - y) / len(x) + 2e-3 * weights

    fitted = minimize(loss, np.zeros(x.shape[2]), jac=True, method="L-BFGS-B", options={"maxiter": 300})
    return SHARPENING * fitted.x


def simulated_looks(n: int) -> Iterator[tuple[FirstLook, Array]]:
    """Looks at ideal patterns and at ones with artifacts of new bodies, two thirds of them chopped, and true widths."""
    chopped = round(2 * n / 3)
    drawn = PublishedSampler(11, chopped=True).sample(chopped) + PublishedSampler(12).sample(n - chopped)
    solids = [solid for solid in drawn if not isinstance(solid, Ellipsoid) and solid.is_convex]
    rng = np.random.default_rng(4)
    measured = np.hypot(*np.mgrid[-64:64, -64:64]) * 2 * math.pi / 850 < 0.97 * K
    for i, solid in enumerate(solids):
        intensity = PolyhedronSimulator().transform([solid])
        pattern = LogScaler(eps=float(np.exp(rng.uniform(math.log(10), math.log(1000))))).transform(intensity)
        widths = np.ptp(np.asarray(solid.vertices)[:, :2] @ U, axis=0)
        yield FirstLook(pattern[0], measured, max_shift=10), widths
        worse, masks, _ = with_artifacts(pattern, seed=i)
        yield FirstLook(worse[0], masks[0], max_shift=10), widths


def show(results: dict[str, dict[str, float]]) -> None:
    """Print tables."""
    for title, figures in results.items():
        print()
        print_table((title, ""), [(name, f"{value:.3f}") for name, value in figures.items()])


def show_measured() -> None:
    """Sizes of the measured clusters, for which there is no truth."""
    try:
        data = fetch_barke2015("available")
    except DataNotFoundError:
        return
    rows = []
    for pattern, mask, number, center in zip(
        data.patterns, data.masks, data.numbers, data.centers, strict=True
    ):
        look = FirstLook(pattern, mask)
        hole = ", ".join(f"{c - 64:.1f}" for c in center)
        shift = ", ".join(f"{c:.1f}" for c in look.shift)
        size = f"{look.radius:.1f} +- {look.radius_uncertainty:.1f}"
        rows.append((f"measured {number}", size, f"{look.contrast:.1f}", shift, hole))
    print()
    print_table(("", "radius [nm]", "contrast", "shift [pixels]", "hole"), rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure or calibrate, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200, help="test rows that are judged")
    parser.add_argument("--calibrate", action="store_true", help="fit the weights of ellipses instead")
    parser.add_argument("--bodies", type=int, default=500, help="bodies to calibrate on")
    parser.add_argument("--output", type=Path, default=Path("benchmark_output/first_look.json"))
    options = parser.parse_args(arguments)
    if options.calibrate:
        weights = calibrate(options.bodies)
        print("PROFILE", weights[:-2].round(2).tolist(), "PREFERENCES", weights[-2:].round(2).tolist())
        return 0
    root = next((root for root in local_roots() if (root / "test").is_dir()), None)
    if root is None:
        print(f"The published sample set is not here: set {VARIABLE} to its folder. Nothing was measured.")
        return 0
    results = judge_all(root, options.rows)
    show(results)
    show_measured()
    print(f"\nWritten to {write_json({'machine': machine(), **results}, options.output)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
