"""What ``flask livecov priorities`` does: says what to cover next, where users go most."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import Any

from flask import Flask
from flask.cli import ScriptInfo
from tabulate import tabulate

from ...analysis.access_log import AccessLog
from ...analysis.priorities import File, Gap, Priority, rank
from ...errors import ConfigurationError, DataError
from ...exports.dump import relative_path
from ...model.bitmap import from_bitmap
from ...model.records import Executed, Rule
from ...queries.statements import Statements, read_statements
from ...sources.content import read_source
from ...sources.coveragepy import format_lines
from ...sources.functions import Function, functions_in
from ...sources.selection import Sources
from .questions import open_recorded
from .reporting import warn
from .serving import load_app
from .traffic import Traffic, route_name, view_code

# Of so many routes the gaps are printed line by line.
DETAILED = 5


@dataclass(frozen=True)
class Priorities:
    """What to cover next, the most urgent first.

    ``requests`` is the number of all requests that count, ``unmatched`` how many of an access log's match no route.
    ``never_hit`` are routes that no recorded request was for. ``statements`` and ``root`` are
    for showing the gaps.
    """

    ranked: Sequence[Priority]
    requests: int
    unmatched: int
    never_hit: Sequence[str]
    statements: Mapping[str, int]
    root: str


def find_priorities(info: ScriptInfo, data_dir: str, wanted: str, access_log: str | None) -> Priorities:
    """Rank the routes of the runs that ``wanted`` names, by their traffic there or in an access log.

    Raises DataError if nothing is recorded, ConfigurationError for an access log that cannot be read or matched.
    """
    with open_recorded(data_dir, wanted) as recorded:
        routes = _merged(recorded.groups.executed("route"))
        traces, ambient = recorded.lines.traces(), recorded.lines.ambient()
        rules, root = recorded.rules(), recorded.root
    requests = {name: route.requests for name, route in routes.items()}
    traffic: Mapping[str, int] = requests
    views: dict[str, list[tuple[str, Function]]] = {}
    unmatched = 0
    if access_log is not None:
        app = _load_unmeasured(info)
        logged = _read(access_log, app)
        traffic, unmatched = logged.by_route, logged.unmatched
        views = _views(app, logged, routes, {path for trace in traces.values() for path in trace.files})
    elif not traffic:
        raise DataError("no request is recorded: send some to the server, or weigh with --access-log FILE")
    statements = read_statements([*traces.values(), *ambient], {path for found in views.values() for path, _ in found})
    for warning in statements.warnings:
        warn(warning)
    return Priorities(
        ranked=rank(traffic, _executed(routes, statements), _files(statements), views),
        requests=sum(traffic.values()),
        unmatched=unmatched,
        never_hit=_never_hit(rules, routes),
        statements=statements.all,
        root=root,
    )


def _merged(routes: Iterable[Executed]) -> dict[str, Executed]:
    """The routes by their names, HEAD with GET."""
    merged: dict[str, Executed] = {}
    for route in routes:
        method, _, rule = route.name.partition(" ")
        name = route_name(method, rule)
        known = merged.get(name, Executed(name, 0, 0.0, ()))
        merged[name] = Executed(
            name,
            known.requests + route.requests,
            known.duration_ms + route.duration_ms,
            [*known.traces, *route.traces],
        )
    return merged


def _never_hit(rules: Iterable[Rule], routes: Mapping[str, Executed]) -> list[str]:
    names = [route_name(method, rule.rule) for rule in rules if rule.endpoint != "static" for method in rule.methods]
    return [name for name in dict.fromkeys(names) if name not in routes]


def _executed(routes: Mapping[str, Executed], statements: Statements) -> dict[str, dict[str, int]]:
    executed: dict[str, dict[str, int]] = {}
    for name, route in routes.items():
        files = executed.setdefault(name, {})
        for trace in route.traces:
            for path, lines in statements.executed.get(trace, {}).items():
                files[path] = files.get(path, 0) | lines
    return executed


def _files(statements: Statements) -> dict[str, File]:
    return {path: File(_functions_of(path), missing) for path, missing in statements.missing.items() if missing}


# Access logs


def _load_unmeasured(info: ScriptInfo) -> Flask:
    """The application, not measured: what is recorded must not grow by asking about it."""
    os.environ["LIVECOVERAGE_ENABLED"] = "0"
    try:
        return load_app(info)
    except ConfigurationError as error:
        if info.app_import_path is not None:
            raise
        raise ConfigurationError(
            "--access-log needs the application, to find the routes of the log's requests: "
            "flask --app APP livecov priorities --access-log FILE"
        ) from error


def _read(access_log: str, app: Flask) -> Traffic:
    log = AccessLog(access_log)
    traffic = Traffic(app)
    traffic.add(log)
    log.check()
    if log.malformed:
        warn(
            f"{log.name}: {log.malformed} of {log.lines} lines are not in the Common or Combined Log Format, skipped; "
            f"the first is line {log.first_malformed}"
        )
    if log.without_request:
        warn(f"{log.name}: {log.without_request} of {log.lines} lines hold no HTTP request, skipped")
    if not traffic.by_route:
        raise DataError(f"{log.name}: no line holds a request")
    return traffic


def _views(
    app: Flask, traffic: Traffic, routes: Mapping[str, Executed], recorded: set[str]
) -> dict[str, list[tuple[str, Function]]]:
    """The view functions of routes that get requests and were never recorded, with their files."""
    sources = Sources()
    views: dict[str, list[tuple[str, Function]]] = {}
    for name, rule in traffic.rules.items():
        code = None if name in routes else view_code(app, rule, name.partition(" ")[0])
        path = os.path.realpath(code.co_filename) if code else ""
        if code and (path in recorded or sources.measures(path)):
            views[name] = [(path, found) for found in _functions_of(path) if found.first_line == code.co_firstlineno]
    return views


def _functions_of(path: str) -> list[Function]:
    try:
        return functions_in(read_source(path))
    except OSError:
        # Gone since it was recorded, or never there.
        return []


# Output


def text(priorities: Priorities, limit: int) -> str:
    """The table of the first ``limit`` routes, and the gaps of those at its head."""
    shown = priorities.ranked[:limit]
    if not priorities.statements:
        parts = [
            "Nothing can be said: all recorded files have changed, are gone, or are left out by the configuration."
        ]
    elif not shown:
        parts = ["Every statement is covered in the functions that the requests enter."]
    else:
        parts = [_table(shown), *(_details(priorities, *item) for item in enumerate(shown[:DETAILED], 1))]
    if priorities.unmatched:
        parts.append(f"{priorities.unmatched} of {priorities.requests} requests match no route.")
    if priorities.never_hit:
        names = "\n".join(f"   {name}" for name in priorities.never_hit)
        parts.append(f"Never hit while lines were recorded:\n{names}")
    return "\n\n".join(parts)


def _table(shown: Sequence[Priority]) -> str:
    rows = [
        (number, item.route, item.requests, f"{100 * item.share:.1f} %", item.uncovered)
        for number, item in enumerate(shown, 1)
    ]
    # tabulate would take what is told as text for numbers.
    return tabulate(
        rows,
        headers=("", "Route", "Requests", "Share", "Uncovered"),
        disable_numparse=True,
        colalign=("right", "left", "right", "right", "right"),
    )


def _details(priorities: Priorities, number: int, item: Priority) -> str:
    note = "" if item.recorded else "   (never recorded: its view function alone)"
    rows = [(_place(priorities, gap), gap.function) for gap in item.gaps]
    gaps = tabulate(rows, tablefmt="plain", disable_numparse=True)
    return f"{number}. {item.route}{note}\n{indent(gaps, '   ')}"


def _place(priorities: Priorities, gap: Gap) -> str:
    statements = from_bitmap(priorities.statements[gap.path])
    return f"{relative_path(gap.path, priorities.root)}:{format_lines(statements, gap.missing)}"


def json_object(priorities: Priorities, limit: int) -> dict[str, Any]:
    """The same, as an object for JSON."""
    return {
        "requests": priorities.requests,
        "unmatched": priorities.unmatched,
        "never_hit": list(priorities.never_hit),
        "priorities": [_as_object(priorities, item) for item in priorities.ranked[:limit]],
    }


def _as_object(priorities: Priorities, item: Priority) -> dict[str, Any]:
    return {
        "route": item.route,
        "requests": item.requests,
        "share": item.share,
        "recorded": item.recorded,
        "uncovered": item.uncovered,
        "score": item.score,
        "gaps": [
            {
                "file": relative_path(gap.path, priorities.root),
                "function": gap.function,
                "line": gap.first_line,
                "missing_lines": list(gap.missing),
            }
            for gap in item.gaps
        ],
    }
