"""Intensities of fitted bodies, and those behind recorded patterns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scatterkit.fitting._planes import Floats, centred
from scatterkit.fitting.answers._jacobian import Simulator, polyhedron_simulator
from scatterkit.fitting.answers._lit import is_polyhedron
from scatterkit.response import DetectorResponse, fit_response
from scatterkit.simulation import MSFTSimulator, PolyhedronSimulator
from scatterkit.simulation._attenuation import attenuation
from scatterkit.solids import Ellipsoid, Rasterizer, Solid

ROOMY = 1.2
"""Edge of the cube for bodies where a simulator has none, over the least that holds them."""


def simulated_intensity(solid: Solid, simulator: Simulator, grid: int) -> NDArray[np.float32]:
    """Simulate a body on all pixels: exactly where there is a closed form, else on a grid."""
    straight = isinstance(simulator, PolyhedronSimulator) or simulator.propagation in ("msft", "born")
    if straight and is_polyhedron(solid):
        return polyhedron_simulator(simulator).transform([solid])[0]
    on_grid = _grid_simulator(simulator, solid)
    volume = Rasterizer(grid=grid, box=on_grid.box).transform([solid])
    intensity: NDArray[np.float32] = on_grid.transform(volume)[0]
    return intensity


def roomy_box(bodies: Sequence[Solid]) -> float:
    """Give the edge of a cube about the origin that holds some bodies, for simulators without a box of their own."""
    return ROOMY * 2 * max(float(np.abs(body.bounds).max()) for body in bodies)


def _grid_simulator(simulator: Simulator, solid: Solid) -> MSFTSimulator:
    """Give the simulator on a grid of a simulator's experiment, without mask; a body fits into its box."""
    given = {"box": roomy_box([solid])} | simulator.get_params(deep=False)
    if given["propagation"] == "projection":
        given["propagation"] = "msft"
    return MSFTSimulator(**given | {"mask": None})


def decay_length(simulator: Simulator) -> float:
    """Depth in nm over which the field falls to 1/e; infinite without absorption."""
    if simulator.propagation == "born":
        return math.inf
    decay = attenuation(simulator).real
    return 1 / decay if decay > 0 else math.inf


def intensity_on_pixels(picture: Floats, response: DetectorResponse) -> Floats:
    """Give the intensity behind a recorded pattern, as far as it was not clipped; not negative."""
    if response.gain == 0:
        return np.zeros_like(picture)
    intensity: Floats = np.exp((picture - response.offset) / response.gain) - response.eps
    return np.maximum(intensity, 0)


def inversion_change(
    solid: Solid,
    response: DetectorResponse,
    mask: NDArray[np.bool_],
    simulator: Simulator,
    grid: int,
) -> float:
    """Mean squared change of the recorded pattern when the body is inverted through a point, response refitted.

    Both are recorded with the centre where the detector says: how far a pattern was shifted says nothing of bodies.
    """
    if response.gain == 0:
        return 0.0
    still = replace(response, shift=(0.0, 0.0))
    home = centred(solid)
    own, twin = (simulated_intensity(body, simulator, grid) for body in (home, inverted(home)))
    return fit_response(still.apply(own), twin, mask, max_shift=0.0, start=still)[1]


def inverted(solid: Solid) -> Solid:
    """Give the image of a body under inversion through the origin; an ellipsoid's is one, simulated alike."""
    if isinstance(solid, Ellipsoid):
        return Ellipsoid(-solid.matrix, -solid.center, -solid.cut_normals, solid.cut_offsets, solid.name)
    # a point mirrored turns triangles inside out: their corners change places
    return Solid(-solid.vertices, solid.faces[:, ::-1], solid.name)
