"""Filters that take pixels away: the central hole, a bar, the detector's outline, a blind spot."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Constraint, Range, Real
from scatterkit.augmentation._common import (
    beam_distance,
    brightest_to_one,
    pixel_numbers,
    pixel_scale,
    within,
)
from scatterkit.augmentation._removal import PixelRemoval
from scatterkit.augmentation.base import Filter, spread


class CentralHole(PixelRemoval):
    """The detector's hole for the direct beam: a disc about the beam is zero.

    Parameters
    ----------
    radius : pair of float [pixels of a 128-pixel pattern], default=(0.0, 10.0)
        Range of the radius, drawn uniformly. It grows with the pattern's shorter side.

    See Also
    --------
    Crop : The detector's outline.
    DetectorGaps : Gaps between a detector's panels, with a hole.

    Notes
    -----
    ``sample_params`` gives ``radius`` in pixels of the pattern. Pixels whose centre is closer than that to the beam's
    pixel [rows // 2, columns // 2] are zero, and the pattern is divided by its largest value. The mask is zero in
    the hole. Published by T. Stielow and S. Scheel, Phys. Rev. E 103, 053312 (2021), with this range.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import CentralHole
    >>> patterns = np.ones((1, 128, 128), dtype=np.float32)
    >>> int(CentralHole().apply(patterns, {"radius": np.float32([2.0])}).sum()) - 128**2
    -9
    """

    n_draws: ClassVar[int] = 1
    rescales: ClassVar[bool] = True
    _constraints: ClassVar[dict[str, Constraint]] = {"radius": Range(low=0, unit="pixels")}

    def __init__(self, radius: tuple[float, float] = (0.0, 10.0)) -> None:
        self.radius = radius

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        radius = pixel_scale(shape) * within(self.radius, draws[:, 0])
        return {"radius": radius.astype(np.float32)}

    def _kept(self, shape: tuple[int, int], params: Mapping[str, Any], ops: Any) -> Any:
        return beam_distance(shape, ops) >= spread(params["radius"])


class Bar(PixelRemoval):
    """The shadow of a beam stop's holder: a horizontal bar across the whole pattern is zero.

    Parameters
    ----------
    width : pair of float [of the pattern's rows], default=(0.0, 0.05)
        Range of the bar's half width, drawn uniformly and cut to whole pixels.

    See Also
    --------
    DetectorGaps : Gaps between a detector's panels.

    Notes
    -----
    ``sample_params`` gives ``half_width`` in rows: the bar covers the rows from rows // 2 - 1 - half_width to
    rows // 2 - 1 + half_width, at least one. The pattern is not rescaled. The mask is zero in the bar. Filter and
    range are those of the code of T. Stielow and S. Scheel, Phys. Rev. E 103, 053312 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import Bar
    >>> left = Bar().apply(np.ones((1, 128, 128)), {"half_width": np.int32([2])})
    >>> np.flatnonzero(left[0, :, 0] == 0)
    array([61, 62, 63, 64, 65])
    """

    n_draws: ClassVar[int] = 1
    _constraints: ClassVar[dict[str, Constraint]] = {"width": Range(low=0, high=0.5)}

    def __init__(self, width: tuple[float, float] = (0.0, 0.05)) -> None:
        self.width = width

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        return {"half_width": (shape[0] * within(self.width, draws[:, 0])).astype(np.int32)}

    def _kept(self, shape: tuple[int, int], params: Mapping[str, Any], ops: Any) -> Any:
        rows, columns = pixel_numbers(shape, ops)
        middle = shape[0] // 2 - 1
        outside = ops.abs(rows - middle) > spread(params["half_width"])
        return ops.logical_and(outside, columns >= 0)


class Crop(PixelRemoval):
    """The detector's outline: what lies outside a circle about the beam or outside a rectangle is zero.

    Parameters
    ----------
    rectangle : pair of float [of the pattern's rows and columns], default=(0.0, 0.25)
        Range of the margins that the rectangle leaves, drawn uniformly, once for top and bottom and once for both
        sides, and cut to whole pixels.
    circle : pair of float [of the pattern's shorter side], default=(0.25, 0.5)
        Range of the circle's radius, drawn uniformly.

    See Also
    --------
    CentralHole : The detector's hole.

    Notes
    -----
    ``sample_params`` gives ``radius`` in pixels and ``margins`` (rows, columns) in pixels. Kept are pixels whose centre
    is closer than the radius to the beam's pixel, in the rows margin ... rows - 1 - margin, and likewise columns. The
    pattern is not rescaled. The mask is zero outside. Published by T. Stielow and S. Scheel, Phys. Rev. E 103,
    053312 (2021), with these ranges.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import Crop
    >>> params = {"radius": np.float32([200.0]), "margins": np.int32([[0, 32]])}
    >>> int(Crop().apply(np.ones((1, 128, 128)), params).sum()) == 128 * 64
    True
    """

    n_draws: ClassVar[int] = 3
    _constraints: ClassVar[dict[str, Constraint]] = {
        "rectangle": Range(low=0, high=0.5),
        "circle": Range(low=0),
    }

    def __init__(
        self, rectangle: tuple[float, float] = (0.0, 0.25), circle: tuple[float, float] = (0.25, 0.5)
    ) -> None:
        self.rectangle = rectangle
        self.circle = circle

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        radius = min(shape) * within(self.circle, draws[:, 0])
        margins = (np.array(shape) * within(self.rectangle, draws[:, 1:])).astype(np.int32)
        return {"radius": radius.astype(np.float32), "margins": margins}

    def _kept(self, shape: tuple[int, int], params: Mapping[str, Any], ops: Any) -> Any:
        kept = beam_distance(shape, ops) < spread(params["radius"])
        for axis, numbers in enumerate(pixel_numbers(shape, ops)):
            margin = spread(params["margins"][:, axis])
            inside = ops.logical_and(numbers >= margin, numbers <= shape[axis] - 1 - margin)
            kept = ops.logical_and(kept, inside)
        return kept


class BlindSpot(Filter):
    """A blind spot with soft edges: the pattern is multiplied by one minus a Gaussian.

    Parameters
    ----------
    center : pair of float [of half the pattern], default=(-0.5, 0.5)
        Range of the spot's row and column, both drawn uniformly, where -1 is the first pixel and 1 the last.
    width : pair of float [of half the pattern], default=(0.0, 0.25)
        Range of the Gaussian's standard deviation, drawn uniformly.
    threshold : float [1], default=0.1
        Pixels of which less than this share is transmitted count as missing in the mask.

    See Also
    --------
    Saturation : Bright pixels at the detector's limit.

    Notes
    -----
    ``sample_params`` gives ``center`` (row, column) and ``width``. Of the log-scaled pattern the share
    1 - exp(-((x - x_0)^2 + (y - y_0)^2) / (2 width^2)) is left, x and y evenly from -1 to 1; then the pattern is
    divided by its largest value. A spot of no width does nothing. Published by T. Stielow and S. Scheel, Phys. Rev. E
    103, 053312 (2021), with these ranges; the threshold is ours.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import BlindSpot
    >>> params = {"center": np.float32([[0.0, 0.0]]), "width": np.float32([0.1])}
    >>> BlindSpot().apply(np.ones((1, 5, 5)), params)[0, 2].round(3)
    array([1., 1., 0., 1., 1.], dtype=float32)
    """

    n_draws: ClassVar[int] = 3
    _constraints: ClassVar[dict[str, Constraint]] = {
        "center": Range(low=-1, high=1),
        "width": Range(low=0),
        "threshold": Real(low=0, high=0.999),
    }

    def __init__(
        self,
        center: tuple[float, float] = (-0.5, 0.5),
        width: tuple[float, float] = (0.0, 0.25),
        threshold: float = 0.1,
    ) -> None:
        self.center = center
        self.width = width
        self.threshold = threshold

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        center, width = within(self.center, draws[:, :2]), within(self.width, draws[:, 2])
        return {"center": center.astype(np.float32), "width": width.astype(np.float32)}

    def _apply(self, X: Any, params: Mapping[str, Any], ops: Any) -> Any:
        width = spread(params["width"])
        # a width of zero would divide zero by zero in the spot's middle
        narrow = ops.where(width > 0, width, ops.ones_like(width))
        lost = ops.exp(-_squared_distance(tuple(X.shape[1:]), params, ops) / (2 * narrow * narrow))
        return brightest_to_one(X * (1 - ops.where(width > 0, lost, ops.zeros_like(lost))), ops)

    def _apply_mask(self, mask: Any, params: Mapping[str, Any], ops: Any) -> Any:
        width = spread(params["width"])
        squared_radius = float(-2 * math.log1p(-self.threshold)) * (width * width)
        seen = _squared_distance(tuple(mask.shape[1:]), params, ops) >= squared_radius
        return mask * ops.cast(seen, "float32")


def _squared_distance(shape: tuple[int, int], params: Mapping[str, Any], ops: Any) -> Any:
    """Give the squared distance of every pixel from the spot's middle, in squares of half the pattern."""
    row, column = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    rows = ops.convert_to_tensor(row[None, :, None]) - spread(params["center"][:, 0])
    columns = ops.convert_to_tensor(column[None, None]) - spread(params["center"][:, 1])
    return rows * rows + columns * columns
