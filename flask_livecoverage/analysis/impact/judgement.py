"""The changes between two versions of an application, each with its reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .files import judge_file
from .functions import judge_function
from .kept_results import KeptResults
from .program import Program
from .reach import Change, Reach
from .scopes import ScopeJudge


def judge(program: Program, *, strict: bool = False) -> list[Change]:
    """The changes of all files, in the order of their paths and lines.

    Changes that can affect no test are among them. With ``strict``, what runs at start-up reaches all tests.
    """
    found: dict[tuple[str, str], Change] = {}
    for change in _changes(program, strict):
        key = change.path, change.reason
        found[key] = _merged(found[key], change) if key in found else change
    return sorted(found.values(), key=lambda change: (change.path, change.lines[:1], change.reason))


def _merged(first: Change, second: Change) -> Change:
    """Two rules may give the same reason."""
    lines = first.lines if set(second.lines) <= set(first.lines) else tuple(sorted({*first.lines, *second.lines}))
    return replace(first, lines=lines, reach=first.reach | second.reach)


def _changes(program: Program, strict: bool) -> Iterator[Change]:
    kept = KeptResults(program)
    for path, file in sorted(program.files.items()):
        if file.is_unchanged:
            continue
        comparison = program.comparisons.get(path)
        if not comparison:
            change = judge_file(program, file)
            yield _strictly(change) if strict and change.reach.modules else change
            continue
        for pair in comparison.functions:
            yield from judge_function(program, kept, path, pair)
        for change in ScopeJudge(program, path).changes(comparison):
            yield _strictly(change) if strict and change.reach else change


def _strictly(change: Change) -> Change:
    return replace(change, reach=Reach.ALL)
