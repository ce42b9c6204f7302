"""Detectors of several flat panels."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import Constraint, Integer, Numbers, Positive, check_value, fail
from scatterkit.experiment.detectors import Detector
from scatterkit.experiment.flat import _PlacedDetector

Array = NDArray[np.float64]
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Panel:
    """A flat rectangular array of pixels anywhere around the sample.

    Pixel [row, column] has its centre at corner + (column + 1/2) fast + (row + 1/2) slow, as in CrystFEL's
    geometry files.

    Parameters
    ----------
    shape : pair of int
        Rows and columns.
    corner : tuple of float (x, y, z) [mm]
        Outer corner of pixel [0, 0], from the sample; the beam travels along z.
    fast : tuple of float (x, y, z) [mm]
        Step from a column to the next.
    slow : tuple of float (x, y, z) [mm]
        Step from a row to the next.

    See Also
    --------
    PanelDetector : The detector that panels make.

    Examples
    --------
    >>> from scatterkit.experiment import Panel
    >>> panel = Panel((2, 3), corner=(0, 0, 50.0), fast=(0.1, 0, 0), slow=(0, 0.1, 0))
    >>> panel.centres()[1, 2].round(3).tolist()
    [0.25, 0.15, 50.0]
    """

    shape: tuple[int, int]
    corner: Vector
    fast: Vector
    slow: Vector

    def centres(self) -> Array:
        """Give the centres of the pixels.

        Returns
        -------
        ndarray of float64 of shape (rows, columns, 3) [mm]
            Positions (x, y, z) from the sample.
        """
        rows, columns = self.shape
        along = (np.arange(columns) + 0.5)[None, :, None] * np.asarray(self.fast, dtype=np.float64)
        across = (np.arange(rows) + 0.5)[:, None, None] * np.asarray(self.slow, dtype=np.float64)
        return np.asarray(self.corner, dtype=np.float64) + across + along

    def area(self) -> Array:
        """Give the area vector of a pixel, perpendicular to it.

        Returns
        -------
        ndarray of float64 of shape (3,) [mm^2]
            fast x slow.
        """
        return np.cross(np.asarray(self.fast, np.float64), np.asarray(self.slow, np.float64))


class _Panels:
    """Panels with pixels of some area."""

    def accepts(self, value: Any) -> bool:
        return isinstance(value, (tuple, list)) and len(value) > 0 and all(map(self._fits, value))

    def _fits(self, panel: Any) -> bool:
        if not isinstance(panel, Panel) or not isinstance(panel.shape, (tuple, list)):
            return False
        whole = len(panel.shape) == 2 and all(map(Integer(1).accepts, panel.shape))
        vectors = (panel.corner, panel.fast, panel.slow)
        return whole and all(map(Numbers(3, "mm").accepts, vectors)) and bool(panel.area().any())

    def describe(self) -> str:
        return (
            "a sequence of Panel, each with a shape of two integers >= 1, a corner of three finite floats in mm "
            "and steps of three that span an area"
        )


class PanelDetector(_PlacedDetector):
    """A detector of several flat panels, each with its own place and orientation.

    A pattern stacks the panels: the rows of the second come below those of the first, and so on. Panels with
    fewer columns than the widest are padded at their right by pixels that see nothing and are zero, as are
    pixels that see light scattered backwards. Every pixel is evaluated at its centre, without interpolation.

    Parameters
    ----------
    panels : sequence of Panel
        The panels, in the order in which patterns stack them.

    See Also
    --------
    FlatDetector : One panel behind the sample.
    read_geometry : Reads the panels from a CrystFEL geometry file.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.experiment import Panel, PanelDetector
    >>> steps = {"fast": (0.1, 0, 0), "slow": (0, 0.1, 0)}
    >>> upper = Panel((4, 6), corner=(-0.3, -0.6, 50.0), **steps)
    >>> lower = Panel((4, 6), corner=(-0.3, 0.2, 50.0), **steps)
    >>> detector = PanelDetector([upper, lower])
    >>> detector.shape
    (8, 6)
    >>> detector.assemble(np.ones(detector.shape)).shape
    (12, 6)
    """

    _constraints: ClassVar[dict[str, Constraint]] = {"panels": _Panels()}

    def __init__(self, panels: list[Panel] | tuple[Panel, ...]) -> None:
        self.panels = panels

    @property
    def shape(self) -> tuple[int, int]:
        """Rows of all panels together, and columns of the widest."""
        self._check_parameters()
        return sum(p.shape[0] for p in self.panels), max(p.shape[1] for p in self.panels)

    def regions(self) -> list[tuple[slice, slice]]:
        """Give where a pattern holds each panel.

        Returns
        -------
        list of tuple of slice
            Rows and columns of each panel.
        """
        self._check_parameters()
        ends = np.cumsum([p.shape[0] for p in self.panels]).tolist()
        return [
            (slice(end - p.shape[0], end), slice(0, p.shape[1]))
            for end, p in zip(ends, self.panels, strict=True)
        ]

    def _places(self) -> tuple[Array, Array]:
        centres, areas = np.zeros((2, *self.shape, 3))
        for region, panel in zip(self.regions(), self.panels, strict=True):
            centres[region] = panel.centres()
            areas[region] = panel.area()
        return centres, areas

    def assemble(self, pattern: ArrayLike, *, pixel_size: float | None = None) -> Array:
        """Lay the panels out as they are seen along the beam, for viewing.

        Every point of the image takes the value of the pixel that lies over it, in a parallel projection onto the
        x-y plane. Nothing is interpolated. Panels parallel to the beam do not show.

        Parameters
        ----------
        pattern : array_like of shape (rows, columns)
            What the pixels hold, panels stacked.
        pixel_size : float [mm], optional
            Edge of the image's pixels; by default the shortest step of any panel.

        Returns
        -------
        ndarray of float64 of shape (y, x)
            The image, x growing with the column and y with the row; NaN where there is no panel.
        """
        values, owner = np.asarray(pattern, dtype=np.float64), f"{type(self).__name__}.assemble"
        if values.shape != self.shape:
            raise fail("pattern", owner, f"an array of shape {self.shape}", f"shape {values.shape}")
        check_value(pixel_size, Positive("mm", optional=True), name="pixel_size", owner=owner)
        steps = [np.linalg.norm(step) for p in self.panels for step in (p.fast, p.slow)]
        step = float(min(steps)) if pixel_size is None else pixel_size
        corners = np.concatenate([_outline(p) for p in self.panels])
        low = corners.min(axis=0)
        n_x, n_y = (max(1, int(np.ceil(n - 1e-6))) for n in (corners.max(axis=0) - low) / step)
        image = np.full((n_y, n_x), np.nan)
        for region, panel in zip(self.regions(), self.panels, strict=True):
            _draw(values[region], panel, low, step, image)
        return image

    def key(self) -> tuple[Any, ...]:
        """Give a hashable description: equal for detectors that sample the same wave vectors.

        Returns
        -------
        tuple
            The class, the shape and the panels.
        """
        panels = tuple(tuple(tuple(np.asarray(v).tolist()) for v in astuple(p)) for p in self.panels)
        return (type(self), self.shape, ("panels", panels))

    @classmethod
    def _from_values(cls, shape: tuple[int, int], values: dict[str, Any]) -> Detector:
        return cls(panels=[Panel(*panel) for panel in values["panels"]])


def _outline(panel: Panel) -> Array:
    """Corners of a panel in the x-y plane, (4, 2)."""
    rows, columns = panel.shape
    corner, fast, slow = (np.asarray(v, dtype=np.float64)[:2] for v in (panel.corner, panel.fast, panel.slow))
    return np.stack([corner + i * slow + j * fast for i in (0, rows) for j in (0, columns)])


def _draw(values: Array, panel: Panel, low: Array, step: float, image: Array) -> None:
    """Put a panel's values where its pixels lie over the image's points."""
    fast, slow = np.asarray(panel.fast, np.float64)[:2], np.asarray(panel.slow, np.float64)[:2]
    steps = np.column_stack([slow, fast])
    if abs(np.linalg.det(steps)) < 1e-9 * np.linalg.norm(panel.area()):
        return
    outline = (_outline(panel) - low) / step
    x0, y0 = np.floor(outline.min(axis=0)).astype(int)
    x1, y1 = np.minimum(np.ceil(outline.max(axis=0)).astype(int), image.shape[::-1])
    x, y = (np.arange(first, last) + 0.5 for first, last in ((x0, x1), (y0, y1)))
    points = low + step * np.stack(np.meshgrid(x, y), axis=-1) - np.asarray(panel.corner, np.float64)[:2]
    row, column = np.floor(points @ np.linalg.inv(steps).T).astype(int).transpose(2, 0, 1)
    over = (row >= 0) & (row < panel.shape[0]) & (column >= 0) & (column < panel.shape[1])
    image[y0:y1, x0:x1][over] = values[row[over], column[over]]
