"""The changes between two versions of an application, each with its reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .files import judge_file
from .functions import judge_function
from .program import Program
from .reach import Change, Reach
from .scopes import ScopeJudge


def judge(program: Program, *, strict: bool = False) -> list[Change]:
    """The changes of all files, in the order of their paths and lines.

    Changes that can affect no test are among them. With ``strict``, what runs at start-up reaches all tests.
    """
    found = {
        (change.path, change.reason, change.reach.everything): change
        for change in reversed(list(_changes(program, strict)))
    }
    return sorted(found.values(), key=lambda change: (change.path, change.lines[:1], change.reason))


def _changes(program: Program, strict: bool) -> Iterator[Change]:
    for path, file in sorted(program.files.items()):
        if file.is_unchanged:
            continue
        comparison = program.comparisons.get(path)
        if not comparison:
            change = judge_file(program, file)
            yield _strictly(change) if strict and change.reach.modules else change
            continue
        for pair in comparison.functions:
            yield from judge_function(program, path, pair)
        for change in ScopeJudge(program, path).changes(comparison):
            yield _strictly(change) if strict and change.reach else change


def _strictly(change: Change) -> Change:
    return replace(change, reach=Reach.ALL)
