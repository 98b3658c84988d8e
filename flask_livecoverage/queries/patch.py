"""Coverage of a change: the statements that a diff changes, executed or not, and the tests that reached each."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import coverage

from ..analysis.moved import moved_lines
from ..analysis.patch import changed_statements
from ..errors import ConfigurationError
from ..exports.dump import relative_path
from ..model.changes import Diff, FileChange
from ..model.text import printable
from ..sources.content import read_source
from ..sources.coveragepy import StatementAnalyser
from ..store import RunQueries
from .covered_files import CoveredFile, CoveredFiles
from .line_hits import LineUsers, users_of_lines

# The reasons for which a file cannot be judged that a newer record removes.
_RENAMED, _CHANGED, _NEWER = _OUTDATED = (
    "was renamed since it was recorded",
    "has changed since it was recorded",
    "is newer than the recorded run",
)


@dataclass(frozen=True, slots=True)
class ChangedStatement:
    """A changed statement, by its first line; ``moved`` is whether that line was moved from elsewhere."""

    line: int
    executed: bool
    moved: bool = False
    users: LineUsers = field(default_factory=LineUsers)


@dataclass(frozen=True)
class PatchedFile:
    """A changed file: its ``statements`` that have changed, and the ``continued`` ones, which do not count.

    Of the latter, only further lines have changed, which are in no report.
    """

    path: str
    statements: Sequence[ChangedStatement]
    continued: Sequence[ChangedStatement]
    old_path: str | None = None

    @property
    def executed_lines(self) -> list[int]:
        """The first lines of the statements that were executed."""
        return [statement.line for statement in self.statements if statement.executed]

    @property
    def missing_lines(self) -> list[int]:
        """The first lines of the statements that were not executed."""
        return [statement.line for statement in self.statements if not statement.executed]


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A changed file that is measured and cannot be judged, and the reason.

    ``statements`` is the number of its changed statements; None if that is unknown.
    """

    path: str
    reason: str
    statements: int | None = None

    @property
    def is_outdated(self) -> bool:
        """True if it can be judged when the suite has been recorded again."""
        return self.reason in _OUTDATED


@dataclass(frozen=True)
class Patch:
    """The coverage of a change. ``unmeasured`` are the changed files that nothing measures, such as tests.

    Paths are relative to the folder of the repository.
    """

    files: Sequence[PatchedFile]
    unjudged: Sequence[Unjudged] = ()
    unmeasured: Sequence[str] = ()

    @property
    def statements(self) -> int:
        """The number of changed statements."""
        return sum(len(file.statements) for file in self.files)

    @property
    def covered(self) -> int:
        """The number of changed statements that were executed."""
        return sum(len(file.executed_lines) for file in self.files)

    @property
    def percent(self) -> float | None:
        """The percentage of changed statements that were executed; 100 if none has changed.

        None if some have, and none can be judged.
        """
        if not self.statements:
            return None if self.unjudged else 100.0
        return 100 * self.covered / self.statements


class LocatedDiff:
    """A diff, and the absolute path of each file in it.

    :param top: the folder to which paths in results are relative.
    :param folders: those to which the paths of the diff may be relative, the likeliest first.
    """

    def __init__(self, diff: Diff, top: str, folders: Sequence[str] = ()) -> None:
        self.diff = diff
        self.top = os.path.realpath(top)
        self._folders = folders or (top,)

    def items(self) -> Iterator[tuple[str, FileChange]]:
        """The changes with the absolute paths of their files, if these still exist."""
        return ((self._locate(change), change) for change in self.diff if change.status != "deleted")

    def all_items(self) -> Iterator[tuple[str, FileChange]]:
        """The changes with the absolute paths of their files, deleted ones too."""
        return ((self._locate(change), change) for change in self.diff)

    @property
    def paths(self) -> set[str]:
        """The absolute paths of the changed files, and the former ones of those that were renamed."""
        return {path for located, change in self.items() for path in (located, self.former(change)) if path is not None}

    def former(self, change: FileChange) -> str | None:
        """The absolute path that a renamed file had; None for other changes."""
        if change.status != "renamed" or change.old_path is None:
            return None
        return os.path.realpath(os.path.join(self.top, change.old_path))

    def contains(self, path: str) -> bool:
        """True for the absolute paths in the top folder."""
        return path == self.top or path.startswith(os.path.join(self.top, ""))

    def shown(self, path: str) -> str:
        """A path relative to the top folder."""
        return relative_path(path, self.top)

    def _locate(self, change: FileChange) -> str:
        candidates = [
            os.path.join(folder, name) for name in (change.path, *change.other_names) for folder in self._folders
        ]
        return os.path.realpath(next(filter(os.path.lexists, candidates), candidates[0]))

    def check(self) -> None:
        """Raise ConfigurationError if a file is outside of the folder, or none of them is here."""
        for located, change in self.all_items():
            former = self.former(change)
            for path, name in ((located, change.path), (former, change.old_path)):
                if path is not None and not self.contains(path) and change.kind != "link":
                    raise ConfigurationError(
                        f"the diff changes {printable(name or '')}, outside of {self.top}: run this in the folder to "
                        "which its paths are relative"
                    )
        found = list(self.items())
        # A link may lead nowhere.
        if found and not any(change.kind == "link" or os.path.lexists(path) for path, change in found):
            raise ConfigurationError(
                f"no file of the diff is here, for example {printable(found[0][1].path)}: run this in the folder to "
                "which its paths are relative"
            )


def cover_patch(queries: RunQueries, located: LocatedDiff, covered: CoveredFiles) -> Patch:
    """The coverage of a diff. ``covered`` is that of its files, in the runs of ``queries``.

    Raises ConfigurationError if these have measured no file of the repository.
    """
    if located.paths:
        _check_place(located, covered)
    moved = moved_lines(located.diff)
    files, unjudged, unmeasured = [], [], []
    for path, change in located.items():
        shown = located.shown(path)
        problem = _problem(path, located.former(change), change, covered)
        if problem is not None:
            unjudged.append(Unjudged(shown, problem, _count_statements(path, change)))
        elif path in covered.files:
            file = _judge(queries, change, shown, covered.files[path], moved.get(change.path, set()))
            if file.statements or file.continued:
                files.append(file)
        elif _contains_measured(path, change, covered):
            unjudged.append(Unjudged(shown, "is a submodule, of which the diff contains no lines"))
        else:
            unmeasured.append(shown)
    return Patch(
        sorted(files, key=lambda file: file.path),
        [one for one in unjudged if one.statements != 0],
        sorted(unmeasured, key=lambda path: (not path.endswith(".py"), path)),
    )


def _check_place(located: LocatedDiff, covered: CoveredFiles) -> None:
    if not any(located.contains(path) or located.contains(os.path.realpath(path)) for path in covered.recorded):
        example = printable(min(covered.recorded, default=""))
        raise ConfigurationError(
            f"none of the measured files is in {located.top}, for example {example}: record the suite in this folder, "
            "or map the recorded paths to yours with [paths] in coverage.py's configuration"
        )


def _problem(path: str, former: str | None, change: FileChange, covered: CoveredFiles) -> str | None:
    """The reason why a measured file cannot be judged."""
    if change.kind in ("text", "binary") and not os.path.lexists(path):
        return "is not here"
    if path in covered.broken:
        return f"cannot be parsed ({covered.broken[path]})"
    if former in covered.changed and path not in covered.files:
        return _RENAMED
    if path in covered.changed:
        return _CHANGED
    if path in covered.unrecorded:
        return _NEWER
    if path not in covered.files or change.kind in ("link", "submodule"):
        return None
    if change.kind == "binary":
        return "is a binary file for git"
    source = read_source(path)
    if not change.fits(source):
        return "does not have the lines that the diff shows"
    if _has_other_line_ends(source):
        return "has line ends that git does not count"
    return None


def _count_statements(path: str, change: FileChange) -> int | None:
    """The number of changed statements; None if it is unknown, as in a file that is not the one of the diff."""
    if change.kind == "binary":
        return None
    if not change.added():
        return 0
    try:
        source = read_source(path)
        if not _fits(change, source):
            return None
        return len(changed_statements(StatementAnalyser().analyse(path), change.added()).counted)
    except (coverage.CoverageException, OSError, SyntaxError, ValueError):
        return None


def _fits(change: FileChange, source: bytes) -> bool:
    """True if the file has the lines that the diff shows, with the numbers that they have there."""
    return change.fits(source) and not _has_other_line_ends(source)


def _has_other_line_ends(source: bytes) -> bool:
    """True if lines have ends that git does not count, so that their numbers differ."""
    return b"\r" in source.replace(b"\r\n", b"")


def _contains_measured(path: str, change: FileChange, covered: CoveredFiles) -> bool:
    return change.kind == "submodule" and any(Path(file).is_relative_to(path) for file in covered.reported)


def _judge(
    queries: RunQueries, change: FileChange, shown: str, file: CoveredFile, moved: Collection[int]
) -> PatchedFile:
    found = changed_statements(file.analysis, change.added())
    lines = [*found.counted, *found.continued]
    executed = [line for line in lines if file.covered >> line & 1]
    users = users_of_lines(queries, file.numbers, file.analysis, executed, file.unaffected)

    def statement(line: int) -> ChangedStatement:
        return ChangedStatement(line, line in users, line in moved, users.get(line, LineUsers()))

    return PatchedFile(
        shown,
        list(map(statement, found.counted)),
        list(map(statement, found.continued)),
        change.old_path if change.status in ("renamed", "copied") else None,
    )
