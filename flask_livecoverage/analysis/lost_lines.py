"""Compares the coverage of files before and after: the lines that were lost and gained.

A line is lost if it was executed before, is there still, and was not executed after; gained the other way round. A line
that was deleted, written or changed is neither. It counts in the percentages.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..model.counted_files import CountedFile, Counts, is_telling
from .line_matching import match_lines

# The part of two files' lines that must be equal, so that one is the other renamed; git has the same default.
_SIMILAR = 0.5

# A line that more files have distinguishes none of them. The most similar file is among those with the most rare lines.
_RARE = 20
_CANDIDATES = 10


@dataclass(frozen=True)
class ComparedFile:
    """A file before and after; one of both is None if it is not there.

    ``name_before`` differs from ``name`` if it was renamed. ``lost`` lines have the numbers that they had before,
    ``lost_now`` are the same lines where they are after, as are ``gained`` ones. ``is_executed`` is False for a file
    that is still there, but of which nothing was executed, so that reports do not contain it.
    """

    name: str
    name_before: str
    before: Counts | None
    after: Counts | None
    lost: Sequence[int] = ()
    gained: Sequence[int] = ()
    lost_now: Sequence[int] = ()
    is_executed: bool = True

    @property
    def has_changed(self) -> bool:
        """True if any number or the name differs."""
        return bool(self.lost or self.gained) or self.before != self.after or self.name != self.name_before

    @cached_property
    def has_decreased(self) -> bool:
        """True if a smaller part is covered than before, and not only because covered lines were deleted."""
        return has_decreased(self.before, self.after, len(self.lost))


def has_decreased(before: Counts | None, after: Counts | None, lost: int) -> bool:
    """True if a smaller part is covered than before, and lines were lost, or more are missing."""
    if before is None or after is None:
        return False
    return after.is_below(before) and (lost > 0 or after.missing > before.missing)


def compare(
    before: Mapping[str, CountedFile], after: Mapping[str, CountedFile], not_executed: Mapping[str, CountedFile]
) -> list[ComparedFile]:
    """Compare the files of two sides, by their names, sorted.

    ``not_executed`` are files of ``before`` that are still there after, but not among those that were executed.
    """
    there = {**not_executed, **after}
    renamed = _find_renamed(
        {name: file for name, file in before.items() if name not in there},
        {name: file for name, file in after.items() if name not in before},
    )
    names = {name: name for name in before if name in there} | renamed
    files = [_compare_file(new, old, before[old], there[new], is_executed=new in after) for new, old in names.items()]
    gone = before.keys() - names.values()
    files += [ComparedFile(name, name, before[name].counts, None) for name in gone]
    files += [ComparedFile(name, name, None, after[name].counts) for name in after.keys() - names.keys()]
    return sorted(files, key=lambda file: file.name)


def _compare_file(
    name: str, name_before: str, before: CountedFile, after: CountedFile, *, is_executed: bool
) -> ComparedFile:
    pairs = list(_pairs(before, after))
    lost = sorted((old, new) for old, new in pairs if before.is_covered(old) and not after.is_covered(new))
    gained = sorted(new for old, new in pairs if after.is_covered(new) and not before.is_covered(old))
    return ComparedFile(
        name,
        name_before,
        before.counts,
        after.counts,
        [old for old, _ in lost],
        gained,
        sorted(new for _, new in lost),
        is_executed,
    )


def _pairs(before: CountedFile, after: CountedFile) -> Iterable[tuple[int, int]]:
    """The statements that are in both: their line before, and after."""
    if before.content == after.content:
        # The rules by which statements count may differ.
        return ((line, line) for line in before.lines if after.statements >> line & 1)
    if before.marks is None or after.marks is None:
        return ()
    matches = match_lines(before.marks, after.marks, is_telling)
    return ((before.lines[old], after.lines[new]) for old, new in matches.items())


def is_comparable(before: CountedFile, after: CountedFile) -> bool:
    """True if the lines of the two can be matched: the contents are equal, or both are known."""
    return before.content == after.content or (before.marks is not None and after.marks is not None)


# Renamed files


def _find_renamed(gone: Mapping[str, CountedFile], new: Mapping[str, CountedFile]) -> dict[str, str]:
    """The former names of renamed files, by the new ones: first of equal content, then the most similar ones."""
    renamed: dict[str, str] = {}
    for _, old, name in sorted((*_equal(gone, new), *_similar(gone, new))):
        if name not in renamed and old not in renamed.values():
            renamed[name] = old
    return renamed


def _equal(gone: Mapping[str, CountedFile], new: Mapping[str, CountedFile]) -> Iterator[tuple[float, str, str]]:
    by_content: dict[str, list[str]] = {}
    for old, file in gone.items():
        by_content.setdefault(file.content, []).append(old)
    for name, file in new.items():
        for old in by_content.get(file.content, ()):
            # A file that was moved to another folder has kept its name.
            yield (-3.0 if os.path.basename(old) == os.path.basename(name) else -2.0), old, name


def _similar(gone: Mapping[str, CountedFile], new: Mapping[str, CountedFile]) -> Iterator[tuple[float, str, str]]:
    marks = {name: Counter(file.marks) for name, file in new.items() if file.marks}
    names_by_mark: dict[str, list[str]] = {}
    for name, lines in marks.items():
        for mark in lines:
            names_by_mark.setdefault(mark, []).append(name)
    for old, file in gone.items():
        if file.marks:
            lines = Counter(file.marks)
            for name in _candidates(lines, names_by_mark):
                similarity = 2 * (lines & marks[name]).total() / (lines.total() + marks[name].total())
                if similarity >= _SIMILAR:
                    yield -similarity, old, name


def _candidates(lines: Iterable[str], names_by_mark: Mapping[str, Sequence[str]]) -> list[str]:
    """The files that have most of ``lines``, not counting lines that many files have: others need not be compared."""
    shared: Counter[str] = Counter()
    for line in lines:
        names = names_by_mark.get(line, ())
        if len(names) <= _RARE:
            shared.update(names)
    return [name for name, _ in shared.most_common(_CANDIDATES)]
