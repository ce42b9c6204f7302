"""
Pipelines and grid searches
===========================

Every part of the package is a scikit-learn object. So what scikit-learn does with transformers and estimators works
here too: chain them, change a parameter by its name, search over parameters.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import scatterkit as sk
from scatterkit.fitting import ForwardFitter
from scatterkit.plotting import show_pattern

# %%
# A pipeline makes patterns of bodies: onto a grid, through the physics, photons counted, logarithm. Random numbers
# belong to a step, by its ``random_state``.

bodies = sk.SolidSampler(
    classes=["truncated_octahedron"], size=(55, 80), stretch=None, random_state=3
).sample(2)
experiment = make_pipeline(
    sk.Rasterizer(grid=64),
    sk.MSFTSimulator(detector=sk.QGrid(64, dq=0.0148)),
    sk.PhotonCounts(photons=1e6, random_state=0),
    sk.LogScaler(eps=1.0),
)
patterns = experiment.transform(bodies)
print(patterns.shape, patterns.dtype)

# %%
# Parameters of any step have a name, made of the step's and its own. Here: the same bodies with fewer and fewer
# photons, and a material that absorbs less.

changes = {
    "10$^6$ photons": {},
    "10$^5$ photons": {"photoncounts__photons": 1e5},
    "10$^4$ photons": {"photoncounts__photons": 1e4},
    "absorption length 40 nm": {"msftsimulator__absorption_length": 40.0},
}
fig, axes = plt.subplots(1, 4, figsize=(13, 3.7), layout="constrained")
for ax, (name, change) in zip(axes, changes.items(), strict=True):
    experiment.set_params(photoncounts__photons=1e6, msftsimulator__absorption_length=12.5).set_params(
        **change
    )
    image = show_pattern(ax, experiment.transform(bodies[:1])[0], dq=0.0148, title=name)
fig.colorbar(image, ax=axes, label="log-scaled pattern")

# %%
# An estimator reads patterns. Its ``score`` is larger the smaller the residual, so a grid search can choose by it. The
# question here: which class of bodies explains these patterns? A fit learns nothing from other patterns, so there are
# no folds: one split that holds all patterns on both sides.

experiment.set_params(photoncounts__photons=1e6, msftsimulator__absorption_length=12.5)
patterns = experiment.transform(bodies)
everything = [(np.arange(len(patterns)), np.arange(len(patterns)))]
fitter = ForwardFitter(
    simulator=experiment["msftsimulator"], n_starts=12, n_rounds=1, n_kept=1, n_steps=72, random_state=0
)
classes = ["cube", "octahedron", "icosahedron", "truncated_octahedron"]
search = GridSearchCV(fitter, {"model": classes}, cv=everything, refit=False, error_score="raise")
search.fit(patterns)
print(search.best_params_)

# %%
# All classes find some size and orientation that explains the middle of the pattern. Only the right one explains the
# streaks. ``model`` may as well be an object, whose parameters have names in turn: ``model__n_faces``.

residuals = -search.cv_results_["mean_test_score"]
fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
ax.barh([name.replace("_", " ") for name in classes], residuals, color="#0072b2")
ax.set(xlabel="residual, mean of the patterns (1)")

# %%
# The smallest residual is no proof: a class that is not in the list may be the right one, and a free convex body has
# always more to fit with. ``PhysicsReconstructor`` is an estimator too, with folds that make sense. Every candidate is
# a training, so keep them few, and ``n_jobs=1``.
