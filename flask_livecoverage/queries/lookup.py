"""One request, test or route: the lines that it executed, and the difference of two of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..model.filters import Filters
from ..model.outcomes import Outcome, find_outcome
from ..model.records import RequestRecord, Trace
from ..store import RunQueries
from .counted_lines import LineSelection, as_recorded

Kind = Literal["request", "test", "route"]
KINDS: tuple[Kind, ...] = ("request", "test", "route")


@dataclass(frozen=True)
class Subject:
    """A request, or all requests of a test or a route together. ``traces`` are the ids of their traces.

    ``record`` is that of a request, None for a test or a route. ``outcome`` is that of a test, None if it is not known.
    """

    kind: Kind
    name: str
    requests: int
    duration_ms: float
    traces: Sequence[str]
    record: RequestRecord | None = None
    outcome: Outcome | None = None

    @property
    def reference(self) -> str:
        """The subject as questions name it: ``test:NAME``."""
        return f"{self.kind}:{self.name}"


def find_subject(queries: RunQueries, kind: Kind, name: str) -> Subject | None:
    """The subject of this kind with this very name; a route may be named without its method."""
    if kind == "request":
        record = queries.requests.get(name)
        return None if record is None else Subject(kind, name, 1, record.duration_ms, [record.trace], record)
    filters = Filters(test=name) if kind == "test" else Filters(route=name)
    found = list(queries.groups.executed(kind, filters))
    outcome = find_outcome(queries.outcomes, name) if kind == "test" else None
    # A test that sent no request.
    if not found and (outcome is None or name not in queries.outcomes):
        return None
    traces = dict.fromkeys(trace for one in found for trace in one.traces)
    requests, duration = sum(one.requests for one in found), sum((one.duration_ms for one in found), 0.0)
    return Subject(kind, name, requests, duration, list(traces), outcome=outcome)


def find_subjects(queries: RunQueries, name: str, kinds: Iterable[Kind] = KINDS) -> list[Subject]:
    """The subjects with this name, one of a kind at most; if there are none, those whose names end with it."""
    kinds = list(kinds)
    exact = [subject for kind in kinds if (subject := find_subject(queries, kind, name)) is not None]
    return exact or [subject for kind in kinds for subject in _ending_with(queries, kind, name)]


def _ending_with(queries: RunQueries, kind: Kind, end: str) -> list[Subject]:
    """The tests or routes whose names have ``end`` at their end, and before it no letter or digit."""
    if kind == "request":
        return []
    pattern = re.compile(rf"(?s:.*)(?<!\w){re.escape(end)}")
    names = [one.name for one in queries.groups.executed(kind)]
    if kind == "test":
        names = list(dict.fromkeys((*names, *queries.outcomes)))
    found = (find_subject(queries, kind, name) for name in names if pattern.fullmatch(name))
    return [subject for subject in found if subject is not None]


def executed_lines(queries: RunQueries, subject: Subject, select: LineSelection = as_recorded) -> Trace:
    """All lines that ``subject`` executed."""
    return Trace.union(map(select, queries.lines.by_ids(subject.traces)))


@dataclass(frozen=True)
class Difference:
    """The lines that only the first of two subjects executed, those that both did, and those of the second only."""

    only_a: Trace
    both: Trace
    only_b: Trace


def difference(a: Trace, b: Trace) -> Difference:
    """The difference of the lines of two subjects. Lines of different contents of a file are different lines."""
    only_a = a - b
    return Difference(only_a, a - only_a, b - a)
