"""Which detector pixels make up which pixels of a uniform grid of wave vectors, and with what shares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scatterkit.experiment import Detector, QGrid
from scatterkit.experiment.polarization import Polarization
from scatterkit.preprocessing._geometry import Spots, finer, spots

Array = NDArray[Any]
Matrix = Any  # scipy.sparse.csr_matrix

_POINTS_PER_EDGE = 16  # of a pixel of the grid: to a sixteenth, a detector pixel is shared out exactly
_FEW = 4.0  # detector pixels in a pixel of the grid below which it is interpolated instead
_LEAST_FACTOR = 1e-3  # polarised light that is weaker tells nothing


@dataclass(frozen=True, eq=False)
class Table:
    """Shares of the detector's pixels in the grid's pixels, and what the detector's pixels receive."""

    shares: Matrix  # (pixels of the grid, pixels of the detector)
    smooth: Matrix  # the same by cubic interpolation, where that is possible and needed; else empty rows
    support: Matrix  # 1 where the cubic interpolation takes a pixel
    seen: Array  # solid angle times polarisation factor of the detector's pixels
    whole: Array  # that of all parts of a pixel of the grid, were everything measured
    binned: NDArray[np.bool_]  # True where a pixel of the grid is a mean over its area
    shape: tuple[int, int]
    unit: float  # solid angle of the pixel in the middle of the grid

    def apply(
        self, frame: Array, mask: Array, variance: Array, min_coverage: float
    ) -> tuple[Array, Array, Array]:
        """Give intensity, its variance and whether it is measured, for every pixel of the grid, flat."""
        photons, noise, seen = (
            np.where(mask, part, 0).astype(np.float64).ravel()
            for part in (frame, variance, self.seen.reshape(mask.shape))
        )
        squares = self.shares.power(2)
        total, of_noise, angle = self.shares @ photons, squares @ noise, self.shares @ seen
        measured = (angle > 0) & (angle >= min_coverage * (1 - 1e-6) * self.whole)
        cubic = self.smooth @ self.seen
        curved = self.smooth @ photons
        use = measured & (cubic > 0) & ((self.support @ (~mask.ravel()).astype(np.float64)) == 0)
        use &= (curved >= 0) | (total < 0)  # polynomials swing below zero beside steep peaks
        total = np.where(use, curved, total)
        of_noise = np.where(use, self.smooth.power(2) @ noise, of_noise)
        # no count does not mean no noise: there, at least as if one photon had come to all the pixels together
        seeing = mask.ravel().astype(np.float64)
        one = np.divide(squares @ seeing, self.shares @ seeing, out=np.zeros_like(angle), where=measured)
        unknown = squares @ (seeing * (noise == 0)) > 0
        of_noise = np.where(unknown, np.maximum(of_noise, one), of_noise)
        scale = np.divide(self.unit, np.where(use, cubic, angle), out=np.zeros_like(angle), where=measured)
        return total * scale, of_noise * scale**2, measured

    def touched(self, flags: Array) -> NDArray[np.bool_]:
        """Pixels of the grid to which flagged pixels of the detector contribute, flat."""
        values = flags.ravel().astype(np.float64)
        return (self.shares @ values > 0) | (self.support @ values > 0)


def table(detector: Detector, grid: QGrid, wavenumber: float, polarization: Polarization | None) -> Table:
    """Give the table of a detector and a grid; the last few are kept."""
    return _cached(_Key(detector), _Key(grid), wavenumber, polarization)


class _Key:
    """A detector as a key of the cache."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self._key = detector.key()

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._key == other._key


@lru_cache(maxsize=4)
def _cached(
    detector_key: _Key, grid_key: _Key, wavenumber: float, polarization: Polarization | None
) -> Table:
    detector, grid = detector_key.detector, grid_key.detector
    assert isinstance(grid, QGrid)
    solid_angle = detector.solid_angle(wavenumber)
    seen = (solid_angle * _factor(detector, wavenumber, polarization)).ravel()
    areas = _binning(detector, grid, wavenumber)
    n_pixels, covered = np.asarray(areas.sum(axis=1)).ravel(), areas @ solid_angle.ravel()
    of_grid = grid.solid_angle(wavenumber).ravel()
    few = (covered <= 0) | (n_pixels * of_grid < _FEW * covered)
    nearest, smooth = _interpolation(detector, grid, wavenumber, few)
    shares = (sparse.diags((~few).astype(np.float64)) @ areas + nearest).tocsr()
    full = nearest @ seen
    wanted = of_grid * _factor(grid, wavenumber, polarization).ravel()
    whole = np.where(few, np.where(full > 0, full, 1), wanted)
    # light that polarisation leaves hardly any of is not measured anywhere
    dim = _factor(grid, wavenumber, polarization).ravel() < _LEAST_FACTOR
    whole[dim] = np.inf
    unit = (grid.dq / wavenumber) ** 2
    return Table(shares, smooth, _ones(smooth), seen, whole, ~few, grid.shape, unit)


def _factor(detector: Detector, wavenumber: float, polarization: Polarization | None) -> Array:
    if polarization is None:
        return np.ones(detector.shape)
    return detector.polarization_factor(wavenumber, polarization)


def _ones(matrix: Matrix) -> Matrix:
    support = matrix.copy()
    support.data = np.ones_like(support.data)
    return support


def _binning(detector: Detector, grid: QGrid, wavenumber: float) -> Matrix:
    """Share of every detector pixel that lies in every pixel of the grid."""
    n = _cuts(detector, grid, wavenumber)
    q_y, q_x = np.broadcast_arrays(*finer(detector, n).depth_wavevectors(wavenumber))
    rows, columns = grid.shape
    row, column = np.floor(q_y / grid.dq + 0.5) + rows // 2, np.floor(q_x / grid.dq + 0.5) + columns // 2
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    inside &= q_y**2 + q_x**2 < wavenumber**2
    part_row, part_column = np.nonzero(inside)
    pixel = part_row // n * detector.shape[1] + part_column // n
    place = (row[inside] * columns + column[inside]).astype(np.int64)
    size = (rows * columns, detector.shape[0] * detector.shape[1])
    return sparse.csr_matrix((np.full(len(pixel), 1 / n**2), (place, pixel)), shape=size)


def _cuts(detector: Detector, grid: QGrid, wavenumber: float) -> int:
    """Into how many parts along each edge detector pixels are cut."""
    solid_angle = detector.solid_angle(wavenumber)
    angle = np.median(solid_angle[solid_angle > 0]) if (solid_angle > 0).any() else 1.0
    pixels_per_edge = grid.dq / wavenumber / math.sqrt(angle)
    return int(np.clip(math.ceil(_POINTS_PER_EDGE / pixels_per_edge), 1, _POINTS_PER_EDGE))


def _interpolation(
    detector: Detector, grid: QGrid, wavenumber: float, wanted: Array
) -> tuple[Matrix, Matrix]:
    """Weights of the detector pixels about the middle of wanted pixels of the grid, linear and cubic."""
    q_y, q_x = (np.ravel(q)[wanted] for q in np.broadcast_arrays(*grid.wavevectors(wavenumber)))
    places = np.flatnonzero(wanted)
    size = (wanted.size, detector.shape[0] * detector.shape[1])
    linear, cubic = sparse.csr_matrix(size), sparse.csr_matrix(size)
    for spot in spots(detector, q_y, q_x, wavenumber):
        linear = linear + _around(spot, places, detector.shape[1], size, _linear, 0.5)
        cubic = cubic + _around(spot, places, detector.shape[1], size, _cubic, -1.0)
    return linear.tocsr(), cubic.tocsr()


def _linear(x: Array) -> dict[int, Array]:
    return {0: 1 - x, 1: x}


def _cubic(x: Array) -> dict[int, Array]:
    """Weights of four neighbours, exact for parabolas (R. Keys, IEEE Trans. ASSP 29, 1153 (1981), a = -1/2)."""
    return {
        -1: ((2 - x) * x - 1) * x / 2,
        0: ((3 * x - 5) * x**2 + 2) / 2,
        1: ((4 - 3 * x) * x + 1) * x / 2,
        2: (x - 1) * x**2 / 2,
    }


def _around(
    spot: Spots, places: Array, n_columns: int, size: tuple[int, int], kernel: Any, reach: float
) -> Matrix:
    """Weights on one panel, for spots at most so far outside the middles of its edge pixels."""
    (row0, column0), (row1, column1) = spot.first, spot.last
    with np.errstate(invalid="ignore"):
        on = (spot.rows >= row0 - reach) & (spot.rows <= row1 - 1 + reach)
        on &= (spot.columns >= column0 - reach) & (spot.columns <= column1 - 1 + reach)
    rows, columns = (np.floor(s[on]).astype(np.int64) for s in (spot.rows, spot.columns))
    along, across = kernel(spot.rows[on] - rows), kernel(spot.columns[on] - columns)
    total = sparse.csr_matrix(size)
    for i, by_row in along.items():
        for j, by_column in across.items():
            row, column = np.clip(rows + i, row0, row1 - 1), np.clip(columns + j, column0, column1 - 1)
            entries = (by_row * by_column, (places[on], row * n_columns + column))
            total = total + sparse.csr_matrix(entries, shape=size)
    return total
