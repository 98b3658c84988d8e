"""Compares two runs, or a run with a baseline: lines, tests and routes lost and gained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..analysis.lost_lines import ComparedFile, compare, has_decreased, is_comparable
from ..model.counted_files import CountedFile
from .recorded_coverage import RecordedCoverage

# Finds the files of these names of which nothing was executed, and the reasons for those that cannot be counted.
FindUnexecuted = Callable[[Iterable[str]], tuple[Mapping[str, CountedFile], Mapping[str, str]]]


@dataclass(frozen=True)
class Names:
    """The names of tests or routes that only one side has.

    ``changed`` are the tests whose outcome is another one: by name, the outcome before and after.
    """

    added: Sequence[str]
    removed: Sequence[str]
    changed: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ComparedCoverage:
    """The difference of two sides.

    ``unknown`` has the reason for each file that cannot be compared, wholly or by its lines. ``tests`` and ``routes``
    are None if a side is a baseline, which does not name them.
    """

    before: RecordedCoverage
    after: RecordedCoverage
    files: Sequence[ComparedFile]
    unknown: Mapping[str, str]
    tests: Names | None
    routes: Names | None

    @property
    def lost(self) -> int:
        """The number of lost lines in all files."""
        return sum(len(file.lost) for file in self.files)

    @property
    def gained(self) -> int:
        """The number of gained lines in all files."""
        return sum(len(file.gained) for file in self.files)

    @cached_property
    def has_decreased(self) -> bool:
        """True if a smaller part is covered in all than before, and not only because covered lines were deleted.

        If a side cannot count all of its files, that cannot be known.
        """
        if self.before.unknown or self.after.unknown:
            return False
        return has_decreased(self.before.counts, self.after.counts, self.lost)

    @cached_property
    def decreased(self) -> list[ComparedFile]:
        """The files of which a smaller part is covered than before."""
        return [file for file in self.files if file.has_decreased]


def compare_coverage(
    before: RecordedCoverage, after: RecordedCoverage, find_unexecuted: FindUnexecuted = lambda names: ({}, {})
) -> ComparedCoverage:
    """Compare ``before`` with ``after``, whose files without any executed line ``find_unexecuted`` finds."""
    reasons = [{name: f"{reason} ({side.name})" for name, reason in side.unknown.items()} for side in (before, after)]
    unknown = reasons[0] | reasons[1]
    files, files_after = (_without(side.files, unknown) for side in (before, after))
    there, uncountable = find_unexecuted(files.keys() - files_after.keys())
    unknown |= uncountable
    files = _without(files, uncountable)
    for name in files.keys() & {**there, **files_after}.keys():
        if not is_comparable(files[name], {**there, **files_after}[name]):
            unknown[name] = "lines cannot be matched, because what it contained was not kept"
    return ComparedCoverage(
        before,
        after,
        compare(files, files_after, there),
        unknown,
        _names(before.tests, after.tests, _changed(before.outcomes, after.outcomes)),
        _names(before.routes, after.routes),
    )


def _without(files: Mapping[str, CountedFile], names: Mapping[str, str]) -> dict[str, CountedFile]:
    return {name: file for name, file in files.items() if name not in names}


def _names(
    before: frozenset[str] | None, after: frozenset[str] | None, changed: Mapping[str, tuple[str, str]] | None = None
) -> Names | None:
    if before is None or after is None:
        return None
    return Names(added=sorted(after - before), removed=sorted(before - after), changed=changed or {})


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The outcomes before and after of the tests that have another one."""
    both = sorted(before.keys() & after.keys())
    return {name: (before[name], after[name]) for name in both if before[name] != after[name]}
