"""The JSON document of ``/__coverage__/dump``."""

from __future__ import annotations

import os
from typing import Any

from ..errors import DataError
from ..model.records import Run, Trace
from .report_process import LiveReports

VERSION = 1

_EMPTY_REPORT = {"totals": {"num_statements": 0, "covered_lines": 0, "percent_covered": 0.0}, "files": {}}


def dump_object(run: Run, reports: LiveReports, *, recording: bool) -> dict[str, Any]:
    """The records of ``run`` as an object for JSON: totals, files, requests and the traces that these refer to.

    Lines are sorted; paths are relative to the run's root, with slashes, and absolute outside it. If nothing has been
    measured yet, everything is empty.
    """
    report = _report(reports)
    totals = report["totals"]
    referenced = {request.trace for request in run.requests}
    return {
        "version": VERSION,
        "run": run.id,
        "engine": run.processes[0].engine if run.processes else None,
        "recording": recording,
        "window": run.open_window.name if run.open_window else None,
        "totals": {
            "statements": totals["num_statements"],
            "covered": totals["covered_lines"],
            "percent": totals["percent_covered"],
        },
        "files": {
            relative_path(os.path.normpath(os.path.join(reports.folder, path)), run.root): {
                "executed_lines": file["executed_lines"],
                "missing_lines": file["missing_lines"],
                "excluded_lines": file["excluded_lines"],
                "percent": file["summary"]["percent_covered"],
            }
            for path, file in report["files"].items()
        },
        "requests": [request.to_object() for request in run.requests],
        "traces": {
            trace.id: relative_lines(trace, run.root) for trace in run.traces.values() if trace.id in referenced
        },
    }


def _report(reports: LiveReports) -> dict[str, Any]:
    try:
        return reports.json_object()
    except DataError:
        return _EMPTY_REPORT


def relative_lines(trace: Trace, root: str) -> dict[str, list[int]]:
    """The line numbers of ``trace``, ascending, by path relative to ``root``."""
    return {relative_path(path, root): lines for path, lines in trace.line_numbers().items()}


def relative_path(path: str, root: str) -> str:
    """``path`` relative to ``root``, with slashes; unchanged outside it."""
    prefix = os.path.join(root, "")
    return path[len(prefix) :].replace(os.sep, "/") if path.startswith(prefix) else path
