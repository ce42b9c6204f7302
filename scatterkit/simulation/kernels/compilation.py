"""Telling that kernels are compiled, which a computer does once and which takes a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from numba.core.event import Event, Listener, install_listener


class _Once(Listener):
    def __init__(self, tell: Callable[[], None]) -> None:
        self.tell = tell
        self.told = False

    def on_start(self, event: Event) -> None:
        if not self.told:
            self.told = True
            self.tell()

    def on_end(self, event: Event) -> None:
        pass


@contextmanager
def telling_compilation(tell: Callable[[], None]) -> Iterator[None]:
    """Call a function when the first kernel is compiled; not for kernels that the computer has already."""
    with install_listener("numba:compile", _Once(tell)):
        yield
