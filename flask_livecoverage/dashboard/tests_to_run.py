"""The tests that a change can affect, for the page of changes."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..control.dashboard_host.events import stamp
from ..errors import ConfigurationError, DataError
from ..journal.data_dir import DataDir
from ..queries.affected import Affected
from ..queries.affected_runs import AffectedQuery, affected_tests
from ..repository.history import Repository
from .background import Progress
from .change import GIT_SECONDS
from .kept_answers import KeptAnswers, LastAnswer
from .run_reader import Answer


@dataclass(frozen=True)
class Case:
    """The run by which tests are judged; without one, the newest ones of ancestors of ``base``, by default of HEAD."""

    run: str | None
    base: str | None


@dataclass(frozen=True)
class TestsToRun:
    """The affected tests; if there is no answer, ``problem`` is why. ``notes`` are what could not be compared."""

    __test__ = False

    affected: Affected | None = None
    notes: Sequence[str] = ()
    problem: str = ""


class TestFinder:
    """Finds the affected tests in the background.

    :param store: the setting ``LIVECOVERAGE_STORE``.
    :param ignore: git's patterns of paths that do not matter.
    """

    __test__ = False

    def __init__(self, directory: DataDir, store: str | None, ignore: Sequence[str]) -> None:
        self._directory = directory
        self._store = store
        self._ignore = ignore
        self._kept: KeptAnswers[Case, TestsToRun] = KeptAnswers(self._find, self._state)
        self._last: LastAnswer[TestsToRun] = LastAnswer()

    def get(self, case: Case) -> Answer[TestsToRun]:
        """Return the affected tests. Raises NotReady, LiveCoverageError."""
        return self._kept.get(case)

    def clear(self) -> None:
        """Forget all answers."""
        self._kept.clear()
        self._last.clear()

    def _stamps(self) -> Hashable:
        return tuple((run.id, stamp(run)) for run in self._directory.runs())

    def _state(self, _case: Case) -> Hashable:
        return self._stamps(), time.monotonic() // GIT_SECONDS

    def _find(self, case: Case, report: Progress) -> TestsToRun:
        report("Comparing with git")
        tree = _working_tree()
        made_from = case, self._stamps(), tree
        last = self._last.get(made_from)
        if tree is not None and last is not None:
            return last
        query = AffectedQuery(self._directory.path, case.base, case.run, ignore=self._ignore, store=self._store)
        try:
            answer = affected_tests(query)
        except (ConfigurationError, DataError) as error:
            return TestsToRun(problem=str(error))
        return self._last.keep(made_from, TestsToRun(answer.affected, answer.notes))


def _working_tree() -> Hashable:
    """A value that changes with any file that git does not ignore; None if git cannot answer."""
    try:
        repository = Repository.find(Path())
        head = repository.head()
        return head, repository.diff(head)
    except ConfigurationError:
        return None
