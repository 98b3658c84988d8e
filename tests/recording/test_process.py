"""Recording in a process: once for all its applications, off until a window opens, and in forked children."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from flask import Flask

from flask_livecoverage import ConfigurationError, LiveCoverage
from flask_livecoverage.recording.process import start_recording
from flask_livecoverage.settings import load_settings

from ..support.lines import lines_of
from ..support.views import lines, make_app, only_request, recorder, run_so_far


def test_two_applications_in_one_process(views: ModuleType, engine_name: str, tmp_path: Any) -> None:
    first, second = make_app(views, engine_name), make_app(views, engine_name)
    first.test_client().get("/plain/1")
    second.test_client().get("/plain/9")
    few, many = run_so_far().requests
    assert (few.path, many.path) == ("/plain/1", "/plain/9")
    assert lines(many, views) == lines_of(views, "if n > 5:  # plain", "# many")
    with pytest.raises(ConfigurationError, match="already: give all its applications the same"):
        make_app(views, engine_name, LIVECOVERAGE_DATA_DIR=str(tmp_path / "elsewhere"))


def ask_around_a_window(app: Flask) -> None:
    livecov: LiveCoverage = app.extensions["livecoverage"].livecov
    client = app.test_client()
    client.get("/plain/1")
    with livecov.window("many"):
        client.get("/plain/9")
    client.get("/plain/1")


def test_recording_off_until_a_window_opens(views: ModuleType, engine_name: str) -> None:
    app = make_app(views, engine_name, LIVECOVERAGE_AUTOSTART=False)
    ask_around_a_window(app)
    record = only_request()
    assert (record.path, record.test, record.window) == ("/plain/9", "many", "many")
    # Lines of an unrecorded request belong to no request, and not to start-up.
    recorder().flush()
    run = run_so_far()
    ambient = [line for t in run.ambient for line in run.traces[t].line_numbers().get(str(views.__file__), [])]
    assert not set(ambient) & set(lines_of(views, "# few"))


def test_recording_that_started_before_the_application_was_known(views: ModuleType, engine_name: str) -> None:
    """As under ``livecov run``: the application's configuration is applied although recording has started already."""
    start_recording(load_settings({"LIVECOVERAGE_ENGINE": engine_name}))
    assert recorder().session.recording
    app = make_app(views, engine_name, LIVECOVERAGE_AUTOSTART=False)
    ask_around_a_window(app)
    assert only_request().path == "/plain/9"


@pytest.fixture
def forked(app: Flask) -> Callable[[Callable[[], object]], None]:
    def fork(in_child: Callable[[], object]) -> None:
        child = os.fork()
        if not child:
            try:
                in_child()
                recorder().flush()
                os._exit(0)
            except BaseException:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0

    return fork


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
class TestFork:
    def test_child_writes_a_journal_of_its_own(
        self, app: Flask, views: ModuleType, forked: Callable[[Callable[[], object]], None]
    ) -> None:
        client = app.test_client()
        client.get("/plain/1")
        forked(lambda: (client.get("/plain/9"), client.get("/plain/1")))
        client.get("/plain/2")
        run = run_so_far()
        assert len(run.processes) == 2
        assert len(recorder().run.journals()) == 2
        paths = sorted((record.pid == os.getpid(), record.path) for record in run.requests)
        assert paths == [(False, "/plain/1"), (False, "/plain/9"), (True, "/plain/1"), (True, "/plain/2")]
        assert len({record.id for record in run.requests}) == 4
        assert run.warnings == []
        for record in run.requests:
            text = "# many" if record.path == "/plain/9" else "# few"
            assert lines(record, views) == lines_of(views, "if n > 5:  # plain", text)

    def test_lines_of_a_requests_child_belong_to_the_request(
        self, app: Flask, views: ModuleType, forked: Callable[[Callable[[], object]], None]
    ) -> None:
        @app.get("/forks")
        def forks() -> str:
            forked(lambda: views.in_pool(9))
            return "forked"

        app.test_client().get("/forks")
        assert lines(only_request(), views) == [lines_of(views, "# big")[0] - 1, *lines_of(views, "# big")]

    def test_flushing_does_not_belong_to_the_request_that_forks(
        self, app: Flask, load_module: Callable[..., ModuleType], forked: Callable[[Callable[[], object]], None]
    ) -> None:
        """Each fork restarts the flushing thread. A logging handler of the application observes its work."""
        module = load_module("""
            import logging
            import threading

            handled = threading.Event()

            class Handler(logging.Handler):
                def emit(self, record):
                    handled.set()  # handles
        """)

        @app.get("/forks")
        def forks() -> str:
            forked(lambda: None)
            return "forked"

        app.test_client().get("/forks")
        logger, handler = logging.getLogger("flask_livecoverage"), module.Handler()
        logger.addHandler(handler)
        try:
            recorder().journal.path.unlink()
            assert module.handled.wait(30)
        finally:
            logger.removeHandler(handler)
        recorder().flush()
        run = run_so_far()
        ambient = {line for t in run.ambient for line in run.traces[t].line_numbers().get(str(module.__file__), ())}
        assert set(lines_of(module, "# handles")) <= ambient
        assert lines(only_request(), module) == []

    def test_window_that_another_process_opens(self, views: ModuleType, engine_name: str) -> None:
        """One worker answers /start, another one the requests."""
        client = make_app(views, engine_name, LIVECOVERAGE_AUTOSTART=False).test_client()
        client.get("/plain/1")
        child = os.fork()
        if not child:
            recorder().open_window("opened by a child")
            os._exit(0)
        os.waitpid(child, 0)
        client.get("/plain/9")
        assert client.get("/__coverage__/stop").json == {
            "name": "opened by a child", "requests": 1, "files": 1, "lines": 2, "new_lines": 2, "duplicate_of": None
        }  # fmt: skip
        client.get("/plain/1")
        assert [(record.path, record.window) for record in run_so_far().requests] == [("/plain/9", "opened by a child")]

    def test_flushing_goes_on_in_parent_and_child(
        self, app: Flask, forked: Callable[[Callable[[], object]], None]
    ) -> None:
        def flusher_lives() -> None:
            assert "flask-livecoverage" in [thread.name for thread in threading.enumerate()]

        forked(flusher_lives)
        flusher_lives()
