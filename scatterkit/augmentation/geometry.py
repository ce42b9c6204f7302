"""Filters that move the pattern: shift and rotation, by cubic splines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Constraint, Positive, Range
from scatterkit.augmentation._common import pixel_scale, within
from scatterkit.augmentation._splines import move_mask_rows, move_rows, split, turn, turn_mask
from scatterkit.augmentation.base import Filter, Params

DEGREE = math.pi / 180


class Shift(Filter):
    """A centre of the pattern that is off the detector's, in both directions.

    Parameters
    ----------
    shift : pair of float [pixels of a 128-pixel pattern], default=(-5.0, 5.0)
        Range of the shifts along rows and columns, both drawn uniformly. They grow with the pattern's shorter side.

    See Also
    --------
    Rotation : Turns the pattern.

    Notes
    -----
    ``sample_params`` gives ``shift`` (down, right) in pixels of the pattern. Values between pixels are those of cubic
    splines, mirrored at the edges, as in ``scipy.ndimage.shift``; what comes from outside is zero. The mask moves
    along: pixels from outside are missing, and those next to which a missing one was. Published by T. Stielow and
    S. Scheel, Phys. Rev. E 103, 053312 (2021), with this range.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import Shift
    >>> point = np.zeros((1, 9, 9))
    >>> point[0, 4, 4] = 1
    >>> moved = Shift().apply(point, {"shift": [(2.0, -1.0)]})
    >>> np.argwhere(moved.round(5))
    array([[0, 6, 3]])
    """

    n_draws: ClassVar[int] = 2
    _constraints: ClassVar[dict[str, Constraint]] = {"shift": Range(unit="pixels")}

    def __init__(self, shift: tuple[float, float] = (-5.0, 5.0)) -> None:
        self.shift = shift

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        return {"shift": (pixel_scale(shape) * within(self.shift, draws)).astype(np.float32)}

    def _apply(self, X: Any, params: Mapping[str, Any], ops: Any) -> Any:
        return _both_ways(move_rows, X, params["shift"], ops)

    def _apply_mask(self, mask: Any, params: Mapping[str, Any], ops: Any) -> Any:
        return _both_ways(move_mask_rows, mask, params["shift"], ops)


class Rotation(Filter):
    """A turn of the pattern about its centre.

    Parameters
    ----------
    angle : pair of float [rad], default=(0.0, 359 * pi / 180)
        Range of the angle, drawn uniformly from its first value on in steps.
    step : float [rad], default=pi / 180
        Distance of angles that may occur. Published are whole degrees.

    See Also
    --------
    Shift : Moves the pattern.

    Notes
    -----
    ``sample_params`` gives ``angle``. A positive angle turns the column axis towards decreasing rows: to the left as
    patterns are shown, with the first row at the top. Values between pixels are those of cubic splines, mirrored at the
    edges, as in ``scipy.ndimage.rotate`` with ``reshape=False``; what comes from outside is zero. The turn is about
    the middle of the array, half a pixel off the beam's pixel. The mask turns along: pixels from outside are missing,
    and those next to which a missing one was. The body in the target has to be turned by the same angle, if its
    orientation is to be learnt. Filter and angles are those of the code of T. Stielow and S. Scheel, Phys. Rev. E 103,
    053312 (2021), which is not in the published random choice.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import Rotation
    >>> pattern = np.arange(9.0).reshape(1, 3, 3)
    >>> turned = Rotation().apply(pattern, {"angle": [np.pi / 2]})
    >>> bool(np.allclose(turned[0], np.rot90(pattern[0]), atol=1e-5))
    True
    """

    n_draws: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("coarse", "fine")
    _constraints: ClassVar[dict[str, Constraint]] = {"angle": Range(unit="rad"), "step": Positive("rad")}

    def __init__(self, angle: tuple[float, float] = (0.0, 359 * DEGREE), step: float = DEGREE) -> None:
        self.angle = angle
        self.step = step

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        low, high = self.angle
        count = math.floor((high - low) / self.step + 1e-9) + 1  # rounding may not lose the last
        return {"angle": low + self.step * np.floor(count * draws[:, 0])}

    def _tables(self, params: Params) -> dict[str, NDArray[Any]]:
        angles = np.asarray(params["angle"], np.float64)
        coarse, fine = split(np.stack([np.cos(angles), np.sin(angles)], axis=1))
        return {"coarse": coarse, "fine": fine}

    def _apply(self, X: Any, params: Mapping[str, Any], ops: Any) -> Any:
        return turn(X, params["coarse"], params["fine"], ops)

    def _apply_mask(self, mask: Any, params: Mapping[str, Any], ops: Any) -> Any:
        return turn_mask(mask, params["coarse"], params["fine"], ops)


def _both_ways(move: Any, X: Any, shift: Any, ops: Any) -> Any:
    """Move along the rows' axis, then along the columns'."""
    moved = ops.swapaxes(move(X, shift[:, 0], ops), 1, 2)
    return ops.swapaxes(move(moved, shift[:, 1], ops), 1, 2)
