"""Filters that take away what lies between the panels of a detector."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Boolean, Constraint, Instance, Positive, Range, fail
from scatterkit.augmentation._common import beam_distance, pixel_scale, within
from scatterkit.augmentation._layouts import LAYOUTS, Layout, panel_edges, panel_pixels
from scatterkit.augmentation._removal import PixelRemoval
from scatterkit.augmentation.base import Params, spread
from scatterkit.experiment import Detector, FlatDetector, PanelDetector, QGrid


class DetectorGaps(PixelRemoval):
    """Gaps between the panels of common detectors, and their hole for the direct beam.

    Parameters
    ----------
    layouts : sequence of {"halves", "quadrants"} or pair of int, default=("halves", "quadrants", (4, 2), (8, 2))
        Layouts, one of which is drawn for every sample; a pair is a grid of modules (rows, columns).
    gap : pair of float [pixels of a 128-pixel pattern], default=(1.0, 6.0)
        Range of the gaps' width, drawn uniformly, once for the gaps along each axis.
    offset : pair of float [pixels of a 128-pixel pattern], default=(-3.0, 3.0)
        Range of the displacement, drawn uniformly. Halves and grids are displaced as a whole against the beam.
        Quadrants move against each other like a pinwheel, which opens a square about the beam; the sign says which
        way round.
    hole : pair of float [pixels of a 128-pixel pattern], default=(0.0, 5.0)
        Range of the radius of the hole about the beam, drawn uniformly.
    turned : bool, default=True
        Whether the detector is turned by a random multiple of 90 degrees.

    See Also
    --------
    PanelGaps : The gaps of one detector whose panels are known.
    CentralHole : The hole alone.

    Notes
    -----
    ``sample_params`` gives ``hole`` in pixels of the pattern and ``panels`` (n, panel, 4): the first row and the row
    after the last, the first column and the column after the last; unused panels are empty. Lengths grow with the
    pattern's shorter side. The panels at the rim reach beyond the pattern. A pixel is lost if its centre is not on a
    panel, so that gaps below one pixel may vanish. The pattern is divided by its largest value, as ``CentralHole``
    does, for a measured pattern is scaled by the brightest pixel that was measured. The mask is zero in gaps
    and hole.

    "halves": two sensors of 512 x 1024 pixels of 75 um above and below the beam, at a distance that can be set, as the
    pnCCDs of the CAMP chamber at FLASH and LCLS have (L. Strüder et al., Nucl. Instrum. Methods A 614, 483 (2010)).
    "quadrants": four blocks that move about the beam, as those of AGIPD (A. Allahgholi et al., J. Synchrotron
    Rad. 26, 74 (2019)). (8, 2): the 16 modules of 128 x 512 pixels of the same detector. (4, 2): detectors of
    eight modules. A pixel of a 128-pixel pattern stands for 8 x 8 of a detector of one million pixels: the default gaps
    are 0.6 to 3.6 mm on a pnCCD.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import DetectorGaps
    >>> gaps = DetectorGaps(layouts=["halves"], gap=(5, 5), offset=(0, 0), hole=(0, 0), turned=False)
    >>> left = gaps.apply(np.ones((1, 128, 128)), gaps.sample_params(1, random_state=0))
    >>> np.flatnonzero(left[0, :, 0] == 0)
    array([62, 63, 64, 65, 66])
    """

    n_draws: ClassVar[int] = 7
    rescales: ClassVar[bool] = True
    _constraints: ClassVar[dict[str, Constraint]] = {
        "layouts": LAYOUTS,
        "gap": Range(low=0, unit="pixels"),
        "offset": Range(unit="pixels"),
        "hole": Range(low=0, unit="pixels"),
        "turned": Boolean(),
    }

    def __init__(
        self,
        layouts: tuple[Layout, ...] | list[Layout] = ("halves", "quadrants", (4, 2), (8, 2)),
        gap: tuple[float, float] = (1.0, 6.0),
        offset: tuple[float, float] = (-3.0, 3.0),
        hole: tuple[float, float] = (0.0, 5.0),
        turned: bool = True,
    ) -> None:
        self.layouts = layouts
        self.gap = gap
        self.offset = offset
        self.hole = hole
        self.turned = turned

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        scale = pixel_scale(shape)
        choice = (len(self.layouts) * draws[:, 0]).astype(int)
        turns = (4 * draws[:, 1]).astype(int) * bool(self.turned)
        gap, offset = scale * within(self.gap, draws[:, 2:4]), scale * within(self.offset, draws[:, 4:6])
        edges = [panel_edges(layout, gap, offset, turns, shape) for layout in self.layouts]
        panels = np.zeros((len(draws), max(e.shape[1] for e in edges), 4), np.int32)
        for i, of_layout in enumerate(edges):
            panels[choice == i, : of_layout.shape[1]] = panel_pixels(of_layout[choice == i], shape)
        hole = scale * within(self.hole, draws[:, 6])
        return {"panels": panels, "hole": hole.astype(np.float32)}

    def describe(self, params: Params, index: int) -> dict[str, Any]:
        """Say in words and plain numbers what is done to one sample.

        Parameters
        ----------
        params : mapping of str to ndarray of shape (n, ...)
            As ``sample_params`` gives them.
        index : int
            Number of the sample.

        Returns
        -------
        dict of str to object
            The filter's name under ``filter``, the hole and the panels that are used.
        """
        told = super().describe(params, index)
        used = tuple(panel for panel in told["panels"] if panel[0] < panel[1] and panel[2] < panel[3])
        return told | {"panels": used}

    def _kept(self, shape: tuple[int, int], params: Mapping[str, Any], ops: Any) -> Any:
        panels, covered = params["panels"], []
        for axis, n in enumerate(shape):
            numbers = ops.convert_to_tensor(np.arange(n, dtype=np.int32)[None, None])
            first, end = panels[:, :, 2 * axis, None], panels[:, :, 2 * axis + 1, None]
            covered.append(ops.cast(ops.logical_and(numbers >= first, numbers < end), "float32"))
        # how many panels lie over each pixel: a product of zeros and ones, exact in any precision
        n_panels = ops.matmul(ops.transpose(covered[0], (0, 2, 1)), covered[1])
        return ops.logical_and(n_panels > 0.5, beam_distance(shape, ops) >= spread(params["hole"]))


class PanelGaps(PixelRemoval):
    """What a detector of known panels does not see.

    Parameters
    ----------
    detector : PanelDetector
        The panels, from a geometry file for example. Pixels of the pattern whose light meets none are lost.
    wavelength : float [nm], default=13.5
        Wavelength of the light that was scattered into the pattern.
    grid : QGrid or FlatDetector, optional
        What the patterns' pixels see; ``QGrid()`` by default. Its shape is that of the patterns.
    shift : pair of float [pixels], default=(-2.0, 2.0)
        Range of the detector's displacement along rows and columns, drawn uniformly and rounded to whole pixels of
        the pattern.
    turned : bool, default=False
        Whether the detector is turned about the beam by a random multiple of 90 degrees; for square patterns.

    See Also
    --------
    DetectorGaps : Random gaps of common layouts.
    scatterkit.experiment.read_geometry : Reads panels from a CrystFEL geometry file.

    Notes
    -----
    ``sample_params`` gives ``shift`` (rows, columns) and ``turns``, the number of quarter turns. A pixel is kept if the
    ray from the sample in its direction meets a panel, whatever the panel's tilt and distance. A displaced detector
    continues beyond the pattern's rim as it is there. The pattern is divided by its largest value; the mask is
    zero where there is no panel.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import PanelGaps
    >>> from scatterkit.experiment import Panel, PanelDetector
    >>> steps = {"fast": (0.1, 0, 0), "slow": (0, 0.1, 0)}
    >>> left = Panel((400, 190), corner=(-20.0, -20.0, 20.0), **steps)
    >>> right = Panel((400, 190), corner=(1.0, -20.0, 20.0), **steps)
    >>> gaps = PanelGaps(PanelDetector([left, right]), shift=(0.0, 0.0))
    >>> seen = gaps.apply_mask(np.ones((1, 128, 128)), gaps.sample_params(1))
    >>> 32 + np.flatnonzero(seen[0, 64, 32:96] == 0)  # 2 mm at a distance of 20 mm
    array([61, 62, 63, 64, 65, 66, 67])
    """

    n_draws: ClassVar[int] = 3
    rescales: ClassVar[bool] = True
    _constraints: ClassVar[dict[str, Constraint]] = {
        "detector": Instance((PanelDetector,)),
        "wavelength": Positive("nm"),
        "grid": Instance((QGrid, FlatDetector), optional=True),
        "shift": Range(unit="pixels"),
        "turned": Boolean(),
    }

    def __init__(
        self,
        detector: PanelDetector,
        wavelength: float = 13.5,
        grid: QGrid | FlatDetector | None = None,
        shift: tuple[float, float] = (-2.0, 2.0),
        turned: bool = False,
    ) -> None:
        self.detector = detector
        self.wavelength = wavelength
        self.grid = grid
        self.shift = shift
        self.turned = turned

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        self._check_shape(shape)
        turns = (4 * draws[:, 0]).astype(np.int32) * np.int32(bool(self.turned))
        return {"turns": turns, "shift": np.rint(within(self.shift, draws[:, 1:])).astype(np.int32)}

    def _check_shape(self, shape: tuple[int, int]) -> Detector:
        grid = QGrid() if self.grid is None else self.grid
        owner = type(self).__name__
        if grid.shape != tuple(shape):
            raise fail("grid", owner, f"of the patterns' shape, {tuple(shape)}", f"shape {grid.shape}")
        if self.turned and shape[0] != shape[1]:
            raise fail("turned", owner, "False for patterns that are not square", "True")
        return grid

    def _kept(self, shape: tuple[int, int], params: Mapping[str, Any], ops: Any) -> Any:
        grid = self._check_shape(shape)
        covered = ops.convert_to_tensor(_covered(self.detector.key(), grid.key(), float(self.wavelength)))
        from_beam = [np.arange(n, dtype=np.int32) - n // 2 for n in shape]
        y = ops.convert_to_tensor(from_beam[0][None, :, None]) - spread(params["shift"][:, 0])
        x = ops.convert_to_tensor(from_beam[1][None, None]) - spread(params["shift"][:, 1])
        cosine, sine = (
            spread(ops.take(ops.convert_to_tensor(np.array(values, np.int32)), params["turns"]))
            for values in ((1, 0, -1, 0), (0, 1, 0, -1))
        )
        row = ops.clip(cosine * y + sine * x + shape[0] // 2, 0, shape[0] - 1)
        column = ops.clip(cosine * x - sine * y + shape[1] // 2, 0, shape[1] - 1)
        return ops.take(covered, row * shape[1] + column) > 0.5


@lru_cache(maxsize=8)
def _covered(detector_key: Any, grid_key: Any, wavelength: float) -> NDArray[np.float32]:
    """Say for every pixel of a grid whether its ray meets a panel, (y * x,)."""
    detector, grid = Detector.from_key(detector_key), Detector.from_key(grid_key)
    rays = grid.directions(2 * math.pi / wavelength).reshape(-1, 3)
    covered = np.zeros(len(rays), dtype=bool)
    for panel in detector.panels:
        corner, fast, slow = (np.asarray(v, np.float64) for v in (panel.corner, panel.fast, panel.slow))
        # corner + row * slow + column * fast = t * ray, with t > 0
        row, column, t = _solved(slow, fast, corner, rays)
        on_rows = (row >= 0) & (row < panel.shape[0])
        covered |= on_rows & (column >= 0) & (column < panel.shape[1]) & (t > 0)
    return covered.astype(np.float32)


def _solved(
    slow: NDArray[np.float64],
    fast: NDArray[np.float64],
    corner: NDArray[np.float64],
    rays: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Solve row * slow + column * fast - t * ray = -corner for every ray, by Cramer's rule; nowhere: t = 0."""
    determinant = -(rays @ np.cross(slow, fast))
    meets = np.abs(determinant) > 1e-12 * np.linalg.norm(np.cross(slow, fast))
    scale = np.divide(1, determinant, out=np.zeros_like(determinant), where=meets)
    row = scale * (rays @ np.cross(corner, fast))
    column = scale * (rays @ np.cross(slow, corner))
    t = -scale * float(corner @ np.cross(slow, fast))
    return row, column, t
