"""The flushing thread: lines of imports are on disk before the first response, and one thread flushes at most."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType, SimpleNamespace

import pytest

from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.model.bitmap import from_bitmap
from flask_livecoverage.recording import flusher as flusher_module
from flask_livecoverage.recording.process import start_recording
from flask_livecoverage.settings import Settings


def test_import_lines_are_written_first(load_module: Callable[..., ModuleType], engine_name: str) -> None:
    recorder = start_recording(Settings(engine=engine_name))
    recorder.flusher.pause()
    module = load_module("NAMES = []\nNAMES.append('one')")
    assert read_run(recorder.run).ambient == []
    recorder.open_request("GET", "/")
    run = read_run(recorder.run)
    files = [run.traces[trace].files for trace in run.ambient]
    assert [from_bitmap(found[str(module.__file__)].lines) for found in files] == [[1, 2]]


def flushers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "flask-livecoverage"]


def test_concurrent_starts_start_one_thread(engine_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the first requests arrive together. Both threads meet in the middle of the start, if they can."""
    recorder = start_recording(Settings(engine=engine_name))
    recorder.flusher.pause()
    in_the_middle = threading.Barrier(2)

    class MeetingEvent(threading.Event):
        def __init__(self) -> None:
            super().__init__()
            with suppress(threading.BrokenBarrierError):
                in_the_middle.wait(0.5)

    threads = [threading.Thread(target=recorder.flusher.resume) for _ in range(2)]
    with monkeypatch.context() as meeting:
        meeting.setattr(flusher_module, "threading", SimpleNamespace(**{**vars(threading), "Event": MeetingEvent}))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(flushers()) == 1


def test_first_request_does_not_start_it_while_another_thread_forks(engine_name: str) -> None:
    recorder = start_recording(Settings(engine=engine_name))
    recorder.flusher.pause()
    recorder.open_request("GET", "/")
    assert flushers() == []
    recorder.flusher.resume()
    assert len(flushers()) == 1
