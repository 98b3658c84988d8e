"""Summarises how many lines each test of a session executed, and how many of them were new."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..model.bitmap import to_bitmap
from ..model.text import printable, whole_name

_SHOWN_TESTS = 10

Bitmaps = dict[str, int]


@dataclass(frozen=True)
class Row:
    """A test: its number of requests, executed lines, and lines that neither start-up nor an earlier test executed."""

    test: str
    requests: int
    lines: int
    new: int


@dataclass(frozen=True)
class Summary:
    """The tests named by requests, in the order in which they began; ``lines_in_all`` counts the lines of all together.

    ``unsure`` is whether a request without a test may belong to any test, because its client may not have sent the
    name.
    """

    rows: Sequence[Row]
    lines_in_all: int
    without_requests: int
    requests_without_test: int
    unsure: bool = False

    def lines(self, verbosity: int) -> Iterator[str]:
        """The lines of the summary; with ``verbosity``, of all tests."""
        if verbosity > 0 and self.rows:
            yield from _table(self.rows)
            yield ""
        new = sum(row.new for row in self.rows)
        yield (
            f"{_count(len(self.rows), 'test')} executed {_count(self.lines_in_all, 'line')} in the server, "
            f"{new} of them not executed at start-up."
        )
        yield from self._without_each_other()
        nothing = [row.test for row in self.rows if not row.new]
        if nothing:
            yield from _nothing_added(nothing, shown=0 if verbosity else _SHOWN_TESTS)

    def _without_each_other(self) -> Iterator[str]:
        """The tests without requests, and the requests without tests."""
        tests, requests = _count(self.without_requests, "test"), _count(self.requests_without_test, "request")
        if self.unsure and self.without_requests and self.requests_without_test:
            yield f"{tests} named by no request, and {requests} naming no test."
            return
        if self.without_requests:
            yield f"{tests} sent no request."
        if self.requests_without_test:
            yield f"{requests} without a test."


def summarise(
    document: Mapping[str, Any], order: Sequence[str], *, skipped: Container[str] = (), unsure: bool = False
) -> Summary:
    """Return the summary of ``document``, the answer of the route ``tests``.

    Tests that are not in ``order`` come last. Tests in ``skipped`` are not counted as tests without requests.
    """
    traces = {
        name: {path: to_bitmap(lines) for path, lines in files.items()} for name, files in document["traces"].items()
    }
    known = {path: to_bitmap(lines) for path, lines in document["startup"].items()}
    requests = dict.fromkeys(order, 0)
    executed: dict[str, Bitmaps] = {}
    for test in document["tests"]:
        if not test["requests"]:
            continue  # of another session, unless it is in `order`
        name = whole_name(test["test"], requests)
        requests[name] = requests.get(name, 0) + test["requests"]
        for trace in test["traces"]:
            _add(executed.setdefault(name, {}), traces[trace])
    in_all: Bitmaps = {}
    rows = []
    for name, count in requests.items():
        if count:
            files = executed.get(name, {})
            rows.append(Row(name, count, _size(files), _size(_without(files, known))))
            _add(known, files)
            _add(in_all, files)
    without_requests = sum(not count and name not in skipped for name, count in requests.items())
    return Summary(rows, _size(in_all), without_requests, document["requests_without_test"], unsure)


def _add(files: Bitmaps, others: Mapping[str, int]) -> None:
    for path, lines in others.items():
        files[path] = files.get(path, 0) | lines


def _without(files: Mapping[str, int], others: Mapping[str, int]) -> Bitmaps:
    return {path: lines & ~others.get(path, 0) for path, lines in files.items()}


def _size(files: Mapping[str, int]) -> int:
    return sum(lines.bit_count() for lines in files.values())


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _table(rows: Sequence[Row]) -> Iterator[str]:
    """The table of tests, numbers first, as in pytest's ``--durations``: a long id does not widen a column."""
    # Imported here, because this module would slow down every run of pytest.
    from tabulate import tabulate

    cells = [[row.requests, row.lines, row.new] for row in rows]
    headers = ("Requests", "Lines", "New")
    numbers = tabulate(cells, headers, tablefmt="simple", colalign=("right",) * 3, disable_numparse=True).splitlines()
    names = ["Test", "----", *(printable(row.test) for row in rows)]
    return (f"{line}  {name}" for line, name in zip(numbers, names, strict=True))


def _nothing_added(tests: Sequence[str], shown: int) -> Iterator[str]:
    end = ":" if shown else "."
    yield f"{_count(len(tests), 'test')} added nothing to what start-up and earlier tests had executed{end}"
    yield from (f"  {printable(test)}" for test in tests[:shown])
    if shown and len(tests) > shown:
        yield f"  ... and {len(tests) - shown} more: see -v"
