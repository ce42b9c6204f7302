"""Sharing out work among threads."""

from __future__ import annotations

import multiprocessing
import threading

import numpy as np
import pytest
from simulation_bodies import random_fields, random_volumes

from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.kernels import matrix
from scatterkit.simulation.kernels.threads import numba_threads, share_out


@pytest.mark.parametrize("n", [0, 1, 5, 40])
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_everything_is_done_once_by_few_threads(n, n_threads):
    done, threads = [], set()

    def work(i):
        threads.add(threading.get_ident())
        done.append(i)

    share_out(work, n, n_threads)
    assert sorted(done) == list(range(n))
    assert len(threads) <= n_threads


@pytest.mark.parametrize("n_threads", [1, 2])
def test_what_fails_is_raised(n_threads):
    def work(i):
        if i == 3:
            raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        share_out(work, 6, n_threads)


@pytest.mark.parametrize("n", [1, 3])
def test_bodies_and_parts_of_bodies_give_the_same(n):
    volumes = random_volumes((96, 48, 48), n=n)
    plan = MSFTSimulator().plan(volumes.shape[1:])
    gradient = random_fields((n, *plan.detector_shape))
    with numba_threads(1):
        field, pull = matrix.field(volumes, plan), matrix.adjoint(volumes, plan, gradient)
    with numba_threads(2):
        assert np.abs(matrix.field(volumes, plan) - field).max() < 1e-6 * np.abs(field).max()
        assert np.abs(matrix.adjoint(volumes, plan, gradient) - pull).max() < 1e-6 * np.abs(pull).max()


def _sum_in_child(queue):
    total = []
    share_out(total.append, 20, 2)
    queue.put(sum(total))


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_starts_threads_of_its_own():
    share_out(lambda i: None, 4, 2)
    can_fork = "fork" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if can_fork else "spawn")
    queue = context.Queue()
    child = context.Process(target=_sum_in_child, args=(queue,))
    child.start()
    assert queue.get(timeout=30) == sum(range(20))
    child.join()
