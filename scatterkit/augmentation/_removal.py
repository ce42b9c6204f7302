"""What filters share that set pixels to zero."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from scatterkit.augmentation._common import brightest_to_one
from scatterkit.augmentation.base import Filter


class PixelRemoval(Filter):
    """A filter that sets pixels to zero, which then tell nothing: what it keeps is also what the mask keeps."""

    rescales: ClassVar[bool] = False  # whether what is left is divided by its largest value

    @abstractmethod
    def _kept(self, shape: tuple[int, int], params: Mapping[str, Any], ops: Any) -> Any:
        """Say which pixels are kept, bool (n, y, x)."""

    def _apply(self, X: Any, params: Mapping[str, Any], ops: Any) -> Any:
        left = X * ops.cast(self._kept(tuple(X.shape[1:]), params, ops), "float32")
        return brightest_to_one(left, ops) if self.rescales else left

    def _apply_mask(self, mask: Any, params: Mapping[str, Any], ops: Any) -> Any:
        return mask * ops.cast(self._kept(tuple(mask.shape[1:]), params, ops), "float32")
