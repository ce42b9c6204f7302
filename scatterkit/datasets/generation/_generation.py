"""One run of a generator on a target: begin, go on or extend, and end so that the next run can go on."""

from __future__ import annotations

import errno
import json
import os
import shutil
import warnings
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scatterkit._interrupts import kept_interrupts
from scatterkit._progress import progress_bar
from scatterkit._validation import fail
from scatterkit.datasets._errors import DataFormatError
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
from scatterkit.datasets.generation.stored import finished_blocks, stored_group, unfinished, was_generated

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
        if self._group() is not None and self._is_whole() and not journal.exists():
            return
        try:
            with journal.coordinating() as token:
                group = self._group()  # once more: nobody else changes it from here on
                if not self._is_whole():  # else a kill came between the last file and the journal's end
                    self._generate(journal, token, group, n_jobs, client, verbose)
                journal.remove()
        except BaseException as error:
            explained = self._explained(error, journal)
            if explained is error:
                raise
            raise explained from error
        journal.remove_folder()  # on NFS, a file that is open stays in its folder

    def _generate(
        self,
        journal: Journal,
        token: str,
        group: Mapping[str, Any] | None,
        n_jobs: int,
        client: Any,
        verbose: bool,
    ) -> None:
        try:
            request = self._begin(journal, group)
            self._write_blocks(journal, token, n_jobs, client, verbose)
            journal.close_to_writers()
            write_group(self.root, request, journal.work)
        except BaseException:
            with suppress(OSError):  # the disk is full, perhaps; the error says so
                journal.stop_writers()
            raise

    def _group(self) -> dict[str, Any] | None:
        """Give the metadata of what the target holds or is to hold, None for a new one; or refuse the target."""
        check_target(self.root)
        begun = Journal(self.root).begun()
        if not self.root.exists() or (not (self.root / METADATA).exists() and not begun):
            return None
        group, _ = stored_group(self.root, _METHOD)
        try:
            self._check_same(group)
        except GenerationError:
            if (self.root / METADATA).exists() or finished_blocks(self.root, group):
                raise
            return None  # something else was asked for, and nothing came of it
        return group

    def _is_whole(self) -> bool:
        """Whether the target is a finished set of so many samples, of which no file is missing or cut off."""
        from scatterkit.datasets.generation._reader import check_copies, check_files, sample_count

        group = _finished_group(self.root)
        if group is None or sample_count(group) != self.n_samples:
            return False
        arrays = group["consolidated_metadata"]["metadata"]
        try:
            check_copies(self.root, arrays, _METHOD)
            check_files(self.root, arrays, None, _METHOD)
        except DataFormatError:
            return False
        return True

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

    def _begin(self, journal: Journal, group: Mapping[str, Any] | None) -> dict[str, Any]:
        """Make folders and say what is being generated; what is finished stays so. Gives the set's metadata to be."""
        journal.clear_work()
        if group is None and journal.begun():
            self._discard(journal)
        self._mark_old(journal)
        versions = self.attributes["versions"]
        if group is not None:
            versions = merged_versions(group["attributes"].get("versions", "{}"), versions)
        attributes = {**self.attributes, "versions": versions}
        request = group_metadata(self.layout, self.n_samples, self.static, attributes)
        # before anything else: from here on the target is known for what it is
        journal.write_request(request)
        for spec in self.layout.arrays:
            (self.root / spec.name).mkdir(exist_ok=True)
        write_static(self.root, self.static, journal.work)
        return request

    def _discard(self, journal: Journal) -> None:
        """Remove what was begun otherwise, of which no block was finished."""
        group, _ = stored_group(self.root, _METHOD)
        for name in group["consolidated_metadata"]["metadata"]:
            shutil.rmtree(self.root / name, ignore_errors=True)
        journal.clear_blocks()

    def _mark_old(self, journal: Journal) -> None:
        """Mark the blocks of a finished set that is to be extended or mended, but for those that are damaged."""
        from scatterkit.datasets.generation._reader import ends_well, sample_count

        group = _finished_group(self.root)
        if group is None:
            return
        arrays, count = group["consolidated_metadata"]["metadata"], sample_count(group)
        names = [spec.name for spec in self.layout.arrays]
        for block in range(self.layout.n_blocks(count)):
            n_samples = len(self.layout.samples(block, count))
            as_asked = n_samples == len(self._samples(block))  # else it was not full, and is to hold more
            if (
                as_asked
                and not journal.is_marked(block)
                and all(ends_well(self.root, name, arrays[name], block) for name in names)
            ):
                files = {
                    spec.name: self.root / spec.name / spec.file_name(block) for spec in self.layout.arrays
                }
                journal.mark(block, n_samples, {name: file.stat().st_size for name, file in files.items()})

    def _write_blocks(self, journal: Journal, token: str, n_jobs: int, client: Any, verbose: bool) -> None:
        done = journal.finished(self.layout, self.n_samples)
        todo = sorted(set(range(self.layout.n_blocks(self.n_samples))) - set(done))
        task = BlockTask(str(self.root), token, self.n_samples, self.maker, self.layout)
        with (
            kept_interrupts() as check_interrupts,
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
                check_interrupts()

    def _samples(self, block: int) -> range:
        return self.layout.samples(block, self.n_samples)

    def _explained(self, error: BaseException, journal: Journal) -> BaseException:
        """Give the error, saying what is finished and how to go on; one of its own where the disk is full."""
        if type(error) is GenerationError:
            return error  # a target that is refused, which says why
        count = sum(len(self._samples(block)) for block in journal.finished(self.layout, self.n_samples))
        state = unfinished(self.root, count, self.n_samples)
        if isinstance(error, OSError) and error.errno in _FULL:
            return OSError(error.errno, f"{os.strerror(error.errno)}. Make room. {state}", str(self.root))
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
    old, new = _as_list(old), _as_list(new)
    if old == new:
        return None
    if _is_component(old) and _is_component(new) and old["class"] == new["class"]:
        old, new = old["parameters"], new["parameters"]
        for key in sorted({*old, *new}):
            found = first_difference(old.get(key), new.get(key), f"{name}.{key}" if name else key)
            if found is not None:
                return found
    return name or "class", _shown_plain(old), _shown_plain(new)


def _as_list(plain: Any) -> Any:
    """Give a plain value with lists for tuples, which parameters take alike."""
    if isinstance(plain, dict):
        if set(plain) == {"tuple"}:
            return _as_list(plain["tuple"])
        return {key: _as_list(item) for key, item in plain.items()}
    return [_as_list(item) for item in plain] if isinstance(plain, list) else plain


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
