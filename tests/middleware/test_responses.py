"""Responses through the WSGI middleware: streams, ``close()``, ``write()``, WebSockets; on disk before they leave.

Tests ``middleware.wsgi``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest
from flask import Flask, Response
from werkzeug.test import EnvironBuilder, run_wsgi_app

from flask_livecoverage.middleware.wsgi import LiveCoverageMiddleware
from flask_livecoverage.recording.process import start_recording
from flask_livecoverage.settings import load_settings

from ..support.lines import lines_of
from ..support.views import lines, only_request, recorder, run_so_far


def test_record_is_on_disk_before_the_body_leaves(app: Flask, views: ModuleType) -> None:
    """Chunk by chunk: the lines that ran for a chunk are on disk before it is sent."""
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
    """Also if its last steps run no new line."""
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
    """A stream that has not ended at a flush is recorded as under way, until it ends."""

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

    def test_client_that_disconnects(self, streams: Flask) -> None:
        body, _, _ = run_wsgi_app(streams, EnvironBuilder("/endless/3").get_environ())
        next(iter(body))
        recorder().flush()
        assert only_request().under_way
        body.close()  # type: ignore[attr-defined]
        assert not only_request().under_way

    def test_short_streams_write_no_such_line(self, streams: Flask) -> None:
        body, _, _ = run_wsgi_app(streams, EnvironBuilder("/endless/1").get_environ())
        list(body)
        body.close()  # type: ignore[attr-defined]
        recorder().flush()
        (journal,) = recorder().run.journals()
        assert '"amend"' not in journal.read_text()
        assert not only_request().under_way

    def test_json_has_the_key_while_it_is_true(self, streams: Flask) -> None:
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


def test_lines_of_close_belong_to_the_request(app: Flask, views: ModuleType) -> None:
    response = app.test_client().get("/closes")
    before = lines_of(views, "# closing", "# registers close", "# returns closing")
    assert lines(only_request(), views) == before
    response.close()
    assert lines(only_request(), views) == sorted([*before, *lines_of(views, "# on close")])


def test_lines_of_an_unclosed_response_are_in_no_other_request(app: Flask, views: ModuleType) -> None:
    client = app.test_client()
    unread = client.get("/stream", buffered=False)
    client.get("/plain/9")
    views.in_pool(9)
    assert lines(run_so_far().requests[1], views) == lines_of(views, "if n > 5:  # plain", "# many")
    assert unread.data == b"12"
    assert lines(run_so_far().requests[0], views) == lines_of(
        views, "# defines body", "# returns body", "# chunk 1", "# chunk 2", "# after the last chunk"
    )


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
    """Their handlers write to the client by themselves, and end in a different way for each server."""

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
