"""How far the exact pattern of a convex body is from the measured one, pixel by pixel, with derivatives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scatterkit.experiment import check_detector
from scatterkit.fitting._planes import Floats
from scatterkit.fitting._symmetry_center import largest_shift
from scatterkit.response import DetectorResponse, fit_response
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation._attenuation import attenuation
from scatterkit.simulation.facets import FacetLook, FacetScattering
from scatterkit.simulation.plan import PUBLISHED_VOXEL

Integers = NDArray[np.int64]

PLATEAU = 0.003
"""Share of the pixels that must lie within 1 % of the brightest for these to count as saturated."""
EPS_TRIED = (1e-6, 1e-5, 1e-4)
"""Values of eps that a matched response is chosen from, in units of the body's intensity at q = 0, about."""
EPS_RANGE = (1e-12, 1e-2)
"""Range of eps in the same units."""
ROBUST_SCALE = 0.5
"""Errors beyond this part of the pattern's standard deviation count for little in a robust loss."""
RESPONSE_STEPS = np.array([0.3, 0.01, 0.01, 0.2, 0.2])
"""Usual steps of log eps, gain, offset, row shift and column shift."""


@dataclass(frozen=True)
class PixelLook:
    """A body's recorded pattern on some pixels, minus what was measured, and its derivatives.

    ``error`` (n,); ``by_planes`` (3 m, n) by offset and two turns of the half-spaces ``faces``, whose tangents are
    ``tangents`` (m, 2, 3); ``by_response`` (5, n) by log eps, gain, offset and the two shifts. ``cost`` is what is
    minimised: half its gradient is the mean of derivatives times error.
    """

    error: Floats
    faces: Integers
    tangents: Floats
    by_planes: NDArray[np.float32]
    by_response: NDArray[np.float32]
    cost: float


def pixel_losses(error: Floats, scale: float) -> tuple[Floats, Floats]:
    """Give the loss of each error, and its weight in least squares.

    Cauchy's: squares up to about the scale, logarithms beyond; the squares alone where that is infinite.

    References
    ----------
    P. W. Holland and R. E. Welsch, Commun. Stat. A 6, 813 (1977).
    """
    squared = np.square(error)
    if math.isinf(scale):
        return squared, np.ones_like(squared)
    relative = squared / scale**2
    return scale**2 * np.log1p(relative), 1 / (1 + relative)


class FacetObjective:
    """Mean loss between a measured log-scaled pattern and the exact one of a convex body: squared, or robust.

    A response is an array (log eps, gain, offset, row shift, column shift).

    Parameters
    ----------
    simulator : MSFTSimulator
        The experiment, with light on straight rays.
    measured : ndarray of float32 of shape (rows, columns)
        The log-scaled pattern.
    mask : ndarray of bool of shape (rows, columns)
        True where the pattern was measured.
    max_shift : float [pixel]
        Largest shift of the pattern's centre; none where panels are stacked.
    robust : bool, default=False
        Whether pixels that are far off count for little.

    Attributes
    ----------
    scale : float [1]
        Errors far beyond it hardly count in the end of a fit; infinity for squared differences.
    """

    def __init__(
        self,
        simulator: MSFTSimulator,
        measured: NDArray[np.float32],
        mask: NDArray[np.bool_],
        max_shift: float,
        robust: bool = False,
    ) -> None:
        self.simulator, self.picture, self.mask = simulator, measured, mask
        self.max_shift = largest_shift(simulator.detector, max_shift)
        self.gamma = attenuation(simulator)
        self.places = _Places(simulator, mask, self.max_shift > 0)
        self.level = _saturation_level(measured[self.places.lit].astype(np.float64))
        self.measured = np.minimum(measured[self.places.lit].astype(np.float64), self.level)
        self.q = self.q_under((0.0, 0.0))
        self.q_max = float(self.q.max())
        self.brightness = self._brightness(simulator.box / 6)
        self.scale = ROBUST_SCALE * float(self.measured.std()) if robust else math.inf
        self.n_evaluations = 0

    def expect(self, radius: float) -> None:
        """Say how wide bodies are about, half their width in nm: what eps is tried depends on it."""
        self.brightness = self._brightness(radius)

    def _brightness(self, radius: float) -> float:
        """Intensity at q = 0 of an opaque body, or of a transparent one as deep as it is wide."""
        depth = min(1 / max(abs(self.gamma), 1e-12), 2 * radius)
        return (math.pi * radius**2 * depth / PUBLISHED_VOXEL**3) ** 2

    def bounded(self, response: Floats) -> Floats:
        """Bring a response into what a detector may do."""
        low, high = np.log(np.array(EPS_RANGE) * self.brightness)
        bounded = response.copy()
        bounded[0] = np.clip(response[0], low, high)
        bounded[1] = max(response[1], 1e-6)
        bounded[3:] = np.clip(response[3:], -self.max_shift, self.max_shift)
        return bounded

    def within(
        self, q: float, at_most: int | None, rng: np.random.Generator, shift: tuple[float, float] = (0.0, 0.0)
    ) -> Integers:
        """Give the pixels up to a q under a shift; of more than ``at_most`` a random choice."""
        pixels = np.flatnonzero(self.q_under(shift) <= q)
        if at_most is not None and pixels.size > at_most:
            pixels = np.sort(rng.choice(pixels, at_most, replace=False))
        return pixels

    def q_under(self, shift: tuple[float, float]) -> Floats:
        """Give the transverse wave number of all lit pixels of the mask under a shift."""
        return np.hypot(*self.places.transverse(slice(None), np.asarray(shift)).T)

    def matched(self, intensity: Floats, pixels: Integers, eps: float | None = None) -> Floats:
        """Give the response that has the mean and the spread of what was measured: never a flat one.

        A response that were fitted to a wrong body would be, since the least error is that of no contrast at all.
        """
        measured = self.measured[pixels]
        best, chosen = -np.inf, np.zeros(5)
        tried = [part * self.brightness for part in EPS_TRIED] if eps is None else [eps]
        for trial in tried:
            log = np.log(intensity + trial)
            spread = max(float(log.std()), 1e-9)
            likeness = float(np.mean((log - log.mean()) * (measured - measured.mean()))) / spread
            if likeness > best:
                gain = float(measured.std()) / spread
                best = likeness
                chosen = np.array([math.log(trial), gain, measured.mean() - gain * log.mean(), 0.0, 0.0])
        return chosen

    def intensity(
        self, planes: tuple[Floats, Floats], pixels: Integers, shift: Floats, darkest: float
    ) -> Floats:
        """Give a body's intensity on some pixels."""
        self.n_evaluations += 1
        return FacetScattering(self.places.q(pixels, shift), self.gamma, darkest).intensity(*planes)

    def look(
        self,
        planes: tuple[Floats, Floats],
        response: Floats | None,
        pixels: Integers,
        darkest: float,
        eps: float | None = None,
        scale: float = math.inf,
    ) -> tuple[PixelLook, Floats] | None:
        """Compare a body's pattern under a response, or a matched one of a given eps; None where nothing is inside.

        Depths beyond ``darkest`` decay lengths of the field are left out. Errors far beyond ``scale`` hardly count.
        """
        self.n_evaluations += 1
        shift = np.zeros(2) if response is None else response[3:]
        q = self.places.q(pixels, shift)
        found = FacetScattering(q, self.gamma, darkest).look(*planes)
        if not found.faces.size:
            return None
        if response is None or eps is not None:
            response = self.matched(found.intensity, pixels, eps)
            response[3:] = shift
        return self._compared(found, response, pixels, scale), response

    def _compared(self, found: FacetLook, response: Floats, pixels: Integers, scale: float) -> PixelLook:
        background = math.exp(response[0])
        raised = found.intensity + background
        log = np.log(raised)
        linear = response[1] * log + response[2]
        passed = (linear > 0) & (linear < self.level)
        weight = response[1] * passed / raised
        error = np.clip(linear, 0, self.level) - self.measured[pixels]
        by_rest = np.array([weight * background, log * passed, passed])
        losses, shares = pixel_losses(error, scale)
        root = np.sqrt(shares)
        weight, by_rest, error = weight * root, by_rest * root, error * root
        return self._weighted(found, response[3:], pixels, weight, by_rest, error, float(losses.mean()))

    def _weighted(
        self,
        found: FacetLook,
        shift: Floats,
        pixels: Integers,
        weight: Floats,
        by_rest: Floats,
        error: Floats,
        cost: float,
    ) -> PixelLook:
        """Give errors with their derivatives, from those by intensity (n,) and by response but shifts (3, n)."""
        narrow = weight.astype(np.float32)
        by_response = np.zeros((5, pixels.size), np.float32)
        by_response[:3] = by_rest
        if self.max_shift > 0:
            by_response[3:] = (
                np.einsum("sna,an->sn", self.places.by_shift(pixels, shift), found.slopes) * narrow
            )
        return PixelLook(error, found.faces, found.tangents, found.jacobian * narrow, by_response, cost)

    def judged(self, planes: tuple[Floats, Floats], start: Floats | None) -> tuple[DetectorResponse, float]:
        """Fit the whole response to a body's exact pattern, on all pixels; give it with the residual."""
        scattering, lit = FacetScattering.of(self.simulator)
        self.n_evaluations += 1
        picture = np.zeros(lit.shape, np.float32)
        picture[lit] = scattering.intensity(*planes)
        begin = None if start is None else self.response(start)
        return best_response(self.picture, picture, self.mask, self.max_shift, begin, self.scale)

    def response(self, point: Floats) -> DetectorResponse:
        """Give a response as the rest of the package knows it."""
        log_eps, gain, offset, row, column = point.tolist()
        return DetectorResponse(math.exp(log_eps), max(gain, 0.0), offset, self.level, (row, column))


def best_response(
    measured: NDArray[np.float32],
    intensity: NDArray[np.float32],
    mask: NDArray[np.bool_],
    max_shift: float,
    start: DetectorResponse | None,
    scale: float = math.inf,
) -> tuple[DetectorResponse, float]:
    """Fit the whole response to a picture, or keep the one to start from where that is no worse; give the mean loss.

    A robust loss keeps the one to start from in any case: squared differences would pull it to the pixels that are off.
    """
    robust = math.isfinite(scale)
    if start is None or not robust:
        fitted, residual = fit_response(measured, intensity, mask, max_shift=max_shift, start=start)
        if start is None:
            start = fitted
    losses, _ = pixel_losses((start.apply(intensity) - measured)[mask].astype(np.float64), scale)
    kept = float(losses.mean())
    return (start, kept) if robust or kept <= residual else (fitted, residual)


class _Places:
    """Wave vectors of the lit pixels of a mask, also where the pattern is shifted on the detector.

    A picture that is moved by a pixel shows at a pixel what the pixel before would show. Between pixels, transverse
    wave vectors are taken as linear.
    """

    def __init__(self, simulator: MSFTSimulator, mask: NDArray[np.bool_], with_shift: bool) -> None:
        self.k = 2 * math.pi / simulator.wavelength
        detector = check_detector(simulator.detector, owner="MSFTSimulator")
        pairs = detector.wavevectors(self.k), detector.depth_wavevectors(self.k)
        wave, depth = (np.stack([np.broadcast_to(q, mask.shape) for q in pair], axis=-1) for pair in pairs)
        self.lit: NDArray[np.bool_] = mask & (np.square(depth).sum(axis=-1) < self.k**2)
        self.wave, self.depth = wave[self.lit], depth[self.lit]
        if with_shift:
            self.wave_by_shift, self.depth_by_shift = (self._slopes(q) for q in (wave, depth))

    def _slopes(self, q: Floats) -> Floats:
        """Give the change ``(2, n, 2)`` of wave vectors per pixel; none beside pixels that see no light."""
        with np.errstate(invalid="ignore"):
            slopes = -np.stack([*np.gradient(q, axis=(0, 1))])[:, self.lit]
        return np.where(np.isfinite(slopes), slopes, 0)

    def q(self, pixels: Integers, shift: Floats) -> Floats:
        """Give (q_z, q_y, q_x) of some pixels under a shift (rows, columns)."""
        depth = self.k - self._along(self._shifted_depth(pixels, shift))
        return np.column_stack([depth, self.transverse(pixels, shift)])

    def transverse(self, pixels: Integers | slice, shift: Floats) -> Floats:
        """Give (q_y, q_x) of some pixels under a shift."""
        wave: Floats = self.wave[pixels]
        return wave + np.tensordot(shift, self.wave_by_shift[:, pixels], axes=1) if shift.any() else wave

    def by_shift(self, pixels: Integers, shift: Floats) -> Floats:
        """Give the change ``(2, n, 3)`` of wave vectors per pixel of shift along rows and columns."""
        wave, slope = self.wave_by_shift[:, pixels], self.depth_by_shift[:, pixels]
        depth = self._shifted_depth(pixels, shift)
        steepness = depth / np.maximum(self._along(depth), 1e-6 * self.k)[:, None]
        return np.concatenate([np.einsum("sna,na->sn", slope, steepness)[..., None], wave], axis=2)

    def _shifted_depth(self, pixels: Integers, shift: Floats) -> Floats:
        depth: Floats = self.depth[pixels]
        return depth + np.tensordot(shift, self.depth_by_shift[:, pixels], axes=1) if shift.any() else depth

    def _along(self, depth: Floats) -> Floats:
        """Give the component of the outgoing wave vector along the beam."""
        along: Floats = np.sqrt(np.maximum(self.k**2 - np.square(depth).sum(axis=1), 0))
        return along


def _saturation_level(measured: Floats) -> float:
    """Give the value that many pixels share as the brightest; infinity where none do."""
    brightest = float(measured.max())
    level = 0.99 * brightest
    return level if np.mean(measured >= level) > PLATEAU else math.inf
