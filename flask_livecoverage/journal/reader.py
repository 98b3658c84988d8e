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
from .fold import Late, RequestFold
from .format import (
    BEGIN,
    UNREADABLE,
    describe_loss,
    header,
    kind_of,
    objects,
    pieces,
    process_of,
    rules_of,
    source_files_of,
    trace_of,
)
from .run_folder import RunFolder


def read_run(folder: RunFolder, *, since_mark: bool = False) -> Run:
    """The run in ``folder``; with ``since_mark``, its requests since the last reset alone.

    What cannot be read is left out, and named in the run's ``warnings``. Traces from before the mark are kept, the
    run's ``before_reset``: the lines that ran when modules were imported stay covered after a reset.
    """
    run, _offsets = _read(folder, folder.last_mark() if since_mark else {})
    return run


@contextmanager
def reading_and_reset(folder: RunFolder) -> Iterator[Run]:
    """The run since the last reset, and a reset in one step: every request is in exactly one such reading.

    The reset happens when the block ends well, so what is read is not lost with a report that fails.
    """
    with folder.locked():
        run, offsets = _read(folder, folder.last_mark())
        yield run
        folder.mark(offsets)


def reset(folder: RunFolder) -> None:
    """Move the mark from which dumps count to the end of what is recorded. Nothing is deleted."""
    with folder.locked():
        _, offsets = _read(folder, folder.last_mark())
        folder.mark(offsets)


@dataclass
class _Collected:
    """What the journals of a run say, in the making."""

    processes: list[Process] = field(default_factory=list)
    fold: RequestFold = field(default_factory=RequestFold)
    traces: dict[str, Trace] = field(default_factory=dict)
    ambient: dict[str, None] = field(default_factory=dict)
    # The traces of requests from before the mark. Not by request: a long run has many.
    put_aside: dict[str, None] = field(default_factory=dict)
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
            # A line that is being written, or was torn by a kill, is not counted yet.
            offsets[path.name] = _read_journal(path, mark.get(path.name, 0), collected)
        except OSError as error:
            collected.warnings.append(f"{path}: cannot be read ({error.strerror}), skipped")
    for path in sorted(folder.path.iterdir()) if folder.path.is_dir() else ():
        if not path.name.startswith(("journal-", "marks.")):
            collected.warnings.append(f"{path}: not a file of this program's, skipped")
    _keep_lines_of_earlier_requests(folder, mark, collected)
    requests = _whole_requests(collected)
    collected.warnings += filter(None, [describe_loss(collected.lost)])
    run = Run(
        id=folder.id,
        processes=sorted(collected.processes, key=lambda process: process.started_at),
        requests=sorted(collected.fold.place(requests), key=lambda request: request.started_at),
        traces=collected.traces,
        ambient=list(collected.ambient),
        before_reset=list(collected.put_aside),
        windows=collected.fold.windows(),
        source_files=sorted(collected.source_files),
        rules=[Rule(*key, tuple(sorted(methods))) for key, methods in sorted(collected.rules.items())],
        lost=collected.lost.total(),
        warnings=collected.warnings,
    )
    return run, offsets


def _read_journal(path: Path, mark: int, collected: _Collected) -> int:
    """Read a journal; return the byte behind its last whole line. Raises OSError."""
    end = broken = 0
    process: Process | None = None
    with open_for_reading(path) as file:
        for position, data in pieces(file):
            if not data.endswith(b"\n"):
                collected.warnings.append(f"{path}: the last line is torn, skipped")
                if not position and data.startswith(BEGIN[: len(data)]):
                    return 0  # killed before it had told anything
            if process is None:
                process, problem = header(data.partition(b"\n")[0])
                if process is None:
                    collected.warnings.append(f"{path}: {problem}")
                    return 0
            if data.endswith(b"\n"):
                broken += _take_all(position, data, process.pid, mark, collected)
                end = position + len(data)
    if broken:
        collected.warnings.append(f"{path}: {broken} line{'s' if broken > 1 else ''} cannot be read, skipped")
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
    """Add one line; ``counts`` is whether it lies behind the mark. A kind that a newer version wrote is passed over."""
    kind = kind_of(line)
    assert line is not None
    if kind in ("request", "amend") and not counts:
        collected.put_aside[line["trace"]] = None
    elif collected.fold.add(kind, line, pid):
        pass
    elif kind == "trace":
        # The first that is told, as the store and those who follow do: others are the same, unless they are garbled.
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
        # Also before the mark: nobody knows when they were lost.
        collected.lost[line["reason"]] += line["count"]


def _whole_requests(collected: _Collected) -> list[RequestRecord]:
    """The records with all that was added late, and their traces among the others."""
    records = []
    missing = []
    for request in collected.fold.requests.values():
        record, trace = request.whole(collected.traces)
        records.append(record)
        if trace is None:
            missing.append(record.id)
        else:
            collected.traces[trace.id] = trace
        collected.warnings += _missing_late_lines(record.id, request.late, collected)
    _warn_of_missing_traces(missing, collected)
    return records


def _missing_late_lines(request_id: str, late: Iterable[Late], collected: _Collected) -> Iterator[str]:
    for one in late:
        if one.trace not in collected.traces:
            yield f"request {request_id}: trace {one.trace} is missing"


def _keep_lines_of_earlier_requests(folder: RunFolder, mark: dict[str, int], collected: _Collected) -> None:
    """Keep what requests ran late whose record lies before the mark, in an earlier dump, as lines of no request."""
    early = collected.fold.early
    before = _traces_before(folder, mark, early.keys())
    for request_id, late in early.items():
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
    """The traces that these requests left before the mark: read once more, because few requests outlive a reset."""
    found: dict[str, list[str]] = {}
    for path in folder.journals() if requests and mark else ():
        with suppress(OSError), open_for_reading(path) as file:
            for _, data in pieces(file, end=mark.get(path.name, 0)):
                for _, line in objects(data):
                    with suppress(*UNREADABLE):
                        if kind_of(line) in ("request", "amend") and line and line["id"] in requests:
                            found.setdefault(line["id"], []).append(line["trace"])
    return found


def _warn_of_missing_traces(missing: list[str], collected: _Collected) -> None:
    if missing:
        collected.warnings.append(
            f"{len(missing)} request{'s' if len(missing) > 1 else ''} without lines: the traces of {missing[0]}"
            f"{' and others' if len(missing) > 1 else ''} are missing"
        )
