"""Who may use how many threads: numba shares out the work, and BLAS computes within numba's threads.

Two pools that take turns, each waiting busily, are slower than one thread: BLAS gets one while a kernel runs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def _blas_libraries() -> tuple[Any, ...]:
    import scipy.linalg.cython_blas  # noqa: F401  the library that numba calls must be loaded to be found
    from threadpoolctl import ThreadpoolController

    controller = ThreadpoolController()  # takes milliseconds: once
    return tuple(controller.select(user_api="blas").lib_controllers)


class _SingleBlasThread:
    """A context that may be entered many times, also in several threads: the last to leave restores BLAS."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entered = 0
        self._before: list[int] = []

    def __enter__(self) -> None:
        with self._lock:
            if self._entered == 0:
                self._before = [library.get_num_threads() for library in _blas_libraries()]
                for library in _blas_libraries():
                    library.set_num_threads(1)
            self._entered += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._entered -= 1
            if self._entered == 0:
                for library, n in zip(_blas_libraries(), self._before, strict=True):
                    library.set_num_threads(n)


_single = _SingleBlasThread()


def single_blas_thread() -> AbstractContextManager[None]:
    """Let BLAS use the calling thread only."""
    return _single


@contextmanager
def numba_threads(n: int | None) -> Iterator[None]:
    """Let numba use at most n threads; None leaves it as it is."""
    if n is None:
        yield
        return
    import numba

    before = numba.get_num_threads()
    numba.set_num_threads(min(n, getattr(numba.config, "NUMBA_NUM_THREADS")))  # noqa: B009  set at run time
    try:
        yield
    finally:
        numba.set_num_threads(before)
