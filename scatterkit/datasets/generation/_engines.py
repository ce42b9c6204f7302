"""Running the blocks of a set: one after the other, by joblib's processes, or on a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scatterkit._validation import fail, shown
from scatterkit.datasets.generation._journal import Journal
from scatterkit.datasets.generation._samples import SampleMaker
from scatterkit.datasets.generation._store import BlockWriter, Layout
from scatterkit.datasets.schema import MASK, PATTERN, VOLUME

if TYPE_CHECKING:
    import distributed

RETRIES = 3
"""How often a block is begun again on a Dask cluster where a worker could not read or write files."""


@dataclass(frozen=True)
class BlockTask:
    """Writes any block of a set, in any process that sees the target; a block that is finished is left as it is."""

    root: str
    token: str
    n_samples: int
    maker: SampleMaker
    layout: Layout

    def __call__(self, block: int) -> int:
        """Write a block; gives its number."""
        journal = Journal(Path(self.root))
        samples = self.layout.samples(block, self.n_samples)
        with journal.writing(self.token) as folder:
            if not journal.is_finished(block, self.layout, len(samples)):
                sizes = self._write(folder, samples)
                self._move(folder, block)
                journal.mark(block, len(samples), sizes)
        return block

    def _write(self, folder: Path, samples: range) -> dict[str, int]:
        maker = self.maker.on_one_thread()
        descriptors = maker.descriptors(samples)
        names = {spec.name: spec.shape for spec in self.layout.arrays}
        mask = maker.mask(names[PATTERN])
        with BlockWriter(folder, self.layout, self.n_samples) as writer:
            for sample, descriptor in zip(samples, descriptors, strict=True):
                volume, pattern = maker.make(sample, descriptor)
                if volume is not None and VOLUME in names:
                    maker.store_volume(volume, writer.slot(VOLUME))
                maker.store_pattern(pattern, writer.slot(PATTERN))
                if mask is not None:
                    writer.slot(MASK)[...] = mask
                writer.done()
            return writer.finish(maker.columns(samples, descriptors))

    def _move(self, folder: Path, block: int) -> None:
        # a power cut may undo these: then the marker does not fit what is there, and the block is made again
        for spec in self.layout.arrays:
            os.replace(folder / spec.name, Path(self.root) / spec.name / spec.file_name(block))


def run_blocks(
    task: Callable[[int], int], blocks: Sequence[int], n_jobs: int, client: distributed.Client | None
) -> Generator[int]:
    """Give the numbers of the blocks as they are finished."""
    if client is not None:
        yield from _by_dask(task, blocks, client)
    elif n_jobs == 1 or len(blocks) < 2:
        yield from map(task, blocks)
    else:
        yield from _by_joblib(task, blocks, n_jobs)


def _by_joblib(task: Callable[[int], int], blocks: Sequence[int], n_jobs: int) -> Generator[int]:
    from joblib import Parallel, delayed, parallel_config

    with parallel_config(backend="loky", inner_max_num_threads=1):
        workers = Parallel(
            n_jobs=n_jobs,
            return_as="generator_unordered",
            batch_size=1,
            pre_dispatch="n_jobs",  # a killed run leaves no more behind than is being written
            max_nbytes=None,
        )
        with closing(workers(delayed(task)(block) for block in blocks)) as results:
            yield from results


def _by_dask(task: Callable[[int], int], blocks: Sequence[int], client: Any) -> Generator[int]:
    from distributed import as_completed

    # the task goes along with each block: what is scattered would be lost with the worker that holds it
    futures = dict(zip(client.map(task, blocks, pure=False, key="scatterkit-block"), blocks, strict=True))
    left = dict.fromkeys(blocks, RETRIES)
    results = as_completed(list(futures))
    try:
        for done in results:
            block = futures.pop(done)
            # another worker's file system may be well; any other error would only come again
            if done.status == "error" and left[block] and isinstance(done.exception(), OSError):
                left[block] -= 1
                again = client.submit(task, block, pure=False)
                futures[again] = block
                results.add(again)
                continue
            yield done.result()
            done.release()
    finally:
        client.cancel(list(futures))


def check_client(client: Any, owner: str) -> None:
    """Raise unless this is None or a client of a Dask cluster."""
    if client is None:
        return
    allowed = "None or a distributed.Client that is connected"
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError("A Dask cluster needs Dask: pip install 'scatterkit[dask]'.") from error
    if not isinstance(client, Client):
        raise fail("client", owner, allowed, shown(client))
    if client.status != "running":
        raise fail("client", owner, allowed, f"one that is {client.status}")
