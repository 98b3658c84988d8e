"""The statements that were not executed, and the lines of each trace that count, in files that have not changed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..exports.reports import local_paths, no_recorded_file, open_reports
from ..model.bitmap import to_bitmap
from ..model.records import Run, Trace
from ..sources.content import content_hash


@dataclass(frozen=True)
class Statements:
    """The result of :func:`read_statements`, as bitmaps of lines.

    ``all`` holds the statements of each file that is reported on, ``missing`` those that were not executed.
    ``executed`` holds the lines of each trace, by the trace's id and the file. ``warnings`` name the files that have
    changed, which are left out.
    """

    all: Mapping[str, int]
    missing: Mapping[str, int]
    executed: Mapping[str, Mapping[str, int]]
    warnings: Sequence[str]


def read_statements(traces: Iterable[Trace], other_files: Iterable[str] = ()) -> Statements:
    """The statements of the files in ``traces`` and of ``other_files``, under the user's coverage.py configuration.

    Paths are those that the files have here. Raises DataError if none of them is.
    """
    by_id = {trace.id: trace for trace in traces}
    recorded = {path for trace in by_id.values() for path in trace.files}
    with tempfile.TemporaryDirectory() as folder:
        local_path = local_paths(recorded, Path(folder))
        here = {path: local_path(path) for path in recorded}
    contents = {path: content_hash(path) for path in here.values()}
    if contents and not any(contents.values()):
        raise DataError(no_recorded_file(min(contents)))
    executed: dict[str, dict[str, int]] = {trace: {} for trace in by_id}
    for trace in by_id.values():
        for path, lines in trace.files.items():
            if lines.content == contents[here[path]]:
                executed[trace.id][here[path]] = executed[trace.id].get(here[path], 0) | lines.lines
    # A file that was recorded, but as something else, is left out even if it is one of the others.
    current = {path for files in executed.values() for path in files} | (set(other_files) - set(contents))
    report, warnings = _report(by_id, current)
    missing = {path: to_bitmap(file["missing_lines"]) for path, file in report.items()}
    covered = {path: to_bitmap(file["executed_lines"]) for path, file in report.items()}
    return Statements({path: missing[path] | covered[path] for path in report}, missing, executed, warnings)


def _report(traces: Mapping[str, Trace], files: Iterable[str]) -> tuple[dict[str, Any], Sequence[str]]:
    """coverage.py's JSON report on ``files``, and its warnings."""
    everything = Run("", (), (), traces, ambient=list(traces), source_files=sorted(files))
    with open_reports([everything], contexts="none") as reports:
        try:
            return reports.json_files(), reports.warnings
        except DataError:
            return {}, reports.warnings
