"""Judges changes within functions: they reach the tests that ran the function."""

from __future__ import annotations

from collections.abc import Iterator

from ...model.bitmap import from_bitmap
from .comparison import FunctionPair, differs
from .kept_results import KeptResults
from .program import Program
from .reach import Change, Reach


def judge_function(program: Program, kept: KeptResults, path: str, pair: FunctionPair) -> Iterator[Change]:
    """The changes of a function: of its body, and of how it is called. A new one has no tests of its own."""
    old, new = pair
    if not old or (new and not differs(old, new)):
        return
    lines = tuple(from_bitmap(old.own_lines))
    text = f"the function {old.name} has changed" if new else f"the function {old.name} was removed"
    if program.starts(old, path):
        yield Change(path, lines, f"{text}, which ran outside of tests", Reach.ALL)
        return
    yield Change(path, lines, text, Reach.of_lines(path, old.own_lines))
    keepers = kept.keepers(old, path) | kept.kept_in(old, path) | (kept.kept_in(new, path) if new else frozenset())
    for keeper in sorted(keepers):
        use = "may call it" if keeper in program.clients else "keeps what it returns"
        yield Change(path, lines, f"{text}, and {keeper} {use}", Reach.of_module(keeper))
    if new and old.docstring != new.docstring and program.reads_docstrings:
        yield Change(path, lines, f"the docstring of {old.name} has changed, and docstrings are read", Reach.ALL)
