"""
Figures 12 and 13: ways to train
================================

A network can learn from bodies, from patterns, or from both. Stielow and Scheel (2021) compare three schemes:
supervised by the voxels of the true body, by the physics alone, and by both. Here is the comparison in little, with the
same first weights, batches and steps.
"""

# sphinx_gallery_thumbnail_number = 2

import matplotlib.pyplot as plt
import numpy as np

import scatterkit as sk
from scatterkit.metrics import front_iou, volume_iou
from scatterkit.plotting import show_depth
from scatterkit.reconstruction import CompactEncoder, PhysicsReconstructor, canonical_pose

# %%
# A tiny experiment
# -----------------
# 16 voxels along each axis and 32 by 32 pixels. The patterns are those of the coarse voxels themselves, by the
# simulator that is also in the loss. This favours the physics: in earnest, patterns are made on a finer grid. The
# published network makes voxels, and such networks learn nothing in seconds. Here bodies are made of half-spaces, the
# default of the package. The losses are the published ones.

detector = sk.QGrid(32, dq=2 * sk.QGrid().dq)
experiment = sk.MSFTSimulator(detector=detector)
bodies = sk.HalfSpaceSampler(random_state=0, size=(60.0, 140.0)).sample(232)
volumes = sk.Rasterizer(grid=16).transform(bodies)
patterns = sk.LogScaler().transform(experiment.transform(volumes))
train, test = slice(0, 200), slice(200, 232)

networks = {}
for scheme in ("supervised", "hybrid", "physics"):
    networks[scheme] = PhysicsReconstructor(
        simulator=experiment,
        encoder=CompactEncoder(width=8, n_blocks=1, n_features=32, stride=4),
        loss=scheme,
        grid=16,
        n_steps=120,
        batch_size=8,
        learning_rate=4e-3,
        ema=0.95,
        random_state=0,
    ).fit(patterns[train], volumes[train])

# %%
# The curves
# ----------
# Each scheme minimises something else, so the heights of these curves say nothing about which is better.

figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
for ax, (scheme, network) in zip(axes, networks.items(), strict=True):
    ax.plot(
        [row["step"] for row in network.history_], [row["loss"] for row in network.history_], color="#14344f"
    )
    ax.set(title=scheme, xlabel="step", ylabel="its own loss", ylim=(0, None))

# %%
# The bodies
# ----------
# Four held-out bodies, by the depth at which the beam enters: bright is close to the source. No pattern tells where in
# the box a body lies, so networks put its front apex at the near side, and here the true ones are moved there too.

answers = {name: network.predict(patterns[test]) for name, network in networks.items()}
figure, axes = plt.subplots(4, 4, figsize=(10, 9.5), layout="constrained", sharex=True, sharey=True)
shown = {"truth": canonical_pose(volumes[test], experiment.box)} | answers
for row, (name, found) in zip(axes, shown.items(), strict=True):
    for ax, volume in zip(row, found[:4], strict=True):
        image = show_depth(ax, volume, box=experiment.box, title=name)
        image.set_clim(-160, 0)
        ax.label_outer()
figure.colorbar(image, ax=axes, label="$z$ of the front (nm)")

# %%
# The judge is the same for all
# -----------------------------
# Beside the schemes stands one sphere for all patterns. It has not looked at any.

sphere = sk.Rasterizer(grid=16).transform([sk.Solid.from_catalogue("sphere", circumradius=75)])
answers["one sphere"] = np.broadcast_to(sphere, volumes[test].shape)
for name, found in answers.items():
    fronts, wholes = front_iou(volumes[test], found), volume_iou(volumes[test], found)
    print(f"{name:11} median front IoU {np.median(fronts):.2f}, IoU {np.median(wholes):.2f}")

# %%
# What so short a run can show
# ----------------------------
# That all three run, and not which is better. Look along the rows: each scheme gives the same body for
# every pattern, the usual one of the training set. In this time no network learns more than that from 200 bodies, and
# one that has not passed the sphere has no opinion worth comparing.
#
# That takes far longer. ``tests/benchmarks/bench_training_modes.py`` compares for as long as you like. :doc:`The guide
# </reconstruction>` says what this package's own network was trained by, and :doc:`decisions </decisions>` say why.
