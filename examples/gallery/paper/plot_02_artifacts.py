"""
Figure 2: what an experiment does to a pattern
==============================================

A network that has seen ideal patterns alone is lost at a beamline: there are gaps, a hole for the direct beam, noise,
and a centre that nobody knows exactly. So Stielow and Scheel (2021) spoil each training pattern. Figure 2 of theirs
shows how, and here it is again.
"""

from scipy.spatial.transform import Rotation

import scatterkit as sk
from scatterkit.augmentation import Augmenter, DetectorGaps, PhotonNoise, SimulatedExperiment, StrayLight
from scatterkit.plotting import show_augmentations

# %%
# One ideal pattern
# -----------------
# A stretched icosahedron of silver at 13.5 nm, log-scaled to [0, 1] as everywhere in the package.

body = sk.Solid.from_catalogue("icosahedron", circumradius=90).stretch(1.3, axis="C5")
body = body.rotate(Rotation.from_euler("xyz", [20, 35, 50], degrees=True))
volumes = sk.Rasterizer(grid=64).transform([body])
pattern = sk.LogScaler().transform(sk.MSFTSimulator().transform(volumes))[0]

# %%
# The published artifacts
# -----------------------
# Each panel has one artifact. The small print says what was drawn for it: radii, shifts and widths in pixels, angles in
# rad, the place and width of the blind spot as shares of half the picture. Grey is what the artifact took away: there
# the mask says "not measured", and a network of this package is told so.

published = list(Augmenter("all").named_filters().values())
dq = sk.QGrid().dq
show_augmentations(pattern, published, random_state=337, dq=dq, columns=5)

# %%
# All at once
# -----------
# An experiment does not make one mistake at a time. ``SimulatedExperiment`` draws what the published simulated
# experiment does to a pattern: noise, a shifted centre, a blind spot, saturation, a hole, and a large part of the
# picture cut away. Less is left of the fringes than one may think, and fits feel that too.

experiment = Augmenter([SimulatedExperiment()], random_state=1)
show_augmentations(pattern, experiment, n=5, dq=dq, columns=5)

# %%
# What the package adds
# ---------------------
# Few photons, the gaps of a detector with several panels, and stray light. Any filter can be combined with any other,
# and the parameters of every sample are kept, so that a training can be repeated to the last pixel.

added = {"few photons": PhotonNoise(), "detector gaps": DetectorGaps(), "stray light": StrayLight()}
show_augmentations(pattern, added, random_state=4, dq=dq)
