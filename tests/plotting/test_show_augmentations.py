"""The gallery of artifacts: what is drawn is what the filters make, named, the lost pixels grey."""

from __future__ import annotations

import numpy as np
import pytest
from gallery_tools import overlapping_texts, small_print, titled
from matplotlib.figure import Figure
from numpy.testing import assert_array_equal

from scatterkit.augmentation import Augmenter, CentralHole, Chain, Saturation, Shift, UniformNoise
from scatterkit.plotting import show_augmentations

Y, X = np.mgrid[-32:32, -32:32]
PATTERN = np.exp(-np.hypot(X, Y) / 12).astype(np.float32)


def drawn(figure: Figure) -> list[np.ma.MaskedArray]:
    return [ax.images[0].get_array() for ax in titled(figure)]


def test_panels_hold_what_the_filters_make() -> None:
    filters = [Saturation(), CentralHole((5.0, 5.0))]
    figure = show_augmentations(PATTERN, filters, random_state=3)
    assert [ax.get_title() for ax in titled(figure)] == ["clean", "saturation", "central hole"]
    clean, saturated, holed = drawn(figure)
    assert_array_equal(clean, PATTERN)
    generator = np.random.default_rng(3)
    params = [one.sample_params(1, PATTERN.shape, generator) for one in filters]
    assert_array_equal(saturated, filters[0].apply(PATTERN[None], params[0])[0])
    lost = filters[1].apply_mask(np.ones((1, 64, 64)), params[1])[0] == 0
    assert lost.any()
    assert_array_equal(np.ma.getmaskarray(holed), lost)
    gain = float(params[0]["gain"][0])
    assert small_print(titled(figure)[1]) == f"gain {gain:.3g}"


def test_all_panels_show_the_same_region_in_the_same_colours() -> None:
    mask = np.hypot(X, Y) > 4
    figure = show_augmentations(PATTERN, [CentralHole(), Shift()], mask=mask, dq=0.01)
    panels = titled(figure)
    assert len({ax.get_xlim() for ax in panels}) == len({ax.get_ylim() for ax in panels}) == 1
    assert {ax.images[0].get_clim() for ax in panels} == {(0.0, 1.0)}
    assert_array_equal(np.ma.getmaskarray(drawn(figure)[0]), ~mask)
    assert "rad/nm" in panels[0].get_ylabel()


def test_names_can_be_given() -> None:
    figure = show_augmentations(PATTERN, {"weak": Saturation((1.1, 1.1)), "strong": Saturation((3.0, 3.0))})
    assert [ax.get_title() for ax in titled(figure)] == ["clean", "weak", "strong"]


def test_an_augmenter_shows_its_own_samples() -> None:
    augmenter = Augmenter([UniformNoise(), CentralHole((6.0, 8.0))], random_state=5)
    figure = show_augmentations(PATTERN, augmenter, n=7)
    expected = augmenter.augment(np.repeat(PATTERN[None], 6, axis=0))
    names = {"UniformNoise": "uniform noise", "CentralHole": "central hole"}
    assert [ax.get_title() for ax in titled(figure)[1:]] == [
        names[line["filter"]] for line in expected.params.history()
    ]
    for image, pattern, mask in zip(drawn(figure)[1:], expected.patterns, expected.masks, strict=True):
        assert_array_equal(np.ma.getmaskarray(image), ~mask)
        assert_array_equal(np.ma.getdata(image)[mask], pattern[mask])


def test_a_chain_tells_its_steps_and_nothing_overlaps() -> None:
    chain = Chain([Shift(), Saturation(), CentralHole()])
    figure = show_augmentations(PATTERN, [chain, *Augmenter("all").named_filters().values()], dq=0.0074)
    assert small_print(titled(figure)[1]) == "shift, saturation, central hole"
    assert overlapping_texts(figure) == []


def test_a_pattern_without_any_pixel_left_is_said_so() -> None:
    class Blackout(CentralHole):
        def _apply_mask(self, mask, params, ops):
            return 0 * mask

    figure = show_augmentations(PATTERN, [Blackout()])
    last = titled(figure)[1]
    assert not last.images
    assert any("nothing" in text.get_text() for text in last.texts)


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        (lambda: show_augmentations(PATTERN[None], [Shift()]), "pattern"),
        (lambda: show_augmentations(PATTERN, []), "filters"),
        (lambda: show_augmentations(PATTERN, "published"), "filters"),
        (lambda: show_augmentations(PATTERN, [3]), "filters"),
        (lambda: show_augmentations(PATTERN, [Shift()], mask=np.ones((3, 3))), "mask"),
        (lambda: show_augmentations(PATTERN, [Shift()], columns=0), "columns"),
        (lambda: show_augmentations(PATTERN, [Shift()], random_state=-1), "random_state"),
        (lambda: show_augmentations(PATTERN, Augmenter(), n=1), "n"),
    ],
)
def test_bad_input_names_the_parameter(call, parameter: str) -> None:
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of .* must be .* Got .* instead"):
        call()
