"""The contents of a run: read, and read with a reset."""

from __future__ import annotations

from flask_livecoverage.journal.reader import reading_and_reset
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.records import Run


def read_and_reset(folder: RunFolder) -> Run:
    with reading_and_reset(folder) as run:
        return run


def ids(run: Run) -> list[str]:
    return [request.id for request in run.requests]
