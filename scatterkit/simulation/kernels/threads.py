"""Who may use how many threads: kernels share out bodies or parts of one among Python threads.

Compiled loops leave the interpreter's lock and need not wait for each other before the end, so a busy processor
delays its own share alone. Two pools that take turns, each waiting busily, are slower than one thread: BLAS gets
one where others compute.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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


def share_out(work: Callable[[int], object], n: int, n_threads: int) -> None:
    """Call ``work`` with 0 to n - 1 in at most n_threads threads, this one among them; each takes the next free one.

    What it raises is raised here. ``work`` must not share out anything itself.
    """
    helpers = min(n, n_threads) - 1
    if helpers < 1:
        for i in range(n):
            work(i)
        return
    free = itertools.count()

    def take_turns() -> None:
        while (i := next(free)) < n:
            work(i)

    others = [_pool().submit(take_turns) for _ in range(helpers)]
    try:
        take_turns()
    finally:
        for other in others:
            other.cancel()  # not begun: all is done or has failed
        for other in others:
            if not other.cancelled():
                other.result()


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="scatterkit")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has none of the threads
