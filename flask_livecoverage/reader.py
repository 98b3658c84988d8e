"""Reads a run back from its journals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .journal import FORMAT_VERSION, RunFolder
from .lines import from_hex
from .model import FileLines, Process, RequestRecord, Run, Trace, Window


def read_run(folder: RunFolder, *, since_mark: bool = False) -> Run:
    """The run in ``folder``; with ``since_mark``, its requests since the last reset alone.

    What cannot be read is left out, and named in the run's ``warnings``. Traces from before the mark are kept: the
    lines that ran when modules were imported stay covered after a reset.
    """
    run, _offsets = _read(folder, folder.last_mark() if since_mark else {})
    return run


def read_and_reset(folder: RunFolder) -> Run:
    """The run since the last reset, and a reset in one step: every request is in exactly one such reading."""
    with folder.locked():
        run, offsets = _read(folder, folder.last_mark())
        folder.mark(offsets)
    return run


def reset(folder: RunFolder) -> None:
    """Move the mark from which dumps count to the end of what is recorded. Nothing is deleted."""
    with folder.locked():
        folder.mark({path.name: len(_whole_lines(path)) for path in folder.journals()})


@dataclass
class _Collected:
    """What the journals of a run say, in the making."""

    processes: list[Process] = field(default_factory=list)
    requests: dict[str, RequestRecord] = field(default_factory=dict)
    amends: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    traces: dict[str, Trace] = field(default_factory=dict)
    ambient: dict[str, None] = field(default_factory=dict)
    window_events: list[tuple[float, str]] = field(default_factory=list)
    source_files: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)


def _read(folder: RunFolder, mark: dict[str, int]) -> tuple[Run, dict[str, int]]:
    collected = _Collected()
    offsets = {}
    for path in folder.journals():
        data = _whole_lines(path)
        offsets[path.name] = len(data)
        _read_journal(path, data, mark.get(path.name, 0), collected)
    for path in sorted(folder.path.iterdir()) if folder.path.is_dir() else ():
        if not path.name.startswith(("journal-", "marks.")):
            collected.warnings.append(f"{path}: not a file of this program's, skipped")
    for request_id, trace_id, changes in collected.amends:
        _amend(collected, request_id, trace_id, changes)
    windows = _windows(collected.window_events)
    requests = sorted(
        (_place(request, windows) for request in collected.requests.values()), key=lambda request: request.started_at
    )
    run = Run(
        id=folder.id,
        processes=sorted(collected.processes, key=lambda process: process.started_at),
        requests=requests,
        traces=collected.traces,
        ambient=list(collected.ambient),
        windows=windows,
        source_files=sorted(collected.source_files),
        warnings=collected.warnings,
    )
    return run, offsets


def _whole_lines(path: Path) -> bytes:
    """The file up to its last newline: a line that is being written, or was torn by a kill, is not counted yet."""
    data = path.read_bytes()
    return data[: data.rfind(b"\n") + 1]


def _read_journal(path: Path, data: bytes, mark: int, collected: _Collected) -> None:
    if len(data) < path.stat().st_size:
        collected.warnings.append(f"{path}: the last line is torn, skipped")
    lines = _objects(data)
    _, first = next(lines, (0, None))
    if first is None or first.get("type") != "process":
        collected.warnings.append(f"{path}: not a journal of this program's, skipped")
        return
    if first.get("version") != FORMAT_VERSION:
        collected.warnings.append(
            f"{path}: written in format {first.get('version')}, which this version cannot read; skipped"
        )
        return
    pid = first.get("pid", 0)
    broken = 0
    for offset, line in [(0, first), *lines]:
        try:
            _take(line, pid, collected, counts=offset >= mark)
        except (KeyError, TypeError, ValueError, AttributeError):
            broken += 1
    if broken:
        collected.warnings.append(f"{path}: {broken} line{'s' if broken > 1 else ''} cannot be read, skipped")


def _objects(data: bytes) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Each line's offset and JSON object, None for one that is none."""
    offset = 0
    for line in data.splitlines(keepends=True):
        if line.strip():
            try:
                found = json.loads(line)
            except ValueError:
                found = None
            yield offset, found if isinstance(found, dict) else None
        offset += len(line)


def _take(line: dict[str, Any] | None, pid: int, collected: _Collected, *, counts: bool) -> None:
    """Add one line; ``counts`` is whether it lies behind the mark. A kind that a newer version wrote is passed over."""
    if line is None:
        raise ValueError("not a JSON object")
    kind = line.pop("type", None)
    if kind == "request" and counts:
        collected.requests[line["id"]] = RequestRecord(pid=pid, **line)
    elif kind == "amend" and counts:
        changes: dict[str, Any] = {key: line[key] for key in ("status", "duration_ms") if key in line}
        collected.amends.append((line["id"], line["trace"], changes))
    elif kind == "trace":
        collected.traces[line["id"]] = Trace(line["id"], {path: _file(entry) for path, entry in line["files"].items()})
    elif kind == "ambient":
        collected.ambient[line["trace"]] = None
    elif kind == "window":
        collected.window_events.append((line["at"], line["name"]))
    elif kind == "sources":
        collected.source_files.update(line["files"])
    elif kind == "process":
        line.pop("version")
        collected.processes.append(Process(**line))


def _file(entry: dict[str, Any]) -> FileLines:
    arcs = entry.get("arcs")
    return FileLines(
        content=entry["content"],
        lines=from_hex(entry["lines"]),
        arcs=None if arcs is None else frozenset((first, second) for first, second in arcs),
    )


def _amend(collected: _Collected, request_id: str, trace_id: str, changes: dict[str, Any]) -> None:
    """Add what a request ran after its record was written. A forked child may add to a request of its parent's."""
    later = collected.traces.get(trace_id)
    request = collected.requests.get(request_id)
    if later is None:
        collected.warnings.append(f"request {request_id}: trace {trace_id} is missing")
    elif request is None:
        # Its record lies before the mark, in an earlier dump. What it ran since then must not be lost.
        collected.ambient[later.id] = None
    else:
        whole = collected.traces.get(request.trace, later) | later
        collected.traces[whole.id] = whole
        collected.requests[request.id] = replace(request, trace=whole.id, **changes)


def _windows(events: Iterable[tuple[float, str]]) -> list[Window]:
    """The windows that these events opened and closed: at most one is open at a time, in all processes of the run."""
    windows: list[Window] = []
    for at, name in sorted(events, key=lambda event: event[0]):
        if windows and windows[-1].closed_at is None:
            windows[-1] = replace(windows[-1], closed_at=at)
        if name:
            windows.append(Window(name, at))
    return windows


def _place(request: RequestRecord, windows: list[Window]) -> RequestRecord:
    window = next((w.name for w in windows if w.holds(request.started_at)), None)
    return request if window is None else replace(request, window=window, test=request.test or window)
