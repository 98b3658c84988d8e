"""What each test and route executed, and which of them execute nothing of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ...analysis.duplicates import find_redundancy
from ...analysis.minimise import minimise
from ...analysis.suite import Suite
from ...model.records import FileLines, Trace
from ...queries.suites import recorded_suite
from ...store import RunQueries
from ..snapshot import Snapshot


@dataclass(frozen=True)
class Member:
    """A test or a route. ``lines`` counts statements, ``own`` those that no other one executed; ``tests`` its tests."""

    name: str
    requests: int
    tests: int
    duration_ms: float
    lines: int
    own: int

    @property
    def mean_ms(self) -> float:
        """What the server spent on one of its requests, on average."""
        return self.duration_ms / self.requests if self.requests else 0.0


def counted_traces(recorded: RunQueries, snapshot: Snapshot) -> dict[str, Trace]:
    """The traces of all requests, with the lines that count instead of all lines."""
    return {digest: counted_trace(trace, snapshot) for digest, trace in recorded.lines.traces().items()}


def counted_trace(trace: Trace, snapshot: Snapshot) -> Trace:
    """``trace`` with the lines that count in files that still are what they were; its id stays."""
    files: dict[str, FileLines] = {}
    for path, lines in trace.files.items():
        file = snapshot.by_path.get(path)
        if file is not None and file.content == lines.content:
            files[path] = FileLines(lines.content, file.counted.executed(lines.lines))
    return Trace(trace.id, files)


def list_members(recorded: RunQueries, snapshot: Snapshot, by: Literal["test", "route"]) -> list[Member]:
    """What each test or route executed, in the natural order of their names."""
    suite = Suite.of(recorded.groups.executed(by), counted_traces(recorded, snapshot))
    tests: Mapping[str, int] = recorded.groups.tests_by_route() if by == "route" else {}
    return [
        Member(
            member.name,
            member.requests,
            tests.get(member.name, 0),
            member.duration_ms,
            suite.lines(member).bit_count(),
            own.bit_count(),
        )
        for member, own in zip(suite.members, suite.own_lines(), strict=True)
    ]


@dataclass(frozen=True)
class Group:
    """Members that executed the same lines: the one to keep, and the others."""

    survivor: str
    lines: int
    duplicates: Sequence[str]


@dataclass(frozen=True)
class Subset:
    """A member whose lines are all among those of ``superset``."""

    name: str
    lines: int
    superset: str
    superset_lines: int


@dataclass(frozen=True)
class Kept:
    """A member of the minimised suite, and how many lines it adds to those before it."""

    name: str
    lines: int
    adds: int
    duration_ms: float


@dataclass(frozen=True)
class Redundant:
    """What of a suite executes nothing of its own, as ``flask livecov dedup`` and ``minimise`` say it.

    Lines are those recorded, all of them. Durations are what the server spent on requests, in milliseconds.
    """

    by: str
    members: int
    line_sets: int
    lines: int
    without_test: int
    duration_ms: float
    groups: Sequence[Group]
    subsumed: Sequence[Subset]
    without_lines: Sequence[str]
    kept: Sequence[Kept]

    @property
    def duplicates(self) -> int:
        """How many members have a survivor that executes the same."""
        return sum(len(group.duplicates) for group in self.groups)

    @property
    def kept_ms(self) -> float:
        """What the minimised suite takes."""
        return sum(kept.duration_ms for kept in self.kept)


def find_redundant(recorded: RunQueries, by: str | None) -> Redundant:
    """Compare all tests, or requests; None: tests where any request names one."""
    loaded = recorded_suite(recorded, by)
    suite = loaded.suite
    found = find_redundancy(suite)
    return Redundant(
        by=loaded.by,
        members=len(suite.members),
        line_sets=sum(map(bool, suite.line_sets)),
        lines=suite.all_lines.bit_count(),
        without_test=loaded.without_test,
        duration_ms=sum(member.duration_ms for member in suite.members),
        groups=[
            Group(
                group.survivor.name,
                suite.lines(group.survivor).bit_count(),
                [member.name for member in group.duplicates],
            )
            for group in found.groups
        ],
        subsumed=[Subset(one.member.name, one.lines, one.superset.name, one.superset_lines) for one in found.subsumed],
        without_lines=[member.name for member in found.without_lines],
        kept=[
            Kept(choice.member.name, choice.lines, choice.adds, choice.member.duration_ms)
            for choice in minimise(suite).choices
        ],
    )
