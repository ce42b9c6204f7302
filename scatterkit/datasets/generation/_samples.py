"""From a sample's number to its volume and pattern as they are stored; nothing else has a say in them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from scatterkit._validation import fail, joint_mask
from scatterkit.base import Component
from scatterkit.datasets.generation._columns import columns_of
from scatterkit.datasets.generation._images import check_storable, image_spec, quantize
from scatterkit.datasets.generation._store import ArraySpec, Layout
from scatterkit.datasets.schema import MASK, PATTERN, PATTERN_DIMS, VOLUME, VOLUME_DIMS, voxel_centers
from scatterkit.experiment import check_detector, grid_step
from scatterkit.simulation import DetectorCounts, LogScaler, PhotonCounts, PolyhedronSimulator
from scatterkit.simulation.kernels.threads import numba_threads, single_blas_thread
from scatterkit.solids import Rasterizer

if TYPE_CHECKING:
    import xarray as xr

OWNER = "DatasetGenerator"
SAMPLE = "sample"
_UNITS = {LogScaler: "1", PhotonCounts: "photons", DetectorCounts: "counts"}
# what random numbers of a part are made of, besides seed and sample; scalers have (1,), (2,), ...
# a last word of zero would give the numbers of the body itself: seed sequences end in zeros
_RASTERIZER, _SIMULATOR = (0, 1), (0, 2)


@dataclass(frozen=True)
class SampleMaker:
    """Makes single samples, each from the seed and its number alone, on one thread.

    The parts are those of the generator, defaults filled in; ``occupancy`` is the type volumes are stored as, or None.
    """

    sampler: Any
    rasterizer: Any
    simulator: Any
    scalers: tuple[Any, ...]
    seed: int
    occupancy: str | None
    pattern_dtype: str

    def on_one_thread(self) -> SampleMaker:
        """Give the maker that computes by one thread, which more of them would change the rounding of."""
        return replace(
            self,
            sampler=clone(self.sampler).set_params(random_state=self.seed),
            rasterizer=without_threads(self.rasterizer, 1),
            simulator=without_threads(self.simulator, 1),
        )

    def descriptors(self, samples: range) -> list[Any]:
        """Draw what makes the bodies of some samples."""
        return list(self.sampler.sample_params(len(samples), start=samples.start))

    def make(self, sample: int, descriptor: Any) -> tuple[NDArray[np.float32] | None, NDArray[np.float32]]:
        """Give volume (z, y, x) and pattern (row, column) of a sample."""
        try:
            with single_blas_thread(), numba_threads(1):
                return self._make(sample, descriptor)
        except Exception as error:
            error.add_note(f"This happened at sample {sample}, {descriptor}.")
            raise

    def _make(self, sample: int, descriptor: Any) -> tuple[NDArray[np.float32] | None, NDArray[np.float32]]:
        solids = [self.sampler.build(descriptor)]
        exact = isinstance(self.simulator, PolyhedronSimulator)
        volumes = None
        if self.occupancy or not exact:
            volumes = self._seeded(self.rasterizer, sample, *_RASTERIZER).transform(solids)
        scattered = solids if exact else volumes
        simulator = self._seeded(self.simulator, sample, *_SIMULATOR)
        if self.scalers and isinstance(self.scalers[0], DetectorCounts):
            patterns = simulator.differential_cross_section(scattered)
        else:
            patterns = simulator.transform(scattered)
        for number, scaler in enumerate(self.scalers, start=1):
            patterns = self._seeded(scaler, sample, number).transform(patterns)
        return (None if volumes is None else volumes[0]), patterns[0]

    def _seeded(self, part: Any, sample: int, *place: int) -> Any:
        """Give a part random numbers of the sample's own, where it draws any."""
        names = named_parameters(part, "random_state")
        if not names:
            return part
        words = np.random.SeedSequence([self.seed, sample, *place]).generate_state(len(names), np.uint64)
        return clone(part).set_params(**{name: int(word) for name, word in zip(names, words, strict=True)})

    def store_volume(self, volume: NDArray[np.float32], slot: NDArray[Any]) -> None:
        """Put a volume into its place in memory, as it is stored."""
        if self.occupancy == "bits":
            np.not_equal(volume, 0, out=slot)
            binary = isinstance(self.rasterizer, Rasterizer) and self.rasterizer.mode == "binary"
            if not binary and not np.array_equal(volume, slot):
                raise fail(
                    "occupancy",
                    OWNER,
                    "'uint8' or None where voxels are filled in part",
                    repr(self.occupancy),
                )
            return
        check_storable(volume, slot.dtype.name, VOLUME, owner=OWNER)
        quantize(volume, slot)

    def store_pattern(self, pattern: NDArray[np.float32], slot: NDArray[Any]) -> None:
        """Put a pattern into its place in memory, as it is stored."""
        check_storable(pattern, self.pattern_dtype, PATTERN, owner=OWNER)
        if self.pattern_dtype == "uint16":
            quantize(pattern, slot)
        else:
            slot[...] = pattern

    def layout(self, shard_size: int, chunk_size: int | None) -> Layout:
        """Give the arrays of the store, after making sample 0: what can't be made or stored shows at once."""
        seeded = self.on_one_thread()
        descriptor = seeded.descriptors(range(1))[0]
        columns = columns_of(descriptor)
        volume, pattern = seeded.make(0, descriptor)
        arrays = []
        if volume is not None and self.occupancy is not None:
            dtype = "bool" if self.occupancy == "bits" else self.occupancy
            attrs = {"long_name": "occupancy", "units": "1"}
            arrays.append(image_spec(VOLUME, VOLUME_DIMS, volume.shape, dtype, shard_size, chunk_size, attrs))
            self.store_volume(volume, np.zeros(volume.shape, dtype))
        pattern_spec = image_spec(
            PATTERN,
            PATTERN_DIMS,
            pattern.shape,
            self.pattern_dtype,
            shard_size,
            chunk_size,
            self._pattern_attrs(),
        )
        self.store_pattern(pattern, np.zeros(pattern.shape, self.pattern_dtype))
        arrays.append(pattern_spec)
        if self.mask(pattern.shape) is not None:
            attrs = {"long_name": "measured pixels"}
            arrays.append(replace(pattern_spec, name=MASK, dtype="bool", scale=None, attrs=attrs))
        arrays.append(ArraySpec(SAMPLE, (SAMPLE,), (), "int64"))
        for column in columns:
            dims = (SAMPLE, *(f"{column.name}_{axis}" for axis in range(1, len(column.shape) + 1)))
            attrs = {} if column.unit is None else {"units": column.unit}
            arrays.append(ArraySpec(_free(column.name), dims, column.shape, column.dtype, attrs=attrs))
        return Layout(shard_size, tuple(arrays))

    def columns(self, samples: range, descriptors: Sequence[Any]) -> dict[str, NDArray[Any]]:
        """Give the coordinates of some samples, by name."""
        drawn = {_free(column.name): column.values(descriptors) for column in columns_of(descriptors[0])}
        return {SAMPLE: np.arange(samples.start, samples.stop, dtype=np.int64), **drawn}

    def mask(self, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
        """Give the pixels that are measured in every pattern; None where all are."""
        return joint_mask((self.simulator, *self.scalers), (shape[0], shape[1]))

    def axes(self, layout: Layout) -> dict[str, tuple[tuple[str], NDArray[Any], Mapping[str, Any]]]:
        """Give the positions of voxels and pixels: (dimensions, values, attributes) by name."""
        found: dict[str, tuple[tuple[str], NDArray[Any], Mapping[str, Any]]] = {}
        shapes = {spec.name: spec.shape for spec in layout.arrays}
        box = getattr(self.rasterizer, "box", None)
        if VOLUME in shapes and box is not None:
            widths = np.broadcast_to(np.asarray(box, float), 3)[::-1]
            for axis, count, width in zip(VOLUME_DIMS[1:], shapes[VOLUME], widths, strict=True):
                found[axis] = ((axis,), voxel_centers(count, float(width)), {"units": "nm"})
        if {"detector", "wavelength"} <= set(self.simulator.get_params(deep=False)):
            detector = check_detector(self.simulator.detector, owner=OWNER)
            if detector.separable and detector.shape == shapes[PATTERN]:
                q_y, q_x = detector.wavevectors(2 * math.pi / self.simulator.wavelength)
                for name, axis, q in (("q_y", "row", q_y), ("q_x", "column", q_x)):
                    found[name] = ((axis,), np.ascontiguousarray(q, np.float64).ravel(), {"units": "rad/nm"})
        return found

    def facts(self) -> dict[str, Any]:
        """Give what readers of the set look up in its attributes: geometry [nm, rad/nm], scale."""
        found: dict[str, Any] = {"random_state": self.seed}
        lengths = {
            "wavelength": (getattr(self.simulator, "wavelength", None), "nm"),
            "dq": (grid_step(self.simulator) if hasattr(self.simulator, "detector") else None, "rad/nm"),
            "box": (getattr(self.rasterizer, "box", None), "nm"),
        }
        for name, (value, unit) in lengths.items():
            number = value.item() if isinstance(value, np.generic) else value
            if isinstance(number, (int, float)):
                found |= {name: number, f"{name}_units": unit}
        log = any(isinstance(scaler, LogScaler) for scaler in self.scalers)
        return found | {"scale": "log" if log else "linear"}

    def _pattern_attrs(self) -> dict[str, Any]:
        steps = [type(part).__name__ for part in (self.simulator, *self.scalers)]
        units = _UNITS.get(type(self.scalers[-1]), "1") if self.scalers else "1"
        return {"long_name": "pattern", "units": units, "made_by": ", ".join(steps)}


def in_memory(
    maker: SampleMaker, layout: Layout, samples: range, attributes: Mapping[str, Any]
) -> xr.Dataset:
    """Give samples as a Dataset, with the values that they have once they are stored."""
    import xarray as xr

    maker = maker.on_one_thread()
    descriptors = maker.descriptors(samples)
    imaged = {spec.name: spec for spec in layout.arrays if spec.sharded}
    stored = {name: np.zeros((len(samples), *spec.shape), spec.dtype) for name, spec in imaged.items()}
    for place, (sample, descriptor) in enumerate(zip(samples, descriptors, strict=True)):
        volume, pattern = maker.make(sample, descriptor)
        if volume is not None and VOLUME in stored:
            maker.store_volume(volume, stored[VOLUME][place])
        maker.store_pattern(pattern, stored[PATTERN][place])
    if MASK in stored:
        stored[MASK][...] = maker.mask(imaged[PATTERN].shape)
    columns = maker.columns(samples, descriptors)
    variables = {
        spec.name: (spec.dims, spec.decode((stored | columns)[spec.name]), dict(spec.attrs))
        for spec in layout.arrays
    }
    data = {name: variables.pop(name) for name in imaged}
    axes = {name: (dims, values, dict(attrs)) for name, (dims, values, attrs) in maker.axes(layout).items()}
    return xr.Dataset(data, variables | axes, attributes)


def without_threads(component: Any, n: int | None) -> Any:
    """Give a copy of a component that uses so many threads; None for its default."""
    copy = clone(component)
    names = [*named_parameters(copy, "n_threads"), *named_parameters(copy, "n_jobs")]
    return copy.set_params(**dict.fromkeys(names, n))


def named_parameters(component: Any, name: str) -> list[str]:
    """Give the parameters of that name, those of components within too, as ``set_params`` takes them."""
    return sorted(key for key in component.get_params(deep=True) if key.rpartition("__")[2] == name)


def without_seed(component: Component) -> Component:
    """Give a copy of a component without a random state of its own."""
    copy = clone(component)
    return copy.set_params(random_state=None) if "random_state" in copy.get_params(deep=False) else copy


def _free(name: str) -> str:
    """Give a name for a coordinate that no variable has."""
    taken = {SAMPLE, PATTERN, VOLUME, MASK, "row", "column", "z", "y", "x", "q_x", "q_y"}
    return f"body_{name}" if name in taken else name
