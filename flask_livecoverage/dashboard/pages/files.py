"""The files, and the source of each with who ran which line."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Literal

from markupsafe import Markup
from werkzeug import Response
from werkzeug.exceptions import NotFound

from ...control.parameters import one_of, page_number, stored_name
from ...model.bitmap import from_bitmap
from ...model.filters import Filters
from ...sources.coveragepy import format_lines
from ...store import RunQueries
from ..snapshot import FileFigures
from .context import Visit
from .highlight import highlighted
from .pagination import Sorting, part, sort, sorting

Heat = Literal["requests", "tests"]

_COLUMNS: dict[str, Callable[[FileFigures], Any]] = {
    "name": lambda file: file.name,
    "statements": lambda file: file.statements,
    "missing": lambda file: file.missing,
    "excluded": lambda file: file.excluded,
    "percent": lambda file: file.executed / file.statements if file.statements else 1.0,
}
_HOTTEST = 9
_DASH = "\N{EN DASH}"
_LINES = 2000


def list_files(visit: Visit) -> Response:
    """Answer with the table of all files; ``q`` chooses by a part of their names."""
    given = visit.parameters(sort=sorting(_COLUMNS), page=page_number, q=str)
    by = given.get("sort", Sorting("name", descending=False))
    wanted = given.get("q", "").lower()
    files = [file for file in visit.figures.files.values() if wanted in file.name.lower()]
    rows = part(sort(files, by, _COLUMNS[by.column]), given.get("page", 1))
    return visit.render(
        "files.html", figures=visit.figures, rows=rows, sorting=by, q=given.get("q", ""), missing_places=missing_places
    )


@dataclass(frozen=True)
class Place:
    """Missing lines that follow each other, as coverage.py's reports name them: ``12-15``.

    ``first`` is the first of them, ``page`` the page of the source that shows it.
    """

    first: int
    text: str

    @property
    def page(self) -> int:
        """Pages count from 1."""
        return -(-self.first // _LINES)


def missing_places(file: FileFigures) -> list[Place]:
    """Where lines of ``file`` are missing, ascending."""
    statements = file.counted.statements
    ranges = format_lines(from_bitmap(statements), from_bitmap(statements & ~file.covered))
    return [Place(int(text.partition("-")[0]), text.replace("-", _DASH)) for text in filter(None, ranges.split(", "))]


@dataclass(frozen=True)
class Line:
    """A line of source.

    ``state`` is ``run``, ``others`` (run, but not by those asked for), ``missing``, ``excluded`` or empty. ``first`` is
    the line of its statement that stands for all; None if it is part of none.
    """

    number: int
    code: Markup
    state: str
    first: int | None
    count: int
    heat: int


def show_source(visit: Visit, key: str) -> Response:
    """Answer with the source of a file; the parameters choose whose lines are shown, and one line to ask about."""
    given = visit.parameters(
        test=stored_name, route=stored_name, request=str, heat=one_of(("requests", "tests")), line=page_number,
        page=page_number,
    )  # fmt: skip
    file = visit.figures.files.get(key)
    if file is None:
        raise NotFound("no such file: it may have been changed or removed since")
    code = highlighted(file.path, file.content)
    heat: Heat = given.get("heat", "requests")
    with visit.recorded() as recorded:
        counts, shown = _counts(recorded, file, heat, given)
        lines = [] if code is None else _lines(file, code, counts, shown)
        chosen = given.get("line")
        ran = None if chosen is None else recorded.lines.ran(file.path, file.counted.statement_of(chosen) or [chosen])
        who = _who(recorded, file)
    page = given.get("page") or (-(-chosen // _LINES) if chosen else 1)
    return visit.render(
        "source.html",
        figures=visit.figures,
        file=file,
        places=missing_places(file),
        changed=code is None,
        rows=part(lines, page, _LINES),
        given=given,
        filtered=bool(given.keys() & {"test", "route", "request"}),
        shown=shown.bit_count(),
        heat=heat,
        chosen=chosen,
        ran=ran,
        who=who,
    )


def _counts(recorded: RunQueries, file: FileFigures, heat: Heat, given: dict[str, Any]) -> tuple[Counter[int], int]:
    """How many requests or tests ran each line, and which statements (a bitmap) those asked for ran."""
    filters = Filters(test=given.get("test"), route=given.get("route"))
    if file.number is None:
        return Counter(), 0
    if "request" in given:
        return _counts_of_request(recorded, file, heat, given["request"])
    by_requests = [(file.counted.executed(lines), count) for lines, count in recorded.lines.heat(file.number, filters)]
    shown = file.covered if filters == Filters() else reduce(or_, (lines for lines, _ in by_requests), 0)
    counts: Counter[int] = Counter()
    if heat == "requests":
        for lines, count in by_requests:
            counts.update(dict.fromkeys(from_bitmap(lines), count))
        return counts, shown
    by_test: dict[int, int] = {}
    for lines, test in recorded.lines.heat_by_test(file.number, filters):
        by_test[test] = by_test.get(test, 0) | file.counted.executed(lines)
    for lines in by_test.values():
        counts.update(from_bitmap(lines))
    return counts, shown


def _counts_of_request(recorded: RunQueries, file: FileFigures, heat: Heat, name: str) -> tuple[Counter[int], int]:
    record = recorded.requests.get(name)
    if record is None:
        raise NotFound("no such request since the last reset")
    ran = recorded.lines.union([record.trace]).files.get(file.path)
    executed = 0 if ran is None or ran.content != file.content else file.counted.executed(ran.lines)
    counted = heat == "requests" or record.test is not None
    return Counter(from_bitmap(executed) if counted else ()), executed


def _lines(file: FileFigures, code: Sequence[Markup], counts: Counter[int], shown: int) -> list[Line]:
    counted = file.counted
    states: dict[int, str] = {}
    for bitmap, state in (
        (counted.excluded, "excluded"),
        (counted.all_lines(counted.statements & ~file.covered), "missing"),
        (counted.all_lines(file.covered & ~shown), "others"),
        (counted.all_lines(shown), "run"),
    ):
        states.update(dict.fromkeys(from_bitmap(bitmap), state))
    # A statement within another one's lines has its own state.
    for bitmap, state in ((counted.statements & ~file.covered, "missing"), (file.covered & ~shown, "others")):
        states.update(dict.fromkeys(from_bitmap(bitmap), state))
    firsts = counted.first_lines()
    hottest = max(counts.values(), default=0)
    return [
        Line(
            number, text, states.get(number, ""), firsts.get(number), counts[number], _level(counts[number], hottest)
        )
        for number, text in enumerate(code, 1)
    ]  # fmt: skip


def _level(count: int, hottest: int) -> int:
    """From 1 to the hottest line's, by the logarithm: a line that ran once differs from one that never did."""
    if not count:
        return 0
    return 1 + round((_HOTTEST - 1) * math.log(count) / math.log(hottest)) if hottest > 1 else 1


@dataclass(frozen=True)
class Who:
    """Names to choose from: of the tests and routes that ran any line of a file."""

    tests: Sequence[str]
    routes: Sequence[str]


def _who(recorded: RunQueries, file: FileFigures) -> Who:
    if file.number is None:
        return Who((), ())
    tests, routes = recorded.lines.names_in(file.number)
    return Who(tests, routes)
