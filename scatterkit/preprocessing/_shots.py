"""One frame on its way from the detector to the grid of wave vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import fail
from scatterkit.experiment import Detector
from scatterkit.preprocessing._geometry import beam_center
from scatterkit.preprocessing.background import MAD, ring_background
from scatterkit.preprocessing.bad_pixels import find_outliers, grown, saturation_level
from scatterkit.preprocessing.centering import find_center
from scatterkit.preprocessing.resampling import QResampler, Resampled
from scatterkit.preprocessing.shapes import Place

if TYPE_CHECKING:
    from scatterkit.preprocessing.preprocessor import ExperimentPreprocessor

Array = NDArray[Any]


class Shot:
    """One frame on its way to the grid."""

    def __init__(
        self,
        owner: ExperimentPreprocessor,
        detector: Detector,
        number: int,
        raw: Array,
        mask: Array,
        flags: Array,
        *,
        find: bool = False,
    ) -> None:
        self.owner, self.number, self.given = owner, number, mask
        self.detector = detector
        level = owner.saturation_
        usable = mask & ~owner.bad_pixels_
        if level is None and owner.saturation == "auto":
            level = common_saturation(raw[None], usable[None])
        over = usable & (raw >= level) if level is not None else np.zeros(raw.shape, dtype=bool)
        self.saturated = grown(over | (flags & mask), owner.grow_saturated)
        light = raw - owner.background_
        rings = self._rings(light)
        self.light = light - rings
        noise = owner.noise_
        self.noise = np.full(raw.shape, frame_noise(light[None], mask)) if noise is None else noise
        self.report: dict[str, float] = {"background": float(np.median((owner.background_ + rings)[mask]))}
        self.mask = self._good()
        self.report["saturated pixels"] = int(np.count_nonzero(self.saturated & self.mask))
        self.photons = np.where(self.mask, self.light, 0) * np.float32(owner.gain)
        self.report["photons"] = float(self.photons.sum(dtype=np.float64))
        self.center = self._find_center() if find or owner.center == "each" else owner.center_

    def _rings(self, light: Array) -> Array:
        if self.owner.background not in ("rings", "dark+rings"):
            return np.zeros_like(light)
        known = self.owner.center_ if self.owner.center_ is not None else beam_center(self.detector)
        usable = self.given & ~self.owner.bad_pixels_
        return ring_background(light, known, mask=usable, inner_radius=self.owner.background_radius)

    def _good(self) -> NDArray[np.bool_]:
        """The given mask without what is bad in all frames or sticks out in this one."""
        bad = self.owner.bad_pixels_ & self.given
        usable = self.given & ~bad  # saturated pixels are bright neighbours
        threshold, gain = self.owner.threshold, self.owner.gain
        if threshold is not None and usable.any():
            hot, dead = find_outliers(self.light, usable, threshold=threshold, noise=self.noise, gain=gain)
            bad = bad | hot | dead
        self.report["bad pixels"] = int(np.count_nonzero(bad))
        good = self.given & ~grown(bad, self.owner.grow)
        if not good.any():
            allowed = "frames with at least one pixel that is measured and not bad"
            raise fail("X", type(self.owner).__name__, allowed, f"frame {self.number}, which has none")
        return good

    def _find_center(self) -> Place:
        owner = self.owner
        usable = self.mask & ~self.saturated
        try:
            found = find_center(
                self.photons,
                usable,
                detector=self.detector,
                wavelength=owner.wavelength,
                max_shift=owner.max_shift,
            )
        except ValueError as error:
            raise ValueError(f"No centre was found in frame {self.number}: {error}") from error
        self.report |= {"asymmetry": found.asymmetry, "disagreement": found.disagreement}
        return found.center

    def resampled(self, resampler: QResampler) -> Resampled:
        """Give the frame on the grid."""
        gain = self.owner.gain
        return resampler.resample(
            self.photons[None],
            self.mask[None],
            saturated=self.saturated[None],
            variance=(np.maximum(self.photons, 0) + (gain * self.noise) ** 2)[None],
            center=self.center,
        )


def common_saturation(frames: Array, usable: Array) -> float | None:
    """Level of saturation of frames some of which may have no usable pixel."""
    some = usable.any(axis=(1, 2))
    return saturation_level(frames[some], usable[some]) if some.any() else None


def frame_noise(frames: Array, mask: Array) -> float:
    """Noise of the darker half of the pixels, from the differences of neighbours."""
    pairs = mask[:, 1:] & mask[:, :-1]
    if not pairs.any():
        return 0.0
    steps, means = np.diff(frames, axis=2)[:, pairs], (frames[:, :, 1:] + frames[:, :, :-1])[:, pairs] / 2
    dark = means <= np.median(means)
    return float(MAD * np.median(np.abs(steps[dark])) / np.sqrt(2))
