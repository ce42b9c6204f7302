"""Making a `BodyPool`: what was begun goes on, whatever ended it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from scatterkit._interrupts import kept_interrupts
from scatterkit._progress import progress_bar
from scatterkit._serialization import to_plain
from scatterkit._validation import (
    AnyOf,
    Boolean,
    Choice,
    Constraint,
    Instance,
    Integer,
    check_value,
    fail,
    shown,
)
from scatterkit.datasets.feeding._pool_blocks import PoolTask, block_path, blocks_of
from scatterkit.datasets.feeding.body_pool import SETTINGS, VERSION, BodyPool, read_settings
from scatterkit.datasets.generation._engines import run_blocks
from scatterkit.datasets.generation._generation import first_difference
from scatterkit.datasets.generation._journal import FOLDER, GenerationError, Journal
from scatterkit.datasets.generation._samples import without_threads
from scatterkit.datasets.generation._store import json_bytes, write_atomically
from scatterkit.simulation import LogScaler, MSFTSimulator
from scatterkit.solids import MixedSampler
from scatterkit.solids._sampling import BodySampler

_MAKER = "make_pool"


def make_pool(
    folder: str | os.PathLike[str],
    sampler: BodySampler,
    n_samples: int,
    *,
    simulator: MSFTSimulator | None = None,
    scaler: LogScaler | None = None,
    n_jobs: int | None = None,
    block_size: int = 512,
    verbose: bool = False,
) -> BodyPool:
    """Draw convex bodies, simulate their patterns, and keep both in a folder, to train from.

    A pool that was begun with the same settings goes on, whatever ended it, and grows where more bodies are asked for.
    Before its first file is whole, other settings may take its place.

    Parameters
    ----------
    folder : str or Path
        A new folder, an empty one, or one of a pool.
    sampler : BodySampler
        What draws the bodies, such as `MixedSampler`; its ``random_state`` must be an int, its ``box``, where it has
        one, at most the simulator's. Bodies that are not convex, or have more than 64 faces, are left out.
    n_samples : int
        How many bodies are drawn. The pool holds those that are not left out.
    simulator : MSFTSimulator, optional
        What simulates volumes of 64^3 voxels; the published silver configuration by default.
    scaler : LogScaler, optional
        What scales intensities to [0, 1]; ``LogScaler()`` by default.
    n_jobs : int, optional
        Worker processes; one by default, -1 for all processors.
    block_size : int, default=512
        Bodies of a file. After an interruption whole files are left.
    verbose : bool, default=False
        Whether to show progress.

    Returns
    -------
    BodyPool
        The pool.

    Raises
    ------
    InvalidParameterError
        If a parameter is wrong, or the folder holds something else.
    GenerationError
        If the folder holds a pool of other settings, or another process is at work on it.

    See Also
    --------
    DatasetGenerator : Keeps volumes too, for any body.

    Notes
    -----
    A body takes 2 bytes a pixel and 1 kB: a million of 128 x 128 pixels 34 GB. One core makes about a hundred
    such a second. Volumes come from half-spaces when they are needed, see `scatterkit.reconstruction`.

    Examples
    --------
    >>> import tempfile
    >>> from scatterkit.datasets import make_pool
    >>> from scatterkit.experiment import QGrid
    >>> from scatterkit.simulation import MSFTSimulator
    >>> from scatterkit.solids import HalfSpaceSampler
    >>> simulator = MSFTSimulator(detector=QGrid(16, dq=0.02))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     few = make_pool(folder, HalfSpaceSampler(random_state=1), 2, simulator=simulator, block_size=2)
    ...     more = make_pool(folder, HalfSpaceSampler(random_state=1), 4, simulator=simulator, block_size=2)
    ...     len(few), len(more), bool((few.read([1])[0] == more.read([1])[0]).all())
    (2, 4, True)
    """
    root = _checked_target(folder)
    simulator = MSFTSimulator() if simulator is None else simulator
    scaler = LogScaler() if scaler is None else scaler
    _check(sampler, simulator, scaler, n_samples, n_jobs, block_size, verbose)
    settings = {
        "version": VERSION,
        "sampler": to_plain(sampler),
        "simulator": to_plain(without_threads(simulator, None)),
        "scaler": to_plain(scaler),
        "block_size": int(block_size),
        "n_samples": int(n_samples),
    }
    _check_same(root, settings)
    journal = Journal(root)
    try:
        with journal.coordinating() as token:
            _check_same(root, settings)  # once more: nobody else changes it from here on
            journal.clear_work()
            write_atomically(root / SETTINGS, json_bytes(settings), journal.work)
            task = PoolTask(str(root), token, int(n_samples), int(block_size), sampler, simulator, scaler)
            _write_blocks(root, task, n_jobs, verbose)
            journal.close_to_writers()
            _remove_others(root, task)
            journal.remove()
    except BaseException as error:
        if type(error) is not GenerationError:
            error.add_note(f"{root} is not finished. Call make_pool again with the same settings to go on.")
        raise
    pool = BodyPool(root)
    if not len(pool):
        raise fail("sampler", _MAKER, "one of convex bodies of at most 64 faces", shown(sampler))
    return pool


def _check(
    sampler: Any, simulator: Any, scaler: Any, n_samples: Any, n_jobs: Any, block_size: Any, verbose: Any
) -> None:
    """See that all parameters make sense, by drawing the last body too: a table may end before."""
    constraints: dict[str, tuple[Any, Constraint]] = {
        "sampler": (sampler, Instance((BodySampler,))),
        "simulator": (simulator, Instance((MSFTSimulator,))),
        "scaler": (scaler, Instance((LogScaler,))),
        "n_samples": (n_samples, Integer(1)),
        "n_jobs": (n_jobs, AnyOf((Choice((None, -1)), Integer(1)))),
        "block_size": (block_size, Integer(1)),
        "verbose": (verbose, Boolean()),
    }
    for name, (value, constraint) in constraints.items():
        check_value(value, constraint, name=name, owner=_MAKER)
    if not Integer(0).accepts(sampler.random_state):
        raise fail("sampler", _MAKER, "one whose random_state is an int", shown(sampler))
    simulator._check_parameters()
    scaler._check_parameters()
    if not scaler.normalize:
        raise fail("scaler", _MAKER, "one that normalizes to [0, 1]", shown(scaler))
    widest = max(_boxes(sampler), default=0.0)
    if widest > simulator.box:
        allowed = f"one whose box fits that of the simulator, {simulator.box:g} nm"
        raise fail("sampler", _MAKER, allowed, f"one of {widest:g} nm")
    sampler.sample_params(1, start=int(n_samples) - 1)


def _boxes(sampler: BodySampler) -> Iterator[float]:
    """Give the boxes that bodies of a sampler are made to fit, one for each member of a mix."""
    if isinstance(sampler, MixedSampler):
        for member in sampler.samplers:
            yield from _boxes(member)
    elif (box := getattr(sampler, "box", None)) is not None:
        yield float(box)


def _write_blocks(root: Path, task: PoolTask, n_jobs: int | None, verbose: bool) -> None:
    blocks = blocks_of(task.n_samples, task.block_size)
    todo = [number for number, samples in enumerate(blocks) if not block_path(root, samples).exists()]
    done = task.n_samples - sum(len(blocks[number]) for number in todo)
    with (
        kept_interrupts() as check_interrupts,
        progress_bar(
            task.n_samples, description=root.name, verbose=verbose, unit="body", initial=done
        ) as bar,
        closing(run_blocks(task, todo, 1 if n_jobs is None else n_jobs, None)) as results,
    ):
        for number in results:
            bar.update(len(blocks[number]))
            check_interrupts()


def _remove_others(root: Path, task: PoolTask) -> None:
    """Remove the last block of a smaller pool, which a whole one took the place of."""
    wanted = {block_path(root, samples) for samples in blocks_of(task.n_samples, task.block_size)}
    for path in set(root.glob("bodies-*.npy")) - wanted:
        path.unlink()


def _checked_target(folder: Any) -> Path:
    check_value(folder, Instance((str, os.PathLike)), name="folder", owner=_MAKER)
    root = Path(folder).expanduser().absolute()
    allowed = "the path of a new folder, in one that exists, of an empty one, or of a pool"
    if root.is_dir():
        names = {entry.name for entry in root.iterdir()}
        if names - {FOLDER} and SETTINGS not in names:
            raise fail("folder", _MAKER, allowed, f"{root}, which holds other files,")
    elif root.exists() or not root.parent.is_dir():
        raise fail("folder", _MAKER, allowed, str(root))
    return root


def _check_same(root: Path, settings: Mapping[str, Any]) -> None:
    """Refuse to go on with what was begun otherwise; without a whole file nothing would be lost."""
    if not (root / SETTINGS).exists() or not any(root.glob("bodies-*.npy")):
        return
    before = read_settings(root, _MAKER)
    for name in ("version", "sampler", "simulator", "scaler", "block_size"):
        different = first_difference(before.get(name), settings[name], name)
        if different is not None:
            where, old, new = different
            raise GenerationError(
                f"{root} was made with {where} = {old}. Got {new} instead. Give the same settings or another folder."
            )
    if before.get("n_samples", 0) > settings["n_samples"]:
        raise GenerationError(
            f"{root} was begun with {before['n_samples']} bodies; it can grow in number, but not shrink. "
            f"Got n_samples={settings['n_samples']} instead."
        )
