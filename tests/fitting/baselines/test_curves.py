"""Curves of improvements."""

import numpy as np
import pytest

from scatterkit.fitting import curve_dataset
from scatterkit.metrics import front_iou, scatter_loss
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Rasterizer, Solid


@pytest.fixture(scope="module")
def history():
    radii, residuals = (40.0, 70.0, 55.0, 60.0), (4e-3, 5e-3, 2e-3, 1e-3)
    return [
        {
            "simulations": 5 * i,
            "seconds": 0.5 * i,
            "residual": residual,
            "solid": Solid.from_catalogue("octahedron", circumradius=radius),
        }
        for i, (radius, residual) in enumerate(zip(radii, residuals, strict=True))
    ]


def test_only_improvements_stay(history):
    curve = curve_dataset(history)
    assert curve.residual.values.tolist() == [4e-3, 2e-3, 1e-3]
    assert curve.simulations.values.tolist() == [0, 10, 15]
    assert curve.seconds.attrs["units"] == "s"
    assert set(curve.data_vars) == {"simulations", "seconds", "residual"}


@pytest.mark.parametrize(("key", "ranges"), [("q", (0.2, 0.2, 0.46, 0.46)), ("grid", (32, 32, 64, 64))])
def test_residuals_over_smaller_ranges_stay_out(history, key, ranges):
    ranged = [
        entry | {key: end, "residual": entry["residual"] * (1 if end == ranges[-1] else 1e-3)}
        for entry, end in zip(history, ranges, strict=True)
    ]
    curve = curve_dataset(ranged)
    assert curve.residual.values.tolist() == [2e-3, 1e-3]
    assert curve.simulations.values.tolist() == [10, 15]


def test_ends_at_nearly_the_same_q_compare(history):
    """Each start has a centre of its own, from which its q are counted."""
    ends = (0.2, 0.46, 0.457, 0.458)
    curve = curve_dataset([entry | {"q": end} for entry, end in zip(history, ends, strict=True)])
    assert curve.simulations.values.tolist() == [5, 10, 15]


@pytest.mark.parametrize("form", ["solid", "volume"])
def test_the_truth_is_compared_by_the_metrics(history, form):
    truth = Solid.from_catalogue("octahedron", circumradius=62)
    true, found = Rasterizer(grid=24).transform([truth, history[2]["solid"]])
    curve = curve_dataset(history, truth if form == "solid" else true, grid=24, eps=50.0)
    assert curve.front_iou.values[1] == pytest.approx(front_iou(found, true))
    patterns = MSFTSimulator().transform(np.stack([found, true]))
    assert curve.scatter_loss.values[1] == pytest.approx(scatter_loss(*patterns, eps=50.0), rel=1e-5)
    assert (np.diff(curve.front_iou) > 0).all()


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"history": []}, "history"),
        ({"history": [{"seconds": 1.0}]}, "history"),
        ({"truth": np.zeros((3, 3, 3))}, "truth"),
        ({"grid": 3}, "grid"),
        ({"eps": 0.0}, "eps"),
        ({"simulator": "msft"}, "simulator"),
    ],
)
def test_bad_parameters_are_named(history, parameters, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of curve_dataset"):
        curve_dataset(**{"history": history} | parameters)


def test_a_truth_needs_bodies(history):
    bare = [{name: value for name, value in entry.items() if name != "solid"} for entry in history]
    with pytest.raises(ValueError, match="'history' parameter of curve_dataset"):
        curve_dataset(bare, truth=history[0]["solid"])
