from scatterkit import datasets, fitting, metrics, plotting, simulation, solids
from scatterkit.solids import Solid
