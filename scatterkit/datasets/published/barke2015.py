"""The measured wide-angle patterns of silver clusters of Barke et al. (2015)."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scatterkit._validation import Boolean, Integer, check_value, fail, shown
from scatterkit.datasets.published._detector import detector_mask, hole_center
from scatterkit.datasets.published._locate import (
    VARIABLE,
    DataNotFoundError,
    cache_folder,
    download,
    find,
    find_cached,
    local_roots,
)
from scatterkit.datasets.published.mosaic import turn
from scatterkit.preprocessing import ColorScale

# the commit that brought the measured patterns into the public repository; they have not changed since
COMMIT = "7b687c47ec55945df94272fac7e070ed18f90a1d"
URL = f"https://raw.githubusercontent.com/thstielow/scatter-2D3D-nn/{COMMIT}/datasets/exp/"
SHA256 = {
    1: "b3cc7d00e95a2d56c897d6ac55cf42332a20a6417b77466a67e93e782242a4c8",
    2: "16e2b732fa39295b7d2b0900ae2611b6f6288a1ac3cbc115673290c90ffd4b49",
    3: "a5e483f720b1620257fd2d7cd4057ed75da1a0eb6588479fe1ef727fb1e301f5",
    4: "8c347303407b383d192c56844d34fee4fa85ae39143d4ec190f678d74fcd2dda",
    5: "8b542b0bbe8765f27c1f8ce7728783b52c43f8b52149bab941f3f58749da4dcc",
    6: "dd19ebbda20d47e143f8fad2fed0797389a16128aa93a113c00b501c31680bd2",
    7: "119f96a9d1916e6e63da28a76d1e7976325a01f9d048d80162cccca814571ed0",
    8: "e28eb99214ef5e26afa2c4b9b36f6c0d2b5f3bca479dc231ba8d1e8285edb83d",
}
LABELS = {
    1: "Decahedron",
    2: "Decahedron",
    3: "Truncated Octahedron",
    4: "Truncated Octahedron",
    5: "Icosahedron",
    6: "Icosahedron",
    7: "Truncated Twinned Tetrahedron",
    8: "Truncated Twinned Tetrahedron",
}
SCALE_GREY = (0.0, 0.3, 0.88, 1.0)
SCALE_LOG = (0.0, 0.38, 0.7425, 1.0)
SATURATED_GREY = 240  # of 255: the flat tops of the strongest patterns lie at 243 to 245

DESCR = """Measured wide-angle X-ray diffraction patterns of single silver clusters.

Recorded with single pulses of 13.5 nm at the free-electron laser FLASH: I. Barke et al., "The 3D-architecture
of individual free silver nanoparticles captured by X-ray scattering", Nature Communications 6, 6187 (2015),
doi:10.1038/ncomms7187, CC BY 4.0. The pictures were extracted from the article's figures and scaled to
128 x 128 pixels by T. Stielow and S. Scheel, Phys. Rev. E 103, 053312 (2021), repository
thstielow/scatter-2D3D-nn (MIT). Their labels name the class of body found in the original work.

The pictures' colour scale is not linear; here it is made linear in the logarithm of the intensity.
Bright pixels are saturated, dark ones clipped at zero; there is no absolute scale."""


@dataclass(frozen=True, eq=False)
class MeasuredPatterns:
    """Measured patterns and what is known of them.

    Parameters
    ----------
    patterns : ndarray of float32, shape (n, 128, 128)
        Log-scaled intensities in [0, 1]; this package's sign of q, beam near pixel [64, 64].
    masks : ndarray of bool, shape (n, 128, 128)
        True where the detector measured: on its disc, inside the picture, outside the central hole. Pixels
        clipped at zero or saturated are measured, too.
    saturated : ndarray of bool, shape (n, 128, 128)
        True where the detector saturated.
    centers : ndarray of float64, shape (n, 2) [pixel]
        Row and column of the zero frequency, from the central hole.
    numbers : tuple of int
        The patterns' numbers in the published set.
    labels : tuple of str
        The body's class according to the original work.
    dq : float [rad/nm]
        Distance of neighbouring pixels.
    DESCR : str
        Source, licence, what was done.
    """

    patterns: NDArray[np.float32]
    masks: NDArray[np.bool_]
    saturated: NDArray[np.bool_]
    centers: NDArray[np.float64]
    numbers: tuple[int, ...]
    labels: tuple[str, ...]
    dq: float = 2 * math.pi / 850
    DESCR: str = DESCR


def fetch_barke2015(
    patterns: Sequence[int] | Literal["all", "available"] = "all",
    *,
    data_home: str | os.PathLike[str] | None = None,
    download: bool = True,
) -> MeasuredPatterns:
    """Fetch measured wide-angle patterns of silver clusters.

    Each file is looked for in `data_home`, in the folder that the environment variable ``SCATTERKIT_DATA``
    names (in it or in its folder ``exp``), in ``shared/data/scatter2d3d/exp`` beside the project when running
    from a checkout, and in the user's cache; then it is downloaded. Its content is checked wherever it comes
    from.

    Parameters
    ----------
    patterns : sequence of int, "all" or "available", default "all"
        Numbers from 1 to 8: exactly these. "all": all eight, or fewer and a warning where some cannot be
        downloaded. "available": those on this computer, without any download.
    data_home : path-like, optional
        A folder looked in first, in which downloads are kept; the user's cache by default.
    download : bool, default True
        Whether files may be downloaded.

    Returns
    -------
    MeasuredPatterns
        Patterns, masks, saturated pixels, centres, numbers, labels.

    Raises
    ------
    DataNotFoundError
        If a pattern that was asked for by number, or every one, cannot be had. The message says what to do.

    Notes
    -----
    The mask is the detector's disc (38 pixels about the centre) within the picture's frame, whose partly
    covered edge lines are left out, less the central hole and the pixels next to it. The centre is the
    centroid of the hole, each pixel weighted by its darkness. In the patterns that are nearly symmetric under
    inversion at low q the centre of that symmetry is the same to half a pixel; a fit should leave the centre
    free by a pixel or so, as `fit_response` does.

    References
    ----------
    I. Barke et al., Nature Communications 6, 6187 (2015); T. Stielow and S. Scheel, Phys. Rev. E 103, 053312
    (2021).

    Examples
    --------
    >>> from scatterkit.datasets import fetch_barke2015
    >>> star = fetch_barke2015([5])  # doctest: +SKIP
    >>> star.patterns.shape  # doctest: +SKIP
    (1, 128, 128)
    """
    check_value(download, Boolean(), name="download", owner="fetch_barke2015")
    numbers, strict = _wanted(patterns)
    here_only = isinstance(patterns, str) and patterns == "available"
    may_download = download and not here_only
    home = None if data_home is None else Path(data_home).expanduser()
    paths, failure = _find_files(numbers, home, may_download)
    missing = [number for number in numbers if number not in paths]
    if missing and (strict or not paths):
        raise DataNotFoundError(_what_to_do(missing, may_download, failure)) from failure
    if missing and not here_only:
        warnings.warn(_what_to_do(missing, may_download, failure), UserWarning, stacklevel=2)
    return _assemble({number: paths[number] for number in numbers if number in paths})


def _wanted(patterns: Sequence[int] | str) -> tuple[tuple[int, ...], bool]:
    """The numbers asked for, and whether none of them may be missing."""
    if isinstance(patterns, str) and patterns in ("all", "available"):
        return tuple(SHA256), False
    allowed = "'all', 'available' or a sequence of different numbers from 1 to 8"
    try:
        numbers: tuple[Any, ...] = tuple(patterns)
    except TypeError:
        raise fail("patterns", "fetch_barke2015", allowed, shown(patterns)) from None
    known = all(Integer(low=1, high=8).accepts(number) for number in numbers)
    if not numbers or not known or len(set(numbers)) < len(numbers):
        raise fail("patterns", "fetch_barke2015", allowed, shown(patterns))
    return tuple(int(number) for number in numbers), True


def _find_files(
    numbers: tuple[int, ...], home: Path | None, may_download: bool
) -> tuple[dict[int, Path], Exception | None]:
    """Paths of the files that can be had, and why the others could not be downloaded."""
    roots = [*([home] if home is not None else []), *local_roots()]
    cache = home if home is not None else cache_folder()
    paths: dict[int, Path] = {}
    failure: Exception | None = None
    for number in numbers:
        name = f"barke{number}.png"
        path = find((f"exp/{name}", name), SHA256[number], roots)
        path = path or find_cached(name, SHA256[number], cache)
        if path is None and may_download and failure is None:
            try:
                path = download(URL + name, name, SHA256[number], cache)
            except (OSError, ValueError) as error:
                failure = error  # the network is not tried again for the next file
        if path is not None:
            paths[number] = path
    return paths, failure


def _what_to_do(missing: list[int], tried: bool, failure: Exception | None) -> str:
    reason = "" if failure is None else f" ({type(failure).__name__}: {str(failure)[:100]} ...)"
    names = ", ".join(f"barke{number}.png" for number in missing)
    return (
        f"Measured patterns not on this computer{' and not to be downloaded' if tried else ''}{reason}: {names}. "
        f"Get these files from {URL} (the file name follows the last slash), put them into a folder "
        f"and set the environment variable {VARIABLE} to that folder; or put them into "
        f"{cache_folder()}; or run again with a connection to the Internet and download=True."
    )


def _assemble(paths: dict[int, Path]) -> MeasuredPatterns:
    pictures, masks, centers = [], [], []
    for path in paths.values():
        with Image.open(path) as image:
            grey = np.asarray(image.convert("L"))
        center = hole_center(grey)
        pictures.append(grey)
        masks.append(detector_mask(grey, center))
        # turning the picture moves a position c to n - c
        centers.append([n - c for n, c in zip(grey.shape, center, strict=True)])
    greys, flags = turn(np.stack(pictures)), turn(np.stack(masks))
    return MeasuredPatterns(
        patterns=ColorScale(SCALE_GREY, SCALE_LOG).transform(greys / 255),
        masks=flags,
        saturated=flags & (greys >= SATURATED_GREY),
        centers=np.array(centers),
        numbers=tuple(paths),
        labels=tuple(LABELS[number] for number in paths),
    )
