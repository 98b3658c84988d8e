"""Annotations and summaries keep to GitHub's syntax and limits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.exports.github import (
    MAX_ANNOTATIONS,
    MAX_SUMMARY,
    Annotation,
    annotation_commands,
    markdown_code,
    markdown_text,
    write_summary,
)

TEXTS = st.text(st.sampled_from("ab %:,\r\n=|`*_<>&\\[]#é"), max_size=12)


def read_command(command: str) -> tuple[str, dict[str, str], str]:
    """Read a workflow command as GitHub's runner does: first what is split, then what is escaped."""
    found = re.fullmatch(r"::(\w+) ?(.*?)::(.*)", command, re.DOTALL)
    assert found is not None
    properties = dict(part.split("=", 1) for part in found[2].split(",") if part)
    return found[1], {key: unescaped(value) for key, value in properties.items()}, unescaped(found[3])


def unescaped(text: str) -> str:
    for escape, character in {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}.items():
        text = text.replace(escape, character)
    return text


class TestAnnotations:
    @given(path=TEXTS.filter(bool), message=TEXTS, line=st.integers(1, 9), title=TEXTS)
    def test_are_read_as_they_were_meant(self, path: str, message: str, line: int, title: str) -> None:
        command = Annotation(path, message, line, line + 1, title).command("warning")
        assert "\n" not in command
        expected = {"file": path, "line": str(line), "endLine": str(line + 1), **({"title": title} if title else {})}
        assert read_command(command) == ("warning", expected, message)

    @pytest.mark.parametrize("count", [0, MAX_ANNOTATIONS, MAX_ANNOTATIONS + 1, 500])
    def test_no_more_than_github_shows(self, count: int) -> None:
        commands = annotation_commands([Annotation(f"{number}.py", "message") for number in range(count)])
        kinds = [read_command(command)[0] for command in commands]
        assert kinds.count("warning") == min(count, MAX_ANNOTATIONS)
        more = [read_command(command)[2] for command in commands if command.startswith("::notice")]
        assert [int(message.split()[0]) for message in more] == ([count - MAX_ANNOTATIONS] if count > 10 else [])


class TestSummary:
    def test_is_added(self, tmp_path: Path) -> None:
        file = tmp_path / "summary.md"
        environ = {"GITHUB_STEP_SUMMARY": str(file)}
        assert write_summary("# One", environ)
        assert write_summary("# Two\n\n\udcff", environ)
        assert file.read_text() == "# One\n# Two\n\n?\n"

    def test_elsewhere(self, tmp_path: Path) -> None:
        assert not write_summary("# One", {})
        assert list(tmp_path.iterdir()) == []

    def test_limit(self, tmp_path: Path) -> None:
        """GitHub refuses the whole summary if it is longer."""
        file = tmp_path / "summary.md"
        environ = {"GITHUB_STEP_SUMMARY": str(file)}
        assert write_summary("x" * (MAX_SUMMARY - 10), environ)
        assert not write_summary("y" * 20, environ)
        assert write_summary("y", environ)
        assert file.stat().st_size <= MAX_SUMMARY


class TestMarkdown:
    @pytest.mark.parametrize(
        ("text", "escaped"),
        [
            ("a_b*c|d", r"a\_b\*c\|d"),
            ("<b>&", "&lt;b&gt;&amp;"),
            ("`x`\\", r"\`x\`\\"),
            ("plain é-1.py", "plain é-1.py"),
        ],
    )
    def test_text(self, text: str, escaped: str) -> None:
        assert markdown_text(text) == escaped

    @pytest.mark.parametrize(("text", "code"), [("a_b.py", "`a_b.py`"), ("a|b", r"`a\|b`"), ("`", r"\`"), ("", "")])
    def test_code(self, text: str, code: str) -> None:
        assert markdown_code(text) == code
