"""
Train, save, share
==================

A network for an experiment of your own, from nothing to a file that a colleague can load. It is trained for seconds
here, so it has learnt next to nothing; the way is the same for a training of hours.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import scatterkit as sk
from scatterkit.augmentation import Augmenter, CentralHole
from scatterkit.datasets import make_pool
from scatterkit.plotting import learning_curve, show_pattern, show_solid
from scatterkit.reconstruction import CompactEncoder, PhysicsReconstructor

folder = tempfile.TemporaryDirectory()
scratch = Path(folder.name)

# %%
# The experiment, and bodies to learn from: random convex ones. A pool simulates them once; training shows each of them
# many times, turned and mirrored. In earnest take some 60 000.

gold = sk.MSFTSimulator(
    absorption="index",
    refractive_index=sk.refractive_index("gold", wavelength=13.5),
    detector=sk.QGrid(64, dq=0.0148),
)
pool = make_pool(scratch / "pool", sk.HalfSpaceSampler(random_state=1), 96, simulator=gold)

# %%
# A tiny network. "surface" compares where the beam enters the true and the predicted body, and their outlines. Half of
# the patterns lose their middle, so that the network learns to do without.

network = PhysicsReconstructor(
    simulator=gold,
    augmenter=Augmenter([CentralHole((2.0, 5.0))], probability=0.5, random_state=0),
    encoder=CompactEncoder(width=8, n_blocks=1, n_features=32, stride=8),
    loss="surface",
    grid=32,
    n_steps=200,
    batch_size=8,
    learning_rate=3e-3,
    validation=16,
    validate_every=50,
    ema=0.98,
    random_state=0,
)
network.fit(pool)
print(f"{network.n_steps_} steps, {network.weights_.size} weights")
figure = learning_curve(network.history_)

# %%
# The loss falls fast at first: the network finds one body that suits all patterns about equally badly. To tell one
# pattern from another takes thousands of steps, and more bodies than these. The validation is the curve to watch: of 80
# bodies a network soon knows every one by heart.
#
# Save it. One file holds the settings, the weights and the log; numbers and plain text, no code that would run when
# somebody opens it. Half precision is the default and makes the file half as large.

exact = network.save(scratch / "gold.npz", dtype="float32")
half = network.save(scratch / "gold_half.npz")
print(f"{exact.stat().st_size / 1e3:.0f} kB, in half precision {half.stat().st_size / 1e3:.0f} kB")

# %%
# Load it, as on another computer, and predict for bodies that nobody has seen. In single precision the answers are the
# same to the last bit; in half precision they differ by far less than the network errs.

bodies = sk.HalfSpaceSampler(random_state=2).sample(3)
patterns = sk.LogScaler().transform(gold.transform(sk.Rasterizer(grid=64).transform(bodies)))

expected = network.predict(patterns)
same = PhysicsReconstructor.load(exact).predict(patterns)
nearly = PhysicsReconstructor.load(half).predict(patterns)
print("the same:", np.array_equal(expected, same))
print(f"in half precision: off by {np.abs(expected - nearly).mean():.1e} in the mean of all voxels")

# %%
# How good is it? That belongs on the model card, with something simple beside it. This one is no better than a single
# body for all patterns, and that is in fact what it gives: look at predictions, not at the loss alone.

loaded = PhysicsReconstructor.load(half)
found = loaded.predict_solids(patterns)
truth = sk.Rasterizer(grid=32).transform(bodies)
print("overlap of the fronts:", sk.metrics.front_iou(truth, loaded.predict(patterns)).round(2))

fig, axes = plt.subplots(3, 3, figsize=(8.4, 8.6), layout="constrained")
for column, pattern, body, guess in zip(axes.T, patterns, bodies, found, strict=True):
    show_pattern(column[0], pattern, dq=0.0148, title="pattern")
    show_solid(column[1], body, view="beam", title="true body")
    show_solid(column[2], guess, view="beam", title="the network's")
    for ax in column[1:]:
        ax.set(xlim=(-130, 130), ylim=(130, -130))  # one scale for all

# %%
# What a model card says
# ----------------------
# The settings travel in the file. What the file does not say is for the card, a page of text beside it:
#
# - what it is for: material, wavelength, detector, sizes of the bodies, how patterns must be scaled;
# - what it was trained on: which bodies, how many, which artifacts; how long;
# - how good it is on bodies that it has not seen, and on measured patterns, beside a fit and a simple guess;
# - what it cannot do.
#
# :doc:`The card of the package's own network </pretrained>`, "silver-13.5nm", is an example.

print(loaded)
folder.cleanup()
