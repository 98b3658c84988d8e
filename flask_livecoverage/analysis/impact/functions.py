"""Judges changes within functions: they reach the tests that ran the function."""

from __future__ import annotations

from collections.abc import Iterator

from ...model.bitmap import from_bitmap
from .blocks import Function
from .comparison import FunctionPair, differs
from .program import Program
from .reach import Change, Reach


def judge_function(program: Program, path: str, pair: FunctionPair) -> Iterator[Change]:
    """The changes of a function: of its body, and of how it is called. A new one has no tests of its own."""
    old, new = pair
    if not old:
        return
    lines = tuple(from_bitmap(old.own_lines))
    if not new:
        reason, reach = _of_code(program, path, old, f"the function {old.name} was removed")
        yield Change(path, lines, reason, reach)
    elif differs(old, new):
        reason, reach = _of_code(program, path, old, f"the function {old.name} has changed", new.keeps)
        yield Change(path, lines, reason, reach)
        if old.docstring != new.docstring and program.reads_docstrings:
            yield Change(path, lines, f"the docstring of {old.name} has changed, and docstrings are read", Reach.ALL)


def _of_code(program: Program, path: str, function: Function, reason: str, keeps: bool = False) -> tuple[str, Reach]:
    if program.starts(function, path):
        return f"{reason}, which runs at start-up", Reach.ALL
    reach = Reach.of_lines(path, function.own_lines)
    if function.keeps or keeps:
        return f"{reason}, whose result is kept", reach | Reach.of_module(path)
    return reason, reach
