"""
An artifact of your own
=======================

Every beamline has its own faults. A network learns to bear those that it has seen, so write yours down as a filter, and
let the augmenter mix it with the package's. Here: a jet of liquid that crosses the detector as a bright streak, and
whatever it outshines is lost.
"""

import numpy as np
from scipy.spatial.transform import Rotation

import scatterkit as sk
from scatterkit.augmentation import Augmenter, CentralHole, Chain, Filter, ShotNoise, pixel_uniform
from scatterkit.plotting import show_augmentations

# %%
# A filter draws apart from applying. ``n_draws`` uniform numbers a sample become its parameters in ``_params``;
# ``_apply`` does nothing random, but for noise on single pixels, which comes from the sample's key by
# ``pixel_uniform``. It is written once, with the functions that NumPy and Keras share (``ops``), so that it also runs
# on the training device. ``_apply_mask`` says which pixels still tell about the body.


class JetStreak(Filter):
    """A grainy bright band through the middle of the detector.

    Parameters
    ----------
    width : pair of float [pixels], default=(2.0, 8.0)
        Range of the width, drawn uniformly.
    level : pair of float [1], default=(0.2, 0.6)
        Range of the brightness, of full scale.
    tilt : float [rad], default=0.1
        Largest angle to the rows.
    """

    n_draws = 3

    def __init__(self, width=(2.0, 8.0), level=(0.2, 0.6), tilt=0.1):
        self.width = width
        self.level = level
        self.tilt = tilt

    def _params(self, draws, keys, shape):
        return {
            "width": np.interp(draws[:, 0], (0, 1), self.width).astype(np.float32),
            "level": np.interp(draws[:, 1], (0, 1), self.level).astype(np.float32),
            "tilt": (self.tilt * (2 * draws[:, 2] - 1)).astype(np.float32),
            "key": keys,
        }

    def _band(self, X, params, ops):
        rows, columns = (np.arange(n, dtype=np.float32) - n // 2 for n in X.shape[1:])
        tilt, width = params["tilt"][:, None, None], params["width"][:, None, None]
        across = rows[:, None] * ops.cos(tilt) - columns[None] * ops.sin(tilt)
        return ops.exp(-2 * (across / width) ** 2)

    def _apply(self, X, params, ops):
        grain = 0.5 + pixel_uniform(params["key"], tuple(X.shape[1:]), ops)
        return ops.clip(X + params["level"][:, None, None] * grain * self._band(X, params, ops), 0, 1)

    def _apply_mask(self, mask, params, ops):
        return ops.where(self._band(mask, params, ops) > 0.5, 0 * mask, mask)


# %%
# Drawn by itself, three times, with what was drawn for it in small print. Grey is what the mask leaves out, the bright
# middle of the streak. Its flanks are left, as in an experiment where the mask was drawn too narrow.

body = sk.Solid.from_catalogue("icosahedron", circumradius=85).stretch(1.2, axis="C5")
body = body.rotate(Rotation.from_euler("xyz", [20, 35, 50], degrees=True))
pattern = sk.LogScaler().transform(sk.PolyhedronSimulator().transform([body]))[0]
dq = sk.QGrid().dq

figure = show_augmentations(pattern, Augmenter([JetStreak()], random_state=3), n=4, dq=dq)

# %%
# In training it is one of several choices, or a link of a chain. This mix leaves three in ten patterns as they are;
# the others get the published artifacts of an experiment, or the jet behind a hole, with counting noise on both.

jet = Chain([ShotNoise(), JetStreak(), CentralHole(radius=(3.0, 5.0))])
augmenter = Augmenter([(sk.augmentation.SimulatedExperiment(), 1), (jet, 2)], random_state=2, probability=0.7)
figure = show_augmentations(pattern, augmenter, n=8, columns=4, dq=dq)

# %%
# It keeps what all filters promise. Sample 17 of epoch 2 gets the same streak alone or in any batch, and the parameters
# tell what was done:

alone = augmenter.sample_params([17], epoch=2)
batch = augmenter.sample_params([3, 17, 99], epoch=2)
same = np.array_equal(
    augmenter.apply(pattern[None], alone)[0], augmenter.apply(np.stack([pattern] * 3), batch)[1]
)
print(same, alone.history()[0], sep="\n")

# %%
# Hand the augmenter to ``PhysicsReconstructor(augmenter=...)``, which takes it from here. Do not trust the ranges of a
# filter before you have laid its pictures beside measured shots: a network that was trained on streaks unlike yours
# has learnt another fault.
#
# More about :doc:`artifacts </augmentation>`.
