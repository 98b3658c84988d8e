"""Compares the records of a run with the responses that its clients received."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.model.records import RequestRecord
from flask_livecoverage.store import open_store, store_url

from .kinds import KINDS, lines_of, status_of
from .load import Load

FAULTS = (
    "wrong answers", "missing", "never requested", "wrong lines", "wrong status or path", "wrong test", "in no dump",
    "in two dumps", "warnings",
)  # fmt: skip

Lines = dict[str, dict[str, list[int]]]


def find_faults(load: Load, folder: Path) -> dict[str, int]:
    """The number of each fault; some are described in ``load.faults``."""
    found = Counter({"wrong answers": len(load.faults)})
    records, lines, found["warnings"] = read_records(folder / "data")
    app = str((folder / "app.py").resolve())
    expected = {kind: {app: lines_of(kind)} for kind in KINDS}
    for request in load.answered:
        record = records.pop(request.id, None)
        if record is None:
            found["missing"] += 1
            continue
        if lines.get(record.trace) != expected[request.kind]:
            found["wrong lines"] += 1
            load.faults.append(f"{request} ran {lines.get(record.trace)}, expected {expected[request.kind]}")
        found["wrong status or path"] += (record.status, record.path) != (status_of(request.kind), request.path)
        found["wrong test"] += record.test not in load.tests_of(request)
    found["never requested"] = len(records)
    found["in no dump"] = len({request.id for request in load.answered} - load.dumped.keys())
    found["in two dumps"] = sum(count > 1 for count in load.dumped.values())
    return {name: found[name] for name in FAULTS}


def read_records(data_dir: Path) -> tuple[dict[str, RequestRecord], Lines, int]:
    """The only run's records by id, the lines of each trace, and the number of warnings."""
    (run,) = DataDir(data_dir).select("all")
    with open_store(store_url(data_dir, None)) as store, store.recorded([store.sync(run)]) as queries:
        lines: dict[str, Any] = {id_: trace.line_numbers() for id_, trace in queries.lines.traces().items()}
        return {record.id: record for record in queries.requests.newest()}, lines, len(store.warnings)
