"""
Figure 7: a shallow tip on a facet
==================================

Some errors of a reconstruction hardly show in the pattern. Stielow and Scheel (2021) have an example in two dimensions:
a shallow tip on a facet. How much of a tip could anyone see?
"""

import matplotlib.pyplot as plt
import numpy as np

import scatterkit as sk
from scatterkit.metrics import scatter_loss

# %%
# A bar in the beam
# -----------------
# A bar that is long along y, with ends square to it, scatters in the plane of x and z as its two-dimensional cross
# section does: the row :math:`q_y = 0` of its pattern. Its front is a facet, 100 nm wide, that faces the beam. We raise
# a tip of 2 to 20 nm in the middle of it. For comparison, another bar has no tip but is 1 % wider.

HEIGHTS = (0.0, 2.0, 5.0, 10.0, 20.0)  # nm


def cross_section(height, width=1.0):
    """Corners (x, z) in nm; the beam travels towards larger z."""
    tip = [(0.0, -50.0 - height)] if height else []
    rest = [(50.0, -50.0), (85.0, 15.0), (50.0, 70.0), (-50.0, 70.0), (-85.0, 15.0)]
    return np.array([(-50.0, -50.0), *tip, *rest]) * [width, 1.0]


def bar(corners, half_length=150.0):
    """A cross section, drawn out along y."""
    x, z = corners.T
    ends = [np.column_stack([x, np.full_like(x, y), z]) for y in (-half_length, half_length)]
    return sk.Solid.from_points(np.concatenate(ends))


sections = {f"{height:g} nm": cross_section(height) for height in HEIGHTS} | {
    "0 nm, 1 % wider": cross_section(0, 1.01)
}
intensity = sk.PolyhedronSimulator().transform([bar(corners) for corners in sections.values()])
dq = sk.QGrid().dq
q, lines = (np.arange(4, 125) - 64) * dq, intensity[:, 64, 4:125]

# %%
# Why a shallow tip does not show
# -------------------------------
# A facet of slope :math:`s` throws its light where :math:`q_x = s\,Q_z`. Up to 90 degrees :math:`Q_z` is never larger
# than :math:`q_x`. So a facet that rises by less than 45 degrees sends its streak backwards, past the detector. What a
# shallow tip adds is no streak of its own, but small changes of the fringes that are there anyway: the curves of the
# upper right panel lie on each other. Their ratios are below, at the left.
#
# Against noise
# -------------
# Give the detector a number of photons and ask by how many standard deviations of counted photons the tip changes what
# is expected. The root of the sum of squares over all pixels is the significance of the tip, if all else is known. The
# grey line is at five standard deviations.

figure, ((outlines, patterns), (ratios, noise)) = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
styles = ["-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1))]
colors = [*plt.colormaps["cividis"](np.linspace(0, 0.85, len(HEIGHTS))), "#b35806"]
total = np.array([1e4, 1e5, 1e6, 1e7])
flat = intensity[0] / intensity[0].sum()
for (name, corners), pattern, line, style, color in zip(
    sections.items(), intensity, lines, styles, colors, strict=True
):
    look = {"linestyle": style, "color": color, "label": name}
    outlines.plot(*np.vstack([corners, corners[:1]]).T, **look)
    patterns.semilogy(q, line / intensity.max(), **look)
    if name == "0 nm":
        continue
    ratios.plot(q, line / lines[0], **look)
    seen = flat > 0
    per_photon = np.sum((pattern / pattern.sum() - flat)[seen] ** 2 / flat[seen])
    noise.loglog(total, np.sqrt(total * per_photon), marker="o", **look)
    loss = scatter_loss(intensity[0], pattern)
    print(
        f"{name:15}: {np.sqrt(1e6 * per_photon):5.1f} standard deviations with 1e6 photons, scatter loss {loss:.1e}"
    )
outlines.annotate("beam", (0, -80), (0, -120), ha="center", arrowprops={"arrowstyle": "->"})
outlines.set(xlabel="$x$ (nm)", ylabel="$z$ (nm)", title="cross sections", aspect="equal", ylim=(85, -130))
outlines.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), title="tip")
patterns.set(xlabel="$q_x$ (rad/nm)", ylabel="intensity (1 at its highest)", title="patterns at $q_y = 0$")
ratios.set(
    xlabel="$q_x$ (rad/nm)", ylabel="intensity over that without tip", title="what changes", ylim=(0.4, 1.7)
)
noise.axhline(5, color="0.5", linewidth=1)
noise.set(
    xlabel="photons in the pattern", ylabel="significance (standard deviations)", title="against photon noise"
)

# %%
# What it means
# -------------
# By counting photons alone even a small tip would be found. But nobody knows all else. The bar that is 1 % wider
# changes the counts as much as a tip of about ten nanometres, and the scatter loss, which takes the logarithm, as much
# as one of about six. A network whose loss has come down to 1e-3 cannot be expected to know the difference, and a fit
# has to find width, slopes, centre and background of the pattern at the same time. So do not believe a shallow tip, or
# its absence, because a reconstruction shows it. Fits by counted photons, ``fit(X, counts=...)``, come closest to an
# answer, and ``build_report`` says what they leave open.
