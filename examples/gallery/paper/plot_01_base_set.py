"""
Figure 1: the bodies to learn from
==================================

A network knows the bodies that it was trained on, and guesses all others. Figure 1 of Stielow and Scheel (2021) shows
theirs: Platonic and Archimedean solids, twinned and truncated ones, a sphere, and random polyhedra.
"""

from scipy.spatial.transform import Rotation

import scatterkit as sk
from scatterkit.plotting import show_solids
from scatterkit.solids import catalogue_names

# %%
# The base set
# ------------
# All 21 classes are in the catalogue. Here each has a circumradius of 100 nm and is tilted a little, so that more
# than one face is seen. The beam comes from the front right. What it strikes is blue. The brown side is hardly
# measured: silver absorbs the light before it gets there. (Light and dark only tell the faces apart.)

tilt = Rotation.from_euler("xyz", [-20, -15, 0], degrees=True)
base_set = [
    sk.Solid.from_catalogue(name, circumradius=100, random_state=3).rotate(tilt)
    for name in catalogue_names("published")
]
show_solids(base_set, columns=6)

# %%
# What a training set makes of them
# ---------------------------------
# Nature does not keep to 21 shapes. So bodies are stretched, cut and turned by chance. ``cut`` says how much of a body
# is left, as a share of its reach.

cut = sk.SolidSampler(random_state=1, cut=(0.2, 1.0), cut_probability=0.5)
show_solids(cut.sample(14))

# %%
# No catalogue at all
# -------------------
# Half of what the package's own network learned from are bodies like those above, half intersections of half-spaces:
# balls with random planes, Wulff polyhedra, decahedra, icosahedra and twinned plates. Of a crystal's faces each lies a
# little nearer or farther than its likes. So there is no perfect symmetry that a network could mistake for a
# measurement. More about :doc:`samplers of bodies </generated_bodies>`.

show_solids(sk.HalfSpaceSampler(random_state=1).sample(14), names=[""] * 14)
