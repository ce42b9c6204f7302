"""Opening sets that were generated, finished or not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scatterkit._validation import Boolean, Instance, check_value
from scatterkit.datasets._errors import bad_file
from scatterkit.datasets.generation._journal import FOLDER, GenerationError, Journal
from scatterkit.datasets.generation._store import METADATA, ArraySpec, Layout

if TYPE_CHECKING:
    import xarray as xr


def open_dataset(path: str | os.PathLike[str], partial: bool = False) -> xr.Dataset:
    """Open a set that a `DatasetGenerator` wrote; values are read and decoded when they are asked for.

    Parameters
    ----------
    path : path-like
        The set.
    partial : bool, default=False
        Open the finished samples of a set that is not finished, too.

    Returns
    -------
    xarray.Dataset
        ``pattern`` (sample, row, column) and ``volume`` (sample, z, y, x) as float32, ``mask`` where the simulator or
        scaler has one, and a coordinate for everything that was drawn.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it holds no such set, or a damaged one; the message names the file. What is damaged within a file shows
        when it is read.
    GenerationError
        If the set is not finished; the message says how far it is, and how to go on.

    See Also
    --------
    DatasetGenerator : Writes such sets.

    Examples
    --------
    >>> import tempfile
    >>> from scatterkit import DatasetGenerator, MSFTSimulator, QGrid, Rasterizer
    >>> from scatterkit.datasets import open_dataset
    >>> generator = DatasetGenerator(
    ...     rasterizer=Rasterizer(grid=16), simulator=MSFTSimulator(detector=QGrid(16)), shard_size=4
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = generator.generate(f"{folder}/set.zarr", 6, verbose=False)
    ...     data = open_dataset(f"{folder}/set.zarr")
    ...     tuple(data.pattern[4].values.shape), int((data["size"] > 100).sum())
    ((16, 16), 3)
    """
    from scatterkit.datasets.generation import _reader

    owner = "open_dataset"
    check_value(partial, Boolean(), name="partial", owner=owner)
    root = located(path, owner)
    group, is_finished = stored_group(root, owner)
    if is_finished:
        return _reader.lazy_dataset(root, group, owner)
    layout, n_samples = _layout(group), _reader.sample_count(group)
    blocks = finished_blocks(root, group)
    if not partial or not blocks:
        count = sum(len(layout.samples(block, n_samples)) for block in blocks)
        hint = ", or open what is there by open_dataset(path, partial=True)" if blocks else ""
        raise GenerationError(f"This set is not finished. {unfinished(root, count, n_samples)}{hint}.")
    return _reader.lazy_dataset(root, group, owner, blocks)


def unfinished(root: Path, count: int, n_samples: int) -> str:
    """Say how much of a set is finished, and how to go on."""
    return (
        f"{count} of {n_samples} samples are finished and kept in {root}: to go on, call generate again with the "
        "same generator and path"
    )


def located(path: Any, owner: str, *, name: str = "path") -> Path:
    """Give the folder of a set, or raise."""
    check_value(path, Instance((str, os.PathLike)), name=name, owner=owner)
    root = Path(path).expanduser().absolute()
    if not root.exists():
        raise FileNotFoundError(f"The '{name}' parameter of {owner} must be a data set. There is no {root}.")
    return root


def stored_group(root: Path, owner: str, *, name: str = "path") -> tuple[dict[str, Any], bool]:
    """Give the metadata of a set, and whether it is finished; or raise."""
    from scatterkit.datasets.generation import _reader

    group = _reader.read_group(root / METADATA, owner) if (root / METADATA).exists() else None
    request = root / FOLDER / "request.json"
    pending = _reader.read_group(request, owner) if request.exists() else None
    if group is None and pending is None:
        raise bad_file(root, owner, _reader.WHAT, "where no such set is", name=name)
    if pending is None or (
        group is not None and _reader.sample_count(group) == _reader.sample_count(pending)
    ):
        assert group is not None
        return group, True
    return pending, False


def finished_blocks(root: Path, group: dict[str, Any]) -> list[int]:
    """Give the blocks of a set being generated that are finished."""
    from scatterkit.datasets.generation import _reader

    return Journal(root).finished(_layout(group), _reader.sample_count(group))


def was_generated(group: dict[str, Any]) -> bool:
    """Whether a set says by which generator it was made."""
    plain = json.loads(group["attributes"].get("generator", "null"))
    return isinstance(plain, dict) and "class" in plain


def _layout(group: dict[str, Any]) -> Layout:
    from scatterkit.datasets.generation import _reader

    arrays = group["consolidated_metadata"]["metadata"]
    specs = [
        ArraySpec(name, tuple(array["dimension_names"]), tuple(array["shape"][1:]), array["data_type"])
        for name, array in arrays.items()
        if array["dimension_names"][0] == "sample"
    ]
    return Layout(_reader.block_shape(arrays["pattern"])[0], tuple(specs))
