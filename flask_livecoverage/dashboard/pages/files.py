"""The table of files, and the source of a file with the tests and requests that ran its lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup
from werkzeug import Response
from werkzeug.exceptions import NotFound

from ...control.parameters import one_of, page_number, stored_name
from ...model.bitmap import from_bitmap
from ...model.filters import Filters
from ...queries.line_hits import FileHits, count_hits, count_hits_of_request, users_of_file, who_executed_in
from ...queries.suite_outcomes import outcomes_of
from ...sources.coveragepy import format_lines
from ...store import RunQueries
from ...store.queries.lines import LineHits
from ..snapshot import FileSnapshot
from .context import PageContext
from .pagination import Sorting, paginate, sort, sorting

Heat = Literal["requests", "tests"]

_COLUMNS: dict[str, Callable[[FileSnapshot], Any]] = {
    "name": lambda file: file.name,
    "statements": lambda file: file.statements,
    "missing": lambda file: file.missing,
    "excluded": lambda file: file.excluded,
    "percent": lambda file: file.executed / file.statements if file.statements else 1.0,
}
_HOTTEST = 9
_DASH = "\N{EN DASH}"
_LINES = 2000


def list_files(context: PageContext) -> Response:
    """Answer with the table of all files; ``q`` selects by a part of their names."""
    given = context.parameters(sort=sorting(_COLUMNS), page=page_number, q=str)
    by = given.get("sort", Sorting("name", descending=False))
    wanted = given.get("q", "").lower()
    files = [file for file in context.snapshot.files.values() if wanted in file.name.lower()]
    rows = paginate(sort(files, by, _COLUMNS[by.column]), given.get("page", 1))
    return context.render(
        "files.html",
        snapshot=context.snapshot,
        rows=rows,
        sorting=by,
        q=given.get("q", ""),
        missing_ranges=missing_ranges,
    )


@dataclass(frozen=True)
class MissingRange:
    """A range of missing lines, in the form of coverage.py's reports: ``12-15``. ``first`` is its first line."""

    first: int
    text: str

    @property
    def page(self) -> int:
        """The page of the source that shows the first line, counted from 1."""
        return page_of(self.first)


def page_of(line: int) -> int:
    """The page of the source that shows a line, counted from 1."""
    return -(-line // _LINES)


def missing_ranges(file: FileSnapshot) -> list[MissingRange]:
    """The ranges of missing lines of ``file``, ascending."""
    return ranges_of(file, from_bitmap(file.analysis.statements & ~file.covered))


def ranges_of(file: FileSnapshot, missing: Sequence[int]) -> list[MissingRange]:
    """The ranges of these ``missing`` lines of ``file``, ascending."""
    ranges = format_lines(from_bitmap(file.analysis.statements), missing)
    return [
        MissingRange(int(text.partition("-")[0]), text.replace("-", _DASH)) for text in filter(None, ranges.split(", "))
    ]


@dataclass(frozen=True)
class Line:
    """A line of source.

    ``state`` is ``run``, ``others`` (run, but not by the selected test, route or request), ``missing``, ``excluded``
    or empty. ``first`` is the first line of its statement; None if it belongs to none.
    """

    number: int
    code: Markup
    state: str
    first: int | None
    count: int
    heat: int


def show_source(context: PageContext, key: str) -> Response:
    """Answer with the source of a file; parameters select a test, route or request, and a line to show details of."""
    given = context.parameters(
        test=stored_name, route=stored_name, request=str, heat=one_of(("requests", "tests")), line=page_number,
        page=page_number,
    )  # fmt: skip
    file = context.snapshot.files.get(key)
    if file is None:
        raise NotFound("no such file: it may have been changed or removed since")
    code = context.code(file)
    heat: Heat = given.get("heat", "requests")
    with context.recorded() as queries:
        hits = _hits(queries, file, heat, given, context.scope)
        lines = [] if code is None else _lines(file, code, hits)
        chosen = given.get("line")
        ran = None if chosen is None else who_executed_in(queries, file, chosen)
        users = users_of_file(queries, file)
        outcomes = outcomes_of(queries, _shown_tests(ran, given.get("test")))
    page = given.get("page") or (page_of(chosen) if chosen else 1)
    return context.render(
        "source.html",
        snapshot=context.snapshot,
        file=file,
        ranges=missing_ranges(file),
        changed=code is None,
        rows=paginate(lines, page, _LINES),
        given=given,
        filtered=bool(given.keys() & {"test", "route", "request"}),
        shown=hits.executed.bit_count(),
        heat=heat,
        chosen=chosen,
        ran=ran,
        users=users,
        outcomes=outcomes,
    )


def _shown_tests(ran: LineHits | None, chosen: str | None) -> set[str]:
    """The tests that the page names."""
    tests = {test for test, _ in ran.tests} if ran else set()
    return tests | {chosen} if chosen else tests


def _hits(queries: RunQueries, file: FileSnapshot, heat: Heat, given: dict[str, Any], scope: str) -> FileHits:
    """The hits of each line by requests or tests, and the statements that the selected ones ran. Raises NotFound."""
    if "request" not in given:
        return count_hits(queries, file, Filters(test=given.get("test"), route=given.get("route")), heat)
    hits = count_hits_of_request(queries, file, given["request"], heat)
    if hits is None:
        raise NotFound(f"no such request {scope}")
    return hits


def _lines(file: FileSnapshot, code: Sequence[Markup], hits: FileHits) -> list[Line]:
    analysis, counts, shown = file.analysis, hits.counts, hits.executed
    states: dict[int, str] = {}
    for bitmap, state in (
        (analysis.excluded, "excluded"),
        (analysis.all_lines(analysis.statements & ~file.covered), "missing"),
        (analysis.all_lines(file.covered & ~shown), "others"),
        (analysis.all_lines(shown), "run"),
    ):
        states.update(dict.fromkeys(from_bitmap(bitmap), state))
    # A statement inside the lines of another one has its own state.
    for bitmap, state in ((analysis.statements & ~file.covered, "missing"), (file.covered & ~shown, "others")):
        states.update(dict.fromkeys(from_bitmap(bitmap), state))
    firsts = analysis.first_lines()
    hottest = max(counts.values(), default=0)
    return [
        Line(
            number, text, states.get(number, ""), firsts.get(number), counts[number], _level(counts[number], hottest)
        )
        for number, text in enumerate(code, 1)
    ]  # fmt: skip


def _level(count: int, hottest: int) -> int:
    """The level on a logarithmic scale: 0 for a line that never ran, 1 for one hit, ``_HOTTEST`` for the most hits."""
    if not count:
        return 0
    return 1 + round((_HOTTEST - 1) * math.log(count) / math.log(hottest)) if hottest > 1 else 1
