"""The report of a session: its recorded runs, the outages of its server, and the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, LiveCoverageError
from ..model.outcomes import Outcome
from ..model.text import printable
from .control_requests import ControlRoutes
from .summary import Summary, summarise

if TYPE_CHECKING:
    from ..journal.run_folder import RunFolder

_INTERLEAVED = (
    "tests ran at the same time in one process, so their requests belong to no test: run them one after the other, or "
    "with pytest-xdist"
)
_UNNAMED = "A client that does not send the test's name can send the headers of the fixture livecov."


@dataclass(frozen=True)
class Outage:
    """A server that did not answer when ``test`` began, or ``during`` the test, with the reason."""

    test: str
    during: bool
    reason: str


@dataclass(frozen=True)
class RecordedRun:
    """A run in a data directory, which may be on another machine."""

    data_dir: str
    run: str

    def folder(self) -> RunFolder | None:
        """Return the folder of the run; None if it is not on this machine."""
        from ..journal.data_dir import DataDir

        folder = DataDir(self.data_dir).run(self.run)
        return folder if folder.path.is_dir() else None

    def tests(self, since: float) -> dict[str, Any] | None:
        """Return the coverage of the tests, as the route ``tests`` does; None if the run is not on this machine."""
        from ..model.filters import Filters
        from ..queries.recorded_suite import suite_object
        from ..queries.stored_runs import open_stored_runs
        from ..settings import load_settings

        folder = self.folder()
        if folder is None:
            return None
        with open_stored_runs(Path(self.data_dir), [folder], load_settings({}).store) as runs:
            return suite_object(runs.queries, Filters(since=since))


@dataclass
class SessionReport:
    """The report of a session; ``order`` has the names of its tests in the order in which they began.

    ``skipped`` has the names of the tests that did not run. ``since`` is when the session began, by the run's clock.
    ``managed`` is whether the session started its server, ``tags`` whether the clients send the tests' names,
    ``interleaved`` whether tests ran at the same time in one process. ``unmeasured_servers`` counts the tests that
    started another server, by the name of the server. ``kept_outcomes`` are those of tests that ended before a server
    was connected; ``unrecorded_outcomes`` counts those that could not be recorded, by the reason.
    """

    since: float = float("inf")
    order: dict[str, None] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    recordings: list[RecordedRun] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    tags: bool = False
    managed: bool = False
    interleaved: bool = False
    unmeasured_servers: Counter[str] = field(default_factory=Counter)
    kept_outcomes: list[Outcome] = field(default_factory=list)
    unrecorded_outcomes: Counter[str] = field(default_factory=Counter)

    def count_unmeasured_server(self, name: str | None) -> None:
        """Count a test that starts the server ``name``; nothing if it is None."""
        if name is not None:
            self.unmeasured_servers[name] += 1

    def to_object(self) -> dict[str, Any]:
        """Return the report of a worker for the controller, in simple types."""
        return {
            "since": self.since,
            "tags": self.tags,
            "managed": self.managed,
            "interleaved": self.interleaved,
            "unmeasured_servers": dict(self.unmeasured_servers),
            "recordings": [(one.data_dir, one.run) for one in self.recordings],
            "kept_outcomes": [(one.test, one.outcome, one.duration_ms, one.files) for one in self.kept_outcomes],
            "unrecorded_outcomes": dict(self.unrecorded_outcomes),
            "outages": [(one.test, one.during, one.reason) for one in self.outages],
        }

    def merge(self, worker: dict[str, Any] | None) -> None:
        """Add the report of a worker, if there is one."""
        if worker:
            self.since = min(self.since, worker["since"])
            self.tags |= worker["tags"]
            self.managed |= worker["managed"]
            self.interleaved |= worker["interleaved"]
            self.unmeasured_servers.update(worker["unmeasured_servers"])
            self.recordings += (RecordedRun(*one) for one in worker["recordings"])
            for test, outcome, duration_ms, files in worker["kept_outcomes"]:
                self.kept_outcomes.append(Outcome(test, outcome, duration_ms, 0.0, tuple(files)))
            self.unrecorded_outcomes.update(worker["unrecorded_outcomes"])
            self.outages += (Outage(*one) for one in worker["outages"])

    def note_command(self, arguments: tuple[str, ...], status: int) -> None:
        """Note the command in the run, if this session started its server; no other command has noted itself then."""
        folder = self.recordings[-1].folder() if self.managed and self.recordings else None
        if folder is not None:
            from ..journal.facts import note_command
            from ..model.run_facts import Command

            note_command(folder, Command(arguments, status))

    def summary(self, routes: ControlRoutes | None, verbosity: int) -> Iterator[str]:
        """The lines of the summary; none if the session had no server."""
        if not self.recordings:
            return
        if self.outages:
            yield f"WARNING: {self._describe_outages()}"
        if self.interleaved:
            yield f"WARNING: {_INTERLEAVED}"
        for name, count in sorted(self.unmeasured_servers.items()):
            yield f"WARNING: {_describe_unmeasured(name, count)}"
        if self.unrecorded_outcomes and not self.outages:
            yield f"WARNING: {_describe_unrecorded(self.unrecorded_outcomes)}"
        if not self.order:
            return  # all tests were deselected
        try:
            summary = self._summarise(routes)
            yield from summary.lines(verbosity)
            if self.tags and summary.requests_without_test:
                yield _UNNAMED
        except (OSError, LiveCoverageError) as error:
            yield f"WARNING: the lines that the tests executed cannot be read: {error}"

    def _describe_outages(self) -> str:
        # In the order of the tests, because workers run them at the same time.
        order = {test: index for index, test in enumerate(self.order)}
        first = min(self.outages, key=lambda outage: (order.get(outage.test, len(order)), outage.during))
        text = f"the server stopped answering {'during' if first.during else 'before'} {printable(first.test)}"
        lost = {outage.test for outage in self.outages if not outage.during}
        count = f"{len(lost)} test{'s' if len(lost) > 1 else ''}"
        return f"{text}; from then on, {count} could not be reported to it ({first.reason})" if lost else f"{text}."

    def _summarise(self, routes: ControlRoutes | None) -> Summary:
        tests = self._from_server(routes) or self._from_disk()
        if tests is None:
            raise DataError("the server has ended, and its data directory is not on this machine")
        return summarise(tests, list(self.order), skipped=self.skipped, unsure=self.tags or self.interleaved)

    def _from_server(self, routes: ControlRoutes | None) -> dict[str, Any] | None:
        if routes is None or self.outages:
            return None
        try:
            return routes.tests(self.since)
        except OSError:
            return None

    def _from_disk(self) -> dict[str, Any] | None:
        # The servers of all workers record into one run.
        return self.recordings[-1].tests(self.since)


def _describe_unmeasured(name: str, count: int) -> str:
    tests = "1 test" if count == 1 else f"{count} tests"
    return (
        f"{tests} used {name}, a server that this session does not measure: take the address from the fixture "
        "livecov_server, or from LIVECOVERAGE_URL"
    )


def _describe_unrecorded(counts: Counter[str]) -> str:
    total = sum(counts.values())
    tests = "1 test" if total == 1 else f"{total} tests"
    return f"the outcome of {tests} could not be recorded ({', '.join(sorted(counts))})"
