"""
Figure 7: a shallow tip on a facet
==================================

Some errors of a reconstruction hardly show in the pattern. Stielow and Scheel (2021) explain one of them in two
dimensions: a facet on which the network sees a shallow tip that is not there. How much of a tip could anyone see?
"""

import matplotlib.pyplot as plt
import numpy as np

import scatterkit as sk
from scatterkit.metrics import scatter_loss

# %%
# A bar in the beam
# -----------------
# A bar that is long along y, with ends square to it, scatters in the plane of x and z as its two-dimensional cross
# section does: the row :math:`q_y = 0` of its pattern. The front is a facet 100 nm wide that faces the beam. We raise a
# tip of 0 to 20 nm in its middle, and cut the rest of the bar so that all stay otherwise the same.

HEIGHTS = (0.0, 2.0, 5.0, 10.0, 20.0)  # nm


def cross_section(height):
    """Corners (x, z) in nm; the beam travels towards larger z."""
    tip = [(0.0, -50.0 - height)] if height else []
    return np.array(
        [(-50.0, -50.0), *tip, (50.0, -50.0), (85.0, 15.0), (50.0, 70.0), (-50.0, 70.0), (-85.0, 15.0)]
    )


def bar(height, half_length=150.0):
    """The cross section, drawn out along y."""
    x, z = cross_section(height).T
    ends = [np.column_stack([x, np.full_like(x, y), z]) for y in (-half_length, half_length)]
    return sk.Solid.from_points(np.concatenate(ends))


detector = sk.QGrid()
intensity = sk.PolyhedronSimulator(detector=detector).transform([bar(height) for height in HEIGHTS])
lines = intensity[:, 64, 3:126]
q = (np.arange(3, 126) - 64) * detector.dq

# %%
# The same fringes, a little displaced
# ------------------------------------
# Up to about half of the largest q the curves lie on each other. A tip changes the phase of the light by
# :math:`Q_z h`, and :math:`Q_z` is small where the scattering angle is small. Only at large angles does the detector
# see depth. There the light is ten thousand times weaker.

figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
styles = ["-", "--", "-.", ":", (0, (1, 1))]
colors = plt.colormaps["cividis"](np.linspace(0, 0.85, len(HEIGHTS)))
for height, line, style, color in zip(HEIGHTS, lines, styles, colors, strict=True):
    outline = np.vstack([cross_section(height), cross_section(height)[:1]])
    axes[0].plot(*outline.T, style if isinstance(style, str) else "-", color=color)
    axes[1].semilogy(q, line / intensity[0].max(), linestyle=style, color=color, label=f"{height:g} nm")
axes[0].annotate("beam", (0, -80), (0, -120), ha="center", arrowprops={"arrowstyle": "->"})
axes[0].set(xlabel="$x$ (nm)", ylabel="$z$ (nm)", title="cross sections", aspect="equal", ylim=(85, -130))
axes[1].set(xlabel="$q_x$ (rad/nm)", ylabel="intensity (1 at its highest)", title="patterns at $q_y = 0$")
axes[1].legend(frameon=False, title="tip")

# %%
# Against noise
# -------------
# Give the detector a number of photons in all and ask, pixel by pixel, by how many standard deviations of the counted
# photons the tip changes what is expected. The root of the sum of squares over the whole detector is the
# significance of the tip, if all else is known: shape, scale, centre and background. In a reconstruction none is.

total = np.array([1e4, 1e5, 1e6, 1e7])
flat = intensity[0] / intensity[0].sum()
for height, pattern, style, color in list(zip(HEIGHTS, intensity, styles, colors, strict=True))[1:]:
    tipped = pattern / pattern.sum()
    seen = flat > 0
    per_photon = np.sum((tipped - flat)[seen] ** 2 / flat[seen])
    significance = np.sqrt(total * per_photon)
    axes[2].loglog(total, significance, linestyle=style, color=color, marker="o", label=f"{height:g} nm")
    print(f"tip of {height:g} nm: {significance[2]:.1f} standard deviations with 1e6 photons")
axes[2].axhline(5, color="0.5", linewidth=1)
axes[2].set(
    xlabel="photons in the pattern", ylabel="significance (standard deviations)", title="against photon noise"
)
axes[2].legend(frameon=False, title="tip")

# %%
# What it means
# -------------
# The scatter loss of the paper takes the logarithm, so that weak light counts as much as strong light. Even by this
# measure a tip is cheap: compare it with one voxel more all around the body, 3e-3.

for height, pattern in list(zip(HEIGHTS, intensity, strict=True))[1:]:
    print(f"tip of {height:g} nm: scatter loss {scatter_loss(intensity[0], pattern):.1e}")
