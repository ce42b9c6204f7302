"""How often intervals of fitted facets hold the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
from noisy_fits import PlaneFit, detector, exact_intensity, jittered, noisy_pattern, some_body
from numpy.typing import NDArray

from scatterkit.fitting.answers import FacetUncertainty, parameter_uncertainty
from scatterkit.fitting.answers._lit import lit_side
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid


def facet_errors(
    fitted: Solid, known: FacetUncertainty, truth: Solid, level: float = 0.9
) -> list[dict[str, Any]]:
    """For each determined facet: error and sigma in nm, and whether interval and cone hold the truth."""
    normals = truth.normals  # a facet edge-on may be lit in the one and not in the other
    distances = truth.offsets - normals @ lit_side(truth).origin
    ends, cones = known.distance_intervals(level), known.normal_cones(level)
    rows = []
    for row, face in enumerate(known.faces):
        angles = np.arccos(np.clip(normals @ fitted.normals[face], -1, 1))
        twin = int(angles.argmin())
        rows.append(
            {
                "determined": bool(known.determined[row]),
                "error": float(known.distances[row] - distances[twin]),
                "sigma": float(known.distance_sigma[row]),
                "held": bool(ends[row, 0] <= distances[twin] <= ends[row, 1]),
                "normal_held": bool(angles[twin] <= cones[row]),
                "angle": float(angles[twin]),
            }
        )
    return rows


def coverage_table(
    n_bodies: int, photons: float, floor: float, rng: np.random.Generator, n_pixels: int = 128
) -> list[dict[str, Any]]:
    """Coverage over the facets of random bodies at a number of photons, by known counts and by the residual.

    Fits that end above the truth's own residual have not converged; they are counted and left out.
    """
    stuck = 0
    found: dict[str, list[dict[str, Any]]] = {"photon counts": [], "residual": []}
    grid = detector(n_pixels)
    simulator = MSFTSimulator(detector=grid)
    for _ in range(n_bodies):
        truth = some_body(rng)
        pattern, response = noisy_pattern(exact_intensity(truth, grid), photons, floor, rng)
        fit = PlaneFit(pattern, grid)
        lowest = fit.cost(truth, response)
        fitted, response = fit.run(jittered(truth, rng), response)
        if fit.cost(fitted, response) > lowest:
            stuck += 1
            continue
        for noise, counts in (("photon counts", photons), ("residual", None)):
            known = parameter_uncertainty(fitted, response, pattern, None, simulator, counts=counts)
            found[noise] += facet_errors(fitted, known, truth)
    return [_summary(photons, noise, rows, stuck) for noise, rows in found.items()]


def _summary(photons: float, noise: str, rows: list[dict[str, Any]], stuck: int) -> dict[str, Any]:
    kept = [row for row in rows if row["determined"]]

    def column(name: str) -> NDArray[np.float64]:
        return np.array([row[name] for row in kept], dtype=float)

    return {
        "photons": photons,
        "noise": noise,
        "facets": len(kept),
        "left_out": len(rows) - len(kept),
        "stuck": stuck,
        "distances": float(column("held").mean()),
        "normals": float(column("normal_held").mean()),
        "sigma": float(np.median(column("sigma"))),
        "error": float(np.median(np.abs(column("error")))),
    }
