"""``--livecov-affected``: deselects the tests that no change since they were recorded can affect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ..errors import DataError, LiveCoverageError
from ..model.run_facts import short_commit
from ..model.text import printable
from ..queries.affected_runs import AffectedQuery, NoTestsError, affected_tests
from ..settings import load_settings
from .names import test_name

_INPUT, _OUTPUT = "livecov_unaffected", "livecov_deselected"
_SHOWN_REASONS = 5


class AffectedSelection:
    """Deselects tests in one session.

    Under pytest-xdist, the controller finds the tests and its workers deselect them, so that all workers have the same.
    Tests that are not recorded are never deselected.

    :param ref: limits the recorded runs to those of its ancestors; empty for those of the commit that is checked out.
    """

    def __init__(self, config: pytest.Config, ref: str) -> None:
        self._config = config
        self._ref = ref
        # The tests to deselect, with the runs in which they were recorded; and the time that each took in milliseconds.
        self._unaffected: Mapping[str, str] = getattr(config, "workerinput", {}).get(_INPUT, {})
        self._durations: Mapping[str, float] = {}
        self._deselected: set[str] = set()
        self._since = ""
        self._reasons: list[str] = []
        self._notes: list[str] = []

    def unaffected(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Return those of ``names`` that need not run, by the ids of the runs in which they were recorded."""
        found: dict[str, list[str]] = {}
        for name in names:
            if name in self._unaffected:
                found.setdefault(self._unaffected[name], []).append(name)
        return found

    @property
    def _is_worker(self) -> bool:
        return hasattr(self._config, "workerinput")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Find the tests that are not affected, before xdist starts its workers."""
        if not self._is_worker:
            self._find()

    def _find(self) -> None:
        """Find the tests that are not affected. Raises pytest.UsageError if that cannot be judged."""
        settings = load_settings({})
        folder = self._config.invocation_params.dir
        query = AffectedQuery(
            data_dir=Path(folder, settings.data_dir),
            ref=self._ref or None,
            ignore=settings.affected_ignore,
            store=settings.store,
            folder=folder,
        )
        try:
            answer = affected_tests(query)
        except (DataError, NoTestsError) as error:
            # The first session: from now on, tests are recorded.
            self._notes.append(f"all tests run: {error}")
            return
        except LiveCoverageError as error:
            raise pytest.UsageError(f"--livecov-affected: {error}") from None
        found = answer.affected
        self._notes += answer.notes
        self._unaffected, self._durations = found.owners, found.unaffected
        self._since = f"{short_commit(found.base)} " if found.base else ""
        self._since += f"(run {found.run})"
        self._reasons = [f"{change.path}: {change.reason}" for change in found.reasons if change.reach.everything]

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Give a worker the tests to deselect."""
        node.workerinput[_INPUT] = dict(self._unaffected)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Deselect the tests, of those that other options leave."""
        names = {item: test_name(item.nodeid, item.location[2]) for item in items}
        deselected = [item for item in items if names[item] in self._unaffected]
        if deselected:
            self._deselected.update(names[item] for item in deselected)
            self._config.hook.pytest_deselected(items=deselected)
            items[:] = [item for item in items if names[item] not in self._unaffected]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Note what a worker has deselected: all workers deselect the same."""
        self._deselected.update(getattr(node, "workeroutput", {}).get(_OUTPUT, ()))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """In a worker, send what was deselected. A session of which no test is affected succeeds."""
        if self._is_worker:
            self._config.workeroutput[_OUTPUT] = sorted(self._deselected)  # type: ignore[attr-defined]
        elif self._deselected and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write what was deselected, why not more, and what that saved."""
        if self._config.option.no_summary:
            return
        terminalreporter.section("affected tests")
        for line in self._summary():
            terminalreporter.line(printable(line))

    def _summary(self) -> Iterator[str]:
        yield from (f"WARNING: {note}" if self._since else note for note in self._notes)
        if self._deselected:
            count = len(self._deselected)
            saved = sum(self._durations.get(name, 0.0) for name in self._deselected) / 1000
            tests = "1 test was" if count == 1 else f"{count} tests were"
            took = "It" if count == 1 else "They"
            yield f"{tests} deselected: no change since {self._since} can affect {'it' if count == 1 else 'them'}."
            yield f"{took} took {saved:.1f} s last time."
        elif self._since:
            yield f"No test was deselected: a change since {self._since} can affect each, or it must run anyway."
        yield from (f"All tests: {reason}" for reason in self._reasons[:_SHOWN_REASONS])
        if len(self._reasons) > _SHOWN_REASONS:
            yield f"... and {len(self._reasons) - _SHOWN_REASONS} more: see flask livecov affected"
