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

bodies = sk.SolidSampler(classes=["cube", "truncated_octahedron"], size=(55, 80), random_state=3).sample(4)
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
# An estimator at the end of a pipeline reads patterns. ``score`` is larger the smaller the residual, so a grid search
# can choose by it. The question here: how many faces should a free convex body have to explain these noisy patterns?
# A fit learns nothing from other patterns, so there are no folds: each split fits the same patterns, all of them.

everything = [(np.arange(len(patterns)), np.arange(len(patterns)))]
fitter = ForwardFitter(
    sk.ConvexBody(),
    simulator=sk.MSFTSimulator(detector=sk.QGrid(64, dq=0.0148)),
    n_starts=8,
    n_rounds=1,
    random_state=0,
)
search = GridSearchCV(
    fitter, {"model__n_faces": [8, 12, 20, 32]}, cv=everything, refit=False, error_score="raise"
)
search.fit(patterns)

# %%
# The residual falls steeply until the body has about as many faces as these ones show on their lit side, and hardly
# from there on. More faces describe noise, and take longer.

faces = [int(n) for n in search.cv_results_["param_model__n_faces"]]
residuals, seconds = -search.cv_results_["mean_test_score"], search.cv_results_["mean_fit_time"]
fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.semilogy(faces, residuals, "o-", color="#0072b2")
for n, residual, time in zip(faces, residuals, seconds, strict=True):
    ax.annotate(f"{time / len(patterns):.1f} s", (n, residual), xytext=(4, 6), textcoords="offset points")
ax.set(xlabel="faces of the fitted body", ylabel="residual, mean of four patterns", xticks=faces)
ax.set_title("Seconds are those for one pattern", fontsize="medium")

# %%
# The smallest residual is no proof of the best body, so do not let the search decide alone: take the simplest model
# after which nothing is gained. ``PhysicsReconstructor`` is an estimator too, with folds that make sense; since every
# candidate is a training, keep them few, and ``n_jobs=1``.
