"""Guards the parsing of Python against a fault of CPython 3.11 that other threads trigger."""

from __future__ import annotations

import ast
import gc
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# CPython 3.11 before 3.11.8 counts the depth in a syntax tree in one place for all threads (gh-106905). Other threads
# cannot be kept from parsing: 3.11 does so itself for tracebacks that it prints.
_SHARED_DEPTH = (3, 11) <= sys.version_info < (3, 11, 8)

_lock = threading.Lock()
_blocks = 0
_resume = False


@contextmanager
def parsing() -> Iterator[None]:
    """A block in which syntax trees are built, by :func:`ast.parse` or within coverage.py.

    A Python with the fault raises SystemError in such a block when another thread parses meanwhile. There, garbage is
    not collected until the block ends, because only a collection lets another thread run while a tree is built. Blocks
    may overlap, in threads too.
    """
    if not _SHARED_DEPTH:
        yield
        return
    _hold()
    try:
        yield
    finally:
        _release()


def syntax_tree(content: bytes) -> ast.Module:
    """Return the syntax tree of a file's content, without warnings about it.

    Raises SyntaxError, ValueError, RecursionError or MemoryError if Python cannot parse it.
    """
    with parsing(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(content)


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
