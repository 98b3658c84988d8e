"""Parses Python beside other threads."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# CPython 3.11 counts in one place for all threads how deep it is in a syntax tree, until 3.11.8 (gh-106905). Which
# other thread parses is not ours to choose: 3.11 does so for tracebacks that it prints.
_SHARED_DEPTH = (3, 11) <= sys.version_info < (3, 11, 8)

_lock = threading.Lock()
_blocks = 0
_resume = False


@contextmanager
def parsing() -> Iterator[None]:
    """A block in which syntax trees are made, by :func:`ast.parse` or within coverage.py.

    Where Python has the fault that gives such a block a SystemError when another thread parses meanwhile, garbage is
    not collected until the block ends: nothing but that lets another thread run while a tree is made. Blocks may
    overlap, in threads too.
    """
    if not _SHARED_DEPTH:
        yield
        return
    _hold()
    try:
        yield
    finally:
        _release()


def _hold() -> None:
    global _blocks, _resume
    with _lock:
        if not _blocks:
            _resume = gc.isenabled()
            gc.disable()
        _blocks += 1


def _release() -> None:
    global _blocks
    with _lock:
        _blocks -= 1
        if not _blocks and _resume:
            gc.enable()
