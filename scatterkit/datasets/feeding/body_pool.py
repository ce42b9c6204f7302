"""BodyPool: convex bodies and their patterns, simulated once on the CPU and kept, to train from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._serialization import SerializationError, from_plain
from scatterkit._validation import Instance, check_value, fail, joint_mask, shown
from scatterkit.datasets._errors import bad_file
from scatterkit.datasets.feeding._pool_blocks import (
    GRID,
    block_path,
    blocks_of,
    open_block,
    row_dtype,
)
from scatterkit.datasets.generation._store import decoded
from scatterkit.datasets.schema import NORMALS, OFFSETS, PATTERN
from scatterkit.simulation import LogScaler, MSFTSimulator

_OWNER = "BodyPool"
SETTINGS = "pool.json"
VERSION = 1
_OPEN_FILES = 64
LEVELS = 65535


class BodyPool:
    """Convex bodies as half-spaces, with their clean log-scaled patterns, in a folder that `make_pool` wrote.

    What is finished of a pool that is not complete may be used too. Files stay on disk; what is read is mapped.

    Parameters
    ----------
    folder : str or Path
        The folder.

    Attributes
    ----------
    simulator : MSFTSimulator
        What made the patterns of intensities.
    scaler : LogScaler
        What scaled these.
    mask : ndarray of bool of shape (rows, columns) or None
        True where simulator and scaler measure; None where that is everywhere.
    shape : tuple of 2 int
        Rows and columns of a pattern.
    folder : Path
        Where the pool is.
    n_samples : int
        Bodies that are to be drawn; ``len(pool)`` are there.
    n_drawn : int
        Bodies that were drawn so far.
    n_left_out : int
        Those of them that are not convex or have more than 64 faces, and are not in the pool.
    block_size : int
        Bodies that lie in a file, at most.

    Raises
    ------
    DataFormatError
        If the folder holds no pool, or a damaged one.

    See Also
    --------
    make_pool : Makes a pool.
    OnTheFly : Makes bodies and patterns on the training device instead.
    as_keras : Gives batches of a pool, with "normals" and "offsets" as targets.

    Examples
    --------
    >>> import tempfile
    >>> from scatterkit.datasets import BodyPool, make_pool
    >>> from scatterkit.experiment import QGrid
    >>> from scatterkit.simulation import MSFTSimulator
    >>> from scatterkit.solids import HalfSpaceSampler
    >>> simulator = MSFTSimulator(detector=QGrid(16, dq=0.02))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = make_pool(folder, HalfSpaceSampler(random_state=1), 3, simulator=simulator)
    ...     patterns, normals, offsets = BodyPool(folder).read([2, 0])
    >>> patterns.shape, normals.shape, offsets.shape
    ((2, 16, 16), (2, 64, 3), (2, 64))
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        check_value(folder, Instance((str, os.PathLike)), name="folder", owner=_OWNER)
        self.folder = Path(folder).expanduser().absolute()
        self._settings = read_settings(self.folder, _OWNER)
        try:
            self.simulator: MSFTSimulator = from_plain(self._settings["simulator"], {})
            self.scaler: LogScaler = from_plain(self._settings["scaler"], {})
            self.n_samples = int(self._settings["n_samples"])
            self.block_size = int(self._settings["block_size"])
            self.shape: tuple[int, int] = self.simulator.plan((GRID,) * 3).detector_shape
            self.mask = joint_mask((self.simulator, self.scaler), self.shape)
        except (SerializationError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise _no_pool(self.folder, _OWNER, f"whose {SETTINGS} is damaged ({error})") from error
        self._open = lru_cache(_OPEN_FILES)(open_block)
        finished = [
            (samples, path)
            for samples in blocks_of(self.n_samples, self.block_size)
            if (path := block_path(self.folder, samples)).exists()
        ]
        self._paths = [path for _, path in finished]
        self._ends = np.cumsum([0, *(len(self._rows(path)) for path in self._paths)])
        self.n_drawn = sum(len(samples) for samples, _ in finished)
        self.n_left_out = self.n_drawn - len(self)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __repr__(self) -> str:
        return f"BodyPool({str(self.folder)!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__init__(state["folder"])  # type: ignore[misc]

    @property
    def description(self) -> str:
        """What is in the pool, as text that tells it from others.

        Returns
        -------
        str
            Number of bodies, what drew them, and a digest of all settings but the number.
        """
        settings = {name: value for name, value in self._settings.items() if name != "n_samples"}
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
        kind = self._settings["sampler"]["class"].rpartition(".")[2]
        return f"pool of {len(self)} bodies of {kind}, {digest}"

    def read(
        self, indices: ArrayLike | slice
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Give some of the bodies.

        Parameters
        ----------
        indices : array-like of int of shape (n,) or slice
            Which, from zero to ``len(pool) - 1``, in any order.

        Returns
        -------
        patterns : ndarray of float32 of shape (n, rows, columns)
            Log-scaled patterns in [0, 1].
        normals : ndarray of float32 of shape (n, 64, 3)
            Outward unit normals (x, y, z).
        offsets : ndarray of float32 of shape (n, 64) [nm]
            Distances of the planes from the centre of the box; 1e4 nm for those that a body does not need.
        """
        numbers = np.arange(len(self))[indices] if isinstance(indices, slice) else np.asarray(indices)
        inside = numbers.ndim == 1 and (
            numbers.size == 0
            or (numbers.dtype.kind in "iu" and numbers.min() >= 0 and numbers.max() < len(self))
        )
        if not inside:
            allowed = f"a slice or a sequence of whole numbers from 0 to {len(self) - 1}"
            raise fail("indices", f"{_OWNER}.read", allowed, shown(indices))
        rows = self.stored(numbers.astype(np.int64), (PATTERN, NORMALS, OFFSETS))
        return decoded(rows[PATTERN], 1 / LEVELS), rows[NORMALS], rows[OFFSETS]

    def stored(self, numbers: NDArray[np.int64], names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
        """Give some variables of some bodies as they are stored.

        Parameters
        ----------
        numbers : ndarray of int64 of shape (n,)
            Which bodies; they are not checked.
        names : tuple of str
            Of "pattern", "normals" and "offsets".

        Returns
        -------
        dict of str to ndarray
            The variables by name; patterns as uint16, in steps of 1/65535.
        """
        kinds = row_dtype(self.shape)  # nothing may be finished yet
        found = {name: np.empty((len(numbers), *kinds[name].shape), kinds[name].base) for name in names}
        blocks = np.searchsorted(self._ends, numbers, side="right") - 1
        for block in np.unique(blocks):
            places = np.flatnonzero(blocks == block)
            rows, wanted = self._rows(self._paths[block]), numbers[places] - self._ends[block]
            for name in names:
                found[name][places] = rows[name][wanted]
        return found

    def _rows(self, path: Path) -> NDArray[Any]:
        rows: NDArray[Any] = self._open(path)
        if rows.dtype[PATTERN].shape != self.shape:
            raise _no_pool(self.folder, _OWNER, f"whose file {path.name} has patterns of another shape")
        return rows


def read_settings(root: Path, owner: str) -> dict[str, Any]:
    if not root.is_dir():
        raise FileNotFoundError(
            f"The 'folder' parameter of {owner} must be a folder of a pool. There is no {root}."
        )
    try:
        settings = json.loads((root / SETTINGS).read_bytes())
    except (OSError, ValueError) as error:
        raise _no_pool(root, owner, f"without a whole {SETTINGS} ({error})") from error
    if not isinstance(settings, dict) or settings.get("version") != VERSION:
        raise _no_pool(root, owner, "of another version")
    return settings


def _no_pool(root: Path, owner: str, given: str) -> Exception:
    return bad_file(root, owner, "a folder that make_pool wrote", f"a folder {given}")
