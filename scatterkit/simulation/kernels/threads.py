"""Who may use how many threads: numba shares out the work, and BLAS computes within numba's threads.

Two pools that take turns, each waiting busily, are slower than one thread: BLAS gets one while a kernel runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def _blas_libraries() -> tuple[Any, ...]:
    import scipy.linalg.cython_blas  # noqa: F401  the library that numba calls must be loaded to be found
    from threadpoolctl import ThreadpoolController

    controller = ThreadpoolController()  # takes milliseconds: once
    return tuple(controller.select(user_api="blas").lib_controllers)


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """Let BLAS use the calling thread only."""
    libraries = _blas_libraries()
    before = [library.get_num_threads() for library in libraries]
    for library in libraries:
        library.set_num_threads(1)
    try:
        yield
    finally:
        for library, n in zip(libraries, before, strict=True):
            library.set_num_threads(n)


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
