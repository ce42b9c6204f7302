from . import datasets as datasets
from . import fitting as fitting
from . import metrics as metrics
from . import plotting as plotting
from . import simulation as simulation
from . import solids as solids
