"""What an application's import ran is on disk before its first response, whatever happens to the process then."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

from flask_livecoverage import recorder as recorder_module
from flask_livecoverage.lines import from_bitmap
from flask_livecoverage.process import start_recording
from flask_livecoverage.reader import read_run
from flask_livecoverage.settings import Settings


def test_import_lines_are_written_first(
    load_module: Callable[..., ModuleType], engine_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 1000.0)
    recorder = start_recording(Settings(engine=engine_name))
    module = load_module("NAMES = []\nNAMES.append('one')")
    assert read_run(recorder.run).ambient == []
    recorder.open_request("GET", "/")
    run = read_run(recorder.run)
    files = [run.traces[trace].files for trace in run.ambient]
    assert [from_bitmap(found[str(module.__file__)].lines) for found in files] == [[1, 2]]
