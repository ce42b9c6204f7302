"""Light inside a body by diffraction, in single precision: FFTs on a padded grid, slice after slice.

Batches are shared out one body to a thread; a single body uses the threads inside its FFTs. Leading empty slices
are skipped, and so are those behind the material. A thread needs the field on the padded grid, 8 bytes a voxel
of a slice, and for a gradient also the light that reaches every voxel of the box, 8 bytes each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numba
import numpy as np
import pyfftw
from numpy.typing import NDArray

from scatterkit.simulation.kernels import _wave_kernels as loops
from scatterkit.simulation.kernels import waves
from scatterkit.simulation.kernels.fft import planning
from scatterkit.simulation.kernels.threads import share_out
from scatterkit.simulation.plan import MSFTPlan

Array = NDArray[Any]
_grids_in_thread = threading.local()
_WORTH_THREADS = 256**2  # size of a grid whose FFT takes longer than waking a second thread


@dataclass(frozen=True, eq=False)
class _Tables:
    """Single-precision factors of a plan's free propagation; the FFTs' scale is in the phases."""

    shape: tuple[int, int]  # of the box
    phases: Array
    oblique: Array | None  # phases of what a slice adds, where these differ
    kept: Array


@lru_cache(maxsize=4)
def _tables(plan: MSFTPlan) -> _Tables:
    phases = waves.propagator(plan) / np.prod(waves.padded_shape(plan))
    gain = waves.oblique(plan)
    oblique = None if gain is None else (gain * phases).astype(np.complex64)
    kept = waves.absorber(plan).astype(np.float32)
    return _Tables(plan.grid_shape[1:], phases.astype(np.complex64), oblique, kept)


@lru_cache(maxsize=4)
def _conjugate(tables: _Tables) -> _Tables:
    oblique = None if tables.oblique is None else tables.oblique.conj()
    return _Tables(tables.shape, tables.phases.conj(), oblique, tables.kept)


@dataclass(frozen=True, eq=False)
class _Grid:
    """A field on a padded grid and its FFTs in place; used by one thread."""

    values: Array
    forward: Any
    backward: Any


@dataclass(frozen=True, eq=False)
class _Field:
    """A scattered field and what a slice adds to it: the same grid unless they propagate with different factors."""

    scattered: _Grid
    added: _Grid

    def propagate(self, tables: _Tables) -> None:
        """Carry both on by a slice's thickness."""
        scattered, added = self.scattered, self.added
        scattered.forward.execute()
        if tables.oblique is None:
            loops.multiply(scattered.values, tables.phases)
        else:
            added.forward.execute()
            loops.multiply_add(scattered.values, tables.phases, added.values, tables.oblique)
            added.values[:] = 0
        scattered.backward.execute()
        loops.fade(scattered.values, tables.kept, *tables.shape)

    def pull(self, tables: _Tables) -> None:
        """Transpose of propagate, given conjugate tables: carry a gradient back."""
        scattered, added = self.scattered, self.added
        loops.fade(scattered.values, tables.kept, *tables.shape)
        scattered.forward.execute()
        if tables.oblique is not None:
            np.multiply(scattered.values, tables.oblique, out=added.values)
            added.backward.execute()
        loops.multiply(scattered.values, tables.phases)
        scattered.backward.execute()


def _zero_field(plan: MSFTPlan, n_threads: int) -> _Field:
    """Give this thread's field for a plan, zero."""
    known = _grids_in_thread.__dict__.setdefault("known", {})
    shape = waves.padded_shape(plan)
    if shape[0] * shape[1] < _WORTH_THREADS:
        n_threads = 1
    n_grids = 1 if _tables(plan).oblique is None else 2
    grids = []
    for i in range(n_grids):
        key = (shape, n_threads, i)
        if key not in known:
            if len(known) >= 8:
                known.clear()
            known[key] = _planned(shape, n_threads)
        known[key].values[:] = 0
        grids.append(known[key])
    return _Field(grids[0], grids[-1])


def _planned(shape: tuple[int, int], n_threads: int) -> _Grid:
    """Plan a grid's FFTs.

    Plans that are measured differ from process to process, and so do their last bits, without being faster.
    """
    values = pyfftw.zeros_aligned(shape, dtype=np.complex64)

    def plan(direction: str) -> Any:
        return pyfftw.FFTW(
            values, values, axes=(0, 1), direction=direction, flags=("FFTW_ESTIMATE",), threads=n_threads
        )

    with planning:
        return _Grid(values, plan("FFTW_FORWARD"), plan("FFTW_BACKWARD"))


def _each_body(work: Callable[[int, int], None], n_bodies: int) -> None:
    """Call work(body, threads it may use) for every body."""
    n_threads = numba.get_num_threads()
    threads_each = n_threads if n_bodies == 1 else 1
    share_out(lambda body: work(body, threads_each), n_bodies, n_threads)


def weights(volumes: Array, material: Array, plan: MSFTPlan, real: Array, imag: Array) -> None:
    """Write what bodies scatter into ``real`` and ``imag``, which must be zero.

    ``material`` are the bounding boxes of the bodies.
    """

    def work(body: int, n_threads: int) -> None:
        box = material[body]
        reaching = np.empty((1, *np.diff(box[1:])[:, 0]), dtype=np.complex64)
        light = _Light(plan, box, box, n_threads)
        light.advance(volumes[body], reaching, real[body], imag[body])

    _each_body(work, len(volumes))


def pull_weights(
    volumes: Array,
    material: Array,
    boxes: Array,
    plan: MSFTPlan,
    real: Array,
    imag: Array,
    gradients: Array,
) -> None:
    """Turn gradients by the parts of what bodies scatter into gradients by the volumes, within boxes.

    A box must hold the body's material, and may hold more.
    """

    def work(body: int, n_threads: int) -> None:
        reaching = np.empty(np.diff(boxes[body])[:, 0], dtype=np.complex64)
        unused = np.empty((2, 1, *plan.grid_shape[1:]), dtype=np.float32)
        light = _Light(plan, material[body], boxes[body], n_threads)
        light.advance(volumes[body], reaching, *unused)
        light.retreat(volumes[body], reaching, real[body], imag[body], gradients[body])

    _each_body(work, len(volumes))


@dataclass(frozen=True)
class _Light:
    """Light that passes the slices of a box around a body's material, and gradients on their way back."""

    plan: MSFTPlan
    material: Array
    box: Array
    n_threads: int

    @property
    def _slices(self) -> range:
        return range(self.box[0, 0], self.box[0, 1])

    def advance(self, volume: Array, reaching: Array, real: Array, imag: Array) -> None:
        """Write what the slices scatter, and the light that reaches them.

        Arrays with a single slice are overwritten by every slice.
        """
        tables, physics = _tables(self.plan), loops.attenuation(self.plan)
        field = _zero_field(self.plan, self.n_threads)
        grids = field.scattered.values, field.added.values
        for i, z in enumerate(self._slices):
            if z > self.material[0, 0]:
                field.propagate(tables)
            out = reaching[i % len(reaching)], real[z % len(real)], imag[z % len(imag)]
            loops.scatter_slice(volume[z], self.box[1:], *grids, *physics, *out)

    def retreat(self, volume: Array, reaching: Array, real: Array, imag: Array, gradient: Array) -> None:
        """Write the gradient by the slices from those by what they scatter."""
        tables, physics = _conjugate(_tables(self.plan)), loops.attenuation(self.plan)
        field = _zero_field(self.plan, self.n_threads)
        grids = field.scattered.values, field.added.values
        for z in reversed(self._slices):
            if z < self.material[0, 1] - 1:
                field.pull(tables)
            light = reaching[z - self.box[0, 0]]
            loops.pull_slice(volume[z], self.box[1:], *grids, *physics, light, real[z], imag[z], gradient[z])
