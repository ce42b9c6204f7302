"""How far a network is to be trusted: intervals of the front's depth, and how usual a pattern is."""

from __future__ import annotations

import itertools
import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from scatterkit._validation import Real, check_value, check_volumes, fail
from scatterkit.reconstruction._predictor import Masks, NetworkPredictor, Patterns
from scatterkit.reconstruction.bodies import front_surface
from scatterkit.reconstruction.pose import canonical_pose
from scatterkit.reconstruction.views import View, views

Depths = NDArray[np.float32]


class CalibratedPredictor(NetworkPredictor):
    """A network that was shown held-out samples, and knows from these how wrong it is."""

    calibration_: dict[str, Any]

    def calibrate(
        self, X: ArrayLike, y: ArrayLike, *, mask: ArrayLike | None = None, coverage: float = 0.9
    ) -> Self:
        """Learn from samples that the network was not trained on how far off its fronts are.

        Another training forgets it.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns in [0, 1], such as the network is to be used for, with their artifacts.
        y : array-like of shape (n, grid, grid, grid)
            The true volumes.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; everything by default.
        coverage : float [1], default=0.9
            What `predict_interval` is to hold; n must be at least coverage / (1 - coverage).

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
        scores = []
        for i in range(n):
            true, lit = self._fronts(volumes[i : i + 1])
            depth, spread, seen = self._depth(numbers[i : i + 1], patterns[i], masks[i])
            both = seen & lit[0]
            apart = np.abs(depth - true[0])[both] / spread[both]
            scores.append(float(np.quantile(apart, coverage, method="higher")) if both.any() else math.inf)
        residuals = self._unrefined(numbers, patterns, masks)[1]
        self.calibration_ = {
            "coverage": float(coverage),
            "factor": sorted(scores)[rank - 1],
            "residuals": sorted(float(residual) for residual in residuals),
        }
        return self

    def predict_interval(self, X: ArrayLike, *, mask: ArrayLike | None = None) -> tuple[Depths, Depths]:
        """Give bounds of the depth of the front behind its apex, column by column.

        With at least the calibration's probability, the bounds hold in at least that part of the lit columns, for
        patterns like those of the calibration (split conformal prediction). They are those of the network, without
        refinement. Behind the front nothing is said: the back is not measured.

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
        check_is_fitted(self, "calibration_", msg="This %(name)s is not calibrated: call 'calibrate' first.")
        numbers, patterns, masks = self._numbers(X, mask)
        bounds = []
        for i in range(len(patterns)):
            depth, spread, seen = self._depth(numbers[i : i + 1], patterns[i], masks[i])
            reach = self.calibration_["factor"] * spread
            bounds.append([np.where(seen, depth + sign * reach, np.nan) for sign in (-1, 1)])
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
            Conformal p-values in (0, 1]: the part of the calibration's patterns, this one counted in, whose residual
            is at least as large. Uniform for patterns like those of the calibration.
        """
        check_is_fitted(self, "calibration_", msg="This %(name)s is not calibrated: call 'calibrate' first.")
        residuals = self._unrefined(*self._numbers(X, mask))[1]
        known = np.array(self.calibration_["residuals"])
        # what cannot be compared is as unusual as can be
        larger = [np.sum(known >= r) if np.isfinite(r) else 0 for r in residuals]
        return (1 + np.array(larger)) / (1 + len(known))

    def _fronts(self, volumes: NDArray[np.float32]) -> tuple[Depths, NDArray[np.bool_]]:
        """Give depths of fronts behind their apex [nm], and which columns are lit."""
        box = float(self._simulator().box)
        entrance, silhouette = front_surface(canonical_pose(volumes, box, whole_voxels=False), box)
        lit = silhouette >= 0.5
        apex = np.where(lit, entrance, np.inf).min(axis=(1, 2), keepdims=True)
        return np.where(lit, entrance - apex, 0), lit

    def _depth(
        self, numbers: NDArray[np.float32], pattern: Patterns, mask: Masks
    ) -> tuple[Depths, Depths, NDArray[np.bool_]]:
        """Give the depth of one front, its spread over the views of the pattern, and which columns are lit."""
        _, forward = self._network()
        others = [view for view in views(self._simulator()) if view != View(False, False, False)]
        seen = [view.of(mask) & view.known(mask.shape) for view in others]
        shown = [np.where(known, view.of(pattern), 0) for view, known in zip(others, seen, strict=True)]
        volumes = self._volumes(numbers)
        if others:
            found = self._volumes(
                forward(np.stack(shown).astype(np.float32), np.stack(seen).astype(np.float32))
            )
            volumes = np.concatenate(
                [volumes, [v.undone_volume(f) for v, f in zip(others, found, strict=True)]]
            )
        depths, lit = self._fronts(volumes)
        counted = np.maximum(lit.sum(axis=0), 1)
        apart = np.where(lit, depths - depths[0], 0)
        voxel = float(self._simulator().box) / int(self.grid)
        spread = np.sqrt((apart**2).sum(axis=0) / counted + (voxel / 2) ** 2)
        return depths[0], spread.astype(np.float32), lit[0]
