"""
Figures 9 and 10: measured clusters
===================================

The proof of a network trained on simulations is a pattern that was measured. Figures 9 and 10 of Stielow and Scheel
(2021) show silver clusters of Barke et al. (2015), each hit by one pulse of a free-electron laser at 13.5 nm. Here are
four of them, first by the packaged network alone, then refined by the exact physics.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.transform import Rotation

import scatterkit as sk
from scatterkit.datasets import DataNotFoundError, fetch_barke2015
from scatterkit.plotting import show_depth, show_pattern, show_solid
from scatterkit.preprocessing import annular_mask
from scatterkit.reconstruction import PhysicsReconstructor, Refiner

# %%
# The patterns
# ------------
# Where they are not on your computer and cannot be fetched, four simulated patterns with a hole and a round detector
# take their place, and the figures say so.


def simulated():
    """Patterns of four bodies of the published kinds, their mask and their names."""
    kinds = ["decahedron", "truncated_octahedron", "icosahedron", "truncated_twinned_tetrahedron"]
    turn = Rotation.from_rotvec([0.4, 0.5, 0.2])
    bodies = [sk.Solid.from_catalogue(kind, circumradius=85).rotate(turn) for kind in kinds]
    mask = np.broadcast_to(annular_mask((128, 128), 3.1, 49.9), (4, 128, 128))
    patterns = sk.LogScaler().transform(sk.PolyhedronSimulator().transform(bodies))
    return patterns, mask, ["simulated\n" + kind.replace("_", " ") for kind in kinds]


try:
    measured = fetch_barke2015([1, 3, 5, 7])
    patterns, masks = measured.patterns, measured.masks
    names = [f"measured pattern {number}" for number in measured.numbers]
except DataNotFoundError:
    print("The measured patterns are not here: going on with simulated ones.")
    patterns, masks, names = simulated()

# %%
# Network, then physics
# ---------------------
# ``Refiner`` takes what the network proposes for the eight turned and mirrored views of a pattern, ranks it by its
# exact patterns, and follows the best by damped least squares. Then it tries starts that the pattern itself gives. By
# default these have ten seconds in all. Here they may take longer, but are few: so the answer does not depend on how
# busy the computer is.

network = PhysicsReconstructor.from_pretrained("silver-13.5nm")
proposed = network.predict_solids(patterns, mask=masks)
refiner = Refiner(seconds=200.0, n_starts=8)
refined = network.set_params(refine=refiner).predict_solids(patterns, mask=masks)

# %%
# Judged alike
# ------------
# Both bodies are simulated again, and the unknown response of the detector is fitted: gain, offset, floor, saturation
# and centre. What is left is the residual. It can be compared between bodies of one pattern, and of no others.


def judge(body, pattern, mask):
    """The pattern that a body would have left on the detector, and its residual."""
    intensity = sk.PolyhedronSimulator().transform([body])[0]
    response, residual = sk.fit_response(pattern, intensity, mask)
    return response.apply(intensity), residual


figure, axes = plt.subplots(4, 6, figsize=(17, 11.5), layout="constrained")
for row, name, pattern, mask, first, last in zip(
    axes, names, patterns, masks, proposed, refined, strict=True
):
    limits = {"mask": mask, "dq": sk.QGrid().dq, "limits": (0.0, float(pattern[mask].max()))}
    show_pattern(row[0], pattern, title=name, **limits)
    for ax, body, kind in ((row[1], first, "network"), (row[2], last, "refined")):
        picture, residual = judge(body, pattern, mask)
        show_pattern(ax, picture, title=f"{kind}: residual {residual:.1e}", **limits)
        print(f"{name}, {kind}: residual {residual:.1e}")
    show_solid(row[3], last, view="beam", title="refined, beam view")
    show_solid(row[4], last, view="side", title="from the side")
    depth = show_depth(row[5], sk.Rasterizer(grid=64).transform([last])[0], title="depth of the front")
    figure.colorbar(depth, ax=row[5], label="$z$ (nm)")
    for ax in row[3:]:
        ax.set(xlim=(-160, 160), ylim=(160, -160))

# %%
# What is seen
# ------------
# The network alone finds size and outline, and some of the streaks that large facets throw. Refinement brings the
# residual down and with it most of the fringes into place. The star is not done: more starts find a better body, as
# figure 11 shows. Do not read more than there is into the side views. The brown end is not measured: light gets 40 nm
# deep and no further. Sides that are nearly parallel to the beam are badly known too: whether a body looks like a plate
# or a column may be how its start ended. So may small facets at the rim be. Take more starts or a minute of time, and
# compare several runs, before you believe a facet.
#
# Patterns: I. Barke et al., Nature Communications 6, 6187 (2015), CC BY 4.0, on a linear scale of the logarithm.
