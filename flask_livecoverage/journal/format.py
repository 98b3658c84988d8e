"""The format of a journal's lines, for those who write them and those who read them.

:mod:`flask_livecoverage.journal` describes what each kind of line holds. Lines are JSON objects in ASCII. Readers check
each one, because a file may have been garbled or written by another version.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quote
from typing import Any, BinaryIO

from ..model.bitmap import from_hex, to_hex
from ..model.records import Arc, FileLines, Process, Trace

FORMAT_VERSION = 1

# How every line of a journal begins. Inside one, quotation marks are escaped.
BEGIN = b'{"type":'


def begin_of(kind: str) -> bytes:
    """How every line of this kind begins."""
    return BEGIN + json.dumps(kind).encode()


# Writing


def line_of(kind: str, **fields: Any) -> str:
    """A line of ``kind``, without the newline. Raises ValueError or TypeError for what JSON cannot hold."""
    return json.dumps({"type": kind, **fields}, separators=(",", ":"))


def header_line(fields: Mapping[str, Any]) -> str:
    """The first line of a journal: ``fields`` are those of :class:`~..model.records.Process`."""
    return json.dumps({"type": "process", "version": FORMAT_VERSION, **fields})


def fields_of(trace: Trace) -> dict[str, Any]:
    """The fields of the line for ``trace``."""
    return {"id": trace.id, "files": {path: _entry_of(lines) for path, lines in trace.files.items()}}


def _entry_of(lines: FileLines) -> dict[str, Any]:
    entry: dict[str, Any] = {"content": lines.content, "lines": to_hex(lines.lines)}
    if lines.arcs is not None:
        entry["arcs"] = sorted(lines.arcs)
    return entry


# Requests' lines are put together by hand: a JSON encoder takes several times as long, and so does a float's way to
# decimals. Nothing is kept of texts, because clients think of ever-new ones.


def request_line(
    request_id: str, trace: str, method: str, route: str | None, endpoint: str | None, path: str, test: str | None,
    status: int, started_ns: int, duration_us: int,
) -> str:  # fmt: skip
    """The line for a request's record. Times are integers, in nanoseconds (UNIX time) and microseconds."""
    quoted_test = "null" if test is None else _quote(test)
    return (
        f'{{"type":"request","id":"{request_id}","trace":"{trace}",{_rule(method, route, endpoint)},'
        f'"path":{_quote(path)},"test":{quoted_test},"status":{status},'
        f'"started_at":{started_ns}e-9,"duration_ms":{duration_us}e-3}}'
    )


@lru_cache(maxsize=4096)
def _rule(method: str, route: str | None, endpoint: str | None) -> str:
    return f'"method":{json.dumps(method)},"route":{json.dumps(route)},"endpoint":{json.dumps(endpoint)}'


def amended_line(request_id: str, trace: str, status: int, duration_us: int, *, ended: bool) -> str:
    """The line for what a request ran since its record: ``ended`` if the journal holds that its stream goes on."""
    head = f'{{"type":"amend","id":"{request_id}","trace":"{trace}","status":{status},"duration_ms":{duration_us}e-3'
    return f'{head},"ended":true}}' if ended else f"{head}}}"


def late_line(request_id: str, trace: str) -> str:
    """The line for what a request ran after its response, or in a forked child."""
    return f'{{"type":"amend","id":"{request_id}","trace":"{trace}"}}'


def under_way_line(request_id: str, trace: str) -> str:
    """The line that says that a request's response goes on."""
    return f'{{"type":"amend","id":"{request_id}","trace":"{trace}","ended":false}}'


# Reading

# Types themselves, not what derives from them: to JSON, true is no number.
_NUMBER = (int, float)
_OPTIONAL = (str, type(None))
_TYPES: dict[str, dict[str, Any]] = {
    "process": {
        "pid": int, "started_at": _NUMBER, "root": str, "engine": str, "branch": bool, "reason": str, "python": str,
    },
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
    "lost": {"count": int, "reason": str},
}  # fmt: skip
_CHECKS = {
    kind: [(key, types if isinstance(types, tuple) else (types,)) for key, types in fields.items()]
    for kind, fields in _TYPES.items()
}
_AMENDED = {"status": (int,), "duration_ms": _NUMBER, "ended": (bool,)}

# Numbers lie between 0 and these, which databases can hold. JSON has greater ones, and infinity.
_STATUS, _SECONDS = ("status", 1000), 1e12
_LIMITS: dict[str, tuple[tuple[str, float], ...]] = {
    "process": (("pid", 1 << 32), ("started_at", _SECONDS)),
    "request": (_STATUS, ("started_at", _SECONDS), ("duration_ms", _SECONDS)),
    "amend": (_STATUS, ("duration_ms", _SECONDS)),
    "window": (("at", _SECONDS),),
}
_MOST_LINES = 1 << 31

# Some 15,000 requests.
PIECE_BYTES = 4 << 20

_good_shapes: set[tuple[Any, ...]] = set()
_MOST_SHAPES = 1000

# What the functions below raise for a line that is not as its kind is; the last one for values nested too deeply.
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, RecursionError)


def pieces(file: BinaryIO, position: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """A journal from ``position`` on, not beyond ``end``, in pieces of whole lines, each with its byte in the file.

    The last one is not whole if the last line is torn.
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
    """Each line's offset and JSON object, None for one that is none."""
    lines = data.split(b"\n")
    together = _objects_together(data, len(lines) - 1)
    offset = 0
    for index, line in enumerate(lines):
        if line:
            found = together[index] if together else _object(line)
            yield offset, found
            if found is None and (begin := line.rfind(BEGIN)) > 0:
                # Another thread's line behind one that was torn when the disk was full.
                yield offset, _object(line[begin:])
        offset += len(line) + 1


def _objects_together(data: bytes, count: int) -> list[dict[str, Any] | None] | None:
    """The objects of all lines at once, which takes half the time; None unless each of them is one."""
    try:
        found: list[dict[str, Any] | None] = json.loads(b"[%b]" % data[:-1].replace(b"\n", b","))
    except (ValueError, RecursionError):
        return None
    # Two torn lines may make a whole one with the comma between them.
    return found if len(found) == count and all(type(item) is dict for item in found) else None


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def kind_of(line: dict[str, Any] | None) -> str:
    """Take the kind out of a journal's line. A kind that a newer version wrote is none that anybody knows.

    Raises KeyError, TypeError or ValueError if the line is none, or lacks what its kind has.
    """
    if line is None:
        raise ValueError("not a JSON object")
    kind: str = line.pop("type", "")
    # Nearly all lines of a kind have the same keys and types: those are checked once.
    shape = kind, *line, *map(type, line.values())
    if shape not in _good_shapes:
        _check_shape(kind, line)
        if len(_good_shapes) < _MOST_SHAPES:
            _good_shapes.add(shape)
    for key, limit in _LIMITS.get(kind, ()):
        if key in line and not 0 <= line[key] < limit:
            raise ValueError(f"{key} is out of range")
    return kind


def _check_shape(kind: str, line: dict[str, Any]) -> None:
    for key, types in _CHECKS.get(kind, ()):
        if type(line[key]) not in types:
            raise TypeError(f"{key} cannot be of type {type(line[key]).__name__}")
    # Values of keys that nobody knows could be nested too deeply for those who read on.
    if kind in ("request", "trace", "amend") and not line.keys() <= {*_TYPES[kind], *_AMENDED}:
        raise TypeError(f"a {kind} has other keys")
    if kind == "amend":
        for key, types in _AMENDED.items():
            if key in line and type(line[key]) not in types:
                raise TypeError(f"{key} cannot be of type {type(line[key]).__name__}")


def header(line: bytes) -> tuple[Process | None, str]:
    """The process that wrote a journal with this first line, or None and why the journal cannot be read."""
    first = _object(line)
    if first is None or first.get("type") != "process":
        return None, "not a journal of this program's, skipped"
    version = first.get("version")
    if type(version) is int and version != FORMAT_VERSION:
        return None, f"written in format {version}, which this version cannot read; skipped"
    try:
        kind_of(first)
        return process_of(first), ""
    except UNREADABLE:
        return None, "its first line cannot be read, skipped"


def process_of(line: dict[str, Any]) -> Process:
    """The process that a line of that kind holds. Raises KeyError or TypeError if it does not."""
    if line.pop("version") != FORMAT_VERSION:
        raise ValueError("another version")
    return Process(**line)


def source_files_of(line: dict[str, Any]) -> list[str]:
    """The paths in a line of the kind ``sources``. Raises TypeError for others."""
    files: list[str] = line["files"]
    if not all(type(path) is str for path in files):
        raise TypeError("a path is no text")
    return files


def rules_of(line: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    """Rule, endpoint and methods of each rule in a line of that kind. Raises TypeError or ValueError for others."""
    entries = line["rules"]
    for rule, endpoint, methods in entries:
        if type(methods) is not list or not all(type(text) is str for text in (rule, endpoint, *methods)):
            raise TypeError("a rule is other than rule, endpoint and methods")
    return [(rule, endpoint, methods) for rule, endpoint, methods in entries]


def describe_loss(counts: Mapping[str, int]) -> str | None:
    """A warning of the records that were lost, by the reason; None if none were."""
    total = sum(counts.values())
    if not total:
        return None
    return (
        f"{total} record{' was' if total == 1 else 's were'} lost ({', '.join(sorted(counts))}): what these requests "
        "executed is not known"
    )


def trace_of(line: dict[str, Any]) -> Trace:
    """The trace in a line of that kind. Raises KeyError, TypeError, ValueError or AttributeError if there is none."""
    return Trace(line["id"], {path: _file(entry) for path, entry in line["files"].items()})


def _file(entry: dict[str, Any]) -> FileLines:
    content, arcs = entry["content"], entry.get("arcs")
    if type(content) is not str:
        raise TypeError("a content hash is no text")
    return FileLines(content, from_hex(entry["lines"]), None if arcs is None else frozenset(map(_arc, arcs)))


def _arc(pair: list[int]) -> Arc:
    first, second = pair
    if type(first) is not int or type(second) is not int or max(abs(first), abs(second)) >= _MOST_LINES:
        raise ValueError("an arc is no pair of line numbers")
    return first, second
