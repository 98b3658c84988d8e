"""The coverage of recorded runs by file, each in the content that it had then, whatever it is now."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..model.counted_files import CountedFile, Counts, marks_of
from ..model.records import NO_ROUTE
from ..sources.coveragepy import StatementAnalyser
from .recorded_files import RecordedFiles, recorded_files, texts_of, unexecuted_files
from .routes import merged_name
from .stored_runs import StoredRuns

# The folders into which packages are installed. Where they lie differs between machines.
_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class RecordedCoverage:
    """The coverage of one side of a comparison; ``name`` is a run's id, or the path of a baseline.

    ``files`` are by name, see :func:`portable_name`. ``unknown`` has the reason for each file that cannot be counted.
    ``tests`` and ``routes`` are None for a baseline, which does not name them. ``outcomes`` are those of the tests that
    have one.
    """

    name: str
    files: Mapping[str, CountedFile]
    unknown: Mapping[str, str] = field(default_factory=dict)
    tests: frozenset[str] | None = None
    routes: frozenset[str] | None = None
    outcomes: Mapping[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> Counts:
        """The numbers in all."""
        return Counts.sum(file.counts for file in self.files.values())


def portable_name(path: str, root: str) -> str:
    """The name of a file by which other machines know it too, with slashes.

    It is relative to ``root``, the folder in which the server ran, or begins with ``site-packages`` if it is installed.
    """
    parts = path.split(os.sep)
    for number in range(len(parts) - 1, 0, -1):
        if parts[number] in _INSTALLED:
            return "/".join(parts[number:])
    return os.path.relpath(path, root or os.getcwd()).replace(os.sep, "/")


class CoverageReader:
    """Reads the coverage of recorded runs, for comparisons."""

    def __init__(self, stored: StoredRuns) -> None:
        self._store = stored.store
        self._queries = stored.queries
        self._unaffected = stored.unaffected
        self._analyser = StatementAnalyser()

    def read(self, name: str) -> RecordedCoverage:
        """The coverage of the runs, which are shown as ``name``."""
        further = self._unaffected.traces.values()
        files, unknown = self._counted(recorded_files(self._store, self._queries, self._analyser, further))
        groups = self._queries.groups
        routes = {route.name for route in groups.executed("route")}
        routes |= {f"{one.method} {one.rule or NO_ROUTE}" for one in self._unaffected.executions}
        return RecordedCoverage(
            name,
            files,
            unknown,
            frozenset(groups.names_of_tests()) | self._queries.outcomes.keys() | self._unaffected.tests,
            frozenset(merged_name(route) for route in routes if not route.endswith(f" {NO_ROUTE}")),
            {name: one.outcome for name, one in self._queries.outcomes.items()},
        )

    def read_unexecuted(self, names: Iterable[str]) -> tuple[dict[str, CountedFile], dict[str, str]]:
        """The files called ``names``, if they are in the runs' folder: with their present content, nothing executed.

        The second result has the reason for each of them that cannot be counted.
        """
        paths = {os.path.normpath(os.path.join(self._queries.root, name)) for name in names}
        return self._counted(unexecuted_files(self._store, self._queries, self._analyser, paths))

    def _counted(self, found: RecordedFiles) -> tuple[dict[str, CountedFile], dict[str, str]]:
        """The files by their names, and the reasons for those that cannot be counted."""
        root = self._queries.root
        texts = texts_of(self._queries, found.files.values())
        files = {}
        for path, file in found.files.items():
            source = texts.get(file.content)
            marks = None if source is None else marks_of(source, file.statements)
            files[portable_name(path, root)] = CountedFile(file.content, file.statements, file.executed, marks)
        return files, {portable_name(path, root): reason for path, reason in found.unknown.items()}
