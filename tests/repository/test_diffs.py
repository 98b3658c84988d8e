"""Diffs are parsed as git wrote them, and damaged ones are refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_livecoverage.errors import ConfigurationError
from flask_livecoverage.model.changes import Diff, FileChange
from flask_livecoverage.repository.diffs import common_end, parse_diff

from ..support.repositories import GitFolder
from ..support.strategies import contents, file_trees

SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

OPTIONS = st.sampled_from([
    [], ["--unified=0"], ["--no-prefix"], ["--src-prefix=old/", "--dst-prefix=new/"],
    ["--src-prefix=i/", "--dst-prefix=w/"], ["--no-renames"],
    ["--find-copies-harder"], ["--binary"], ["--full-index"], ["--function-context"],
])  # fmt: skip


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def tree_of(repository: GitFolder, files: Mapping[str, str]) -> str:
    """Write these files alone, and return git's name for them all."""
    for path in repository.path.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    repository.write({name: encoded(content) for name, content in files.items()})
    repository.git("add", "--all")
    return repository.git("write-tree")


def diff_of(repository: GitFolder, *arguments: str) -> bytes:
    """The output of ``git diff``, unchanged."""
    return subprocess.run(["git", "diff", *arguments], cwd=repository.path, capture_output=True, check=True).stdout


def lines(content: str) -> dict[int, str]:
    """The lines by number, as git counts them."""
    found = content.split("\n")
    numbered = {number: f"{text}\n" for number, text in enumerate(found[:-1], 1)}
    return {**numbered, len(found): found[-1]} if found[-1] else numbered


def assert_turns_one_into_the_other(change: FileChange, old: str, new: str) -> None:
    before, after = lines(old), lines(new)
    removed, added = change.removed(), change.added()
    assert removed.items() <= before.items()
    assert added.items() <= after.items()
    kept = [text for number, text in before.items() if number not in removed]
    assert kept == [text for number, text in after.items() if number not in added]


class TestGit:
    @SLOW
    @given(old=file_trees, new=file_trees, options=OPTIONS)
    def test_any_change(
        self, repository: GitFolder, old: dict[str, str], new: dict[str, str], options: list[str]
    ) -> None:
        """Compared with both states of all files."""
        trees = tree_of(repository, old), tree_of(repository, new)
        found = parse_diff(diff_of(repository, *options, *trees))
        for change in found:
            before = old[change.old_path] if change.old_path is not None else ""
            after = "" if change.status == "deleted" else new[change.path]
            assert_turns_one_into_the_other(change, before, after)
            assert change.status == "deleted" or change.fits(encoded(after))
        changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
        assert changed <= {path for change in found for path in (change.path, change.old_path)}
        gone = {change.path for change in found if change.status == "deleted"}
        gone |= {str(change.old_path) for change in found if change.status == "renamed"}
        assert gone == old.keys() - new.keys()

    def test_kinds(self, repository: GitFolder, tmp_path: Path) -> None:
        library = GitFolder(tmp_path / "library")
        library.commit({"lib.py": "1\n"})
        repository.commit({"text.py": "1\n", "mode.py": "1\n", "a.bin": b"\0"})
        base = repository.git("rev-parse", "HEAD")
        repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "lib")
        repository.write({"text.py": "2\n", "a.bin": b"\0\1", "b.bin": b"\0\2", "empty.py": ""})
        os.symlink("text.py", repository.path / "link.py")
        os.chmod(repository.path / "mode.py", 0o755)
        repository.git("add", "--all")
        for options in ([], ["--binary"]):
            found = {change.path: change for change in parse_diff(diff_of(repository, *options, base))}
            assert {path: (change.status, change.kind) for path, change in found.items()} == {
                ".gitmodules": ("added", "text"),
                "a.bin": ("modified", "binary"),
                "b.bin": ("added", "binary"),
                "empty.py": ("added", "text"),
                "lib": ("added", "submodule"),
                "link.py": ("added", "link"),
                "mode.py": ("modified", "text"),
                "text.py": ("modified", "text"),
            }
            assert [path for path, change in found.items() if change.hunks] == [".gitmodules", "text.py"]

    def test_file_that_becomes_a_link(self, repository: GitFolder) -> None:
        (repository.path / "app.py").unlink()
        os.symlink("old.py", repository.path / "app.py")
        found = parse_diff(diff_of(repository, "HEAD"))
        assert [(change.path, change.status, change.kind) for change in found] == [
            ("app.py", "deleted", "text"), ("app.py", "added", "link"),
        ]  # fmt: skip

    def test_merge(self, repository: GitFolder) -> None:
        repository.git("checkout", "--quiet", "-b", "other")
        repository.commit({"app.py": "one\n"})
        repository.git("checkout", "--quiet", "main")
        repository.commit({"app.py": "two\n"})
        with pytest.raises(subprocess.CalledProcessError):
            repository.git("merge", "other")
        with pytest.raises(
            ConfigurationError, match="the diff is a combined diff, of a merge: compare with one commit"
        ):
            parse_diff(diff_of(repository))

    def test_commits_one_after_the_other(self, repository: GitFolder) -> None:
        for number in range(2):
            repository.commit({"app.py": f"{number}\n"})
        log = repository.git("log", "--patch")
        with pytest.raises(ConfigurationError, match=r"the diff changes app\.py more than once, as several"):
            parse_diff(log.encode())
        assert [change.path for change in parse_diff(repository.git("show").encode())] == ["app.py"]

    def test_mail(self, repository: GitFolder) -> None:
        repository.commit({"app.py": "a\nb\n- c\n"}, "Subject\n\n- a list\n+ of changes")
        (change,) = parse_diff(repository.git("format-patch", "-1", "--stdout").encode())
        assert change.added() == {3: "- c\n"}

    def test_colours(self, repository: GitFolder) -> None:
        repository.write({"app.py": "a\n"})
        with pytest.raises(ConfigurationError, match=r"no unified diff, .*: make one with git diff --no-color"):
            parse_diff(diff_of(repository, "--color=always"))


class TestOtherTools:
    @settings(max_examples=30, deadline=None)
    @given(old=contents, new=contents)
    def test_diff_of_two_files(self, tmp_path_factory: pytest.TempPathFactory, old: str, new: str) -> None:
        folder = tmp_path_factory.mktemp("files")
        for name, content in (("old", old), ("new", new)):
            (folder / name).mkdir()
            (folder / name / "a b.py").write_bytes(encoded(content))
        command = ["diff", "--unified", "--text", "old/a b.py", "new/a b.py"]
        found = parse_diff(subprocess.run(command, cwd=folder, capture_output=True).stdout)
        if old == new:
            assert found == []
        else:
            (change,) = found
            assert (change.path, change.old_path, change.status) == ("a b.py", "old/a b.py", "modified")
            assert "new/a b.py" in change.other_names
            assert_turns_one_into_the_other(change, old, new)

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            ("app.py.orig\t2030-01-01", "app.py\t2030-01-02", ("app.py", "app.py.orig", "modified")),
            ("/dev/null", "b/app.py", ("b/app.py", None, "added")),
            ("a/app.py", "/dev/null", ("a/app.py", "a/app.py", "deleted")),
            ('"a/\\303\\274.py"', '"b/\\303\\274.py"', ("ü.py", "a/ü.py", "modified")),
        ],
    )
    def test_names(self, old: str, new: str, expected: tuple[str, str | None, str]) -> None:
        (change,) = parse_diff(f"--- {old}\n+++ {new}\n@@ -1 +1 @@\n-a\n+b\n".encode())
        assert (change.path, change.old_path, change.status) == expected

    def test_windows(self) -> None:
        text = "diff --git a/app.py b/app.py\r\n--- a/app.py\r\n+++ b/app.py\r\n@@ -1 +1,2 @@\r\n-a\r\n+b\r\n+c\r\n"
        for encoding in ("utf-8", "utf-8-sig", "utf-16"):
            (change,) = parse_diff(text.encode(encoding))
            assert (change.path, change.added()) == ("app.py", {1: "b\r\n", 2: "c\r\n"})

    @pytest.mark.parametrize(
        ("old", "new", "end"),
        [
            ("a/x/y", "b/x/y", "x/y"),
            ("x/y", "x/y", "x/y"),
            ("a/xy", "b/y", ""),
            ("a/y", "y", "y"),
            ("a/b/y", "b/y", "b/y"),
        ],
    )
    def test_common_end(self, old: str, new: str, end: str) -> None:
        assert common_end(old, new) == end


DIFF = """\
diff --git a/app.py b/app.py
index 1..2 100644
--- a/app.py
+++ b/app.py
@@ -1,4 +1,5 @@
 a
-b
+c
+d
 e
 f
@@ -10,2 +11,2 @@ def total():
-g
+h
 i
diff --git a/other.py b/other.py
--- a/other.py
+++ b/other.py
@@ -1 +1 @@
-a
+b
\\ No newline at end of file
"""
PLAIN = "".join(line for line in DIFF.splitlines(keepends=True) if not line.startswith(("diff", "index")))


# Lines of diffs, in orders in which no tool writes them.
PIECES = st.sampled_from([
    *DIFF.splitlines(keepends=True), "diff --git a\n", 'diff --git "a/x b/x\n', "--- \n", "+++ \n", '--- "a\n',
    "+++ b/x\n", "new file mode 100644\n", "deleted file mode 100644\n", "rename from x\n", "rename to y\n",
    "index 1..2 160000\n", "GIT binary patch\n", "Binary files a/x and b/x differ\n",
    "Submodule lib 1234567..89abcde:\n", "@@ -0,0 +1,2 @@\n",
    "@@ -1,3 +0,0 @@\n", "@@ -1,0 +5 @@", "text\n", "\n",
])  # fmt: skip


def body_of(shown: list[str]) -> list[int]:
    """The offsets of the lines within hunks."""
    found = [number for number, line in enumerate(shown) if line[0] in " +-" and line[:3] not in ("---", "+++")]
    assert len(found) == 11
    return found


def parsed(text: str) -> Diff | str:
    """The changes, or the error if the diff is refused."""
    try:
        return parse_diff(text.encode("utf-8", "surrogateescape"))
    except ConfigurationError as error:
        refusal = str(error)
    assert "\n" not in refusal
    return refusal


def added(diff: Diff) -> list[dict[int, str]]:
    return [change.added() for change in diff]


class TestDamage:
    def test_nothing(self) -> None:
        assert parse_diff(b"") == parse_diff(b"\n") == []

    @pytest.mark.parametrize(
        "text", ["hello\n", "\0\1\2", "+++ b/app.py\n", '{"files": {}}', "--- a\n+++ b\n", "@@ -1 +1 @@"]
    )
    def test_no_diff(self, text: str) -> None:
        with pytest.raises(ConfigurationError, match=r"^x\.diff is ") as caught:
            parse_diff(text.encode(), "x.diff")
        assert "\n" not in str(caught.value)
        assert "git diff" in str(caught.value)

    @pytest.mark.parametrize("text", [DIFF, PLAIN], ids=["git", "plain"])
    @given(place=st.sampled_from(range(11)), fault=st.sampled_from(["drop", "repeat", "sign", "cut", "blank"]))
    def test_faults_in_hunks(self, text: str, place: int, fault: str) -> None:
        """Each is refused, unless it changes no line that was added."""
        shown = text.splitlines(keepends=True)
        number = body_of(shown)[place]
        line = shown[number]
        shown[number : number + 1] = {
            "drop": [],
            "repeat": [line, line],
            "sign": [line.translate(str.maketrans("+-", "-+"))],
            "cut": [line[1:]],
            "blank": ["\n"],
        }[fault]
        found = parsed("".join(shown))
        if isinstance(found, str):
            assert "is a damaged diff" in found
        else:
            assert added(found) == added(parse_diff(text.encode()))

    @pytest.mark.parametrize("text", [DIFF, PLAIN], ids=["git", "plain"])
    @pytest.mark.parametrize("line", ["+more\n", "-more\n"])
    @pytest.mark.parametrize("place", range(11))
    def test_line_more_than_the_header_counts(self, text: str, line: str, place: int) -> None:
        shown = text.splitlines(keepends=True)
        shown.insert(body_of(shown)[place] + 1, line)
        assert "is a damaged diff" in parsed("".join(shown))

    @given(st.binary(max_size=40), st.integers(0, len(DIFF)))
    def test_any_bytes(self, data: bytes, place: int) -> None:
        """There is an answer, or an error in one line."""
        parsed(f"{DIFF[:place]}{data.decode('utf-8', 'surrogateescape')}{DIFF[place:]}")

    @given(st.lists(PIECES, max_size=12))
    def test_any_lines(self, pieces: list[str]) -> None:
        parsed("".join(pieces))

    @pytest.mark.parametrize("header", ["@@ -1 +99999999999999999999 @@", f"@@ -1 +{'9' * 5000} @@", "@@ -1,2 +1 @@"])
    def test_numbers(self, header: str) -> None:
        found = parsed(f"--- a/x\n+++ b/x\n{header}\n-a\n+b\n")
        if isinstance(found, str):
            assert "is a damaged diff" in found
        else:
            assert not found[0].fits(b"b\n")
