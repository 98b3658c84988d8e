"""An older run is shown with the files as they were: compared with another reader of the same records.

Tests ``dashboard.source_versions`` and ``dashboard.pages.highlight``.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from flask_livecoverage.dashboard.pages.highlight import highlighted
from flask_livecoverage.dashboard.run_reader import Config, RunReader
from flask_livecoverage.dashboard.snapshot import Snapshot
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.bitmap import from_bitmap
from flask_livecoverage.queries.recorded_files import NOT_KEPT, recorded_files
from flask_livecoverage.sources.coveragepy import StatementAnalyser
from flask_livecoverage.store import open_store, store_url

from ..support import strategies
from ..support.journals import run_folder
from .recording import CONTENTS, Edited, executed, held_store_of, shown, snapshot_of


def config(live: RunFolder, sources: Sequence[Path] = ()) -> Config:
    return Config(str(live.path), None, "/__coverage__", [str(path) for path in sources])


@contextmanager
def reading(run: RunFolder) -> Iterator[RunReader]:
    with closing(RunReader(config(run_folder("live")), run)) as reader:
        yield reader


def snapshot(run: RunFolder) -> Snapshot:
    with reading(run) as reader:
        return snapshot_of(reader)


def plain(line: str) -> str:
    return html.unescape(re.sub("<[^>]*>", "", line))


def code(run: RunFolder, name: str) -> list[str]:
    """The lines of a file, without colours."""
    with reading(run) as reader:
        held = held_store_of(reader)
        with reader.recorded(held) as queries:
            (file,) = [file for file in held.snapshot.files.values() if file.name == name]
            text = highlighted(file.content, lambda: queries.contents.load([file.content]).get(file.content))
        held.release()
    assert text is not None
    return [plain(line) for line in text]


class TestOlderRun:
    def test_is_as_it_was_after_the_code_has_changed(self, tmp_path: Path) -> None:
        run = Edited(tmp_path)
        run.request(0, [2, 3])
        counted = executed([2, 3], run.paths[0])
        run.edit(0, "x = 1\n" * 20)
        found = snapshot(run.folder)
        (file,) = [file for file in found.files.values() if file.name == "a.py"]
        missing = from_bitmap(file.analysis.statements & ~file.covered)
        assert (from_bitmap(file.covered), missing) == counted[:2]
        assert (found.changed, found.unreadable, found.requests) == ([], [], 1)
        assert code(run.folder, "a.py") == [*CONTENTS[0].splitlines(), "# a.py"]

    def test_is_as_it_was_after_the_code_was_removed(self, tmp_path: Path) -> None:
        run = Edited(tmp_path)
        run.request(0, [2])
        run.synchronise()
        for path in run.paths:
            path.unlink()
        assert shown(snapshot(run.folder)) == {"a.py": [2], "b.py": []}

    @pytest.mark.parametrize(("present", "counted"), [(0, [2, 3]), (1, [5]), (2, [5])])
    def test_several_versions(self, tmp_path: Path, present: int, counted: list[int]) -> None:
        """As in reports, the present version counts if it was recorded; else the last."""
        run = Edited(tmp_path)
        run.request(0, [2, 3])
        run.edit(0, run.content(run.paths[0], 1))
        run.request(0, [5])
        run.edit(0, run.content(run.paths[0], present))
        found = snapshot(run.folder)
        assert shown(found) == {"a.py": counted, "b.py": []}
        assert found.changed == ["a.py"]
        assert code(run.folder, "a.py") == [*CONTENTS[0 if present == 0 else 1].splitlines(), "# a.py"]

    def test_content_that_was_not_kept(self, tmp_path: Path) -> None:
        """It was edited before anything read the run."""
        run = Edited(tmp_path)
        run.request(0, [2, 3])
        run.paths[0].write_text("x = 1\n")
        found = snapshot(run.folder)
        assert shown(found) == {"b.py": []}
        assert found.unreadable == [("a.py", NOT_KEPT)]

    def test_that_is_not_remembered_where_the_content_comes_back(self, tmp_path: Path) -> None:
        run = Edited(tmp_path)
        run.request(0, [2, 3])
        text = run.paths[0].read_text()
        run.paths[0].write_text("x = 1\n")
        assert shown(snapshot(run.folder)) == {"b.py": []}
        run.paths[0].write_text(text)
        assert shown(snapshot(run.folder)) == {"a.py": [2, 3], "b.py": []}

    def test_the_whole_run_counts_whatever_was_reset(self, tmp_path: Path) -> None:
        run = Edited(tmp_path)
        run.request(0, [2, 3])
        run.folder.mark({run.writer.path.name: run.writer.path.stat().st_size})
        run.request(0, [4])
        assert shown(snapshot(run.folder))["a.py"] == [2, 3, 4]
        with closing(RunReader(config(run.folder, run.paths))) as reader:
            assert shown(snapshot_of(reader))["a.py"] == [4]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12, deadline=None)
@given(history=strategies.recorded_edits)
def test_random_histories(history: list[tuple[int, int, set[int]]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """The same files and lines as in ``livecov runs``, which reads the run in another way."""
    run = Edited(tmp_path_factory.mktemp("code"), f"older-{tmp_path_factory.mktemp('run').name}")
    for number, content, lines in history:
        text = run.content(run.paths[number], content)
        if run.paths[number].read_text() != text:
            run.edit(number, text)
        run.request(number, lines)
    found = snapshot(run.folder)
    url = store_url(run.folder.path.parent.parent, None)
    with open_store(url) as store, store.recorded([store.sync(run.folder)]) as queries:
        expected = recorded_files(store, queries, StatementAnalyser())
    assert {file.path: (file.analysis.statements, file.covered) for file in found.files.values()} == {
        path: (file.statements, file.executed) for path, file in expected.files.items()
    }
    assert (found.statements, found.executed) == (expected.statements, expected.executed)


class TestHighlight:
    def test_lost_content_is_looked_for_again(self) -> None:
        assert highlighted("a lost content", lambda: None) is None
        found = highlighted("a lost content", lambda: b"x = 1\n")
        assert found is not None
        assert [plain(line) for line in found] == ["x = 1"]

    def test_known_content_is_not_read_again(self) -> None:
        highlighted("a known content", lambda: b"y = 1\n")
        found = highlighted("a known content", lambda: None)
        assert found is not None
        assert [plain(line) for line in found] == ["y = 1"]

    def test_no_more_is_kept_than_needed(self) -> None:
        for number in range(300):
            highlighted(f"content {number}", lambda: b"z = 1\n")
        assert highlighted("content 0", lambda: None) is None
        assert highlighted("content 299", lambda: None) is not None

    def test_bytes_that_are_no_text(self) -> None:
        assert highlighted("no text", lambda: b"\xff\xfe\n") is None
