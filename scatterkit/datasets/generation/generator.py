"""Data sets of any size, that can be interrupted at any moment: bodies, their volumes and patterns."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scatterkit._serialization import from_json, to_json
from scatterkit._validation import (
    AnyOf,
    Boolean,
    Choice,
    Constraint,
    Instance,
    Integer,
    check_value,
    fail,
    shown,
)
from scatterkit.base import Component
from scatterkit.datasets._errors import bad_file
from scatterkit.datasets.generation._engines import check_client
from scatterkit.datasets.generation._generation import Generation, check_target
from scatterkit.datasets.generation._samples import (
    OWNER,
    SampleMaker,
    in_memory,
    named_parameters,
    without_seed,
    without_threads,
)
from scatterkit.datasets.generation._store import Layout
from scatterkit.datasets.generation.stored import located, open_dataset, stored_group, was_generated
from scatterkit.datasets.schema import FORMAT
from scatterkit.simulation import DetectorCounts, LogScaler, MSFTSimulator
from scatterkit.solids import Rasterizer, SolidSampler

if TYPE_CHECKING:
    import distributed
    import xarray as xr

_PACKAGES = ("numba", "numcodecs", "numpy", "pyfftw", "scatterkit", "scipy")


class _Offers:
    """A component with certain methods."""

    def __init__(self, *methods: str) -> None:
        self._methods = methods

    def accepts(self, value: Any) -> bool:
        return isinstance(value, Component) and all(hasattr(value, name) for name in self._methods)

    def describe(self) -> str:
        return "a component with " + " and ".join(f"`{name}`" for name in self._methods)


_TRANSFORMER = _Offers("transform")


class _Transformers:
    """A sequence of transformers."""

    def accepts(self, value: Any) -> bool:
        return isinstance(value, (list, tuple)) and all(map(_TRANSFORMER.accepts, value))

    def describe(self) -> str:
        return "a list of these"


class DatasetGenerator(Component):
    """Generate training sets of any size: bodies, their volumes and their diffraction patterns.

    Sample i depends on ``random_state`` and i alone: blocks, workers, interruptions and the number of samples change
    nothing. A run can end at any moment, also by a kill or a full disk; the next one goes on, and ends with the same
    bytes as a run without interruption.

    Parameters
    ----------
    sampler : SolidSampler or HalfSpaceSampler, optional
        What draws the bodies: any component with ``sample_params(n, start=)``, ``build(descriptor)`` and an own
        ``random_state``, which must be None. Descriptors are instances of a data class, whose fields are stored.
        ``SolidSampler()`` by default.
    rasterizer : Rasterizer, optional
        What makes volumes of bodies; ``Rasterizer(grid=64)`` by default.
    simulator : MSFTSimulator, optional
        What makes intensities of volumes, or of bodies in the case of `PolyhedronSimulator`; ``MSFTSimulator()`` by
        default. Not of ``backend="keras"``, whose last bits depend on the device: `OnTheFly` generates on those.
    scaler : {"log"} or transformer or list of transformers or None, default="log"
        What is done to the intensities, in order. ``"log"`` is ``LogScaler()``, None leaves them as they are. Where
        the first is a `DetectorCounts`, it gets the simulator's differential cross sections.
    random_state : int, default=0
        The set's seed. The random states of all parts must be None: what they draw comes from this seed and the
        sample's number.
    occupancy : {"uint8", "bits"} or None, default="uint8"
        How volumes are stored: in 255 steps; as True and False, for ``Rasterizer(mode="binary")``; or not at all.
    pattern_dtype : {"uint16", "float16", "float32"}, default="uint16"
        How patterns are stored: in 65535 steps, for values in [0, 1]; or as numbers.
    shard_size : int, default=256
        Samples to a block, which is written by one worker, as one file for each variable, and lost as a whole where
        a run is killed.
    chunk_size : int, optional
        Samples that are compressed together, and so read together, a divisor of ``shard_size``; by default up to
        2 MiB of them, and at most 32.

    See Also
    --------
    open_dataset : Opens what was generated.
    make_dataset : Makes a Dataset of arrays.

    Notes
    -----
    A set is a Zarr v3 group, so that ``xarray.open_zarr`` and other Zarr readers open it too. Chunks are compressed by
    zstd and carry a checksum (crc32c); every block has files of its own. Attributes hold all parameters as JSON, units,
    and the versions of packages.

    Every sample is computed by one thread: the simulator's and rasterizer's own settings for threads play no part, and
    are not stored. Use more processes by ``n_jobs`` or ``client`` instead.

    Examples
    --------
    >>> import tempfile
    >>> from scatterkit import DatasetGenerator, MSFTSimulator, QGrid, Rasterizer
    >>> generator = DatasetGenerator(
    ...     rasterizer=Rasterizer(grid=16), simulator=MSFTSimulator(detector=QGrid(16)), shard_size=4
    ... )
    >>> generator.sample(3).pattern.shape
    (3, 16, 16)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     data = generator.generate(f"{folder}/set.zarr", 6, verbose=False)
    ...     data.sizes["sample"], data.volume[5].values.shape
    (6, (16, 16, 16))
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        "sampler": AnyOf((_Offers("sample_params", "build", "random_state"), Choice((None,)))),
        "rasterizer": AnyOf((_TRANSFORMER, Choice((None,)))),
        "simulator": AnyOf((_TRANSFORMER, Choice((None,)))),
        "scaler": AnyOf((Choice(("log", None)), _TRANSFORMER, _Transformers())),
        "random_state": Integer(low=0),
        "occupancy": Choice(("uint8", "bits", None)),
        "pattern_dtype": Choice(("uint16", "float16", "float32")),
        "shard_size": Integer(low=1),
        "chunk_size": Integer(low=1, optional=True),
    }

    def __init__(
        self,
        sampler: Any = None,
        rasterizer: Rasterizer | None = None,
        simulator: Any = None,
        scaler: Any = "log",
        random_state: int = 0,
        occupancy: str | None = "uint8",
        pattern_dtype: str = "uint16",
        shard_size: int = 256,
        chunk_size: int | None = None,
    ) -> None:
        self.sampler = sampler
        self.rasterizer = rasterizer
        self.simulator = simulator
        self.scaler = scaler
        self.random_state = random_state
        self.occupancy = occupancy
        self.pattern_dtype = pattern_dtype
        self.shard_size = shard_size
        self.chunk_size = chunk_size

    @classmethod
    def from_store(cls, path: str | os.PathLike[str], *, classes: Iterable[type] = ()) -> DatasetGenerator:
        """Give the generator that a stored set, finished or not, comes from.

        Parameters
        ----------
        path : path-like
            The set.
        classes : iterable of type
            Classes of components from outside the package that it was made with.

        Returns
        -------
        DatasetGenerator
            A generator with the same parameters, defaults written out.

        Raises
        ------
        ValueError
            If there is no set, or its parameters are damaged.
        """
        owner = f"{OWNER}.from_store"
        root = located(path, owner)
        group, _ = stored_group(root, owner)
        if not was_generated(group):
            raise bad_file(root, owner, "a set that was generated", "which holds imported data")
        generator = from_json(group["attributes"]["generator"], classes)
        if not isinstance(generator, cls):
            raise bad_file(root, owner, "a set that was generated", f"made by a {type(generator).__name__}")
        return generator

    def sample(self, n: int, start: int = 0) -> xr.Dataset:
        """Make samples in memory, with the very values that a stored set would hold.

        Parameters
        ----------
        n : int
            How many.
        start : int, default=0
            Number of the first.

        Returns
        -------
        xarray.Dataset
            ``pattern`` (sample, row, column), ``volume`` (sample, z, y, x), and a coordinate for everything that was
            drawn.
        """
        check_value(n, Integer(low=1), name="n", owner=f"{OWNER}.sample")
        check_value(start, Integer(low=0), name="start", owner=f"{OWNER}.sample")
        maker = self._maker()
        layout = self._layout(maker)
        return in_memory(maker, layout, range(int(start), int(start) + int(n)), self._attributes(maker))

    def generate(
        self,
        path: str | os.PathLike[str],
        n_samples: int,
        *,
        n_jobs: int = 1,
        client: distributed.Client | None = None,
        verbose: bool = True,
    ) -> xr.Dataset:
        """Generate a set on disk, or what it still lacks.

        A set that was begun with the same parameters goes on; one that was finished with fewer samples grows. The
        result is, byte for byte, that of one run.

        Parameters
        ----------
        path : path-like
            Folder of the set, such as ``silver.zarr``.
        n_samples : int
            How many samples it is to have.
        n_jobs : int, default=1
            Worker processes on this computer; -1 for as many as there are processors. They are joblib's, of its
            backend "loky", whatever ``joblib.parallel_config`` says: for a Dask cluster, give ``client``.
        client : distributed.Client, optional
            A Dask cluster whose workers generate instead. They must see ``path`` on a file system that they share.
        verbose : bool, default=True
            Whether to show progress, the rate and the time left.

        Returns
        -------
        xarray.Dataset
            The set, opened as `open_dataset` does.

        Raises
        ------
        ValueError
            If a parameter is wrong, the path holds something else, or samples cannot be stored as asked for.
        GenerationError
            If the path holds a set of another generator, or another process is at work on it.
        OSError
            If the disk is full, or the path cannot be written. What was finished is kept.
        """
        owner = f"{OWNER}.generate"
        jobs = AnyOf((Integer(low=1), Choice((-1,))))
        check_value(n_samples, Integer(low=1), name="n_samples", owner=owner)
        check_value(n_jobs, jobs, name="n_jobs", owner=owner)
        check_value(verbose, Boolean(), name="verbose", owner=owner)
        check_value(path, Instance((str, os.PathLike)), name="path", owner=owner)
        check_client(client, owner)
        if client is not None and n_jobs != 1:
            raise fail("n_jobs", owner, "1 where a client is given", str(n_jobs))
        maker = self._maker()
        available = getattr(maker.sampler, "n_samples", None)
        if available is not None and n_samples > available:
            raise fail("n_samples", owner, f"at most the sampler's {available}", str(n_samples))
        root = Path(path).expanduser().absolute()
        check_target(root)
        # a table of bodies may end before
        maker.on_one_thread().descriptors(range(int(n_samples) - 1, int(n_samples)))
        layout = self._layout(maker)
        generation = Generation(
            root, int(n_samples), maker, layout, maker.axes(layout), self._attributes(maker)
        )
        generation.run(n_jobs, client, bool(verbose))
        return open_dataset(root)

    def _maker(self) -> SampleMaker:
        """Give what makes samples, all parameters checked."""
        self._check_parameters()
        if self.chunk_size is not None and self.shard_size % self.chunk_size:
            raise fail(
                "chunk_size",
                OWNER,
                f"None or a divisor of shard_size={self.shard_size}",
                str(self.chunk_size),
            )
        sampler = SolidSampler() if self.sampler is None else self.sampler
        rasterizer = Rasterizer(grid=64) if self.rasterizer is None else self.rasterizer
        simulator = MSFTSimulator() if self.simulator is None else self.simulator
        scalers = self._scalers()
        parts = [("rasterizer", rasterizer), ("simulator", simulator)]
        _check_seeds([("sampler", sampler), *parts, *(("scaler", scaler) for scaler in scalers)])
        _check_backend(simulator)
        counts = bool(scalers) and isinstance(scalers[0], DetectorCounts)
        if counts and not hasattr(simulator, "differential_cross_section"):
            allowed = "one with `differential_cross_section` where the scaler begins with DetectorCounts"
            raise fail("simulator", OWNER, allowed, shown(simulator))
        _check_boxes(sampler, rasterizer, simulator)
        return SampleMaker(
            sampler,
            rasterizer,
            simulator,
            scalers,
            int(self.random_state),
            self.occupancy,
            self.pattern_dtype,
        )

    def _layout(self, maker: SampleMaker) -> Layout:
        return maker.layout(int(self.shard_size), None if self.chunk_size is None else int(self.chunk_size))

    def _scalers(self) -> tuple[Any, ...]:
        if self.scaler is None:
            return ()
        if isinstance(self.scaler, str):
            return (LogScaler(),)
        return tuple(self.scaler) if isinstance(self.scaler, (list, tuple)) else (self.scaler,)

    def _attributes(self, maker: SampleMaker) -> dict[str, Any]:
        """Give the attributes of the set: nothing in them depends on where and when it is made."""
        parts = {
            "sampler": without_seed(maker.sampler),
            "rasterizer": without_threads(maker.rasterizer, None),
            "simulator": without_threads(maker.simulator, None),
            "scaler": list(maker.scalers),
        }
        complete = type(self)(**(self.get_params(deep=False) | parts))
        versions = {package: version(package) for package in _PACKAGES}
        return {
            "format": FORMAT,
            "generator": to_json(complete),
            "versions": json.dumps(versions, sort_keys=True),
            **maker.facts(),
        }


def _check_seeds(parts: Iterable[tuple[str, Any]]) -> None:
    """Refuse parts that draw random numbers from a seed of their own."""
    for name, part in parts:
        given = part.get_params(deep=True)
        if any(given[key] is not None for key in named_parameters(part, "random_state")):
            allowed = f"one whose random_state is None, since {OWNER} has its own"
            raise fail(name, OWNER, allowed, shown(part))


def _check_backend(simulator: Any) -> None:
    """Refuse a simulator whose last bits depend on the number of processors."""
    given = simulator.get_params(deep=True)
    if any(given[key] == "keras" for key in named_parameters(simulator, "backend")):
        allowed = "one whose backend is not 'keras', which rounds otherwise on other devices (OnTheFly generates there)"
        raise fail("simulator", OWNER, allowed, shown(simulator))


def _check_boxes(sampler: Any, rasterizer: Any, simulator: Any) -> None:
    """Refuse parts whose boxes don't go together."""
    box = getattr(rasterizer, "box", None)
    if box is None:
        return
    widths = np.broadcast_to(np.asarray(box, float), 3)
    of_simulator = getattr(simulator, "box", None)
    if of_simulator is not None and not np.allclose(widths, of_simulator, rtol=1e-9):
        raise fail("simulator", OWNER, f"one whose box is the rasterizer's, {box} nm", f"box={of_simulator}")
    of_sampler = getattr(sampler, "box", None)
    if of_sampler is not None and of_sampler > widths.min() * (1 + 1e-9):
        raise fail(
            "sampler", OWNER, f"one whose box is within the rasterizer's, {box} nm", f"box={of_sampler}"
        )
