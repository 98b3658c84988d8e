"""Prints the answers of ``requests``, ``tests``, ``routes``, ``diff`` and ``who``, as text or as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click
from tabulate import tabulate

from ...model.bitmap import to_ranges
from ...model.filters import Filters
from ...model.outcomes import PASSED
from ...model.text import abridged, counted, printable
from ...queries.lookup import Kind
from . import questions
from .opening import open_recorded
from .questions import Row


def show(
    kind: Kind,
    name: str | None,
    *,
    data_dir: str,
    run_id: str,
    output_format: str,
    limit: int | None = None,
    **given: Any,
) -> None:
    """Print the requests, tests or routes (``kind``) that the filters ``given`` select, or the one called ``name``."""
    with open_recorded(data_dir, run_id, tested=kind == "test") as queries:
        filters = Filters(**given)
        if name is not None:
            _print(questions.subject_object(queries, name, kind), output_format, _subject)
        elif kind == "request":
            _print(questions.requests_object(queries, filters, limit), output_format, _requests)
        elif kind == "test":
            _print(questions.tests_object(queries, filters), output_format, _tests)
        else:
            _print(questions.routes_object(queries, filters), output_format, _routes)


def diff(first: str, second: str, kind: Kind | None, *, data_dir: str, run_id: str, output_format: str) -> None:
    """Print the lines that only one of two requests, tests or routes executed."""
    with open_recorded(data_dir, run_id) as queries:
        _print(questions.diff_object(queries, first, second, kind), output_format, _diff)


def who(reference: str, limit: int, *, data_dir: str, run_id: str, output_format: str) -> None:
    """Print the tests, routes and requests that executed the line that ``reference`` (``FILE:LINE``) names."""
    with open_recorded(data_dir, run_id) as queries:
        _print(questions.who_object(queries, reference, limit), output_format, _who)


def _print(answer: Row, output_format: str, as_text: Callable[[Row], Iterable[str]]) -> None:
    if output_format == "json":
        click.echo(json.dumps(answer))
    else:
        for part in as_text(answer):
            click.echo(part)


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> str:
    """A table with the columns ``right`` aligned to the right, as coverage.py aligns its numbers."""
    align = ["right" if header in right else "left" for header in headers]
    cells = [["" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    return tabulate(cells, headers, tablefmt="simple", colalign=align, disable_numparse=True)


def marked(name: str, outcome: str | None) -> str:
    """A test's name for people, with its outcome if that is known and the test has not passed."""
    return printable(name) if outcome in (None, PASSED) else f"{printable(name)} ({outcome})"


def _requests(answer: Row) -> Iterable[str]:
    shown = answer["requests"]
    if not shown:
        yield "No requests."
        return
    yield table(
        ("Request", "Time", "Test", "Method", "Path", "Status", "ms", "Lines"),
        (
            (r["id"], time_text(r["started_at"]), r["test"], r["method"], _path(r), r["status"], _ms(r), r["lines"])
            for r in shown
        ),
        right=("Status", "ms", "Lines"),
    )
    if answer.get("outcome") not in (None, PASSED):
        yield f"\nThe outcome of this test is {answer['outcome']}: its requests may end early."
    if answer["total"] > len(shown):
        yield f"\n{len(shown):,} of {answer['total']:,} requests: --limit 0 lists all"


def _tests(answer: Row) -> Iterable[str]:
    if answer["tests"]:
        outcomes = _outcome_columns(answer["tests"])
        rows = (
            (t["test"], t["requests"], _ms(t), t["lines"], t["own_lines"], *_outcome_cells(t, outcomes))
            for t in answer["tests"]
        )
        numbers = ("Requests", "Total ms", "Lines", "Its own")
        yield table(("Test", *numbers, *outcomes), rows, right=(*numbers, "Test ms"))
        yield "\nIts own: lines that no other test executed."
    without = answer["requests_without_test"]
    if without or not answer["tests"]:
        yield f"{counted(without, 'request')} without a test: name it with a window or the header Livecov-Test."


def _outcome_columns(tests: Sequence[Row]) -> Sequence[str]:
    """The headers of a test's outcome, unless none is known, as of a run that an older version recorded."""
    return ("Outcome", "Test ms") if any(test["outcome"] for test in tests) else ()


def _outcome_cells(test: Row, columns: Sequence[str]) -> Sequence[str | None]:
    duration = test["test_duration_ms"]
    return (test["outcome"], None if duration is None else f"{duration:.1f}") if columns else ()


def _routes(answer: Row) -> Iterable[str]:
    if not answer["routes"]:
        yield "No requests."
        return
    rows = ((r["route"], r["requests"], r["tests"], _mean(r), r["lines"], r["own_lines"]) for r in answer["routes"])
    numbers = ("Requests", "Tests", "Mean ms", "Lines", "Its own")
    yield table(("Route", *numbers), rows, right=numbers)
    yield "\nIts own: lines that no other route executed."
    if answer["never_hit"]:
        yield f"Never hit: {', '.join(answer['never_hit'])}"
    if answer["unused_methods"]:
        unused = (f"{', '.join(methods)} of {rule}" for rule, methods in answer["unused_methods"].items())
        yield f"Methods never used: {'; '.join(unused)}"


def _subject(answer: Row) -> Iterable[str]:
    facts = {key: value for key, value in answer.items() if key != "files" and value is not None}
    if "started_at" in facts:
        facts["started_at"] = time_text(facts["started_at"])
    if "requests" in facts:
        # Of a test or a route; a request has one duration.
        labels = {"duration_ms": "total ms", "test_duration_ms": "test ms"}
        facts = {labels.get(key, key): value for key, value in facts.items()}
    width = max(map(len, facts))
    for key, value in facts.items():
        yield f"{key.replace('_', ' '):{width}}  {printable(str(value))}"
    yield ""
    yield _files(answer["files"])


def _diff(answer: Row) -> Iterable[str]:
    alone = {"A": answer["only_a"], "B": answer["only_b"]}
    yield f"A  {marked(answer['a'], answer['a_outcome'])}"
    yield f"B  {marked(answer['b'], answer['b_outcome'])}"
    yield f"\nBoth executed {answer['both']} lines, A alone {_count(alone['A'])}, B alone {_count(alone['B'])}."
    for name, files in alone.items():
        if files:
            yield f"\n{name} alone:\n"
            yield _files(files)


def _who(answer: Row) -> Iterable[str]:
    line = f"{answer['file']}:{answer['line']}"
    if not answer["requests"]:
        yield f"No request executed {line}{'; it ran at start-up' if answer['startup'] else ''}."
        return
    also = ", and start-up" if answer["startup"] else ""
    yield f"{line} was executed by {counted(answer['requests'], 'request')}{also}.\n"
    for kind in ("test", "route"):
        if answer[f"{kind}s"]:
            outcome = _outcome_columns(answer["tests"])[:1] if kind == "test" else ()
            rows = ((one[kind], one["requests"], *([one["outcome"]] if outcome else [])) for one in answer[f"{kind}s"])
            yield table((kind.capitalize(), "Requests", *outcome), rows, right=("Requests",)) + "\n"
    latest = (
        (r["id"], time_text(r["started_at"]), r["test"], r["method"], _path(r), r["status"]) for r in answer["latest"]
    )
    yield table(("Latest requests", "Time", "Test", "Method", "Path", "Status"), latest, right=("Status",))


def _files(files: Mapping[str, Sequence[int]]) -> str:
    if not files:
        return "No lines of the application."
    return table(("File", "Count", "Lines"), ((f, len(n), to_ranges(n)) for f, n in files.items()), right=("Count",))


def _count(files: Mapping[str, Sequence[int]]) -> int:
    return sum(map(len, files.values()))


def time_text(moment: float) -> str:
    """A moment (UNIX seconds) in this machine's zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))


def _path(row: Row) -> str:
    return abridged(printable(row["path"]))


def _ms(row: Row) -> str:
    if row.get("under_way"):
        return "not ended"
    return f"{row['duration_ms']:.1f}"


def _mean(row: Row) -> str:
    return f"{row['duration_ms'] / row['requests']:.1f}" if row["requests"] else ""
