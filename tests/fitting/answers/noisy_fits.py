"""Bodies, their noisy patterns and least-squares fits that start near the truth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from scatterkit.experiment import QGrid
from scatterkit.fitting.answers._jacobian import PatternJacobian, Scene
from scatterkit.response import DetectorResponse
from scatterkit.simulation import MSFTSimulator, PhotonCounts, PolyhedronSimulator
from scatterkit.solids import HalfSpaceSampler, Solid

Array = NDArray[np.float64]
CLASSES = ("truncated_octahedron", "cuboctahedron", "icosahedron", "dodecahedron", "octahedron", "decahedron")


def some_body(rng: np.random.Generator) -> Solid:
    """A turned body of the catalogue or, half the time, a random convex one; 90 to 240 nm across."""
    radius = rng.uniform(45, 120)
    if rng.random() < 0.5:
        body = Solid.from_catalogue(str(rng.choice(CLASSES)), circumradius=radius)
        return body.rotate(Rotation.random(random_state=rng))
    body = HalfSpaceSampler(random_state=int(rng.integers(2**31))).sample(1)[0]
    return body.shift(-body.centroid).scale(radius / body.circumradius)


def response_for(intensity: Array, eps: float) -> DetectorResponse:
    """A response that maps [0, largest intensity] to [0.05, 1]: nothing is clipped, not by noise either."""
    low, high = math.log(eps), math.log(float(intensity.max()) + eps)
    gain = 0.95 / (high - low)
    return DetectorResponse(eps=eps, gain=gain, offset=0.05 - gain * low)


def noisy_pattern(
    intensity: Array, photons: float, floor: float, rng: np.random.Generator
) -> tuple[Array, DetectorResponse]:
    """A recorded pattern of Poisson counts, eps worth ``floor`` photons, and the response that made it."""
    photon = float(intensity.sum()) / photons
    response = response_for(intensity, floor * photon)
    counts = PhotonCounts(photons=photons, random_state=rng).transform(intensity[None])[0]
    return response.apply(counts * photon).astype(np.float64), response


def detector(n_pixels: int) -> QGrid:
    """The published detector's range of q with fewer pixels along each side."""
    return QGrid(n_pixels, dq=QGrid().dq * 128 / n_pixels)


def exact_intensity(body: Solid, grid: QGrid) -> Array:
    """The body's exact intensity."""
    return PolyhedronSimulator(detector=grid).transform([body])[0].astype(np.float64)


class PlaneFit:
    """Levenberg-Marquardt over planes and response, equal weights; damping holds steps within a reach."""

    def __init__(self, pattern: Array, grid: QGrid, mask: NDArray[np.bool_] | None = None) -> None:
        self.scene = Scene.of(MSFTSimulator(detector=grid))
        self.mask = self.scene.lit if mask is None else mask & self.scene.lit
        self.target = pattern[self.mask]

    def run(
        self, body: Solid, response: DetectorResponse, n_steps: int = 30
    ) -> tuple[Solid, DetectorResponse]:
        """Give the best body and response near a start."""
        normals, offsets = body.normals.copy(), body.offsets.copy()
        look = self.scene.jacobian(normals, offsets, response, self.mask)
        cost, reach, size = self._cost(look), 0.03, body.circumradius
        for _ in range(n_steps):
            step = self._step(look, cost / reach**2, size)
            trial = self._moved(normals, offsets, response, look, step)
            tried = self.scene.jacobian(*trial, self.mask)
            gained = cost - self._cost(tried)
            if gained > 0:
                (normals, offsets, response), look, cost = trial, tried, cost - gained
                reach = min(3 * reach, 1.0)
                if gained < 1e-6 * cost:
                    break
            else:
                reach /= 4
        return Solid.from_halfspaces(normals, offsets), response

    def cost(self, body: Solid, response: DetectorResponse) -> float:
        """Give the mean squared difference of a body's pattern."""
        return self._cost(self.scene.jacobian(body.normals, body.offsets, response, self.mask))

    def _cost(self, look: PatternJacobian) -> float:
        return float(np.mean((look.pattern - self.target) ** 2))

    def _step(self, look: PatternJacobian, damping: float, size: float) -> Array:
        scale = np.concatenate([np.tile([size, 1.0, 1.0], len(look.faces)), np.ones(len(look.names))])
        jacobian = np.concatenate([look.planes, look.response]) * scale[:, None]
        curvature = jacobian @ jacobian.T + damping * np.eye(len(scale))
        return scale * np.linalg.solve(curvature, jacobian @ (self.target - look.pattern))

    @staticmethod
    def _moved(
        normals: Array, offsets: Array, response: DetectorResponse, look: PatternJacobian, step: Array
    ) -> tuple[Array, Array, DetectorResponse]:
        normals, offsets = normals.copy(), offsets.copy()
        planes = step[: 3 * len(look.faces)].reshape(-1, 3)
        offsets[look.faces] += planes[:, 0]
        normals[look.faces] += np.einsum("mi,mij->mj", planes[:, 1:], look.tangents)
        normals /= np.linalg.norm(normals, axis=1)[:, None]
        change = dict(zip(look.names, step[3 * len(look.faces) :].tolist(), strict=True))
        moved = replace(
            response,
            eps=response.eps * math.exp(change["log eps"]),
            gain=response.gain + change["gain"],
            offset=response.offset + change["offset"],
            shift=(response.shift[0] + change["row shift"], response.shift[1] + change["column shift"]),
        )
        return normals, offsets, moved


def jittered(body: Solid, rng: np.random.Generator, nm: float = 0.3, degrees: float = 0.3) -> Solid:
    """The body, its planes moved and turned a little at random."""
    normals = body.normals + np.radians(degrees) * rng.normal(size=body.normals.shape)
    return Solid.from_halfspaces(normals, body.offsets + nm * rng.normal(size=len(body.offsets)))
