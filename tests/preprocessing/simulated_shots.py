"""Shots as a detector records them, with everything known that preprocessing has to find."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from scatterkit.experiment import FlatDetector
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Rasterizer, Solid, SolidSampler

WAVENUMBER = 2 * np.pi / 13.5
NAMES = ("icosahedron", "truncated_octahedron", "cube", "octahedron", "dodecahedron")


@dataclass(frozen=True, eq=False)
class Shots:
    """Raw frames, and what is true of them.

    Frames are in ADU: offset plus noise plus photons over gain, cut at the saturation level. ``dark`` holds
    frames without light. ``photons`` are the expected photons, before noise and the hole.
    """

    frames: NDArray[np.float32]
    darks: NDArray[np.float32]
    photons: NDArray[np.float64]
    volumes: NDArray[np.float32]
    centers: NDArray[np.float64]
    mask: NDArray[np.bool_]
    hot: NDArray[np.bool_]
    dead: NDArray[np.bool_]
    saturated: NDArray[np.bool_]
    detector: FlatDetector
    gain: float


def bodies(n: int, seed: int = 0, grid: int = 48) -> NDArray[np.float32]:
    """Polyhedra of many kinds, half of them of the published distribution, which is far from symmetric."""
    solids = [
        Solid.from_catalogue(NAMES[i % len(NAMES)], circumradius=60.0 + 12 * (i % 5)).rotate(
            Rotation.random(random_state=1000 * seed + i)
        )
        for i in range(n // 2)
    ]
    solids += SolidSampler(random_state=seed).sample(n - len(solids))
    return np.asarray(Rasterizer(grid=grid).transform(solids))


def photons(
    volumes: NDArray[np.float32],
    detector: FlatDetector,
    centers: NDArray[np.float64],
    total: float,
    **simulator: object,
) -> NDArray[np.float64]:
    """Expected photons per pixel, as many in all as stated."""
    found = []
    for volume, center in zip(volumes, centers, strict=True):
        placed = FlatDetector(
            detector.n_pixels,
            detector.pixel_size,
            detector.distance,
            tuple(center),
            detector.tilt,
            detector.roll,
        )
        intensity = MSFTSimulator(detector=placed, **simulator).transform(volume[None])[0].astype(np.float64)
        intensity *= placed.solid_angle(WAVENUMBER)
        found.append(intensity * (total / intensity.sum()))
    return np.stack(found)


def distances(shape: tuple[int, int], center: tuple[float, float]) -> NDArray[np.float64]:
    rows, columns = np.indices(shape)
    return np.hypot(rows - center[0], columns - center[1])


def shots(
    n: int = 4,
    *,
    n_pixels: int = 256,
    total: float = 3e6,
    hole: float = 8.0,
    gap: int = 4,
    n_bad: int = 40,
    saturation: float = 16383.0,
    gain: float = 0.05,
    spread: float = 3.0,
    read_noise: float = 3.0,
    tilt: tuple[float, float] = (0.0, 0.0),
    seed: int = 0,
    n_darks: int = 20,
) -> Shots:
    """Simulate shots on a flat detector off centre, with all that goes wrong."""
    rng = np.random.default_rng(seed)
    detector = FlatDetector(n_pixels, 0.4 * 256 / n_pixels, 30.0, tilt=tilt)
    shape, middle = detector.shape, n_pixels // 2
    volumes = bodies(n, seed)
    centers = middle + rng.uniform(-spread, spread, (n, 2))
    expected = photons(volumes, detector, centers, total)
    # hole and gap are in the detector, whose middle is not where the beam is
    mask = distances(shape, (middle, middle)) > hole
    gap_row = int(0.35 * n_pixels)
    mask[gap_row : gap_row + gap] = False
    hot, dead = np.zeros((2, *shape), dtype=bool)
    places = rng.choice(np.flatnonzero(mask), 2 * n_bad, replace=False)
    hot.flat[places[:n_bad]] = True
    dead.flat[places[n_bad:]] = True
    offset = 100 + 10 * np.sin(np.arange(shape[1]) / 40)[None] + rng.normal(0, 2, shape)
    extra = np.where(hot, rng.uniform(500, 5000, shape), 0)

    def record(light: NDArray[np.float64]) -> NDArray[np.float32]:
        adu = light / gain + offset + extra + rng.normal(0, read_noise, light.shape)
        adu = np.where(dead, 0, adu)
        return np.minimum(adu, saturation).astype(np.float32)

    frames = record(rng.poisson(expected * mask).astype(np.float64))
    darks = record(np.zeros((n_darks, *shape)))
    return Shots(
        frames=frames,
        darks=darks,
        photons=expected,
        volumes=volumes,
        centers=centers,
        mask=mask,
        hot=hot,
        dead=dead,
        saturated=(frames >= saturation) & ~hot,
        detector=detector,
        gain=gain,
    )
