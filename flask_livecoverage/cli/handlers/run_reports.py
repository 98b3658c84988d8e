"""The work of ``report``: read runs, with what the tests executed earlier that they left out, and report on them."""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import LiveCoverageError
from ...journal.data_dir import DataDir
from ...model.records import Run
from ...queries.stored_contents import keep_contents
from ...queries.unaffected_tests import RecordGoneError
from ...settings import load_settings
from .opening import open_selected
from .reporting import read_runs, report_on, warn


def report(
    data_dir: str,
    selection: str,
    formats: Iterable[str],
    *,
    contexts: str | None = None,
    output: str | None = None,
    fail_under: float | None = None,
) -> int:
    """Report on the runs that ``selection`` names; return 2 if the total is below ``fail_under``, else 0."""
    runs = whole_runs(data_dir, selection)
    return report_on(runs, formats, contexts=contexts, output=output, fail_under=fail_under)


def whole_runs(data_dir: str, selection: str) -> list[Run]:
    """The runs that ``selection`` names, with what the tests executed earlier that they left out.

    See :mod:`~...queries.unaffected_tests`. If that cannot be read, a warning is printed.
    """
    runs = read_runs(data_dir, selection)
    _keep_sources(data_dir, runs)
    return [_with_unaffected_tests(data_dir, run) for run in runs]


def _with_unaffected_tests(data_dir: str, run: Run) -> Run:
    if not DataDir(data_dir).run(run.id).relies_on_others():
        return run
    try:
        with open_selected(data_dir, run.id, whole=True) as stored:
            return stored.unaffected.added_to(run)
    except RecordGoneError as error:
        warn(str(error))
    except LiveCoverageError as error:
        warn(f"the tests that run {run.id} left out are not counted: {error}")
    return run


def _keep_sources(data_dir: str, runs: Iterable[Run]) -> None:
    """Keep the contents of the files of ``runs``, which may be edited soon. If that fails, a warning is printed."""
    try:
        keep_contents(DataDir(data_dir), runs, load_settings({}).store)
    except LiveCoverageError as error:
        warn(f"the contents of the measured files are not kept: {error}")
