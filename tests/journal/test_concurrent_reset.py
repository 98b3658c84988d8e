"""Resets while requests run, and several at once: every request is in exactly one dump.

Tests ``journal.reader``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from flask_livecoverage.engines import choose_engine
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.model.records import Run
from flask_livecoverage.recording.recorder import Recorder
from flask_livecoverage.sources.selection import Sources

from ..support.lines import lines_of
from .reading import ids, read_and_reset

APPLICATION = """
    imported = True

    def view(deep):
        if deep:
            return "deep"
        return "flat"
"""


@pytest.fixture
def recorder(tmp_path: Path, engine_name: str) -> Iterator[Recorder]:
    sources = Sources([str(tmp_path)])
    engine, reason = choose_engine(sources, engine_name)
    made = Recorder(engine, reason, sources=sources, run=DataDir(tmp_path / "d").run("r"), root=str(tmp_path))
    made.start()
    yield made
    made.stop()


def serve(recorder: Recorder, module: ModuleType, *, deep: bool) -> str:
    captured = recorder.open_request("GET", "/")
    segment = captured.enter()
    module.view(deep)
    captured.leave(segment)
    captured.commit()
    return captured.id


class TestConcurrentReset:
    def test_every_request_is_in_exactly_one_dump_with_its_own_lines(
        self, recorder: Recorder, load_module: Callable[..., ModuleType]
    ) -> None:
        module = load_module(APPLICATION)
        path = str(Path(str(module.__file__)).resolve())
        expected = {
            True: {path: lines_of(module, "if deep", 'return "deep"')},
            False: {path: lines_of(module, "if deep", 'return "flat"')},
        }
        served: dict[str, bool] = {}
        working = threading.Semaphore(0)

        def work(thread: int) -> None:
            for number in range(100):
                deep = (thread + number) % 3 == 0
                served[serve(recorder, module, deep=deep)] = deep
            working.release()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        dumps = []
        while any(thread.is_alive() for thread in threads):
            dumps.append(read_and_reset(recorder.run))
        for thread in threads:
            thread.join()
        dumps.append(read_and_reset(recorder.run))

        seen = [found.id for run in dumps for found in run.requests]
        assert len(seen) == 400
        assert sorted(seen) == sorted(served)
        for run in dumps:
            for found in run.requests:
                assert run.traces[found.trace].line_numbers() == expected[served[found.id]]
        assert read_and_reset(recorder.run).requests == []
        assert len(read_run(recorder.run).requests) == 400

    def test_dumps_at_the_same_time_share_nothing(
        self, recorder: Recorder, load_module: Callable[..., ModuleType]
    ) -> None:
        module = load_module(APPLICATION)
        served = [serve(recorder, module, deep=True) for _ in range(50)]
        dumps: list[Run] = []
        barrier = threading.Barrier(4)

        def dump() -> None:
            barrier.wait()
            dumps.append(read_and_reset(recorder.run))

        threads = [threading.Thread(target=dump) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(ids(run) for run in dumps) == [[], [], [], sorted(served, key=lambda i: int(i.split("-")[1]))]
        assert os.path.exists(recorder.journal.path)
