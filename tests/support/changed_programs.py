"""Small programs before and after a change, for the tests of ``affected``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from textwrap import dedent
from types import CodeType
from typing import Any

from flask_livecoverage.analysis.impact.blocks import Module, parse
from flask_livecoverage.analysis.impact.judgement import judge
from flask_livecoverage.analysis.impact.program import Program, SourceFile
from flask_livecoverage.analysis.impact.reach import Change, Reach, united
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.queries.importable_names import kind_of

Texts = Mapping[str, str]

# Imports the others, so that it is known which code does.
ENTRY = "main.py"


def module(text: str) -> Module:
    """A parsed file; its text may be indented."""
    return parse(dedent(text).encode())


def program(old: Texts, new: Texts, **options: Any) -> Program:
    """A program before and after a change. Lines that end in ``# starts`` ran at start-up, besides those of modules."""
    paths = {*old, *new}
    files = {path: _file(path, old.get(path), new.get(path)) for path in sorted(paths)}
    return Program(files, **{"installed_names": kind_of, **options})


def _file(path: str, old: str | None, new: str | None) -> SourceFile:
    before = None if old is None else module(old)
    after = before if old == new else None if new is None else module(new)
    ambient = started_lines(dedent(old)) if old is not None else 0
    everything = to_bitmap(range(1, 200)) if old is not None else 0
    return SourceFile(path, before, after, ambient, everything, recorded=old is not None)


def started_lines(text: str) -> int:
    """The lines of a file that run when it is imported, and those that are marked."""
    lines = {number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# starts")}
    try:
        lines |= set(_lines_at_import(compile(text, "", "exec", dont_inherit=True)))
    except (SyntaxError, ValueError):
        lines.add(1)
    return to_bitmap(lines)


def _lines_at_import(code: CodeType) -> Iterator[int]:
    yield from (line for _, _, line in code.co_lines() if line)
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and not constant.co_flags & inspect.CO_OPTIMIZED:
            yield from _lines_at_import(constant)


def changes(old: Texts | str, new: Texts | str, *, strict: bool = False, **options: Any) -> list[Change]:
    """The changes of a program, or of a file ``shop.py`` that ``main.py`` imports."""
    before, after = _texts(old), _texts(new)
    return judge(program(before, after, **options), strict=strict)


def _texts(texts: Texts | str) -> Texts:
    return {"shop.py": texts, ENTRY: "import shop\n"} if isinstance(texts, str) else texts


def reached(old: Texts | str, new: Texts | str, **options: Any) -> set[str]:
    """Describe the tests that changes reach: ``all``, ``module shop.py``, or functions such as ``shop.py total``."""
    return described(united(change.reach for change in changes(old, new, **options)), _texts(old))


def described(reach: Reach, old: Texts) -> set[str]:
    """Describe a reach by the functions whose lines are in it."""
    if reach.everything:
        return {"all"}
    functions = {
        f"{path} {function.name}"
        for path, bitmap in reach.lines.items()
        for function in module(old[path]).functions
        if function.own_lines & bitmap
    }
    return functions | {f"module {path}" for path in reach.modules}


def reasons(old: Texts | str, new: Texts | str, **options: Any) -> list[str]:
    """The reasons of all changes."""
    return [change.reason for change in changes(old, new, **options)]
