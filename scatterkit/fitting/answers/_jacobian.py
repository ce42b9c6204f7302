"""How a recorded pattern changes with the planes of a convex body and with the detector's response."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scatterkit._response_fit import shift_matrices
from scatterkit.experiment import check_detector
from scatterkit.fitting._planes import Floats
from scatterkit.response import DetectorResponse
from scatterkit.simulation import MSFTSimulator, PolyhedronSimulator
from scatterkit.simulation._attenuation import attenuation
from scatterkit.simulation.facets import FacetScattering

Simulator = MSFTSimulator | PolyhedronSimulator


class PatternJacobian(NamedTuple):
    """A body's recorded pattern (n,) on the masked pixels, and its derivatives.

    ``planes`` (3 m, n): by offset [1/nm] and by turns along two tangents [1/rad] of the half-spaces ``faces`` (m,),
    the tangents in ``tangents`` (m, 2, 3). ``response`` (r, n): by what is named in ``names``. ``intensity`` (n,) is
    what the pixels hold before the logarithm.
    """

    pattern: Floats
    intensity: Floats
    faces: NDArray[np.int64]
    tangents: Floats
    planes: Floats
    response: Floats
    names: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """Exact scattering onto a detector's pixels, straight rays."""

    scattering: FacetScattering
    lit: NDArray[np.bool_]

    @classmethod
    def of(cls, simulator: Simulator) -> Scene:
        """Take the experiment of a simulator; all pixels, since a shift of the centre moves some into the mask."""
        exact = polyhedron_simulator(simulator)
        detector = check_detector(exact.detector, owner=type(simulator).__name__)
        q, lit = exact._wavevectors(detector, None)
        gamma = 0j if exact.propagation == "born" else attenuation(exact)
        return cls(FacetScattering(q, gamma), lit)

    def picture(self, values: NDArray[np.floating]) -> Floats:
        """Put values of the pixels that see light into the detector's picture."""
        image = np.zeros(self.lit.shape)
        image[self.lit] = values
        return image

    def jacobian(
        self,
        normals: Floats,
        offsets: Floats,
        response: DetectorResponse,
        mask: NDArray[np.bool_],
        *,
        with_shift: bool = True,
    ) -> PatternJacobian:
        """Give the recorded pattern of {r : normals @ r <= offsets} on a mask, and its derivatives."""
        look = self.scattering.look(normals, offsets)
        raised = self.picture(look.intensity) + response.eps
        sides = [shift_matrices(n, n, 0, s) for n, s in zip(self.lit.shape, response.shift, strict=True)]
        (rows, d_rows), (columns, d_columns) = sides
        log = np.log(raised)
        value = rows @ log @ columns.T
        linear = response.gain * value + response.offset
        passed = (linear > 0) & (linear < response.saturation)
        slope = response.gain * passed[mask]

        moved = partial(_moved, rows=rows, columns=columns, mask=mask, still=response.shift == (0.0, 0.0))
        planes = np.array([moved(self.picture(row) / raised) * slope for row in look.jacobian])
        parts = {
            "log eps": moved(response.eps / raised) * slope,
            "gain": value[mask] * passed[mask],
            "offset": passed[mask].astype(float),
        }
        if with_shift:
            parts["row shift"] = (d_rows @ log @ columns.T)[mask] * slope
            parts["column shift"] = (rows @ log @ d_columns.T)[mask] * slope
        if math.isfinite(response.saturation) and (linear[mask] >= response.saturation).any():
            parts["saturation"] = (linear[mask] >= response.saturation).astype(float)
        pattern = np.clip(linear, 0, response.saturation)[mask]
        intensity = np.exp(value[mask]) - response.eps
        stacked = np.array(list(parts.values()))
        return PatternJacobian(
            pattern, np.maximum(intensity, 0), look.faces, look.tangents, planes, stacked, tuple(parts)
        )


def _moved(image: Floats, *, rows: Floats, columns: Floats, mask: NDArray[np.bool_], still: bool) -> Floats:
    pixels: Floats = image[mask] if still else (rows @ image @ columns.T)[mask]
    return pixels


def polyhedron_simulator(simulator: Simulator) -> PolyhedronSimulator:
    """Give the exact simulator of a simulator's experiment, without mask; straight rays in the place of others."""
    simulator._check_parameters()
    given = simulator.get_params(deep=False)
    shared = {name: given[name] for name in PolyhedronSimulator().get_params(deep=False) if name in given}
    exact = PolyhedronSimulator(**shared | {"mask": None})
    if exact.propagation not in ("msft", "born", "projection"):
        exact.set_params(propagation="msft")
    return exact
