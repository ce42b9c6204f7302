"""What a page says of the experiment: sizes, and the axes of patterns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scatterkit.experiment import grid_step
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation._attenuation import attenuation

if TYPE_CHECKING:
    from scatterkit.comparison.comparison import Comparison


@dataclass(frozen=True)
class Experiment:
    """Lengths in nm, ``dq`` in rad/nm; None where they are not known, nothing absorbs, or pixels lie on no even grid.

    The absorption length is that of the field, as `front_iou` has it.
    """

    box: float
    absorption_length: float | None
    dq: float | None
    wavelength: float | None

    @classmethod
    def of(cls, comparison: Comparison) -> Experiment:
        """Give the experiment that the bodies of a comparison were judged by."""
        attrs, simulator = comparison.dataset.attrs, comparison.simulator
        if simulator is None:
            box = float(attrs.get("box", MSFTSimulator().box))
            return cls(box, None, attrs.get("dq"), None)
        decay = attenuation(simulator).real
        length = 1 / decay if decay > 0 else None
        return cls(float(simulator.box), length, grid_step(simulator), float(simulator.wavelength))

    def described(self) -> dict[str, str]:
        """Give what is known, in words."""
        lengths = {
            "wavelength": self.wavelength,
            "absorption length of the field": self.absorption_length,
            "box": self.box,
        }
        found = {name: f"{length:.5g} nm" for name, length in lengths.items() if length is not None}
        if self.dq is not None:
            found["distance of pixels"] = f"{self.dq:.4g} rad/nm"
        return found
