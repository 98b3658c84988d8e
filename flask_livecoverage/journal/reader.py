"""Reads a run back from its journals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..model.data_files import open_for_reading
from ..model.records import Process, RequestRecord, Rule, Run, Trace
from .fold import LateUpdate, RequestFold
from .format import (
    LINE_PREFIX,
    UNREADABLE,
    describe_unreadable,
    header,
    objects,
    pieces,
    pop_kind,
    process_of,
    rules_of,
    source_files_of,
    trace_of,
)
from .losses import describe_losses
from .run_folder import RunFolder


def read_run(folder: RunFolder, *, since_mark: bool = False) -> Run:
    """Return the run in ``folder``; with ``since_mark``, only its requests since the last reset.

    Lines that cannot be read are left out, and named in the run's ``warnings``. Traces from before the mark are kept as
    the run's ``before_reset``: the lines of imports stay covered after a reset.
    """
    run, _offsets = _read(folder, folder.last_mark() if since_mark else {})
    return run


@contextmanager
def reading_and_reset(folder: RunFolder) -> Iterator[Run]:
    """Yield the run since the last reset, and reset in one step: every request is in exactly one such reading.

    The reset happens if the block ends without an error, so a report that fails loses nothing.
    """
    with folder.locked():
        run, offsets = _read(folder, folder.last_mark())
        yield run
        folder.mark(offsets)


def reset(folder: RunFolder) -> None:
    """Set a mark at the end of the journals: dumps contain what follows the last mark. Nothing is deleted."""
    with folder.locked():
        _, offsets = _read(folder, folder.last_mark())
        folder.mark(offsets)


@dataclass
class _Collected:
    """The content of a run's journals, while they are read."""

    processes: list[Process] = field(default_factory=list)
    fold: RequestFold = field(default_factory=RequestFold)
    traces: dict[str, Trace] = field(default_factory=dict)
    ambient: dict[str, None] = field(default_factory=dict)
    # The traces of requests before the mark. Not by request, because a long run has many.
    before_mark: dict[str, None] = field(default_factory=dict)
    source_files: set[str] = field(default_factory=set)
    # The methods, by rule and endpoint.
    rules: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    # How many records, by the reason.
    lost: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)


def _read(folder: RunFolder, mark: dict[str, int]) -> tuple[Run, dict[str, int]]:
    collected = _Collected()
    offsets = dict(mark)
    for path in folder.journals():
        try:
            # A line that is being written, or was torn by a kill, is not included yet.
            offsets[path.name] = _read_journal(path, mark.get(path.name, 0), collected)
        except OSError as error:
            collected.warnings.append(f"{path}: cannot be read ({error.strerror}), skipped")
    for path in sorted(folder.path.iterdir()) if folder.path.is_dir() else ():
        if not path.name.startswith(("journal-", "marks.")):
            collected.warnings.append(f"{path}: not a file of Flask-LiveCoverage, skipped")
    _keep_lines_of_earlier_requests(folder, mark, collected)
    requests = _combined_requests(collected)
    collected.warnings += filter(None, [describe_losses(collected.lost)])
    run = Run(
        id=folder.id,
        processes=sorted(collected.processes, key=lambda process: process.started_at),
        requests=sorted(collected.fold.assign_windows(requests), key=lambda request: request.started_at),
        traces=collected.traces,
        ambient=list(collected.ambient),
        before_reset=list(collected.before_mark),
        windows=collected.fold.windows(),
        source_files=sorted(collected.source_files),
        rules=[Rule(*key, tuple(sorted(methods))) for key, methods in sorted(collected.rules.items())],
        lost=collected.lost.total(),
        warnings=collected.warnings,
    )
    return run, offsets


def _read_journal(path: Path, mark: int, collected: _Collected) -> int:
    """Read a journal; return the offset at which its last whole line ends. Raises OSError."""
    end = broken = 0
    process: Process | None = None
    with open_for_reading(path) as file:
        for position, data in pieces(file):
            if not data.endswith(b"\n"):
                collected.warnings.append(f"{path}: the last line is torn, skipped")
                if not position and data.startswith(LINE_PREFIX[: len(data)]):
                    return 0  # killed while it wrote the first line
            if process is None:
                process, problem = header(data.partition(b"\n")[0])
                if process is None:
                    collected.warnings.append(f"{path}: {problem}")
                    return 0
            if data.endswith(b"\n"):
                broken += _take_all(position, data, process.pid, mark, collected)
                end = position + len(data)
    if broken:
        collected.warnings.append(describe_unreadable(path, broken))
    return end


def _take_all(position: int, data: bytes, pid: int, mark: int, collected: _Collected) -> int:
    """Add the lines of a piece; return how many cannot be read."""
    broken = 0
    for offset, line in objects(data):
        try:
            _take(line, pid, collected, counts=position + offset >= mark)
        except UNREADABLE:
            broken += 1
    return broken


def _take(line: dict[str, Any] | None, pid: int, collected: _Collected, *, counts: bool) -> None:
    """Add one line; ``counts``: whether it comes after the mark. Unknown kinds, of newer versions, are skipped."""
    kind = pop_kind(line)
    assert line is not None
    if kind in ("request", "amend") and not counts:
        collected.before_mark[line["trace"]] = None
    elif collected.fold.add(kind, line, pid):
        pass
    elif kind == "trace":
        # The first one counts, as in the store and in `tail`: others are equal, unless they are damaged.
        collected.traces.setdefault(line["id"], trace_of(line))
    elif kind == "ambient":
        collected.ambient[line["trace"]] = None
    elif kind == "sources":
        collected.source_files.update(source_files_of(line))
    elif kind == "rules":
        for rule, endpoint, methods in rules_of(line):
            collected.rules.setdefault((rule, endpoint), set()).update(methods)
    elif kind == "process":
        collected.processes.append(process_of(line))
    elif kind == "lost":
        # Before the mark too, because a loss may be reported much later than it happened.
        collected.lost[line["reason"]] += line["count"]


def _combined_requests(collected: _Collected) -> list[RequestRecord]:
    """Return the records with their late updates, and add their traces to the others."""
    records = []
    missing = []
    for request in collected.fold.requests.values():
        record, trace = request.combined(collected.traces)
        records.append(record)
        if trace is None:
            missing.append(record.id)
        else:
            collected.traces[trace.id] = trace
        collected.warnings += _missing_late_lines(record.id, request.late, collected)
    _warn_of_missing_traces(missing, collected)
    return records


def _missing_late_lines(request_id: str, late: Iterable[LateUpdate], collected: _Collected) -> Iterator[str]:
    for one in late:
        if one.trace not in collected.traces:
            yield f"request {request_id}: trace {one.trace} is missing"


def _keep_lines_of_earlier_requests(folder: RunFolder, mark: dict[str, int], collected: _Collected) -> None:
    """Keep the late lines of requests from before the mark, which are in an earlier dump.

    The lines that such a request has run since then, and had not run before, are ambient.
    """
    waiting = collected.fold.waiting
    before = _traces_before(folder, mark, waiting.keys())
    for request_id, late in waiting.items():
        collected.warnings += _missing_late_lines(request_id, late, collected)
        known = [collected.traces[trace] for trace in before.get(request_id, ()) if trace in collected.traces]
        for one in late:
            lines = collected.traces.get(one.trace, Trace.of({}))
            for trace in known:
                lines = lines - trace
            if lines.files:
                collected.traces[lines.id] = lines
                collected.ambient[lines.id] = None


def _traces_before(folder: RunFolder, mark: dict[str, int], requests: Collection[str]) -> dict[str, list[str]]:
    """Return the traces of these requests before the mark: read once more, because few requests outlive a reset."""
    found: dict[str, list[str]] = {}
    for path in folder.journals() if requests and mark else ():
        with suppress(OSError), open_for_reading(path) as file:
            for _, data in pieces(file, end=mark.get(path.name, 0)):
                for _, line in objects(data):
                    with suppress(*UNREADABLE):
                        if pop_kind(line) in ("request", "amend") and line and line["id"] in requests:
                            found.setdefault(line["id"], []).append(line["trace"])
    return found


def _warn_of_missing_traces(missing: list[str], collected: _Collected) -> None:
    if missing:
        collected.warnings.append(
            f"{len(missing)} request{'s' if len(missing) > 1 else ''} without lines: the traces of {missing[0]}"
            f"{' and others' if len(missing) > 1 else ''} are missing"
        )
