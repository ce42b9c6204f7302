"""
Is this pattern worth fitting?
==============================

Most shots of a beamtime are no good: nothing was hit, two particles at once, too little light, a droplet. Three tools
sort them before anybody spends minutes on a fit. None of them alone is enough.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.transform import Rotation

import scatterkit as sk
from scatterkit.fitting import FirstLook, judge_fit
from scatterkit.plotting import show_pattern
from scatterkit.preprocessing import annular_mask

# %%
# Five shots, simulated, so that the right answer is known: a crystal, the same with little light, two particles side by
# side, a droplet, and nothing but stray light.

crystal = sk.Solid.from_catalogue("truncated_octahedron", circumradius=70)
crystal = crystal.rotate(Rotation.from_euler("xyz", [25, 40, 10], degrees=True))
second = sk.Solid.from_catalogue("icosahedron", circumradius=45).shift((85, 50, 20))
droplet = sk.Ellipsoid(np.diag([61.0, 60.0, 59.0]))
hits = sk.Rasterizer(grid=64).transform([crystal, crystal, [crystal.shift((-40, -30, 0)), second], droplet])
intensities = np.concatenate([sk.MSFTSimulator().transform(hits), np.ones((1, 128, 128), np.float32)])
light = [1e7, 4e3, 1e7, 1e7, 2e5]  # photons on the detector
photons = [sk.PhotonCounts(n, random_state=i).transform(intensities[i : i + 1]) for i, n in enumerate(light)]
# what is added before the logarithm: the same share of the light as in the network's training
scales = [100.0 * n / total for n, total in zip(light, intensities.sum(axis=(1, 2)), strict=True)]
patterns = np.concatenate(
    [sk.LogScaler(eps=max(scale, 1.0)).transform(one) for one, scale in zip(photons, scales, strict=True)]
)
names = ["crystal", "little light", "two particles", "droplet", "stray light"]
mask = annular_mask((128, 128), 2.5, 59.9)

# %%
# A first look
# ------------
# ``FirstLook`` takes milliseconds. It looks for fringes and says whether there is a body, and how wide its silhouette
# is.

looks = [FirstLook(pattern, mask) for pattern in patterns]

dq = sk.QGrid().dq
fig, axes = plt.subplots(1, 5, figsize=(15, 3.9), layout="constrained")
for ax, name, pattern, look in zip(axes, names, patterns, looks, strict=True):
    found = f"radius {look.radius:.0f} nm" if look.shows_body else "no body"
    image = show_pattern(ax, pattern, mask=mask, dq=dq, title=f"{name}: {found}")
    if ax is not axes[0]:
        ax.set_ylabel("")
fig.colorbar(image, ax=axes, label="log-scaled pattern")

# %%
# What the network makes of it
# ----------------------------
# The trained network makes a body of anything. ``plausibility`` says how often a pattern of its calibration was
# explained as badly as this one: a small number says "unlike anything that I know".

network = sk.PhysicsReconstructor.from_pretrained("silver-13.5nm")
plausible = network.plausibility(patterns, mask=mask)

# %%
# What a sphere leaves
# --------------------
# A hundred spheres are simulated at once. The one that is most like a pattern explains a droplet, and no crystal.
# ``fit_response`` finds scale, offset and centre; ``judge_fit`` says which share of the fringes is left: 0 for a
# perfect fit, 1 for one that is no better than a smooth profile. The same for the network's body.

radii = np.linspace(30, 110, 100)  # nm
spheres = sk.MSFTSimulator().transform(
    sk.Rasterizer(grid=64).transform([sk.Ellipsoid(r * np.eye(3)) for r in radii])
)
likeness = np.corrcoef(sk.LogScaler().transform(spheres)[:, mask], patterns[:, mask])[100:, :100]
by_sphere = [
    sk.fit_response(pattern, sphere, mask)[0].apply(sphere)
    for pattern, sphere in zip(patterns, spheres[likeness.argmax(axis=1)], strict=True)
]
by_network = network.predict_pattern(patterns, mask=mask)

qy, qx = sk.QGrid().wavevectors(2 * np.pi / 13.5)
left = {
    name: [
        judge_fit(*pair, mask, np.hypot(qx, qy)).unexplained for pair in zip(patterns, fitted, strict=True)
    ]
    for name, fitted in (("network", by_network), ("sphere", by_sphere))
}
print(f"{'shot':<15}{'first look':>11}{'plausibility':>14}{'network leaves':>16}{'sphere leaves':>15}")
for i, name in enumerate(names):
    shown = "body" if looks[i].shows_body else "none"
    print(f"{name:<15}{shown:>11}{plausible[i]:>14.3f}{left['network'][i]:>16.0%}{left['sphere'][i]:>15.0%}")

fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
place = np.arange(len(names))
ax.bar(place - 0.2, left["network"], 0.4, color="#0072b2", label="the network's body")
ax.bar(place + 0.2, left["sphere"], 0.4, color="#e69f00", hatch="//", label="the best sphere")
ax.set_xticks(place, names)
ax.set(ylabel="share of the fringes that is left (1)", ylim=(0, 1.25))
ax.legend(frameon=False, ncols=2, loc="upper left")

# %%
# Reading it, from left to right:
#
# - The network explains much more of the **crystal** than a sphere does: facets show. This one is worth a fit.
# - With **little light** the first look still finds the size, but the network does no better than the sphere. More than
#   a size is not to be had.
# - **Two particles**: fringes in plenty, and neither of the bodies explains any. It takes a model of two, if anything.
# - Of the **droplet** the sphere leaves next to nothing. There are no facets to look for.
# - **Stray light** has no body, says the first look, and nothing is explained.
#
# Plausibility alone would have let four of five pass: it warns of what is unlike all that the network was calibrated
# on, artifacts included, and no more. And these shots are simulated: the limits between worth it and not are for you
# to set, by shots of your own run that you have looked at.
