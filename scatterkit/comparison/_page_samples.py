"""One sample on a comparison's page: its pattern, what each method made of it, and the bodies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scatterkit._html import note, text, wide
from scatterkit.comparison._bodies import Seen, body_views, seen_solid, seen_volume
from scatterkit.comparison._experiment import Experiment
from scatterkit.comparison._page_curves import residual_chart
from scatterkit.comparison._page_tables import figure_table, values_of
from scatterkit.comparison._pictures import ColorScale, difference_scale, pattern_scale
from scatterkit.comparison._svg import BAR_SIZE, IMAGE_SIZE, color_bar, image, number
from scatterkit.metrics.volumes import FILLED
from scatterkit.solids import Solid

if TYPE_CHECKING:
    from scatterkit.comparison._judging import Body
    from scatterkit.comparison.comparison import Comparison

Pattern = NDArray[np.float32]

TRUE = "true body"


def sample_part(comparison: Comparison, sample: int, experiment: Experiment, *, unfolded: bool) -> str:
    """Give the part of one sample, to be unfolded."""
    name = comparison.samples[sample]
    inner = (
        figure_table(comparison, sample)
        + _pictures(comparison, sample, experiment)
        + _bodies(comparison, sample, experiment)
        + _curves(comparison, sample)
    )
    mark = " open" if unfolded else ""
    return (
        f'<details class="sample" id="sample-{sample}"{mark}><summary><h3>Sample {text(name)}</h3> '
        f"{text(_best(comparison, sample))}</summary>{inner}</details>"
    )


def _best(comparison: Comparison, sample: int) -> str:
    if "residual" not in comparison.metrics:
        return ""
    residuals = values_of(comparison, "residual")[:, sample]
    if not np.isfinite(residuals).any():
        return "no method has an answer"
    best = int(np.nanargmin(residuals))
    return f"best residual {number(float(residuals[best]))}, by {comparison.methods[best]}"


def _pictures(comparison: Comparison, sample: int, experiment: Experiment) -> str:
    data, name = comparison.dataset, comparison.samples[sample]
    if "pattern" not in data:
        return ""
    pattern = np.asarray(data["pattern"].isel(sample=sample).values, np.float32)
    mask = np.asarray(data["mask"].isel(sample=sample).values, bool) if "mask" in data else None
    known = np.isfinite(pattern) if mask is None else np.isfinite(pattern) & mask
    scale = pattern_scale(pattern, known)
    draw = _Pictures(experiment.dq)
    cells = [draw.cell("measured", pattern, known, scale, f"Measured pattern of {name}")]
    methods = comparison.methods if "predicted" in data else []
    predicted = [_predicted(comparison, i, sample) for i in range(len(methods))]
    for method, one in zip(methods, predicted, strict=True):
        cells.append(draw.cell(method, one, None, scale, f"Pattern of {method} for {name}"))
    cells.append(_bar(scale, "log intensity (scaled)"))
    if methods:
        differences = [np.where(known, one - pattern, np.nan).astype(np.float32) for one in predicted]
        apart = difference_scale(np.stack(differences))
        cells.append(f'<div class="aside">{note(_measured_share(known))}</div>')
        for method, one in zip(methods, differences, strict=True):
            words = f"Difference of {method} from the measured pattern of {name}"
            cells.append(draw.cell("difference", one, None, apart, words))
        cells.append(_bar(apart, "method − measured"))
    return wide("Patterns", _grid(len(methods) + 1, cells))


def _predicted(comparison: Comparison, method: int, sample: int) -> Pattern:
    found = comparison.dataset["predicted"].isel({"method": method, "sample": sample})
    return np.asarray(found.values, np.float32)


@dataclass(frozen=True)
class _Pictures:
    """Pictures whose axes count in ``dq`` rad/nm, or pixels."""

    dq: float | None

    def cell(
        self, title: str, values: Pattern, mask: NDArray[np.bool_] | None, scale: ColorScale, words: str
    ) -> str:
        """Give a picture with its title, or say that there is none."""
        head = f"<figcaption>{text(title)}</figcaption>"
        if not np.isfinite(values).any():
            return f"<figure>{head}{note('No pattern.')}</figure>"
        rows, columns = values.shape
        return f"<figure>{head}{image(scale.png(values, mask), (rows, columns), self.dq, words)}</figure>"


def _bar(scale: ColorScale, words: str) -> str:
    return f'<div class="bar">{color_bar(scale.bar(), scale.low, scale.high, words)}</div>'


def _grid(columns: int, cells: list[str]) -> str:
    # widths in the ratio of the drawings': pictures and bars come out equally high
    wide, bar = IMAGE_SIZE[0], BAR_SIZE[0]
    widths = (
        f"grid-template-columns: repeat({columns}, minmax(130px, {wide}fr)) minmax(45px, {bar}fr); "
        f"max-width: {columns * (wide + 6) + bar}px"
    )
    return f'<div class="patterns" style="{widths}">{"".join(cells)}</div>'


def _measured_share(known: NDArray[np.bool_]) -> str:
    share = float(known.mean())
    if share == 1:
        return "All pixels were measured."
    return f"{share:.1%} of the pixels were measured; grey: not measured."


def _bodies(comparison: Comparison, sample: int, experiment: Experiment) -> str:
    named = [(TRUE, comparison.truths[sample])] if comparison.truths[sample] is not None else []
    named += [(method, comparison.bodies[method][sample]) for method in comparison.methods]
    packed = [(name, _seen(body, experiment)) for name, body in named]
    shown = [(name, body) for name, body in packed if body is not None]
    missing = [name for name, body in packed if body is None]
    words = note(f"No body to show: {', '.join(missing)}.") if missing else ""
    if not shown:
        return words
    return f"<h4>Bodies</h4>{body_views(shown, experiment.absorption_length)}{words}"


def _seen(body: Body, experiment: Experiment) -> Seen | None:
    if isinstance(body, Solid):
        return seen_solid(body)
    if body is None or not (np.asarray(body) >= FILLED).any():
        return None
    return seen_volume(np.asarray(body, np.float32), experiment.box)


def _curves(comparison: Comparison, sample: int) -> str:
    chart = residual_chart(comparison, [sample], f"for sample {comparison.samples[sample]}")
    return f"<h4>Residual over time</h4>{chart}" if chart else ""
