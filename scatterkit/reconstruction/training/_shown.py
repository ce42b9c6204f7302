"""What of stored samples is shown to a network: what its detector measures, in one of its views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.reconstruction.views import View

VIEW_SEED = 0x71E3
"""Tells views' seed from that of the training."""


@dataclass(frozen=True)
class Shown:
    """Shows each batch as a detector measures it, in a random one of its views: its patterns, masks and bodies."""

    views: tuple[View, ...]
    measured: NDArray[np.bool_] | None
    seed: int

    def __call__(
        self, values: Mapping[str, NDArray[Any]], samples: NDArray[np.int64], epoch: int
    ) -> Mapping[str, NDArray[Any]]:
        if self.measured is not None:
            values = {**values, "mask": values["mask"] * self.measured}
        # what was not measured may hold anything, NaN too; filters would spread it
        values = {**values, "pattern": np.where(values["mask"] > 0, values["pattern"], np.float32(0))}
        return self._turned(values, samples, epoch) if len(self.views) > 1 else values

    def _turned(
        self, values: Mapping[str, NDArray[Any]], samples: NDArray[np.int64], epoch: int
    ) -> Mapping[str, NDArray[Any]]:
        rng = np.random.default_rng([self.seed, VIEW_SEED, epoch, int(samples[0])])
        view = self.views[rng.integers(len(self.views))]
        known = view.known(values["pattern"].shape[1:])
        turned = {
            "pattern": view.of,
            "mask": lambda masks: view.of(masks) * known.astype(masks.dtype),
            "volume": view.of_volume,
            "normals": view.of_normals,
            "offsets": lambda offsets: offsets,
        }
        return {name: np.ascontiguousarray(turned[name](value)) for name, value in values.items()}
