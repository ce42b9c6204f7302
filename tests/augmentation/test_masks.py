"""Filters that take pixels away, against the published formulas written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special, stats

from scatterkit.augmentation import Bar, BlindSpot, CentralHole, Crop

N = 1500
RNG = np.random.default_rng(5)
X = RNG.random((6, 128, 128)).astype(np.float32)
ONES = np.ones((N, 128, 128), np.float32)


def squared_distance(shape: tuple[int, int]) -> np.ndarray:
    """Whole numbers: squared pixels from the beam's pixel."""
    row, column = np.indices(shape)
    return (row - shape[0] // 2) ** 2 + (column - shape[1] // 2) ** 2


def assert_mean(values: np.ndarray, expected: float, slack: float = 0.0) -> None:
    """The mean lies within four standard errors of the expected one."""
    assert abs(values.mean() - expected) < 4 * values.std() / np.sqrt(len(values)) + slack


@pytest.mark.parametrize("radius", [0.0, 1.0, np.sqrt(2), 3.3, 5.0, 10.0])
def test_hole(radius):
    outside = squared_distance((128, 128)) >= np.float64(np.float32(radius)) ** 2
    expected = X * outside
    expected /= expected.max(axis=(1, 2), keepdims=True)
    params = {"radius": np.full(6, radius)}
    np.testing.assert_allclose(CentralHole().apply(X, params), expected, atol=1e-7)
    np.testing.assert_array_equal(CentralHole().apply_mask(np.ones_like(X), params)[0], outside)


def test_whole_radii_leave_the_pixels_at_that_distance():
    """3-4-5: an edge that goes through the centres of pixels."""
    mask = CentralHole().apply_mask(np.ones((1, 128, 128)), {"radius": [5.0]})[0]
    assert mask[64 + 3, 64 + 4] == mask[64 + 5, 64] == 1
    assert mask[64 + 3, 64 + 3] == mask[64 + 4, 64 - 2] == 0


def test_radii_and_area_of_holes():
    hole = CentralHole()
    params = hole.sample_params(N, random_state=1)
    assert stats.kstest(params["radius"], stats.uniform(0, 10).cdf).pvalue > 1e-3
    area = (1 - hole.apply_mask(ONES, params)).sum(axis=(1, 2))
    assert_mean(area, np.pi * 100 / 3, slack=0.3)  # lattice points against area
    # the area pi r^2 varies by pi^2 100^2 (1/5 - 1/9)
    assert area.std() == pytest.approx(np.pi * 100 * np.sqrt(1 / 5 - 1 / 9), rel=0.03)


@pytest.mark.parametrize("half_width", [0, 1, 6])
def test_bar(half_width):
    expected = X.copy()
    expected[:, 63 - half_width : 64 + half_width] = 0
    params = {"half_width": np.full(6, half_width)}
    np.testing.assert_array_equal(Bar().apply(X, params), expected)
    mask = Bar().apply_mask(np.ones_like(X), params)
    assert (mask.sum(axis=(1, 2)) == 128 * (127 - 2 * half_width)).all()


def test_widths_of_bars():
    """int(128 r / 20) is 0 to 5 with probability 20 / 128 each, and 6 otherwise."""
    widths = Bar().sample_params(N, random_state=2)["half_width"]
    probabilities = np.array([20] * 6 + [8]) / 128
    counts = np.bincount(widths, minlength=7)
    assert stats.chisquare(counts, N * probabilities).pvalue > 1e-3


@pytest.mark.parametrize(("radius", "height", "width"), [(32.0, 0, 0), (50.5, 31, 3), (64.0, 12, 31)])
def test_crop(radius, height, width):
    inside = squared_distance((128, 128)) < radius**2
    rectangle = np.zeros((128, 128), bool)
    rectangle[height : 128 - height, width : 128 - width] = True
    params = {"radius": np.full(6, radius), "margins": np.full((6, 2), (height, width))}
    np.testing.assert_array_equal(Crop().apply(X, params), X * (inside & rectangle))
    np.testing.assert_array_equal(Crop().apply_mask(np.ones_like(X), params)[3], inside & rectangle)


def test_area_of_crops():
    circles = Crop(rectangle=(0.0, 0.0))
    area = circles.apply_mask(ONES, circles.sample_params(N, random_state=3)).sum(axis=(1, 2))
    assert_mean(area, np.pi * 32**2 * 7 / 3, slack=5)  # E (r + 1)^2 = 7/3; corners of the frame cut a little
    rectangles = Crop(circle=(1.0, 1.0))
    params = rectangles.sample_params(N, random_state=4)
    for margin in params["margins"].T:
        assert stats.chisquare(np.bincount(margin, minlength=32)).pvalue > 1e-3
    area = rectangles.apply_mask(ONES, params).sum(axis=(1, 2))
    assert_mean(area, (128 - 2 * 15.5) ** 2)
    share = np.corrcoef(params["margins"].T)[0, 1]
    assert abs(share) < 4 / np.sqrt(N)


def published_spot(image: np.ndarray, x0: float, y0: float, s: float) -> np.ndarray:
    y, x = np.meshgrid(np.linspace(-1, 1, image.shape[0]), np.linspace(-1, 1, image.shape[1]), indexing="ij")
    blinded = image * (1 - np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * s**2)))
    return blinded / blinded.max()


@pytest.mark.parametrize("shape", [(128, 128), (40, 57)])
def test_blind_spot(shape):
    images = RNG.random((5, *shape)).astype(np.float32)
    params = BlindSpot().sample_params(5, shape, random_state=7)
    found = BlindSpot().apply(images, params)
    for image, result, (y0, x0), s in zip(images, found, params["center"], params["width"], strict=True):
        np.testing.assert_allclose(result, published_spot(image, x0, y0, s), atol=2e-6)


def test_light_that_blind_spots_take():
    params = BlindSpot().sample_params(N, random_state=8)
    assert stats.kstest(params["width"], stats.uniform(0, 0.25).cdf).pvalue > 1e-3
    assert stats.kstest(params["center"].ravel(), stats.uniform(-0.5, 1).cdf).pvalue > 1e-3
    found = BlindSpot().apply(ONES, params).astype(np.float64)
    farthest = np.sum((1 + np.abs(params["center"])) ** 2, axis=1)
    brightest = 1 - np.exp(-farthest / (2 * params["width"].astype(np.float64) ** 2))
    lost = (1 - found * brightest[:, None, None]).sum(axis=(1, 2))
    x = np.linspace(-1, 1, 128)

    def mean_loss(s: float) -> float:
        along_one = (
            s * np.sqrt(np.pi / 2) * np.diff(special.erf((x - [[0.5], [-0.5]]) / (np.sqrt(2) * s)), axis=0)
        )
        return float(along_one.sum() ** 2)

    expected, _ = integrate.quad(lambda r: mean_loss(r / 4), 1e-9, 1)
    assert_mean(lost, expected, slack=0.01 * expected)


def test_blind_spots_mask_by_their_transmission():
    params = {"center": np.array([[0.2, -0.3]]), "width": np.array([0.2])}
    y, x = np.meshgrid(np.linspace(-1, 1, 128), np.linspace(-1, 1, 128), indexing="ij")
    transmission = 1 - np.exp(-((y - 0.2) ** 2 + (x + 0.3) ** 2) / (2 * 0.2**2))
    for threshold in (0.0, 0.1, 0.5):
        mask = BlindSpot(threshold=threshold).apply_mask(np.ones((1, 128, 128)), params)
        np.testing.assert_array_equal(mask[0], transmission >= threshold)
    params = BlindSpot().sample_params(N, random_state=9)
    area = (1 - BlindSpot().apply_mask(ONES, params)).sum(axis=(1, 2))
    assert_mean(area, np.pi * -2 * np.log(0.9) * 63.5**2 / 48, slack=0.3)  # E width^2 = 1 / 48


def test_a_spot_of_no_width_does_nothing():
    params = {"center": np.zeros((1, 2)), "width": np.zeros(1)}
    image = np.zeros((1, 5, 5))
    image[0, 2, 2], image[0, 0, 1] = 1, 0.25  # the middle pixel lies in the spot's very middle
    np.testing.assert_array_equal(BlindSpot().apply(image, params), image)
    np.testing.assert_array_equal(BlindSpot().apply_mask(np.ones((1, 5, 5)), params), np.ones((1, 5, 5)))


@pytest.mark.parametrize("kind", [CentralHole, Bar, Crop, BlindSpot])
@pytest.mark.parametrize("shape", [(128, 128), (65, 65), (30, 48), (1, 1)])
def test_shapes_and_patterns_without_light(kind, shape):
    artifact = kind()
    params = artifact.sample_params(20, shape, random_state=0)
    dark = artifact.apply(np.zeros((20, *shape)), params)
    assert dark.shape == (20, *shape)
    np.testing.assert_array_equal(dark, 0)
    images = RNG.random((20, *shape))
    found, mask = artifact.apply(images, params), artifact.apply_mask(np.ones((20, *shape)), params)
    assert np.isfinite(found).all()
    assert set(np.unique(mask)) <= {0, 1}
    if kind is not BlindSpot:  # its edges are soft
        assert not found[mask == 0].any()
        assert found[mask == 1].all()


def test_lengths_go_with_the_pattern():
    small, large = (
        CentralHole((8.0, 8.0)).sample_params(1, shape)["radius"] for shape in ((64, 90), (256, 256))
    )
    assert (small[0], large[0]) == (4, 16)
    assert Bar((0.1, 0.1)).sample_params(1, (50, 200))["half_width"][0] == 5
    crop = Crop((0.2, 0.2), (0.5, 0.5)).sample_params(1, (50, 200))
    assert crop["radius"][0] == 25
    assert crop["margins"].tolist() == [[10, 40]]


def test_masks_only_lose_pixels():
    before = (RNG.random((3, 128, 128)) < 0.7).astype(np.float32)
    for artifact in (CentralHole(), Bar(), Crop(), BlindSpot()):
        after = artifact.apply_mask(before, artifact.sample_params(3, random_state=1))
        assert (after <= before).all()


@pytest.mark.parametrize(
    ("artifact", "name"),
    [
        (CentralHole(radius=(3.0, 1.0)), "radius"),
        (CentralHole(radius=-1.0), "radius"),
        (Bar(width=(0.0, 0.6)), "width"),
        (Crop(circle=(-0.1, 0.5)), "circle"),
        (BlindSpot(threshold=1.0), "threshold"),
        (BlindSpot(center=(0.0, np.nan)), "center"),
    ],
)
def test_bad_parameters_are_named(artifact, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of {type(artifact).__name__} must be"):
        artifact.sample_params(1)
