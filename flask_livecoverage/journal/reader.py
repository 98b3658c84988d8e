"""Reads a run back from its journals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..model.atomic_files import open_regular
from ..model.records import NOBODY, Process, RequestRecord, Rule, Run, Trace, Window
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
from .windows import window_at, windows_of


def read_run(folder: RunFolder, *, since_mark: bool = False) -> Run:
    """The run in ``folder``; with ``since_mark``, its requests since the last reset alone.

    What cannot be read is left out, and named in the run's ``warnings``. Traces from before the mark are kept, the
    run's ``put_aside``: the lines that ran when modules were imported stay covered after a reset.
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
    requests: dict[str, RequestRecord] = field(default_factory=dict)
    amends: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    traces: dict[str, Trace] = field(default_factory=dict)
    ambient: dict[str, None] = field(default_factory=dict)
    # The traces of requests from before the mark. Not by request: a long run has many.
    put_aside: dict[str, None] = field(default_factory=dict)
    window_events: list[tuple[float, str]] = field(default_factory=list)
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
    earlier = _traces_before(folder, mark, {id_ for id_, _, _ in collected.amends if id_ not in collected.requests})
    for request_id, trace_id, changes in collected.amends:
        _amend(collected, request_id, trace_id, changes, earlier.get(request_id, ()))
    _warn_of_missing_traces(collected)
    collected.warnings += filter(None, [describe_loss(collected.lost)])
    windows = windows_of(collected.window_events)
    requests = sorted(_place(collected.requests.values(), windows), key=lambda request: request.started_at)
    run = Run(
        id=folder.id,
        processes=sorted(collected.processes, key=lambda process: process.started_at),
        requests=requests,
        traces=collected.traces,
        ambient=list(collected.ambient),
        put_aside=list(collected.put_aside),
        windows=windows,
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
    with open_regular(path) as file:
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
    elif kind == "request":
        collected.requests[line["id"]] = RequestRecord(pid=pid, **line)
    elif kind == "amend":
        changes: dict[str, Any] = {key: line[key] for key in ("status", "duration_ms") if key in line}
        if "ended" in line:
            changes["under_way"] = not line["ended"]
        collected.amends.append((line["id"], line["trace"], changes))
    elif kind == "trace":
        # The first that is told, as the store and those who follow do: others are the same, unless they are garbled.
        collected.traces.setdefault(line["id"], trace_of(line))
    elif kind == "ambient":
        collected.ambient[line["trace"]] = None
    elif kind == "window":
        collected.window_events.append((line["at"], line["name"]))
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


def _amend(
    collected: _Collected, request_id: str, trace_id: str, changes: dict[str, Any], before: Iterable[str]
) -> None:
    """Add what a request ran after its record was written. A forked child may add to a request of its parent's.

    ``before`` are the traces that it had left before the mark.
    """
    later = collected.traces.get(trace_id)
    request = collected.requests.get(request_id)
    if later is None:
        collected.warnings.append(f"request {request_id}: trace {trace_id} is missing")
    elif request is None:
        # Its record lies before the mark, in an earlier dump. What it ran since then must not be lost.
        for earlier in before:
            later = later - collected.traces[earlier] if earlier in collected.traces else later
        if later.files:
            collected.traces[later.id] = later
            collected.ambient[later.id] = None
    elif request.trace in collected.traces:
        # Else it has no lines, and is named with those: a part of them would look like all.
        whole = collected.traces[request.trace] | later
        collected.traces[whole.id] = whole
        collected.requests[request.id] = replace(request, trace=whole.id, **changes)


def _traces_before(folder: RunFolder, mark: dict[str, int], requests: set[str]) -> dict[str, list[str]]:
    """The traces that these requests left before the mark: read once more, because few requests outlive a reset."""
    found: dict[str, list[str]] = {}
    for path in folder.journals() if requests and mark else ():
        with suppress(OSError), open_regular(path) as file:
            for _, data in pieces(file, end=mark.get(path.name, 0)):
                for _, line in objects(data):
                    with suppress(*UNREADABLE):
                        if kind_of(line) in ("request", "amend") and line and line["id"] in requests:
                            found.setdefault(line["id"], []).append(line["trace"])
    return found


def _place(requests: Iterable[RequestRecord], windows: list[Window]) -> Iterator[RequestRecord]:
    """The requests, with the window in which each began; those that are no test's are in none."""
    openings = [window.opened_at for window in windows]
    for request in requests:
        window = window_at(request.started_at, windows, openings)
        if request.test == NOBODY:
            yield replace(request, test=None)
        elif window is not None:
            yield replace(request, window=window.name, test=request.test or window.name)
        else:
            yield request


def _warn_of_missing_traces(collected: _Collected) -> None:
    missing = [request.id for request in collected.requests.values() if request.trace not in collected.traces]
    if missing:
        collected.warnings.append(
            f"{len(missing)} request{'s' if len(missing) > 1 else ''} without lines: the traces of {missing[0]}"
            f"{' and others' if len(missing) > 1 else ''} are missing"
        )
