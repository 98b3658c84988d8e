"""Compares the journals of a killed server with the requests and responses of its clients."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.records import Run
from flask_livecoverage.store import open_store, store_url

from .application import KINDS, lines_of_kind
from .clients import Exchange, Seen

TORN = "the last line is torn, skipped"


@dataclass
class Record:
    """A request in a journal, read without the package's own reader."""

    path: str
    method: str
    test: str | None
    status: int
    lines: set[tuple[str, int]] = field(default_factory=set)


def read_journals(folder: Path) -> dict[str, Record]:
    """Return the requests of a run. Every line except a journal's last must be complete."""
    lines: list[dict[str, Any]] = []
    for path in folder.glob("journal-*.jsonl"):
        # The text after the last newline is a torn line.
        lines += [json.loads(line) for line in path.read_text().split("\n")[:-1]]
    traces = {line["id"]: _numbers(line["files"]) for line in lines if line["type"] == "trace"}
    records = {}
    for line in lines:
        if line["type"] == "request":
            assert line["id"] not in records
            known = (line["path"], line["method"], line["test"], line["status"])
            records[line["id"]] = Record(*known, set(traces[line["trace"]]))
    for line in lines:
        if line["type"] == "amend":
            record = records[line["id"]]
            record.status = line.get("status", record.status)
            record.lines |= traces[line["trace"]]
    return records


def _numbers(files: dict[str, Any]) -> set[tuple[str, int]]:
    found = set()
    for path, entry in files.items():
        bits = int(entry["lines"], 16)
        found |= {(path, number) for number in range(bits.bit_length()) if bits >> number & 1}
    return found


def check(folder: RunFolder, seen: Seen, application: Path) -> int:
    """Assert that a run is right and complete; return how many complete responses were checked."""
    records = read_journals(folder.path)
    run = read_run(folder)
    assert [warning for warning in run.warnings if not warning.endswith(TORN)] == []
    _check_reader(run, records)
    _check_store(folder, run)
    by_path = {exchange.path: exchange for exchange in seen.exchanges}
    assigned = {request.id: request.test for request in run.requests}
    assert len({record.path for record in records.values()}) == len(records)
    for request_id, record in records.items():
        _check_record(by_path[record.path], request_id, record, str(application))
        assert assigned[request_id] in seen.tests_of(by_path[record.path]), (record, assigned[request_id])
    # A response with the header has its record on disk.
    answered = {exchange.id: exchange.path for exchange in seen.exchanges if exchange.id is not None}
    assert {request_id: records[request_id].path for request_id in answered} == answered
    _check_dumps(folder, seen, records)
    return sum(exchange.whole for exchange in seen.exchanges)


def _check_record(exchange: Exchange, request_id: str, record: Record, application: str) -> None:
    kind = KINDS[exchange.kind]
    assert exchange.id in (request_id, None)
    assert (record.method, record.test) == (kind.method, exchange.test)
    must, may = lines_of_kind(exchange.kind)
    assert {path for path, _ in record.lines} <= {application}, record
    ran = {number for _, number in record.lines}
    assert ran <= may, (record, ran - may)
    if exchange.whole:
        assert record.status == kind.status
        assert must <= ran, (record, must - ran)


def _check_reader(run: Run, records: dict[str, Record]) -> None:
    found = {}
    for request in run.requests:
        by_file = run.traces[request.trace].line_numbers()
        lines = {(path, number) for path, numbers in by_file.items() for number in numbers}
        found[request.id] = (request.path, request.method, request.status, lines)
    assert found == {key: (record.path, record.method, record.status, record.lines) for key, record in records.items()}


def _check_store(folder: RunFolder, run: Run) -> None:
    if not folder.path.exists():
        return  # killed before anything was recorded
    with open_store(store_url(folder.path.parent.parent, None)) as store:
        number = store.sync(folder)
        assert store.warnings == []
        with store.recorded([number]) as queries:
            assert {record.id: record for record in queries.requests.newest()} == {one.id: one for one in run.requests}
            wanted = {request.trace for request in run.requests}
            assert queries.lines.traces() == {key: trace for key, trace in run.traces.items() if key in wanted}
            assert queries.requests.count() == len(run.requests)


def _check_dumps(folder: RunFolder, seen: Seen, records: dict[str, Record]) -> None:
    """Assert that each request is in exactly one dump with a reset, or was recorded since the last."""
    since = [request.id for request in read_run(folder, since_mark=True).requests]
    in_dumps = [request_id for dump in (*seen.dumps, since) for request_id in dump]
    assert len(in_dumps) == len(set(in_dumps))
    assert set(in_dumps) <= records.keys()
    if not seen.other_reset:
        assert set(in_dumps) == records.keys()
