"""What a session has recorded: where it is, whether it is whole, and the summary of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..errors import DataError, LiveCoverageError
from ..model.text import printable
from .routes import ControlRoutes
from .summary import Summary, summarise

_INTERLEAVED = (
    "tests ran at the same time in one process, so their requests belong to no test: run them one after the other, or "
    "with pytest-xdist"
)
_UNNAMED = "A client that does not carry the test's name can send the headers of the fixture livecov."


@dataclass(frozen=True)
class Gone:
    """A server that did not answer: when ``test`` began, or else ``during`` it, and why."""

    test: str
    during: bool
    reason: str


@dataclass(frozen=True)
class Recording:
    """A run in a data directory, which may be another machine's."""

    data_dir: str
    run: str

    def tests(self, since: float) -> dict[str, Any] | None:
        """What the tests executed, as the server would say it; None if the run is not here."""
        from ..journal.data_dir import DataDir
        from ..model.filters import Filters
        from ..queries.stored_runs import open_stored_runs
        from ..queries.suites import suite_object
        from ..settings import load_settings

        directory = DataDir(self.data_dir)
        folder = directory.run(self.run)
        if not folder.path.is_dir():
            return None
        with open_stored_runs(directory.path, [folder], load_settings({}).store) as runs:
            return suite_object(runs.recorded, Filters(since=since))


@dataclass
class Report:
    """What a session has to report; ``order`` are the names of its tests as they began.

    ``skipped`` are those of them that did not run.
    ``since`` is when the session began, by the run's clock. ``names_travel`` is whether tests are told apart by what
    their clients send, ``interleaved`` whether tests ran at the same time in one process, ``own_servers`` how many
    tests started which server of their own.
    """

    since: float = float("inf")
    order: dict[str, None] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    recordings: list[Recording] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    names_travel: bool = False
    interleaved: bool = False
    own_servers: Counter[str] = field(default_factory=Counter)

    def note_own_server(self, name: str | None) -> None:
        """Count a test that starts this server of its own; None: it starts none."""
        if name is not None:
            self.own_servers[name] += 1

    def to_tell(self) -> dict[str, Any]:
        """What a worker tells the controller, in simple types."""
        return {
            "since": self.since,
            "names_travel": self.names_travel,
            "interleaved": self.interleaved,
            "own_servers": dict(self.own_servers),
            "recordings": [(one.data_dir, one.run) for one in self.recordings],
            "gone": [(one.test, one.during, one.reason) for one in self.gone],
        }

    def hear(self, told: dict[str, Any] | None) -> None:
        """Take in what a worker has told."""
        if told:
            self.since = min(self.since, told["since"])
            self.names_travel |= told["names_travel"]
            self.interleaved |= told["interleaved"]
            self.own_servers.update(told["own_servers"])
            self.recordings += (Recording(*one) for one in told["recordings"])
            self.gone += (Gone(*one) for one in told["gone"])

    def summary(self, routes: ControlRoutes | None, verbosity: int) -> Iterator[str]:
        """The lines of the summary. None, if there was no server."""
        if not self.recordings:
            return
        if self.gone:
            yield f"WARNING: {self._warning()}"
        if self.interleaved:
            yield f"WARNING: {_INTERLEAVED}"
        for name, count in sorted(self.own_servers.items()):
            yield f"WARNING: {_own_server_used(name, count)}"
        try:
            summary = self._summarise(routes)
            yield from summary.lines(verbosity)
            if self.names_travel and summary.requests_without_test:
                yield _UNNAMED
        except (OSError, LiveCoverageError) as error:
            yield f"WARNING: what the tests executed cannot be told: {error}"

    def _warning(self) -> str:
        places = {test: index for index, test in enumerate(self.order)}
        first = min(self.gone, key=lambda gone: (places.get(gone.test, len(places)), gone.during))
        text = f"the server stopped answering {'during' if first.during else 'before'} {printable(first.test)}"
        # In the order of the tests, because workers run them side by side.
        lost = {gone.test for gone in self.gone if not gone.during}
        count = f"{len(lost)} test{'s' if len(lost) > 1 else ''}"
        return f"{text}; from there on, {count} could not be told to it ({first.reason})" if lost else f"{text}."

    def _summarise(self, routes: ControlRoutes | None) -> Summary:
        tests = self._from_server(routes) or self._from_disk()
        if tests is None:
            raise DataError("the server has ended, and its data directory is not on this machine")
        return summarise(tests, list(self.order), skipped=self.skipped, unsure=self.names_travel or self.interleaved)

    def _from_server(self, routes: ControlRoutes | None) -> dict[str, Any] | None:
        if routes is None or self.gone:
            return None
        try:
            return routes.tests(self.since)
        except OSError:
            return None

    def _from_disk(self) -> dict[str, Any] | None:
        # Of the workers' servers, all record into one run.
        return self.recordings[-1].tests(self.since)


def _own_server_used(name: str, count: int) -> str:
    tests, own = (f"{count} tests", "servers of their own") if count > 1 else ("1 test", "a server of its own")
    return (
        f"{tests} used {name}, {own} that this session does not measure: take the address from the fixture "
        "livecov_server, or from LIVECOVERAGE_URL"
    )
