"""``/shutdown``, and the requests that a server waits for before it ends."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import create_environ

from flask_livecoverage.control.shutdown import SERVER_KEY
from flask_livecoverage.middleware.wsgi import LiveCoverageMiddleware
from flask_livecoverage.recording.process import start_recording
from flask_livecoverage.settings import load_settings

from ..support.servers import LISTENING, PYTHON, get, process, read_port
from .client import Start

APPLICATION = """
    from flask import Flask, Response, current_app, request

    from flask_livecoverage import LiveCoverage

    app = Flask(__name__)
    LiveCoverage(app)
    kept = []

    @app.get("/asks")
    def asks():
        # As in most code, the response is not closed; here, it is not even released.
        kept.append(current_app.test_client().get("/asked"))
        return kept[-1].text

    @app.get("/asks/with/its/environment")
    def asks_with_its_environment():
        made = Response.from_app(app, {**request.environ, "PATH_INFO": "/asked"})
        return made.status

    @app.get("/asked")
    def asked():
        return "answered"
"""

# Ends only by the signal that a shutdown sends.
SERVE = """
    from werkzeug.serving import make_server

    from application import app

    server = make_server("127.0.0.1", 0, app, threaded=True)
    print("listening on port:", server.server_port, sep="", flush=True)
    server.serve_forever()
"""


@pytest.mark.parametrize("path", ["/asks", "/asks/with/its/environment"])
def test_view_that_requests_its_own_application_delays_no_shutdown(tmp_path: Path, path: str) -> None:
    for name, text in (("application", APPLICATION), ("serve", SERVE)):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
    with process([PYTHON, "serve.py"], {**os.environ, "LIVECOVERAGE": "1"}, tmp_path) as server:
        port = read_port(server, LISTENING)
        assert get(port, path)[0] == 200
        assert get(port, "/shutdown")[0] == 200
        # A delay would take 30 seconds, the grace period for requests in flight.
        server.wait(25)


def test_requests_of_a_server_are_awaited_until_their_response_is_closed() -> None:
    middleware = recorded_middleware()
    in_flight = middleware.in_flight
    body = middleware({**create_environ("/"), "SERVER_SOFTWARE": "a server"}, lambda *arguments: lambda data: None)
    assert not in_flight.wait_until_empty(0)
    body.close()  # type: ignore[attr-defined]
    assert in_flight.wait_until_empty(0)
    for environ in (create_environ("/fails"), {**create_environ("/fails"), "SERVER_SOFTWARE": "a server"}):
        with pytest.raises(RuntimeError):
            middleware(environ, lambda *arguments: lambda data: None)
        assert in_flight.wait_until_empty(0)


@pytest.mark.parametrize("path", ["/", "/stream"])
def test_deleted_response_is_not_awaited(path: str) -> None:
    middleware = recorded_middleware()
    body = middleware({**create_environ(path), "SERVER_SOFTWARE": "a server"}, lambda *arguments: lambda data: None)
    assert len(middleware.in_flight) == 1
    del body
    assert len(middleware.in_flight) == 0


def test_requests_of_test_clients_are_not_awaited() -> None:
    middleware = recorded_middleware()
    bodies = [middleware(create_environ(path), lambda *arguments: lambda data: None) for path in ("/", "/stream")]
    assert len(middleware.in_flight) == 0
    for body in bodies:
        body.close()  # type: ignore[attr-defined]


def recorded_middleware() -> LiveCoverageMiddleware:
    app = Flask("application")
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.add_url_rule("/", "text", lambda: "text")
    app.add_url_rule("/stream", "stream", lambda: (text for text in "ab"))

    @app.get("/fails")
    def fails() -> str:
        raise RuntimeError

    start_recording(load_settings({}))
    return LiveCoverageMiddleware(app)


class TestShutdown:
    def test_answers(self, client: FlaskClient) -> None:
        for method in ("GET", "POST"):
            ended: list[bool] = []
            server = {SERVER_KEY: lambda ended=ended: ended.append(True)}
            response = client.open("/shutdown", method=method, environ_overrides=server)
            assert (response.status_code, response.text) == (200, "Server shutting down...")
            # It ends after the response is sent.
            response.close()
            assert ended == [True]

    @pytest.mark.parametrize(
        ("environ", "reason"),
        [({}, "the server is unknown"), ({"mod_wsgi.version": (5, 0), "SERVER_SOFTWARE": "Apache"}, "apachectl")],
    )
    def test_server_that_cannot_be_ended(self, start: Start, environ: dict[str, Any], reason: str) -> None:
        # mod_wsgi may hide a proxy; there is none here.
        client = start(LIVECOVERAGE_BEHIND_PROXY="0")
        response = client.get("/shutdown", environ_overrides=environ)
        assert response.status_code == 409
        assert reason in response.get_json()["error"]

    def test_takes_no_parameters(self, client: FlaskClient) -> None:
        response = client.get("/shutdown?force=1")
        assert (response.status_code, response.get_json()["accepted"]) == (400, [])

    def test_empty_url_is_no_route(self, start: Start) -> None:
        response = start(LIVECOVERAGE_SHUTDOWN_URL="").get("/shutdown")
        assert (response.status_code, response.text) == (404, "the application's 404")

    def test_own_url(self, start: Start) -> None:
        client = start(LIVECOVERAGE_SHUTDOWN_URL="/end/now")
        assert client.get("/end/now", environ_overrides={SERVER_KEY: list}).text == "Server shutting down..."
        assert client.get("/shutdown").status_code == 404
