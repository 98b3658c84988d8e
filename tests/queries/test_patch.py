"""The coverage of a change, in a repository whose application was recorded line by line.

Tests ``queries.patch`` and ``queries.covered_files``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flask_livecoverage.errors import ConfigurationError, DataError
from flask_livecoverage.queries.covered_files import read_coverage
from flask_livecoverage.queries.line_hits import LineUsers
from flask_livecoverage.queries.patch import LocatedDiff, Patch, PatchedFile, Unjudged, cover_patch
from flask_livecoverage.queries.stored_runs import open_stored_runs
from flask_livecoverage.repository.diffs import parse_diff
from flask_livecoverage.repository.history import Repository

from ..support.journals import Writer, run_folder, trace_of
from ..support.repositories import GitFolder
from ..support.runs import content_hash

BEFORE = """\
def total(prices):
    return sum(prices)


def shown(prices):
    return str(total(prices))
"""
AFTER = """\
def total(prices):
    if not prices:
        return 0
    return sum(
        prices,
        start=1,
    )


def shown(prices):
    # A comment.
    return str(total(prices))
"""
NOTHING = Patch([], [], [])
NOW = 1_700_000_000.0


@dataclass
class Shop:
    """The application's repository, and the journal of its server."""

    code: GitFolder
    writer: Writer
    requests: int = field(default=0)

    def path(self, name: str = "shop.py") -> str:
        return str(self.code.path / name)

    def request(self, test: str | None, lines: Iterable[int], name: str = "shop.py") -> None:
        """Record a request that executed these lines of the file as it is now."""
        self.requests += 1
        content = content_hash(self.path(name))
        trace = trace_of({self.path(name): lines}, content=content)
        self.writer.request(trace, NOW + self.requests, test=test)

    def start_up(self, lines: Iterable[int], name: str = "shop.py") -> None:
        trace = trace_of({self.path(name): lines}, content=content_hash(self.path(name)))
        self.writer.line("ambient", trace=self.writer.trace(trace))

    def patch(self, diff: bytes | None = None, folders: Iterable[Path] = ()) -> Patch:
        """The coverage of what has changed since the last commit, or of ``diff``."""
        changes = parse_diff(Repository(self.code.path).diff("HEAD") if diff is None else diff)
        located = LocatedDiff(changes, str(self.code.path), list(map(str, folders)))
        located.check()
        with open_stored_runs(Path(".livecov"), [self.writer.folder], None) as stored:
            return cover_patch(stored.queries, located, read_coverage(stored, located.paths))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    code = GitFolder(tmp_path / "code")
    code.commit({"shop.py": BEFORE, "README.rst": "Shop\n", ".gitignore": ".livecov\n.coveragerc\n"})
    monkeypatch.chdir(code.path)
    return Shop(code, Writer(run_folder(), "1a", pid=2**22 + 1, root=str(code.path)))


def only_file(patch: Patch) -> PatchedFile:
    assert patch.unjudged == []
    (file,) = patch.files
    return file


class TestStatements:
    def test_executed_and_missing(self, shop: Shop) -> None:
        shop.code.write({"shop.py": AFTER})
        shop.start_up([1, 10])
        shop.request("test_total", [2, 4, 5])
        shop.request("test_shown", [2, 4, 12])
        patch = shop.patch()
        file = only_file(patch)
        assert (file.path, file.executed_lines, file.missing_lines) == ("shop.py", [2, 4], [3])
        assert (patch.statements, patch.covered, round(patch.percent, 2)) == (3, 2, 66.67)
        assert [list(one.users.tests) for one in file.statements] == [
            ["test_shown", "test_total"],
            [],
            ["test_shown", "test_total"],
        ]

    def test_further_line_of_a_statement(self, shop: Shop) -> None:
        shop.code.commit({"shop.py": AFTER})
        shop.code.write({"shop.py": AFTER.replace("start=1", "start=2")})
        shop.request("test_total", [5])
        file = only_file(shop.patch())
        assert file.statements == []
        assert [(one.line, one.executed, one.users.tests) for one in file.continued] == [(4, True, ["test_total"])]

    def test_others_than_tests(self, shop: Shop) -> None:
        shop.code.write({"shop.py": "x = 1\ny = 2\nz = 3\n"})
        shop.start_up([1, 2])
        shop.request(None, [2, 3])
        assert [one.users for one in only_file(shop.patch()).statements] == [
            LineUsers([], at_startup=True),
            LineUsers([], at_startup=True, without_test=True),
            LineUsers([], without_test=True),
        ]

    def test_names_in_natural_order(self, shop: Shop) -> None:
        shop.code.write({"shop.py": "x = 1\n"})
        for test in ("test[10]", "test[9]", "test[9]"):
            shop.request(test, [1])
        assert only_file(shop.patch()).statements[0].users.tests == ["test[9]", "test[10]"]

    def test_nothing_has_changed(self, shop: Shop) -> None:
        shop.request("test", [1])
        assert shop.patch() == NOTHING
        assert shop.patch().percent == 100

    def test_comments_and_excluded_lines(self, shop: Shop) -> None:
        shop.code.write({"shop.py": f"# A comment.\n{BEFORE}\nif 1:  # pragma: no cover\n    x = 1\n"})
        shop.request("test", [2])
        assert shop.patch() == NOTHING

    def test_moved_function(self, shop: Shop) -> None:
        first, second = BEFORE.split("\n\n\n")
        shop.code.write({"shop.py": f"{second}\n\n{first}\n    \n"})
        shop.request("test", [2])
        file = only_file(shop.patch())
        assert [one.moved for one in file.statements] == [True, True]
        assert set(file.executed_lines + file.missing_lines) in ({1, 2}, {5, 6})

    def test_renamed_file(self, shop: Shop) -> None:
        shop.code.write({"shop.py": None, "store.py": BEFORE.replace("str", "repr")})
        shop.request("test", [2, 6], "store.py")
        file = only_file(shop.patch())
        assert (file.path, file.old_path, file.executed_lines) == ("store.py", "shop.py", [6])

    def test_renamed_alone(self, shop: Shop) -> None:
        shop.code.write({"shop.py": None, "store.py": BEFORE})
        shop.request("test", [2], "store.py")
        assert shop.patch() == NOTHING

    def test_deleted_file(self, shop: Shop) -> None:
        shop.code.write({"shop.py": None, "other.py": "x = 1\n"})
        shop.request("test", [1], "other.py")
        assert [file.path for file in shop.patch().files] == ["other.py"]

    def test_content_before_a_reload(self, shop: Shop) -> None:
        """Lines of the earlier content do not count, although they have the same numbers."""
        shop.code.write({"shop.py": "x = 1\ny = 2\n"})
        shop.request("earlier", [1, 2])
        shop.code.write({"shop.py": "x = 1\nz = 3\n"})
        shop.request("later", [1])
        file = only_file(shop.patch())
        assert (file.executed_lines, file.missing_lines) == ([1], [2])
        assert file.statements[0].users.tests == ["later"]

    def test_files_that_are_not_measured(self, shop: Shop) -> None:
        Path(".coveragerc").write_text("[report]\nomit = tests/*\n")
        shop.code.write({"tests/test_shop.py": "x = 1\n", "README.rst": "The shop\n", "shop.py": "x = 1\n"})
        shop.request("test", [1])
        shop.request("test", [1], "tests/test_shop.py")
        assert shop.patch().unmeasured == ["tests/test_shop.py", "README.rst"]


class TestPathsOfContainers:
    def test_are_mapped(self, shop: Shop) -> None:
        Path(".coveragerc").write_text(f"[paths]\nsource =\n    {shop.code.path}\n    /srv\n")
        shop.code.write({"shop.py": AFTER})
        trace = trace_of({"/srv/shop.py": [2, 4]}, content=content_hash(shop.path()))
        shop.writer.request(trace, NOW, test="test")
        file = only_file(shop.patch())
        assert (file.executed_lines, file.missing_lines) == ([2, 4], [3])
        assert file.statements[0].users.tests == ["test"]

    def test_without_a_mapping(self, shop: Shop) -> None:
        shop.code.write({"shop.py": AFTER})
        shop.writer.request(trace_of({"/srv/shop.py": [2]}), NOW, test="test")
        with pytest.raises(DataError, match="none of the recorded files exists here"):
            shop.patch()


class TestUnjudged:
    def test_changed_since_the_run(self, shop: Shop) -> None:
        shop.request("test", [1])
        shop.writer.line("sources", files=[shop.path()])
        shop.code.write({"shop.py": AFTER, "other.py": "x = 1\n"})
        shop.request("test", [1], "other.py")
        patch = shop.patch()
        assert [file.path for file in patch.files] == ["other.py"]
        assert patch.unjudged == [Unjudged("shop.py", "has changed since it was recorded", 3)]

    def test_renamed_since_the_run(self, shop: Shop) -> None:
        shop.request("test", [1])
        shop.code.write({"shop.py": None, "store.py": BEFORE.replace("str", "repr"), "other.py": "x = 1\n"})
        shop.request("test", [1], "other.py")
        assert shop.patch().unjudged == [Unjudged("store.py", "was renamed since it was recorded", 1)]

    def test_only_comments_have_changed_since(self, shop: Shop) -> None:
        """There is nothing to judge."""
        shop.request("test", [1])
        shop.code.write({"shop.py": f"# A comment.\n{BEFORE}", "other.py": "x = 1\n"})
        shop.request("test", [1], "other.py")
        assert shop.patch().unjudged == []

    def test_no_python_any_more(self, shop: Shop) -> None:
        shop.request("test", [1])
        shop.code.write({"shop.py": "def (\nx\n", "other.py": "x = 1\n"})
        shop.request("test", [1], "other.py")
        (one,) = shop.patch().unjudged
        assert (one.path, one.statements) == ("shop.py", None)
        assert one.reason.startswith("cannot be parsed (")

    def test_no_python_and_never_executed(self, shop: Shop) -> None:
        """coverage.py makes no report of such a file. All others are judged."""
        shop.code.commit({"other.py": "x = 1\n", "third.py": "x = 1\n"})
        shop.writer.line("sources", files=[shop.path(), shop.path("other.py"), shop.path("third.py")])
        shop.code.write({"shop.py": AFTER, "other.py": "def (\n", "third.py": "def (\n"})
        shop.request("test", [2])
        patch = shop.patch()
        assert [(file.path, file.executed_lines) for file in patch.files] == [("shop.py", [2])]
        assert [(one.path, one.statements) for one in patch.unjudged] == [("other.py", None), ("third.py", None)]
        assert all("cannot be parsed (" in one.reason for one in patch.unjudged)

    def test_newer_than_the_run(self, shop: Shop) -> None:
        Path(".coveragerc").write_text("[run]\nomit = test_*\n")
        shop.writer.line("sources", files=[shop.path()])
        shop.request("test", [1])
        shop.code.write({"new.py": "x = 1\ny = 2\n", "test_new.py": "x = 1\n", "scripts/new.py": "x = 1\n"})
        patch = shop.patch()
        assert patch.unjudged == [Unjudged("new.py", "is newer than the recorded run", 2)]
        assert patch.unmeasured == ["scripts/new.py", "test_new.py"]

    def test_never_imported(self, shop: Shop) -> None:
        """The run knows the file, so its statements are missing."""
        shop.code.write({"new.py": "x = 1\ny = 2\n"})
        shop.writer.line("sources", files=[shop.path(), shop.path("new.py")])
        shop.request("test", [1])
        assert only_file(shop.patch()).missing_lines == [1, 2]

    def test_binary_for_git(self, shop: Shop) -> None:
        shop.code.commit({".gitattributes": "*.py -diff\n"})
        shop.code.write({"shop.py": AFTER})
        shop.request("test", [1])
        assert shop.patch().unjudged == [Unjudged("shop.py", "is a binary file for git", None)]

    def test_line_ends_that_git_does_not_count(self, shop: Shop) -> None:
        shop.code.write({"shop.py": "x = 1\ry = 2\rz = 3\n"})
        shop.request("test", [1, 2])
        assert shop.patch().unjudged == [Unjudged("shop.py", "has line ends that git does not count")]

    def test_diff_of_another_state(self, shop: Shop) -> None:
        shop.code.write({"shop.py": AFTER})
        diff = Repository(shop.code.path).diff("HEAD")
        shop.code.write({"shop.py": AFTER.replace("if not", "if")})
        shop.request("test", [1])
        assert shop.patch(diff).unjudged == [Unjudged("shop.py", "does not have the lines that the diff shows")]

    @pytest.mark.parametrize("start", [13, 500])
    def test_hunk_behind_the_end(self, shop: Shop, start: int) -> None:
        shop.code.write({"shop.py": AFTER})
        shop.request("test", [1])
        diff = f"--- a/shop.py\n+++ b/shop.py\n@@ -{start - 1},0 +{start},2 @@\n+y = 1\n+z = 2\n"
        patch = shop.patch(diff.encode())
        assert patch.unjudged == [Unjudged("shop.py", "does not have the lines that the diff shows")]
        assert patch.percent is None

    def test_lines_are_only_removed(self, shop: Shop) -> None:
        """There is no statement to judge, whatever the file contains."""
        shop.request("test", [1])
        diff = b"--- a/shop.py\n+++ b/shop.py\n@@ -3,1 +2,0 @@\n-y = 1\n"
        assert shop.patch(diff) == NOTHING
        shop.code.write({"shop.py": AFTER, "other.py": "x = 1\n"})
        shop.request("test", [1], "other.py")
        assert shop.patch(diff).unjudged == []

    def test_file_that_is_not_measured_and_not_here(self, shop: Shop) -> None:
        shop.request("test", [1])
        shop.code.write({"README.rst": "The shop\n"})
        diff = Repository(shop.code.path).diff("HEAD")
        plain = b"--- a/gone.py\n+++ b/gone.py\n@@ -1,0 +2,1 @@\n+y = 1\n"
        assert shop.patch(diff + plain).unjudged == [Unjudged("gone.py", "is not here")]

    def test_file_of_the_diff_that_is_gone(self, shop: Shop) -> None:
        shop.code.write({"shop.py": AFTER, "other.py": "x = 1\n"})
        shop.request("test", [1])
        shop.request("test", [1], "other.py")
        diff = Repository(shop.code.path).diff("HEAD")
        shop.code.write({"other.py": None})
        assert shop.patch(diff).unjudged == [Unjudged("other.py", "is not here")]

    @pytest.mark.parametrize("style", ["short", "log"])
    def test_submodule(self, shop: Shop, tmp_path: Path, style: str) -> None:
        library = GitFolder(tmp_path / "library")
        library.commit({"lib.py": "x = 1\n"})
        shop.code.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "lib")
        shop.code.commit({})
        GitFolder(shop.code.path / "lib").commit({"lib.py": "x = 2\n"})
        shop.code.git("config", "diff.submodule", style)
        as_configured = shop.code.git("diff", "HEAD").encode()
        shop.request("test", [1])
        assert shop.patch().unmeasured == shop.patch(as_configured).unmeasured == ["lib"]
        shop.request("test", [1], "lib/lib.py")
        unjudged = [Unjudged("lib", "is a submodule, of which the diff contains no lines", None)]
        assert shop.patch().unjudged == shop.patch(as_configured).unjudged == unjudged

    def test_link_to_nothing(self, shop: Shop) -> None:
        """It contains no statement, wherever it leads."""
        shop.request("test", [1])
        (shop.code.path / "link.py").symlink_to("nothing.py")
        patch = shop.patch()
        assert (patch.unjudged, patch.files) == ([], [])


class TestPaths:
    def test_of_any_folder(self, shop: Shop) -> None:
        """git's paths are relative to the top folder, those of other tools to the present one."""
        (shop.code.path / "app").mkdir()
        shutil.move(shop.path(), shop.path("app/shop.py"))
        shop.code.commit({})
        shop.code.write({"app/shop.py": AFTER})
        shop.request("test", [2], "app/shop.py")
        whole = Repository(shop.code.path).diff("HEAD")
        plain = whole.replace(b"app/shop.py", b"shop.py")
        for diff in (whole, plain, plain.replace(b"a/shop.py", b"shop.py.orig").replace(b"b/shop.py", b"shop.py")):
            found = shop.patch(diff, [shop.code.path, shop.code.path / "app"])
            assert [(file.path, file.executed_lines) for file in found.files] == [("app/shop.py", [2])]

    @pytest.mark.parametrize("path", ["../other.py", "/etc/passwd"])
    @pytest.mark.parametrize(
        "diff",
        [
            "--- {0}\n+++ {0}\n@@ -0,0 +1 @@\n+x\n",
            "--- {0}\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
            "diff --git {0} shop.py\nrename from {0}\nrename to shop.py\n",
        ],
        ids=["changed", "deleted", "renamed"],
    )
    def test_outside(self, shop: Shop, path: str, diff: str) -> None:
        shop.request("test", [1])
        diff = diff.format(path)
        with pytest.raises(ConfigurationError, match=f"the diff changes {path}, outside of "):
            shop.patch(diff.encode())

    def test_copied_folder(self, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was recorded elsewhere is no record of the files here."""
        shop.request("test", [1])
        shutil.copytree(shop.code.path, tmp_path / "copy")
        monkeypatch.chdir(tmp_path / "copy")
        copy = Shop(GitFolder(tmp_path / "copy"), shop.writer)
        copy.code.write({"shop.py": AFTER})
        with pytest.raises(ConfigurationError, match=r"none of the measured files is in .*copy, for example "):
            copy.patch()

    def test_nothing_is_here(self, shop: Shop) -> None:
        shop.request("test", [1])
        with pytest.raises(ConfigurationError, match=r"no file of the diff is here, for example x\.py"):
            shop.patch(b"--- a/x.py\n+++ b/x.py\n@@ -0,0 +1 @@\n+x\n")

    def test_link_to_the_folder(self, shop: Shop, tmp_path: Path) -> None:
        os.symlink(shop.code.path, tmp_path / "link")
        shop.code.write({"shop.py": AFTER})
        shop.request("test", [2])
        located = LocatedDiff(parse_diff(Repository(shop.code.path).diff("HEAD")), str(tmp_path / "link"))
        assert located.paths == {shop.path()}
        located.check()
