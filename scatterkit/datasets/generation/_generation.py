"""One run of a generator on a target: begin, go on or extend, and end so that the next run can go on."""

from __future__ import annotations

import errno
import json
import os
import warnings
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scatterkit._progress import progress_bar
from scatterkit._validation import fail
from scatterkit.datasets.generation._engines import BlockTask, run_blocks
from scatterkit.datasets.generation._journal import FOLDER, GenerationError, Journal
from scatterkit.datasets.generation._samples import OWNER, SampleMaker
from scatterkit.datasets.generation._store import (
    METADATA,
    Layout,
    Static,
    group_metadata,
    write_group,
    write_static,
)
from scatterkit.datasets.generation.stored import stored_group, unfinished, was_generated

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_METHOD = f"{OWNER}.generate"


@dataclass(frozen=True)
class Generation:
    """What is to be generated, and where."""

    root: Path
    n_samples: int
    maker: SampleMaker
    layout: Layout
    static: Static
    attributes: Mapping[str, Any]

    def run(self, n_jobs: int, client: Any, verbose: bool) -> None:
        """Generate what is not there yet."""
        journal = Journal(self.root)
        from scatterkit.datasets.generation._reader import sample_count

        stored = self._group()
        if stored is not None and sample_count(stored) == self.n_samples and not journal.exists():
            return
        journal.create()
        with journal.coordinating() as token:
            group = self._group()  # once more: nobody else changes it from here on
            finished = _finished_group(self.root)
            if finished is not None and sample_count(finished) == self.n_samples:
                journal.remove()  # a kill came between the last file and this
                return
            try:
                request = self._begin(journal, group, finished)
                self._write_blocks(journal, token, n_jobs, client, verbose)
                journal.close_to_writers()
                write_group(self.root, request, journal.work)
            except BaseException as error:
                journal.stop_writers()
                raise self._explained(error, journal) from error.__cause__
            journal.remove()

    def _group(self) -> dict[str, Any] | None:
        """Give the metadata of what the target holds or is to hold, None for a new one; or refuse the target."""
        check_target(self.root)
        if not self.root.exists() or (not (self.root / METADATA).exists() and not Journal(self.root).begun()):
            return None
        group, _ = stored_group(self.root, _METHOD)
        self._check_same(group)
        return group

    def _check_same(self, group: Mapping[str, Any]) -> None:
        """Refuse to go on with what was begun otherwise."""
        from scatterkit.datasets.generation._reader import sample_count

        if not was_generated(dict(group)):
            raise GenerationError(f"{self.root} holds imported data, to which nothing is generated.")
        ours = group_metadata(self.layout, self.n_samples, self.static, self.attributes)
        old, new = (json.loads(g["attributes"]["generator"]) for g in (group, ours))
        difference = first_difference(old, new)
        if difference is not None:
            name, before, now = difference
            raise GenerationError(
                f"{self.root} was generated with {name} = {before}. Got {now} instead. Give the same generator, "
                "as DatasetGenerator.from_store does, or another path."
            )
        if _without_counts(group) != _without_counts(ours):
            raise GenerationError(
                f"{self.root} was written in another layout than this version of scatterkit writes; give another path."
            )
        count = sample_count(group)
        if count > self.n_samples:
            raise GenerationError(
                f"{self.root} was begun with {count} samples, which can grow in number, but not shrink. "
                f"Got n_samples={self.n_samples} instead."
            )

    def _begin(
        self, journal: Journal, group: Mapping[str, Any] | None, finished: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Make folders and say what is being generated; what is finished stays so. Gives the set's metadata to be."""
        from scatterkit.datasets.generation._reader import sample_count

        journal.clear_work()
        if finished is not None and not journal.begun():
            for block in range(sample_count(finished) // self.layout.shard_size):
                self._mark_old(journal, block)
        versions = self.attributes["versions"]
        if group is not None:
            versions = merged_versions(group["attributes"].get("versions", "{}"), versions)
        attributes = {**self.attributes, "versions": versions}
        request = group_metadata(self.layout, self.n_samples, self.static, attributes)
        journal.write_request(
            request
        )  # before anything else: from here on the target is known for what it is
        for spec in self.layout.arrays:
            (self.root / spec.name).mkdir(exist_ok=True)
        write_static(self.root, self.static, journal.work)
        return request

    def _mark_old(self, journal: Journal, block: int) -> None:
        """Mark a block of a finished set that is to be extended."""
        files = {spec.name: self.root / spec.name / spec.file_name(block) for spec in self.layout.arrays}
        if all(file.is_file() for file in files.values()):
            sizes = {name: file.stat().st_size for name, file in files.items()}
            journal.mark(block, self.layout.shard_size, sizes)

    def _write_blocks(self, journal: Journal, token: str, n_jobs: int, client: Any, verbose: bool) -> None:
        done = journal.finished(self.layout, self.n_samples)
        todo = sorted(set(range(self.layout.n_blocks(self.n_samples))) - set(done))
        task = BlockTask(str(self.root), token, self.n_samples, self.maker, self.layout)
        with (
            progress_bar(
                self.n_samples,
                description=self.root.name,
                verbose=verbose,
                unit="sample",
                initial=sum(len(self._samples(block)) for block in done),
            ) as bar,
            closing(run_blocks(task, todo, n_jobs, client)) as results,
        ):
            for block in results:
                bar.update(len(self._samples(block)))

    def _samples(self, block: int) -> range:
        return self.layout.samples(block, self.n_samples)

    def _explained(self, error: BaseException, journal: Journal) -> BaseException:
        """Give the error, saying what is finished and how to go on."""
        count = sum(len(self._samples(block)) for block in journal.finished(self.layout, self.n_samples))
        state = unfinished(self.root, count, self.n_samples)
        if isinstance(error, OSError) and error.errno in _FULL:
            full = OSError(error.errno, f"{os.strerror(error.errno)}. Make room. {state}", str(self.root))
            full.__cause__ = error
            return full
        error.add_note(f"{state}.")
        return error


def check_target(root: Path) -> None:
    """Refuse a path where something else is."""
    allowed = "the path of a new folder, in one that exists, or of a data set that DatasetGenerator began"
    if root.is_dir():
        names = {entry.name for entry in root.iterdir()}
        begun = FOLDER in names and (names == {FOLDER} or (root / FOLDER / "request.json").exists())
        if names and METADATA not in names and not begun:
            raise fail("path", _METHOD, allowed, f"{root}, which holds other files,")
    elif root.exists() or root.is_symlink():
        raise fail("path", _METHOD, allowed, f"{root}, which is no folder,")
    elif not root.parent.is_dir():
        raise fail("path", _METHOD, allowed, str(root))


def _finished_group(root: Path) -> dict[str, Any] | None:
    from scatterkit.datasets.generation._reader import read_group

    return read_group(root / METADATA, _METHOD) if (root / METADATA).exists() else None


def _without_counts(group: Mapping[str, Any]) -> dict[str, Any]:
    """Give the arrays' metadata but for the number of samples."""
    arrays = group["consolidated_metadata"]["metadata"]
    return {
        name: {**array, "shape": array["shape"][1:]} if array["dimension_names"][0] == "sample" else array
        for name, array in json.loads(json.dumps(arrays)).items()
    }


def first_difference(old: Any, new: Any, name: str = "") -> tuple[str, str, str] | None:
    """Give the first parameter that differs between two plain components: (name, old value, new value)."""
    if old == new:
        return None
    if _is_component(old) and _is_component(new) and old["class"] == new["class"]:
        old, new = old["parameters"], new["parameters"]
        for key in sorted({*old, *new}):
            found = first_difference(old.get(key), new.get(key), f"{name}.{key}" if name else key)
            if found is not None:
                return found
    return name or "class", _shown_plain(old), _shown_plain(new)


def _is_component(plain: Any) -> bool:
    return isinstance(plain, dict) and set(plain) == {"class", "parameters"}


def _shown_plain(plain: Any) -> str:
    text = plain["class"].rpartition(".")[2] + "(...)" if _is_component(plain) else json.dumps(plain)
    return text if len(text) <= 80 else text[:77] + "..."


def merged_versions(old: str, new: str) -> str:
    """Give the versions of packages that samples were made with, and warn where they are several."""
    before, now = json.loads(old), json.loads(new)
    merged = dict(before)
    for package, version in now.items():
        known = str(before.get(package, version)).split(", ")
        merged[package] = ", ".join(known if version in known else [*known, version])
    several = {package: text for package, text in merged.items() if ", " in text}
    if merged != before:
        warnings.warn(
            f"This data set goes on with other versions of packages, which may round otherwise: {several}.",
            RuntimeWarning,
            stacklevel=2,
        )
    return json.dumps(merged, sort_keys=True)
