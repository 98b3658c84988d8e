"""Two whole journals to damage, and the answers that the reader, the tail and the store give about them."""

from __future__ import annotations

import re
from pathlib import Path

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.journal.tail import Tail
from flask_livecoverage.model.records import Run
from flask_livecoverage.store import open_store
from flask_livecoverage.store.dialect import storable

from ..end_to_end.crash.truth import Record
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
    return storable(path), status, frozenset((storable(file), line) for file, line in lines)


def ask_store(folder: RunFolder, url: str) -> Answers:
    with open_store(url) as store:
        number = store.sync(folder)
        with store.recorded([number]) as queries:
            run = Run("", [], queries.requests.newest(), queries.lines.traces())
            assert queries.requests.count() == len(run.requests)
            list(queries.groups.executed("route"))
            queries.lines.ran(FILE, [2])
            return answers_of_run(run)


def journal(folder: RunFolder, token: str = FIRST) -> Path:
    return folder.path / f"journal-{token}.jsonl"
