"""
My material, my detector
========================

Magnetite nanocrystals at 20 nm wavelength, on a detector of two panels with a slit between them for the direct beam:
nothing of this is in the package's defaults. What does it take to simulate it, and can the simulation be trusted?
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.transform import Rotation

import scatterkit as sk
from scatterkit.experiment import absorption_length
from scatterkit.plotting import show_pattern
from scatterkit.simulation import advise

# %%
# The material is a formula and a density. The tables behind give its refractive index, from 41 nm down to the hard
# X-rays; any complex number of your own would do as well.

WAVELENGTH, BOX = 20.0, 320.0  # nm
magnetite = sk.refractive_index("Fe3O4", wavelength=WAVELENGTH, density=5.17)  # g/cm^3
depth = absorption_length(magnetite, wavelength=WAVELENGTH)
print(f"n = {magnetite:.4f}; the intensity falls to 1/e within {depth:.1f} nm")

# %%
# The detector: two panels of 192 x 400 pixels of 0.15 mm, 30 mm behind the sample, with a gap of 3 mm between them. A
# panel has a corner and two steps, as in CrystFEL's geometry files, which ``read_geometry`` reads.

steps = {"fast": (0.15, 0.0, 0.0), "slow": (0.0, 0.15, 0.0)}  # mm, to the next column and the next row
upper = sk.Panel(shape=(192, 400), corner=(-30.0, -30.3, 30.0), **steps)
lower = sk.Panel(shape=(192, 400), corner=(-30.0, 1.5, 30.0), **steps)
detector = sk.PanelDetector([upper, lower])
widest = detector.scattering_angle(2 * np.pi / WAVELENGTH).max()
print(f"{detector.shape} pixels, up to {np.degrees(widest):.0f} degrees")

# %%
# Before any simulation: which approximation holds here? The adviser interpolates errors that were measured against
# Mie's exact solution for spheres. Straight rays ("msft"), the package's default, would be off by 0.19 in the decimal
# logarithm of the intensity, a factor of 1.5. Light that diffracts on its way through the body is followed by
# "pmsft". The grid has an error of its own.

size = 160.0  # nm
advice = advise(magnetite, size, wavelength=WAVELENGTH, max_angle=widest, grid=96, box=BOX)
print(advice)

# %%
# So the advice is followed. Three octahedra, as magnetite grows them, one of them cut.

octahedron = sk.Solid.from_catalogue("octahedron", circumradius=size / 2)
bodies = [
    octahedron.rotate(Rotation.from_euler("xyz", [50, 20, 0], degrees=True)),
    octahedron.rotate(Rotation.from_euler("xyz", [15, 40, 30], degrees=True)),
    octahedron.cut((0, 0, -1), 25).rotate(Rotation.from_euler("xyz", [10, 5, 20], degrees=True)),
]
simulator = sk.MSFTSimulator(
    wavelength=WAVELENGTH,
    box=BOX,
    absorption="index",
    refractive_index=magnetite,
    propagation=advice.recommended,
    detector=detector,
)
volumes = sk.Rasterizer(grid=advice.recommended_grid, box=BOX).transform(bodies)
cross_section = simulator.differential_cross_section(volumes)  # nm^2/sr

# %%
# With a pulse of 20 microjoule in a focus of 15 micrometre, the detector counts these photons. ``assemble`` lays the
# panels out as they stand in the laboratory.

beam = sk.Beam(wavelength=WAVELENGTH, pulse_energy=0.02, focus=15_000)  # mJ, nm
counts = sk.DetectorCounts(beam, detector, quantum_efficiency=0.7, random_state=0).transform(cross_section)
print("photons on the detector:", counts.sum(axis=(1, 2)).astype(int))

fig, ax = plt.subplots(figsize=(6.4, 5), layout="constrained")
edge = 30.0  # mm
image = ax.imshow(
    np.log10(1 + detector.assemble(counts[0])), cmap="viridis", extent=(-edge, edge, edge, -edge), vmin=0
)
ax.set(xlabel="x (mm)", ylabel="y (mm)", title="One shot, as the panels stand")
fig.colorbar(image, label="log$_{10}$(1 + photons)")

# %%
# What a model takes is a log-scaled pattern over wave vectors, with a mask. A preprocessor that knows the detector
# brings it there; no pixel is filled in where nothing was measured. Networks and fits take this grid as their detector.

grid = sk.QGrid(128, dq=0.0036)  # rad/nm
preprocessor = sk.ExperimentPreprocessor(detector, grid, wavelength=WAVELENGTH, background=None)
prepared = preprocessor.fit().process(counts)

fig, axes = plt.subplots(1, 3, figsize=(11, 3.9), layout="constrained")
for ax, pattern, mask, name in zip(
    axes, prepared.patterns, prepared.masks, ("octahedron", "turned", "its tip cut off"), strict=True
):
    image = show_pattern(ax, pattern, mask=mask, dq=grid.dq, title=name)
fig.colorbar(image, ax=axes, label="log-scaled intensity")

# %%
# Each lit facet reflects a streak onto the detector; where the octahedron is turned, so are they. Grey is what nobody
# measured: the slit hides the lowest fringes along one direction, and with them how wide the body is along it.
#
# More about :doc:`detectors and photons </experiment>` and :doc:`light inside the body </propagation>`.
