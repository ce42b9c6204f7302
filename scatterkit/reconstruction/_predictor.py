"""What a trained network gives: volumes, solids, patterns and a score."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from scatterkit.fitting._pattern_checks import measured_masks, warn_of_holes
from scatterkit.fitting._pattern_tasks import volumes_of
from scatterkit.fitting._planes import Floats
from scatterkit.reconstruction._answers import (
    intensities_of,
    recorded,
    solids_of,
    warn_of_linear,
    warn_of_nothing,
    without_contrast,
)
from scatterkit.reconstruction._kept import KeptNetwork, Patterns
from scatterkit.reconstruction.decoders.halfspaces import PlaneDecoder, SupportDecoder
from scatterkit.reconstruction.decoders.names import make_decoder
from scatterkit.reconstruction.refinement import Refined, Refiner
from scatterkit.reconstruction.training._supplies import log_patterns
from scatterkit.solids import Solid

AT_ONCE = 32
"""Patterns that a network sees at once."""
Masks = NDArray[np.bool_]


class NetworkPredictor(KeptNetwork):
    """Predictions of a network whose weights are there; a subclass trains it."""

    def predict(self, X: ArrayLike, *, mask: ArrayLike | None = None) -> NDArray[np.float32]:
        """Give the volume of the body behind each pattern.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns in [0, 1]. Pixels outside the mask may hold anything, NaN too.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; everything by default.

        Returns
        -------
        ndarray of float32 of shape (n, grid, grid, grid)
            Occupancies in [0, 1]; all zero, with a warning, where a pattern is the same everywhere.

        Raises
        ------
        InvalidParameterError
            If a parameter, pattern or mask is not as described.
        """
        numbers, patterns, masks = self._numbers(X, mask)
        if not self.refine:
            warn_of_nothing(np.flatnonzero(~_finite(numbers)))
            return self._volumes(numbers)
        solids = [solid for solid, _, _ in self._refined(patterns, masks)]
        return volumes_of(solids, int(self.grid), self._simulator().box)

    def predict_solids(self, X: ArrayLike, *, mask: ArrayLike | None = None) -> list[Solid | None]:
        """Give the body behind each pattern: of planes these, of other decoders where the volume is half full.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns in [0, 1].
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; everything by default.

        Returns
        -------
        list of Solid
            The bodies, in nm; None, with a warning, where there is nothing.
        """
        numbers, patterns, masks = self._numbers(X, mask)
        if self.refine:
            return [solid for solid, _, _ in self._refined(patterns, masks)]
        return self._solids(numbers)

    def predict_pattern(self, X: ArrayLike, *, mask: ArrayLike | None = None) -> NDArray[np.float32]:
        """Give the pattern that each body would have left on the detector.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns in [0, 1].
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; everything by default.

        Returns
        -------
        ndarray of float32 of shape (n, rows, columns)
            Log-scaled patterns on the scale of X, with fitted response, on all pixels; NaN where there is no body.
        """
        return self._recorded(X, mask)[0]

    def score(self, X: ArrayLike, y: Any = None, *, mask: ArrayLike | None = None) -> float:
        """Give the negative mean residual of the patterns, over their masks; larger is better.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns in [0, 1].
        y : object, optional
            Ignored.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; everything by default.

        Returns
        -------
        float
            The negative mean of the mean squared difference between pattern and `predict_pattern`; NaN where no body
            was made of one of the patterns.

        Notes
        -----
        Patterns of little contrast have small residuals, whatever the body: compare scores of the same patterns only.
        `plausibility` takes the contrast into account.
        """
        return -float(np.mean(self._recorded(X, mask)[1]))

    def _numbers(self, X: ArrayLike, mask: ArrayLike | None) -> tuple[NDArray[np.float32], Patterns, Masks]:
        """Give the network's numbers for patterns, with these and their masks, all checked."""
        owner = type(self).__name__
        self._check_parameters()
        check_is_fitted(self, "weights_")
        masks = measured_masks(X, mask, self._simulator(), owner=owner)
        patterns = log_patterns(X, masks, self._simulator(), owner=owner)
        warn_of_linear(patterns, masks)
        warn_of_holes(patterns, masks, self._simulator())
        _, forward = self._network()
        parts = [slice(i, i + AT_ONCE) for i in range(0, len(patterns), AT_ONCE)]
        numbers = np.concatenate([forward(patterns[part], masks[part].astype(np.float32)) for part in parts])
        numbers[without_contrast(patterns, masks)] = np.nan  # which stands for no body
        return numbers, patterns, masks

    def _volumes(self, numbers: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give volumes of the network's numbers; empty ones, without a warning, where there is no body."""
        decoder, box, grid = make_decoder(self.decoder), self._simulator().box, int(self.grid)
        volumes = np.zeros((len(numbers), grid, grid, grid), np.float32)
        there = np.flatnonzero(_finite(numbers))
        for part in (there[i : i + AT_ONCE] for i in range(0, len(there), AT_ONCE)):
            volumes[part] = decoder.volumes(numbers[part], grid, box)
        return volumes

    def _solids(self, numbers: NDArray[np.float32]) -> list[Solid | None]:
        decoder, box = make_decoder(self.decoder), self._simulator().box
        if isinstance(decoder, (PlaneDecoder, SupportDecoder)):
            return solids_of(decoder.planes(numbers, box), None, box)
        return solids_of(None, self._volumes(numbers), box)

    def _recorded(self, X: ArrayLike, mask: ArrayLike | None) -> tuple[Patterns, NDArray[np.float64]]:
        """Give the pattern of each body as the detector would record it, and the residuals."""
        numbers, patterns, masks = self._numbers(X, mask)
        simulator = self._simulator()
        if self.refine:
            refined = self._refined(patterns, masks)
            intensities = intensities_of(simulator, [solid for solid, _, _ in refined], None)
            responses = [response for _, response, _ in refined]
            pictures = [i if r is None else r.apply(i) for i, r in zip(intensities, responses, strict=True)]
            return np.stack(pictures), np.array([residual for _, _, residual in refined])
        return self._unrefined(numbers, patterns, masks)

    def _unrefined(
        self, numbers: NDArray[np.float32], patterns: Patterns, masks: Masks
    ) -> tuple[Patterns, NDArray[np.float64]]:
        """Do so for the network's own bodies."""
        simulator = self._simulator()
        if self._by_planes() and simulator.propagation == "msft":
            intensities = intensities_of(simulator, self._solids(numbers), None)
        else:
            intensities = intensities_of(simulator, None, self._volumes(numbers))
            intensities[~_finite(numbers)] = np.nan
        return recorded(patterns, intensities, masks)

    def _refined(self, patterns: Patterns, masks: Masks) -> list[Refined]:
        """Refine what the network proposes for patterns."""
        decoder, simulator = make_decoder(self.decoder), self._simulator()
        assert isinstance(decoder, (PlaneDecoder, SupportDecoder))  # checked with the parameters
        _, forward = self._network()

        def propose(views: Patterns, seen: Masks) -> list[tuple[Floats, Floats]]:
            numbers = forward(np.where(seen, views, np.float32(0)), seen.astype(np.float32))
            # without the sides of the cube, which fits have of their own
            return [
                (normals[:-6], offsets[:-6]) for normals, offsets in decoder.planes(numbers, simulator.box)
            ]

        refiner = self.refine if isinstance(self.refine, Refiner) else Refiner()
        return refiner.refine(patterns, propose, mask=masks, simulator=simulator)


def _finite(numbers: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Say which of the network's numbers stand for a body."""
    return np.asarray(np.isfinite(numbers.reshape(len(numbers), -1)).all(axis=1), dtype=np.bool_)
