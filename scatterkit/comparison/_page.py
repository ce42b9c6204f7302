"""A comparison as one HTML page that is complete in itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from scatterkit._html import note, page, table
from scatterkit.comparison._bodies import assets, viewer_script, viewer_style
from scatterkit.comparison._experiment import Experiment
from scatterkit.comparison._page_curves import residual_chart
from scatterkit.comparison._page_samples import sample_part
from scatterkit.comparison._page_tables import difference_table, median_table, sample_table, worst_first

if TYPE_CHECKING:
    from scatterkit.comparison.comparison import Comparison


def page_of(comparison: Comparison, *, title: str | None = None) -> str:
    """Give the page: tables, curves over time, and each sample with its patterns and bodies, the worst first."""
    methods, n = comparison.methods, len(comparison.samples)
    subtitle = f"{len(methods)} method{'s' * (len(methods) != 1)} on {n} sample{'s' * (n != 1)}"
    return page(
        title or "Comparison of " + " · ".join(methods),
        subtitle + ", judged alike.",
        _sections(comparison),
        style=viewer_style(),
        script=viewer_script() + assets("page.js"),
    )


def _sections(comparison: Comparison) -> Iterator[tuple[str, str]]:
    experiment, order = Experiment.of(comparison), worst_first(comparison)
    yield "Figures", median_table(comparison)
    if len(comparison.methods) > 1:
        reference = comparison.best_method(comparison.metrics[0])
        yield f"Differences from {reference}", difference_table(comparison, reference)
    curves = _median_curves(comparison)
    if curves:
        yield "Residual over time", curves
    yield "Samples", sample_table(comparison, order)
    parts = [
        sample_part(comparison, sample, experiment, unfolded=place == 0) for place, sample in enumerate(order)
    ]
    yield "Each sample, the worst first", "".join(parts)
    yield "How it was judged", table({**_facts(comparison), **experiment.described()})
    methods = _methods(comparison)
    if methods:
        yield "Methods", table(methods)


def _median_curves(comparison: Comparison) -> str:
    chart = residual_chart(comparison, range(len(comparison.samples)), "over all samples")
    return chart and chart + note(
        "Medians over all samples. A sample without an answer yet counts as infinitely bad: a line begins when more "
        "than half of the samples are solved. It is thin from the end of the method's longest sample on. On the way a "
        "residual is what the method itself notes, often over some of the pixels, but none below the judge's at the "
        "end; only the ends were judged alike. A method without a history has its answer at its end."
    )


def _methods(comparison: Comparison) -> dict[str, str]:
    """Give what each method was: its class, and those of its settings that are numbers or words."""
    told = json.loads(comparison.dataset.attrs.get("reconstructors", "{}"))
    return {name: _described(told[name]) for name in comparison.methods if name in told}


def _described(method: Any) -> str:
    if not isinstance(method, dict):
        return str(method)
    plain = {
        name: value for name, value in method["parameters"].items() if isinstance(value, int | float | str)
    }
    settings = ", ".join(f"{name}={value!r}" for name, value in plain.items())
    return f"{method['class'].rsplit('.', 1)[-1]}({settings})"


def _facts(comparison: Comparison) -> dict[str, str]:
    names = {
        "budget": "time for a body (s)",
        "grid": "voxels along an axis",
        "max_shift": "largest shift (pixels)",
    }
    attrs = comparison.dataset.attrs
    return {words: f"{attrs[name]:g}" for name, words in names.items() if name in attrs}
