"""Ctrl-C is not lost, wherever it falls."""

from __future__ import annotations

import signal
import threading

import pytest

from scatterkit._interrupts import kept_interrupts


class Dropped:
    """An object whose destructor is interrupted, which Python keeps to itself."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_in_a_destructor_is_raised_by_the_next_check() -> None:
    reached = []

    def work() -> None:
        with kept_interrupts() as check:
            Dropped()
            reached.append("after the destructor")
            check()
            reached.append("after the check")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["after the destructor"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_end_checks_too() -> None:
    with pytest.raises(KeyboardInterrupt), kept_interrupts():
        Dropped()


def test_an_interrupt_at_work_is_raised_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), kept_interrupts():
        signal.raise_signal(signal.SIGINT)


def test_no_interrupt_no_error() -> None:
    with kept_interrupts() as check:
        check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_program_is_left_alone() -> None:
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with kept_interrupts() as check:
            signal.raise_signal(signal.SIGINT)
            check()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, old)


def test_other_threads_have_no_signals() -> None:
    done = []

    def work() -> None:
        with kept_interrupts() as check:
            check()
        done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done
