"""From the grey values or colours of published pictures back to intensities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from scatterkit._validation import Constraint, Positive, check_array, fail
from scatterkit.base import StatelessTransformer


class ColorScale(StatelessTransformer):
    """A piecewise linear scale from grey values to what they stand for, such as a logarithm of intensity.

    Parameters
    ----------
    grey : sequence of float [grey value]
        Rising grey values, in the unit of the pictures.
    values : sequence of float [1]
        What they stand for, rising or falling; linear between them, constant beyond the ends.

    See Also
    --------
    ColorBar : Colours instead of grey values.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.preprocessing import ColorScale
    >>> scale = ColorScale(grey=(0, 0.3, 0.88, 1), values=(0, 0.38, 0.7425, 1))
    >>> scale.transform(np.array([[[0.15, 0.94]]])).round(4).tolist()
    [[[0.1899..., 0.871...]]]
    """

    _constraints: ClassVar[dict[str, Constraint]] = {}

    def __init__(self, grey: Sequence[float], values: Sequence[float]) -> None:
        self.grey = grey
        self.values = values

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Give what grey values stand for.

        Parameters
        ----------
        X : array_like of shape (n, rows, columns)
            Grey values.

        Returns
        -------
        ndarray of float32 of shape (n, rows, columns)
            Values.
        """
        grey, values = self._scale()
        return np.interp(self._pictures(X), grey, values).astype(np.float32)

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Give the grey values of what they stand for.

        Parameters
        ----------
        X : array_like of shape (n, rows, columns)
            Values.

        Returns
        -------
        ndarray of float32 of shape (n, rows, columns)
            Grey values. Where several stand for the same, one end of them: the highest of a rising scale, the lowest
            of a falling one.
        """
        grey, values = self._scale()
        if values[0] > values[-1]:
            grey, values = grey[::-1], values[::-1]
        return np.interp(self._pictures(X), values, grey).astype(np.float32)

    def _pictures(self, X: ArrayLike) -> NDArray[np.float64]:
        shape, what = (None, None, None), "pictures (n, rows, columns)"
        return check_array(X, name="X", owner=type(self).__name__, shape=shape, dtype=np.float64, what=what)

    def _scale(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        owner, what = type(self).__name__, "a sequence of at least two finite floats"
        grey = _numbers(self.grey, "grey", owner, what + " that rise")
        if not (np.diff(grey) > 0).all():
            raise fail("grey", owner, what + " that rise", f"{grey.tolist()}")
        values = _numbers(self.values, "values", owner, what)
        steps = np.diff(values)
        if len(values) != len(grey) or not ((steps >= 0).all() or (steps <= 0).all()):
            allowed = f"{len(grey)} finite floats, as many as 'grey', that rise or fall throughout"
            raise fail("values", owner, allowed, f"{values.tolist()}")
        return grey, values

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._scale()


class ColorBar(StatelessTransformer):
    """The colours of a picture's colour bar, to read the picture by.

    Every pixel gets the value of the nearest point on the line through the bar's colours.

    Parameters
    ----------
    colors : array_like of shape (m, 3)
        Red, green and blue along the bar, in the unit of the pictures; at least two colours.
    values : array_like of shape (m,), optional
        What the colours stand for, such as the logarithm of an intensity; evenly from 0 to 1 by default.
    max_distance : float [of the colours], default=0.1
        Pixels further than this times the distance from black to white, from any colour of the bar are
        none of the picture: lettering, lines, frames.

    See Also
    --------
    ColorScale : Grey values instead of colours.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.preprocessing import ColorBar
    >>> bar = ColorBar(colors=[(0, 0, 0.5), (0.5, 0.5, 0.5), (1, 1, 0)], values=(0, 1, 3))
    >>> picture = np.array([[[(0.25, 0.25, 0.5), (0.75, 0.75, 0.25), (1, 0, 0)]]])
    >>> values, known = bar.read(picture)
    >>> values.round(2).tolist(), known.tolist()
    ([[[0.5, 2.0, 0.0]]], [[[True, True, False]]])
    """

    _constraints: ClassVar[dict[str, Constraint]] = {"max_distance": Positive()}

    def __init__(self, colors: ArrayLike, values: ArrayLike | None = None, max_distance: float = 0.1) -> None:
        self.colors = colors
        self.values = values
        self.max_distance = max_distance

    @classmethod
    def from_strip(cls, strip: ArrayLike, low: float = 0.0, high: float = 1.0, **parameters: Any) -> ColorBar:
        """Take the colours from a picture of the bar.

        Parameters
        ----------
        strip : array_like of shape (rows, columns, 3)
            The bar, cut out of the picture, without frame and ticks. The longer side is its axis; an upright bar
            has its highest value at the top.
        low, high : float [of the values], default=0.0 and 1.0
            Values at the bar's ends.
        **parameters
            Further parameters of the ColorBar.

        Returns
        -------
        ColorBar
            The median colour across the bar at every pixel along it.
        """
        owner = "ColorBar.from_strip"
        pixels = check_array(
            strip, name="strip", owner=owner, shape=(None, None, 3), dtype=np.float64, what="a picture"
        )
        upright = pixels.shape[0] >= pixels.shape[1]
        colors = np.median(pixels, axis=1)[::-1] if upright else np.median(pixels, axis=0)
        # the ends are the outer edges of the first and last pixel
        values = low + (high - low) * (np.arange(len(colors)) + 0.5) / len(colors)
        return cls(colors=colors, values=values, **parameters)

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Give the values of pictures.

        Parameters
        ----------
        X : array_like of shape (n, rows, columns, 3)
            Pictures in the colours' unit.

        Returns
        -------
        ndarray of float32 of shape (n, rows, columns)
            Values; zero where the colour is none of the bar's.
        """
        return self.read(X)[0]

    def read(self, X: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Give the values of pictures, and which pixels have a colour of the bar.

        Parameters
        ----------
        X : array_like of shape (n, rows, columns, 3)
            Pictures in the colours' unit.

        Returns
        -------
        values : ndarray of float32 of shape (n, rows, columns)
            Values; zero where the colour is none of the bar's.
        known : ndarray of bool of shape (n, rows, columns)
            True where the colour is one of the bar's: a mask.
        """
        self._check_parameters()
        colors, values = self._bar()
        pictures = check_array(
            X,
            name="X",
            owner=type(self).__name__,
            shape=(None, None, None, 3),
            dtype=np.float64,
            what="pictures (n, rows, columns, 3)",
        )
        # a picture has few different colours
        different, which = np.unique(pictures.reshape(-1, 3), axis=0, return_inverse=True)
        found, distance = _along(different, colors, values)
        white = np.sqrt(3) * (255.0 if colors.max() > 1 else 1.0)
        known = distance <= self.max_distance * white
        shape = pictures.shape[:3]
        which = which.reshape(-1)
        return np.where(known, found, 0)[which].reshape(shape).astype(np.float32), known[which].reshape(shape)

    def _bar(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        owner = type(self).__name__
        allowed = "at least two different colours (m, 3)"
        colors = check_array(
            self.colors, name="colors", owner=owner, shape=(None, 3), dtype=np.float64, low=0, what=allowed
        )
        if len(np.unique(colors, axis=0)) < 2:
            raise fail("colors", owner, allowed, f"{len(colors)} of the same")
        if self.values is None:
            return colors, np.linspace(0, 1, len(colors))
        what = "values, one for each colour,"
        return colors, check_array(
            self.values, name="values", owner=owner, shape=(len(colors),), dtype=np.float64, what=what
        )

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._bar()


def _along(
    points: NDArray[np.float64], colors: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values at the nearest points of the line through the colours, and the distances from it."""
    parts = max(
        2, -(-1024 // (len(colors) - 1))
    )  # a line of a thousand points, the nearest of which is refined
    place = np.linspace(0, len(colors) - 1, parts * (len(colors) - 1) + 1)
    known = np.arange(len(colors))
    line = np.stack([np.interp(place, known, channel) for channel in colors.T], axis=1)
    _, nearest = cKDTree(line).query(points)
    best, distance = place[nearest], np.full(len(points), np.inf)
    for first in (np.maximum(nearest - 1, 0), np.minimum(nearest, len(line) - 2)):
        step = line[first + 1] - line[first]
        length = np.maximum((step**2).sum(axis=1), 1e-30)
        share = np.clip(((points - line[first]) * step).sum(axis=1) / length, 0, 1)
        off = np.linalg.norm(points - line[first] - share[:, None] * step, axis=1)
        closer = off < distance
        at = place[first] + share * (place[first + 1] - place[first])
        best, distance = np.where(closer, at, best), np.minimum(off, distance)
    return np.interp(best, known, values), distance


def _numbers(value: Any, name: str, owner: str, allowed: str) -> NDArray[np.float64]:
    numbers = check_array(value, name=name, owner=owner, shape=(None,), dtype=np.float64, what=allowed)
    if len(numbers) < 2:
        raise fail(name, owner, allowed, f"{len(numbers)}")
    return numbers
