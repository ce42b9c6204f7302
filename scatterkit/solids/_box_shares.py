"""Sizes of random bodies that take the same part of any box."""

from __future__ import annotations

from typing import Any

BOX, SMALLEST, LARGEST = 318.75, 31.0, 154.75  # nm
"""The published box, and the radii of the published bodies."""


def fitting_sampler_params(box: float) -> dict[str, Any]:
    """Give a sampler's ``box``, ``size`` and ``max_radius`` [nm], as large in a box as by default in the published."""
    part = box / BOX
    return {"box": box, "size": (part * SMALLEST, part * LARGEST), "max_radius": part * LARGEST}
