"""One pattern as each artifact of an experiment would spoil it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._random import RandomState, check_random_state
from scatterkit._validation import Integer, check_array, check_mask, check_value, fail, shown
from scatterkit.plotting._gallery import (
    Margins,
    Scale,
    at_the_rim,
    color_bar,
    label,
    panels,
    pattern_panel,
    spoken,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL = (1.75, 1.75)  # inches
MARGINS = Margins(left=0.6, right=0.85, top=0.65, bottom=0.5, down=0.7)
WIDTH = 34  # letters in a line of small print
LINES = 3
SCALE = Scale(0.0, 1.0)


class Panel(NamedTuple):
    """A panel of the gallery."""

    words: str
    small: str
    pattern: NDArray[Any]
    mask: NDArray[Any] | None


def show_augmentations(
    pattern: ArrayLike,
    filters: Any,
    *,
    mask: ArrayLike | None = None,
    n: int = 12,
    random_state: RandomState = 0,
    dq: float | None = None,
    columns: int | None = None,
    title: str | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw a pattern, and beside it the same pattern with artifacts, their names and what was drawn for them.

    Parameters
    ----------
    pattern : array-like of shape (y, x)
        A log-scaled pattern in [0, 1].
    filters : sequence of Filter, mapping of str to Filter, or Augmenter
        Filters, each for one panel, where wanted with the name to write above it; or an augmenter, of which
        samples are drawn as a network would meet them in training.
    mask : array-like of bool, shape (y, x), optional
        True where measured. What was not measured, or is lost by an artifact, is drawn in grey.
    n : int, default 12
        Of an augmenter: how many panels, the clean one included.
    random_state : int, numpy.random.Generator or None, default 0
        Draws the filters' parameters. An augmenter has its own.
    dq : float [rad/nm], optional
        Distance of neighbouring pixels; without it the axes count pixels.
    columns : int, optional
        How many panels beside each other; by default rows of equal length, at most 7.
    title : str, optional
        Title of the figure.
    figure : matplotlib.figure.Figure, optional
        An empty figure to draw into; by default a new one of fitting size.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, to be saved with ``savefig``.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import Blur, UniformNoise
    >>> from scatterkit.plotting import show_augmentations
    >>> figure = show_augmentations(np.eye(32), [UniformNoise(), Blur()])
    >>> [ax.get_title() for ax in figure.axes[:3]]
    ['clean', 'uniform noise', 'blur']
    """
    owner = "show_augmentations"
    clean = check_array(pattern, name="pattern", owner=owner, shape=(None, None), what="a pattern (y, x)")
    flags = check_mask(mask, clean.shape, owner=owner)
    if hasattr(filters, "augment"):
        check_value(n, Integer(low=2), name="n", owner=owner)
        spoilt = _of_augmenter(clean, flags, filters, n - 1)
    else:
        spoilt = _of_filters(clean, flags, _named(filters, owner), random_state)
    shown_panels = [Panel("clean", "", clean, flags), *spoilt]
    figure, axes = panels(len(shown_panels), columns, CELL, MARGINS, figure, title=title, owner=owner)
    image = None
    for ax, panel in zip(axes, shown_panels, strict=True):
        rim = at_the_rim(ax, axes)
        drawn = pattern_panel(ax, panel.pattern, panel.mask, dq=dq, scale=SCALE, axes_shown=rim)
        image = image or drawn
        label(ax, panel.words, panel.small)
    if image is not None:
        color_bar(figure, image, SCALE.words, axes)
    return figure


def _named(filters: Any, owner: str) -> list[tuple[str, Any]]:
    """Give the filters with their names."""
    given: Any = filters.items() if isinstance(filters, Mapping) else None
    if given is None and isinstance(filters, Sequence) and not isinstance(filters, str):
        given = [(spoken(type(one).__name__), one) for one in filters]
    named = [(str(name), one) for name, one in given or ()]
    methods = ("sample_params", "apply", "apply_mask", "describe")
    fits = all(hasattr(one, method) for _, one in named for method in methods)
    if not named or not fits:
        allowed = "a sequence or mapping of filters, not empty, or an augmenter"
        raise fail("filters", owner, allowed, shown(filters))
    return named


def _of_filters(
    clean: NDArray[Any], mask: NDArray[Any] | None, filters: list[tuple[str, Any]], random_state: RandomState
) -> list[Panel]:
    generator = check_random_state(random_state, owner="show_augmentations")
    flags = np.ones(clean.shape) if mask is None else mask
    found = []
    for name, one in filters:
        params = one.sample_params(1, clean.shape, generator)
        pattern, left = one.apply(clean[None], params)[0], one.apply_mask(flags[None], params)[0]
        found.append(Panel(name, in_words(one.describe(params, 0)), np.asarray(pattern), np.asarray(left)))
    return found


def _of_augmenter(clean: NDArray[Any], mask: NDArray[Any] | None, augmenter: Any, n: int) -> list[Panel]:
    result = augmenter.augment(np.broadcast_to(clean, (n, *clean.shape)), mask)
    stories = result.params.history()
    return [
        Panel(spoken(story["filter"] or "Untouched"), in_words(story), np.asarray(pattern), np.asarray(left))
        for pattern, left, story in zip(result.patterns, result.masks, stories, strict=True)
    ]


def in_words(story: Mapping[str, Any]) -> str:
    """Give what was drawn for a filter in small print: numbers and pairs, not the pixels' keys; or its steps."""
    if "steps" in story:
        words = [spoken(step["filter"]) for step in story["steps"]]
    else:
        words = [
            _in_word(name, value) for name, value in story.items() if name != "filter" and "key" not in name
        ]
    # only between words: a name and its number stay together
    unbroken = ", ".join(word.replace(" ", "\xa0") for word in words if word)
    return fill(unbroken, WIDTH, max_lines=LINES, placeholder=" ...").replace("\xa0", " ")


def _in_word(name: str, value: Any) -> str:
    numbers = np.asarray(value).ravel()
    if numbers.dtype.kind not in "fiu" or not 1 <= numbers.size <= 2:
        return ""
    texts = [f"{number:.3g}" for number in numbers]
    return f"{spoken(name)} {texts[0] if len(texts) == 1 else '(' + ', '.join(texts) + ')'}"
