"""The tests that a run left out because no change can affect them, with the lines that they executed when they ran.

``pytest --livecov-affected`` notes them and the runs in which they were recorded. What they executed has not changed
since, but may be in other lines now: it is found again in the contents that the files had in the run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..analysis.impact.unchanged_lines import moved_to, unchanged_lines
from ..errors import ConfigurationError
from ..journal.data_dir import DataDir
from ..journal.facts import read_facts
from ..journal.outcomes import read_outcomes
from ..journal.run_folder import RunFolder
from ..model.records import FileLines, RequestRecord, Run, Trace
from ..model.text import counted, whole_name
from ..sources.content import content_hash
from ..store import RunQueries
from .old_contents import read_contents
from .recorded_files import counted_contents
from .run_records import Relocation


class RecordGoneError(ConfigurationError):
    """The run in which tests were recorded that another run left out is gone."""


@dataclass(frozen=True, slots=True)
class Execution:
    """A test executed a trace, given by its id, in requests of one route."""

    test: str
    method: str
    rule: str | None
    trace: str


@dataclass(frozen=True)
class UnaffectedTests:
    """The lines that these tests executed; ``runs`` are the ids of those in which they were recorded."""

    executions: Sequence[Execution] = ()
    traces: Mapping[str, Trace] = field(default_factory=dict)
    runs: Sequence[str] = ()

    @property
    def tests(self) -> frozenset[str]:
        """The names of the tests."""
        return frozenset(one.test for one in self.executions)

    def __or__(self, other: UnaffectedTests) -> UnaffectedTests:
        """Those of both."""
        return UnaffectedTests(
            [*self.executions, *other.executions],
            {**self.traces, **other.traces},
            list(dict.fromkeys([*self.runs, *other.runs])),
        )

    def lines(self) -> Iterator[tuple[str, str, FileLines]]:
        """Yield a test, the path of a file and the lines that the test executed in it; a test occurs several times."""
        for test, trace in sorted({(one.test, one.trace) for one in self.executions}):
            for path, lines in self.traces[trace].files.items():
                yield test, path, lines

    def added_to(self, run: Run) -> Run:
        """The run as if these tests had run in it, for reports."""
        requests = [
            RequestRecord(one.test, one.trace, one.method, one.rule or "", 0, 0.0, 0.0, 0, one.test, None, one.rule)
            for one in self.executions
        ]
        return replace(run, requests=[*run.requests, *requests], traces={**run.traces, **self.traces})

    def describe(self) -> str:
        """The sentence about them; empty if there are none."""
        count = len(self.tests)
        if not count:
            return ""
        they, them, were = ("it", "it", "was") if count == 1 else ("they", "them", "were")
        runs = f"{'run' if len(self.runs) == 1 else 'runs'} {', '.join(self.runs)}"
        return (
            f"{counted(count, 'test')} {were} left out, because no change can affect {them}: what {they} executed when "
            f"{they} ran last ({runs}) counts"
        )


def owners_of(folder: RunFolder, directory: DataDir) -> dict[str, RunFolder]:
    """The tests that a run left out, with the runs in which they were recorded.

    Raises RecordGoneError if one of these is gone.
    """
    if not folder.relies_on_others():
        return {}
    names = read_outcomes(folder).unaffected
    folders = {run: directory.find(run) for run in sorted(set(names.values()))}
    gone = next((run for run, found in folders.items() if found is None), None)
    if gone is not None:
        count = list(names.values()).count(gone)
        they = "it was" if count == 1 else "they were"
        raise RecordGoneError(
            f"run {folder.id} left out {counted(count, 'test')} that no change can affect, and run {gone}, in which "
            f"{they} recorded, is gone: record all tests again"
        )
    return {test: found for test, run in names.items() if (found := folders[run]) is not None}


def recorded_in(queries: RunQueries, tests: Collection[str], owner: RunFolder, folder: RunFolder) -> UnaffectedTests:
    """The lines that ``tests`` executed in the run ``owner``, to which ``queries`` are limited.

    Paths are those of the repository of the run ``folder``.
    """
    trees = read_facts(owner).tree, read_facts(folder).tree
    local = Relocation(*(tree.top if tree else "" for tree in trees))
    recorded = read_outcomes(owner)
    whole = recorded.names
    wanted = frozenset(tests)
    found = [
        Execution(test, method, rule, trace)
        for name, method, rule, trace in queries.groups.executions_of_tests()
        if (test := whole_name(name, whole)) in wanted
    ]
    traces = {
        trace.id: Trace(trace.id, {local.path(path): lines for path, lines in trace.files.items()})
        for trace in queries.lines.by_ids({one.trace for one in found})
    }
    return UnaffectedTests([one for one in found if one.trace in traces], traces, [owner.id])


def in_present_contents(found: UnaffectedTests, queries: RunQueries) -> UnaffectedTests:
    """The same tests, with lines in the contents that count in the runs to which ``queries`` are limited."""
    if not found.traces:
        return found
    mover = _Mover(queries, found.traces.values())
    traces = {old: mover.moved(trace) for old, trace in found.traces.items()}
    executions = [replace(one, trace=traces[one.trace].id) for one in found.executions]
    return UnaffectedTests(executions, {trace.id: trace for trace in traces.values()}, found.runs)


class _Mover:
    """Finds lines again in the contents that count in some runs. Each pair of contents is compared once."""

    def __init__(self, queries: RunQueries, traces: Collection[Trace]) -> None:
        counted = counted_contents(queries).contents
        paths = {path for trace in traces for path in trace.files}
        self._contents = {path: counted.get(path) or content_hash(path) for path in paths}
        recorded = {lines.content: path for trace in traces for path, lines in trace.files.items()}
        self._texts = read_contents(queries, {**recorded, **{self._contents[path]: path for path in paths}})
        self._known: dict[tuple[str, str], Mapping[int, int]] = {}

    def moved(self, trace: Trace) -> Trace:
        """The trace in these contents; without the lines that are not found again."""
        files = {path: self._moved(path, lines) for path, lines in trace.files.items() if self._contents[path]}
        return Trace.of({path: lines for path, lines in files.items() if lines.lines})

    def _moved(self, path: str, lines: FileLines) -> FileLines:
        pair = lines.content, self._contents[path]
        if pair[0] == pair[1]:
            return lines
        if pair not in self._known:
            before, after = map(self._texts.get, pair)
            self._known[pair] = {} if before is None or after is None else unchanged_lines(before, after)
        return moved_to(lines, pair[1], self._known[pair])
