"""Selects the recorded runs by which affected tests are found, and answers the question with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigurationError
from ..journal.data_dir import DataDir
from ..journal.facts import read_facts
from ..journal.run_folder import RunFolder
from ..model.run_facts import short_commit
from ..repository.history import Repository
from ..store import Store, open_store, store_url
from .affected import Affected, AffectedFinder
from .patch import LocatedDiff
from .present_files import PatchedFiles, PresentFiles, WorkingTree
from .run_records import RunRecord, load_record
from .stored_runs import Synchronise


class NoTestsError(ConfigurationError):
    """No recorded run can answer: none names a test, or none is of the commit or of an ancestor."""


@dataclass(frozen=True)
class AffectedQuery:
    """The options of the question.

    ``ref`` limits the runs to those of its ancestors; ``run`` names one, in place of that. ``diff`` is the change to
    judge, in place of all since the run. ``ignore`` are git's patterns of paths that do not matter. ``store`` is the
    setting ``LIVECOVERAGE_STORE``.
    """

    data_dir: Path
    ref: str | None = None
    run: str | None = None
    diff: LocatedDiff | None = None
    ignore: Sequence[str] = ()
    strict: bool = False
    store: str | None = None
    folder: Path = Path()


@dataclass(frozen=True)
class AffectedAnswer:
    """The affected tests, and ``notes``: what could not be compared."""

    affected: Affected
    notes: Sequence[str] = ()


def affected_tests(
    query: AffectedQuery, tests: Iterable[str] | None = None, synchronise: Synchronise = Store.sync
) -> AffectedAnswer:
    """The ones of ``tests`` that a change can affect; by default of all recorded tests.

    Raises ConfigurationError if no run can answer that, and DataError if nothing is recorded.
    """
    repository = _repository(query)
    names = None if tests is None else list(tests)
    records = load_records(query, repository, names, synchronise)
    base = query.folder if repository is None else repository.top
    if query.diff is not None:
        base = Path(query.diff.top)
    finder = AffectedFinder(records, str(base), query.ignore, strict=query.strict)
    if names is None and not finder.recorded_tests():
        raise NoTestsError(f"none of the recorded tests exists any more in {records[0].root}: record the suite again")
    files: PresentFiles = WorkingTree(repository, str(query.data_dir))
    if query.diff is not None:
        files = PatchedFiles(query.diff, repository)
    tree = records[0].tree
    commit = tree.commit if tree and query.diff is None else None
    return AffectedAnswer(finder.find(files, names, base=commit), list(_notes(query, repository, records)))


def load_records(
    query: AffectedQuery,
    repository: Repository | None,
    tests: Sequence[str] | None = None,
    synchronise: Synchronise = Store.sync,
) -> list[RunRecord]:
    """The runs that can answer the question, the newest first. With ``tests``, no more than their records need."""
    directory = DataDir(query.data_dir)
    top = str(repository.top) if repository else None
    missing = None if tests is None else set(tests)
    records: list[RunRecord] = []
    folders = eligible_runs(query, repository)
    with open_store(store_url(directory.path, query.store), is_own=not query.store) as store:
        for folder in folders:
            with store.recorded([synchronise(store, folder)]) as queries:
                record = load_record(queries, folder, top)
            if record.executed or record.outcomes:
                records.append(record)
            if missing is not None:
                missing -= record.executed.keys()
                if not missing:
                    break
    if not records:
        raise NoTestsError(
            f"no test is named in run {query.run or 'latest'}: record with the pytest plugin, or name each test by a "
            "window or the header Livecov-Test"
        )
    return records


def eligible_runs(query: AffectedQuery, repository: Repository | None) -> list[RunFolder]:
    """The runs of the ancestors of a commit, the newest first. Raises ConfigurationError if there are none."""
    directory = DataDir(query.data_dir)
    if query.run is not None:
        return _named(directory, query.run, repository)
    tested = [run for run in reversed(directory.select("all")) if run.is_tested() or run.outcomes_size()]
    if not tested:
        raise NoTestsError(
            f"no test is named in any run in {directory.path}: record with the pytest plugin, or name each test by a "
            "window or the header Livecov-Test"
        )
    # The change is in the diff, so it need not be known since which commit it counts.
    is_known = query.diff is not None and query.ref is None and not any(map(_commit, tested))
    if repository is None or is_known:
        return tested
    return _of_ancestors(tested, repository, query.ref)


def _named(directory: DataDir, wanted: str, repository: Repository | None) -> list[RunFolder]:
    runs = directory.select(wanted, tested=True)
    for run in runs:
        commit = _commit(run)
        if repository is not None and commit is not None and not repository.has(commit):
            raise ConfigurationError(
                f"commit {short_commit(commit)} of run {run.id} is not in {repository.top}: {_hint(repository)}"
            )
    return runs[::-1]


def _of_ancestors(runs: Sequence[RunFolder], repository: Repository, ref: str | None) -> list[RunFolder]:
    target = repository.head() if ref is None else repository.resolve(ref)
    commits = {run.id: _commit(run) for run in runs}
    ancestors = {one: repository.is_ancestor(one, target) for one in set(filter(None, commits.values()))}
    found = [run for run in runs if ancestors.get(commits[run.id] or "")]
    if found:
        return found
    name = f"HEAD ({short_commit(target)})" if ref is None else ref
    if not any(commits.values()):
        raise NoTestsError(
            f"the recorded runs have no git commit, so it is not known what has changed since: record the suite again "
            f"in {repository.top}, or name a run with --run ID, of which only measured files are compared"
        )
    raise NoTestsError(
        f"no recorded run is of {name} or an ancestor: record the suite there, name a run with --run ID, or "
        f"{_hint(repository)}"
    )


def _hint(repository: Repository) -> str:
    if repository.is_shallow:
        return "fetch more of this shallow clone, with git fetch --unshallow"
    return "fetch the branch on which it was recorded"


def _commit(run: RunFolder) -> str | None:
    tree = read_facts(run).tree
    return tree.commit if tree else None


def _repository(query: AffectedQuery) -> Repository | None:
    """The repository; None if there is none, and the question can be answered without."""
    try:
        return Repository.find(query.folder)
    except ConfigurationError:
        if query.ref is None and (query.run is not None or query.diff is not None):
            return None
        raise


def _notes(query: AffectedQuery, repository: Repository | None, records: Sequence[RunRecord]) -> Iterator[str]:
    if query.diff is not None:
        return
    for record in records:
        if repository is None or record.tree is None or record.tree.commit is None:
            yield (
                f"run {record.id} has no git commit here: only measured files were compared, not requirements, "
                "templates, data and tests"
            )
