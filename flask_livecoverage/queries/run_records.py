"""A run as the question about affected tests needs it, loaded once: its tests, their lines, and the files of then."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from ..journal.facts import read_facts
from ..journal.outcomes import Collection, read_outcomes
from ..journal.run_folder import RunFolder
from ..model.outcomes import Outcome
from ..model.records import Trace
from ..model.run_facts import WorkingTree
from ..model.text import whole_name
from ..sources.content import EDITED
from ..store import RunQueries

# Lines by path, as bitmaps.
Lines = Mapping[str, int]


@dataclass(frozen=True)
class RunRecord:
    """The record of one run. Paths are absolute, those of this machine.

    ``files`` maps each measured file to the hash of its content, empty if that is unknown or if there were several.
    ``outside`` are the lines that ran outside of tests: at start-up, or in requests without a test. ``executed`` are
    the lines of each test, ``durations`` the milliseconds that its requests took. ``imports`` are pairs: a file that
    imports, and one that it imports. ``contents`` are those that were kept, by their hashes.
    """

    id: str
    tree: WorkingTree | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    outside: Lines = field(default_factory=dict)
    executed: Mapping[str, Lines] = field(default_factory=dict)
    durations: Mapping[str, float] = field(default_factory=dict)
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    imports: frozenset[tuple[str, str]] = frozenset()
    collections: Sequence[Collection] = ()
    contents: Mapping[str, bytes] = field(default_factory=dict)

    @cached_property
    def root(self) -> str:
        """The folder to which the files of tests are relative; empty if no session was recorded."""
        last = max(self.collections, key=lambda one: one.at, default=None)
        return last.root if last else ""

    def content(self, path: str) -> bytes | None:
        """The recorded content of a file; None if it was not kept."""
        return self.contents.get(self.files.get(path, ""))

    @cached_property
    def all_lines(self) -> Lines:
        """The lines of each file that ran, whenever that was."""
        found: dict[str, int] = {}
        for lines in (self.outside, *self.executed.values()):
            for path, bitmap in lines.items():
                found[path] = found.get(path, 0) | bitmap
        return found

    def ran(self, path: str) -> int:
        """The lines of a file that ran, whenever that was."""
        return self.all_lines.get(path, 0)

    @cached_property
    def files_of_tests(self) -> frozenset[str]:
        """The files that tests depend on: their own, conftest files, those of fixtures."""
        names = {path for outcome in self.outcomes.values() for path in outcome.files}
        return frozenset(os.path.realpath(os.path.join(self.root, name)) for name in names)

    @cached_property
    def folders_of_tests(self) -> Sequence[str]:
        """The folders of these files, each with a slash at its end; not those of the application's code too."""
        folders = sorted({os.path.dirname(path) for path in self.files_of_tests})
        found = [os.path.join(folder, "") for folder in folders]
        return [folder for folder in found if not any(path.startswith(folder) for path in self.all_lines)]


def load_record(queries: RunQueries, folder: RunFolder, top: str | None = None) -> RunRecord:
    """The record of one run, to which ``queries`` are limited.

    ``top`` is the folder of the repository here: a run that was recorded in another folder has its paths there.
    """
    tree = read_facts(folder).tree
    recorded = read_outcomes(folder)
    local = Relocation(tree.top if tree else "", top or "")
    traces = queries.lines.traces()
    loader = _Loader(traces, local)
    whole = recorded.names
    executed: dict[str, dict[str, int]] = {}
    durations: dict[str, float] = {}
    for test in queries.groups.executed("test"):
        name = whole_name(test.name, whole)
        loader.add(test.traces, executed.setdefault(name, {}))
        durations[name] = durations.get(name, 0.0) + test.duration_ms
    outside: dict[str, int] = {}
    loader.add(queries.groups.traces_without_test(), outside)
    loader.add_all(queries.lines.ambient(), outside)
    sources = {local.path(path): content for path, content in queries.contents.sources().items()}
    files = {**sources, **loader.contents()}
    files = {path: "" if content == EDITED else content for path, content in files.items()}
    return RunRecord(
        folder.id,
        tree,
        files,
        outside,
        executed,
        durations,
        recorded.outcomes,
        frozenset((local.path(importer), local.path(imported)) for importer, imported in queries.imports()),
        [replace(one, root=local.path(one.root)) for one in recorded.collections],
        queries.contents.load(filter(None, files.values())),
    )


class Relocation:
    """Maps the paths of a repository in another folder to the one here. Nothing is mapped if a folder is empty."""

    def __init__(self, recorded: str, here: str) -> None:
        self._recorded = os.path.join(recorded, "") if recorded else ""
        self._here = os.path.join(here, "") if here else ""
        self._known: dict[str, str] = {}

    def path(self, path: str) -> str:
        """Return the path here."""
        if path not in self._known:
            inside = self._here and self._recorded and path.startswith(self._recorded)
            self._known[path] = os.path.realpath(self._here + path[len(self._recorded) :] if inside else path)
        return self._known[path]


class _Loader:
    def __init__(self, traces: Mapping[str, Trace], local: Relocation) -> None:
        self._traces = traces
        self._local = local
        self._contents: dict[str, set[str]] = {}

    def add(self, traces: Iterable[str], lines: dict[str, int]) -> None:
        """Add the lines of traces, given by their ids."""
        self.add_all((self._traces[trace] for trace in traces if trace in self._traces), lines)

    def add_all(self, traces: Iterable[Trace], lines: dict[str, int]) -> None:
        for trace in traces:
            for recorded, found in trace.files.items():
                path = self._local.path(recorded)
                lines[path] = lines.get(path, 0) | found.lines
                self._contents.setdefault(path, set()).add(found.content)

    def contents(self) -> dict[str, str]:
        """The hash of each file's content; empty for several, whose lines cannot be separated."""
        return {path: next(iter(found)) if len(found) == 1 else "" for path, found in self._contents.items()}
