"""Journals truncated at any byte, damaged, or not journals at all: whole lines are read, and nothing else is reported.

The oracle is :func:`tests.end_to_end.crash.truth.read_journals`, which reads the lines of a journal before it is
damaged.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run, reset
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.journal.tail import Tail
from flask_livecoverage.model.records import Run
from flask_livecoverage.store import open_store
from flask_livecoverage.store.ingest.interning import without_surrogates

from ..end_to_end.crash.truth import TORN, Record, read_journals
from ..support.journals import Writer, run_folder, trace_of

NOW = 1_700_000_000.0
FILE = "/srv/app.py"
FIRST, SECOND = "aaaaaaaa", "bbbbbbbb"
# Ids that a process of these journals can have assigned.
POSSIBLE = re.compile(f"({FIRST}|{SECOND})-(0|[1-9][0-9]{{0,8}})")
# By record id: path, status and lines.
Answer = tuple[str, int, frozenset[tuple[str, int]]]
Answers = dict[str, Answer]


def write_journals(data_dir: Path) -> RunFolder:
    """Two journals that hold every kind of line."""
    folder = run_folder("run", data_dir)
    first, second = (Writer(folder, token, started_at=NOW) for token in (FIRST, SECOND))
    traces = [trace_of({FILE: lines}) for lines in ([1], [2, 3], [2, 3, 70], [4])]
    first.line("sources", files=[FILE, "/srv/other.py"])
    first.line("rules", rules=[["/", "index", ["GET"]], ["/<x>", "one", ["GET", "POST"]]])
    first.line("ambient", trace=first.trace(traces[0]))
    first.line("window", name="a window", at=NOW + 1)
    amended = first.request(traces[1], NOW + 2, path="/1", test="own")
    first.request(traces[2], NOW + 3, path='/2 {"type":', test="own", status=404, route=None, endpoint=None)
    second.request(traces[1], NOW + 4, path="/3", test="own")
    first.line("amend", id=amended, trace=first.trace(traces[3]), status=500, duration_ms=7.5)
    first.line("trace", id="with-arcs", files={FILE: {"content": "c", "lines": "6", "arcs": [[-1, 1], [1, 2]]}})
    first.line("window", name="", at=NOW + 5)
    first.request(traces[3], NOW + 6, path="/4\x00\U0001f600", test="own")
    first.request(traces[2], NOW + 7, path="/5", test="own")
    return folder


def answers_of(records: dict[str, Record]) -> Answers:
    return {key: (one.path, one.status, frozenset(one.lines)) for key, one in records.items()}


def answers_of_run(run: Run) -> Answers:
    assert all(type(one.status) is int for one in run.requests)
    arcs = [arc for trace in run.traces.values() for lines in trace.files.values() for arc in lines.arcs or ()]
    assert all(type(line) is int for arc in arcs for line in arc)
    return {one.id: (one.path, one.status, _lines(run, one.trace)) for one in run.requests}


def _lines(run: Run, trace: str) -> frozenset[tuple[str, int]]:
    files = run.traces[trace].line_numbers() if trace in run.traces else {}
    return frozenset((path, line) for path, lines in files.items() for line in lines)


def read_by_all(folder: RunFolder, *, store: bool = True) -> tuple[Answers, list[str]]:
    """Return the reader's answers and warnings. The tail and the store must give the same answers."""
    assert [found.id for found in DataDir(folder.path.parent.parent).runs()] == ["run"]
    run = read_run(folder)
    assert all("\n" not in warning for warning in run.warnings)
    answers = answers_of_run(run)
    tail = Tail(folder)
    followed = [line for kind, line in tail.read() if kind == "request"]
    assert {line["id"] for line in followed} == answers.keys()
    assert all((tail.trace(line["trace"]) is None) == (line["trace"] not in run.traces) for line in followed)
    # The store accepts only ids that a journal's process can have assigned.
    stored = {key: as_stored(answer) for key, answer in answers.items() if POSSIBLE.fullmatch(key)}
    assert not store or ask_store(folder, "sqlite://") == stored
    return answers, list(run.warnings)


def as_stored(answer: Answer) -> Answer:
    """Return the answer with text that no database accepts escaped, as Python shows it."""
    path, status, lines = answer
    return without_surrogates(path), status, frozenset((without_surrogates(file), line) for file, line in lines)


def ask_store(folder: RunFolder, url: str) -> Answers:
    with open_store(url) as store:
        number = store.sync(folder)
        with store.recorded([number]) as queries:
            run = Run("", [], queries.requests.newest(), queries.lines.traces())
            assert queries.requests.count() == len(run.requests)
            list(queries.groups.executed("route"))
            queries.lines.ran(FILE, [2])
            return answers_of_run(run)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return write_journals(tmp_path / ".livecov")


def journal(folder: RunFolder, token: str = FIRST) -> Path:
    return folder.path / f"journal-{token}.jsonl"


class TestCut:
    def cuts(self, data: bytes, thorough: bool) -> list[int]:
        if thorough:
            return list(range(len(data) + 1))
        newlines = [position for position, byte in enumerate(data) if byte == ord("\n")]
        near = {position + step for position in newlines for step in (-1, 0, 1)}
        return sorted({0, 1, *near, *random.Random(7).sample(range(len(data)), 12)} & set(range(len(data) + 1)))

    @pytest.mark.promise
    def test_at_any_byte(self, folder: RunFolder, thorough: bool) -> None:
        path = journal(folder)
        data = path.read_bytes()
        for number, cut in enumerate(self.cuts(data, thorough)):
            path.write_bytes(data[:cut])
            torn = data[:cut].rpartition(b"\n")[2] != b""
            expected = answers_of(read_journals(folder.path))
            warnings = [f"{path}: {TORN}"] if torn else []
            # The request of the other journal uses a trace of this one.
            warnings += read_run(folder).warnings[len(warnings) :] if not expected[f"{SECOND}-1"][2] else []
            assert read_by_all(folder, store=number % 8 == 0) == (expected, warnings), cut

    @pytest.mark.promise
    def test_and_appended_to(self, folder: RunFolder, thorough: bool) -> None:
        """The disk was full for a moment: the next line follows directly after half a line."""
        path = journal(folder)
        data = path.read_bytes()
        header = data.index(b"\n") + 1
        more = journal(folder, SECOND).read_bytes().split(b"\n", 1)[1].replace(SECOND.encode(), FIRST.encode())
        more = b"".join(line for line in more.splitlines(keepends=True) if line.startswith(b'{"type":"request"'))
        more = more.replace(f"{FIRST}-1".encode(), f"{FIRST}-99".encode())
        for number, cut in enumerate(self.cuts(data, thorough)):
            path.write_bytes(data[:cut])
            before = answers_of(read_journals(folder.path))
            path.write_bytes(data[:cut] + more)
            answers, warnings = read_by_all(folder, store=number % 8 == 0)
            if cut < header:
                assert answers == {key: value for key, value in before.items() if key.startswith(SECOND)}
                assert any(warning.startswith(f"{path}: ") for warning in warnings)
            else:
                assert answers.pop(f"{FIRST}-99")[0] == "/3"
                assert answers == before
                assert (f"{path}: 1 line cannot be read, skipped" in warnings) == (not data[:cut].endswith(b"\n"))

    def test_byte_by_byte_into_one_store(self, folder: RunFolder, thorough: bool, tmp_path: Path) -> None:
        path = journal(folder)
        data = path.read_bytes()
        path.write_bytes(b"")
        for cut in self.cuts(data, thorough):
            path.write_bytes(data[:cut])
            url = f"sqlite:///{tmp_path}/byte-by-byte.sqlite3"
            wanted = answers_of(read_journals(folder.path))
            assert ask_store(folder, url) == wanted


# As JSON: values that no process writes for any key, or for most.
VALUES = [
    "null", "true", "0", "-1", "-0.5", "1.5", "1e308", "1e999", "-1e999", "NaN", "Infinity", "1" + "0" * 30, "9" * 5000,
    '""', '"x"', '"\\ud800"', '"\\uD800"', '"\\u0000"', '"\ud800"', '"' + "a" * 100_000 + '"', "[]", "{}", '["x"]',
    "[[1]]", "[null]", '{"a":1}', "[" * 900 + "]" * 900, "[" * 5000 + "]" * 5000, '{"a":' * 3000 + "1" + "}" * 3000,
    '[["/",1,["GET"]]]', '[["/","e","GET"]]', '[["/","e",[1]]]', '[["/","\\ud800",["GET"]]]',
    '{"/f":1}', '{"/f":{"content":5,"lines":"6"}}', '{"/f":{"content":["c"],"lines":"6"}}',
    '{"/f":{"content":"c","lines":6}}', '{"/f":{"content":"c","lines":"-6"}}', '{"/f":{"content":"c","lines":"0x6"}}',
    '{"\\ud800":{"content":"\\ud800","lines":"6"}}', '{"/f\\u0000":{"content":"c","lines":"6"}}',
    *(
        f'{{"/f":{{"content":"c","lines":"6","arcs":{arcs}}}}}'
        for arcs in ("5", "[1]", "[[1]]", "[[1,2,3]]", '[["a",1]]', '[["a","b"]]', "[[1,null]]", "[[[],[]]]",
                     "[[NaN,1]]", "[[1" + "0" * 30 + ",1]]", "{}", '{"ab":1}')
    ),
]  # fmt: skip


def raw_line(fields: dict[str, str]) -> bytes:
    """Return a line of these keys and values, which are JSON texts already."""
    text = ",".join(f'"{key}":{value}' for key, value in fields.items())
    return f"{{{text}}}\n".encode("utf-8", "surrogatepass")


def kinds_and_keys() -> Iterator[tuple[str, str]]:
    folder = Path(tempfile.mkdtemp())
    try:
        lines = [json.loads(line) for line in journal(write_journals(folder)).read_text().splitlines()]
    finally:
        shutil.rmtree(folder)
    keys = {(line["type"], key) for line in lines for key in (*line, "more")}
    yield from sorted(keys)


@pytest.mark.parametrize(("kind", "key"), list(kinds_and_keys()))
def test_any_value_for_any_key(folder: RunFolder, kind: str, key: str) -> None:
    """No value breaks a reader, or affects other lines."""
    path = journal(folder)
    before = answers_of(read_journals(folder.path))
    good = next(line for line in map(json.loads, path.read_text().splitlines()) if line["type"] == kind)
    for number, value in enumerate(VALUES, 1000):
        fields = {name: json.dumps(content) for name, content in good.items()}
        if kind in ("request", "amend"):
            fields["id"] = f'"{FIRST}-{number}"'
        if kind == "trace":
            fields["id"] = f'"trace-{number}"'
        fields[key] = value
        with path.open("ab") as file:
            file.write(raw_line(fields))
            if kind == "amend":
                asked = {**next(iter(requests_of(path))), "id": f"{FIRST}-{number}"}
                file.write(json.dumps(asked, separators=(",", ":")).encode() + b"\n")
            if kind == "trace":
                asked = {**next(iter(requests_of(path))), "id": f"{FIRST}-{number}", "trace": f"trace-{number}"}
                file.write(json.dumps(asked, separators=(",", ":")).encode() + b"\n")
    answers, warnings = read_by_all(folder)
    assert before.items() <= answers.items()
    assert all(one.startswith((str(path), "request", str(len(VALUES)))) or "without lines" in one for one in warnings)
    if key != "more" or kind in ("request", "trace", "amend"):
        assert any(one.startswith(f"{path}: ") and "cannot be read, skipped" in one for one in warnings)


def requests_of(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith('{"type":"request","id":"aaaaaaaa-1"'):
            yield json.loads(line)


@pytest.mark.parametrize(
    "key", ["type", "version", "pid", "started_at", "root", "engine", "reason", "branch", "python"]
)
def test_any_value_in_the_first_line(folder: RunFolder, key: str) -> None:
    path = journal(folder)
    first, rest = path.read_bytes().split(b"\n", 1)
    fields = {name: json.dumps(content) for name, content in json.loads(first).items()}
    for value in VALUES:
        path.write_bytes(raw_line({**fields, key: value}) + rest)
        run = read_run(folder)
        assert "/3" in [request.path for request in run.requests]
        assert len(run.requests) == 5 or any(warning.startswith(f"{path}: ") for warning in run.warnings)
        Tail(folder).read()
        (found,) = DataDir(folder.path.parent.parent).runs()
        assert found.last_start() < 1e300
        if VALUES.index(value) % 10 == 0:
            assert ask_store(folder, "sqlite://").keys() == {request.id for request in run.requests}


@pytest.mark.parametrize("letter", [b"\\ud800", b"\\uD800", b"\xed\xa0\x80"])
def test_text_that_no_database_accepts(folder: RunFolder, letter: bytes) -> None:
    """The only one in its journal: journals without such text are not searched twice."""
    path = journal(folder, SECOND)
    path.write_bytes(path.read_bytes().replace(b'"/3"', b'"/' + letter + b'"'))
    answers, warnings = read_by_all(folder)
    assert answers[f"{SECOND}-1"][0] == "/\ud800"
    assert warnings == []


class TestNoJournals:
    @pytest.fixture(params=["folder", "pipe", "loop", "nowhere", "device", "empty"])
    def odd(self, request: pytest.FixtureRequest, folder: RunFolder) -> Path:
        """A file that is no journal, at the path of one."""
        path = folder.path / "journal-odd.jsonl"
        if request.param == "folder":
            path.mkdir()
        elif request.param == "pipe":
            os.mkfifo(path)
        elif request.param == "empty":
            path.touch()
        else:
            path.symlink_to({"device": "/dev/zero", "nowhere": "nowhere", "loop": path.name}[request.param])
        return path

    def test_readers_do_not_wait(self, folder: RunFolder, odd: Path) -> None:
        answers, warnings = read_by_all(folder)
        assert len(answers) == 5
        if odd.is_file():
            assert warnings == []
        else:
            assert [warning for warning in warnings if warning.startswith(f"{odd}: cannot be read (")] == warnings
            assert len(warnings) == 1
        reset(folder)
        assert read_run(folder, since_mark=True).requests == []

    def test_at_the_path_of_the_marks(self, folder: RunFolder, odd: Path, caplog: pytest.LogCaptureFixture) -> None:
        odd.rename(folder.path / "marks.jsonl")
        assert len(read_by_all(folder)[0]) == 5
        assert len(read_run(folder, since_mark=True).requests) == 5


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
