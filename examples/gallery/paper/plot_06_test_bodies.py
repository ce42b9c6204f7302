"""
Figure 6: test bodies
=====================

Figure 6 of Stielow and Scheel (2021) puts bodies that the network has not seen beside what it makes of their patterns.
Here the packaged network does the same. Five bodies are drawn from the distributions of the published test set: solids
of the catalogue, stretched, turned, and cut at both ends.
"""

import matplotlib.pyplot as plt
import numpy as np

import scatterkit as sk
from scatterkit.datasets import PublishedSampler
from scatterkit.metrics import front_iou, scatter_loss, volume_iou
from scatterkit.plotting import show_pattern, show_solid

# %%
# Patterns in, bodies out
# -----------------------
# Half of the network's training set came from the same distributions, so these are new bodies of a known kind. The
# patterns are ideal: no noise, nothing masked. All five are predicted in one call.

sampler = PublishedSampler(random_state=11, chopped=True)
truth = [body for body in sampler.sample(8) if hasattr(body, "faces")][:5]
simulator = sk.PolyhedronSimulator()
intensity = simulator.transform(truth)
patterns = sk.LogScaler().transform(intensity)

network = sk.PhysicsReconstructor.from_pretrained("silver-13.5nm")
found = network.predict_solids(patterns)
again = simulator.transform(found)

# %%
# How near they come
# ------------------
# Three figures for each body. The scatter loss compares patterns, as the paper does. The front IoU compares what the
# light has reached, three absorption lengths from where it enters. The plain IoU compares whole bodies, and mostly says
# how well the hidden back was guessed.

rasterizer = sk.Rasterizer(grid=64)
volumes, answers = rasterizer.transform(truth), rasterizer.transform(found)
loss = scatter_loss(intensity, again)
fronts, wholes = front_iou(volumes, answers), volume_iou(volumes, answers)
for i, body in enumerate(truth):
    print(f"{body.name or 'body':30} loss {loss[i]:.1e}  front IoU {fronts[i]:.2f}  IoU {wholes[i]:.2f}")

# %%
# The pictures
# ------------
# A column for each body, in a scale of its own. Outline, size and large facets come out. Some facets are split into
# several or missing, and edges are off by ten nanometres and more. The view from the side shows why plain IoU
# misleads: the brown end is what no pattern tells of. No pattern tells of the place either, so all bodies are drawn in
# the middle.


def centred(body):
    """The body with its bounding box in the middle."""
    return body.shift(-(body.vertices.min(axis=0) + body.vertices.max(axis=0)) / 2)


figure, axes = plt.subplots(6, 5, figsize=(12, 14.5), layout="constrained")
dq, scaled_again = sk.QGrid().dq, sk.LogScaler().transform(again)
for column, (ax, true, answer) in enumerate(zip(axes.T, truth, found, strict=True)):
    show_pattern(ax[0], patterns[column], dq=dq, title=(true.name or "").replace("_", "\n"))
    show_pattern(ax[1], scaled_again[column], dq=dq, title=f"loss {loss[column]:.1e}")
    reach = 0.7 * max(np.ptp(body.vertices, axis=0).max() for body in (true, answer))
    for i, (body, view) in enumerate([(true, "beam"), (answer, "beam"), (true, "side"), (answer, "side")]):
        show_solid(ax[2 + i], centred(body), view=view)
        ax[2 + i].set(xlim=(-reach, reach), ylim=(reach, -reach))
    ax[3].set_title(f"front IoU {fronts[column]:.2f}")
rows = [
    "pattern",
    "that of the answer",
    "truth, beam view",
    "answer, beam view",
    "truth, side view",
    "answer, side view",
]
for ax, name in zip(axes[:, 0], rows, strict=True):
    ax.set_ylabel(f"{name}\n{ax.get_ylabel()}")
for ax in axes[:, 1:].flat:
    ax.set_ylabel("")

# %%
# The network's answer takes about ten milliseconds and is a start, not a result. Seconds of refinement by the exact
# physics bring most ideal patterns much closer: ``PhysicsReconstructor.from_pretrained(..., refine=True)``. See figures
# 9 and 10 for measured patterns.

print(f"median scatter loss {np.median(loss):.1e}, front IoU {np.median(fronts):.2f}")
