"""Which approximation of the simulator holds for a material, size and angle, with the measured error behind it."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Choice, Integer, Positive, Real, check_value, fail, shown
from scatterkit.simulation._attenuation import RefractiveIndex

PROPAGATIONS = ("born", "msft", "hare", "pmsft", "wide")
"""In the order of their cost."""
_GRIDS = (32, 48, 64, 96, 128, 160, 192, 256, 320, 384, 512)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ModeAdvice:
    """What to expect of one mode of propagation.

    Parameters
    ----------
    propagation : str
        The mode, as MSFTSimulator takes it.
    physics_error : float [1]
        Root mean square error of log10 intensity that is due to the approximation.
    grid_error : float [1]
        The same that is due to the grid; nan where voxels are larger than any that were measured.
    holds : bool
        Whether both together are at most the tolerance.
    """

    propagation: str
    physics_error: float
    grid_error: float
    holds: bool

    @property
    def error(self) -> float:
        """Expected root mean square error of log10 intensity: both in quadrature."""
        return math.hypot(self.physics_error, self.grid_error)


@dataclass(frozen=True)
class Advice:
    """What ``advise`` found; ``print`` it.

    Parameters
    ----------
    modes : tuple of ModeAdvice
        Every mode of propagation, the cheapest first; empty outside the measured range.
    recommended : str or None
        The cheapest mode whose own error leaves room for a grid's, or else the closest; None outside the measured
        range.
    recommended_grid : int or None
        The coarsest grid whose error leaves that mode within the tolerance, or is at most half of the mode's own
        where that is not possible; None where no grid up to 512 does or outside the measured range.
    warnings : tuple of str
        What is wrong with the chosen mode, grid and box.
    case : str
        What was asked.
    tolerance : float [1]
        Largest error that is taken to hold.
    """

    modes: tuple[ModeAdvice, ...]
    recommended: str | None
    recommended_grid: int | None
    warnings: tuple[str, ...]
    case: str
    tolerance: float

    def __getitem__(self, propagation: str) -> ModeAdvice:
        """Give the advice about one mode."""
        for mode in self.modes:
            if mode.propagation == propagation:
                return mode
        raise KeyError(propagation)

    def __str__(self) -> str:
        lines = [self.case]
        if self.modes:
            lines.append(f"  {'mode':<6} {'error':>7} {'physics':>8} {'grid':>7}   rms of log10 intensity")
        for mode in self.modes:
            verdict = f"holds within {self.tolerance:g}" if mode.holds else "fails"
            errors = f"{mode.error:7.3f} {mode.physics_error:8.3f} {mode.grid_error:7.3f}"
            lines.append(f"  {mode.propagation:<6} {errors}   {verdict}")
        if self.recommended is not None:
            grid = "no grid up to 512" if self.recommended_grid is None else f"grid={self.recommended_grid}"
            lines.append(f"  recommended: propagation={self.recommended!r}, {grid}")
        lines.extend(f"  warning: {warning}" for warning in self.warnings)
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class _Table:
    """Measured errors over axes; the last two are the modes and the largest scattering angles [degrees]."""

    axes: tuple[Floats, ...]
    angles: Floats
    errors: Floats

    def at(self, position: Sequence[float], angle: float) -> Floats | None:
        """Error of every mode, interpolated, up to the next measured angle; None outside of what was measured."""
        from scipy.interpolate import interpn  # slow to import, and only advice needs it

        steps = np.searchsorted(self.angles, angle - 1e-9)
        inside = [axis[0] <= value <= axis[-1] for axis, value in zip(self.axes, position, strict=True)]
        if steps == len(self.angles) or not all(inside):
            return None
        return np.asarray(interpn(self.axes, self.errors[..., steps], np.asarray(position))[0])


@lru_cache(maxsize=2)
def _table(name: str) -> _Table:
    text = files("scatterkit.simulation").joinpath(f"adviser_{name}.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    names = [column for column in rows[0] if "_" not in column or column == "size_parameter"]
    angles = sorted({int(column.rsplit("_", 1)[1]) for column in rows[0] if column not in names})
    values = [[float(row[name]) for name in names] for row in rows]
    axes = tuple(np.unique(column) for column in np.transpose(values))
    errors = np.full((*(len(axis) for axis in axes), len(PROPAGATIONS), len(angles)), np.nan)
    for row, position in zip(rows, values, strict=True):
        where = tuple(int(np.searchsorted(axis, v)) for axis, v in zip(axes, position, strict=True))
        errors[where] = [[float(row[f"{mode}_{angle}"]) for angle in angles] for mode in PROPAGATIONS]
    return _Table(axes, np.asarray(angles, dtype=np.float64), errors)


def advise(
    refractive_index: complex,
    size: float,
    *,
    wavelength: float = 13.5,
    max_angle: float = math.radians(70),
    grid: int = 64,
    box: float = 318.75,
    propagation: str | None = None,
    tolerance: float = 0.05,
) -> Advice:
    """Say which approximation of the simulator holds, and how far wrong each is.

    Parameters
    ----------
    refractive_index : complex
        n = 1 - delta + i beta of the material.
    size : float [nm]
        Diameter of the body.
    wavelength : float [nm], default=13.5
        Wavelength of the light.
    max_angle : float [rad], default=1.22
        Largest scattering angle of interest; by default 70 degrees.
    grid : int, default=64
        Voxels along an edge of the box.
    box : float [nm], default=318.75
        Edge of the box that the volume fills.
    propagation : {"born", "msft", "hare", "pmsft", "wide"}, optional
        The mode of propagation that was chosen, to be warned of.
    tolerance : float [1], default=0.05
        Largest root mean square error of log10 intensity that is taken to hold; 0.05 are 12 % of intensity.

    Returns
    -------
    Advice
        Expected errors, the recommended mode and grid, and warnings.

    Raises
    ------
    InvalidParameterError
        If an argument is not allowed.

    See Also
    --------
    scatterkit.simulation.MSFTSimulator : The simulator and its modes.

    Notes
    -----
    Errors are interpolated between measured ones: those of the modes on fine grids against Mie's exact solution for
    spheres, over delta, beta, size parameter and angle; and what coarser voxels add, root mean square over six
    materials. They are the root mean square of the difference of log10 intensity at all pixels up to the angle,
    nothing being fitted, with 5 % of its mean over a fringe added to the intensity, so that the depth of minima does
    not count; of the comparisons with unpolarised light and with light polarised across the scattering plane, the
    larger. Bodies with flat faces can do better or worse. Outside the measured range no error is given, and the
    advice says so. ``tests/benchmarks/bench_mie.py --table`` measures the tables.

    Examples
    --------
    >>> from scatterkit.simulation import advise
    >>> advice = advise(0.89 + 0.0859j, size=200, grid=128)
    >>> advice["msft"].holds, advice["pmsft"].holds
    (False, True)
    >>> advice.recommended
    'pmsft'
    """
    _check(refractive_index, size, wavelength, max_angle, grid, box, propagation, tolerance)
    n = complex(refractive_index)
    case = (
        f"n = {n.real:g} + {n.imag:g}i, {size:g} nm across, wavelength {wavelength:g} nm, up to "
        f"{math.degrees(max_angle):.0f} degrees, {grid}^3 voxels of {box / grid:.3g} nm"
    )
    warnings = _sampling_warnings(size, wavelength, max_angle, grid, box)
    angle, size_parameter = math.degrees(max_angle), math.pi * size / wavelength
    physics = _table("physics").at((size_parameter, 1 - n.real, n.imag), angle)
    if physics is None:
        return Advice((), None, None, (*warnings, _outside(n, size_parameter, angle)), case, tolerance)
    modes = _modes(physics, box / grid / wavelength, angle, tolerance)
    recommended = _recommended(physics, tolerance)
    best = float(physics[PROPAGATIONS.index(recommended)])
    chosen = [mode for mode in modes if mode.propagation == propagation and not mode.holds]
    warnings += [_failure(mode, modes[PROPAGATIONS.index(recommended)], tolerance) for mode in chosen]
    if best > tolerance:
        warnings.append(f"no mode holds within {tolerance:g}; {recommended!r} is the closest")
    coarsest = _coarsest_grid(recommended, best, box / wavelength, angle, tolerance)
    return Advice(modes, recommended, coarsest, tuple(warnings), case, tolerance)


def _check(
    n: object,
    size: object,
    wavelength: object,
    max_angle: object,
    grid: object,
    box: object,
    propagation: object,
    tolerance: object,
) -> None:
    if n is None or not RefractiveIndex().accepts(n) or n == 1:
        allowed = "a complex number 1 - delta + i beta other than 1, with positive real part and beta >= 0"
        raise fail("refractive_index", "advise", allowed, shown(n))
    for name, value, constraint in (
        ("size", size, Positive("nm")),
        ("wavelength", wavelength, Positive("nm")),
        ("max_angle", max_angle, Real(low=0, high=math.pi / 2, open_low=True, unit="rad")),
        ("grid", grid, Integer(1)),
        ("box", box, Positive("nm")),
        ("tolerance", tolerance, Positive()),
    ):
        check_value(value, constraint, name=name, owner="advise")
    if propagation is not None:
        check_value(propagation, Choice(PROPAGATIONS), name="propagation", owner="advise")


def _sampling_warnings(size: float, wavelength: float, max_angle: float, grid: int, box: float) -> list[str]:
    warnings = []
    voxel, limit = box / grid, wavelength / (2 * math.sin(max_angle))
    if voxel > limit:
        needed = math.ceil(box / limit)
        warnings.append(
            f"voxels of {voxel:.3g} nm do not sample waves at {math.degrees(max_angle):.0f} degrees: at most "
            f"wavelength / (2 sin angle) = {limit:.3g} nm, {needed} voxels along the box"
        )
    if size > box:
        warnings.append(f"the body, {size:g} nm across, is larger than the box of {box:g} nm")
    return warnings


def _outside(n: complex, size_parameter: float, angle: float) -> str:
    table = _table("physics")
    sizes, deltas, betas = ((axis[0], axis[-1]) for axis in table.axes)
    return (
        f"outside what was measured: size parameter pi size / wavelength {size_parameter:.3g} "
        f"({sizes[0]:g} to {sizes[1]:g} were measured), delta {1 - n.real:.3g} ({deltas[0]:g} to {deltas[1]:g}), "
        f"beta {n.imag:.3g} ({betas[0]:g} to {betas[1]:g}), angle {angle:.0f} degrees (to {table.angles[-1]:g})"
    )


def _grid_errors(voxel: float, angle: float) -> Floats:
    """Error of every mode by a voxel's share of a wavelength; none below the finest that was measured."""
    table = _table("grid")
    finest = float(table.axes[0][0])
    errors = table.at((max(voxel, finest),), angle)
    return np.full(len(PROPAGATIONS), np.nan) if errors is None else errors


def _modes(physics: Floats, voxel: float, angle: float, tolerance: float) -> tuple[ModeAdvice, ...]:
    by_grid = _grid_errors(voxel, angle)
    return tuple(
        ModeAdvice(mode, float(p), float(g), bool(np.hypot(p, g) <= tolerance))
        for mode, p, g in zip(PROPAGATIONS, physics, by_grid, strict=True)
    )


def _recommended(physics: Floats, tolerance: float) -> str:
    """The cheapest mode with room for a grid's error, or else the closest."""
    holding = np.flatnonzero(physics <= 0.8 * tolerance)
    return PROPAGATIONS[int(holding[0] if holding.size else np.argmin(physics))]


def _coarsest_grid(mode: str, physics: float, box: float, angle: float, tolerance: float) -> int | None:
    """Coarsest grid that leaves a mode within the tolerance; ``box`` in wavelengths."""
    allowed = max(math.sqrt(max(tolerance**2 - physics**2, 0)), 0.5 * physics)
    for grid in _GRIDS:
        error = _grid_errors(box / grid, angle)[PROPAGATIONS.index(mode)]
        if error <= allowed:
            return grid
    return None


def _failure(mode: ModeAdvice, recommended: ModeAdvice, tolerance: float) -> str:
    error = (
        "an unknown error (voxels larger than any measured)"
        if math.isnan(mode.error)
        else f"{mode.error:.3f}"
    )
    reason = "the approximation" if mode.physics_error > tolerance else "the grid"
    told = f"{mode.propagation!r} fails by {reason}: {error} expected, {tolerance:g} allowed"
    if recommended.error < mode.error:
        return f"{told}; {recommended.propagation!r} is closer"
    hopeless = mode == recommended and reason == "the approximation"
    return told if hopeless else f"{told}; a finer grid is needed"
