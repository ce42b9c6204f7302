"""The experiment in which photons are counted, and a cube."""

from __future__ import annotations

import numpy as np

from scatterkit.experiment import QGrid
from scatterkit.fitting import CatalogueBody
from scatterkit.fitting._planes import box_limit
from scatterkit.simulation import MSFTSimulator, PolyhedronSimulator

BOX = 200.0
LIMIT = box_limit(BOX)
SIMULATOR = MSFTSimulator(box=BOX, detector=QGrid(48, 0.018))
EXACT = PolyhedronSimulator(detector=SIMULATOR.detector)
RADII = np.hypot(*(np.indices((48, 48)) - 24))
MASK = (RADII > 2.5) & (RADII < 22)
CUBE = CatalogueBody("cube")
