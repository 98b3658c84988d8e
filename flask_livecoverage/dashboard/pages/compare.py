"""The pages of one request, test or route, and of the difference between two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from werkzeug import Response
from werkzeug.exceptions import NotFound

from ...control.parameters import BadParameters, one_of, stored_name
from ...model.bitmap import from_bitmap
from ...model.records import Trace
from ...queries.counted_lines import statements_of
from ...queries.lookup import KINDS, Difference, Kind, Subject, difference, executed_lines, find_subject
from ...queries.suite_outcomes import outcomes_of_requests
from ...store import RunQueries
from ..snapshot import FileSnapshot
from .context import PageContext

# The limit of code on one page; the remaining files are listed with their line numbers only. All lines of a file count,
# because all are highlighted.
_MAX_LINES = 1500


def _find(context: PageContext, queries: RunQueries, kind: Kind, name: str) -> tuple[Subject, Trace]:
    """The subject of this kind and name, and the statements that it executed. Raises NotFound."""
    subject = find_subject(queries, kind, name)
    if subject is None:
        raise NotFound(f"no such {kind} {context.scope}")
    return subject, executed_lines(queries, subject, statements_of(context.snapshot.by_path))


@dataclass(frozen=True)
class Code:
    """A line of a statement that ran.

    ``first`` is whether it is the statement's first line, ``gap`` whether lines are omitted before it. ``sides`` is
    ``a``, ``b`` or ``both``, depending on which side ran it; empty if there is only one side.
    """

    number: int
    text: Markup
    first: bool
    gap: bool
    sides: str = ""


@dataclass(frozen=True)
class ComparedFile:
    """The lines of a file that ran, by the side that ran them, and the code, unless the page is full."""

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
    with context.recorded() as queries:
        subject, trace = _find(context, queries, kind, given[kind])
        outcomes = outcomes_of_requests(queries, [subject.record] if subject.record else [])
    files = list(_files(context, difference(trace, trace), one_sided=True))
    return context.render(
        "lines.html",
        snapshot=context.snapshot,
        subject=subject,
        outcomes=outcomes,
        files=files,
        total=sum(len(file.both) for file in files),
    )


def compare(context: PageContext) -> Response:
    """Answer with the difference of two subjects; the parameter ``of`` names each of them, such as ``test:NAME``."""
    given = context.parameters("of", of=_kind_and_name, show=one_of(("all", "differences")))
    named = [one for one in given.get("of", []) if one is not None]
    if len(named) != 2:
        raise BadParameters("choose two to compare: mark two rows of a table, and no more", ["of", "show"])
    with context.recorded() as queries:
        (a, trace_a), (b, trace_b) = (_find(context, queries, kind, name) for kind, name in named)
    show = given.get("show", "differences")
    files = list(_files(context, difference(trace_a, trace_b), show_both=show == "all"))
    return context.render("compare.html", snapshot=context.snapshot, a=a, b=b, files=files, show=show)


def _kind_and_name(value: str) -> tuple[Kind, str]:
    for kind in KINDS:
        name = value.removeprefix(f"{kind}:")
        if name and name != value:
            return kind, stored_name(name)
    raise ValueError("use request:ID, test:NAME, route:METHOD /PATH")


def _files(
    context: PageContext, found: Difference, *, show_both: bool = True, one_sided: bool = False
) -> Iterator[ComparedFile]:
    room = _MAX_LINES
    for file in context.snapshot.files.values():
        only_a, both, only_b = (_lines(trace, file) for trace in (found.only_a, found.both, found.only_b))
        if not only_a | both | only_b:
            continue
        shown = only_a | only_b | (both if show_both else 0)
        code = []
        if shown and room > 0:
            code = list(_code(file, context.code(file), shown, only_a, only_b, one_sided=one_sided))
        room -= file.analysis.statements.bit_length() if code else 0
        yield ComparedFile(file, from_bitmap(only_a), from_bitmap(both), from_bitmap(only_b), code)


def _lines(trace: Trace, file: FileSnapshot) -> int:
    return trace.files[file.path].lines if file.path in trace.files else 0


def _code(
    file: FileSnapshot, text: Sequence[Markup] | None, shown: int, only_a: int, only_b: int, *, one_sided: bool
) -> Iterator[Code]:
    if text is None:
        return
    before = None
    sides = ""
    for number in from_bitmap(file.analysis.all_lines(shown)):
        first = bool(shown >> number & 1)
        if first and not one_sided:
            sides = "a" if only_a >> number & 1 else "b" if only_b >> number & 1 else "both"
        if number <= len(text):
            yield Code(number, text[number - 1], first, before is not None and number != before + 1, sides)
            before = number
