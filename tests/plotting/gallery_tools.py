"""What the tests of galleries share."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def titled(figure: Figure) -> list[Axes]:
    """The panels with a label."""
    return [ax for ax in figure.axes if ax.get_title()]


def small_print(ax: Axes) -> str:
    """What stands in small print above a panel."""
    return " ".join(text.get_text() for text in ax.texts if text.get_position()[1] == 3)


def overlapping_texts(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts of a figure that overlap: titles, small print, names and numbers of axes."""
    FigureCanvasAgg(figure).draw()
    boxes = []
    children = [child for ax in figure.axes for child in ax.child_axes]
    for ax in [*figure.axes, *children]:
        texts = [ax.title, *ax.texts]
        if ax.axison:
            texts += [ax.xaxis.label, ax.yaxis.label]
            for axis in (ax.xaxis, ax.yaxis):
                low, high = sorted(axis.get_view_interval())
                texts += [
                    label
                    for tick in axis.get_major_ticks()
                    if low <= tick.get_loc() <= high
                    for label in (tick.label1, tick.label2)
                ]
        boxes += [
            (text.get_text(), text.get_window_extent())
            for text in texts
            if text.get_text() and text.get_visible()
        ]
    assert len(boxes) > 3
    return [
        (one, other)
        for i, (one, box) in enumerate(boxes)
        for other, earlier in boxes[:i]
        if box.overlaps(earlier)
    ]
