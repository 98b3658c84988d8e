"""What ``requests``, ``tests``, ``routes``, ``diff`` and ``who`` do: questions to the store."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click

from ...analysis.suite import Suite
from ...errors import ConfigurationError
from ...exports.dump import relative_lines, relative_path
from ...journal.data_dir import DataDir
from ...journal.run_folder import RunFolder
from ...model.filters import Filters
from ...model.records import Executed, Trace
from ...model.text import printable
from ...settings import load_settings
from ...store import RunQueries, Store, open_store, store_url
from .line_references import find_place
from .reporting import warn

# Long enough that nobody sees a bar that flashes by.
PATIENCE_SECONDS = 2.0

# Of those that a part of a name may stand for.
_SHOWN_NAMES = 5

Row = dict[str, Any]


@contextmanager
def open_recorded(data_dir: str, wanted: str) -> Iterator[RunQueries]:
    """What was recorded in the runs that ``wanted`` names; what cannot be read is named on standard error."""
    directory = DataDir(data_dir)
    for path in directory.foreign_files():
        warn(f"{path}: not a file of this program's, skipped")
    folders = directory.select(wanted)
    setting = load_settings({}).store
    with open_store(store_url(directory.path, setting), is_own=not setting) as store:
        runs = [_sync(store, folder) for folder in folders]
        for warning in store.warnings:
            warn(warning)
        with store.recorded(runs) as recorded:
            yield recorded


def _sync(store: Store, folder: RunFolder) -> int:
    bar = _ProgressBar()
    try:
        return store.sync(folder, bar)
    finally:
        bar.finish()


class _ProgressBar:
    """A progress bar on standard error, shown when it takes longer than people wait without asking."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._stack = ExitStack()
        self._bar: Any = None
        self._shown = 0

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None and done < total and time.monotonic() - self._began > PATIENCE_SECONDS:
            bar = click.progressbar(length=total, label="Reading the journals", file=sys.stderr)
            self._bar = self._stack.enter_context(bar)
        if self._bar is not None:
            self._bar.update(done - self._shown)
            self._shown = done

    def finish(self) -> None:
        self._stack.close()


# Lists


def list_requests(recorded: RunQueries, filters: Filters, limit: int | None) -> Row:
    """The newest requests, at most ``limit``, and how many there are in all."""
    records = recorded.requests.newest(filters, limit)
    counts = recorded.lines.line_counts({record.trace for record in records})
    requests = [{**record.to_object(), "lines": counts.get(record.trace, 0)} for record in records]
    return {"total": recorded.requests.count(filters), "requests": requests}


def list_tests(recorded: RunQueries, filters: Filters) -> Row:
    """The tests, in the natural order of their names, and what each executed."""
    rows = _rows(Suite.of(recorded.groups.executed("test", filters), recorded.lines.traces()), "test")
    return {"tests": rows, "requests_without_test": recorded.requests.count_without_test(filters)}


def list_routes(recorded: RunQueries, filters: Filters) -> Row:
    """The routes and what each executed; those that the application has and nobody asked for have no requests."""
    rows = _rows(Suite.of(recorded.groups.executed("route", filters), recorded.lines.traces()), "route")
    tests = recorded.groups.tests_by_route(filters)
    hit = {row["route"] for row in rows}
    offered = {f"{method} {rule.rule}" for rule in recorded.rules() for method in rule.methods}
    rows += [{"route": name, **_NOTHING} for name in offered - hit]
    for row in rows:
        row["tests"] = tests.get(row["route"], 0)
    never_hit, unused = _never_hit(recorded, hit)
    return {"routes": sorted(rows, key=_by_rule), "never_hit": never_hit, "unused_methods": unused}


_NOTHING = {"requests": 0, "duration_ms": 0.0, "lines": 0, "own_lines": 0}


def _rows(suite: Suite, kind: str) -> list[Row]:
    return [
        {
            kind: member.name,
            "requests": member.requests,
            "duration_ms": round(member.duration_ms, 3),
            "lines": suite.lines(member).bit_count(),
            "own_lines": own.bit_count(),
        }
        for member, own in zip(suite.members, suite.own_lines(), strict=True)
    ]


def _never_hit(recorded: RunQueries, hit: set[str]) -> tuple[list[str], dict[str, list[str]]]:
    """The rules for which nobody asked, and the methods that others offer and nobody used."""
    offered: dict[str, set[str]] = {}
    for rule in recorded.rules():
        offered.setdefault(rule.rule, set()).update(rule.methods)
    hit_rules = {name.partition(" ")[2] for name in hit}
    unused = {
        rule: missing
        for rule, methods in sorted(offered.items())
        if rule in hit_rules and (missing := sorted(method for method in methods if f"{method} {rule}" not in hit))
    }
    return sorted(offered.keys() - hit_rules), unused


def _by_rule(row: Row) -> tuple[str, str]:
    method, _, rule = row["route"].partition(" ")
    return rule, method


# One of them


def show(recorded: RunQueries, name: str, by: str) -> Row:
    """What a request, test or route executed, by file. Raises ConfigurationError if there is none of that name."""
    executed = find(recorded, name, by)
    if by == "request":
        record = recorded.requests.get(name)
        assert record is not None
        about = record.to_object()
    else:
        about = {by: executed.name, "requests": executed.requests, "duration_ms": round(executed.duration_ms, 3)}
    return {**about, "files": relative_lines(recorded.lines.union(executed.traces), recorded.root)}


def find(recorded: RunQueries, name: str, by: str | None = None) -> Executed:
    """The request, test or route called ``name``; ``by`` says which of them it is.

    A route may be named without its method, and a test or a route by the end of its name, if no other one ends so.
    Raises ConfigurationError if there is none, or more than one.
    """
    kinds = [by] if by else ["request", "test", "route"]
    found = [(kind, executed) for kind in kinds if (executed := _find(recorded, name, kind)) is not None]
    if not found:
        found = [(kind, one) for kind in kinds if kind != "request" for one in _ending_with(recorded, name, kind)]
    if len({kind for kind, _ in found}) > 1:
        raise ConfigurationError(f"{name!r} is a {' and a '.join(kind for kind, _ in found)}: choose with --by")
    if len(found) > 1:
        names = ", ".join(printable(executed.name) for _, executed in found[:_SHOWN_NAMES])
        raise ConfigurationError(f"{name!r} can be any of {names}: give more of its name")
    if not found:
        lists = " or ".join(f"`flask livecov {kind}s`" for kind in kinds)
        raise ConfigurationError(f"no {' or '.join(kinds)} {name!r} was recorded: see {lists}")
    return found[0][1]


def _ending_with(recorded: RunQueries, end: str, kind: str) -> list[Executed]:
    """The tests or routes whose names end so, behind something that is part of no word."""
    begin = re.compile(rf"(?s:.*)(?<!\w){re.escape(end)}")
    return [one for one in recorded.groups.executed("test" if kind == "test" else "route") if begin.fullmatch(one.name)]


def _find(recorded: RunQueries, name: str, kind: str) -> Executed | None:
    if kind == "request":
        record = recorded.requests.get(name)
        return None if record is None else Executed(name, 1, record.duration_ms, [record.trace])
    filters = Filters(test=name) if kind == "test" else Filters(route=name)
    found = list(recorded.groups.executed("test" if kind == "test" else "route", filters))
    if not found:
        return None
    return Executed(
        name,
        sum(one.requests for one in found),
        sum(one.duration_ms for one in found),
        [trace for one in found for trace in one.traces],
    )


def diff(recorded: RunQueries, first: str, second: str, by: str | None) -> Row:
    """What the first of two requests, tests or routes ran and the second did not, and the other way round."""
    found = [find(recorded, name, by) for name in (first, second)]
    one, other = (recorded.lines.union(executed.traces) for executed in found)
    return {
        "a": found[0].name,
        "b": found[1].name,
        "only_a": relative_lines(one - other, recorded.root),
        "only_b": relative_lines(other - one, recorded.root),
        "both": _count(one) - _count(one - other),
    }


def _count(trace: Trace) -> int:
    return sum(lines.lines.bit_count() for lines in trace.files.values())


def who(recorded: RunQueries, place: str, limit: int) -> Row:
    """Which tests, routes and requests ran a line, written ``FILE:LINE``.

    All lines of a statement are the same place. Raises ConfigurationError if ``place`` is none, or nothing that
    requests could execute.
    """
    found = find_place(recorded, place)
    ran = recorded.lines.ran(found.path, found.statement, limit=limit)
    if found.why_never and not ran.requests and not ran.at_startup:
        raise ConfigurationError(found.why_never)
    if not found.is_here:
        warn(f"{found.path} is not here as it was recorded: lines have the numbers that they had then")
    return {
        "file": relative_path(found.path, recorded.root),
        "line": found.line,
        "requests": ran.requests,
        "startup": ran.at_startup,
        "tests": [{"test": test, "requests": count} for test, count in ran.tests],
        "routes": [{"route": route, "requests": count} for route, count in ran.routes],
        "latest": [record.to_object() for record in ran.latest],
    }
