"""
A body of your own, from an STL file
====================================

A model from a microscope, a growth simulation or a CAD program becomes a diffraction pattern. Here the file is written
on the way: a body with eight blunt arms, as nanoparticles of platinum and gold grow where they grow fast.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

import scatterkit as sk
from scatterkit.metrics import scatter_loss
from scatterkit.plotting import show_depth, show_difference, show_pattern, show_solid

# %%
# An STL file holds triangles and no unit. This one is made of a fine triangulation of the sphere, whose points are
# moved inwards along the axes and outwards between them.

mesh = trimesh.creation.icosphere(subdivisions=4)
along_axes = (mesh.vertices**4).sum(axis=1, keepdims=True)  # 1 on the axes, 1/3 on the diagonals
mesh.vertices *= 52.0 / along_axes**0.75

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "octopod.stl"
mesh.export(path)
print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB, {len(mesh.faces)} triangles")

# %%
# Lengths are read as nanometres; for a file in another unit there is ``scale``. An open surface would be refused here,
# and the error names the file. Several closed parts that overlap are one body.

body = sk.Solid.from_file(path).rotate(Rotation.from_euler("xyz", [20, 30, 10], degrees=True))
print(f"circumradius {body.circumradius:.0f} nm, convex: {body.is_convex}")

# %%
# The rasterizer gives every voxel the share of it that is filled, exactly. It is 64 voxels a side unless told
# otherwise, and the box 318.75 nm: a body must fit into it.

volume = sk.Rasterizer(grid=64).transform([body])

fig, axes = plt.subplots(1, 2, figsize=(8.6, 4), layout="constrained")
show_solid(axes[0], body, view="beam", title="the body, as the beam meets it")
image = show_depth(axes[1], volume[0], title="where the beam enters it")
fig.colorbar(image, ax=axes[1], label="z (nm)")

# %%
# Two kernels, which share no code, simulate the pattern: padded FFTs, and matrix products that compute the wanted
# pixels alone. ``backend="auto"`` takes the faster one; the comparison shows that it does not matter which.

patterns, intensities = {}, {}
for backend in ("fft", "matrix"):
    intensities[backend] = sk.MSFTSimulator(backend=backend).transform(volume)
    patterns[backend] = sk.LogScaler().transform(intensities[backend])[0]
kernels = float(np.abs(patterns["fft"] - patterns["matrix"]).max())
print(f"largest difference of the kernels, on a scale from 0 to 1: {kernels:.1e}")

# %%
# What does matter is the grid. On 128 voxels a side edges and tips are sharper:

fine = sk.MSFTSimulator().transform(sk.Rasterizer(grid=128).transform([body]))
patterns["128"] = sk.LogScaler().transform(fine)[0]
print(f"scatter loss of 64 to 128 voxels a side: {scatter_loss(fine, intensities['fft'])[0]:.1e}")

dq = sk.QGrid().dq
fig, axes = plt.subplots(1, 3, figsize=(12, 3.9), layout="constrained")
image = show_pattern(axes[0], patterns["fft"], dq=dq, title="FFT, 64 voxels a side")
fig.colorbar(image, ax=axes[0], label="log-scaled intensity", shrink=0.8)
for ax, other, name in (
    (axes[1], patterns["matrix"], "matrix products less FFT"),
    (axes[2], patterns["128"], "128 voxels less 64"),
):
    image = show_difference(ax, other - patterns["fft"], dq=dq, title=name)
    fig.colorbar(image, ax=ax, label="difference", shrink=0.8)

# %%
# The kernels agree to rounding: look at the scale of the second picture. The grid's error is a hundred thousand times
# larger, sits in the dark between the streaks and at large angles, and is still small against most noise.
#
# A body with dents, as this one, has no exact pattern in closed form; convex ones do, by ``PolyhedronSimulator``. And
# with the beam through the dents, "straight rays" is a bolder assumption than for a compact crystal.

folder.cleanup()
