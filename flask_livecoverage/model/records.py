"""The records that the rooms exchange: the facts of a run, as frozen dataclasses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .bitmap import from_bitmap

Arc = tuple[int, int]

STARTUP_CONTEXT = "(startup)"

# Stands for the URL rule of requests that matched none.
NO_ROUTE = "(no route)"

# Stands for the test's name in a request's line of a journal: the request belongs to no test, whatever window is open.
NO_TEST_NAME = ""

# The contexts by which a report can group lines.
CONTEXTS = ("test", "route", "request", "none")


@dataclass(frozen=True, slots=True)
class FileLines:
    """The lines that ran in one version of a file.

    ``content`` is the hash of the file's bytes when it was first measured, ``lines`` a bitmap (see :mod:`.bitmap`),
    ``arcs`` the branches as coverage.py counts them (pairs of line numbers, negative for entry and exit), or None when
    only lines were measured.
    """

    content: str
    lines: int
    arcs: frozenset[Arc] | None = None

    def __or__(self, other: FileLines) -> FileLines:
        if self.content != other.content:
            raise ValueError("lines of different versions of a file must not be merged")
        arcs = None
        if self.arcs is not None or other.arcs is not None:
            arcs = (self.arcs or frozenset()) | (other.arcs or frozenset())
        return FileLines(self.content, self.lines | other.lines, arcs)

    def __sub__(self, other: FileLines) -> FileLines:
        if self.content != other.content:
            return self
        arcs = None if self.arcs is None else self.arcs - (other.arcs or frozenset())
        return FileLines(self.content, self.lines & ~other.lines, arcs)


@dataclass(frozen=True, slots=True)
class FileStatements:
    """The executable and excluded lines of one version of a file, as bitmaps. Statements count by their first lines.

    ``multiline`` are the statements of more than one line: first line, bitmap of all its lines.
    """

    statements: int
    excluded: int = 0
    multiline: Sequence[tuple[int, int]] = ()

    def executed(self, lines: int) -> int:
        """Return the statements that contain any of ``lines``, as coverage.py counts them."""
        found = lines
        for first, all_lines in self.multiline:
            if lines & all_lines:
                found |= 1 << first
        return found & self.statements

    def all_lines(self, statements: int) -> int:
        """Return all lines of ``statements``, for an editor that marks whole statements, not their first lines."""
        found = statements
        for first, all_lines in self.multiline:
            if statements >> first & 1:
                found |= all_lines
        return found

    def first_lines(self) -> dict[int, int]:
        """Map each line of a statement to the first line of that statement."""
        firsts: dict[int, int] = {}
        for first, lines in self.multiline:
            if self.statements >> first & 1:
                firsts.update(dict.fromkeys(from_bitmap(lines), first))
        # A statement nested in another one's lines maps to itself.
        firsts.update((line, line) for line in from_bitmap(self.statements))
        return firsts

    def statement_of(self, line: int) -> list[int]:
        """Return all lines of the statement that contains ``line``; empty if there is none."""
        first = self.first_lines().get(line)
        return [] if first is None else from_bitmap(self.all_lines(1 << first))


@dataclass(frozen=True, slots=True)
class Trace:
    """The exact lines of a request: absolute path of each file → its lines. Equal traces have equal ids."""

    id: str
    files: Mapping[str, FileLines]

    @classmethod
    def of(cls, files: Mapping[str, FileLines]) -> Trace:
        """Return the trace of ``files``; its id is a hash of their paths, contents, lines and arcs."""
        digest = hashlib.sha256()
        for path, lines in sorted(files.items()):
            arcs = "" if lines.arcs is None else str(sorted(lines.arcs))
            digest.update(f"{path}\0{lines.content}\0{lines.lines:x}\0{arcs}\n".encode("utf-8", "surrogatepass"))
        return cls(digest.hexdigest()[:20], files)

    @classmethod
    def union(cls, traces: Iterable[Trace]) -> Trace:
        """Return the lines of all traces. Where a file's content changed between them, those of the later content."""
        return cls.of(_merged(traces))

    def __or__(self, other: Trace) -> Trace:
        """Return the lines of both; see :meth:`union`."""
        files = _merged((self, other))
        return self if files == self.files else other if files == other.files else Trace.of(files)

    def __sub__(self, other: Trace) -> Trace:
        """Return the lines that are not in ``other``."""
        remaining = (
            (path, lines - other.files[path] if path in other.files else lines) for path, lines in self.files.items()
        )
        return Trace.of({path: lines for path, lines in remaining if lines.lines})

    def line_numbers(self) -> dict[str, list[int]]:
        """Return the line numbers by file, both ascending."""
        return {path: from_bitmap(self.files[path].lines) for path in sorted(self.files)}


def _merged(traces: Iterable[Trace]) -> dict[str, FileLines]:
    files: dict[str, FileLines] = {}
    for trace in traces:
        for path, lines in trace.files.items():
            known = files.get(path)
            files[path] = known | lines if known is not None and known.content == lines.content else lines
    return files


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request, its response's status, and the id of its trace.

    ``started_at`` is UNIX time in seconds, ``duration_ms`` milliseconds. ``test`` is the identity that the client sent,
    or else the name of the open window; ``route`` is the URL rule (``/user/<id>``). ``under_way`` is true if its
    response, a stream, had not ended when the request was last written.
    """

    id: str
    trace: str
    method: str
    path: str
    status: int
    started_at: float
    duration_ms: float
    pid: int
    test: str | None = None
    window: str | None = None
    route: str | None = None
    endpoint: str | None = None
    under_way: bool = False

    def to_object(self) -> dict[str, Any]:
        """Return a dict for JSON. It has the key ``under_way`` only if that is true."""
        found = asdict(self)
        if not self.under_way:
            del found["under_way"]
        return found


@dataclass(frozen=True, slots=True)
class ExecutionTotals:
    """The combined execution of all requests of a test or a route, or of a single request.

    ``traces`` are the ids of their distinct traces, ``duration_ms`` is the sum of their durations.
    """

    name: str
    requests: int
    duration_ms: float
    traces: Sequence[str]


@dataclass(frozen=True, slots=True)
class Rule:
    """A URL rule of the application (``/user/<id>``).

    ``methods`` are the ones that it accepts, sorted, without HEAD and OPTIONS, which Flask adds.
    """

    rule: str
    endpoint: str
    methods: Sequence[str]


@dataclass(frozen=True, slots=True)
class Window:
    """A named interval of time (UNIX seconds); ``closed_at`` is None while it is open."""

    name: str
    opened_at: float
    closed_at: float | None = None

    def contains(self, moment: float) -> bool:
        """True if ``moment`` lies in the window."""
        return self.opened_at <= moment and (self.closed_at is None or moment < self.closed_at)


@dataclass(frozen=True, slots=True)
class Process:
    """One process that took part in a run."""

    pid: int
    started_at: float
    root: str
    engine: str
    reason: str
    branch: bool
    python: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the server, as read from its journals.

    ``requests`` are in the order of their start. ``ambient`` are the ids of traces of lines that ran outside any
    request, ``before_reset`` those of requests that were recorded before the last reset. ``source_files`` are all files
    that the user's configuration selects, executed or not, ``rules`` the applications' URL rules, requested or not.
    ``lost`` counts the records that are known to be lost. ``warnings`` name what could not be read.
    """

    id: str
    processes: Sequence[Process]
    requests: Sequence[RequestRecord]
    traces: Mapping[str, Trace]
    ambient: Sequence[str] = ()
    before_reset: Sequence[str] = ()
    windows: Sequence[Window] = ()
    source_files: Sequence[str] = ()
    rules: Sequence[Rule] = ()
    lost: int = 0
    warnings: Sequence[str] = field(default=(), compare=False)

    @property
    def root(self) -> str:
        """The server's working directory; reports show paths relative to it."""
        return self.processes[0].root if self.processes else ""

    @property
    def branch(self) -> bool:
        """True if branches were measured."""
        return any(process.branch for process in self.processes)

    def contents(self) -> set[tuple[str, str]]:
        """Return the path of each file that ran, with the hash of its content; several if it was edited meanwhile."""
        return {(path, lines.content) for trace in self.traces.values() for path, lines in trace.files.items()}

    @property
    def open_window(self) -> Window | None:
        """The open window, if any."""
        return next((w for w in reversed(self.windows) if w.closed_at is None), None)
