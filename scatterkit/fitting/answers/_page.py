"""Reports as a page of text and as a data set."""

from __future__ import annotations

import math
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from scatterkit.fitting.answers._tables import LEVEL, aligned, angle_lines, facet_dataset, facet_lines

if TYPE_CHECKING:
    from xarray import Dataset

    from scatterkit.fitting.answers.report import FitReport

WIDTH = 100
SAME_FRONT = 0.85
"""Bodies whose fronts overlap by more than this are called the same."""


def report_lines(report: FitReport) -> list[str]:
    """Give a report in lines, lengths in nm and angles in degrees."""
    name = report.solid.name or "body"
    verdict = "accepted" if report.reject_ is None else f"REJECTED: {report.reject_}"
    lines = [f"Fit of one pattern: {name}", *wrap(verdict, WIDTH), "", "Agreement", *_agreement(report)]
    if report.facets is not None:
        lines += ["", *_heading(report), *facet_lines(report.facets)]
        if len(report.facets) > 1:
            lines += ["", "Angles between facets (degrees)", *angle_lines(report.facets)]
        if report.facets.crystal is not None:
            lines += ["", "Crystal", *_indented(str(report.facets.crystal))]
    lines += ["", "Not determined"]
    for note in report.undetermined:
        lines += _indented(note)
    return [*lines, "", *_alternatives(report)]


def _agreement(report: FitReport) -> list[str]:
    quality, response = report.quality, report.response
    lines = [
        f"  residual {report.residual:.3e}, R factor {report.r_factor:.3f}",
        f"  of the fringes beyond a smooth profile {quality.unexplained:.1%} are left; "
        f"neighbouring pixels of the residual correlate by {quality.structure:.2f}",
    ]
    if quality.expected is not None:
        times = report.residual / quality.expected if quality.expected > 0 else math.inf
        lines.append(
            f"  photon noise alone would leave {quality.expected:.3e}: the residual is {times:.2f} times that"
        )
    saturation = "" if math.isinf(response.saturation) else f", saturation {response.saturation:.3g}"
    return [
        *lines,
        f"  response: eps {response.eps:.4g}, gain {response.gain:.4g}, offset {response.offset:.4g}, "
        f"shift ({response.shift[0]:.2f}, {response.shift[1]:.2f}) pixels{saturation}",
    ]


def _heading(report: FitReport) -> list[str]:
    words = "Lit facets (lengths in nm, angles in degrees; distances from the mean of the lit surface"
    table = report.facets
    if table is None or table.uncertainty is None:
        return [words + ")"]
    known = table.uncertainty
    source = "photon counts" if known.noise == "photon counts" else "the residual"
    return wrap(f"{words}; {LEVEL:.0%} intervals, noise from {source})", WIDTH)


def _alternatives(report: FitReport) -> list[str]:
    if not report.alternatives:
        return ["Alternatives", "  no other start fits as well, among those that were followed"]
    heads = ["residual", "front IoU", "starts", ""]
    columns = [
        [f"{other.residual:.3e}" for other in report.alternatives],
        [f"{other.front_iou:.2f}" for other in report.alternatives],
        [str(other.count) for other in report.alternatives],
        ["same front" if other.front_iou > SAME_FRONT else "another body" for other in report.alternatives],
    ]
    rows = aligned(heads, columns)
    return ["Alternatives that fit as well", *("  " + row for row in rows)]


def _indented(text: str) -> list[str]:
    return wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")


def report_dataset(report: FitReport) -> Dataset:
    """Give a report as a data set."""
    import xarray as xr

    picture = ("y", "x")
    dataset = xr.Dataset() if report.facets is None else facet_dataset(report.facets)
    dataset["pattern"] = picture, report.pattern
    dataset["fitted"] = picture, report.fitted
    dataset["mask"] = picture, report.mask
    dataset["residual_map"] = picture, report.residual_map
    others = report.alternatives
    dataset["alternative_residual"] = "alternative", np.array([other.residual for other in others])
    dataset["alternative_front_iou"] = "alternative", np.array([other.front_iou for other in others])
    dataset["alternative_count"] = "alternative", np.array([other.count for other in others], dtype=np.int64)
    response = report.response
    dataset.attrs |= {
        "residual": report.residual,
        "r_factor": report.r_factor,
        "unexplained": report.quality.unexplained,
        "structure": report.quality.structure,
        "eps": response.eps,
        "gain": response.gain,
        "offset": response.offset,
        "saturation": response.saturation,
        "shift": list(response.shift),
        "undetermined": report.undetermined,
        "rejected": report.reject_ or "",
    }
    return dataset
