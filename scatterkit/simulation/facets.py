"""Exact scattering of a convex body given by half-spaces, with its derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.experiment import check_detector
from scatterkit.simulation._attenuation import attenuation
from scatterkit.simulation.kernels._facet_polygons import face_polygons, lit_polygons
from scatterkit.simulation.kernels._facet_sums import scatter
from scatterkit.simulation.plan import PUBLISHED_VOXEL
from scatterkit.simulation.polyhedron import PolyhedronSimulator

Floats = NDArray[np.float64]

_EDGE_ON = 1e-6
"""Planes closer to the beam's direction than this (z component of the normal) are taken as front faces so steep."""
_CANCELLING = 1e-6  # 1/nm
_REACH = 1e4  # nm; no body is larger


@dataclass(frozen=True)
class FacetLook:
    """Intensity of a convex body, and how it changes with the half-spaces.

    Parameters
    ----------
    intensity : ndarray of float64 of shape (n,)
        Squared modulus of the field, in voxels of the published grid.
    faces : ndarray of int of shape (m,)
        Numbers of the half-spaces that light meets: the others change nothing.
    tangents : ndarray of float64 of shape (m, 2, 3)
        Two unit vectors across each of their normals.
    jacobian : ndarray of float32 of shape (3 m, n)
        Rows 3 i to 3 i + 2: derivatives of the intensity by the offset [1/nm] of half-space ``faces[i]`` and by turns
        of its normal about the origin along the first and the second tangent [1/rad].
    slopes : ndarray of float32 of shape (3, n)
        Derivatives of the intensity by q_z, q_y and q_x [nm/rad].
    """

    intensity: Floats
    faces: NDArray[np.int64]
    tangents: Floats
    jacobian: NDArray[np.float32]
    slopes: NDArray[np.float32]


class FacetScattering:
    """Exact scattering of convex bodies {r : normals @ r <= offsets} along straight rays, at given wave vectors.

    The same field as that of :class:`PolyhedronSimulator`, which says what it is, but with edges summed as in [1]_
    instead of divided differences: faster, with derivatives, and right to about 1e-8 of the field at q = 0; to 1e-6
    with faces along the beam, which are taken as very steep ones. Without absorption the field at q = 0 has a phase
    of up to 1e-5. The half-spaces must close a body.

    Parameters
    ----------
    q : ndarray of shape (n, 3) [rad/nm]
        Wave vectors (q_z, q_y, q_x).
    gamma : complex [1/nm]
        How the field falls, and is retarded, along the beam inside the body.
    darkest : float [1], default=16.0
        What lies deeper than so many lengths of the field's decay is left out.

    References
    ----------
    .. [1] J. Wuttke, "Numerically stable form factor of any polygon and polyhedron", J. Appl. Cryst. 54, 580 (2021),
       arXiv:1703.00255. Moments and absorption follow from the divergence theorem in the same way.
    """

    def __init__(self, q: Floats, gamma: complex, darkest: float = 16.0) -> None:
        self.q = np.array(q, dtype=np.float64)
        self.gamma = complex(gamma)
        # front and back terms cancel there: a limit that the field comes close to
        self.q[np.abs(1j * self.q[:, 0] - self.gamma) < _CANCELLING, 0] += _CANCELLING
        self.darkest = float(darkest)

    @classmethod
    def of(
        cls, simulator: Any, mask: NDArray[np.bool_] | None = None
    ) -> tuple[FacetScattering, NDArray[np.bool_]]:
        """Give the scattering that a simulator's experiment sees along straight rays, and on which pixels.

        Parameters
        ----------
        simulator : MSFTSimulator or PolyhedronSimulator
            The experiment; its own mask is not looked at.
        mask : ndarray of bool of shape (rows, columns), optional
            Pixels that are wanted; all by default.

        Returns
        -------
        scattering : FacetScattering
            At the wave vectors of the pixels that are wanted and see light.
        pixels : ndarray of bool of shape (rows, columns)
            Which these are.
        """
        given = simulator.get_params(deep=False)
        shared = {name: given[name] for name in ("wavelength", "detector")}
        exact = PolyhedronSimulator(**shared)
        q, pixels = exact._wavevectors(check_detector(exact.detector, owner=type(simulator).__name__), mask)
        return cls(q, attenuation(simulator)), pixels

    def field(self, normals: Floats, offsets: Floats) -> NDArray[np.complex128]:
        """Give the field ``(n,)`` of a body, in voxels of the published grid; zero where nothing is inside."""
        normals, offsets = _prepared(normals, offsets)
        polygons = self._polygons(normals, offsets)
        return self._scattered(normals, offsets, polygons, np.zeros(0, np.int64))[0]

    def intensity(self, normals: Floats, offsets: Floats) -> Floats:
        """Give the squared modulus of the field."""
        return _squared(self.field(normals, offsets))

    def look(self, normals: Floats, offsets: Floats) -> FacetLook:
        """Give the intensity and its derivatives by the half-spaces."""
        normals, offsets = _prepared(normals, offsets)
        polygons = self._polygons(normals, offsets)
        frames, own, before = polygons[:3]
        faces = np.unique(np.concatenate([own, before[before >= 0]]))
        field, jacobian, slopes = self._scattered(normals, offsets, polygons, faces)
        return FacetLook(_squared(field), faces, frames[faces], jacobian, slopes)

    def _polygons(self, normals: Floats, offsets: Floats) -> tuple[NDArray[Any], ...]:
        polygons: tuple[NDArray[Any], ...] = lit_polygons(
            normals, offsets, _REACH, self.gamma.real, self.darkest
        )
        return polygons

    def _scattered(
        self,
        normals: Floats,
        offsets: Floats,
        polygons: tuple[NDArray[Any], ...],
        faces: NDArray[np.int64],
    ) -> tuple[NDArray[np.complex128], NDArray[np.float32], NDArray[np.float32]]:
        column = np.full(len(offsets), -1, dtype=np.int64)
        column[faces] = np.arange(faces.size)
        field = np.empty(len(self.q), dtype=np.complex128)
        jacobian = np.empty((3 * faces.size, len(self.q)), dtype=np.float32)
        slopes = np.zeros((3, len(self.q)), dtype=np.float32)
        scatter(self.q, self.gamma, normals, offsets, polygons, column, field, jacobian, slopes)
        unit = np.float32(PUBLISHED_VOXEL**-6)
        return field / PUBLISHED_VOXEL**3, jacobian * unit, slopes * unit


def corners_of(normals: Floats, offsets: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Give the corners (n, 3) of all faces of {r : normals @ r <= offsets}, and the half-space (n,) of each's face."""
    normals, offsets = _prepared(normals, offsets)
    frames, polygons, counts = face_polygons(normals, offsets, _REACH)
    face = np.repeat(np.arange(len(offsets)), counts)
    along = polygons[face, np.concatenate([np.arange(n) for n in counts])]
    return normals[face] * offsets[face, None] + np.einsum("nw,nwi->ni", along, frames[face]), face


def _squared(field: NDArray[np.complex128]) -> Floats:
    return field.real**2 + field.imag**2


def _prepared(normals: Floats, offsets: Floats) -> tuple[Floats, Floats]:
    """Give contiguous copies; faces parallel to the beam, which end and begin nothing, become steep front faces."""
    normals = np.array(normals, dtype=np.float64)
    edge_on = np.abs(normals[:, 2]) < _EDGE_ON
    normals[edge_on, 2] = -_EDGE_ON
    return normals, np.array(offsets, dtype=np.float64)
