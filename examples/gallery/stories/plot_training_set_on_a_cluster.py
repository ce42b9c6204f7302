"""
A training set on a cluster
===========================

A hundred thousand bodies are more than a laptop wants to simulate. Samples do not depend on each other, so the work can
be shared out in two ways: one set that many workers fill, or many small sets, by jobs that know nothing of each other,
put together in the end. Both in little here.
"""

import tempfile
from pathlib import Path

import scatterkit as sk
from scatterkit.datasets import dataset_checks, html_summary, open_dataset, write_store
from scatterkit.plotting import show_dataset

folder = tempfile.TemporaryDirectory()
scratch = Path(folder.name)

# %%
# What a sample is: a sampler of bodies, a grid, an experiment. Everything that is drawn comes from ``random_state``
# and the sample's number.


def generator_of(task):
    """Give the generator of one job; jobs differ by their seed alone."""
    return sk.DatasetGenerator(
        sk.SolidSampler(classes=["icosahedron", "decahedron", "truncated_octahedron"], size=(40, 120)),
        sk.Rasterizer(grid=32),
        sk.MSFTSimulator(detector=sk.QGrid(64, dq=0.0148)),
        random_state=task,
        shard_size=8,  # samples to a file; 256 by default
    )


# %%
# One set, filled in turns
# ------------------------
# A job may be cut by its time limit at any moment. This one makes 16 samples; the next one asks for 24 and makes the
# missing 8. The bytes on disk are those that one run would have made, whatever the number of workers.

generator_of(0).generate(scratch / "one.zarr", 16, verbose=False)
data = generator_of(0).generate(scratch / "one.zarr", 24, verbose=False)
print(data.sizes["sample"], "samples")

# %%
# On one machine ``n_jobs=-1`` takes all its processors. On a cluster pass the client of a Dask cluster: a worker that
# dies costs the block it was at. On SLURM, dask-jobqueue submits the workers:
#
# .. code-block:: python
#
#    cluster = SLURMCluster(cores=32, processes=32, memory="32GB", walltime="01:00:00")
#    cluster.adapt(minimum_jobs=1, maximum_jobs=8)
#    with Client(cluster) as client:
#        generator.generate("/scratch/me/silver.zarr", 140_000, client=client)

# %%
# Many sets, by array jobs
# ------------------------
# Without Dask, a job of an array writes a set of its own: ``python make.py $SLURM_ARRAY_TASK_ID``. Here a loop stands
# for the array. Seeds next to each other give bodies that have nothing to do with each other.

for task in (1, 2, 3):
    generator_of(task).generate(scratch / f"part{task}.zarr", 16, verbose=False)

# %%
# The parts are put together block by block, so that memory holds one of them at a time. The result is read like any
# other set, and knows where it is from; parts of different experiments would be refused.

parts = sorted(scratch.glob("part*.zarr"))
merged = write_store(map(open_dataset, parts), scratch / "merged.zarr", pattern_dtype="uint16", shard_size=16)
print(merged.sizes["sample"], "samples by the seeds", merged.attrs["random_state"])

# %%
# Look before you train
# ---------------------
# A gallery of the merged set: each pattern beside the depth at which the beam enters its body, with all that was drawn.

figure = show_dataset(merged, n=6, columns=3)

# %%
# The page on the whole set has checks that no eye makes: empty patterns, bodies that touch the box, samples that occur
# twice, orientations that are not uniform. It is one file, to be opened in a browser or sent by mail.

page = html_summary(scratch / "merged.zarr", scratch / "merged.html")
print(f"{page.name}: {page.stat().st_size / 1000:.0f} kB")
print(*dataset_checks(merged), sep="\n")

# %%
# Two jobs with the same seed are what such a merge goes wrong with. A script that stops there saves a wasted training.
# More about :doc:`data sets </datasets>`.

twice = write_store(map(open_dataset, [parts[0], *parts]), scratch / "twice.zarr")
print(*(check for check in dataset_checks(twice) if not check.ok), sep="\n")

folder.cleanup()
