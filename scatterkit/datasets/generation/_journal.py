"""What is finished while a set is being generated, and who may write: so that it can end at any moment and go on.

Inside the target, the folder ``.generation`` holds

- ``request.json``: what is being generated; nothing is written before it;
- ``blocks/<number>.json``: the marker of a finished block, with the sizes of its files. It is written last, once the
  files are on disk for good and in their places: a block without a valid marker is unfinished;
- ``work/``: files that grow; they are moved to their places when they are complete;
- ``run.lock``: held by the one process that coordinates; the kernel releases it however that ends;
- ``writers.lock``: shared by whoever writes a block, with the token of the run that may. A new run waits until nobody
  holds it, then puts in its own token: what an ended run left behind finds another token and stops.

The folder goes when all is finished.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from scatterkit.datasets.generation._store import Layout, json_bytes, write_atomically

FOLDER = ".generation"
_UNSUPPORTED = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}


class GenerationError(RuntimeError):
    """A data set cannot be generated into a target, or is not finished; the message says how to go on."""


class SupersededError(GenerationError):
    """The run that a block belongs to has ended, and another one may have begun."""


class Journal:
    """The folder ``.generation`` of a target."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / FOLDER
        self.work = self.folder / "work"
        self.blocks = self.folder / "blocks"

    def exists(self) -> bool:
        """Whether something is being generated here, or was."""
        return self.folder.is_dir()

    def create(self) -> None:
        """Make the folders, where they are not there."""
        for folder in (self.root, self.folder, self.work, self.blocks):
            folder.mkdir(exist_ok=True)

    def begun(self) -> bool:
        """Whether it is said what is being generated."""
        return (self.folder / "request.json").exists()

    def write_request(self, request: Mapping[str, Any]) -> None:
        """Say what is being generated."""
        write_atomically(self.folder / "request.json", json_bytes(request), self.work)

    def mark(self, block: int, n_samples: int, sizes: Mapping[str, int]) -> None:
        """Say that a block is finished; its files must be on disk for good."""
        content = {"block": block, "samples": n_samples, "bytes": dict(sizes)}
        write_atomically(self._marker(block), json_bytes(content), self.work)

    def finished(self, layout: Layout, n_samples: int) -> list[int]:
        """Give the blocks that have a valid marker and the files that it tells of."""
        return [
            block
            for block in range(layout.n_blocks(n_samples))
            if self.is_finished(block, layout, len(layout.samples(block, n_samples)))
        ]

    def is_finished(self, block: int, layout: Layout, n_samples: int) -> bool:
        """Whether a block of so many samples is finished."""
        try:
            content = json.loads(self._marker(block).read_bytes())
            sizes = content["bytes"]
            return (
                content["block"] == block
                and content["samples"] == n_samples
                and sizes.keys() == {spec.name for spec in layout.arrays}
                and all(
                    (self.root / spec.name / spec.file_name(block)).stat().st_size == sizes[spec.name]
                    for spec in layout.arrays
                )
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return False  # torn, damaged or not there: the block is made again

    def is_marked(self, block: int) -> bool:
        """Whether a block has a marker, valid or not."""
        return self._marker(block).exists()

    def clear_blocks(self) -> None:
        """Remove all markers."""
        shutil.rmtree(self.blocks, ignore_errors=True)
        self.blocks.mkdir(exist_ok=True)

    def clear_work(self) -> None:
        """Remove what grew and was never finished."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(exist_ok=True)

    def remove(self) -> None:
        """Remove the whole journal: all is finished."""
        # the request goes last, so that what is left by a kill in between is still known for what it is
        for part in (self.work, self.blocks):
            shutil.rmtree(part, ignore_errors=True)
        for name in ("writers.lock", "request.json", "run.lock"):
            (self.folder / name).unlink(missing_ok=True)
        self.remove_folder()

    def remove_folder(self) -> None:
        """Remove the journal's folder, unless another process has just begun to look at the same target."""
        with suppress(OSError):
            self.folder.rmdir()

    def _marker(self, block: int) -> Path:
        return self.blocks / f"{block:08d}.json"

    # -- who may write ---------------------------------------------------------------------------------------

    @contextmanager
    def coordinating(self) -> Iterator[str]:
        """Be the one process that generates into this target, or raise at once; gives the run's token."""
        with self._run_lock() as lock:
            if not _lock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB) or not _same_file(
                lock, self.folder / "run.lock"
            ):
                raise GenerationError(
                    f"Another generator is at work on {self.root}. Wait until it has finished, or stop it."
                )
            self.create()  # once more: a run that ended just now may have removed the folders
            token = uuid.uuid4().hex
            with self._alone() as stream:
                stream.truncate(0)
                stream.write(token.encode())
                stream.flush()
            yield token

    def _run_lock(self) -> BinaryIO:
        for _ in range(9):
            with suppress(FileNotFoundError):  # a run that ends removes the folder at the same moment
                self.create()
                return open(self.folder / "run.lock", "ab")
        self.create()
        return open(self.folder / "run.lock", "ab")

    @contextmanager
    def _alone(self) -> Iterator[BinaryIO]:
        """Wait until nobody writes blocks, and keep it so."""
        with open(self.folder / "writers.lock", "a+b") as stream:
            if not _lock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB):
                warnings.warn(
                    f"Waiting for workers of an earlier run that still write to {self.root}.",
                    RuntimeWarning,
                    stacklevel=2,
                )
                _lock(stream, fcntl.LOCK_EX)
            yield stream

    def close_to_writers(self) -> None:
        """Let nobody write any more, as soon as those who do have ended."""
        with self._alone() as stream:
            stream.truncate(0)

    def stop_writers(self) -> None:
        """Let nobody begin to write any more, without waiting for those who do: what they finish is kept."""
        with open(self.folder / "writers.lock", "a+b") as stream:
            stream.truncate(0)
            if _lock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB):
                self.clear_work()

    @contextmanager
    def writing(self, token: str) -> Iterator[Path]:
        """Write a block for a run, or raise if that is no longer the one; gives a folder to write in."""
        try:
            stream = open(self.folder / "writers.lock", "rb")  # noqa: SIM115  closed below
        except FileNotFoundError as error:
            raise SupersededError(
                f"{self.folder} is not there. A worker must see the target under the same path as the generator, "
                "on a file system that they share; or the run has ended."
            ) from error
        with stream:
            _lock(stream, fcntl.LOCK_SH)
            if stream.read().decode() != token:
                raise SupersededError(f"This run of the generator on {self.root} has ended.")
            folder = self.work / uuid.uuid4().hex
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)


def _lock(stream: BinaryIO, kind: int) -> bool:
    """Lock an open file as ``fcntl.flock`` does; False where another process holds it and we don't wait."""
    try:
        fcntl.flock(stream, kind)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        warnings.warn(
            f"The file system of {stream.name} has no locks: see to it that one generator runs at a time.",
            RuntimeWarning,
            stacklevel=3,
        )
    return True


def _same_file(stream: BinaryIO, path: Path) -> bool:
    """Whether an open file still is the one of that name: a run that finished meanwhile took it away."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False
