"""
Figure 8: a shrinking detector
==============================

Depth is seen at large scattering angles. What is left when the detector ends earlier? Stielow and Scheel (2021) cut
their patterns from outside and look at what the network makes of the rest. We do so with the packaged network, and with
a fit that starts from the pattern alone.
"""

# sphinx_gallery_thumbnail_number = 2

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.transform import Rotation

import scatterkit as sk
from scatterkit.metrics import footprint_iou, front_iou
from scatterkit.plotting import show_pattern, show_solid
from scatterkit.preprocessing import annular_mask

# %%
# Sixteen bodies, seven detectors
# -------------------------------
# A mask tells the network how far the detector reaches. 63 pixels are an angle of 90 degrees here.

bodies = sk.HalfSpaceSampler(random_state=21, size=(60.0, 130.0)).sample(16)
volumes = sk.Rasterizer(grid=64).transform(bodies)
patterns = sk.LogScaler().transform(sk.PolyhedronSimulator().transform(bodies))

pixels = np.array([62, 54, 45, 36, 28, 20, 12])
wavenumber = 2 * np.pi / 13.5
angles = np.degrees(np.arcsin(pixels * sk.QGrid().dq / wavenumber))
network = sk.PhysicsReconstructor.from_pretrained("silver-13.5nm")
answers = [network.predict(patterns, mask=annular_mask((128, 128), outer=limit)) for limit in pixels]
fronts = np.array([front_iou(volumes, answer) for answer in answers])
outlines = np.array([footprint_iou(volumes, answer) for answer in answers])

figure, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
for name, values, color, dashes in (
    ("outline", outlines, "#b35806", "--"),
    ("front", fronts, "#14344f", "-"),
):
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75), axis=1)
    ax.plot(angles, middle, dashes, color=color, marker="o", label=f"{name}, median")
    ax.fill_between(angles, low, high, color=color, alpha=0.2, label="half of the bodies")
ax.set(xlabel="largest scattering angle (degrees)", ylabel="overlap with the truth (IoU)", ylim=(0, 1))
ax.legend(frameon=False, ncols=2, loc="lower right")

# %%
# The outline needs few fringes, and they are at small angles. The front needs the large ones. With the detector of an
# ordinary small-angle experiment, 10 degrees and less, a network still answers with a body. Its depth then comes from
# what it has seen in training more than from the pattern.
#
# One body, two detectors
# -----------------------
# Is that the network's fault or the pattern's? A forward fit knows nothing of training sets. Here it sees ten million
# photons of one body, on two detectors, and so does the network.

body = sk.Solid.from_catalogue("truncated_octahedron", circumradius=70)
body = body.rotate(Rotation.from_rotvec([0.3, 0.5, 0.2]))
intensity = sk.PolyhedronSimulator().transform([body])
photons = sk.PhotonCounts(1e7, random_state=0).transform(intensity)
eps = 100 * 1e7 / intensity.sum()  # that of the training, in photons
pattern, truth = sk.LogScaler(eps=eps).transform(photons), sk.Rasterizer(grid=64).transform([body])
figure, axes = plt.subplots(3, 3, figsize=(9.5, 9), layout="constrained")
show_pattern(axes[0, 0], pattern[0], dq=sk.QGrid().dq, title="all of it")
show_solid(axes[1, 0], body, view="beam", title="truth")
show_solid(axes[2, 0], body, view="side")
for (picture, front, side), limit in zip(axes[:, 1:].T, (62, 12), strict=True):
    mask = annular_mask((128, 128), outer=limit)
    fitter = sk.ForwardFitter(n_rounds=1, random_state=0).fit(pattern, mask=mask)
    overlap = front_iou(truth, fitter.predict(pattern))[0]
    degrees = np.degrees(np.arcsin(limit * sk.QGrid().dq / wavenumber))
    show_pattern(picture, pattern[0], mask=mask, dq=sk.QGrid().dq, title=f"up to {degrees:.0f} degrees")
    show_solid(front, fitter.solids_[0], view="beam", title=f"front IoU {overlap:.2f}")
    show_solid(side, fitter.solids_[0], view="side", title=f"residual {fitter.residuals_[0]:.0e}")
    by_network = front_iou(truth, network.predict(pattern, mask=mask))[0]
    print(f"{degrees:.0f} degrees: front IoU of the fit {overlap:.2f}, of the network {by_network:.2f}")
for ax in axes[1:].flat:
    ax.set(xlim=(-110, 110), ylim=(110, -110))

# %%
# What it means
# -------------
# The fit on the small detector has seen one dark ring, and its front is still closer than the network's. So for this
# body some of what the network lost was still in the pattern: convexity, exact physics and many photons bring it back.
# What gets worse first are slopes, depth and small facets. Note the residuals: the worse body has the smaller one,
# since a small detector asks little. And ten million photons of one particle alone are a good day. With fewer, weak
# fringes go first, and they are what the fit lives on.
