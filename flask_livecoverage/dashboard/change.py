"""The coverage of a change, for the page that shows it: what git answers, and what a run has recorded of it."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..control.dashboard_host.events import stamp
from ..errors import ConfigurationError
from ..journal.data_dir import DataDir
from ..journal.run_folder import RunFolder
from ..model.outcomes import Outcome
from ..queries.covered_files import read_coverage
from ..queries.patch import LocatedDiff, Patch, cover_patch
from ..queries.stored_runs import runs_in_store
from ..queries.suite_outcomes import outcomes_of
from ..repository.bases import Base, find_base
from ..repository.diffs import parse_diff
from ..repository.history import Repository
from ..repository.refs import Ref, recent_refs
from ..sources.content import content_hash
from ..store import StoreHandle
from .background import Progress
from .kept_answers import KeptAnswers, LastAnswer
from .run_reader import Answer, existing_run

# git is asked again for a page that is loaded so much later, because no event reports that a file was edited.
GIT_SECONDS = 3.0


@dataclass(frozen=True)
class Question:
    """A run, and the commit, branch or tag since which changes count; None stands for the default branch."""

    run: str
    base: str | None


@dataclass(frozen=True)
class GitChange:
    """The change since ``base`` as git shows it; ``uncommitted`` are the paths that differ from the last commit."""

    base: Base
    top: str
    diff: bytes
    uncommitted: Collection[str]


@dataclass(frozen=True)
class Change:
    """A change and its coverage. ``problem`` is why there is none; ``tested_run`` then names a run that may have it.

    ``refs`` are names that the base may have. ``contents`` are the hashes of the changed files' present contents, by
    their paths, which are relative to the repository. ``outcomes`` are those of the tests that reached the change.
    """

    refs: Sequence[Ref]
    problem: str = ""
    tested_run: str | None = None
    git: GitChange | None = None
    patch: Patch | None = None
    contents: Mapping[str, str] = field(default_factory=dict)
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)


class Changes:
    """Answers in the background, so that no other page waits for git."""

    def __init__(self, directory: DataDir, store: StoreHandle) -> None:
        self._directory = directory
        self._store = store
        self._kept: KeptAnswers[Question, Change] = KeptAnswers(self._find, self._state)
        self._last: LastAnswer[Change] = LastAnswer()

    def get(self, question: Question) -> Answer[Change]:
        """Return the coverage of the change. Raises NotReady, LiveCoverageError."""
        return self._kept.get(question)

    def clear(self) -> None:
        """Forget all answers."""
        self._kept.clear()
        self._last.clear()

    def _folder(self, question: Question) -> RunFolder:
        return existing_run(self._directory.find, question.run)

    def _state(self, question: Question) -> Hashable:
        return stamp(self._folder(question)), time.monotonic() // GIT_SECONDS

    def _find(self, question: Question, report: Progress) -> Change:
        report("Asking git")
        refs: Sequence[Ref] = ()
        try:
            repository = Repository.find(Path())
            refs = recent_refs(repository)
            found = _from_git(repository, question.base)
            diff = parse_diff(found.diff, "git's diff")
        except ConfigurationError as error:
            return Change(refs, str(error))
        folder = self._folder(question)
        made_from = question, stamp(folder), found, tuple(refs)
        last = self._last.get(made_from)
        if last is not None:
            return last
        report("Reading the run")
        return self._last.keep(made_from, self._cover(folder, LocatedDiff(diff, found.top), found, refs))

    def _cover(self, folder: RunFolder, located: LocatedDiff, found: GitChange, refs: Sequence[Ref]) -> Change:
        with self._store.use() as store, runs_in_store(store, [folder], whole=True) as stored:
            queries = stored.queries
            if not queries.requests.count() and not stored.unaffected.tests:
                problem = f"The run {folder.id} has no requests, so nothing of the change was tested in it."
                (tested,) = self._directory.select("latest", tested=True)
                return Change(refs, problem, tested.id if tested.id != folder.id else None, git=found)
            patch = cover_patch(queries, located, read_coverage(stored, located.paths))
            names = {name for file in patch.files for line in file.statements for name in line.users.tests}
            return Change(
                refs,
                git=found,
                patch=patch,
                contents={file.path: content_hash(os.path.join(found.top, file.path)) for file in patch.files},
                outcomes=outcomes_of(queries, names),
            )


def _from_git(repository: Repository, ref: str | None) -> GitChange:
    """The change. Raises ConfigurationError where git cannot answer."""
    base = find_base(repository, ref)
    changed = repository.changes(repository.head())
    uncommitted = frozenset(change.path for change in changed if change.path is not None)
    return GitChange(base, str(repository.top), repository.diff(base.commit), uncommitted)
