"""The tests, routes and requests that executed a line, and how often each line of a file was executed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Literal, Protocol

import coverage

from ..analysis.suite import natural_key
from ..model.bitmap import from_bitmap
from ..model.filters import Filters
from ..model.records import FileStatements
from ..sources.content import content_hash
from ..sources.coveragepy import StatementAnalyser
from ..store import RunQueries
from ..store.queries.lines import LineHits
from .counted_lines import AnalysedFile
from .lookup import find_subject


def recorded_files(queries: RunQueries, name: str) -> list[str]:
    """The paths of the recorded files that ``name`` may stand for.

    It is a path as it is shown, or from the current folder; then there is one. Else it is the end of a path.
    """
    paths = queries.lines.files()
    for exact in (os.path.join(queries.root, name), os.path.abspath(name)):
        if os.path.normpath(exact) in paths:
            return [os.path.normpath(exact)]
    return [path for path in paths if path.endswith(f"/{name}")]


@dataclass(frozen=True)
class SourceLine:
    """A line of a recorded file, and the lines of its ``statement``: all of these count as one.

    ``content`` is the hash of the file's present content, if that was recorded. Else it is None, and the line has the
    number that it had when it was recorded. ``state`` is why requests cannot execute the line, or ``statement``.
    ``last`` is the number of the file's last line.
    """

    path: str
    number: int
    statement: Sequence[int]
    content: str | None = None
    state: Literal["statement", "excluded", "no statement", "beyond the end"] = "statement"
    last: int | None = None


def find_line(queries: RunQueries, path: str, number: int) -> SourceLine:
    """The line of the file at ``path`` with this number."""
    line = SourceLine(path, number, [number])
    content = content_hash(path)
    analysis = _statements(queries, path, content)
    if analysis is None:
        return line
    with open(path, "rb") as file:
        line = replace(line, content=content, last=len(file.read().splitlines()))
    if line.last is not None and number > line.last:
        return replace(line, state="beyond the end")
    if analysis.excluded >> number & 1:
        return replace(line, state="excluded")
    statement = analysis.statement_of(number)
    return replace(line, statement=statement) if statement else replace(line, state="no statement")


def _statements(queries: RunQueries, path: str, content: str) -> FileStatements | None:
    """The statements of the file; None if its present content was not recorded, or coverage.py cannot parse it."""
    if (path, content) not in queries.lines.contents().values():
        return None
    try:
        return StatementAnalyser().analyse(path)
    except (coverage.CoverageException, SyntaxError, ValueError):
        return None


def who_executed(queries: RunQueries, line: SourceLine, limit: int = 10) -> LineHits:
    """The tests, routes and requests that executed the line, at most ``limit`` of the requests.

    If the file's present content was recorded, lines of its other contents with the same number do not count.
    """
    return queries.lines.ran(line.path, line.statement, limit=limit, content=line.content)


class MeasuredFile(AnalysedFile, Protocol):
    """A file on disk whose statements are known, and what ran of it."""

    @property
    def number(self) -> int | None:
        """The store's number of this content of the file; None if nothing of it ran."""

    @property
    def covered(self) -> int:
        """The statements that ran (a bitmap), at start-up included."""


def who_executed_in(queries: RunQueries, file: MeasuredFile, number: int) -> LineHits:
    """As :func:`who_executed`, of a file whose statements are known."""
    statement = file.analysis.statement_of(number) or [number]
    return who_executed(queries, SourceLine(file.path, number, statement, file.content))


@dataclass(frozen=True)
class FileHits:
    """The number of requests or tests for each statement of a file, and a bitmap of the ``executed`` statements."""

    counts: Counter[int]
    executed: int


def count_hits(queries: RunQueries, file: MeasuredFile, filters: Filters, by: Literal["requests", "tests"]) -> FileHits:
    """Count how often the requests that ``filters`` let pass executed the statements of ``file``.

    Without filters, statements executed outside of requests are among the ``executed`` ones.
    """
    if file.number is None:
        return FileHits(Counter(), 0)
    by_requests = [(file.analysis.executed(lines), count) for lines, count in queries.lines.heat(file.number, filters)]
    executed = file.covered if filters == Filters() else reduce(or_, (lines for lines, _ in by_requests), 0)
    counts: Counter[int] = Counter()
    if by == "requests":
        for lines, count in by_requests:
            counts.update(dict.fromkeys(from_bitmap(lines), count))
        return FileHits(counts, executed)
    by_test: dict[int, int] = {}
    for lines, test in queries.lines.heat_by_test(file.number, filters):
        by_test[test] = by_test.get(test, 0) | file.analysis.executed(lines)
    for lines in by_test.values():
        counts.update(from_bitmap(lines))
    return FileHits(counts, executed)


def count_hits_of_request(
    queries: RunQueries, file: MeasuredFile, request_id: str, by: Literal["requests", "tests"]
) -> FileHits | None:
    """As :func:`count_hits`, of one request; None if there is none with this id."""
    request = find_subject(queries, "request", request_id)
    if request is None or request.record is None:
        return None
    ran = queries.lines.union(request.traces).files.get(file.path)
    executed = 0 if ran is None or ran.content != file.content else file.analysis.executed(ran.lines)
    counted = by == "requests" or request.record.test is not None
    return FileHits(Counter(from_bitmap(executed) if counted else ()), executed)


@dataclass(frozen=True)
class FileUsers:
    """The names of the tests and routes whose requests executed any line of a file."""

    tests: Sequence[str] = ()
    routes: Sequence[str] = ()


def users_of_file(queries: RunQueries, file: MeasuredFile) -> FileUsers:
    """The tests and routes that executed any line of ``file``, sorted."""
    return FileUsers() if file.number is None else FileUsers(*queries.lines.names_in(file.number))


@dataclass(frozen=True, slots=True)
class LineUsers:
    """The names of the tests that executed a statement, sorted, and whether anything else did.

    That is start-up and whatever else runs outside of requests, and requests that belong to no test.
    """

    tests: Sequence[str] = ()
    at_startup: bool = False
    without_test: bool = False


def users_of_lines(
    queries: RunQueries,
    numbers: Collection[int],
    analysis: FileStatements,
    lines: Collection[int],
    further: Mapping[str, int],
) -> dict[int, LineUsers]:
    """The tests that executed each statement in ``lines`` (their first lines) of a file.

    ``numbers`` are those of the file's content in the store, ``further`` the lines of other tests.
    """
    tests: dict[str, int] = dict(further)
    for ran, name in queries.lines.ran_by_test(numbers) if numbers else ():
        tests[name] = tests.get(name, 0) | ran
    executed = {name: analysis.executed(ran) for name, ran in tests.items()}
    without_test = executed.pop("", 0)
    outside = analysis.executed(queries.lines.ran_outside(numbers)) if numbers else 0
    return {
        line: LineUsers(
            sorted((name for name, ran in executed.items() if ran >> line & 1), key=natural_key),
            bool(outside >> line & 1),
            bool(without_test >> line & 1),
        )
        for line in lines
    }
