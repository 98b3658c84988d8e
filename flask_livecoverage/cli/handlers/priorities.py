"""The work of ``flask livecov priorities``: read an access log, if there is one, and print what to cover next."""

from __future__ import annotations

import os
from collections.abc import Sequence
from textwrap import indent
from typing import Any

from flask import Flask
from flask.cli import ScriptInfo
from tabulate import tabulate

from ...analysis.access_log import AccessLog
from ...analysis.priorities import Gap, Priority
from ...errors import ConfigurationError, DataError
from ...exports.dump import relative_path
from ...model.bitmap import from_bitmap
from ...queries import gaps
from ...queries.gaps import Priorities, RecordedRoutes, Traffic, read_functions, recorded_routes
from ...sources.coveragepy import format_lines
from ...sources.functions import Function
from ...sources.selection import Sources
from .opening import open_recorded
from .reporting import warn
from .serving import load_app
from .traffic import LoggedTraffic, view_code

# The number of routes whose gaps are printed line by line.
DETAILED = 5


def find_priorities(info: ScriptInfo, data_dir: str, selection: str, access_log: str | None) -> Priorities:
    """Rank the routes of the runs that ``selection`` names, by their traffic there or in an access log.

    Raises DataError if nothing is recorded, ConfigurationError for an access log that cannot be read or matched.
    """
    with open_recorded(data_dir, selection) as stored:
        recorded = recorded_routes(stored)
    if access_log is not None:
        traffic = _logged_traffic(info, access_log, recorded)
    elif recorded.routes:
        traffic = Traffic(recorded.traffic)
    else:
        raise DataError("no request is recorded: send some to the server, or weigh with --access-log FILE")
    found = gaps.find_priorities(recorded, traffic)
    for warning in found.warnings:
        warn(warning)
    return found


# Access logs


def _logged_traffic(info: ScriptInfo, access_log: str, recorded: RecordedRoutes) -> Traffic:
    app = _load_unmeasured(info)
    logged = _read(access_log, app)
    return Traffic(logged.by_route, _views(app, logged, recorded), logged.unmatched)


def _load_unmeasured(info: ScriptInfo) -> Flask:
    """The application, not measured, because a question must not add to what is recorded."""
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


def _read(access_log: str, app: Flask) -> LoggedTraffic:
    log = AccessLog(access_log)
    traffic = LoggedTraffic(app)
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


def _views(app: Flask, traffic: LoggedTraffic, recorded: RecordedRoutes) -> dict[str, list[tuple[str, Function]]]:
    """The view functions of routes that get requests and were never recorded, with their files."""
    sources, files = Sources(), recorded.files
    views: dict[str, list[tuple[str, Function]]] = {}
    for name, rule in traffic.rules.items():
        code = None if name in recorded.routes else view_code(app, rule, name.partition(" ")[0])
        path = os.path.realpath(code.co_filename) if code else ""
        if code and (path in files or sources.measures(path)):
            views[name] = [(path, found) for found in read_functions(path) if found.first_line == code.co_firstlineno]
    return views


# Output


def text(priorities: Priorities, limit: int) -> str:
    """The table of the first ``limit`` routes, and the gaps of the first of these."""
    shown = priorities.ranked[:limit]
    if not priorities.statements:
        parts = ["Nothing to rank: all recorded files have changed, are gone, or are left out by the configuration."]
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
    # tabulate would take these texts for numbers.
    return tabulate(
        rows,
        headers=("", "Route", "Requests", "Share", "Uncovered"),
        disable_numparse=True,
        colalign=("right", "left", "right", "right", "right"),
    )


def _details(priorities: Priorities, number: int, item: Priority) -> str:
    note = "" if item.recorded else "   (never recorded: its view function alone)"
    rows = [(_line_reference(priorities, gap), gap.function) for gap in item.gaps]
    shown = tabulate(rows, tablefmt="plain", disable_numparse=True)
    return f"{number}. {item.route}{note}\n{indent(shown, '   ')}"


def _line_reference(priorities: Priorities, gap: Gap) -> str:
    statements = from_bitmap(priorities.statements[gap.path])
    return f"{relative_path(gap.path, priorities.root)}:{format_lines(statements, gap.missing)}"


def json_object(priorities: Priorities, limit: int) -> dict[str, Any]:
    """The first ``limit`` routes and their gaps, as an object for JSON."""
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
