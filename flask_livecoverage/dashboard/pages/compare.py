"""What a request, a test or a route executed, and how two of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup
from werkzeug import Response
from werkzeug.exceptions import NotFound

from ...control.parameters import BadParameters, one_of, stored_name
from ...model.bitmap import from_bitmap
from ...model.filters import Filters
from ...model.records import RequestRecord, Trace
from ...store import RunQueries
from ..snapshot import FileSnapshot, Snapshot
from .context import PageContext
from .highlight import highlighted
from .suite_figures import counted_trace

Kind = Literal["request", "test", "route"]
KINDS: tuple[Kind, ...] = ("request", "test", "route")

# More than anybody reads on one page: the other files are there with the numbers of their lines. Of files, all lines
# count, because that many are highlighted.
_MOST_LINES = 1500


@dataclass(frozen=True)
class Subject:
    """A request, or all requests of a test or a route together; ``trace`` has the statements that count."""

    kind: Kind
    name: str
    requests: int
    duration_ms: float
    trace: Trace
    record: RequestRecord | None

    @property
    def value(self) -> str:
        """What stands for it in addresses."""
        return f"{self.kind}:{self.name}"


def find_subject(recorded: RunQueries, snapshot: Snapshot, kind: Kind, name: str) -> Subject:
    """The subject of this kind and name. Raises NotFound."""
    if kind == "request":
        record = recorded.requests.get(name)
        if record is not None:
            trace = counted_trace(recorded.lines.union([record.trace]), snapshot)
            return Subject(kind, name, 1, record.duration_ms, trace, record)
    else:
        filters = Filters(test=name) if kind == "test" else Filters(route=name)
        found = [one for one in recorded.groups.executed(kind, filters) if one.name == name]
        if found:
            traces = (counted_trace(trace, snapshot) for trace in recorded.lines.by_ids(found[0].traces))
            return Subject(kind, name, found[0].requests, found[0].duration_ms, Trace.union(traces), None)
    raise NotFound(f"no such {kind} since the last reset")


@dataclass(frozen=True)
class Code:
    """A line of code of a statement that ran; ``first`` is false for its further lines. ``gap``: lines before are not.

    ``sides`` are those that ran it: ``a``, ``b`` or ``both``; empty where there is one side.
    """

    number: int
    text: Markup
    first: bool
    gap: bool
    sides: str = ""


@dataclass(frozen=True)
class FileLines:
    """What of a file ran: lines of statements, by the side that ran them, and the code where there is room for it."""

    file: FileSnapshot
    only_a: Sequence[int]
    both: Sequence[int]
    only_b: Sequence[int]
    code: Sequence[Code]


def show_lines(context: PageContext) -> Response:
    """Answer with the lines of one request, test or route, in the order of files."""
    given = context.parameters(request=str, test=stored_name, route=stored_name)
    if len(given) != 1:
        raise BadParameters("name one request, test or route", list(KINDS))
    kind = next(kind for kind in KINDS if kind in given)
    with context.recorded() as recorded:
        subject = find_subject(recorded, context.snapshot, kind, given[kind])
    files = list(_files(context.snapshot, subject.trace, subject.trace))
    return context.render(
        "lines.html",
        snapshot=context.snapshot,
        subject=subject,
        files=files,
        total=sum(len(file.both) for file in files),
    )


def compare(context: PageContext) -> Response:
    """Answer with two subjects side by side; both are given as ``of``, such as ``test:NAME``."""
    given = context.parameters("of", of=_kind_and_name, show=one_of(("all", "differences")))
    named = [one for one in given.get("of", []) if one is not None]
    if len(named) != 2:
        raise BadParameters("choose two to compare: mark two rows of a table, and no more", ["of", "show"])
    with context.recorded() as recorded:
        a, b = (find_subject(recorded, context.snapshot, kind, name) for kind, name in named)
    show = given.get("show", "differences")
    files = list(_files(context.snapshot, a.trace, b.trace, show_both=show == "all"))
    return context.render("compare.html", snapshot=context.snapshot, a=a, b=b, files=files, show=show)


def _kind_and_name(value: str) -> tuple[Kind, str]:
    for kind in KINDS:
        name = value.removeprefix(f"{kind}:")
        if name and name != value:
            return kind, stored_name(name)
    raise ValueError("use request:ID, test:NAME, route:METHOD /PATH")


def _files(snapshot: Snapshot, a: Trace, b: Trace, *, show_both: bool = True) -> Iterator[FileLines]:
    room = _MOST_LINES
    for file in snapshot.files.values():
        ran_a, ran_b = (trace.files[file.path].lines if file.path in trace.files else 0 for trace in (a, b))
        if not ran_a | ran_b:
            continue
        shown = ran_a | ran_b if show_both else ran_a ^ ran_b
        code = list(_code(file, shown, ran_a, ran_b, one_sided=a is b)) if shown and room > 0 else []
        room -= file.counted.statements.bit_length() if code else 0
        yield FileLines(
            file, from_bitmap(ran_a & ~ran_b), from_bitmap(ran_a & ran_b), from_bitmap(ran_b & ~ran_a), code
        )


def _code(file: FileSnapshot, shown: int, ran_a: int, ran_b: int, *, one_sided: bool) -> Iterator[Code]:
    text = highlighted(file.path, file.content)
    if text is None:
        return
    before = None
    sides = ""
    for number in from_bitmap(file.counted.all_lines(shown)):
        first = bool(shown >> number & 1)
        if first and not one_sided:
            sides = "both" if ran_a >> number & ran_b >> number & 1 else "a" if ran_a >> number & 1 else "b"
        if number <= len(text):
            yield Code(number, text[number - 1], first, before is not None and number != before + 1, sides)
            before = number
