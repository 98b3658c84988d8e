"""Random requests to every control route: no internal errors, a JSON error for each refusal, and exact records."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from werkzeug.test import run_wsgi_app

from ...support.lines import lines_of
from ...support.strategies import control_environs
from .servers import PREFIX


@pytest.mark.promise
def test_anything_at_any_control_route(app: Flask, thorough: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    statuses: dict[int, int] = {}

    @settings(
        max_examples=10_000 if thorough else 800, deadline=None, database=None, derandomize=not thorough,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(control_environs())
    def ask(environ: dict[str, Any]) -> None:
        body, status, response_headers = run_wsgi_app(app, environ, buffered=True)
        code = int(status[:3])
        statuses[code] = statuses.get(code, 0) + 1
        content = b"".join(body)
        if "Livecov-Request" in response_headers:
            return  # not a control route, and the application's own to answer
        assert response_headers["Cache-Control"] == "no-store"
        assert all("\n" not in value and "\r" not in value for value in response_headers.values())
        assert code in (200, 303, 400, 403, 404, 405, 409, 413, 414, 415)
        if response_headers.get("Content-Type", "").startswith("text/html"):
            # An HTML page of the dashboard.
            assert "Content-Security-Policy" in response_headers
            assert environ["REQUEST_METHOD"] == "HEAD" or b"<h1" in content
        elif code not in (200, 303) and environ["REQUEST_METHOD"] != "HEAD":
            document = json.loads(content)
            assert document["error"]
            assert "\n" not in document["error"]
            assert len(document["error"]) < 1000
            if code in (413, 415):
                assert "accepted" in document

    assert_exact(app)
    ask()
    assert_exact(app)
    assert {200, 400, 403, 404, 405, 409, 413, 415} <= statuses.keys(), statuses
    assert [
        record.getMessage() for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR
    ] == []


def assert_exact(app: Flask) -> None:
    client = app.test_client()
    request_id = client.get("/tea").headers["Livecov-Request"]
    answer = client.get(f"{PREFIX}/requests/{request_id}").get_json()
    (lines,) = answer["files"].values()
    assert lines == lines_of(sys.modules["application"], 'return "tea"')
