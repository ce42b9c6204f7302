"""Where on a detector light of a wave vector arrives, and finer copies of detectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from scatterkit.experiment import Detector, FlatDetector, Panel, PanelDetector, QGrid

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spots:
    """Where light of some wave vectors arrives on one panel: fractional rows and columns, NaN where it does not.

    The panel holds the rows and columns from ``first`` up to ``last`` of the whole detector's frame.
    """

    rows: Array
    columns: Array
    first: tuple[int, int]
    last: tuple[int, int]


def beam_center(detector: Detector) -> tuple[float, float]:
    """Row and column at which the direct beam meets a detector without panels."""
    center = getattr(detector, "center", None)
    if center is not None:
        return float(center[0]), float(center[1])
    return float(detector.shape[0] // 2), float(detector.shape[1] // 2)


def with_center(detector: Detector, center: tuple[float, float]) -> Detector:
    """The same detector with the direct beam elsewhere."""
    if isinstance(detector, FlatDetector):
        return clone(detector).set_params(center=(float(center[0]), float(center[1])))
    if isinstance(detector, QGrid):
        return _ShiftedGrid(detector, center)
    raise TypeError("The panels of a PanelDetector have their own places; it has no centre to be set.")


class _ShiftedGrid(QGrid):
    """A uniform grid of wave vectors whose zero frequency is anywhere."""

    def __init__(self, grid: QGrid, center: tuple[float, float]) -> None:
        super().__init__(grid.n_pixels, grid.dq)
        self.center = (float(center[0]), float(center[1]))

    def wavevectors(self, wavenumber: float) -> tuple[Array, Array]:
        (rows, columns), (row, column) = self.shape, self.center
        q_y: Array = self.dq * (np.arange(rows, dtype=np.float64) - row)
        q_x: Array = self.dq * (np.arange(columns, dtype=np.float64) - column)
        return q_y[:, None], q_x[None]

    def key(self) -> tuple[object, ...]:
        return (type(self), self.shape, self.dq, self.center)


def finer(detector: Detector, n: int) -> Detector:
    """The detector with every pixel cut into n by n."""
    if isinstance(detector, PanelDetector):
        return PanelDetector([_finer_panel(panel, n) for panel in detector.panels])
    rows, columns = detector.shape
    row, column = ((c + 0.5) * n - 0.5 for c in beam_center(detector))
    if isinstance(detector, FlatDetector):
        parameters = {"pixel_size": detector.pixel_size / n, "center": (row, column)}
        return clone(detector).set_params(n_pixels=(rows * n, columns * n), **parameters)
    assert isinstance(detector, QGrid)
    return _ShiftedGrid(QGrid((rows * n, columns * n), detector.dq / n), (row, column))


def _finer_panel(panel: Panel, n: int) -> Panel:
    fast, slow = (tuple(float(part) / n for part in step) for step in (panel.fast, panel.slow))
    return Panel((panel.shape[0] * n, panel.shape[1] * n), panel.corner, fast, slow)  # type: ignore[arg-type]


def offsets(detector: Detector, q_y: Array, q_x: Array, wavenumber: float) -> tuple[Array, Array]:
    """Rows and columns from the direct beam to where light of wave vectors arrives, NaN where none does.

    They do not depend on where the direct beam meets the detector.
    """
    if isinstance(detector, FlatDetector):
        small = clone(detector).set_params(n_pixels=2, center=(0.0, 0.0))
        places = small._places()[0]
        origin, fast, slow = places[0, 0], places[0, 1] - places[0, 0], places[1, 0] - places[0, 0]
        return _on_plane(origin, fast, slow, _directions(q_y, q_x, wavenumber))
    assert isinstance(detector, QGrid)
    travels = q_y**2 + q_x**2 < wavenumber**2
    steps: Array = np.where(travels, np.stack([q_y, q_x]) / detector.dq, np.nan)
    return steps[0], steps[1]


def spots(detector: Detector, q_y: Array, q_x: Array, wavenumber: float) -> list[Spots]:
    """Where light of wave vectors arrives on every panel of a detector."""
    if not isinstance(detector, PanelDetector):
        rows, columns = offsets(detector, q_y, q_x, wavenumber)
        row, column = beam_center(detector)
        return [Spots(rows + row, columns + column, (0, 0), detector.shape)]
    found = []
    for panel, (rows_of, columns_of) in zip(detector.panels, detector.regions(), strict=True):
        fast, slow = np.asarray(panel.fast, np.float64), np.asarray(panel.slow, np.float64)
        origin = np.asarray(panel.corner, np.float64) + (fast + slow) / 2
        rows, columns = _on_plane(origin, fast, slow, _directions(q_y, q_x, wavenumber))
        first, last = (rows_of.start, columns_of.start), (rows_of.stop, columns_of.stop)
        found.append(Spots(rows + first[0], columns + first[1], first, last))
    return found


def _directions(q_y: Array, q_x: Array, wavenumber: float) -> Array:
    """Unit vectors (..., 3); NaN where no wave travels."""
    y, x = np.broadcast_arrays(q_y / wavenumber, q_x / wavenumber)
    along = 1 - y**2 - x**2
    return np.stack([x, y, np.sqrt(np.where(along > 0, along, np.nan))], axis=-1)


def _on_plane(origin: Array, fast: Array, slow: Array, directions: Array) -> tuple[Array, Array]:
    """Steps along slow and fast from a point to where rays from the sample meet the plane; NaN where they do not."""
    normal = np.cross(fast, slow)
    along = directions @ normal
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = (origin @ normal) / along
        reach = np.where(reach > 0, reach, np.nan)
        from_origin = reach[..., None] * directions - origin
    basis = np.stack([slow, fast])
    steps = from_origin @ basis.T @ np.linalg.inv(basis @ basis.T)
    return steps[..., 0], steps[..., 1]
