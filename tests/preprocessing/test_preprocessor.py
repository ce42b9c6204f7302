"""From raw frames to patterns: against the clean simulation on the model's grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_shots import Shots, shots
from sklearn.exceptions import NotFittedError

from scatterkit.experiment import FlatDetector, Panel, PanelDetector, QGrid
from scatterkit.preprocessing import ExperimentPreprocessor, Prepared, grow_mask
from scatterkit.simulation import LogScaler, MSFTSimulator


@pytest.fixture(scope="module")
def measured() -> Shots:
    return shots(5, n_pixels=256, total=3e6)


@pytest.fixture(scope="module")
def fitted(measured: Shots) -> ExperimentPreprocessor:
    preprocessor = ExperimentPreprocessor(
        measured.detector, gain=measured.gain, mask=measured.mask, center="each"
    )
    return preprocessor.fit(measured.frames, darks=measured.darks)


@pytest.fixture(scope="module")
def prepared(fitted: ExperimentPreprocessor, measured: Shots) -> Prepared:
    return fitted.process(measured.frames)


def correlations(prepared: Prepared, measured: Shots, eps: float = 1.0) -> list[float]:
    """Of log intensities with the clean patterns on the grid, in the same unit, where nothing saturated."""
    clean = MSFTSimulator().transform(measured.volumes)
    found = []
    parts = (prepared.intensities, prepared.masks & ~prepared.saturated, clean)
    for pattern, good, true in zip(*parts, strict=True):
        true = true * (pattern[good].sum() / true[good].sum())
        pair = [np.log(np.maximum(part[good], 0) + eps) for part in (pattern, true)]
        found.append(float(np.corrcoef(*pair)[0, 1]))
    return found


def test_the_whole_chain(prepared: Prepared, measured: Shots) -> None:
    assert prepared.patterns.shape == prepared.masks.shape == (5, 128, 128)
    assert prepared.patterns.dtype == np.float32
    assert min(correlations(prepared, measured)) > 0.94
    assert np.median(correlations(prepared, measured)) > 0.97
    off = np.hypot(*(prepared.centers - measured.centers).T)
    assert np.median(off) < 0.5
    assert off.max() < 1


@pytest.mark.parametrize(
    ("left_out", "gain"),
    [({"background": None}, 0.05), ({"center": "given"}, 0.03), ({"threshold": None}, 0.01)],
)
def test_each_step_helps(left_out: dict[str, object], gain: float, measured: Shots) -> None:
    """Without background, without the centre, with hits by cosmic rays the patterns are worse."""
    rng = np.random.default_rng(0)
    frames = measured.frames[1:2] + 2000 * (rng.random((1, 256, 256)) < 0.005)
    parameters = {"gain": measured.gain, "mask": measured.mask, "saturation": 16383.0}
    parameters["center"] = tuple(measured.centers[1])
    one = replace(measured, volumes=measured.volumes[1:2])
    whole, worse = (
        correlations(
            ExperimentPreprocessor(measured.detector, **parameters | change)
            .fit(darks=measured.darks)
            .process(frames),
            one,
        )[0]
        for change in ({}, left_out)
    )
    assert whole > 0.97
    assert worse < whole - gain


def test_what_was_learnt(fitted: ExperimentPreprocessor, measured: Shots) -> None:
    bad = measured.hot | measured.dead
    assert (fitted.bad_pixels_ & bad).sum() == bad.sum()
    assert (fitted.bad_pixels_ & ~bad).sum() <= 8  # of 65536
    assert fitted.saturation_ == 16383.0
    assert fitted.center_ is None
    known = measured.mask
    np.testing.assert_allclose(fitted.background_[known], np.median(measured.darks, axis=0)[known])
    assert np.median(fitted.noise_) == pytest.approx(3.0, rel=0.1)


def test_patterns_are_log_scaled_within_their_masks(prepared: Prepared) -> None:
    for pattern, mask, intensity in zip(prepared.patterns, prepared.masks, prepared.intensities, strict=True):
        assert pattern[mask].min() == 0
        assert pattern[mask].max() == 1
        assert not pattern[~mask].any()
        expected = LogScaler(eps=1.0, mask=mask).transform(np.maximum(intensity, 0)[None])[0]
        np.testing.assert_array_equal(pattern, expected)


def test_transform_gives_the_patterns(
    fitted: ExperimentPreprocessor, prepared: Prepared, measured: Shots
) -> None:
    np.testing.assert_array_equal(fitted.transform(measured.frames[1:2]), prepared.patterns[1:2])


def test_noise_of_the_dark_is_not_light(prepared: Prepared) -> None:
    """Where it is dark, intensities scatter about zero as sigma says."""
    dim = prepared.masks & (np.abs(prepared.intensities) < 2 * prepared.sigma)
    ratio = prepared.intensities[dim] / prepared.sigma[dim]
    assert (ratio < 0).mean() > 0.02
    assert ratio.std() < 1.3


def test_saturated_pixels_are_flagged_and_masked_on_demand(measured: Shots, prepared: Prepared) -> None:
    assert prepared.saturated.any()
    assert (prepared.masks & prepared.saturated).sum() == prepared.saturated.sum()
    common = {"gain": measured.gain, "mask": measured.mask}
    masked = ExperimentPreprocessor(measured.detector, **common, mask_saturated=True, grow_saturated=2)
    plain = ExperimentPreprocessor(measured.detector, **common)
    first, second = (p.fit(darks=measured.darks).process(measured.frames) for p in (masked, plain))
    assert first.saturated.sum() > second.saturated.sum()
    assert not (first.masks & first.saturated).any()
    assert not first.intensities[~first.masks].any()
    assert not first.sigma[~first.masks].any()
    np.testing.assert_array_equal(first.masks, second.masks & ~first.saturated)


def test_a_given_level_of_saturation(measured: Shots) -> None:
    preprocessor = ExperimentPreprocessor(measured.detector, gain=measured.gain, saturation=2000.0)
    prepared = preprocessor.fit(darks=measured.darks).process(measured.frames)
    none = preprocessor.set_params(saturation=None).fit(darks=measured.darks).process(measured.frames)
    assert prepared.saturated.sum() > 20
    assert not none.saturated.any()


@pytest.mark.parametrize("told", [False, True])
def test_pixels_saturated_in_every_shot_are_not_dead(told: bool) -> None:
    rows, columns = np.indices(SMALL.shape) - 32
    light = 50 + 3e4 * np.exp(-(rows**2 + columns**2) / 50)
    frames = np.minimum(np.random.default_rng(0).poisson(light, (6, 64, 64)), 16000)
    frames[:, 5, 6] = 16000
    always = (frames == 16000).all(axis=0) & (rows**2 + columns**2 < 200)
    preprocessor = ExperimentPreprocessor(SMALL, background=None, saturation=None if told else "auto")
    preprocessor.fit(frames, saturated=frames == 16000 if told else None)
    assert always.sum() > 50
    assert not preprocessor.bad_pixels_[always].any()
    assert preprocessor.bad_pixels_[5, 6]  # a stuck one
    assert preprocessor.process(frames, saturated=frames == 16000 if told else None).saturated.any()


def test_bad_pixels_do_not_hide_the_level_of_saturation(measured: Shots) -> None:
    """A row of pixels stuck at a common value above it, which dark frames tell."""
    frames, darks = np.minimum(measured.frames, 4000.0), measured.darks.copy()
    for values in (frames, darks):
        values[:, 200, 20:30:3] = 65535
    parameters = {"gain": measured.gain, "mask": measured.mask}
    fitted = ExperimentPreprocessor(measured.detector, **parameters).fit(frames[:4], darks=darks)
    assert fitted.saturation_ == 4000
    each = ExperimentPreprocessor(measured.detector, **parameters).fit(darks=darks)
    assert each.saturation_ is None
    first, second = (p.process(frames[1:2]) for p in (fitted, each))
    assert first.saturated.any()
    np.testing.assert_array_equal(first.saturated, second.saturated)


def test_saturated_pixels_may_be_told(measured: Shots) -> None:
    """As they are found, if nothing is to be found."""
    given = measured.frames >= 4000
    parameters = {"gain": measured.gain, "mask": measured.mask, "center": "common"}
    fits = []
    for saturation in (4000.0, None):
        preprocessor = ExperimentPreprocessor(measured.detector, saturation=saturation, **parameters)
        flags = None if saturation else given[:2]
        fits.append(preprocessor.fit(measured.frames[:2], darks=measured.darks, saturated=flags))
    assert fits[0].center_ == fits[1].center_
    found, told = (
        fits[0].process(measured.frames[:2]),
        fits[1].process(measured.frames[:2], saturated=given[:2]),
    )
    without = fits[1].process(measured.frames[:2])
    assert found.saturated.any()
    np.testing.assert_array_equal(told.saturated, found.saturated)
    assert not without.saturated.any()
    one = fits[1].process(measured.frames[:2], saturated=given[0])
    np.testing.assert_array_equal(one.saturated[0], told.saturated[0])


def test_sigma_is_never_zero_where_measured() -> None:
    """Few photons and no dark frames: most pixels of the grid have no count."""
    frames = np.random.default_rng(0).poisson(0.02, size=(1, 64, 64))
    found = ExperimentPreprocessor(SMALL, QGrid(32, dq=0.004), background=None).fit().process(frames)
    assert (found.intensities[found.masks] == 0).mean() > 0.5
    assert np.isfinite(1 / found.sigma[found.masks] ** 2).all()
    assert found.sigma[found.masks].min() > 0.1


def test_masks_grow_about_bad_pixels(measured: Shots) -> None:
    parameters = {"gain": measured.gain, "mask": measured.mask, "background": None, "min_coverage": 0.95}
    shares = []
    for grow in (0, 1, 2):
        preprocessor = ExperimentPreprocessor(measured.detector, **parameters, grow=grow)
        shares.append(preprocessor.fit(darks=measured.darks).process(measured.frames[:1]).masks.mean())
    assert shares[0] > shares[1] > shares[2] > 0.3


def test_the_common_centre_is_the_median(measured: Shots) -> None:
    same = np.repeat(measured.frames[:1], 3, axis=0)
    preprocessor = ExperimentPreprocessor(
        measured.detector, gain=measured.gain, mask=measured.mask, center="common"
    ).fit(same, darks=measured.darks)
    assert np.hypot(*np.subtract(preprocessor.center_, measured.centers[0])) < 0.5
    prepared = preprocessor.process(measured.frames[:2])
    np.testing.assert_array_equal(prepared.centers, [preprocessor.center_] * 2)


def test_a_centre_by_hand_is_that_of_the_detector(measured: Shots) -> None:
    center = tuple(measured.centers[0])
    placed = FlatDetector(256, 0.4, 30.0, center=tuple(np.round(center, 3)))
    found = [
        ExperimentPreprocessor(detector, gain=measured.gain, center=at)
        .fit(darks=measured.darks)
        .transform(measured.frames[:1])
        for detector, at in ((measured.detector, center), (placed, "given"))
    ]
    np.testing.assert_allclose(found[0], found[1], atol=2e-3)


def test_rings_replace_dark_frames() -> None:
    """A smooth background, and no dark frames to tell it."""
    rng = np.random.default_rng(0)
    detector = FlatDetector(200, 0.4, 30.0)
    rows, columns = np.indices(detector.shape) - 100
    radius = np.hypot(rows, columns)
    light = rng.poisson(3e5 * np.exp(-radius / 8) * (1 + np.cos(radius / 3)) / 2)
    frames = (light + 300 - radius + rng.normal(0, 2, light.shape))[None]
    parameters = {"background": "rings", "background_radius": 60.0, "threshold": None}
    prepared = ExperimentPreprocessor(detector, **parameters).fit().process(frames)
    outside = prepared.masks[0] & (prepared.intensities[0] < 20)
    assert abs(np.median(prepared.intensities[0][outside])) < 3


def test_a_panel_detector() -> None:
    steps = {"fast": (0.3, 0, 0), "slow": (0, 0.3, 0)}
    corners = ((-19.2, -20.0, 30.0), (-19.2, 1.0, 30.0))
    detector = PanelDetector([Panel((60, 128), corner=corner, **steps) for corner in corners])
    frames = 100 * np.ones((1, *detector.shape)) * detector.solid_angle(0.5) * 1e5
    prepared = ExperimentPreprocessor(detector, background=None).fit().process(frames)
    assert prepared.masks.any()
    assert np.isnan(prepared.centers).all()
    values = prepared.intensities[prepared.masks]
    np.testing.assert_allclose(values, values[0], rtol=1e-4)


def test_frame_by_frame_masks_and_nan(
    fitted: ExperimentPreprocessor, measured: Shots, prepared: Prepared
) -> None:
    frames, mask = measured.frames[:2].copy(), np.ones((2, 256, 256), dtype=bool)
    mask[1, 150:170, 140:180] = False
    frames[~mask] = np.nan
    masked = fitted.process(frames, mask=mask)
    np.testing.assert_array_equal(masked.patterns[0], prepared.patterns[0])
    assert masked.masks[1].sum() < prepared.masks[1].sum() - 50
    with pytest.raises(ValueError, match=r"numpy\.isfinite"):
        fitted.process(frames)


def test_the_report_says_what_was_found(prepared: Prepared, measured: Shots) -> None:
    entry = prepared.report[0]
    assert entry["bad pixels"] >= 80
    assert entry["background"] == pytest.approx(100, abs=3)
    assert entry["photons"] > 1e5
    lines = prepared.summary().splitlines()
    assert len(lines) == 1 + len(measured.frames)
    assert "photons" in lines[0]


def test_a_stack_of_the_models_own_grid_passes_through() -> None:
    photons = np.random.default_rng(0).poisson(20, size=(1, 64, 64))
    grid = QGrid(64, dq=0.001)  # small angles: all pixels cover the same solid angle
    preprocessor = ExperimentPreprocessor(grid, grid, background=None, threshold=None).fit()
    np.testing.assert_allclose(preprocessor.process(photons).intensities, photons, rtol=0.03)


SMALL = FlatDetector(64, 1.0, 60.0)


@pytest.mark.parametrize(
    ("parameters", "frames", "match"),
    [
        ({}, np.ones((1, 32, 32)), r"\(any, 64, 64\)"),
        ({}, np.ones((64, 64)), "shape"),
        ({}, np.empty((0, 64, 64)), "not empty"),
        ({}, np.full((1, 64, 64), np.nan), "NaN"),
        ({"mask": np.zeros((64, 64), bool)}, np.ones((1, 64, 64)), "empty mask"),
        ({"mask": np.ones((3, 3), bool)}, np.ones((1, 64, 64)), "'mask'"),
        ({"center": "each"}, np.zeros((1, 64, 64)), "frame 0"),
        ({"center": (500.0, 500.0)}, np.ones((1, 64, 64)), "frame 0, which leaves none"),
        ({"saturation": 0.5, "mask_saturated": True}, np.ones((1, 64, 64)), "leaves none"),
        ({"saturation": -1.0}, np.ones((1, 64, 64)), "'saturation'"),
        ({"center": "middle"}, np.ones((1, 64, 64)), "'center'"),
        ({"background": "none"}, np.ones((1, 64, 64)), "'background'"),
    ],
)
def test_bad_input(parameters: dict[str, object], frames: np.ndarray, match: str) -> None:
    given = {"detector": SMALL, "background": None, "grid": QGrid(32, dq=0.004)} | parameters
    with pytest.raises(ValueError, match=match):
        ExperimentPreprocessor(**given).fit().process(frames)


def test_one_bad_pixel_may_grow_over_everything() -> None:
    frames = np.random.default_rng(0).poisson(50, (1, 16, 16)).astype(float)
    frames[0, 8, 8] = 1e5
    preprocessor = ExperimentPreprocessor(FlatDetector(16), background=None, grow=20).fit()
    with pytest.raises(ValueError, match="frame 0, which has none"):
        preprocessor.process(frames)
    assert not grow_mask(frames[0] < 1e4, 20).any()


def test_fit_wants_what_the_parameters_need() -> None:
    with pytest.raises(ValueError, match=r"'darks'.*background=None or 'rings'"):
        ExperimentPreprocessor(SMALL).fit()
    with pytest.raises(ValueError, match="'X'"):
        ExperimentPreprocessor(SMALL, background=None, center="common").fit()
    with pytest.raises(ValueError, match="'mask'"):
        ExperimentPreprocessor(SMALL, background=None).fit(mask=np.ones((64, 64)))
    with pytest.raises(ValueError, match="'saturated'"):
        ExperimentPreprocessor(SMALL, background=None).fit(saturated=np.ones((64, 64)))
    with pytest.raises(ValueError, match="'saturated'"):
        ExperimentPreprocessor(SMALL, background=None).fit().process(
            np.ones((1, 64, 64)), saturated=np.ones(3)
        )
    with pytest.raises(ValueError, match="'darks'"):
        ExperimentPreprocessor(SMALL).fit(darks=np.ones((2, 3, 3)))
    with pytest.raises(NotFittedError):
        ExperimentPreprocessor(SMALL, background=None).transform(np.ones((1, 64, 64)))
    other = ExperimentPreprocessor(SMALL, background=None).fit().set_params(detector=FlatDetector(32))
    with pytest.raises(ValueError, match="'detector'"):
        other.transform(np.ones((1, 32, 32)))


@pytest.mark.parametrize("change", [{"center": "each"}, {"background": "rings"}])
def test_what_panels_cannot_have(change: dict[str, object]) -> None:
    panel = Panel((8, 8), corner=(-4, -4, 20.0), fast=(1.0, 0, 0), slow=(0, 1.0, 0))
    given = {"background": None} | change
    with pytest.raises(ValueError, match="PanelDetector"):
        ExperimentPreprocessor(PanelDetector([panel]), **given).fit()
