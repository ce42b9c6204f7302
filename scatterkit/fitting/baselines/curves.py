"""How a fit got better with simulations and seconds, and how close it was to the truth on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import Instance, Integer, Positive, check_array, check_value, fail, shown
from scatterkit.metrics import front_iou, scatter_loss
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation._attenuation import seen_front
from scatterkit.solids import Rasterizer, Solid

if TYPE_CHECKING:
    import xarray as xr

OWNER = "curve_dataset"
NEARLY_ALL = 0.95
"""Part of the largest measured q from which on a residual counts as one over the whole pattern: fits count q from the
centre that a start has, so that the last descents of a record end at slightly different q."""
NUMBERS = {"simulations": np.int64, "seconds": np.float64, "residual": np.float64}


def curve_dataset(
    history: Sequence[Mapping[str, Any]],
    truth: Solid | ArrayLike | None = None,
    *,
    simulator: MSFTSimulator | None = None,
    grid: int = 64,
    eps: float = 1e2,
) -> xr.Dataset:
    """Give the improvements of one fit as a data set, compared with the true body where that is known.

    Parameters
    ----------
    history : sequence of dict
        What a fitter noted for one pattern, an entry of its ``history_``: each dict has simulations, seconds and
        residual, and solid if there is a truth. Entries that are no improvement are left out, and so are those whose
        residual is over less than 95 % of the largest range ``q`` of the record or on a coarser ``grid``, where it
        names them: residuals over different pixels do not compare.
    truth : Solid or array-like of shape (grid, grid, grid), optional
        The true body.
    simulator : MSFTSimulator, optional
        The experiment; the published silver configuration by default.
    grid : int, default=64
        Voxels along an edge of the volumes that are compared.
    eps : float [intensity], default=1e2
        Background of the scatter loss.

    Returns
    -------
    xarray.Dataset
        Variables ``simulations``, ``seconds`` and ``residual`` along ``improvement``, and with a truth ``front_iou``
        and ``scatter_loss``.

    Raises
    ------
    InvalidParameterError
        If the history is empty or lacks what is asked for.

    Examples
    --------
    >>> from scatterkit.fitting import curve_dataset
    >>> from scatterkit.solids import Solid
    >>> bodies = [Solid.from_catalogue("cube", circumradius=r) for r in (50, 58, 60)]
    >>> noted = [
    ...     {"simulations": 10 * i, "seconds": 0.1 * i, "residual": 1 / (1 + i), "solid": body}
    ...     for i, body in enumerate(bodies)
    ... ]
    >>> curve = curve_dataset(noted, truth=bodies[-1], grid=32)
    >>> curve.sizes["improvement"], float(curve.front_iou[-1]), float(curve.scatter_loss[-1])
    (3, 1.0, 0.0)
    """
    import xarray as xr

    check_value(simulator, Instance((MSFTSimulator,), optional=True), name="simulator", owner=OWNER)
    check_value(grid, Integer(8), name="grid", owner=OWNER)
    check_value(eps, Positive("the intensity's unit"), name="eps", owner=OWNER)
    wanted = {*NUMBERS} | ({"solid"} if truth is not None else set())
    if not history or any(not wanted <= set(entry) for entry in history):
        raise fail("history", OWNER, f"entries with {sorted(wanted)}, at least one", shown(history))
    better = _improvements(_comparable(history))
    variables = {
        name: ("improvement", np.array([entry[name] for entry in better], dtype=kind))
        for name, kind in NUMBERS.items()
    }
    if truth is not None:
        simulator = MSFTSimulator() if simulator is None else simulator
        variables |= _compared([entry["solid"] for entry in better], truth, simulator, grid, eps)
    curve = xr.Dataset(variables)
    curve["seconds"].attrs["units"] = "s"
    return curve


def _comparable(history: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Keep the entries whose residual is over the largest range of the record."""
    kept = list(history)
    for key, part in (("q", NEARLY_ALL), ("grid", 1.0)):
        if all(key in entry for entry in kept):
            least = part * max(entry[key] for entry in kept)
            kept = [entry for entry in kept if entry[key] >= least]
    return kept


def _improvements(history: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Leave out the entries that are not better than all before; the first one stays."""
    kept = [history[0]]
    for entry in history[1:]:
        if entry["residual"] < kept[-1]["residual"]:
            kept.append(entry)
    return kept


def _compared(
    solids: list[Solid], truth: Solid | ArrayLike, simulator: MSFTSimulator, grid: int, eps: float
) -> dict[str, tuple[str, NDArray[np.float64]]]:
    rasterizer = Rasterizer(grid=grid, box=simulator.box)
    if isinstance(truth, Solid):
        true = rasterizer.transform([truth])
    else:
        shape = (grid, grid, grid)
        true = check_array(truth, name="truth", owner=OWNER, shape=shape, low=0, high=1, what="a volume")[
            None
        ]
    target = simulator.transform(true)
    seen = seen_front(simulator)
    overlaps, losses = [], []
    for solid in solids:
        volume = rasterizer.transform([solid])
        overlaps.append(front_iou(volume[0], true[0], **seen))
        losses.append(scatter_loss(simulator.transform(volume)[0], target[0], eps, simulator.mask))
    return {
        "front_iou": ("improvement", np.array(overlaps)),
        "scatter_loss": ("improvement", np.array(losses)),
    }
