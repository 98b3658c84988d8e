"""From a request to its record: streams, exceptions, close(), threads, nested clients, two applications, forks."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest
from flask import Flask, Response
from werkzeug.test import EnvironBuilder, run_wsgi_app

from flask_livecoverage import ConfigurationError, LiveCoverage
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.middleware.wsgi import LiveCoverageMiddleware
from flask_livecoverage.model.records import RequestRecord, Run
from flask_livecoverage.recording.process import current_recorder, start_recording
from flask_livecoverage.recording.recorder import Recorder
from flask_livecoverage.settings import load_settings

from ..support.lines import lines_of

VIEWS = """
    import asyncio
    import contextvars
    import threading
    from concurrent.futures import ThreadPoolExecutor

    from flask import Blueprint, Response, current_app, request, stream_with_context

    views = Blueprint("views", __name__)
    executor = None
    started, go_on, finished = threading.Event(), threading.Event(), threading.Event()

    @views.get("/plain/<int:n>")
    def plain(n):
        if n > 5:  # plain
            return "many"  # many
        return "few"  # few

    @views.get("/stream")
    def stream():
        def body():  # defines body
            yield "1"  # chunk 1
            yield "2"  # chunk 2
            last = True  # after the last chunk
        return Response(body())  # returns body

    @views.get("/stream-fails")
    def stream_fails():
        def failing_body():  # defines failing body
            yield "1"  # good chunk
            raise RuntimeError("no more")  # bad chunk
        return Response(failing_body())  # returns failing body

    @views.get("/fails")
    def fails():
        raise RuntimeError("broken")  # fails

    @views.get("/closes")
    def closes():
        response = Response("text")  # closing
        response.call_on_close(on_close)  # registers close
        return response  # returns closing

    def on_close():
        return True  # on close

    @views.get("/thread")
    def thread():
        worker = threading.Thread(target=in_thread, args=(1,))  # makes thread
        worker.start()  # starts thread
        worker.join()  # joins thread
        return "joined"  # joined

    def in_thread(depth):
        if depth:
            inner = threading.Thread(target=in_thread, args=(0,))  # inner thread
            inner.start()  # inner start
            inner.join()  # inner join
        return depth  # in thread

    @views.get("/pool/<int:n>")
    def pool(n):
        return str(executor.submit(in_pool, n).result())  # pool view

    def in_pool(n):
        if n > 5:
            return "big"  # big
        return "small"  # small

    @views.get("/outlives")
    def outlives():
        threading.Thread(target=long_work).start()  # starts long work
        started.wait()  # waits for start
        return "started"  # outlived

    def long_work():
        started.set()  # long work starts
        go_on.wait()  # long work goes on
        done = True  # long work ends
        finished.set()  # long work finished

    @views.get("/async")
    async def coroutine():
        await asyncio.sleep(0)  # coroutine sleeps
        results = await asyncio.gather(step(1), asyncio.to_thread(in_pool, 9))  # gathers
        return str(results)  # coroutine returns

    async def step(n):
        await asyncio.sleep(0)  # step sleeps
        return n  # step returns

    @views.get("/nested")
    def nested():
        with current_app.test_client() as client:  # opens client
            text = client.get("/plain/9").text  # inner request
        return text  # nested
"""


@pytest.fixture
def views(load_module: Callable[..., ModuleType]) -> ModuleType:
    return load_module(VIEWS)


@pytest.fixture
def app(views: ModuleType, engine_name: str) -> Flask:
    return make_app(views, engine_name)


def make_app(views: ModuleType, engine_name: str, **config: Any) -> Flask:
    app = Flask("application")
    app.config.update(TESTING=True, LIVECOVERAGE_ENGINE=engine_name, **config)
    app.register_blueprint(views.views)
    LiveCoverage(app)
    return app


def recorder() -> Recorder:
    found = current_recorder()
    assert found is not None
    return found


def run_so_far() -> Run:
    return read_run(recorder().run)


def lines(record: RequestRecord, module: ModuleType) -> list[int]:
    return run_so_far().traces[record.trace].line_numbers().get(str(module.__file__), [])


def only_request() -> RequestRecord:
    [record] = run_so_far().requests
    return record


def test_record_of_a_plain_request(app: Flask, views: ModuleType) -> None:
    response = app.test_client().get("/plain/3", headers={"Livecov-Test": "a test"})
    record = only_request()
    assert response.headers["Livecov-Request"] == record.id
    assert (record.method, record.path, record.status, record.test) == ("GET", "/plain/3", 200, "a test")
    assert (record.route, record.endpoint) == ("/plain/<int:n>", "views.plain")
    assert record.pid == os.getpid()
    assert lines(record, views) == lines_of(views, "if n > 5:  # plain", "# few")


def test_not_found_is_a_request_too(app: Flask, views: ModuleType) -> None:
    app.test_client().get("/nowhere")
    record = only_request()
    assert (record.status, record.route, record.endpoint) == (404, None, None)
    assert lines(record, views) == []


def test_exception_is_recorded_with_status_500(app: Flask, views: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        app.test_client().get("/fails")
    record = only_request()
    assert (record.status, record.route, record.endpoint) == (500, "/fails", "views.fails")
    assert lines(record, views) == lines_of(views, "# fails")


def test_record_is_on_disk_before_the_body_leaves(app: Flask, views: ModuleType) -> None:
    """Chunk by chunk: what ran for a chunk is on disk when the client can have it."""
    environ = EnvironBuilder("/stream").get_environ()
    body = app.wsgi_app(environ, lambda status, headers, exc_info=None: lambda data: None)
    iterator = iter(body)
    begun = lines_of(views, "# defines body", "# returns body")
    assert run_so_far().requests == []
    for chunk, texts in ((b"1", ["# chunk 1"]), (b"2", ["# chunk 1", "# chunk 2"])):
        assert next(iterator) == chunk
        assert lines(only_request(), views) == sorted([*begun, *lines_of(views, *texts)])
    with pytest.raises(StopIteration):
        next(iterator)
    whole = sorted([*begun, *lines_of(views, "# chunk 1", "# chunk 2", "# after the last chunk")])
    assert lines(only_request(), views) == whole
    body.close()  # type: ignore[attr-defined]
    assert lines(only_request(), views) == whole


def test_stream_lasts_until_its_end(app: Flask, load_module: Callable[..., ModuleType]) -> None:
    """Also if its last steps run no line that none ran before."""
    module = load_module("""
        def body():
            yield from "12345"
    """)
    app.get("/same-line")(lambda: Response(module.body()))
    environ = EnvironBuilder("/same-line").get_environ()
    body = app.wsgi_app(environ, lambda status, headers, exc_info=None: lambda data: None)
    iterator = iter(body)
    assert next(iterator) == b"1"
    began = time.perf_counter()
    first = only_request().duration_ms
    for text in (b"2", b"3", b"4", b"5"):
        assert next(iterator) == text
    lasted = 1000 * (time.perf_counter() - began)
    assert list(iterator) == []
    # Rounded to microseconds.
    assert only_request().duration_ms - first >= lasted - 0.002
    body.close()  # type: ignore[attr-defined]


class TestStreamsUnderWay:
    """A stream that goes on when the lines of others are written is told to be under way, until it ends."""

    @pytest.fixture
    def streams(self, app: Flask) -> Flask:
        @app.get("/endless/<int:chunks>")
        def endless(chunks: int) -> Response:
            return Response(str(number) for number in range(chunks))

        return app

    @pytest.mark.parametrize("chunks", [1, 2, 3])
    def test_until_its_end(self, streams: Flask, chunks: int) -> None:
        body, _, _ = run_wsgi_app(streams, EnvironBuilder(f"/endless/{chunks}").get_environ())
        found = iter(body)
        next(found)
        assert not only_request().under_way
        recorder().flush()
        assert only_request().under_way
        before = only_request().duration_ms
        list(found)
        assert not only_request().under_way
        assert only_request().duration_ms > before
        body.close()  # type: ignore[attr-defined]
        recorder().flush()
        assert not only_request().under_way

    def test_client_that_hangs_up(self, streams: Flask) -> None:
        body, _, _ = run_wsgi_app(streams, EnvironBuilder("/endless/3").get_environ())
        next(iter(body))
        recorder().flush()
        assert only_request().under_way
        body.close()  # type: ignore[attr-defined]
        assert not only_request().under_way

    def test_quick_ones_cost_no_line(self, streams: Flask) -> None:
        body, _, _ = run_wsgi_app(streams, EnvironBuilder("/endless/1").get_environ())
        list(body)
        body.close()  # type: ignore[attr-defined]
        recorder().flush()
        (journal,) = recorder().run.journals()
        assert '"amend"' not in journal.read_text()
        assert not only_request().under_way

    def test_json_names_it_while_it_is(self, streams: Flask) -> None:
        body, _, _ = run_wsgi_app(streams, EnvironBuilder("/endless/3").get_environ())
        client = streams.test_client()
        next(iter(body))
        assert [one.get("under_way") for one in client.get("/__coverage__/requests").get_json()["requests"]] == [True]
        assert [one.get("under_way") for one in client.get("/__coverage__/dump").get_json()["requests"]] == [True]
        body.close()  # type: ignore[attr-defined]
        (record,) = client.get("/__coverage__/requests").get_json()["requests"]
        assert "under_way" not in record


def test_stream_that_fails(app: Flask, views: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="no more"):
        app.test_client().get("/stream-fails").data  # noqa: B018
    record = only_request()
    assert record.status == 500
    assert lines(record, views) == lines_of(
        views, "# defines failing body", "# returns failing body", "# good chunk", "# bad chunk"
    )


def test_what_runs_in_close_is_the_requests(app: Flask, views: ModuleType) -> None:
    response = app.test_client().get("/closes")
    before = lines_of(views, "# closing", "# registers close", "# returns closing")
    assert lines(only_request(), views) == before
    response.close()
    assert lines(only_request(), views) == sorted([*before, *lines_of(views, "# on close")])


def test_nothing_of_an_unclosed_response_leaks_into_others(app: Flask, views: ModuleType) -> None:
    client = app.test_client()
    unread = client.get("/stream", buffered=False)
    client.get("/plain/9")
    views.in_pool(9)
    assert lines(run_so_far().requests[1], views) == lines_of(views, "if n > 5:  # plain", "# many")
    assert unread.data == b"12"
    assert lines(run_so_far().requests[0], views) == lines_of(
        views, "# defines body", "# returns body", "# chunk 1", "# chunk 2", "# after the last chunk"
    )


def test_threads_belong_to_their_request(app: Flask, views: ModuleType) -> None:
    app.test_client().get("/thread")
    texts = ("# makes thread", "# starts thread", "# joins thread", "# joined")
    inner = ("# inner thread", "# inner start", "# inner join", "# in thread")
    found = lines(only_request(), views)
    assert found == sorted([*lines_of(views, *texts, *inner), lines_of(views, "# inner thread")[0] - 1])


def test_pool_threads_belong_to_whoever_submits(app: Flask, views: ModuleType) -> None:
    client = app.test_client()
    with ThreadPoolExecutor(1) as views.executor:
        for n in (1, 9, 1):
            client.get(f"/pool/{n}")
    for record, text in zip(run_so_far().requests, ("# small", "# big", "# small"), strict=True):
        [condition] = [lines_of(views, "# big")[0] - 1]
        assert lines(record, views) == sorted([*lines_of(views, "# pool view", text), condition])


def test_thread_that_outlives_its_request(app: Flask, views: ModuleType) -> None:
    app.test_client().get("/outlives")
    begun = ["# starts long work", "# waits for start", "# outlived", "# long work starts", "# long work goes on"]
    recorder().flush()
    assert set(lines(only_request(), views)) >= set(lines_of(views, *begun[:4]))
    threads = [t for t in threading.enumerate() if t is not threading.current_thread()]
    views.go_on.set()
    views.finished.wait()
    for thread in threads:
        if thread.name != "flask-livecoverage":
            thread.join()
    assert lines(only_request(), views) == lines_of(views, *begun, "# long work ends", "# long work finished")


def test_thread_that_ends_while_the_record_is_being_written(
    app: Flask, views: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(threading.enumerate())
    journal = recorder().journal
    append = journal.append

    def append_while_it_ends(line: str) -> bool:
        if '"type":"request"' in line:
            views.go_on.set()
            for thread in set(threading.enumerate()) - before:
                thread.join()
        return append(line)

    monkeypatch.setattr(journal, "append", append_while_it_ends)
    app.test_client().get("/outlives")
    assert set(lines(only_request(), views)) > set(lines_of(views, "# long work ends", "# long work finished"))


def test_async_view_with_tasks_and_threads(app: Flask, views: ModuleType) -> None:
    app.test_client().get("/async")
    texts = ("# coroutine sleeps", "# gathers", "# coroutine returns", "# step sleeps", "# step returns", "# big")
    assert lines(only_request(), views) == sorted([*lines_of(views, *texts), lines_of(views, "# big")[0] - 1])


def test_nested_test_client(app: Flask, views: ModuleType) -> None:
    """A request made by a view is a request of its own, and part of what the view's request executed."""
    app.test_client().get("/plain/1")
    assert app.test_client().get("/nested").text == "many"
    _, outer, inner = run_so_far().requests
    own = lines_of(views, "if n > 5:  # plain", "# many")
    assert (outer.path, inner.path) == ("/nested", "/plain/9")
    assert lines(inner, views) == own
    assert lines(outer, views) == sorted([*own, *lines_of(views, "# opens client", "# inner request", "# nested")])


def test_concurrent_clients_have_their_own_lines(app: Flask, views: ModuleType) -> None:
    barrier = threading.Barrier(6)

    def work(n: int) -> None:
        client = app.test_client()
        barrier.wait()
        for _ in range(30):
            client.get(f"/plain/{n}")

    threads = [threading.Thread(target=work, args=(n,)) for n in (1, 9, 2, 8, 3, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run = run_so_far()
    expected = {big: lines_of(views, "if n > 5:  # plain", "# many" if big else "# few") for big in (True, False)}
    assert len(run.requests) == 180
    assert len({record.id for record in run.requests}) == 180
    for record in run.requests:
        found = run.traces[record.trace].line_numbers()[str(views.__file__)]
        assert found == expected[int(record.path.rpartition("/")[2]) > 5]


def test_two_applications_in_one_process(views: ModuleType, engine_name: str, tmp_path: Any) -> None:
    first, second = make_app(views, engine_name), make_app(views, engine_name)
    first.test_client().get("/plain/1")
    second.test_client().get("/plain/9")
    few, many = run_so_far().requests
    assert (few.path, many.path) == ("/plain/1", "/plain/9")
    assert lines(many, views) == lines_of(views, "if n > 5:  # plain", "# many")
    with pytest.raises(ConfigurationError, match="already: give all its applications the same"):
        make_app(views, engine_name, LIVECOVERAGE_DATA_DIR=str(tmp_path / "elsewhere"))


def test_attached_twice(app: Flask) -> None:
    with pytest.raises(ConfigurationError, match="already: call init_app once"):
        LiveCoverage(app)


def test_any_wsgi_application(load_module: Callable[..., ModuleType], engine_name: str) -> None:
    module = load_module("""
        def application(environ, start_response):
            write = start_response("201 Created", [("Content-Type", "text/plain")])  # starts
            write(b"written ")  # writes
            yield b"yielded"  # yields
    """)
    start_recording(load_settings({"LIVECOVERAGE_ENGINE": engine_name}))
    app = LiveCoverageMiddleware(module.application)
    body, status, headers = run_wsgi_app(app, EnvironBuilder("/päth").get_environ())
    text = b"".join(body)
    body.close()  # type: ignore[attr-defined]
    record = only_request()
    assert (text, status, headers["Livecov-Request"]) == (b"written yielded", "201 Created", record.id)
    assert (record.path, record.status, record.route) == ("/päth", 201, None)
    assert lines(record, module) == lines_of(module, "# starts", "# writes", "# yields")


def test_record_is_on_disk_before_written_data_leaves(load_module: Callable[..., ModuleType], engine_name: str) -> None:
    module = load_module("""
        def application(environ, start_response):
            write = start_response("201 Created", [])  # starts
            write(b"written")  # writes
            return []  # returns
    """)
    start_recording(load_settings({"LIVECOVERAGE_ENGINE": engine_name}))
    statuses = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        return lambda data: statuses.append(only_request().status)

    body = LiveCoverageMiddleware(module.application)(EnvironBuilder("/").get_environ(), start_response)
    assert statuses == [201]
    body.close()  # type: ignore[attr-defined]
    assert lines(only_request(), module) == lines_of(module, "# starts", "# writes", "# returns")


HANDSHAKE = {"HTTP_UPGRADE": "WebSocket", "HTTP_CONNECTION": "Upgrade"}


class TestWebSockets:
    """Their handlers answer clients by themselves, and tell each server in another way that nothing is left to do."""

    @pytest.fixture
    def application(self, load_module: Callable[..., ModuleType], engine_name: str) -> ModuleType:
        start_recording(load_settings({"LIVECOVERAGE_ENGINE": engine_name}))
        return load_module("""
            def handled(environ, start_response):
                return []

            def gunicorn(environ, start_response):
                raise StopIteration

            def werkzeug(environ, start_response):
                raise ConnectionError

            def fails(environ, start_response):
                raise ZeroDivisionError

            def refused(environ, start_response):
                start_response("403 Forbidden", [])
                return []

            def fails_at_last(environ, start_response):
                start_response("200 OK", [])
                raise ConnectionError
        """)

    @pytest.mark.parametrize(
        ("name", "status"),
        [("handled", 101), ("gunicorn", 101), ("werkzeug", 101), ("fails", 500), ("refused", 403),
         ("fails_at_last", 500)],
    )  # fmt: skip
    def test_status(self, application: ModuleType, name: str, status: int) -> None:
        app = LiveCoverageMiddleware(getattr(application, name))
        environ = {**EnvironBuilder("/chat").get_environ(), **HANDSHAKE}
        with suppress(StopIteration, ConnectionError, ZeroDivisionError):
            app(environ, lambda *_: lambda data: data).close()  # type: ignore[attr-defined]
        record = only_request()
        assert (record.path, record.status) == ("/chat", status)
        assert lines(record, application)

    @pytest.mark.parametrize("name", ["handled", "gunicorn", "werkzeug"])
    def test_other_requests_that_are_not_answered(self, application: ModuleType, name: str) -> None:
        app = LiveCoverageMiddleware(getattr(application, name))
        with suppress(StopIteration, ConnectionError):
            app(EnvironBuilder("/chat").get_environ(), lambda *_: lambda data: data).close()  # type: ignore[attr-defined]
        assert only_request().status == 500


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
    # What an unrecorded request ran is nobody's, not start-up's.
    recorder().flush()
    run = run_so_far()
    ambient = [line for t in run.ambient for line in run.traces[t].line_numbers().get(str(views.__file__), [])]
    assert not set(ambient) & set(lines_of(views, "# few"))


def test_recording_that_started_before_the_application_was_known(views: ModuleType, engine_name: str) -> None:
    """As under ``livecov run``: what the application's configuration says of it holds all the same."""
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

    def test_what_a_requests_child_runs_is_the_requests(
        self, app: Flask, views: ModuleType, forked: Callable[[Callable[[], object]], None]
    ) -> None:
        @app.get("/forks")
        def forks() -> str:
            forked(lambda: views.in_pool(9))
            return "forked"

        app.test_client().get("/forks")
        assert lines(only_request(), views) == [lines_of(views, "# big")[0] - 1, *lines_of(views, "# big")]

    def test_flushing_is_no_work_of_the_request_that_forks(
        self, app: Flask, load_module: Callable[..., ModuleType], forked: Callable[[Callable[[], object]], None]
    ) -> None:
        """The thread that flushes is started anew by each fork. An application's handler of logs sees it at work."""
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
        """One worker answers /start, another gets the requests."""
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
