"""Full garbage collections of the dashboard process: all its threads wait for them, so they run when they are short.

A collection while 100,000 requests are compared takes half a second; after the comparison, most of the objects are
gone.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Counted in collections of the younger generations, which free most garbage: after the first number, a full collection
# runs as soon as no work is in progress; after the second, it runs in any case.
WANTED_AFTER = 1_000
_NEEDED_AFTER = 20_000

_lock = threading.Lock()
_working = 0


def postpone_collections() -> None:
    """From now on, run full collections when no thread is :func:`working`, not when Python's thresholds are reached."""
    gc.set_threshold(*gc.get_threshold()[:2], _NEEDED_AFTER)


@contextmanager
def working() -> Iterator[None]:
    """Mark a block in which many objects are in use. Several threads may be in such a block."""
    global _working
    with _lock:
        _working += 1
    try:
        yield
    finally:
        with _lock:
            _working -= 1
            if not _working and gc.get_count()[2] >= WANTED_AFTER:
                gc.collect()
