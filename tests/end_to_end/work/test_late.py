"""Lines that a request runs after its response are added to its record, also after windows, resets and stops.

Tests ``recording.pending_lines``.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from flask_livecoverage import LiveCoverage
from flask_livecoverage.control.run_access import reading
from flask_livecoverage.engines import Hits
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.model.records import Run
from flask_livecoverage.recording.process import stop_recording
from tests.support.polling import wait_until
from tests.support.servers import LISTENING, PYTHON, get, process, read_port, write_script

from .harness import AMBIENT, WORK, Lines, ask, ask_both, path_of, recorded, recorder, serve_views, truth

Load = Callable[..., ModuleType]

LATE = """
    gates = {"a": threading.Event(), "b": threading.Event()}
    begun = {"a": threading.Event(), "b": threading.Event()}
    workers = []

    def late(side):
        begun[side].set()  # both
        gates[side].wait(30)  # both
        if side == "a":  # late
            return "late a"  # late_a
        return "late b"  # late_b

    def view(side):
        thread = threading.Thread(target=late, args=(side,))  # both
        workers.append(thread)  # both
        thread.start()  # both
        begun[side].wait(30)  # both
        return work(side)  # both
"""


class Late:
    """An application, and two requests to it that are answered and still running."""

    def __init__(self, module: ModuleType, engine_name: str) -> None:
        self.path = path_of(module)
        self._module = module
        app = serve_views(module, engine_name)
        self.livecov: LiveCoverage = app.extensions["livecoverage"].livecov
        with self.livecov.window("the window"):
            ask_both(app)

    def end(self) -> None:
        """Let the late work continue to its end."""
        for gate in self._module.gates.values():
            gate.set()
        for worker in self._module.workers:
            worker.join()

    def truth(self) -> tuple[Lines, Lines]:
        """Return the expected lines of each request before the late work, and after it."""
        before = truth(self.path)
        common = before.pop("/late")
        late = {side: before.pop(f"/late_{side}") for side in ("a", "b")}
        return before, {**before, **{f"/{s}": sorted([*before[f"/{s}"], *common, *late[s]]) for s in ("a", "b")}}


@pytest.fixture
def module(load_module: Load) -> ModuleType:
    return load_module(WORK + textwrap.dedent(LATE))


def run_so_far() -> Run:
    recorder().flush()
    return read_run(recorder().run)


@pytest.fixture
def late(module: ModuleType, engine_name: str) -> Iterator[Late]:
    answered = Late(module, engine_name)
    yield answered
    answered.end()


def test_late_work_changes_lines_alone(late: Late) -> None:
    """Not the status, the duration (that of the response), or the window in which the request began."""
    before, after = late.truth()
    first = run_so_far()
    assert recorded(late.path, first) == before
    with late.livecov.window("another"):
        late.end()
    second = run_so_far()
    assert recorded(late.path, second) == after

    def others(run: Run) -> list[tuple[object, ...]]:
        return [(r.id, r.status, r.duration_ms, r.window, r.test) for r in run.requests]

    assert others(first) == others(second)
    assert {request.window for request in second.requests} == {"the window"}


def test_late_work_after_a_reset_is_in_no_other_request(late: Late) -> None:
    """The requests are in the dump before the reset. Their later lines are in the next dump, without a request."""
    before, after = late.truth()
    with reading(recorder(), reset=True) as run:
        assert recorded(late.path, run) == before
    late.end()
    with reading(recorder(), reset=True) as run:
        since = recorded(late.path, run)
    assert since == {AMBIENT: sorted({*after["/a"], *after["/b"]} - {*before["/a"], *before["/b"]})}
    with reading(recorder()) as run:
        assert recorded(late.path, run) == {AMBIENT: []}


def test_late_work_of_an_unrecorded_request_is_not_recorded(module: ModuleType, engine_name: str) -> None:
    app = serve_views(module, engine_name, LIVECOVERAGE_AUTOSTART=False)
    ask_both(app)
    for gate in module.gates.values():
        gate.set()
    for worker in module.workers:
        worker.join()
    assert recorded(path_of(module)) == {AMBIENT: []}


def test_lines_added_while_the_record_is_written(module: ModuleType, engine_name: str) -> None:
    """A thread of the request ends at the worst moment, when it sees no record, and the record lacks its lines."""
    serve_views(module, engine_name)
    path = str(path_of(module))
    request = recorder().open_request("GET", "/a")
    journal = recorder().journal
    append = journal.append

    def append_while_a_thread_ends(line: str) -> bool:
        if line.startswith('{"type":"request"'):
            request.add(Hits({path: frozenset([2])}))
            request.commit_late()
        return append(line)

    journal.append = append_while_a_thread_ends  # type: ignore[method-assign]
    request.add(Hits({path: frozenset([1])}))
    request.commit()
    assert recorded(path_of(module))["/a"] == [1, 2]


AFTERWARDS = """
    import sys
    import threading

    pool = None

    def view(side):
        pool.submit(wait)  # a
        kept.append(pool.submit(late))  # a
        return side  # a

    def wait():
        begun.set()  # a
        gate.wait(30)  # a

    def late():
        return sys.gettrace()

    begun, gate = threading.Event(), threading.Event()
    kept = []
"""


def test_late_work_after_the_measuring(load_module: Load, engine_name: str) -> None:
    """It runs to its end unmeasured, because the pool's thread is older than the tracer, and has no trace function."""
    module = load_module(textwrap.dedent(AFTERWARDS))
    with ThreadPoolExecutor(1) as module.pool:
        module.pool.submit(int).result()
        app = serve_views(module, engine_name)
        ask(app, "/a")
        folder = recorder().run
        assert module.begun.wait(30)
        stop_recording()
        module.gate.set()
        assert module.kept[0].result() is None
    assert recorded(path_of(module), read_run(folder)) == truth(path_of(module))


KILLED = """
    import threading

    from flask import Flask

    from flask_livecoverage import LiveCoverage

    app = Flask(__name__)
    LiveCoverage(app)
    begun, gate = threading.Event(), threading.Event()

    @app.get("/a")
    def view():
        threading.Thread(target=late, daemon=True).start()  # a
        return "begun"  # a

    def late():
        gate.wait()  # a
        ran = True  # a
        threading.Event().wait()  # a

    @app.get("/b")
    def go_on():
        gate.set()  # b
        return "gone on"  # b
"""


def test_late_work_is_on_disk_while_it_goes_on(tmp_path: Path, engine_name: str) -> None:
    """The thread never ends. Its lines are written once a second, and survive a kill afterwards."""
    source = tmp_path / "application.py"
    source.write_text(textwrap.dedent(KILLED))
    script = write_script(tmp_path / "serve.py")
    environ = {**os.environ, "LIVECOVERAGE": "1", "LIVECOVERAGE_ENGINE": engine_name}
    expected = truth(source)
    with process([PYTHON, str(script)], environ, tmp_path) as server:
        port = read_port(server, LISTENING)
        for path in ("/a", "/b"):
            assert get(port, path)[0] == 200
        (folder,) = DataDir(tmp_path / ".livecov").select("all")
        wait_until(
            lambda: recorded(source, read_run(folder)).get("/a") == expected["/a"], "the late lines are recorded"
        )
        server.kill()
    found = recorded(source, read_run(folder))
    assert (found["/a"], found["/b"]) == (expected["/a"], expected["/b"])
