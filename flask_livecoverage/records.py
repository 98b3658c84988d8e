"""The lines of a journal, read one by one and checked; :mod:`~flask_livecoverage.journal` says what they hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .journal import FORMAT_VERSION
from .lines import from_hex
from .model import FileLines, Process, Trace

# How every line of a journal begins. Inside one, quotation marks are escaped.
_BEGIN = b'{"type":'

# Types themselves, not what derives from them: to JSON, true is no number.
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
    "lost": {"count": int, "reason": str},
}  # fmt: skip
_CHECKS = {
    kind: [(key, types if isinstance(types, tuple) else (types,)) for key, types in fields.items()]
    for kind, fields in _TYPES.items()
}
_good_shapes: set[tuple[Any, ...]] = set()
_MOST_SHAPES = 1000


def objects(data: bytes) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Each line's offset and JSON object, None for one that is none."""
    lines = data.split(b"\n")
    together = _objects_together(data, len(lines) - 1)
    offset = 0
    for index, line in enumerate(lines):
        if line:
            found = together[index] if together else _object(line)
            yield offset, found
            if found is None and (begin := line.rfind(_BEGIN)) > 0:
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
        for key, types in _CHECKS.get(kind, ()):
            if type(line[key]) not in types:
                raise TypeError(f"{key} cannot be {line[key]!r}")
        if len(_good_shapes) < _MOST_SHAPES:
            _good_shapes.add(shape)
    return kind


def header(line: bytes) -> tuple[Process | None, str]:
    """The process that wrote a journal with this first line, or None and why the journal cannot be read."""
    first = _object(line)
    if first is None or first.get("type") != "process":
        return None, "not a journal of this program's, skipped"
    if first.get("version") != FORMAT_VERSION:
        return None, f"written in format {first.get('version')}, which this version cannot read; skipped"
    try:
        kind_of(first)
        return process_of(first), ""
    except (KeyError, TypeError, ValueError):
        return None, "its first line cannot be read, skipped"


def process_of(line: dict[str, Any]) -> Process:
    """The process that a line of that kind holds. Raises KeyError or TypeError if it does not."""
    line.pop("version")
    return Process(**line)


def rules_of(line: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    """Rule, endpoint and methods of each rule in a line of that kind. Raises TypeError or ValueError for others."""
    entries = line["rules"]
    for rule, endpoint, methods in entries:
        if not all(isinstance(text, str) for text in (rule, endpoint, *methods)) or not isinstance(methods, list):
            raise TypeError(f"a rule cannot be {[rule, endpoint, methods]!r}")
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
    arcs = entry.get("arcs")
    return FileLines(
        content=entry["content"],
        lines=from_hex(entry["lines"]),
        arcs=None if arcs is None else frozenset((first, second) for first, second in arcs),
    )
