"""The format of a journal's lines, for writing and for reading.

:mod:`flask_livecoverage.journal` describes the fields of each kind of line. Lines are JSON objects in ASCII. Readers
check each one, because a file may have been damaged, or written by another version.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quote
from pathlib import Path
from typing import Any, BinaryIO

from ..model.bitmap import from_hex, to_hex
from ..model.records import Arc, FileLines, Process, Trace

FORMAT_VERSION = 1

# Every line of a journal begins so, and no other place in it has these bytes, because quotation marks in texts are
# escaped.
LINE_PREFIX = b'{"type":'


def prefix_of(kind: str) -> bytes:
    """Return the bytes with which every line of this kind begins."""
    return LINE_PREFIX + json.dumps(kind).encode()


# Writing


def line_of(kind: str, **fields: Any) -> str:
    """Return a line of ``kind``, without the newline. Raises ValueError or TypeError for what JSON cannot hold."""
    return json.dumps({"type": kind, **fields}, separators=(",", ":"))


def header_line(fields: Mapping[str, Any]) -> str:
    """Return the first line of a journal: ``fields`` are those of :class:`~..model.records.Process`."""
    return json.dumps({"type": "process", "version": FORMAT_VERSION, **fields})


def fields_of(trace: Trace) -> dict[str, Any]:
    """Return the fields of the line for ``trace``."""
    return {"id": trace.id, "files": {path: _entry_of(lines) for path, lines in trace.files.items()}}


def _entry_of(lines: FileLines) -> dict[str, Any]:
    entry: dict[str, Any] = {"content": lines.content, "lines": to_hex(lines.lines)}
    if lines.arcs is not None:
        entry["arcs"] = sorted(lines.arcs)
    return entry


# Lines of requests are formatted by hand, because a JSON encoder takes several times as long, and so does the
# conversion of floats to decimals. Texts that clients choose are not cached, because their number has no limit.


def request_line(
    request_id: str, trace: str, method: str, route: str | None, endpoint: str | None, path: str, test: str | None,
    status: int, started_ns: int, duration_us: int,
) -> str:  # fmt: skip
    """Return the line for a request's record. Times are integers, in nanoseconds (UNIX time) and microseconds."""
    quoted_test = "null" if test is None else _quote(test)
    return (
        f'{{"type":"request","id":"{request_id}","trace":"{trace}",{_rule(method, route, endpoint)},'
        f'"path":{_quote(path)},"test":{quoted_test},"status":{status},'
        f'"started_at":{started_ns}e-9,"duration_ms":{duration_us}e-3}}'
    )


@lru_cache(maxsize=4096)
def _rule(method: str, route: str | None, endpoint: str | None) -> str:
    return f'"method":{json.dumps(method)},"route":{json.dumps(route)},"endpoint":{json.dumps(endpoint)}'


def late_update_line(request_id: str, trace: str, status: int, duration_us: int, *, ended: bool) -> str:
    """Return the line for a request's changes since its record.

    ``ended`` is true if the response has ended and an earlier line states that it has not.
    """
    head = f'{{"type":"amend","id":"{request_id}","trace":"{trace}","status":{status},"duration_ms":{duration_us}e-3'
    return f'{head},"ended":true}}' if ended else f"{head}}}"


def late_line(request_id: str, trace: str) -> str:
    """Return the line for what a request ran after its response, or in a forked child."""
    return f'{{"type":"amend","id":"{request_id}","trace":"{trace}"}}'


def under_way_line(request_id: str, trace: str) -> str:
    """Return the line for a response that has not ended."""
    return f'{{"type":"amend","id":"{request_id}","trace":"{trace}","ended":false}}'


# Reading

# Exact types, without subclasses, because true is no number in JSON.
_NUMBER = (int, float)
_OPTIONAL = (str, type(None))
_TYPES: dict[str, dict[str, Any]] = {
    "process": {
        "pid": int, "started_at": _NUMBER, "root": str, "engine": str, "branch": bool, "reason": str, "python": str,
    },
    "sources": {"files": list},
    "imports": {"edges": list},
    "rules": {"rules": list},
    "trace": {"id": str, "files": dict},
    "request": {
        "id": str, "trace": str, "method": str, "path": str, "status": int, "started_at": _NUMBER,
        "duration_ms": _NUMBER, "test": _OPTIONAL, "route": _OPTIONAL, "endpoint": _OPTIONAL,
    },
    "amend": {"id": str, "trace": str},
    "ambient": {"trace": str},
    "window": {"at": _NUMBER, "name": str},
    "lost": {"count": int, "reason": str},
}  # fmt: skip
_CHECKS = {
    kind: [(key, types if isinstance(types, tuple) else (types,)) for key, types in fields.items()]
    for kind, fields in _TYPES.items()
}
_LATE_FIELDS = {"status": (int,), "duration_ms": _NUMBER, "ended": (bool,)}

# Numbers must be at least 0 and less than these, which databases can store. JSON has greater ones, and infinity.
_STATUS, _SECONDS = ("status", 1000), 1e12
_LIMITS: dict[str, tuple[tuple[str, float], ...]] = {
    "process": (("pid", 1 << 32), ("started_at", _SECONDS)),
    "request": (_STATUS, ("started_at", _SECONDS), ("duration_ms", _SECONDS)),
    "amend": (_STATUS, ("duration_ms", _SECONDS)),
    "window": (("at", _SECONDS),),
}
_MAX_LINES = 1 << 31

# Some 15,000 requests.
PIECE_BYTES = 4 << 20

_good_shapes: set[tuple[Any, ...]] = set()
_MAX_SHAPES = 1000

# The errors that the functions below raise for a malformed line; the last one for values nested too deeply.
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, RecursionError)


def pieces(file: BinaryIO, position: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield a journal from ``position`` to ``end``, in pieces of whole lines, each with its offset in the file.

    If the last line is torn, it is the last piece.
    """
    file.seek(position)
    rest = b""
    while data := file.read(PIECE_BYTES if end is None else max(0, min(PIECE_BYTES, end - position - len(rest)))):
        data = rest + data
        whole = data.rfind(b"\n") + 1
        if whole:
            yield position, data[:whole]
        position, rest = position + whole, data[whole:]
    if rest:
        yield position, rest


def objects(data: bytes) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Yield each line's offset and JSON object; None for a line that is no JSON object."""
    lines = data.split(b"\n")
    together = _objects_together(data, len(lines) - 1)
    offset = 0
    for index, line in enumerate(lines):
        if line:
            found = together[index] if together else _object(line)
            yield offset, found
            if found is None and (begin := line.rfind(LINE_PREFIX)) > 0:
                # The line of another thread, after one that was torn when the disk was full.
                yield offset, _object(line[begin:])
        offset += len(line) + 1


def _objects_together(data: bytes, count: int) -> list[dict[str, Any] | None] | None:
    """Return the objects of all lines, parsed at once in half the time; None unless each line is an object."""
    try:
        found: list[dict[str, Any] | None] = json.loads(b"[%b]" % data[:-1].replace(b"\n", b","))
    except (ValueError, RecursionError):
        return None
    # Two torn lines may form a valid object with the comma between them.
    return found if len(found) == count and all(type(item) is dict for item in found) else None


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def describe_unreadable(path: Path, count: int) -> str:
    """Return a warning that ``count`` lines of a file were skipped."""
    return f"{path}: {count} line{'s' if count > 1 else ''} cannot be read, skipped"


def pop_kind(line: dict[str, Any] | None) -> str:
    """Remove the kind from a journal's line and return it, with the line checked. Kinds of newer versions pass.

    Raises KeyError, TypeError or ValueError if the line is malformed, or lacks a field of its kind.
    """
    if line is None:
        raise ValueError("not a JSON object")
    kind: str = line.pop("type", "")
    # Nearly all lines of a kind have the same keys and types, so each such shape is checked once.
    shape = kind, *line, *map(type, line.values())
    if shape not in _good_shapes:
        _check_shape(kind, line)
        if len(_good_shapes) < _MAX_SHAPES:
            _good_shapes.add(shape)
    for key, limit in _LIMITS.get(kind, ()):
        if key in line and not 0 <= line[key] < limit:
            raise ValueError(f"{key} is out of range")
    return kind


def _check_shape(kind: str, line: dict[str, Any]) -> None:
    for key, types in _CHECKS.get(kind, ()):
        if type(line[key]) not in types:
            raise TypeError(f"{key} cannot be of type {type(line[key]).__name__}")
    # Values of unknown keys could be nested too deeply for later steps.
    if kind in ("request", "trace", "amend") and not line.keys() <= {*_TYPES[kind], *_LATE_FIELDS}:
        raise TypeError(f"a {kind} has other keys")
    if kind == "amend":
        for key, types in _LATE_FIELDS.items():
            if key in line and type(line[key]) not in types:
                raise TypeError(f"{key} cannot be of type {type(line[key]).__name__}")


def header(line: bytes) -> tuple[Process | None, str]:
    """Return the process that wrote a journal with this first line, or None and why the journal cannot be read."""
    first = _object(line)
    if first is None or first.get("type") != "process":
        return None, "not a journal of Flask-LiveCoverage, skipped"
    version = first.get("version")
    if type(version) is int and version != FORMAT_VERSION:
        return None, f"written in format {version}, which this version cannot read, skipped"
    try:
        pop_kind(first)
        return process_of(first), ""
    except UNREADABLE:
        return None, "its first line cannot be read, skipped"


def process_of(line: dict[str, Any]) -> Process:
    """Return the process in a line of that kind. Raises KeyError, TypeError or ValueError for other lines."""
    if line.pop("version") != FORMAT_VERSION:
        raise ValueError("another version")
    return Process(**line)


def source_files_of(line: dict[str, Any]) -> list[str]:
    """Return the paths in a line of the kind ``sources``. Raises TypeError for other lines."""
    files: list[str] = line["files"]
    if not all(type(path) is str for path in files):
        raise TypeError("a path is no text")
    return files


def imports_of(line: dict[str, Any]) -> list[tuple[str, str]]:
    """Return importer and imported file of each edge in a line of the kind ``imports``.

    Raises TypeError or ValueError for other lines.
    """
    edges = [(importer, imported) for importer, imported in line["edges"]]
    if not all(type(path) is str for edge in edges for path in edge):
        raise TypeError("a path is no text")
    return edges


def rules_of(line: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    """Return rule, endpoint and methods of each rule in a line of that kind. Raises TypeError or ValueError."""
    entries = line["rules"]
    for rule, endpoint, methods in entries:
        if type(methods) is not list or not all(type(text) is str for text in (rule, endpoint, *methods)):
            raise TypeError("a rule is not a list of rule, endpoint and methods")
    return [(rule, endpoint, methods) for rule, endpoint, methods in entries]


def trace_of(line: dict[str, Any]) -> Trace:
    """Return the trace in a line of that kind. Raises KeyError, TypeError, ValueError or AttributeError."""
    return Trace(line["id"], {path: _file(entry) for path, entry in line["files"].items()})


def _file(entry: dict[str, Any]) -> FileLines:
    content, arcs = entry["content"], entry.get("arcs")
    if type(content) is not str:
        raise TypeError("a content hash is no text")
    return FileLines(content, from_hex(entry["lines"]), None if arcs is None else frozenset(map(_arc, arcs)))


def _arc(pair: list[int]) -> Arc:
    first, second = pair
    if type(first) is not int or type(second) is not int or max(abs(first), abs(second)) >= _MAX_LINES:
        raise ValueError("an arc is no pair of line numbers")
    return first, second
