"""
A CXI file from a beamtime
==========================

Raw frames in a file, somewhat off centre, with a gap, hot pixels and stray light: what happens to them on the way to a
body? The file is made here, so that the truth is known; the way is that of a real one.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.transform import Rotation

import scatterkit as sk
from scatterkit.datasets import flat_detector, make_dataset, read_cxi, write_cxi
from scatterkit.fitting import ForwardFitter
from scatterkit.plotting import fit_figure, show_pattern
from scatterkit.preprocessing import annular_mask

# %%
# Three shots of silver particles, as a camera of 256 x 256 pixels would see them. The direct beam does not meet the
# middle; the log of the beamtime says it does.

N, BEAM = 256, (125.3, 130.2)  # pixels
camera = sk.FlatDetector(n_pixels=N, pixel_size=0.4, distance=30.0, center=BEAM)  # mm
turn = Rotation.from_euler("xyz", [25, 40, 10], degrees=True)
bodies = [
    sk.Solid.from_catalogue(name, circumradius=size).rotate(turn)
    for name, size in (("truncated_octahedron", 80), ("icosahedron", 65), ("decahedron", 90))
]
intensity = sk.MSFTSimulator(detector=camera).transform(sk.Rasterizer(grid=64).transform(bodies))
photons = sk.PhotonCounts(5e6, random_state=0).transform(intensity * camera.solid_angle(2 * np.pi / 13.5))

rng = np.random.default_rng(0)
rows, columns = np.indices((N, N))
beside_beam = np.hypot(rows - BEAM[0], columns - BEAM[1])
frames = 20.0 * photons + 100 + 30 * np.exp(-beside_beam / 100) + rng.normal(0, 3, (3, N, N))  # ADU
frames[:, rng.integers(0, N, 40), rng.integers(0, N, 40)] += 3000  # hot pixels
frames = np.minimum(frames, 60_000)  # the camera's limit
between_modules = np.abs(columns - 90.5) <= 3
measured = annular_mask((N, N), inner=6, center=BEAM) & ~between_modules

# %%
# The file. ``write_cxi`` follows the convention of the Coherent X-ray Imaging Data Bank, so other programs read it too.

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "run12.cxi"
known = {"wavelength": 13.5, "distance": 30.0, "pixel_size": 0.4}  # nm, mm, mm
write_cxi(make_dataset(frames, masks=np.broadcast_to(measured, frames.shape), attrs=known), path)

# %%
# From here on it is your file. What it says of the geometry becomes a detector.

data = read_cxi(path)
print(data)
detector = flat_detector(data)
print(detector)

# %%
# The preprocessor: photons for ADU, the background from the darkest pixels of every ring, since there are no dark
# frames; hot and saturated pixels; the centre found in each frame; then onto the grid of wave vectors.

grid = sk.QGrid(64, dq=0.0148)  # rad/nm
preprocessor = sk.ExperimentPreprocessor(
    detector,
    grid,
    wavelength=data.attrs["wavelength"],
    gain=1 / 20,
    background="rings",
    background_radius=40,
    center="each",
)
raw, masks = data.pattern.values, data.mask.values
prepared = preprocessor.fit(raw, mask=masks).process(raw, mask=masks)
print(prepared.summary())
off = np.hypot(*(prepared.centers - BEAM).T)
print("centres off by", off.round(2), "pixels of the camera")

fig, axes = plt.subplots(2, 3, figsize=(11.5, 7.4), layout="constrained")
for number in range(3):
    axes[0, number].imshow(np.log10(np.maximum(raw[number], 1)), cmap="gray")
    axes[0, number].plot(*prepared.centers[number][::-1], "+", color="#d55e00", markersize=14)
    axes[0, number].set(title=f"frame {number}, centre found", xlabel="column (pixel)", ylabel="row (pixel)")
    image = show_pattern(
        axes[1, number],
        prepared.patterns[number],
        mask=prepared.masks[number],
        dq=grid.dq,
        title=f"pattern {number}",
    )
fig.colorbar(image, ax=axes[1], label="log-scaled intensity")

# %%
# Above: the logarithm of the raw values. Below: what a model gets. Grey is not measured. In the last frame symmetry and
# rings do not agree about the centre ("disagreement"): with the middle saturated, a body that looks so unlike its
# mirror image has none to be found. A fit may still shift it.
#
# A fit of any convex body to the first pattern needs no training, and fits what the logarithm's offset and scale are:

pattern, mask = prepared.patterns[:1], prepared.masks[:1]
simulator = sk.MSFTSimulator(detector=grid)
fitter = ForwardFitter(sk.ConvexBody(n_faces=24), simulator, n_starts=16, n_rounds=1, random_state=0)
fitter.fit(pattern, mask=mask)
body = fitter.solids_[0]
figure = fit_figure(pattern[0], fitter.predict_pattern(pattern)[0], body, mask=mask[0], dq=grid.dq)

volumes = sk.Rasterizer(grid=64).transform([bodies[0], body])
print(f"overlap of the front with the true one: {sk.metrics.front_iou(volumes[:1], volumes[1:])[0]:.2f}")
print(f"fitted centre: off by {np.hypot(*fitter.responses_[0].shift):.2f} pixels of the grid")

# %%
# What is left sits in the dark rings, where noise and the background that was subtracted are as large as the light.
# What the hole and the saturated pixels hid, the fit had to do without. Where dark frames were taken, give them by
# ``fit(darks=...)``: they tell the background, and the bad pixels, better than any frame by itself.
#
# More about :doc:`files </files>` and :doc:`measured frames </preprocessing>`.

folder.cleanup()
