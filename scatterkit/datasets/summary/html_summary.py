"""A data set on one page: what it is, whether something is wrong with it, and what its samples look like."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scatterkit import _html
from scatterkit._validation import Integer, check_value
from scatterkit.datasets.files._writing import replacing, target_path
from scatterkit.datasets.schema import MASK, PATTERN, VOLUME, check_dataset
from scatterkit.datasets.summary import _page as page
from scatterkit.datasets.summary._checks import Checks, unit_quaternions
from scatterkit.datasets.summary._scan import NUMBERS, Scan, sample_columns, scan
from scatterkit.plotting.samples import pixel_distance, sample_numbers, scale_of, spread_over, unit_of

if TYPE_CHECKING:
    import xarray as xr

    from scatterkit.datasets.summary._checks import DataCheck

MOST_CLASSES = 60  # different texts up to which they are counted in a chart
MOST_UNUSUAL = 8  # samples with a warning that are drawn
NUMBERING = (*NUMBERS, "key")  # coordinates that say nothing in a histogram
ORDER = ("polyhedron", "label", "size", "stretch", "cut")  # and those that are shown first


def html_summary(
    dataset: xr.Dataset | str | os.PathLike[str],
    file: str | os.PathLike[str],
    *,
    n_images: int = 256,
    n_gallery: int = 12,
    title: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a page about a data set: what it is, checks, distributions of its descriptors, a gallery.

    The page is one file with its pictures within. It needs no network and no scripts.

    Parameters
    ----------
    dataset : xarray.Dataset or path-like
        A data set, lazy or in memory; or the path of one that a `DatasetGenerator` has written, or has begun to.
    file : path-like
        The page to write, such as ``"summary.html"``.
    n_images : int, default=256
        How many patterns and volumes are read and checked, evenly spread over the set. Of the coordinates, such as
        class and size, those of all samples are read.
    n_gallery : int, default=12
        How many samples are drawn.
    title : str, optional
        Heading of the page; by default the name of the data set's folder.
    overwrite : bool, default=False
        Whether an older page may be replaced.

    Returns
    -------
    pathlib.Path
        The page.

    See Also
    --------
    dataset_checks : The checks alone, for scripts.
    scatterkit.plotting.show_dataset : The gallery alone.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from scatterkit.datasets import html_summary, make_dataset
    >>> patterns = np.random.default_rng(0).random((4, 16, 16))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = html_summary(make_dataset(patterns), f"{folder}/summary.html", n_gallery=2)
    ...     "No pattern occurs twice" in written.read_text(encoding="utf-8")
    True
    """
    owner = "html_summary"
    check_value(n_images, Integer(low=1), name="n_images", owner=owner)
    check_value(n_gallery, Integer(low=1), name="n_gallery", owner=owner)
    target = target_path(file, owner=owner, overwrite=overwrite, name="file")
    data, planned = _opened(dataset, owner)
    n = data.sizes["sample"]
    found = scan(data, spread_over(n, n_images))
    columns = _ordered(sample_columns(data))
    checks = _checked(data, found, columns)
    source = Path(dataset).expanduser() if isinstance(dataset, (str, os.PathLike)) else None
    name = title or (source.name if source else "Data set")
    count = str(n) if n == planned else f"{n} of {planned} so far"
    subtitle = f"Samples: {count}. Patterns of {len(found.samples)} were read for this page."
    facts = {"samples": count, **_facts(data, source, found, list(columns))}
    whole = _html.page(name, subtitle, _sections(data, facts, found, columns, checks, n_gallery))
    with replacing(target, overwrite=overwrite) as partial:
        partial.write_text(whole, encoding="utf-8")
    return target


def dataset_checks(dataset: xr.Dataset | str | os.PathLike[str], *, n_images: int = 256) -> list[DataCheck]:
    """Check a data set for what a training would suffer from, as the page of `html_summary` does.

    Parameters
    ----------
    dataset : xarray.Dataset or path-like
        A data set, lazy or in memory; or the path of one that a `DatasetGenerator` has written, or has begun to.
    n_images : int, default=256
        How many patterns and volumes are read and checked, evenly spread over the set. Of the coordinates, such as
        class and size, those of all samples are read.

    Returns
    -------
    list of DataCheck
        All checks that apply to the set, those that it passes too.

    See Also
    --------
    html_summary : The same and more as a page.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.datasets import dataset_checks, make_dataset
    >>> patterns = np.random.default_rng(0).random((3, 16, 16))
    >>> patterns[2] = patterns[0]
    >>> print(*(check for check in dataset_checks(make_dataset(patterns)) if not check.ok))
    warning: No pattern occurs twice: 1 repeated of 3 patterns read: samples 0 = 2
    """
    owner = "dataset_checks"
    check_value(n_images, Integer(low=1), name="n_images", owner=owner)
    data, _ = _opened(dataset, owner)
    found = scan(data, spread_over(data.sizes["sample"], n_images))
    return _checked(data, found, sample_columns(data))


def _checked(data: xr.Dataset, found: Scan, columns: dict[str, NDArray[Any]]) -> list[DataCheck]:
    numbers = sample_numbers(data, range(data.sizes["sample"]))
    return Checks(found, columns, numbers).all(volumes=VOLUME in data)


def _sections(
    data: xr.Dataset,
    facts: dict[str, Any],
    found: Scan,
    columns: dict[str, NDArray[Any]],
    checks: list[DataCheck],
    n_gallery: int,
) -> Iterator[tuple[str, str]]:
    yield "What it is", _html.table(facts)
    yield "Checks", page.check_table(checks) + _unusual(data, found)
    counts = "".join(_counts(columns))
    if counts:
        yield "Classes", counts
    distributions = _histograms(data, columns)
    if distributions:
        yield "Descriptors", distributions
    turns = unit_quaternions(columns)
    if turns is not None and len(turns):
        yield "Orientations", _orientations(turns)
    if found.profiles:
        yield "Patterns", _patterns(data, found)
    yield "Gallery", _gallery(data, spread_over(data.sizes["sample"], n_gallery), "Samples, evenly spread")
    if data.attrs:
        yield "Parameters", "".join(page.parameters(str(k), v) for k, v in data.attrs.items())


def _facts(data: xr.Dataset, source: Path | None, found: Scan, known: list[str]) -> dict[str, Any]:
    n = data.sizes["sample"]
    facts: dict[str, Any] = {}
    if source is not None:
        size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
        facts["stored in"] = str(source)
        facts["size on disk"] = f"{_bytes(size)}, {_bytes(size / n)} a sample"
    held = sum(data[name].nbytes for name in (PATTERN, MASK, VOLUME) if name in data)
    facts["size in memory"] = f"{_bytes(held)}, {_bytes(held / n)} a sample"
    for name in data.data_vars:
        facts[str(name)] = _described(data[name])
    facts["known of each sample"] = ", ".join(
        f"{name} ({unit_of(data[name])})" if unit_of(data[name]) else name for name in known
    )
    if found.lowest:
        low, high = np.array(found.lowest), np.array(found.highest)
        facts["values of the patterns"] = (
            f"from {low.min():.4g} to {high.max():.4g}; brightest pixel of a pattern: median {np.median(high):.4g}"
        )
    if found.filled:
        shares = np.array(found.filled)
        facts["share of the box that is filled"] = (
            f"from {shares.min():.2%} to {shares.max():.2%}, median {np.median(shares):.2%}"
        )
    return {name: value for name, value in facts.items() if value != ""}


def _described(variable: xr.DataArray) -> str:
    sizes = " × ".join(str(size) for size in variable.shape[1:])
    stored = variable.encoding.get("dtype")
    words = f"{sizes} of {variable.dtype}" + (
        f", stored as {stored}" if stored is not None and stored != variable.dtype else ""
    )
    unit = unit_of(variable)
    return words + (f"; unit {unit}" if unit else "")


def _bytes(count: float) -> str:
    units = ("bytes", "kB", "MB", "GB", "TB")
    power = min(int(np.log10(max(count, 1))) // 3, len(units) - 1)
    return f"{count / 1000**power:.4g} {units[power]}"


def _unusual(data: xr.Dataset, found: Scan) -> str:
    copies = [number for group in found.copies for number in group]
    numbers = sorted({number for group in found.found.values() for number in group}.union(copies))
    if not numbers:
        return ""
    return _gallery(data, numbers[:MOST_UNUSUAL], "Samples with a warning", heading="Samples with a warning")


def _counts(columns: dict[str, NDArray[Any]]) -> Iterator[str]:
    from scatterkit.plotting.charts import count_chart

    for name, values in columns.items():
        if values.ndim != 1 or values.dtype.kind not in "UOSTb":
            continue
        counts = Counter(str(value) for value in values)
        if len(counts) > MOST_CLASSES or len(counts) == len(values) > 1:
            yield _html.note(f"{name}: {len(counts)} different values for {len(values)} samples.")
        elif len(counts) > 1:
            yield page.picture(count_chart(counts, name=name), f"Samples of each {name}")
        else:
            yield _html.note(f"{name}: {next(iter(counts)) or '(none)'} for all samples.")


def _histograms(data: xr.Dataset, columns: dict[str, NDArray[Any]]) -> str:
    from scatterkit.plotting.charts import histograms

    chosen, same = {}, []
    for name, values in columns.items():
        if values.ndim != 1 or values.dtype.kind not in "fiu" or name in NUMBERING:
            continue
        finite = values[np.isfinite(values)]
        if len(finite) and np.ptp(finite) > 0:
            chosen[name] = values.astype(np.float64)
        elif len(finite):
            same.append(f"{name} is {finite[0]:g} for all samples that have one.")
    words = _html.note(" ".join(same)) if same else ""
    if not chosen:
        return words
    units = {name: unit_of(data[name]) for name in chosen}
    return page.picture(histograms(chosen, units), "Distributions of " + ", ".join(chosen)) + words


def _orientations(turns: NDArray[Any]) -> str:
    from scatterkit.plotting.charts import orientation_chart

    return page.picture(
        orientation_chart(turns), "Orientations: direction of the z axis, angle"
    ) + _html.note("The map has equal areas for equal solid angles. Dashed: uniform orientations.")


def _patterns(data: xr.Dataset, found: Scan) -> str:
    from scatterkit.plotting.charts import pattern_chart

    values = np.concatenate([found.maps["mean"].ravel(), found.lowest, found.highest])
    scale = scale_of(data, values[np.isfinite(values)])
    figure = pattern_chart(found.maps, np.array(found.profiles), scale, dq=pixel_distance(data))
    words = f"Over {len(found.profiles)} patterns, measured pixels only."
    return page.picture(figure, words) + _html.note(words)


def _gallery(data: xr.Dataset, samples: list[int], words: str, heading: str | None = None) -> str:
    from scatterkit.plotting import show_dataset

    return page.picture(show_dataset(data, samples=samples, title=heading), words)


def _opened(dataset: Any, owner: str) -> tuple[xr.Dataset, int]:
    """Give the set, or what is finished of it; and how many samples it is to have."""
    if not isinstance(dataset, (str, os.PathLike)):
        data = check_dataset(dataset, owner=owner)
        return data, data.sizes["sample"]
    from scatterkit.datasets.generation._reader import sample_count
    from scatterkit.datasets.generation.stored import located, open_dataset, stored_group

    group, _ = stored_group(located(dataset, owner, name="dataset"), owner, name="dataset")
    planned = sample_count(group)
    return open_dataset(dataset, partial=True), planned


def _ordered(columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Give the columns that say most first."""
    rank = {name: i for i, name in enumerate(ORDER)}
    return dict(sorted(columns.items(), key=lambda item: rank.get(item[0], len(ORDER))))
