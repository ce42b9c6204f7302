"""The published sample set's picture files: volumes as mosaics of slices, patterns turned by 180 degrees."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from scatterkit._validation import check_array, fail, shown
from scatterkit.datasets._errors import bad_file, existing_file, reading

COLUMNS = 16
"""Slices beside each other in a mosaic."""

VOLUME_MODES = ("I;16", "I", "L", "RGB", "RGBA")  # Pillow's words for grey of 16 and 8 bits and for colours
PATTERN_MODES = ("L", "RGB", "RGBA")


def turn(patterns: NDArray[Any]) -> NDArray[Any]:
    """Reverse the sign of q: what was at ``[n//2 + a, n//2 + b]`` comes to ``[n//2 - a, n//2 - b]``.

    Parameters
    ----------
    patterns : ndarray of shape (..., y, x)
        Pictures with the zero frequency at ``[n // 2, n // 2]``.

    Returns
    -------
    ndarray, shape of patterns
        The turned pictures. An even side's first line has no partner and stays first.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.datasets.published.mosaic import turn
    >>> turn(np.arange(4)[None])
    array([[0, 3, 2, 1]])
    """
    turned = patterns[..., ::-1, ::-1]
    even = tuple(1 - n % 2 for n in patterns.shape[-2:])
    return np.ascontiguousarray(np.roll(turned, even, axis=(-2, -1)))


def read_volume(path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """Read a volume from a mosaic of its slices.

    Parameters
    ----------
    path : path-like
        A PNG file of 16 slices beside each other and n / 16 below each other, in beam order; dark is dense.
        Grey of 16 bits, or 8-bit colours, of which the first is read.

    Returns
    -------
    ndarray of float32, shape (n, n, n)
        The occupancy in [0, 1], axes z, y, x.

    Raises
    ------
    DataFormatError
        If the picture is no such mosaic, or damaged.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from scatterkit.datasets import read_volume, write_volume
    >>> volume = np.zeros((192, 192, 192), dtype=np.float32)
    >>> volume[90:100, 80:120, 80:120] = 1
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_volume(Path(folder) / "1r.png", volume)
    ...     bool((read_volume(Path(folder) / "1r.png") == volume).all())
    True
    """
    allowed = f"a mosaic of n slices of n x n pixels, {COLUMNS} in a row, n a multiple of {COLUMNS}"
    picture = _read_png(path, owner="read_volume", allowed=allowed, modes=VOLUME_MODES)
    top = 65535 if picture.dtype.itemsize > 1 else 255
    if picture.ndim == 3:
        picture = picture[..., 0]
    height, width = picture.shape
    n = width // COLUMNS
    if n == 0 or width != n * COLUMNS or n % COLUMNS or height != n * (n // COLUMNS):
        raise bad_file(path, "read_volume", allowed, f"{width} x {height} pixels")
    slices = picture.reshape(n // COLUMNS, n, COLUMNS, n).swapaxes(1, 2).reshape(n, n, n)
    return 1 - slices.astype(np.float32) / np.float32(top)


def write_volume(path: str | os.PathLike[str], volume: ArrayLike) -> None:
    """Write a volume as a mosaic of its slices, in 16-bit grey.

    Parameters
    ----------
    path : path-like
        The PNG file to write.
    volume : array-like of shape (n, n, n)
        The occupancy in [0, 1], axes z, y, x; n a multiple of 16.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from scatterkit.datasets import read_volume, write_volume
    >>> volume = np.zeros((192, 192, 192), dtype=np.float32)
    >>> volume[90:100, 80:120, 80:120] = 1
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_volume(Path(folder) / "1r.png", volume)
    ...     bool((read_volume(Path(folder) / "1r.png") == volume).all())
    True
    """
    array = check_array(
        volume,
        name="volume",
        owner="write_volume",
        shape=(None,) * 3,
        low=0,
        high=1,
        what="a volume (z, y, x)",
    )
    n = array.shape[0]
    if array.shape != (n, n, n) or n % COLUMNS:
        raise fail(
            "volume", "write_volume", f"a cube whose side is a multiple of {COLUMNS}", shown(array.shape)
        )
    grey = np.round((1 - array) * 65535).astype(np.uint16)
    mosaic = grey.reshape(n // COLUMNS, COLUMNS, n, n).swapaxes(1, 2).reshape(n * n // COLUMNS, n * COLUMNS)
    Image.fromarray(mosaic).save(Path(path).expanduser(), format="PNG")


def read_pattern(path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """Read a published log-scaled pattern, turned into this package's sign of q.

    Parameters
    ----------
    path : path-like
        A PNG file of 8 bits; of several channels the second is read.

    Returns
    -------
    ndarray of float32, shape (y, x)
        The pattern in [0, 1], zero frequency at pixel ``[n // 2, n // 2]``.

    Raises
    ------
    DataFormatError
        If the file is no such picture, or damaged.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from scatterkit.datasets import read_pattern, write_pattern
    >>> pattern = np.linspace(0, 1, 128 * 128).reshape(128, 128)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_pattern(Path(folder) / "1s.png", pattern)
    ...     bool(np.abs(read_pattern(Path(folder) / "1s.png") - pattern).max() < 1 / 255)
    True
    """
    picture = _read_png(path, owner="read_pattern", allowed="an 8-bit PNG picture", modes=PATTERN_MODES)
    if picture.ndim == 3:
        picture = picture[..., 1]
    return turn(picture.astype(np.float32) / np.float32(255))


def write_pattern(path: str | os.PathLike[str], pattern: ArrayLike) -> None:
    """Write a log-scaled pattern as the published set does, with its sign of q.

    Parameters
    ----------
    path : path-like
        The PNG file to write.
    pattern : array-like of shape (y, x)
        The pattern in [0, 1], in this package's sign of q.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from scatterkit.datasets import read_pattern, write_pattern
    >>> pattern = np.linspace(0, 1, 128 * 128).reshape(128, 128)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_pattern(Path(folder) / "1s.png", pattern)
    ...     bool(np.abs(read_pattern(Path(folder) / "1s.png") - pattern).max() < 1 / 255)
    True
    """
    array = check_array(
        pattern,
        name="pattern",
        owner="write_pattern",
        shape=(None,) * 2,
        low=0,
        high=1,
        what="a pattern (y, x)",
    )
    grey = np.round(turn(array) * 255).astype(np.uint8)
    Image.fromarray(np.repeat(grey[..., None], 3, axis=-1)).save(Path(path).expanduser(), format="PNG")


def _read_png(
    path: str | os.PathLike[str], *, owner: str, allowed: str, modes: tuple[str, ...]
) -> NDArray[Any]:
    """Give the pixels of a PNG file of one of some modes, or raise a DataFormatError."""
    file = existing_file(path, owner=owner, allowed=allowed)
    with reading(path, owner=owner, allowed=allowed), Image.open(file, formats=("PNG",)) as image:
        if image.mode not in modes:
            raise bad_file(path, owner, allowed, f"a picture of mode {image.mode}")
        image.load()
        return np.array(image)
