"""How far a network is to be trusted: intervals of the front's depth, and how usual a pattern is."""

from __future__ import annotations

import itertools
import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from scatterkit._validation import Real, check_value, check_volumes, fail, shown
from scatterkit.reconstruction._kept import Patterns
from scatterkit.reconstruction._predictor import Masks, NetworkPredictor
from scatterkit.reconstruction.bodies import front_surface
from scatterkit.reconstruction.decoders.halfspaces import PlaneDecoder, SupportDecoder
from scatterkit.reconstruction.decoders.names import make_decoder
from scatterkit.reconstruction.pose import canonical_pose, posed_surfaces
from scatterkit.reconstruction.views import View, views

Depths = NDArray[np.float32]
_MISFITS = "misfits"
_THIN = 0.5
"""Thickness of half-space bodies, in voxels, from which on a column is lit: about as in volumes."""


class CalibratedPredictor(NetworkPredictor):
    """A network that was shown held-out samples, and knows from these how wrong it is."""

    calibration_: dict[str, Any]

    def calibrate(
        self, X: ArrayLike, y: ArrayLike, *, mask: ArrayLike | None = None, coverage: float = 0.9
    ) -> Self:
        """Learn from samples that the network was not trained on how far off its fronts are.

        Another training forgets it. With another ``simulator`` or ``grid`` it is refused.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns in [0, 1], such as the network is to be used for, with their artifacts; what noise is
            below zero, as an `Augmenter` leaves it, is cut.
        y : array-like of shape (n, grid, grid, grid)
            The true volumes.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; everything by default.
        coverage : float [1], default=0.9
            What `predict_interval` is to hold, in columns that true and found bodies both fill; n must be at least
            coverage / (1 - coverage).

        Returns
        -------
        PhysicsReconstructor
            The estimator itself.
        """
        owner = type(self).__name__
        check_value(coverage, Real(0.01, 0.99), name="coverage", owner=owner)
        check_is_fitted(self, "weights_")
        volumes = check_volumes(y, owner=owner, name="y")
        wanted = (np.shape(X)[0] if np.ndim(X) else 0, *(int(self.grid),) * 3)
        if volumes.shape != wanted:
            raise fail("y", owner, f"volumes of shape {wanted}", f"shape {volumes.shape}")
        n = len(volumes)
        rank = math.ceil((n + 1) * coverage)
        if rank > n:
            least = next(m for m in itertools.count(n) if math.ceil((m + 1) * coverage) <= m)
            allowed = f"at least {least} patterns for a coverage of {coverage:g}"
            raise fail("X", owner, allowed, f"{n}")
        numbers, patterns, masks = self._numbers(X, mask)
        others, scores = self._others(), []
        for i in range(n):
            true, lit = self._fronts(volumes[i : i + 1])
            depth, spread, seen = self._depth(numbers[i], patterns[i], masks[i], others)
            both = seen & lit[0]
            apart = np.abs(depth - true[0])[both] / spread[both]
            scores.append(float(np.quantile(apart, coverage, method="higher")) if both.any() else math.inf)
        self.calibration_ = {
            "coverage": float(coverage),
            "factor": sorted(scores)[rank - 1],
            _MISFITS: sorted(self._misfits(numbers, patterns, masks).tolist()),
            "made_for": self._experiment(),
        }
        return self

    def predict_interval(self, X: ArrayLike, *, mask: ArrayLike | None = None) -> tuple[Depths, Depths]:
        """Give bounds of the depth of the front behind its apex, column by column.

        With at least the calibration's probability, the bounds hold in at least that part of the columns that both the
        body and the network's body fill, for patterns like those of the calibration (split conformal prediction).
        Nothing is promised of columns that only one of them fills, and those outside the silhouette found have no
        bounds. They are those of the network, without refinement. Behind the front nothing is said: the back is not
        measured.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns in [0, 1].
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; everything by default.

        Returns
        -------
        low, high : ndarray of float32 of shape (n, grid, grid) [nm]
            Bounds in the canonical pose, columns (y, x); NaN outside the silhouette. Their distance is larger where
            the network contradicts itself about turned and mirrored patterns.
        """
        self._check_calibrated()
        numbers, patterns, masks = self._numbers(X, mask)
        factor, others, bounds = self.calibration_["factor"], self._others(), []
        for each in zip(numbers, patterns, masks, strict=True):
            depth, spread, seen = self._depth(*each, others)
            bounds.append([np.where(seen, depth + sign * factor * spread, np.nan) for sign in (-1, 1)])
        low, high = np.moveaxis(np.array(bounds, np.float32), 1, 0)
        return np.where(low < 0, np.float32(0), low), high  # nothing lies before the apex

    def plausibility(self, X: ArrayLike, *, mask: ArrayLike | None = None) -> NDArray[np.float64]:
        """Say how usual patterns are: small where the network's body explains a pattern worse than it should.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns in [0, 1].
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; everything by default.

        Returns
        -------
        ndarray of float64 of shape (n,)
            Conformal p-values in (0, 1]: the part of the calibration's patterns, this one counted in, whose residual,
            divided by the variance of the pattern over its mask, is at least as large. Uniform for patterns like those
            of the calibration; 1 / (n + 1), of n samples of the calibration, for a pattern without contrast.

        Notes
        -----
        It is the network's own body that is compared, without refinement. What a body can explain is not told to be
        unusual: another material or scale may pass.
        """
        self._check_calibrated()
        known = np.array(self.calibration_[_MISFITS])
        larger = [np.sum(known >= misfit) for misfit in self._misfits(*self._numbers(X, mask))]
        return (1 + np.array(larger)) / (1 + len(known))

    def _check_calibrated(self) -> None:
        check_is_fitted(self, "weights_")
        check_is_fitted(
            self,
            "calibration_",
            msg="This %(name)s is not calibrated, or was trained since: call 'calibrate' first.",
        )
        now = self._experiment()
        for name, before in self.calibration_["made_for"].items():
            if now[name] != before:
                allowed = "that of the calibration; call 'calibrate' for another"
                raise fail(name, type(self).__name__, allowed, shown(getattr(self, name)))

    def _misfits(self, numbers: NDArray[np.float32], patterns: Patterns, masks: Masks) -> NDArray[np.float64]:
        """Give residuals as parts of the patterns' variance; what cannot be compared is as unusual as can be."""
        residuals = self._unrefined(numbers, patterns, masks)[1]
        spreads = np.array([p[mask].var(dtype=np.float64) for p, mask in zip(patterns, masks, strict=True)])
        known = np.isfinite(residuals) & (spreads > 0)
        return np.where(known, residuals / np.where(known, spreads, 1), np.inf)

    def _others(self) -> list[View]:
        return [view for view in views(self._simulator()) if view != View(False, False, False)]

    def _fronts(self, volumes: NDArray[np.float32]) -> tuple[Depths, NDArray[np.bool_]]:
        """Give depths of fronts behind their apex [nm], and which columns are lit."""
        box = float(self._simulator().box)
        entrance, silhouette = front_surface(canonical_pose(volumes, box, whole_voxels=False), box)
        return _behind_apex(entrance, silhouette >= 0.5)

    def _plane_fronts(
        self, numbers: NDArray[np.float32], seen: list[View]
    ) -> tuple[Depths, NDArray[np.bool_]]:
        """Do so for the network's half-spaces, each turned back from its view."""
        box, grid, decoder = float(self._simulator().box), int(self.grid), make_decoder(self.decoder)
        assert isinstance(decoder, (PlaneDecoder, SupportDecoder))
        found = decoder.planes(numbers, box)
        planes = [
            np.column_stack([view.undone(normals), offsets])
            for view, (normals, offsets) in zip(seen, found, strict=True)
        ]
        entrance, leaving = posed_surfaces(np.array(planes, np.float32), grid, box)
        return _behind_apex(entrance, leaving - entrance >= _THIN * box / grid)

    def _depth(
        self, numbers: NDArray[np.float32], pattern: Patterns, mask: Masks, others: list[View]
    ) -> tuple[Depths, Depths, NDArray[np.bool_]]:
        """Give the depth of one front, its spread over the views of the pattern, and which columns are lit."""
        grid = int(self.grid)
        if not np.isfinite(numbers).all():
            nothing = np.zeros((grid, grid), np.float32)
            return nothing, nothing, nothing > 0
        known = [view.turned_with_mask(pattern, mask) for view in others]
        numbers = numbers[None]
        if known:
            shown_patterns, seen = (np.stack(part).astype(np.float32) for part in zip(*known, strict=True))
            _, forward = self._network()
            numbers = np.concatenate([numbers, forward(np.where(seen > 0, shown_patterns, 0), seen)])
        ways = [View(False, False, False), *others]
        if self._by_planes():
            depths, lit = self._plane_fronts(numbers, ways)
        else:
            volumes = zip(ways, self._volumes(numbers), strict=True)
            depths, lit = self._fronts(np.stack([view.undone_volume(volume) for view, volume in volumes]))
        counted = np.maximum(lit.sum(axis=0), 1)
        apart = np.where(lit, depths - depths[0], 0)
        voxel = float(self._simulator().box) / grid
        spread = np.sqrt((apart**2).sum(axis=0) / counted + (voxel / 2) ** 2)
        return depths[0], spread.astype(np.float32), lit[0]


def _behind_apex(entrance: Depths, lit: NDArray[np.bool_]) -> tuple[Depths, NDArray[np.bool_]]:
    """Give depths behind the first lit column, zero where nothing is lit."""
    apex = np.where(lit, entrance, np.inf).min(axis=(1, 2), keepdims=True)
    return np.where(lit, entrance - apex, 0), lit
