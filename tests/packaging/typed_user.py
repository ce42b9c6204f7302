"""A user's script: it runs, and its types are checked against what is installed, not against the source tree.

Wrong lines carry the error that the checker must find; if a public name lost its type, the comment would be unused,
which is an error too.
"""

from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import scatterkit as sk
from scatterkit.plotting import show_pattern
from scatterkit.solids import Solid

body = sk.Solid.from_catalogue("icosahedron", circumradius=80.0)
assert_type(body, Solid)

simulator = sk.MSFTSimulator(wavelength=13.5)
assert_type(simulator, sk.MSFTSimulator)
volumes = sk.Rasterizer(grid=16).transform([body])


def brightest(intensities: NDArray[np.float32]) -> float:
    """Give the largest of all intensities."""
    return float(intensities.max())


def never_called() -> None:
    """Hold what the checker must refuse."""
    sk.NoSuchName  # type: ignore[attr-defined]  # noqa: B018
    sk.MSFTSimulator(wavelength="red")  # type: ignore[arg-type]
    sk.Solid.from_catalogue(80.0)  # type: ignore[arg-type]
    show_pattern(None, np.zeros((4, 4)))  # type: ignore[arg-type]


if __name__ == "__main__":
    print(f"scatterkit from {sk.__file__}: brightest {brightest(simulator.transform(volumes)):.3g}")
