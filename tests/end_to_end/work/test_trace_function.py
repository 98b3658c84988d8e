"""Applications that set Python's trace function, which ``ctrace`` uses to measure: debuggers, and other tracers."""

from __future__ import annotations

import io
import logging
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flask import Flask

from flask_livecoverage.journal.reader import read_run

from .harness import ask, path_of, recorder, serve_views, truth

Load = Callable[..., ModuleType]

# `/a` disturbs the trace function, and `/b` does not.
VIEWS = """
    import sys

    def helper(side):
        made = side.upper()  # both
        return made  # both

    def view(side):
        if side == "a":  # both
            disturb()  # a
        return helper(side)  # both
"""


def trace(frame: Any, event: str, argument: Any) -> Any:
    return trace


def clear() -> None:
    import sys

    sys.settrace(None)


def replace() -> None:
    import sys

    sys.settrace(trace)


def replace_and_restore() -> None:
    """As by a ``with`` block of pysnooper, or by a decorator."""
    import sys

    before = sys.gettrace()
    sys.settrace(trace)
    helped()
    sys.settrace(before)


def restore_in_another_frame() -> None:
    """The frames that are entered and those that are left do not match."""
    import sys

    def enter() -> Any:
        before = sys.gettrace()
        sys.settrace(trace)
        return before

    before = enter()
    helped()
    sys.settrace(before)


def debug_and_continue() -> None:
    """``pdb.set_trace()``, and a user who continues at once."""
    import pdb

    pdb.Pdb(stdin=io.StringIO("next\ncontinue\n"), stdout=io.StringIO()).set_trace()
    helped()


def measure() -> None:
    """A ``Coverage`` object of the application."""
    import coverage

    own = coverage.Coverage(data_file=None, config_file=False)
    with own.collect():
        helped()
    own.get_data().close(force=True)


def helped() -> str:
    return str(1)


DISTURBANCES = [
    clear, replace, replace_and_restore, restore_in_another_frame, debug_and_continue, measure,
]  # fmt: skip


@pytest.fixture
def module(load_module: Load, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("COVERAGE_CORE", "ctrace")
    return load_module(textwrap.dedent(VIEWS))


def records(path: Path) -> dict[str, list[list[int]]]:
    recorder().flush()
    run = read_run(recorder().run)
    found: dict[str, list[list[int]]] = {}
    for request in run.requests:
        found.setdefault(request.path, []).append(run.traces[request.trace].line_numbers().get(str(path), []))
    return found


def assert_reported(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """Assert that the log, the status and every report name a request that was not recorded."""
    status = app.test_client().get("/__coverage__/status").json
    assert status is not None
    assert "sys.settrace" in status["fault"]
    assert "sys.settrace" in next(r.getMessage() for r in caplog.records if r.levelno == logging.ERROR)
    assert read_run(recorder().run).lost == status["lost"] == 1


@pytest.mark.parametrize("disturb", DISTURBANCES)
@pytest.mark.parametrize("branch", [False, True], ids=["lines", "branches"])
def test_disturbed_request(
    module: ModuleType, engine_name: str, disturb: Any, branch: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Exact under ``monitoring``. Under ``ctrace`` it is not recorded, which is reported, and the next one is exact."""
    if branch:
        if engine_name == "monitoring":
            pytest.skip("the monitoring engine measures lines")
        Path(".coveragerc").write_text("[run]\nbranch = true\n")
    module.disturb = disturb
    app = serve_views(module, engine_name)
    expected = truth(path_of(module))
    ask(app, "/b")
    for _ in range(2):
        ask(app, "/a")
        replaced = disturb is replace
        if replaced:
            clear()
        ask(app, "/b")
        if engine_name == "ctrace":
            assert records(path_of(module)) == {"/b": [expected["/b"]] * 2}
            assert_reported(app, caplog)
            return
    assert records(path_of(module)) == {"/a": [expected["/a"]] * 2, "/b": [expected["/b"]] * 3}
    assert recorder().session.fault is None


THREADS = """
    import sys
    import threading

    def work():
        disturb()

    def view(side):
        if side == "a":
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        return side  # b
"""


def test_disturbed_thread_of_a_request(load_module: Load, caplog: pytest.LogCaptureFixture) -> None:
    module = load_module(textwrap.dedent(THREADS))
    module.disturb = replace_and_restore
    app = serve_views(module, "ctrace")
    ask(app, "/a")
    ask(app, "/b")
    found = records(path_of(module))
    assert "/a" not in found
    assert len(found["/b"]) == 1
    assert_reported(app, caplog)


STREAM = """
    import sys

    def view(side):
        def body():
            yield "first"
            if side == "a":
                disturb()
            yield "second"
        return body()
"""


def test_disturbed_while_a_response_streams(load_module: Load, caplog: pytest.LogCaptureFixture) -> None:
    """Its record is written already, and stays unchanged; the missing lines are reported."""
    module = load_module(textwrap.dedent(STREAM))
    module.disturb = clear
    app = serve_views(module, "ctrace")
    assert ask(app, "/a") == "firstsecond"
    assert ask(app, "/b") == "firstsecond"
    found = records(path_of(module))
    source = path_of(module).read_text().splitlines()
    last = source.index('        yield "second"') + 1
    assert last not in found["/a"][0]
    assert last in found["/b"][0]
    assert_reported(app, caplog)


def test_disturbed_within_another_request(module: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """An application that requests itself: both requests ran while another tracer was active."""
    module.disturb = replace_and_restore
    app = serve_views(module, "ctrace")
    app.get("/outer")(lambda: ask(app, "/a"))
    ask(app, "/outer")
    ask(app, "/b")
    assert records(path_of(module)) == {"/b": [truth(path_of(module))["/b"]]}
    assert read_run(recorder().run).lost == 2


def test_disturbed_outside_of_requests(module: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """Start-up is still measured, and a warning reports that lines may be missing."""
    app = serve_views(module, "ctrace")
    replace_and_restore()
    module.helper("ambient")
    recorder().flush()
    assert "lines outside of requests may be missing" in caplog.text
    run = read_run(recorder().run)
    ambient = {n for trace in run.ambient for n in run.traces[trace].line_numbers().get(str(path_of(module)), ())}
    code = module.helper.__code__
    assert ambient >= {line for _, _, line in code.co_lines() if line and line != code.co_firstlineno}
    ask(app, "/b")
    assert records(path_of(module)) == {"/b": [truth(path_of(module))["/b"]]}
    assert recorder().session.fault is None


def test_trace_function_that_is_passed_to_a_thread(module: ModuleType) -> None:
    """The thread then has its own tracer; nothing is disturbed."""
    import sys
    import threading

    app = serve_views(module, "ctrace")
    main = sys.gettrace()

    def work() -> None:
        sys.settrace(main)
        module.helper("thread")
        for _ in range(3):
            ask(app, "/b")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    ask(app, "/b")
    assert records(path_of(module)) == {"/b": [truth(path_of(module))["/b"]] * 4}
    assert recorder().session.fault is None
