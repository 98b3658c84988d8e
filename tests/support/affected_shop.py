"""A shop in a git repository, with journals of its server and outcomes of its tests, written line by line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flask_livecoverage.analysis.impact.blocks import parse
from flask_livecoverage.journal.facts import note_working_tree
from flask_livecoverage.journal.outcomes import Collection, append_collection, append_outcome
from flask_livecoverage.model.outcomes import Outcome
from flask_livecoverage.model.records import FileLines, Trace
from flask_livecoverage.queries.affected import Affected
from flask_livecoverage.queries.affected_runs import AffectedQuery, affected_tests
from flask_livecoverage.queries.patch import LocatedDiff
from flask_livecoverage.queries.present_files import ChangedPath, PresentFiles, Sides
from flask_livecoverage.queries.run_records import RunRecord
from flask_livecoverage.repository.diffs import parse_diff
from flask_livecoverage.repository.working_tree import working_tree

from .changed_programs import started_lines
from .journals import Writer, run_folder
from .repositories import GitFolder
from .runs import content_hash

NOW = 1_700_000_000.0
FILES = {
    "shop/__init__.py": "from . import cart, views\n\n\ndef create_app():\n    return views  # starts\n",
    "shop/cart.py": "LIMIT = 5\n\n\ndef total():\n    return 1\n\n\ndef empty():\n    return 0\n",
    "shop/views.py": "from . import cart\n\n\ndef index():\n    return cart.total()\n",
    "requirements.txt": "flask\n",
    "README.md": "A shop.\n",
    "tests/conftest.py": "",
    "tests/pages.py": "URL = 1\n",
    "tests/test_cart.py": "def test_total(): ...\ndef test_empty(): ...\n",
    "tests/test_views.py": "def test_index(): ...\n",
    ".gitignore": ".livecov\n",
}
TOTAL, EMPTY, INDEX = (
    "tests/test_cart.py::test_total",
    "tests/test_cart.py::test_empty",
    "tests/test_views.py::test_index",
)
# The functions that each test runs.
RAN = {
    TOTAL: {"shop/cart.py": ["total"]},
    EMPTY: {"shop/cart.py": ["empty"]},
    INDEX: {"shop/views.py": ["index"], "shop/cart.py": ["total"]},
}


@dataclass
class Shop:
    """The repository, and the runs that were recorded there."""

    code: GitFolder
    runs: int = field(default=0)

    def path(self, name: str) -> Path:
        return self.code.path / name

    def record(
        self, tests: Iterable[str] = tuple(RAN), *, commit: bool = True, failed: Iterable[str] = (), name: str = ""
    ) -> Writer:
        """Record a run of the files as they are now."""
        self.runs += 1
        folder = run_folder(name or f"run{self.runs}")
        started_at = NOW + 1000 * self.runs
        writer = Writer(folder, "1a", pid=2**22 + 1, root=str(self.code.path), started_at=started_at)
        if commit:
            note_working_tree(folder, lambda: working_tree(self.code.path))
        python = sorted(self.code.path.glob("shop/*.py"))
        writer.line("sources", files=list(map(str, python)))
        # For tests alone: the server does not import it.
        loaded = [path for path in python if path.name != "testing.py"]
        lines = {str(path): FileLines(content_hash(str(path)), started_lines(path.read_text())) for path in loaded}
        writer.line("ambient", trace=writer.trace(Trace.of(lines)))
        for number, test in enumerate(tests):
            writer.request(self.trace(RAN.get(test, {})), started_at + number, test=test)
            outcome = "failed" if test in failed else "passed"
            files = [test.partition("::")[0], "tests/conftest.py"]
            append_outcome(folder, Outcome(test, outcome, 100.0, started_at + number, files))
        append_collection(folder, Collection(list(tests), str(self.code.path), started_at))
        return writer

    def trace(self, functions: dict[str, list[str]]) -> Trace:
        found = {}
        for name, names in functions.items():
            path = self.path(name)
            bodies = {one.name: one.own_lines for one in parse(path.read_bytes()).functions}
            lines = 0
            for function in names:
                lines |= bodies.get(function, 0)
            found[str(path)] = FileLines(content_hash(str(path)), lines)
        return Trace.of(found)

    def edit(self, name: str, before: str, after: str) -> None:
        text = self.path(name).read_text()
        assert text.count(before) == 1
        self.code.write({name: text.replace(before, after)})

    def find(self, tests: Iterable[str] | None = None, diff: bytes | None = None, **options: Any) -> Affected:
        if diff is not None:
            options["diff"] = LocatedDiff(parse_diff(diff), str(self.code.path))
        query = AffectedQuery(Path(".livecov"), folder=self.code.path, **options)
        return affected_tests(query, tests).affected

    def affected(self, tests: Iterable[str] | None = None, diff: bytes | None = None, **options: Any) -> set[str]:
        """The names of the affected tests."""
        return {one.name for one in self.find(tests, diff, **options).tests}


def recorded_shop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop in a repository in ``folder``, which is entered, with all its tests recorded once."""
    code = GitFolder(folder)
    code.commit(FILES)
    monkeypatch.chdir(code.path)
    shop = Shop(code)
    shop.record()
    return shop


class EditedFiles:
    """Other files, some of which are replaced: contents by absolute paths, None for files that are gone."""

    def __init__(self, files: PresentFiles, contents: Mapping[str, bytes | None]) -> None:
        self._files = files
        self._contents = contents

    def sides(self, record: RunRecord, path: str) -> Sides:
        """The two contents of a file that was measured in a run."""
        sides = self._files.sides(record, path)
        return Sides(sides.old, self._contents[path], sides.moved) if path in self._contents else sides

    def changed(self, record: RunRecord) -> list[ChangedPath]:
        """The paths that have changed in the other files, and those that are replaced."""
        replaced = [
            ChangedPath(path, content is not None, self._files.read(path) is None)
            for path, content in self._contents.items()
        ]
        return [*(one for one in self._files.changed(record) if one.path not in self._contents), *replaced]

    def read(self, path: str) -> bytes | None:
        """The content of a file."""
        return self._contents[path] if path in self._contents else self._files.read(path)
