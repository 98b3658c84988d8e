"""Journals with random damage: the lines that it does not hit are read as they were.

The oracle is :func:`tests.end_to_end.crash.truth.read_journals`, which reads the lines of a journal before it is
damaged.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ..end_to_end.crash.truth import read_journals
from .whole_journals import FIRST, SECOND, Answers, answers_of, journal, read_by_all, write_journals

_GARBAGE = st.sampled_from([
    b"\xff\xfe", b"\0" * 50, b"x" * 100_000, b"[" * 50_000, b'{"a":' * 20_000, b"\n", b"\r\n", b"\xed\xa0\x80", b"NaN",
    "\u2028".encode(), b"\\ud800", b'{"type":', b"\x1a", b"\xef\xbb\xbf", b'"', b"\\", b"}{", b",", b"\n,\n",
]) | st.binary(max_size=20)  # fmt: skip
_number = st.integers(0, 400)
# A journal, a line in it, a position in that line, and the damage there.
_damages = st.lists(
    st.tuples(
        st.sampled_from([FIRST, SECOND]), _number, _number,
        st.one_of(
            st.tuples(st.just("flip"), st.integers(1, 255)),
            st.tuples(st.just("insert"), _GARBAGE),
            st.tuples(st.just("delete"), st.integers(1, 400)),
        ),
    ),
    min_size=1, max_size=4,
)  # fmt: skip


def damaged(line: bytes, place: int, what: str, how: Any) -> bytes:
    place %= len(line)
    if what == "flip":
        return line[:place] + bytes([line[place] ^ how]) + line[place + 1 :]
    if what == "insert":
        return line[:place] + how + line[place:]
    return line[:place] + line[place + how :]


def objects_in(data: bytes) -> Iterator[dict[str, Any]]:
    """Yield the objects that may be read from damaged lines."""
    for line in data.split(b"\n"):
        for text in (line, line[max(0, line.rfind(b'{"type":')) :]):
            try:
                found = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                yield found


class TestDamage:
    @pytest.mark.promise
    def test_other_lines_are_read_as_they_were(self, tmp_path: Path, thorough: bool) -> None:
        @settings(max_examples=1000 if thorough else 25, deadline=None)
        @given(damages=_damages)
        @example([(FIRST, 6, 69, ("flip", 1))]).via("a trace that another process has written too")
        def check(damages: list[Any]) -> None:
            self.check(tmp_path, damages)

        check()

    def check(self, tmp_path: Path, damages: list[Any]) -> None:
        shutil.rmtree(tmp_path / ".livecov", ignore_errors=True)
        folder = write_journals(tmp_path / ".livecov")
        original = read_journals(folder.path)
        lines = {token: journal(folder, token).read_bytes().splitlines(keepends=True) for token in (FIRST, SECOND)}
        before = {token: list(kept) for token, kept in lines.items()}
        hit: set[tuple[str, int]] = set()
        for token, number, place, (what, how) in damages:
            index = number % len(lines[token])
            hit.add((token, index))
            if lines[token][index]:
                lines[token][index] = damaged(lines[token][index], place, what, how)
        for token, kept in lines.items():
            journal(folder, token).write_bytes(b"".join(kept))
        answers, warnings = read_by_all(folder)
        self.compare(answers_of(original), answers, before, lines, hit)
        # A line that was deleted completely causes no warning.
        if len(answers) < len(original) and all(lines[token][index].strip() for token, index in hit):
            assert any(str(folder.path) in warning for warning in warnings) or self.unknown_kinds(lines, hit)

    def unknown_kinds(self, lines: dict[str, list[bytes]], hit: set[tuple[str, int]]) -> bool:
        """Return whether the damage has created a line of an unknown kind, as a newer version could have written."""
        known = {"process", "sources", "rules", "trace", "request", "amend", "ambient", "window"}
        found = [one for token, index in hit for one in objects_in(lines[token][index])]
        return any(one.get("type") not in known for one in found)

    def compare(
        self,
        original: Answers,
        answers: Answers,
        before: dict[str, list[bytes]],
        lines: dict[str, list[bytes]],
        hit: set[tuple[str, int]],
    ) -> None:
        unread = {token for token, index in hit if index == 0}
        found_in_damage = [one for token, index in hit for one in objects_in(lines[token][index])]
        lost = [json.loads(before[token][index]) for token, index in hit]
        lost += [json.loads(line) for token in unread for line in before[token]]
        # The requests whose line, trace or amend was damaged, or is contained in a damaged line.
        ids = {str(one.get("id")) for one in (*found_in_damage, *lost)}
        for key in original.keys() - answers.keys():
            assert key in ids, (key, "is lost")
        asked = [json.loads(line) for kept in before.values() for line in kept]
        for one in asked:
            if one["type"] in ("request", "amend") and one["trace"] in ids:
                ids.add(one["id"])
        for key in original.keys() - ids:
            assert answers[key] == original[key]
        assert len(answers.keys() - original.keys()) <= len(found_in_damage)
