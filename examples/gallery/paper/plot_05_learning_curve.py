"""
Figure 5: how a network learns
==============================

Figure 5 of Stielow and Scheel (2021) shows the loss of their network over 50 epochs, 63 hours on four graphics cards.
The network of this package took 2.4 hours on one processor core, in two rounds. The log of the second comes with its
weights. After that we train a very small one, to see what the log of your own training will tell.
"""

import matplotlib.pyplot as plt
import numpy as np

import scatterkit as sk
from scatterkit.metrics import footprint_iou, front_iou
from scatterkit.plotting import learning_curve
from scatterkit.reconstruction import CompactEncoder, PhysicsReconstructor

# %%
# The packaged network
# --------------------
# 20 000 steps of 16 patterns. The thin line is the loss of ten steps, the thick one its running mean. Training patterns
# have artifacts, those for validation have none, and so they have the smaller loss. What they tell is whether the
# network learns patterns by heart. It does not: both curves fall until the learning rate has come to zero. A longer
# training would probably have brought them lower.

trained = PhysicsReconstructor.from_pretrained("silver-13.5nm")
hours = trained.history_[-1]["seconds"] / 3600
print(f"{trained.n_steps_} steps, {hours:.1f} hours, {trained.weights_.size} weights")
learning_curve(trained.history_)

# %%
# A training of seconds
# ---------------------
# 200 bodies, and a coarse detector that ends at 30 degrees. ``fit`` takes patterns and the volumes that made them.

experiment = sk.MSFTSimulator(detector=sk.QGrid(32, dq=2 * sk.QGrid().dq))
bodies = sk.HalfSpaceSampler(random_state=0).sample(264)
volumes = sk.Rasterizer(grid=32).transform(bodies)
patterns = sk.LogScaler().transform(experiment.transform(volumes))
train, test = slice(0, 200), slice(200, 264)

network = PhysicsReconstructor(
    simulator=experiment,
    encoder=CompactEncoder(width=8, n_blocks=1, n_features=32, stride=4),
    loss="surface",
    grid=32,
    n_steps=400,
    batch_size=16,
    learning_rate=4e-3,
    ema=0.97,
    validation=32,
    validate_every=100,
    random_state=0,
)
network.fit(patterns[train], volumes[train])
learning_curve(network.history_, figure=plt.figure(figsize=(6.4, 4.6), layout="constrained"))

# %%
# Has it learnt to read?
# ----------------------
# A falling curve does not say so. In the first steps a network finds out what all bodies have in common, such as their
# usual size, and that is enough to bring the loss down. Then it stays. Towards the end the training loss falls a little
# more, and that of validation does not: 168 bodies are few enough to be learnt by heart. So compare the network with
# something that does not look at the pattern at all: here one sphere for all 64 held-out bodies.

sphere = sk.Rasterizer(grid=32).transform([sk.Solid.from_catalogue("sphere", circumradius=75)])
constant = np.broadcast_to(sphere, volumes[test].shape)
for name, answer in {"the tiny network": network.predict(patterns[test]), "one sphere": constant}.items():
    outline, front = footprint_iou(volumes[test], answer), front_iou(volumes[test], answer)
    print(f"{name:16}  outline IoU {np.median(outline):.2f}  front IoU {np.median(front):.2f}  (medians)")

# %%
# The front is the hard part. A network whose fronts have not passed those of the sphere cannot read a pattern yet,
# whatever its curve looks like. For a training in earnest see :doc:`the guide </reconstruction>`, and
# ``examples/train_silver.py``, which made the packaged one.
