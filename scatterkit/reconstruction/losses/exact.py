"""ExactPhysicsLoss: the exact pattern of a convex body, on the CPU."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray

from scatterkit._validation import AnyOf, Choice, Constraint, Integer, fail
from scatterkit.fitting._planes import Floats
from scatterkit.reconstruction.bodies import Body
from scatterkit.reconstruction.losses.base import Loss, LossFunction, Targets, Tensor, target
from scatterkit.reconstruction.losses.physics import measured_pixels
from scatterkit.simulation import LogScaler, MSFTSimulator
from scatterkit.simulation.facets import FacetScattering
from scatterkit.simulation.kernels.threads import share_out, single_blas_thread

_DARKEST = 5.0
"""Decay lengths of the field beyond which depths are left out: less than 1 % of the amplitude comes from there."""
_FAR = 1e3
"""Half-spaces farther than this, in boxes, are those that fill up a batch."""
Arrays = NDArray[np.float32]


class ExactPhysicsLoss(Loss):
    """The scatter loss of convex bodies by their exact patterns, on some pixels of each step, for training on CPUs.

    Parameters
    ----------
    n_pixels : int, default=400
        Pixels of a step, drawn anew in each. Their mean is the loss of all pixels, but for noise that is small beside
        that of a batch.
    n_jobs : int, optional
        Threads that the bodies of a batch are shared out to; -1 for all cores, one by default.

    See Also
    --------
    PhysicsLoss : By voxels, on any device, for any body.
    scatterkit.simulation.PolyhedronSimulator : What is simulated.

    Notes
    -----
    Bodies must be made of half-spaces, and light must go on straight rays (``propagation`` "msft"). The pattern of a
    convex body is a sum over the edges of its lit faces. It has no voxels to err by, its derivatives by the half-spaces
    are exact, and it can be had pixel by pixel: a body takes one or two milliseconds, where a volume of 64^3 voxels
    takes fifty with its gradient. The numbers leave the graph for it, so that XLA and GPUs have no part in it.

    As in `PhysicsLoss`, log(I + eps) is compared, both sides scaled to [0, 1]; here over the pixels of the step, of
    which the target's brightest is always one.

    References
    ----------
    J. Wuttke, J. Appl. Cryst. 54, 580 (2021), arXiv:1703.00255.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.experiment import QGrid
    >>> from scatterkit.reconstruction import ExactPhysicsLoss, SupportDecoder
    >>> from scatterkit.simulation import LogScaler, MSFTSimulator, PolyhedronSimulator
    >>> from scatterkit.solids import Solid
    >>> detector, decoder = QGrid(16, dq=0.02), SupportDecoder(n_directions=30)
    >>> numbers = np.zeros((1, 33), dtype=np.float32)
    >>> true = Solid.from_halfspaces(*decoder.planes(numbers)[0])
    >>> pattern = LogScaler().transform(PolyhedronSimulator(detector=detector).transform([true]))
    >>> loss = ExactPhysicsLoss().build(MSFTSimulator(detector=detector))
    >>> bool(np.asarray(loss({"pattern": pattern}, decoder.body(numbers), 0)) < 1e-5)
    True
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "n_pixels": Integer(16),
        "n_jobs": AnyOf((Choice((None, -1)), Integer(1))),
    }

    def __init__(self, n_pixels: int = 400, n_jobs: int | None = None) -> None:
        self.n_pixels = n_pixels
        self.n_jobs = n_jobs

    @property
    def targets(self) -> frozenset[str]:
        return frozenset({"pattern"})

    @property
    def on_host(self) -> bool:
        return True

    @property
    def needs_planes(self) -> bool:
        return True

    def _function(self, simulator: MSFTSimulator, grid: int, scaler: LogScaler) -> LossFunction:
        from scatterkit.simulation.kernels.tensor_backends import has_gpu, keras
        from scatterkit.simulation.kernels.tensor_training import host_function

        ops, owner = keras.ops, type(self).__name__
        if simulator.propagation != "msft":
            raise fail("simulator", owner, "one with propagation 'msft'", repr(simulator.propagation))
        if has_gpu():
            raise fail("loss", owner, "another one on a GPU, such as PhysicsLoss", owner)
        patches = _Patches(simulator, scaler, int(self.n_pixels), effective_n_jobs(self.n_jobs))
        compared = host_function(patches.losses, n_parts=2)

        def loss(targets: Targets, body: Body, step: Any) -> Tensor:
            if body.halfspaces is None:
                raise fail("body", owner, "one of half-spaces, as PlaneDecoder gives", "none")
            pattern = target(targets, "pattern", owner)
            given = targets.get("mask")
            mask = ops.ones_like(pattern) if given is None else ops.cast(given, "float32")
            return compared(*body.halfspaces, pattern, mask, ops.cast(step, "int32"))

        return loss


class _Patches:
    """Losses on some pixels, and their derivatives by half-spaces, in arrays."""

    def __init__(self, simulator: MSFTSimulator, scaler: LogScaler, n_pixels: int, n_jobs: int) -> None:
        self._scattering, lit = FacetScattering.of(simulator)
        measured = measured_pixels(simulator, scaler)
        kept = np.ones(lit.sum(), bool) if measured is None else measured[0][lit]
        self._q, self._pixels = self._scattering.q[kept], np.flatnonzero(lit)[kept]
        if not self._pixels.size:
            raise fail("simulator", "ExactPhysicsLoss", "one that measures where light goes", "no such pixel")
        self._n = min(n_pixels, self._pixels.size)
        self._eps, self._far, self._n_jobs = float(scaler.eps), _FAR * float(simulator.box), n_jobs

    def losses(
        self, normals: Arrays, offsets: Arrays, patterns: Arrays, masks: Arrays, step: Any
    ) -> tuple[Arrays, Arrays, Arrays]:
        """Give losses ``(n,)`` and their derivatives by normals ``(n, k, 3)`` and offsets ``(n, k)``."""
        drawn = np.random.default_rng(int(step)).choice(self._pixels.size, self._n, replace=False)
        losses = np.zeros(len(normals), np.float32)
        by_normals, by_offsets = np.zeros_like(normals), np.zeros_like(offsets)
        flat, seen = (a.reshape(len(a), -1)[:, self._pixels] for a in (patterns, masks > 0.5))

        def one(i: int) -> None:
            brightest = np.argmax(np.where(seen[i], flat[i], -1))
            chosen = np.union1d(drawn, brightest)
            chosen = chosen[seen[i, chosen]]
            near = ~(offsets[i] > self._far)
            planes = normals[i, near].astype(np.float64), offsets[i, near].astype(np.float64)
            if not all(np.isfinite(part).all() for part in planes):
                losses[i] = np.nan  # for the training to see
                return
            if chosen.size > 1 and np.ptp(flat[i, chosen]) > 0:  # else there is nothing to compare
                losses[i], by_normals[i, near], by_offsets[i, near] = self._one(
                    *planes, chosen, flat[i, chosen]
                )

        with single_blas_thread():
            share_out(one, len(normals), self._n_jobs)
        return losses, by_normals, by_offsets

    def _one(
        self, normals: Floats, offsets: Floats, chosen: NDArray[np.int64], pattern: Arrays
    ) -> tuple[float, Floats, Floats]:
        """Give a body's loss and its derivatives; a body that no light meets scatters nothing, and has none."""
        scattering = FacetScattering(self._q[chosen], self._scattering.gamma, _DARKEST)
        look = scattering.look(normals, offsets)
        logs = np.log(look.intensity + self._eps)
        low, high = int(np.argmin(logs)), int(np.argmax(logs))
        span, target = logs[high] - logs[low], (pattern - pattern.min()) / np.ptp(pattern)
        by_normals, by_offsets = np.zeros_like(normals), np.zeros_like(offsets)
        if not span > 0:
            return float(np.mean(target**2)), by_normals, by_offsets
        scaled = (logs - logs[low]) / span
        apart = scaled - target
        pull = 2 * apart / apart.size / span
        by_logs = pull.copy()
        by_logs[high] -= pull @ scaled
        by_logs[low] -= pull @ (1 - scaled)
        slopes = (look.jacobian @ (by_logs / (look.intensity + self._eps)).astype(np.float32)).reshape(-1, 3)
        by_offsets[look.faces] = slopes[:, 0]
        by_normals[look.faces] = np.einsum("ft,ftx->fx", slopes[:, 1:], look.tangents)
        return float(np.mean(apart**2)), by_normals, by_offsets
