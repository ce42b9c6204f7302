"""All steps from raw detector frames to patterns that models take."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from scatterkit._validation import (
    AnyOf,
    Boolean,
    Choice,
    Constraint,
    Integer,
    Numbers,
    Positive,
    Real,
    fail,
    shown,
)
from scatterkit.base import Component
from scatterkit.experiment import Detector, FlatDetector, PanelDetector, QGrid
from scatterkit.experiment.polarization import Polarization
from scatterkit.preprocessing._frames import check_frames, each_mask
from scatterkit.preprocessing._geometry import beam_center, with_center
from scatterkit.preprocessing._shots import Shot, common_saturation, frame_noise
from scatterkit.preprocessing.background import dark_background
from scatterkit.preprocessing.bad_pixels import (
    LEAST_FRAMES,
    find_bad_in_shots,
    find_bad_pixels,
)
from scatterkit.preprocessing.centering import CONSTRAINTS as CENTERING
from scatterkit.preprocessing.prepared import Prepared
from scatterkit.preprocessing.resampling import CONSTRAINTS as RESAMPLING
from scatterkit.preprocessing.resampling import QResampler, Resampled
from scatterkit.preprocessing.shapes import Place
from scatterkit.simulation import LogScaler

Array = NDArray[Any]


class ExperimentPreprocessor(TransformerMixin, Component):
    """Make raw detector frames into patterns that models take.

    The background is subtracted, bad and saturated pixels are found, photons counted, the centre is found, pixels
    are resampled onto the model's grid of wave vectors, and the logarithm is scaled to [0, 1], in this order.
    ``fit`` learns what frames have in common; ``process`` gives patterns with masks, ``transform`` patterns alone.

    Parameters
    ----------
    detector : FlatDetector, PanelDetector or QGrid, optional
        What recorded the frames, with the place of the direct beam as far as it is known; ``FlatDetector()`` by
        default.
    grid : QGrid, optional
        The model's grid of wave vectors; ``QGrid()`` by default, the published one of 128 x 128.
    wavelength : float [nm], default=13.5
        Wavelength of the light.
    polarization : {"x", "y", "circular", "unpolarized"} or float [rad], optional
        Polarisation whose effect is undone; by default nothing is.
    gain : float [photons/ADU], default=1.0
        Photons per unit of the frames.
    background : {"dark", "rings", "dark+rings"} or None, default="dark"
        What is subtracted: the median of the dark frames that ``fit`` gets; or what ``ring_background`` finds in
        the frame itself outside ``background_radius``; both; or nothing.
    background_radius : float [pixels], default=0.0
        Distance from the centre outside which there are rings with background; used by "rings" alone.
    mask : array_like of bool of shape (rows, columns), optional
        True where the detector measures. What is found comes on top.
    threshold : float [1], default=6.0
        How far pixels must stick out to be bad, in units of their scatter; None looks for none.
    grow : int, default=0
        By how many pixels bad pixels grow.
    saturation : float [ADU], "auto" or None, default="auto"
        Raw value from which on pixels are saturated; "auto" takes the highest one if pixels pile up there.
    grow_saturated : int, default=0
        By how many pixels saturated pixels grow, where they bloom.
    mask_saturated : bool, default=False
        Whether saturated pixels are masked. By default they are only flagged: they tell that it was bright.
    center : {"given", "each", "common"} or pair of float [pixels], default="given"
        Where the direct beam meets the detector: as ``detector`` says; found in every frame; the median of those
        found in the frames that ``fit`` gets; or this row and column.
    max_shift : float [pixels], default=8.0
        How far from where ``detector`` says, or from a hole in the mask, the centre may lie; used where it is found.
    min_coverage : float [1], default=0.5
        Share of a grid pixel's solid angle that must have been measured; other pixels are masked.
    eps : float [photons], default=1.0
        Added to the intensities before the logarithm; best about their noise where it is dark.

    Attributes
    ----------
    background_ : ndarray of float32 of shape (rows, columns) [ADU]
        Median of the dark frames; zero without.
    noise_ : ndarray of float32 of shape (rows, columns) [ADU], or None
        Standard deviation over the dark frames; None without.
    bad_pixels_ : ndarray of bool of shape (rows, columns)
        Pixels that are hot or dead in many frames, before they grow.
    saturation_ : float [ADU] or None
        Level of saturation.
    center_ : tuple of float (row, column) [pixels] or None
        The centre where ``center`` is "common" or given; None where it is found in each frame, or for panels.

    See Also
    --------
    find_center : How the centre is found where I(q) and I(-q) differ.
    QResampler : The step to the grid of wave vectors.
    scatterkit.fitting.ForwardFitter : Takes the patterns with their masks.

    Notes
    -----
    Intensities may turn out negative where the background is subtracted; they are kept so until the grid's pixels
    have been averaged, and cut at zero for the logarithm alone. Otherwise noise would look like light.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.experiment import FlatDetector, QGrid
    >>> from scatterkit.preprocessing import ExperimentPreprocessor
    >>> detector = FlatDetector(64, pixel_size=1.0, distance=60.0)
    >>> rows, columns = np.indices(detector.shape) - 32
    >>> rng = np.random.default_rng(0)
    >>> frames = 100 + rng.poisson(2000 / (1 + rows**2 + columns**2), size=(2, 64, 64))
    >>> darks = np.full((5, 64, 64), 100) + rng.normal(0, 0.5, (5, 64, 64))
    >>> preprocessor = ExperimentPreprocessor(detector, QGrid(16, dq=0.02)).fit(frames, darks=darks)
    >>> prepared = preprocessor.process(frames)
    >>> prepared.patterns.shape, int(prepared.masks[0].sum())
    ((2, 16, 16), 256)
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        **{name: RESAMPLING[name] for name in ("detector", "grid", "wavelength", "polarization")},
        "gain": Positive("photons/ADU"),
        "background": Choice(("dark", "rings", "dark+rings", None)),
        "background_radius": Real(low=0, unit="pixels"),
        "threshold": Positive(optional=True),
        "grow": Integer(0),
        "saturation": AnyOf((Positive("ADU"), Choice(("auto", None)))),
        "grow_saturated": Integer(0),
        "mask_saturated": Boolean(),
        "center": AnyOf((Choice(("given", "each", "common")), Numbers(2, "pixels"))),
        "max_shift": CENTERING["max_shift"],
        "min_coverage": RESAMPLING["min_coverage"],
        "eps": Positive("photons"),
    }

    def __init__(
        self,
        detector: Detector | None = None,
        grid: QGrid | None = None,
        wavelength: float = 13.5,
        polarization: Polarization | None = None,
        gain: float = 1.0,
        background: str | None = "dark",
        background_radius: float = 0.0,
        mask: ArrayLike | None = None,
        threshold: float | None = 6.0,
        grow: int = 0,
        saturation: float | str | None = "auto",
        grow_saturated: int = 0,
        mask_saturated: bool = False,
        center: str | Place = "given",
        max_shift: float = 8.0,
        min_coverage: float = 0.5,
        eps: float = 1.0,
    ) -> None:
        self.detector = detector
        self.grid = grid
        self.wavelength = wavelength
        self.polarization = polarization
        self.gain = gain
        self.background = background
        self.background_radius = background_radius
        self.mask = mask
        self.threshold = threshold
        self.grow = grow
        self.saturation = saturation
        self.grow_saturated = grow_saturated
        self.mask_saturated = mask_saturated
        self.center = center
        self.max_shift = max_shift
        self.min_coverage = min_coverage
        self.eps = eps

    def fit(
        self,
        X: ArrayLike | None = None,
        y: Any = None,
        *,
        darks: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        saturated: ArrayLike | None = None,
    ) -> ExperimentPreprocessor:
        """Learn background, bad pixels, saturation and centre.

        Parameters
        ----------
        X : array_like of shape (n, rows, columns) [ADU], optional
            Raw frames. Five or more tell of bad pixels.
        y : object, optional
            Ignored.
        darks : array_like of shape (n, rows, columns) [ADU], optional
            Frames without light from the sample. They give the background where it is "dark", the noise, and
            if there are five or more the bad pixels.
        mask : array_like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel of X is measured; on top of the parameter ``mask``.
        saturated : array_like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel of X is known to be saturated: it is not taken for dead, nor used where ``center`` is
            "common".

        Returns
        -------
        ExperimentPreprocessor
            The object itself.
        """
        owner, detector = type(self).__name__, self._checked()
        if self.background in ("dark", "dark+rings") and darks is None:
            allowed = f"dark frames where background is {self.background!r} (or background=None or 'rings')"
            raise fail("darks", f"{owner}.fit", allowed, "None")
        if self.center == "common" and X is None:
            raise fail("X", f"{owner}.fit", "raw frames where center is 'common'", "None")
        fixed = self._mask(detector)
        for name, value in (("mask", mask), ("saturated", saturated)):
            if X is None and value is not None:
                raise fail(name, f"{owner}.fit", "None where there is no X", shown(value))
        frames, masks = (None, fixed[None]) if X is None else self._frames(X, mask, detector)
        flags = each_mask(saturated, (len(masks), *detector.shape), owner=owner, name="saturated", empty=True)
        self.background_: NDArray[np.float32] = np.zeros(detector.shape, dtype=np.float32)
        self.noise_: NDArray[np.float32] | None = None
        bad = np.zeros(detector.shape, dtype=bool)
        if darks is not None:
            dark, _ = check_frames(darks, fixed, owner=owner, shape=detector.shape, name="darks")
            level, noise = dark_background(dark)
            self.noise_ = noise if len(dark) > 1 else None
            if self.background in ("dark", "dark+rings"):
                self.background_ = level
            if self.threshold is not None and len(dark) >= LEAST_FRAMES:
                bad |= np.logical_or(*find_bad_pixels(dark, fixed, threshold=self.threshold))
        self.saturation_: float | None = self._saturation(frames, masks & ~bad)
        self.bad_pixels_: NDArray[np.bool_] = bad | self._bad_in(frames, masks & ~bad, flags)
        self.center_: Place | None = self._center(detector, frames, masks, flags)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Give patterns that models take.

        Parameters
        ----------
        X : array_like of shape (n, rows, columns) [ADU]
            Raw frames.

        Returns
        -------
        ndarray of float32 of shape (n, y, x)
            Log-scaled intensities in [0, 1]; zero where not measured.
        """
        return self.process(X).patterns

    def process(
        self, X: ArrayLike, mask: ArrayLike | None = None, *, saturated: ArrayLike | None = None
    ) -> Prepared:
        """Give patterns with masks and with what was found.

        Parameters
        ----------
        X : array_like of shape (n, rows, columns) [ADU]
            Raw frames; anything, also NaN, where masked.
        mask : array_like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where measured, frame by frame; on top of the parameter ``mask``.
        saturated : array_like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel is known to be saturated, such as bit 2 of a CXI mask; on top of what is found.

        Returns
        -------
        Prepared
            Patterns, masks, saturated pixels, centres, intensities, noise, report.

        Raises
        ------
        ValueError
            If a frame has the wrong shape or no measured pixel, or its centre is to be found and cannot be.
        """
        detector = self._checked()
        check_is_fitted(self, "bad_pixels_")
        if self.bad_pixels_.shape != detector.shape:
            allowed = f"the one of shape {self.bad_pixels_.shape} that it was when fitted"
            raise fail("detector", type(self).__name__, allowed, f"shape {detector.shape}")
        frames, masks = self._frames(X, mask, detector)
        flags = each_mask(saturated, frames.shape, owner=type(self).__name__, name="saturated", empty=True)
        resampler = QResampler(
            detector, self.grid, self.wavelength, self.polarization, min_coverage=self.min_coverage
        )
        report, centers, found = [], [], []
        for number, parts in enumerate(zip(frames, masks, flags, strict=True)):
            shot = Shot(self, detector, number, *parts)
            found.append(shot.resampled(resampler))
            report.append(shot.report)
            centers.append(shot.center)
        return self._prepared(report, centers, found)

    def _prepared(
        self, report: list[dict[str, float]], centers: list[Place | None], found: list[Resampled]
    ) -> Prepared:
        intensities, masks, saturated, sigma = (
            np.concatenate([getattr(part, name) for part in found])
            for name in ("intensities", "masks", "saturated", "sigma")
        )
        if self.mask_saturated:
            masks = masks & ~saturated
            intensities, sigma = np.where(masks, intensities, 0), np.where(masks, sigma, 0)
        for number, (mask, entry) in enumerate(zip(masks, report, strict=True)):
            if not mask.any():
                allowed = "frames that leave a pixel of the grid measured"
                raise fail("X", type(self).__name__, allowed, f"frame {number}, which leaves none")
            entry["measured share of grid"] = float(mask.mean())
        light = np.maximum(intensities, 0)
        patterns = [
            LogScaler(self.eps, mask=mask).transform(pattern[None])[0]
            for pattern, mask in zip(light, masks, strict=True)
        ]
        places = np.array([(np.nan, np.nan) if center is None else center for center in centers])
        return Prepared(np.stack(patterns), masks, saturated, places, intensities, sigma, tuple(report))

    def _frames(
        self, X: ArrayLike, mask: ArrayLike | None, detector: Detector
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Checked frames and what is measured of each."""
        owner, raw = type(self).__name__, np.asarray(X)
        n = len(raw) if raw.ndim == 3 and len(raw) else 1
        given = each_mask(mask, (n, *detector.shape), owner=owner) & self._mask(detector)
        return check_frames(raw, given, owner=owner, shape=detector.shape)

    def _checked(self) -> Detector:
        """The detector, once all parameters have been checked, alone and together."""
        self._check_parameters()
        detector: Detector = FlatDetector() if self.detector is None else self.detector
        detector._check_parameters()
        owner = type(self).__name__
        if isinstance(detector, PanelDetector):
            if self.center != "given":
                raise fail("center", owner, "'given' for a PanelDetector", shown(self.center))
            if self.background in ("rings", "dark+rings"):
                raise fail("background", owner, "'dark' or None for a PanelDetector", shown(self.background))
        elif not isinstance(self.center, str):
            detector = with_center(detector, self.center)
        if self.grid is not None:
            self.grid._check_parameters()
        self._mask(detector)
        return detector

    def _mask(self, detector: Detector) -> NDArray[np.bool_]:
        return each_mask(self.mask, (1, *detector.shape), owner=type(self).__name__)[0]

    def _saturation(self, frames: Array | None, usable: Array) -> float | None:
        if not isinstance(self.saturation, str):
            return None if self.saturation is None else float(self.saturation)
        return None if frames is None else common_saturation(frames, usable)

    def _bad_in(self, frames: Array | None, masks: Array, flags: Array) -> NDArray[np.bool_]:
        """Pixels that are bad in frames with light."""
        none = np.zeros(masks.shape[1:], dtype=bool)
        if frames is None or self.threshold is None or len(frames) < LEAST_FRAMES:
            return none
        usable = np.asarray(masks.all(axis=0))
        if not usable.any():
            return none
        light = frames - self.background_
        noise = frame_noise(light, usable) if self.noise_ is None else self.noise_
        hot, dead = find_bad_in_shots(light, usable, threshold=self.threshold, noise=noise, gain=self.gain)
        saturated = flags if self.saturation_ is None else flags | (frames >= self.saturation_)
        # where it is always too bright, a pixel never changes either; it is flagged, shot by shot
        return hot | (dead & ~saturated.any(axis=0))

    def _center(self, detector: Detector, frames: Array | None, masks: Array, flags: Array) -> Place | None:
        if isinstance(detector, PanelDetector) or self.center == "each":
            return None
        if self.center != "common":
            return beam_center(detector)
        assert frames is not None
        self.center_ = None
        parts = enumerate(zip(frames, masks, flags, strict=True))
        shots = [Shot(self, detector, number, *part, find=True) for number, part in parts]
        row, column = np.median([shot.center for shot in shots], axis=0)
        return float(row), float(column)
