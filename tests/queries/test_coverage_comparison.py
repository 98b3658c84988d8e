"""The difference of two sides: files that cannot be compared are named, and none is left out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from flask_livecoverage.exports.baseline import read_baseline, write_baseline
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.counted_files import CountedFile, Counts, marks_of
from flask_livecoverage.model.records import FileLines, Trace
from flask_livecoverage.queries.coverage_comparison import Names, compare_coverage
from flask_livecoverage.queries.recorded_coverage import CoverageReader, RecordedCoverage
from flask_livecoverage.queries.stored_runs import open_stored_runs
from flask_livecoverage.sources.content import content_hash

from ..support.journals import Writer, run_folder
from ..support.strategies import EditedFile, edited_files

SOURCE = b"first = the_first_of(all_names)\nsecond = the_second_of(all_names)\n"


def counted(covered: Iterable[int], content: str = "0" * 16, *, is_known: bool = True) -> CountedFile:
    marks = marks_of(SOURCE, 0b110) if is_known else None
    return CountedFile(content, 0b110, to_bitmap(covered) & 0b110, marks)


def side(
    files: dict[str, CountedFile], unknown: dict[str, str] | None = None, **names: frozenset[str]
) -> RecordedCoverage:
    return RecordedCoverage("side", files, unknown or {}, **names)


class TestUnknown:
    def test_file_that_one_side_cannot_count(self) -> None:
        """It is neither new nor gone. The numbers in all are those of each side alone."""
        before, after = side({}, {"a.py": "was lost"}), side({"a.py": counted([1]), "b.py": counted([])})
        compared = compare_coverage(before, after)
        assert compared.unknown == {"a.py": "was lost (side)"}
        assert [file.name for file in compared.files] == ["b.py"]
        assert (compared.before.counts, compared.after.counts) == (Counts(), Counts(4, 1))

    def test_file_whose_lines_cannot_be_matched(self) -> None:
        before, after = side({"a.py": counted([1, 2])}), side({"a.py": counted([1], "1" * 16, is_known=False)})
        compared = compare_coverage(before, after)
        (file,) = compared.files
        assert compared.unknown.keys() == {"a.py"}
        assert (list(file.lost), file.before, file.after) == ([], Counts(2, 2), Counts(2, 1))
        assert (compared.has_decreased, compared.decreased) == (True, [file])

    def test_equal_contents_need_no_more(self) -> None:
        before, after = (side({"a.py": counted(lines, is_known=False)}) for lines in ([1, 2], [1]))
        compared = compare_coverage(before, after)
        assert (compared.lost, compared.unknown) == (1, {})


class TestUnexecuted:
    def test_file_of_which_nothing_was_executed(self) -> None:
        """Reports do not contain it, so it does not count in all, but it has lost its lines."""
        before, after = side({"a.py": counted([1, 2]), "b.py": counted([1])}), side({"b.py": counted([1])})
        asked: list[str] = []

        def find(names: Iterable[str]) -> tuple[dict[str, CountedFile], dict[str, str]]:
            asked.extend(names)
            return {"a.py": counted([])}, {}

        compared = compare_coverage(before, after, find)
        assert asked == ["a.py"]
        assert [(file.name, list(file.lost), file.is_executed) for file in compared.files] == [
            ("a.py", [1, 2], False),
            ("b.py", [], True),
        ]
        assert (compared.lost, compared.after.counts) == (2, Counts(2, 1))

    def test_file_that_is_there_and_cannot_be_counted(self) -> None:
        compared = compare_coverage(side({"a.py": counted([1])}), side({}), lambda names: ({}, {"a.py": "no Python"}))
        assert compared.unknown == {"a.py": "no Python"}
        assert compared.files == []


class TestRecorded:
    """Runs of edited files, recorded and read back, against a comparison of the files' lines alone."""

    @settings(max_examples=15, deadline=None)
    @given(edited_files(), st.sets(st.integers(1, 40)), st.sets(st.integers(1, 40)))
    def test_equals_a_comparison_of_texts(self, file: EditedFile, covered: set[int], covered_after: set[int]) -> None:
        texts = [line for line in file.before if line in file.unique]
        texts_after = [line.strip() for line in file.after if line.strip().startswith("unique")]
        with tempfile.TemporaryDirectory() as folder:
            before = record(Path(folder), "before", texts, covered)
            baseline = read_baseline(write_baseline(before.files).encode(), "baseline.json")
            after = record(Path(folder), "after", texts_after, covered_after)
        executed = {line for number, line in enumerate(texts, 1) if number in covered}
        executed_after = {line for number, line in enumerate(texts_after, 1) if number in covered_after}
        lost = executed & set(texts_after) - executed_after
        gained = executed_after & set(texts) - executed
        for earlier in (before, RecordedCoverage("baseline.json", baseline)):
            compared = compare_coverage(earlier, after)
            assert {texts[line - 1] for found in compared.files for line in found.lost} == lost
            assert {texts_after[line - 1] for found in compared.files for line in found.gained} == gained
            assert (compared.lost, compared.gained) == (len(lost), len(gained))
            counts = [(side.counts.statements, side.counts.covered) for side in (compared.before, compared.after)]
            assert counts == [(len(texts), len(executed)), (len(texts_after), len(executed_after))]


def record(folder: Path, run: str, lines: list[str], covered: set[int]) -> RecordedCoverage:
    """Write a file, record a run in which the ``covered`` lines ran, and read its coverage."""
    path = folder / "app.py"
    path.write_text("\n".join(lines))
    recorded = FileLines(content_hash(str(path)), to_bitmap(covered & {*range(1, len(lines) + 1)}))
    writer = Writer(run_folder(run, folder / "data"), run[:1] * 8, root=str(folder))
    writer.request(Trace.of({str(path): recorded}), 1.0)
    with open_stored_runs(folder / "data", [writer.folder], None) as stored:
        return CoverageReader(stored).read(run)


names = st.frozensets(st.text(max_size=3))


@given(names, names)
def test_names(before: frozenset[str], after: frozenset[str]) -> None:
    compared = compare_coverage(side({}, tests=before, routes=after), side({}, tests=after, routes=before))
    assert compared.tests == compared_the_other_way(compared.routes)
    assert compared.tests == Names(sorted(after - before), sorted(before - after))


def compared_the_other_way(names: Names | None) -> Names | None:
    return names and Names(names.removed, names.added)


def test_a_baseline_has_no_names() -> None:
    compared = compare_coverage(side({}), side({}, tests=frozenset("a"), routes=frozenset()))
    assert (compared.tests, compared.routes) == (None, None)
