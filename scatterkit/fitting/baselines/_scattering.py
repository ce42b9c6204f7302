"""Intensities of convex bodies at single points of a detector: exactly where that is known, by voxels otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.sparse import csr_array
from scipy.spatial import cKDTree
from sklearn.base import clone

from scatterkit.experiment import check_detector
from scatterkit.fitting._plane_kernels import soft_occupancy, soft_occupancy_adjoint
from scatterkit.fitting._planes import Floats, box_limit, with_box
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation._attenuation import attenuation
from scatterkit.simulation.facets import FacetScattering
from scatterkit.simulation.plan import longitudinal

Pullback = Callable[[Floats], tuple[Floats, Floats]]


class Points(Protocol):
    """Points at which intensities are wanted."""

    def intensity(self, normals: Floats, offsets: Floats, n: int) -> Floats:
        """Give the intensities of the body {r : normals @ r <= offsets} at the first n points."""

    def look(self, normals: Floats, offsets: Floats, n: int) -> tuple[Floats, Pullback]:
        """Give them, and what carries a gradient by them back to normals and offsets."""


class Scattering(Protocol):
    """How convex bodies scatter on one detector; bodies are clipped to the cube that fitted ones stay in."""

    limit: float
    shape: tuple[int, int]
    q: Floats

    def at(self, points: Floats) -> Points:
        """Give the intensity at points (row, column) between the pixels too."""

    def at_wavevectors(self, q_y: Floats, q_x: Floats) -> Points:
        """Give the intensity at transverse wave vectors, on the detector or not."""

    def picture(self, normals: Floats, offsets: Floats) -> NDArray[np.float32]:
        """Give the intensity on all pixels."""


def scattering_of(simulator: MSFTSimulator, grid: int) -> Scattering:
    """Give the exact scattering for light on straight rays through true densities, and voxels for all else."""
    straight = simulator.propagation == "msft" and simulator.voxel_response == "average"
    if straight and simulator.self_absorption in ("exact", "shares"):
        return ExactScattering(simulator)
    return VoxelScattering(simulator, grid)


class ExactScattering:
    """Scattering in closed form, at any wave vector."""

    def __init__(self, simulator: MSFTSimulator) -> None:
        detector = check_detector(simulator.detector, owner="MSFTSimulator")
        self.k, self.gamma = 2 * math.pi / simulator.wavelength, attenuation(simulator)
        self.limit, self.shape = box_limit(simulator.box), detector.shape
        pairs = (*detector.wavevectors(self.k), *detector.depth_wavevectors(self.k))
        # pixels that see no light have infinite ones, which would spoil their neighbours' interpolation
        self.maps = [np.nan_to_num(np.broadcast_to(q, self.shape), posinf=9 * self.k) for q in pairs]
        self.q = np.hypot(self.maps[0], self.maps[1])

    def at(self, points: Floats) -> Points:
        along = [map_coordinates(q, points.T, order=1, mode="nearest") for q in self.maps]
        return self._at(*along)

    def at_wavevectors(self, q_y: Floats, q_x: Floats) -> Points:
        return self._at(q_y, q_x, q_y, q_x)

    def picture(self, normals: Floats, offsets: Floats) -> NDArray[np.float32]:
        values = self._at(*(q.ravel() for q in self.maps)).intensity(normals, offsets, self.q.size)
        return values.reshape(self.shape).astype(np.float32)

    def _at(self, q_y: Floats, q_x: Floats, depth_y: Floats, depth_x: Floats) -> Points:
        transverse = depth_y**2 + depth_x**2
        seen = transverse < self.k**2
        q_z = longitudinal(np.where(seen, transverse, 0), self.k, paraxial=False)
        return _ExactPoints(np.stack([q_z, q_y, q_x], axis=1), seen, self.gamma, self.limit)


class _ExactPoints:
    """Wave vectors, some of which see light."""

    def __init__(self, q: Floats, seen: NDArray[np.bool_], gamma: complex, limit: float) -> None:
        self.q, self.seen, self.gamma, self.limit = q, seen, gamma, limit
        self.by_count: dict[int, FacetScattering] = {}

    def _first(self, n: int) -> FacetScattering:
        if n not in self.by_count:
            self.by_count[n] = FacetScattering(self.q[:n][self.seen[:n]], self.gamma)
        return self.by_count[n]

    def intensity(self, normals: Floats, offsets: Floats, n: int) -> Floats:
        values = np.zeros(n)
        values[self.seen[:n]] = self._first(n).intensity(*with_box(normals, offsets, self.limit))
        return values

    def look(self, normals: Floats, offsets: Floats, n: int) -> tuple[Floats, Pullback]:
        found = self._first(n).look(*with_box(normals, offsets, self.limit))
        values = np.zeros(n)
        values[self.seen[:n]] = found.intensity

        def pullback(by_intensity: Floats) -> tuple[Floats, Floats]:
            by_steps = (found.jacobian @ by_intensity[self.seen[:n]].astype(np.float32)).reshape(-1, 3)
            own = found.faces < len(offsets)  # the sides of the box do not move
            faces, by_steps, frames = found.faces[own], by_steps[own], found.tangents[own]
            by_normals, by_offsets = np.zeros((len(offsets), 3)), np.zeros(len(offsets))
            by_offsets[faces] = by_steps[:, 0]
            by_normals[faces] = np.einsum("ij,ijk->ik", by_steps[:, 1:], frames)
            return by_normals, by_offsets

        return values, pullback


class VoxelScattering:
    """Scattering of soft-edged voxels, by any way in which light travels."""

    def __init__(self, simulator: MSFTSimulator, grid: int) -> None:
        self.simulator, self.grid = clone(simulator).set_params(mask=None), grid
        detector = check_detector(simulator.detector, owner="MSFTSimulator")
        self.limit, self.shape = box_limit(simulator.box), detector.shape
        self.q_y, self.q_x = (
            np.broadcast_to(q, self.shape) for q in detector.wavevectors(2 * math.pi / simulator.wavelength)
        )
        self.q = np.hypot(self.q_y, self.q_x)

    def at(self, points: Floats) -> Points:
        return _VoxelPoints(self, _bilinear(points, self.shape))

    def at_wavevectors(self, q_y: Floats, q_x: Floats) -> Points:
        return _VoxelPoints(self, Resampling(self.q_y, self.q_x, q_y, q_x).matrix(self.q.size))

    def picture(self, normals: Floats, offsets: Floats) -> NDArray[np.float32]:
        return self.simulator.transform(self.volume(normals, offsets)[None])[0]

    def volume(self, normals: Floats, offsets: Floats) -> NDArray[np.float32]:
        """Give the soft occupancy of a body."""
        return soft_occupancy(*with_box(normals, offsets, self.limit), self.grid, *self.edge)

    @property
    def edge(self) -> tuple[float, float]:
        """Box and width of a body's edge in nm: one voxel."""
        return self.simulator.box, self.simulator.box / self.grid


class _VoxelPoints:
    """Mixtures of the pixels of a picture."""

    def __init__(self, scattering: VoxelScattering, matrix: csr_array) -> None:
        self.scattering, self.matrix = scattering, matrix

    def intensity(self, normals: Floats, offsets: Floats, n: int) -> Floats:
        picture = self.scattering.picture(normals, offsets)
        return np.asarray(self.matrix[:n] @ picture.ravel().astype(np.float64))

    def look(self, normals: Floats, offsets: Floats, n: int) -> tuple[Floats, Pullback]:
        volume = self.scattering.volume(normals, offsets)
        pictures, to_volume = self.scattering.simulator.vjp(volume[None], within_body=True)
        planes = with_box(normals, offsets, self.scattering.limit)

        def pullback(by_intensity: Floats) -> tuple[Floats, Floats]:
            by_picture = (self.matrix[:n].T @ by_intensity).reshape(pictures.shape)
            by_volume = to_volume(by_picture)[0]
            by_normals, by_offsets = soft_occupancy_adjoint(*planes, *self.scattering.edge, by_volume)
            by_normals, by_offsets = by_normals[: len(offsets)], by_offsets[: len(offsets)]
            along = np.einsum("ij,ij->i", by_normals, normals)
            return by_normals - along[:, None] * normals, by_offsets

        return np.asarray(self.matrix[:n] @ pictures[0].ravel().astype(np.float64)), pullback


def _bilinear(points: Floats, shape: tuple[int, int]) -> csr_array:
    """Give the matrix from a picture to its values at points (row, column), the edges continued."""
    base = np.floor(points)
    rest = points - base
    rows, columns, weights = [], [], []
    for corner in np.ndindex(2, 2):
        index = np.clip(base + corner, 0, np.array(shape) - 1).astype(np.int64)
        rows.append(np.arange(len(points)))
        columns.append(index[:, 0] * shape[1] + index[:, 1])
        weights.append(np.prod(np.where(corner, rest, 1 - rest), axis=1))
    places = (np.concatenate(rows), np.concatenate(columns))
    return csr_array((np.concatenate(weights), places), shape=(len(points), shape[0] * shape[1]))


class Resampling:
    """Values of pictures at wave vectors, as means of the four nearest pixels weighted by inverse distance."""

    def __init__(self, pixel_q_y: Floats, pixel_q_x: Floats, q_y: Floats, q_x: Floats) -> None:
        pixels = np.column_stack([pixel_q_y.ravel(), pixel_q_x.ravel()])
        known = np.flatnonzero(np.isfinite(pixels).all(axis=1))
        tree = cKDTree(pixels[known])
        distances, near = tree.query(np.column_stack([q_y, q_x]), k=min(4, known.size))
        distances, near = distances.reshape(len(q_y), -1), near.reshape(len(q_y), -1)
        pitch = float(np.median(tree.query(pixels[known], k=2)[0][:, 1])) if known.size > 1 else 1.0
        self.near = known[near]
        self.weights = 1 / (distances + 1e-3 * pitch)
        self.on_detector = distances[:, 0] <= pitch

    def apply(self, picture: NDArray[np.float32]) -> Floats:
        """Give the values; zero off the detector."""
        return np.asarray(self.matrix(picture.size) @ picture.ravel().astype(np.float64))

    def matrix(self, n_pixels: int) -> csr_array:
        """Give the same as a matrix, of n_pixels columns."""
        weights = self.weights / self.weights.sum(axis=1, keepdims=True) * self.on_detector[:, None]
        rows = np.repeat(np.arange(len(weights)), weights.shape[1])
        return csr_array((weights.ravel(), (rows, self.near.ravel())), shape=(len(weights), n_pixels))

    def masked(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Say which points have measured pixels alone around them."""
        whole: NDArray[np.bool_] = self.on_detector & mask.ravel()[self.near].all(axis=1)
        return whole
