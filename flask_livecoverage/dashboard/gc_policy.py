"""Full garbage collections of the dashboard's process: all its threads wait for them, so they come when they are short.

One that comes while 100,000 requests are compared takes half a second; when that is done, most of the objects are gone.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# In collections of the younger objects, which most garbage is among: after so many, the next quiet moment is taken,
# and after so many there is no waiting for one.
WANTED_AFTER = 1_000
_NEEDED_AFTER = 20_000

_lock = threading.Lock()
_works = 0


def put_off() -> None:
    """From now on collect all garbage when nothing is :func:`working`, not when Python finds that it is time."""
    gc.set_threshold(*gc.get_threshold()[:2], _NEEDED_AFTER)


@contextmanager
def working() -> Iterator[None]:
    """While many objects are in use. Several threads may be at it."""
    global _works
    with _lock:
        _works += 1
    try:
        yield
    finally:
        with _lock:
            _works -= 1
            if not _works and gc.get_count()[2] >= WANTED_AFTER:
                gc.collect()
