"""What a comparison tells, and that it comes back from the disk as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from comparison_tools import CUBES, Known, patterns, short_fit

from scatterkit.comparison import Comparison, compare
from scatterkit.datasets import DataFormatError
from scatterkit.solids import Rasterizer


def made_up(n: int = 40, n_methods: int = 3) -> Comparison:
    rng = np.random.default_rng(5)
    hard = rng.lognormal(size=n)
    values = np.array([hard * factor * rng.lognormal(sigma=0.1, size=n) for factor in (1.0, 0.8, 1.5)])
    values[2, :4] = np.nan
    names = ["network", "refined", "fit"][:n_methods]
    variables = {
        "residual": (("method", "sample"), values[:n_methods], {"units": "1"}),
        "front_iou": (("method", "sample"), np.exp(-values[:n_methods]), {"units": "1"}),
        "seconds": (("method", "sample"), np.ones((n_methods, n)), {"units": "s"}),
    }
    data = xr.Dataset(variables, {"method": names, "sample": np.arange(n).astype(str)})
    return Comparison(data, {name: [None] * n for name in names})


def test_differences_are_paired() -> None:
    comparison = made_up()
    found = comparison.differences("residual", reference="network")
    values = comparison.dataset.residual.values
    assert found.n_pairs.values.tolist() == [40, 40, 36]
    assert found.n_left_out.values.tolist() == [0, 0, 4]
    np.testing.assert_allclose(
        found.median_difference.values,
        [0, np.median(values[1] - values[0]), np.nanmedian(values[2] - values[0])],
    )
    assert found.reference_median.values[2] == np.median(values[0, 4:])
    assert found.high.values[1] < 0 < found.low.values[2]
    assert found.share_won.values[1] == np.mean(values[1] < values[0])
    assert found.attrs["interval"] == "percentile bootstrap"
    assert found.attrs["reference"] == "network"
    assert (found.low.attrs["units"], found.n_pairs.attrs["units"]) == ("1", "1")
    assert comparison.differences("seconds").method_median.attrs["units"] == "s"


def test_more_overlap_is_better_and_less_residual_is() -> None:
    comparison = made_up()
    by_residual, by_overlap = (comparison.differences(name) for name in ("residual", "front_iou"))
    np.testing.assert_array_equal(by_residual.share_won.values, by_overlap.share_won.values)
    assert comparison.best_method("residual") == comparison.best_method("front_iou") == "refined"


def of_residuals(*residuals: list[float]) -> Comparison:
    names = [f"method {place}" for place in range(len(residuals))]
    sizes = np.arange(len(residuals[0])).astype(str)
    data = xr.Dataset(
        {"residual": (("method", "sample"), np.array(residuals))}, {"method": names, "sample": sizes}
    )
    return Comparison(data, {name: [None] * len(sizes) for name in names})


def test_methods_that_fail_are_not_the_best() -> None:
    nan = np.nan
    assert of_residuals([nan, nan, nan], [3.0, 4.0, 5.0], [1.0, 9.0, 4.5]).best_method() == "method 1"
    assert of_residuals([nan, nan, 2.0], [1.0, 9.0, nan]).best_method() == "method 1"
    assert of_residuals([nan, nan], [nan, nan]).best_method() == "method 0"


def test_resamples_repeat_and_reach_as_far_as_told() -> None:
    comparison = made_up()
    once, again = (comparison.differences("residual", random_state=3) for _ in range(2))
    assert once.identical(again)
    wide = comparison.differences("residual", confidence=0.99, random_state=3)
    assert (wide.low <= once.low).all()
    assert (wide.high >= once.high).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"metric": "beauty"}, "'metric' parameter of Comparison must be one of 'residual'"),
        ({"reference": "luck"}, "'reference' parameter of differences must be one of 'network'"),
        ({"confidence": 95}, "'confidence'"),
        ({"n_resamples": 3}, "'n_resamples'"),
        ({"random_state": -1}, "'random_state'"),
    ],
)
def test_bad_questions_are_told(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made_up().differences(**changed)


def test_the_table_has_a_line_for_each_method() -> None:
    comparison = made_up()
    lines = comparison.table().splitlines()
    assert len(lines) == 4
    assert lines[0].split() == ["method", "residual", "front_iou", "seconds", "[s]"]
    low, median, high = np.quantile(comparison.dataset.residual.values[1], [0.25, 0.5, 0.75])
    assert lines[2].startswith("refined")
    assert f"{median:.3g} ({low:.3g} to {high:.3g})" in lines[2]
    assert repr(comparison) == "<Comparison of network, refined, fit on 40 samples>"


def test_bodies_must_be_there() -> None:
    data = made_up(4, 1).dataset
    with pytest.raises(ValueError, match="'bodies' parameter of Comparison must be 4 bodies"):
        Comparison(data, {"network": [None]})
    with pytest.raises(ValueError, match="'bodies'"):
        Comparison(data, {})
    with pytest.raises(ValueError, match="'truths'"):
        Comparison(data, {"network": [None] * 4}, [None])
    with pytest.raises(ValueError, match="'dataset'"):
        Comparison(data.drop_vars(["residual", "front_iou", "seconds"]), {"network": [None] * 4})


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    volume = Rasterizer(grid=16).transform([CUBES[2]])[0]
    answers = [CUBES[0], ValueError("dark: ∅"), volume, CUBES[3]]
    names = ["star", "ball", "cube/4", "größer"]
    with pytest.warns(RuntimeWarning, match="Some bodies were not found"):
        first = compare(
            {"true": Known(answers), "fit/2": short_fit()},
            patterns(),
            [CUBES[0], None, volume, CUBES[3]],
            sample_names=names,
        )
    folder = first.save(tmp_path / "result")
    back = Comparison.load(folder)
    xr.testing.assert_identical(back.dataset, first.dataset)
    assert back.methods == ["true", "fit/2"]
    assert back.samples == names
    for ours, theirs in zip(
        [*first.bodies["true"], *first.bodies["fit/2"], *first.truths],
        [*back.bodies["true"], *back.bodies["fit/2"], *back.truths],
        strict=True,
    ):
        assert type(ours) is type(theirs)
        if isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, theirs)
        elif ours is not None:
            np.testing.assert_array_equal(ours.vertices, theirs.vertices)
    assert back.table() == first.table()
    xr.testing.assert_identical(back.differences("residual"), first.differences("residual"))
    back.save(tmp_path / "again")
    xr.testing.assert_identical(Comparison.load(tmp_path / "again").dataset, first.dataset)
    with pytest.raises(ValueError, match=r"'folder' parameter of Comparison\.save"):
        first.save(folder)
    first.save(folder, overwrite=True)


def test_folders_of_something_else_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no"):
        Comparison.load(tmp_path / "nothing")
    with pytest.raises(DataFormatError, match=r"a folder that Comparison\.save wrote"):
        Comparison.load(tmp_path)
    made_up().save(tmp_path / "cut")
    (tmp_path / "cut" / "bodies.npz").write_bytes(b"PK")
    with pytest.raises(DataFormatError):
        Comparison.load(tmp_path / "cut")
