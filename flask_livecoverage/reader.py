"""Reads a run back from its journals."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .journal import FORMAT_VERSION, RunFolder
from .lines import from_hex
from .model import FileLines, Process, RequestRecord, Rule, Run, Trace, Window

# How every line of a journal begins. Inside one, quotation marks are escaped.
_BEGIN = b'{"type":'

_NUMBER = (int, float)
_OPTIONAL = (str, type(None))
_TYPES: dict[str, dict[str, Any]] = {
    "process": {"pid": int, "started_at": _NUMBER, "root": str, "engine": str, "branch": bool},
    "sources": {"files": list},
    "rules": {"rules": list},
    "trace": {"id": str, "files": dict},
    "request": {
        "id": str, "trace": str, "method": str, "path": str, "status": int, "started_at": _NUMBER,
        "duration_ms": _NUMBER, "test": _OPTIONAL, "route": _OPTIONAL, "endpoint": _OPTIONAL,
    },
    "amend": {"id": str, "trace": str},
    "ambient": {"trace": str},
    "window": {"at": _NUMBER, "name": str},
}  # fmt: skip


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
    # The traces of requests from before the mark, by the requests' ids.
    put_aside: dict[str, list[str]] = field(default_factory=dict)
    window_events: list[tuple[float, str]] = field(default_factory=list)
    source_files: set[str] = field(default_factory=set)
    # The methods, by rule and endpoint.
    rules: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def _read(folder: RunFolder, mark: dict[str, int]) -> tuple[Run, dict[str, int]]:
    collected = _Collected()
    offsets = dict(mark)
    for path in folder.journals():
        try:
            data = path.read_bytes()
        except OSError as error:
            collected.warnings.append(f"{path}: cannot be read ({error.strerror}), skipped")
            continue
        # A line that is being written, or was torn by a kill, is not counted yet.
        offsets[path.name] = data.rfind(b"\n") + 1
        _read_journal(path, data, mark.get(path.name, 0), collected)
    for path in sorted(folder.path.iterdir()) if folder.path.is_dir() else ():
        if not path.name.startswith(("journal-", "marks.")):
            collected.warnings.append(f"{path}: not a file of this program's, skipped")
    for request_id, trace_id, changes in collected.amends:
        _amend(collected, request_id, trace_id, changes)
    _warn_of_missing_traces(collected)
    windows = _windows(collected.window_events)
    requests = sorted(_place(collected.requests.values(), windows), key=lambda request: request.started_at)
    run = Run(
        id=folder.id,
        processes=sorted(collected.processes, key=lambda process: process.started_at),
        requests=requests,
        traces=collected.traces,
        ambient=list(collected.ambient),
        put_aside=list(dict.fromkeys(trace for traces in collected.put_aside.values() for trace in traces)),
        windows=windows,
        source_files=sorted(collected.source_files),
        rules=[Rule(*key, tuple(sorted(methods))) for key, methods in sorted(collected.rules.items())],
        warnings=collected.warnings,
    )
    return run, offsets


def _read_journal(path: Path, data: bytes, mark: int, collected: _Collected) -> None:
    if not data:
        return  # made a moment ago: its process has not written the first line yet
    if not data.endswith(b"\n"):
        collected.warnings.append(f"{path}: the last line is torn, skipped")
    lines = _objects(data[: data.rfind(b"\n") + 1])
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
    for line in data.split(b"\n"):
        if line:
            found = _object(line)
            yield offset, found
            if found is None and (begin := line.rfind(_BEGIN)) > 0:
                # Another thread's line behind one that was torn when the disk was full.
                yield offset, _object(line[begin:])
        offset += len(line) + 1


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _take(line: dict[str, Any] | None, pid: int, collected: _Collected, *, counts: bool) -> None:
    """Add one line; ``counts`` is whether it lies behind the mark. A kind that a newer version wrote is passed over."""
    if line is None:
        raise ValueError("not a JSON object")
    kind = line.pop("type", None)
    for key, types in _TYPES.get(kind, {}).items():
        if not isinstance(line[key], types):
            raise TypeError(f"{key} cannot be {line[key]!r}")
    if kind in ("request", "amend") and not counts:
        collected.put_aside.setdefault(line["id"], []).append(line["trace"])
    elif kind == "request":
        collected.requests[line["id"]] = RequestRecord(pid=pid, **line)
    elif kind == "amend":
        changes: dict[str, Any] = {key: line[key] for key in ("status", "duration_ms") if key in line}
        collected.amends.append((line["id"], line["trace"], changes))
    elif kind == "trace":
        collected.traces[line["id"]] = Trace(line["id"], {path: _file(entry) for path, entry in line["files"].items()})
    elif kind == "ambient":
        collected.ambient[line["trace"]] = None
    elif kind == "window":
        collected.window_events.append((line["at"], line["name"]))
    elif kind == "sources":
        collected.source_files.update(map(str, line["files"]))
    elif kind == "rules":
        for rule, endpoint, methods in rules_of(line):
            collected.rules.setdefault((rule, endpoint), set()).update(methods)
    elif kind == "process":
        line.pop("version")
        collected.processes.append(Process(**line))


def rules_of(line: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    """Rule, endpoint and methods of each rule in a line of that kind. Raises TypeError or ValueError for others."""
    entries = line["rules"]
    for rule, endpoint, methods in entries:
        if not all(isinstance(text, str) for text in (rule, endpoint, *methods)) or not isinstance(methods, list):
            raise TypeError(f"a rule cannot be {[rule, endpoint, methods]!r}")
    return [(rule, endpoint, methods) for rule, endpoint, methods in entries]


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
        for earlier in collected.put_aside.get(request_id, ()):
            later = later - collected.traces[earlier] if earlier in collected.traces else later
        if later.files:
            collected.traces[later.id] = later
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


def _place(requests: Iterable[RequestRecord], windows: list[Window]) -> Iterator[RequestRecord]:
    """The requests, with the window in which each began."""
    openings = [window.opened_at for window in windows]
    for request in requests:
        index = bisect_right(openings, request.started_at) - 1
        if index >= 0 and windows[index].holds(request.started_at):
            window = windows[index].name
            yield replace(request, window=window, test=request.test or window)
        else:
            yield request


def _warn_of_missing_traces(collected: _Collected) -> None:
    missing = [request.id for request in collected.requests.values() if request.trace not in collected.traces]
    if missing:
        collected.warnings.append(
            f"{len(missing)} request{'s' if len(missing) > 1 else ''} without lines: the traces of {missing[0]}"
            f"{' and others' if len(missing) > 1 else ''} are missing"
        )
