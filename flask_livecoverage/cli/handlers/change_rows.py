"""Parts of the answer of ``patch`` that text and Markdown have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ...model.text import counted, printable
from ...queries.line_hits import LineUsers
from ...queries.patch import ChangedStatement, Patch, PatchedFile, Unjudged
from ...sources.coveragepy import StatementAnalyser, format_lines


@dataclass(frozen=True)
class PatchAnswer:
    """The coverage of a change, and which change and runs it is about.

    ``base`` is the commit before the change, None for a diff. ``since`` is words for that: "since 1a2b3c (main)".
    """

    patch: Patch
    base: str | None
    since: str
    runs: Sequence[str]
    analyser: StatementAnalyser

    def percent(self, covered: int, statements: int) -> str:
        """A percentage as coverage.py's reports print it."""
        return f"{self.analyser.percent(covered, statements)}%" if statements else ""


def summary(answer: PatchAnswer) -> str:
    """The sentence about all changed statements, without its full stop."""
    found = answer.patch
    if not found.statements and found.unjudged:
        return "No changed statement can be judged"
    if not found.statements:
        return "No measured statement has changed" + (" in its first line" if found.files else "")
    statements = "statement was" if found.statements == 1 else "statements were"
    return f"{found.covered} of {found.statements} changed {statements} executed"


def unjudged_text(one: Unjudged) -> str:
    """The sentence about a file that cannot be judged."""
    count = one.statements
    changed = "its changes" if count is None else counted(count, "changed statement")
    return f"{one.path} {one.reason}: {changed} cannot be judged"


def renamed(file: PatchedFile) -> str:
    """The former path of a file, as an addition to the present one."""
    return f" (was {printable(file.old_path)})" if file.old_path else ""


def file_row(answer: PatchAnswer, file: PatchedFile) -> tuple[str, int, int, str]:
    """The file's path, its changed statements, the missed ones, and the percentage."""
    statements, missed = len(file.statements), len(file.missing_lines)
    return file.path, statements, missed, answer.percent(statements - missed, statements)


def missing_ranges(file: PatchedFile) -> str:
    """The changed statements that were not executed, as coverage.py's reports print them."""
    return format_lines([statement.line for statement in file.statements], file.missing_lines)


def missing_groups(file: PatchedFile) -> list[list[int]]:
    """The changed statements that were not executed; those without an executed one between them together."""
    groups = groupby(file.statements, lambda statement: statement.executed)
    return [[statement.line for statement in group] for executed, group in groups if not executed]


def grouped(file: PatchedFile, width: int) -> Iterator[tuple[str, str]]:
    """The changed statements in the order of their lines, neighbours with the same state together.

    The names of tests take up to ``width`` characters.
    """
    statements = [(one, "") for one in file.statements]
    statements += [(one, "further line, not counted: ") for one in file.continued]
    statements.sort(key=lambda item: item[0].line)
    all_lines = [one.line for one, _ in statements]

    def state(item: tuple[ChangedStatement, str]) -> str:
        one, note = item
        used = users_text(one.users, width) if one.executed else "not executed"
        return f"{note}{'moved: ' if one.moved else ''}{used}"

    for text, group in groupby(statements, state):
        yield format_lines(all_lines, [one.line for one, _ in group]), text


def users_text(users: LineUsers, width: int) -> str:
    """The tests that executed a statement; or else, the other ways in which it was executed."""
    if users.tests:
        return _tests_text(users.tests, width)
    others = ((users.without_test, "requests of no test"), (users.at_startup, "start-up"))
    return " and ".join(name for used, name in others if used)


def _tests_text(tests: Sequence[str], width: int) -> str:
    """The first names, as many as fit into ``width``, but at least one; a path is written once for several tests."""
    text, previous = "", ""
    for number, test in enumerate(tests):
        path, separator, rest = test.partition("::")
        name = f"::{rest}" if separator and path == previous else test
        if number and len(text) + len(name) > width:
            return f"{text} and {len(tests) - number} more"
        text = f"{text}, {name}" if number else name
        previous = path
    return text


def shortened(names: Iterable[str], limit: int) -> str:
    """The first of some names, and the number of the others."""
    names = list(names)
    more = len(names) - limit
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:limit])} and {more} more"
