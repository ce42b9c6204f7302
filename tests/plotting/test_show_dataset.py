"""The gallery of samples: the right ones, their numbers, and nothing read that is not shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import trimesh
import xarray as xr
from gallery_tools import overlapping_texts, small_print, titled
from numpy.testing import assert_allclose, assert_array_equal
from xarray.backends import BackendArray
from xarray.core import indexing

from scatterkit.datasets import make_dataset
from scatterkit.plotting import show_dataset
from scatterkit.solids.catalogue import PUBLISHED

N = 30
RANDOM = np.random.default_rng(1)
PATTERNS = RANDOM.random((N, 16, 16)).astype(np.float32)


def ball(radius: float) -> np.ndarray:
    z, y, x = np.indices((12, 12, 12)) - 5.5
    return (np.sqrt(x**2 + y**2 + z**2) < radius).astype(np.float32)


def whole_set() -> xr.Dataset:
    data = make_dataset(
        PATTERNS,
        volumes=np.stack([ball(2 + 0.1 * i) for i in range(N)]),
        box=120.0,
        coords={
            "polyhedron": [sorted(PUBLISHED, key=len)[-1 - i % 21] for i in range(N)],
            "size": np.linspace(31, 154, N),
            "stretch": np.linspace(0.6, 1.6, N),
            "cut": np.where(np.arange(N) % 2, np.nan, 0.7),
        },
        attrs={"dq": 0.0074},
    )
    data["size"].attrs["units"] = "nm"
    return data


def test_labels_patterns_and_depths() -> None:
    data = whole_set()
    figure = show_dataset(data, samples=[7, 2])
    first, second = titled(figure)
    assert first.get_title() == str(data.polyhedron.values[7]).replace("_", " ")
    assert (
        small_print(first).replace("\n", ", ")
        == f"no. 7, size {data['size'].values[7]:.3g} nm, stretch 0.841"
    )
    assert small_print(second).endswith("cut 0.7")
    pattern, body = second.child_axes
    assert_array_equal(pattern.images[0].get_array(), PATTERNS[2])
    depth = body.images[0].get_array()
    # the middle column of the ball of 2.2 voxels, 10 nm each, begins at voxel 4 of 12
    assert depth[5, 5] == pytest.approx(-20.0)
    assert_array_equal(np.ma.getmaskarray(depth), ~data.volume.values[2].any(axis=0))
    assert body.images[0].get_clim() == first.child_axes[1].images[0].get_clim()
    left, right, *_ = pattern.images[0].get_extent()
    assert right - left == pytest.approx(16 * 0.0074)


@pytest.mark.parametrize("options", [{}, {"n": 5}, {"columns": 3}, {"n": N, "title": "all"}])
@pytest.mark.parametrize("with_volumes", [True, False])
def test_no_two_texts_overlap(options: dict[str, Any], with_volumes: bool) -> None:
    data = whole_set()
    figure = show_dataset(data if with_volumes else data.drop_vars("volume"), **options)
    assert len(titled(figure)) == options.get("n", 12)
    assert overlapping_texts(figure) == []


def test_samples_are_spread_over_the_set() -> None:
    figure = show_dataset(whole_set(), n=3)
    numbers = [small_print(ax).split(",")[0] for ax in titled(figure)]
    assert numbers == ["no. 0", "no. 14", "no. 29"]
    assert len(titled(show_dataset(whole_set(), n=99))) == N


class Counting(BackendArray):
    """An array of a file that counts which samples are read of it."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.read = values, []
        self.shape, self.dtype = values.shape, values.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._get)

    def _get(self, key: tuple[Any, ...]) -> np.ndarray:
        self.read += np.atleast_1d(np.arange(len(self.values))[key[0]]).tolist()
        return self.values[key]


def test_only_what_is_shown_is_read() -> None:
    lazy = Counting(PATTERNS)
    variable = xr.Variable(("sample", "row", "column"), indexing.LazilyIndexedArray(lazy))
    show_dataset(xr.Dataset({"pattern": variable}), samples=[3, 20, 4])
    assert sorted(lazy.read) == [3, 4, 20]


def test_masks_holes_of_nan_and_samples_without_a_measured_pixel() -> None:
    patterns = PATTERNS[:3].copy()
    data = make_dataset(patterns, masks=np.ones((3, 16, 16), bool))
    data.mask.values[0, :4] = False
    data.mask.values[1] = False
    data.pattern.values[2, 5, 5] = np.nan
    first, second, third = titled(show_dataset(data))
    assert np.ma.count_masked(first.images[0].get_array()) == 4 * 16
    assert not second.images
    assert np.ma.count_masked(third.images[0].get_array()) == 1
    assert first.get_title() == "sample 0"


def test_unscaled_patterns_get_limits_of_their_own() -> None:
    counts = RANDOM.poisson(40, (4, 16, 16)).astype(np.float32)
    counts[0, 0, 0] = 1e6  # a hot pixel must not darken the rest
    figure = show_dataset(make_dataset(counts))
    clims = {ax.images[0].get_clim() for ax in titled(figure)}
    assert len(clims) == 1
    assert clims.pop()[1] < 200
    assert figure.axes[-1].get_ylabel() == "intensity"
    limited = show_dataset(make_dataset(counts), limits=(0.0, 50.0))
    assert titled(limited)[0].images[0].get_clim() == (0.0, 50.0)


def test_intensities_are_drawn_by_their_logarithm() -> None:
    y, x = np.mgrid[-8:8, -8:8]
    data = make_dataset(1e6 * np.exp(-np.hypot(x, y))[None], attrs={"scale": "linear"})
    data["pattern"].attrs["units"] = "photons"
    figure = show_dataset(data)
    (ax,) = titled(figure)
    norm = ax.images[0].norm
    assert norm(np.sqrt(norm.vmin * norm.vmax)) == pytest.approx(0.5)
    assert norm.vmax == pytest.approx(1e6)
    assert figure.axes[-1].get_ylabel() == "intensity (photons)"


def test_bodies_can_be_given_and_share_a_scale() -> None:
    boxes = [trimesh.creation.box((side, side, side)) for side in (40.0, 80.0)]
    figure = show_dataset(whole_set(), samples=[0, 1], solids=boxes)
    bodies = [ax.child_axes[1] for ax in titled(figure)]
    widths = [np.ptp(body.collections[-1].get_datalim(body.transData).intervalx) for body in bodies]
    assert_allclose(widths[1] / widths[0], 2, rtol=1e-6)
    assert np.ptp(bodies[0].get_xlim()) == pytest.approx(np.ptp(bodies[1].get_xlim()))


def test_an_empty_volume_and_voxels_without_places() -> None:
    data = make_dataset(PATTERNS[:2], volumes=np.stack([np.zeros((12, 12, 12)), ball(3)]))
    figure = show_dataset(data)
    empty, _ = titled(figure)
    assert any(text.get_text() == "empty" for text in empty.child_axes[1].texts)
    assert "voxels" in figure.axes[-1].get_ylabel()


GOOD = make_dataset(PATTERNS)


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        (lambda: show_dataset(PATTERNS), "data"),
        (lambda: show_dataset(GOOD.rename(row="y")), "data"),
        (lambda: show_dataset(GOOD.isel(sample=slice(0))), "data"),
        (lambda: show_dataset(GOOD, n=0), "n"),
        (lambda: show_dataset(GOOD, samples=[]), "samples"),
        (lambda: show_dataset(GOOD, samples=[N]), "samples"),
        (lambda: show_dataset(GOOD, samples=[-1]), "samples"),
        (lambda: show_dataset(GOOD, samples=[0.5]), "samples"),
        (lambda: show_dataset(GOOD, samples=[0, 1], solids=[trimesh.creation.box()]), "solids"),
        (lambda: show_dataset(GOOD, dq=-1.0), "dq"),
        (lambda: show_dataset(GOOD, columns=0), "columns"),
        (lambda: show_dataset(GOOD, limits=(1.0, 0.0)), "limits"),
    ],
)
def test_bad_input_names_the_parameter(call, parameter: str) -> None:
    with pytest.raises(
        ValueError, match=f"The '{parameter}' parameter of show_dataset must be .* Got .* instead"
    ):
        call()
