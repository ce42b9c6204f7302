"""Whether threads of feeding are left."""

from __future__ import annotations

import threading
import time


def feeding_threads():
    """The threads that read or build batches now."""
    return [thread for thread in threading.enumerate() if thread.name == "scatterkit-feeding"]


def none_left(limit=10.0):
    """Whether all of them end within some seconds."""
    end = time.monotonic() + limit
    while feeding_threads() and time.monotonic() < end:
        time.sleep(0.01)
    return not feeding_threads()
