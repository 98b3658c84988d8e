"""Which tests a run recorded, and which older runs stay because they hold the last records of tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pytest

from flask_livecoverage.journal import recorded_tests as module
from flask_livecoverage.journal.outcomes import Collection, append_collection, append_outcome
from flask_livecoverage.journal.recorded_tests import RecordedTests, recorded_tests
from flask_livecoverage.journal.retention import surplus
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.data_files import open_for_reading
from flask_livecoverage.model.outcomes import Outcome

from ..support.journals import Writer, run_folder, trace_of

NOW = 1_700_000_000.0
TRACE = trace_of({"/srv/app.py": [1]})

_all = tuple("abcdefgh")


def recorded(number: int, tests: Sequence[str], collected: Sequence[str] = (), root: str = "/srv") -> RunFolder:
    """A run whose requests name ``tests``, in a session that has ``collected`` these, with files below ``root``."""
    writer = Writer(run_folder(f"run-{number}"), "1a", pid=2**22 + 1, started_at=NOW + number)
    for test in tests:
        writer.request(TRACE, NOW + number, test=test)
    if collected:
        append_collection(writer.folder, Collection(collected, root, NOW + number))
    return writer.folder


def removed(runs: Sequence[RunFolder], keep: int) -> list[str]:
    return [run.id for run in surplus(runs, keep)]


class TestNames:
    def test_all_that_name_a_test(self) -> None:
        writer = Writer(run_folder(), "1a")
        for test in ('é\n"test":"x"', "whole > part", "alone > part", "a"):
            writer.request(TRACE, NOW, test=test)
        # No test: none is named, or the request belongs to none, or the path looks like one.
        writer.request(TRACE, NOW, test=None, path='/"test":"path"')
        writer.request(TRACE, NOW, test="")
        for name in ("window", ""):
            writer.line("window", name=name, at=NOW)
        Writer(writer.folder, "2b").line("window", at=NOW, name="other process")
        writer.write(b'{"type":"request","test":"torn')
        append_outcome(writer.folder, Outcome("unit", "passed", None, NOW))
        append_collection(writer.folder, Collection(["whole", "unit"], "/srv", NOW))
        append_collection(writer.folder, Collection(["new"], "/srv", NOW + 1))
        tests = {'é\n"test":"x"', "whole", "alone > part", "a", "window", "other process", "unit"}
        collected = frozenset({"whole", "unit", "new"})
        assert recorded_tests(writer.folder) == RecordedTests(frozenset(tests), collected, frozenset({"/srv"}))

    def test_journals_are_read_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = recorded(1, "ab")
        found = recorded_tests(folder)
        read: list[str] = []

        def open_and_note(path: Path) -> BinaryIO:
            read.append(path.name)
            return open_for_reading(path)

        monkeypatch.setattr(module, "open_for_reading", open_and_note)
        assert recorded_tests(folder) == found
        assert read == []
        Writer(folder, "2b").request(TRACE, NOW, test="c")
        assert recorded_tests(folder).tests == {"a", "b", "c"}
        assert read == ["journal-1a.jsonl", "journal-2b.jsonl"]

    @pytest.mark.parametrize(
        "content", ["", "[]", "{", '{"size": %d}', '{"size": %d, "tests": 1, "collected": [], "roots": []}']
    )
    def test_damaged_file(self, content: str) -> None:
        folder = recorded(1, "ab")
        size = sum(path.stat().st_size for path in folder.path.iterdir())
        (folder.path / "marks.names.json").write_text(content % size if "%" in content else content)
        assert recorded_tests(folder).tests == {"a", "b"}

    def test_folder_that_cannot_be_written(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(path: Path, content: bytes) -> None:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(module, "replace_data_file", refuse)
        assert recorded_tests(recorded(1, "ab")).tests == {"a", "b"}


class TestSurplus:
    def test_partial_sessions_after_a_full_one(self) -> None:
        """Sessions that run affected tests alone collect all."""
        runs = [recorded(0, "a"), recorded(1, _all, _all), *(recorded(n, "ab"[n % 2], _all) for n in range(2, 8))]
        assert removed(runs, 3) == ["run-0", "run-2", "run-3", "run-4"]

    def test_all_tests_have_run_again(self) -> None:
        runs = [recorded(0, _all, _all), *(recorded(n, _all[2 * n - 2 : 2 * n], _all) for n in range(1, 5))]
        assert removed(runs, 4) == ["run-0"]

    def test_test_that_does_not_exist_any_more(self) -> None:
        runs = [recorded(0, _all, _all), *(recorded(n, _all[:-1], _all[:-1]) for n in range(1, 4))]
        assert removed(runs, 2) == ["run-0", "run-1"]

    def test_session_of_one_file(self) -> None:
        """What it has collected does not mean that there are no other tests."""
        runs = [recorded(0, _all, _all), recorded(1, "a", _all), recorded(2, "a", "a")]
        assert removed(runs, 2) == []

    def test_sessions_of_one_file_alone(self, tmp_path: Path) -> None:
        """After them, the others exist as long as their files name them."""
        here, others = ["t/a.py::one", "t/a.py::C::two"], ["t/b.py::three[x::y]", "t/b.py::C::four"]
        (tmp_path / "t").mkdir()
        (tmp_path / "t" / "a.py").write_text("def one(): ...\nclass C:\n    def two(self): ...\n")
        (tmp_path / "t" / "b.py").write_text("class C:\n    def four(self): ...\n")
        runs = [recorded(0, [*here, *others], [*here, *others], str(tmp_path))]
        runs += [recorded(n, here, here, str(tmp_path)) for n in range(1, 5)]
        assert removed(runs, 2) == ["run-1", "run-2"]
        (tmp_path / "t" / "b.py").write_text("def fours(): ...\n")
        assert removed(runs, 2) == ["run-0", "run-1", "run-2"]

    def test_at_most_as_many_again(self) -> None:
        """Those with the most last records; of these, the newest."""
        tests = ["x", "ab", "cd", "e", "f", "gh", "h", "h"]
        runs = [recorded(n, some, _all) for n, some in enumerate(tests)]
        # Last records: run-1 of a and b, run-2 of c and d, run-3 of e, run-4 of f, run-5 of g.
        assert removed(runs, 2) == ["run-0", "run-3", "run-4", "run-5"]
        assert removed(runs, 1) == ["run-0", "run-1", "run-3", "run-4", "run-5", "run-6"]

    def test_without_collections(self) -> None:
        """The run of a whole suite stays while parts of it run, and goes when the suite, grown less, has run again."""
        runs = [recorded(0, _all), recorded(1, _all), *(recorded(n, "abc") for n in range(2, 6))]
        assert removed(runs, 2) == ["run-0", "run-2", "run-3"]
        assert removed([*runs, recorded(6, _all[:6])], 2) == ["run-0", "run-1", "run-2", "run-3", "run-4"]
