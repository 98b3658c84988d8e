"""Lost and gained lines, checked against a comparison of sets of texts."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.analysis.lost_lines import ComparedFile, compare, has_decreased, is_comparable
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.counted_files import CountedFile, Counts, marks_of

from ..support.strategies import EditedFile, edited_files


def counted(lines: list[str], covered: set[int]) -> CountedFile:
    """A file each of whose lines is a statement; those with the ``covered`` numbers (from 1) were executed."""
    source = "\n".join(lines).encode()
    statements = to_bitmap(range(1, len(lines) + 1))
    content = hashlib.sha256(source).hexdigest()[:16]
    return CountedFile(content, statements, statements & to_bitmap(covered), marks_of(source, statements))


def compare_one(before: CountedFile, after: CountedFile) -> ComparedFile:
    (file,) = compare({"a.py": before}, {"a.py": after}, {})
    return file


def by_texts(before: list[str], covered: set[int], after: list[str], covered_after: set[int]) -> list[int]:
    """The lines of ``before`` that were lost, if all lines are unique: by their texts alone."""
    then = {line.strip() for number, line in enumerate(after, 1) if number not in covered_after}
    return [number for number, line in enumerate(before, 1) if number in covered and line.strip() in then]


line_numbers = st.sets(st.integers(1, 40))


@given(edited_files(), line_numbers, line_numbers)
def test_equals_a_comparison_of_texts(file: EditedFile, covered: set[int], covered_after: set[int]) -> None:
    before = [line for line in file.before if line in file.unique]
    after = [line for line in file.after if line.strip().startswith("unique")]
    found = compare_one(counted(before, covered), counted(after, covered_after))
    assert found.lost == by_texts(before, covered, after, covered_after)
    everywhere = set(range(1, 60))
    assert found.gained == by_texts(after, covered_after, before, covered)
    assert compare_one(counted(before, everywhere), counted(after, everywhere)).lost == []


@given(edited_files(), line_numbers, line_numbers)
def test_the_other_way_round_lost_is_gained(file: EditedFile, covered: set[int], covered_after: set[int]) -> None:
    before = counted([line for line in file.before if line in file.unique], covered)
    after = counted([line for line in file.after if line.strip() in file.unique], covered_after)
    there, back = compare_one(before, after), compare_one(after, before)
    assert (there.lost, there.gained) == (back.gained, back.lost)


@given(edited_files(), line_numbers, line_numbers)
def test_lost_lines_are_found_in_the_later_file(file: EditedFile, covered: set[int], covered_after: set[int]) -> None:
    found = compare_one(counted(file.before, covered), counted(file.after, covered_after))
    assert sorted(file.before[line - 1] for line in found.lost) == sorted(
        file.after[line - 1].strip() for line in found.lost_now
    )
    assert not covered_after.intersection(found.lost_now)


class TestDecrease:
    @pytest.mark.parametrize(
        ("before", "after", "lost", "decreased"),
        [
            ((10, 9), (10, 8), 1, True),
            ((10, 9), (10, 9), 1, False),
            ((10, 9), (11, 9), 0, True),
            # Five covered lines were deleted.
            ((10, 9), (5, 4), 0, False),
            # The missing line was deleted, and another one lost.
            ((10, 9), (9, 8), 1, True),
            ((3, 3), (0, 0), 0, False),
            ((0, 0), (1, 0), 0, True),
        ],
    )
    def test_of_a_file(self, before: tuple[int, int], after: tuple[int, int], lost: int, decreased: bool) -> None:
        assert has_decreased(Counts(*before), Counts(*after), lost) == decreased

    def test_of_new_files_and_of_those_that_are_gone(self) -> None:
        assert not has_decreased(None, Counts(10, 0), 0)
        assert not has_decreased(Counts(10, 10), None, 0)


LINES = [f"value_{number} = the_value_of({number})" for number in range(8)]


class TestFiles:
    def test_new_and_gone(self) -> None:
        files = compare({"a.py": counted(["x"], {1})}, {"b.py": counted(["y", "z"], {2})}, {})
        assert files == [
            ComparedFile("a.py", "a.py", Counts(1, 1), None),
            ComparedFile("b.py", "b.py", None, Counts(2, 1)),
        ]
        assert all(file.has_changed and not file.has_decreased for file in files)

    def test_equal_ones_have_not_changed(self) -> None:
        assert not compare_one(counted(LINES, {1, 2}), counted(LINES, {1, 2})).has_changed

    def test_of_equal_content_are_compared_by_numbers(self) -> None:
        """Their marks need not be known."""
        before, after = (CountedFile("0" * 16, to_bitmap([1, 2, 4]), to_bitmap(lines)) for lines in ([1, 2], [2, 4]))
        assert is_comparable(before, after)
        found = compare_one(before, after)
        assert (found.lost, found.gained) == ([1], [4])

    def test_of_unknown_content_have_counts_alone(self) -> None:
        before, after = CountedFile("0" * 16, to_bitmap([1, 2]), to_bitmap([1])), counted(["x"], set())
        assert not is_comparable(before, after)
        found = compare_one(before, after)
        assert (found.before, found.after, found.lost, found.gained) == (Counts(2, 1), Counts(1, 0), [], [])

    def test_of_which_nothing_was_executed(self) -> None:
        (found,) = compare({"a.py": counted(LINES, {1, 2})}, {}, {"a.py": counted(["import os", *LINES], set())})
        assert (found.lost, found.is_executed, found.has_decreased) == ([1, 2], False, True)


class TestRenamed:
    def test_equal_content_in_another_folder(self) -> None:
        file = counted(LINES, {1, 2})
        files = compare({"old/a.py": file}, {"new/b.py": file, "new/a.py": counted(LINES, {1})}, {})
        assert [(one.name, one.name_before, list(one.lost)) for one in files] == [
            ("new/a.py", "old/a.py", [2]),
            ("new/b.py", "new/b.py", []),
        ]

    def test_the_most_similar_one(self) -> None:
        before = {"old.py": counted(LINES, {1, 8})}
        after = {"less.py": counted(LINES[:5], set()), "more.py": counted(["import os", *LINES[1:]], set())}
        files = compare(before, after, {})
        assert [(one.name, one.name_before, list(one.lost)) for one in files] == [
            ("less.py", "less.py", []),
            ("more.py", "old.py", [8]),
        ]

    @pytest.mark.parametrize(("kept", "name_before"), [(4, "old.py"), (3, "new.py")])
    def test_half_of_the_lines_must_be_equal(self, kept: int, name_before: str) -> None:
        other = [f"another_{number} = something_else({number})" for number in range(8 - kept)]
        files = compare({"old.py": counted(LINES, {1})}, {"new.py": counted([*LINES[:kept], *other], set())}, {})
        assert {one.name: one.name_before for one in files}["new.py"] == name_before

    def test_a_file_that_is_still_there_was_not_renamed(self) -> None:
        file = counted(LINES, {1})
        files = compare({"a.py": file}, {"copy.py": file}, {"a.py": counted(LINES, set())})
        assert [(one.name, one.name_before, list(one.lost)) for one in files] == [
            ("a.py", "a.py", [1]),
            ("copy.py", "copy.py", []),
        ]
