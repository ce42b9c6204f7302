"""One small, valid use of every public component; the contract suite runs over these."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import scatterkit
from scatterkit.base import Component

CORNERS = 10.0 * np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)])
TRIANGLES = np.array([(0, 1, 2), (0, 3, 1), (0, 2, 3), (1, 3, 2)])


@dataclass(frozen=True)
class Case:
    """How to make a component, and the cheapest use that must check its parameters."""

    use: Callable[[Any], object]
    parameters: Callable[[], dict[str, Any]] = dict


def volumes() -> np.ndarray:
    body = np.zeros((1, 4, 4, 4), dtype=np.float32)
    body[:, 1:3, 1:3, 1:3] = 1
    return body


def patterns(n_pixels: int = 8) -> np.ndarray:
    rows, columns = np.indices((n_pixels, n_pixels)) - n_pixels // 2
    return np.exp(-0.1 * (rows**2 + columns**2))[None].astype(np.float32)


def tetrahedron() -> dict[str, Any]:
    return {"vertices": CORNERS.copy(), "faces": TRIANGLES.copy()}


def two_panels() -> dict[str, Any]:
    steps = {"fast": (1.0, 0.0, 0.0), "slow": (0.0, 1.0, 0.0)}
    corners = ((-4.0, -5.0, 20.0), (-4.0, 1.0, 20.0))
    return {"panels": [scatterkit.Panel((4, 8), corner=corner, **steps) for corner in corners]}


def known_panels() -> dict[str, Any]:
    return {"detector": scatterkit.PanelDetector(**two_panels()), "grid": scatterkit.QGrid(8, dq=0.01)}


def half_ball() -> dict[str, Any]:
    """Cuts are given by two parameters together."""
    return {"matrix": 50 * np.eye(3), "center": (0, 0, 0), "cut_normals": [(0, 0, 1)], "cut_offsets": [0.0]}


def one_row() -> dict[str, Any]:
    picture = Path("1.png")
    row = (1, "Cube", "O_h", 0.1, 0.2, 0.3, 0.5, 1.2, "C4", None, None, picture, picture)
    return {"table": [scatterkit.datasets.SampleRow(*row)]}


def small_fit() -> dict[str, Any]:
    simulator = scatterkit.MSFTSimulator(box=80.0, detector=scatterkit.QGrid(n_pixels=8, dq=0.05))
    model = scatterkit.ConvexBody(n_faces=12)
    search = {"n_starts": 1, "n_rounds": 1, "n_steps": 10, "n_kept": 1, "radii": [20.0]}
    return {"model": model, "simulator": simulator, "grid": 8, **search}


def small_search() -> dict[str, Any]:
    """A few looks at bodies; time never ends it."""
    fit = {name: value for name, value in small_fit().items() if name in ("simulator", "grid")}
    return fit | {"n_pixels": 100, "time_budget": 1e6, "max_simulations": 3, "random_state": 0}


def small_set() -> dict[str, Any]:
    simulator = scatterkit.MSFTSimulator(detector=scatterkit.QGrid(n_pixels=8))
    return {"rasterizer": scatterkit.Rasterizer(grid=8), "simulator": simulator, "shard_size": 4}


def prepare(preprocessor: Any) -> object:
    """Two frames on the default detector."""
    frames = patterns(128).repeat(2, axis=0)
    return preprocessor.fit(frames, darks=np.zeros((2, 128, 128))).process(frames)


def use_model(model: Any) -> object:
    """Body models are checked by the fitter that they are given to."""
    return scatterkit.ForwardFitter(**small_fit() | {"model": model}).fit(patterns())


def encode(encoder: Any) -> object:
    """An encoder is no use without a network."""
    return scatterkit.reconstruction.make_network(encoder, "support", grid=4)


def small_network() -> dict[str, Any]:
    """One step; "physics" needs no volumes."""
    room = scatterkit.reconstruction
    return {
        "simulator": scatterkit.MSFTSimulator(detector=scatterkit.QGrid(n_pixels=32, dq=0.02)),
        "encoder": room.CompactEncoder(width=2, n_blocks=1, n_features=4),
        "decoder": room.PlaneDecoder(n_faces=8),
        "loss": "physics",
        "grid": 4,
        "n_steps": 1,
    }


def two_losses() -> dict[str, Any]:
    room = scatterkit.reconstruction
    return {"losses": [room.PhysicsLoss(), room.CrossEntropyLoss()], "weights": [1.0, room.Ramp()]}


def refine(refiner: Any) -> object:
    """A cube, whatever the pattern."""
    sides = np.vstack([np.eye(3), -np.eye(3)]), np.full(6, 20.0)
    simulator = small_fit()["simulator"]
    return refiner.refine(patterns(), lambda seen, masks: [sides] * len(seen), simulator=simulator)


def spoil(artifact: Any) -> object:
    """A filter needs parameters of its own making."""
    return artifact.apply(patterns(), artifact.sample_params(1, (8, 8)))


CASES: dict[str, Case] = {
    "Augmenter": Case(lambda augmenter: augmenter.transform(patterns())),
    "Bar": Case(spoil),
    "Beam": Case(lambda beam: beam.fluence),
    "BlindSpot": Case(spoil),
    "Blur": Case(spoil),
    "CatalogueBody": Case(use_model, lambda: {"name": "cube", "n_orientations": 1}),
    "CentralHole": Case(spoil),
    "ColorBar": Case(lambda bar: bar.transform(np.ones((1, 2, 2, 3))), lambda: {"colors": np.eye(3)}),
    "ColorScale": Case(
        lambda scale: scale.transform(patterns()), lambda: {"grey": (0.0, 1.0), "values": (0.0, 2.0)}
    ),
    "CompactEncoder": Case(encode, lambda: {"width": 2, "n_blocks": 1, "n_features": 4}),
    "ConvexBody": Case(use_model),
    "Chain": Case(spoil, lambda: {"steps": [scatterkit.augmentation.Shift()]}),
    "Crop": Case(spoil),
    "CrossEntropyLoss": Case(lambda loss: loss.build()),
    "DatasetGenerator": Case(lambda generator: generator.sample(1), small_set),
    "DepthDecoder": Case(lambda decoder: decoder.numbers_shape(8)),
    "DetectorCounts": Case(lambda counts: counts.transform(np.ones((1, 128, 128)))),
    "DetectorGaps": Case(spoil),
    "EllipsoidBody": Case(use_model, lambda: {"n_orientations": 1}),
    "Ellipsoid": Case(lambda ellipsoid: ellipsoid.volume, half_ball),
    "EvolutionFitter": Case(lambda fitter: fitter.fit(patterns()), small_search),
    "ExperimentPreprocessor": Case(prepare),
    "FlatDetector": Case(lambda detector: detector.wavevectors(wavenumber=0.5)),
    "ForwardFitter": Case(lambda fitter: fitter.fit(patterns()), small_fit),
    "HalfSpaceSampler": Case(lambda sampler: sampler.sample(1)),
    "LogScaler": Case(lambda scaler: scaler.transform(patterns())),
    "MSFTSimulator": Case(lambda simulator: simulator.transform(volumes())),
    "MixedSampler": Case(
        lambda sampler: sampler.sample(1), lambda: {"samplers": [scatterkit.solids.HalfSpaceSampler()]}
    ),
    "MultiStartFitter": Case(lambda fitter: fitter.fit(patterns()), small_search),
    "NoiseFloor": Case(spoil),
    "PanelDetector": Case(lambda detector: detector.wavevectors(wavenumber=0.5), two_panels),
    "PanelGaps": Case(spoil, known_panels),
    "PhotonCounts": Case(lambda counts: counts.transform(patterns())),
    "PhotonNoise": Case(spoil),
    "PoissonNoise": Case(spoil),
    "ExactPhysicsLoss": Case(lambda loss: loss.build(grid=4)),
    "PhysicsLoss": Case(lambda loss: loss.build(grid=4)),
    "PhysicsReconstructor": Case(lambda network: network.fit(patterns(32)), small_network),
    "PlaneDecoder": Case(lambda decoder: decoder.numbers_shape(8)),
    "PolyhedronSimulator": Case(lambda simulator: simulator.transform([scatterkit.Solid(**tetrahedron())])),
    "PolychromaticSimulator": Case(lambda simulator: simulator.transform(volumes())),
    "PublishedEncoder": Case(encode, lambda: {"width": 1}),
    "PublishedGrid": Case(lambda detector: detector.wavevectors(wavenumber=0.5)),
    "PublishedSampler": Case(lambda sampler: sampler.sample(1)),
    "QGrid": Case(lambda detector: detector.wavevectors(wavenumber=0.5)),
    "QResampler": Case(lambda resampler: resampler.transform(np.ones((1, 128, 128)))),
    "Ramp": Case(lambda ramp: ramp(1)),
    "Rasterizer": Case(lambda rasterizer: rasterizer.transform([scatterkit.Solid(**tetrahedron())])),
    "Refiner": Case(refine, lambda: {"seconds": 0.01, "n_kept": 1}),
    "RetrievalFitter": Case(lambda fitter: fitter.fit(patterns()), lambda: small_search() | {"library": 3}),
    "Rotation": Case(spoil),
    "SaltAndPepper": Case(spoil),
    "Saturation": Case(spoil),
    "Shift": Case(spoil),
    "ShotNoise": Case(spoil),
    "SimplexFitter": Case(
        lambda fitter: fitter.fit(patterns()), lambda: small_search() | {"classes": ["tetrahedron"]}
    ),
    "SimulatedExperiment": Case(spoil),
    "Solid": Case(lambda solid: solid.volume, tetrahedron),
    "SolidSampler": Case(lambda sampler: sampler.sample(1)),
    "StarBody": Case(use_model, lambda: {"degree": 2}),
    "StrayLight": Case(spoil),
    "SupportBody": Case(use_model, lambda: {"n_directions": 12}),
    "SupportDecoder": Case(lambda decoder: decoder.numbers_shape(8)),
    "SymmetricBody": Case(use_model, lambda: {"n_orbits": 1, "n_orientations": 1}),
    "UnionBody": Case(use_model, lambda: {"n_faces": 8, "n_arrangements": 1}),
    "UniformNoise": Case(spoil),
    "SurfaceLoss": Case(lambda loss: loss.build(grid=4)),
    "VisibleShapeLoss": Case(lambda loss: loss.build(grid=4)),
    "VoxelDecoder": Case(lambda decoder: decoder.numbers_shape(8)),
    "WeightedLoss": Case(lambda loss: loss.targets, two_losses),
    "TableSampler": Case(lambda sampler: sampler.sample(1), one_row),
}


# Bases to subclass; they are no use alone.
ABSTRACT = {"BodyModel", "Decoder", "Detector", "Encoder", "Filter", "Loss", "PlaneModel"}


def public_objects() -> list[Any]:
    """Classes and functions among the public names, of the package and of the modules it names."""
    found: dict[int, Any] = {}
    for name in scatterkit.__all__:
        value = getattr(scatterkit, name)
        members = [getattr(value, part) for part in getattr(value, "__all__", ())] or [value]
        found.update((id(member), member) for member in members)
    return [value for value in found.values() if inspect.isclass(value) or inspect.isfunction(value)]


def public_components() -> list[type[Component]]:
    """The component classes among the public objects."""
    classes = [
        value for value in public_objects() if isinstance(value, type) and issubclass(value, Component)
    ]
    return [value for value in classes if value.__name__ not in ABSTRACT]


def make(kind: type[Component]) -> Any:
    """A component with the parameters of its case."""
    return kind(**CASES[kind.__name__].parameters())
